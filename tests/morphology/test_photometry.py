"""Axis ratio and colours of sources whose shape and light we set."""

from __future__ import annotations

import numpy as np
import pytest

from galaxy_utils.morphology.photometry import axis_ratio, measure_photometry


def source(ratio: float, bands: tuple[float, float, float]) -> np.ndarray:
    """A Gaussian source, 6 px along its major axis, of peak counts `bands` on some sky."""
    y, x = np.mgrid[-64:64, -64:64]
    light = np.exp(-0.5 * ((x / 6) ** 2 + (y / (6 * ratio)) ** 2))
    noise = np.random.default_rng(0).normal(10, 1, (128, 128, 3))
    return np.clip(light[..., None] * np.array(bands) + noise, 0, 255).round().astype(np.uint8)


@pytest.mark.parametrize("ratio", [1.0, 0.5, 0.25])
def test_the_axis_ratio_is_the_one_set(ratio: float) -> None:
    assert measure_photometry(source(ratio, (200, 200, 200))).axis_ratio == pytest.approx(
        ratio, abs=0.06
    )


def test_a_turn_does_not_change_the_axis_ratio() -> None:
    light = source(0.3, (200, 200, 200))[..., 0].astype(float)
    assert axis_ratio(light) == pytest.approx(axis_ratio(np.rot90(light)))


def test_colours_are_ratios_of_light() -> None:
    found = measure_photometry(source(1.0, (200, 100, 50)))  # i, r, g
    assert found.colour_gr == pytest.approx(2.5 * np.log10(2), abs=0.05)
    assert found.colour_ri == pytest.approx(2.5 * np.log10(2), abs=0.05)
    assert found.reason == ""


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (np.zeros((64, 64, 3), np.uint8), "constant"),
        (source(1.0, (200, 0, 200)), "no light above the sky in one of the bands"),
    ],
)
def test_what_cannot_be_measured_has_a_reason(image: np.ndarray, reason: str) -> None:
    image = image.copy()
    if reason.startswith("no light"):
        image[..., 1] = 10
    found = measure_photometry(image)
    assert np.isnan(found.axis_ratio) and np.isnan(found.colour_gr)
    assert reason in found.reason
