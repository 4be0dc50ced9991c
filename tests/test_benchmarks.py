"""The table of benchmarks."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pandas as pd
import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "recording.py"
SPEC = importlib.util.spec_from_file_location("benchmark_recording", SCRIPT)
assert SPEC and SPEC.loader
recording = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(recording)


def record(path: Path, key: str, galaxies: int, value: float, hardware: str = "A, GPU") -> None:
    recording.record_benchmark(key, galaxies, value, "wall, one thread", hardware, path)


def test_a_result_takes_the_place_of_the_one_it_repeats(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "benchmarks.csv"
    record(path, "peak_memory", 5000, 1.5)
    record(path, "ratio_five", 200, 90.0)
    record(path, "ratio_five", 200, 110.0)
    record(path, "ratio_five", 200, 300.0, "another machine")
    table = pd.read_csv(path, keep_default_na=False)
    assert list(table.columns) == list(pd.read_csv(recording.TABLE, nrows=0).columns)
    assert list(table["key"]) == ["ratio_five", "ratio_five", "peak_memory"]
    assert list(table["value"]) == [110, 300, 1.5]
    assert (table["code"] != "").all() and table["date"].str.fullmatch(r"\d{4}-\d\d-\d\d").all()
    assert "110 times" in capsys.readouterr().out


def test_a_benchmark_without_a_name_in_the_goals_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        record(tmp_path / "benchmarks.csv", "ratio_of_everything", 1, 1.0)


def test_the_committed_table_holds_what_the_benchmarks_write() -> None:
    known = set(pd.read_csv(recording.GOALS)["key"])
    assert set(pd.read_csv(recording.TABLE)["key"]) <= known
