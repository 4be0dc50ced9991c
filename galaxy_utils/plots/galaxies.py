"""Grids of galaxy images."""

from collections.abc import Mapping, Sequence

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
    figure, axes = style.panels(len(images), 1.4 * columns, 1.75, columns)
    for axis, image, title in zip(axes, images, titles, strict=False):
        axis.set_axis_off()
        if image is None:
            continue
        axis.set_title(title, fontsize=style.SMALLEST, pad=2)
        axis.imshow(_brightened(image, stretch), interpolation="nearest")
    return figure


def plot_strips(
    strips: Mapping[str, Mapping[str, Sequence[Image | None]]], stretch: float = 1.5
) -> Figure:
    """Galaxies in rows, one per group: the central half of each image.

    Parameters
    ----------
    strips : mapping of str to mapping of str to sequence of images
        Heading of some rows to the names of the rows to their images, ndarray of uint8, shape
        (height, width, 3), or None, where a place stays empty.
    stretch : float
        Factor on the pixel values, which brightens faint galaxies.
    """
    n_rows = sum(len(rows) for rows in strips.values()) + 0.4 * len(strips)
    longest = max([1, *(len(row) for rows in strips.values() for row in rows.values())])
    figure, axis = style.single_panel(style.WIDEST, 8.7 * n_rows / longest)
    labels, top = {}, 0.0
    for heading, rows in strips.items():
        axis.text(0, top + 0.3, heading, weight="bold")
        top += 0.4
        for name, images in rows.items():
            for left, image in enumerate(images):
                if image is not None:
                    place = (left, left + 0.97, top + 0.97, top)
                    axis.imshow(_brightened(_middle(image), stretch), extent=place)
            labels[top + 0.5] = name
            top += 1
    axis.set(xlim=(0, longest), ylim=(max(top, 1), 0), aspect="equal", xticks=[])
    axis.set_yticks(list(labels), list(labels.values()))
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    return figure


def _brightened(image: Image, stretch: float) -> Image:
    bright: Image = np.clip(image * float(stretch), 0, 255).astype(np.uint8)
    return bright


def _middle(image: Image) -> Image:
    top, left = (side // 4 for side in image.shape[:2])
    return image[top : image.shape[0] - top, left : image.shape[1] - left]
