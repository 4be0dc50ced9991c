"""Proxy classes and the one-to-one match of clusters to them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from galaxy_utils.evaluation.validation import (
    CLASSES,
    SMALLEST_CLASS,
    Limits,
    align,
    chance_accuracy,
    chance_ari,
    matched_limits,
    moved_limits,
    proxy_classes,
    rule_baselines,
    shared_with_classes,
    sizable,
    sweep_rules,
    thirds,
)


@pytest.mark.parametrize(
    ("concentration", "asymmetry", "smoothness", "expected"),
    [
        (4.15, 0.1, 0.0, "early type"),
        (4.149, 0.1, 0.0, "transitional"),
        (3.5, 0.1, 0.0, "transitional"),
        (3.499, 0.1, 0.0, "late type"),
        (4.5, 0.35, 0.0, "early type"),
        (4.5, 0.351, 0.0, "merger"),
        (4.5, 0.4, 0.4, "early type"),
        (2.0, 0.4, 0.39, "merger"),
    ],
)
def test_the_rule_at_its_boundaries(
    concentration: float, asymmetry: float, smoothness: float, expected: str
) -> None:
    row = {"concentration": concentration, "asymmetry": asymmetry, "smoothness": smoothness}
    assert list(proxy_classes(pd.DataFrame([row]))) == [expected]


def test_the_boundaries_are_parameters() -> None:
    row = pd.DataFrame([{"concentration": 3.0, "asymmetry": 0.2, "smoothness": 0.0}])
    assert proxy_classes(row, merger_asymmetry=0.1)[0] == "merger"
    assert proxy_classes(row, early_concentration=3.0)[0] == "early type"
    assert proxy_classes(row, late_concentration=3.0)[0] == "transitional"


def counted(*rows: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Make clusters and classes with these counts, one row a class."""
    pairs = [
        (cluster, CLASSES[row])
        for row, counts in enumerate(rows)
        for cluster, count in enumerate(counts)
        for _ in range(count)
    ]
    cluster, classes = zip(*pairs, strict=True)
    return np.array(cluster), np.array(classes, dtype=object)


def test_a_match_worked_by_hand() -> None:
    # The largest count first would give 5 + 0 + 3; giving 5 up for 4 gains the other 4.
    cluster, classes = counted((5, 4, 0), (4, 0, 0), (0, 0, 3))
    table, accuracy = align(cluster, classes, CLASSES[:3])
    assert accuracy == pytest.approx((4 + 4 + 3) / 16)
    assert list(table.columns) == ["1", "0", "2"]
    assert list(table.index) == list(CLASSES[:3])
    np.testing.assert_array_equal(table.to_numpy(), [[4, 5, 0], [0, 4, 0], [0, 0, 3]])


def test_more_clusters_than_classes_leave_the_rest_unmatched() -> None:
    cluster, classes = counted((1, 0, 6, 0), (0, 2, 0, 5))
    table, accuracy = align(cluster, classes, CLASSES[:2])
    assert accuracy == pytest.approx(11 / 14)
    assert list(table.columns) == ["2", "3", "0", "1"]


def test_a_class_without_members_counts() -> None:
    cluster, classes = counted((7, 0), (0, 2))
    table, accuracy = align(cluster, classes)
    assert accuracy == 1
    assert list(table.index) == list(CLASSES)
    assert table.loc["late type"].sum() == 0


@settings(deadline=None, max_examples=25)
@given(
    counts=st.lists(st.tuples(*[st.integers(0, 6)] * 4), min_size=4, max_size=4).filter(
        lambda rows: sum(map(sum, rows)) > 0
    ),
    names=st.permutations(range(4)),
)
def test_names_of_clusters_leave_the_accuracy(
    counts: list[tuple[int, ...]], names: list[int]
) -> None:
    cluster, classes = counted(*counts)
    _, accuracy = align(cluster, classes)
    _, renamed = align(np.array(names)[cluster], classes)
    assert renamed == pytest.approx(accuracy)
    assert accuracy >= np.array(counts).max() / len(cluster)


def test_chance_of_a_balanced_four_by_four_is_a_little_above_a_quarter() -> None:
    cluster, classes = np.tile(np.arange(4), 250), np.repeat(np.array(CLASSES, object), 250)
    scores = chance_accuracy(cluster, classes, seed=0, repeats=100)
    assert scores.shape == (100,)
    assert scores.min() >= 0.25
    assert 0.255 < scores.mean() < 0.30
    np.testing.assert_array_equal(scores, chance_accuracy(cluster, classes, seed=0, repeats=100))
    assert (scores != chance_accuracy(cluster, classes, seed=1, repeats=100)).any()


def test_chance_ari_is_around_zero_whatever_the_sizes() -> None:
    cluster, classes = counted((90, 4, 2), (2, 1, 1))
    scores = chance_ari(cluster, classes, seed=0, repeats=200)
    assert scores.shape == (200,)
    assert abs(scores.mean()) < 0.05 and scores.min() < 0 < scores.max() < 1
    np.testing.assert_array_equal(scores, chance_ari(cluster, classes, seed=0, repeats=200))


def test_chance_is_judged_as_the_match_itself() -> None:
    # One class and one cluster hold nearly all: chance cannot do worse than their overlap.
    cluster, classes = counted((90, 4, 2), (2, 1, 1))
    scores = chance_accuracy(cluster, classes, seed=0, repeats=50)
    assert scores.min() >= 0.86
    assert scores.max() < 1
    rng = np.random.default_rng(0)
    expected = [align(rng.permutation(cluster), classes, CLASSES[:2])[1] for _ in range(50)]
    np.testing.assert_array_equal(scores, expected)  # ties with chance are ties


