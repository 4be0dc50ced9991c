"""What else is in a frame: faint galaxies, stars, companions, scattered light, artefacts."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from galaxy_utils.data.survey import BANDS, PIXEL, SIDE, nanomaggies
from galaxy_utils.simulate.painting import HALF_LIGHT, Place, offsets, rotated, sersic

BACKGROUND_GALAXIES, BACKGROUND_STARS, COMPANIONS = 18, 5, 0.6
"""Mean numbers in a frame, galaxies to 23.5 and stars to 22 mag in r, and of galaxies about as
bright as the one in the centre: ours, fitted by counts in real frames."""

SKY_COLOUR = np.array([0.6, 1.0, 1.6])
"""Of that light in g, r, i."""

BRIGHT_STARS = 0.05
"""Share of frames in which a star of 8 to 12 mag in or near the frame scatters light."""

SKY_LEFT = (-8.0, 1.6)
"""Mean and standard deviation of the natural logarithm of the sky light that its subtraction left,
in nanomaggies per pixel in r: ours, fitted to the sky of real frames."""

Light = NDArray[np.float64]
"""Nanomaggies per pixel in g, r, i: shape (3, side, side)."""


def band_fluxes(magnitude_r: float, colour_gr: float, colour_ri: float) -> NDArray[np.float64]:
    """Fluxes in g, r, i of a source, in nanomaggies."""
    magnitudes = magnitude_r + colour_gr, magnitude_r, magnitude_r - colour_ri
    return np.array([nanomaggies(m) for m in magnitudes])


def add_background(light: Light, row: pd.Series, rng: np.random.Generator) -> None:
    """Add galaxies and stars all over the frame; faint ones are more, among stars less steeply."""
    galaxies, stars = rng.poisson((BACKGROUND_GALAXIES, BACKGROUND_STARS))
    for magnitude_r in 23.5 + np.log10(rng.uniform(1e-4, 1.0, galaxies)) / 0.45:
        gr = float(np.clip(rng.normal(1.1, 0.45), 0.1, 2.0))
        radius = rng.lognormal(np.log(0.8), 0.4) * 10 ** (-0.1 * (magnitude_r - 20))
        _add_spot(light, band_fluxes(magnitude_r, gr, 0.42 * gr), radius, rng)
    for magnitude_r in 22.0 + np.log10(rng.uniform(0.005, 1.0, stars)) / 0.33:
        _add_spot(light, star_fluxes(magnitude_r, rng), 0.0, rng)
    for _ in range(rng.poisson(COMPANIONS)):
        fainter = rng.uniform(-0.7, 3.0)
        size = row["half_light_radius"] * 10 ** (-0.13 * fainter) * rng.lognormal(0, 0.3)
        fluxes = band_fluxes(
            row["magnitude_r"] + fainter, row["colour_gr"] + rng.normal(0, 0.15), row["colour_ri"]
        )
        index, ratio, angle = rng.uniform(0.8, 4), rng.uniform(0.3, 1), rng.uniform(0, 180)
        galaxy = sersic(index, max(size, 0.5), ratio, angle, _somewhere(rng, 6.0, 60.0))
        light += np.multiply.outer(fluxes, galaxy)
    if rng.random() < BRIGHT_STARS:
        add_star(light, rng.uniform(8.0, 12.0), _somewhere(rng, 35.0, 90.0), rng)


def _somewhere(rng: np.random.Generator, nearest: float, farthest: float) -> Place:
    distance = np.sqrt(rng.uniform(nearest**2, farthest**2))
    angle = rng.uniform(0, 2 * np.pi)
    return distance * np.cos(angle), distance * np.sin(angle)


def star_fluxes(magnitude_r: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Fluxes of a star; most are red dwarfs, as red in g - r as K stars, ever redder in r - i."""
    if rng.random() < 0.6:
        return band_fluxes(magnitude_r, rng.normal(1.45, 0.08), rng.uniform(0.5, 1.4))
    gr = rng.uniform(0.25, 1.2)
    return band_fluxes(magnitude_r, gr, 0.37 * gr - 0.03)


def _add_spot(
    light: Light, fluxes: NDArray[np.float64], radius: float, rng: np.random.Generator
) -> None:
    """Add a source somewhere, on a small stamp of its own; a star where the radius is 0."""
    half = int(np.clip(np.ceil(5 * radius / PIXEL), 1, 60))
    row, column = rng.uniform(0, SIDE - 1, 2)
    if np.hypot(row - SIDE / 2, column - SIDE / 2) < 12:
        return  # the place of the galaxy
    steps = np.arange(-half, half + 1)
    rows, columns = round(row) + steps, round(column) + steps
    y, x = np.meshgrid(steps - (row - round(row)), steps - (column - round(column)), indexing="ij")
    if radius:
        angle, ratio = rng.uniform(0, np.pi), rng.uniform(0.3, 1.0)
        along = x * np.cos(angle) + y * np.sin(angle)
        across = (-x * np.sin(angle) + y * np.cos(angle)) / ratio
        spot = np.exp(-HALF_LIGHT * np.hypot(along, across) * PIXEL / max(radius, 0.2))
    else:
        spot = np.clip(1 - np.abs(x), 0, 1) * np.clip(1 - np.abs(y), 0, 1)
    inside = np.ix_((rows >= 0) & (rows < SIDE), (columns >= 0) & (columns < SIDE))
    light[:, rows[inside[0]], columns[inside[1]]] += np.multiply.outer(
        fluxes, spot[inside] / spot.sum()
    )


def add_star(light: Light, magnitude_r: float, place: Place, rng: np.random.Generator) -> None:
    """Add a bright star with a halo and, from some 14 mag on, diffraction spikes."""
    fluxes = star_fluxes(magnitude_r, rng)
    along, across = rotated(rng.uniform(-15, 15), place)
    distance = np.hypot(along, across)
    width = 0.7 * PIXEL
    core = 0.93 * np.exp(-0.5 * (distance / width) ** 2) / (2 * np.pi * width**2) * PIXEL**2
    halo = 0.05 * (1 + (distance / 4.0) ** 2) ** -1.5 / (2 * np.pi * 4.0**2) * PIXEL**2
    spike = np.zeros_like(core)
    for one, other in ((along, across), (across, along)):
        spike += np.exp(-np.abs(one) / 9.0 - 0.5 * (other / 0.35) ** 2)
    light += np.multiply.outer(fluxes, core + halo + 0.02 * spike * PIXEL**2 / 31.6)


def add_trail(light: Light, rng: np.random.Generator) -> None:
    """Add a satellite: a straight line, often in one band alone, since bands take turns."""
    _, across = rotated(rng.uniform(0, 180), (rng.uniform(-12, 12), rng.uniform(-12, 12)))
    line = np.exp(-0.5 * (across / rng.uniform(0.4, 1.2)) ** 2)
    bands = np.ones(len(BANDS)) if rng.random() < 0.4 else np.eye(len(BANDS))[rng.integers(3)]
    light += np.multiply.outer(10 ** rng.uniform(-1.5, -0.3) * bands, line)


def sky_left(rng: np.random.Generator) -> Light:
    """Sky light that its subtraction left: a faint plane, of its own brightness in each band."""
    level = rng.lognormal(*SKY_LEFT) * rng.lognormal(0.0, 0.3, len(BANDS)) * SKY_COLOUR
    columns, rows = offsets()
    slope = rng.normal(0, 0.5 / (SIDE * PIXEL), 2)
    return np.asarray(np.multiply.outer(level, 1 + slope[0] * columns + slope[1] * rows))
