"""Tables that compare partitions of the same galaxies with each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from galaxy_utils.clustering.algorithms import NOISE
from galaxy_utils.evaluation.metrics import agreement, internal_scores

SMALLEST_PERCENT = 5.0
"""Least share of the galaxies that makes a group a cluster and not a speck."""


def partition_sizes(labels: NDArray[np.integer]) -> dict[str, float]:
    """Describe how many galaxies a partition rejects (`NOISE`) and how large its clusters are.

    `noise`, `largest` and `second` (the two largest clusters; 0 where there is none) in percent of
    all galaxies, and `clusters`, their number.
    """
    labels = np.asarray(labels)
    counts = np.sort(np.unique_counts(labels[labels != NOISE]).counts)[::-1]
    largest, second = (100 * float(count) / len(labels) for count in (*counts, 0, 0)[:2])
    return {
        "noise": 100 * float((labels == NOISE).mean()),
        "clusters": float(len(counts)),
        "largest": largest,
        "second": second,
    }


def compare_partitions(
    X: ArrayLike, partitions: Mapping[str, NDArray[np.integer]], types: Any = None
) -> pd.DataFrame:
    """Score partitions of the same galaxies in the same space: one row per algorithm.

    Columns of `metrics.internal_scores`, from which noise is left out (this favours algorithms
    that reject galaxies), of `partition_sizes` and, with types, of `metrics.agreement`, where
    noise counts as one cluster.
    """
    X, rows = np.asarray(X), {}
    for name, labels in partitions.items():
        kept = labels != NOISE
        rows[name] = internal_scores(X[kept], labels[kept]) | partition_sizes(labels)
        if types is not None:
            rows[name] |= agreement(types, labels)
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("algorithm")
