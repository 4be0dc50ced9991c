"""Injected groups are found again in resamples; those made in one Gaussian are not."""

from __future__ import annotations

import numpy as np
import pytest

from galaxy_utils.clustering.mixture import OrderedGaussianMixture
from galaxy_utils.evaluation import nulls
from galaxy_utils.evaluation.stability import clusterwise_jaccard, stability

CENTRES = np.array([[0.0, 0, 0, 0], [8, 0, 0, 0], [0, 8, 0, 0]])
BLOBS = CENTRES[np.repeat([0, 1, 2], 150)] + np.random.default_rng(0).normal(size=(450, 4))


@pytest.mark.parametrize("seed", range(3))
def test_groups_are_stable_and_those_of_one_gaussian_are_not(seed: int) -> None:
    mixture = OrderedGaussianMixture(3, n_init=1, random_state=seed)
    real, null = (
        stability(mixture, X, np.random.default_rng(seed), 4, (seed + 1000,))
        for X in (BLOBS, nulls.single_gaussian(BLOBS, seed))
    )
    assert list(real["score"].value_counts()[["jaccard", "seed_ari"]]) == [12, 1]
    by_cluster = [
        t[t["score"] == "jaccard"].groupby("cluster")["value"].mean() for t in (real, null)
    ]
    assert by_cluster[0].min() > 0.95 and by_cluster[1].min() < 0.75
    assert real.loc[real["score"] == "seed_ari", "value"].item() > 0.98


@pytest.mark.parametrize("seed", range(3))
def test_other_starts_find_groups_and_disagree_where_there_are_none(seed: int) -> None:
    mixture = OrderedGaussianMixture(3, n_init=1, random_state=seed)
    real, null = (
        stability(mixture, X, np.random.default_rng(seed), 0, tuple(range(100, 106)))["value"]
        for X in (BLOBS, nulls.single_gaussian(BLOBS, seed))
    )
    assert len(real) == len(null) == 6 and real.min() > 0.98
    assert 0.1 < null.min() < 0.65 and null.nunique() > 1


def test_every_bootstrap_sample_is_another_one() -> None:
    null = nulls.single_gaussian(BLOBS, 0)
    mixture = OrderedGaussianMixture(3, n_init=1, random_state=0)
    found = stability(mixture, null, np.random.default_rng(0), 3)
    assert found.groupby("cluster")["value"].nunique().min() == 3
    again = stability(mixture, null, np.random.default_rng(0), 3)
    assert found.equals(again) and not hasattr(mixture, "weights_")


def test_a_jaccard_coefficient_by_hand() -> None:
    reference = np.array([0, 0, 0, 1, 1])
    rows, labels = np.array([0, 1, 1, 3, 4]), np.array([5, 5, 5, 5, 6])
    # Drawn: 0, 1 of cluster 0 and 3, 4 of cluster 1; found: {0, 1, 3} and {4}.
    np.testing.assert_allclose(clusterwise_jaccard(reference, rows, labels), [2 / 3, 1 / 2])
