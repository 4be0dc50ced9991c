"""Sums over circles and ellipses, the pixels on their edge by their exact share.

The right half of an ellipse about the origin is x = tilt sin(t) + width cos(t),
y = height sin(t) for angles t from -pi/2 to pi/2; the left half is the right
one rotated by 180 degrees. Between two heights, the area that lies to the right
of a vertical line is an integral of that in closed form, and the share of a
pixel is the difference of two. Pixels within are summed from running sums.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from galaxy_utils.morphology.compiled.compilation import Floats, Shares, compiled_sums


class Ellipse(NamedTuple):
    """An ellipse about the origin and the sine and cosine of its rightmost angle."""

    tilt: float
    width: float
    height: float
    reach: float
    sine: float
    cosine: float


class Level(NamedTuple):
    """Where a height cuts the right half: sine and cosine of the angle."""

    sine: float
    cosine: float


class Strip(NamedTuple):
    """The edge between two heights: how tall, the area up to x = 0, smallest and largest x."""

    low: Level
    high: Level
    tall: float
    area: float
    inner: float
    outer: float


class Span(NamedTuple):
    """Columns of a row: those touched are start to stop, those within inner_start to inner_stop."""

    start: int
    inner_start: int
    inner_stop: int
    stop: int


@compiled_sums
def ellipse(a: float, b: float, theta: float) -> Ellipse:
    """Ellipse with semi-axes a and b, the first at an angle theta from x."""
    if a == b:
        return Ellipse(0.0, a, a, a, 0.0, 1.0)
    cosine, sine = np.cos(theta), np.sin(theta)
    height, reach = np.hypot(a * sine, b * cosine), np.hypot(a * cosine, b * sine)
    tilt, width = (a * a - b * b) * sine * cosine / height, a * b / height
    return Ellipse(tilt, width, height, reach, tilt / reach, width / reach)


@compiled_sums
def level(shape: Ellipse, y: float) -> Level:
    """Cut an ellipse at a height; beyond its top or bottom, there."""
    sine = min(max(y / shape.height, -1.0), 1.0)
    return Level(sine, np.sqrt((1.0 - sine) * (1.0 + sine)))


@compiled_sums
def _right_strip(shape: Ellipse, low: Level, high: Level, bent: float) -> Strip:
    """Edge of the right half between two heights, and what bends it."""
    at_low = shape.tilt * low.sine + shape.width * low.cosine
    at_high = shape.tilt * high.sine + shape.width * high.cosine
    outer = max(at_low, at_high)
    if low.sine < shape.sine < high.sine:
        outer = shape.reach
    tall = shape.height * (high.sine - low.sine)
    area = 0.5 * (shape.height * shape.width * bent + shape.tilt * (high.sine + low.sine) * tall)
    return Strip(low, high, tall, area, min(at_low, at_high), outer)


@compiled_sums
def _angle_between(low: Level, high: Level) -> float:
    """Angle from one level up to another."""
    sine = high.sine * low.cosine - high.cosine * low.sine
    cosine = high.cosine * low.cosine + high.sine * low.sine
    if sine > 0.1 or cosine < 0.0:
        return float(np.arctan2(sine, cosine))
    square = sine * sine
    series = 3.0 / 40.0 + square * (5.0 / 112.0 + square * 35.0 / 1152.0)
    return sine * (1.0 + square * (1.0 / 6.0 + square * series))


@compiled_sums
def _bend(low: Level, high: Level) -> float:
    """Twice the area of the unit disc between two levels, to the right of its middle."""
    return _angle_between(low, high) + high.sine * high.cosine - low.sine * low.cosine


@compiled_sums
def _area_beyond(shape: Ellipse, strip: Strip, x: float) -> float:
    """Area between the edge of a strip and a vertical line to the left of it."""
    if x <= strip.inner:
        return strip.area - x * strip.tall
    if x >= strip.outer:
        return 0.0
    low, high = _cut_by_line(shape, strip, x / shape.reach)
    if low.sine >= high.sine:
        return 0.0
    middle = 0.5 * shape.tilt * (high.sine + low.sine) - x
    bent = 0.5 * shape.width * _bend(low, high)
    return shape.height * (bent + middle * (high.sine - low.sine))


@compiled_sums
def _cut_by_line(shape: Ellipse, strip: Strip, across: float) -> tuple[Level, Level]:
    """Levels between which the edge lies to the right of a line at a share of the reach."""
    aside = np.sqrt(max(0.0, (1.0 - across) * (1.0 + across)))
    middle_sine, middle_cosine = shape.sine * across, shape.cosine * across
    side_sine, side_cosine = shape.cosine * aside, shape.sine * aside
    low, high = strip.low, strip.high
    if middle_cosine > side_cosine and middle_sine + side_sine < high.sine:
        high = Level(middle_sine + side_sine, middle_cosine - side_cosine)
    if middle_cosine > -side_cosine and middle_sine - side_sine > low.sine:
        low = Level(middle_sine - side_sine, middle_cosine + side_cosine)
    return low, high


@compiled_sums
def _take_off(
    shares: Shares, shape: Ellipse, strip: Strip, x: float, first: int, end: int, way: int
) -> None:
    """Take off the part of each pixel that lies beyond an edge, going its way (1 or -1)."""
    before = _area_beyond(shape, strip, way * (first - x) - 0.5)
    for column in range(first, end, way):
        after = _area_beyond(shape, strip, way * (column - x) + 0.5)
        shares[column] -= strip.tall - (before - after)
        before = after


@compiled_sums
def row_shares(shape: Ellipse, low: Level, high: Level, x: float, shares: Shares) -> Span:
    """Fill in the shares of a row's pixels on the edge of an ellipse centred on column x."""
    bent = _bend(low, high)
    right = _right_strip(shape, low, high, bent)
    left = right
    if shape.tilt != 0.0:  # the right half of the ellipse rotated by 180 degrees
        left = _right_strip(
            shape, Level(-high.sine, high.cosine), Level(-low.sine, low.cosine), bent
        )
    start = max(int(np.floor(x - left.outer + 0.5)), 0)
    stop = min(int(np.ceil(x + right.outer + 0.5)), shares.size)
    if stop <= start:
        return Span(0, 0, 0, 0)
    inner_start = min(max(int(np.ceil(x - left.inner + 0.5)), start), stop)
    inner_stop = max(min(int(np.floor(x + right.inner + 0.5)), stop), start)
    parted = inner_start <= inner_stop
    for column in range(start, inner_start if parted else stop):
        shares[column] = right.tall
    for column in range(inner_stop if parted else stop, stop):
        shares[column] = right.tall
    _take_off(shares, shape, left, x, inner_start - 1, start - 1, -1)
    _take_off(shares, shape, right, x, inner_stop, stop, 1)
    return Span(start, inner_start, inner_stop, stop) if parted else Span(start, stop, stop, stop)


