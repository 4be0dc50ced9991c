"""Former names, until everything imports `experiment` and `store`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from galaxy_utils.experiments.experiment import FEW_DRAWS, Experiment
from galaxy_utils.experiments.store import Row, Store, differences, rows_digest

__all__ = ["FEW_DRAWS", "Row", "Study", "differences", "rows_digest", "run_study"]


def Study(  # noqa: N802
    name: str,
    units: Callable[[int, int], list[Row]],
    measure: Callable[[Any, Row], list[Row]],
    parameters: tuple[str, ...] = (),
    files: tuple[str, ...] | None = (),
    of_sample: bool = True,
    after: tuple[str, ...] = (),
    carried: tuple[str, ...] = (),
    profile: str = "",
    inputs: Callable[..., Any] | None = None,
) -> Experiment:
    """Return the experiment."""
    if carried and inputs is not None:
        inputs = ignoring_upstream(inputs)
    return Experiment(
        name, units, measure, parameters, files if of_sample else None, (*after, *carried),
        profile, inputs,
    )  # fmt: skip


def ignoring_upstream(inputs: Callable[..., Any]) -> Callable[..., Any]:
    """Inputs that read upstream rows themselves."""
    return lambda folder, parameters, **_: inputs(folder, parameters)


def run_study(
    study: Experiment,
    inputs: Any,
    draws: int,
    seed: int,
    journal: Path,
    n_processes: int | None = None,
) -> pd.DataFrame:
    """Run an experiment."""
    return study.run(inputs, draws, seed, Store(journal), n_processes)
