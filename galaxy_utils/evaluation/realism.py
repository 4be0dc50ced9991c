"""Whether simulated galaxies can be told from real ones of the same class."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from galaxy_utils.features.feature_table import MeasuredColumns

MEASURED, DEEP = "measured", "deep"
"""The blocks of `realism`: all measured parameters together, all deep features together."""

N_FOLDS = 5
FEWEST_OF_A_CLASS = 25
"""With fewer simulated or real galaxies a class is left out."""

N_PRINCIPAL = 48
"""Principal components of the deep features that the classifier is shown."""


def realism(
    mock: pd.DataFrame, real: pd.DataFrame, classes: pd.Series, seed: int = 0
) -> pd.DataFrame:
    """Measure, class by class, how well a classifier tells simulated from real galaxies.

    Parameters
    ----------
    mock, real : DataFrame
        Feature tables with the same columns, one row per galaxy, index objid; see
        `galaxy_utils.features.feature_table`. No value is missing.
    classes : Series of str
        Class of every galaxy by objid, of both tables; galaxies without one are left out.
    seed : int
        Of classifiers and folds.

    Returns
    -------
    DataFrame
        One row per class and block of features: class; features (`measured`, gradient boosting on
        all measured parameters; `deep`, logistic regression on principal components of all deep
        features); auc, low, high (area under the curve: mean, least and largest over five folds;
        0.5 if the two are alike, 1 if they never are).

    Raises
    ------
    ValueError
        If the tables have different columns or share an objid.
    """
    if list(mock.columns) != list(real.columns):
        raise ValueError("simulated and real galaxies have different columns")
    if not mock.index.intersection(real.index).empty:
        raise ValueError("a galaxy cannot be both simulated and real: objids are shared")
    rows = []
    for name in classes.dropna().unique():
        members = classes.index[classes == name]
        of_mock, of_real = (table[table.index.isin(members)] for table in (mock, real))
        if min(len(of_mock), len(of_real)) >= FEWEST_OF_A_CLASS:
            rows += [{"class": name, **row} for row in _compare(of_mock, of_real, seed)]
    return pd.DataFrame(rows)


def _compare(mock: pd.DataFrame, real: pd.DataFrame, seed: int) -> list[dict[str, Any]]:
    """Rows of one class, without its name."""
    is_mock = np.arange(len(mock) + len(real)) < len(mock)
    both = pd.concat([mock, real])
    measured = MeasuredColumns()(both)
    rows = [{"features": MEASURED, **_areas(both[measured].to_numpy(), is_mock, seed)}]
    deep = both.drop(columns=measured)
    if not deep.empty:
        rows.append({"features": DEEP, **_areas(deep.to_numpy(), is_mock, seed, linear=True)})
    return rows


def _areas(
    X: NDArray[Any], is_mock: NDArray[np.bool_], seed: int, linear: bool = False
) -> dict[str, float]:
    """Area under the curve of a cross-validated classifier: mean, least and largest fold."""
    classifier: Any = HistGradientBoostingClassifier(
        max_iter=60, max_leaf_nodes=8, class_weight="balanced", random_state=seed
    )
    if linear:
        classifier = make_pipeline(
            StandardScaler(),
            PCA(min(N_PRINCIPAL, X.shape[1], len(X) // 2), random_state=seed),
            StandardScaler(),
            LogisticRegression(C=0.1, max_iter=1000, class_weight="balanced"),
        )
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed)
    areas = cross_val_score(classifier, X, is_mock, scoring="roc_auc", cv=folds)
    return {"auc": areas.mean(), "low": areas.min(), "high": areas.max()}
