"""The clustering algorithms of the introduction, in one space."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.cluster import HDBSCAN, KMeans, SpectralClustering
from sklearn.metrics import adjusted_rand_score

from galaxy_utils.clustering.taxonomy import internal_scores

Partition = NDArray[np.int64]
NOISE = -1

REAL_CLUSTER = 5.0
"""Least share of the galaxies, in percent, that makes a group a cluster and no speck."""


def kmeans(values: NDArray[np.floating], n_clusters: int, seed: int) -> Partition:
    """Partition by K-Means, ten starts.

    Parameters
    ----------
    values : ndarray of float, shape (n, dimension)
        The space.
    n_clusters : int
        Number of clusters.
    seed : int
        Of the starts.

    Returns
    -------
    ndarray of int64, shape (n,)
        Cluster of each galaxy.
    """
    model = KMeans(n_clusters, n_init=10, random_state=seed)
    return np.asarray(model.fit_predict(values), dtype=np.int64)


def spectral(values: NDArray[np.floating], n_clusters: int, seed: int) -> Partition:
    """Partition by spectral clustering of the graph of ten nearest neighbours.

    Parameters
    ----------
    values : ndarray of float, shape (n, dimension)
        The space.
    n_clusters : int
        Number of clusters.
    seed : int
        Of the eigenvectors' start and of K-Means on them.

    Returns
    -------
    ndarray of int64, shape (n,)
        Cluster of each galaxy.

    References
    ----------
    von Luxburg (2007).
    """
    import warnings

    model = SpectralClustering(
        n_clusters, affinity="nearest_neighbors", n_neighbors=10, random_state=seed
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Graph is not fully connected")
        return np.asarray(model.fit_predict(values), dtype=np.int64)


def hdbscan(
    values: NDArray[np.floating], min_cluster_size: int, min_samples: int | None = None
) -> Partition:
    """Partition by HDBSCAN; galaxies it rejects get `NOISE`.

    Parameters
    ----------
    values : ndarray of float, shape (n, dimension)
        The space.
    min_cluster_size : int
        Smallest group called a cluster.
    min_samples : int, optional
        Neighbours within which a density is taken; `min_cluster_size` if not given.

    Returns
    -------
    ndarray of int64, shape (n,)
        Cluster of each galaxy, `NOISE` for rejected ones.

    References
    ----------
    Campello, Moulavi & Sander (2013).
    """
    size = min(min_cluster_size, max(2, len(values) // 2))
    model = HDBSCAN(min_cluster_size=size, min_samples=min_samples, copy=True)
    return np.asarray(model.fit_predict(values), dtype=np.int64)


def two_tier(
    values: NDArray[np.floating], n_clusters: int, min_cluster_size: int, seed: int
) -> Partition:
    """Partition by K-Means, then each family by HDBSCAN.

    Parameters
    ----------
    values : ndarray of float, shape (n, dimension)
        The space.
    n_clusters : int
        Families of the first tier.
    min_cluster_size : int
        Smallest group of the second tier.
    seed : int
        Of K-Means.

    Returns
    -------
    ndarray of int64, shape (n,)
        Running number of the sub-structure, `NOISE` for rejected galaxies.

    References
    ----------
    The paper's introduction, second contribution.
    """
    families = kmeans(values, n_clusters, seed)
    partition = np.full(len(values), NOISE, dtype=np.int64)
    for family in np.unique(families):
        members = np.flatnonzero(families == family)
        if len(members) < 4:
            continue
        inner = hdbscan(values[members], min_cluster_size)
        found = inner != NOISE
        partition[members[found]] = inner[found] + partition.max() + 1
    return partition


def all_algorithms(
    values: NDArray[np.floating],
    mixture: Partition,
    n_clusters: int,
    min_cluster_size: int,
    seed: int,
) -> dict[str, Partition]:
    """Run every algorithm that the introduction names in one space.

    Parameters
    ----------
    values : ndarray of float, shape (n, dimension)
        The space.
    mixture : ndarray of int64, shape (n,)
        The run's own clusters, by the Gaussian mixture.
    n_clusters : int
        For those that want it given.
    min_cluster_size : int
        For those based on density.
    seed : int
        Of K-Means and of the spectral clustering.

    Returns
    -------
    dict of str to ndarray of int64, shape (n,)
        Algorithm to partition.
    """
    runs: dict[str, Callable[[], Partition]] = {
        "K-Means": lambda: kmeans(values, n_clusters, seed),
        "Gaussian mixture": lambda: mixture,
        "Spectral": lambda: spectral(values, n_clusters, seed),
        "HDBSCAN": lambda: hdbscan(values, min_cluster_size),
        "K-Means, then HDBSCAN": lambda: two_tier(values, n_clusters, min_cluster_size, seed),
    }
    return {name: run() for name, run in runs.items()}


def cluster_shares(partition: Partition) -> tuple[float, float]:
    """Shares of the two largest clusters, in percent of all galaxies, noise among them.

    Parameters
    ----------
    partition : ndarray of int64, shape (n,)
        Cluster of each galaxy.

    Returns
    -------
    tuple of float
        Of the largest and the second-largest; 0 where there is none.
    """
    counts = np.sort(np.unique_counts(partition[partition != NOISE]).counts)[::-1]
    largest, second = (100 * float(count) / len(partition) for count in (*counts, 0, 0)[:2])
    return largest, second


def parts(second_percent: float) -> bool:
    """Whether a partition has two clusters or more that are worth the name.

    Parameters
    ----------
    second_percent : float
        Share of its second-largest cluster, in percent.

    Returns
    -------
    bool
        True from `REAL_CLUSTER` on: below it there is one group and specks, or noise.
    """
    return second_percent >= REAL_CLUSTER


def compare(values: NDArray[np.floating], partitions: dict[str, Partition]) -> pd.DataFrame:
    """Score partitions of the same galaxies in the same space.

    Noise is left out of the two indices, which favours those that reject.

    Parameters
    ----------
    values : ndarray of float, shape (n, dimension)
        Where distances are taken.
    partitions : dict of str to ndarray of int64, shape (n,)
        Algorithm to partition.

    Returns
    -------
    DataFrame
        Columns algorithm, clusters, noise_percent, largest_percent and
        second_percent (see `cluster_shares`), davies_bouldin, silhouette.
    """
    rows = []
    for name, partition in partitions.items():
        kept = partition != NOISE
        largest, second = cluster_shares(partition)
        rows.append(
            {
                "algorithm": name,
                "clusters": len(np.unique(partition[kept])),
                "noise_percent": 100 * float(1 - kept.mean()),
                "largest_percent": largest,
                "second_percent": second,
                **internal_scores(values[kept], partition[kept]),
            }
        )
    return pd.DataFrame(rows)


def agreement(partitions: dict[str, Partition]) -> pd.DataFrame:
    """Adjusted Rand index between every two partitions, noise as one cluster.

    Parameters
    ----------
    partitions : dict of str to ndarray of int64, shape (n,)
        Algorithm to partition.

    Returns
    -------
    DataFrame, shape (n_algorithms, n_algorithms)
        1 on the diagonal, 0 expected by chance.

    References
    ----------
    Hubert & Arabie (1985).
    """
    names = list(partitions)
    values = [[adjusted_rand_score(partitions[a], partitions[b]) for b in names] for a in names]
    return pd.DataFrame(values, index=names, columns=names)
