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
    """Pixels of the galaxy for Gini and M20 (Lotz et al. 2004, section 2.1)."""
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


def gini_coefficient(ordered: Floats, flag: Integers) -> float:
    """Gini coefficient of absolute pixel values in rising order (Lotz et al. 2004, eq. 6)."""
    n, total = ordered.size, float(ordered.sum())
    if n <= 1 or total == 0.0:
        raise_flag(flag, BAD)
        return np.nan
    return float((2 * np.arange(n) + 1 - n) @ ordered) / ((n - 1) * total)


def _brightest_fifth(light: Floats) -> float:
    """Value above which, from the top, a fifth of the flux lies (Lotz et al. 2004, eq. 8)."""
    ordered = np.sort(light)
    cumulative = np.cumsum(ordered)
    reached = cumulative / cumulative[-1] >= 0.8
    return float(ordered[reached.argmax()]) if reached.any() else np.inf


def moment_of_light(image: Floats, region: Region, flag: Integers) -> float:
    """M20, the brightest fifth's share of the second moment (Lotz et al. 2004, eq. 8)."""
    if not region.any():
        return np.nan
    flux, x, y = centroid(image, region)
    if flux > 0.0:
        rows, columns = np.nonzero(region)
        light = image[region]
        moments = light * ((columns - x) ** 2 + (rows - y) ** 2)
        total, top = moments.sum(), moments[light >= _brightest_fifth(light)].sum()
        if total > 0.0 and top > 0.0:
            return math.log10(top / total)
    raise_flag(flag, BAD)
    return np.nan


def signal_to_noise(values: Floats, noise: float, flag: Integers) -> float:
    """Mean ratio of signal to noise of the pixels that are not negative."""
    values = values[values >= 0.0]
    if not values.size or noise <= 0.0:
        raise_flag(flag, BAD)
        return np.nan
    return float(values.mean()) / noise
