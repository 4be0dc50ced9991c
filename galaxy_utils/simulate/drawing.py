"""Simulated SDSS cutouts of known family: the survey's blur, noise, stretch and compression."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import gaussian_filter
from tqdm import tqdm

from galaxy_utils.data import survey
from galaxy_utils.data.catalogue import CATALOGUE_COLUMNS
from galaxy_utils.data.images import Image
from galaxy_utils.data.sample import Sample, folder_sample
from galaxy_utils.data.survey import BANDS, PIXEL, SIDE
from galaxy_utils.provenance import write_atomically
from galaxy_utils.simulate.families import GZ1_CLASSES, SEEING, truth
from galaxy_utils.simulate.painting import paint
from galaxy_utils.simulate.surroundings import (
    Light,
    add_background,
    add_star,
    add_trail,
    band_fluxes,
    sky_left,
)

MOFFAT_BETA = 2.4
"""Wings of the point spread function, by stars in real cutouts (Trujillo et al. 2001 find 2.5 to
4.8 for others)."""

KERNEL_SIDE = 97
"""Side in pixels of the drawn point spread function."""

BAND_SHIFT = 0.2
"""Standard deviation in pixels of the shift of g and i against r: stars have coloured fringes."""


SHARED_NOISE = 0.36
"""Correlation between the noise of two bands, before the stretch: sources too faint to be seen, and
the compression of colours, make the sky of real cutouts greyer than photons would. Ours, fitted."""

NOISE_LEFT = np.array([0.92, 0.79, 0.95])
"""Noise of real skies in g, r, i relative to that of `survey.noise`: ours, fitted."""


FEW = 100
"""Images that are drawn so soon that no progress need be shown."""

TILE_BLOCK = 16
"""Side in pixels of the blocks in which tiles are compressed, with colours at half resolution."""


@dataclass(frozen=True)
class Mock:
    """One simulated cutout."""

    bands: NDArray[np.float32]
    composite: Image


@cache
def _frequencies() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Spatial frequencies of Fourier cells along rows and columns, in radians per pixel."""
    rows, columns = 2 * np.pi * fft.fftfreq(SIDE), 2 * np.pi * fft.rfftfreq(SIDE)
    return rows[:, None], columns[None, :]


def _point_spread(seeing: float) -> NDArray[np.float64]:
    """Moffat profile of the i band; `seeing` is the full width at half maximum in r, arcsec."""
    import galsim  # type: ignore[import-untyped]  # a second: only where needed

    width = seeing * SEEING["i"] / SEEING["r"]
    profile: Any = galsim.Moffat(beta=MOFFAT_BETA, fwhm=width)
    image = profile.drawImage(
        nx=KERNEL_SIDE, ny=KERNEL_SIDE, scale=PIXEL, dtype=np.float64, method="no_pixel"
    )
    return np.asarray(image.array / image.array.sum())


