"""The Gaussian mixture, its scores, and cluster names under a written rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import davies_bouldin_score, silhouette_score
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors

from galaxy_utils.morphology.measurement import FIVE

HIGH, MODERATE, LOW = "High", "Moderate", "Low"
LEVEL_WIDTH = 0.3
"""Robust standard deviations that a cluster's mean must lie off the mean of all
to be called High or Low."""

NO_LEVEL = "no level"
"""Where more than half of the galaxies have the same value, nothing is high or low."""

PAPER_PROFILES: dict[str, dict[str, tuple[str, ...]]] = {
    "interacting": {
        "concentration": (MODERATE,), "asymmetry": (HIGH,), "smoothness": (HIGH,),
        "gini": (HIGH,), "m20": (HIGH,),
    },
    "late type": {
        "concentration": (LOW,), "asymmetry": (LOW,), "smoothness": (HIGH,),
        "gini": (LOW,), "m20": (HIGH,),
    },
    "early type": {
        "concentration": (HIGH,), "asymmetry": (LOW,), "smoothness": (LOW,),
        "gini": (HIGH,), "m20": (LOW,),
    },
    "transitional": {
        "concentration": (MODERATE,), "asymmetry": (LOW,), "smoothness": (LOW,),
        "gini": (MODERATE,), "m20": (MODERATE,),
    },
}  # fmt: skip
"""Rows of table 2 as levels; the merged column Gini/M20 is read as one word for
each, and "Elevated" as High for both."""

SEEN_AS = {
    "interacting": ("merger",),
    "late type": ("spiral_cw", "spiral_acw", "spiral_combined", "edge_on"),
    "early type": ("elliptical",),
}
"""Galaxy Zoo 1 classes that a name of table 2 promises; it has none for the fourth."""

ODDS_LIMIT = 2.0
"""How many times higher the odds of those classes must be inside the cluster."""


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


def describe_clusters(catalogue: pd.DataFrame, column: str = "cluster") -> pd.DataFrame:
    """Mean parameters of each cluster, their levels, and a name by rule.

    A mean is High (Low) if it lies more than `LEVEL_WIDTH` robust standard
    deviations (1.4826 times the median absolute deviation) above (below) the
    mean of all galaxies, else Moderate; `NO_LEVEL` where that deviation is 0.
    A cluster is named after the row of the paper's table 2 that shares most of
    its five levels, if it shares at least four; else it stays unnamed.

    Parameters
    ----------
    catalogue : DataFrame
        Galaxies: the five parameters and the cluster.
    column : str
        Name of the cluster column.

    Returns
    -------
    DataFrame
        One row a cluster: cluster, galaxies, for each parameter its mean and
        its level (`<parameter>_level`), name, shared (levels shared with it).
    """
    levels = _level_edges(catalogue)
    rows = []
    for cluster, members in catalogue.groupby(column):
        row: dict[str, object] = {"cluster": cluster, "galaxies": len(members)}
        for name in FIVE:
            mean = float(members[name].mean())
            row[name], row[f"{name}_level"] = mean, _level(mean, *levels[name])
        row["name"], row["shared"] = _name_of(row)
        rows.append(row)
    return pd.DataFrame(rows)


def _level_edges(catalogue: pd.DataFrame) -> dict[str, tuple[float, float]]:
    edges = {}
    for name in FIVE:
        median = float(catalogue[name].median())
        spread = 1.4826 * float((catalogue[name] - median).abs().median())
        mean = float(catalogue[name].mean())
        edges[name] = (mean - LEVEL_WIDTH * spread, mean + LEVEL_WIDTH * spread)
    return edges


def _level(value: float, low: float, high: float) -> str:
    if low == high:
        return NO_LEVEL
    if value > high:
        return HIGH
    return LOW if value < low else MODERATE


def _name_of(row: dict[str, object]) -> tuple[str, int]:
    shared = {
        name: sum(row[f"{parameter}_level"] in words for parameter, words in profile.items())
        for name, profile in PAPER_PROFILES.items()
    }
    best = max(shared, key=lambda name: shared[name])
    if shared[best] < 4:
        return "unnamed", shared[best]
    return best, shared[best]


def check_names_by_eye(described: pd.DataFrame, catalogue: pd.DataFrame) -> pd.DataFrame:
    """Ask whether the clusters with the paper's names hold what the names promise.

    A name holds if a cluster has it and, for the names of `SEEN_AS`, the odds
    of the Galaxy Zoo classes meant are at least `ODDS_LIMIT` times as high in
    that cluster as outside it.

    Parameters
    ----------
    described : DataFrame
        As made by `describe_clusters`.
    catalogue : DataFrame
        Columns cluster and gz1_class (missing where nobody looked).

    Returns
    -------
    DataFrame
        One row a name of `PAPER_PROFILES`: name, holds (True, False, or None
        where there are no classes), text (a sentence).
    """
    looked_at = catalogue.dropna(subset="gz1_class")
    rows = []
    for name in PAPER_PROFILES:
        mine = described.loc[described["name"] == name, "cluster"]
        rows.append((name, *_check_name(name, mine, looked_at)))
    return pd.DataFrame(rows, columns=["name", "holds", "text"]).astype({"holds": object})


def _check_name(name: str, clusters: pd.Series, looked_at: pd.DataFrame) -> tuple[bool | None, str]:
    if clusters.empty:
        return False, f"No cluster is named *{name}*."
    if name not in SEEN_AS:
        return (
            True,
            f"*{name.capitalize()}* is a name by levels only: no class of Galaxy Zoo is it.",
        )
    if looked_at.empty:
        return None, f"Whether *{name}* holds what it says cannot be seen without classes."
    inside = looked_at["cluster"].isin(clusters)
    meant = looked_at["gz1_class"].isin(SEEN_AS[name])
    ratio = odds_ratio(meant[inside], meant[~inside])
    shares = (
        f"{100 * meant[inside].mean():.0f} % against {100 * meant[~inside].mean():.0f} % elsewhere"
    )
    return ratio >= ODDS_LIMIT, f"In *{name}*, {shares} look it (odds {ratio:.1f} times as high)."


def odds_ratio(inside: pd.Series, outside: pd.Series) -> float:
    """Odds of a property in one group over those in another.

    Parameters
    ----------
    inside, outside : Series of bool
        Who has the property.

    Returns
    -------
    float
        Half a count is added to each of the four cells, so that it is finite.

    References
    ----------
    Haldane (1956); Anscombe (1956).
    """
    odds = [(group.sum() + 0.5) / ((~group).sum() + 0.5) for group in (inside, outside)]
    return float(odds[0] / odds[1])


def umap_layout(
    values: NDArray[np.floating], n_neighbors: int, min_dist: float, seed: int
) -> NDArray[np.float32]:
    """Lay out a space in the plane, for the eye only.

    Parameters
    ----------
    values : ndarray of float, shape (n, dimension)
        The space.
    n_neighbors : int
        Neighbours of the graph; at most n - 1.
    min_dist : float
        Smallest distance in the layout.
    seed : int
        Of the layout.

    Returns
    -------
    ndarray of float32, shape (n, 2)
        Positions without unit.

    References
    ----------
    McInnes, Healy & Melville (2018).
    """
    import warnings

    import umap

    n_neighbors = min(n_neighbors, len(values) - 1)
    distances, indices = NearestNeighbors(n_neighbors=n_neighbors).fit(values).kneighbors(values)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one thread when seeded; no transform of new points
        model = umap.UMAP(
            n_neighbors=n_neighbors,
            min_dist=min_dist,
            random_state=seed,
            precomputed_knn=(indices, distances.astype(np.float32)),
        )
        return np.asarray(model.fit_transform(values), dtype=np.float32)


def variance_between(values: pd.Series, cluster: pd.Series) -> float:
    """Share of a quantity's variance that lies between clusters.

    Parameters
    ----------
    values : Series of float
        The quantity.
    cluster : Series
        Cluster of each galaxy.

    Returns
    -------
    float
        Eta squared, 0 to 1.
    """
    means = values.groupby(cluster).transform("mean")
    return float(((means - values.mean()) ** 2).sum() / ((values - values.mean()) ** 2).sum())


def representatives(catalogue: pd.DataFrame, number: int) -> pd.DataFrame:
    """Choose the galaxies that stand for each cluster, and for the anomalies.

    Parameters
    ----------
    catalogue : DataFrame
        The kept galaxies.
    number : int
        How many of each.

    Returns
    -------
    DataFrame
        Columns group ("cluster k" or "anomaly"), objid, gz1_class; for a
        cluster the largest responsibilities, ties by log-likelihood; for the
        anomalies the lowest log-likelihoods. Short groups are filled with
        empty objids, so that each group has `number` rows.
    """
    normal = catalogue[~catalogue["anomaly"].astype(bool)]
    order = ["max_probability", "log_likelihood"]
    groups = {
        f"cluster {cluster}": members.sort_values(order, ascending=False)
        for cluster, members in normal.groupby("cluster")
    }
    odd = catalogue[catalogue["anomaly"].astype(bool)]
    groups["anomaly"] = odd.sort_values("log_likelihood")
    rows = []
    for name, members in groups.items():
        top = members.head(number)[["objid", "gz1_class"]].reset_index(drop=True)
        top = top.reindex(range(number)).astype(object).fillna("")
        rows.append(top.assign(group=name))
    return pd.concat(rows, ignore_index=True)


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
