"""Embeddings in one byte a feature, for tables that travel with git."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LEVELS = 255
"""Codes 0 to 254 are values; `MISSING` marks a galaxy without an embedding."""

MISSING = 255


@dataclass(frozen=True)
class Quantised:
    """An embedding as whole numbers, each feature on a scale of its own.

    Parameters
    ----------
    codes : ndarray of uint8, shape (n_galaxies, dimension)
        Rows of `MISSING` where there is no embedding.
    low, step : ndarray of float32, shape (dimension,)
        A feature is low + step * code.
    """

    codes: NDArray[np.uint8]
    low: NDArray[np.float32]
    step: NDArray[np.float32]

    def values(self) -> NDArray[np.float32]:
        """Give the features back.

        Returns
        -------
        ndarray of float32, shape (n_galaxies, dimension)
            Each within half a step of what was quantised; NaN where missing.
        """
        found = self.low + self.step * self.codes.astype(np.float32)
        found[(self.codes == MISSING).all(axis=1)] = np.nan
        return found


def quantise(vectors: NDArray[np.floating]) -> Quantised:
    """Put every feature onto `LEVELS` even levels between its extremes.

    Parameters
    ----------
    vectors : ndarray of float, shape (n_galaxies, dimension)
        An embedding; rows with NaN are missing as a whole.

    Returns
    -------
    Quantised
        The codes and their scales.
    """
    there = np.isfinite(vectors).all(axis=1)
    known = vectors[there].astype(np.float64)
    low = known.min(axis=0) if len(known) else np.zeros(vectors.shape[1])
    high = known.max(axis=0) if len(known) else np.zeros(vectors.shape[1])
    step = np.where(high > low, (high - low) / (LEVELS - 1), 1.0)
    codes = np.full(vectors.shape, MISSING, np.uint8)
    codes[there] = np.round((known - low) / step).astype(np.uint8)
    return Quantised(codes, low.astype(np.float32), step.astype(np.float32))


def loss(vectors: NDArray[np.floating], quantised: Quantised) -> dict[str, float]:
    """Measure what quantising has moved.

    Parameters
    ----------
    vectors : ndarray of float, shape (n_galaxies, dimension)
        Before.
    quantised : Quantised
        After.

    Returns
    -------
    dict
        `variance_lost`: mean squared error over the variance, all features
        together; `smallest_cosine`: over the galaxies, features centred.
    """
    there = np.isfinite(vectors).all(axis=1)
    before = vectors[there].astype(np.float64)
    after = quantised.values()[there].astype(np.float64)
    a, b = before - before.mean(axis=0), after - before.mean(axis=0)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosines = (a * b).sum(axis=1)[lengths > 0] / lengths[lengths > 0]
    return {
        "variance_lost": float(((a - b) ** 2).sum() / max((a**2).sum(), np.finfo(float).tiny)),
        "smallest_cosine": float(cosines.min(initial=1.0)),
    }


def write(path: Path, quantised: Quantised) -> None:
    """Write an embedding, whole or not at all.

    Parameters
    ----------
    path : Path
        An .npz file.
    quantised : Quantised
        The embedding.
    """
    partial = path.with_suffix(".partial")
    with partial.open("wb") as stream:
        np.savez_compressed(stream, codes=quantised.codes, low=quantised.low, step=quantised.step)
    os.replace(partial, path)


def read(path: Path) -> Quantised:
    """Read an embedding.

    Parameters
    ----------
    path : Path
        As written by `write`.

    Returns
    -------
    Quantised
        The embedding.
    """
    with np.load(path, allow_pickle=False) as stored:
        return Quantised(stored["codes"], stored["low"], stored["step"])
