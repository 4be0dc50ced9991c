"""Scores compared with hand-worked numbers, scikit-learn, and their nulls."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from galaxy_utils.clustering.mixture import OrderedGaussianMixture
from galaxy_utils.evaluation.metrics import (
    agreement,
    contingency,
    internal_scores,
    mixture_scores,
    recall,
    relabel,
)
from galaxy_utils.evaluation.resampling import bootstrap, interval, permutation

CENTRES = np.array([[0.0, 0], [12, 0], [0, 12]])
GROUP = np.repeat([0, 1, 2], 80)
BLOBS = CENTRES[GROUP] + np.random.default_rng(0).normal(size=(240, 2))
CLASSES = np.array(["x", "y", "z"], dtype=object)[GROUP]


def test_likelihood_scores_are_scikit_learns() -> None:
    mixture = OrderedGaussianMixture(3, random_state=0).fit(BLOBS)
    found = mixture_scores(mixture, BLOBS, 0.85)
    assert found["bic"] * 240 == pytest.approx(GaussianMixture.bic(mixture, BLOBS))
    assert found["log_likelihood"] == pytest.approx(mixture.score(BLOBS))
    assert found["icl"] == pytest.approx(found["bic"], abs=1e-6)  # nothing overlaps
    assert found["confident"] == found["saturated"] == 100


def test_overlap_costs_in_icl_what_bic_does_not_see() -> None:
    points = np.random.default_rng(1).normal(size=(300, 2))
    mixture = OrderedGaussianMixture(3, random_state=0).fit(points)
    found = mixture_scores(mixture, points, 0.85)
    largest = mixture.predict_proba(points).max(axis=1)
    assert found["saturated"] == pytest.approx(100 * (largest > 0.99).mean())
    assert 0 < found["saturated"] < found["confident"] < 100
    assert found["icl"] > found["bic"] + 0.1


def test_a_partition_is_scored_by_hand_worked_counts() -> None:
    classes = np.array(["a"] * 6 + ["b"] * 2 + [None], dtype=object)
    labels = np.array([1, 1, 1, 1, 0, 0, 0, 0, 1])
    found = agreement(classes, labels)
    assert found["accuracy"] == pytest.approx(6 / 8)
    assert found["balanced_accuracy"] == pytest.approx((4 / 6 + 2 / 2) / 2)
    assert agreement(classes, classes == "a")["ari"] == pytest.approx(1)
    table = contingency(classes, labels)
    assert list(table.index) == ["a", "b"] and list(table.columns) == ["1", "0"]
    assert recall(table).to_dict() == pytest.approx({"a": 4 / 6, "b": 1})


def test_no_class_gives_no_score() -> None:
    found = agreement(np.array([None] * 5, dtype=object), np.arange(5))
    assert all(np.isnan(value) for value in found.values())


def test_a_single_cluster_has_no_internal_score() -> None:
    assert all(np.isnan(v) for v in internal_scores(BLOBS, np.zeros(240, int)).values())


def test_clusters_take_the_numbers_of_those_they_overlap_with() -> None:
    labels, reference = np.array([2, 2, 0, 0, 1]), np.array([0, 0, 1, 1, 1])
    assert relabel(labels, reference).tolist() == [0, 0, 1, 1, -1]


@pytest.mark.parametrize("seed", range(3))
def test_a_permuted_label_is_inside_its_null(seed: int) -> None:
    shuffled = np.random.default_rng(100 + seed).permutation(GROUP)
    null = permutation(lambda rows: agreement(CLASSES, GROUP[rows]), 240, seed)
    for name, value in agreement(CLASSES, shuffled).items():
        low, high = np.percentile(null[name], [0.25, 99.75])
        assert low <= value <= high
    assert agreement(CLASSES, GROUP)["ari"] > null["ari"].max() + 0.5


def test_intervals_of_resampled_galaxies_hold_the_value() -> None:
    half = np.where(np.random.default_rng(2).random(240) < 0.3, 0, GROUP)
    value = agreement(CLASSES, half)
    draws = bootstrap(lambda rows: agreement(CLASSES[rows], half[rows]), 240, 0)
    for name in draws:
        low, high = interval(draws[name])
        assert low < value[name] < high


def test_intervals_worked_by_hand() -> None:
    assert interval(np.array([*range(101), np.nan])) == pytest.approx((2.5, 97.5))
    assert np.isnan(interval(np.array([np.nan]))).all()
