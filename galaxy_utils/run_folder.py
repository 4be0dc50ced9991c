"""The run folder: where artefacts lie.

runs/<name>/
parameters.yml      what was asked for
sample.json         fingerprint of the galaxies
artefacts/          tables and arrays that one section hands to the next
results/NN.json     numbers of one section, by key
results.json        all of them
tables/ figures/    what the paper numbers
notebooks/          executed copies
state/<page>.json   how far each page is and how long it took
catalogue.parquet   one row a galaxy
provenance.json     versions, commit, checksums, host, times
html/               the book
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from galaxy_utils.errors import UserError
from galaxy_utils.provenance import write_atomically

if TYPE_CHECKING:  # imported where a table is read: the workflow starts at once
    import pandas as pd
    from numpy.typing import NDArray


ROOT = Path(__file__).resolve().parents[1]
"""The checkout: it holds notebooks, data, the lock and this package."""

DATA = ROOT / "data"
STUDIES = DATA / "studies"

SMALL = 1000
"""With fewer galaxies nothing is gained by keeping the cores for one section, timing included."""

MEASUREMENTS, CLASSIFIED = "measured", "classified"
"""Folders in `runs/` of measured tables and of what `galaxy-book classify` found, not of runs."""

GALAXIES, SHAPES = "artefacts/galaxies.parquet", "artefacts/morphology.parquet"
KEPT, DEEP = "artefacts/purged.parquet", "artefacts/deep.npz"
ENCODER, LATENT, CATALOGUE = "artefacts/encoder.npz", "artefacts/latent.npz", "catalogue.parquet"
MIXTURE, LAYOUT = "artefacts/mixture.npz", "artefacts/umap.parquet"

MARKER, LOCK = ".galaxy-book", ".galaxy-book.lock"
"""File that says what an output folder holds, and so that we may overwrite it; and its lock."""


@contextmanager
def output_folder(folder: Path, content: str) -> Iterator[None]:
    """Make and lock a folder for output, or refuse one that holds anything else.

    It may be missing, empty, or marked for the same content before; inside `runs/` it may hold what
    is there. `UserError` if it holds other files, or other output of ours, or cannot be written, or
    if another process writes into it.
    """
    before = folder.exists()
    _claim(folder, content)
    try:
        with FileLock(folder / LOCK, timeout=0):
            for left in folder.glob("*.[0-9]*.partial"):  # by a process that was killed
                left.unlink()
            yield
    except Timeout:
        raise UserError(f"{folder}: another process writes a {content} here; wait for it") from None
    finally:
        if {path.name for path in folder.iterdir()} <= {MARKER, LOCK}:  # nothing was written
            for name in (MARKER, LOCK):
                (folder / name).unlink(missing_ok=True)
            if not before:
                folder.rmdir()


def _claim(folder: Path, content: str) -> None:
    marker = folder / MARKER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = marker.read_text(encoding="utf-8").strip() if marker.exists() else ""
        ours = found or folder.resolve().is_relative_to(ROOT / "runs")
        strangers = [] if ours else sorted({path.name for path in folder.iterdir()} - {LOCK})
        if not found:
            marker.write_text(content + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror}); choose another") from None
    if strangers:
        marker.unlink()
        raise UserError(
            f"{folder}: holds files that galaxy-book did not write, such as {strangers[0]!r}, and "
            f"a {content} would overwrite files of the same names; choose an empty or new folder"
        )
    if found not in ("", content):
        raise UserError(f"{folder}: holds a {found}, not a {content}; choose another folder")


@dataclass(frozen=True)
class RunFolder:
    """Paths and contents of one run; `path` is `runs/<name>`."""

    path: Path

    @classmethod
    def named(cls, name: str) -> RunFolder:
        """Run folder of a name, inside the checkout's `runs/`; it need not exist."""
        if name in (MEASUREMENTS, CLASSIFIED):
            raise UserError(
                f"run name {name!r}: kept for the tables of `make measure` and `make classify`; "
                "take another"
            )
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
            raise UserError(
                f"run name {name!r}: use letters, digits, '.', '_' and '-', at most 64, "
                "beginning with a letter or digit"
            )
        return cls(ROOT / "runs" / name)

    def file(self, relative: str) -> Path:
        """Path of something in the run folder, with its parent; no path leads out of the folder."""
        path = self.path / relative
        if not path.resolve().is_relative_to(self.path.resolve()):
            raise UserError(f"{relative!r} leads out of the run folder {self.path}")
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def read_json(self, relative: str) -> Any:
        """Content of a JSON file of the run."""
        return json.loads(self.existing(relative).read_text(encoding="utf-8"))

    def write_json(self, relative: str, content: Any) -> None:
        """Write a JSON file of the run, complete or not at all."""
        write_atomically(self.file(relative), json.dumps(content, indent=1) + "\n")

    def read_table(self, relative: str) -> pd.DataFrame:
        """Read a parquet artefact."""
        import pandas as pd

        return pd.read_parquet(self.existing(relative))

    def read_arrays(self, relative: str) -> dict[str, NDArray[Any]]:
        """Read an npz artefact: arrays by name."""
        import numpy as np

        with np.load(self.existing(relative), allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}

    def existing(self, relative: str) -> Path:
        """Path of what an earlier page made; where it is missing the error tells how to make it."""
        path = self.file(relative)
        if path.exists():
            return path
        raise UserError(
            f"{path} is missing: an earlier page makes it; run the whole book first "
            f"(make book RUN={self.path.name})"
        )

    def results(self, numbers: Iterable[str]) -> dict[str, Any]:
        """Recorded results of pages by number: key to {value, text, unit, section, cell}."""
        merged: dict[str, Any] = {}
        for number in numbers:
            merged |= self.read_json(f"results/{number}.json")
        return merged
