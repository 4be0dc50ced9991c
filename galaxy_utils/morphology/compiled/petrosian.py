"""Curves of growth: the Petrosian radius and the radii of shares of the light."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from galaxy_utils.morphology.compiled.apertures import ellipse_sums
from galaxy_utils.morphology.compiled.compilation import Integers, compiled, raise_flag
from galaxy_utils.morphology.compiled.stamps import Stamp
from galaxy_utils.morphology.reasons import BAD

ETA = 0.2
"""Surface brightness at the Petrosian radius over the mean within it (Petrosian 1976)."""

EXTENT_CAS = 1.5
"""Radius of the aperture of C, A and S, in Petrosian radii."""

FRACTION_CAS = 0.25
"""Boxcar and inner radius of S in Petrosian radii (Lotz et al. 2004)."""

GRID = 100
"""Steps of the coarse search that precedes every root."""

HALF_TOLERANCE = 5e-5
"""Half the precision of every radius."""


class Aperture(NamedTuple):
    """Concentric ellipses; a fraction of 0 stands for the search of the Petrosian radius."""

    x: float
    y: float
    elongation: float = 1.0
    theta: float = 0.0
    total: float = 1.0
    fraction: float = 0.0


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
        raise_flag(flag, BAD)
        return (1.0 if ring != 0.0 else 0.0) - ETA
    return ring / mean - ETA


@compiled
def _excess(stamp: Stamp, aperture: Aperture, a: float, flag: Integers) -> float:
    """The function whose root is searched."""
    if aperture.fraction == 0.0:
        return _petrosian_excess(stamp, aperture, a, flag)
    return abs(light_within(stamp, aperture, a)[0]) / aperture.total - aperture.fraction


@compiled
def _root(stamp: Stamp, aperture: Aperture, low: Sample, high: Sample, flag: Integers) -> float:
    """Find the root between two radii of opposite sign (Brent 1973, chapter 4)."""
    a, b, c = low, high, low
    step = before = b.radius - a.radius
    for _ in range(100):
        if (b.excess > 0.0) == (c.excess > 0.0):
            c = a
            step = before = b.radius - a.radius
        if abs(c.excess) < abs(b.excess):
            a, b, c = b, c, b
        half = 0.5 * (c.radius - b.radius)
        if abs(half) <= HALF_TOLERANCE or b.excess == 0.0:
            break
        step, before = _brent_step(a, b, c, step, before)
        radius = b.radius + (
            step if abs(step) > HALF_TOLERANCE else np.copysign(HALF_TOLERANCE, half)
        )
        a, b = b, Sample(radius, _excess(stamp, aperture, radius, flag))
    return b.radius


@compiled
def _brent_step(a: Sample, b: Sample, c: Sample, step: float, before: float) -> tuple[float, float]:
    """Next step of Brent's method, interpolated or halved, and the one it is compared with."""
    half = 0.5 * (c.radius - b.radius)
    if abs(before) < HALF_TOLERANCE or abs(a.excess) <= abs(b.excess):
        return half, half
    s = b.excess / a.excess
    if a.radius == c.radius:
        p, q = 2.0 * half * s, 1.0 - s
    else:
        q, r = a.excess / c.excess, b.excess / c.excess
        p = s * (2.0 * half * q * (q - r) - (b.radius - a.radius) * (r - 1.0))
        q = (q - 1.0) * (r - 1.0) * (s - 1.0)
    if p > 0.0:
        q = -q
    p = abs(p)
    if 2.0 * p < min(3.0 * half * q - abs(HALF_TOLERANCE * q), abs(before * q)):
        return p / q, step
    return half, half


@compiled
def petrosian_radius(stamp: Stamp, aperture: Aperture, flag: Integers) -> float:
    """Smallest radius at which the Petrosian ratio falls below eta, by a coarse grid first."""
    rows, columns = stamp.image.shape
    outermost = np.sqrt(float(rows * rows + columns * columns)) * aperture.elongation
    previous = Sample(0.0, 0.0)
    for radius in np.linspace(1.0, outermost, GRID):
        here = Sample(radius, _petrosian_excess(stamp, aperture, radius, flag))
        if here.excess == 0.0:
            return here.radius
        if here.excess < 0.0:
            if previous.radius == 0.0:
                raise_flag(flag, BAD)
                return 1.0
            return _root(stamp, aperture, previous, here, flag)
        previous = here
    raise_flag(flag, BAD)
    return float(outermost)


@compiled
def radius_of_light(
    stamp: Stamp, centre: tuple[float, float], largest: float, fraction: float, flag: Integers
) -> float:
    """Radius of the circle with a share of the light within the largest one; -1 if none has."""
    x, y = centre
    total = light_within(stamp, Aperture(x, y, 1.0, 0.0, 1.0, fraction), largest)[0]
    if total <= 0.0:
        raise_flag(flag, BAD)
    if total == 0.0:
        return largest
    aperture = Aperture(x, y, 1.0, 0.0, abs(total), fraction)
    previous = Sample(0.0, -fraction)
    for radius in np.linspace(0.0, largest, GRID):
        here = Sample(radius, _excess(stamp, aperture, radius, flag))
        if here.excess > 0.0:
            return _root(stamp, aperture, previous, here, flag)
        previous = here
    return -1.0
