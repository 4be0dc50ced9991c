"""Clusters change as often as the normal errors of a parameter carry it over a border."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.evaluation.assignments import assignment_changes, changed_shares


class Border:
    """Two clusters: concentration above or below 3."""

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        assert list(X.columns) == ["concentration", "gini", "net-quarter:0000"]
        assert (X["net-quarter:0000"] == 7).all() and X["net-quarter:0000"].dtype == np.float32
        return np.asarray(X["concentration"] > 3, dtype=np.int64)


@pytest.fixture
def table() -> pd.DataFrame:
    """Galaxies on the border, one and two standard errors from it, and far from it."""
    X = pd.DataFrame({"concentration": [3.0, 3.1, 2.8, 4.0, 3.0], "gini": 0.5}, list("abcde"))
    X["net-quarter:0000"] = np.float32(7)
    return X


def test_shares_are_those_of_the_normal_distribution(table: pd.DataFrame) -> None:
    errors = pd.DataFrame({"concentration": 0.1, "gini": 0.2, "m20": 1.0}, list("dcba"))
    before = table.copy()
    found = assignment_changes(Border(), table, errors, 20_000, seed=1)
    assert list(found.index) == ["a", "b", "c", "d"]  # e has no error
    assert found["cluster"].tolist() == [0, 1, 0, 1]
    expected = [0.5, 0.1587, 0.0228, 0.0]
    np.testing.assert_allclose(found["changed"], expected, atol=0.01)
    pd.testing.assert_frame_equal(table, before)
    again = assignment_changes(Border(), table, errors, 20_000, seed=1)
    pd.testing.assert_frame_equal(found, again)


def test_without_errors_nothing_changes(table: pd.DataFrame) -> None:
    errors = pd.DataFrame({"gini": 0.3}, table.index)
    assert (assignment_changes(Border(), table, errors)["changed"] == 0).all()


def test_the_summary_counts_galaxies() -> None:
    changes = pd.DataFrame({"changed": [0.0, 0.05, 0.5, 0.85]})
    assert changed_shares(changes) == pytest.approx({"half": 0.5, "any": 0.75, "mean": 0.35})


def test_errors_of_other_columns_or_below_zero_are_refused(table: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="errors of m20, but the table has no such column"):
        assignment_changes(Border(), table, pd.DataFrame({"m20": 1.0}, table.index))
    with pytest.raises(ValueError, match="column gini: a standard error is negative"):
        assignment_changes(Border(), table, pd.DataFrame({"gini": -0.1}, table.index))
