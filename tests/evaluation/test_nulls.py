"""Nulls keep what they promise and lose the groups."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import skew
from sklearn.metrics import silhouette_score

from galaxy_utils.clustering.comparison import kmeans
from galaxy_utils.evaluation.nulls import (
    NULLS,
    Comparison,
    Null,
    compare,
    gaussian_copula,
    single_gaussian,
)

CENTRES = np.array([[0.0, 0, 0], [9, 0, 0], [0, 9, 3]])
BLOBS = CENTRES[np.repeat([0, 1, 2], 100)] + np.random.default_rng(0).normal(size=(300, 3))


def best_silhouette(values: np.ndarray) -> float:
    """Silhouette of the best three groups that K-Means makes."""
    return float(silhouette_score(values, kmeans(values, 3, seed=0)))


def test_a_single_gaussian_has_the_datas_moments() -> None:
    drawn = single_gaussian(np.tile(BLOBS, (20, 1)), seed=0)
    assert drawn.shape == (6000, 3)
    np.testing.assert_allclose(drawn.mean(axis=0), BLOBS.mean(axis=0), atol=0.2)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(BLOBS.T), rtol=0.1, atol=0.5)
    np.testing.assert_array_equal(drawn, single_gaussian(np.tile(BLOBS, (20, 1)), seed=0))
    assert single_gaussian(BLOBS[:, :1], seed=0).shape == (300, 1)


def test_a_copula_keeps_every_marginal_and_the_correlation() -> None:
    rng = np.random.default_rng(1)
    normal = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], 4000)
    values = np.stack([np.exp(normal[:, 0]), normal[:, 1] ** 3], axis=1)
    drawn = gaussian_copula(values, seed=0)
    assert drawn.shape == values.shape
    shares = np.linspace(0.05, 0.95, 19)
    for column in range(2):
        np.testing.assert_allclose(
            np.quantile(drawn[:, column], shares), np.quantile(values[:, column], shares),
            rtol=0.15, atol=0.05,
        )  # fmt: skip
        assert np.sign(skew(drawn[:, 0])) == np.sign(skew(values[:, 0]))
    ranks = np.corrcoef(*(np.argsort(np.argsort(drawn[:, c])) for c in range(2)))[0, 1]
    expected = np.corrcoef(*(np.argsort(np.argsort(values[:, c])) for c in range(2)))[0, 1]
    assert ranks == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("null", NULLS.values(), ids=NULLS)
def test_planted_groups_stand_out_of_every_null(null: Null) -> None:
    found = compare(best_silhouette, best_silhouette(BLOBS), BLOBS, null, 20, seed=0)
    assert found.value > found.interval[1] + 0.1
    assert found.p_value == pytest.approx(1 / 21)


@pytest.mark.parametrize("seed", range(3))
def test_one_gaussian_does_not_stand_out_of_its_null(seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(300, 3))
    found = compare(best_silhouette, best_silhouette(values), values, single_gaussian, 20, 100)
    assert found.p_value > 0.05


@pytest.mark.parametrize("null", NULLS.values(), ids=NULLS)
def test_draws_follow_their_seed(null: Null) -> None:
    np.testing.assert_array_equal(null(BLOBS, 3), null(BLOBS, 3))
    assert not np.array_equal(null(BLOBS, 3), null(BLOBS, 4))


def test_the_p_value_worked_by_hand() -> None:
    assert Comparison(2.5, np.array([1.0, 2, 3])).p_value == pytest.approx(2 / 4)
    assert Comparison(9.0, np.array([1.0, 2, 3])).p_value == pytest.approx(1 / 4)