def apply_seeing(
    light: Light, seeing: float, shifts: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Convolve a scene with each band's point spread function; nanomaggies per pixel.

    That of r and g is the i band's, blurred on by a Gaussian until the squared widths add up.
    `shifts`, shape (3, 2), moves the bands by pixels.
    """
    half = KERNEL_SIDE // 2
    frame = np.zeros((SIDE, SIDE))
    frame[:KERNEL_SIDE, :KERNEL_SIDE] = _point_spread(seeing)
    transfer = fft.rfft2(np.roll(frame, (-half, -half), axis=(0, 1)))
    transfer[SIDE // 2] = transfer[:, -1] = 0  # moved by a fraction of a pixel, it would ring
    rows, columns = _frequencies()
    shifts = np.zeros((len(BANDS), 2)) if shifts is None else shifts
    planes = []
    for band, plane, (down, right) in zip(BANDS, light, shifts, strict=True):
        widths = (seeing / SEEING["r"] / PIXEL) ** 2 * (SEEING[band] ** 2 - SEEING["i"] ** 2)
        more = np.exp(-0.5 * (rows**2 + columns**2) * widths / (8 * np.log(2)))
        move = np.exp(-1j * rows * down) * np.exp(-1j * columns * right)
        planes.append(fft.irfft2(fft.rfft2(plane) * transfer * more * move, s=(SIDE, SIDE)))
    return np.array(planes)


def draw_light(row: pd.Series, rng: np.random.Generator) -> Light:
    """Draw the galaxy of a row of `truth`, or what an artefact left of it, and its surroundings."""
    light = np.zeros((len(BANDS), SIDE, SIDE))
    if row["family"] not in ("star", "empty"):
        fluxes = band_fluxes(row["magnitude_r"], row["colour_gr"], row["colour_ri"])
        light += fluxes[:, None, None] * paint(row, rng)
    if row["family"] == "star":
        add_star(light, rng.uniform(9.5, 13.5), (0.0, 0.0), rng)
    if row["family"] == "blend":
        angle, apart = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 1.2) * row["half_light_radius"]
        place = (apart * np.cos(angle), apart * np.sin(angle))
        add_star(light, row["magnitude_r"] + rng.uniform(-2.5, 0.5), place, rng)
    if row["family"] == "trail":
        add_trail(light, rng)
    add_background(light, row, rng)
    return light


def add_noise(
    light: NDArray[np.float64], sky_factor: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Add photon and read-out noise, taken as Gaussian since photons are many."""
    noisy = np.empty_like(light)
    for number, band in enumerate(BANDS):
        deviate = rng.standard_normal(light[number].shape)
        noisy[number] = light[number] + survey.noise(band, light[number], sky_factor) * deviate
    return noisy


def correlate_noise(light: NDArray[np.float64], noisy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Blur the noise of a frame, not its light, and share it among the bands.

    See `survey.GRAIN`, `SHARED_NOISE` and `NOISE_LEFT`.
    """
    grain = gaussian_filter(noisy - light, (0, survey.GRAIN, survey.GRAIN), mode="nearest")
    spread = np.maximum(grain.std(axis=(1, 2), keepdims=True), 1e-12)
    unit = grain / spread
    own = np.sqrt(1 - SHARED_NOISE)
    common = np.sqrt(own**2 / 3 + SHARED_NOISE) - own / np.sqrt(3)
    mixed = own * unit + common * unit.sum(axis=0) / np.sqrt(3)
    return np.asarray(light + NOISE_LEFT[:, None, None] * spread * mixed)


def draw(row: pd.Series, seed: int) -> Mock:
    """Draw one mock cutout.

    Parameters
    ----------
    row : Series
        Of `truth`.
    seed : int
        Of the simulated universe; with the row's index it decides every pixel.

    Returns
    -------
    Mock
        Linear bands, and the composite made from them.
    """
    rng = np.random.default_rng([seed, int(row["index"]), 1])
    scene = draw_light(row, rng)
    shifts = rng.normal(0, BAND_SHIFT, (len(BANDS), 2))
    light = apply_seeing(scene, row["seeing"], shifts) + sky_left(rng)
    noisy = correlate_noise(light, add_noise(light, row["sky_factor"], rng))
    corner = tuple(-rng.integers(0, TILE_BLOCK, 2))  # a cutout is anywhere in its tile
    tile = survey.as_cutout(np.roll(survey.composite(noisy), corner, axis=(0, 1)))
    composite = np.roll(tile, (-corner[0], -corner[1]), axis=(0, 1))
    return Mock(noisy.astype(np.float32), np.ascontiguousarray(composite))


def mock_sample(
    folder: Path, number: int, seed: int, artefact_share: float = 0.05, cores: int | None = None
) -> Sample:
    """Draw mock galaxies into a folder, except those that it holds already.

    Parameters
    ----------
    folder : Path
        Receives `<objid>.jpg`, `catalogue.csv` (as `folder_sample` reads it) and
        `truth.csv`; all its mocks are of the same seed and share of artefacts.
    number, seed, artefact_share
        As in `truth`.
    cores : int, optional
        Processes; all cores if not given. The pixels do not depend on it.

    Returns
    -------
    Sample
        Named `mock`; exactly `number` galaxies, also where the folder has more.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table = truth(number, seed, artefact_share)
    missing = [row for _, row in table.iterrows() if not (folder / f"{row['objid']}.jpg").exists()]
    with ProcessPoolExecutor(cores or os.cpu_count()) as pool:
        drawn = pool.map(partial(_write_one, folder, seed), missing, chunksize=8)
        shown = tqdm(
            drawn, "simulated galaxies", number, initial=number - len(missing),
            disable=len(missing) < FEW,
        )  # fmt: skip
        for _ in shown:
            pass
    classes = table["family"].map(GZ1_CLASSES)
    catalogue = table[["objid"]].assign(gz1_class=classes, petroR50_r=table["half_light_radius"])
    catalogue = catalogue.reindex(columns=list(CATALOGUE_COLUMNS))
    write_atomically(folder / "truth.csv", table.to_csv(index=False))
    write_atomically(folder / "catalogue.csv", catalogue.to_csv(index=False))
    sample = folder_sample(folder)
    asked_for = sample.catalogue["objid"].isin(table["objid"])
    return Sample("mock", sample.catalogue[asked_for].reset_index(drop=True), folder)


def _write_one(folder: Path, seed: int, row: pd.Series) -> None:
    """Write a JPEG that appears under its name only when it is complete."""
    path = folder / f"{row['objid']}.jpg"
    partial_file = folder / f".{row['objid']}.{os.getpid()}"
    partial_file.write_bytes(survey.jpeg(draw(row, seed).composite))
    partial_file.replace(path)
