"""The table of what the benchmarks measured, and the goals to compare it with."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from galaxy_utils.provenance import PACKAGE, git_commit, write_atomically

TABLE = PACKAGE.parent / "data" / "benchmarks.csv"
"""Where the benchmarks write, and the scalability page reads."""

COLUMNS = ("key", "galaxies", "value", "unit", "how", "hardware", "code", "date")

WALL, MEMORY, EMBED_WALL = "wall_five", "peak_memory", "wall_embedding"
GPU = "gpu_features"

FLAT = 1.1
"""Memory at the largest number over that at the smallest that is called flat."""


@dataclass(frozen=True)
class Goal:
    """What a benchmark is to reach."""

    key: str
    what: str
    limit: float | None = None
    at_least: bool = True
    unit: str = ""
    galaxies: int | None = None


def _network(name: str, title: str, ratio: float | None, share: float | None) -> tuple[Goal, ...]:
    least = 0.9999 if ratio else None
    return (
        Goal(f"ratio_{name}", f"{title} over eager PyTorch, one by one", ratio, unit="times"),
        Goal(f"cosine_{name}", f"{title}: smallest cosine to eager PyTorch", least),
        Goal(f"share_{name}", f"{title}: share of the matrix product's FLOP/s", share, unit="%"),
    )


PAIR = "ratio_book_networks"
"""Key of what the two networks of the profile `book` gain together."""

GOALS = (
    Goal("ratio_five", "five parameters of a found source, over statmorph's", 100, unit="times"),
    Goal("ratio_image", "from image to five parameters, over photutils and statmorph",
         unit="times"),
    Goal(WALL, "images to five parameters, wall time", 60, False, "s", 5000),
    Goal(EMBED_WALL, "images to one embedding, wall time", unit="s"),
    Goal(MEMORY, "peak memory of `measure_sample`, its processes together", 2.0, False, "GB", 5000),
    Goal(PAIR, "the two EfficientNets of the book, one after the other, over eager PyTorch", 3,
         unit="times"),
    *_network("efficientnet_lite0", "EfficientNet-Lite0", 3, None),
    *_network("efficientnet_lite2", "EfficientNet-Lite2", 3, None),
    *_network("efficientnet_b0", "EfficientNet-B0", 3, None),
    *_network("convnext_base", "ConvNeXt-Base", None, 70),
    Goal(GPU, "pixels to all features on a GPU, a galaxy", 1.0, False, "ms"),
)  # fmt: skip
"""Everything that the benchmarks measure, in the order of the page."""


def read_benchmarks(path: Path = TABLE) -> pd.DataFrame:
    """Read what was measured: columns `COLUMNS`; a table that is not there is empty."""
    if not path.exists():
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.read_csv(path, dtype={"galaxies": int, "value": float}, keep_default_na=False)


def record_benchmark(
    key: str, galaxies: int, value: float, how: str, hardware: str, path: Path = TABLE
) -> None:
    """Print one result and keep it in the table, in place of the one it repeats."""
    goal = {goal.key: goal for goal in GOALS}[key]
    code, date = git_commit(PACKAGE), datetime.now(UTC).date().isoformat()
    row = (key, galaxies, float(f"{value:.6g}"), goal.unit, how, hardware, code, date)
    print(f"{goal.what}, {galaxies:,}: {value:.6g} {goal.unit}", flush=True)
    table = read_benchmarks(path)
    same = table["key"].eq(key) & table["galaxies"].eq(galaxies)
    others = table[~(same & table["hardware"].eq(hardware) & table["how"].eq(how))]
    rows = pd.DataFrame([*others.itertuples(index=False), row], columns=list(COLUMNS))
    _write(rows, path)


def _write(rows: pd.DataFrame, path: Path) -> None:
    order = {goal.key: place for place, goal in enumerate(GOALS)}
    rows = rows.assign(place=rows["key"].map(order)).sort_values(
        ["place", "galaxies", "hardware", "how"]
    )
    write_atomically(path, rows[list(COLUMNS)].to_csv(index=False, lineterminator="\n"))


def compare_with_goals(table: pd.DataFrame) -> pd.DataFrame:
    """Compare each result with its goal."""
    rows = [row for goal in GOALS for row in _rows_with_goal(goal, table[table["key"] == goal.key])]
    return pd.DataFrame(rows, columns=[*COLUMNS, "what", "goal", "reached"])


def _rows_with_goal(goal: Goal, found: pd.DataFrame) -> list[dict[Any, Any]]:
    rows: list[dict[Any, Any]] = [
        {**row, "what": goal.what, "goal": _in_words(goal, row["galaxies"]),
         "reached": _reached(goal, row["galaxies"], row["value"])}
        for row in found.to_dict("records")
    ]  # fmt: skip
    if goal.limit is None or any(row["goal"] for row in rows):
        return rows
    empty: dict[Hashable, Any] = dict.fromkeys(COLUMNS, "") | {
        "key": goal.key,
        "unit": goal.unit,
        "value": float("nan"),
    }
    empty |= {"galaxies": goal.galaxies or 0, "what": goal.what}
    return [*rows, {**empty, "goal": _in_words(goal, goal.galaxies), "reached": "not measured"}]


def _in_words(goal: Goal, galaxies: object) -> str:
    if goal.limit is None or goal.galaxies not in (None, galaxies):
        return ""
    return f"{'at least' if goal.at_least else 'at most'} {goal.limit:g} {goal.unit}".strip()


def _reached(goal: Goal, galaxies: object, value: float) -> str:
    if goal.limit is None or goal.galaxies not in (None, galaxies):
        return ""
    return "yes" if (value >= goal.limit if goal.at_least else value <= goal.limit) else "no"


def latest(table: pd.DataFrame, key: str) -> pd.DataFrame:
    """Rows of one benchmark on the hardware, and in the way, that it was last run; by galaxies."""
    rows = table[table["key"] == key]
    if rows.empty:
        return rows
    last = rows.sort_values("date", kind="stable").iloc[-1]
    chosen: pd.DataFrame = rows[
        (rows[["hardware", "how"]] == last[["hardware", "how"]]).all(axis=1)
    ]
    return chosen.sort_values("galaxies")


def value_of(table: pd.DataFrame, key: str) -> float | None:
    """Value of one benchmark at its largest number of galaxies; None where it was not measured."""
    rows = latest(table, key)
    return None if rows.empty else float(rows["value"].iloc[-1])


def memory_ratio(table: pd.DataFrame) -> float | None:
    """Peak memory at the largest number of galaxies over that at the smallest.

    None for fewer than two numbers, or where they lie less than four times apart.
    """
    rows = latest(table, MEMORY)
    if rows.empty or rows["galaxies"].iloc[-1] < 4 * rows["galaxies"].iloc[0]:
        return None
    return float(rows["value"].iloc[-1] / rows["value"].iloc[0])


def limits(table: pd.DataFrame) -> pd.DataFrame:
    """What each network with a goal reached, and what could be had at most."""
    aimed = [goal for goal in GOALS if goal.limit is not None and goal.key.startswith("ratio_")]
    rows = []
    for goal in aimed:
        share = table[table["key"] == goal.key.replace("ratio_", "share_")]
        both = table[table["key"] == goal.key].merge(share, on=["hardware", "how", "galaxies"])
        for _, row in both.iterrows():
            ratio, reached = float(row["value_x"]), float(row["value_y"])
            found = (goal.what.split()[0], row["how"], ratio, reached, 100 * ratio / reached)
            rows.append((*found, goal.limit))
    return pd.DataFrame(rows, columns=["network", "how", "ratio", "share", "possible", "goal"])


def scan(table: pd.DataFrame) -> pd.DataFrame:
    """Wall time against the number of galaxies on one machine: stage, galaxies, seconds."""
    rows = pd.concat([latest(table, key) for key in (WALL, EMBED_WALL)])
    rows = rows.rename(columns={"key": "stage", "value": "seconds"})
    return rows[["stage", "galaxies", "seconds"]].reset_index(drop=True)
