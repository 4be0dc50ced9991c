"""Image preprocessing: Gaussian smoothing and the global z-score of eq. 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from galaxy_utils.data.images import Image

SIGMA = 1.5
"""Standard deviation of the paper's Gaussian kernel, in pixels."""


def smooth(image: Image, sigma: float = SIGMA) -> NDArray[np.float64]:
    """Convolve each band with a 2-D Gaussian.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        Colour composite.
    sigma : float
        Standard deviation of the kernel in pixels; 0 leaves the image as it is.

    Returns
    -------
    ndarray of float64, shape (height, width, 3)
        Smoothed composite in counts, as `scipy.ndimage.gaussian_filter` gives it.
    """
    counts = np.asarray(image, dtype=np.float64, order="C")
    if sigma <= 0:
        return counts
    from galaxy_utils.morphology.compiled.smoothing import (  # numba: not for every page
        gaussian_kernel,
        smooth_bands,
    )

    kernel = gaussian_kernel(sigma)
    edge = (kernel.size - 1, kernel.size - 1)
    return smooth_bands(np.pad(counts, (edge, edge, (0, 0)), mode="symmetric"), kernel)


def standardise(image: Image, sigma: float = SIGMA) -> NDArray[np.float32]:
    """Smooth an image and rescale it to zero mean and unit standard deviation.

    Mean and standard deviation are global: over all pixels of all three bands
    of this one image.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        Colour composite.
    sigma : float
        Standard deviation of the Gaussian kernel in pixels.

    Returns
    -------
    ndarray of float32, shape (height, width, 3)
        Standardised composite, dimensionless.

    Raises
    ------
    ValueError
        If the smoothed image is constant, so that eq. 1 divides by zero.

    References
    ----------
    The paper's eq. 1.
    """
    from galaxy_utils.morphology.compiled.smoothing import z_scores

    scores, spread = z_scores(smooth(image, sigma))
    if spread < 1e-9:
        raise ValueError("the image is constant: its z-score (eq. 1) is undefined")
    return scores
