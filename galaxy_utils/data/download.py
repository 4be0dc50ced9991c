"""Fill a folder with downloaded images so that nothing is lost and nothing is half-written.

Threads fetch and check; the main thread alone writes, each file completely or not at
all. Valid files are never fetched again, whoever put them there:

    manifest.csv    objid, file, bytes, sha256, url, fetched: one row per valid file
    failures.csv    objid, url, reason: what the last command could not fetch
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.pool import ThreadPool
from pathlib import Path

from filelock import FileLock, Timeout
from tqdm import tqdm

from galaxy_utils.data.client import (
    Check,
    Client,
    DownloadError,
    PermanentError,
    StoppedError,
    host_of,
)
from galaxy_utils.errors import UserError
from galaxy_utils.provenance import write_atomically

MANIFEST = "manifest.csv"
FAILURES = "failures.csv"
_MANIFEST_COLUMNS = ("objid", "file", "bytes", "sha256", "url", "fetched")
_FAILURE_COLUMNS = ("objid", "url", "reason")


@dataclass(frozen=True)
class Downloads:
    """What a command left in a folder.

    Parameters
    ----------
    fetched : int
        Images that it fetched.
    present : int
        Images that were there and valid.
    failures : mapping of str to str
        objid to reason.
    """

    fetched: int
    present: int
    failures: Mapping[str, str]


def download_images(
    urls: Mapping[str, str],
    folder: Path,
    client: Client,
    check: Check,
    before: Callable[[], None] = lambda: None,
    failures: Mapping[str, str] | None = None,
) -> Downloads:
    """Download `<objid>.jpg` for each objid in `urls`, except those that are there and valid.

    `before` is called before the first request, if there is one; `failures` are reasons why
    further images cannot be requested. `UserError` where the server is down, another process
    downloads into the folder, or it cannot be written.
    """
    with _exclusive(folder):
        for partial in folder.glob("*.partial"):
            partial.unlink()
        manifest = _Manifest(folder)
        present: list[str] = []
        missing: list[str] = []
        failed = dict(failures or {})
        for objid in urls:
            try:
                (present if manifest.has_valid(objid, check) else missing).append(objid)
            except PermanentError as error:
                failed[objid] = str(error)
        if missing:
            before()
        client.reset_patience()
        fetched = 0
        results = tqdm(
            _fetch_all({objid: urls[objid] for objid in missing}, client, check),
            "cutouts", len(urls), initial=len(present), unit="image",
            mininterval=0.1 if sys.stderr.isatty() else 10.0,
        )  # fmt: skip
        try:
            for objid, result in results:
                if isinstance(result, str):
                    failed[objid] = result
                else:
                    manifest.store(objid, result, urls[objid])
                    fetched += 1
        finally:
            rows = [(objid, urls.get(objid, ""), reason) for objid, reason in failed.items()]
            write_atomically(folder / FAILURES, _csv([_FAILURE_COLUMNS, *rows]))
    if client.stop_reason:
        raise UserError(
            f"{host_of(urls[missing[0]])} does not answer as it should: {client.stop_reason}. "
            f"{fetched + len(present)} of {len(urls)} files are in {folder} and are kept; "
            "the same command later fetches the rest"
        )
    return Downloads(fetched, len(present), failed)


@contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", timeout=0):
            yield
    except Timeout:
        raise UserError(f"{folder}: another process downloads into it; wait for it") from None
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be written ({error.strerror or error}); make room or choose "
            "another folder. What was fetched is kept"
        ) from error


def _fetch_all(
    urls: Mapping[str, str], client: Client, check: Check
) -> Iterator[tuple[str, bytes | str]]:
    """Yield objid with content or reason as they come; its threads do not delay Ctrl-C."""

    def fetch(objid: str) -> tuple[str, bytes | str | None]:
        try:
            return objid, client.get(urls[objid], check)
        except DownloadError as error:
            return objid, str(error)
        except StoppedError:
            return objid, None

    with ThreadPool(client.policy.concurrency) as pool:
        try:
            for objid, result in pool.imap_unordered(fetch, urls):
                if result is not None:
                    yield objid, result
        except BaseException:
            client.stop.set()
            raise


class _Manifest:
    """What is known of the images of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / MANIFEST
        self.rows = read_manifest(folder)
        if not self.path.exists() or not self.path.read_bytes().endswith(b"\n"):
            rows = (row.values() for row in self.rows.values())
            write_atomically(self.path, _csv([_MANIFEST_COLUMNS, *rows]))

    def has_valid(self, objid: str, check: Check) -> bool:
        """Whether the image is there as it was fetched; valid ones of other origin get a row.

        `PermanentError` where an invalid file of other origin is in its place.
        """
        path = self.folder / f"{objid}.jpg"
        if not path.exists():
            return False
        body = path.read_bytes()
        if path.name in self.rows:
            return hashlib.sha256(body).hexdigest() == self.rows[path.name]["sha256"]
        try:
            check(body)
        except DownloadError as error:
            raise PermanentError(
                f"another file of this name is there ({error}); move it away"
            ) from error
        self._append(objid, body, "", datetime.fromtimestamp(path.stat().st_mtime, UTC))
        return True

    def store(self, objid: str, body: bytes, url: str) -> None:
        """Write the complete image, then its row."""
        partial = self.folder / f"{objid}.jpg.partial"
        partial.write_bytes(body)
        os.replace(partial, self.folder / f"{objid}.jpg")
        self._append(objid, body, url, datetime.now(UTC))

    def _append(self, objid: str, body: bytes, url: str, when: datetime) -> None:
        file, digest = f"{objid}.jpg", hashlib.sha256(body).hexdigest()
        values = [objid, file, str(len(body)), digest, url, when.isoformat(timespec="seconds")]
        self.rows[file] = dict(zip(_MANIFEST_COLUMNS, values, strict=True))
        with self.path.open("a", encoding="utf-8", newline="") as lines:
            lines.write(_csv([values]))


def read_manifest(folder: Path) -> dict[str, dict[str, str]]:
    """File to its row; a line that a kill cut short is left out."""
    path = folder / MANIFEST
    if not path.exists():
        return {}
    complete = path.read_text(encoding="utf-8").rpartition("\n")[0]
    rows = csv.DictReader(io.StringIO(complete))
    return {row["file"]: row for row in rows if None not in row.values()}


def read_failures(folder: Path) -> dict[str, str]:
    """Read which images the last command could not fetch.

    Parameters
    ----------
    folder : Path
        As of `download_images`.

    Returns
    -------
    dict of str to str
        objid to reason; empty where there is no such file.
    """
    path = folder / FAILURES
    if not path.exists():
        return {}
    rows = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
    return {row["objid"]: row["reason"] for row in rows}


def _csv(rows: Iterable[Iterable[str]]) -> str:
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows(rows)
    return lines.getvalue()
