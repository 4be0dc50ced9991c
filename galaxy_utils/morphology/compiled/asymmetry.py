"""Asymmetry under a rotation by 180 degrees, and the centre where it is least."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from galaxy_utils.morphology.compiled.apertures import (
    ellipse,
    level,
    row_limits,
    row_shares,
)
from galaxy_utils.morphology.compiled.compilation import (
    Floats,
    Integers,
    Singles,
    compiled,
    compiled_sums,
    raise_flag,
)
from galaxy_utils.morphology.compiled.petrosian import EXTENT_CAS, FRACTION_CAS
from galaxy_utils.morphology.compiled.stamps import Stamp, brightest
from galaxy_utils.morphology.reasons import BAD, SUSPECT

CENTRE_TOLERANCE = 2e-3
"""Where the simplex ends; statmorph's 1e-6 takes twice the evaluations for the same centre."""

FLATNESS = 1e-4
"""Difference in asymmetry between the corners where the simplex ends, as SciPy's."""

SIMPLEX_LIMIT = 400
"""Most evaluations of a simplex search of two variables."""


class Rotated(NamedTuple):
    """A stamp, one long row in single precision (no asymmetry moves by 1e-5), and its reverse."""

    image: Singles
    good: Singles
    rotated: Singles
    rotated_good: Singles
    rows: int
    columns: int


def rotate(image: Floats, good: Floats) -> Rotated:
    """Rotate a stamp by 180 degrees about its middle."""
    flat, flat_good = (values.astype(np.float32).ravel() for values in (image, good))
    return Rotated(flat, flat_good, flat[::-1].copy(), flat_good[::-1].copy(), *image.shape)


class Rotation(NamedTuple):
    """Rotation about a point: twice the centre, its whole part, the step to the nearest pixel."""

    twice_x: float
    twice_y: float
    whole_x: int
    whole_y: int
    to_nearest: int


@compiled
def _rotation(x: float, y: float, columns: int) -> Rotation:
    """Rotation about a point of a stamp of a width."""
    whole_x, whole_y = int(np.floor(2.0 * x)), int(np.floor(2.0 * y))
    back = columns if 2.0 * y - whole_y >= 0.5 else 0
    aside = 0 if 2.0 * x - whole_x >= 0.5 else 1
    return Rotation(2.0 * x, 2.0 * y, whole_x, whole_y, aside - back)


@compiled
def _value_at(stamp: Rotated, x: float, y: float) -> float:
    """Bilinear value at a position; beyond the image there is 0."""
    column, row = int(np.floor(x)), int(np.floor(y))
    across, down = x - column, y - row
    value = 0.0
    for m in range(2):
        for n in range(2):
            if 0 <= row + m < stamp.rows and 0 <= column + n < stamp.columns:
                weight = (down if m else 1.0 - down) * (across if n else 1.0 - across)
                value += weight * stamp.image[(row + m) * stamp.columns + column + n]
    return value


@compiled
def _good_at(stamp: Rotated, x: float, y: float) -> float:
    """Whether the pixel nearest to a position counts; beyond the image it does."""
    if x < 0.0 or x > stamp.columns - 1 or y < 0.0 or y > stamp.rows - 1:
        return 1.0
    return float(stamp.good[int(np.floor(y + 0.5)) * stamp.columns + int(np.floor(x + 0.5))])


@compiled_sums
def _lone_terms(
    stamp: Rotated, row: int, start: int, stop: int, shares: Singles
) -> tuple[float, float, float]:
    """Sums of the asymmetry over a piece of a row whose partners are all beyond the stamp."""
    light = area = np.float32(0.0)
    at, first = np.uint64(row * stamp.columns + start), np.uint64(start)
    for k in range(max(stop - start, 0)):
        i = np.uint64(k)
        counted = stamp.good[at + i] * shares[first + i]
        light += counted * abs(stamp.image[at + i])
        area += counted
    return float(light), float(light), float(area)


@compiled
def _pixels_terms(
    stamp: Rotated, row: int, start: int, stop: int, about: Rotation, shares: Singles
) -> tuple[float, float, float]:
    """Sums of difference, light and area over a piece of a row, pixel by pixel."""
    difference, light, area = 0.0, 0.0, 0.0
    for column in range(start, stop):
        x, y = about.twice_x - column, about.twice_y - row
        index = row * stamp.columns + column
        counted = shares[column] * stamp.good[index] * _good_at(stamp, x, y)
        difference += counted * abs(_value_at(stamp, x, y) - stamp.image[index])
        light += counted * abs(stamp.image[index])
        area += counted
    return difference, light, area


