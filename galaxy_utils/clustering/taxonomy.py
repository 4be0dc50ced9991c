"""Names of clusters by the rule behind the paper's table 2, and what the names promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import davies_bouldin_score, silhouette_score
from sklearn.mixture import GaussianMixture

from galaxy_utils.morphology.measurement import FIVE

HIGH, MODERATE, LOW = "High", "Moderate", "Low"
LEVEL_WIDTH = 0.3
"""Robust standard deviations that a cluster's mean must lie off the mean of all galaxies to be
called High or Low."""

NO_LEVEL = "no level"
"""Where more than half of the galaxies have the same value, nothing is high or low."""

PAPER_PROFILES = {
    "interacting": (MODERATE, HIGH, HIGH, HIGH, HIGH),
    "late type": (LOW, LOW, HIGH, LOW, HIGH),
    "early type": (HIGH, LOW, LOW, HIGH, LOW),
    "transitional": (MODERATE, LOW, LOW, MODERATE, MODERATE),
}
"""Rows of table 2 as levels of `FIVE`; the merged column Gini/M20 is read as one word for each,
and "Elevated" as High for both."""

SHARED_LEVELS = 4
"""Levels that a cluster must share with a row of table 2 to get its name."""

UNNAMED = "unnamed"

PROMISED_CLASSES = {
    "interacting": ("merger",),
    "late type": ("spiral_cw", "spiral_acw", "spiral_combined", "edge_on"),
    "early type": ("elliptical",),
}
"""Galaxy Zoo 1 classes that a name of table 2 promises; there is none for the fourth."""

ODDS_LIMIT = 2.0
"""How many times higher the odds of those classes must be inside the cluster."""


def describe_clusters(catalogue: pd.DataFrame) -> pd.DataFrame:
    """Return mean parameters of each cluster, their levels, and a name by rule.

    A mean is High (Low) if it lies more than `LEVEL_WIDTH` robust standard deviations (1.4826
    times the median absolute deviation) above (below) the mean of all galaxies, else Moderate;
    `NO_LEVEL` where that deviation is 0. A cluster is named after the row of the paper's table 2
    that shares most of its five levels, if it shares at least `SHARED_LEVELS`.

    Parameters
    ----------
    catalogue : DataFrame
        Galaxies: the five parameters and their cluster.

    Returns
    -------
    DataFrame
        One row per cluster: cluster, galaxies, for each parameter its mean and its level
        (`<parameter>_level`), name, shared (number of levels shared with it).
    """
    five = catalogue[list(FIVE)]
    width = LEVEL_WIDTH * (1.4826 * (five - five.median()).abs().median())
    low, high = five.mean() - width, five.mean() + width
    rows = []
    for cluster, members in catalogue.groupby("cluster"):
        row: dict[str, Any] = {"cluster": cluster, "galaxies": len(members)}
        for name in FIVE:
            row[name] = float(members[name].mean())
            row[f"{name}_level"] = _level(row[name], low[name], high[name])
        levels = [row[f"{name}_level"] for name in FIVE]
        shared = {
            name: sum(a == b for a, b in zip(levels, profile, strict=True))
            for name, profile in PAPER_PROFILES.items()
        }
        best = max(shared, key=lambda name: shared[name])
        row["name"] = best if shared[best] >= SHARED_LEVELS else UNNAMED
        rows.append(row | {"shared": shared[best]})
    return pd.DataFrame(rows)


def _level(value: float, low: float, high: float) -> str:
    if low == high:
        return NO_LEVEL
    if value > high:
        return HIGH
    return LOW if value < low else MODERATE


def check_cluster_names(described: pd.DataFrame, catalogue: pd.DataFrame) -> pd.DataFrame:
    """Compare the names of clusters with the Galaxy Zoo classes that the names promise.

    A name holds if a cluster has it and, where `PROMISED_CLASSES` has classes for it, if the
    odds of these classes are at least `ODDS_LIMIT` times as high in that cluster as outside it.

    Parameters
    ----------
    described : DataFrame
        From `describe_clusters`.
    catalogue : DataFrame
        Columns cluster and gz1_class (missing where there is none).

    Returns
    -------
    DataFrame
        Index: the names of `PAPER_PROFILES`; columns finding ("absent", "levels only",
        "no classes" or "classes"), holds (True, False, or None where there are no classes),
        inside, outside (percent of galaxies with a promised class) and odds_ratio.
    """
    classified = catalogue.dropna(subset="gz1_class")
    rows = {}
    for name in PAPER_PROFILES:
        clusters = described.loc[described["name"] == name, "cluster"]
        row: dict[str, Any] = {"inside": np.nan, "outside": np.nan, "odds_ratio": np.nan}
        if clusters.empty:
            row |= {"finding": "absent", "holds": False}
        elif name not in PROMISED_CLASSES:
            row |= {"finding": "levels only", "holds": True}
        elif classified.empty:
            row |= {"finding": "no classes", "holds": None}
        else:
            inside = classified["cluster"].isin(clusters)
            promised = classified["gz1_class"].isin(PROMISED_CLASSES[name])
            ratio = odds_ratio(promised[inside], promised[~inside])
            row = {"inside": 100 * promised[inside].mean(), "odds_ratio": ratio}
            row |= {"outside": 100 * promised[~inside].mean()}
            row |= {"finding": "classes", "holds": ratio >= ODDS_LIMIT}
        rows[name] = row
    return pd.DataFrame.from_dict(rows, orient="index").astype({"holds": object})


def odds_ratio(inside: pd.Series, outside: pd.Series) -> float:
    """Return the odds of a property in one group over those in another.

    Parameters
    ----------
    inside, outside : Series of bool
        Which galaxies have the property.

    Returns
    -------
    float
        Half a count is added to each of the four cells, so that it is finite.

    References
    ----------
    Haldane (1956), Ann. Hum. Genet. 20, 309; Anscombe (1956), Biometrika 43, 461.
    """
    odds = [(group.sum() + 0.5) / ((~group).sum() + 0.5) for group in (inside, outside)]
    return float(odds[0] / odds[1])


def eta_squared(values: pd.Series, cluster: pd.Series) -> float:
    """Return the share of a quantity's variance that lies between clusters, 0 to 1."""
    means = values.groupby(cluster).transform("mean")
    return float(((means - values.mean()) ** 2).sum() / ((values - values.mean()) ** 2).sum())


