"""Resampling by group gives the error of a mean whose galaxies come in groups."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.evaluation.resampling import bootstrap, interval


def test_groups_of_equal_galaxies_count_once() -> None:
    values = np.random.default_rng(1).normal(size=100)
    fourfold, groups = np.repeat(values, 4), np.repeat([f"field {n}" for n in range(100)], 4)
    order = np.random.default_rng(2).permutation(400)
    fourfold, groups = fourfold[order], groups[order]

    def mean(rows: np.ndarray) -> float:
        return float(fourfold[rows].mean())

    expected = values.std() / 100**0.5
    by_group = bootstrap(mean, 400, 3, 4000, groups)
    one_by_one = bootstrap(mean, 400, 3, 4000)
    assert by_group.std() == pytest.approx(expected, rel=0.05)
    assert one_by_one.std() == pytest.approx(expected / 2, rel=0.05)


def test_complete_groups_are_drawn_as_often_as_there_are_groups() -> None:
    groups = ["a", "b", "a", "c", "c", "c"]
    drawn: list[np.ndarray] = []
    bootstrap(lambda rows: float(drawn.append(rows) or 0), 6, 0, 50, groups)
    for rows in drawn:
        counts = np.bincount(rows, minlength=6)
        assert counts[0] == counts[2] and counts[3] == counts[4] == counts[5]
        assert counts[0] + counts[1] + counts[3] == 3
    assert len({len(rows) for rows in drawn}) > 1


def test_groups_of_one_are_the_ordinary_bootstrap() -> None:
    values = np.random.default_rng(0).normal(size=30)

    def mean(rows: np.ndarray) -> float:
        return float(values[rows].mean())

    pd.testing.assert_series_equal(
        bootstrap(mean, 30, 5, 20), bootstrap(mean, 30, 5, 20, list(range(30)))
    )


def test_a_group_for_every_galaxy_is_needed() -> None:
    with pytest.raises(ValueError, match="2 groups for 3 galaxies"):
        bootstrap(lambda rows: 0.0, 3, 0, groups=["a", "b"])


def test_an_interval_holds_what_it_says_and_its_lower_end_comes_first() -> None:
    low, high = interval(np.arange(1001) / 1000)
    assert (low, high) == pytest.approx((0.025, 0.975))
    covered = 0
    for seed in range(200):
        values = np.random.default_rng(seed).normal(0, 1, 60)
        drawn = bootstrap(lambda rows, values=values: values[rows].mean(), 60, seed)
        low, high = interval(np.asarray(drawn))
        covered += low < 0 < high
    assert 0.85 < covered / 200 < 0.99
