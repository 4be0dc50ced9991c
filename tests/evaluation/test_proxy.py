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
    matched_accuracy,
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
