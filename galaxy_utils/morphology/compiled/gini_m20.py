"""Gini coefficient and M20, and the segmentation map that they are measured on."""

from __future__ import annotations

import math

import numpy as np

from galaxy_utils.morphology.compiled.apertures import ellipse_sums, running_sums
from galaxy_utils.morphology.compiled.compilation import (
    Floats,
    Integers,
    Region,
    compiled,
    raise_flag,
)
from galaxy_utils.morphology.compiled.petrosian import Aperture
from galaxy_utils.morphology.compiled.smoothing import gaussian_kernel, smooth_row
from galaxy_utils.morphology.compiled.stamps import brightest, centroid, clump
from galaxy_utils.morphology.reasons import BAD, SUSPECT

FRACTION_GINI = 0.2
"""Smoothing of the Gini-M20 segmentation map in Petrosian radii (Lotz et al. 2004)."""


@compiled
def gaussian_smooth(image: Floats, sigma: float) -> Floats:
    """Smooth by a Gaussian, in single precision; beyond the image there is 0."""
    rows, columns = image.shape
    kernel = gaussian_kernel(sigma).astype(np.float32)
    reach = kernel.size - 1
    width = columns + 2 * reach
    values = np.zeros((rows + 2 * reach) * columns, np.float32)
    values[reach * columns : (reach + rows) * columns] = image.ravel()
    down, smooth = np.zeros(rows * width, np.float32), np.empty(image.shape, np.float32)
    for row in range(rows):
        along = down[row * width + reach : row * width + reach + columns]
        smooth_row(along, values, (reach + row) * columns, columns, kernel)
        smooth_row(smooth[row], down, row * width + reach, 1, kernel)
    return smooth.astype(np.float64)


def gini_region(image: Floats, aperture: Aperture, petrosian: float, flag: Integers) -> Region:
    """Pixels of the galaxy for Gini and M20 (Lotz et al. 2004, section 2.1).

    Those where the image, smoothed by a fifth of the Petrosian radius, is at
    least as bright as on the ellipse at that radius (about the centroid);
    where they fall into pieces, the one with the brightest pixel (flag 1).
    """
    smooth = gaussian_smooth(image, FRACTION_GINI * petrosian)
    threshold = _mean_on_ellipse(smooth, aperture, petrosian)
    region = smooth >= threshold
    if region.all() or not region.any():
        raise_flag(flag, BAD)
        return region
    piece = clump(smooth, threshold, brightest(smooth, region))
    if np.count_nonzero(piece) < np.count_nonzero(region):
        raise_flag(flag, SUSPECT)
    return piece


@compiled
def _mean_on_ellipse(image: Floats, aperture: Aperture, a: float) -> float:
    """Mean over the ring, one pixel wide, of an ellipse with the semi-axis a."""
    running, flux, area = running_sums(image), 0.0, 0.0
    for outer, sign in ((a - 0.5, -1.0), (a + 0.5, 1.0)):
        b = outer / aperture.elongation
        total, _ = ellipse_sums(
            image, running, image, running, aperture.x, aperture.y, outer, b, aperture.theta
        )
        flux += sign * total
        area += sign * np.pi * outer * b
    return flux / area


@compiled
def gini_coefficient(ordered: Floats, flag: Integers) -> float:
    """Gini coefficient of absolute pixel values in rising order (Lotz et al. 2004, eq. 6)."""
    n, total, weighted = ordered.size, 0.0, 0.0
    for i in range(n):
        total += ordered[i]
        weighted += (2 * i + 1 - n) * ordered[i]
    if n <= 1 or total == 0.0:
        raise_flag(flag, BAD)
        return np.nan
    return weighted / ((n - 1) * total)


@compiled
def _brightest_fifth(ordered: Floats) -> float:
    """Value above which, from the top, a fifth of the flux lies (Lotz et al. 2004, eq. 8)."""
    total, cumulative = ordered.sum(), 0.0
    for value in ordered:
        cumulative += value
        if cumulative / total >= 0.8:
            return float(value)
    return np.inf


@compiled
def _moments(
    image: Floats, region: Region, ordered: Floats, x: float, y: float
) -> tuple[float, float]:
    """Second moment about a point (Lotz et al. 2004, eq. 7): of all light, of its top fifth."""
    threshold, total, top = _brightest_fifth(ordered), 0.0, 0.0
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            if region[row, column]:
                value = image[row, column]
                moment = value * ((column - x) ** 2 + (row - y) ** 2)
                total += moment
                top += moment if value >= threshold else 0.0
    return total, top


def moment_of_light(image: Floats, region: Region, flag: Integers) -> float:
    """M20, the brightest fifth's share of the second moment (Lotz et al. 2004, eq. 8)."""
    if not region.any():
        return np.nan
    flux, x, y = centroid(image, region)
    if flux > 0.0:
        total, top = _moments(image, region, np.sort(image[region]), x, y)
        if total > 0.0 and top > 0.0:
            return math.log10(top / total)
    raise_flag(flag, BAD)
    return np.nan


@compiled
def signal_to_noise(values: Floats, noise: float, flag: Integers) -> float:
    """Mean ratio of signal to noise of the pixels that are not negative."""
    total, count = 0.0, 0
    for value in values:
        if value >= 0.0:
            total += value
            count += 1
    if count == 0 or noise <= 0.0:
        raise_flag(flag, BAD)
        return np.nan
    return total / count / noise
