"""Probabilities of injected groups are kept by an independent fit; overconfident ones are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.clustering.mixture import OrderedGaussianMixture
from galaxy_utils.evaluation.calibration import calibration

CENTRES = np.array([[0.0, 0, 0, 0], [8, 0, 0, 0], [0, 8, 0, 0]])
BLOBS = CENTRES[np.repeat([0, 1, 2], 150)] + np.random.default_rng(0).normal(size=(450, 4))


def scores(k: int, X: np.ndarray, confidence: float = 0.85) -> pd.Series:
    table = calibration(OrderedGaussianMixture(k), X, confidence, 0)
    return table.set_index(["bin", "score"])["value"]


def test_injected_groups_are_calibrated() -> None:
    found = scores(3, BLOBS)
    assert found[-1, "confident_agree"] > 99
    assert found[-1, "confident_agree"] == pytest.approx(found[-1, "confident_promised"], abs=0.5)
    assert found[9, "observed"] > 0.99 and found[0, "observed"] < 0.01
    assert found.loc[:, "pairs"].sum() == pytest.approx(20_000, rel=0.02)


def test_a_promise_that_is_not_kept_shows() -> None:
    rng = np.random.default_rng(0)  # one heavy-tailed group in many dimensions: sure, and wrong
    found = scores(4, rng.standard_t(4, size=(900, 32)))
    assert found[-1, "confident_promised"] > 97 and found[-1, "confident_agree"] < 80
    predicted = found.loc[:, "predicted"].drop(-1, errors="ignore")
    assert all(0.1 * b <= p <= 0.1 * (b + 1) for b, p in predicted.items())


def test_without_confident_galaxies_nothing_is_promised() -> None:
    found = scores(3, BLOBS, confidence=1.0)
    assert np.isnan(found[-1, "confident_promised"]) and np.isnan(found[-1, "confident_agree"])
