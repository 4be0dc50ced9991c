"""Embeddings in one byte per feature, for tables that travel with git."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LEVELS = 255
"""Codes 0 to 254 are values; 255 is `MISSING`."""

MISSING = 255
"""Code of every feature of a galaxy without an embedding."""


@dataclass(frozen=True)
class Quantised:
    """An embedding as whole numbers: a feature is low + step * code."""

    codes: NDArray[np.uint8]
    low: NDArray[np.float32]
    step: NDArray[np.float32]

    def values(self) -> NDArray[np.float32]:
        """Features within half a step; NaN where missing."""
        features = self.low + self.step * self.codes.astype(np.float32)
        features[(self.codes == MISSING).all(axis=1)] = np.nan
        return features


def quantise(vectors: NDArray[np.floating]) -> Quantised:
    """Put every feature onto `LEVELS` even levels between its extremes.

    A row of `vectors`, shape (n_galaxies, dimension), with any NaN is missing.
    """
    finite = np.isfinite(vectors).all(axis=1)
    values = vectors[finite].astype(np.float64)
    low, high = np.zeros((2, vectors.shape[1]))
    if finite.any():
        low, high = values.min(axis=0), values.max(axis=0)
    step = np.where(high > low, (high - low) / (LEVELS - 1), 1.0)
    codes = np.full(vectors.shape, MISSING, np.uint8)
    codes[finite] = np.round((values - low) / step).astype(np.uint8)
    return Quantised(codes, low.astype(np.float32), step.astype(np.float32))


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
