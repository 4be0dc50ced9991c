"""Embeddings in one byte per feature, for tables that travel with git."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LEVELS = 255
"""Codes 0 to 254 are values; 255 is `MISSING`."""

MISSING = 255
"""Code of every feature of a galaxy without an embedding."""

ROWS = 512
"""Galaxies that are held in double precision at a time."""


@dataclass(frozen=True)
class Quantised:
    """An embedding as whole numbers: a feature is low + step * code."""

    codes: NDArray[np.uint8]
    low: NDArray[np.float32]
    step: NDArray[np.float32]

    def values(self, rows: NDArray[np.intp] | slice = slice(None)) -> NDArray[np.float32]:
        """Features of all or some galaxies, within half a step; NaN where missing."""
        codes = self.codes[rows]
        features = self.low + self.step * codes.astype(np.float32)
        features[(codes == MISSING).all(axis=1)] = np.nan
        return features


def quantise(vectors: NDArray[np.floating]) -> Quantised:
    """Put every feature onto `LEVELS` even levels between its extremes.

    A row of `vectors`, shape (n_galaxies, dimension), with any NaN is missing.
    """
    finite = np.isfinite(vectors).all(axis=1)
    largest = np.finfo(vectors.dtype).max if finite.any() else 0
    where = finite[:, None]
    low = vectors.min(axis=0, where=where, initial=largest).astype(np.float64)
    high = vectors.max(axis=0, where=where, initial=-largest).astype(np.float64)
    step = np.where(high > low, (high - low) / (LEVELS - 1), 1.0)
    codes = np.full(vectors.shape, MISSING, np.uint8)
    for rows in _chunks(finite):
        codes[rows] = np.round((vectors[rows].astype(np.float64) - low) / step).astype(np.uint8)
    return Quantised(codes, low.astype(np.float32), step.astype(np.float32))


def _chunks(chosen: NDArray[np.bool_]) -> Iterator[NDArray[np.intp]]:
    rows = np.flatnonzero(chosen)
    return (rows[start : start + ROWS] for start in range(0, len(rows), ROWS))


def quantisation_loss(vectors: NDArray[np.floating], quantised: Quantised) -> dict[str, float]:
    """What quantising has changed.

    Returns `variance_lost`, the mean squared error over the variance of all features
    together, and `smallest_cosine`, over the galaxies, of the centred features.
    """
    finite = np.isfinite(vectors).all(axis=1)
    mean = vectors.mean(axis=0, dtype=np.float64, where=finite[:, None]) if finite.any() else 0.0
    error, variance, smallest = 0.0, float(np.finfo(float).tiny), 1.0
    for rows in _chunks(finite):
        a, b = vectors[rows] - mean, quantised.values(rows) - mean
        lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
        cosines = (a * b).sum(axis=1)[lengths > 0] / lengths[lengths > 0]
        error, variance = error + float(((a - b) ** 2).sum()), variance + float((a**2).sum())
        smallest = float(cosines.min(initial=smallest))
    return {"variance_lost": error / variance, "smallest_cosine": smallest}


def write_quantised(path: Path, quantised: Quantised) -> None:
    """Write an .npz file atomically."""
    partial = path.with_suffix(".partial")
    with partial.open("wb") as stream:
        np.savez_compressed(stream, codes=quantised.codes, low=quantised.low, step=quantised.step)
    os.replace(partial, path)


def read_quantised(path: Path) -> Quantised:
    """Read what `write_quantised` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        return Quantised(stored["codes"], stored["low"], stored["step"])
