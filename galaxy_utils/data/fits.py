"""FITS images as 8-bit composites: drawn as the mock cutouts are, set by the noise of the sky."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from scipy.stats import median_abs_deviation

from galaxy_utils.data.sample import ImageError, other_bands
from galaxy_utils.features.preprocessing import Image
from galaxy_utils.morphology.segmentation import clipped_sky
from galaxy_utils.simulate import drawing as mock

Planes = NDArray[np.float64]

BLOCK = 8
"""Side in pixels of the blocks whose scatter tells the noise of the sky: wide beside the grain that
resampling leaves (`mock.GRAIN`), so that it does not matter whether an image was resampled."""


def read_fits(path: Path) -> Image:
    """Read a FITS image as a colour composite.

    Parameters
    ----------
    path : Path
        One band (two dimensions), or three planes i, r, g (three dimensions),
        in its first extension with an image; or the r band of a triplet
        `<name>-g.fits`, `<name>-r.fits`, `<name>-i.fits`.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        i, r, g as red, green, blue; one band is grey. See `stretch`.

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
    """Draw linear fluxes as a cutout, by the stretch of the mock cutouts.

    Fluxes are scaled until the noise of the sky in r is that of SDSS, so that
    any unit will do, and a deeper image is shown as SDSS would have seen it.

    Parameters
    ----------
    planes : ndarray of float64, shape (1, height, width) or (3, height, width)
        One band, or i, r, g; any linear unit, the same for all bands.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        The composite (`mock.composite`), resampled as cutouts are
        (`mock.as_cutout`); grey where there is one band.

    Raises
    ------
    ImageError
        If the image is constant.
    """
    skies = [clipped_sky(np.ascontiguousarray(plane)) for plane in planes]
    middle = len(planes) // 2  # r of three, or the only one
    noise = _uncorrelated_noise(planes[middle]) or float(planes[middle].std())
    if not noise > 0:
        raise ImageError("constant image")
    levels = np.array([level for level, _ in skies])[:, None, None]
    fluxes = (planes - levels) * (noise_in("r") / noise)
    bands = fluxes[::-1] if len(planes) == len(mock.BANDS) else _in_all_bands(fluxes[0])
    return mock.as_cutout(mock.composite(bands))


def _uncorrelated_noise(plane: NDArray[np.float64]) -> float:
    """Noise a pixel as it was before resampling: blocks beside each other differ by it still."""
    rows, columns = (length // BLOCK for length in plane.shape)
    whole = plane[: rows * BLOCK, : columns * BLOCK]
    means = whole.reshape(rows, BLOCK, columns, BLOCK).mean(axis=(1, 3))
    steps = np.diff(means, axis=1)
    return float(BLOCK * median_abs_deviation(steps, axis=None, scale="normal") / np.sqrt(2))


def noise_in(band: str) -> float:
    """Noise of a pixel of the sky in an SDSS exposure.

    Parameters
    ----------
    band : str
        One of `mock.BANDS`.

    Returns
    -------
    float
        Nanomaggies a pixel, standard deviation; the same as of `mock.with_noise`.
    """
    sky = mock.nanomaggies(mock.SKY[band]) * mock.PIXEL**2 / mock.COUNT[band]
    counts = np.sqrt(sky / mock.GAIN[band] + mock.READ_NOISE[band] ** 2)
    return float(mock.COUNT[band] * counts)


def _in_all_bands(flux: Planes) -> Planes:
    """One band as g, r, i of the colour that is drawn grey."""
    return np.array([flux * mock.SCALES["r"] / mock.SCALES[band] for band in mock.BANDS])
