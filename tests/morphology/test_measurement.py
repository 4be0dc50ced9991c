"""Segmentation and the five parameters, against Sersic profiles worked out with numpy."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.modeling.models import Sersic1D, Sersic2D
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import cumulative_trapezoid
from scipy.ndimage import gaussian_filter

from galaxy_utils.morphology import measurement
from galaxy_utils.morphology.measurement import EXTRAS, FIVE, Morphology
from galaxy_utils.morphology.reasons import Reason
from galaxy_utils.morphology.segmentation import SegmentationSettings, central_source, segment

measure = partial(measurement.measure, engine="statmorph")

OVERSAMPLING = 4
"""Even, so that no sample falls onto the cusp of a Sersic profile."""


def sersic(
    n: float,
    r_eff: float,
    size: int,
    *,
    peak: float = 250.0,
    noise: float = 0.5,
    blur: float = 0.0,
    **shape: float,
) -> NDArray[np.float64]:
    """Make an image of a galaxy in its middle pixel, averaged over each pixel."""
    axis = (np.arange(size * OVERSAMPLING) + 0.5) / OVERSAMPLING - 0.5
    model = Sersic2D(1, r_eff, n, size // 2, size // 2, **shape)
    fine = gaussian_filter(model(*np.meshgrid(axis, axis)), blur * OVERSAMPLING)
    image = fine.reshape(size, OVERSAMPLING, size, OVERSAMPLING).mean(axis=(1, 3))
    return peak * image / image.max() + np.random.default_rng(0).normal(0, noise, image.shape)


def analytic(n: float) -> tuple[float, float]:
    """Petrosian radius (eta = 0.2, in effective radii) and C of a circular Sersic profile."""
    radius = np.geomspace(1e-7, 60, 200_001)
    intensity = Sersic1D(1, 1, n)(radius)
    light = cumulative_trapezoid(2 * np.pi * radius * intensity, radius, initial=0)
    eta = intensity[1:] / (light[1:] / (np.pi * radius[1:] ** 2))
    petrosian = radius[1:][eta > 0.2].max()
    total = np.interp(1.5 * petrosian, radius, light)
    r20, r80 = np.interp([0.2 * total, 0.8 * total], light, radius)
    return petrosian, 5 * np.log10(r80 / r20)


def with_blob(image: NDArray[np.float64], row: int, column: int) -> NDArray[np.float64]:
    """Add a bright clump of 2 px."""
    y, x = np.indices(image.shape)
    return image + 150 * np.exp(-((y - row) ** 2 + (x - column) ** 2) / 8)


UNDEBLENDED = SegmentationSettings(contrast=1.0)
DISC = sersic(1, 10, 161)
LOPSIDED = with_blob(sersic(1, 9, 121, noise=1.0, ellip=0.4, theta=0.5), 60, 72)


def five(measured: Morphology) -> NDArray[np.float64]:
    return np.array([getattr(measured, name) for name in FIVE])


@pytest.mark.parametrize(
    ("n", "image", "r_eff", "tolerance"),
    [
        (1, DISC, 10, 0.01),
        # A cusp needs a seeing disc, or statmorph takes its pixel for a cosmic ray.
        (4, sersic(4, 12, 400, blur=0.7, peak=1000, noise=0.3), 12, 0.05),
    ],
    ids=["exponential disc", "de Vaucouleurs"],
)
def test_concentration_is_that_of_the_profile(
    n: float, image: NDArray[np.float64], r_eff: float, tolerance: float
) -> None:
    petrosian, concentration = analytic(n)
    found = measure(image)
    assert found.reason == ""
    assert found.flag == 0
    assert found.rpetro_circ == pytest.approx(r_eff * petrosian, rel=0.03)
    assert found.concentration == pytest.approx(concentration, rel=tolerance)
    assert found.concentration == pytest.approx(5 * np.log10(found.r80 / found.r20))


def test_gini_and_m20_follow_lotz_2004_inside_the_petrosian_radius() -> None:
    image = sersic(1, 10, 161, noise=0.0)
    y, x = np.indices(image.shape) - 80
    inside = np.hypot(x, y) < 10 * analytic(1)[0]
    flux = np.sort(image[inside])
    n = flux.size
    gini = ((2 * np.arange(1, n + 1) - n - 1) * flux).sum() / (flux.mean() * n * (n - 1))  # eq. 6
    moment = (image * (x**2 + y**2))[inside]
    brightest = np.argsort(-image[inside])
    brightest = brightest[np.cumsum(image[inside][brightest]) < 0.2 * flux.sum()]
    m20 = np.log10(moment[brightest].sum() / moment.sum())  # eq. 8
    found = measure(DISC)
    assert found.gini == pytest.approx(gini, rel=0.02)
    assert found.m20 == pytest.approx(m20, abs=0.05)


def test_signal_to_noise_is_in_units_of_the_sky_noise() -> None:
    y, x = np.indices(DISC.shape) - 80
    inside = np.hypot(x, y) < 10 * analytic(1)[0]
    expected = DISC[inside].mean() / segment(DISC).sky_noise
    assert measure(DISC).sn_per_pixel == pytest.approx(expected, rel=0.05)


def test_asymmetry_tells_a_symmetric_from_a_lopsided_galaxy() -> None:
    lopsided = with_blob(DISC, 80, 95)
    y, x = np.indices(DISC.shape) - 80
    inside = np.hypot(x, y) < 1.5 * 10 * analytic(1)[0]
    # Conselice (2003): the blob differs from nothing at its place and at the mirrored one.
    expected = 2 * (lopsided - DISC).sum() / lopsided[inside].sum()
    assert expected > 0.1
    assert abs(measure(DISC).asymmetry) < 0.02
    assert measure(lopsided, UNDEBLENDED).asymmetry == pytest.approx(expected, rel=0.1)


def test_smoothness_sees_clumps() -> None:
    clumps = DISC + 40 * (np.indices(DISC.shape).sum(axis=0) % 6 == 0) * (DISC > 20)
    assert abs(measure(DISC).smoothness) < 0.03
    assert measure(clumps, UNDEBLENDED).smoothness > 0.05


@pytest.mark.parametrize(
    "turn", [np.rot90, lambda a: np.rot90(a, 2), lambda a: np.rot90(a, 3), np.fliplr, np.transpose]
)
def test_turns_and_flips_change_nothing(turn: object) -> None:
    turned = measure(turn(LOPSIDED), UNDEBLENDED)  # type: ignore[operator]
    straight = measure(LOPSIDED, UNDEBLENDED)
    assert straight.asymmetry > 0.1
    np.testing.assert_allclose(five(turned), five(straight), rtol=0.02, atol=0.005)


@settings(deadline=None, max_examples=5)
@given(factor=st.floats(0.5, 20), pedestal=st.floats(-100, 100))
def test_brightness_and_pedestal_change_nothing(factor: float, pedestal: float) -> None:
    bright = measure(factor * LOPSIDED + pedestal, UNDEBLENDED)
    plain = measure(LOPSIDED, UNDEBLENDED)
    np.testing.assert_allclose(five(bright), five(plain), rtol=0.01, atol=0.002)


def test_a_neighbour_is_masked() -> None:
    galaxy = sersic(1, 10, 201)
    alone, beside = measure(galaxy), measure(with_blob(galaxy, 100, 160))
    assert beside.n_sources == alone.n_sources + 1
    assert abs(beside.area - alone.area) < 0.02 * alone.area
    np.testing.assert_allclose(five(beside), five(alone), rtol=0.02, atol=0.01)


def test_a_touching_neighbour_is_deblended_by_default() -> None:
    image = with_blob(with_blob(DISC, 80, 98), 80, 98)
    assert np.unique(segment(image).labels).size - 1 > 1
    assert segment(image).labels[80, 98] != segment(image).central
    assert measure(image).asymmetry < 0.5 * measure(image, UNDEBLENDED).asymmetry


def test_the_share_kept_is_that_of_the_detection() -> None:
    image = with_blob(with_blob(DISC, 80, 98), 80, 98)
    cut, whole = segment(image), segment(image, UNDEBLENDED)
    assert whole.kept_share == 1.0
    mine = cut.image[cut.labels == cut.central].sum()
    assert cut.kept_share == mine / whole.image[whole.labels == whole.central].sum() < 1.0
    assert measure(image).kept_share == cut.kept_share
    assert np.isnan(measure(np.zeros((9, 9))).kept_share)


def test_segment_subtracts_the_sky_and_knows_the_rounding_noise() -> None:
    found = segment(DISC + 30)
    assert np.median(found.image[found.labels == 0]) == pytest.approx(0, abs=0.1)
    assert found.sky_noise == pytest.approx(0.5, rel=0.2)
    quiet = segment(np.round(sersic(1, 4, 161, noise=0.0)))
    assert quiet.sky_noise == pytest.approx(12**-0.5)


def label_map(**sources: tuple[int, int]) -> NDArray[np.int32]:
    """Make a 21 x 21 map of one-pixel sources named s<label>."""
    labels = np.zeros((21, 21), np.int32)
    for name, (row, column) in sources.items():
        labels[row, column] = int(name[1:])
    return labels


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (label_map(), 0),
        (label_map(s3=(10, 10), s1=(10, 11)), 3),
        (label_map(s1=(10, 14), s2=(13, 10)), 2),
        (label_map(s1=(10, 15)), 1),
        (label_map(s1=(10, 16)), 0),
        (label_map(s1=(14, 14)), 0),
        (label_map(s1=(0, 0), s2=(20, 20)), 0),
    ],
    ids=["none", "covers the centre", "nearest", "at the radius", "beyond", "diagonal", "corners"],
)
def test_central_source(labels: NDArray[np.int32], expected: int) -> None:
    assert central_source(labels, search_radius=5.0) == expected


def never_minus_99(found: Morphology) -> None:
    """Check what holds for every image: NaN and a reason, or a number; never -99."""
    numbers = np.array([getattr(found, name) for name in (*FIVE, *EXTRAS)])
    assert not (numbers == -99).any()
    assert not np.isinf(numbers).any()
    assert found.flag in (0, 1, 2, 3, 4)
    if np.isnan(numbers).any():
        assert found.reason
        assert len(found.reason) <= 200


NOISE = np.random.default_rng(1).normal(20, 2, (64, 64))
CORNER = np.roll(sersic(1, 3, 64), (-32, -32), axis=(0, 1))
UNMEASURABLE = {
    "all zero": (np.zeros((64, 64)), "constant"),
    "constant": (np.full((64, 64), 128.0), "constant"),
    "one NaN": (np.where(np.indices((64, 64))[0] == 3, np.nan, NOISE), "not finite"),
    "infinite": (np.where(np.indices((64, 64))[0] == 3, np.inf, NOISE), "not finite"),
    "empty noise": (NOISE, "no source"),
    "negative galaxy": (-sersic(1, 5, 64), "no source"),
    "source in the corner": (CORNER, "no source at the centre"),
}


@pytest.mark.parametrize("name", UNMEASURABLE)
def test_what_cannot_be_measured_is_nan_with_a_reason(name: str) -> None:
    image, reason = UNMEASURABLE[name]
    found = measure(image)
    never_minus_99(found)
    assert np.isnan(five(found)).all()
    assert reason in found.reason
    assert found.flag == 4


DIFFICULT = {
    "48 px": sersic(1, 4, 48),
    "48 px, galaxy larger than the frame": sersic(1, 40, 48),
    "cut by the edge": np.roll(sersic(1, 6, 64), -29, axis=0),
    "one hot pixel": NOISE + 5000 * (np.indices((64, 64)) == 32).all(axis=0),
    "saturated": np.minimum(sersic(1, 8, 64, peak=4000), 255),
    "gradient": np.indices((64, 64))[0].astype(float),
    "square": 100.0 * (abs(np.indices((64, 64)) - 32) < 6).all(axis=0),
    "not square": sersic(1, 5, 120)[30:90],
    "huge numbers": sersic(1, 5, 64) * 1e30,
}


@pytest.mark.parametrize("name", DIFFICULT)
def test_difficult_images_never_raise(name: str) -> None:
    never_minus_99(measure(DIFFICULT[name]))


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10_000), blur=st.sampled_from([0.0, 1.0, 3.0]))
def test_random_8_bit_images_never_raise(seed: int, blur: float) -> None:
    noise = np.random.default_rng(seed).exponential(20, (48, 52))
    never_minus_99(measure(np.round(np.clip(gaussian_filter(noise, blur) * (1 + blur), 0, 255))))


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_an_invalid_value_becomes_nan_and_is_named(value: float) -> None:
    values = {**dict.fromkeys((*FIVE, *EXTRAS), 1.5), "m20": value, "r20": value}
    found = measurement._with_values(Morphology(area=9, n_sources=2), values, 2)
    assert np.isnan(found.m20)
    assert np.isnan(found.r20)
    assert (found.gini, found.flag, found.area, found.n_sources) == (1.5, 2, 9, 2)
    assert found.reason == "could not be measured: m20, r20"


def test_statmorphs_invalid_is_nan(monkeypatch: pytest.MonkeyPatch) -> None:
    says = SimpleNamespace(**dict.fromkeys((*FIVE, *EXTRAS), 1.5) | {"gini": -99.0}, flag=2)
    monkeypatch.setattr(measurement, "_statmorph", lambda: lambda *_, **__: says)
    found = measure(DISC)
    assert np.isnan(found.gini)
    assert (found.m20, found.flag, found.reason) == (1.5, 2, "could not be measured: gini")


@pytest.mark.parametrize(
    ("name", "reason"),
    [("concentration", Reason.NO_CONCENTRATION), ("m20", Reason.NO_M20)],
)
def test_a_zero_that_means_nothing_is_no_number(name: str, reason: Reason) -> None:
    values = {**dict.fromkeys((*FIVE, *EXTRAS), 1.5), name: 0.0}
    found = measurement._with_values(Morphology(), values, 0)
    assert np.isnan(getattr(found, name))
    assert found.reason == reason


def test_an_unknown_engine_is_named() -> None:
    with pytest.raises(ValueError, match="no engine 'slow'"):
        measurement.measure(DISC, engine="slow")


def test_smoothness_of_a_small_galaxy_carries_a_warning() -> None:
    found = measure(sersic(1, 3, 64))
    assert found.rpetro_circ < 8
    assert found.smoothness == 0
    assert "smoothness is 0 by construction" in found.reason


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("Root not found within range.", Reason.NO_RADIUS),
        ("another", "statmorph failed: AssertionError: another"),
    ],
)
def test_a_failure_inside_statmorph_is_a_reason(
    monkeypatch: pytest.MonkeyPatch, message: str, reason: str
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise AssertionError(message)

    monkeypatch.setattr(measurement, "_statmorph", lambda: fail)
    found = measure(DISC)
    assert found.reason == reason
    assert np.isnan(five(found)).all()
    assert found.area > 0


def test_nothing_but_the_columns_leaves_the_module() -> None:
    assert tuple(asdict(Morphology())) == measurement.MORPHOLOGY_COLUMNS
    assert set(FIVE) | set(EXTRAS) <= set(measurement.MORPHOLOGY_COLUMNS)