def representatives(catalogue: pd.DataFrame, number: int) -> pd.DataFrame:
    """Select the galaxies that stand for each cluster, and for the anomalies.

    Parameters
    ----------
    catalogue : DataFrame
        The kept galaxies.
    number : int
        How many of each.

    Returns
    -------
    DataFrame
        Columns objid, gz1_class, group ("cluster k" or "anomaly"): of a cluster the galaxies of
        largest probability, ties by log-likelihood; of the anomalies those of lowest
        log-likelihood. Small groups are filled with empty objids, so that each group has
        `number` rows.
    """
    anomalous = catalogue["anomaly"].astype(bool)
    order = ["max_probability", "log_likelihood"]
    groups = {
        f"cluster {cluster}": members.sort_values(order, ascending=False)
        for cluster, members in catalogue[~anomalous].groupby("cluster")
    }
    groups["anomaly"] = catalogue[anomalous].sort_values("log_likelihood")
    rows = []
    for name, members in groups.items():
        top = members.head(number)[["objid", "gz1_class"]].reset_index(drop=True)
        top = top.reindex(range(number)).astype(object).fillna("")
        rows.append(top.assign(group=name))
    return pd.concat(rows, ignore_index=True)


# Superseded by `clustering.mixture` and `evaluation.metrics`; kept until nothing imports it.


@dataclass(frozen=True)
class MixtureFit:
    """A fitted mixture and what it says of every galaxy.

    Parameters
    ----------
    model : GaussianMixture
        Components sorted by falling weight.
    responsibilities : ndarray of float64, shape (n_galaxies, n_components)
        Posterior of each component.
    log_likelihood : ndarray of float64, shape (n_galaxies,)
        Natural logarithm of the density.
    cluster : ndarray of int64, shape (n_galaxies,)
        Component of largest responsibility.
    lower_bounds : ndarray of float64, shape (n_iterations,)
        Mean log-likelihood bound after each step of EM, best start.
    """

    model: GaussianMixture
    responsibilities: NDArray[np.float64]
    log_likelihood: NDArray[np.float64]
    cluster: NDArray[np.int64]
    lower_bounds: NDArray[np.float64]


