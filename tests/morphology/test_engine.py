"""The compiled engine: against statmorph, against analytic values, and on bad images."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy.modeling.models import Sersic2D
from astropy.stats import sigma_clipped_stats
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from photutils.aperture import CircularAperture, EllipticalAperture
from photutils.segmentation import detect_sources
from scipy.ndimage import gaussian_filter, median_filter, uniform_filter
from scipy.optimize import fmin

from galaxy_utils.data.images import band_mean, read_image
from galaxy_utils.morphology.compiled import (
    apertures,
    asymmetry,
    compilation,
    gini_m20,
    multimode,
    petrosian,
    smoothness,
    stamps,
)
from galaxy_utils.morphology.measurement import FIVE, Morphology, measure
from galaxy_utils.morphology.reasons import Reason
from galaxy_utils.morphology.segmentation import SegmentationSettings, clipped_sky, segment

measure_with_statmorph = partial(measure, engine="statmorph")

TABLE = Path(__file__).parents[2] / "data" / "sdss5000" / "morphology.csv"
IMAGES = TABLE.parent / "images"
LENGTHS = ("rpetro_circ", "rpetro_ellip", "r20", "r80", "sn_per_pixel")


def galaxy(
    n: float, radius: float, ellipticity: float, noise: float, *, neighbour: bool = False
) -> NDArray[np.float64]:
    """Make a blurred Sersic galaxy off the middle of its pixel, 8-bit counts."""
    y, x = np.mgrid[:160, :160]
    light = Sersic2D(1, radius, n, 80.3, 79.6, ellipticity, 0.6)(x, y)
    if neighbour:
        light = light + Sersic2D(0.5, 4, 1, 118, 95, 0.3, 1.0)(x, y)
        light = light + Sersic2D(0.7, 3, 1, 92, 70, 0.1, 0.0)(x, y)
    light = gaussian_filter(light, 1.2)
    sky = np.random.default_rng(int(10 * n + radius)).normal(20, noise, light.shape)
    return np.round(np.clip(180 * light / light.max() + sky, 0, 255) * 3) / 3


SIMULATED = {
    f"n{n} r{radius} e{ellipticity} noise{noise}{' neighbours' if neighbour else ''}": galaxy(
        n, radius, ellipticity, noise, neighbour=neighbour
    )
    for n, radius, ellipticity, noise, neighbour in [
        (0.5, 10, 0.0, 1.0, False),
        (1.0, 6, 0.0, 1.0, False),
        (1.0, 12, 0.5, 1.0, False),
        (1.0, 14, 0.8, 2.0, False),
        (1.0, 4, 0.3, 3.0, False),
        (2.0, 8, 0.2, 1.0, False),
        (2.5, 10, 0.6, 2.0, False),
        (4.0, 8, 0.0, 1.0, False),
        (4.0, 12, 0.4, 3.0, False),
        (1.0, 10, 0.3, 1.0, True),
        (2.0, 8, 0.6, 2.0, True),
        (4.0, 10, 0.2, 1.0, True),
    ]
}


def values(found: Morphology, names: tuple[str, ...]) -> NDArray[np.float64]:
    return np.array([getattr(found, name) for name in names])


@pytest.mark.parametrize("name", SIMULATED)
def test_simulated_galaxies_have_statmorphs_values(name: str) -> None:
    ours, reference = measure(SIMULATED[name]), measure_with_statmorph(SIMULATED[name])
    np.testing.assert_allclose(values(ours, FIVE), values(reference, FIVE), atol=2e-3)
    np.testing.assert_allclose(values(ours, LENGTHS), values(reference, LENGTHS), rtol=2e-3)
    assert (ours.flag, ours.reason, ours.area) == (
        reference.flag,
        reference.reason,
        reference.area,
    )


@pytest.mark.skipif(not any(IMAGES.glob("*.jpg")), reason="the SDSS cutouts are not here")
def test_real_cutouts_have_statmorphs_values() -> None:
    table = pd.read_csv(TABLE, dtype={"objid": str}).fillna({"reason": ""})[::125]
    images = [band_mean(read_image(IMAGES / f"{objid}.jpg")) for objid in table["objid"]]
    found = [measure(image) for image in images]
    assert len(found) == 40
    assert (table["flag"] == 0).sum() > 25
    for ours, (_, reference) in zip(found, table.iterrows(), strict=True):
        assert (ours.flag, ours.reason) == (reference["flag"], reference["reason"])
        if reference["flag"] == 0:
            expected = reference[list(FIVE)].to_numpy(dtype=float)
            np.testing.assert_allclose(values(ours, FIVE), expected, atol=2e-3)


def test_machine_code_on_disk_is_of_these_very_sources() -> None:
    measure(SIMULATED["n1.0 r6 e0.0 noise1.0"])
    kept = asymmetry.asymmetry_about._cache._cache_file  # type: ignore[attr-defined]
    assert kept._source_stamp == compilation.FINGERPRINT
    assert kept._load_index()
    another = type(kept)(kept._cache_path, kept._index_name.removesuffix(".nbi"), ("other", 0))
    assert not another._load_index()


@settings(deadline=None, max_examples=60)
@given(
    x=st.floats(-3, 33) | st.integers(0, 60).map(lambda k: k / 2),
    y=st.floats(-3, 28) | st.integers(0, 50).map(lambda k: k / 2),
    a=st.floats(0.3, 40) | st.integers(1, 60).map(lambda k: k / 2),
    elongation=st.just(1.0) | st.floats(1.01, 8),
    theta=st.floats(-1.6, 1.6),
)
def test_ellipses_are_summed_exactly(
    x: float, y: float, a: float, elongation: float, theta: float
) -> None:
    if elongation != 1.0:  # photutils loses parts of ellipses that touch corners of pixels
        x, y, a = x + 0.0123, y - 0.0071, a + 0.0037
    image = np.random.default_rng(0).normal(size=(26, 31))
    ones = np.ones_like(image)
    running = apertures.running_sums(image), apertures.running_sums(ones)
    found = apertures.ellipse_sums(
        image, running[0], ones, running[1], x, y, a, a / elongation, theta
    )
    aperture = (
        CircularAperture((x, y), a)
        if elongation == 1.0
        else EllipticalAperture((x, y), a, a / elongation, theta=theta)
    )
    expected = [aperture.do_photometry(image)[0][0], aperture.do_photometry(ones)[0][0]]
    np.testing.assert_allclose(found, np.nan_to_num(expected), atol=2e-7)


def test_an_ellipse_that_touches_the_corners_of_pixels_has_its_area() -> None:
    ones = np.ones((5, 8))
    running = apertures.running_sums(ones)
    _, area = apertures.ellipse_sums(ones, running, ones, running, 2.5, 2.0, 1.0, 0.5, 0.0)
    assert area == pytest.approx(np.pi / 2, rel=1e-12)


def test_a_circle_within_the_image_has_its_area() -> None:
    ones = np.ones((50, 50))
    running = apertures.running_sums(ones)
    for radius in (0.2, 1.0, 3.3, 20.0):
        _, area = apertures.ellipse_sums(
            ones, running, ones, running, 24.3, 25.1, radius, radius, 0.0
        )
        assert area == pytest.approx(np.pi * radius**2, rel=1e-9)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 6, 11, 40])
def test_boxcar_is_scipys_uniform_filter(size: int) -> None:
    image = np.random.default_rng(0).normal(size=(17, 22))
    np.testing.assert_allclose(
        smoothness.boxcar(image, size), uniform_filter(image, size), atol=1e-12
    )


def test_the_majority_of_nine_pixels_is_their_median() -> None:
    region = np.random.default_rng(0).random((17, 22)) < 0.5
    expected = median_filter(region.astype(float), 3, mode="nearest")
    np.testing.assert_array_equal(multimode._majority(region), expected)


@pytest.mark.parametrize("sigma", [0.3, 1.7, 9.0])
def test_gaussian_is_scipys(sigma: float) -> None:
    image = 100 * np.random.default_rng(0).random((30, 41))
    expected = gaussian_filter(image, sigma, mode="constant", cval=0.0)
    np.testing.assert_allclose(gini_m20.gaussian_smooth(image, sigma), expected, rtol=1e-5)


def test_gini_is_0_for_equal_pixels_and_1_for_one_bright_one() -> None:
    flag = np.zeros(1, np.int32)
    assert gini_m20.gini_coefficient(np.full(50, 3.0), flag) == pytest.approx(0.0)
    assert gini_m20.gini_coefficient(np.array([0.0] * 49 + [7.0]), flag) == pytest.approx(1.0)
    assert flag[0] == 0
    assert np.isnan(gini_m20.gini_coefficient(np.ones(1), flag))
    assert flag[0] == 2


def test_m20_by_hand() -> None:
    # Eight pixels of 1 at distance 2 (four) and 1 (four) of the middle, and a pair of 5 beside it.
    image = np.zeros((5, 5))
    image[[0, 2, 2, 4], [2, 0, 4, 2]] = 1.0
    image[[1, 3], [1, 3]] = image[[1, 3], [3, 1]] = 1.0
    image[2, 1] = image[2, 3] = 5.0
    whole = 4 * 4 + 4 * 2 + 2 * 5 * 1
    flag = np.zeros(1, np.int32)
    found = gini_m20.moment_of_light(image, image > 0, flag)
    assert found == pytest.approx(np.log10(10 / whole))
    assert flag[0] == 0


def test_m20_of_a_point_is_flagged() -> None:
    image, flag = np.zeros((5, 5)), np.zeros(1, np.int32)
    image[2, 2] = 7.0
    assert np.isnan(gini_m20.moment_of_light(image, image > 0, flag))
    assert flag[0] == 2


def test_the_simplex_goes_scipys_way() -> None:
    found = segment(SIMULATED["n2.0 r8 e0.6 noise2.0 neighbours"], neighbours=False)
    stamp = stamps.cut_stamp(found.image, found.labels, found.central)
    rotated, flag = asymmetry.rotate(stamp.image, stamp.good), np.zeros(1, np.int32)

    def asymmetry_at(centre: NDArray[np.float64]) -> float:
        return asymmetry.asymmetry_about(rotated, centre[0], centre[1], 25.0, 0.0, flag)

    rows, columns = stamp.image.shape
    start = (columns / 2 + 1.3, rows / 2 - 0.8)
    expected = fmin(asymmetry_at, start, xtol=1e-6, disp=False)
    ours = asymmetry.least_asymmetry(rotated, *start, 25.0, 0.0, flag)
    np.testing.assert_allclose(ours, expected, atol=3 * asymmetry.CENTRE_TOLERANCE)


def test_a_point_symmetric_galaxy_has_no_asymmetry_about_its_centre() -> None:
    image = galaxy(1, 8, 0.5, 0.0)
    image = image + image[::-1, ::-1]
    labels = (image > 60).astype(np.int32)
    stamp = stamps.cut_stamp(image - 40, labels, 1)
    top, left = stamp.corner
    rotated, flag = asymmetry.rotate(stamp.image, stamp.good), np.zeros(1, np.int32)
    middle = 79.5 - left, 79.5 - top
    assert asymmetry.asymmetry_about(rotated, *middle, 30.0, 0.0, flag) == pytest.approx(
        0, abs=1e-6
    )
    assert asymmetry.asymmetry_about(rotated, middle[0] + 2, middle[1], 30.0, 0.0, flag) > 0.1
    assert flag[0] == 0
    assert asymmetry.asymmetry_about(rotated, -1.0, 5.0, 30.0, 0.0, flag) == 100.0
    assert flag[0] == 1


NOISE = np.random.default_rng(1).normal(20, 2, (64, 64))
SMALL = galaxy(1, 5, 0.3, 1.0)[48:112, 48:112]
MIDDLE = (np.indices((64, 64)) == 32).all(axis=0)
ROW = np.indices((64, 64))[0] == 3
BAD = {
    "empty": (np.zeros((0, 0)), Reason.NOT_AN_IMAGE),
    "three axes": (np.zeros((64, 64, 3)), Reason.NOT_AN_IMAGE),
    "all zero": (np.zeros((64, 64)), Reason.CONSTANT),
    "constant": (np.full((64, 64), 128.0), Reason.CONSTANT),
    "saturated everywhere": (np.full((64, 64), 255.0), Reason.CONSTANT),
    "one pixel": (np.ones((1, 1)), Reason.CONSTANT),
    "one NaN": (np.where(MIDDLE, np.nan, SMALL), Reason.NOT_FINITE),
    "all NaN": (np.full((64, 64), np.nan), Reason.NOT_FINITE),
    "infinite": (np.where(ROW, np.inf, SMALL), Reason.NOT_FINITE),
    "beyond single precision": (SMALL * 1e300, Reason.TOO_LARGE),
    "huge numbers": (SMALL * 1e20, ""),
    "empty noise": (NOISE, Reason.NOTHING_DETECTED),
    "negative": (-SMALL, Reason.INVERTED),
    "below zero everywhere": (SMALL - 500.0, ""),
    "off centre": (
        np.roll(SMALL, (-20, 12), axis=(0, 1)),
        f"{Reason.NOTHING_CENTRAL}: the largest lies +12, -20 px from it (right, down)",
    ),
    "touching the edge": (galaxy(1, 8, 0.3, 1.0)[70:134, 48:112], ""),
    "saturated": (np.minimum(8 * SMALL, 255.0), ""),
    "saturated but a row": (np.where(ROW, 0.0, 255.0), Reason.NOTHING_DETECTED),
    "saturated but a pixel": (np.where(MIDDLE, 0.0, 255.0), Reason.INVERTED),
    "gradient": (np.indices((64, 64))[0].astype(float), Reason.NOTHING_DETECTED),
    "square": (
        100.0 * (abs(np.indices((64, 64)) - 32) < 6).all(axis=0),
        Reason.NO_NOISE,
    ),
    "16 px": (SMALL[24:40, 24:40], Reason.UNSMOOTHED),
    "16 px, small galaxy": (galaxy(1, 1.2, 0.0, 1.0)[72:88, 72:88], Reason.UNSMOOTHED),
    "16 px of noise": (NOISE[:16, :16], Reason.NOTHING_DETECTED),
    "larger than the frame": (galaxy(1, 40, 0.2, 1.0)[50:110, 50:110], ""),
    "not square": (galaxy(1, 6, 0.3, 1.0)[50:110], ""),
    "hot pixel in noise": (NOISE + 5000.0 * MIDDLE, Reason.HOT_PIXEL),
    "hot pixel of 8 bits in noise": (np.clip(NOISE + 5000.0 * MIDDLE, 0, 255), Reason.HOT_PIXEL),
    "hot pixel in nothing": (200.0 * MIDDLE, Reason.HOT_PIXEL),
    "hot pixel in a galaxy": (SMALL + 5000.0 * np.roll(MIDDLE, 9, axis=1), ""),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_images_have_one_flag_and_reason_in_both_engines(name: str) -> None:
    image, reason = BAD[name]
    ours, reference = measure(image), measure_with_statmorph(image)
    assert (ours.reason, ours.flag) == (reference.reason, reference.flag)
    assert ours.reason == reason
    np.testing.assert_array_equal(np.isnan(values(ours, FIVE)), np.isnan(values(reference, FIVE)))
    if np.isnan(values(ours, FIVE)).any() or 0.0 in values(ours, FIVE):
        assert ours.reason


def test_a_large_image_is_measured() -> None:
    y, x = np.mgrid[:2048, :2048]
    light = 200 * np.exp(-np.hypot(x - 1024.3, 1.5 * (y - 1023.8)) / 30)
    image = np.round(light + np.random.default_rng(0).normal(10, 1, light.shape))
    found = measure(image)
    assert (found.flag, found.reason) == (0, "")
    assert found.rpetro_circ == pytest.approx(3.6 * 30 / 1.2, rel=0.15)


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 10_000), blur=st.sampled_from([0.0, 1.0, 3.0]))
def test_random_8_bit_images_are_measured_alike(seed: int, blur: float) -> None:
    noise = np.random.default_rng(seed).exponential(20, (48, 52))
    image = np.round(np.clip(gaussian_filter(noise, blur) * (1 + blur), 0, 255))
    ours, reference = measure(image), measure_with_statmorph(image)
    assert (ours.reason, ours.flag) == (reference.reason, reference.flag)


def test_a_source_without_a_radius_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(petrosian, "radius_of_light", lambda *_: -1.0)
    found = measure(SIMULATED["n1.0 r6 e0.0 noise1.0"])
    assert (found.flag, found.reason) == (4, Reason.NO_RADIUS)
    assert np.isnan(found.gini)
    assert found.area > 0


# ------------------------------------------------------------ segmentation


@pytest.mark.parametrize("name", SIMULATED)
def test_deblending_the_central_source_alone_finds_the_same_source(name: str) -> None:
    everything, alone = segment(SIMULATED[name]), segment(SIMULATED[name], neighbours=False)
    np.testing.assert_array_equal(
        everything.labels == everything.central, alone.labels == alone.central
    )
    np.testing.assert_array_equal(everything.labels > 0, alone.labels > 0)
    assert everything.kept_share == alone.kept_share


def test_sky_smoothing_and_detection_are_those_of_astropy_and_photutils() -> None:
    from astropy.convolution import convolve
    from photutils.segmentation import make_2dgaussian_kernel

    image = SIMULATED["n2.0 r8 e0.6 noise2.0 neighbours"]
    _, median, deviation = sigma_clipped_stats(image, sigma=3.0)
    assert clipped_sky(image) == (median, pytest.approx(deviation, rel=1e-12))
    smoothed = convolve(image - median, make_2dgaussian_kernel(3.0, size=5), normalize_kernel=True)
    expected = detect_sources(smoothed, 2 * deviation, n_pixels=16).data
    found = segment(image, SegmentationSettings(contrast=1.0))
    np.testing.assert_array_equal(found.image, image - median)
    np.testing.assert_array_equal(found.labels, expected)
