"""Framings: what of an image a network sees, and how it is normalised."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Framing:
    """What of an image a network sees, and how.

    Parameters
    ----------
    text : str
        In words.
    equation_1 : bool
        Whether the image is smoothed and z-scored (eq. 1); else it gets the
        backbone's own normalisation.
    zoom : int
        The central 1 / zoom of the frame's height and width is kept.
    turns : int
        Quarter turns that the features are averaged over; 1 leaves the image as it is.
    """

    text: str
    equation_1: bool = True
    zoom: int = 1
    turns: int = 1


FRAMINGS = {
    "eq1": Framing("the whole frame, smoothed and z-scored (eq. 1), resized"),
    "crop2": Framing(
        "the whole frame, smoothed and z-scored (eq. 1), its central half resized", zoom=2
    ),
    "native": Framing(
        "the whole frame, resized, with the backbone's own normalisation", equation_1=False
    ),
    "centre": Framing(
        "the central quarter of the frame's height and width, resized, with the backbone's own "
        "normalisation",
        equation_1=False, zoom=4,
    ),
    "quarter": Framing(
        "the central quarter of the frame's height and width, resized, with the backbone's own "
        "normalisation; features averaged over four quarter turns",
        equation_1=False, zoom=4, turns=4,
    ),
}  # fmt: skip


def central(pixels: NDArray[np.float32], zoom: int) -> NDArray[np.float32]:
    """Cut out the middle of a frame.

    Parameters
    ----------
    pixels : ndarray of float32, shape (height, width, 3)
        The frame.
    zoom : int
        Height and width are divided by it.

    Returns
    -------
    ndarray of float32, shape (some height / zoom, some width / zoom, 3)
        The same scale; the margins on opposite sides are equal.
    """
    top, left = (side * (zoom - 1) // (2 * zoom) for side in pixels.shape[:2])
    return pixels[top : pixels.shape[0] - top, left : pixels.shape[1] - left]
