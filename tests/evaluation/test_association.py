"""Effect sizes by ranks, against scipy and by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kruskal

from galaxy_utils.evaluation.association import (
    effect_sizes,
    effect_sizes_within,
    permuted_effect_sizes,
)


def test_effect_size_is_kruskals_h_over_its_largest_value_also_with_ties() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 4, 300)
    values = np.round(rng.normal(labels, 2), 0)
    h = kruskal(*[values[labels == k] for k in range(4)]).statistic
    found = effect_sizes(labels, pd.DataFrame({"x": values}))["x"]
    assert found == pytest.approx(h / 299, abs=1e-12)


def test_groups_that_do_not_overlap_by_hand() -> None:
    # Ranks 1, 2 | 3, 4: deviations -1.5 -0.5 0.5 1.5; between 2 * 1 + 2 * 1 = 4 of 5.
    found = effect_sizes(["a", "a", "b", "b"], pd.DataFrame({"x": [1.0, 2.0, 7.0, 9.0]}))
    assert found["x"] == pytest.approx(0.8)


def test_a_group_of_one_counts() -> None:
    # Ranks 1 | 2, 3: deviations -1 | 0 1; between 1 + 2 * 0.25 = 1.5 of 2.
    found = effect_sizes(["a", "b", "b"], pd.DataFrame({"x": [1.0, 5.0, 7.0]}))
    assert found["x"] == pytest.approx(0.75)


def test_missing_values_and_labels_are_left_out_of_that_property_alone() -> None:
    table = pd.DataFrame({"x": [1.0, 2.0, np.nan, 7.0, 9.0], "y": [1.0, 1.0, 1.0, 1.0, 1.0]})
    found = effect_sizes(["a", "a", "a", "b", "b"], table)
    assert found["x"] == pytest.approx(0.8)
    assert np.isnan(found["y"])
    with_unknown = effect_sizes(["a", "a", None, "b", "b"], table.fillna(99.0))
    assert with_unknown["x"] == pytest.approx(0.8)


def test_shuffled_labels_follow_nothing_and_the_same_seed_gives_the_same() -> None:
    rng = np.random.default_rng(2)
    table = pd.DataFrame({"x": rng.normal(size=400)})
    labels = (table["x"] > 0).to_numpy()
    null = permuted_effect_sizes(labels, table, 100, seed=3)
    assert len(null) == 100
    assert null["x"].mean() == pytest.approx(1 / 399, rel=0.5)  # (k - 1) / (n - 1)
    assert effect_sizes(labels, table)["x"] > 0.7
    pd.testing.assert_frame_equal(null, permuted_effect_sizes(labels, table, 100, seed=3))


def test_within_classes_a_difference_between_classes_does_not_count() -> None:
    rng = np.random.default_rng(4)
    classes = np.repeat(["spiral", "merger", None], 200)
    labels = np.where(classes == "spiral", 0, 1)
    labels[rng.random(600) < 0.1] ^= 1
    table = pd.DataFrame({"x": rng.normal(10 * (classes == "spiral"))})
    assert effect_sizes(labels, table)["x"] > 0.3
    assert effect_sizes_within(labels, table, classes)["x"] < 0.05


def test_within_classes_without_any_class_nothing_is_measured() -> None:
    table = pd.DataFrame({"x": [1.0, 2.0]})
    assert effect_sizes_within([0, 1], table, [None, None]).isna().all()
