"""Every score of a partition: in a space, under a mixture, against classes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import (
    adjusted_mutual_info_score,
    adjusted_rand_score,
    calinski_harabasz_score,
    davies_bouldin_score,
    silhouette_samples,
)
from sklearn.metrics.cluster import contingency_matrix

from galaxy_utils.clustering.taxonomy import MixtureFit, internal_scores, n_free_parameters

SATURATED = 0.99
"""A largest responsibility above it is as good as one."""

INTERNAL = ("silhouette", "davies_bouldin", "calinski_harabasz")
"""Scores that need a space and a partition, no classes."""

LOWER_IS_BETTER = ("davies_bouldin", "bic", "icl")

OF_SCALE = ("bic", "icl")
"""Scores of a density, which change with the unit of the space: every autoencoder
sets that anew, so between two of them these cannot be compared."""

RESAMPLINGS = 200


def in_space(values: NDArray[np.floating], cluster: NDArray[np.int64]) -> dict[str, float]:
    """Score a partition by distances in one space.

    Parameters
    ----------
    values : ndarray of float, shape (n, dimension)
        The space.
    cluster : ndarray of int64, shape (n,)
        The partition.

    Returns
    -------
    dict
        `INTERNAL`; NaN where fewer than two clusters have members.

    References
    ----------
    Rousseeuw (1987); Davies & Bouldin (1979); Calinski & Harabasz (1974).
    """
    found = internal_scores(values, cluster)
    defined = np.isfinite(found["silhouette"])
    ratio = float(calinski_harabasz_score(values, cluster)) if defined else np.nan
    return {**found, "calinski_harabasz": ratio}


def under_mixture(fit: MixtureFit, confidence: float) -> dict[str, float]:
    """Score a mixture by its likelihood and its responsibilities.

    Parameters
    ----------
    fit : MixtureFit
        The mixture and what it says of the galaxies it was fitted to.
    confidence : float
        Threshold of the largest responsibility.

    Returns
    -------
    dict
        `log_likelihood`, `bic` and `icl` a galaxy (natural units; BIC and ICL
        as minus two log-likelihoods plus penalty, lower is better),
        `confident` and `saturated` (percent of galaxies).

    References
    ----------
    Schwarz (1978); Biernacki, Celeux & Govaert (2000).
    """
    n, largest = len(fit.cluster), fit.responsibilities.max(axis=1)
    bic = -2 * fit.log_likelihood.sum() + n_free_parameters(fit.model) * np.log(n)
    entropy = -float((fit.responsibilities * np.log(fit.responsibilities + 1e-300)).sum())
    return {
        "log_likelihood": float(fit.log_likelihood.mean()),
        "bic": float(bic / n),
        "icl": float((bic + 2 * entropy) / n),
        "confident": float(100 * (largest > confidence).mean()),
        "saturated": float(100 * (largest > SATURATED).mean()),
    }


def against_classes(classes: NDArray[np.object_], cluster: NDArray[np.int64]) -> dict[str, float]:
    """Score a partition by classes that are known otherwise.

    Parameters
    ----------
    classes : ndarray of str, shape (n,)
        Class of each galaxy; missing ones (None, NaN) are left out.
    cluster : ndarray of int64, shape (n,)
        The partition.

    Returns
    -------
    dict
        `ari`, `ami` (0 expected by chance); `accuracy` and `balanced_accuracy`
        after one-to-one matching, shares of one: the second is the mean over
        the classes of the share that is matched. NaN where no class is known.

    References
    ----------
    Hubert & Arabie (1985); Vinh, Epps & Bailey (2010); Kuhn (1955).
    """
    known = np.asarray(pd.notna(classes))
    names = ("ari", "ami", "accuracy", "balanced_accuracy")
    if known.sum() < 2:
        return dict.fromkeys(names, np.nan)
    codes, labels = pd.factorize(classes[known])[0], pd.factorize(cluster[known])[0]
    counts = contingency_matrix(codes, labels)
    return {
        "ari": float(adjusted_rand_score(codes, labels)),
        "ami": float(adjusted_mutual_info_score(codes, labels)),
        "accuracy": matched_share(counts / counts.sum()),
        "balanced_accuracy": matched_share(
            counts / counts.sum(axis=1, keepdims=True) / len(counts)
        ),
    }


def matched_share(shares: NDArray[np.number]) -> float:
    """Sum over classes and clusters that are matched one to one, at its largest.

    Parameters
    ----------
    shares : ndarray of float64 or int64, shape (n_classes, n_clusters)
        What each cluster has of each class.

    Returns
    -------
    float
        Accuracy after matching, where `shares` sums to one; of counts their sum, exactly.

    References
    ----------
    Kuhn (1955).
    """
    rows, columns = linear_sum_assignment(-shares)
    return float(shares[rows, columns].sum())


def matched_onto(cluster: NDArray[np.int64], onto: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number the clusters of a partition as those of another that they share most with.

    Parameters
    ----------
    cluster, onto : ndarray of int64, shape (n,)
        Two partitions of the same galaxies, numbers from 0.

    Returns
    -------
    ndarray of int64, shape (n,)
        The first partition in the numbers of the second; -1 in clusters that
        are left over where the first has more.

    References
    ----------
    Kuhn (1955).
    """
    counts = np.zeros((cluster.max() + 1, onto.max() + 1))
    np.add.at(counts, (cluster, onto), 1)
    number = np.full(len(counts), -1, dtype=np.int64)
    rows, columns = linear_sum_assignment(-counts)
    number[rows] = columns
    return number[cluster]


