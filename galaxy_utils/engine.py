"""A second engine for the five morphological parameters: statmorph's values, compiled.

The definitions are statmorph 0.7.2's, step by step, so that the two engines
can stand in for each other: what a pixel is, which of them are masked, where
the centre lies, which root of a curve of growth is the Petrosian radius. The
route is another one. Everything is machine code (numba); circles and ellipses
are summed from running sums along rows, so that only the pixels on their edge
cost; a turn by 180 degrees is a shift with four constant weights; the centre
is searched on the same simplex path, ended where the path no longer matters.

All lengths are in pixels and all fluxes in counts. Positions (x, y) are
(column, row) of the stamp, whole numbers at the centres of pixels.

References
----------
Conselice (2003), ApJS 147, 1; Lotz, Primack & Madau (2004), AJ 128, 163;
Lotz et al. (2006), ApJ 636, 592; Freeman et al. (2013), MNRAS 434, 282;
Rodriguez-Gomez et al. (2019), MNRAS 483, 4140.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from galaxy_utils.morphology import (
    EXTRAS,
    FIVE,
    STATMORPH_INVALID,
    Morphology,
    Segmentation,
    SegmentationSettings,
    examine,
    from_values,
)

CUTOUT_EXTENT = 2.5
"""Side of the stamp in units of the longer side of the segment's box."""

MINIMUM_CUTOUT = 48
"""Smallest side of the stamp."""

SKYBOX = 32
"""Side of the square of sky that is looked for first; it is halved down to 2."""

OUTLIER = 10.0
"""A pixel this many standard deviations of its 8 neighbours off is bad (Lotz et al. 2004)."""

ETA = 0.2
"""Surface brightness at the Petrosian radius over the mean within it (Petrosian 1976)."""

EXTENT_CAS = 1.5
"""Radius of the aperture of C, A and S, in Petrosian radii."""

FRACTION_CAS = 0.25
"""Boxcar and inner radius of S in Petrosian radii (Lotz et al. 2004)."""

FRACTION_GINI = 0.2
"""Smoothing of the Gini-M20 segmentation map in Petrosian radii (Lotz et al. 2004)."""

SMALLEST_OVERLAP = 0.25
"""The Gini-M20 and the MID segmentation maps share less: the measurement is suspect."""

GRID = 100
"""Steps of the coarse search that precedes every root."""

ROOT_TOLERANCE = 1e-4
"""Precision of every radius."""

CENTRE_TOLERANCE = 1e-3
"""Where the simplex ends. statmorph goes on to 1e-6, with twice the evaluations,
for a centre that lies where it lay."""

QUANTILE_TOLERANCE = 1.0 / 256.0
"""Precision of the quantile of the MID map, which only its overlap is asked of."""

PACKING = 16
"""Bits of a column in a packed position: no image has a side above 65,535."""

SIMPLEX_LIMIT = 400
"""Most steps and most evaluations of a simplex search of two variables."""

FAILURES = ("", "statmorph failed: AssertionError: Root not found within range.")
"""What statmorph would have said, by the kernel's code, where it cannot go on."""

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Integers = NDArray[np.int32]
Positions = NDArray[np.int64]
Function = TypeVar("Function", bound=Callable[..., Any])
Image = TypeVar("Image", bound=NDArray[Any])


def compiled(function: Function) -> Function:
    """Compile a function to machine code, kept on disk between processes."""
    return cast(Function, njit(cache=True, error_model="numpy")(function))


