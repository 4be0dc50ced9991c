"""The algorithms of the introduction, on blobs."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from galaxy_utils.clustering.algorithms import (
    NOISE,
    TwoTierClustering,
    introduction_algorithms,
    limit_cluster_size,
)
from galaxy_utils.clustering.mixture import OrderedGaussianMixture

TRUTH = np.repeat([0, 1, 2], 60)
CENTRES = np.array([[0.0, 0], [20, 0], [0, 20]])
BLOBS = CENTRES[TRUTH] + np.random.default_rng(0).normal(size=(180, 2))


FAMILIES_WITHOUT_SUBSTRUCTURE = "blobs that are families of their own are rejected, as they should"


@parametrize_with_checks(
    [TwoTierClustering(2, min_cluster_size=5)],
    expected_failed_checks=lambda _: {"check_clustering": FAMILIES_WITHOUT_SUBSTRUCTURE},
)
def test_two_tiers_follow_the_conventions_of_scikit_learn(estimator: object, check: object) -> None:
    check(estimator)  # type: ignore[operator]


def partitions(k: int, seed: int) -> dict[str, np.ndarray]:
    algorithms = introduction_algorithms(OrderedGaussianMixture(k), 20, len(BLOBS), seed)
    return {name: algorithm.fit_predict(BLOBS) for name, algorithm in algorithms.items()}


@pytest.mark.filterwarnings("ignore:Graph is not fully connected")
def test_every_algorithm_finds_clear_blobs() -> None:
    found = partitions(3, 0)
    assert list(found)[:2] == ["K-Means", "Gaussian mixture"] and len(found) == 5
    for name, labels in found.items():
        if name != "K-Means, then HDBSCAN":  # which is to split blobs further
            kept = labels != NOISE
            assert kept.mean() > 0.8, name
            assert adjusted_rand_score(TRUTH[kept], labels[kept]) == 1, name


@pytest.mark.filterwarnings("ignore:Graph is not fully connected")
def test_every_algorithm_follows_its_seed() -> None:
    again = partitions(4, 5)
    for name, labels in partitions(4, 5).items():
        np.testing.assert_array_equal(labels, again[name])
    assert introduction_algorithms(OrderedGaussianMixture(4), 20, 9, 5)["K-Means"].random_state == 5


@pytest.mark.parametrize(
    ("size", "n", "limited"), [(25, 180, 25), (25, 50, 25), (25, 6, 3), (9, 3, 2)]
)
def test_the_smallest_cluster_is_at_most_half_of_the_sample(
    size: int, n: int, limited: int
) -> None:
    assert limit_cluster_size(size, n) == limited


def test_the_second_tier_splits_families_and_numbers_the_parts_consecutively() -> None:
    # Two families, each of two blobs that a first tier of two does not separate.
    centres = np.array([[0.0, 0], [0, 8], [100, 0], [100, 8]])
    truth = np.repeat([0, 1, 2, 3], 50)
    X = centres[truth] + np.random.default_rng(0).normal(size=(200, 2)) * 0.5
    model = TwoTierClustering(2, min_cluster_size=15, random_state=0).fit(X)
    assert adjusted_rand_score(truth // 2, model.families_) == 1
    kept = model.labels_ != NOISE
    assert kept.mean() > 0.8
    assert adjusted_rand_score(truth[kept], model.labels_[kept]) == 1
    np.testing.assert_array_equal(np.unique(model.labels_[kept]), [0, 1, 2, 3])


def test_a_family_too_small_to_split_is_noise() -> None:
    X = np.vstack([BLOBS[:60], [[500.0, 500]]])
    assert TwoTierClustering(2, min_cluster_size=15, random_state=0).fit_predict(X)[-1] == NOISE
