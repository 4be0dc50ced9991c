"""HTTP client that limits its rate and tries again what may have been a passing failure."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import requests
import tenacity
import urllib3
from urllib3.exceptions import HTTPError, InvalidHeader

from galaxy_utils import __version__
from galaxy_utils.errors import UserError

RETRIED_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})

Check = Callable[[bytes], None]
"""Raises `RetryableError` or `DownloadError` where a response is not what was asked for."""

OFFLINE = (
    "Connect this machine to the internet (behind a proxy: set HTTPS_PROXY), or name another "
    "server (galaxy-book skyserver and galaxy-book images take --server); what was fetched is kept"
)


class DownloadError(Exception):
    """A file that cannot be fetched; the message is the reason."""


class RetryableError(DownloadError):
    """A failure that another attempt may mend, `wait` seconds later or more."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


@dataclass(frozen=True)
class RequestPolicy:
    """How a server is treated; all times in seconds."""

    concurrency: int = 4
    rate: float = 8.0  # requests per second, retries included
    attempts: int = 5
    backoff: float = 1.0  # before the second attempt, then doubled; jitter adds up to as much
    longest_wait: float = 120.0  # between attempts; a server that asks for more is not asked again
    connect_timeout: float = 5.0
    read_timeout: float = 30.0  # between two pieces of a response
    response_timeout: float = 120.0  # until a response is complete
    most_failures: int = 8  # so many files in a row, all attempts failed: the server is down


class _OneHost(requests.Session):
    """Follows a redirect on one host, never to another one or to an unencrypted address."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Address that a response redirects to; `DownloadError` where it is of another host."""
        target = super().get_redirect_target(resp)
        if target is None:
            return None
        asked, found = urlsplit(resp.url), urlsplit(urljoin(resp.url, target))
        if found.hostname != asked.hostname or (asked.scheme == "https" != found.scheme):
            raise DownloadError(
                f"{asked.netloc} redirects to {found.scheme}://{found.netloc}, which is not "
                "followed; if the server has moved, name its new address"
            )
        return target


class Client:
    """Sends requests to one server until `stop` is set."""

    def __init__(self, policy: RequestPolicy) -> None:
        self.policy = policy
        self.stop = threading.Event()
        self._session = _OneHost()
        self._session.headers["User-Agent"] = f"galaxy-book/{__version__}"
        self._next_turn = 0.0
        self._lock = threading.Lock()

    def probe(self, url: str) -> None:
        """Raise `UserError` where the server cannot be reached."""
        timeout = self.policy.connect_timeout
        try:
            self._session.head(url, timeout=timeout, allow_redirects=False)
        except requests.ReadTimeout:
            pass  # reached, but busy
        except requests.RequestException as error:
            reason = f"{host_of(url)} cannot be reached: {_root_cause(error)}"
            raise UserError(f"{reason}. {OFFLINE}") from error

    def get(self, url: str, check: Check) -> bytes:
        """Fetch a file that passes a check; `DownloadError` where there is none."""
        # urllib3.Retry sees neither damaged files sent with status 200 nor the rate limit.
        attempts = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self.policy.attempts),
            wait=self._seconds_until_next,
            retry=tenacity.retry_if_exception(self._may_pass),
            sleep=tenacity.sleep_using_event(self.stop),
            reraise=True,
        )
        return attempts(self._attempt, url, check)

    def _may_pass(self, error: BaseException) -> bool:
        return isinstance(error, RetryableError) and error.wait <= self.policy.longest_wait

    def _seconds_until_next(self, state: tenacity.RetryCallState) -> float:
        first, longest = self.policy.backoff, self.policy.longest_wait
        backoff = tenacity.wait_exponential_jitter(multiplier=first, max=longest, jitter=first)
        error = state.outcome and state.outcome.exception()
        return max(backoff(state), error.wait if isinstance(error, RetryableError) else 0.0)

    def _attempt(self, url: str, check: Check) -> bytes:
        with self._lock:
            turn = max(self._next_turn, time.monotonic())
            self._next_turn = turn + 1 / self.policy.rate
        if self.stop.wait(max(turn - time.monotonic(), 0.0)):
            raise DownloadError("stopped")
        timeout = (self.policy.connect_timeout, self.policy.read_timeout)
        try:
            with self._session.get(url, stream=True, timeout=timeout) as response:
                body = self._read(response)
        except (requests.RequestException, HTTPError, OSError) as error:
            raise RetryableError(_root_cause(error)) from error
        if response.status_code != 200:
            raise _status_error(response, message_in(body))
        check(body)
        return body

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
        return bytes(body)


def _status_error(response: requests.Response, text: str) -> DownloadError:
    reason = f"HTTP {response.status_code} {response.reason or ''}".strip()
    reason += f": {text}" if text else ""
    if response.status_code not in RETRIED_STATUS:
        return DownloadError(reason)
    try:
        seconds = urllib3.Retry().get_retry_after(response.raw) or 0.0
    except InvalidHeader:
        seconds = 0.0
    asked = f"; the server asks to come back in {seconds:.0f} s" if seconds else ""
    return RetryableError(reason + asked, seconds)


def host_of(url: str) -> str:
    """Server of an address, with its port where one is given."""
    return urlsplit(url).netloc or url


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
