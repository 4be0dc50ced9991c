"""Paired tests on subsamples find a real difference, and none between equals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.evaluation.resampling import subsample
from galaxy_utils.experiments.algorithms import paired_tests


def test_a_subsample_is_drawn_without_replacement() -> None:
    rows = subsample(100, 3)
    assert len(rows) == len(set(rows)) == 80 and (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(rows, subsample(100, 3))
    assert set(rows) != set(subsample(100, 4))


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
    tests = paired_tests(drawn({"x": 0.5, "y": 0.4, "z": 0.4}), "ami")
    assert (tests["p_holm"] >= tests["p"]).all()
    by_pair = tests.set_index(["first", "second"])
    assert by_pair.loc[("x", "y"), "p_holm"] < 0.05 and by_pair.loc[("x", "y"), "low"] > 0
    assert by_pair.loc[("y", "z"), "p_holm"] > 0.2
    assert by_pair.loc[("x", "y"), "difference"] == pytest.approx(0.1, abs=0.02)


def test_the_variance_is_the_delete_d_jackknifes() -> None:
    table = drawn({"x": 0.5, "y": 0.4})
    row = paired_tests(table, "ami").iloc[0]
    wide = table.pivot(index="draw", columns="algorithm", values="value")
    error = np.sqrt(4) * (wide["x"] - wide["y"]).std(ddof=0)  # kept over left out: 0.8 / 0.2
    assert (row["high"] - row["low"]) / 2 == pytest.approx(2.3646 * error, rel=1e-4)  # t of 7


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
    assert paired_tests(empty, "ami").empty
    assert paired_tests(drawn({"x": 0.5, "y": 0.4}, draws=2), "ami").empty
