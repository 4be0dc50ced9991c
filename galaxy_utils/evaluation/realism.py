"""Whether simulated galaxies can be told from real ones of the same class."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import median_abs_deviation
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from galaxy_utils.features.feature_table import MORPHOLOGY, deep_blocks, modality_of
from galaxy_utils.simulate import twins
from galaxy_utils.simulate.families import GZ1_CLASSES

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
        features; or the name of one parameter, gradient boosting on it alone); auc, low, high
        (area under the curve: mean, least and largest over five folds; 0.5 if the two are alike,
        1 if they never are); and for single parameters mock_median, real_median, mock_scatter,
        real_scatter (robust standard deviation), NaN for blocks.

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
    parameters = [name for name in both.columns if modality_of(str(name)) == MORPHOLOGY]
    rows = [{"features": MEASURED, **_areas(both[parameters].to_numpy(), is_mock, seed)}]
    deep = list(deep_blocks(both).values())
    if deep:
        rows.append({"features": DEEP, **_areas(np.hstack(deep), is_mock, seed, linear=True)})
    for name in parameters:
        rows.append({
            "features": name,
            **_areas(both[[name]].to_numpy(), is_mock, seed),
            "mock_median": mock[name].median(),
            "real_median": real[name].median(),
            "mock_scatter": median_abs_deviation(mock[name], scale="normal"),
            "real_scatter": median_abs_deviation(real[name], scale="normal"),
        })  # fmt: skip
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


def fit_population(
    drawn: pd.DataFrame, measured: pd.DataFrame, real: pd.DataFrame, number: int, seed: int = 0
) -> pd.DataFrame:
    """Resample simulated galaxies so that they measure like real ones, class by class.

    Importance sampling with a density ratio estimated by a classifier, which makes the
    resampled properties an approximate posterior of those of the real galaxies.

    Parameters
    ----------
    drawn : DataFrame
        Properties of simulated galaxies, from a broad prior or an earlier population, with the
        columns family and objid.
    measured, real : DataFrame
        Measurements of simulated and of real galaxies, with the same columns and none missing;
        index objid. Simulated galaxies that could not be measured have no row; `real` has the
        column class, too, one of the values of `families.GZ1_CLASSES`.
    number : int
        Members of each family.
    seed : int
        Of classifiers and resampling.

    Returns
    -------
    DataFrame
        Rows of `drawn`, `number` of each family (some repeatedly), with the columns of `MEASURED`
        of `galaxy_utils.simulate.twins` as `measured_<name>`.

    References
    ----------
    Sugiyama, Suzuki & Kanamori (2012), chapter 4: density ratios by probabilistic classification.
    """
    rng = np.random.default_rng(seed)
    names = [name for name in real.columns if name != "class"]
    drawn = drawn.set_index("objid").loc[measured.index]
    members = []
    for name in dict.fromkeys(GZ1_CLASSES.values()):
        simulated = drawn["family"].map(GZ1_CLASSES) == name
        alike = real.loc[real["class"] == name, names]
        weights = _density_ratio(measured.loc[simulated, names], alike, seed)
        for family, group in weights.groupby(drawn.loc[simulated, "family"], sort=False):
            shares = np.cumsum(group) / group.sum()
            chosen = np.searchsorted(shares, (np.arange(number) + rng.random()) / number)
            members.append(drawn.loc[group.index[chosen]].assign(family=family))
    table = pd.concat(members)
    of_twins = measured.loc[table.index, list(twins.MEASURED)].add_prefix("measured_")
    return pd.concat([table, of_twins], axis=1).reset_index(drop=True)


def _density_ratio(simulated: pd.DataFrame, real: pd.DataFrame, seed: int) -> pd.Series:
    """Density of real over that of simulated galaxies, at the simulated ones; at most 20."""
    both = pd.concat([simulated, real]).to_numpy()
    is_simulated = np.arange(len(both)) < len(simulated)
    classifier = HistGradientBoostingClassifier(
        max_iter=80, learning_rate=0.08, max_leaf_nodes=8, l2_regularization=5.0,
        class_weight="balanced", random_state=seed,
    )  # fmt: skip
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed)
    probability = cross_val_predict(
        classifier, both, is_simulated, cv=folds, method="predict_proba"
    )[: len(simulated), 1]
    return pd.Series(np.minimum((1 - probability) / probability, 20.0), simulated.index)
