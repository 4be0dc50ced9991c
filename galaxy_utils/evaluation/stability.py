"""Whether clusters are found again: in bootstrap samples of the galaxies, and from other seeds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score


def stability(
    estimator: Any,
    X: NDArray[np.floating],
    rng: np.random.Generator,
    n_resamples: int,
    seeds: tuple[int, ...] = (),
) -> pd.DataFrame:
    """Refit an estimator to bootstrap samples, and to the same data with other seeds.

    As it is, the estimator gives the reference partition. The generator draws each bootstrap
    sample and the seed of its fit. Columns score, cluster, repeat, value: `jaccard` of each
    cluster of the reference partition in each bootstrap sample (`clusterwise_jaccard`; Hennig
    2007, Comput. Stat. Data Anal. 52, 258), and `seed_ari`, the adjusted Rand index of the
    reference partition with that of each seed (cluster missing).
    """
    reference = clone(estimator).fit_predict(X)
    clusters = np.unique(reference)
    rows: list[tuple[str, int | None, int, float]] = []
    for repeat in range(n_resamples):
        drawn = rng.integers(0, len(X), len(X))
        refit = clone(estimator).set_params(random_state=int(rng.integers(2**31)))
        found = clusterwise_jaccard(reference, drawn, refit.fit_predict(X[drawn]))
        rows += [("jaccard", c, repeat, v) for c, v in zip(clusters, found, strict=True)]
    for repeat, seed in enumerate(seeds):
        other = clone(estimator).set_params(random_state=seed).fit_predict(X)
        rows.append(("seed_ari", None, repeat, float(adjusted_rand_score(reference, other))))
    table = pd.DataFrame(rows, columns=["score", "cluster", "repeat", "value"])
    return table.astype({"cluster": "Int64"})


def clusterwise_jaccard(
    reference: NDArray[np.integer], rows: NDArray[np.integer], labels: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Find each cluster again in a resample of the data."""
    drawn, first = np.unique(rows, return_index=True)
    old, new = reference[drawn], labels[first]
    best = []
    for cluster in np.unique(reference):
        mine = old == cluster
        overlaps = [
            np.sum(mine & (new == other)) / max(np.sum(mine | (new == other)), 1)
            for other in np.unique(new)
        ]
        best.append(max(overlaps))
    return np.array(best)
