"""Images of galaxies: 8-bit colour composites, and the files they are read from."""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

Image = NDArray[np.uint8]
"""An 8-bit colour composite, shape (height, width, 3), as displayed."""

FITS_SUFFIXES = (".fits", ".fit", ".fts", ".fits.gz", ".fit.gz", ".fits.fz", ".fits.bz2")
IMAGE_SUFFIXES = (
    ".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp", ".gif", *FITS_SUFFIXES,
)  # fmt: skip
SMALLEST_SIDE, LARGEST_SIDE = 48, 4096

_TIFF_BITS_PER_SAMPLE = 258


class ImageError(ValueError):
    """An image that cannot be read as a galaxy cutout; the message is the reason."""


def band_mean(image: Image) -> NDArray[np.float64]:
    """Mean over the three bands of a composite: float64, in counts of the stretch (0-255)."""
    total = image[..., 0].astype(np.uint16) + image[..., 1] + image[..., 2]  # exact in integers
    return np.asarray(total / 3.0)


def read_image(path: Path) -> Image:
    """Read a JPEG, PNG, TIFF, WebP, BMP, GIF or FITS file as an 8-bit colour composite.

    FITS images are stretched; a grey image is repeated in three bands, transparency is ignored.
    `ImageError` if the file is not an image, is cut short, has more than 8 bits, or a side below
    `SMALLEST_SIDE` or above `LARGEST_SIDE` pixels.
    """
    if not path.is_file():
        raise ImageError("no regular file")
    if name_and_suffix(path)[1].lower() in FITS_SUFFIXES:
        from galaxy_utils.data.fits import read_fits  # astropy takes a second: only when needed

        return read_fits(path)
    return _read_with_pillow(path)


def _read_with_pillow(path: Path) -> Image:
    try:
        with PillowImage.open(path) as opened:
            check_size(opened.height, opened.width)  # before a pixel is decoded
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


def thumbnail(image: Image | None, side: int) -> str:
    """Return a small JPEG of the central half as a data address; empty where there is no image."""
    if image is None:
        return ""
    top, left = (length // 4 for length in image.shape[:2])
    middle = image[top : image.shape[0] - top, left : image.shape[1] - left]
    small = PillowImage.fromarray(np.ascontiguousarray(middle))
    small.thumbnail((side, side))
    kept = io.BytesIO()
    small.save(kept, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(kept.getvalue()).decode()


def name_and_suffix(path: Path) -> tuple[str, str]:
    r"""Divide the name of a file into what comes before one of `IMAGE_SUFFIXES`, and that.

    The suffix is empty where it is none of them. Bytes that are no UTF-8 are written as `\xff`.
    """
    name = os.fsencode(path.name).decode("utf-8", "backslashreplace")
    ends = [suffix for suffix in IMAGE_SUFFIXES if name.lower().endswith(suffix)]
    if not ends:
        return name, ""
    length = max(map(len, ends))
    return name[:-length], name[-length:]


def other_bands(path: Path) -> list[Path]:
    """Existing FITS images in g and i next to one in r: `<name>-g`, `<name>_g`, and so on."""
    stem, suffix = name_and_suffix(path)
    if suffix.lower() not in FITS_SUFFIXES or not stem.endswith(("-r", "_r")):
        return []
    names = [path.with_name(f"{stem[:-1]}{band}{suffix}") for band in "gi"]
    return [name for name in names if name.exists()]


def check_size(height: int, width: int) -> None:
    """Raise `ImageError` where a frame is too small to measure or too large for a cutout."""
    if min(height, width) < SMALLEST_SIDE:
        raise ImageError(f"{width}x{height} px: expected at least {SMALLEST_SIDE} px a side")
    if max(height, width) > LARGEST_SIDE:
        raise ImageError(
            f"{width}x{height} px: expected a cutout of one galaxy, at most {LARGEST_SIDE} px "
            "a side"
        )
