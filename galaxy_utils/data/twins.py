"""Twins: cutouts of two catalogue entries that show the same system."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import fft

from galaxy_utils.data.images import Image
from galaxy_utils.data.split import SdssField, sdss_field

SEPARATION = 64.0
"""Largest distance of the centres of twins, in pixels: each lies in the central half of the
other's frame, which is the crop "half"."""

CORRELATION = 0.9
"""Least correlation of overlapping frames. In `sdss5000` no pair of neighbours lies between 0.884
and 0.920: below are frames that share nothing, above the same pixels."""

ARCSEC_PER_PIXEL = 0.40

TWINS_FILE = "twins.csv"
COLUMNS = ["objid_1", "objid_2", "separation", "correlation", "same_field"]

_BRIGHTEST = 60.0
"""Counts above the sky at which pixels are cut, so that one star does not decide the shift."""


def find_twins(
    catalogue: pd.DataFrame,
    image: Callable[[str], Image] | None = None,
    separation: float = SEPARATION,
) -> pd.DataFrame:
    """List the pairs of galaxies whose cutouts show the same system: columns `COLUMNS`.

    Compared are galaxies of the same SDSS field and of neighbouring fields of a run. Their distance
    (pixels) is that of the positions (ra and dec of the catalogue, degrees) where both are known,
    and otherwise the shift at which their frames match (peak of the cross-correlation); without
    images only positions count. The correlation is that of the overlapping pixels, NaN where
    positions decided.
    """
    positions = catalogue.set_index(catalogue["objid"].astype(str)).reindex(columns=["ra", "dec"])
    frame = lru_cache(maxsize=64)(lambda objid: Frame.of(image(objid))) if image else None
    rows = []
    for first, second, same in _neighbours(catalogue["objid"].astype(str)):
        correlation = float("nan")
        both = positions.loc[[first, second]].to_numpy(np.float64)
        if np.isfinite(both).all():
            distance = _angle(*both) / ARCSEC_PER_PIXEL
        elif frame:
            distance, correlation = overlap(frame(first), frame(second))
        else:
            continue
        if distance <= separation and not correlation < CORRELATION:
            rows.append([first, second, distance, correlation, same])
    return pd.DataFrame(rows, columns=COLUMNS)


def _neighbours(objids: Iterable[str]) -> Iterator[tuple[str, str, bool]]:
    """Pairs of the same field or of neighbouring fields of a run, and whether it is the same."""
    fields: dict[SdssField, list[str]] = {}
    order = {objid: number for number, objid in enumerate(objids)}
    for objid in order:
        if found := sdss_field(objid):
            fields.setdefault(found, []).append(objid)
    for place, members in fields.items():
        yield from ((*pair, True) for pair in combinations(members, 2))
        for first in members:
            for second in fields.get(place._replace(field=place.field + 1), []):
                pair = sorted((first, second), key=order.__getitem__)
                yield pair[0], pair[1], False


def _angle(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Distance of two positions in degrees, in arcsec; exact enough within a frame."""
    turn = (second[0] - first[0] + 180) % 360 - 180
    east = turn * np.cos(np.radians((first[1] + second[1]) / 2))
    return float(3600 * np.hypot(east, second[1] - first[1]))


@dataclass(frozen=True)
class Frame:
    """Counts above the sky, shape (height, width), and their transform, padded to twice that."""

    counts: NDArray[np.float32]
    transform: NDArray[np.complex64]

    @classmethod
    def of(cls, image: Image) -> Frame:
        """Prepare a composite."""
        mean = image.mean(axis=2, dtype=np.float32)
        counts = np.clip(mean - np.median(mean), 0, _BRIGHTEST)
        height, width = counts.shape
        return cls(counts, fft.rfft2(counts, (2 * height, 2 * width)))


def overlap(first: Frame, second: Frame) -> tuple[float, float]:
    """Shift two frames of the same shape onto each other.

    Returns the distance of their centres in pixels, and the correlation of the overlapping pixels,
    0 where either frame is constant there.
    """
    height, width = first.counts.shape
    padded = (2 * height, 2 * width)
    product = fft.irfft2(first.transform * np.conj(second.transform), padded)
    peak = np.unravel_index(product.argmax(), padded)
    row, column = ((int(p) + n) % (2 * n) - n for p, n in zip(peak, (height, width), strict=True))
    distance, rows, columns = float(np.hypot(row, column)), height - abs(row), width - abs(column)
    if rows < 2 or columns < 2:
        return distance, 0.0
    one = first.counts[max(0, row) :, max(0, column) :][:rows, :columns].ravel()
    other = second.counts[max(0, -row) :, max(0, -column) :][:rows, :columns].ravel()
    constant = np.ptp(one) == 0 or np.ptp(other) == 0
    return distance, 0.0 if constant else float(np.corrcoef(one, other)[0, 1])


def read_twins(folder: Path) -> pd.DataFrame:
    """Read the twins of a measured table; none where it has no list of them."""
    path = folder / TWINS_FILE
    if not path.exists():
        return pd.DataFrame(columns=COLUMNS).astype({"same_field": bool})
    return pd.read_csv(path, dtype={"objid_1": str, "objid_2": str})
