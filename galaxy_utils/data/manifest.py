"""What is known of the images in a folder that was filled by a download.

manifest.csv    objid, file, bytes, sha256, url, fetched: one row per valid image
failures.csv    objid, url, reason: what the last command could not fetch
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from galaxy_utils.provenance import sha256_of_file, write_atomically

MANIFEST = "manifest.csv"
FAILURES = "failures.csv"


class Manifest:
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

    def write_failures(self, failures: Mapping[str, str], urls: Mapping[str, str]) -> None:
        """Write `FAILURES` from objid to reason and, where there is one, to address."""
        rows = [(objid, urls.get(objid, ""), reason) for objid, reason in failures.items()]
        table = pd.DataFrame(rows, columns=["objid", "url", "reason"])
        write_atomically(self.folder / FAILURES, table.to_csv(index=False, lineterminator="\n"))


def lacks_images(folder: Path, objids: Iterable[str]) -> bool:
    """Whether a galaxy has neither an image in a folder nor a reason in its `FAILURES`."""
    path = folder / FAILURES
    failed = set(pd.read_csv(path, dtype=str)["objid"]) if path.exists() else set()
    return any(o not in failed and not (folder / f"{o}.jpg").exists() for o in objids)
