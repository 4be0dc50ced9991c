"""Every conclusion is judged by its rule, and points at something that exists."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from galaxy_utils.ledger import survival
from galaxy_utils.ledger.survival import (
    CAVEAT,
    CONCLUSIONS,
    FAILS,
    HOLDS,
    OURS,
    PAPER,
    UNKNOWN,
    Conclusion,
    judge,
)  # fmt: skip
from galaxy_utils.run_folder import ROOT

SURE = {
    "nulls.confident_stands_out": True,
    "nulls.confident": 99.0,
    "nulls.confident_null": 93.0,
    "number.confident_agree": 98.0,
    "number.confident_agree_null": 90.0,
    "number.calibrated": True,
}
AGREES = {"instead.goal_ari": 0.25, "instead.cross_taught_low": 0.2}


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
        ({"nulls.silhouette_lowest": 0.2, "nulls.copula_silhouette_highest": 0.1}, CAVEAT),
        ({"nulls.silhouette_lowest": 0.05, "nulls.copula_silhouette_highest": 0.1}, FAILS),
        (AGREES | {"instead.cross_taught": 0.3}, CAVEAT),
        (AGREES | {"instead.cross_taught": 0.2}, FAILS),
        ({"labels.paper_ari": 0.04, "labels.permuted_highest": 0.0}, FAILS),
        ({"scalability.near_linear": False}, CAVEAT),
        ({"anomalies.artefacts_supported": True}, CAVEAT),
        ({"anomalies.mergers_supported": False}, FAILS),
        ({"anomalies.mergers_supported": None}, UNKNOWN),
        ({"tested.noise_inherent": None}, UNKNOWN),
        ({"tested.noise_inherent": False}, FAILS),
        ({"tested.kmeans_worse": True}, HOLDS),
        ({"tested.kmeans_worse": False}, FAILS),
        (SURE | {"nulls.confident": 96.4}, CAVEAT),
        (SURE | {"nulls.confident": 96.5}, HOLDS),
        (SURE | {"nulls.confident_stands_out": False}, FAILS),
        (SURE | {"number.confident_agree": 75.0}, CAVEAT),
        (SURE | {"number.calibrated": False}, CAVEAT),
        ({"circularity.matched_seen_by_images": False}, FAILS),
        ({"circularity.matched_seen_by_images": True}, CAVEAT),
        ({"stability.compared_percent": 98.5, "stability.copula_percent": 95.3}, FAILS),
        ({"stability.compared_percent": 82.5, "stability.copula_percent": 95.3}, CAVEAT),
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
    baseline = json.loads((ROOT / "tests" / "baseline" / "smoke.json").read_text())
    shown = "; ".join([conclusion.numbers, *conclusion.extras])
    keys = {*conclusion.keys, *re.findall(r"\{([a-z_.]+)\}", shown)}
    assert {key for key in keys if not key.startswith("scalability.")} <= set(baseline)  # timings


def test_lists_are_in_order_and_the_empty_one_says_so() -> None:
    keys = {k for c in CONCLUSIONS for k in [*c.keys, *re.findall(r"\{([a-z_.]+)\}", c.numbers)]}
    table = survival.lists(results(**dict.fromkeys(keys)))
    assert (table["verdict"] == UNKNOWN).all() and len(table) == len(CONCLUSIONS)
    assert survival.as_markdown(table, HOLDS) == "*Nothing.*"
    assert survival.as_markdown(table, UNKNOWN).count("{numref}") == len(CONCLUSIONS)


@pytest.mark.parametrize(
    ("own", "best", "verdict"), [(70, 80, HOLDS), (60, 80, CAVEAT), (60, 61, FAILS)]
)
def test_networks_are_held_against_the_five_parameters(
    own: float, best: float, verdict: str
) -> None:
    values = dict.fromkeys(conclusion_with("labels.own_probe_balanced").keys, 58.0)
    values |= {"labels.own_probe_balanced": own, "labels.best_deep_balanced": best}
    assert judge(conclusion_with("labels.own_probe_balanced"), results(**values)) == verdict


@pytest.mark.parametrize(
    ("key", "origin"),
    [
        ("robust.paper_turned", OURS),
        ("truth.paper_ari", OURS),
        ("labels.own_probe_balanced", OURS),
        ("morphology.n_complete", OURS),
        ("nulls.silhouette_lowest", OURS),
        ("nulls.fusion_adds", PAPER),
        ("anomalies.artefacts_supported", PAPER),
    ],
)
def test_a_line_says_whether_the_paper_claims_it(key: str, origin: str) -> None:
    assert conclusion_with(key).origin == origin


def test_the_papers_lines_come_first_and_every_line_says_whose_it_is() -> None:
    keys = {k for c in CONCLUSIONS for k in [*c.keys, *re.findall(r"\{([a-z_.]+)\}", c.numbers)]}
    table = survival.lists(results(**dict.fromkeys(keys)))
    assert list(table["origin"]) == sorted(table["origin"], key=[PAPER, OURS].index)
    lines = survival.as_markdown(table, UNKNOWN).splitlines()
    assert sum(line.startswith("- *Claimed by the paper.*") for line in lines) > 10
    assert sum(line.startswith("- *Asked by us.*") for line in lines) == 7


def test_what_a_run_does_not_have_is_left_out_of_the_extras() -> None:
    line = next(c for c in CONCLUSIONS if "instead.cross_taught" in c.keys)
    names = [f"cross_taught{end}" for end in ("", "_low", "_high", "_share")] + ["goal_ari"]
    there: dict[str, Any] = dict.fromkeys([f"instead.{n}" for n in (*names, "paper_ari")], 0.3)
    assert "would have given" not in survival._numbers(line, results(**there))
    unmeasured = there | {"instead.alone_ari": None}
    assert "would have given" not in survival._numbers(line, results(**unmeasured))
    full = there | {"instead.alone_ari": 0.17}
    assert survival._numbers(line, results(**full)).endswith(
        "would have given 0.17 on the galaxies on which it was"
    )
    rules = full | {"instead.ari_lowest_rule": 0.1, "instead.ari_highest_rule": 0.32}
    assert survival._numbers(line, results(**rules)).endswith("from 0.1 to 0.32")
