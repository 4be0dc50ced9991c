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

ROWS = 512
"""Galaxies that are held in double precision at a time."""


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

    def of(self, rows: NDArray[np.intp]) -> Quantised:
        """Take some galaxies.

        Parameters
        ----------
        rows : ndarray of int, shape (n,)
            Their row numbers.

        Returns
        -------
        Quantised
            Those rows on the same scales.
        """
        return Quantised(self.codes[rows], self.low, self.step)


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
    largest = np.finfo(vectors.dtype).max if there.any() else 0
    rows = there[:, None]
    low = vectors.min(axis=0, where=rows, initial=largest).astype(np.float64)
    high = vectors.max(axis=0, where=rows, initial=-largest).astype(np.float64)
    step = np.where(high > low, (high - low) / (LEVELS - 1), 1.0)
    codes = np.full(vectors.shape, MISSING, np.uint8)
    for rows in _pieces(there):
        codes[rows] = np.round((vectors[rows].astype(np.float64) - low) / step).astype(np.uint8)
    return Quantised(codes, low.astype(np.float32), step.astype(np.float32))


def _pieces(there: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Row numbers, `ROWS` at a time: double precision of all rows at once is never held."""
    rows = np.flatnonzero(there)
    return [rows[start : start + ROWS] for start in range(0, len(rows), ROWS)]


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
    mean = vectors.mean(axis=0, dtype=np.float64, where=there[:, None]) if there.any() else 0.0
    lost, varied, smallest = 0.0, float(np.finfo(float).tiny), 1.0
    for rows in _pieces(there):
        a = vectors[rows] - mean
        b = quantised.of(rows).values() - mean
        lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
        cosines = (a * b).sum(axis=1)[lengths > 0] / lengths[lengths > 0]
        lost, varied = lost + float(((a - b) ** 2).sum()), varied + float((a**2).sum())
        smallest = float(cosines.min(initial=smallest))
    return {"variance_lost": lost / varied, "smallest_cosine": smallest}


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
