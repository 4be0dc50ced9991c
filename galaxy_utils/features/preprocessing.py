"""From a colour composite to the pixels that a network gets: smoothing, z-score, crop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from galaxy_utils.data.images import Image

SIGMA = 1.5
"""Standard deviation of the paper's Gaussian kernel, in pixels."""


def smooth(image: Image) -> NDArray[np.float64]:
    """Convolve each band with a Gaussian, as `scipy.ndimage.gaussian_filter` does."""
    counts = np.asarray(image, dtype=np.float64, order="C")
    from galaxy_utils.morphology.compiled.smoothing import (  # numba: not for every page
        gaussian_kernel,
        smooth_bands,
    )

    kernel = gaussian_kernel(SIGMA)
    edge = (kernel.size - 1, kernel.size - 1)
    return smooth_bands(np.pad(counts, (edge, edge, (0, 0)), mode="symmetric"), kernel)


def standardise(image: Image) -> NDArray[np.float32]:
    """Smooth an image and rescale it to zero mean and unit standard deviation (eq. 1).

    Mean and standard deviation are those of all pixels of all three bands of this one image.
    `ValueError` if it is constant once smoothed, so that eq. 1 divides by zero.
    """
    from galaxy_utils.morphology.compiled.smoothing import z_scores

    scores, spread = z_scores(smooth(image))
    if spread < 1e-9:
        raise ValueError("the image is constant: its z-score (eq. 1) is undefined")
    return scores


@dataclass(frozen=True)
class Crop:
    """The part of an image that a network gets, and how its counts are scaled."""

    description: str
    z_scored: bool = True  # smoothed and z-scored (eq. 1), not the backbone's own normalisation
    zoom: int = 1  # the central 1 / zoom of the frame's height and width is kept
    n_rotations: int = 1  # by 90 degrees, that the features are averaged over; 1 for none


CROPS = {
    "full": Crop("the whole frame, smoothed and z-scored (eq. 1), resized"),
    "half": Crop(
        "the whole frame, smoothed and z-scored (eq. 1), its central half resized", zoom=2
    ),
    "native": Crop(
        "the whole frame, resized, with the backbone's own normalisation", z_scored=False
    ),
    "centre": Crop(
        "the central quarter of the frame's height and width, resized, with the backbone's own "
        "normalisation",
        z_scored=False, zoom=4,
    ),
    "quarter": Crop(
        "the central quarter of the frame's height and width, resized, with the backbone's own "
        "normalisation; features averaged over four quarter turns",
        z_scored=False, zoom=4, n_rotations=4,
    ),
}  # fmt: skip
"""By the names that the parameter `crop` takes."""


def centre_crop(pixels: NDArray[np.float32], zoom: int) -> NDArray[np.float32]:
    """Cut out the middle of a frame: its height and width divided by `zoom`."""
    top, left = (side * (zoom - 1) // (2 * zoom) for side in pixels.shape[:2])
    return pixels[top : pixels.shape[0] - top, left : pixels.shape[1] - left]
