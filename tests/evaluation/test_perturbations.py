"""Perturbed images are what they say, and shifts and changes of cluster are counted rightly."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image as PillowImage
from scipy.ndimage import gaussian_filter
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from galaxy_utils.clustering.mixture import OrderedGaussianMixture
from galaxy_utils.data.hubble import hdf_sample
from galaxy_utils.evaluation import perturbations
from galaxy_utils.evaluation.perturbations import (
    ANOTHER_SEED,
    PERTURBATIONS,
    UNCHANGED,
    changes_with_intervals,
    perturb,
    share_changed,
    share_changed_by_seed,
)
from galaxy_utils.features.feature_table import make_feature_table
from galaxy_utils.morphology.columns import FIVE
from galaxy_utils.morphology.segmentation import clipped_sky

IMAGE = next(iter(hdf_sample().cutouts.values()))


def perturbed(name: str, seed: int = 0) -> np.ndarray:
    return PERTURBATIONS[name](IMAGE, np.random.default_rng(seed))


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_a_perturbed_image_is_an_image_and_the_original_stays(name: str) -> None:
    before = IMAGE.copy()
    found = perturbed(name)
    np.testing.assert_array_equal(IMAGE, before)
    assert found.shape == IMAGE.shape and found.dtype == np.uint8
    assert (found == IMAGE).all() == (name == UNCHANGED)
    np.testing.assert_array_equal(found, perturbed(name))


def test_turning_is_anticlockwise_and_mirroring_swaps_left_and_right() -> None:
    np.testing.assert_array_equal(perturbed("turned by 90°")[-1, 0], IMAGE[0, 0])
    np.testing.assert_array_equal(perturbed("mirrored")[0, -1], IMAGE[0, 0])


def test_moving_moves_by_two_pixels() -> None:
    found = perturbed("moved by 2 px")
    inner = found[4:-4, 4:-4]
    places = [(r, c) for r in (2, 6) for c in (2, 6)]
    size = len(IMAGE) - 8
    assert any((inner == IMAGE[r : r + size, c : c + size]).all() for r, c in places)


def _noisy_frame() -> np.ndarray:
    """A square of 100 counts over a sky of 40 with correlated noise of 6."""
    frame = np.full((128, 128, 3), 40.0)
    frame[56:72, 56:72] += 100
    rng = np.random.default_rng(5)
    for band in range(3):
        frame[..., band] += 6 * perturbations.sky_noise((128, 128), rng)
    return np.clip(frame, 0, 255).round().astype(np.uint8)


def _neighbour_correlation(sky: np.ndarray) -> float:
    return float(np.corrcoef(sky[:, :-1, 0].ravel(), sky[:, 1:, 0].ravel())[0, 1])


def test_noise_is_correlated_as_the_sky_of_the_cutouts_is() -> None:
    noise = perturbations.sky_noise((512, 512), np.random.default_rng(0))
    assert noise.std() == pytest.approx(1, abs=0.02)
    for apart, expected in ((1, 0.76), (2, 0.38), (3, 0.13)):
        found = np.corrcoef(noise[:, :-apart].ravel(), noise[:, apart:].ravel())[0, 1]
        assert found == pytest.approx(expected, abs=0.06)


def test_dimming_keeps_the_noise_of_the_sky_and_takes_a_share_of_the_light() -> None:
    image = _noisy_frame()
    found = PERTURBATIONS["dimmed"](image, np.random.default_rng(1)).astype(float)
    sky = found[:40]
    assert sky.mean() == pytest.approx(40, abs=0.4)
    assert sky.std() == pytest.approx(image[:40].std(), rel=0.06)
    before = _neighbour_correlation(image[:40].astype(float))
    assert _neighbour_correlation(sky) == pytest.approx(before, abs=0.05)
    light = found[58:70, 58:70].mean() - 40
    assert light == pytest.approx(100 * perturbations.DIMMING, rel=0.05)


def test_blurring_blurs_and_leaves_the_sky_as_noisy_as_before() -> None:
    image = _noisy_frame()
    found = PERTURBATIONS["blurred"](image, np.random.default_rng(1)).astype(float)
    smooth = gaussian_filter(image.astype(float), (1, 1, 0), mode="nearest")
    assert smooth[:40].std() < 0.85 * image[:40].std()
    assert found[:40].std() == pytest.approx(image[:40].std(), rel=0.06)
    edge = (slice(40, 88), slice(52, 60))
    np.testing.assert_allclose(
        found[edge].mean(axis=(0, 2)), smooth[edge].mean(axis=(0, 2)), atol=2
    )
    flat = np.full((64, 64, 3), 40, np.uint8)
    np.testing.assert_array_equal(PERTURBATIONS["blurred"](flat, np.random.default_rng(0)), flat)


@pytest.mark.parametrize(("quality", "options"), [(75, {}), (95, {"subsampling": 0})])
def test_compression_is_that_of_the_library_at_the_quality_that_its_name_says(
    quality: int, options: dict[str, int]
) -> None:
    file = io.BytesIO()
    PillowImage.fromarray(IMAGE).save(file, "JPEG", quality=quality, **options)
    expected = np.asarray(PillowImage.open(file))
    np.testing.assert_array_equal(perturbed(f"compressed ({quality})"), expected)


def _table(n: int = 200) -> pd.DataFrame:
    """Two groups of galaxies, the second half on the other side."""
    rng = np.random.default_rng(0)
    side = np.repeat([-1.0, 1.0], n // 2)[:, None]
    index = pd.Index([f"g{i}" for i in range(n)], name="objid")
    five = pd.DataFrame(5 * side + rng.normal(size=(n, 5)), index, list(FIVE))
    return make_feature_table(five, {"net-full": 5 * side + rng.normal(size=(n, 8))})


def _pipeline(seed: int) -> Pipeline:
    mixture = OrderedGaussianMixture(2, n_init=1, random_state=seed)
    return Pipeline([("space", StandardScaler()), ("mixture", mixture)])


def test_galaxies_that_cross_over_change_cluster_without_a_refit() -> None:
    X = _table()
    pipeline = _pipeline(0).fit(X)
    means = pipeline["mixture"].means_.copy()
    rows = X.index[[150, 3, 7, 160]]
    half = X.loc[rows].mul([1, -1, -1, 1], axis=0)
    assert share_changed(pipeline, X, X.loc[rows]) == 0
    assert share_changed(pipeline, X, half) == 0.5
    assert np.isnan(share_changed(pipeline, X, X.head(0)))
    np.testing.assert_array_equal(pipeline["mixture"].means_, means)


def test_another_seed_only_numbers_clusters_anew_where_they_are_clear() -> None:
    X = _table()
    assert share_changed_by_seed(_pipeline(0).fit(X), _pipeline(1).fit(X), X, X.index[:30]) == 0
    other = _pipeline(0).fit(X.assign(**{name: X[name].to_numpy()[::-1] for name in FIVE}))
    other["mixture"].weights_ = other["mixture"].weights_[::-1]
    apart = share_changed_by_seed(_pipeline(0).fit(X), other, X, X.index)
    assert apart < 0.6  # numbers are matched first


def test_only_the_galaxies_asked_for_are_counted_with_another_seed() -> None:
    labels = np.repeat([0, 1], [120, 80])
    first, second = (SimpleNamespace(predict=lambda X, found=found: found)
                     for found in (labels, np.append(1 - labels[:-1], 1)))  # fmt: skip
    X = _table()
    assert share_changed_by_seed(first, second, X, X.index[[199, 0]]) == 0.5


def _rows(paper: float, ours: float) -> pd.DataFrame:
    rows = [
        {"seed": seed, "change": change, "of": of, "score": score, "value": value}
        for seed, extra in ((0, 0.0), (1, 0.02))
        for change in (ANOTHER_SEED, UNCHANGED, "blurred", "mirrored")
        for of, score, value in (
            ("paper", "changed", paper + extra if change == "blurred" else 0.1),
            ("ours", "changed", ours + extra if change == "blurred" else 0.1),
            ("galaxies", "number", 300 if change == "blurred" else 350),
        )
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_intervals_are_wilsons_over_the_galaxies_that_were_measured() -> None:
    table = changes_with_intervals(_rows(0.09, 0.3)).set_index(["pipeline", "change"])
    row = table.loc[("paper", "blurred")]
    p, n, z = 0.1, 300, 1.959964
    centre, half = (p + z**2 / (2 * n)), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert row["low"] == pytest.approx(100 * (centre - half) / (1 + z**2 / n))
    assert row["high"] == pytest.approx(100 * (centre + half) / (1 + z**2 / n))
    assert row[["percent", "lowest", "highest"]].tolist() == pytest.approx([10, 9, 11])
    assert len(table) == 8
    assert changes_with_intervals(pd.DataFrame()).empty


def test_quarter_turns_are_exact_and_added_noise_is_that_of_the_sky() -> None:
    frame, rng = _noisy_frame(), np.random.default_rng(4)
    np.testing.assert_array_equal(perturb(frame, rng, turns=1), np.rot90(frame))
    noisier = perturb(frame, rng, noise=2.0)
    before, after = (clipped_sky(image[..., 0].astype(float))[1] for image in (frame, noisier))
    assert after == pytest.approx(before * np.sqrt(5), rel=0.05)
