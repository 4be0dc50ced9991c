"""The segmentation map of the multimode statistics, which serves the flag alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from galaxy_utils.morphology.compiled.compilation import (
    Floats,
    Integers,
    Region,
    compiled,
)
from galaxy_utils.morphology.compiled.petrosian import ETA
from galaxy_utils.morphology.compiled.stamps import (
    Stamp,
    bordered,
    brightest,
    fill,
    rising_values,
)

SMALLEST_OVERLAP = 0.25
"""The Gini-M20 and the MID segmentation maps share less: the measurement is suspect."""

QUANTILE_TOLERANCE = 1.0 / 256.0
"""Precision of the quantile of the MID map, which only its overlap is asked of."""


class Clumps(NamedTuple):
    """What the main clump above a quantile is found from.

    Parameters
    ----------
    values : ndarray of float64, shape ((height + 2) * (width + 2),)
        Counts of the segment, nowhere negative, with a border (see `bordered`).
    ordered : ndarray of float64, shape (n_pixels,)
        The segment's values in rising order.
    numbers, queue : ndarray of int32, shape ((height + 2) * (width + 2),)
        Room to work in, the numbers all 0.
    width : int
        Width with the border.
    brightest : int
        Position of the brightest pixel.
    """

    values: Floats
    ordered: Floats
    numbers: Integers
    queue: Integers
    width: int
    brightest: int


@compiled
def _clumps(values: Floats, ordered: Floats, row: int, column: int) -> Clumps:
    """Prepare the search for clumps around a pixel."""
    wide, width = bordered(values), values.shape[1] + 2
    numbers, queue = np.zeros(wide.size, np.int32), np.empty(wide.size, np.int32)
    return Clumps(wide, ordered, numbers, queue, width, (row + 1) * width + column + 1)


@compiled
def _without_border(clumps: Clumps) -> Integers:
    """Numbers of the pixels of the image itself."""
    return clumps.numbers.reshape(-1, clumps.width)[1:-1, 1:-1].copy()


@compiled
def _clump(clumps: Clumps, threshold: float, number: int) -> int:
    """Number the main clump above a threshold; return its count of pixels."""
    start, numbers = clumps.brightest, clumps.numbers
    return fill(clumps.values, clumps.width, threshold, start, number, numbers, clumps.queue)


@compiled
def _clump_excess(clumps: Clumps, quantile: float) -> float:
    """Pixel value at a quantile over the mean of the main clump above it, less eta."""
    threshold = clumps.ordered[int(quantile * (clumps.ordered.size - 1))]
    if threshold <= 0.0:
        return -ETA
    count = _clump(clumps, threshold, clumps.numbers[clumps.brightest] + 1)
    total = 0.0
    for k in range(count):
        total += clumps.values[clumps.queue[k]]
    return float(threshold * count / total - ETA)


@compiled
def _clump_quantile(clumps: Clumps) -> float:
    """Quantile at which the main clump's edge falls below eta of its mean.

    Of the two sides of the step that is found, the one nearer to eta.
    """
    low, high = 0.0, 1.0
    below, above = _clump_excess(clumps, low), _clump_excess(clumps, high)
    while high - low > max(1.0 / clumps.ordered.size, QUANTILE_TOLERANCE):
        middle = 0.5 * (low + high)
        excess = _clump_excess(clumps, middle)
        if excess > 0.0:
            high, above = middle, excess
        else:
            low, below = middle, excess
    return high if above < -below else low


@compiled
def _majority(numbers: Integers, number: int) -> Floats:
    """1 where more than half of the 9 pixels around carry a number, edges mirrored."""
    rows, columns = numbers.shape
    most, votes = np.empty(numbers.shape), np.empty(columns + 2, np.int32)
    for row in range(rows):
        above, here, below = numbers[max(row - 1, 0)], numbers[row], numbers[min(row + 1, rows - 1)]
        for k in range(columns):
            votes[k + 1] = (above[k] == number) + (here[k] == number) + (below[k] == number)
        votes[0], votes[columns + 1] = votes[1], votes[columns]
        for k in range(columns):
            most[row, k] = 1.0 if votes[k] + votes[k + 1] + votes[k + 2] > 4 else 0.0
    return most


@compiled
def _smoothed_clump(clumps: Clumps, row: int, column: int, flag: Integers) -> Region:
    """Main clump after each pixel has taken the side of most around it."""
    numbers = _without_border(clumps)
    most = _majority(numbers, 1)
    if most[row, column] == 0.0:
        most[row, column] = 1.0
        flag[0] = max(flag[0], 2)
    smoothed = _clumps(most, clumps.ordered, row, column)
    _clump(smoothed, 1.0, 1)
    region: Region = _without_border(smoothed) == 1
    return region


@compiled
def mid_region(stamp: Stamp, gini: Region, flag: Integers) -> Region:
    """Segmentation map of the multimode statistics (Freeman et al. 2013, section 4.3).

    It serves the flag alone: a galaxy whose Gini-M20 map is another one is
    suspect. The Gini-M20 map itself stands in where there is none.
    """
    top, end, left, stop = stamp.box  # with a pixel around it, for the majority
    top, end = max(top - 1, 0), min(end + 1, gini.shape[0])
    left, stop = max(left - 1, 0), min(stop + 1, gini.shape[1])
    source = stamp.source[top:end, left:stop].copy()
    image = np.where(source, stamp.image[top:end, left:stop], 0.0)
    values = np.maximum(image, 0.0)
    row, column = brightest(image, source)
    clumps = _clumps(values, rising_values(values, source), row, column)
    if _clump_excess(clumps, 0.0) > 0.0:
        return gini
    threshold = clumps.ordered[int(_clump_quantile(clumps) * (clumps.ordered.size - 1))]
    if threshold <= 0.0:
        return np.ones(gini.shape, np.bool_)
    _clump(clumps, threshold, 1)
    region = np.zeros(gini.shape, np.bool_)
    region[top:end, left:stop] = _smoothed_clump(clumps, row, column, flag)
    return region


@compiled
def compare_regions(gini: Region, mid: Region, flag: Integers) -> None:
    """Flag maps that share too little (1) or are empty (2)."""
    largest = max(gini.sum(), mid.sum())
    if largest == 0:
        flag[0] = max(flag[0], 2)
    elif (gini & mid).sum() / largest < SMALLEST_OVERLAP:
        flag[0] = max(flag[0], 1)