def bootstrap_in_space(
    values: NDArray[np.floating], cluster: NDArray[np.int64], seed: int
) -> dict[str, tuple[float, float]]:
    """Intervals of the scores in a space, galaxies resampled, partition kept.

    The silhouettes are those in the whole sample: a galaxy drawn twice would
    else be its own nearest neighbour. The other two are taken anew.

    Parameters
    ----------
    values : ndarray of float, shape (n, dimension)
        The space.
    cluster : ndarray of int64, shape (n,)
        The partition.
    seed : int
        Of the resampling.

    Returns
    -------
    dict of str to (float, float)
        95 % interval of each of `INTERNAL`.

    References
    ----------
    Efron & Tibshirani (1993).
    """
    if not 2 <= len(np.unique(cluster)) < len(cluster):
        return dict.fromkeys(INTERNAL, (np.nan, np.nan))
    each = silhouette_samples(values, cluster)
    found = []
    for rows in _resamples(len(each), seed):
        silhouette = float(each[rows].mean())
        found.append((silhouette, *_by_centres(values[rows], cluster[rows])))
    return _interval(pd.DataFrame(found, columns=list(INTERNAL)))


def _by_centres(values: NDArray[np.floating], cluster: NDArray[np.int64]) -> tuple[float, float]:
    """Davies-Bouldin and Calinski-Harabasz; NaN where a resample has one cluster left."""
    if len(np.unique(cluster)) < 2:
        return np.nan, np.nan
    return (
        float(davies_bouldin_score(values, cluster)),
        float(calinski_harabasz_score(values, cluster)),
    )


def bootstrap_of_shares(
    responsibilities: NDArray[np.float64], confidence: float, seed: int
) -> dict[str, tuple[float, float]]:
    """Intervals of the shares of confident and saturated galaxies, mixture kept.

    Parameters
    ----------
    responsibilities : ndarray of float64, shape (n, n_components)
        Posterior of each component.
    confidence : float
        Threshold of the largest responsibility.
    seed : int
        Of the resampling.

    Returns
    -------
    dict of str to (float, float)
        95 % interval of `confident` and `saturated`, in percent, as of `under_mixture`.

    References
    ----------
    Efron & Tibshirani (1993).
    """
    largest = responsibilities.max(axis=1)
    rows = _resamples(len(largest), seed)
    limits = {"confident": confidence, "saturated": SATURATED}
    shares = {name: 100 * (largest > limit)[rows].mean(axis=1) for name, limit in limits.items()}
    return _interval(pd.DataFrame(shares))


