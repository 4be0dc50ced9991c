"""What clusters follow: how much of a property's variation lies between them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata


def effect_sizes(labels: ArrayLike, properties: pd.DataFrame) -> pd.Series:
    """Measure how strongly each property differs between groups, by ranks.

    Epsilon squared is Kruskal and Wallis's H over its largest possible value: 0 where the groups
    have the same distribution, 1 where they do not overlap at all. It takes no account of the
    direction of a difference, nor of the units.

    Parameters
    ----------
    labels : array-like of shape (n_galaxies,)
        Group of each galaxy; galaxies without one (None, NaN) are left out.
    properties : DataFrame of shape (n_galaxies, n_properties)
        Numeric; galaxies without a value are left out for that property alone.

    Returns
    -------
    Series of float
        Epsilon squared by property; NaN where fewer than two groups have a value.

    References
    ----------
    Kruskal & Wallis (1952), J. Am. Stat. Assoc. 47, 583; Tomczak & Tomczak (2014), Trends Sport
    Sci. 1, 19.
    """
    groups = np.asarray(pd.Series(labels).factorize()[0])
    found = {name: _effect_size(groups, properties[name]) for name in properties}
    return pd.Series(found, dtype=np.float64)


def _effect_size(groups: NDArray[np.intp], column: pd.Series) -> float:
    """Variance of the ranks between groups over all of it, which is H / (n - 1)."""
    values = column.to_numpy(np.float64)
    known = np.isfinite(values) & (groups >= 0)
    sizes = np.bincount(groups[known])
    ranks = rankdata(values[known]) - (known.sum() + 1) / 2
    if (sizes > 0).sum() < 2 or not ranks.any():
        return np.nan
    sums = np.bincount(groups[known], ranks)
    return float((sums[sizes > 0] ** 2 / sizes[sizes > 0]).sum() / (ranks**2).sum())


def permuted_effect_sizes(
    labels: ArrayLike, properties: pd.DataFrame, n_permutations: int = 200, seed: int = 0
) -> pd.DataFrame:
    """Draw the effect sizes of groups that follow nothing: the labels, shuffled; a row each."""
    rng = np.random.default_rng(seed)
    groups = np.asarray(labels)
    return pd.DataFrame(
        [effect_sizes(rng.permutation(groups), properties) for _ in range(n_permutations)]
    )


def effect_sizes_within(
    labels: ArrayLike, properties: pd.DataFrame, classes: ArrayLike, smallest: int = 50
) -> pd.Series:
    """Average the effect sizes over classes, so that no difference between classes counts.

    Classes are None where a galaxy has none; those with fewer than `smallest` galaxies that have a
    value are left out, the others weighted by that number.
    """
    groups, known = np.asarray(labels), pd.Series(classes, dtype=object).reset_index(drop=True)
    table = properties.reset_index(drop=True)
    found, weights = [], []
    for rows in known.groupby(known).groups.values():
        inside = table.loc[rows]
        counts = inside.notna().sum()
        found.append(effect_sizes(groups[rows], inside).where(counts >= smallest))
        weights.append(counts.where(counts >= smallest, 0).where(found[-1].notna(), 0))
    if not found:
        return pd.Series(np.nan, properties.columns)
    sizes, shares = pd.DataFrame(found), pd.DataFrame(weights)
    return (sizes.fillna(0) * shares).sum() / shares.sum().replace(0, np.nan)
