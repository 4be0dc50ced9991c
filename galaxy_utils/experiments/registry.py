"""All experiments by name, imported when they are asked for."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from importlib import import_module

from galaxy_utils.errors import UserError
from galaxy_utils.experiments.experiment import Experiment

EXPERIMENTS = {
    "chain": "nulls:CHAIN",
    "circularity": "nulls:CIRCULARITY",
    "cluster_number": "n_components:CLUSTER_NUMBER",
    "algorithms": "algorithms:ALGORITHMS",
    "oddities": "outliers:OUTLIERS",
    "search": "selection:SEARCH",
    "folds": "selection:FOLDS",
    "alternative": "selection:ALTERNATIVE",
    "robustness": "perturbations:PERTURBED",
    "known_truth": "recovery:RECOVERY",
    "encoders": "encoders:ENCODERS",
    "alternative_partitions": "alternative_partitions:ALTERNATIVE_PARTITIONS",
    "sample_size": "sample_size:SAMPLE_SIZE",
    "assignments": "assignments:ASSIGNMENTS",
}
"""Module and constant of each; upstream experiments stand first."""


def find_experiment(name: str) -> Experiment:
    """Import an experiment.

    Parameters
    ----------
    name : str
        Key of `EXPERIMENTS`.

    Returns
    -------
    Experiment
        The experiment.
    """
    module, _, constant = EXPERIMENTS[name].partition(":")
    found: Experiment = getattr(import_module(f"{__package__}.{module}"), constant)
    return found


def check_names(names: Iterable[str]) -> None:
    """Refuse names of experiments that do not exist.

    Parameters
    ----------
    names : iterable of str
        What somebody typed.

    Raises
    ------
    UserError
        For the first unknown name.
    """
    for name in names:
        if name not in EXPERIMENTS:
            close = difflib.get_close_matches(name, EXPERIMENTS, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise UserError(
                f"there is no experiment {name!r}{hint}; there are {', '.join(EXPERIMENTS)}"
            )
