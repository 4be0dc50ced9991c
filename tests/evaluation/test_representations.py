"""Representations: probes, clusters and neighbours on features whose structure is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

from galaxy_utils.clustering.mixture import OrderedGaussianMixture
from galaxy_utils.evaluation.representations import (
    cluster_scores,
    correlate,
    nearest_galaxies,
    neighbour_agreement,
    neighbour_examples,
    predict_types,
    rotate_image,
)

TYPES = np.array(["edge-on", "elliptical", "merger", "spiral"], object)


@pytest.fixture(scope="module")
def number() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 4, 240)


@pytest.fixture(scope="module")
def X(number: np.ndarray) -> np.ndarray:
    """Four groups far apart, in the directions of four axes."""
    noise = np.random.default_rng(1).normal(size=(len(number), 6))
    return 20 * np.eye(6)[number] + noise


def test_a_full_turn_changes_nothing_and_a_quarter_is_a_quarter() -> None:
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    np.testing.assert_array_equal(rotate_image(image, 360), image)
    np.testing.assert_array_equal(rotate_image(image, 90), np.rot90(image))
    assert rotate_image(image[:20], 30).shape == (20, 32, 3)


def test_probes_predict_types_upright_and_rotated(X: np.ndarray, number: np.ndarray) -> None:
    types = TYPES[number]
    types[:160:10] = None
    swapped = X[160:][::-1]  # rotated images that look like another galaxy
    found = predict_types(X[:160], types[:160], X[160:], swapped, 0)
    assert found["probe"].tolist() == ["linear"] * 80 + ["neighbours"] * 80
    for _, mine in found.groupby("probe"):
        np.testing.assert_array_equal(mine["galaxy"], np.arange(80))
        np.testing.assert_array_equal(mine["upright"], TYPES[number[160:]])
        np.testing.assert_array_equal(mine["rotated"], TYPES[number[160:]][::-1])
    nothing = predict_types(X[:160], np.full(160, None), X[160:], swapped, 0)
    assert nothing.empty and list(nothing.columns) == list(found.columns)


def test_clusters_are_scored_on_other_galaxies(X: np.ndarray, number: np.ndarray) -> None:
    pipeline = make_pipeline(PCA(4, random_state=0), OrderedGaussianMixture(4, random_state=0))
    types, half = TYPES[number], np.arange(80) < 40
    rotated = np.where(half[:, None], X[160:], X[160:] + 20 * np.eye(6)[(number[160:] + 1) % 4])
    rotated[~half] -= 20 * np.eye(6)[number[160:][~half]]  # now of the next group
    found = cluster_scores(pipeline, X[:160], X[160:], types[160:], 0, rotated)
    assert found["ari"] == found["ami"] == found["stability"] == 1
    assert abs(found["null_ari"]) < 0.1 and found["unchanged"] == 0.5
    assert "unchanged" not in cluster_scores(pipeline, X[:160], X[160:], types[160:], 0)
    untyped = cluster_scores(pipeline, X[:160], X[160:], np.full(80, None), 0)
    assert np.isnan(untyped["ari"]) and untyped["stability"] == 1
    assert not hasattr(pipeline[-1], "means_")  # what is passed stays unfitted


def test_correlations_are_spearmans_over_what_was_measured(X: np.ndarray) -> None:
    properties = pd.DataFrame(
        {"cube": X[:, 1] ** 3, "some": X[:, 0] - X[:, 2], "few": np.nan}, index=list("ab") * 120
    ).reset_index(drop=True)
    properties.loc[::3, "some"] = np.nan
    properties.loc[:1, "few"] = 1.0
    found = correlate(X[:, :3], properties).set_index(["property", "component"])["value"]
    assert list(found.index) == [(name, k) for name in ("cube", "some") for k in (1, 2, 3)]
    assert found["cube", 2] == pytest.approx(1)
    there = properties["some"].notna()
    for k in (1, 2, 3):
        expected = spearmanr(X[there, k - 1], properties.loc[there, "some"]).statistic
        assert found["some", k] == pytest.approx(expected)


def test_nearest_galaxies_are_near_by_angle_and_leave_out_the_query(
    X: np.ndarray, number: np.ndarray
) -> None:
    near = nearest_galaxies(X, np.array([3, 7]), 5)
    assert near.shape == (2, 5) and 3 not in near[0] and 7 not in near[1]
    assert (number[near] == number[[3, 7]][:, None]).all()
    values = (X - X.mean(axis=0)) / X.std(axis=0)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    np.testing.assert_array_equal(near[0], np.argsort(-values @ values[3])[1:6])


def test_neighbours_agree_where_features_know_the_types(X: np.ndarray, number: np.ndarray) -> None:
    types = TYPES[number]
    types[::9] = None
    noise = np.random.default_rng(2).normal(size=X.shape)
    assert neighbour_agreement(X, types) == 1 and neighbour_agreement(noise, types) < 0.4
    assert np.isnan(neighbour_agreement(X, np.full(len(X), None)))


def test_examples_are_a_typical_galaxy_and_its_neighbours(
    X: np.ndarray, number: np.ndarray
) -> None:
    types, noise = TYPES[number], np.random.default_rng(2).normal(size=X.shape)
    found = neighbour_examples({"knows": X, "noise": noise}, types, 3)
    assert len(found) == 4 * 2 * 4 and found["rank"].tolist() == [0, 1, 2, 3] * 8
    np.testing.assert_array_equal(found["type"], types[found["row"]])
    queries = found[found["rank"] == 0]
    np.testing.assert_array_equal(queries["type"], queries["query"])
    np.testing.assert_array_equal(queries["row"][::2], queries["row"][1::2])  # of the first encoder
    assert (found.loc[found["encoder"] == "knows", "type"] == np.repeat(TYPES, 4)).all()
    for name, row in zip(TYPES, queries["row"][::2], strict=True):
        middle = np.median(X[types == name], axis=0)
        distances = np.linalg.norm(X[types == name] - middle, axis=1)
        assert row == np.flatnonzero(types == name)[distances.argmin()]
    assert neighbour_examples({}, types, 3).empty
