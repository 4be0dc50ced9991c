"""Every conclusion is judged by its rule, and points at something that exists."""

from __future__ import annotations

import re
from typing import Any

import pytest

from galaxy_utils import survival
from galaxy_utils.run import ROOT
from galaxy_utils.survival import CAVEAT, CONCLUSIONS, FAILS, HOLDS, UNKNOWN, Conclusion, judge


def results(**values: Any) -> dict[str, Any]:
    return {key: {"value": value, "text": str(value)} for key, value in values.items()}


def conclusion_with(key: str) -> Conclusion:
    return next(c for c in CONCLUSIONS if key in c.keys)


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ({"nulls.seed_ari": 0.9}, HOLDS),
        ({"nulls.seed_ari": 0.6}, CAVEAT),
        ({"nulls.seed_ari": 0.2}, FAILS),
        ({"nulls.seed_ari": None}, UNKNOWN),
        ({"nulls.fusion_adds": False}, FAILS),
        ({"nulls.silhouette_lowest": 0.2, "nulls.copula_silhouette_highest": 0.1}, HOLDS),
        ({"nulls.silhouette_lowest": 0.05, "nulls.copula_silhouette_highest": 0.1}, FAILS),
        ({"instead.ari": 0.3, "instead.ari_low": 0.25}, CAVEAT),
        ({"labels.paper_ari": 0.04, "labels.permuted_highest": 0.0}, FAILS),
        ({"scalability.near_linear": False}, CAVEAT),
    ],
)  # fmt: skip
def test_rules(values: dict[str, Any], verdict: str) -> None:
    assert judge(conclusion_with(next(iter(values))), results(**values)) == verdict


@pytest.mark.parametrize("conclusion", CONCLUSIONS, ids=lambda c: c.anchor)
def test_a_conclusion_points_at_a_figure_or_table_of_its_page(conclusion: Conclusion) -> None:
    text = (ROOT / "notebooks" / f"{conclusion.page}.ipynb").read_text()
    assert f":name: {conclusion.anchor}\\n" in text or f'"name": "{conclusion.anchor}"' in text


@pytest.mark.parametrize("conclusion", CONCLUSIONS, ids=lambda c: c.anchor)
def test_a_conclusion_shows_results_that_are_recorded(conclusion: Conclusion) -> None:
    pages = "".join(path.read_text() for path in (ROOT / "notebooks").glob("*.ipynb"))
    for key in [*conclusion.keys, *re.findall(r"\{([a-z_.]+)\}", conclusion.numbers)]:
        section, name = key.split(".")
        assert f"{section}." in pages and name.split("_")[-1] in pages, key


def test_lists_are_in_order_and_the_empty_one_says_so() -> None:
    keys = {k for c in CONCLUSIONS for k in [*c.keys, *re.findall(r"\{([a-z_.]+)\}", c.numbers)]}
    table = survival.lists(results(**dict.fromkeys(keys)))
    assert (table["verdict"] == UNKNOWN).all() and len(table) == len(CONCLUSIONS)
    assert survival.as_markdown(table, HOLDS) == "*Nothing.*"
    assert survival.as_markdown(table, UNKNOWN).count("{numref}") == len(CONCLUSIONS)
