"""HTTP client that limits its rate, retries, and stops when the server is down."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import TimeoutError as PoolTimeoutError
from multiprocessing.pool import ThreadPool
from urllib.parse import urlsplit

import requests
import tenacity
import urllib3
from urllib3.exceptions import HTTPError, InvalidHeader

from galaxy_utils import __version__
from galaxy_utils.errors import UserError

LARGEST_RESPONSE = 1 << 26
"""Bytes."""

RETRIED_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})

Check = Callable[[bytes], None]
"""Raises `RetryableError` or `PermanentError` where a response is not what was asked for."""


class DownloadError(Exception):
    """A file that could not be fetched; the message is the reason."""


class RetryableError(DownloadError):
    """A failure that another attempt may mend."""


class PermanentError(DownloadError):
    """A failure that another attempt would not mend."""


class StoppedError(Exception):
    """The client has been stopped meanwhile."""


@dataclass(frozen=True)
class RequestPolicy:
    """How a server is treated; all times in seconds."""

    concurrency: int = 4
    rate: float = 8.0  # requests per second, retries included
    attempts: int = 5
    backoff: float = 1.0  # before the second attempt, then doubled; jitter adds up to as much
    longest_wait: float = 120.0  # between attempts, also where the server asks to wait
    connect_timeout: float = 5.0
    read_timeout: float = 30.0  # between two pieces of a response
    response_timeout: float = 120.0  # until a response is complete
    probe_timeout: float = 8.0
    patience: float = 30.0  # without a valid response until the server counts as down ...
    least_failures: int = 8  # ... and at least so many attempts failed in a row


class RateLimiter:
    """Lets one request through per interval, whichever thread asks."""

    def __init__(self, rate: float) -> None:
        self._interval = 1 / rate
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self, stop: threading.Event) -> None:
        """Wait for one's turn; `StoppedError` where `stop` is set before."""
        while not stop.is_set():
            seconds_left = self._reserve()
            if seconds_left <= 0:
                return
            stop.wait(seconds_left)
        raise StoppedError

    def pause(self, seconds: float) -> None:
        """Let nobody through for a while, not even those who wait already."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)

    def _reserve(self) -> float:
        with self._lock:
            now = time.monotonic()
            seconds_left = self._next - now
            if seconds_left <= 0:
                self._next = now + self._interval
            return seconds_left


class _PerThread(threading.local):
    """A session of each thread's own: requests does not promise that threads may share one."""

    def __init__(self) -> None:
        self.session = requests.Session()
        self.session.headers["User-Agent"] = f"galaxy-book/{__version__}"


