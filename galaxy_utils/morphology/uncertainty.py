"""Standard errors of what is measured on one galaxy, from repeated noise realisations."""

from __future__ import annotations

from zlib import crc32

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.stats import median_abs_deviation

from galaxy_utils.data.images import Image, band_mean
from galaxy_utils.morphology.columns import FIVE
from galaxy_utils.morphology.measurement import measure_source
from galaxy_utils.morphology.photometry import SHAPE, photometry_of
from galaxy_utils.morphology.segmentation import SegmentationSettings, segment

PARAMETERS = (*FIVE, *SHAPE)
"""What gets a standard error."""

N_REALISATIONS = 8

BLOCK_SIDES = (16, 8, 4)
"""Sides of the blocks of sky in pixels, the widest first: the noise of real cutouts is correlated
over three pixels, and only the seams between blocks lose that."""

FEWEST_BLOCKS = 50
"""With fewer places for a block between the sources a smaller block is taken."""

UNCUT = 1.2
"""Factor on the noise. The stretch cuts the sky off at black, which narrows its distribution, but
not the noise on top of the galaxy: above the median the sky reaches 1.2 times as far as its
standard deviation (84th percentile; in real cutouts 1.19, in simulated ones 1.23)."""


def standard_errors(
    image: Image,
    settings: SegmentationSettings | None = None,
    *,
    n_realisations: int = N_REALISATIONS,
    seed: int = 0,
) -> dict[str, float]:
    """Estimate the standard errors of the five parameters, axis ratio and colours of one galaxy.

    Noise of the frame's own sky is added to the image, which is rounded to 8 bits again, and the
    galaxy is measured anew from the segmentation on. The scatter of the repeated values (median
    absolute deviation, corrected for their small number) is, to first order, the standard error of
    the value that was measured on the image as it is, in the unit of the parameter. NaN where fewer
    than half of the realisations gave a value, or where the frame has no sky to take noise from.

    Only the noise is repeated: neither the seeing, nor the photon noise of the galaxy itself, nor
    what a rotation or another crop would change. On simulated galaxies the errors are typically
    0.65 (r - i) to 1.25 (asymmetry) times the scatter of independent realisations of all noise;
    with eight realisations the error of one galaxy is uncertain by a factor of 1.7 (Rousseeuw &
    Croux 1993, J. Am. Stat. Assoc. 88, 1273).
    """
    if n_realisations < 2:
        raise ValueError(f"n_realisations={n_realisations}: a scatter needs at least 2")
    missing = dict.fromkeys(PARAMETERS, float("nan"))
    found = segment(band_mean(image), settings, neighbours=False)
    if found.reason:
        return missing
    is_sky = found.labels == 0
    places = _sky_corners(is_sky)
    if places is None:
        return missing
    sky = image - image[is_sky].mean(axis=0)
    rng = np.random.default_rng([seed, crc32(np.ascontiguousarray(image).tobytes())])
    rows = []
    for _ in range(n_realisations):
        noisy = image + UNCUT * _draw_noise(sky, *places, rng)
        rows.append(_measure(np.clip(noisy, 0, 255).round().astype(np.uint8), settings))
    table = pd.DataFrame(rows, columns=list(PARAMETERS))
    scatter = table.apply(lambda values: _scatter(values.dropna().to_numpy(np.float64)))
    enough = 2 * table.notna().sum() >= n_realisations
    return {str(name): float(x) for name, x in scatter.where(enough).items()}


def _measure(image: Image, settings: SegmentationSettings | None) -> list[float]:
    """Values of `PARAMETERS`; the galaxy is segmented once for all of them."""
    found = segment(band_mean(image), settings, neighbours=False)
    morphology, photometry = measure_source(found), photometry_of(image, found)
    return [
        *(getattr(morphology, name) for name in FIVE),
        *(getattr(photometry, name) for name in SHAPE),
    ]


def _sky_corners(is_sky: NDArray[np.bool_]) -> tuple[int, NDArray[np.int64]] | None:
    """Side of the blocks, and where there is room for one; None where there is hardly any."""
    sums = np.pad(is_sky.astype(np.int64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    for side in BLOCK_SIDES:
        free = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
        corners = np.argwhere(free == side**2)
        if len(corners) >= FEWEST_BLOCKS:
            return side, corners
    return None


def _draw_noise(
    sky: NDArray[np.float64], side: int, corners: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Fill a frame with blocks of another, drawn with replacement."""
    height, width = sky.shape[:2]
    rows, columns = -(-height // side), -(-width // side)
    chosen = corners[rng.integers(0, len(corners), rows * columns)]
    blocks = sliding_window_view(sky, (side, side), axis=(0, 1))[chosen[:, 0], chosen[:, 1]]
    grid = blocks.reshape(rows, columns, 3, side, side).transpose(0, 3, 1, 4, 2)
    return np.asarray(grid.reshape(rows * side, columns * side, 3)[:height, :width])


def _scatter(values: NDArray[np.float64]) -> float:
    """Median absolute deviation as an estimate of the standard deviation, without bias."""
    n = len(values)
    if n < 2:
        return float("nan")
    # Croux & Rousseeuw (1992), table for up to nine values, and formula for more.
    small = {2: 1.196, 3: 1.495, 4: 1.363, 5: 1.206, 6: 1.200, 7: 1.140, 8: 1.129, 9: 1.107}
    return small.get(n, n / (n - 0.8)) * float(median_abs_deviation(values, scale="normal"))
