"""The clusters of the alternative on all galaxies of a run, over seeds."""

from __future__ import annotations

from galaxy_utils.config import Parameters
from galaxy_utils.experiments.experiment import Experiment
from galaxy_utils.experiments.partition_text import partition_as_text
from galaxy_utils.experiments.selection import (
    SEARCH,
    SEARCH_FILES,
    Inputs,
    alternative_members,
    alternative_pipeline,
)
from galaxy_utils.experiments.selection import read_inputs as read_selection
from galaxy_utils.experiments.store import Row
from galaxy_utils.run_folder import RunFolder


def read_inputs(folder: RunFolder, parameters: Parameters) -> Inputs | None:
    """Read a run; None where it lacks a crop that the alternative needs."""
    found = read_selection(folder, parameters)
    crops = {spec.crop for spec in alternative_members()} - {"none"}
    there = all(any(f"-{crop}:" in str(name) for name in found.X) for crop in crops)
    return found if there else None


def _units(draws: int, seed: int) -> list[Row]:
    return [{"seed": seed + draw} for draw in range(draws)]


def _measure(data: Inputs, unit: Row) -> list[Row]:
    voting = alternative_pipeline(data.parameters, unit["seed"]).fit(data.X)
    return [{"score": "partition", "text": partition_as_text(voting.labels_)}]


ALTERNATIVE_PARTITIONS = Experiment(
    "alternative_partitions", _units, _measure, SEARCH.parameters, SEARCH_FILES, inputs=read_inputs
)
"""Partitions of the alternative over seeds, as text."""
