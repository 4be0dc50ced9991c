"""Fill a folder with downloaded images so that nothing is lost and nothing is half-written.

Threads fetch and check; the main thread alone writes, each file completely or not at
all. Valid files are never fetched again, whoever put them there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.pool import ThreadPool
from pathlib import Path

from filelock import FileLock, Timeout
from tqdm import tqdm

from galaxy_utils.data.client import Check, Client, DownloadError, StoppedError, host_of
from galaxy_utils.data.manifest import Manifest, write_failures
from galaxy_utils.errors import UserError


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
        manifest = Manifest(folder)
        missing, obstacles = _missing_images(urls, manifest, check)
        present = len(urls) - len(missing) - len(obstacles)
        failed = dict(failures or {}) | obstacles
        if missing:
            before()
        client.reset_patience()
        fetched = 0
        bar = tqdm(
            _fetch_all(missing, client, check), "cutouts", len(urls), initial=present,
            unit="image", mininterval=0.1 if sys.stderr.isatty() else 10.0,
        )  # fmt: skip
        try:
            for objid, result in bar:
                if isinstance(result, str):
                    failed[objid] = result
                else:
                    manifest.store(objid, result, urls[objid])
                    fetched += 1
        finally:
            write_failures(folder, failed, urls)
    if client.stop_reason:
        server = host_of(next(iter(missing.values())))
        raise UserError(
            f"{server} does not answer as it should: {client.stop_reason}. "
            f"{fetched + present} of {len(urls)} files are in {folder} and are kept; "
            "the same command later fetches the rest"
        )
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


def _missing_images(
    urls: Mapping[str, str], manifest: Manifest, check: Check
) -> tuple[dict[str, str], dict[str, str]]:
    """Addresses of images to fetch, and why others cannot be: an invalid file is in place."""
    missing, obstacles = {}, {}
    for objid, url in urls.items():
        try:
            if not manifest.has_valid(objid, check):
                missing[objid] = url
        except DownloadError as error:
            obstacles[objid] = f"another file of this name is there ({error}); move it away"
    return missing, obstacles


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
