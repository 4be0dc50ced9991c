"""Images and the outlines of their sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from galaxy_utils.plots import style

if TYPE_CHECKING:
    from galaxy_utils.morphology.segmentation import Segmentation


def plot_segmentation(segmentations: Sequence[Segmentation], titles: Sequence[str]) -> Figure:
    """Band means with the outlines of their sources, that of the central one thick.

    Parameters
    ----------
    segmentations : sequence of Segmentation
        One per galaxy.
    titles : sequence of str
        One per galaxy.
    """
    figure, axes = style.panels(len(segmentations), 8.4, 2.2, columns=4)
    for axis, found, title in zip(axes, segmentations, titles, strict=False):
        axis.set_axis_off()
        axis.set_title(title, fontsize=7, pad=2)
        axis.imshow(np.arcsinh(np.clip(found.image, 0, None) / 5), cmap="gray")
        for label in np.unique(found.labels[found.labels > 0]):
            width, colour = (1.8, 1) if label == found.central else (0.6, 4)
            source = found.labels == label
            axis.contour(source, [0.5], linewidths=width, colors=style.colour(colour))
    return figure
