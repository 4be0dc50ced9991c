"""Images of galaxies: 8-bit colour composites, and the files they are read from."""

from __future__ import annotations

import base64
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

Image = NDArray[np.uint8]
"""An 8-bit colour composite, shape (height, width, 3), as displayed.

Where pixels hold no data it is a masked array, filled with the colour of its sky."""

FITS_SUFFIXES = (".fits", ".fit", ".fts", ".fits.gz", ".fit.gz", ".fits.fz", ".fits.bz2")
IMAGE_SUFFIXES = (
    ".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp", ".gif", *FITS_SUFFIXES,
)  # fmt: skip
SMALLEST_SIDE, LARGEST_SIDE = 48, 4096

SAME_SCALE = 0.05
"""Relative difference of two pixel scales up to which nothing is resampled."""

OPAQUE = 128
"""Opacity below which a pixel holds no data."""

COMPOSITE, LINEAR = "composite", "linear"


@dataclass(frozen=True)
class Reading:
    """What files do not say about their pixels."""

    bands: str = ""  # of the planes of a FITS cube in its order, such as `gri`
    stretch: str = COMPOSITE  # of what is no FITS and has more than 8 bits: that, or `LINEAR` flux
    pixel_scale: float = 0.0  # arcseconds per pixel; 0 takes that of the header, if there is one
    inverted: bool = False  # whether galaxies are darker than the sky


AS_IT_IS = Reading()


class ImageError(ValueError):
    """An image that cannot be read as a galaxy cutout; the message is the reason."""


def band_mean(image: Image) -> NDArray[np.float64]:
    """Mean over the three bands of a composite: float64, in counts of the stretch (0-255).

    Masked where the composite is.
    """
    total = image[..., 0].astype(np.uint16) + image[..., 1] + image[..., 2]  # exact in integers
    return np.asanyarray(total / 3.0)


def read_image(path: Path, reading: Reading = AS_IT_IS) -> Image:
    """Read a JPEG, PNG, TIFF, WebP, BMP, GIF or FITS file as an 8-bit colour composite.

    FITS images are stretched; a grey image is repeated in three bands. Where a file is transparent,
    has no value, or only padding (`find_no_data`), the composite is masked. Pixels
    of another scale are resampled to the survey's where that is known. `ImageError` if the file is
    not an image, is cut short, or has a side below `SMALLEST_SIDE` or above `LARGEST_SIDE` pixels.
    """
    if not path.is_file():
        raise ImageError("no regular file")
    if name_and_suffix(path)[1].lower() in FITS_SUFFIXES:
        from galaxy_utils.data.fits import read_fits  # astropy takes a second: only when needed

        return read_fits(path, reading)
    image, transparent = _read_with_pillow(path, reading)
    image = 255 - image if reading.inverted else image
    from galaxy_utils.data.no_data import mask_no_data  # SciPy: not for every page

    scale = reading.pixel_scale
    return mask_no_data(resample(image, scale), resample(transparent, scale))


def _read_with_pillow(path: Path, reading: Reading) -> tuple[Image, NDArray[np.bool_]]:
    """Composite, and where it is transparent."""
    try:
        if path.suffix.lower() in (".tif", ".tiff"):
            deep = _deep_tiff(path)
            if deep is not None:
                return _from_deep(deep, reading), np.zeros(deep.shape[:2], bool)
        with PillowImage.open(path) as opened:
            check_size(opened.height, opened.width)  # before a pixel is decoded
            transparent = np.zeros((opened.height, opened.width), bool)
            if opened.has_transparency_data:
                transparent = np.asarray(opened.convert("RGBA"))[..., 3] < OPAQUE
            if opened.mode.startswith(("I", "F")):
                return _from_deep(np.asarray(opened), reading), transparent
            if reading.stretch == LINEAR and any(";16" in str(tile) for tile in opened.tile):
                raise ImageError("PNG of 16-bit colours: write fluxes as TIFF or FITS instead")
            return np.asarray(opened.convert("RGB")), transparent
    except ImageError:
        raise
    except Exception as error:  # Pillow raises many types on damaged files
        words = "the file is damaged, or is not what its name says"
        if isinstance(error, OSError) and "truncated" in str(error):
            words = "it is cut short"
        raise ImageError(f"unreadable image: {words}") from error


def _deep_tiff(path: Path) -> NDArray[Any] | None:
    """Pixels of a TIFF of more than 8 bits, of which Pillow reads no colours."""
    import tifffile

    with tifffile.TiffFile(path) as opened:
        page = opened.pages[0]
        if page.dtype is None or page.dtype.itemsize == 1:
            return None
        check_size(*page.shape[:2])
        return np.asarray(page.asarray())[..., :3] if len(page.shape) == 3 else page.asarray()


def _from_deep(pixels: NDArray[Any], reading: Reading) -> Image:
    """Composite from pixels of more than 8 bits, as fluxes or as counts of a stretch."""
    if reading.stretch == LINEAR:
        from galaxy_utils.data.fits import stretch

        fluxes = -pixels.astype(np.float64) if reading.inverted else pixels.astype(np.float64)
        drawn = stretch(fluxes[None] if fluxes.ndim == 2 else np.moveaxis(fluxes, -1, 0))
        return 255 - drawn if reading.inverted else drawn  # the reader turns it over again
    full = 65535.0 if pixels.dtype.itemsize > 1 else 255.0
    if pixels.dtype.kind == "f":
        full = 1.0 if pixels.max() <= 1 else 255.0
    if not (np.isfinite(pixels).all() and 0 <= pixels.min() and pixels.max() <= full):
        raise ImageError(
            f"pixels from {pixels.min():g} to {pixels.max():g} are no picture, for which 0 to "
            f"{full:g} are expected; are they fluxes? Then give --stretch linear"
        )
    counts = np.round(pixels * (255.0 / full)).astype(np.uint8)
    return np.repeat(counts[..., None], 3, axis=2) if counts.ndim == 2 else counts


def resample(pixels: NDArray[Any], pixel_scale: float) -> NDArray[Any]:
    """Resample an image of shape (height, width, ...) from a scale to that of the survey."""
    from galaxy_utils.data.survey import PIXEL

    factor = pixel_scale / PIXEL if pixel_scale else 1.0
    if abs(factor - 1.0) < SAME_SCALE:
        return pixels
    size = [round(length * factor) for length in pixels.shape[1::-1]]
    if min(size) < SMALLEST_SIDE or max(size) > LARGEST_SIDE:
        raise ImageError(
            f"{size[0]}x{size[1]} px once resampled from {pixel_scale:g} to {PIXEL:g} arcsec per "
            f"pixel: expected {SMALLEST_SIDE} to {LARGEST_SIDE} px a side"
        )
    kind = PillowImage.Resampling.BOX if factor < 1 else PillowImage.Resampling.BICUBIC
    return np.asarray(PillowImage.fromarray(pixels).resize(size, kind))


def has_palette(path: Path) -> bool:
    """Whether the pixels of a file are numbers of few colours."""
    if path.suffix.lower() not in (".png", ".gif"):
        return False
    try:
        with PillowImage.open(path) as opened:
            return opened.mode == "P"
    except Exception:  # damaged: the reader says so
        return False


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
