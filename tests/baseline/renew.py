"""Write the baseline of the smoke run anew: python tests/baseline/renew.py SEED1 SEED2 ...

Do it only when a change of the numbers is meant, and look at the difference.
What is measured from pixels must agree closely anywhere; what comes out of a
trained network or a mixture may move a little from machine to machine. The runs
named are the same profile with other seeds (make book PROFILE=smoke SET=seed=1
RUN=seed1): a comparison is held as closely as they agree on it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from galaxy_utils.run_folder import RunFolder

MEASURED = ("dataset", "preprocessing", "morphology", "purging", "features")
TIMES = ("scalability",)
JUDGED = (
    "ablation",
    "stability",
    "comparison",
    "number",
    "follow",
    "outliers",
    "recovery",
    "robust",
    "instead",
    "own",
)
"""Comparisons: few draws of few galaxies, where a mixture that falls the other
way on another machine moves much."""


BOUND = 0.15
"""Tolerance of shares, probabilities and indices between -1 and 1; a hundredfold of percentages."""

CODES = ("own.model_code",)
"""What names a version."""


def entry(key: str, value: Any, unit: str, others: list[Any]) -> dict[str, Any]:
    """Baseline of one result: its value, and how far another machine may be off.

    `others` are the values that runs with other seeds have.
    """
    if key in CODES:
        return {"value": value, "free": True}
    if key.split(".")[0] in JUDGED:
        return _judged(value, unit, others)
    measured = key.split(".")[0] in MEASURED
    if isinstance(value, bool | str) or value is None:
        return {"value": value} if measured else {"value": value, "free": True}
    if isinstance(value, int):
        return {"value": value} if measured else {"value": value, "tolerance": round(0.2 * value)}
    share = 0.02 if measured else 0.2
    return {"value": value, "tolerance": round(share * abs(value) + (0.01 if measured else 0.1), 4)}


def _judged(value: Any, unit: str, others: list[Any]) -> dict[str, Any]:
    """Hold what does not depend on the seed; the rest only where it is a large number."""
    if not others:
        raise SystemExit("Name runs of other seeds: without them nothing tells what is stable.")
    if isinstance(value, bool | str) or value is None:
        return {"value": value} | ({} if set(others) == {value} else {"free": True})
    if None in others:
        return {"value": value, "free": True}
    spread = max(abs(value - other) for other in others)
    if isinstance(value, int):
        return {"value": value} | ({"tolerance": 2 * spread} if spread else {})
    scale = 100.0 if unit == "%" else 1.0
    if max(map(abs, [value, *others])) <= scale and spread <= BOUND * scale:
        tolerance = min(max(2 * spread, 0.05 * scale), BOUND * scale)
        return {"value": value, "tolerance": round(tolerance, 4)}
    return {"value": value, "tolerance": round(max(2 * spread, 0.5 * abs(value) + 0.1), 4)}


def main(run: str, others: list[str]) -> None:
    """Write the baseline of a run."""
    results = RunFolder.named(run).read_json("results.json")
    found = [RunFolder.named(name).read_json("results.json") for name in others]
    baseline = {
        key: entry(key, result["value"], result["unit"], [other[key]["value"] for other in found])
        for key, result in results.items()
        if key.split(".")[0] not in TIMES
    }
    Path(__file__).with_name("smoke.json").write_text(json.dumps(baseline, indent=1) + "\n")


if __name__ == "__main__":
    main("test-smoke", sys.argv[1:])
