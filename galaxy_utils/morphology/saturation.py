"""Frames with a bright star or a trail, recognised by their saturated pixels."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import find_objects, label

from galaxy_utils.data.images import Image

SATURATED = 250
"""Counts from which a band is called saturated; the compression blurs 255."""

STAR_SHARE = 0.005
"""Share of the frame that one saturated patch covers where there is a bright star."""

TRAIL_LENGTH = 0.25
"""Length of a saturated patch, in sides of the frame, from which it can be a trail."""

TRAIL_THINNESS = 20.0
"""Length squared over area of a trail, at least; a disc has 2.5."""

STAR, TRAIL, NEITHER, UNREAD = "bright star", "trail", "neither", "no image"


def frame_defect(image: Image) -> str:
    """Return `TRAIL` or `STAR` where a patch saturated in some band is long and thin, or large."""
    saturated = np.ma.getdata(image).max(axis=2) >= SATURATED
    if saturated.sum() < TRAIL_LENGTH * max(saturated.shape):
        return NEITHER  # too few for a trail of one pixel's width, the smaller of the two
    labels, _ = label(saturated, np.ones((3, 3)))
    areas = np.bincount(labels.ravel())[1:]
    lengths = np.array([np.hypot(*(s.stop - s.start for s in box)) for box in find_objects(labels)])
    long = lengths >= TRAIL_LENGTH * max(saturated.shape)
    if (long & (lengths**2 >= TRAIL_THINNESS * areas)).any():
        return TRAIL
    return STAR if areas.max() >= STAR_SHARE * saturated.size else NEITHER