@compiled_sums
def row_limits(y: float, height: float, rows: int) -> tuple[int, int]:
    """First and end row of an image that an aperture around y touches."""
    return max(int(np.floor(y - height + 0.5)), 0), min(int(np.ceil(y + height + 0.5)), rows)


@compiled_sums
def ellipse_sums(
    values: Floats,
    running: Floats,
    good: Floats,
    running_good: Floats,
    x: float,
    y: float,
    a: float,
    b: float,
    theta: float,
) -> tuple[float, float]:
    """Sums of two images, given with their `running_sums`, over an ellipse at theta from x."""
    shape, shares = ellipse(a, b, theta), np.empty(values.shape[1])
    first, end = row_limits(y, shape.height, values.shape[0])
    total, total_good = 0.0, 0.0
    high = level(shape, first - 0.5 - y)
    for row in range(first, end):
        low, high = high, level(shape, row + 0.5 - y)
        span = row_shares(shape, low, high, x, shares)
        if span.inner_stop > span.inner_start:
            total += running[row, span.inner_stop] - running[row, span.inner_start]
            total_good += running_good[row, span.inner_stop] - running_good[row, span.inner_start]
        for start, stop in ((span.start, span.inner_start), (span.inner_stop, span.stop)):
            for column in range(start, stop):
                total += shares[column] * values[row, column]
                total_good += shares[column] * good[row, column]
    return total, total_good


@compiled_sums
def running_sums(values: Floats) -> Floats:
    """Sums along each row, up to and without each column; shape (height, width + 1)."""
    sums = np.zeros((values.shape[0], values.shape[1] + 1))
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            sums[row, column + 1] = sums[row, column] + values[row, column]
    return sums
