"""Gini coefficient and M20, and the segmentation map that they are measured on."""

from __future__ import annotations

import numpy as np

from galaxy_utils.morphology.compiled.apertures import ellipse_sums, running_sums
from galaxy_utils.morphology.compiled.compilation import (
    Floats,
    Integers,
    Region,
    compiled,
)
from galaxy_utils.morphology.compiled.petrosian import Aperture
from galaxy_utils.morphology.compiled.smoothing import gaussian_kernel, smooth_row
from galaxy_utils.morphology.compiled.stamps import (
    Stamp,
    bordered,
    brightest,
    centroid,
    fill,
)
from galaxy_utils.morphology.reasons import STATMORPH_INVALID

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


@compiled
def _pieces(values: Floats, width: int, threshold: float) -> tuple[Integers, int]:
    """Number the connected pieces (8 neighbours) above a threshold of a bordered image."""
    numbers, queue, pieces = np.zeros(values.size, np.int32), np.empty(values.size, np.int32), 0
    for at in range(values.size):
        if numbers[at] == 0 and values[at] >= threshold:
            pieces += 1
            fill(values, width, threshold, at, pieces, numbers, queue)
    return numbers, pieces


@compiled
def gini_region(stamp: Stamp, aperture: Aperture, petrosian: float, flag: Integers) -> Region:
    """Pixels of the galaxy for Gini and M20 (Lotz et al. 2004, section 2.1).

    Those where the image, smoothed by a fifth of the Petrosian radius, is at
    least as bright as on the ellipse at that radius (about the centroid);
    where they fall into pieces, the one with the brightest pixel (flag 1).
    """
    smooth = gaussian_smooth(stamp.image, FRACTION_GINI * petrosian)
    running, flux, area = running_sums(smooth), 0.0, 0.0
    for a, sign in ((petrosian - 0.5, -1.0), (petrosian + 0.5, 1.0)):
        b = a / aperture.elongation
        flux += (
            sign
            * ellipse_sums(
                smooth, running, smooth, running, aperture.x, aperture.y, a, b, aperture.theta
            )[0]
        )
        area += sign * np.pi * a * b
    columns = smooth.shape[1]
    numbers, pieces = _pieces(bordered(smooth), columns + 2, flux / area)
    numbers = numbers.reshape(-1, columns + 2)[1:-1, 1:-1].copy()
    region = numbers > 0
    if pieces == 0 or region.all():
        flag[0] = max(flag[0], 2)
        return region
    if pieces > 1:
        flag[0] = max(flag[0], 1)
        row, column = brightest(smooth, region)
        region = numbers == numbers[row, column]
    return region


@compiled
def gini_coefficient(ordered: Floats, flag: Integers) -> float:
    """Gini coefficient of the sizes of pixel values in rising order (Lotz et al. 2004, eq. 6)."""
    n, total, weighted = ordered.size, 0.0, 0.0
    for i in range(n):
        total += ordered[i]
        weighted += (2 * i + 1 - n) * ordered[i]
    if n <= 1 or total == 0.0:
        flag[0] = max(flag[0], 2)
        return STATMORPH_INVALID
    return weighted / ((n - 1) * total)


@compiled
def _brightest_fifth(ordered: Floats) -> float:
    """Value above which, from the top, a fifth of the flux lies (Lotz et al. 2004, eq. 8)."""
    total, along = ordered.sum(), 0.0
    for value in ordered:
        along += value
        if along / total >= 0.8:
            return float(value)
    return np.inf


@compiled
def moment_of_light(image: Floats, region: Region, ordered: Floats, flag: Integers) -> float:
    """M20, the brightest fifth's share of the second moment (Lotz et al. 2004, eqs. 7 and 8)."""
    if ordered.size == 0:
        return STATMORPH_INVALID
    if ordered.sum() <= 0.0:
        flag[0] = max(flag[0], 2)
        return STATMORPH_INVALID
    _, x, y = centroid(image, region)
    threshold, whole, fifth = _brightest_fifth(ordered), 0.0, 0.0
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            if region[row, column]:
                value = image[row, column]
                moment = value * ((column - x) ** 2 + (row - y) ** 2)
                whole += moment
                fifth += moment if value >= threshold else 0.0
    if whole <= 0.0 or fifth <= 0.0:
        flag[0] = max(flag[0], 2)
        return STATMORPH_INVALID
    return float(np.log10(fifth / whole))


@compiled
def rising_sizes(ordered: Floats) -> Floats:
    """Absolute values of a rising series, in rising order."""
    sizes, low, high = np.empty(ordered.size), 0, ordered.size - 1
    for k in range(ordered.size - 1, -1, -1):
        if -ordered[low] > ordered[high]:
            sizes[k] = -ordered[low]
            low += 1
        else:
            sizes[k] = abs(ordered[high])
            high -= 1
    return sizes


@compiled
def signal_to_noise(stamp: Stamp, region: Region, noise: float, flag: Integers) -> float:
    """Mean ratio of signal to noise of a region's pixels that are not negative or masked."""
    total, count = 0.0, 0
    for row in range(region.shape[0]):
        for column in range(region.shape[1]):
            value = stamp.image[row, column]
            if region[row, column] and stamp.good[row, column] > 0.0 and value >= 0.0:
                total += value
                count += 1
    if count == 0 or noise <= 0.0:
        flag[0] = max(flag[0], 2)
        return STATMORPH_INVALID
    return total / count / noise
