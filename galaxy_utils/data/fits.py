"""FITS images as 8-bit composites, stretched like SDSS cutouts of the same noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.stats import sigma_clipped_stats
from numpy.typing import NDArray
from scipy.stats import median_abs_deviation

from galaxy_utils.data import survey
from galaxy_utils.data.images import Image, ImageError, other_bands

BLOCK = 8
"""Side in pixels of the blocks whose scatter gives the noise of the sky: wide compared with the
correlation that resampling leaves (`survey.GRAIN`), so that resampled images are treated alike."""


def read_fits(path: Path) -> Image:
    """Read one plane (drawn grey), three (i, r, g), or the r band of a triplet `<name>-r.fits`."""
    bands = other_bands(path)
    if len(bands) == 1:
        missing = "i" if bands[0].stem.endswith("-g") else "g"
        raise ImageError(f"band {missing} is missing: {path.stem[:-1]}{missing}{path.suffix}")
    planes = _read_planes(path)
    if bands:
        triplet = [_read_planes(bands[1]), planes, _read_planes(bands[0])]
        if any(len(band) != 1 for band in triplet) or len({band.shape for band in triplet}) > 1:
            raise ImageError(
                "the bands of the triplet have different shapes, or more than one plane"
            )
        planes = np.concatenate(triplet)
    return stretch(planes)


def _read_planes(path: Path) -> NDArray[np.float64]:
    try:
        with fits.open(path, memmap=False) as opened:
            images = (hdu.data for hdu in opened if getattr(hdu, "is_image", False))
            found = next((data for data in images if data is not None), None)
    except Exception as error:  # astropy raises many types on damaged files
        raise ImageError(f"unreadable FITS: {type(error).__name__}: {error}"[:200]) from error
    if found is None:
        raise ImageError("FITS without an image")
    if found.ndim not in (2, 3) or (found.ndim == 3 and len(found) not in (1, 3)):
        raise ImageError(f"FITS of shape {found.shape}: expected one plane or three (i, r, g)")
    planes = np.asarray(found, dtype=np.float64).reshape(-1, *found.shape[-2:])
    bad = int((~np.isfinite(planes)).sum())
    if bad:
        raise ImageError(f"{bad} pixels are not finite: fill them before measuring")
    return planes


def stretch(planes: NDArray[np.float64]) -> Image:
    """Stretch one plane, or i, r, g, of linear fluxes to a cutout with the noise of SDSS in r."""
    middle = planes[len(planes) // 2]  # r of three, or the only one
    noise = _uncorrelated_noise(middle) or float(middle.std())
    if not noise > 0:
        raise ImageError("constant image")
    levels = np.array([sigma_clipped_stats(plane, maxiters=5)[1] for plane in planes])
    fluxes = (planes - levels[:, None, None]) * (survey.noise("r") / noise)
    if len(planes) == 1:  # in all bands, of the colour that is drawn grey
        scales = survey.SCALES
        bands = np.array([fluxes[0] * scales["r"] / scales[band] for band in survey.BANDS])
    else:
        bands = fluxes[::-1]
    return survey.as_cutout(survey.composite(bands))


def _uncorrelated_noise(plane: NDArray[np.float64]) -> float:
    """Noise per pixel before resampling: differences of neighbouring blocks still show it."""
    rows, columns = (length // BLOCK for length in plane.shape)
    blocks = plane[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    steps = np.diff(blocks.mean(axis=(1, 3)), axis=1)
    return float(BLOCK * median_abs_deviation(steps, axis=None, scale="normal") / np.sqrt(2))
