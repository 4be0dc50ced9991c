"""The compiled pieces of segmentation: sky, smoothing, and deblending of one source.

They give what astropy and photutils give, and are tested against them; photutils
deblends every source of a frame, here it is the one that will be measured.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.ndimage import label as number_pieces
from scipy.ndimage import sum_labels
from skimage.segmentation import watershed

from galaxy_utils.morphology.compiled.compilation import (
    Floats,
    Integers,
    Region,
    compiled,
)

LEVELS = 32
"""Thresholds between the faintest and the brightest pixel of a source (photutils)."""

MOST_MARKERS = 200
"""With more markers the thresholds are taken evenly spaced (photutils)."""

EIGHT = np.ones((3, 3), dtype=np.int64)
"""Pixels that touch at an edge or a corner hang together."""


def clipped_sky(image: Floats, sigma: float = 3.0, steps: int = 5) -> tuple[float, float]:
    """Median and standard deviation of an image without its outliers.

    As `astropy.stats.sigma_clipped_stats`; after one sort every clipping is a
    shorter slice.

    Parameters
    ----------
    image : ndarray of float64, shape (height, width)
        Counts.
    sigma : float
        Distance from the median, in standard deviations, beyond which a pixel
        is left out.
    steps : int
        Most clippings.

    Returns
    -------
    tuple of float
        Median and standard deviation, counts.
    """
    kept = np.sort(image, axis=None)
    for _ in range(steps):
        middle, spread = _sorted_median(kept), sigma * kept.std()
        start = np.searchsorted(kept, middle - spread, side="left")
        stop = np.searchsorted(kept, middle + spread, side="right")
        if stop - start == kept.size:
            break
        kept = kept[start:stop]
    return _sorted_median(kept), float(kept.std())


def _sorted_median(values: Floats) -> float:
    half = values.size // 2
    if values.size % 2:
        return float(values[half])
    return float(0.5 * (values[half - 1] + values[half]))


@lru_cache(maxsize=8)
def _kernel(fwhm: float) -> Floats:
    """Gaussian averaged over each of 5 x 5 pixels, of sum one.

    As `photutils.segmentation.make_2dgaussian_kernel`, which takes a second to import.
    """
    sigma = fwhm / np.sqrt(8 * np.log(2))
    offsets = (np.arange(50) - 24.5) / 10  # ten points along each pixel
    along = np.exp(-0.5 * (offsets / sigma) ** 2).reshape(5, 10).mean(axis=1)
    along /= along.sum()
    return np.asarray(np.outer(along, along), dtype=np.float64)


def smooth(image: Floats, fwhm: float) -> Floats:
    """Convolve with a Gaussian of 5 x 5 px; beyond the image there is 0.

    Parameters
    ----------
    image : ndarray of float64, shape (height, width)
        Counts.
    fwhm : float
        Full width at half maximum in pixels.

    Returns
    -------
    ndarray of float64, shape (height, width)
        Smoothed counts.
    """
    padded = np.pad(np.asarray(image, dtype=np.float64), 2)
    return np.asarray(_convolve(padded, _kernel(fwhm)))


@compiled
def _convolve(padded: Floats, kernel: Floats) -> Floats:
    rows, columns = padded.shape[0] - 4, padded.shape[1] - 4
    total = np.zeros((rows, columns))
    for row in range(rows):
        along = total[row]
        for i in range(5):
            source = padded[row + i]
            for j in range(5):
                weight = kernel[4 - i, 4 - j]
                for column in range(columns):
                    along[column] += weight * source[column + j]
    return total


def detect(smoothed: Floats, threshold: float, minimum_pixels: int) -> Integers:
    """Number the connected pieces above a threshold that are large enough.

    Parameters
    ----------
    smoothed : ndarray of float64, shape (height, width)
        Counts.
    threshold : float
        Counts that a pixel must exceed.
    minimum_pixels : int
        Fewest pixels of a piece.

    Returns
    -------
    ndarray of int32, shape (height, width)
        Sources numbered from 1 on, as `photutils.segmentation.detect_sources`
        does; 0 is sky.
    """
    labels, _ = number_pieces(smoothed > threshold, structure=EIGHT)
    large = np.bincount(labels.ravel()) >= minimum_pixels
    large[0] = False
    numbers = np.where(large, np.cumsum(large), 0).astype(np.int32)
    return np.asarray(numbers[labels])


@compiled
def _label(above: Region, minimum_pixels: int) -> tuple[Integers, int, int]:
    """Number the pieces (8 neighbours) in the order of their first pixels.

    Those below the minimum become 0 and leave their number unused. Returns
    the map, the largest number given and how many pieces there are.
    """
    rows, columns = above.shape
    labels, queue = np.zeros(above.shape, np.int32), np.empty(above.size, np.int32)
    number, kept = 0, 0
    for row in range(rows):
        for column in range(columns):
            if not above[row, column] or labels[row, column] != 0:
                continue
            number += 1
            labels[row, column] = number
            queue[0] = row * columns + column
            done, found = 0, 1
            while done < found:
                y, x = divmod(queue[done], columns)
                done += 1
                for i in range(max(y - 1, 0), min(y + 2, rows)):
                    for j in range(max(x - 1, 0), min(x + 2, columns)):
                        if above[i, j] and labels[i, j] == 0:
                            labels[i, j] = number
                            queue[found] = i * columns + j
                            found += 1
            if found >= minimum_pixels:
                kept += 1
                continue
            for k in range(found):
                y, x = divmod(queue[k], columns)
                labels[y, x] = -1
    for row in range(rows):
        for column in range(columns):
            labels[row, column] = max(labels[row, column], 0)
    return labels, number, kept


@compiled
def _split(lower: Integers, n_lower: int, upper: Integers) -> tuple[Region, bool]:
    """Replace each marker that falls apart at the next level by its pieces."""
    first, parts = np.zeros(n_lower + 1, np.int32), np.zeros(n_lower + 1, np.bool_)
    for row in range(lower.shape[0]):
        for column in range(lower.shape[1]):
            marker, piece = lower[row, column], upper[row, column]
            if marker and piece:
                if first[marker] == 0:
                    first[marker] = piece
                elif first[marker] != piece:
                    parts[marker] = True
    markers = np.zeros(lower.shape, np.bool_)
    for row in range(lower.shape[0]):
        for column in range(lower.shape[1]):
            marker = lower[row, column]
            if marker:
                markers[row, column] = upper[row, column] > 0 if parts[marker] else True
    return markers, bool(parts.any())


@compiled
def _markers(
    data: Floats, inside: Region, thresholds: Floats, minimum_pixels: int
) -> tuple[Integers, int]:
    """Peaks that are separate at some threshold; their number, 0 where there is but one."""
    markers, count = np.zeros(data.shape, np.int32), 0
    for threshold in thresholds:
        labels, number, kept = _label((data > threshold) & inside, minimum_pixels)
        if kept < 2:
            continue
        if count == 0:
            markers, count = labels, number
            continue
        pieces, new = _split(markers, count, labels)
        if new:
            markers, count, _ = _label(pieces, 1)
    return markers, count


def _thresholds(low: float, high: float, *, even: bool) -> Floats:
    levels = np.linspace(low, high, LEVELS + 2)
    if not even:
        levels = low * (high / low) ** ((levels - low) / (high - low))
    return levels[1:-1]


def deblend(data: Floats, inside: Region, minimum_pixels: int, contrast: float) -> Integers:
    """Take one source apart into its peaks, by levels and watershed.

    Parameters
    ----------
    data : ndarray of float64, shape (height, width)
        Smoothed counts of the box around the source.
    inside : ndarray of bool, shape (height, width)
        The source's pixels.
    minimum_pixels : int
        Fewest pixels of a peak at a level.
    contrast : float
        Share of the source's flux that a peak needs.

    Returns
    -------
    ndarray of int32, shape (height, width)
        Number of the part that each pixel belongs to, 0 outside; a single
        number where the source is one.

    References
    ----------
    Bertin & Arnouts (1996), section 3.2.3, as in photutils.
    """
    whole = inside.astype(np.int32)
    values = data[inside]
    low, high = float(values.min()), float(values.max())
    if contrast == 1.0 or values.size < 2 * minimum_pixels or low == high:
        return whole
    even = low <= 0.0
    markers, count = _markers(data, inside, _thresholds(low, high, even=even), minimum_pixels)
    if not even and count and np.unique(markers).size - 1 > MOST_MARKERS:
        thresholds = _thresholds(low, high, even=True)
        markers, count = _markers(data, inside, thresholds, minimum_pixels)
    return _flood(data, inside, markers, contrast * float(values.sum())) if count else whole


def _flood(data: Floats, inside: Region, markers: Integers, least_flux: float) -> Integers:
    """Grow the markers over the source; give up the faintest until each has flux enough."""
    while True:
        markers = watershed(-data, markers, mask=inside, connectivity=EIGHT)
        numbers = np.unique(markers[inside])
        fluxes = sum_labels(data, markers, index=numbers)
        if numbers.size == 1 or fluxes.min() >= least_flux:
            return np.asarray(markers, dtype=np.int32)
        markers[markers == numbers[np.argmin(fluxes)]] = 0
