"""Oddities that we plant are there, and detectors are scored by who finds them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.clustering.fusion import Training
from galaxy_utils.data.hubble import hdf_sample
from galaxy_utils.evaluation.chain import Recipe
from galaxy_utils.evaluation.oddities import (
    CHANCE,
    KINDS,
    PAPER,
    SHAM,
    clearly_better,
    detection_rows,
    detector_scores,
    make_odd,
    plant,
    planted_table,
    support,
)
from galaxy_utils.experiments.study import Row
from galaxy_utils.features.features import Features

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
    mine = pd.notna(odd)
    assert (odd[mine] != SHAM).sum() == 5 and (odd == SHAM).sum() == 6
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


def test_the_control_is_measured_as_it_is() -> None:
    image = make_odd(SHAM, IMAGES[0], IMAGES[1], np.random.default_rng(0))
    np.testing.assert_array_equal(image, IMAGES[0])
    assert image is not IMAGES[0]


def test_in_a_small_sample_the_control_has_what_is_left() -> None:
    features = _features(4)
    measured = np.zeros((4, 5)), {"net": np.zeros((4, 12), np.float32)}
    _, odd = plant((features, RECIPE, lambda row: IMAGES[row], lambda _: measured, 2.0), seed=0)
    assert sorted(odd.tolist()) == sorted([*KINDS, SHAM])


def _seen(n: int, planted: int) -> pd.DataFrame:
    """Two detectors: one sees half of the planted ones, behind as many others; one is blind."""
    odd = np.full(n, None, dtype=object)
    odd[:planted] = [KINDS[i % 3] for i in range(planted)]
    odd[planted : 2 * planted] = SHAM
    sees = np.random.default_rng(0).random(n)
    sees[: planted // 2] += 5
    sees[-(planted // 2) :] += 10
    blind = np.random.default_rng(1).random(n)
    rows = detection_rows(odd, {PAPER: sees, "blind": blind})
    return pd.DataFrame([{"draw": 0, "planted": planted, **row} for row in rows])


def test_precision_is_told_at_several_depths_and_beside_chance() -> None:
    table = planted_table(_seen(4000, 40), 4000).set_index("detector")
    paper = table.loc[PAPER]
    assert paper[["precision_half", "precision"]].tolist() == [0, 0.5]
    assert 0.25 <= paper["precision_twice"] < 0.35
    assert paper["enrichment"] == pytest.approx(50)
    assert table.index[-1] == CHANCE
    assert table.loc[CHANCE, ["precision", "enrichment", "auc"]].tolist() == [0.01, 1, 0.5]
    assert table.loc["blind", "enrichment"] < 10


def test_the_control_is_neither_planted_nor_untouched() -> None:
    table = planted_table(_seen(4000, 40), 4000).set_index("detector")
    assert table.loc[PAPER, f"recall {SHAM}"] == 0
    assert table.loc[PAPER, f"auc {SHAM}"] == pytest.approx(0.5, abs=0.1)
    odd = np.array(["trail", SHAM, None, None], dtype=object)
    rows = detection_rows(odd, {"all": np.array([3.0, 4.0, 2.0, 1.0])})
    assert value_of(rows, "all", "precision") == 0  # the control was odder
    assert value_of(rows, "all", "auc") == 1  # but is no galaxy left alone


def test_chance_is_no_detector() -> None:
    table = planted_table(_seen(4000, 40), 4000)
    assert clearly_better(table) == []
    table.loc[table["detector"] == CHANCE, "lowest"] = 1.0
    assert clearly_better(table) == []
    table.loc[table["detector"] == "blind", "lowest"] = 0.9
    assert clearly_better(table) == ["blind"]


def test_support_needs_more_and_beyond_chance() -> None:
    table = pd.DataFrame({
        "property": ["more", "fewer", "by chance"],
        "anomalies": [30.0, 5.0, 12.0], "others": [6.0, 16.0, 10.0], "p_holm": [0.01, 0.01, 0.4],
    })  # fmt: skip
    assert support(table, ["more"]) is True and support(table, ["by chance", "more"]) is True
    assert support(table, ["fewer"]) is False and support(table, ["by chance"]) is False
    assert support(table, ["no such"]) is None
