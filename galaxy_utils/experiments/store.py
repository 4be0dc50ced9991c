"""The store: finished units of work that can be resumed, and results that the project holds."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor
from tqdm import tqdm

from galaxy_utils.config import Parameters
from galaxy_utils.errors import UserError
from galaxy_utils.provenance import sha256_of_file, versions, write_atomically
from galaxy_utils.run_folder import STUDIES

Row = dict[str, Any]
"""What JSON can hold, flat."""


@dataclass(frozen=True)
class Store:
    """Finished units of work, one file each: complete, or not there.

    Parameters
    ----------
    folder : Path
        Where they lie; it needs a name of its own for every state of what decides the results.
    """

    folder: Path

    def compute(
        self,
        measure: Callable[[Row], Any],
        units: Sequence[Row],
        n_processes: int | None = None,
        title: str = "",
    ) -> list[Any]:
        """Measure the units that are not finished yet, in parallel; a kill loses only those begun.

        Parameters
        ----------
        measure : callable
            From a unit to what JSON can hold. It runs on one thread, so that its numbers do not
            depend on what else is running.
        units : sequence of dict
            Flat, of what JSON can hold.
        n_processes : int, optional
            Worker processes; all cores if not given.
        title : str
            Of the progress bar.

        Returns
        -------
        list
            What was measured, in the order of the units.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        paths = [self._path(unit) for unit in units]
        todo = [(unit, path) for unit, path in zip(units, paths, strict=True) if not path.exists()]
        interval = 0.1 if sys.stderr.isatty() else 10.0
        with tqdm(
            total=len(units), initial=len(units) - len(todo), desc=title, mininterval=interval
        ) as bar:
            for _ in _in_parallel(measure, todo, n_processes or os.cpu_count() or 1):
                bar.update()
        return [json.loads(path.read_text(encoding="utf-8")) for path in paths]

    def n_finished(self, units: Sequence[Row]) -> int:
        """Count the units that `compute` would not measure again."""
        return sum(self._path(unit).exists() for unit in units)

    def _path(self, unit: Row) -> Path:
        digest = hashlib.sha256(json.dumps(unit, sort_keys=True).encode()).hexdigest()
        return self.folder / f"{digest[:16]}.json"


def _in_parallel(
    measure: Callable[[Row], Any], todo: list[tuple[Row, Path]], n_processes: int
) -> Iterator[None]:
    """Measure units in parallel; no worker is left waiting, nor what it shared."""
    jobs = (delayed(_measure_unit)(measure, unit, path) for unit, path in todo)
    with Parallel(n_jobs=n_processes, return_as="generator_unordered") as workers:
        try:
            yield from workers(jobs)
        finally:
            if n_processes > 1:
                get_reusable_executor(reuse=True).shutdown(wait=True, kill_workers=True)


def _measure_unit(measure: Callable[[Row], Any], unit: Row, path: Path) -> None:
    from threadpoolctl import threadpool_limits

    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    else:  # what torch reads should the unit import it, which takes a second
        os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    with threadpool_limits(1):
        found = measure(unit)
    write_atomically(path, json.dumps(found))


def read_result(name: str) -> pd.DataFrame:
    """Read the precomputed rows of an experiment.

    Parameters
    ----------
    name : str
        Of the experiment.

    Returns
    -------
    DataFrame
        Its rows.

    Raises
    ------
    UserError
        If there are none, or the file does not match its checksum.
    """
    path, stored = STUDIES / f"{name}.csv", read_settings(name)
    if stored is None or not path.exists():
        raise UserError(
            f"{path} is missing; restore it (git checkout {path}) or measure it: "
            f"make studies STUDIES={name}"
        )
    if sha256_of_file(path) != stored["sha256"]:
        raise UserError(
            f"{path} does not match its checksum; restore it (git checkout {path}) or measure it "
            f"again: make studies STUDIES={name}"
        )
    return pd.read_csv(path, dtype={"text": str})


def read_settings(name: str) -> Row | None:
    """Read what the precomputed rows of an experiment were measured with, as `write_result` wrote.

    None where there are none.
    """
    path = STUDIES / f"{name}.json"
    if not path.exists():
        return None
    stored: Row = json.loads(path.read_text(encoding="utf-8"))
    stored.setdefault("upstream", stored.get("after", {}) | stored.get("carried", {}))
    return stored


def write_result(
    name: str, rows: pd.DataFrame, settings: Row, started: float, resumed: int, code: str
) -> Path:
    """Write the rows of an experiment for the project to hold."""
    STUDIES.mkdir(parents=True, exist_ok=True)
    path, text = STUDIES / f"{name}.csv", _as_text(rows)
    content = {
        **settings,
        "minutes": round((time.time() - started) / 60, 1),
        "resumed_units": resumed,
        "cores": os.cpu_count(),
        "code": code,
        "versions": versions(),
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    write_atomically(path, text)
    write_atomically(path.with_suffix(".json"), json.dumps(content, indent=1) + "\n")
    return path


def differences(stored: Mapping[str, Any], settings: Mapping[str, Any]) -> list[str]:
    """List what keeps a precomputed result from being that of a run."""
    theirs, mine = stored["parameters"], settings["parameters"]
    defaults = {name: field.default for name, field in Parameters.model_fields.items()}
    changed = [name for name in mine if theirs.get(name, defaults[name]) != mine[name]]
    if stored["sample"] != settings["sample"]:
        changed.append("the galaxies")
    before = stored.get("upstream", {})
    for name, digest in settings.get("upstream", {}).items():
        if before.get(name) != digest:
            changed.append(f"the experiment {name}")
    if "split" in settings and stored.get("split", "objid") != settings["split"]:
        changed.append("the split into parts")
    if "profile" in settings and stored.get("profile") != settings["profile"]:
        changed.append("the parameters of a profile")
    return changed


def rows_digest(rows: pd.DataFrame) -> str:
    """Digest of rows, the same whether they are precomputed or were just measured."""
    return hashlib.sha256(_as_text(rows).encode()).hexdigest()


def _as_text(rows: pd.DataFrame) -> str:
    return rows.to_csv(index=False, float_format="%.6g", lineterminator="\n")
