"""FITS images as 8-bit composites: one stretch, set by the noise of the sky."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.visualization import AsinhStretch
from numpy.typing import NDArray

from galaxy_utils.deblending import clipped_sky
from galaxy_utils.preprocessing import Image
from galaxy_utils.sample import ImageError, other_bands

WHITE = 1000.0
"""What is white, in standard deviations of the sky above it."""

SOFTENING = 0.01
"""Below this share of white the stretch is linear: ten standard deviations of the sky. One of
these becomes some five counts, as in SDSS composites."""

Planes = NDArray[np.float64]


def read_fits(path: Path) -> Image:
    """Read a FITS image as an asinh composite.

    Parameters
    ----------
    path : Path
        One band (two dimensions), or three planes i, r, g (three dimensions),
        in its first extension with an image; or the r band of a triplet
        `<name>-g.fits`, `<name>-r.fits`, `<name>-i.fits`.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        i, r, g as red, green, blue; one band is repeated. All bands of a pixel
        have one factor, so that ratios of bands stay (Lupton et al. 2004).

    Raises
    ------
    ImageError
        If the file is none, has other dimensions or pixels that are not
        finite, or a band of its triplet lacks or has another shape.
    """
    bands = other_bands(path)
    if len(bands) == 1:
        missing = "i" if bands[0].stem.endswith("-g") else "g"
        raise ImageError(f"band {missing} is missing: {path.stem[:-1]}{missing}{path.suffix}")
    planes = _planes(path)
    if bands:
        planes = _joined(_planes(bands[1]), planes, _planes(bands[0]))
    return stretch(planes)


def _planes(path: Path) -> Planes:
    try:
        with fits.open(path, memmap=False) as opened:
            found = next((hdu.data for hdu in opened if getattr(hdu, "is_image", False)
                          and hdu.data is not None), None)  # fmt: skip
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


def _joined(*bands: Planes) -> Planes:
    if any(len(band) != 1 for band in bands) or len({band.shape for band in bands}) > 1:
        raise ImageError("the bands of the triplet have different shapes, or more than one plane")
    return np.concatenate(bands)


def stretch(planes: Planes) -> Image:
    """Stretch linear fluxes to eight bits.

    Parameters
    ----------
    planes : ndarray of float64, shape (1, height, width) or (3, height, width)
        One band, or i, r, g; any linear unit.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        The composite.

    Raises
    ------
    ImageError
        If the image is constant.
    """
    above = np.array([plane - clipped_sky(np.ascontiguousarray(plane))[0] for plane in planes])
    mean = above.mean(axis=0)
    noise = clipped_sky(np.ascontiguousarray(mean))[1] or float(mean.std())
    if not noise > 0:
        raise ImageError("constant image")
    intensity = np.clip(mean / (WHITE * noise), 1e-9, None)
    shown = AsinhStretch(SOFTENING)(intensity, clip=False) / intensity
    colours = np.clip(above / (WHITE * noise), 0, None) * shown
    colours = colours / np.maximum(colours.max(axis=0), 1.0)
    counts = (255 * colours).round().astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(counts, (3, *mean.shape)).transpose(1, 2, 0))
