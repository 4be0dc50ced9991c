"""The table of what the benchmarks measured, and the goals to compare it with."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from galaxy_utils.provenance import PACKAGE, git_commit, write_atomically

TABLE = PACKAGE.parent / "data" / "benchmarks.csv"
"""Where the benchmarks write, and the scalability page reads."""

GOALS = PACKAGE.parent / "data" / "benchmark_goals.csv"
"""What the benchmarks measure, in the order of the page; with `at_galaxies` the goal holds for
that number of galaxies alone."""

COLUMNS = ["key", "galaxies", "value", "unit", "how", "hardware", "code", "date"]

WALL, MEMORY, EMBED_WALL = "wall_five", "peak_memory", "wall_embedding"
GPU, PAIR = "gpu_features", "ratio_book_networks"


def read_benchmarks(path: Path = TABLE) -> pd.DataFrame:
    """Read what was measured: columns `COLUMNS`; a table that is not there is empty."""
    if not path.exists():
        return pd.DataFrame(columns=COLUMNS)
    return pd.read_csv(path, dtype={"galaxies": int, "value": float}, keep_default_na=False)


def read_goals(path: Path = GOALS) -> pd.DataFrame:
    """Read what the benchmarks measure, and what they are to reach."""
    return pd.read_csv(path).fillna({"unit": "", "sense": ""})


def record_benchmark(
    key: str, galaxies: int, value: float, how: str, hardware: str, path: Path = TABLE
) -> None:
    """Print one result and keep it in the table, in place of the one it repeats."""
    goals = read_goals().set_index("key")
    goal = goals.loc[key]
    code, date = git_commit(PACKAGE), datetime.now(UTC).date().isoformat()
    row = (key, galaxies, float(f"{value:.6g}"), goal["unit"], how, hardware, code, date)
    print(f"{goal['what']}, {galaxies:,}: {value:.6g} {goal['unit']}", flush=True)
    table = read_benchmarks(path)
    same = table["key"].eq(key) & table["galaxies"].eq(galaxies)
    others = table[~(same & table["hardware"].eq(hardware) & table["how"].eq(how))]
    rows = pd.DataFrame([*others.itertuples(index=False), row], columns=COLUMNS)
    rows = rows.assign(place=goals.index.get_indexer(pd.Index(rows["key"])))
    rows = rows.sort_values(["place", "galaxies", "hardware", "how"])
    write_atomically(path, rows[COLUMNS].to_csv(index=False, lineterminator="\n"))


def compare_with_goals(table: pd.DataFrame, goals: pd.DataFrame) -> pd.DataFrame:
    """Compare each result with its goal: columns `COLUMNS`, what, goal, reached.

    A goal for which nothing was measured has a row without a value.
    """
    rows = table.drop(columns="unit").merge(goals, on="key")
    elsewhere = rows["at_galaxies"].notna() & rows["at_galaxies"].ne(rows["galaxies"])
    rows["limit"] = rows["limit"].mask(elsewhere)
    missing = goals["limit"].notna() & ~goals["key"].isin(rows.loc[rows["limit"].notna(), "key"])
    rows = pd.concat([rows, goals[missing].assign(galaxies=goals["at_galaxies"].fillna(0))])
    rows = rows.sort_values("key", key=pd.Index(goals["key"]).get_indexer, kind="stable")
    value, limit = rows["value"], rows["limit"]
    words = rows["sense"] + " " + limit.map("{:g}".format) + " " + rows["unit"]
    reached = np.where(rows["sense"] == "at least", value >= limit, value <= limit)
    rows["goal"] = words.str.strip().mask(limit.isna(), "")
    rows["reached"] = np.select(
        [limit.isna(), value.isna(), reached], ["", "not measured", "yes"], "no"
    )
    rows = rows.astype({"galaxies": int}).reset_index(drop=True)
    texts = ["how", "hardware", "code", "date"]
    return rows.fillna(dict.fromkeys(texts, ""))[[*COLUMNS, "what", "goal", "reached"]]
