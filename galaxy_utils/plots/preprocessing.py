"""Images before and after standardisation, and their sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from galaxy_utils.plots import style

if TYPE_CHECKING:
    from galaxy_utils.morphology.segmentation import Segmentation


def plot_standardisation(
    before: Sequence[NDArray[np.uint8]], after: Sequence[NDArray[np.float32]], titles: Sequence[str]
) -> Figure:
    """Cutouts before and after eq. 1 of the paper and the histograms of both, in columns.

    Parameters
    ----------
    before : sequence of ndarray of uint8, shape (height, width, 3)
        Composites, in counts.
    after : sequence of ndarray of float32, shape (height, width, 3)
        Standardised composites (z-scores).
    titles : sequence of str
        One per galaxy.
    """
    number = len(before)
    figure, axes = style.panels(4 * number, 1.9 * number, 1.8, columns=number)
    bars: dict[str, Any] = {"bins": 64, "log": True, "histtype": "stepfilled"}
    for index, (raw, standardised, title) in enumerate(zip(before, after, titles, strict=True)):
        cutout, scaled, counts, scores = axes[index::number]
        cutout.imshow(raw)
        cutout.set_title(title, fontsize=7)
        scaled.imshow(np.clip((standardised + 1) / 6, 0, 1))
        counts.hist(raw.ravel(), range=(0, 255), color=style.GREY, **bars)
        scores.hist(standardised.ravel(), **bars)
        counts.set(xlabel="counts", ylabel="" if index else "pixels")
        scores.set(xlabel="z-score", ylabel="" if index else "pixels")
        for axis in (cutout, scaled):
            axis.set_axis_off()
    return figure


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
