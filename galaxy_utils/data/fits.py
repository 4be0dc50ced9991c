"""FITS images as 8-bit composites, stretched like SDSS cutouts of the same noise."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.stats import sigma_clipped_stats
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_scales
from numpy.typing import NDArray
from scipy import ndimage
from scipy.stats import median_abs_deviation

from galaxy_utils.data import survey
from galaxy_utils.data.images import (
    AS_IT_IS,
    Image,
    ImageError,
    Reading,
    check_size,
    name_and_suffix,
    other_bands,
    resample,
)
from galaxy_utils.data.no_data import find_no_data, mask_no_data

BLOCK = 8
"""Side in pixels of the blocks whose scatter gives the noise of the sky: wide compared with the
correlation that resampling leaves (`survey.GRAIN`), so that resampled images are treated alike."""


ORDERS = ("BANDS", "BAND", "FILTERS", "FILTER")
"""Cards of a header that name the bands of its planes, as in `gri`, `g,r,i` or `SDSS r`."""

NOT_SCIENCE = re.compile(
    r"dq|wht|weight|w[gh]t|err|mask|var|ivar|invvar|psf|flag|sky|coverage", re.I
)
"""Names of extensions that hold no image of the galaxy."""

MOST_FILLED = 0.1
"""Share of pixels in holes narrower than `HOLE` pixels, which are filled from their neighbours."""

HOLE = 3

BELOW_SKY = 20.0
"""Depth below the sky, in units of its noise, from which a pixel holds no flux but a sentinel."""

LARGEST_FLUX = 1e20

LEAST_NOISE = 0.02
"""Noise of neighbouring pixels in units of that of blocks, below which an image is a smooth model;
resampling leaves a quarter or more."""


def read_fits(path: Path, reading: Reading = AS_IT_IS) -> Image:
    """Read a FITS image of one band (drawn grey) or of g, r and i.

    The bands are the planes of a cube whose header names them (`ORDERS`), three extensions named
    g, r and i, or the files `<name>-g`, `<name>-r` and `<name>-i`, also with underscores. Weights,
    masks and the like are passed over. Narrow holes are interpolated; larger areas without values,
    of sentinels or padding are masked. `ImageError` if there is no such image, the bands' order is
    unknown, or too many pixels lie in narrow holes.
    """
    bands = other_bands(path)
    if len(bands) == 1:
        stem, suffix = name_and_suffix(path)
        missing = "i" if name_and_suffix(bands[0])[0].endswith("g") else "g"
        raise ImageError(f"band {missing} is missing: {stem[:-1]}{missing}{suffix}")
    planes = _read_planes(path, reading)
    if bands:
        triplet = [_read_planes(bands[1], reading), planes, _read_planes(bands[0], reading)]
        if any(len(band) != 1 for band in triplet) or len({band.shape for band in triplet}) > 1:
            raise ImageError(
                "the bands of the triplet have different shapes, or more than one plane"
            )
        planes = np.concatenate(triplet)
    if reading.inverted:  # before sentinels are looked for: a dark galaxy is none
        planes = -planes
    planes = np.stack([_filled(plane, find_missing(plane)) for plane in planes])
    without = np.asarray(np.isnan(planes).any(axis=0))
    planes[:, without] = np.nan
    return mask_no_data(stretch(planes), without)


def _read_planes(path: Path, reading: Reading) -> NDArray[np.float64]:
    """Planes of a file in the survey's pixels, i, r, g where it has several."""
    try:
        with fits.open(path, memmap=False) as opened:
            images = [hdu for hdu in opened if _holds_an_image(hdu)]
            named = {_band_in(hdu.name): hdu for hdu in images}
            if {"g", "r", "i"} <= named.keys():
                return np.concatenate([_planes_of(named[band], reading)[:1] for band in "irg"])
            if images:
                return _planes_of(images[0], reading)
    except ImageError:
        raise
    except Exception as error:  # astropy raises many types on damaged files
        words = "the file is damaged, or is not what its name says"
        raise ImageError(f"unreadable FITS: {words}") from error
    raise ImageError("FITS without an image")


def _holds_an_image(hdu: Any) -> bool:
    return bool(hdu.is_image and len(hdu.shape) >= 2 and not NOT_SCIENCE.search(hdu.name))


def _planes_of(hdu: Any, reading: Reading) -> NDArray[np.float64]:
    shape = tuple(length for length in hdu.shape if length > 1)
    last = len(shape) == 3 and shape[0] > 4 and shape[2] in (3, 4)  # (height, width, bands)
    check_size(*(shape[:2] if last else shape[-2:]))  # the header tells: before pixels are read
    planes = np.asarray(hdu.data, dtype=np.float64).reshape(shape)
    planes = np.moveaxis(planes, -1, 0) if last else planes.reshape(-1, *planes.shape[-2:])
    scale = reading.pixel_scale or _scale_in(hdu.header)
    if len(planes) > 1:
        planes = planes[_order(hdu.header, len(planes), reading.bands)]
    resampled = [resample(plane.astype(np.float32), scale) for plane in planes]
    return planes if resampled[0].shape == planes[0].shape else np.array(resampled, np.float64)


