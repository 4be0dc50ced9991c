"""Grids of galaxy images."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from galaxy_utils.plots import style

Image = NDArray[np.uint8]


def plot_galaxies(
    images: Sequence[Image | None], titles: Sequence[str], columns: int = 6, stretch: float = 1.0
) -> Figure:
    """Galaxies side by side.

    Parameters
    ----------
    images : sequence of ndarray of uint8, shape (height, width, 3), or None
        A place stays empty where there is none.
    titles : sequence of str
        One per image.
    columns : int
        Images per row.
    stretch : float
        Factor on the pixel values, which brightens faint galaxies.
    """
    figure, axes = style.panels(len(images), 1.4 * columns, 1.6, columns)
    for axis, image, title in zip(axes, images, titles, strict=False):
        axis.set_axis_off()
        if image is None:
            continue
        axis.set_title(title, fontsize=7, pad=2)
        brightened = np.clip(image * float(stretch), 0, 255).astype(np.uint8)
        axis.imshow(brightened, interpolation="nearest")
    return figure
