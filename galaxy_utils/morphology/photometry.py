"""Axis ratio and colours of a galaxy: what the five parameters leave out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from galaxy_utils.data.images import Image, band_mean
from galaxy_utils.morphology.reasons import Reason
from galaxy_utils.morphology.segmentation import Segmentation, SegmentationSettings, segment

SHAPE = ("axis_ratio", "colour_gr", "colour_ri")
"""What is measured in addition to the five parameters for the profile `best`."""


@dataclass(frozen=True)
class Photometry:
    """Axis ratio and colours; NaN where they could not be measured, `reason` says why."""

    axis_ratio: float = np.nan  # minor over major axis, 0 to 1
    colour_gr: float = np.nan  # magnitudes without zero point, redder is larger
    colour_ri: float = np.nan
    reason: str = ""


def measure_photometry(image: Image, settings: SegmentationSettings | None = None) -> Photometry:
    """Measure axis ratio and colours on the pixels of the five parameters; never raises.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        Colour composite; its bands are i, r, g, as in SDSS composites.
    settings : SegmentationSettings, optional

    References
    ----------
    Lupton et al. (2004): their stretch multiplies the bands of a pixel by one
    factor, so that ratios of bands stay those of the fluxes.
    """
    return photometry_of(image, segment(band_mean(image), settings, neighbours=False))


def photometry_of(image: Image, segmentation: Segmentation) -> Photometry:
    """Axis ratio and colours of the central source of a segmented image."""
    if segmentation.reason:
        return Photometry(reason=segmentation.reason)
    inside, image = segmentation.inside, np.ma.getdata(image)
    light = np.clip(segmentation.image, 0, None) * inside
    sky = np.median(image[segmentation.labels == 0], axis=0)
    i, r, g = np.clip(image[inside] - sky, 0, None).sum(axis=0)
    if light.sum() <= 0 or min(i, r, g) <= 0:
        return Photometry(reason=Reason.NO_LIGHT_IN_A_BAND.value)
    return Photometry(axis_ratio(light), float(2.5 * np.log10(r / g)), float(2.5 * np.log10(i / r)))


def axis_ratio(light: NDArray[np.float64]) -> float:
    """Minor over major axis, from the second moments of light that is nowhere negative."""
    pixels = np.nonzero(light)
    moments = np.cov(np.stack(pixels), aweights=light[pixels], bias=True)
    small, large = np.linalg.eigvalsh(np.atleast_2d(moments))
    return float(np.sqrt(max(small, 0.0) / large)) if large > 0 else 1.0
