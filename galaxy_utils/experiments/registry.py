"""All experiments by name, imported when they are asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the command line lists the names without what they import
    from galaxy_utils.experiments.experiment import Experiment

EXPERIMENTS = {
    "chain": "nulls:CHAIN",
    "circularity": "nulls:CIRCULARITY",
    "cluster_number": "n_components:CLUSTER_NUMBER",
    "algorithms": "algorithms:ALGORITHMS",
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
    """Import an experiment by its name."""
    module, _, constant = EXPERIMENTS[name].partition(":")
    found: Experiment = getattr(import_module(f"{__package__}.{module}"), constant)
    return found