def test_which_partition_shares_more_with_the_types_is_told_with_an_interval() -> None:
    rng = np.random.default_rng(0)
    types = pd.Series(rng.choice(["elliptical", "merger", "edge_on"], 600))
    truth = types.map({"elliptical": 0, "merger": 1, "edge_on": 2}).to_numpy(np.int64)
    half = np.where(rng.random(600) < 0.5, truth, rng.integers(0, 3, 600))
    found = shared_with_classes(half, truth, types, seed=0)
    assert found.second == pytest.approx(1)
    assert found.first_is_lower is True
    assert shared_with_classes(truth, half, types, 0).first_is_lower is False
    noise, other = rng.integers(0, 3, (2, 600))
    assert shared_with_classes(noise, other, types, 0).first_is_lower is None


def test_the_sense_of_rotation_and_dont_know_are_no_types() -> None:
    classes = pd.Series(["spiral_cw", "spiral_acw", "elliptical", "dont_know"] * 50)
    by_type = np.tile([0, 0, 1, 0], 50)
    found = shared_with_classes(by_type, by_type, classes, seed=0)
    assert found.first == pytest.approx(1)


def test_without_classes_nothing_is_compared() -> None:
    found = shared_with_classes(np.zeros(5, int), np.zeros(5, int), pd.Series([None] * 5), 0)
    assert (found.first, found.first_is_lower) == (None, None)
    assert "no classes" in found.sentence("a", "b")


def measured(n: int) -> np.ndarray:
    """Five parameters of n galaxies, with hardly one that the usual limits tell apart."""
    rng = np.random.default_rng(0)
    five = rng.normal(size=(n, 5))
    five[:, 0] = rng.normal(2.5, 0.4, n)
    five[:, 1] = np.abs(rng.normal(0.1, 0.08, n))
    five[:, 2] = 0.0
    return five


def test_one_galaxy_is_no_quarter_of_a_balanced_accuracy() -> None:
    classes = np.array(["a"] * 60 + ["b"] * 40 + ["lone"], dtype=object)
    cluster = np.array([0] * 60 + [1] * 20 + [0] * 20 + [2])
    table = rule_baselines(classes, {"mine": cluster}, np.zeros((101, 3)), 0).set_index("answer")
    assert table.loc["mine", "balanced"] == pytest.approx((1 + 0.5) / 2)
    assert table.loc["largest class", "balanced"] == pytest.approx(0.5)
    assert table.loc["mine", "accuracy"] == pytest.approx(81 / 101)
    assert sizable(classes)[-1] is None and sizable(classes, 1)[-1] == "lone"


def test_without_two_sizable_classes_nothing_is_balanced() -> None:
    classes = np.array(["a"] * SMALLEST_CLASS + ["b"] * (SMALLEST_CLASS - 1), dtype=object)
    assert not pd.notna(sizable(classes)).any()
    cluster = np.arange(len(classes)) % 2
    table = rule_baselines(classes, {"mine": cluster}, np.zeros((len(classes), 3)), 0)
    assert table["balanced"].isna().all() and table["accuracy"].notna().all()


def test_matched_limits_give_sizable_classes_where_ours_do_not() -> None:
    five = measured(3000)
    usual, matched = Limits(3.5, 4.15, 0.35), thirds(five)
    assert pd.Series(usual.classes(five)).value_counts(normalize=True).max() > 0.95
    shares = pd.Series(matched.classes(five)).value_counts(normalize=True)
    assert shares["merger"] == pytest.approx(0.1, abs=0.01)
    assert shares.drop("merger").tolist() == pytest.approx([0.3] * 3, abs=0.03)
    assert all(limits.early > limits.late for limits in matched_limits(five))
    assert usual in moved_limits(usual)


def test_the_sweep_sees_clusters_made_of_the_rules_and_none_in_dealt_ones() -> None:
    five = measured(2000)
    rules = thirds(five).classes(five)
    _, truth = np.unique(rules, return_inverse=True)
    tried = {"quantiles": matched_limits(five), "ours": moved_limits(Limits(3.5, 4.15, 0.35))}
    made = sweep_rules(five, truth, tried, 0)
    dealt = sweep_rules(five, np.random.default_rng(1).permutation(truth), tried, 0)
    assert len(made) == sum(map(len, tried.values()))
    assert made["accuracy"].max() == 1
    assert made.loc[made["limits"] == "quantiles", "above"].all()
    assert made["excess"].max() > 0.5 > 0.1 > dealt["excess"].max()
    assert (made["majority"] >= 0.25).all()


def test_partitions_stand_beside_their_own_permutations() -> None:
    five = measured(1500)
    classes = thirds(five).classes(five)
    _, truth = np.unique(classes, return_inverse=True)
    noise = np.random.default_rng(2).integers(0, 4, 1500)
    found = rule_baselines(classes, {"made": truth, "noise": noise}, five[:, :3], 0)
    table = found.set_index("answer")
    assert table.loc["made", ["accuracy", "balanced"]].tolist() == pytest.approx([1, 1])
    assert table.loc["made", "permuted_highest"] < 0.5
    assert table.loc["noise", "accuracy"] == pytest.approx(table.loc["noise", "permuted"], abs=0.04)
    assert table.loc["tree on C, A, S", "balanced"] > 0.95
