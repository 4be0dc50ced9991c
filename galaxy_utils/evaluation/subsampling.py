"""Compare algorithms on the same subsamples of the galaxies."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student
from statsmodels.stats.multitest import multipletests

SHARE = 0.8
"""Share of the galaxies in a subsample."""


def subsample(n_samples: int, seed: int) -> NDArray[np.int64]:
    """Draw `SHARE` of the rows without replacement, in ascending order."""
    rows = np.random.default_rng(seed).permutation(n_samples)[: round(SHARE * n_samples)]
    return np.sort(rows)


def paired_tests(table: pd.DataFrame, score: str) -> pd.DataFrame:
    """Test every pair of algorithms on the same subsamples.

    Subsamples overlap, so that their scores vary less than those of new galaxies would: the
    variance of a difference is the delete-d jackknife's.

    Parameters
    ----------
    table : DataFrame
        Columns algorithm, draw, score, value: one value per algorithm and subsample.
    score : str
        Score to test.

    Returns
    -------
    DataFrame
        One row per pair: first, second, difference (mean of first minus second, the effect),
        low, high (95 % interval), p (two-sided), p_holm (Holm's correction over all pairs).
        Pairs with fewer than three common subsamples are left out.

    References
    ----------
    Shao & Wu (1989), Ann. Stat. 17, 1176; Holm (1979), Scand. J. Stat. 6, 65.
    """
    wide = table[table["score"] == score].pivot(index="draw", columns="algorithm", values="value")
    rows = []
    for first, second in combinations(wide.columns, 2):
        difference = (wide[first] - wide[second]).dropna()
        if len(difference) < 3:
            continue
        mean, spread = float(difference.mean()), float(difference.std(ddof=0))
        error = max(np.sqrt(SHARE / (1 - SHARE)) * spread, 1e-12)
        freedom = len(difference) - 1
        half = float(student.ppf(0.975, freedom)) * error
        p = 2 * float(student.sf(abs(mean) / error, freedom))
        rows.append((first, second, mean, mean - half, mean + half, p))
    columns = ["first", "second", "difference", "low", "high", "p"]
    tests = pd.DataFrame(rows, columns=columns)
    return tests.assign(p_holm=multipletests(tests["p"], method="holm")[1] if rows else [])