def compiled_sums(function: Function) -> Function:
    """Compile a function whose sums may be taken in any order, several terms at once."""
    options = {"reassoc", "contract", "nsz", "arcp"}
    return cast(Function, njit(cache=True, error_model="numpy", fastmath=options)(function))


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
    """

    image: Floats
    good: Floats
    flux: Floats
    area: Floats
    source: NDArray[np.bool_]


# ---------------------------------------------------------------- apertures


@compiled
def _segment_area(half_chord: float) -> float:
    """Area between a chord of the unit circle and its shorter arc."""
    t = half_chord
    if t > 0.1:
        t = min(t, 1.0)
        return float(np.arcsin(t) - t * np.sqrt(1.0 - t * t))
    square = t * t
    series = 2.0 / 3.0 + square * (0.2 + square * (3.0 / 28.0 + square * 5.0 / 72.0))
    return float(t * square * series)


@compiled
def _arc_area(u0: float, v0: float, u1: float, v1: float) -> float:
    """Area of the sector of the unit disc from one point on its edge to the next, leftwards."""
    cross = u0 * v1 - u1 * v0
    segment = _segment_area(0.5 * np.sqrt((u1 - u0) ** 2 + (v1 - v0) ** 2))
    return 0.5 * cross + (segment if cross >= 0.0 else np.pi - segment)


@compiled
def _disc_overlap(u: float, v: float, eu: float, ev: float, fu: float, fv: float) -> float:
    """Area that the unit disc shares with the parallelogram (u, v), + e, + e + f, + f.

    Green's theorem: the straight parts of the outline inside the disc, and
    the arcs between where it leaves the disc and where it comes back. The
    corners go leftwards around.
    """
    twice, arcs, all_left = 0.0, 0.0, True
    leaves = enters = False
    leave_u = leave_v = enter_u = enter_v = 0.0
    pu, pv, p_excess = u, v, u * u + v * v - 1.0
    for k in range(4):
        du, dv = (eu, ev) if k % 2 == 0 else (fu, fv)
        if k > 1:
            du, dv = -du, -dv
        qu, qv = pu + du, pv + dv
        q_excess = qu * qu + qv * qv - 1.0
        cross = pu * qv - qu * pv
        all_left = all_left and cross > 0.0
        if p_excess <= 0.0 and q_excess <= 0.0:
            twice += cross
        else:
            length, half = du * du + dv * dv, pu * du + pv * dv
            discriminant = half * half - length * p_excess
            root = np.sqrt(max(discriminant, 0.0))
            start, end = (-half - root) / length, (-half + root) / length
            misses = discriminant <= 0.0 or end <= 0.0 or start >= 1.0
            if p_excess <= 0.0 or q_excess <= 0.0 or not misses:
                su, sv, tu, tv = pu, pv, qu, qv
                if p_excess > 0.0:
                    start = min(start, 1.0)
                    su, sv = pu + start * du, pv + start * dv
                    if leaves:
                        arcs += _arc_area(leave_u, leave_v, su, sv)
                        leaves = False
                    else:
                        enters, enter_u, enter_v = True, su, sv
                if q_excess > 0.0:
                    end = max(end, 0.0)
                    tu, tv = pu + end * du, pv + end * dv
                    leaves, leave_u, leave_v = True, tu, tv
                twice += su * tv - tu * sv
        pu, pv, p_excess = qu, qv, q_excess
    if leaves and enters:
        arcs += _arc_area(leave_u, leave_v, enter_u, enter_v)
    elif twice == 0.0 and arcs == 0.0 and all_left:
        return float(np.pi)
    return 0.5 * twice + arcs


@compiled
def _pixel_in_ellipse(x: float, y: float, a: float, b: float, cosine: float, sine: float) -> float:
    """Share of the unit pixel around (x, y) that lies in an ellipse about the origin."""
    cu, su, cv, sv = cosine / a, sine / a, cosine / b, sine / b
    px, py = x - 0.5, y - 0.5
    return _disc_overlap(px * cu + py * su, py * cv - px * sv, cu, -sv, su, cv) * a * b


@compiled
def _quadrant_overlap(x0: float, x1: float, y0: float, y1: float, radius: float) -> float:
    """Area that a rectangle of the first quadrant shares with a disc about the origin.

    Columns left of `start` are full, those right of `end` are empty; between
    them the arc is its chord and the little segment above it.
    """
    square = radius * radius
    if x0 * x0 + y0 * y0 >= square:
        return 0.0
    if x1 * x1 + y1 * y1 <= square:
        return (x1 - x0) * (y1 - y0)
    start, start_y, end, end_y = x0, y1, x1, y0
    if x0 * x0 + y1 * y1 < square:
        start = np.sqrt(square - y1 * y1)
    else:
        start_y = np.sqrt(square - x0 * x0)
    if x1 * x1 + y0 * y0 > square:
        end = np.sqrt(square - y0 * y0)
    else:
        end_y = np.sqrt(square - x1 * x1)
    across, down = end - start, start_y - end_y
    segment = _segment_area(0.5 * np.sqrt(across * across + down * down) / radius)
    below = (start - x0) * (y1 - y0) + across * (0.5 * (start_y + end_y) - y0)
    return below + square * segment


@compiled
def _pixel_in_circle(x: float, y: float, radius: float) -> float:
    """Share of the unit pixel around (x, y) that lies in a circle about the origin."""
    x, y = abs(x), abs(y)
    x0, x1, y0, y1 = x - 0.5, x + 0.5, y - 0.5, y + 0.5
    if x0 >= 0.0 and y0 >= 0.0:
        return _quadrant_overlap(x0, x1, y0, y1, radius)
    if x0 >= 0.0:
        upper = _quadrant_overlap(x0, x1, 0.0, y1, radius)
        return upper + _quadrant_overlap(x0, x1, 0.0, -y0, radius)
    right = _pixel_beside_axis(x1, y0, y1, radius)
    return right + _pixel_beside_axis(-x0, y0, y1, radius)


@compiled
def _pixel_beside_axis(x1: float, y0: float, y1: float, radius: float) -> float:
    """Part of a pixel from x = 0 to x1 that lies in a circle about the origin."""
    if y0 >= 0.0:
        return _quadrant_overlap(0.0, x1, y0, y1, radius)
    upper = _quadrant_overlap(0.0, x1, 0.0, y1, radius)
    return upper + _quadrant_overlap(0.0, x1, 0.0, -y0, radius)


@compiled
def _pixel_overlap(x: float, y: float, a: float, b: float, cosine: float, sine: float) -> float:
    """Share of the unit pixel around (x, y) that lies in an ellipse or circle."""
    if a == b:
        return _pixel_in_circle(x, y, a)
    return _pixel_in_ellipse(x, y, a, b, cosine, sine)


@compiled
def _right_edge(y: float, slant: float, width: float, height: float) -> float:
    """Largest x of an ellipse about the origin at height y."""
    return float(slant * y + width * np.sqrt(max(0.0, 1.0 - (y / height) ** 2)))


@compiled
def _row_span(
    y: float, slant: float, width: float, height: float, top: float
) -> tuple[float, float, float, float]:
    """Columns that a row of pixels around y shares with an ellipse about the origin.

    Returns the outermost touched x to the left and to the right, then the
    limits between which everything is inside (empty where left > right).
    `top` is the height of the ellipse's rightmost point.
    """
    low, high = max(y - 0.5, -height), min(y + 0.5, height)
    right = _right_edge(min(max(top, low), high), slant, width, height)
    left = -_right_edge(min(max(top, -high), -low), slant, width, height)
    if y - 0.5 < -height or y + 0.5 > height:
        return left, right, 1.0, -1.0
    inner_right = min(
        _right_edge(low, slant, width, height), _right_edge(high, slant, width, height)
    )
    inner_left = max(
        -_right_edge(-low, slant, width, height), -_right_edge(-high, slant, width, height)
    )
    return left, right, inner_left, inner_right


@compiled
def _circle_span(y: float, radius: float) -> tuple[float, float, float, float]:
    """Do the same for a circle."""
    near, far = max(abs(y) - 0.5, 0.0), abs(y) + 0.5
    outer = np.sqrt(max(0.0, radius * radius - near * near))
    if far > radius:
        return -outer, outer, 1.0, -1.0
    inner = np.sqrt(radius * radius - far * far)
    return -outer, outer, -inner, inner


@compiled
def _ellipse_shape(
    a: float, b: float, cosine: float, sine: float
) -> tuple[float, float, float, float]:
    """Slant of the middle of the rows, half width at y = 0, half height, height of the tip."""
    xx, yy = (cosine / a) ** 2 + (sine / b) ** 2, (sine / a) ** 2 + (cosine / b) ** 2
    xy = cosine * sine * (1.0 / a**2 - 1.0 / b**2)
    height = np.sqrt(xx) * a * b
    return -xy / xx, 1.0 / np.sqrt(xx), height, -xy / yy * np.sqrt(yy) * a * b


@compiled
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
    """Sums of two images over an ellipse, its edge pixels by their exact share.

    Parameters
    ----------
    values, good : ndarray of float64, shape (height, width)
        Images.
    running, running_good : ndarray of float64, shape (height, width + 1)
        Their sums along rows.
    x, y : float
        Centre in pixels.
    a, b : float
        Semi-axes in pixels, b > 0.
    theta : float
        Angle from x to the axis a, radians.

    Returns
    -------
    tuple of float
        The two sums, over what lies within the image.
    """
    rows, columns = values.shape
    cosine, sine = np.cos(theta), np.sin(theta)
    slant, width, height, top = _ellipse_shape(a, b, cosine, sine)
    first, last = int(np.floor(y - height + 0.5)), int(np.ceil(y + height - 0.5))
    total, total_good = 0.0, 0.0
    for row in range(max(first, 0), min(last, rows - 1) + 1):
        dy = row - y
        if a == b:
            left, right, inner_left, inner_right = _circle_span(dy, a)
        else:
            left, right, inner_left, inner_right = _row_span(dy, slant, width, height, top)
        start = max(int(np.floor(x + left + 0.5)), 0)
        stop = min(int(np.ceil(x + right - 0.5)), columns - 1) + 1
        inner_start = max(int(np.ceil(x + inner_left + 0.5)), 0)
        inner_stop = min(int(np.floor(x + inner_right - 0.5)), columns - 1) + 1
        if inner_left > inner_right or inner_stop <= inner_start:
            inner_start = inner_stop = stop
        else:
            total += running[row, inner_stop] - running[row, inner_start]
            total_good += running_good[row, inner_stop] - running_good[row, inner_start]
        for column in range(start, inner_start):
            share = _pixel_overlap(column - x, dy, a, b, cosine, sine)
            total += share * values[row, column]
            total_good += share * good[row, column]
        for column in range(max(inner_stop, start), stop):
            share = _pixel_overlap(column - x, dy, a, b, cosine, sine)
            total += share * values[row, column]
            total_good += share * good[row, column]
    return total, total_good


@compiled
def running_sums(values: Floats) -> Floats:
    """Sums along each row, up to and without each column; shape (height, width + 1)."""
    sums = np.zeros((values.shape[0], values.shape[1] + 1))
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            sums[row, column + 1] = sums[row, column] + values[row, column]
    return sums


# -------------------------------------------------------------------- roots

PETROSIAN, LIGHT = 0, 1
"""Which function of the radius a root is looked for of."""


class Aperture(NamedTuple):
    """Concentric ellipses: centre, elongation a/b, angle, and the light within the largest."""

    x: float
    y: float
    elongation: float
    theta: float
    total: float
    fraction: float


@compiled
def _within(stamp: Stamp, aperture: Aperture, a: float) -> tuple[float, float]:
    """Flux and unmasked area within one of the concentric ellipses."""
    if a <= 0.0:
        return 0.0, 0.0
    return ellipse_sums(
        stamp.image,
        stamp.flux,
        stamp.good,
        stamp.area,
        aperture.x,
        aperture.y,
        a,
        a / aperture.elongation,
        aperture.theta,
    )


@compiled
def _petrosian_excess(stamp: Stamp, aperture: Aperture, a: float, flag: Integers) -> float:
    """Mean flux on an ellipse over that within it, less eta (Lotz et al. 2004, eq. 4)."""
    inner, inner_area = _within(stamp, aperture, a - 0.5)
    flux, area = _within(stamp, aperture, a)
    outer, outer_area = _within(stamp, aperture, a + 0.5)
    ring_area = outer_area - inner_area
    ring = abs((outer - inner) / ring_area) if ring_area > 1e-9 else 0.0
    mean = abs(flux / area) if area > 1e-9 else 0.0
    if mean == 0.0:
        flag[0] = max(flag[0], 2)
        return (1.0 if ring != 0.0 else 0.0) - ETA
    return ring / mean - ETA


@compiled
def _excess(kind: int, stamp: Stamp, aperture: Aperture, a: float, flag: Integers) -> float:
    """The function whose root is looked for."""
    if kind == PETROSIAN:
        return _petrosian_excess(stamp, aperture, a, flag)
    if a == 0.0:
        return -aperture.fraction
    return abs(_within(stamp, aperture, a)[0]) / aperture.total - aperture.fraction


@compiled
def _root(
    kind: int, stamp: Stamp, aperture: Aperture, low: float, high: float, flag: Integers
) -> float:
    """Find the root between two radii of opposite sign (Brent 1973, chapter 4)."""
    b, c = high, low
    fb = _excess(kind, stamp, aperture, b, flag)
    fc = _excess(kind, stamp, aperture, c, flag)
    a, fa = c, fc
    step = before = b - a
    for _ in range(100):
        if (fb > 0.0) == (fc > 0.0):
            c, fc = a, fa
            step = before = b - a
        if abs(fc) < abs(fb):
            a, b, c = b, c, b
            fa, fb, fc = fb, fc, fb
        tolerance = 0.5 * ROOT_TOLERANCE
        half = 0.5 * (c - b)
        if abs(half) <= tolerance or fb == 0.0:
            break
        step, before = _brent_step(a, b, c, fa, fb, fc, step, before, tolerance)
        a, fa = b, fb
        b += step if abs(step) > tolerance else (tolerance if half > 0.0 else -tolerance)
        fb = _excess(kind, stamp, aperture, b, flag)
    return b


@compiled
def _brent_step(
    a: float,
    b: float,
    c: float,
    fa: float,
    fb: float,
    fc: float,
    step: float,
    before: float,
    tolerance: float,
) -> tuple[float, float]:
    """Next step of Brent's method and the one it is judged by: interpolated, else halved."""
    half = 0.5 * (c - b)
    if abs(before) < tolerance or abs(fa) <= abs(fb):
        return half, half
    s = fb / fa
    if a == c:
        p, q = 2.0 * half * s, 1.0 - s
    else:
        q, r = fa / fc, fb / fc
        p = s * (2.0 * half * q * (q - r) - (b - a) * (r - 1.0))
        q = (q - 1.0) * (r - 1.0) * (s - 1.0)
    if p > 0.0:
        q = -q
    p = abs(p)
    if 2.0 * p < min(3.0 * half * q - abs(tolerance * q), abs(before * q)):
        return p / q, step
    return half, half


