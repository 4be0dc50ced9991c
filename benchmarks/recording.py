"""Keep what a benchmark measured in `data/benchmarks.csv`, for the page on scalability."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from galaxy_utils.provenance import PACKAGE, git_commit, write_atomically
from galaxy_utils.run_folder import DATA

TABLE = DATA / "benchmarks.csv"
GOALS = DATA / "benchmark_goals.csv"
"""What the benchmarks measure, in the order of the page."""


def record_benchmark(
    key: str, galaxies: int, value: float, how: str, hardware: str, path: Path = TABLE
) -> None:
    """Print one result and keep it in the table, in place of the one it repeats."""
    goals = pd.read_csv(GOALS).fillna({"unit": ""}).set_index("key")
    goal = goals.loc[key]
    print(f"{goal['what']}, {galaxies:,}: {value:.6g} {goal['unit']}", flush=True)
    result = {
        "key": key, "galaxies": galaxies, "value": float(f"{value:.6g}"), "unit": goal["unit"],
        "how": how, "hardware": hardware, "code": git_commit(PACKAGE),
        "date": datetime.now(UTC).date().isoformat(),
    }  # fmt: skip
    rows = pd.DataFrame([result])
    if path.exists():
        rows = pd.concat([pd.read_csv(path, keep_default_na=False), rows])
    rows = rows.drop_duplicates(["key", "galaxies", "hardware", "how"], keep="last")
    rows = rows.assign(place=goals.index.get_indexer(pd.Index(rows["key"])))
    rows = rows.sort_values(["place", "galaxies", "hardware", "how"]).drop(columns="place")
    write_atomically(path, rows.to_csv(index=False, lineterminator="\n"))
