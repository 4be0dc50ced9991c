"""Small photographs of the galaxies of a run, and the sheet that holds them all."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from galaxy_utils.data.images import ImageError
from galaxy_utils.data.sample import Sample

SMALLEST, LARGEST = 24, 96
"""Side of a thumbnail in pixels."""

SHEET = 6_000_000
"""Pixels of all thumbnails together, so that there are at most `SHEET // SMALLEST**2` of them."""

MOST_BYTES = 1_100_000
"""Of the sheet as a JPEG, while its quality is not the lowest."""

QUALITIES = (85, 70, 55, 40)


@dataclass(frozen=True)
class Pictures:
    """Square thumbnails by row of the catalogue; none where there is no readable photograph."""

    side: int
    thumbnails: Mapping[int, PillowImage.Image]

    def sprite(self) -> dict[str, Any] | None:
        """One sheet of all thumbnails as a data address, with the rows that it shows in order."""
        if not self.thumbnails:
            return None
        columns = int(np.ceil(np.sqrt(len(self.thumbnails))))
        rows = -(-len(self.thumbnails) // columns)
        sheet = PillowImage.new("RGB", (columns * self.side, rows * self.side))
        for place, image in enumerate(self.thumbnails.values()):
            sheet.paste(image, (place % columns * self.side, place // columns * self.side))
        for quality in QUALITIES:
            content = as_jpeg(sheet, quality)
            if len(content) <= MOST_BYTES:
                break
        return {
            "image": "data:image/jpeg;base64," + base64.b64encode(content).decode(),
            "side": self.side,
            "columns": columns,
            "rows": np.array(list(self.thumbnails), np.uint32),
        }


def as_jpeg(image: PillowImage.Image, quality: int = 85) -> bytes:
    """Compress a picture."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def thumbnails(sample: Sample, objids: Iterable[str], notes: list[str]) -> Pictures:
    """Read photographs of galaxies: the central half of each frame, made small."""
    everyone = list(objids)
    objids = everyone[: SHEET // SMALLEST**2]
    if len(objids) < len(everyone):
        notes.append(f"Only the first {len(objids)} galaxies have a photograph on this page.")
    side = int(np.clip(np.sqrt(SHEET / max(len(objids), 1)), SMALLEST, LARGEST))
    with ThreadPoolExecutor() as pool:  # decoding a JPEG does not hold the interpreter's lock
        found = list(pool.map(lambda objid: _thumbnail(sample, objid, side), objids))
    missing = sum(image is None for image in found)
    if objids and missing == len(objids):
        notes.append(
            "This run has no photographs, so each galaxy is drawn from what was measured of it."
        )
    elif missing:
        notes.append(f"Photographs of {missing} of {len(objids)} galaxies are missing.")
    return Pictures(side, {row: image for row, image in enumerate(found) if image is not None})


def _thumbnail(sample: Sample, objid: str, side: int) -> PillowImage.Image | None:
    try:
        image = sample.image(objid)
    except ImageError:
        return None
    height, width = image.shape[:2]
    half = min(height, width) // 4
    middle = image[height // 2 - half : height // 2 + half, width // 2 - half : width // 2 + half]
    picture = PillowImage.fromarray(np.ascontiguousarray(middle))
    return picture.resize((side, side), PillowImage.Resampling.LANCZOS)
