"""Bright stars and trails, recognised by their saturated pixels."""

from __future__ import annotations

import numpy as np
import pytest

from galaxy_utils.morphology.saturation import NEITHER, STAR, TRAIL, frame_defect

Y, X = np.mgrid[:256, :256]


def frame(saturated: np.ndarray, bands: tuple[int, ...] = (0, 1, 2)) -> np.ndarray:
    image = np.full((256, 256, 3), 20, np.uint8)
    for band in bands:
        image[saturated, band] = 255
    return image


@pytest.mark.parametrize(
    ("saturated", "kind"),
    [
        (np.zeros((256, 256), bool), NEITHER),
        (np.hypot(Y - 128, X - 128) < 6, NEITHER),
        (np.hypot(Y - 60, X - 200) < 20, STAR),
        (np.abs(Y - 0.7 * X - 20) < 2, TRAIL),
        ((np.abs(Y - 128) < 3) & (X < 40), NEITHER),
        ((np.abs(Y - 128) < 30), STAR),
    ],
    ids=["empty", "nucleus", "disc", "oblique line", "short line", "broad band"],
)
def test_what_saturates_a_frame_is_recognised(saturated: np.ndarray, kind: str) -> None:
    assert frame_defect(frame(saturated)) == kind


def test_a_trail_in_one_band_is_a_trail() -> None:
    assert frame_defect(frame(np.abs(Y - X) < 2, bands=(1,))) == TRAIL
