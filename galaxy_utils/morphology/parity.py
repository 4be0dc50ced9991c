"""The compiled engine beside statmorph, galaxy by galaxy."""

from __future__ import annotations

import numpy as np
import pandas as pd

from galaxy_utils.morphology.measurement import FIVE

REFERENCE = "statmorph_"
"""Prefix of the columns that hold statmorph's own values."""

REFERENCE_COLUMNS = (*FIVE, "rpetro_circ", "rpetro_ellip", "flag", "reason")
"""What a table keeps of statmorph's measurement beside the compiled engine's."""

SMALL, LARGE = 0.01, 0.05
"""Differences of a parameter that are counted; those above `LARGE` are explained."""

SAME_RADIUS = 1e-3
OTHER_ROOT = 0.01


def differences(table: pd.DataFrame) -> pd.DataFrame:
    """Absolute difference of each parameter between the two engines.

    Parameters
    ----------
    table : DataFrame
        The five parameters, and the same with the prefix `REFERENCE`.

    Returns
    -------
    DataFrame
        Columns `FIVE`; 0 where neither engine has a value, infinite where
        only one has.
    """
    ours = table[list(FIVE)]
    theirs = table[[REFERENCE + name for name in FIVE]].set_axis(list(FIVE), axis=1)
    neither = ours.isna() & theirs.isna()
    return (ours - theirs).abs().mask(neither, 0.0).fillna(np.inf)


def agreement(table: pd.DataFrame) -> pd.DataFrame:
    """How well the engines agree where statmorph gives flag 0.

    Parameters
    ----------
    table : DataFrame
        As in `differences`, with `statmorph_flag`.

    Returns
    -------
    DataFrame
        One row a parameter: parameter, galaxies, median and largest (of the
        absolute differences), within_small and within_large (percent of the
        galaxies within `SMALL` and `LARGE`).
    """
    good = differences(table)[table[REFERENCE + "flag"] == 0]
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


def classify(table: pd.DataFrame) -> pd.Series:
    """Say what likely explains each difference above `LARGE`, or of flag or reason.

    The class is inferred from which quantities differ beside; nothing is traced
    in either engine. Where the same centre gives another elliptical radius, the Petrosian ratio
    only just touches 0.2 at a step of the coarse search; Gini and M20 follow
    the radius. Where the circular radius, C or A differ too, the search for
    the centre ended in another minimum of the asymmetry.

    Parameters
    ----------
    table : DataFrame
        As in `differences`, with all of `REFERENCE_COLUMNS`.

    Returns
    -------
    Series of str
        Empty where there is nothing to explain.
    """
    apart = differences(table)
    circular, elliptical = (
        (table[name] / table[REFERENCE + name] - 1).abs()
        for name in ("rpetro_circ", "rpetro_ellip")
    )
    moved = (circular > SAME_RADIUS) | (apart[["concentration", "asymmetry"]] > SAME_RADIUS).any(
        axis=1
    )
    large = apart.max(axis=1) > LARGE
    cases = {
        "reason": table["reason"] != table[REFERENCE + "reason"],
        "centre in another minimum of the asymmetry": large & moved,
        "other root of the elliptical Petrosian radius": large & (elliptical > OTHER_ROOT),
        "other segmentation map": large,
        "flag": table["flag"] != table[REFERENCE + "flag"],
    }
    found = np.select(list(cases.values()), list(cases), "")
    return pd.Series(found, index=table.index)
