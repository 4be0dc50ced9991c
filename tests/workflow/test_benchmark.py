"""The table of benchmarks and its verdicts."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from galaxy_utils.workflow.benchmark import (
    COLUMNS,
    compare_with_goals,
    read_benchmarks,
    read_goals,
    record_benchmark,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "benchmarks.csv"


def record(path: Path, key: str, galaxies: int, value: float, hardware: str = "A, GPU") -> None:
    record_benchmark(key, galaxies, value, "wall, one thread", hardware, path)


def test_a_result_takes_the_place_of_the_one_it_repeats(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(path, "peak_memory", 5000, 1.5)
    record(path, "ratio_five", 200, 90.0)
    record(path, "ratio_five", 200, 110.0)
    record(path, "ratio_five", 200, 300.0, "another machine")
    table = read_benchmarks(path)
    assert list(table.columns) == list(COLUMNS)
    assert list(table["key"]) == ["ratio_five", "ratio_five", "peak_memory"]
    assert list(table["value"]) == [110, 300, 1.5]
    assert (table["code"] != "").all() and table["date"].str.fullmatch(r"\d{4}-\d\d-\d\d").all()
    assert "110 times" in capsys.readouterr().out


def test_a_benchmark_without_a_name_in_the_goals_is_refused(path: Path) -> None:
    with pytest.raises(KeyError):
        record(path, "ratio_of_everything", 1, 1.0)


def test_the_verdict_follows_from_value_and_goal(path: Path) -> None:
    record(path, "ratio_five", 200, 99.9)
    record(path, "cosine_efficientnet_b0", 48, 0.99995)
    record(path, "wall_five", 500, 7.0)
    record(path, "wall_five", 5000, 60.5)
    record(path, "share_convnext_base", 8, 70.0)
    found = compare_with_goals(read_benchmarks(path), read_goals()).set_index(["key", "galaxies"])
    assert found.loc[("ratio_five", 200), "reached"] == "no"
    assert found.loc[("ratio_five", 200), "goal"] == "at least 100 times"
    assert found.loc[("cosine_efficientnet_b0", 48), "reached"] == "yes"
    assert found.loc[("wall_five", 500), "goal"] == found.loc[("wall_five", 500), "reached"] == ""
    assert found.loc[("wall_five", 5000), "reached"] == "no"
    assert found.loc[("wall_five", 5000), "goal"] == "at most 60 s"
    assert found.loc[("share_convnext_base", 8), "reached"] == "yes"


def test_a_goal_without_a_result_is_not_measured(path: Path) -> None:
    goals = read_goals()["limit"].notna().sum()
    empty = compare_with_goals(read_benchmarks(path), read_goals())
    assert len(empty) == goals and set(empty["reached"]) == {"not measured"}
    record(path, "peak_memory", 500, 1.0)  # its goal is for 5,000
    found = compare_with_goals(read_benchmarks(path), read_goals()).query("key == 'peak_memory'")
    assert list(found["reached"]) == ["", "not measured"]


def test_the_committed_table_holds_what_the_benchmarks_write() -> None:
    table = read_benchmarks()
    assert list(table.columns) == list(COLUMNS)
    assert set(table["key"]) <= set(read_goals()["key"])
    assert isinstance(compare_with_goals(table, read_goals()), pd.DataFrame)
