"""Axis ratio and colours of a galaxy: what the five parameters leave out."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from galaxy_utils.data.images import Image, band_mean
from galaxy_utils.morphology.measurement import SegmentationSettings, examine

SHAPE = ("axis_ratio", "colour_gr", "colour_ri")
"""What is measured beside the five parameters for the profile `best`."""


@dataclass(frozen=True)
class Appearance:
    """Axis ratio and colours; NaN where they could not be measured, `reason` says why.

    Parameters
    ----------
    axis_ratio : float
        Minor over major axis, from 0 to 1.
    colour_gr, colour_ri : float
        Magnitudes without zero point, redder is larger.
    reason : str
        Empty where all three were measured.
    """

    axis_ratio: float = np.nan
    colour_gr: float = np.nan
    colour_ri: float = np.nan
    reason: str = ""


APPEARANCE_COLUMNS = tuple(field.name for field in fields(Appearance))


def measure_appearance(image: Image, settings: SegmentationSettings | None = None) -> Appearance:
    """Measure axis ratio and colours of the central galaxy.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        Colour composite; its bands are i, r, g, as in SDSS composites.
    settings : SegmentationSettings, optional
        How sources are found.

    Returns
    -------
    Appearance
        Of the pixels that the five parameters are measured from, too.

    References
    ----------
    Lupton et al. (2004): their stretch multiplies the bands of a pixel by one
    factor, so that ratios of bands stay those of the fluxes.
    """
    segmentation, found = examine(band_mean(image), settings, neighbours=False)
    if segmentation is None:
        return Appearance(reason=found.reason)
    inside = segmentation.labels == segmentation.central
    light = np.clip(segmentation.image, 0, None) * inside
    sky = np.median(image[segmentation.labels == 0], axis=0)
    i, r, g = np.clip(image[inside] - sky, 0, None).sum(axis=0)
    if light.sum() <= 0 or min(i, r, g) <= 0:
        return Appearance(reason="no light above the sky in one of the bands")
    return Appearance(axis_ratio(light), float(2.5 * np.log10(r / g)), float(2.5 * np.log10(i / r)))


def axis_ratio(light: NDArray[np.float64]) -> float:
    """Minor over major axis, from the second moments of the light.

    Parameters
    ----------
    light : ndarray of float64, shape (height, width)
        No negative counts, 0 outside the galaxy, some above 0.

    Returns
    -------
    float
        1 for a round source, near 0 for a needle.
    """
    rows, columns = np.nonzero(light)
    weights = light[rows, columns]
    moments = np.cov(np.stack([rows, columns]), aweights=weights, bias=True)
    small, large = np.linalg.eigvalsh(np.atleast_2d(moments))
    return float(np.sqrt(max(small, 0.0) / large)) if large > 0 else 1.0