@compiled
def petrosian_radius(stamp: Stamp, aperture: Aperture, flag: Integers) -> float:
    """Smallest radius at which the Petrosian ratio falls below eta.

    Found on a coarse grid first, for the curve of growth of a galaxy with
    companions is not monotonic; flagged bad where the grid has none.
    """
    rows, columns = stamp.image.shape
    outermost = np.sqrt(float(rows * rows + columns * columns)) * aperture.elongation
    previous = 0.0
    for radius in np.linspace(1.0, outermost, GRID):
        excess = _petrosian_excess(stamp, aperture, radius, flag)
        if excess == 0.0:
            return float(radius)
        if excess < 0.0:
            if previous == 0.0:
                flag[0] = max(flag[0], 2)
                return 1.0
            return _root(PETROSIAN, stamp, aperture, previous, radius, flag)
        previous = radius
    flag[0] = max(flag[0], 2)
    return float(outermost)


@compiled
def radius_of_light(
    stamp: Stamp, x: float, y: float, largest: float, fraction: float, flag: Integers
) -> float:
    """Radius of the circle with a share of the light within the largest one; -1 if none has."""
    total = _within(stamp, Aperture(x, y, 1.0, 0.0, 1.0, fraction), largest)[0]
    if total <= 0.0:
        flag[0] = max(flag[0], 2)
    if total == 0.0:
        return largest
    aperture = Aperture(x, y, 1.0, 0.0, abs(total), fraction)
    previous = 0.0
    for radius in np.linspace(0.0, largest, GRID):
        if _excess(LIGHT, stamp, aperture, radius, flag) > 0.0:
            return _root(LIGHT, stamp, aperture, previous, radius, flag)
        previous = radius
    return -1.0


# -------------------------------------------------------------------- stamp


