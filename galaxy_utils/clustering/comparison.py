"""K-Means as a function; superseded by `sklearn.cluster.KMeans`, kept until nothing imports it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans


def kmeans(values: NDArray[np.floating], n_clusters: int, seed: int) -> NDArray[np.int64]:
    """Return the K-Means partition of ten initialisations."""
    model = KMeans(n_clusters, n_init=10, random_state=seed)
    return np.asarray(model.fit_predict(values), dtype=np.int64)
