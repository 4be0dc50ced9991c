"""Agreement of the compiled engine with statmorph, galaxy by galaxy."""

from __future__ import annotations

import numpy as np
import pandas as pd

from galaxy_utils.morphology.columns import FIVE

REFERENCE = "statmorph_"
"""Prefix of the columns that hold statmorph's own values."""

REFERENCE_COLUMNS = (*FIVE, "rpetro_circ", "rpetro_ellip", "flag", "reason")
"""What a table keeps of statmorph's measurement in addition to the compiled engine's."""

SMALL = 0.01
"""Difference of a parameter up to which engines agree."""


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
        absolute differences), within_small (percent of the galaxies within `SMALL`).
    """
    good = absolute_differences(table)[table[REFERENCE + "flag"] == 0]
    return pd.DataFrame(
        {
            "parameter": list(FIVE),
            "galaxies": len(good),
            "median": good.median().to_numpy(),
            "largest": good.max().to_numpy(),
            "within_small": 100 * (good <= SMALL).mean().to_numpy(),
        }
    )
