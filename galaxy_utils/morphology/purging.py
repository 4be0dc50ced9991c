"""Data purging: invalid measurements, physical limits, then an Isolation Forest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from galaxy_utils.morphology.measurement import FIVE

KEPT = ""


@dataclass(frozen=True)
class Limits:
    """Bounds of the paper's purging.

    Parameters
    ----------
    concentration_minimum : float
        Dropped at or below.
    concentration_maximum : float
        Dropped above.
    asymmetry_maximum : float
        Dropped above.
    """

    concentration_minimum: float = 1.0
    concentration_maximum: float = 7.0
    asymmetry_maximum: float = 1.0


def purge(
    morphology: pd.DataFrame, limits: Limits, contamination: float, seed: int
) -> pd.DataFrame:
    """Decide for each galaxy whether it is kept, and why not.

    The order: a parameter that could not be measured, a catastrophic flag,
    the limits on C and A, then an Isolation Forest over the five parameters
    of what is left.

    Parameters
    ----------
    morphology : DataFrame
        Columns objid, the five parameters, flag, reason.
    limits : Limits
        Bounds on C and A.
    contamination : float
        Share of the remaining galaxies that the forest drops; 0 leaves it out.
    seed : int
        Seed of the forest.

    Returns
    -------
    DataFrame
        Columns objid, kept (bool), drop_reason (empty where kept), and
        isolation_score (lower is odder; NaN where the forest did not look).

    References
    ----------
    The paper's section on data purging; Liu, Ting & Zhou (2008).
    """
    reason = _reasons(morphology, limits)
    left = reason == KEPT
    score = np.full(len(morphology), np.nan)
    if contamination > 0 and left.sum() > 1:
        five = morphology.loc[left, list(FIVE)].to_numpy(float)
        odd, score[left] = _isolate(five, contamination, seed)
        reason[np.flatnonzero(left)[odd]] = "Isolation Forest"
    return pd.DataFrame(
        {
            "objid": morphology["objid"].to_numpy(),
            "kept": reason == KEPT,
            "drop_reason": reason,
            "isolation_score": score,
        }
    )


def _reasons(morphology: pd.DataFrame, limits: Limits) -> NDArray[np.object_]:
    reason = np.full(len(morphology), KEPT, dtype=object)
    missing = morphology[list(FIVE)].isna()
    tests = (
        ("A above the limit", morphology["asymmetry"] > limits.asymmetry_maximum),
        ("C above the limit", morphology["concentration"] > limits.concentration_maximum),
        ("C at or below the limit", morphology["concentration"] <= limits.concentration_minimum),
        ("statmorph flag 4", morphology["flag"] >= 4),
    )
    for name, failed in tests:  # the later test wins: it is the more fundamental one
        reason[failed.to_numpy()] = name
    for row in np.flatnonzero(missing.any(axis=1)):
        reason[row] = _missing_reason(str(morphology["reason"].iloc[row]), missing.iloc[row])
    return reason


def _missing_reason(reason: str, missing: pd.Series) -> str:
    if missing.all():
        return f"not measured: {reason.split(':')[0] or 'no reason given'}"
    return "not measured: " + ", ".join(name for name in FIVE if missing[name])


def _isolate(
    five: NDArray[np.float64], contamination: float, seed: int
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    forest = IsolationForest(n_estimators=200, contamination=contamination, random_state=seed)
    odd = forest.fit_predict(five) == -1
    return odd, forest.score_samples(five)


def count_reasons(purged: pd.DataFrame) -> pd.DataFrame:
    """Count the galaxies per reason, most frequent first.

    Parameters
    ----------
    purged : DataFrame
        As made by `purge`.

    Returns
    -------
    DataFrame
        Columns reason, galaxies, percent (of all galaxies).
    """
    counts = purged.loc[~purged["kept"], "drop_reason"].value_counts()
    return pd.DataFrame(
        {
            "reason": counts.index,
            "galaxies": counts.to_numpy(),
            "percent": np.round(100 * counts.to_numpy() / len(purged), 2),
        }
    )
