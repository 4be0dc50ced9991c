"""Injected corruptions are there, and detectors are scored by what they find."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import NearestNeighbors

from galaxy_utils.clustering.fusion_autoencoder import FusionAutoencoder
from galaxy_utils.clustering.mixture import OrderedGaussianMixture
from galaxy_utils.data.hubble import hdf_sample
from galaxy_utils.evaluation.outliers import (
    CONTROL,
    CORRUPTIONS,
    FLAGGED,
    MERGER,
    UNTYPED,
    corrupt,
    describe_outliers,
    detection_scores,
    inject,
    outlier_scores,
)
from galaxy_utils.features.feature_table import make_feature_table
from galaxy_utils.morphology.columns import FIVE

IMAGES = [image[:64, :64] for image in list(hdf_sample().cutouts.values())[:8]]


def value_of(rows: pd.DataFrame, detector: str, score: str, kind: str = "all") -> float:
    return rows.set_index(["detector", "score", "kind"])["value"][detector, score, kind]


@pytest.mark.parametrize("kind", [*CORRUPTIONS, CONTROL])
def test_a_corrupted_image_differs_and_the_original_and_the_control_do_not(kind: str) -> None:
    before = IMAGES[0].copy()
    found = corrupt(kind, IMAGES[0], IMAGES[1], np.random.default_rng(0))
    np.testing.assert_array_equal(IMAGES[0], before)
    assert found.shape == before.shape and found.dtype == np.uint8 and found is not IMAGES[0]
    changed = (found != before).any(axis=-1).mean()
    assert changed == 0 if kind == CONTROL else changed > 0.02
    again = corrupt(kind, IMAGES[0], IMAGES[1], np.random.default_rng(0))
    np.testing.assert_array_equal(found, again)


def test_a_blend_is_the_brighter_of_two_and_a_shift_an_eighth_to_a_quarter_of_the_frame() -> None:
    blend = corrupt("blend", IMAGES[0], IMAGES[1], np.random.default_rng(0))
    assert (blend >= IMAGES[0]).all()
    point = np.zeros((64, 64, 3), np.uint8)
    point[32, 32] = 255
    for seed in range(5):
        shifted = corrupt("shifted", point, point, np.random.default_rng(seed))
        place = np.argwhere(shifted[..., 0])[0] - 32
        assert 7 <= np.hypot(*place) <= 17


def _table(n: int) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    index = pd.Index([f"g{i}" for i in range(n)], name="objid")
    five = pd.DataFrame(rng.normal(size=(n, 5)), index, list(FIVE))
    return make_feature_table(five, {"net-eq1": rng.normal(size=(n, 12)).astype(np.float32)})


def _nines(images: Mapping[str, np.ndarray], columns: pd.Index) -> pd.DataFrame:
    table = pd.DataFrame(9.0, pd.Index(images, name="objid"), columns)
    return table.astype({name: np.float32 for name in columns if ":" in name})


def test_injected_galaxies_stand_in_the_place_of_the_originals() -> None:
    X = _table(100)

    def measure(images: Mapping[str, np.ndarray]) -> pd.DataFrame:
        table = _nines(images, X.columns[::-1])
        table.iloc[0, 3] = np.nan  # cannot be measured any more: stays as it was
        return table

    found, kinds = inject(X, lambda objid: IMAGES[int(objid[1:]) % 8], measure, 6.0, seed=3)
    mine = kinds.notna()
    assert (kinds[mine] != CONTROL).sum() == 5 and (kinds == CONTROL).sum() == 6
    assert (found[mine] == 9).all(axis=None) and not (X == 9).any(axis=None)
    pd.testing.assert_frame_equal(found[~mine], X[~mine])
    assert list(found.columns) == list(X.columns) and (found.dtypes == X.dtypes).all()


def test_in_a_small_sample_the_control_has_what_is_left() -> None:
    X = _table(4)
    _, kinds = inject(X, lambda _: IMAGES[0], lambda images: _nines(images, X.columns), 2.0, 0)
    assert sorted(kinds) == sorted([*CORRUPTIONS, CONTROL])


def test_a_perfect_detector_finds_all_and_an_inverted_one_nothing() -> None:
    kinds = pd.Series([None] * 200, dtype=object)
    kinds[:6] = ["trail", "blend", "shifted"] * 2
    perfect = kinds.notna() + np.linspace(0, 0.1, 200)
    rows = detection_scores(kinds, pd.DataFrame({"perfect": perfect, "inverted": -perfect}))
    assert value_of(rows, "perfect", "precision") == value_of(rows, "perfect", "auc") == 1
    assert value_of(rows, "inverted", "precision") == value_of(rows, "inverted", "auc") == 0


def test_distant_galaxies_are_outliers_by_every_detector() -> None:
    X = _table(300)
    away = 25 * np.random.default_rng(2).choice([-1, 1], size=(4, 17))
    X = X.astype(float)
    X.iloc[:4] += away  # each its own way: a group would get a component of its own
    encoder = FusionAutoencoder(hidden_dims=(16,), latent_dim=4, epochs=5)
    latent = encoder.fit_transform(X)
    scores = outlier_scores(
        X, latent, OrderedGaussianMixture(2, n_init=1, random_state=0),
        IsolationForest(random_state=0), NearestNeighbors(n_neighbors=10),
    )  # fmt: skip
    kinds = pd.Series(["trail"] * 4 + [None] * 296, X.index, dtype=object)
    rows = detection_scores(kinds, scores)
    for detector in set(rows["detector"]):
        assert value_of(rows, detector, "auc") > 0.95, detector
    few = outlier_scores(
        X[:9],
        latent[:9],
        OrderedGaussianMixture(2),
        IsolationForest(),
        NearestNeighbors(n_neighbors=10),
    )
    assert np.isfinite(few).all(axis=None), "there are no ten neighbours"


def test_the_control_is_neither_injected_nor_left_alone() -> None:
    kinds = pd.Series(["trail", CONTROL, None, None], dtype=object)
    rows = detection_scores(kinds, pd.DataFrame({"all": [3.0, 4.0, 2.0, 1.0]}))
    assert value_of(rows, "all", "precision") == 0  # the control was more unusual
    assert value_of(rows, "all", "auc") == 1  # but is no galaxy left alone


def _quality(n: int, rng: np.random.Generator) -> pd.DataFrame:
    names = ["sn_per_pixel", "n_sources", "rpetro_circ"]
    return pd.DataFrame(rng.normal(10, 1, (n, 3)), columns=names).assign(flag=0)


def test_outliers_differ_in_what_was_made_to_differ_and_in_nothing_else() -> None:
    rng = np.random.default_rng(0)
    outliers = np.arange(400) < 40
    quality = _quality(400, rng)
    quality["flag"] = (rng.random(400) < np.where(outliers, 0.8, 0.1)).astype(int)
    quality.loc[outliers, "rpetro_circ"] += 5
    types = pd.Series(np.where(outliers, "merger", "spiral"), dtype=object)
    types[rng.random(400) < 0.5] = None
    table = describe_outliers(outliers, quality, types).set_index("property")
    differ = {FLAGGED, MERGER, "Petrosian radius (px)"}
    assert set(table.index[table["p_holm"] < 0.05]) == differ
    assert table.loc[FLAGGED, "outliers"] == 100 * (quality["flag"][:40] > 0).mean()
    assert table.loc["Petrosian radius (px)", "outliers"] == quality["rpetro_circ"][:40].median()
    untyped = describe_outliers(outliers, quality, pd.Series([None] * 400, dtype=object))
    assert len(untyped) == 4


def test_mergers_are_counted_among_galaxies_with_a_type() -> None:
    outliers = np.arange(100) < 20
    types = pd.Series(["merger"] * 5 + [None] * 10 + ["spiral"] * 65 + ["merger"] * 20)
    table = describe_outliers(outliers, _quality(100, np.random.default_rng(0)), types)
    merger, untyped = (table.set_index("property").loc[name] for name in (MERGER, UNTYPED))
    assert merger[["outliers", "others"]].tolist() == [50, 25]
    assert untyped[["outliers", "others"]].tolist() == [50, 0]
    assert merger["low"] < 50 < merger["high"] and merger["others_low"] < 25 < merger["others_high"]


@pytest.mark.parametrize(("n", "outlying", "flagged", "both"), [(40, 8, 20, 2), (30, 7, 15, 6)])
def test_the_p_value_of_shares_is_exact_and_counts_ties(
    n: int, outlying: int, flagged: int, both: int
) -> None:
    """All that is as far from the expected number as what was found, on either side, counts."""
    outliers = np.arange(n) < outlying
    quality = _quality(n, np.random.default_rng(0))
    quality["flag"] = ((np.arange(n) < both) | (np.arange(n) >= n - (flagged - both))).astype(int)
    table = describe_outliers(outliers, quality, pd.Series([None] * n, dtype=object))
    numbers = np.arange(min(outlying, flagged) + 1)
    chances = [
        math.comb(flagged, k) * math.comb(n - flagged, outlying - k) / math.comb(n, outlying)
        for k in numbers
    ]
    apart = abs(numbers * n - outlying * flagged)  # in whole numbers: no tie is lost to rounding
    assert (apart == apart[both]).sum() == 2
    expected = sum(c for c, d in zip(chances, apart, strict=True) if d >= apart[both])
    assert table.loc[0, "p"] == pytest.approx(expected)
