"""Images of galaxies: 8-bit colour composites, and the files they are read from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

Image = NDArray[np.uint8]
"""An 8-bit colour composite, shape (height, width, 3), as displayed."""

FITS_SUFFIXES = (".fits", ".fit")
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", *FITS_SUFFIXES)
SMALLEST_SIDE = 48

_TIFF_BITS_PER_SAMPLE = 258


class ImageError(ValueError):
    """An image that cannot be read as a galaxy cutout; the message is the reason."""


def band_mean(image: Image) -> NDArray[np.float64]:
    """Mean over the three bands of a composite: float64, in counts of the stretch (0-255)."""
    total = image[..., 0].astype(np.uint16) + image[..., 1] + image[..., 2]  # exact in integers
    return np.asarray(total / 3.0)


def read_image(path: Path) -> Image:
    """Read a JPEG, PNG, TIFF or FITS file as an 8-bit colour composite.

    FITS images are stretched; a grey image is repeated in three bands, transparency is ignored.
    `ImageError` if the file is not an image, is cut short, has more than 8 bits, or a side below
    `SMALLEST_SIDE` pixels.
    """
    if path.suffix.lower() in FITS_SUFFIXES:
        from galaxy_utils.data.fits import read_fits  # astropy takes a second: only when needed

        pixels = read_fits(path)
    else:
        pixels = _read_with_pillow(path)
    height, width = pixels.shape[:2]
    if min(height, width) < SMALLEST_SIDE:
        raise ImageError(f"{width}x{height} px: expected at least {SMALLEST_SIDE} px a side")
    return pixels


def _read_with_pillow(path: Path) -> Image:
    try:
        with PillowImage.open(path) as opened:
            if opened.mode.startswith(("I", "F")) or _bits_per_sample(opened) > 8:
                raise ImageError("more than 8 bits a pixel: expected an 8-bit image")
            return np.asarray(opened.convert("RGB"))
    except ImageError:
        raise
    except Exception as error:  # Pillow raises many types on damaged files
        raise ImageError(f"unreadable image: {type(error).__name__}: {error}"[:200]) from error


def _bits_per_sample(opened: PillowImage.Image) -> int:
    """Bits of colour images, which Pillow reduces to 8 without a warning."""
    if any(";16" in str(tile) for tile in getattr(opened, "tile", ())):  # PNG
        return 16
    tags = getattr(opened, "tag_v2", None)
    return max(tags.get(_TIFF_BITS_PER_SAMPLE, (8,))) if tags else 8


def other_bands(path: Path) -> list[Path]:
    """Existing `<name>-g.fits` and `<name>-i.fits` next to a `<name>-r.fits`."""
    if path.suffix.lower() not in FITS_SUFFIXES or not path.stem.endswith("-r"):
        return []
    names = [path.with_name(f"{path.stem[:-1]}{band}{path.suffix}") for band in "gi"]
    return [name for name in names if name.exists()]
