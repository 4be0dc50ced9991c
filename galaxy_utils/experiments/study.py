"""Studies: what takes too long for a page is measured once, kept with its seeds, and shown.

A study is a list of units, each a small dictionary; measuring one gives rows
of a table. Finished units lie in a journal, so that a kill loses one unit. The
project carries the results of the studies of its own sample and parameters in
`data/studies/`; a run with another sample or other parameters measures them
itself, with fewer draws.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor
from tqdm import tqdm

from galaxy_utils.config import Parameters
from galaxy_utils.provenance import PACKAGE, git_commit, versions, write_atomically

FEW_DRAWS = 4
"""With fewer draws than this some studies leave out part of their grid, too."""

Row = dict[str, Any]
"""What JSON can hold, flat."""


@dataclass(frozen=True)
class Study:
    """Something that is measured in many units.

    Parameters
    ----------
    name : str
        Stem of its files.
    units : callable
        From the number of draws and a seed to the units; every unit carries
        all of its randomness.
    measure : callable
        From the inputs and a unit to rows; the unit's own columns are added.
    parameters : tuple of str
        Parameters of a run that decide the result.
    files : tuple of str
        Files of a measured table that it reads beside those of the run itself.
    of_sample : bool
        Whether the run's galaxies take part in it.
    after : tuple of str
        Studies whose results it rests on: those of the same run.
    carried : tuple of str
        Studies whose results it reads as the project carries them, whatever the run.
    inputs : callable
        Makes what `measure` takes from a run folder and its parameters; gives None where the
        run lacks what is needed, such as images.
    profile : str
        Profile whose recipe it judges beside the run's own.
    """

    name: str
    units: Callable[[int, int], list[Row]]
    measure: Callable[[Any, Row], list[Row]]
    parameters: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    of_sample: bool = True
    after: tuple[str, ...] = ()
    carried: tuple[str, ...] = ()
    profile: str = ""
    inputs: Callable[..., Any] | None = None


def run_study(
    study: Study, inputs: Any, draws: int, seed: int, journal: Path, n_processes: int | None = None
) -> pd.DataFrame:
    """Measure all units of a study that are not yet in the journal, in parallel.

    Parameters
    ----------
    study : Study
        What to measure.
    inputs : object
        What its `measure` takes; must be the same whenever the journal is.
    draws, seed : int
        Size and first seed.
    journal : Path
        Folder for finished units, one file each.
    n_processes : int, optional
        Worker processes; all cores if not given.

    Returns
    -------
    DataFrame
        The rows of all units, in the order of the units.
    """
    journal.mkdir(parents=True, exist_ok=True)
    units = study.units(draws, seed)
    paths = _unit_paths(study, units, journal)
    todo = [(unit, path) for unit, path in zip(units, paths, strict=True) if not path.exists()]
    interval = 0.1 if sys.stderr.isatty() else 10.0
    with tqdm(
        total=len(units), initial=len(units) - len(todo), desc=f"study {study.name}",
        mininterval=interval,
    ) as bar:  # fmt: skip
        for _ in _measured(study, inputs, todo, n_processes or os.cpu_count() or 1):
            bar.update()
    rows = [
        unit | row
        for unit, path in zip(units, paths, strict=True)
        for row in json.loads(path.read_text(encoding="utf-8"))
    ]
    return pd.DataFrame(rows)


def _measured(
    study: Study, inputs: Any, todo: list[tuple[Row, Path]], n_processes: int
) -> Iterator[None]:
    """Measure units side by side; no worker is left waiting, nor what it shared."""
    jobs = (delayed(_measure_unit)(study.measure, inputs, unit, path) for unit, path in todo)
    with Parallel(n_jobs=n_processes, return_as="generator_unordered") as workers:
        try:
            yield from workers(jobs)
        finally:
            if n_processes > 1:
                get_reusable_executor(reuse=True).shutdown(wait=True, kill_workers=True)


def _unit_paths(study: Study, units: list[Row], journal: Path) -> list[Path]:
    return [journal / f"{study.name}-{_digest(unit)}.json" for unit in units]


def finished_units(study: Study, draws: int, seed: int, journal: Path) -> int:
    """How many units of a study a journal has already.

    Parameters
    ----------
    study, draws, seed, journal
        As in `run_study`.

    Returns
    -------
    int
        Units that `run_study` will not measure again.
    """
    return sum(path.exists() for path in _unit_paths(study, study.units(draws, seed), journal))


def _digest(unit: Row) -> str:
    return hashlib.sha256(json.dumps(unit, sort_keys=True).encode()).hexdigest()[:16]


def _measure_unit(
    measure: Callable[[Any, Row], list[Row]], inputs: Any, unit: Row, path: Path
) -> None:
    """One unit on one thread: the same numbers whatever runs beside it."""
    from threadpoolctl import threadpool_limits

    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    else:  # what torch reads should the unit import it, which takes a second
        os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    with threadpool_limits(1):
        rows = measure(inputs, unit)
    write_atomically(path, json.dumps(rows))


def write_study(
    folder: Path, name: str, table: pd.DataFrame, settings: Row, started: float,
    resumed: int = 0, code: str | None = None,
) -> None:  # fmt: skip
    """Keep a study's result, for the project to carry.

    Parameters
    ----------
    folder : Path
        `data/studies`.
    name : str
        Of the study.
    table : DataFrame
        Its rows.
    settings : dict
        What it was made from, see `differences`.
    started : float
        Seconds since the epoch.
    resumed : int
        Units that were there before, and which the minutes do not count.
    code : str, optional
        Code version when it was started; the present one if not given.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = _as_text(table)
    write_atomically(folder / f"{name}.csv", text)
    content = {
        **settings,
        "minutes": round((time.time() - started) / 60, 1),
        "resumed_units": resumed,
        "cores": os.cpu_count(),
        "code": code or git_commit(PACKAGE),
        "versions": versions(),
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    write_atomically(folder / f"{name}.json", json.dumps(content, indent=1) + "\n")


def differences(stored: Row, settings: Row) -> list[str]:
    """What keeps a stored study from being this run's.

    A parameter that is younger than the stored study had its default then.

    Parameters
    ----------
    stored : dict
        Content of the study's JSON file.
    settings : dict
        The run's: `parameters` (name to value), `sample` (digest) and, where it
        rests on other studies, `after` and `carried` (name to digest); `profile` (what
        it changes) where it judges one.

    Returns
    -------
    list of str
        Names of the parameters that differ, `the galaxies`, studies that it rests
        on and `a profile's recipe`; empty where none does.
    """
    theirs, mine = stored["parameters"], settings["parameters"]
    defaults = {name: field.default for name, field in Parameters.model_fields.items()}
    changed = [name for name in mine if theirs.get(name, defaults[name]) != mine[name]]
    rested = [
        f"the study {name}"
        for kind in ("after", "carried")
        for name, digest in settings.get(kind, {}).items()
        if stored.get(kind, {}).get(name) != digest
    ]
    if stored["sample"] != settings["sample"]:
        changed.append("the galaxies")
    if "profile" in settings and stored.get("profile") != settings["profile"]:
        rested.append("a profile's recipe")
    return changed + rested


def rows_digest(table: pd.DataFrame) -> str:
    """Checksum of a study's rows, the same whether they are carried or were just measured.

    Parameters
    ----------
    table : DataFrame
        Its rows.

    Returns
    -------
    str
        sha256 of their text.
    """
    return hashlib.sha256(_as_text(table).encode()).hexdigest()


def _as_text(table: pd.DataFrame) -> str:
    return table.to_csv(index=False, float_format="%.6g", lineterminator="\n")


def resumed_note(stored: Row) -> str:
    """What to add to a study's duration where a journal had units of it already.

    Parameters
    ----------
    stored : dict
        Content of the study's JSON file.

    Returns
    -------
    str
        Empty where all was measured in one go.
    """
    resumed = stored.get("resumed_units", 0)
    return f", without {resumed} units that were measured before" if resumed else ""
