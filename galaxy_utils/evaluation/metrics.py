"""Scores of a partition: in a space, under a mixture, and against classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import (
    adjusted_mutual_info_score,
    adjusted_rand_score,
    calinski_harabasz_score,
    davies_bouldin_score,
    silhouette_score,
)
from sklearn.metrics.cluster import contingency_matrix

from galaxy_utils.clustering.mixture import OrderedGaussianMixture

SATURATED = 0.99
"""A largest probability above it is as good as one."""

AGREEMENT = ("ari", "ami", "accuracy", "balanced_accuracy")
"""Scores that compare a partition with classes."""


def internal_scores(X: ArrayLike, labels: NDArray[np.integer]) -> dict[str, float]:
    """Score a partition by distances in a space; NaN where there are fewer than two clusters."""
    if not 2 <= len(np.unique(labels)) < len(labels):
        return dict.fromkeys(("silhouette", "davies_bouldin", "calinski_harabasz"), np.nan)
    return {
        "silhouette": float(silhouette_score(X, labels)),
        "davies_bouldin": float(davies_bouldin_score(X, labels)),
        "calinski_harabasz": float(calinski_harabasz_score(X, labels)),
    }


def mixture_scores(
    mixture: OrderedGaussianMixture, X: ArrayLike, confidence: float
) -> dict[str, float]:
    """Score a fitted mixture by its likelihood and its probabilities.

    `log_likelihood`, `bic`, `icl`, each per galaxy; `confident` (largest probability above the
    given one) and `saturated` (above `SATURATED`), in percent. Schwarz (1978), Ann. Stat. 6, 461;
    Biernacki, Celeux & Govaert (2000), IEEE PAMI 22, 719.
    """
    probabilities, log_likelihood = mixture.predict_proba(X), mixture.score_samples(X)
    n, largest = len(probabilities), probabilities.max(axis=1)
    bic = -2 * log_likelihood.sum() + mixture.n_parameters_ * np.log(n)
    entropy = -float((probabilities * np.log(probabilities + 1e-300)).sum())
    return {
        "log_likelihood": float(log_likelihood.mean()),
        "bic": float(bic / n),
        "icl": float((bic + 2 * entropy) / n),
        "confident": float(100 * (largest > confidence).mean()),
        "saturated": float(100 * (largest > SATURATED).mean()),
    }


def agreement(classes: Any, labels: Any) -> dict[str, float]:
    """Compare a partition with classes that are known otherwise.

    Parameters
    ----------
    classes : array-like of object, shape (n_samples,)
        Class of each galaxy; missing (None, NaN) where it is not known.
    labels : array-like of int, shape (n_samples,)
        Cluster of each galaxy.

    Returns
    -------
    dict of str to float
        Keys `AGREEMENT`: adjusted Rand index, adjusted mutual information, share of galaxies in
        the cluster matched to their class, and the same with classes weighted equally; NaN
        where fewer than two galaxies have a class.

    References
    ----------
    Hubert & Arabie (1985), J. Classif. 2, 193; Vinh, Epps & Bailey (2010), JMLR 11, 2837.
    """
    classes, labels = np.asarray(classes, object), np.asarray(labels)
    known = np.asarray(pd.notna(classes))
    if known.sum() < 2:
        return dict.fromkeys(AGREEMENT, np.nan)
    codes, numbers = pd.factorize(classes[known])[0], pd.factorize(labels[known])[0]
    counts = contingency_matrix(codes, numbers)
    return {
        "ari": float(adjusted_rand_score(codes, numbers)),
        "ami": float(adjusted_mutual_info_score(codes, numbers)),
        "accuracy": matched_share(counts / counts.sum()),
        "balanced_accuracy": matched_share(
            counts / counts.sum(axis=1, keepdims=True) / len(counts)
        ),
    }


def match(overlap: NDArray[np.number]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Match rows and columns one to one so that their summed overlap is largest."""
    rows, columns = linear_sum_assignment(-np.asarray(overlap))
    return rows, columns


def matched_share(shares: NDArray[np.floating]) -> float:
    """Return the summed share of matched classes and clusters."""
    return float(shares[match(shares)].sum())


def relabel(labels: NDArray[np.integer], reference: NDArray[np.integer]) -> NDArray[np.int64]:
    """Number clusters as the clusters of another partition that they share most with."""
    counts = np.zeros((labels.max() + 1, reference.max() + 1))
    np.add.at(counts, (labels, reference), 1)
    number = np.full(len(counts), -1, dtype=np.int64)
    rows, columns = match(counts)
    number[rows] = columns
    return np.asarray(number[labels], np.int64)


def contingency(classes: Any, labels: Any) -> pd.DataFrame:
    """Count galaxies by class (rows) and cluster (columns), matched ones on the diagonal."""
    classes, labels = np.asarray(classes, object), np.asarray(labels)
    known = np.asarray(pd.notna(classes))
    clusters = [str(c) for c in np.unique(labels)]
    if not known.any():
        return pd.DataFrame(0, index=["no class"], columns=clusters)
    counts = pd.crosstab(classes[known], labels[known]).rename(columns=str)
    counts = counts.reindex(columns=clusters, fill_value=0)
    rows, columns = match(counts.to_numpy() / counts.to_numpy().sum(axis=1, keepdims=True))
    rest = [column for column in range(len(clusters)) if column not in columns]
    unmatched = [row for row in range(len(counts)) if row not in rows]
    table = counts.iloc[[*rows, *unmatched], [*columns, *rest]]
    return table.rename_axis(index=None, columns=None)


def recall(table: pd.DataFrame) -> pd.Series:
    """Return the share of each class in the cluster matched to it, from `contingency`."""
    counts = table.to_numpy(float)
    matched = np.zeros(len(counts))
    matched[: min(counts.shape)] = np.diag(counts)
    return pd.Series(matched / np.maximum(counts.sum(axis=1), 1), index=table.index)


def calibration_error(
    confidence: NDArray[np.floating], right: NDArray[np.bool_], n_bins: int = 10
) -> float:
    """Return the expected calibration error of Guo et al. (2017, ICML 34, 1321).

    The mean distance between confidence and share of right answers over bins of equal width,
    weighted by the number of answers in them.
    """
    bins = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    gaps = pd.Series(right.astype(float) - confidence).groupby(bins).sum()
    return float(gaps.abs().sum() / len(right))
