"""Data without the structure that a score is meant to show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import QuantileTransformer

Null = Callable[[NDArray[np.float64], int], NDArray[np.float64]]
"""Takes the data, shape (n, dimension), and a seed; gives as many points without clusters."""

# Values of the column "data" in results of studies: the galaxies themselves, and each null.
REAL = "galaxies"
SINGLE_GAUSSIAN = "one Gaussian"
COPULA = "Gaussian copula, own marginals"
SHUFFLED_PAIRS = "permuted modalities"


@dataclass(frozen=True)
class Comparison:
    """A score beside the same score on data without structure.

    Parameters
    ----------
    value : float
        On the data.
    null : ndarray of float64, shape (n_draws,)
        On draws of the null.
    """

    value: float
    null: NDArray[np.float64]

    @property
    def interval(self) -> tuple[float, float]:
        """Lowest and highest 2.5 % of the null."""
        low, high = np.percentile(self.null, [2.5, 97.5])
        return float(low), float(high)

    @property
    def p_value(self) -> float:
        """Share of draws, and the value itself, that are as large or larger (one-sided)."""
        return float((1 + np.sum(self.null >= self.value)) / (1 + len(self.null)))


def single_gaussian(values: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Draw points without clusters: one Gaussian with the data's mean and covariance.

    Parameters
    ----------
    values : ndarray of float64, shape (n, dimension)
        The data.
    seed : int
        Of the draw.

    Returns
    -------
    ndarray of float64, shape (n, dimension)
        As many points.
    """
    n, mean = len(values), values.mean(axis=0)
    mixing = np.random.default_rng(seed).normal(scale=(n - 1) ** -0.5, size=(n, n))
    drawn: NDArray[np.float64] = mean + mixing @ (values - mean)  # has the sample's covariance
    return drawn


def gaussian_copula(values: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Draw points with the data's own marginals, joined as one Gaussian joins them.

    Each dimension is made normal by its ranks, one Gaussian is drawn with the
    covariance of these, and its points are carried back: skewness and tails
    of every dimension stay, groups of galaxies go.

    Parameters
    ----------
    values : ndarray of float64, shape (n, dimension)
        The data.
    seed : int
        Of the draw.

    Returns
    -------
    ndarray of float64, shape (n, dimension)
        As many points, within the range of the data.

    References
    ----------
    Sklar (1959); Liu, Lafferty & Wasserman (2009).
    """
    ranks = QuantileTransformer(
        n_quantiles=min(1000, len(values)), output_distribution="normal", subsample=None
    )
    normal = ranks.fit_transform(values)
    return np.asarray(ranks.inverse_transform(single_gaussian(normal, seed)), dtype=np.float64)


def permuted_block(values: NDArray[np.float64], seed: int, columns: slice) -> NDArray[np.float64]:
    """Shuffle the galaxies of some columns: both blocks stay as they are, their relation goes.

    Parameters
    ----------
    values : ndarray of float64, shape (n, dimension)
        The data.
    seed : int
        Of the permutation.
    columns : slice
        The block that is shuffled as a whole.

    Returns
    -------
    ndarray of float64, shape (n, dimension)
        A copy.
    """
    shuffled = values.copy()
    shuffled[:, columns] = np.random.default_rng(seed).permutation(values[:, columns])
    return shuffled


NULLS: dict[str, Null] = {
    SINGLE_GAUSSIAN: single_gaussian,
    COPULA: gaussian_copula,
}
"""Reference distributions without clusters."""


def compare(
    score: Callable[[NDArray[np.float64]], float],
    value: float,
    values: NDArray[np.float64],
    null: Null,
    n_draws: int,
    seed: int,
) -> Comparison:
    """Take the same score on draws of a null.

    Parameters
    ----------
    score : callable
        From points, shape (n, dimension), to a number; it fits what it needs.
    value : float
        The score of the data.
    values : ndarray of float64, shape (n, dimension)
        The data.
    null : callable
        One of `NULLS`.
    n_draws : int
        How many draws.
    seed : int
        Of the first draw; the others count on.

    Returns
    -------
    Comparison
        The value beside its null.
    """
    draws = [score(null(values, seed + draw)) for draw in range(n_draws)]
    return Comparison(value, np.array(draws))
