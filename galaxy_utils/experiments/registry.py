"""All experiments by name, imported when they are asked for."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from importlib import import_module

from galaxy_utils.errors import UserError
from galaxy_utils.experiments.experiment import Experiment

EXPERIMENTS = {
    "chain": "galaxy_utils.evaluation.chain:CHAIN",
    "circularity": "galaxy_utils.evaluation.chain:CIRCULARITY",
    "cluster_number": "galaxy_utils.evaluation.cluster_number:CLUSTER_NUMBER",
    "algorithms": "galaxy_utils.evaluation.algorithms:ALGORITHMS",
    "oddities": "galaxy_utils.evaluation.oddities:ODDITIES",
    "search": "galaxy_utils.experiments.selection:SEARCH",
    "folds": "galaxy_utils.experiments.selection:FOLDS",
    "alternative": "galaxy_utils.experiments.selection:ALTERNATIVE",
    "robustness": "galaxy_utils.evaluation.robustness:ROBUSTNESS",
    "known_truth": "galaxy_utils.evaluation.known_truth:KNOWN_TRUTH",
    "encoders": "galaxy_utils.experiments.encoders:ENCODERS",
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
    found: Experiment = getattr(import_module(module), constant)
    if found.inputs is None:  # until every experiment brings its own
        from galaxy_utils.experiments.studies import with_inputs

        return with_inputs(found)
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
