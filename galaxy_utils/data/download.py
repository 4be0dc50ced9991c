"""Fill a folder with downloaded images so that nothing is lost and nothing is half-written.

Threads fetch and check; the main thread alone writes, each file completely or not at
all. Valid images are never fetched again, and images of other origin never touched.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.pool import ThreadPool
from pathlib import Path

from filelock import FileLock, Timeout
from tqdm import tqdm

from galaxy_utils.data.client import Check, Client, DownloadError, RetryableError, host_of
from galaxy_utils.data.manifest import Manifest
from galaxy_utils.errors import UserError


@dataclass(frozen=True)
class Downloads:
    """What a command left in a folder."""

    fetched: int  # images that it fetched
    present: int  # images that were there and valid
    failures: Mapping[str, str]  # objid to reason


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
        manifest = Manifest(folder)
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
            manifest.write_failures(failed, urls)
    return Downloads(fetched, present, failed)


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
