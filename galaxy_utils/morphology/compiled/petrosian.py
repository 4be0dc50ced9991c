"""Curves of growth: the Petrosian radius and the radii of shares of the light."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from galaxy_utils.morphology.compiled.apertures import ellipse_sums
from galaxy_utils.morphology.compiled.compilation import Integers, compiled
from galaxy_utils.morphology.compiled.stamps import Stamp

ETA = 0.2
"""Surface brightness at the Petrosian radius over the mean within it (Petrosian 1976)."""

EXTENT_CAS = 1.5
"""Radius of the aperture of C, A and S, in Petrosian radii."""

FRACTION_CAS = 0.25
"""Boxcar and inner radius of S in Petrosian radii (Lotz et al. 2004)."""

GRID = 100
"""Steps of the coarse search that precedes every root."""

ROOT_TOLERANCE = 1e-4
"""Precision of every radius."""


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


class Sample(NamedTuple):
    """A function at a radius."""

    radius: float
    excess: float


@compiled
def light_within(stamp: Stamp, aperture: Aperture, a: float) -> tuple[float, float]:
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
    inner, inner_area = light_within(stamp, aperture, a - 0.5)
    flux, area = light_within(stamp, aperture, a)
    outer, outer_area = light_within(stamp, aperture, a + 0.5)
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
    return abs(light_within(stamp, aperture, a)[0]) / aperture.total - aperture.fraction


@compiled
def _root(
    kind: int, stamp: Stamp, aperture: Aperture, low: Sample, high: Sample, flag: Integers
) -> float:
    """Find the root between two radii of opposite sign (Brent 1973, chapter 4)."""
    b, fb = high
    a, fa = c, fc = low
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
    previous = Sample(0.0, 0.0)
    for radius in np.linspace(1.0, outermost, GRID):
        here = Sample(radius, _petrosian_excess(stamp, aperture, radius, flag))
        if here.excess == 0.0:
            return here.radius
        if here.excess < 0.0:
            if previous.radius == 0.0:
                flag[0] = max(flag[0], 2)
                return 1.0
            return _root(PETROSIAN, stamp, aperture, previous, here, flag)
        previous = here
    flag[0] = max(flag[0], 2)
    return float(outermost)


@compiled
def radius_of_light(
    stamp: Stamp, x: float, y: float, largest: float, fraction: float, flag: Integers
) -> float:
    """Radius of the circle with a share of the light within the largest one; -1 if none has."""
    total = light_within(stamp, Aperture(x, y, 1.0, 0.0, 1.0, fraction), largest)[0]
    if total <= 0.0:
        flag[0] = max(flag[0], 2)
    if total == 0.0:
        return largest
    aperture = Aperture(x, y, 1.0, 0.0, abs(total), fraction)
    previous = Sample(0.0, -fraction)
    for radius in np.linspace(0.0, largest, GRID):
        here = Sample(radius, _excess(LIGHT, stamp, aperture, radius, flag))
        if here.excess > 0.0:
            return _root(LIGHT, stamp, aperture, previous, here, flag)
        previous = here
    return -1.0
