"""Bring many small files into a folder so that nothing is lost and nothing half-written.

Workers fetch and check; the main thread alone writes, each file whole or not at
all. What lies in the folder and is sound is never fetched again:

    manifest.csv    objid, file, bytes, sha256, url, fetched: one row a sound file
    failures.csv    objid, url, reason: what the last command could not have

A file that others put there is taken up if it is sound (its url is empty), and
never overwritten.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout
from tqdm import tqdm

from galaxy_utils.data.download import Check, Client, Passing, Refused, Stopped, host_of
from galaxy_utils.errors import UserError
from galaxy_utils.provenance import write_atomically

MANIFEST = "manifest.csv"
FAILURES = "failures.csv"
MANIFEST_COLUMNS = ("objid", "file", "bytes", "sha256", "url", "fetched")
FAILURE_COLUMNS = ("objid", "url", "reason")


@dataclass(frozen=True)
class Wanted:
    """A file to fetch.

    Parameters
    ----------
    objid : str
        What it shows.
    file : str
        Its name in the folder.
    url : str
        Where it is fetched.
    """

    objid: str
    file: str
    url: str


@dataclass(frozen=True)
class Fetched:
    """What a command left in a folder.

    Parameters
    ----------
    now : int
        Files fetched by it.
    before : int
        Files that were there and sound.
    failures : mapping of str to str
        objid to reason.
    """

    now: int
    before: int
    failures: Mapping[str, str]


def fetch_files(
    wanted: Sequence[Wanted],
    folder: Path,
    client: Client,
    check: Check,
    title: str,
    before: Callable[[], None] = lambda: None,
    hopeless: Mapping[str, str] | None = None,
) -> Fetched:
    """Bring the files of a list into a folder; what is there and sound stays.

    Parameters
    ----------
    wanted : sequence of Wanted
        The list.
    folder : Path
        Made where it lacks; holds `MANIFEST` and `FAILURES` beside the files.
    client : Client
        Asks the server.
    check : callable
        As of `Client.get`.
    title : str
        What the progress bar says.
    before : callable
        Called once before the first file is asked for; not where none lacks.
    hopeless : mapping of str to str, optional
        objid to reason of further files that cannot be asked for; they go to `FAILURES`.

    Returns
    -------
    Fetched
        Numbers, and the failures with their reasons.

    Raises
    ------
    UserError
        If the server was given up, another process fetches into the folder,
        or it cannot be written.
    """
    with _alone(folder):
        _remove_unfinished(folder)
        manifest = _Manifest(folder, check)
        failures = dict(hopeless or {})
        failures |= {w.objid: why for w in wanted if (why := manifest.obstacle(w))}
        there = {w for w in wanted if w.objid not in failures and manifest.holds(w)}
        todo = [w for w in wanted if w.objid not in failures and w not in there]
        if todo:
            before()
        client.begin()
        now = 0
        results = _fetch_all(todo, client, check)
        try:
            for item, body in _with_bar(results, title, len(wanted), len(there)):
                if isinstance(body, str):
                    failures[item.objid] = body
                else:
                    manifest.store(item, body)
                    now += 1
        finally:
            _write_failures(folder, wanted, failures)
    if client.given_up:
        raise UserError(
            f"{host_of(wanted[0].url)} does not answer as it should: {client.given_up}. "
            f"{now + len(there)} of {len(wanted)} files lie in {folder} and are kept; "
            "the same command later fetches the rest"
        )
    return Fetched(now, len(there), failures)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", timeout=0):
            yield
    except Timeout:
        raise UserError(f"{folder}: another process fetches into it; wait for it") from None
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be written ({error.strerror or error}); make room or choose "
            "another folder. What was fetched is kept"
        ) from error


def _remove_unfinished(folder: Path) -> None:
    for path in folder.glob("*.partial"):
        path.unlink()


class _Manifest:
    """What is known of the files of a folder."""

    def __init__(self, folder: Path, check: Check) -> None:
        self.folder, self.check = folder, check
        self.path = folder / MANIFEST
        self.rows = read_manifest(folder)
        if not self.path.exists() or not self.path.read_bytes().endswith(b"\n"):
            write_atomically(self.path, _csv(MANIFEST_COLUMNS, self.rows.values()))

    def obstacle(self, wanted: Wanted) -> str:
        """Why a file cannot be fetched: an unsound one that others put there."""
        path = self.folder / wanted.file
        if wanted.file in self.rows or not path.exists():
            return ""
        body = path.read_bytes()
        try:
            self.check(body)
        except (Passing, Refused) as error:
            return f"another file of this name lies there ({error}); move it away"
        written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        self._append(Wanted(wanted.objid, wanted.file, ""), body, written)
        return ""

    def holds(self, wanted: Wanted) -> bool:
        """Whether the file is there as it was fetched."""
        path, row = self.folder / wanted.file, self.rows.get(wanted.file)
        if row is None or not path.exists():
            return False
        return hashlib.sha256(path.read_bytes()).hexdigest() == row["sha256"]

    def store(self, wanted: Wanted, body: bytes) -> None:
        """Write a file whole, then its row."""
        partial = self.folder / f"{wanted.file}.partial"
        partial.write_bytes(body)
        os.replace(partial, self.folder / wanted.file)
        self._append(wanted, body, datetime.now(UTC))

    def _append(self, wanted: Wanted, body: bytes, when: datetime) -> None:
        digest = hashlib.sha256(body).hexdigest()
        fetched = when.isoformat(timespec="seconds")
        values = (wanted.objid, wanted.file, len(body), digest, wanted.url, fetched)
        row = dict(zip(MANIFEST_COLUMNS, map(str, values), strict=True))
        self.rows[wanted.file] = row
        with self.path.open("a", encoding="utf-8", newline="") as lines:
            lines.write(_csv(MANIFEST_COLUMNS, [row]).split("\n", 1)[1])


def read_manifest(folder: Path) -> dict[str, dict[str, str]]:
    """Read what is known of the files of a folder.

    Parameters
    ----------
    folder : Path
        As of `fetch_files`.

    Returns
    -------
    dict of str to dict of str to str
        File to its row, columns `MANIFEST_COLUMNS`; a line that a kill cut short is left out.
    """
    path = folder / MANIFEST
    if not path.exists():
        return {}
    whole = path.read_text(encoding="utf-8").rpartition("\n")[0]
    rows = csv.DictReader(io.StringIO(whole))
    return {row["file"]: row for row in rows if None not in row.values()}


def read_failures(folder: Path) -> dict[str, str]:
    """Read what the last command could not have.

    Parameters
    ----------
    folder : Path
        As of `fetch_files`.

    Returns
    -------
    dict of str to str
        objid to reason.
    """
    path = folder / FAILURES
    if not path.exists():
        return {}
    rows = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
    return {row["objid"]: row["reason"] for row in rows}


def _write_failures(folder: Path, wanted: Sequence[Wanted], failures: Mapping[str, str]) -> None:
    urls = {item.objid: item.url for item in wanted}
    rows = [
        dict(zip(FAILURE_COLUMNS, (objid, urls.get(objid, ""), reason), strict=True))
        for objid, reason in failures.items()
    ]
    write_atomically(folder / FAILURES, _csv(FAILURE_COLUMNS, rows))


def _csv(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> str:
    lines = io.StringIO()
    writer = csv.DictWriter(lines, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return lines.getvalue()


Result = tuple[Wanted, "bytes | str"]
"""A file's content, or the reason why it could not be had."""


