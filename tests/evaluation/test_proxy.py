"""Proxy classes by rule, and what a partition shares with them by chance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from galaxy_utils.evaluation.proxy import (
    PROXY_CLASSES,
    ProxyRules,
    compare_with_baselines,
    matched_accuracy,
    permuted_accuracy,
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
        (4.5, 0.4, 0.04, "early type"),  # Conselice's S is ten times statmorph's
        (2.0, 0.4, 0.039, "merger"),
        (2.0, 0.4, -0.5, "merger"),
    ],
)
def test_the_rules_at_their_limits(
    concentration: float, asymmetry: float, smoothness: float, expected: str
) -> None:
    row = {"smoothness": smoothness, "asymmetry": asymmetry, "concentration": concentration}
    assert list(ProxyRules().classify(pd.DataFrame([row]))) == [expected]


def test_the_limits_are_parameters() -> None:
    row = pd.DataFrame([{"concentration": 3.0, "asymmetry": 0.2, "smoothness": 0.0}])
    assert ProxyRules(merger_asymmetry=0.1).classify(row)[0] == "merger"
    assert ProxyRules(early_concentration=3.0).classify(row)[0] == "early type"
    assert ProxyRules(late_concentration=3.0).classify(row)[0] == "transitional"


def counted(*rows: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Make classes and clusters with these counts, one row per class."""
    counts = np.array(rows)
    pairs = np.argwhere(counts).repeat(counts[counts > 0], axis=0)
    return np.array(PROXY_CLASSES, dtype=object)[pairs[:, 0]], pairs[:, 1]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [  # the largest count first would give 5 + 0 + 3; giving 5 up for 4 gains the other 4
        (((5, 4, 0), (4, 0, 0), (0, 0, 3)), (4 + 4 + 3) / 16),
        (((1, 0, 6, 0), (0, 2, 0, 5)), 11 / 14),  # two clusters are left over
        (((7, 0), (0, 2)), 1.0),
    ],
)
def test_a_match_worked_by_hand(rows: tuple[tuple[int, ...], ...], expected: float) -> None:
    assert matched_accuracy(*counted(*rows)) == pytest.approx(expected)


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
    classes, labels = counted(*counts)
    accuracy = matched_accuracy(classes, labels)
    assert matched_accuracy(classes, np.array(names)[labels]) == accuracy
    assert accuracy >= np.array(counts).max() / len(labels)


def test_chance_of_a_balanced_four_by_four_is_a_little_above_a_quarter() -> None:
    classes, labels = np.repeat(np.array(PROXY_CLASSES, object), 250), np.tile(np.arange(4), 250)
    chance = permuted_accuracy(classes, labels, seed=0)
    assert len(chance) == 200 and chance.min() >= 0.25
    assert 0.255 < chance.mean() < 0.30
    pd.testing.assert_series_equal(chance, permuted_accuracy(classes, labels, seed=0))
    assert (chance != permuted_accuracy(classes, labels, seed=1)).any()


def test_a_tie_with_a_permutation_is_a_tie() -> None:
    # One class and one cluster hold nearly all: chance cannot do worse than their overlap.
    classes, labels = counted((90, 4, 2), (2, 1, 1))
    chance = permuted_accuracy(classes, labels, 0)
    assert chance.min() >= 0.86 and chance.max() < 1
    rng = np.random.default_rng(0)
    expected = [matched_accuracy(classes, rng.permutation(labels)) for _ in range(200)]
    np.testing.assert_array_equal(chance, expected)


def measured(n: int) -> pd.DataFrame:
    """Parameters of n galaxies, with hardly one that the usual limits tell apart."""
    rng = np.random.default_rng(0)
    concentration, asymmetry = rng.normal(2.5, 0.4, n), np.abs(rng.normal(0.1, 0.08, n))
    return pd.DataFrame(
        {"concentration": concentration, "asymmetry": asymmetry, "smoothness": np.zeros(n)}
    )


def test_limits_at_thirds_give_large_classes_where_ours_do_not() -> None:
    table, usual = measured(3000), ProxyRules()
    thirds = ProxyRules.at_thirds(table)
    assert pd.Series(usual.classify(table)).value_counts(normalize=True).max() > 0.95
    shares = pd.Series(thirds.classify(table)).value_counts(normalize=True)
    assert shares["merger"] == pytest.approx(0.1, abs=0.01)
    assert shares.drop("merger").tolist() == pytest.approx([0.3] * 3, abs=0.03)


def test_partitions_are_compared_with_their_own_permutations() -> None:
    table = measured(1500)
    classes = ProxyRules.at_thirds(table).classify(table)
    _, truth = np.unique(classes, return_inverse=True)
    noise = np.random.default_rng(2).integers(0, 4, 1500)
    found = compare_with_baselines(table, classes, {"truth": truth, "noise": noise}, 0)
    answers = found.set_index("answer")
    assert list(answers.index) == ["largest class", "truth", "noise", "tree on C, A, S"]
    assert answers.loc["truth", ["accuracy", "ari"]].tolist() == pytest.approx([1, 1])
    assert (
        answers.loc["largest class", "accuracy"] == pd.Series(classes).value_counts().max() / 1500
    )
    assert answers.loc["truth", "permuted"] < answers.loc["truth", "permuted_highest"] < 0.5
    noise_scores = answers.loc["noise"]
    assert noise_scores["accuracy"] == pytest.approx(noise_scores["permuted"], abs=0.04)
    assert answers.loc["tree on C, A, S", "accuracy"] > 0.95
    assert np.isnan(answers.loc["tree on C, A, S", "permuted"])