def _resamples(n: int, seed: int) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(0, n, (RESAMPLINGS, n))


def _interval(found: pd.DataFrame) -> dict[str, tuple[float, float]]:
    low, high = found.quantile(0.025), found.quantile(0.975)
    return {str(name): (float(low[name]), float(high[name])) for name in found.columns}


def bootstrap_against_classes(
    classes: NDArray[np.object_], cluster: NDArray[np.int64], seed: int
) -> dict[str, tuple[float, float]]:
    """Intervals of the scores against classes, galaxies resampled, partition kept.

    Parameters
    ----------
    classes, cluster
        As in `against_classes`.
    seed : int
        Of the resampling.

    Returns
    -------
    dict of str to (float, float)
        95 % interval of each score.

    References
    ----------
    Efron & Tibshirani (1993).
    """
    draws = _resamples(len(cluster), seed)
    return _interval(
        pd.DataFrame([against_classes(classes[rows], cluster[rows]) for rows in draws])
    )


def permuted_classes(
    classes: NDArray[np.object_], cluster: NDArray[np.int64], n_draws: int, seed: int
) -> pd.DataFrame:
    """Scores against classes when the labels are shuffled among the galaxies.

    Parameters
    ----------
    classes, cluster
        As in `against_classes`.
    n_draws : int
        How many permutations.
    seed : int
        Of the permutations.

    Returns
    -------
    DataFrame
        One row a permutation, one column a score.
    """
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        [against_classes(classes, rng.permutation(cluster)) for _ in range(n_draws)]
    )


def contingency(classes: NDArray[np.object_], cluster: NDArray[np.int64]) -> pd.DataFrame:
    """Count galaxies by class and cluster.

    Parameters
    ----------
    classes : ndarray of str, shape (n,)
        Class of each galaxy; missing ones are left out.
    cluster : ndarray of int64, shape (n,)
        The partition.

    Returns
    -------
    DataFrame
        One row a class, one column a cluster; matched ones come first, so that
        the diagonal is what counts as right. Matched by shares of the classes.
        Without classes a single row of zeros.
    """
    known = np.asarray(pd.notna(classes))
    clusters = [str(c) for c in np.unique(cluster)]
    if not known.any():
        return pd.DataFrame(0, index=["no class"], columns=clusters)
    counts = pd.crosstab(classes[known], cluster[known]).rename(columns=str)
    counts = counts.reindex(columns=clusters, fill_value=0)
    shares = counts.to_numpy() / counts.to_numpy().sum(axis=1, keepdims=True)
    rows, columns = linear_sum_assignment(-shares)
    unmatched = [row for row in range(len(counts)) if row not in rows]
    rest = [column for column in range(len(clusters)) if column not in columns]
    table = counts.iloc[[*rows, *unmatched], [*columns, *rest]]
    return table.rename_axis(index=None, columns=None)


def recall(table: pd.DataFrame) -> pd.Series:
    """Share of each class in the cluster matched to it.

    Parameters
    ----------
    table : DataFrame
        As of `contingency`.

    Returns
    -------
    Series of float
        Index: class; 0 where a class has no cluster of its own.
    """
    counts = table.to_numpy(float)
    total = np.maximum(counts.sum(axis=1), 1)
    matched = np.zeros(len(counts))
    number = min(counts.shape)
    matched[:number] = np.diag(counts)[:number]
    return pd.Series(matched / total, index=table.index)


def with_p_text(table: pd.DataFrame, column: str = "p_holm") -> pd.DataFrame:
    """A table whose p-values can be read: none of them is 0.

    Parameters
    ----------
    table : DataFrame
        With a column of p-values.
    column : str
        Which; it is named `p (Holm)`.

    Returns
    -------
    DataFrame
        The p-values as text with two digits, `< 0.001` below that, empty where
        there is none; the table itself where there is no such column.
    """
    if column not in table:
        return table
    text = ["" if pd.isna(p) else "< 0.001" if p < 0.001 else f"{p:.2g}" for p in table[column]]
    return table.assign(**{column: text}).rename(columns={column: "p (Holm)"})
