"""How many cluster assignments lie within the errors of the measurement."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def assignment_changes(
    estimator: Any, X: pd.DataFrame, errors: pd.DataFrame, n_repeats: int = 20, seed: int = 0
) -> pd.DataFrame:
    """Move measured parameters within their standard errors, and predict the clusters again.

    The estimator stays as it was fitted, and the deep features stay as they are. All galaxies of
    the feature table are moved `n_repeats` times, in the columns that the errors name; those that
    lack an error are left out. Index objid; `cluster` is that of the galaxy as measured, `changed`
    the share of the repeats that put it into another one. `ValueError` if the errors name no column
    of the table, or an error is negative.
    """
    columns = [name for name in errors.columns if name in X.columns]
    if not columns:
        raise ValueError(
            f"errors of {', '.join(map(str, errors.columns)) or 'nothing'}, but the table has no "
            "such column; expected the names of measured parameters"
        )
    scale = errors.reindex(X.index)[columns].dropna()
    if (scale < 0).any(axis=None):
        wrong = scale.columns[(scale < 0).any()][0]
        raise ValueError(f"column {wrong}: a standard error is negative")
    table = X.loc[scale.index].astype(dict.fromkeys(columns, np.float64))
    measured = table[columns].to_numpy(copy=True)
    cluster = np.asarray(estimator.predict(table))
    rng, changed = np.random.default_rng(seed), np.zeros(len(table))
    for _ in range(n_repeats):
        table[columns] = measured + scale.to_numpy() * rng.standard_normal(measured.shape)
        changed += np.asarray(estimator.predict(table)) != cluster
    return pd.DataFrame({"cluster": cluster, "changed": changed / n_repeats}, table.index)


def changed_shares(changes: pd.DataFrame) -> dict[str, float]:
    """Return the shares of galaxies whose cluster changes, from `assignment_changes`.

    `half`, in at least half of the repeats; `any`, in at least one; `mean`, in one on average.
    """
    changed = changes["changed"]
    return {
        "half": float((changed >= 0.5).mean()),
        "any": float((changed > 0).mean()),
        "mean": float(changed.mean()),
    }
