"""Oddities that we plant are there, and detectors are scored by who finds them."""

from __future__ import annotations

import numpy as np
import pytest

from galaxy_utils.autoencoder import Training
from galaxy_utils.chain import Recipe
from galaxy_utils.features import Features
from galaxy_utils.oddities import KINDS, detection_rows, detector_scores, make_odd, plant
from galaxy_utils.sample import hdf_sample
from galaxy_utils.study import Row

IMAGES = [image[:64, :64] for image in list(hdf_sample().cutouts.values())[:8]]
RECIPE = Recipe(Training(hidden_dims=(16,), latent_dim=4, epochs=5), n_components=2, n_init=1)


def value_of(rows: list[Row], detector: str, score: str, kind: str = "all") -> float:
    asked = (detector, score, kind)
    return next(r["value"] for r in rows if (r["detector"], r["score"], r["kind"]) == asked)


@pytest.mark.parametrize("kind", KINDS)
def test_a_spoilt_galaxy_differs_and_the_original_does_not(kind: str) -> None:
    before = IMAGES[0].copy()
    odd = make_odd(kind, IMAGES[0], IMAGES[1], np.random.default_rng(0))
    np.testing.assert_array_equal(IMAGES[0], before)
    assert odd.shape == before.shape and odd.dtype == np.uint8
    assert (odd != before).any(axis=-1).mean() > 0.02
    again = make_odd(kind, IMAGES[0], IMAGES[1], np.random.default_rng(0))
    np.testing.assert_array_equal(odd, again)


def test_a_perfect_detector_finds_all_and_a_blind_one_by_chance() -> None:
    odd = np.full(200, None, dtype=object)
    odd[:6] = ["trail", "blend", "shifted"] * 2
    sees = np.where(odd != None, 1.0, 0.0) + np.linspace(0, 0.1, 200)  # noqa: E711
    rows = detection_rows(odd, {"sees": sees, "inverted": -sees})
    assert value_of(rows, "sees", "precision") == value_of(rows, "sees", "auc") == 1
    assert value_of(rows, "sees", "recall", "blend") == 1
    assert value_of(rows, "inverted", "precision") == value_of(rows, "inverted", "auc") == 0


def _features(n: int) -> Features:
    rng = np.random.default_rng(1)
    deep = {"net": rng.normal(size=(n, 12)).astype(np.float32)}
    return Features(rng.normal(size=(n, 5)), deep, np.full(n, None, dtype=object))


def test_planted_galaxies_stand_in_the_place_of_the_originals() -> None:
    features = _features(100)

    def measure(images: list[np.ndarray]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        five = np.full((len(images), 5), 9.0)
        five[0] = np.nan  # cannot be measured any more: left as it was
        return five, {"net": np.full((len(images), 12), 9, np.float32)}

    spoilt, odd = plant((features, RECIPE, lambda row: IMAGES[row % 8], measure, 6.0), seed=3)
    mine = odd != None  # noqa: E711
    assert mine.sum() == 5
    assert (spoilt.five[mine] == 9).all() and (spoilt.deep["net"][mine] == 9).all()
    np.testing.assert_array_equal(spoilt.five[~mine], features.five[~mine])
    assert (features.five != 9).all()


def test_far_points_are_odd_to_every_detector() -> None:
    features = _features(300)
    away = 25 * np.random.default_rng(2).choice([-1, 1], size=(4, 17))
    features.five[:4] += away[:, :5]  # each its own way: a group would get its own component
    features.deep["net"][:4] += away[:, 5:]
    odd = np.full(300, None, dtype=object)
    odd[:4] = "trail"
    rows = detection_rows(odd, detector_scores(features, RECIPE, 0))
    for detector in {row["detector"] for row in rows} - {"autoencoder error"}:
        assert value_of(rows, detector, "auc") > 0.95, detector
