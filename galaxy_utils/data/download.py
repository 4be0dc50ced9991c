"""Ask a server politely: at a rate, again where that helps, and given up when it is down."""

from __future__ import annotations

import queue
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import requests
import tenacity
import urllib3

from galaxy_utils import __version__
from galaxy_utils.errors import UserError

PIECE = 1 << 16
LARGEST = 1 << 26
"""Bytes of the longest answer that is read."""

AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP states that another try may mend."""

Check = Callable[[bytes], None]
"""Raises `Passing` or `Refused` where an answer is not what was asked for."""


class Passing(Exception):
    """A failure that another try may mend; the message is the reason."""


class Refused(Exception):
    """A failure that stays; the message is the reason."""


class Stopped(Exception):
    """Nobody waits for this file any more."""


@dataclass(frozen=True)
class Manners:
    """How a server is treated.

    Parameters
    ----------
    at_once : int
        Requests under way at any moment.
    rate : float
        Requests a second, at most, also those that are tried again.
    attempts : int
        Tries of one file.
    first_wait, longest_wait : float
        Seconds before the second try, doubled at each further one with as much
        again of jitter; and the longest, also where the server asks to wait.
    connect_timeout, read_timeout : float
        Seconds until a connection stands, and between two pieces of an answer.
    answer_timeout : float
        Seconds until a whole answer is there.
    probe_timeout : float
        Seconds in which an offline machine is told so.
    patience : float
        Seconds without one sound answer until the server is given up.
    in_vain : int
        Tries in a row that must have failed by then.
    """

    at_once: int = 4
    rate: float = 8.0
    attempts: int = 5
    first_wait: float = 1.0
    longest_wait: float = 120.0
    connect_timeout: float = 5.0
    read_timeout: float = 30.0
    answer_timeout: float = 120.0
    probe_timeout: float = 8.0
    patience: float = 30.0
    in_vain: int = 8


class Limiter:
    """Lets one request through an interval, whoever asks.

    Parameters
    ----------
    rate : float
        Requests a second.
    """

    def __init__(self, rate: float) -> None:
        self._interval = 1 / rate
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self, stop: threading.Event) -> None:
        """Wait for one's turn.

        Parameters
        ----------
        stop : Event
            Ends the waiting.

        Raises
        ------
        Stopped
            If it was set.
        """
        while not stop.wait(self._left()):
            if self._take():
                return
        raise Stopped

    def pause(self, seconds: float) -> None:
        """Let nobody through for a while, nor those that wait already.

        Parameters
        ----------
        seconds : float
            From now on.
        """
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)

    def _left(self) -> float:
        with self._lock:
            return max(0.0, self._next - time.monotonic())

    def _take(self) -> bool:
        with self._lock:
            now = time.monotonic()
            if now < self._next:
                return False
            self._next = now + self._interval
            return True


class Client:
    """Asks one server, again where that may help, until it is given up.

    Parameters
    ----------
    manners : Manners
        How it is treated.
    """

    def __init__(self, manners: Manners | None = None) -> None:
        self.manners = manners or Manners()
        self.stop = threading.Event()
        self.given_up = ""
        self._limiter = Limiter(self.manners.rate)
        self._own = threading.local()
        self._lock = threading.Lock()
        self.begin()

    def begin(self) -> None:
        """Count the server's patience from now on."""
        with self._lock:
            self._in_vain, self._last_sound = 0, time.monotonic()

    def get(self, url: str, check: Check) -> bytes:
        """Fetch one file.

        Parameters
        ----------
        url : str
            Its address.
        check : callable
            Raises `Passing` or `Refused` where it is not what was asked for.

        Returns
        -------
        bytes
            What came, whole and checked.

        Raises
        ------
        Passing
            If all attempts failed.
        Refused
            If another attempt would not help.
        Stopped
            If the server was given up meanwhile.
        """
        manners = self.manners
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(manners.attempts),
            wait=tenacity.wait_exponential_jitter(
                max=manners.longest_wait, jitter=manners.first_wait, multiplier=manners.first_wait
            ),
            retry=tenacity.retry_if_exception_type(Passing),
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(self._once, url, check)

    def probe(self, url: str, how_to_mend: str) -> None:
        """Find out soon whether the server can be reached at all.

        Parameters
        ----------
        url : str
            Anything of it.
        how_to_mend : str
            What the user can do, for the message.

        Raises
        ------
        UserError
            If no connection stands within `Manners.probe_timeout`.
        """
        # In a thread of its own: looking up a name knows no time limit.
        found: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=lambda: found.put(self._trouble(url)), daemon=True).start()
        try:
            trouble = found.get(timeout=self.manners.probe_timeout)
        except queue.Empty:
            trouble = f"no answer within {self.manners.probe_timeout:g} s"
        if trouble:
            raise UserError(f"{host_of(url)} cannot be reached: {trouble}. {how_to_mend}")

    def _trouble(self, url: str) -> str:
        try:
            self._session().head(url, timeout=self.manners.connect_timeout, allow_redirects=False)
        except requests.ReadTimeout:
            return ""  # it is there, and busy
        except requests.RequestException as error:
            return _cause(error)
        return ""

    def _session(self) -> requests.Session:
        """A session of this thread's own: requests does not promise to share them."""
        if not hasattr(self._own, "session"):
            self._own.session = requests.Session()
            self._own.session.headers["User-Agent"] = f"galaxy-book/{__version__}"
        session: requests.Session = self._own.session
        return session

    def _sleep(self, seconds: float) -> None:
        if self.stop.wait(seconds):
            raise Stopped

    def _once(self, url: str, check: Check) -> bytes:
        self._limiter.wait(self.stop)
        try:
            body = self._answer(url)
            check(body)
        except Passing as error:
            self._note_failure(str(error))
            raise
        except Refused:
            self.begin()
            raise
        self.begin()
        return body

    def _note_failure(self, reason: str) -> None:
        with self._lock:
            self._in_vain += 1
            silent = time.monotonic() - self._last_sound
            if self._in_vain >= self.manners.in_vain and silent >= self.manners.patience:
                self._give_up(f"{self._in_vain} tries failed in a row, the last with: {reason}")

    def _give_up(self, reason: str) -> None:
        self.given_up = self.given_up or reason
        self.stop.set()

    def _answer(self, url: str) -> bytes:
        limits = (self.manners.connect_timeout, self.manners.read_timeout)
        try:
            with self._session().get(url, stream=True, timeout=limits) as response:
                if response.status_code != 200:
                    raise self._refusal(response)
                return self._read(response)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise Passing(_cause(error)) from error

    def _refusal(self, response: requests.Response) -> Passing | Refused:
        said = words_of(self._read(response)[:4000])
        reason = f"HTTP {response.status_code} {response.reason or ''}".strip()
        reason += f": {said}" if said else ""
        if response.status_code not in AGAIN:
            return Refused(reason)
        seconds = seconds_to_wait(response.headers.get("Retry-After", ""))
        if seconds > self.manners.longest_wait:
            self._give_up(f"{reason}; it asks to come back in {seconds:.0f} s")
        self._limiter.pause(min(seconds, self.manners.longest_wait))
        return Passing(reason)

    def _read(self, response: requests.Response) -> bytes:
        """Read piece by piece as they come, so that a trickle meets its time limit.

        urllib3 itself raises where an answer is shorter than its Content-Length.
        """
        end = time.monotonic() + self.manners.answer_timeout
        body = bytearray()
        while piece := response.raw.read1(PIECE, decode_content=True):
            body += piece
            if time.monotonic() > end:
                raise Passing(f"not whole after {self.manners.answer_timeout:g} s")
            if len(body) > LARGEST:
                raise Refused(f"longer than {LARGEST} bytes")
        return bytes(body)


