"""Resampling: the bootstrap, permutations and subsamples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

N_RESAMPLES = 200
SHARE = 0.8
"""Share of the galaxies in a subsample."""

Statistic = Callable[[NDArray[np.int64]], float | Mapping[str, float]]
"""Takes the rows of the resampled galaxies; returns a number or several by name."""


def bootstrap(
    statistic: Statistic,
    n: int,
    seed: int,
    n_resamples: int = N_RESAMPLES,
    groups: Sequence[Any] | NDArray[Any] | None = None,
) -> Any:
    """Evaluate a statistic on galaxies drawn with replacement.

    Parameters
    ----------
    statistic : callable
        Takes an array of row numbers, shape (n,). Whatever is compared must be computed inside
        one statistic, so that it sees the same galaxies (a paired bootstrap).
    n : int
        Number of galaxies.
    seed : int
        Of the draws.
    n_resamples : int
        Number of draws.
    groups : sequence of shape (n,), optional
        Group of each galaxy, such as its SDSS field (`group_of`). Complete groups are drawn, as
        many as there are, and the statistic takes as many rows as the drawn ones have: the
        interval then holds where galaxies of a group are alike.

    Returns
    -------
    Series or DataFrame
        One entry or row per draw.

    References
    ----------
    Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapter 13; Davison & Hinkley
    (1997), Bootstrap Methods and their Application, section 3.8, for groups.
    """
    rng = np.random.default_rng(seed)
    if groups is None:
        return _collect([statistic(rows) for rows in rng.integers(0, n, (n_resamples, n))])
    codes = pd.factorize(np.asarray(groups))[0]
    if len(codes) != n:
        raise ValueError(f"{len(codes)} groups for {n} galaxies; expected one per galaxy")
    members = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    draws = rng.integers(0, len(members), (n_resamples, len(members)))
    return _collect([statistic(np.concatenate([members[g] for g in draw])) for draw in draws])


def permutation(statistic: Statistic, n: int, seed: int, n_resamples: int = N_RESAMPLES) -> Any:
    """Evaluate a statistic after shuffling one of two paired variables: the null distribution.

    The statistic takes a permutation of the row numbers, to apply to one of the variables.
    """
    rng = np.random.default_rng(seed)
    return _collect([statistic(rng.permutation(n)) for _ in range(n_resamples)])


def interval(draws: pd.Series | NDArray[np.floating]) -> tuple[float, float]:
    """Return the central 95 % interval of draws; NaN are left out."""
    values = np.asarray(draws, np.float64)
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def subsample(n_samples: int, seed: int) -> NDArray[np.int64]:
    """Draw `SHARE` of the rows without replacement, in ascending order."""
    rows = np.random.default_rng(seed).permutation(n_samples)[: round(SHARE * n_samples)]
    return np.sort(rows)


def _collect(found: list[Any]) -> pd.Series | pd.DataFrame:
    if found and isinstance(found[0], Mapping):
        return pd.DataFrame(found)
    return pd.Series(found, dtype=float)
