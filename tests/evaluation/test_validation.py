"""Which of two partitions shares more with the Galaxy Zoo types."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.evaluation.validation import shared_with_classes


def test_which_partition_shares_more_with_the_types_is_told_with_an_interval() -> None:
    rng = np.random.default_rng(0)
    types = pd.Series(rng.choice(["elliptical", "merger", "edge_on"], 600))
    truth = types.map({"elliptical": 0, "merger": 1, "edge_on": 2}).to_numpy(np.int64)
    half = np.where(rng.random(600) < 0.5, truth, rng.integers(0, 3, 600))
    found = shared_with_classes(half, truth, types, seed=0)
    assert found.second == pytest.approx(1)
    assert found.first_is_lower is True
    assert shared_with_classes(truth, half, types, 0).first_is_lower is False
    noise, other = rng.integers(0, 3, (2, 600))
    assert shared_with_classes(noise, other, types, 0).first_is_lower is None


def test_the_sense_of_rotation_and_dont_know_are_no_types() -> None:
    classes = pd.Series(["spiral_cw", "spiral_acw", "elliptical", "dont_know"] * 50)
    by_type = np.tile([0, 0, 1, 0], 50)
    found = shared_with_classes(by_type, by_type, classes, seed=0)
    assert found.first == pytest.approx(1)


def test_without_classes_nothing_is_compared() -> None:
    found = shared_with_classes(np.zeros(5, int), np.zeros(5, int), pd.Series([None] * 5), 0)
    assert (found.first, found.first_is_lower) == (None, None)
    assert "no classes" in found.sentence("a", "b")
