"""Which of two partitions shares more with the Galaxy Zoo types: for page 13."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import adjusted_mutual_info_score

from galaxy_utils.data.galaxy_zoo import GALAXY_ZOO_TYPES

RESAMPLINGS = 100
SEEN_TYPES = GALAXY_ZOO_TYPES


@dataclass(frozen=True)
class SharedWithClasses:
    """What two partitions share with the types that people saw.

    Parameters
    ----------
    first, second : float or None
        Adjusted mutual information; None where nobody looked.
    low, high : float or None
        95 % interval of first minus second, galaxies resampled.
    """

    first: float | None
    second: float | None
    low: float | None = None
    high: float | None = None

    @property
    def first_is_lower(self) -> bool | None:
        """Whether the first shares less; None where the interval covers 0."""
        if self.low is None or self.high is None or self.low <= 0 <= self.high:
            return None
        return self.high < 0

    def sentence(self, first: str, second: str) -> str:
        """Say it.

        Parameters
        ----------
        first, second : str
            Names of the partitions.

        Returns
        -------
        str
            One or two sentences.
        """
        if self.first is None:
            return "This sample has no classes by eye to judge the two by."
        return (
            f"With the types that people saw, which took no part, {first} shares an adjusted "
            f"mutual information of {self.first:.3f} and {second} of {self.second:.3f}; resampled "
            f"galaxies put the difference between {self.low:.3f} and {self.high:.3f}."
        )


def shared_with_classes(
    first: NDArray[np.int64], second: NDArray[np.int64], classes: pd.Series, seed: int
) -> SharedWithClasses:
    """Ask which of two partitions shares more with the types that people saw.

    Parameters
    ----------
    first, second : ndarray of int64, shape (n,)
        Partitions of the same galaxies.
    classes : Series of str, length n
        Galaxy Zoo 1 class, missing where nobody looked; see `SEEN_TYPES`.
    seed : int
        Of the resampling.

    Returns
    -------
    SharedWithClasses
        Adjusted mutual information of both, and the interval of its difference.

    References
    ----------
    Vinh, Epps & Bailey (2010).
    """
    types = classes.map(SEEN_TYPES)
    rows = np.flatnonzero(types.notna())
    if len(rows) < 2:
        return SharedWithClasses(None, None)
    codes = pd.Categorical(types.iloc[rows]).codes
    a, b = first[rows], second[rows]
    rng = np.random.default_rng(seed)
    differences = [
        adjusted_mutual_info_score(codes[chosen], a[chosen])
        - adjusted_mutual_info_score(codes[chosen], b[chosen])
        for chosen in rng.integers(0, len(rows), (RESAMPLINGS, len(rows)))
    ]
    low, high = np.percentile(differences, [2.5, 97.5])
    return SharedWithClasses(
        float(adjusted_mutual_info_score(codes, a)),
        float(adjusted_mutual_info_score(codes, b)),
        float(low),
        float(high),
    )
