"""The clustering algorithms that the paper's introduction names, as scikit-learn estimators."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClusterMixin, clone
from sklearn.cluster import HDBSCAN, KMeans, SpectralClustering
from sklearn.utils.validation import validate_data

from galaxy_utils.clustering.mixture import OrderedGaussianMixture

NOISE = -1
"""Label of the galaxies that HDBSCAN rejects."""

SMALLEST_FAMILY = 4
"""HDBSCAN is not asked to split families of fewer galaxies."""


class TwoTierClustering(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """K-Means families, each split further by HDBSCAN (Campello et al. 2013, PAKDD, 160).

    The scheme that the paper's introduction announces as its second contribution. HDBSCAN never
    returns a single cluster, so that a family without sub-structure becomes `NOISE`, as do those
    of fewer than four galaxies. `families_` and `labels_` hold each galaxy's family and its
    sub-structure, numbered from 0 over all families.
    """

    def __init__(
        self, n_clusters: int = 4, *, min_cluster_size: int = 25, random_state: Any = None
    ) -> None:
        self.n_clusters = n_clusters
        self.min_cluster_size = min_cluster_size
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: None = None) -> Self:
        """Find the families and their sub-structures."""
        points = validate_data(self, X, dtype=[np.float64, np.float32], ensure_min_samples=2)
        first = KMeans(self.n_clusters, n_init=10, random_state=self.random_state)
        self.families_ = first.fit_predict(points)
        self.labels_ = np.full(len(points), NOISE, dtype=np.int64)
        for family in np.unique(self.families_):
            members = np.flatnonzero(self.families_ == family)
            if len(members) < SMALLEST_FAMILY:
                continue
            size = limit_cluster_size(self.min_cluster_size, len(members))
            inner = HDBSCAN(min_cluster_size=size, copy=True).fit_predict(points[members])
            found = inner != NOISE
            self.labels_[members[found]] = inner[found] + self.labels_.max() + 1
        return self


def limit_cluster_size(min_cluster_size: int, n_samples: int) -> int:
    """Limit HDBSCAN's smallest cluster to half of a small sample, but to at least two galaxies."""
    return min(min_cluster_size, max(2, n_samples // 2))


def introduction_algorithms(
    mixture: OrderedGaussianMixture, min_cluster_size: int, n_samples: int, random_state: int
) -> dict[str, Any]:
    """Return the paper's algorithms by name, unfitted; all have `fit_predict`.

    Those that need a number of clusters take that of the mixture's components; `n_samples` limits
    `min_cluster_size`. The graph of spectral clustering has ten nearest neighbours.

    References
    ----------
    von Luxburg (2007), Stat. Comput. 17, 395; Campello, Moulavi & Sander (2013), PAKDD, 160.
    """
    k, size = mixture.n_components, limit_cluster_size(min_cluster_size, n_samples)
    return {
        "K-Means": KMeans(k, n_init=10, random_state=random_state),
        "Gaussian mixture": clone(mixture).set_params(random_state=random_state),
        "Spectral": SpectralClustering(
            k, affinity="nearest_neighbors", n_neighbors=10, random_state=random_state
        ),
        "HDBSCAN": HDBSCAN(min_cluster_size=size, copy=True),
        "K-Means, then HDBSCAN": TwoTierClustering(
            k, min_cluster_size=min_cluster_size, random_state=random_state
        ),
    }
