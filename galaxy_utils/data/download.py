"""Fill a folder with downloaded images so that nothing is lost and nothing is half-written.

manifest.csv    objid, file, bytes, sha256, url, fetched: one row per valid image
failures.csv    objid, url, reason: what the last command could not fetch

Threads fetch and check; the main thread alone writes, each file completely or not at
all. Valid images are never fetched again, and images of other origin never touched.
"""

from __future__ import annotations

import csv
import hashlib
import os
import sys
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.pool import ThreadPool
from pathlib import Path

import pandas as pd
from filelock import FileLock, Timeout
from tqdm import tqdm

from galaxy_utils.data.client import Check, Client, DownloadError, RetryableError, host_of
from galaxy_utils.errors import UserError
from galaxy_utils.provenance import sha256_of_file, write_atomically

MANIFEST = "manifest.csv"
FAILURES = "failures.csv"


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
    failures: Mapping[str, str],
) -> Downloads:
    """Download `<objid>.jpg` for each objid in `urls`, except those that are there and valid.

    `failures` are reasons why further images cannot be requested. `UserError` where the server
    is down, another process downloads into the folder, or it cannot be written.
    """
    with _exclusive(folder):
        for partial in folder.glob("*.partial"):
            partial.unlink()
        manifest = _Manifest(folder)
        missing = {objid: url for objid, url in urls.items() if not manifest.has_valid(objid)}
        present = len(urls) - len(missing)
        failed = dict(failures)
        if missing:
            client.probe(next(iter(missing.values())))
        fetched = in_a_row = 0
        results = _fetch_all(missing, client, check)
        bar = tqdm(
            results, "cutouts", len(urls), initial=present,
            unit="image", mininterval=0.1 if sys.stderr.isatty() else 10.0,
        )  # fmt: skip
        try:
            for objid, result in bar:
                if isinstance(result, bytes):
                    manifest.store(objid, result, urls[objid])
                    fetched, in_a_row = fetched + 1, 0
                    continue
                failed[objid] = str(result)
                in_a_row = in_a_row + 1 if isinstance(result, RetryableError) else 0
                if in_a_row == client.policy.most_failures:
                    raise UserError(
                        f"{host_of(urls[objid])} does not answer as it should: {in_a_row} files "
                        f"failed in a row, the last with: {result}. {fetched + present} of "
                        f"{len(urls)} files are in {folder} and are kept; the same command later "
                        "fetches the rest"
                    )
        finally:
            results.close()
            rows = [(objid, urls.get(objid, ""), failed[objid]) for objid in failed]
            table = pd.DataFrame(rows, columns=["objid", "url", "reason"])
            write_atomically(folder / FAILURES, table.to_csv(index=False, lineterminator="\n"))
    return Downloads(fetched, present, failed)


def lacks_images(folder: Path, objids: Iterable[str]) -> bool:
    """Whether a galaxy has neither an image in a folder nor a reason in its `FAILURES`."""
    path = folder / FAILURES
    failed = set(pd.read_csv(path, dtype=str)["objid"]) if path.exists() else set()
    return any(o not in failed and not (folder / f"{o}.jpg").exists() for o in objids)


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


class _Manifest:
    """Checksums of the images in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / MANIFEST
        text = self.path.read_text(encoding="utf-8") if self.path.exists() else ""
        complete = text[: text.rfind("\n") + 1]  # a kill may have cut the last line short
        if not complete or complete != text:
            write_atomically(self.path, complete or "objid,file,bytes,sha256,url,fetched\n")
        table = pd.read_csv(self.path, dtype=str)
        self.sha256 = dict(zip(table["objid"], table["sha256"], strict=True))

    def has_valid(self, objid: str) -> bool:
        """Whether the image is there, as it was fetched or from somebody else."""
        path = self.folder / f"{objid}.jpg"
        return path.exists() and self.sha256.get(objid) in (None, sha256_of_file(path))

    def store(self, objid: str, body: bytes, url: str) -> None:
        """Write the row, then the complete image: one without a row is somebody else's."""
        file, digest = f"{objid}.jpg", hashlib.sha256(body).hexdigest()
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with self.path.open("a", encoding="utf-8", newline="") as lines:
            writer = csv.writer(lines, lineterminator="\n")
            writer.writerow([objid, file, len(body), digest, url, now])
        partial = self.folder / f"{file}.partial"
        partial.write_bytes(body)
        os.replace(partial, self.folder / file)


def _fetch_all(
    urls: Mapping[str, str], client: Client, check: Check
) -> Generator[tuple[str, bytes | DownloadError]]:
    """Yield objid with content or error as they come; its threads do not delay Ctrl-C."""

    def fetch(objid: str) -> tuple[str, bytes | DownloadError]:
        try:
            return objid, client.get(urls[objid], check)
        except DownloadError as error:
            return objid, error

    with ThreadPool(client.policy.concurrency) as pool:
        try:
            yield from pool.imap_unordered(fetch, urls)
        except BaseException:
            client.stop.set()
            raise
