"""The experiment that compares the split of single galaxies with that by field."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.config import make_parameters
from galaxy_utils.data.split import fold_of
from galaxy_utils.evaluation.selection import SPEC_FIELDS
from galaxy_utils.experiments import split
from galaxy_utils.experiments.experiment import PARTED
from galaxy_utils.experiments.registry import find_experiment
from galaxy_utils.experiments.split import (
    ALL,
    NEAREST,
    TWINS,
    WITHOUT,
    WITHOUT_PARTNER,
    Inputs,
    n_straddling,
    summary,
)
from galaxy_utils.experiments.store import differences
from galaxy_utils.features.feature_table import make_feature_table
from galaxy_utils.morphology.columns import FIVE

PART = 2


@pytest.fixture(scope="module")
def data() -> Inputs:
    """Pairs of equal galaxies in one field each; which pair is of which type cannot be learned."""
    rng = np.random.default_rng(0)
    n = 150
    objids = [
        str((587724197200724003 & ~0xFFFF) + (pair << 16) + member)
        for pair in range(n) for member in (3, 8)
    ]  # fmt: skip
    types = np.repeat(rng.choice(["spiral", "merger", "elliptical"], n), 2).astype(object)
    measured = pd.DataFrame(np.repeat(rng.normal(size=(n, 5)), 2, axis=0), objids, list(FIVE))
    deep = np.repeat(rng.normal(size=(n, 20)), 2, axis=0).astype(np.float32)
    X = make_feature_table(measured, {"net-quarter": deep})
    candidates = pd.DataFrame(
        [("five", "z", "quarter", 4, "pca", "diag", 0.9, 0.5, 0.3)],
        columns=[*SPEC_FIELDS, "stability", "null_stability", "smallest"],
    )
    twins = pd.DataFrame({"objid_1": objids[::2], "objid_2": objids[1::2]})
    parameters = make_parameters("smoke", {"judged_components": 3})
    return Inputs(X, pd.Series(types, objids), parameters, {PART: candidates}, twins)


def _rows(data: Inputs, method: str, by: str) -> dict[str, tuple[int, float]]:
    unit = {"method": method, "part": PART, "split": by, "seed": 0}
    return {row["galaxies"]: (row["n"], row["value"]) for row in split._measure(data, unit)}


def test_a_twin_in_the_training_sample_gives_the_type_away(data: Inputs) -> None:
    found = _rows(data, NEAREST, "objid")
    assert found[TWINS][1] == 1.0
    assert found[WITHOUT_PARTNER][1] < 0.6 and found[WITHOUT_PARTNER][0] == found[TWINS][0]
    assert found[ALL][0] == found[TWINS][0] + found[WITHOUT][0]
    assert found[ALL][0] == (fold_of(data.X.index, "objid") == PART).sum()
    by_field = _rows(data, NEAREST, "field")
    assert TWINS not in by_field and by_field[ALL] == by_field[WITHOUT]
    assert by_field[ALL][1] < 0.6


@pytest.mark.parametrize("method", ["kmeans", "selected", "supervised", "voting"])
def test_every_method_is_scored(data: Inputs, method: str) -> None:
    found = _rows(data, method, "field")
    assert list(found) == [ALL, WITHOUT]
    assert -0.2 < found[ALL][1] < 0.6


def test_a_part_without_candidates_is_left_out(data: Inputs) -> None:
    assert split._measure(data, {"method": "kmeans", "part": 1, "split": "field", "seed": 0}) == []


def test_pairs_of_one_field_straddle_no_part_of_the_split_by_field(data: Inputs) -> None:
    counts = n_straddling(data.X.index, data.twins)
    assert counts["field"] == 0 and 100 < counts["objid"] < 140  # four in five of 150
    half = n_straddling(data.X.index[:150], data.twins)
    assert half["objid"] < counts["objid"]


def test_the_summary_compares_parts_that_both_splits_have() -> None:
    columns = ["method", "part", "seed", "split", "galaxies", "value"]
    rows = [
        ("kmeans", 1, 0, "objid", ALL, 0.30), ("kmeans", 1, 0, "objid", WITHOUT, 0.34),
        ("kmeans", 1, 0, "field", ALL, 0.20), ("kmeans", 2, 0, "objid", ALL, 0.40),
        ("kmeans", 2, 0, "objid", WITHOUT, 0.36), ("kmeans", 2, 0, "field", ALL, 0.30),
        ("kmeans", 3, 0, "objid", ALL, 0.90), ("kmeans", 3, 0, "objid", WITHOUT, 0.90),
    ]  # fmt: skip
    table = summary(pd.DataFrame(rows, columns=columns))
    assert table.loc["kmeans"].tolist() == pytest.approx([0.35, 0.35, 0.25, 2])
    assert table.drop("kmeans").isna().all(axis=None)


def test_results_by_another_split_are_refused() -> None:
    assert {find_experiment(name).name for name in PARTED} == {"search", "folds", "alternative"}
    settings = {"parameters": {}, "sample": "1", "split": "field"}
    assert differences({"parameters": {}, "sample": "1"}, settings) == ["the split into parts"]
    assert differences({"parameters": {}, "sample": "1", "split": "field"}, settings) == []
