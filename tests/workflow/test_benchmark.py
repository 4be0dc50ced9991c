"""The table of benchmarks and its verdicts."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from galaxy_utils.workflow.benchmark import (
    COLUMNS,
    GOALS,
    compare_with_goals,
    latest,
    limits,
    memory_ratio,
    read_benchmarks,
    record_benchmark,
    scan,
    value_of,
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
    found = compare_with_goals(read_benchmarks(path)).set_index(["key", "galaxies"])
    assert found.loc[("ratio_five", 200), "reached"] == "no"
    assert found.loc[("ratio_five", 200), "goal"] == "at least 100 times"
    assert found.loc[("cosine_efficientnet_b0", 48), "reached"] == "yes"
    assert found.loc[("wall_five", 500), "goal"] == found.loc[("wall_five", 500), "reached"] == ""
    assert found.loc[("wall_five", 5000), "reached"] == "no"
    assert found.loc[("wall_five", 5000), "goal"] == "at most 60 s"
    assert found.loc[("share_convnext_base", 8), "reached"] == "yes"


def test_a_goal_without_a_result_is_not_measured(path: Path) -> None:
    goals = sum(goal.limit is not None for goal in GOALS)
    empty = compare_with_goals(read_benchmarks(path))
    assert len(empty) == goals and set(empty["reached"]) == {"not measured"}
    record(path, "peak_memory", 500, 1.0)  # its goal is for 5,000
    found = compare_with_goals(read_benchmarks(path)).query("key == 'peak_memory'")
    assert list(found["reached"]) == ["", "not measured"]


def test_memory_is_compared_between_numbers_far_apart(path: Path) -> None:
    assert memory_ratio(read_benchmarks(path)) is None
    record(path, "peak_memory", 500, 1.0)
    assert memory_ratio(read_benchmarks(path)) is None
    record(path, "peak_memory", 5000, 1.2)
    assert memory_ratio(read_benchmarks(path)) == pytest.approx(1.2)


def test_machines_are_not_mixed(path: Path) -> None:
    for galaxies, value in ((500, 4.0), (5000, 40.0)):
        record(path, "wall_five", galaxies, value)
    table = read_benchmarks(path).assign(date="2020-01-01")
    table.to_csv(path, index=False)
    record(path, "wall_five", 1000, 1.0, "a newer machine")
    assert list(latest(read_benchmarks(path), "wall_five")["galaxies"]) == [1000]
    assert value_of(read_benchmarks(path), "wall_five") == 1.0
    record_benchmark("wall_five", 8000, 7.0, "wall, two threads", "a newer machine", path)
    assert list(latest(read_benchmarks(path), "wall_five")["galaxies"]) == [8000]


def test_another_way_to_measure_stays_beside(path: Path) -> None:
    for threads, ratio in ((1, 2.4), (2, 3.5), (2, 3.6)):
        record_benchmark("ratio_efficientnet_lite0", 48, ratio, f"threads: {threads}", "A", path)
        record_benchmark("share_efficientnet_lite0", 48, 80.0, f"threads: {threads}", "A", path)
    record_benchmark("share_efficientnet_lite0", 96, 70.0, "threads: 1", "A", path)  # alone
    found = limits(read_benchmarks(path))
    assert list(found["how"]) == ["threads: 1", "threads: 2"]
    assert list(found["ratio"]) == [2.4, 3.6]
    assert list(found["possible"]) == pytest.approx([3.0, 4.5])


def test_only_networks_with_a_goal_are_held_against_the_limit(path: Path) -> None:
    assert limits(read_benchmarks(path)).empty and scan(read_benchmarks(path)).empty
    for name in ("efficientnet_lite0", "convnext_base"):
        record(path, f"ratio_{name}", 48, 2.4)
        record(path, f"share_{name}", 48, 80.0)
    record(path, "ratio_five", 200, 120.0)
    found = limits(read_benchmarks(path))
    assert list(found["network"]) == ["EfficientNet-Lite0"]
    assert found.loc[0, "possible"] == pytest.approx(3.0) and found.loc[0, "goal"] == 3


def test_a_scan_holds_the_numbers_of_one_machine(path: Path) -> None:
    for number in (500, 1500, 5000):
        record(path, "wall_five", number, number / 100)
    record(path, "peak_memory", 500, 1.0)
    found = scan(read_benchmarks(path))
    assert list(found["galaxies"]) == [500, 1500, 5000] and set(found["stage"]) == {"wall_five"}


def test_the_committed_table_holds_what_the_benchmarks_write() -> None:
    table = read_benchmarks()
    assert list(table.columns) == list(COLUMNS)
    assert set(table["key"]) <= {goal.key for goal in GOALS}
    assert isinstance(compare_with_goals(table), pd.DataFrame)
