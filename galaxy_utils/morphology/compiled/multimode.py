"""The segmentation map of the multimode statistics, which serves the flag alone."""

from __future__ import annotations

import numpy as np

from galaxy_utils.morphology.compiled.compilation import (
    Floats,
    Integers,
    Region,
    compiled,
    raise_flag,
)
from galaxy_utils.morphology.compiled.petrosian import ETA
from galaxy_utils.morphology.compiled.stamps import (
    Stamp,
    bordered,
    bounding_box,
    brightest,
    clump,
    fill,
)
from galaxy_utils.morphology.reasons import BAD, SUSPECT

SMALLEST_OVERLAP = 0.25
"""The Gini-M20 and the MID segmentation maps share less: the measurement is suspect."""

QUANTILE_TOLERANCE = 1.0 / 256.0
"""Precision of the quantile of the MID map, of which only the overlap is used."""


@compiled
def _excess(
    values: Floats, width: int, start: int, threshold: float, visited: Region, queue: Integers
) -> float:
    """A threshold over the mean of the main clump above it, less eta."""
    if threshold <= 0.0:
        return -ETA
    count, flux = fill(values, width, start, threshold, visited, queue)
    return threshold * count / flux - ETA


@compiled
def _mid_threshold(image: Floats, pixel: tuple[int, int], ordered: Floats) -> float:
    """Pixel value at which the edge of the main clump falls below eta of its mean, or NaN."""
    wide, last = bordered(image), ordered.size - 1
    values, width = wide.ravel(), wide.shape[1]
    start = (pixel[0] + 1) * width + pixel[1] + 1
    visited, queue = np.empty(values.size, np.bool_), np.empty(values.size, np.int32)
    low, high = 0.0, 1.0
    below = _excess(values, width, start, ordered[0], visited, queue)
    above = _excess(values, width, start, ordered[last], visited, queue)
    if below > 0.0:
        return np.nan
    while high - low > max(1.0 / ordered.size, QUANTILE_TOLERANCE):
        middle = 0.5 * (low + high)
        excess = _excess(values, width, start, ordered[int(middle * last)], visited, queue)
        if excess > 0.0:
            high, above = middle, excess
        else:
            low, below = middle, excess
    return float(ordered[int((high if above < -below else low) * last)])


def _majority(region: Region) -> Floats:
    """1 where a region holds more than half of 3 x 3 pixels, else 0; edge pixels repeated."""
    held = np.pad(region, 1, mode="edge").astype(np.uint8)
    held = held[:-2] + held[1:-1] + held[2:]
    held = held[:, :-2] + held[:, 1:-1] + held[:, 2:]
    return (held > 4).astype(np.float64)


def mid_region(stamp: Stamp, gini: Region, flag: Integers) -> Region:
    """Map of the multimode statistics (Freeman et al. 2013, section 4.3), or that of Gini-M20."""
    # with a pixel around it, for the majority
    window = tuple(slice(max(s.start - 1, 0), s.stop + 1) for s in bounding_box(stamp.source))
    source = stamp.source[window]
    image = np.where(source, stamp.image[window], 0.0)
    values, pixel = np.maximum(image, 0.0), brightest(image, source)
    threshold = _mid_threshold(values, pixel, np.sort(values[source]))
    if np.isnan(threshold):
        return gini
    if threshold <= 0.0:
        return np.ones_like(gini)
    main = clump(values, threshold, pixel)
    majority = _majority(main)
    if majority[pixel] == 0.0:
        majority[pixel] = 1.0
        raise_flag(flag, BAD)
    region = np.zeros_like(gini)
    region[window] = clump(majority, 1.0, pixel)
    return region


def compare_regions(gini: Region, mid: Region, flag: Integers) -> None:
    """Flag maps that share too little (suspect) or are empty (bad)."""
    largest = max(np.count_nonzero(gini), np.count_nonzero(mid))
    if largest == 0:
        raise_flag(flag, BAD)
    elif np.count_nonzero(gini & mid) / largest < SMALLEST_OVERLAP:
        raise_flag(flag, SUSPECT)
