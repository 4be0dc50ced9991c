"""The stamp around one source: what is cut out, what is masked, its moments and its sky."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from galaxy_utils.morphology.compiled.compilation import (
    Floats,
    Integers,
    Positions,
    Region,
    compiled,
)

CUTOUT_EXTENT = 2.5
"""Side of the stamp in units of the longer side of the segment's box."""

MINIMUM_CUTOUT = 48
"""Smallest side of the stamp."""

SKYBOX = 32
"""Side of the square of sky that is looked for first; it is halved down to 2."""

OUTLIER = 10.0
"""A pixel this many standard deviations of its 8 neighbours off is bad (Lotz et al. 2004)."""


Limits = tuple[int, int, int, int]


class Stamp(NamedTuple):
    """The cutout around one source, as the compiled functions take it.

    Parameters
    ----------
    image : ndarray of float64, shape (height, width)
        Counts; 0 where masked.
    good : ndarray of float64, shape (height, width)
        1 where the pixel counts, 0 where it is masked.
    flux : ndarray of float64, shape (height, width + 1)
        Sums of `image` along each row, up to and without each column.
    area : ndarray of float64, shape (height, width + 1)
        The same of `good`.
    source : ndarray of bool, shape (height, width)
        Where the source's own segment lies, without masked pixels.
    limits : tuple of int
        First and end row, first and end column of the stamp in the image.
    box : tuple of int
        The same of the segment in the stamp.
    """

    image: Floats
    good: Floats
    flux: Floats
    area: Floats
    source: Region
    limits: Limits
    box: Limits


@compiled
def _box(labels: Integers, label: int) -> Limits:
    """First and end row, first and end column of a segment."""
    rows, columns = labels.shape
    top, bottom, left, right = rows, -1, columns, -1
    for row in range(rows):
        for column in range(columns):
            if labels[row, column] == label:
                top, bottom = min(top, row), row
                left, right = min(left, column), max(right, column)
    return top, bottom + 1, left, right + 1


