"""FITS images as 8-bit composites, stretched like SDSS cutouts of the same noise."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.stats import sigma_clipped_stats
from numpy.typing import NDArray
from scipy import ndimage
from scipy.stats import median_abs_deviation

from galaxy_utils.data import survey
from galaxy_utils.data.images import (
    Image,
    ImageError,
    check_size,
    name_and_suffix,
    other_bands,
)

BLOCK = 8
"""Side in pixels of the blocks whose scatter gives the noise of the sky: wide compared with the
correlation that resampling leaves (`survey.GRAIN`), so that resampled images are treated alike."""


ORDERS = ("BANDS", "BAND", "FILTERS", "FILTER")
"""Cards of a header that name the bands of its planes, as in `gri`, `g,r,i` or `SDSS r`."""

NOT_SCIENCE = re.compile(
    r"dq|wht|weight|w[gh]t|err|mask|var|ivar|invvar|psf|flag|sky|coverage", re.I
)
"""Names of extensions that hold no image of the galaxy."""

MOST_MISSING = 0.01
"""Share of pixels without a value that are filled from their neighbours."""


def read_fits(path: Path) -> Image:
    """Read a FITS image of one band (drawn grey) or of g, r and i.

    The bands are the planes of a cube whose header names them (`ORDERS`), three extensions named
    g, r and i, or the files `<name>-g`, `<name>-r` and `<name>-i`, also with underscores. Weights,
    masks and the like are passed over. Few pixels without a value are interpolated. `ImageError`
    if there is no such image, the bands' order is unknown, or too many pixels have no value.
    """
    bands = other_bands(path)
    if len(bands) == 1:
        stem, suffix = name_and_suffix(path)
        missing = "i" if name_and_suffix(bands[0])[0].endswith("g") else "g"
        raise ImageError(f"band {missing} is missing: {stem[:-1]}{missing}{suffix}")
    planes = _read_planes(path)
    if bands:
        triplet = [_read_planes(bands[1]), planes, _read_planes(bands[0])]
        if any(len(band) != 1 for band in triplet) or len({band.shape for band in triplet}) > 1:
            raise ImageError(
                "the bands of the triplet have different shapes, or more than one plane"
            )
        planes = np.concatenate(triplet)
    return stretch(np.stack([_filled(plane) for plane in planes]))


def _read_planes(path: Path) -> NDArray[np.float64]:
    """Planes of a file, i, r, g where it has several; NaN where a pixel has no value."""
    try:
        with fits.open(path, memmap=False) as opened:
            images = [hdu for hdu in opened if _holds_an_image(hdu)]
            named = {_band_in(hdu.name): hdu for hdu in images}
            if {"g", "r", "i"} <= named.keys():
                return np.concatenate([_planes_of(named[band])[:1] for band in "irg"])
            if images:
                return _planes_of(images[0])
    except ImageError:
        raise
    except Exception as error:  # astropy raises many types on damaged files
        words = "it is damaged, or something else than its name says"
        raise ImageError(f"unreadable FITS: {words}") from error
    raise ImageError("FITS without an image")


def _holds_an_image(hdu: Any) -> bool:
    return bool(hdu.is_image and len(hdu.shape) >= 2 and not NOT_SCIENCE.search(hdu.name))


def _planes_of(hdu: Any) -> NDArray[np.float64]:
    shape = tuple(length for length in hdu.shape if length > 1)
    last = len(shape) == 3 and shape[0] > 4 and shape[2] in (3, 4)  # (height, width, bands)
    check_size(*(shape[:2] if last else shape[-2:]))  # the header tells: before pixels are read
    planes = np.asarray(hdu.data, dtype=np.float64).reshape(shape)
    planes = np.moveaxis(planes, -1, 0) if last else planes.reshape(-1, *planes.shape[-2:])
    return planes if len(planes) == 1 else planes[_order(hdu.header, len(planes))]


def _order(header: fits.Header, n_planes: int) -> list[int]:
    """Places of i, r and g among the planes of a cube; z stands in for a missing i."""
    named = next((str(header[card]) for card in ORDERS if card in header), "")
    bands = re.findall(r"[ugrizy]", named.lower().replace("sdss", "").replace("filter", ""))
    if len(bands) != n_planes:
        numbered = [str(header.get(f"{card}{n + 1}", "")) for card in ("BAND", "FILTER")
                    for n in range(n_planes)]  # fmt: skip
        bands = [_band_in(name) for name in numbered if name]
    third = "i" if "i" in bands else "z"
    if len(bands) == n_planes and {"g", "r", third} <= set(bands):
        return [bands.index(band) for band in (third, "r", "g")]
    raise ImageError(
        f"{n_planes} planes whose bands are not known: name them in the header, such as BANDS = "
        f"{'gri' if n_planes == 3 else 'griz'!r} (astropy.io.fits.setval), or write g, r and i "
        "into files <name>-g.fits, <name>-r.fits and <name>-i.fits"
    )


def _band_in(name: str) -> str:
    """Band that the name of an extension or a filter ends with or is: `g`, `SCI_g`, `decam r`."""
    words = re.split(r"[^a-z]+", name.lower())
    return next((word for word in reversed(words) if word in set("ugrizy")), "")


def _filled(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolate pixels without a value, where they are few."""
    bad = ~np.isfinite(plane)
    if not bad.any():
        return plane
    share = float(bad.mean())
    if share > MOST_MISSING:
        raise ImageError(
            f"{100 * share:.1f} % of the pixels have no value, more than {100 * MOST_MISSING:g} %: "
            "cut the image so that it holds fewer; zeros in their place would be measured"
        )
    nearest = ndimage.distance_transform_edt(bad, return_distances=False, return_indices=True)
    filled = np.where(bad, plane[tuple(nearest)], plane)
    smooth = ndimage.gaussian_filter(filled, 1.0)
    return np.where(bad, smooth, plane)


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
