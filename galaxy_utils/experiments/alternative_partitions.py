"""The clusters of the alternative on all galaxies of a run, over seeds."""

from __future__ import annotations

from galaxy_utils.experiments.experiment import Experiment
from galaxy_utils.experiments.partition_text import partition_as_text
from galaxy_utils.experiments.selection import (
    SEARCH,
    SEARCH_FILES,
    Inputs,
    alternative_pipeline,
    read_inputs,
)
from galaxy_utils.experiments.store import Row


def _units(draws: int, seed: int) -> list[Row]:
    return [{"seed": seed + draw} for draw in range(draws)]


def _measure(data: Inputs, unit: Row) -> list[Row]:
    voting = alternative_pipeline(data.parameters, unit["seed"]).fit(data.X)
    return [{"score": "partition", "text": partition_as_text(voting.labels_)}]


ALTERNATIVE_PARTITIONS = Experiment(
    "alternative_partitions", _units, _measure, SEARCH.parameters, SEARCH_FILES, inputs=read_inputs
)
"""Partitions of the alternative over seeds, as text."""