def host_of(url: str) -> str:
    """Name of the server of an address.

    Parameters
    ----------
    url : str
        Address.

    Returns
    -------
    str
        Host, with its port where one is given.
    """
    return urlsplit(url).netloc or url


def seconds_to_wait(text: str) -> float:
    """Read a Retry-After header (RFC 9110, section 10.2.3).

    Parameters
    ----------
    text : str
        Seconds, or a date.

    Returns
    -------
    float
        Seconds from now; 0 where nothing can be read.
    """
    if text.strip().isdecimal():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(0.0, (date - datetime.now(date.tzinfo)).total_seconds())


def words_of(body: bytes) -> str:
    """What a page or a JSON message says, for one line of an error.

    Parameters
    ----------
    body : bytes
        An answer.

    Returns
    -------
    str
        At most 200 characters without tags.
    """
    text = body.decode("utf-8", "replace")
    message = re.search(r'"ErrorMessage"\s*:\s*"((?:[^"\\]|\\.)*)"', text)
    text = message[1] if message else re.sub(r"<[^>]*>", " ", text)
    return " ".join(word for word in text.split() if word.isprintable())[:200]


def _cause(error: BaseException) -> str:
    """The innermost reason of a failed connection, in a line."""
    while isinstance(inner := getattr(error, "reason", None) or _first(error), BaseException):
        error = inner
    return f"{type(error).__name__}: {str(error).split(': ', 1)[-1]}"[:200]


def _first(error: BaseException) -> object:
    return error.args[0] if error.args else None
