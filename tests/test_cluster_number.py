"""Planted groups are found and called real; one Gaussian is not."""

from __future__ import annotations

import numpy as np
import pytest

from galaxy_utils import nulls
from galaxy_utils.chain import Recipe
from galaxy_utils.cluster_number import (
    best_number,
    calibration_rows,
    clusterwise_jaccard,
    likelihood_rows,
    saturation_rows,
    stability_rows,
)
from galaxy_utils.study import Row

CENTRES = np.array([[0.0, 0, 0, 0], [8, 0, 0, 0], [0, 8, 0, 0]])
BLOBS = CENTRES[np.repeat([0, 1, 2], 150)] + np.random.default_rng(0).normal(size=(450, 4))


def value_of(rows: list[Row], score: str) -> float:
    return float(next(row["value"] for row in rows if row["score"] == score))


@pytest.mark.parametrize("covariance", ["full", "diag", "spherical"])
@pytest.mark.parametrize("score", ["bic", "icl", "held_out"])
def test_three_groups_are_counted(covariance: str, score: str) -> None:
    rows = likelihood_rows(BLOBS, range(1, 7), covariance, 1e-4, seed=0)
    best = best_number(rows, score)
    if score == "held_out":  # a fourth component may cost next to nothing there
        gain = {row["k"]: row["value"] for row in rows if row["score"] == score}
        assert gain[3] - gain[2] > 0.3 and abs(gain[best] - gain[3]) < 0.05
    else:
        assert best == 3


@pytest.mark.parametrize("seed", range(4))
def test_one_gaussian_is_one_group(seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(450, 4))
    rows = likelihood_rows(values, range(1, 7), "full", 1e-4, seed)
    assert best_number(rows, "bic") == best_number(rows, "icl") == 1


@pytest.mark.parametrize("seed", range(3))
def test_groups_are_stable_and_those_of_one_gaussian_are_not(seed: int) -> None:
    real = stability_rows(BLOBS, 3, "full", 1e-4, 6, seed)
    null = stability_rows(nulls.single_gaussian(BLOBS, seed), 3, "full", 1e-4, 6, seed)
    assert value_of(real, "jaccard_lowest") > 0.95
    assert value_of(real, "seed_ari") > 0.98
    assert value_of(null, "jaccard_lowest") < 0.75


def test_a_jaccard_coefficient_by_hand() -> None:
    reference = np.array([0, 0, 0, 1, 1])
    rows, cluster = np.array([0, 1, 1, 3, 4]), np.array([5, 5, 5, 5, 6])
    # Drawn: 0, 1 of cluster 0 and 3, 4 of cluster 1; found: {0, 1, 3} and {4}.
    np.testing.assert_allclose(clusterwise_jaccard(reference, rows, cluster), [2 / 3, 1 / 2])


def test_responsibilities_saturate_with_the_dimension_also_without_groups() -> None:
    rng = np.random.default_rng(3)
    values = rng.standard_t(4, size=(1500, 32))
    rows = saturation_rows(values, Recipe(), 0)
    full = {
        row["dimension"]: row["value"]
        for row in rows
        if row["covariance"] == "full" and row["score"] == "confident"
    }
    assert full[32] > 75 > full[2] + 20


def test_planted_groups_are_calibrated() -> None:
    rows = calibration_rows(BLOBS, Recipe(n_components=3), 0)
    assert value_of([r for r in rows if r["bin"] == -1], "confident_agree") > 99
    assert value_of([r for r in rows if r["bin"] == 9], "observed") > 0.99
    assert value_of([r for r in rows if r["bin"] == 0], "observed") < 0.01
