"""How many galaxies change cluster within the errors of their measured parameters."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from galaxy_utils.clustering.pipelines import paper_pipeline
from galaxy_utils.config import MIXTURE, TRAINING, UPSTREAM, Parameters
from galaxy_utils.evaluation.assignments import assignment_changes, changed_shares
from galaxy_utils.experiments.experiment import Experiment
from galaxy_utils.experiments.selection import SEARCH_FILES, alternative_pipeline
from galaxy_utils.experiments.selection import read_inputs as read_selection
from galaxy_utils.experiments.standard_errors import read_standard_errors
from galaxy_utils.experiments.store import Row
from galaxy_utils.features.measured_table import UNCERTAINTY_FILE
from galaxy_utils.features.named_samples import PRECOMPUTED
from galaxy_utils.run_folder import RunFolder

PAPER, OURS = "paper's pipeline", "alternative"
PIPELINES = {PAPER: paper_pipeline, OURS: alternative_pipeline}


@dataclass(frozen=True)
class Inputs:
    """Feature table, standard errors by objid, and parameters of a run."""

    X: pd.DataFrame
    errors: pd.DataFrame
    parameters: Parameters


def read_inputs(folder: RunFolder, parameters: Parameters) -> Inputs | None:
    """Read a run and the standard errors of its sample; None where these were not measured."""
    path = PRECOMPUTED.get(parameters.sample)
    if path is None or not (path / UNCERTAINTY_FILE).exists():
        return None
    errors = read_standard_errors(parameters.sample)
    return Inputs(read_selection(folder, parameters).X, errors, parameters)


def _units(draws: int, seed: int) -> list[Row]:
    return [{"pipeline": name, "seed": seed + draw} for draw in range(draws) for name in PIPELINES]


def _measure(inputs: Inputs, unit: Row) -> list[Row]:
    estimator = PIPELINES[unit["pipeline"]](inputs.parameters, unit["seed"]).fit(inputs.X)
    changes = assignment_changes(estimator, inputs.X, inputs.errors, seed=unit["seed"])
    shares = changed_shares(changes) | {"galaxies": len(changes)}
    return [{"score": score, "value": value} for score, value in shares.items()]


ASSIGNMENTS = Experiment(
    "assignments", _units, _measure, (*UPSTREAM, *TRAINING, *MIXTURE),
    (*SEARCH_FILES, UNCERTAINTY_FILE), inputs=read_inputs,
)  # fmt: skip
"""Shares of galaxies whose cluster changes, as `changed_shares` gives them."""