def fit_mixture(
    values: NDArray[np.floating],
    n_components: int,
    covariance_type: str = "full",
    n_init: int = 3,
    reg_covar: float = 1e-4,
    seed: int = 0,
) -> MixtureFit:
    """Fit a Gaussian mixture by expectation maximisation.

    Parameters
    ----------
    values : ndarray of float, shape (n_galaxies, dimension)
        The space to cluster in.
    n_components : int
        Number of components.
    covariance_type : str
        full, tied, diag or spherical.
    n_init : int
        Starts from k-means; the likeliest is kept.
    reg_covar : float
        Added to the diagonal, in units of the mean variance of `values`.
    seed : int
        Of the starts.

    Returns
    -------
    MixtureFit
        Components ordered by falling weight, so that numbers are comparable.

    References
    ----------
    Dempster, Laird & Rubin (1977); scikit-learn's GaussianMixture.
    """
    values = np.asarray(values, dtype=np.float64)
    model = GaussianMixture(
        n_components,
        covariance_type=covariance_type,
        n_init=n_init,
        reg_covar=max(reg_covar * float(values.var(axis=0).mean()), 1e-12),
        max_iter=500,
        random_state=seed,
    ).fit(values)
    _sort_components(model)
    responsibilities = model.predict_proba(values)
    return MixtureFit(
        model,
        responsibilities,
        model.score_samples(values),
        responsibilities.argmax(axis=1).astype(np.int64),
        np.asarray(model.lower_bounds_, dtype=np.float64),
    )


def taught_mixture(
    values: NDArray[np.floating],
    votes: NDArray[np.floating],
    covariance_type: str = "diag",
    reg_covar: float = 1e-4,
) -> MixtureFit:
    """Make a Gaussian mixture from responsibilities that are given, not found.

    Parameters
    ----------
    values : ndarray of float, shape (n_galaxies, dimension)
        The space.
    votes : ndarray of float, shape (n_galaxies, n_components)
        Share of each component in each galaxy; rows add up to one.
    covariance_type, reg_covar
        As in `fit_mixture`.

    Returns
    -------
    MixtureFit
        The one step in which expectation maximisation makes weights, means and
        covariances from responsibilities; it is not repeated, and the responsibilities
        of the fit are those of the mixture. Components ordered by falling weight; one
        that nobody votes for has no weight, and mean and covariance of all galaxies.

    Raises
    ------
    ValueError
        If galaxies and votes differ in number.

    References
    ----------
    Dempster, Laird & Rubin (1977), M-step.
    """
    if len(values) != len(votes):
        raise ValueError(f"{len(values)} galaxies and votes on {len(votes)}")
    points: NDArray[np.float64] = np.asarray(values, np.float64)
    shares: NDArray[np.float64] = np.asarray(votes, np.float64)
    shares = np.where(shares.sum(axis=0) > 0, shares, np.finfo(np.float64).eps)
    reg = max(reg_covar * float(points.var(axis=0).mean()), 1e-12)
    model = GaussianMixture(shares.shape[1], covariance_type=covariance_type, reg_covar=reg)
    number = shares.sum(axis=0)
    model.weights_, model.means_ = number / number.sum(), shares.T @ points / number[:, None]
    model.covariances_ = _covariances(points, shares, model, number)
    model.precisions_cholesky_ = _precisions_cholesky(model.covariances_, covariance_type)
    _sort_components(model)
    responsibilities, likelihood = model.predict_proba(points), model.score_samples(points)
    cluster = responsibilities.argmax(axis=1).astype(np.int64)
    return MixtureFit(
        model, responsibilities, likelihood, cluster, np.array([float(likelihood.mean())])
    )


