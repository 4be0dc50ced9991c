"""Injected groups are counted and confirmed; few repeats decide nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.clustering.mixture import OrderedGaussianMixture
from galaxy_utils.experiments.n_components import (
    choose_n_components,
    confirmed_confidence,
    likelihood_criteria,
)

CENTRES = np.array([[0.0, 0, 0, 0], [8, 0, 0, 0], [0, 8, 0, 0]])
BLOBS = CENTRES[np.repeat([0, 1, 2], 150)] + np.random.default_rng(0).normal(size=(450, 4))


@pytest.mark.parametrize("covariance", ["full", "diag", "spherical"])
def test_three_groups_are_counted(covariance: str) -> None:
    mixture = OrderedGaussianMixture(covariance_type=covariance, n_init=2)
    criteria = pd.DataFrame(likelihood_criteria(mixture, BLOBS, range(1, 7), seed=0))
    chosen = choose_n_components(criteria).set_index("score")["k"]
    assert chosen["bic"] == chosen["icl"] == 3
    # A fourth component may cost next to nothing on held-out galaxies.
    gain = criteria[criteria["score"] == "held_out"].set_index("k")["value"]
    assert gain[3] - gain[2] > 0.3 and gain[chosen["held_out"]] - gain[3] < 0.05
    assert gain[chosen["held_out"]] == gain.max()
    free = {"full": 2 + 12 + 3 * 10, "diag": 2 + 12 + 3 * 4, "spherical": 2 + 12 + 3}
    parameters = criteria[criteria["score"] == "parameters"].set_index("k")["value"]
    assert parameters[3] == free[covariance]


@pytest.mark.parametrize("seed", range(4))
def test_one_gaussian_is_one_group(seed: int) -> None:
    X = np.random.default_rng(seed).normal(size=(450, 4))
    criteria = pd.DataFrame(
        likelihood_criteria(OrderedGaussianMixture(n_init=2), X, range(1, 7), seed)
    )
    chosen = choose_n_components(criteria).set_index("score")["k"]
    assert chosen["bic"] == chosen["icl"] == 1


def test_each_criterion_chooses_in_each_repeat() -> None:
    table = pd.DataFrame([
        {"draw": draw, "k": k, "score": score, "value": abs(k - best) * sign}
        for draw, best in ((0, 2), (1, 4)) for k in range(1, 6)
        for score, sign in (("bic", 1), ("icl", 1), ("held_out", -1), ("parameters", 1))
    ])  # fmt: skip
    chosen = choose_n_components(table, ["draw"])
    assert set(chosen["score"]) == {"bic", "icl", "held_out"}
    assert (chosen["k"] == chosen["draw"].map({0: 2, 1: 4})).all()


def test_held_out_likelihood_is_lower_where_a_mixture_overfits() -> None:
    X = np.random.default_rng(0).normal(size=(60, 6))
    criteria = pd.DataFrame(likelihood_criteria(OrderedGaussianMixture(n_init=1), X, [4], 0))
    values = criteria.set_index("score")["value"]
    assert values["held_out"] < values["log_likelihood"] - 1


def test_the_confidence_in_injected_groups_is_confirmed() -> None:
    found = confirmed_confidence(OrderedGaussianMixture(3), BLOBS, 0.85, 0)
    assert found["confident_agree"] > 99
    assert found["confident_agree"] == pytest.approx(found["confident_promised"], abs=0.5)


def test_confidence_in_one_heavy_tailed_group_is_not_confirmed() -> None:
    X = np.random.default_rng(0).standard_t(4, size=(900, 32))
    found = confirmed_confidence(OrderedGaussianMixture(4), X, 0.85, 0)
    assert found["confident_promised"] > 97 and found["confident_agree"] < 80


def test_without_confident_galaxies_nothing_is_promised() -> None:
    found = confirmed_confidence(OrderedGaussianMixture(3), BLOBS, 1.0, 0)
    assert np.isnan(list(found.values())).all()
