"""The light of one galaxy as its family has it: bulges, discs, arms, bars, dust, tails."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from galaxy_utils.data.survey import PIXEL, SIDE

HALF_LIGHT = 1.678
"""Half-light radius of an exponential disc in scale lengths."""

FINE, FINE_SIDE = 15, 9
"""Samples per pixel and axis in the centre of a cusp, and the side of that centre in pixels."""

BLUE, YOUNG, RED = np.array([[1.25, 1.0, 0.85], [1.7, 1.0, 0.7], [0.92, 1.0, 1.02]])
"""Light of arms, star-forming regions and old stars in g, r, i, relative to the galaxy's own."""

EXTINCTION = np.array([1.25, 1.0, 0.75])
"""Optical depth of dust in g, r, i, relative to r (Schlafly & Finkbeiner 2011, rounded)."""

Plane = NDArray[np.float64]
Place = tuple[float, float]
"""Columns and rows from the centre of the frame, in arcsec."""


@cache
def offsets() -> tuple[Plane, Plane]:
    """Columns and rows from the centre of the frame, in arcsec."""
    axis = (np.arange(SIDE) - (SIDE - 1) / 2) * PIXEL
    columns, rows = np.meshgrid(axis, axis)
    return columns, rows


def rotate(columns: Plane, rows: Plane, angle: float, place: Place) -> tuple[Plane, Plane]:
    """Coordinates along and across a position angle (deg), from a place."""
    columns, rows = columns - place[0], rows - place[1]
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return cosine * columns + sine * rows, cosine * rows - sine * columns


def rotated(angle: float, place: Place = (0.0, 0.0)) -> tuple[Plane, Plane]:
    """Coordinates of the frame's pixels along and across a position angle, see `rotate`."""
    return rotate(*offsets(), angle, place)


def normalised(plane: Plane) -> Plane:
    """Scale light to a sum of one."""
    return np.asarray(plane / max(float(plane.sum()), 1e-12))


def _coloured(plane: Plane, colour: NDArray[np.float64] | float = 1.0) -> NDArray[np.float64]:
    return np.asarray(np.multiply.outer(np.ones(3) * colour, plane))


def sersic(
    index: float, radius: float, axis_ratio: float, angle: float, place: Place = (0.0, 0.0),
    boxiness: float = 2.0,
) -> Plane:  # fmt: skip
    """Draw a Sersic profile whose light in the frame is one, without seeing.

    The radius is the half-light radius of the major axis in arcsec, cut at eight of them; the
    exponent of its isophotes is 2 for ellipses, larger for boxes.
    """
    exponent = 2 * index - 1 / 3 + 0.009876 / index  # Prugniel & Simien (1997)

    def light(columns: Plane, rows: Plane) -> Plane:
        along, across = rotate(columns, rows, angle, place)
        across = across / axis_ratio
        if boxiness == 2.0:
            distance = np.hypot(along, across)
        else:
            distance = (np.abs(along) ** boxiness + np.abs(across) ** boxiness) ** (1 / boxiness)
        distance = distance / radius
        return np.asarray(np.exp(-exponent * distance ** (1 / index)) * (distance < 8))

    return normalised(_with_fine_centre(light, place))


def _with_fine_centre(light: Callable[[Plane, Plane], Plane], place: Place) -> Plane:
    """Sample light at the pixels' centres, and more finely near a place."""
    plane = light(*offsets())
    half = FINE_SIDE // 2
    column, row = (round(p / PIXEL + (SIDE - 1) / 2) for p in place)
    if not (half <= column < SIDE - half and half <= row < SIDE - half):
        return plane
    steps = (np.arange(FINE_SIDE * FINE) - (FINE_SIDE * FINE - 1) / 2) / FINE * PIXEL
    centre = [(p - (SIDE - 1) / 2) * PIXEL for p in (column, row)]
    fine = light(*np.meshgrid(steps + centre[0], steps + centre[1]))
    block = fine.reshape(FINE_SIDE, FINE, FINE_SIDE, FINE).mean(axis=(1, 3))
    plane[row - half : row + half + 1, column - half : column + half + 1] = block
    return plane


def paint(row: pd.Series, rng: np.random.Generator) -> NDArray[np.float64]:
    """Light of a galaxy in g, r, i of unit flux in each, shape (3, side, side), without seeing.

    Its centre is redder, or its outskirts are bluer, by `gradient` magnitudes in g - r per decade
    of radius.
    """
    light = _PAINTERS[row["host"]](row, rng)
    along, across = rotated(row["position_angle"])
    radius = np.hypot(along, across / row["axis_ratio"]) / row["half_light_radius"]
    slope = 0.4 * row["gradient"] * np.log10(np.clip(radius, 0.15, 4.0))
    light *= 10 ** np.multiply.outer([-1.0, 0.0, 0.2], slope)
    return np.asarray(light / light.sum(axis=(1, 2), keepdims=True))


