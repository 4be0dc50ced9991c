"""The stamp around one source: what is cut out, what is masked, its moments and its sky."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from galaxy_utils.morphology.compiled.apertures import running_sums
from galaxy_utils.morphology.compiled.compilation import (
    Floats,
    Integers,
    Region,
    compiled,
    raise_flag,
)
from galaxy_utils.morphology.reasons import BAD

CUTOUT_EXTENT = 2.5
"""Side of the stamp in units of the longer side of the segment's box."""

MINIMUM_CUTOUT = 48
"""Smallest side of the stamp."""

SKYBOX = 32
"""Side of the square of sky that is looked for first; it is halved down to 2."""

OUTLIER = 10.0
"""A pixel this many standard deviations of its 8 neighbours off is bad (Lotz et al. 2004)."""


class Stamp(NamedTuple):
    """The cutout around one source; its first pixel lies at `corner` of the image."""

    image: Floats  # counts; 0 where masked
    good: Floats  # 1, or 0 where masked
    flux: Floats  # running sums of `image` along each row
    area: Floats  # running sums of `good`
    source: Region  # the source's own segment, without masked pixels
    labels: Integers
    corner: tuple[int, int]


def cut_stamp(image: Floats, labels: Integers, label: int) -> Stamp:
    """Cut the stamp of a source; mask its neighbours and bad pixels."""
    inside = labels == label
    rows, columns = bounding_box(inside)
    height, width = rows.stop - rows.start, columns.stop - columns.start
    row, column = rows.start + height // 2, columns.start + width // 2
    reach = max(int(max(height, width) * CUTOUT_EXTENT / 2.0), MINIMUM_CUTOUT // 2)
    corner = max(0, row - reach), max(0, column - reach)
    window = slice(corner[0], row + reach), slice(corner[1], column + reach)
    counts, around = image[window].copy(), labels[window].copy()
    bad = bad_pixels(np.pad(counts, 1, mode="edge"))
    usable = ~bad & ((around == 0) | (around == label))
    counts[~usable] = 0.0
    good, source = usable.astype(np.float64), usable & (around == label)
    return Stamp(counts, good, running_sums(counts), running_sums(good), source, around, corner)


def bounding_box(region: Region) -> tuple[slice, slice]:
    """Rows and columns that a region covers."""
    rows, columns = (np.flatnonzero(region.any(axis=axis)) for axis in (1, 0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


@compiled
def bad_pixels(padded: Floats) -> Region:
    """Find pixels that stand out from their 8 neighbours (Lotz et al. 2004)."""
    # In flat neighbourhoods of 8-bit images the variance is nothing but rounding: the order of
    # the sums is statmorph's.
    rows, columns = padded.shape[0] - 2, padded.shape[1] - 2
    bad = np.empty((rows, columns), np.bool_)
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
            bad[row, i] = abs(here[i + 1] - mean) > OUTLIER * deviation
    return bad


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
def elongation_and_angle(
    image: Floats, region: Region, x: float, y: float, flag: Integers
) -> tuple[float, float]:
    """Axis ratio and angle of a source about a point (SExtractor manual, eq. 21 and 43)."""
    flux, xx, xy, yy = 0.0, 0.0, 0.0, 0.0
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            if region[row, column]:
                value, dx, dy = image[row, column], column - x, row - y
                flux += value
                xx += value * dx * dx
                xy += value * dx * dy
                yy += value * dy * dy
    xx, xy, yy = xx / flux, xy / flux, yy / flux
    if xx <= 0.0 or yy <= 0.0:
        raise_flag(flag, BAD)
    while abs(xx * yy - xy * xy) < 1.0 / 144.0:
        xx += 1.0 / 12.0 if xx >= 0.0 else -1.0 / 12.0
        yy += 1.0 / 12.0 if yy >= 0.0 else -1.0 / 12.0
    middle, spread = 0.5 * (xx + yy), np.hypot(0.5 * (xx - yy), xy)
    one, other = abs(middle + spread), abs(middle - spread)
    return np.sqrt(max(one, other) / min(one, other)), 0.5 * np.arctan2(2.0 * xy, xx - yy)


def brightest(image: Floats, region: Region) -> tuple[int, int]:
    """Row and column of the first brightest pixel; outside the region there is 0."""
    row, column = divmod(int(np.where(region, image, 0.0).argmax()), image.shape[1])
    return row, column


@compiled
def fill(
    values: Floats, width: int, start: int, threshold: float, visited: Region, queue: Integers
) -> tuple[int, float]:
    """Visit the `bordered` pixels that reach a threshold and are connected to one; sum them."""
    visited[:] = False
    visited[start], queue[0] = True, start
    done, found, flux = 0, 1, 0.0
    while done < found:
        middle = queue[done]
        flux += values[middle]
        done += 1
        for line in range(middle - width, middle + width + 1, width):
            for position in range(line - 1, line + 2):
                at = np.uint64(position)
                if not visited[at] and values[at] >= threshold:
                    visited[at], queue[found] = True, position
                    found += 1
    return found, flux


@compiled
def bordered(image: Floats) -> Floats:
    """Image with a border of one pixel that reaches no threshold."""
    wide = np.full((image.shape[0] + 2, image.shape[1] + 2), -np.inf)
    wide[1:-1, 1:-1] = image
    return wide


@compiled
def clump(image: Floats, threshold: float, pixel: tuple[int, int]) -> Region:
    """Region that reaches a threshold and is connected (8 neighbours) to a pixel."""
    wide = bordered(image)
    visited, queue = np.empty(wide.size, np.bool_), np.empty(wide.size, np.int32)
    width = wide.shape[1]
    fill(wide.ravel(), width, (pixel[0] + 1) * width + pixel[1] + 1, threshold, visited, queue)
    return visited.reshape(wide.shape)[1:-1, 1:-1].copy()


class Sky(NamedTuple):
    """A square of empty sky in the stamp: its first pixel and side, 0 where there is none."""

    row: int
    column: int
    side: int

    def of(self, image: Floats) -> Floats:
        """Pixels of the square."""
        return image[self.row : self.row + self.side, self.column : self.column + self.side].copy()


@compiled
def _first_empty_square(labels: Integers, side: int) -> tuple[int, int]:
    for row in range(labels.shape[0] - side):
        for column in range(labels.shape[1] - side):
            if not labels[row : row + side, column : column + side].any():
                return row, column
    return -1, -1


def find_sky(labels: Integers, flag: Integers) -> Sky:
    """Find the first square without sources: of 32 px, else of half that, down to 2."""
    side = SKYBOX
    while side >= 2:
        row, column = _first_empty_square(labels, side)
        if row >= 0:
            return Sky(row, column, side)
        side //= 2
    raise_flag(flag, BAD)
    return Sky(0, 0, 0)
