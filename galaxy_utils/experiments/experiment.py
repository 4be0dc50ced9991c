"""Experiments: what takes too long for a page, measured in units that can be resumed.

The results for the project's own sample and parameters lie in `data/studies/`. A run with another
sample or other parameters measures them itself, with fewer repeats.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor

from galaxy_utils.config import PROFILES, Parameters, split_names
from galaxy_utils.data.catalogue import read_rows
from galaxy_utils.experiments.store import Row, rows_digest
from galaxy_utils.features.named_samples import PRECOMPUTED
from galaxy_utils.morphology.columns import FIVE
from galaxy_utils.run_folder import RunFolder
from galaxy_utils.store import Key, Store

FEW_DRAWS = 4
"""With fewer draws than this some experiments leave out part of their grid, too."""


@dataclass(frozen=True)
class Experiment:
    """Something that is measured in many units.

    `units` makes them from the number of draws and a seed: flat dictionaries that JSON can hold,
    each with all of its randomness. `inputs` takes a run folder, its parameters and the upstream
    rows, and returns None where the run lacks what is needed, such as images. `measure` makes rows
    from these inputs and a unit, whose own columns are added to them.
    """

    name: str  # of its results, `data/studies/<name>.csv`
    units: Callable[[int, int], list[Row]]
    measure: Callable[[Any, Row], list[Row]]
    parameters: tuple[str, ...] = ()  # of a run, that decide the result
    # Read from the measured table besides catalogue, five parameters and the run's deep features;
    # None where the run's galaxies take no part.
    files: tuple[str, ...] | None = ()
    upstream: tuple[str, ...] = ()  # experiments whose rows `inputs` takes, by the same keywords
    profile: str = ""  # its parameters decide the result, whatever those of the run
    inputs: Callable[..., Any] | None = None

    def settings(
        self, folder: RunFolder, parameters: Parameters, upstream: Mapping[str, pd.DataFrame]
    ) -> Row:
        """Collect what decides the result: parameters and digest of the sample.

        Where there are any, also digests of upstream rows, and the parameters of a profile.
        """
        values = parameters.model_dump()
        found: Row = {
            "parameters": {name: values[name] for name in self.parameters},
            "sample": "none" if self.files is None else _sample_digest(folder, self.files, values),
        }
        if self.upstream:
            found["upstream"] = {name: rows_digest(upstream[name]) for name in self.upstream}
        if self.profile:
            changes = PROFILES[self.profile]
            found["profile"] = {name: changes[name] for name in changes if name != "study_draws"}
        return found

    def run(
        self, inputs: Any, draws: int, seed: int, store: Store, n_processes: int | None = None
    ) -> pd.DataFrame:
        """Measure all units that are not in the store yet, in parallel; all rows in their order.

        The inputs must be the same whenever the store is.
        """
        units = {unit_key(unit): unit for unit in self.units(draws, seed)}

        def run(keys: list[Key]) -> Iterator[dict[Key, list[Row]]]:
            todo = {key: units[key] for key in keys}
            return in_parallel(partial(self.measure, inputs), todo, n_processes)

        found = store.compute(list(units), run, f"experiment {self.name}")
        pairs = zip(units.values(), found, strict=True)
        return pd.DataFrame([unit | row for unit, rows in pairs for row in rows])


def unit_key(unit: Row) -> Key:
    """What a unit is known by in a store."""
    return (json.dumps(unit, sort_keys=True),)


def in_parallel(
    measure: Callable[[Row], list[Row]], units: Mapping[Key, Row], n_processes: int | None
) -> Iterator[dict[Key, list[Row]]]:
    """Measure units in parallel, on all cores if not told otherwise; no worker is left waiting."""
    jobs = (delayed(_on_one_thread)(measure, key, unit) for key, unit in units.items())
    with Parallel(n_jobs=n_processes or -1, return_as="generator_unordered") as workers:
        try:
            yield from workers(jobs)
        finally:
            if n_processes != 1:
                get_reusable_executor(reuse=True).shutdown(wait=True, kill_workers=True)


def _on_one_thread(
    measure: Callable[[Row], list[Row]], key: Key, unit: Row
) -> dict[Key, list[Row]]:
    """Measure a unit so that its numbers do not depend on what else is running."""
    from threadpoolctl import threadpool_limits

    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    else:  # what torch reads should the unit import it, which takes a second
        os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    with threadpool_limits(1):
        return {key: measure(unit)}


def _sample_digest(folder: RunFolder, files: Iterable[str], run: Mapping[str, Any]) -> str:
    if run["sample"] not in PRECOMPUTED or run["from_pixels"]:
        return str(folder.read_json("sample.json")["digest"])
    deep = (f"{name}-{run['crop']}.npz" for name in split_names(run["backbones"]))
    return measured_digest(PRECOMPUTED[run["sample"]], (*deep, *files))


def measured_digest(folder: Path, files: Iterable[str]) -> str:
    """Digest of a measured table: checksums of its files, and the five parameters.

    Only galaxies that have all five count: others never reach an experiment, and a reason
    worded differently changes none.
    """
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    complete = read_rows(folder / "morphology.csv")[["objid", *FIVE]].dropna()
    rows = complete.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    checksums = [manifest.get(name) for name in ("catalogue.csv", *files)]
    return hashlib.sha256(json.dumps([*checksums, rows]).encode()).hexdigest()
