"""Data purging: invalid measurements, physical limits, then an Isolation Forest."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.ensemble import IsolationForest

from galaxy_utils.morphology.columns import FIVE
from galaxy_utils.morphology.reasons import CATASTROPHIC


def purge(
    morphology: pd.DataFrame,
    forest: IsolationForest | None,
    concentration_minimum: float = 1.0,
    concentration_maximum: float = 7.0,
    asymmetry_maximum: float = 1.0,
) -> pd.DataFrame:
    """Decide for each galaxy whether it is kept, and why not (the paper's data purging).

    The order: a parameter that could not be measured, a catastrophic flag,
    the limits on C and A, then an Isolation Forest (Liu, Ting & Zhou 2008) over
    the five parameters of what is left.

    Parameters
    ----------
    morphology : DataFrame
        Columns objid, the five parameters, flag, reason.
    forest : IsolationForest or None
        Fitted here; its outliers are dropped. None leaves this step out.
    concentration_minimum, concentration_maximum, asymmetry_maximum : float
        Dropped at or below the minimum and above the maxima.

    Returns
    -------
    DataFrame
        Columns objid, kept (bool), drop_reason (empty where kept), and
        isolation_score (lower is more anomalous; NaN where the forest was not asked).
    """
    reason = np.full(len(morphology), "", dtype=object)
    concentration, missing = morphology["concentration"], morphology[list(FIVE)].isna()
    failed = {
        "A above the limit": morphology["asymmetry"] > asymmetry_maximum,
        "C above the limit": concentration > concentration_maximum,
        "C at or below the limit": concentration <= concentration_minimum,
        "statmorph flag 4": morphology["flag"] >= CATASTROPHIC,
    }
    for name, rows in failed.items():  # the later reason wins: it is the more fundamental one
        reason[rows.to_numpy()] = name
    for row in np.flatnonzero(missing.any(axis=1)):
        reason[row] = _unmeasured(str(morphology["reason"].iloc[row]), missing.iloc[row])
    score = np.full(len(morphology), np.nan)
    left = np.flatnonzero(reason == "")
    if forest is not None and left.size > 1:
        values = morphology[list(FIVE)].to_numpy(float)[left]
        reason[left[forest.fit_predict(values) == -1]] = "Isolation Forest"
        score[left] = forest.score_samples(values)
    return pd.DataFrame(
        {
            "objid": morphology["objid"].to_numpy(),
            "kept": reason == "",
            "drop_reason": reason,
            "isolation_score": score,
        }
    )


def _unmeasured(reason: str, missing: pd.Series) -> str:
    if missing.all():
        return f"not measured: {reason.split(':')[0] or 'no reason given'}"
    return "not measured: " + ", ".join(name for name in FIVE if missing[name])
