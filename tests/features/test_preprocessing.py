"""Smoothing and the global z-score of eq. 1."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from galaxy_utils.data.images import band_mean
from galaxy_utils.features.preprocessing import centre_crop, smooth, standardise


def _image(seed: int = 0, side: int = 24) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def test_eq1_by_hand() -> None:
    # Smoothing leaves bands that are constant as they are: mean 3, variance 26/3.
    image = np.tile(np.array([0, 2, 7], np.uint8), (2, 2, 1))
    found = standardise(image)
    assert found.shape == (2, 2, 3) and found.dtype == np.float32
    expected = np.array([-3, -1, 4]) / np.sqrt(26 / 3)
    np.testing.assert_allclose(found, np.broadcast_to(expected, (2, 2, 3)), rtol=1e-6)


def test_mean_and_deviation_are_global_not_of_each_band() -> None:
    image = _image()
    image[..., 0] //= 4
    found = standardise(image)
    assert found.mean(dtype=float) == pytest.approx(0, abs=1e-6)
    assert found.std(dtype=float) == pytest.approx(1, abs=1e-6)
    assert found[..., 0].mean() < -0.5


def test_smoothing_spreads_one_pixel_as_a_gaussian_and_keeps_bands_apart() -> None:
    image = np.zeros((31, 31, 3), dtype=np.uint8)
    image[15, 15, 1] = 200
    found = smooth(image)
    assert found[..., 1].sum() == pytest.approx(200, rel=1e-6)
    assert not found[..., [0, 2]].any()
    # The width is judged by its effect: I(0)/I(r) = exp(r^2 / 2 sigma^2).
    assert np.log(found[15, 15, 1] / found[15, 18, 1]) == pytest.approx(9 / 4.5, rel=1e-3)


@pytest.mark.parametrize("shape", [(24, 31, 3), (5, 3, 3), (1, 1, 3), (40, 2, 4)])
def test_smoothing_is_scipys_also_beyond_the_edges(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    expected = gaussian_filter(image.astype(float), (1.5, 1.5, 0))
    np.testing.assert_allclose(smooth(image), expected, rtol=1e-12)
    np.testing.assert_allclose(smooth(image[:, ::-1]), expected[:, ::-1], rtol=1e-12)


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 1000), factor=st.sampled_from([2, 3, 4, 5]))
def test_eq1_does_not_see_a_positive_scale(seed: int, factor: int) -> None:
    faint = _image(seed) // 5
    bright = (faint * factor).astype(np.uint8)
    np.testing.assert_allclose(standardise(faint), standardise(bright), atol=1e-4)


@pytest.mark.parametrize("value", [0, 17, 255])
def test_a_constant_image_is_refused_by_name_of_the_equation(value: int) -> None:
    with pytest.raises(ValueError, match="eq. 1"):
        standardise(np.full((16, 16, 3), value, dtype=np.uint8))


def test_band_mean_is_the_mean_over_bands_without_overflow() -> None:
    image = np.array([[[255, 255, 255], [0, 3, 6]]], dtype=np.uint8)
    np.testing.assert_array_equal(band_mean(image), [[255.0, 3.0]])


@pytest.mark.parametrize("zoom", [1, 2, 4])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (9, 11), (64, 100)])
def test_the_central_part_is_central(height: int, width: int, zoom: int) -> None:
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    part = centre_crop(np.stack([rows, columns, rows], axis=-1), zoom)
    assert abs(part.shape[0] - height / zoom) < 2 and abs(part.shape[1] - width / zoom) < 2
    assert part[..., 0].mean() == pytest.approx((height - 1) / 2)
    assert part[..., 1].mean() == pytest.approx((width - 1) / 2)
