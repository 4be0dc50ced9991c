"""Outliers compared with the other galaxies, in what took no part in finding them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import fisher_exact, mannwhitneyu
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

FLAGGED, UNTYPED = "flag above 0 (%)", "no Galaxy Zoo type (%)"
MERGER = "mergers among those with a type (%)"
_MEDIANS = {
    "sn_per_pixel": "S/N per pixel",
    "n_sources": "sources in the frame",
    "rpetro_circ": "Petrosian radius (px)",
}


def describe_outliers(
    outliers: NDArray[np.bool_], quality: pd.DataFrame, types: pd.Series
) -> pd.DataFrame:
    """Compare outliers with the other galaxies in what took no part in finding them.

    Parameters
    ----------
    outliers : ndarray of bool, shape (n,)
        The selected galaxies.
    quality : DataFrame
        Columns flag, sn_per_pixel, n_sources, rpetro_circ (pixels), the same galaxies.
    types : Series of object
        Galaxy Zoo types, None where there is none.

    Returns
    -------
    DataFrame
        Columns property; outliers, others (percent or medians); low, high, others_low,
        others_high (95 % intervals of shares by Wilson's formula, NaN for medians); p, two-sided
        (shares: Fisher's exact test; medians: Mann and Whitney's test); p_holm, corrected over
        the rows. Mergers are counted among the galaxies that have a type.

    References
    ----------
    Fisher (1935), J. R. Stat. Soc. 98, 39; Mann & Whitney (1947), Ann. Math. Stat. 18, 50; Wilson
    (1927), J. Am. Stat. Assoc. 22, 209; Holm (1979), Scand. J. Stat. 6, 65.
    """
    rows = [{"property": FLAGGED, **_compare_shares(quality["flag"].to_numpy() > 0, outliers)}]
    typed = types.notna().to_numpy()
    if typed.any():
        merger = types.eq("merger").to_numpy()[typed]
        rows.append({"property": UNTYPED, **_compare_shares(~typed, outliers)})
        rows.append({"property": MERGER, **_compare_shares(merger, outliers[typed])})
    for name, label in _MEDIANS.items():
        values = quality[name].to_numpy(np.float64)
        both = values[outliers], values[~outliers]
        p = mannwhitneyu(*both, method="asymptotic", nan_policy="omit").pvalue
        medians = dict(zip(("outliers", "others"), map(np.nanmedian, both), strict=True))
        rows.append({"property": label, **medians, "p": float(p)})
    table = pd.DataFrame(rows)
    return table.assign(p_holm=multipletests(table["p"], method="holm")[1])


def _compare_shares(has: NDArray[np.bool_], outliers: NDArray[np.bool_]) -> dict[str, float]:
    """Percent of the outliers and of the others that have something."""
    counts = [int((has & group).sum()) for group in (outliers, ~outliers)]
    numbers = [int(outliers.sum()), int((~outliers).sum())]
    low, high = proportion_confint(np.array(counts), np.array(numbers), method="wilson")
    missing = [number - count for number, count in zip(numbers, counts, strict=True)]
    return {
        "outliers": 100 * counts[0] / max(numbers[0], 1), "low": 100 * low[0],
        "high": 100 * high[0],
        "others": 100 * counts[1] / max(numbers[1], 1), "others_low": 100 * low[1],
        "others_high": 100 * high[1],
        "p": float(fisher_exact([counts, missing]).pvalue),
    }  # fmt: skip
