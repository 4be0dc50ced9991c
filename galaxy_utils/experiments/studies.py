"""Former names, until everything imports `registry` and `measuring`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from galaxy_utils.experiments.experiment import Experiment
from galaxy_utils.experiments.measuring import load_or_measure, measure_experiment
from galaxy_utils.experiments.registry import EXPERIMENTS, check_names, find_experiment
from galaxy_utils.experiments.study import ignoring_upstream

if TYPE_CHECKING:
    from galaxy_utils.workflow.page import Page

check_study_names, measure_study = check_names, measure_experiment

_INPUTS = {
    "circularity": "for_chain", **{
        name: f"for_{name}" for name in (
            "chain", "cluster_number", "algorithms", "oddities", "robustness", "known_truth",
        )
    },
}  # fmt: skip


def with_inputs(experiment: Experiment) -> Experiment:
    """The experiment with the function of `inputs` that makes its inputs."""
    from galaxy_utils.experiments import inputs

    found = getattr(inputs, _INPUTS[experiment.name])
    return replace(experiment, inputs=ignoring_upstream(found))


def load_study(
    page: Page, study: Experiment, make_inputs: Callable[..., Any] | None, draws: int
) -> pd.DataFrame:
    """Load or measure; upstream rows are those that the page has loaded before."""
    if make_inputs is not None:
        study = replace(study, inputs=ignoring_upstream(make_inputs))
    taken: dict[str, Any] = page.rows_taken
    upstream = {name: taken[name] for name in study.upstream if name in taken}
    rows = load_or_measure(page, study, draws, **upstream)
    taken[study.name] = rows
    return rows


def __getattr__(name: str) -> Any:
    if name == "STUDIES_BY_NAME":
        return {key: (find_experiment(key), None) for key in EXPERIMENTS}
    raise AttributeError(name)
