"""Partitions compared on galaxies that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from galaxy_utils.clustering.algorithms import NOISE
from galaxy_utils.evaluation.partitions import (
    compare_partitions,
    partition_sizes,
)

POINTS = np.array([[0.0], [2], [10], [12], [1000], [11]])
LABELS = np.array([0, 0, 1, 1, NOISE, 1])


def test_noise_is_left_out_of_the_scores_and_counted_in_the_shares() -> None:
    row = compare_partitions(POINTS, {"by hand": LABELS}).loc["by hand"]
    assert (row["clusters"], row["largest"]) == (2, 50)
    assert row["noise"] == pytest.approx(100 / 6) and row["second"] == pytest.approx(100 / 3)
    # Without the noise: mean distances 1 and 2/3, centres 1 and 11.
    assert row["davies_bouldin"] == pytest.approx((1 + 2 / 3) / 10)
    assert "ari" not in row


def test_noise_counts_as_one_cluster_against_types() -> None:
    types = np.array(["a", "a", "b", "b", "c", "b"], dtype=object)
    assert compare_partitions(POINTS, {"x": LABELS}, types).loc["x", "ari"] == 1
    types[4] = "b"
    assert compare_partitions(POINTS, {"x": LABELS}, types).loc["x", "ari"] < 1


def test_nothing_but_noise() -> None:
    assert partition_sizes(np.full(9, NOISE)) == {
        "noise": 100, "clusters": 0, "largest": 0, "second": 0
    }  # fmt: skip
    row = compare_partitions(POINTS, {"none": np.full(6, NOISE)}).loc["none"]
    assert np.isnan(row["silhouette"])


def test_sizes_are_those_of_the_two_largest_clusters() -> None:
    sizes = partition_sizes(np.repeat([0, 1, 2, NOISE], [4, 90, 5, 1]))
    assert sizes == {"noise": 1, "clusters": 3, "largest": 90, "second": 5}
    assert partition_sizes(np.zeros(7, int))["second"] == 0