def _with_bar(results: Iterator[Result], title: str, total: int, there: int) -> Iterator[Result]:
    """Bar with the time left; a line every ten seconds where nobody looks at a terminal."""
    interval = 0.1 if sys.stderr.isatty() else 10.0
    with tqdm(total=total, initial=there, unit="image", desc=title, mininterval=interval) as bar:
        for result in results:
            yield result
            bar.update()


def _fetch_all(todo: Sequence[Wanted], client: Client, check: Check) -> Iterator[Result]:
    """Results as they come; daemon threads, so that Ctrl-C waits for no server."""
    jobs: queue.SimpleQueue[Wanted] = queue.SimpleQueue()
    for item in todo:
        jobs.put(item)
    results: queue.SimpleQueue[Result | BaseException] = queue.SimpleQueue()
    workers = [
        threading.Thread(target=_work, args=(jobs, results, client, check), daemon=True)
        for _ in range(min(client.manners.at_once, len(todo)))
    ]
    for worker in workers:
        worker.start()
    try:
        yield from _collect(results, workers)
    except BaseException:
        client.stop.set()
        raise


def _collect(
    results: queue.SimpleQueue[Result | BaseException], workers: Sequence[threading.Thread]
) -> Iterator[Result]:
    while True:
        working = any(worker.is_alive() for worker in workers)
        try:
            result = results.get(timeout=0.05)
        except queue.Empty:
            if working:
                continue
            return
        if isinstance(result, BaseException):
            raise result
        yield result


def _work(
    jobs: queue.SimpleQueue[Wanted],
    results: queue.SimpleQueue[Result | BaseException],
    client: Client,
    check: Check,
) -> None:
    try:
        while not client.stop.is_set():
            item = jobs.get_nowait()
            results.put((item, _body_or_reason(item, client, check)))
    except (queue.Empty, Stopped):
        return
    except BaseException as error:  # a fault of this program: told in the main thread
        results.put(error)


def _body_or_reason(item: Wanted, client: Client, check: Check) -> bytes | str:
    try:
        return client.get(item.url, check)
    except (Passing, Refused) as error:
        return str(error)