def _covariances(
    values: NDArray[np.float64],
    votes: NDArray[np.float64],
    model: GaussianMixture,
    number: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Weighted covariances of the kind of the model."""
    dimension, kind = values.shape[1], model.covariance_type
    if kind in ("diag", "spherical"):
        variances = votes.T @ values**2 / number[:, None] - model.means_**2 + model.reg_covar
        return np.asarray(variances if kind == "diag" else variances.mean(axis=1))
    each = np.array([
        (share[:, None] * (values - mean)).T @ (values - mean) / weight
        for share, mean, weight in zip(votes.T, model.means_, number, strict=True)
    ])  # fmt: skip
    if kind == "tied":
        each = np.tensordot(number / number.sum(), each, axes=1)
    return np.asarray(each + model.reg_covar * np.eye(dimension))


def _precisions_cholesky(covariances: NDArray[np.float64], kind: str) -> NDArray[np.float64]:
    if kind in ("diag", "spherical"):
        return 1 / np.sqrt(covariances)
    return np.asarray(np.linalg.inv(np.linalg.cholesky(covariances)).swapaxes(-1, -2))


def _sort_components(model: GaussianMixture) -> None:
    order = np.argsort(-model.weights_, kind="stable")
    names = ["weights_", "means_"]
    if model.covariance_type != "tied":
        names += ["covariances_", "precisions_", "precisions_cholesky_"]
    for name in names:
        if hasattr(model, name):  # precisions themselves are made by expectation maximisation alone
            setattr(model, name, getattr(model, name)[order])


def n_free_parameters(model: GaussianMixture) -> int:
    """Count what a mixture fits.

    Parameters
    ----------
    model : GaussianMixture
        Fitted.

    Returns
    -------
    int
        Weights, means and covariances.
    """
    k, d = model.means_.shape
    covariance = {"full": k * d * (d + 1) // 2, "tied": d * (d + 1) // 2, "diag": k * d,
                  "spherical": k}[model.covariance_type]  # fmt: skip
    return int(k - 1 + k * d + covariance)


def lowest(log_likelihood: NDArray[np.float64], percent: float) -> NDArray[np.bool_]:
    """Mark the galaxies of lowest log-likelihood.

    Parameters
    ----------
    log_likelihood : ndarray of float64, shape (n,)
        One a galaxy.
    percent : float
        How many of them, in percent: the quantile is chosen, not found.

    Returns
    -------
    ndarray of bool, shape (n,)
        True for the anomalies, round(percent / 100 * n) of them.
    """
    marked = np.zeros(len(log_likelihood), dtype=bool)
    count = round(percent / 100 * len(log_likelihood))
    marked[np.argsort(log_likelihood, kind="stable")[:count]] = True
    return marked


def internal_scores(values: NDArray[np.floating], cluster: NDArray[np.int64]) -> dict[str, float]:
    """Davies-Bouldin index and silhouette of a partition in one space.

    Parameters
    ----------
    values : ndarray of float, shape (n, dimension)
        Where distances are taken.
    cluster : ndarray of int64, shape (n,)
        The partition.

    Returns
    -------
    dict
        `davies_bouldin` (lower is better) and `silhouette` (-1 to 1); NaN
        where fewer than two clusters have members, or each galaxy is its own.

    References
    ----------
    Davies & Bouldin (1979); Rousseeuw (1987).
    """
    if not 2 <= len(np.unique(cluster)) < len(cluster):
        return {"davies_bouldin": np.nan, "silhouette": np.nan}
    return {
        "davies_bouldin": float(davies_bouldin_score(values, cluster)),
        "silhouette": float(silhouette_score(values, cluster)),
    }


def confidence_score(
    threshold: float,
    n_components: int,
    covariance_type: str,
    n_init: int,
    reg_covar: float,
    seed: int,
) -> Callable[[NDArray[np.float64]], float]:
    """Make a score of points: how many a mixture fitted to them is confident of.

    Parameters
    ----------
    threshold : float
        Of the largest responsibility.
    n_components, covariance_type, n_init, reg_covar, seed
        As in `fit_mixture`.

    Returns
    -------
    callable
        From points, shape (n, dimension), to a percentage.
    """

    def score(values: NDArray[np.float64]) -> float:
        """Fit and count."""
        fit = fit_mixture(values, n_components, covariance_type, n_init, reg_covar, seed)
        return float(100 * (fit.responsibilities.max(axis=1) > threshold).mean())

    return score
