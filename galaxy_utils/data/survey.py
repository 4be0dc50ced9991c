"""SDSS frames in g, r, i and how SkyServer draws them: calibration, noise, stretch, JPEG."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from scipy.ndimage import gaussian_filter

from galaxy_utils.data.images import Image

SIDE = 256
"""Height and width of a cutout in pixels (paper, section on the data set)."""

PIXEL = 0.396
"""Arcseconds per pixel."""

BANDS = ("g", "r", "i")

ZERO_POINT = 22.5
"""Magnitude of one nanomaggy."""

SKY = {"g": 21.84, "r": 20.86, "i": 20.16}
"""Sky brightness, mag arcsec-2: typical dark sky of the survey's site (sdss.org, rounded)."""

COUNT = {"g": 0.0038, "r": 0.0050, "i": 0.0066}
"""Nanomaggies in one count of a 54 s exposure (calibrations of SDSS frames, rounded)."""

GAIN = {"g": 3.9, "r": 4.7, "i": 5.0}
"""Electrons per count (SDSS DR8 data model of frames, mean of the six columns, rounded)."""

READ_NOISE = {"g": 1.2, "r": 1.0, "i": 1.7}
"""Read-out and dark noise in counts (the same source, rounded)."""

GRAIN, RESAMPLING = 1.1, 0.3
"""Standard deviations in pixels of two blurs that SkyServer's tiles and resampling leave: of the
noise alone, before the stretch, and of the picture after it. Noise in real cutouts is correlated
over three pixels, yet their stars are as sharp as the seeing; fitted by us with the stretch."""

SCALES = {"i": 4.9, "r": 5.7, "g": 7.8}
"""Weight of the bands in SDSS composites (Blanton's djs_rgb_make settings for DR8)."""

BRIGHTNESS, SOFTENING, BLACK = 0.55, 6.75, -0.01
"""Constants of the asinh stretch, in weighted nanomaggies. The softening is that of Blanton's
settings (2.25 for the sum of three bands); the others were fitted by us, since SkyServer's are not
published: to percentiles, share of black pixels and correlation of the sky in real cutouts, noise
against brightness, and parameters of Galaxy Zoo classes."""


def nanomaggies(magnitude: float) -> float:
    """Flux of an AB magnitude."""
    return float(10 ** (0.4 * (ZERO_POINT - magnitude)))


def noise(band: str, flux: Any = 0.0, sky_factor: float = 1.0) -> Any:
    """Standard deviation of pixels of some flux above the sky, all in nanomaggies per pixel.

    Photons of source and sky, and read-out; `sky_factor` is the sky over its typical brightness.
    """
    sky = sky_factor * nanomaggies(SKY[band]) * PIXEL**2
    electrons = (np.maximum(flux, 0.0) + sky) / COUNT[band] * GAIN[band]
    return COUNT[band] * np.sqrt(electrons / GAIN[band] ** 2 + READ_NOISE[band] ** 2)


def composite(bands: NDArray[np.floating]) -> Image:
    """Colour composite as SkyServer draws it: one asinh factor for all bands of a pixel."""
    weights = np.array([SCALES[band] for band in BANDS])[:, None, None]
    scaled = BRIGHTNESS * (np.asarray(bands, np.float64) * weights - BLACK)
    intensity = np.maximum(scaled.mean(axis=0), 1e-9)
    soft = SOFTENING * intensity
    shown = scaled * (np.arcsinh(soft) / soft)
    shown = np.clip(shown / np.maximum(shown.max(axis=0), 1.0), 0.0, 1.0)
    return np.ascontiguousarray((255 * shown[::-1]).round().astype(np.uint8).transpose(1, 2, 0))


def resample(image: Image) -> Image:
    """Blur a composite as SkyServer's resampling does, see `RESAMPLING`."""
    smooth = gaussian_filter(image.astype(np.float64), (RESAMPLING, RESAMPLING, 0), mode="nearest")
    return np.asarray(smooth.round(), dtype=np.uint8)


def as_cutout(image: Image) -> Image:
    """Make a cutout from a composite: SkyServer cuts and resamples from tiles that are JPEGs."""
    tile = PillowImage.open(io.BytesIO(jpeg(image, subsampled=True)))
    return resample(np.asarray(tile))


def jpeg(image: Image, *, subsampled: bool = False) -> bytes:
    """Compress a composite with the quantisation tables of real cutouts (quality 95).

    `subsampled` keeps colours for every second pixel only, as tiles do but cutouts do not.
    """
    stream = io.BytesIO()
    subsampling = 2 if subsampled else 0
    PillowImage.fromarray(image).save(stream, "JPEG", quality=95, subsampling=subsampling)
    return stream.getvalue()
