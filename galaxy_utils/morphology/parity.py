"""Agreement of the compiled engine with statmorph, galaxy by galaxy."""

from __future__ import annotations

import numpy as np
import pandas as pd

from galaxy_utils.morphology.measurement import FIVE

REFERENCE = "statmorph_"
"""Prefix of the columns that hold statmorph's own values."""

REFERENCE_COLUMNS = (*FIVE, "rpetro_circ", "rpetro_ellip", "flag", "reason")
"""What a table keeps of statmorph's measurement in addition to the compiled engine's."""

SMALL, LARGE = 0.01, 0.05
"""Differences of a parameter that are counted; those above `LARGE` are explained."""

SAME_RADIUS = 1e-3
OTHER_ROOT = 0.01


def absolute_differences(table: pd.DataFrame) -> pd.DataFrame:
    """Absolute differences of the five parameters, infinite where one engine has no value."""
    ours, theirs = table[list(FIVE)], table[[REFERENCE + name for name in FIVE]]
    difference = (ours - theirs.set_axis(list(FIVE), axis=1)).abs()
    return difference.mask(ours.isna() & theirs.isna().to_numpy(), 0.0).fillna(np.inf)


def agreement(table: pd.DataFrame) -> pd.DataFrame:
    """How well the engines agree where statmorph gives flag 0.

    Parameters
    ----------
    table : DataFrame
        The five parameters, the same with the prefix `REFERENCE`, and
        `statmorph_flag`; one row per galaxy.

    Returns
    -------
    DataFrame
        One row per parameter: parameter, galaxies, median and largest (of the
        absolute differences), within_small and within_large (percent of the
        galaxies within `SMALL` and `LARGE`).
    """
    good = absolute_differences(table)[table[REFERENCE + "flag"] == 0]
    return pd.DataFrame(
        {
            "parameter": list(FIVE),
            "galaxies": len(good),
            "median": good.median().to_numpy(),
            "largest": good.max().to_numpy(),
            "within_small": 100 * (good <= SMALL).mean().to_numpy(),
            "within_large": 100 * (good <= LARGE).mean().to_numpy(),
        }
    )


def explain_differences(table: pd.DataFrame) -> pd.Series:
    """Give the likely cause of each difference above `LARGE`, or of flag or reason.

    Inferred from which other quantities differ; nothing is traced in either
    engine. Where the same centre gives another elliptical radius, the Petrosian
    ratio only just touches 0.2 at a step of the coarse search; Gini and M20
    follow the radius. Where the circular radius, C or A differ too, the search
    for the centre ended in another minimum of the asymmetry.

    Parameters
    ----------
    table : DataFrame
        As for `agreement`, with all of `REFERENCE_COLUMNS`.

    Returns
    -------
    Series of str
        Empty where there is nothing to explain.
    """
    apart = absolute_differences(table)
    circular, elliptical = (
        (table[name] / table[REFERENCE + name] - 1).abs()
        for name in ("rpetro_circ", "rpetro_ellip")
    )
    centred_alike = (apart[["concentration", "asymmetry"]] <= SAME_RADIUS).all(axis=1)
    large = apart.max(axis=1) > LARGE
    cases = {
        "reason": table["reason"] != table[REFERENCE + "reason"],
        "centre in another minimum of the asymmetry":
            large & ((circular > SAME_RADIUS) | ~centred_alike),
        "other root of the elliptical Petrosian radius": large & (elliptical > OTHER_ROOT),
        "other segmentation map": large,
        "flag": table["flag"] != table[REFERENCE + "flag"],
    }  # fmt: skip
    return pd.Series(np.select(list(cases.values()), list(cases), ""), index=table.index)
