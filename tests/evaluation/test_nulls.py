"""Nulls keep what they promise and lose the groups."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import skew
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

from galaxy_utils.evaluation.nulls import (
    COPULA,
    NULLS,
    REAL,
    SHUFFLED_PAIRS,
    compare_scores,
    gaussian_copula,
    shuffled_pairs,
    single_gaussian,
)
from galaxy_utils.features.feature_table import make_feature_table

CENTRES = np.array([[0.0, 0, 0], [9, 0, 0], [0, 9, 3]])
BLOBS = CENTRES[np.repeat([0, 1, 2], 100)] + np.random.default_rng(0).normal(size=(300, 3))
KMEANS = KMeans(3, n_init=10, random_state=0)


def silhouette(points: np.ndarray) -> float:
    return float(silhouette_score(points, KMEANS.fit_predict(points)))


def table() -> pd.DataFrame:
    """A feature table whose modalities are the same numbers."""
    rng = np.random.default_rng(0)
    measured = pd.DataFrame(
        rng.normal(size=(200, 2)), [f"g{i}" for i in range(200)], ["gini", "m20"]
    )
    deep = (measured.to_numpy() + rng.normal(0, 0.1, (200, 2))).astype(np.float32)
    return make_feature_table(measured, {"net-full": deep})


def test_a_single_gaussian_has_the_moments_of_the_data() -> None:
    drawn = single_gaussian(np.tile(BLOBS, (20, 1)), seed=0)
    assert drawn.shape == (6000, 3)
    np.testing.assert_allclose(drawn.mean(axis=0), BLOBS.mean(axis=0), atol=0.2)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(BLOBS.T), rtol=0.1, atol=0.5)
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
def test_draws_follow_their_seed_and_a_table_is_drawn_as_its_values(null: Any) -> None:
    np.testing.assert_array_equal(null(BLOBS, 3), null(BLOBS, 3))
    assert not np.array_equal(null(BLOBS, 3), null(BLOBS, 4))
    X = table()
    drawn = null(X, 3)
    assert drawn.index.equals(X.index) and drawn.columns.equals(X.columns)
    assert drawn.dtypes.equals(X.dtypes)
    values = null(np.ascontiguousarray(X.to_numpy(np.float64)), 3)
    np.testing.assert_array_equal(drawn["gini"], values[:, 0])
    np.testing.assert_array_equal(drawn["net-full:0001"], values[:, 3].astype(np.float32))


def test_shuffled_pairs_keep_both_modalities_and_lose_their_relation() -> None:
    X = table()
    drawn = shuffled_pairs(X, 0)
    deep, measured = ["net-full:0000", "net-full:0001"], ["gini", "m20"]
    pd.testing.assert_frame_equal(drawn[deep], X[deep])
    assert drawn.columns.equals(X.columns) and drawn.dtypes.equals(X.dtypes)
    rows = {tuple(row) for row in X[measured].to_numpy()}
    assert {tuple(row) for row in drawn[measured].to_numpy()} == rows  # galaxies, not numbers
    assert np.corrcoef(X["gini"], X["net-full:0000"])[0, 1] > 0.9
    assert abs(np.corrcoef(drawn["gini"], drawn["net-full:0000"])[0, 1]) < 0.2
    assert (drawn["gini"] != shuffled_pairs(X, 1)["gini"]).any()


@pytest.mark.parametrize("null", NULLS.values(), ids=NULLS)
def test_planted_groups_exceed_every_null(null: Any) -> None:
    assert silhouette(BLOBS) > max(silhouette(null(BLOBS, seed)) for seed in range(20)) + 0.1


@pytest.mark.parametrize("seed", range(3))
def test_one_gaussian_does_not_exceed_its_null(seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(300, 3))
    null = np.array([silhouette(single_gaussian(values, 100 + draw)) for draw in range(20)])
    assert (null >= silhouette(values)).any()


def drawn_scores(real: list[float], shuffled: list[float], **columns: str) -> pd.DataFrame:
    values = {REAL: real, SHUFFLED_PAIRS: shuffled, COPULA: [0.0] * len(real)}
    columns = {"partition": "fused", "space": "latent", "score": "silhouette"} | columns
    return pd.DataFrame([
        {"data": name, "draw": draw, "value": value, **columns}
        for name, drawn in values.items() for draw, value in enumerate(drawn)
    ])  # fmt: skip


def test_the_null_that_scores_best_counts_and_draws_are_paired() -> None:
    row = compare_scores(drawn_scores([0.3, 0.5], [0.1, 0.2])).iloc[0]
    assert row["null"] == SHUFFLED_PAIRS and row["exceeds_null"]
    names = ["value", "low", "high", "null_value", "null_low", "null_high"]
    assert row[names].tolist() == pytest.approx([0.4, 0.3, 0.5, 0.15, 0.1, 0.2])
    assert row[["gain", "gain_low", "gain_high"]].tolist() == pytest.approx([0.25, 0.2, 0.3])
    lower = compare_scores(drawn_scores([0.3, 0.5], [0.1, 0.2], score="davies_bouldin")).iloc[0]
    assert lower["null"] == COPULA and lower["gain"] == pytest.approx(-0.4)
    assert not lower["exceeds_null"]
    overlapping = compare_scores(drawn_scores([0.3, 0.5], [0.1, 0.4])).iloc[0]
    assert overlapping["gain_low"] > 0 and not overlapping["exceeds_null"]


def test_of_nulls_that_tie_the_first_is_named_and_without_any_none() -> None:
    tied = compare_scores(drawn_scores([1.0, 1.0], [0.0, 0.0])).iloc[0]
    assert tied["null"] == SHUFFLED_PAIRS
    scored = drawn_scores([1.0, 1.0], [0.0, 0.0])
    alone = compare_scores(scored[scored["data"] == REAL]).iloc[0]
    assert alone["null"] is None and not alone["exceeds_null"] and np.isnan(alone["gain"])