def _scale_in(header: fits.Header) -> float:
    """Arcseconds per pixel of a header with a WCS of the sky, else 0."""
    if not str(header.get("CTYPE1", "")).startswith(("RA", "DEC", "GLON")):
        return 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of cards that are mended
        scales = proj_plane_pixel_scales(WCS(header, naxis=2))
    return float(3600 * np.sqrt(np.prod(scales)))


def _order(header: fits.Header, n_planes: int, named: str) -> list[int]:
    """Places of i, r and g among the planes of a cube; z stands in for a missing i."""
    named = named or next((str(header[card]) for card in ORDERS if card in header), "")
    bands = re.findall(r"[ugrizy]", named.lower().replace("sdss", "").replace("filter", ""))
    if len(bands) != n_planes:
        numbered = [str(header.get(f"{card}{n + 1}", "")) for card in ("BAND", "FILTER")
                    for n in range(n_planes)]  # fmt: skip
        bands = [_band_in(name) for name in numbered if name]
    third = "i" if "i" in bands else "z"
    if len(bands) == n_planes and {"g", "r", third} <= set(bands):
        return [bands.index(band) for band in (third, "r", "g")]
    example = "gri" if n_planes == 3 else "griz"
    raise ImageError(
        f"{n_planes} planes whose bands are not known: name them by --bands {example} (or irg, or "
        f"whatever their order is), or in the header (BANDS = {example!r})"
    )


def _band_in(name: str) -> str:
    """Band that the name of an extension or a filter ends with or is: `g`, `SCI_g`, `decam r`."""
    words = re.split(r"[^a-z]+", name.lower())
    return next((word for word in reversed(words) if word in set("ugrizy")), "")


def find_missing(plane: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Pixels of a plane without a value, with a sentinel's, or of one value as padding has."""
    bad = ~(np.abs(plane) < LARGEST_FLUX)
    steps = np.diff(np.where(bad, np.nan, plane), axis=1)
    noise = median_abs_deviation(steps[steps != 0], scale="normal", nan_policy="omit") / np.sqrt(2)
    if not noise > 0:
        return bad
    values, counts = np.unique(plane[~bad], return_counts=True)
    sky = np.median(plane[~bad & (plane != values[counts.argmax()])])
    counts_of_sky = (np.where(bad, sky, plane) - sky) / noise
    shown = np.clip(125 + 10 * counts_of_sky, 0, 255).astype(np.uint8)
    shown[bad] = 0
    constant = find_no_data(np.repeat(shown[..., None], 3, axis=2))
    return np.asarray(bad | constant | (counts_of_sky < -BELOW_SKY))


def _filled(plane: NDArray[np.float64], bad: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Interpolate narrow holes; NaN in larger ones."""
    large = ndimage.binary_opening(bad, np.ones((HOLE, HOLE)))
    large = ndimage.binary_propagation(large, mask=bad)
    holes = bad & ~large
    if not bad.any():
        return plane
    share = float(holes.mean())
    if share > MOST_FILLED:
        raise ImageError(
            f"{100 * share:.1f} % of the pixels lie in small holes, more than "
            f"{100 * MOST_FILLED:g} %: there is no image between them"
        )
    nearest = ndimage.distance_transform_edt(bad, return_distances=False, return_indices=True)
    filled = np.where(bad, plane[tuple(nearest)], plane)
    smooth = ndimage.gaussian_filter(filled, 1.0)
    return np.where(large, np.nan, np.where(holes, smooth, plane))


def stretch(planes: NDArray[np.float64]) -> Image:
    """Stretch one plane, or i, r, g, of linear fluxes to a cutout with the noise of SDSS in r.

    The sky is drawn where they are NaN. `ImageError` where they have no noise to scale by.
    """
    middle = planes[len(planes) // 2]  # r of three, or the only one
    noise = _uncorrelated_noise(middle) or float(np.nanstd(middle))
    if not noise > 0:
        raise ImageError("constant image, or one without any value")
    if _noise_of_neighbours(middle) < LEAST_NOISE * noise:
        raise ImageError("the sky has no noise to scale by, as in a model: add that of the survey")
    levels = [sigma_clipped_stats(plane[np.isfinite(plane)], maxiters=5)[1] for plane in planes]
    fluxes = (planes - np.array(levels)[:, None, None]) * (survey.noise("r") / noise)
    fluxes = np.where(np.isnan(fluxes), 0.0, fluxes)
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
    deviation = median_abs_deviation(steps, axis=None, scale="normal", nan_policy="omit")
    return float(BLOCK * deviation / np.sqrt(2))


def _noise_of_neighbours(plane: NDArray[np.float64]) -> float:
    """Noise per pixel that second differences show, in which a smooth model leaves none."""
    bends = np.diff(plane, 2, axis=1)
    return float(median_abs_deviation(bends, axis=None, scale="normal", nan_policy="omit")) / 6**0.5
