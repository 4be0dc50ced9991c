"""Scores beside hand-worked numbers, and beside their nulls."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.mixture import GaussianMixture

from galaxy_utils.clustering.taxonomy import fit_mixture
from galaxy_utils.evaluation import scores

CENTRES = np.array([[0.0, 0], [12, 0], [0, 12]])
GROUP = np.repeat([0, 1, 2], 80)
BLOBS = CENTRES[GROUP] + np.random.default_rng(0).normal(size=(240, 2))


def test_likelihood_scores_are_scikit_learns() -> None:
    fit = fit_mixture(BLOBS, 3)
    found = scores.under_mixture(fit, 0.85)
    assert found["bic"] * 240 == pytest.approx(fit.model.bic(BLOBS))
    assert found["log_likelihood"] == pytest.approx(fit.model.score(BLOBS))
    assert found["icl"] == pytest.approx(found["bic"], abs=1e-6)  # nothing overlaps
    assert found["confident"] == found["saturated"] == 100


def test_overlap_costs_in_icl_what_bic_does_not_see() -> None:
    fit = fit_mixture(np.random.default_rng(1).normal(size=(300, 2)), 3)
    found = scores.under_mixture(fit, 0.85)
    assert isinstance(fit.model, GaussianMixture)
    assert found["icl"] > found["bic"] + 0.1


def test_a_partition_is_scored_by_hand_worked_counts() -> None:
    classes = np.array(["a"] * 6 + ["b"] * 2 + [None], dtype=object)
    cluster = np.array([1, 1, 1, 1, 0, 0, 0, 0, 1])
    found = scores.against_classes(classes, cluster)
    assert found["accuracy"] == pytest.approx(6 / 8)
    assert found["balanced_accuracy"] == pytest.approx((4 / 6 + 2 / 2) / 2)
    assert scores.against_classes(classes, classes == "a")["ari"] == pytest.approx(1)


def test_no_class_gives_no_score() -> None:
    found = scores.against_classes(np.array([None] * 5, dtype=object), np.arange(5))
    assert all(np.isnan(value) for value in found.values())


def test_a_single_cluster_has_no_internal_score() -> None:
    assert all(np.isnan(v) for v in scores.in_space(BLOBS, np.zeros(240, int)).values())


@pytest.mark.parametrize("seed", range(3))
def test_a_permuted_label_sits_inside_its_null(seed: int) -> None:
    classes = np.array(["x", "y", "z"], dtype=object)[GROUP]
    shuffled = np.random.default_rng(100 + seed).permutation(GROUP)
    null = scores.permuted_classes(classes, GROUP, 200, seed)
    for name, value in scores.against_classes(classes, shuffled).items():
        low, high = np.percentile(null[name], [0.25, 99.75])
        assert low <= value <= high
    assert scores.against_classes(classes, GROUP)["ari"] > null["ari"].max() + 0.5


def test_intervals_hold_the_value() -> None:
    points = CENTRES[GROUP] / 4 + np.random.default_rng(1).normal(size=(240, 2))
    interval, found = scores.bootstrap_in_space(points, GROUP, 0), scores.in_space(points, GROUP)
    for name in scores.INTERNAL:
        low, high = interval[name]
        assert low < found[name] < high, name
        assert high - low < 0.5 * abs(found[name]), name
    classes = np.array(["x", "y", "z"], dtype=object)[GROUP]
    half = np.where(np.random.default_rng(2).random(240) < 0.3, 0, GROUP)
    value = scores.against_classes(classes, half)
    for name, (low, high) in scores.bootstrap_against_classes(classes, half, 0).items():
        assert low < value[name] < high


def test_shares_of_confident_galaxies_have_binomial_intervals() -> None:
    sure = np.repeat([0.999, 0.9, 0.6], [200, 100, 100])
    found = scores.bootstrap_of_shares(np.column_stack([sure, 1 - sure]), 0.85, 0)
    for name, share in {"confident": 0.75, "saturated": 0.5}.items():
        half = 100 * 1.96 * (share * (1 - share) / 400) ** 0.5
        assert found[name] == pytest.approx((100 * share - half, 100 * share + half), abs=1.2)


def test_a_single_cluster_has_no_interval() -> None:
    found = scores.bootstrap_in_space(BLOBS, np.zeros(240, np.int64), 0)
    assert set(found) == set(scores.INTERNAL) and np.isnan(list(found.values())).all()


def test_no_p_value_is_shown_as_zero() -> None:
    table = pd.DataFrame({"name": list("abcd"), "p_holm": [1e-9, 0.0312, 1.0, np.nan]})
    shown = scores.with_p_text(table).round(3)
    assert shown["p (Holm)"].tolist() == ["< 0.001", "0.031", "1", ""]
    assert scores.with_p_text(pd.DataFrame()).empty