@compiled
def _border_terms(
    stamp: Rotated, row: int, start: int, stop: int, about: Rotation, shares: Singles
) -> tuple[float, float, float]:
    """Sums over a piece of a row, some of whose partners may lie beyond the stamp."""
    y, columns = about.twice_y - row, stamp.columns
    if y <= -1.0 or y >= stamp.rows:
        return _lone_terms(stamp, row, start, stop, shares)
    first = min(max(int(np.floor(about.twice_x)) - columns + 1, start), stop)
    last = min(max(int(np.ceil(about.twice_x)) + 1, first), stop)
    difference, light, area = _pixels_terms(stamp, row, first, last, about, shares)
    for one, other in ((start, first), (last, stop)):
        d, s, c = _lone_terms(stamp, row, one, other, shares)
        difference, light, area = difference + d, light + s, area + c
    return difference, light, area


@compiled_sums
def _row_terms(
    stamp: Rotated, row: int, start: int, stop: int, about: Rotation, shares: Singles
) -> tuple[float, float, float]:
    """Sum the same over a piece of a row, all of whose partners lie within the stamp."""
    # The partner of column i is straddled by the rotated pixels `lower + i`, those one row up and
    # those next to both. Unsigned indices need no test for negative ones and so vectorise.
    here = row * stamp.columns
    lower = (stamp.rows - about.whole_y + row) * stamp.columns - 2 - about.whole_x
    one = np.float32(1.0)
    x, y = np.float32(about.twice_x - about.whole_x), np.float32(about.twice_y - about.whole_y)
    w00, w01, w10, w11 = (one - y) * (one - x), (one - y) * x, y * (one - x), y * x
    at, low, first = np.uint64(here + start), np.uint64(lower + start), np.uint64(start)
    up, near = low - np.uint64(stamp.columns), np.uint64(lower + start + about.to_nearest)
    next_one = np.uint64(1)
    difference = light = area = np.float32(0.0)
    for k in range(stop - start):
        i = np.uint64(k)
        value = stamp.image[at + i]
        partner = w00 * stamp.rotated[low + i + next_one] + w01 * stamp.rotated[low + i]
        partner += w10 * stamp.rotated[up + i + next_one] + w11 * stamp.rotated[up + i]
        counted = stamp.good[at + i] * stamp.rotated_good[near + i] * shares[first + i]
        difference += counted * abs(partner - value)
        light += counted * abs(value)
        area += counted
    return float(difference), float(light), float(area)


@compiled
def asymmetry_about(
    stamp: Rotated, x: float, y: float, radius: float, sky: float, flag: Integers
) -> float:
    """Asymmetry within a circle (Lotz et al. 2004, eq. 10); 100 about a point without light."""
    if x < 0.0 or x >= stamp.columns or y < 0.0 or y >= stamp.rows:
        raise_flag(flag, SUSPECT)
        return 100.0
    difference, light, area = _circle_terms(stamp, x, y, radius)
    if light == 0.0:
        raise_flag(flag, SUSPECT)
        return 100.0
    return (difference - area * sky) / light


@compiled
def _circle_terms(stamp: Rotated, x: float, y: float, radius: float) -> tuple[float, float, float]:
    """Sums of the asymmetry over a circle: of partners within the stamp at once."""
    about, circle = _rotation(x, y, stamp.columns), ellipse(radius, radius, 0.0)
    shares = np.ones(stamp.columns, np.float32)
    leftmost, rightmost = about.whole_x - stamp.columns + 2, about.whole_x + 1
    difference, light, area = 0.0, 0.0, 0.0
    begin, end = row_limits(y, radius, stamp.rows)
    high = level(circle, begin - 0.5 - y)
    for row in range(begin, end):
        low, high = high, level(circle, row + 0.5 - y)
        span = row_shares(circle, low, high, x, shares)
        first, last = max(span.start, leftmost), min(span.stop, rightmost)
        if first >= last or not 0 <= about.whole_y - row < stamp.rows - 1:
            first = last = span.stop
        d, s, c = _row_terms(stamp, row, first, last, about, shares)
        difference, light, area = difference + d, light + s, area + c
        if span.start < first or last < span.stop:
            for start, stop in ((span.start, first), (last, span.stop)):
                d, s, c = _border_terms(stamp, row, start, stop, about, shares)
                difference, light, area = difference + d, light + s, area + c
        shares[span.start : span.stop] = 1.0
    return difference, light, area


