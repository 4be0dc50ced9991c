"""What is known of the images in a folder that was filled by a download.

manifest.csv    objid, file, bytes, sha256, url, fetched: one row per valid file
failures.csv    objid, url, reason: what the last command could not fetch
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from galaxy_utils.provenance import write_atomically

MANIFEST = "manifest.csv"
FAILURES = "failures.csv"
_COLUMNS = ("objid", "file", "bytes", "sha256", "url", "fetched")


class Manifest:
    """What is known of the images of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / MANIFEST
        self.rows = read_manifest(folder)
        if not self.path.exists() or not self.path.read_bytes().endswith(b"\n"):
            rows = (row.values() for row in self.rows.values())
            write_atomically(self.path, _csv([_COLUMNS, *rows]))

    def has_valid(self, objid: str, check: Callable[[bytes], None]) -> bool:
        """Whether the image is there as it was fetched; valid ones of other origin get a row.

        What `check` raises where an invalid file of other origin is in its place.
        """
        path = self.folder / f"{objid}.jpg"
        if not path.exists():
            return False
        body = path.read_bytes()
        if path.name in self.rows:
            return hashlib.sha256(body).hexdigest() == self.rows[path.name]["sha256"]
        check(body)
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
        self.rows[file] = dict(zip(_COLUMNS, values, strict=True))
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


def lacks_images(folder: Path, objids: Iterable[str]) -> bool:
    """Whether a galaxy has neither an image nor a reason in `FAILURES`.

    Parameters
    ----------
    folder : Path
        A folder that a download filled, or that does not exist.
    objids : iterable of str
        The galaxies.

    Returns
    -------
    bool
        True also where one of many is missing.
    """
    path = folder / FAILURES
    failed: set[str] = set()
    if path.exists():
        rows = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
        failed = {row["objid"] for row in rows}
    return any(o not in failed and not (folder / f"{o}.jpg").exists() for o in objids)


def write_failures(folder: Path, failures: Mapping[str, str], urls: Mapping[str, str]) -> None:
    """Write `FAILURES` from objid to reason and, where there is one, to address."""
    rows = [(objid, urls.get(objid, ""), reason) for objid, reason in failures.items()]
    write_atomically(folder / FAILURES, _csv([("objid", "url", "reason"), *rows]))


def _csv(rows: Iterable[Iterable[str]]) -> str:
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows(rows)
    return lines.getvalue()
