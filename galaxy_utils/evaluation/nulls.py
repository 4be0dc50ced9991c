"""Reference distributions: data without the structure that a score is meant to show."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.preprocessing import QuantileTransformer

from galaxy_utils.features.feature_table import MORPHOLOGY, modality_of

# Values of the column "data" in results of studies: the galaxies themselves, and each null.
REAL = "galaxies"
SINGLE_GAUSSIAN = "one Gaussian"
COPULA = "Gaussian copula, own marginals"
SHUFFLED_PAIRS = "permuted modalities"

Data = TypeVar("Data", pd.DataFrame, NDArray[np.float64])


def single_gaussian(X: Data, seed: int) -> Data:
    """Draw from one Gaussian with the mean and the covariance of the data."""
    values = _values(X)
    n, mean = len(values), values.mean(axis=0)
    mixing = np.random.default_rng(seed).normal(scale=(n - 1) ** -0.5, size=(n, n))
    return _like(X, mean + mixing @ (values - mean))  # has the sample's covariance


def gaussian_copula(X: Data, seed: int) -> Data:
    """Draw points with the marginal distributions of the data, correlated as one Gaussian."""
    values = _values(X)
    ranks = QuantileTransformer(
        n_quantiles=min(1000, len(values)), output_distribution="normal", subsample=None
    )
    drawn = single_gaussian(ranks.fit_transform(values), seed)
    return _like(X, np.asarray(ranks.inverse_transform(drawn), np.float64))


def shuffled_pairs(X: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Give every galaxy of a feature table the measured parameters of another.

    Morphology and deep features keep all of their structure; only their relation goes.
    """
    rows = np.random.default_rng(seed).permutation(len(X))
    measured = [name for name in X.columns if modality_of(name) == MORPHOLOGY]
    return X.assign(**{name: X[name].to_numpy()[rows] for name in measured})


NULLS = {SINGLE_GAUSSIAN: single_gaussian, COPULA: gaussian_copula}
"""Reference distributions without clusters: from data and a seed to as many points."""


def compare_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """Compare scores of the galaxies with those on the hardest null, the one that scores best.

    Parameters
    ----------
    scores : DataFrame
        Columns data (`REAL` and names of nulls), draw, partition, space, score, value. Densities
        in autoencoders, as in BIC, cannot be compared: they change with the unit of the space.

    Returns
    -------
    DataFrame
        Columns partition, space, score; value, low, high (mean and range over the draws of the
        galaxies); null, null_value, null_low, null_high (the same of the null whose mean is best;
        None and NaN without any); gain, gain_low, gain_high (mean and range of how much better
        the galaxies are in the same draw); exceeds_null (whether the worst value of the galaxies
        is better than the best one of all nulls).
    """
    keys = ["partition", "space", "score"]
    return pd.DataFrame(
        dict(zip(keys, key, strict=True)) | _comparison(cell, str(key[-1]))
        for key, cell in scores.groupby(keys, sort=False)
    )


def _comparison(cell: pd.DataFrame, score: str) -> dict[str, Any]:
    """Compare one score of one partition in one space, over draws."""
    sign = -1.0 if score == "davies_bouldin" else 1.0
    order = cell["data"].unique()  # of nulls that tie, the first is taken
    draws = cell.pivot(index="draw", columns="data", values="value")[order]
    real, nulls = draws[REAL], draws.drop(columns=REAL)
    means = (sign * nulls).mean().dropna()
    name = str(means.idxmax()) if len(means) else None
    null = nulls[name] if name else pd.Series(np.nan, draws.index)
    gain = sign * (real - null)
    return {
        "value": real.mean(), "low": real.min(), "high": real.max(),
        "null": name,
        "null_value": null.mean(), "null_low": null.min(), "null_high": null.max(),
        "gain": gain.mean(), "gain_low": gain.min(), "gain_high": gain.max(),
        "exceeds_null": bool((sign * real).min() > (sign * nulls).max().max()),
    }  # fmt: skip


def _values(X: Data) -> NDArray[np.float64]:
    """Return the values of a table row by row: sums depend on the order in memory."""
    if isinstance(X, pd.DataFrame):
        return np.ascontiguousarray(X.to_numpy(np.float64))
    return X


def _like(X: Data, drawn: NDArray[np.float64]) -> Data:
    """Return the points as a table if the data are one."""
    if isinstance(X, pd.DataFrame):
        return pd.DataFrame(drawn, X.index, X.columns).astype(X.dtypes.to_dict())
    return drawn