@compiled
def _box(labels: Integers, label: int) -> tuple[int, int, int, int]:
    """First and last row, first and last column of a segment."""
    rows, columns = labels.shape
    top, bottom, left, right = rows, -1, columns, -1
    for row in range(rows):
        for column in range(columns):
            if labels[row, column] == label:
                top, bottom = min(top, row), row
                left, right = min(left, column), max(right, column)
    return top, bottom, left, right


@compiled
def stamp_limits(labels: Integers, label: int) -> tuple[int, int, int, int]:
    """Rows and columns of the stamp of a source: first row, end row, first column, end column."""
    top, bottom, left, right = _box(labels, label)
    height, width = bottom + 1 - top, right + 1 - left
    y, x = top + height // 2, left + width // 2
    reach = max(int(max(height, width) * CUTOUT_EXTENT / 2.0), MINIMUM_CUTOUT // 2)
    rows, columns = labels.shape
    return max(0, y - reach), min(rows, y + reach), max(0, x - reach), min(columns, x + reach)


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
def bad_pixels(image: Floats) -> NDArray[np.bool_]:
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
    top, end_row, left, end_column = stamp_limits(labels, label)
    counts = image[top:end_row, left:end_column].copy()
    bad = bad_pixels(counts)
    good, source = np.ones(counts.shape), np.zeros(counts.shape, np.bool_)
    for row in range(counts.shape[0]):
        for column in range(counts.shape[1]):
            number = labels[top + row, left + column]
            if bad[row, column] or (number != 0 and number != label):
                good[row, column] = counts[row, column] = 0.0
            else:
                source[row, column] = number == label
    return Stamp(counts, good, running_sums(counts), running_sums(good), source)


# ------------------------------------------------------------------ moments


@compiled
def _centroid(image: Floats, region: NDArray[np.bool_]) -> tuple[float, float, float]:
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
    image: Floats, region: NDArray[np.bool_], x: float, y: float
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


# ---------------------------------------------------------------------- sky


class Sky(NamedTuple):
    """A square of empty sky in the stamp: its first pixel and side, 0 where there is none."""

    row: int
    column: int
    side: int


@compiled
def _first_empty_square(
    counts: NDArray[np.int64], rows: int, columns: int, side: int
) -> tuple[int, int]:
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


# ---------------------------------------------------------------- asymmetry


class Turned(NamedTuple):
    """A stamp and itself turned by 180 degrees, in single precision and one long row each.

    Single precision halves what the search for the centre reads; it moves no
    asymmetry by 1e-5.

    Parameters
    ----------
    image, good : ndarray of float32, shape (height * width,)
        Counts, and 1 where a pixel counts.
    turned, turned_good : ndarray of float32, shape (height * width,)
        The same, reversed.
    rows, columns : int
        Height and width.
    """

    image: Singles
    good: Singles
    turned: Singles
    turned_good: Singles
    rows: int
    columns: int


@compiled
def turn(stamp: Stamp) -> Turned:
    """Turn a stamp by 180 degrees about its middle."""
    image = stamp.image.astype(np.float32).ravel()
    good = stamp.good.astype(np.float32).ravel()
    rows, columns = stamp.image.shape
    return Turned(image, good, image[::-1].copy(), good[::-1].copy(), rows, columns)


@compiled
def _value_at(stamp: Turned, x: float, y: float) -> float:
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
def _good_at(stamp: Turned, x: float, y: float) -> float:
    """Whether the pixel nearest to a position counts; beyond the image it does."""
    if x < 0.0 or x > stamp.columns - 1 or y < 0.0 or y > stamp.rows - 1:
        return 1.0
    return float(stamp.good[int(np.floor(y + 0.5)) * stamp.columns + int(np.floor(x + 0.5))])


@compiled
def _pixels_terms(
    stamp: Turned,
    row: int,
    start: int,
    stop: int,
    twice_x: float,
    twice_y: float,
    shares: Singles,
) -> tuple[float, float, float]:
    """Sums of the asymmetry over a piece of a row whose partners may lie beyond the stamp.

    Of the difference, of the light and of the area, each pixel by its share.
    """
    difference, light, area = 0.0, 0.0, 0.0
    for column in range(start, stop):
        x, y = twice_x - column, twice_y - row
        index = row * stamp.columns + column
        counted = shares[column] * stamp.good[index] * _good_at(stamp, x, y)
        difference += counted * abs(_value_at(stamp, x, y) - stamp.image[index])
        light += counted * abs(stamp.image[index])
        area += counted
    return difference, light, area


@compiled_sums
def _row_terms(
    stamp: Turned,
    here: int,
    lower: int,
    nearest: int,
    shares: Singles,
    start: int,
    stop: int,
    across: float,
    down: float,
) -> tuple[float, float, float]:
    """Sum the same over a piece of a row, all of whose partners lie within the stamp.

    The partners come reversed, so that they run along: column i stands at
    `here + i`, its partner is straddled by the turned pixels `lower + i`,
    those one row up and those next to both. Unsigned indices spare the test
    for negative ones, which would keep the loop from taking several at once.
    """
    one, x, y = np.float32(1.0), np.float32(across), np.float32(down)
    w00, w01, w10, w11 = (one - y) * (one - x), (one - y) * x, y * (one - x), y * x
    at, low, first = np.uint64(here + start), np.uint64(lower + start), np.uint64(start)
    up, near, next_one = low - np.uint64(stamp.columns), np.uint64(nearest + start), np.uint64(1)
    difference = light = area = np.float32(0.0)
    for k in range(stop - start):
        i = np.uint64(k)
        value = stamp.image[at + i]
        partner = w00 * stamp.turned[low + i + next_one] + w01 * stamp.turned[low + i]
        partner += w10 * stamp.turned[up + i + next_one] + w11 * stamp.turned[up + i]
        counted = stamp.good[at + i] * stamp.turned_good[near + i] * shares[first + i]
        difference += counted * abs(partner - value)
        light += counted * abs(value)
        area += counted
    return float(difference), float(light), float(area)


@compiled
def _circle_row(x: float, dy: float, radius: float, shares: Singles) -> tuple[int, int]:
    """Fill in the shares of a row of pixels in a circle; returns the first and end column."""
    columns = shares.size
    left, right, inner_left, inner_right = _circle_span(dy, radius)
    start = max(int(np.floor(x + left + 0.5)), 0)
    stop = min(int(np.ceil(x + right - 0.5)), columns - 1) + 1
    inner_start = max(int(np.ceil(x + inner_left + 0.5)), 0)
    inner_stop = min(int(np.floor(x + inner_right - 0.5)), columns - 1) + 1
    if inner_left > inner_right or inner_stop <= inner_start:
        inner_start = inner_stop = max(stop, start)
    shares[inner_start:inner_stop] = 1.0
    for column in range(start, inner_start):
        shares[column] = _pixel_in_circle(column - x, dy, radius)
    for column in range(max(inner_stop, start), stop):
        shares[column] = _pixel_in_circle(column - x, dy, radius)
    return start, stop


@compiled
def asymmetry_about(
    stamp: Turned, x: float, y: float, radius: float, sky: float, flag: Integers
) -> float:
    """Asymmetry about a point within a circle (Conselice 2003; Lotz et al. 2004, eq. 10).

    Parameters
    ----------
    stamp : Turned
        The image.
    x, y : float
        Centre in pixels.
    radius : float
        Of the aperture, pixels.
    sky : float
        Mean asymmetry of a pixel of sky, counts.
    flag : ndarray of int32, shape (1,)
        Raised to 1 where the centre leaves the image or its light.

    Returns
    -------
    float
        The asymmetry; 100 where there is none.
    """
    if x < 0.0 or x >= stamp.columns or y < 0.0 or y >= stamp.rows:
        flag[0] = max(flag[0], 1)
        return 100.0
    difference, light, area = _circle_terms(stamp, x, y, radius)
    if light == 0.0:
        flag[0] = max(flag[0], 1)
        return 100.0
    return (difference - area * sky) / light


@compiled
def _circle_terms(stamp: Turned, x: float, y: float, radius: float) -> tuple[float, float, float]:
    """Sums of the asymmetry over a circle."""
    rows, columns = stamp.rows, stamp.columns
    whole_x, whole_y = int(np.floor(2.0 * x)), int(np.floor(2.0 * y))
    across, down = 2.0 * x - whole_x, 2.0 * y - whole_y
    to_nearest = (0 if across >= 0.5 else 1) - (columns if down >= 0.5 else 0)
    shares = np.empty(columns, np.float32)
    difference, light, area = 0.0, 0.0, 0.0
    for row in range(
        max(int(np.floor(y - radius + 0.5)), 0),
        min(int(np.ceil(y + radius - 0.5)), rows - 1) + 1,
    ):
        start, stop = _circle_row(x, row - y, radius, shares)
        first, last = max(start, whole_x - columns + 2), min(stop, whole_x + 1)
        if first < last and 0 <= whole_y - row < rows - 1:
            lower = (rows - 1 - whole_y + row) * columns + columns - 2 - whole_x
            d, s, c = _row_terms(
                stamp, row * columns, lower, lower + to_nearest, shares, first, last, across, down
            )
            difference, light, area = difference + d, light + s, area + c
        else:
            first = last = stop
        if start < first or last < stop:
            d, s, c = _pixels_terms(stamp, row, start, first, 2.0 * x, 2.0 * y, shares)
            difference, light, area = difference + d, light + s, area + c
            d, s, c = _pixels_terms(stamp, row, last, stop, 2.0 * x, 2.0 * y, shares)
            difference, light, area = difference + d, light + s, area + c
    return difference, light, area


@compiled
def _order(simplex: Floats, heights: Floats) -> None:
    """Sort the three corners by their height, equal ones as they came."""
    for i in range(1, 3):
        k = i
        while k > 0 and heights[k] < heights[k - 1]:
            heights[k], heights[k - 1] = heights[k - 1], heights[k]
            for axis in range(2):
                simplex[k, axis], simplex[k - 1, axis] = simplex[k - 1, axis], simplex[k, axis]
            k -= 1


@compiled
def _reached(simplex: Floats, heights: Floats) -> bool:
    """Whether the simplex is small and flat (1e-4 in asymmetry) enough."""
    size, rise = 0.0, 0.0
    for k in range(1, 3):
        size = max(size, abs(simplex[k, 0] - simplex[0, 0]), abs(simplex[k, 1] - simplex[0, 1]))
        rise = max(rise, abs(heights[k] - heights[0]))
    return size <= CENTRE_TOLERANCE and rise <= 1e-4


@compiled
def least_asymmetry(
    stamp: Turned, x: float, y: float, radius: float, sky: float, flag: Integers
) -> tuple[float, float]:
    """Centre of least asymmetry near a point (Nelder & Mead 1965).

    The first simplex has sides of 5 % of the coordinates, as SciPy's `fmin`
    makes it, and the steps are those of the paper with the usual factors 1, 2
    and 1/2: with another simplex the search ends in another of the many
    shallow minima of a galaxy with a few pixels.
    """
    simplex, heights = np.empty((3, 2)), np.empty(3)
    for k in range(3):
        simplex[k, 0], simplex[k, 1] = x, y
    simplex[1, 0] = 1.05 * x if x != 0.0 else 0.00025
    simplex[2, 1] = 1.05 * y if y != 0.0 else 0.00025
    for k in range(3):
        heights[k] = asymmetry_about(stamp, simplex[k, 0], simplex[k, 1], radius, sky, flag)
    _order(simplex, heights)
    calls = 3
    for _ in range(SIMPLEX_LIMIT):
        if calls >= SIMPLEX_LIMIT or _reached(simplex, heights):
            break
        calls += _simplex_step(stamp, simplex, heights, radius, sky, flag)
        _order(simplex, heights)
    return simplex[0, 0], simplex[0, 1]


@compiled
def _simplex_step(
    stamp: Turned,
    simplex: Floats,
    heights: Floats,
    radius: float,
    sky: float,
    flag: Integers,
) -> int:
    """Reflect, expand, contract or shrink; returns the number of evaluations."""
    mx, my = 0.5 * (simplex[0, 0] + simplex[1, 0]), 0.5 * (simplex[0, 1] + simplex[1, 1])
    wx, wy = simplex[2, 0], simplex[2, 1]
    rx, ry = 2.0 * mx - wx, 2.0 * my - wy
    reflected = asymmetry_about(stamp, rx, ry, radius, sky, flag)
    if heights[0] <= reflected < heights[1]:
        simplex[2, 0], simplex[2, 1], heights[2] = rx, ry, reflected
        return 1
    if reflected < heights[0]:
        tx, ty = 3.0 * mx - 2.0 * wx, 3.0 * my - 2.0 * wy
        limit, strict = reflected, True
    elif reflected < heights[2]:
        tx, ty = 1.5 * mx - 0.5 * wx, 1.5 * my - 0.5 * wy
        limit, strict = reflected, False
    else:
        tx, ty = 0.5 * mx + 0.5 * wx, 0.5 * my + 0.5 * wy
        limit, strict = heights[2], True
    tried = asymmetry_about(stamp, tx, ty, radius, sky, flag)
    if tried < limit or (not strict and tried == limit):
        simplex[2, 0], simplex[2, 1], heights[2] = tx, ty, tried
        return 2
    if reflected < heights[0]:
        simplex[2, 0], simplex[2, 1], heights[2] = rx, ry, reflected
        return 2
    for k in range(1, 3):
        simplex[k, 0] = simplex[0, 0] + 0.5 * (simplex[k, 0] - simplex[0, 0])
        simplex[k, 1] = simplex[0, 1] + 0.5 * (simplex[k, 1] - simplex[0, 1])
        heights[k] = asymmetry_about(stamp, simplex[k, 0], simplex[k, 1], radius, sky, flag)
    return 4


@compiled
def sky_asymmetry(stamp: Stamp, sky: Sky) -> float:
    """Mean difference of the sky from itself turned, counts per pixel; 0 without sky."""
    total, side = 0.0, sky.side
    for row in range(side):
        for column in range(side):
            one = stamp.image[sky.row + row, sky.column + column]
            other = stamp.image[sky.row + side - 1 - row, sky.column + side - 1 - column]
            total += abs(one - other)
    return total / (side * side) if side else 0.0


@compiled
def _brightest(image: Floats, region: NDArray[np.bool_]) -> tuple[int, int]:
    """Row and column of the first brightest pixel; outside the region there is 0."""
    best, best_row, best_column = -np.inf, 0, 0
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            value = image[row, column] if region[row, column] else 0.0
            if value > best:
                best, best_row, best_column = value, row, column
    return best_row, best_column


@compiled
def asymmetry_centre(
    stamp: Stamp, turned: Turned, x: float, y: float, petrosian: float, sky: float, flag: Integers
) -> tuple[float, float]:
    """Find the centre of least asymmetry from the centroid.

    Where it drifts further than a quarter of the Petrosian radius the search
    begins again at the brightest pixel (flag 1), and where that drifts too
    the centroid is taken (flag 2).
    """
    radius, furthest = EXTENT_CAS * petrosian, FRACTION_CAS * petrosian
    cx, cy = least_asymmetry(turned, x, y, radius, sky, flag)
    if np.hypot(cx - x, cy - y) > furthest:
        flag[0] = max(flag[0], 1)
        row, column = _brightest(stamp.image, stamp.source)
        cx, cy = least_asymmetry(turned, float(column), float(row), radius, sky, flag)
        if np.hypot(cx - column, cy - row) > furthest:
            flag[0] = max(flag[0], 2)
            cx, cy = x, y
    if stamp.image[int(cy), int(cx)] == 0.0:
        flag[0] = max(flag[0], 2)
    return cx, cy


# --------------------------------------------------------------- smoothness


@compiled
def _mirrored(index: int, length: int) -> int:
    """Index into an array that goes on mirrored at its edges, edge pixels repeated."""
    index %= 2 * length
    return index if index < length else 2 * length - 1 - index


@compiled
def boxcar(image: Floats, size: int) -> Floats:
    """Mean over a square of whole pixels, the image mirrored at its edges.

    Parameters
    ----------
    image : ndarray of float64, shape (height, width)
        Counts.
    size : int
        Side of the square; below 2 the image stays as it is. An even square
        reaches one pixel further to the low side.

    Returns
    -------
    ndarray of float64, shape (height, width)
        Smoothed counts.
    """
    if size < 2:
        return image.copy()
    rows, columns = image.shape
    below = size // 2
    smooth, column_sums = np.empty(image.shape), np.zeros(columns)
    for offset in range(-below, size - below):
        column_sums += image[_mirrored(offset, rows)]
    sums, across = np.empty(columns + size), np.empty(columns + size - 1, np.int64)
    for k in range(across.size):
        across[k] = _mirrored(k - below, columns)
    for row in range(rows):
        sums[0] = 0.0
        for k in range(across.size):
            sums[k + 1] = sums[k] + column_sums[across[k]]
        smooth[row] = (sums[size : columns + size] - sums[:columns]) / (size * size)
        leaving, coming = _mirrored(row - below, rows), _mirrored(row - below + size, rows)
        column_sums += image[coming] - image[leaving]
    return smooth


@compiled
def _residual(image: Floats, size: int) -> Floats:
    """Image less itself smoothed, negative differences set to 0."""
    return np.maximum(image - boxcar(image, size), 0.0)


@compiled
def smoothness_within(
    stamp: Stamp, x: float, y: float, petrosian: float, sky: Sky, flag: Integers
) -> float:
    """Smoothness between 0.25 and 1.5 Petrosian radii (Lotz et al. 2004, eq. 11).

    Without the factor 10 of Conselice (2003); the sky's smoothness is taken
    off for the whole ring, also where it leaves the image.
    """
    size = int(FRACTION_CAS * petrosian)
    inner, outer = FRACTION_CAS * petrosian, EXTENT_CAS * petrosian
    residual = _residual(stamp.image, size)
    running = running_sums(residual)
    rough, flux = 0.0, 0.0
    for radius, sign in ((inner, -1.0), (outer, 1.0)):
        one, other = ellipse_sums(
            residual, running, stamp.image, stamp.flux, x, y, radius, radius, 0.0
        )
        rough, flux = rough + sign * one, flux + sign * other
    if flux <= 0.0:
        flag[0] = max(flag[0], 2)
        return STATMORPH_INVALID
    if sky.side:
        box = stamp.image[sky.row : sky.row + sky.side, sky.column : sky.column + sky.side]
        rough -= float(np.pi * (outer**2 - inner**2) * np.mean(_residual(box.copy(), size)))
    return rough / flux


# ----------------------------------------------------------- Gini and M20


@compiled
def gaussian_kernel(sigma: float) -> Floats:
    """Half a Gaussian, cut at four standard deviations, whole sum 1; from the middle on."""
    reach = int(4.0 * sigma + 0.5)
    half = np.exp(-0.5 * (np.arange(reach + 1) / sigma) ** 2)
    whole: Floats = half / (2.0 * half.sum() - half[0])
    return whole


@compiled_sums
def _add_scaled(total: Singles, one: Singles, other: Singles, weight: float) -> None:
    for i in range(total.size):
        total[i] += weight * (one[i] + other[i])


@compiled
def gaussian_smooth(image: Floats, sigma: float) -> Floats:
    """Smooth by a Gaussian, in single precision; beyond the image there is 0."""
    rows, columns = image.shape
    kernel = gaussian_kernel(sigma).astype(np.float32)
    reach = kernel.size - 1
    nothing, padded = np.zeros(columns, np.float32), np.zeros(columns + 2 * reach, np.float32)
    singles, smooth = image.astype(np.float32), np.empty(image.shape, np.float32)
    for row in range(rows):
        along = padded[reach : reach + columns]
        along[:] = kernel[0] * singles[row]
        for k in range(1, min(reach, rows) + 1):
            before = singles[row - k] if row - k >= 0 else nothing
            after = singles[row + k] if row + k < rows else nothing
            _add_scaled(along, before, after, kernel[k])
        smooth[row] = kernel[0] * along
        for k in range(1, min(reach, columns) + 1):
            before, after = padded[reach - k :], padded[reach + k :]
            _add_scaled(smooth[row], before[:columns], after[:columns], kernel[k])
    return smooth.astype(np.float64)


@compiled
def _fill(
    values: Floats,
    threshold: float,
    row: int,
    column: int,
    number: int,
    numbers: Integers,
    queue: Positions,
) -> int:
    """Number the pixels above a threshold that hang together with one; return their count."""
    rows, columns = values.shape
    numbers[row, column] = number
    queue[0] = (row << PACKING) + column
    done, found = 0, 1
    while done < found:
        i, j = queue[done] >> PACKING, queue[done] & 0xFFFF
        done += 1
        for m in range(max(i - 1, 0), min(i + 2, rows)):
            for n in range(max(j - 1, 0), min(j + 2, columns)):
                if numbers[m, n] != number and values[m, n] >= threshold:
                    numbers[m, n] = number
                    queue[found] = (m << PACKING) + n
                    found += 1
    return found


@compiled
def _pieces(values: Floats, threshold: float) -> tuple[Integers, int]:
    """Number the connected pieces (8 neighbours) above a threshold."""
    rows, columns = values.shape
    numbers = np.zeros(values.shape, np.int32)
    queue = np.empty(values.size, np.int64)
    pieces = 0
    for row in range(rows):
        for column in range(columns):
            if numbers[row, column] == 0 and values[row, column] >= threshold:
                pieces += 1
                _fill(values, threshold, row, column, pieces, numbers, queue)
    return numbers, pieces


@compiled
def gini_region(
    stamp: Stamp, aperture: Aperture, petrosian: float, flag: Integers
) -> NDArray[np.bool_]:
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
    numbers, pieces = _pieces(smooth, flux / area)
    region = numbers > 0
    if pieces == 0 or region.all():
        flag[0] = max(flag[0], 2)
        return region
    if pieces > 1:
        flag[0] = max(flag[0], 1)
        row, column = _brightest(smooth, region)
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
def moment_of_light(
    image: Floats, region: NDArray[np.bool_], ordered: Floats, flag: Integers
) -> float:
    """M20, the brightest fifth's share of the second moment (Lotz et al. 2004, eqs. 7 and 8)."""
    if ordered.size == 0:
        return STATMORPH_INVALID
    if ordered.sum() <= 0.0:
        flag[0] = max(flag[0], 2)
        return STATMORPH_INVALID
    _, x, y = _centroid(image, region)
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
def _values_of(image: Floats, region: NDArray[np.bool_]) -> Floats:
    """Pixel values of a region in rising order."""
    values, n = np.empty(image.size), 0
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            if region[row, column]:
                values[n] = image[row, column]
                n += 1
    return np.sort(values[:n])


@compiled
def _sizes(ordered: Floats) -> Floats:
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
def signal_to_noise(stamp: Stamp, region: NDArray[np.bool_], noise: float, flag: Integers) -> float:
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


# ----------------------------------------------------------- the MID region


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
    count = _fill(
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
def mid_region(stamp: Stamp, gini: NDArray[np.bool_], flag: Integers) -> NDArray[np.bool_]:
    """Segmentation map of the multimode statistics (Freeman et al. 2013, section 4.3).

    It serves the flag alone: a galaxy whose Gini-M20 map is another one is
    suspect. The Gini-M20 map itself stands in where there is none.
    """
    values = np.where(stamp.source, np.maximum(stamp.image, 0.0), 0.0)
    row, column = _brightest(stamp.image, stamp.source)
    numbers, queue = np.zeros(values.shape, np.int32), np.empty(values.size, np.int64)
    clumps = Clumps(values, _values_of(values, stamp.source), numbers, queue, row, column)
    if _clump_excess(clumps, 0.0) > 0.0:
        return gini
    threshold = clumps.ordered[int(_clump_quantile(clumps) * (clumps.ordered.size - 1))]
    numbers[:] = 1 if threshold <= 0.0 else 0
    if threshold > 0.0:
        _fill(values, threshold, row, column, 1, numbers, queue)
    most = _majority(numbers, 1)
    if most[row, column] == 0.0:
        most[row, column] = 1.0
        flag[0] = max(flag[0], 2)
    numbers[:] = 0
    _fill(most, 1.0, row, column, 1, numbers, queue)
    region: NDArray[np.bool_] = numbers == 1
    return region


@compiled
def _compare_regions(gini: NDArray[np.bool_], mid: NDArray[np.bool_], flag: Integers) -> None:
    """Flag maps that share too little (1) or are empty (2)."""
    largest = max(gini.sum(), mid.sum())
    if largest == 0:
        flag[0] = max(flag[0], 2)
    elif (gini & mid).sum() / largest < SMALLEST_OVERLAP:
        flag[0] = max(flag[0], 1)


# ------------------------------------------------------------- the galaxy


@compiled
def _check_sky(stamp: Stamp, sky: Sky, flag: Integers) -> None:
    """Flag an image whose sky is further from 0 than its own scatter."""
    box = stamp.image[sky.row : sky.row + sky.side, sky.column : sky.column + sky.side].copy()
    if sky.side and abs(box.mean()) > box.std():
        flag[0] = max(flag[0], 2)


@compiled
def _start(stamp: Stamp, flag: Integers) -> tuple[float, float]:
    """Centroid of the source; the middle of the stamp, flagged, where it lies outside."""
    rows, columns = stamp.image.shape
    _, x, y = _centroid(stamp.image, stamp.source)
    if y < 0.0 or y >= rows or x < 0.0 or x >= columns:
        x, y = columns / 2.0, rows / 2.0
        flag[0] = max(flag[0], 2)
    if stamp.image[int(y), int(x)] == 0.0:
        flag[0] = max(flag[0], 2)
    return x, y


@compiled
def _cas(
    stamp: Stamp, labels: Integers, x: float, y: float, row: Floats, flag: Integers
) -> tuple[float, float, bool]:
    """Fill in C, A, S and the circular radii; returns the centre and whether it went well."""
    sky, turned = find_sky(labels, flag), turn(stamp)
    dark = sky_asymmetry(stamp, sky)
    about = petrosian_radius(stamp, Aperture(x, y, 1.0, 0.0, 1.0, 0.0), flag)
    cx, cy = asymmetry_centre(stamp, turned, x, y, about, dark, flag)
    petrosian = petrosian_radius(stamp, Aperture(cx, cy, 1.0, 0.0, 1.0, 0.0), flag)
    r20 = radius_of_light(stamp, cx, cy, EXTENT_CAS * petrosian, 0.2, flag)
    r80 = radius_of_light(stamp, cx, cy, EXTENT_CAS * petrosian, 0.8, flag)
    row[0] = 5.0 * np.log10(r80 / r20)
    row[1] = asymmetry_about(turned, cx, cy, EXTENT_CAS * about, dark, flag)
    row[2] = smoothness_within(stamp, cx, cy, petrosian, sky, flag)
    row[5], row[7], row[8] = petrosian, r20, r80
    _check_sky(stamp, sky, flag)
    return cx, cy, r20 > 0.0 and r80 > 0.0


@compiled
def _gini_m20(
    stamp: Stamp,
    centroid: tuple[float, float],
    centre: tuple[float, float],
    noise: float,
    row: Floats,
    flag: Integers,
) -> None:
    """Fill in Gini, M20, the elliptical radius and the signal-to-noise ratio."""
    elongation, theta = elongation_and_angle(stamp, centre[0], centre[1], flag)
    aperture = Aperture(centre[0], centre[1], elongation, theta, 1.0, 0.0)
    row[6] = petrosian_radius(stamp, aperture, flag)
    at_centroid = Aperture(centroid[0], centroid[1], elongation, theta, 1.0, 0.0)
    region = gini_region(stamp, at_centroid, row[6], flag)
    ordered = _values_of(stamp.image, region)
    row[3] = gini_coefficient(_sizes(ordered), flag)
    row[4] = moment_of_light(stamp.image, region, ordered, flag)
    row[9] = signal_to_noise(stamp, region, noise, flag)
    _compare_regions(region, mid_region(stamp, region, flag), flag)


@compiled
def measure_source(
    image: Floats, labels: Integers, label: int, noise: float, row: Floats
) -> tuple[int, int]:
    """Measure one source of a segmented image.

    Parameters
    ----------
    image : ndarray of float64, shape (height, width)
        Counts, sky subtracted.
    labels : ndarray of int32, shape (height, width)
        Segmentation map.
    label : int
        Number of the source.
    noise : float
        Standard deviation of the sky, counts.
    row : ndarray of float64, shape (10,)
        Filled with C, A, S, Gini, M20, the circular and the elliptical
        Petrosian radius, r20, r80 and the signal-to-noise ratio per pixel;
        -99 where something cannot be measured.

    Returns
    -------
    tuple of int
        The flag, and the index into `FAILURES`.
    """
    flag = np.zeros(1, np.int32)
    row[:] = STATMORPH_INVALID
    stamp = cut_stamp(image, labels, label)
    if _centroid(stamp.image, stamp.source)[0] <= 0.0:
        return 4, 0
    x, y = _start(stamp, flag)
    top, end_row, left, end_column = stamp_limits(labels, label)
    around = labels[top:end_row, left:end_column]
    cx, cy, whole = _cas(stamp, around, x, y, row, flag)
    if not whole:
        return 4, 1
    _gini_m20(stamp, (x, y), (cx, cy), noise, row, flag)
    return flag[0], 0


@compiled
def measure_sources(
    images: Floats,
    labels: Integers,
    centrals: Integers,
    noises: Floats,
    rows: Floats,
    flags: Integers,
    failures: Integers,
) -> None:
    """Measure the central source of every image of a batch, without returning to Python.

    Parameters
    ----------
    images : ndarray of float64, shape (n, height, width)
        Counts, sky subtracted.
    labels : ndarray of int32, shape (n, height, width)
        Segmentation maps.
    centrals : ndarray of int32, shape (n,)
        Numbers of the central sources.
    noises : ndarray of float64, shape (n,)
        Standard deviations of the sky, counts.
    rows : ndarray of float64, shape (n, 10)
        Filled with the values, as `measure_source` does.
    flags, failures : ndarray of int32, shape (n,)
        Filled with what `measure_source` returns.
    """
    for k in range(images.shape[0]):
        flags[k], failures[k] = measure_source(
            images[k], labels[k], centrals[k], noises[k], rows[k]
        )


COLUMNS = (*FIVE, *EXTRAS)
"""Names of the columns that the compiled functions fill."""


def _stacked(images: list[Image]) -> Image:
    """Images as one array, a single one without a copy."""
    first = np.ascontiguousarray(images[0])
    return cast(Image, first[np.newaxis] if len(images) == 1 else np.stack(images))


Measured = tuple[dict[str, float], int, str]


def measure_segmented(segmentations: list[Segmentation]) -> Iterator[Measured]:
    """Measure the central source of segmented images of one shape.

    Parameters
    ----------
    segmentations : list of Segmentation
        Each with a central source, all of one shape.

    Yields
    ------
    tuple of (dict of str to float, int, str)
        Values by name (-99 where not measured), flag, failure.
    """
    n = len(segmentations)
    rows, flags, failures = (
        np.empty((n, len(COLUMNS))),
        np.empty(n, np.int32),
        np.empty(n, np.int32),
    )
    measure_sources(
        _stacked([one.image for one in segmentations]),
        _stacked([one.labels for one in segmentations]),
        np.array([one.central for one in segmentations], np.int32),
        np.array([one.sky_noise for one in segmentations]),
        rows,
        flags,
        failures,
    )
    for row, flag, failure in zip(rows, flags, failures, strict=True):
        yield dict(zip(COLUMNS, row.tolist(), strict=True)), int(flag), FAILURES[failure]


def measure_fast(
    image: NDArray[np.float64], settings: SegmentationSettings | None = None
) -> Morphology:
    """Measure concentration, asymmetry, smoothness, Gini and M20 of one image.

    The same quantities, flags and reasons as `galaxy_utils.morphology.measure`,
    but for `n_sources`: neighbours that are masked all the same are not
    deblended from each other here, so that it counts blended ones as one.

    Parameters
    ----------
    image : ndarray of float64, shape (height, width)
        Band mean in counts.
    settings : SegmentationSettings, optional
        How sources are found.

    Returns
    -------
    Morphology
        Never raises for a bad image: what could not be measured is NaN and
        `reason` says why.

    References
    ----------
    Conselice (2003) for C, A, S; Lotz, Primack & Madau (2004) for Gini and
    M20; Rodriguez-Gomez et al. (2019) for the definitions in detail.
    """
    return measure_batch([image], settings)[0]


def measure_batch(
    images: Iterable[NDArray[np.float64]], settings: SegmentationSettings | None = None
) -> list[Morphology]:
    """Measure a batch of images; compiled code goes through those of one shape at once.

    Parameters
    ----------
    images : iterable of ndarray of float64, shape (height, width)
        Band means in counts, of any shapes. Their segmentations are held in
        memory together (12 bytes a pixel): hand over a long sample in pieces.
    settings : SegmentationSettings, optional
        How sources are found.

    Returns
    -------
    list of Morphology
        One an image, in their order, as from `measure_fast`.
    """
    examined = [examine(image, settings, neighbours=False) for image in images]
    measured = [result for _, result in examined]
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for index, (segmentation, _) in enumerate(examined):
        if segmentation is not None:
            by_shape.setdefault(segmentation.labels.shape, []).append(index)
    for indices in by_shape.values():
        found = measure_segmented([s for s, _ in (examined[i] for i in indices) if s is not None])
        for index, (values, flag, failure) in zip(indices, found, strict=True):
            measured[index] = from_values(values, flag, failure, measured[index])
    return measured