def _elliptical(row: pd.Series, rng: np.random.Generator) -> NDArray[np.float64]:
    """A Sersic profile in slightly boxy or discy isophotes."""
    shape = row["sersic_index"], row["half_light_radius"], row["axis_ratio"]
    boxiness = float(np.clip(rng.normal(2.0, 0.12), 1.7, 2.3))
    return _coloured(sersic(*shape, row["position_angle"], boxiness=boxiness))


def _bulge(row: pd.Series, axis_ratio: float) -> Plane:
    radius = max(row["bulge_size"] * row["half_light_radius"], 0.25)
    return sersic(row["sersic_index"], radius, axis_ratio, row["position_angle"])


def _add(
    disc: NDArray[np.float64], component: Plane, share: float, colour: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Give a share of the light in r to a component."""
    return np.asarray((1 - share) * disc / disc[1].sum() + share * _coloured(component, colour))


def _lenticular(row: pd.Series, rng: np.random.Generator) -> NDArray[np.float64]:
    """A large bulge in a smooth disc, some with a faint bar or lens."""
    angle, ratio = row["position_angle"], row["axis_ratio"]
    light = _coloured(sersic(1.0, row["half_light_radius"], ratio, angle))
    if rng.random() < 0.4:
        size = rng.uniform(0.4, 0.9) * row["half_light_radius"]
        lens = sersic(0.5, size, max(ratio * rng.uniform(0.4, 1.0), 0.2), angle, boxiness=2.6)
        light = _add(light, lens, rng.uniform(0.04, 0.15), RED)
    return _add(light, _bulge(row, max(ratio, 0.6)), row["bulge_fraction"], RED)


def _spiral(row: pd.Series, rng: np.random.Generator) -> NDArray[np.float64]:
    """An old disc, young arms with knots and dust, often a bar or a ring, and a red bulge."""
    scale, ratio = row["half_light_radius"] / HALF_LIGHT, row["axis_ratio"]
    along, across = rotated(row["position_angle"])
    shift = row["lopsidedness"] * scale * rng.normal(size=2)
    disc_along, disc_across = along - shift[0], (across - shift[1] * ratio) / ratio
    radius = np.hypot(disc_along, disc_across) / scale
    azimuth = np.arctan2(disc_across, disc_along)
    arms, lanes = arm_pattern(radius, azimuth, row, rng)
    edge = 1 / (1 + np.exp(np.minimum((radius - rng.uniform(2.8, 5.0)) / 0.35, 50)))
    uneven = 1 + row["lopsidedness"] * np.cos(azimuth - rng.uniform(0, 2 * np.pi)) * np.minimum(
        radius / 2, 1
    )
    disc = np.exp(-radius) * edge * np.clip(uneven, 0.2, None)
    contrast = row["arm_contrast"]
    light = _coloured(disc * (1 - 0.9 * contrast), RED) + _coloured(
        disc * contrast * arms * 1.6, BLUE
    )
    light *= np.exp(-np.multiply.outer(EXTINCTION, row["dust"] * lanes))
    knots = _knots(disc * arms * (radius > 0.5), rng, scale)
    light = _add(light, knots, row["knots"] * contrast, YOUNG)
    if row["ring"] > 0:
        ring = disc * np.exp(-0.5 * ((radius - row["ring"]) / 0.22) ** 2) * (1 + arms)
        light = _add(light, normalised(ring), rng.uniform(0.06, 0.2), BLUE)
    if row["bar"] > 0:
        turn = row["bar_angle"]
        squeeze = np.hypot(np.cos(turn), ratio * np.sin(turn))  # of a bar in the disc's plane
        angle = row["position_angle"] + np.degrees(np.arctan2(ratio * np.sin(turn), np.cos(turn)))
        bar = sersic(0.6, row["bar"] * scale * squeeze, 0.35, angle, boxiness=2.8)
        light = _add(light, bar, row["bar_fraction"], RED)
    return _add(light, _bulge(row, max(ratio, 0.55)), row["bulge_fraction"], RED)


def arm_pattern(
    radius: Plane, azimuth: Plane, row: pd.Series, rng: np.random.Generator
) -> tuple[Plane, Plane]:
    """Spiral arms and dust lanes on their inner side, both from about 0 to 1.

    Logarithmic arms that wobble, differ in strength and end at different radii, mixed with
    fragments wound in the same way: `flocculence` is the fragments' share. Radius in scale
    lengths and azimuth in radians, in the plane of the disc.
    """
    sense = rng.choice([-1.0, 1.0])
    depth = np.log(np.maximum(radius, 0.05))
    winding = azimuth - sense * depth / np.tan(np.radians(row["pitch"]))
    wobble = sum(rng.normal(0, 0.5) * np.sin(k * depth + rng.uniform(0, 6.3)) for k in (1, 2, 3))
    phase = row["arms"] * winding + wobble + rng.uniform(0, 2 * np.pi)
    strength = 1 + 0.4 * rng.normal() * np.cos(azimuth - rng.uniform(0, 2 * np.pi))
    sharpness = rng.uniform(0.8, 3.0)
    grand = np.exp(sharpness * (np.cos(phase) - 1)) * np.clip(strength, 0.3, 1.7)
    texture = gaussian_filter(rng.normal(size=(96, 48)), (1.6, 1.6), mode="wrap")
    texture = np.clip(1 + 0.9 * texture / texture.std(), 0, 3) / 2
    at = np.stack([winding / (2 * np.pi) * 96, depth / 3.5 * 48])
    fragments = map_coordinates(texture, at, order=1, mode="grid-wrap")
    arms = (1 - row["flocculence"]) * grand + row["flocculence"] * fragments
    arms *= 0.6 + 0.4 * fragments
    start = max(row["bar"], row["ring"], 0.35)
    fade = 1 / (1 + np.exp(-(radius - 0.9 * start) / 0.15))
    lanes = np.exp(6 * (np.cos(phase + 0.8 * sense) - 1)) * fade
    return np.asarray(arms * fade), np.asarray(lanes)


def _knots(weight: Plane, rng: np.random.Generator, scale: float) -> Plane:
    """Star-forming regions: points drawn along the arms, of log-normal brightness."""
    number = int(rng.integers(10, 60))
    weight = weight.ravel()
    places = rng.choice(weight.size, number, p=weight / weight.sum())
    plane = np.zeros(weight.size)
    np.add.at(plane, places, rng.lognormal(0.0, 1.0, number))
    width = np.clip(0.06 * scale / PIXEL, 0.3, 1.5)
    return normalised(gaussian_filter(plane.reshape(SIDE, SIDE), width))


def _edge_on(row: pd.Series, rng: np.random.Generator) -> NDArray[np.float64]:
    """A lopsided, dusty disc of sech-squared thickness (van der Kruit & Searle 1981)."""
    along, across = rotated(row["position_angle"])
    scale = row["half_light_radius"] / HALF_LIGHT
    height = max(row["axis_ratio"] * scale, 0.2)
    along = along / scale
    across = (across - row["warp"] * scale * along * np.abs(along) / 10) / height
    radial = np.hypot(along - row["lopsidedness"] * 0.5, row["roundness"] * across)
    tilt = np.clip(1 + row["lopsidedness"] * along, 0.2, 1.8)
    light = np.exp(-np.hypot(radial, 0.2)) * tilt
    light = light / np.cosh(np.minimum(np.abs(across), 30.0)) ** 2
    light *= 1 / (1 + np.exp(np.minimum((radial - row["edge"]) / 0.3, 50)))
    clumps = gaussian_filter(rng.normal(size=light.shape), max(0.12 * scale / PIXEL, 1.5))
    light *= np.clip(1 + row["clumps"] * clumps / clumps.std(), 0.1, None)
    disc = _coloured(light) * 10 ** np.multiply.outer([1, 0, -0.3], 0.04 * np.minimum(radial, 4))
    disc = _add(disc, _bulge(row, 0.65), row["bulge_fraction"], RED)
    lane = np.exp(-(((across - row["dust_offset"]) / 0.4) ** 2) - radial / 2.5)
    return np.asarray(disc * np.exp(-np.multiply.outer(EXTINCTION, row["dust"] * lane)))


def _merger(row: pd.Series, rng: np.random.Generator) -> NDArray[np.float64]:
    """Two or three galaxies of any kind close together, tails, a bridge, debris, a shell."""
    radius, ratio = row["half_light_radius"], row["flux_ratio"]
    direction = np.radians(row["position_angle"] + rng.uniform(-50, 50))
    apart = row["separation"] * radius
    place = (apart * np.cos(direction), apart * np.sin(direction))
    size = radius * row["companion_size"]
    light = _member(row, 0.7 * radius, row["axis_ratio"], row["position_angle"], (0.0, 0.0), rng)
    other = _member(
        row, max(0.7 * size, 0.3), rng.uniform(0.3, 1.0), rng.uniform(0, 180), place, rng
    )
    colour = 10 ** (0.4 * row["colour_difference"] * np.array([1.0, 0.0, -0.5]))
    light = light / (1 + ratio) + other * colour[:, None, None] * ratio / (1 + ratio)
    if row["third"] > 0:
        turn = direction + rng.uniform(1.0, 5.3)
        far = rng.uniform(0.8, 2.5) * radius
        there = (far * np.cos(turn), far * np.sin(turn))
        third = sersic(
            rng.uniform(0.5, 3),
            max(0.3 * radius, 0.3),
            rng.uniform(0.4, 1),
            rng.uniform(0, 180),
            there,
        )
        light = light + row["third"] * _coloured(third)
    light = _add(light, _debris(radius, place, rng), row["debris"], BLUE)
    starts = [(0.0, 0.0), place]
    for tail in range(int(row["tails"])):
        plane = tidal_tail(radius, starts[tail], direction + np.pi * (1 - tail), rng)
        light = _add(light, plane, rng.uniform(0.05, 0.2), BLUE)
    return light


def _member(
    row: pd.Series, radius: float, ratio: float, angle: float, place: Place,
    rng: np.random.Generator,
) -> NDArray[np.float64]:  # fmt: skip
    """One galaxy of a merger: a spheroid, or a lumpy disc with a bulge."""
    if rng.random() < 0.5:
        index = float(np.clip(rng.normal(row["sersic_index"], 0.8), 0.6, 5.0))
        return _coloured(sersic(index, radius, max(ratio, 0.4), angle, place))
    disc = sersic(1.0, radius, max(ratio - 0.2, 0.2), angle, place)
    lumps = gaussian_filter(rng.normal(size=disc.shape), max(0.25 * radius / PIXEL, 1.2))
    disc = normalised(disc * np.clip(1 + rng.uniform(0.2, 0.8) * lumps / lumps.std(), 0.05, None))
    bulge = sersic(2.0, max(0.15 * radius, 0.25), max(ratio, 0.6), angle, place)
    return _add(_coloured(disc, BLUE), bulge, rng.uniform(0.05, 0.4), RED)


def _debris(radius: float, place: Place, rng: np.random.Generator) -> Plane:
    """Lumpy, lopsided light around and between the two, or a shell on one side."""
    along, across = rotated(rng.uniform(0, 180), (place[0] / 2, place[1] / 2))
    distance = np.hypot(along / 1.6, across) / radius
    if rng.random() < 0.12:
        shell = np.exp(-0.5 * ((distance - rng.uniform(1.2, 2.2)) / 0.25) ** 2)
        return normalised(shell * np.clip(np.cos(np.arctan2(across, along)), 0, None))
    lumps = gaussian_filter(rng.normal(size=along.shape), max(0.3 * radius / PIXEL, 2.0))
    return normalised(np.exp(-distance) * np.clip(1 + lumps / lumps.std(), 0.0, None))


def tidal_tail(radius: float, start: Place, direction: float, rng: np.random.Generator) -> Plane:
    """A curved tail that fades and widens along its length, of unit flux.

    It imitates Toomre & Toomre (1972); radius and start in arcsec, direction in radians.
    """
    length = rng.uniform(2.0, 5.0) * radius
    bend = rng.choice([-1.0, 1.0]) * rng.uniform(0.4, 2.2)
    steps = np.linspace(0.0, 1.0, 160)
    heading = direction + bend * steps
    columns = start[0] + np.cumsum(np.cos(heading)) * length / len(steps)
    rows = start[1] + np.cumsum(np.sin(heading)) * length / len(steps)
    places = np.stack([rows, columns]) / PIXEL + (SIDE - 1) / 2
    inside = ((places >= 0) & (places < SIDE - 1)).all(axis=0)
    near, far = np.zeros((2, SIDE, SIDE))
    weight = np.exp(-1.6 * steps) * (1 + 0.4 * np.sin(12 * steps + rng.uniform(0, 6)))
    i, j = places[:, inside].round().astype(int)
    np.add.at(near, (i, j), (weight * (1 - steps))[inside])
    np.add.at(far, (i, j), (weight * steps)[inside])
    width = max(rng.uniform(0.06, 0.22) * radius / PIXEL, 0.7)
    return normalised(
        gaussian_filter(near, width) + gaussian_filter(far, rng.uniform(1.2, 2.5) * width)
    )


_PAINTERS = {
    "elliptical": _elliptical, "lenticular": _lenticular, "spiral": _spiral,
    "edge_on": _edge_on, "merger": _merger,
}  # fmt: skip
