"""The algorithms of the introduction, on blobs and on hand-made partitions."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from galaxy_utils.clustering.comparison import (
    NOISE,
    agreement,
    all_algorithms,
    cluster_shares,
    compare,
    hdbscan,
    kmeans,
    parts,
    two_tier,
)

TRUTH = np.repeat([0, 1, 2], 60)
CENTRES = np.array([[0.0, 0], [20, 0], [0, 20]])
BLOBS = CENTRES[TRUTH] + np.random.default_rng(0).normal(size=(180, 2))


def test_every_algorithm_finds_clear_blobs() -> None:
    partitions = all_algorithms(BLOBS, TRUTH, 3, 20, seed=0)
    assert len(partitions) == 5
    for name, partition in partitions.items():
        assert partition.shape == (180,)
        assert partition.dtype == np.int64
        if name != "K-Means, then HDBSCAN":  # which is to split blobs further
            kept = partition != NOISE
            assert kept.mean() > 0.8, name
            assert adjusted_rand_score(TRUTH[kept], partition[kept]) == 1, name


def test_every_algorithm_follows_its_seed() -> None:
    first, again = (all_algorithms(BLOBS, TRUTH, 4, 20, seed=5) for _ in range(2))
    for name, partition in first.items():
        np.testing.assert_array_equal(partition, again[name])


def test_hdbscan_rejects_who_stands_alone() -> None:
    values = np.vstack([BLOBS, [[200.0, 200], [-300, 100]]])
    partition = hdbscan(values, 20)
    assert list(partition[-2:]) == [NOISE, NOISE]
    assert len(np.unique(partition[partition != NOISE])) == 3


def test_hdbscan_takes_fewer_galaxies_than_its_smallest_cluster() -> None:
    assert hdbscan(BLOBS[:6], min_cluster_size=25).shape == (6,)


def test_the_second_tier_splits_families_and_numbers_the_parts_in_a_row() -> None:
    # Two families, each of two blobs that a first tier of two does not part.
    centres = np.array([[0.0, 0], [0, 8], [100, 0], [100, 8]])
    truth = np.repeat([0, 1, 2, 3], 50)
    values = centres[truth] + np.random.default_rng(0).normal(size=(200, 2)) * 0.5
    assert len(np.unique(kmeans(values, 2, seed=0))) == 2
    partition = two_tier(values, 2, 15, seed=0)
    kept = partition != NOISE
    assert adjusted_rand_score(truth[kept], partition[kept]) == 1
    np.testing.assert_array_equal(np.unique(partition[kept]), [0, 1, 2, 3])


def test_a_family_too_small_to_split_is_noise() -> None:
    values = np.vstack([BLOBS[:60], [[500.0, 500]]])
    assert two_tier(values, 2, 15, seed=0)[-1] == NOISE


def test_compare_keeps_the_books_on_noise() -> None:
    values = np.array([[0.0], [2], [10], [12], [1000], [11]])
    partition = np.array([0, 0, 1, 1, NOISE, 1])
    row = compare(values, {"by hand": partition}).iloc[0]
    assert row["algorithm"] == "by hand"
    assert row["clusters"] == 2
    assert row["noise_percent"] == pytest.approx(100 / 6)
    assert row["largest_percent"] == pytest.approx(50)
    assert row["second_percent"] == pytest.approx(100 / 3)
    # Without the noise: mean distances 1 and 2/3, centres 1 and 11.
    assert row["davies_bouldin"] == pytest.approx((1 + 2 / 3) / 10)


def test_compare_of_nothing_but_noise() -> None:
    row = compare(BLOBS, {"none": np.full(180, NOISE)}).iloc[0]
    assert (row["clusters"], row["noise_percent"], row["largest_percent"]) == (0, 100, 0)
    assert np.isnan(row["silhouette"])


def test_specks_beside_one_group_part_nothing() -> None:
    specks = np.repeat([0, 1, NOISE], [95, 4, 1])
    assert cluster_shares(specks) == (95, 4) and not parts(cluster_shares(specks)[1])
    assert cluster_shares(np.full(9, NOISE)) == (0, 0)
    assert parts(cluster_shares(np.repeat([0, 1], [95, 5]))[1])


def test_agreement_is_a_symmetric_matrix_of_rand_indices() -> None:
    partitions = {
        "a": np.array([0, 0, 1, 1]),
        "renamed": np.array([7, 7, 3, 3]),
        "crossed": np.array([0, 1, 0, 1]),
        "noisy": np.array([0, 0, NOISE, NOISE]),
    }
    matrix = agreement(partitions)
    assert list(matrix.index) == list(matrix.columns) == list(partitions)
    np.testing.assert_array_equal(np.diag(matrix), 1)
    np.testing.assert_array_equal(matrix, matrix.T)
    assert matrix.loc["a", "renamed"] == matrix.loc["a", "noisy"] == 1
    # No pair shared: (0 - 2 * 2 / 6) / ((2 + 2) / 2 - 2 * 2 / 6).
    assert matrix.loc["a", "crossed"] == pytest.approx(-0.5)
