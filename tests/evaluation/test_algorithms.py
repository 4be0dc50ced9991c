"""Algorithms, probes and paired tests on groups that we planted."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.evaluation import algorithms
from galaxy_utils.evaluation.algorithms import (
    agreement_table,
    algorithm_rows,
    better_than,
    degenerate,
    difference_text,
    excess_table,
    noise_grid,
    noise_on_subsamples,
    noise_rows,
    noise_table,
    paired_tests,
    probe_rows,
    probe_table,
    subsample,
)
from galaxy_utils.evaluation.chain import COPULA, GALAXIES, Recipe
from galaxy_utils.experiments.study import Row

CENTRES = np.array([[0.0, 0, 0], [10, 0, 0], [0, 10, 0]])
GROUP = np.repeat([0, 1, 2], 70)
BLOBS = CENTRES[GROUP] + np.random.default_rng(0).normal(size=(210, 3))
TYPES = np.array(["a", "b", "c"], dtype=object)[GROUP]
RECIPE = Recipe(n_components=3, n_init=2)


def value_of(rows: list[Row], **asked: str) -> float:
    return float(next(r["value"] for r in rows if all(r[k] == v for k, v in asked.items())))


def test_planted_groups_are_found_by_every_algorithm() -> None:
    rows = algorithm_rows(BLOBS, TYPES, RECIPE, 20, 0)
    for name in ("K-Means", "Gaussian mixture", "Spectral", "HDBSCAN"):
        assert value_of(rows, algorithm=name, score="ari") > 0.9, name
    assert value_of(rows, algorithm="K-Means", score="noise") == 0
    without = algorithm_rows(BLOBS, None, RECIPE, 20, 0)
    assert {row["score"] for row in without}.isdisjoint({"ari", "ami"})


def test_probes_know_what_is_there_and_no_more() -> None:
    rows = probe_rows(BLOBS, TYPES, 0)
    assert value_of(rows, probe="linear", score="accuracy") > 0.95
    blind = probe_rows(np.random.default_rng(1).normal(size=(210, 3)), TYPES, 0)
    chance = np.mean([row["value"] for row in blind if row["score"] == "accuracy"])
    assert chance == pytest.approx(1 / 3, abs=0.12)
    assert probe_rows(BLOBS, np.full(210, None, dtype=object), 0) == []


def test_a_subsample_is_drawn_without_putting_back() -> None:
    rows = subsample(100, 3)
    assert len(rows) == len(set(rows)) == 80
    np.testing.assert_array_equal(rows, subsample(100, 3))


def test_noise_depends_on_the_settings() -> None:
    rows = noise_rows(BLOBS, 2, 0)
    noise = [row["value"] for row in rows if row["score"] == "noise"]
    assert min(noise) < 5 and max(noise) > 40


def drawn(means: dict[str, float], draws: int = 8, spread: float = 0.01) -> pd.DataFrame:
    """Scores of algorithms that share the luck of their subsample."""
    rng = np.random.default_rng(0)
    luck = rng.normal(scale=0.1, size=draws)
    rows = [
        (name, draw, "ami", mean + luck[draw] + rng.normal(scale=spread))
        for name, mean in means.items()
        for draw in range(draws)
    ]
    return pd.DataFrame(rows, columns=["algorithm", "draw", "score", "value"])


def test_a_real_difference_is_found_though_subsamples_differ_more() -> None:
    tests = paired_tests(drawn({"x": 0.5, "y": 0.4, "z": 0.4}), "ami").set_index(
        ["first", "second"]
    )
    assert tests.loc[("x", "y"), "p_holm"] < 0.05 and tests.loc[("x", "y"), "low"] > 0
    assert tests.loc[("y", "z"), "p_holm"] > 0.2
    assert (tests["p_holm"] >= tests["p"]).all()
    assert tests.loc[("x", "y"), "difference"] == pytest.approx(0.1, abs=0.02)
    assert "effect" not in tests  # over its own spread it would be the test's t again
    assert better_than(tests.reset_index(), "y") == ["x"]
    assert better_than(tests.reset_index(), "x") == []


def test_a_difference_is_told_with_its_interval() -> None:
    tests = paired_tests(drawn({"x": 0.5, "y": 0.4}), "ami")
    said = difference_text(tests, "x", "y")
    assert re.fullmatch(r"\+0\.\d{3} \(\+0\.\d{3} to \+0\.\d{3}\)", said)
    assert float(said[:6]) == pytest.approx(0.1, abs=0.02)
    assert difference_text(tests, "x", "z") == "not measured"
    assert difference_text(tests.iloc[:0], "x", "y") == "not measured"


@pytest.mark.parametrize("seed", range(3))
def test_equal_algorithms_do_not_differ(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = pd.DataFrame([
        {"algorithm": name, "draw": i, "score": "ami", "value": rng.normal()}
        for name in "xyz" for i in range(8)
    ])  # fmt: skip
    assert (paired_tests(table, "ami")["p_holm"] > 0.05).all()


def test_without_scores_there_is_nothing_to_test() -> None:
    empty = drawn({"x": 0.5, "y": 0.4}).assign(value=np.nan)
    assert paired_tests(empty, "ami").empty and better_than(paired_tests(empty, "ami"), "x") == []


def test_tables_are_means_over_subsamples() -> None:
    units = [
        {"what": "algorithms", "data": data, "draw": draw, "representation": "r", **row}
        for data, types in ((GALAXIES, TYPES), (COPULA, None))
        for draw in range(2)
        for row in algorithm_rows(BLOBS, types, RECIPE, 20, draw)
    ]
    units += [
        {"what": "probe", "representation": "r", **row} for row in probe_rows(BLOBS, TYPES, 0)
    ]
    table = pd.DataFrame(units)
    assert agreement_table(table, "ari").loc["r", "K-Means"] > 0.9
    assert excess_table(table)["excess"].abs().max() < 1e-9  # the same points stand for both here
    assert probe_table(table).loc[0, "linear accuracy"] > 0.95
    assert algorithms.probe_table(table[table["what"] == "algorithms"]).empty


def test_who_parts_nothing_is_left_out_by_name() -> None:
    shares = {"parts": [30.0, 20, 25], "specks": [0.5, 1, 0], "mostly not": [0.0, 30, 0]}
    table = pd.DataFrame([
        {"algorithm": name, "draw": draw, "score": "second", "value": value}
        for name, values in shares.items() for draw, value in enumerate(values)
    ])  # fmt: skip
    assert degenerate(table) == ["specks", "mostly not"]


def noise_of(points: np.ndarray) -> pd.DataFrame:
    units = [
        {"what": "noise", "data": data, "dimension": 2, **row}
        for data in (GALAXIES, COPULA)
        for row in noise_rows(points if data == GALAXIES else points[::-1], 2, 0)
    ]
    return noise_table(pd.DataFrame(units))


def test_the_noise_table_tells_groups_from_one_blob_with_specks() -> None:
    groups = noise_of(BLOBS)
    assert groups.loc[groups["noise"] < 5, "parts"].any()
    rng = np.random.default_rng(0)
    blob = np.vstack([rng.normal(size=(300, 2)), rng.normal(40, 0.1, size=(6, 2))])
    few = noise_of(blob)
    kept = few[(few["size"] == 5) & (few["noise"] < 40)]
    assert len(kept) and not kept["parts"].any() and (kept["clusters"] >= 2).any()
    grid = noise_grid(few, "largest")
    assert list(grid.columns) == ["2", "2, null"] and "5 / 1" in grid.index


def test_noise_is_asked_again_with_galaxies_left_out() -> None:
    found = noise_on_subsamples(BLOBS, 20, 3, 0)
    assert found.shape == (3,) and (found < 20).all()
    structureless = np.random.default_rng(1).normal(size=(210, 8))
    assert (noise_on_subsamples(structureless, 20, 3, 0) > 60).all()