@compiled
def _limits(box: Limits, rows: int, columns: int) -> Limits:
    """Limits of the stamp around a segment's box, in an image of a size."""
    top, end_row, left, end_column = box
    height, width = end_row - top, end_column - left
    y, x = top + height // 2, left + width // 2
    reach = max(int(max(height, width) * CUTOUT_EXTENT / 2.0), MINIMUM_CUTOUT // 2)
    return max(0, y - reach), min(rows, y + reach), max(0, x - reach), min(columns, x + reach)


@compiled
def stamp_limits(labels: Integers, label: int) -> Limits:
    """Rows and columns of the stamp of a source: first row, end row, first column, end column."""
    return _limits(_box(labels, label), labels.shape[0], labels.shape[1])


@compiled
def _edge_padded(image: Floats) -> Floats:
    """Image with its outermost pixels repeated once around it."""
    rows, columns = image.shape
    padded = np.empty((rows + 2, columns + 2))
    for row in range(rows + 2):
        source = image[min(max(row - 1, 0), rows - 1)]
        padded[row, 1 : columns + 1] = source
        padded[row, 0], padded[row, columns + 1] = source[0], source[columns - 1]
    return padded


@compiled
def bad_pixels(image: Floats) -> Region:
    """Mark pixels that stand out from their 8 neighbours (Lotz et al. 2004).

    Flat neighbourhoods are common in 8-bit images, and there the variance
    <x^2> - <x>^2 is nothing but rounding: the order of the sums is part of
    the definition, and is kept, row by row.

    Parameters
    ----------
    image : ndarray of float64, shape (height, width)
        Counts.

    Returns
    -------
    ndarray of bool, shape (height, width)
        True where bad.
    """
    rows, columns = image.shape
    marked = np.empty(image.shape, np.bool_)
    padded = _edge_padded(image)
    for row in range(rows):
        above, here, below = padded[row], padded[row + 1], padded[row + 2]
        for i in range(columns):
            a, b, c, d = above[i], above[i + 1], above[i + 2], here[i]
            e, f, g, h = here[i + 2], below[i], below[i + 1], below[i + 2]
            w = 0.125
            mean = w * a + w * b + w * c + w * d + w * e + w * f + w * g + w * h
            square = w * (a * a) + w * (b * b) + w * (c * c) + w * (d * d)
            square = square + w * (e * e) + w * (f * f) + w * (g * g) + w * (h * h)
            deviation = np.sqrt(square - mean * mean)
            marked[row, i] = abs(here[i + 1] - mean) > OUTLIER * deviation
    return marked


@compiled
def cut_stamp(image: Floats, labels: Integers, label: int) -> Stamp:
    """Cut the stamp of a source and mask what is not to be measured.

    Parameters
    ----------
    image : ndarray of float64, shape (height, width)
        Counts, sky subtracted.
    labels : ndarray of int32, shape (height, width)
        Segmentation map.
    label : int
        Number of the source.

    Returns
    -------
    Stamp
        Neighbours and bad pixels masked.
    """
    box = _box(labels, label)
    limits = _limits(box, labels.shape[0], labels.shape[1])
    top, end_row, left, end_column = limits
    counts = image[top:end_row, left:end_column].copy()
    bad = bad_pixels(counts)
    rows, columns = counts.shape
    good, source = np.ones(counts.shape), np.zeros(counts.shape, np.bool_)
    flux, area = np.zeros((rows, columns + 1)), np.zeros((rows, columns + 1))
    for row in range(rows):
        for column in range(columns):
            number = labels[top + row, left + column]
            if bad[row, column] or (number != 0 and number != label):
                good[row, column] = counts[row, column] = 0.0
            else:
                source[row, column] = number == label
            flux[row, column + 1] = flux[row, column] + counts[row, column]
            area[row, column + 1] = area[row, column] + good[row, column]
    inner = (box[0] - top, box[1] - top, box[2] - left, box[3] - left)
    return Stamp(counts, good, flux, area, source, limits, inner)


@compiled
def centroid(image: Floats, region: Region) -> tuple[float, float, float]:
    """Flux of a region and the centre (x, y) of its light."""
    flux, first_x, first_y = 0.0, 0.0, 0.0
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            if region[row, column]:
                value = image[row, column]
                flux += value
                first_x += value * column
                first_y += value * row
    return flux, first_x / flux, first_y / flux


@compiled
def _second_moments(
    image: Floats, region: Region, x: float, y: float
) -> tuple[float, float, float]:
    """Flux-weighted xx, xy and yy of a region about a point."""
    flux, xx, xy, yy = 0.0, 0.0, 0.0, 0.0
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            if region[row, column]:
                value, dx, dy = image[row, column], column - x, row - y
                flux += value
                xx += value * dx * dx
                xy += value * dx * dy
                yy += value * dy * dy
    return xx / flux, xy / flux, yy / flux


@compiled
def elongation_and_angle(stamp: Stamp, x: float, y: float, flag: Integers) -> tuple[float, float]:
    """Shape of the source about a point from its second moments.

    The axis ratio a / b is that of the Gaussian with the same moments; a
    source thinner than a pixel is widened (SExtractor manual, eq. 43; the
    angle in radians is its eq. 21).
    """
    xx, xy, yy = _second_moments(stamp.image, stamp.source, x, y)
    if xx <= 0.0 or yy <= 0.0:
        flag[0] = max(flag[0], 2)
    while abs(xx * yy - xy * xy) < 1.0 / 144.0:
        xx += 1.0 / 12.0 if xx >= 0.0 else -1.0 / 12.0
        yy += 1.0 / 12.0 if yy >= 0.0 else -1.0 / 12.0
    middle, spread = 0.5 * (xx + yy), np.hypot(0.5 * (xx - yy), xy)
    one, other = abs(middle + spread), abs(middle - spread)
    return np.sqrt(max(one, other) / min(one, other)), 0.5 * np.arctan2(2.0 * xy, xx - yy)


@compiled
def brightest(image: Floats, region: Region) -> tuple[int, int]:
    """Row and column of the first brightest pixel; outside the region there is 0."""
    best, best_row, best_column = -np.inf, 0, 0
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            value = image[row, column] if region[row, column] else 0.0
            if value > best:
                best, best_row, best_column = value, row, column
    return best_row, best_column


@compiled
def rising_values(image: Floats, region: Region) -> Floats:
    """Pixel values of a region in rising order."""
    values, n = np.empty(image.size), 0
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            if region[row, column]:
                values[n] = image[row, column]
                n += 1
    return np.sort(values[:n])


@compiled
def bordered(values: Floats) -> Floats:
    """One long row of an image with a border of one pixel that is above no threshold."""
    rows, columns = values.shape
    wide = np.full((rows + 2, columns + 2), -np.inf)
    wide[1 : rows + 1, 1 : columns + 1] = values
    return wide.ravel()


@compiled
def fill(
    values: Floats,
    width: int,
    threshold: float,
    start: int,
    number: int,
    numbers: Integers,
    queue: Integers,
) -> int:
    """Number the pixels above a threshold that hang together with one; return their count.

    The image comes as one long row, with a border (see `bordered`): no pixel
    needs to be asked whether it has neighbours.
    """
    numbers[start] = number
    queue[0] = start
    done, found = 0, 1
    while done < found:
        middle = queue[done]
        done += 1
        for line in range(middle - width, middle + width + 1, width):
            for position in range(line - 1, line + 2):
                at = np.uint64(position)
                if numbers[at] != number and values[at] >= threshold:
                    numbers[at] = number
                    queue[found] = position
                    found += 1
    return found


class Sky(NamedTuple):
    """A square of empty sky in the stamp: its first pixel and side, 0 where there is none."""

    row: int
    column: int
    side: int


@compiled
def _first_empty_square(counts: Positions, rows: int, columns: int, side: int) -> tuple[int, int]:
    for row in range(rows - side):
        for column in range(columns - side):
            end_row, end_column = row + side, column + side
            taken = counts[end_row, end_column] - counts[row, end_column]
            if taken == counts[end_row, column] - counts[row, column]:
                return row, column
    return -1, -1


@compiled
def find_sky(labels: Integers, flag: Integers) -> Sky:
    """Find the first square without sources: of 32 px, else of half that, down to 2.

    Parameters
    ----------
    labels : ndarray of int32, shape (height, width)
        Segmentation map of the stamp.
    flag : ndarray of int32, shape (1,)
        Raised to 2 where there is no such square.

    Returns
    -------
    Sky
        The square.
    """
    rows, columns = labels.shape
    counts = np.zeros((rows + 1, columns + 1), np.int64)
    for row in range(rows):
        along = 0
        for column in range(columns):
            along += labels[row, column] != 0
            counts[row + 1, column + 1] = counts[row, column + 1] + along
    side = SKYBOX
    while True:
        row, column = _first_empty_square(counts, rows, columns, side)
        if row >= 0:
            return Sky(row, column, side)
        if side <= 2:
            flag[0] = max(flag[0], 2)
            return Sky(0, 0, 0)
        side //= 2
