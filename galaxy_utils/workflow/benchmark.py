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
    order = {goal.key: place for place, goal in enumerate(GOALS)}
    rows = rows.assign(place=rows["key"].map(order)).sort_values(
        ["place", "galaxies", "hardware", "how"]
    )
    write_atomically(path, rows[list(COLUMNS)].to_csv(index=False, lineterminator="\n"))


def compare_with_goals(table: pd.DataFrame) -> pd.DataFrame:
    """Compare each result with its goal: columns `COLUMNS`, what, goal, reached.

    A goal for which nothing was measured has a row without a value.
    """
    rows: list[dict[Hashable, Any]] = []
    for goal in GOALS:
        mine = [_compare(goal, row) for row in table[table["key"] == goal.key].to_dict("records")]
        if goal.limit is not None and not any(row["goal"] for row in mine):
            missing: dict[Hashable, Any] = dict.fromkeys(COLUMNS, "")
            missing |= {"key": goal.key, "galaxies": goal.galaxies or 0, "unit": goal.unit}
            missing["value"] = float("nan")
            mine.append(_compare(goal, missing) | {"reached": "not measured"})
        rows += mine
    return pd.DataFrame(rows, columns=[*COLUMNS, "what", "goal", "reached"])


def _compare(goal: Goal, row: dict[Hashable, Any]) -> dict[Hashable, Any]:
    if goal.limit is None or goal.galaxies not in (None, row["galaxies"]):
        return {**row, "what": goal.what, "goal": "", "reached": ""}
    words = f"{'at least' if goal.at_least else 'at most'} {goal.limit:g} {goal.unit}".strip()
    value = row["value"]
    reached = value >= goal.limit if goal.at_least else value <= goal.limit
    return {**row, "what": goal.what, "goal": words, "reached": "yes" if reached else "no"}
