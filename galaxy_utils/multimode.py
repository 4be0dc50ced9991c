"""The segmentation map of the multimode statistics, which serves the flag alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from galaxy_utils.compilation import Floats, Integers, Positions, Region, compiled
from galaxy_utils.petrosian import ETA
from galaxy_utils.stamps import PACKING, Stamp, brightest, fill, rising_values

SMALLEST_OVERLAP = 0.25
"""The Gini-M20 and the MID segmentation maps share less: the measurement is suspect."""

QUANTILE_TOLERANCE = 1.0 / 256.0
"""Precision of the quantile of the MID map, which only its overlap is asked of."""


class Clumps(NamedTuple):
    """What the main clump above a quantile is found from.

    Parameters
    ----------
    values : ndarray of float64, shape (height, width)
        Counts of the segment, nowhere negative.
    ordered : ndarray of float64, shape (n_pixels,)
        The segment's values in rising order.
    numbers : ndarray of int32, shape (height, width)
        Room to work in, all 0.
    queue : ndarray of int64, shape (height * width,)
        Room for packed positions.
    row, column : int
        The brightest pixel.
    """

    values: Floats
    ordered: Floats
    numbers: Integers
    queue: Positions
    row: int
    column: int


@compiled
def _clump_excess(clumps: Clumps, quantile: float) -> float:
    """Pixel value at a quantile over the mean of the main clump above it, less eta."""
    threshold = clumps.ordered[int(quantile * (clumps.ordered.size - 1))]
    if threshold <= 0.0:
        return -ETA
    number = clumps.numbers[clumps.row, clumps.column] + 1
    count = fill(
        clumps.values, threshold, clumps.row, clumps.column, number, clumps.numbers, clumps.queue
    )
    total = 0.0
    for k in range(count):
        position = clumps.queue[k]
        total += clumps.values[position >> PACKING, position & 0xFFFF]
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
def mid_region(stamp: Stamp, gini: Region, flag: Integers) -> Region:
    """Segmentation map of the multimode statistics (Freeman et al. 2013, section 4.3).

    It serves the flag alone: a galaxy whose Gini-M20 map is another one is
    suspect. The Gini-M20 map itself stands in where there is none.
    """
    values = np.where(stamp.source, np.maximum(stamp.image, 0.0), 0.0)
    row, column = brightest(stamp.image, stamp.source)
    numbers, queue = np.zeros(values.shape, np.int32), np.empty(values.size, np.int64)
    clumps = Clumps(values, rising_values(values, stamp.source), numbers, queue, row, column)
    if _clump_excess(clumps, 0.0) > 0.0:
        return gini
    threshold = clumps.ordered[int(_clump_quantile(clumps) * (clumps.ordered.size - 1))]
    numbers[:] = 1 if threshold <= 0.0 else 0
    if threshold > 0.0:
        fill(values, threshold, row, column, 1, numbers, queue)
    most = _majority(numbers, 1)
    if most[row, column] == 0.0:
        most[row, column] = 1.0
        flag[0] = max(flag[0], 2)
    numbers[:] = 0
    fill(most, 1.0, row, column, 1, numbers, queue)
    region: Region = numbers == 1
    return region


@compiled
def compare_regions(gini: Region, mid: Region, flag: Integers) -> None:
    """Flag maps that share too little (1) or are empty (2)."""
    largest = max(gini.sum(), mid.sum())
    if largest == 0:
        flag[0] = max(flag[0], 2)
    elif (gini & mid).sum() / largest < SMALLEST_OVERLAP:
        flag[0] = max(flag[0], 1)