class Client:
    """Sends requests to one server until it counts as down (`stop_reason`)."""

    def __init__(self, policy: RequestPolicy | None = None) -> None:
        self.policy = policy or RequestPolicy()
        self.stop = threading.Event()
        self.stop_reason = ""
        self._limiter = RateLimiter(self.policy.rate)
        self._own = _PerThread()
        self._lock = threading.Lock()
        self.reset_patience()

    def reset_patience(self) -> None:
        """Start counting failures and silence anew."""
        with self._lock:
            self._failures, self._last_valid = 0, time.monotonic()

    def get(self, url: str, check: Check) -> bytes:
        """Fetch a file that passes a check; `DownloadError` or `StoppedError` if there is none."""
        # urllib3.Retry sees neither damaged files sent with status 200 nor the rate limit.
        policy = self.policy
        attempts = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(policy.attempts),
            wait=tenacity.wait_exponential_jitter(
                max=policy.longest_wait, jitter=policy.backoff, multiplier=policy.backoff
            ),
            retry=tenacity.retry_if_exception_type(RetryableError),
            sleep=tenacity.sleep_using_event(self.stop),
            reraise=True,
        )
        return attempts(self._attempt, url, check)

    def probe(self, url: str, remedy: str) -> None:
        """Raise `UserError`, ending in `remedy`, where the server cannot be reached."""
        seconds = self.policy.probe_timeout
        with ThreadPool(1) as pool:  # looking up a name knows no timeout
            try:
                trouble = pool.apply_async(self._trouble, (url,)).get(seconds)
            except PoolTimeoutError:
                trouble = f"no answer within {seconds:g} s"
        if trouble:
            raise UserError(f"{host_of(url)} cannot be reached: {trouble}. {remedy}")

    def _trouble(self, url: str) -> str:
        timeout = self.policy.connect_timeout
        try:
            self._own.session.head(url, timeout=timeout, allow_redirects=False)
        except requests.ReadTimeout:
            return ""  # reached, but busy
        except requests.RequestException as error:
            return _root_cause(error)
        return ""

    def _attempt(self, url: str, check: Check) -> bytes:
        self._limiter.wait(self.stop)
        try:
            body = self._request(url)
            check(body)
        except RetryableError as error:
            self._count_failure(str(error))
            raise
        except PermanentError:
            self.reset_patience()
            raise
        self.reset_patience()
        return body

    def _count_failure(self, reason: str) -> None:
        policy = self.policy
        with self._lock:
            self._failures += 1
            silence = time.monotonic() - self._last_valid
            if self._failures >= policy.least_failures and silence >= policy.patience:
                self._stop(f"{self._failures} attempts failed in a row, the last with: {reason}")

    def _stop(self, reason: str) -> None:
        self.stop_reason = self.stop_reason or reason
        self.stop.set()

    def _request(self, url: str) -> bytes:
        timeout = (self.policy.connect_timeout, self.policy.read_timeout)
        try:
            with self._own.session.get(url, stream=True, timeout=timeout) as response:
                if response.status_code != 200:
                    raise self._status_error(response)
                return self._read(response)
        except (requests.RequestException, HTTPError, OSError) as error:
            raise RetryableError(_root_cause(error)) from error

    def _status_error(self, response: requests.Response) -> RetryableError | PermanentError:
        text = message_in(self._read(response))
        reason = f"HTTP {response.status_code} {response.reason or ''}".strip()
        reason += f": {text}" if text else ""
        if response.status_code not in RETRIED_STATUS:
            return PermanentError(reason)
        seconds, longest = retry_after(response), self.policy.longest_wait
        if seconds > longest:
            self._stop(f"{reason}; it asks to come back in {seconds:.0f} s")
        self._limiter.pause(min(seconds, longest))
        return RetryableError(reason)

    def _read(self, response: requests.Response) -> bytes:
        """Read pieces as they arrive, so that a trickle meets its time limit.

        urllib3 itself raises where a response is shorter than its Content-Length.
        """
        seconds = self.policy.response_timeout
        end = time.monotonic() + seconds
        body = bytearray()
        while piece := response.raw.read1(1 << 16, decode_content=True):
            body += piece
            if time.monotonic() > end:
                raise RetryableError(f"not complete after {seconds:g} s")
            if len(body) > LARGEST_RESPONSE:
                raise PermanentError(f"longer than {LARGEST_RESPONSE} bytes")
        return bytes(body)


def host_of(url: str) -> str:
    """Server of an address, with its port where one is given."""
    return urlsplit(url).netloc or url


def retry_after(response: requests.Response) -> float:
    """Seconds that a response asks to wait; 0 where it does not say so legibly."""
    try:
        return urllib3.Retry().get_retry_after(response.raw) or 0.0
    except InvalidHeader:
        return 0.0


def message_in(body: bytes) -> str:
    """Text of an error page or JSON error object, at most 200 characters without tags."""
    text = body[:4000].decode("utf-8", "replace")
    message = re.search(r'"ErrorMessage"\s*:\s*"((?:[^"\\]|\\.)*)"', text)
    text = message[1] if message else re.sub(r"<[^>]*>", " ", text)
    return " ".join(word for word in text.split() if word.isprintable())[:200]


def _root_cause(error: BaseException) -> str:
    """The innermost reason of a failed connection, in a line."""
    while error.__context__ is not None:
        error = error.__context__
    return f"{type(error).__name__}: {error}"[:200]