@compiled
def least_asymmetry(
    stamp: Rotated, x: float, y: float, radius: float, sky: float, flag: Integers
) -> tuple[float, float]:
    """Centre of least asymmetry near a point (Nelder & Mead 1965)."""
    # Step by step as `scipy.optimize.fmin`, with its first simplex: with another one the search
    # ends in another of the many shallow minima of a galaxy with a few pixels.
    beside, below = 1.05 * x if x != 0.0 else 0.00025, 1.05 * y if y != 0.0 else 0.00025
    simplex, heights = np.array([[x, y], [beside, y], [x, below]]), np.empty(3)
    for k in range(3):
        heights[k] = asymmetry_about(stamp, simplex[k, 0], simplex[k, 1], radius, sky, flag)
    calls = 3
    while True:
        order = heights.argsort(kind="mergesort")  # equal ones stay as they came
        simplex[:], heights[:] = simplex[order], heights[order]
        small = np.abs(simplex - simplex[0]).max() <= CENTRE_TOLERANCE
        if calls >= SIMPLEX_LIMIT or (small and heights[2] - heights[0] <= FLATNESS):
            return simplex[0, 0], simplex[0, 1]
        calls += _simplex_step(stamp, simplex, heights, radius, sky, flag)


@compiled
def _simplex_step(
    stamp: Rotated, simplex: Floats, heights: Floats, radius: float, sky: float, flag: Integers
) -> int:
    """Reflect, expand, contract or shrink; returns the number of evaluations."""
    middle, worst = 0.5 * (simplex[0] + simplex[1]), simplex[2].copy()
    simplex[2] = 2.0 * middle - worst
    reflected = asymmetry_about(stamp, simplex[2, 0], simplex[2, 1], radius, sky, flag)
    if heights[0] <= reflected < heights[1]:
        heights[2] = reflected
        return 1
    if reflected < heights[0]:
        tried, limit = 3.0 * middle - 2.0 * worst, reflected
    elif reflected < heights[2]:
        tried, limit = 1.5 * middle - 0.5 * worst, np.nextafter(reflected, np.inf)
    else:
        tried, limit = 0.5 * middle + 0.5 * worst, heights[2]
    height = asymmetry_about(stamp, tried[0], tried[1], radius, sky, flag)
    if height < limit:
        simplex[2], heights[2] = tried, height
        return 2
    if reflected < heights[0]:
        heights[2] = reflected
        return 2
    simplex[2] = worst
    for k in range(1, 3):
        simplex[k] = simplex[0] + 0.5 * (simplex[k] - simplex[0])
        heights[k] = asymmetry_about(stamp, simplex[k, 0], simplex[k, 1], radius, sky, flag)
    return 4


def asymmetry_centre(
    stamp: Stamp,
    rotated: Rotated,
    start: tuple[float, float],
    petrosian: float,
    sky: float,
    flag: Integers,
) -> tuple[float, float]:
    """Centre of least asymmetry: from the centroid, else the brightest pixel, else the centroid."""
    radius, furthest = EXTENT_CAS * petrosian, FRACTION_CAS * petrosian
    centre = least_asymmetry(rotated, *start, radius, sky, flag)
    if math.dist(centre, start) > furthest:
        raise_flag(flag, SUSPECT)
        row, column = brightest(stamp.image, stamp.source)
        peak = float(column), float(row)
        centre = least_asymmetry(rotated, *peak, radius, sky, flag)
        if math.dist(centre, peak) > furthest:
            raise_flag(flag, BAD)
            centre = start
    if stamp.image[int(centre[1]), int(centre[0])] == 0.0:
        raise_flag(flag, BAD)
    return centre


def sky_asymmetry(sky: Floats) -> float:
    """Mean difference of the sky from itself rotated, counts per pixel; 0 without sky."""
    return float(np.abs(sky - sky[::-1, ::-1]).mean()) if sky.size else 0.0
