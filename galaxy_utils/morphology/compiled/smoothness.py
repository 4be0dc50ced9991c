"""Smoothness: the light that a boxcar takes away."""

from __future__ import annotations

import numpy as np

from galaxy_utils.morphology.compiled.apertures import ellipse_sums, running_sums
from galaxy_utils.morphology.compiled.compilation import (
    Floats,
    Integers,
    compiled,
    raise_flag,
)
from galaxy_utils.morphology.compiled.petrosian import EXTENT_CAS, FRACTION_CAS
from galaxy_utils.morphology.compiled.stamps import Sky, Stamp
from galaxy_utils.morphology.reasons import BAD


@compiled
def _mirrored(index: int, length: int) -> int:
    """Index into an array that goes on mirrored at its edges, edge pixels repeated."""
    index %= 2 * length
    return index if index < length else 2 * length - 1 - index


@compiled
def boxcar(image: Floats, size: int) -> Floats:
    """Mean over a square of whole pixels, as `scipy.ndimage.uniform_filter` takes it."""
    if size < 2:
        return image.copy()
    rows, columns = image.shape
    below = size // 2
    smooth, column_sums = np.empty(image.shape), np.zeros(columns)
    for offset in range(-below, size - below):
        column_sums += image[_mirrored(offset, rows)]
    sums, across = np.empty(columns + size), np.empty(columns + size - 1, np.int64)
    for k in range(across.size):
        across[k] = _mirrored(k - below, columns)
    for row in range(rows):
        sums[0] = 0.0
        for k in range(across.size):
            sums[k + 1] = sums[k] + column_sums[across[k]]
        smooth[row] = (sums[size : columns + size] - sums[:columns]) / (size * size)
        leaving, coming = _mirrored(row - below, rows), _mirrored(row - below + size, rows)
        column_sums += image[coming] - image[leaving]
    return smooth


@compiled
def _residual(image: Floats, size: int) -> Floats:
    """Image less itself smoothed, negative differences set to 0."""
    return np.maximum(image - boxcar(image, size), 0.0)


@compiled
def smoothness_within(
    stamp: Stamp, x: float, y: float, petrosian: float, sky: Sky, flag: Integers
) -> float:
    """Smoothness between 0.25 and 1.5 Petrosian radii (Lotz et al. 2004, eq. 11)."""
    size = int(FRACTION_CAS * petrosian)
    inner, outer = FRACTION_CAS * petrosian, EXTENT_CAS * petrosian
    residual = _residual(stamp.image, size)
    running = running_sums(residual)
    rough, flux = 0.0, 0.0
    for radius, sign in ((inner, -1.0), (outer, 1.0)):
        one, other = ellipse_sums(
            residual, running, stamp.image, stamp.flux, x, y, radius, radius, 0.0
        )
        rough, flux = rough + sign * one, flux + sign * other
    if flux <= 0.0:
        raise_flag(flag, BAD)
        return np.nan
    if sky.side:
        box = stamp.image[sky.row : sky.row + sky.side, sky.column : sky.column + sky.side]
        rough -= float(np.pi * (outer**2 - inner**2) * np.mean(_residual(box.copy(), size)))
    return rough / flux
