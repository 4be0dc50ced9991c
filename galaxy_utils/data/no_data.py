"""Where an image holds no data: borders and blocks of one colour, as padding and survey edges."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from galaxy_utils.data.images import Image, ImageError

ALIKE = 3
"""Counts by which compression changes pixels of one colour."""

LINE_SHARE = 0.98
"""Share of a row or a column that has one colour where there is no data."""

BLURRED = 7
"""Most lines next to them that share a block of JPEG with data."""

TILE = 4
"""Side in pixels of the tiles that constant blocks are made of, three by three at least."""

SMALLEST_BLOCK = 0.01
"""Share of the frame that a constant block covers at least."""

SATURATED = 250
"""Counts from which a constant block is a saturated star."""

CORNER = 16
"""Part of a frame's side that its corners measure, which hold noise where there is a sky."""


def mask_no_data(image: Image, missing: NDArray[np.bool_]) -> Image:
    """Mask where a composite is known, else found, to hold no data; fill in its sky's colour."""
    missing = missing if missing.any() else find_no_data(image)
    if not missing.any():
        return image
    if missing.all():
        raise ImageError("no pixel holds data: all are transparent or have no value")
    filled = image.copy()
    filled[missing] = np.median(image[~missing], axis=0)
    return np.ma.masked_array(filled, np.repeat(missing[..., None], 3, axis=2))


def find_no_data(image: Image) -> NDArray[np.bool_]:
    """Pixels of a composite, shape (height, width), that padding or a survey's edge left constant.

    They are lines along the sides of the frame, or blocks in it. A constant sky is none of them:
    it would leave a frame with constant corners, or a block on most of every side.
    """
    blocks, inner = _blocks(image), _without_strips(image)
    if image[inner].shape == image.shape:
        return blocks
    missing = np.ones(image.shape[:2], bool)
    missing[inner] = blocks[inner] | _blocks(image[inner])
    return missing


def _without_strips(image: Image) -> tuple[slice, slice]:
    """Rows and columns that are left without the lines of one colour on the sides of the frame."""
    (top, bottom), (left, right) = (0, image.shape[0]), (0, image.shape[1])
    for _ in range(2):  # a frame may lie within another
        top += _n_alike(image[top:bottom, left:right])
        bottom -= _n_alike(image[top:bottom, left:right][::-1])
        left += _n_alike(image[top:bottom, left:right].swapaxes(0, 1))
        right -= _n_alike(image[top:bottom, left:right].swapaxes(0, 1)[::-1])
    inner = image[top:bottom, left:right]
    size = max(min(inner.shape[:2]) // CORNER, 2)
    ends = slice(None, size), slice(-size, None)
    corners = [inner[one, other].reshape(-1, 3) for one in ends for other in ends]
    if inner.size and sum((np.ptp(corner, axis=0) > ALIKE).any() for corner in corners) >= 3:
        return slice(top, bottom), slice(left, right)
    return slice(None), slice(None)


def _n_alike(lines: Image) -> int:
    """Number of leading lines with the colour of the first, and those that compression blurred."""
    if not lines.size:
        return 0
    colour = np.median(lines[0], axis=0)
    if (np.abs(lines[0] - colour) <= ALIKE).all(axis=1).mean() < LINE_SHARE:
        return 0
    away = np.abs(lines - colour)
    alike = (away <= ALIKE).all(axis=2).mean(axis=1) >= LINE_SHARE
    number = len(alike) if alike.all() else int(alike.argmin())
    distances = away[number:].mean(axis=(1, 2))
    blurred = distances[:BLURRED] < 0.5 * np.median(distances) if distances.size else alike[:0]
    return number + (len(blurred) if blurred.all() else int(blurred.argmin()))


def _blocks(image: Image) -> NDArray[np.bool_]:
    """Constant blocks of any outline, completed by what has their colour next to them."""
    found = np.zeros(image.shape[:2], bool)
    height, width = image.shape[0] // TILE, image.shape[1] // TILE
    tiles = image[: height * TILE, : width * TILE].reshape(height, TILE, width, TILE, 3)
    highest, lowest = tiles.max(axis=1).max(axis=2), tiles.min(axis=1).min(axis=2)
    flat = (highest - lowest <= 1).all(axis=2) & (highest.max(axis=2) < SATURATED)
    if flat.mean() < SMALLEST_BLOCK:
        return found
    labels, _ = ndimage.label(ndimage.binary_opening(flat, np.ones((3, 3))))
    large = np.flatnonzero(np.bincount(labels.ravel())[1:] >= SMALLEST_BLOCK * flat.size) + 1
    if not _leaves_a_side(np.isin(labels, large)):
        return found
    sky = np.median(highest[~flat], axis=0)
    for label in large:
        colour = np.median(highest[labels == label], axis=0)
        if (np.abs(colour - sky) <= 2 * ALIKE).all():
            continue  # a sky that compression flattened
        block = np.zeros_like(found)
        inside = (labels == label).repeat(TILE, axis=0).repeat(TILE, axis=1)
        block[: height * TILE, : width * TILE] = inside
        alike = (np.abs(image - colour) <= ALIKE).all(axis=2)
        alike = ndimage.binary_opening(alike, np.ones((TILE, TILE)))  # not into a dark sky
        found |= ndimage.binary_dilation(block, iterations=2 * TILE, mask=alike)
    return found


def _leaves_a_side(block: NDArray[np.bool_]) -> bool:
    sides = block[0], block[-1], block[:, 0], block[:, -1]
    return any(side.mean() < 0.5 for side in sides)
