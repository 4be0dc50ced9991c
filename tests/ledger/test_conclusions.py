"""Every conclusion follows its rule, and points at something that exists."""

import json
from pathlib import Path
from typing import Any

import pytest

from galaxy_utils.errors import UserError
from galaxy_utils.ledger.conclusions import (
    Conclusion,
    ConclusionVerdict,
    Origin,
    conclusion_table,
    conclusion_verdict,
    conclusions_markdown,
    read_conclusions,
)
from galaxy_utils.run_folder import ROOT

HOLDS, CAVEAT, FAILS, UNKNOWN = ConclusionVerdict
PAPER, OURS = Origin
CONCLUSIONS = read_conclusions(ROOT / "data" / "conclusions.yml")

SURE = {
    "nulls.confident_stands_out": True,
    "nulls.confident": 99.0,
    "nulls.confident_null": 93.0,
    "number.confident_agree": 98.0,
    "number.confident_agree_null": 90.0,
    "number.calibrated": True,
}
BOTTLENECK = {"autoencoder.raw_plain_morphology_percent": 90.0}
AGREES = {"instead.supervised_ari": 0.5}


def results(**values: Any) -> dict[str, Any]:
    return {key: {"value": value, "text": str(value)} for key, value in values.items()}


def conclusion_with(key: str) -> Conclusion:
    return next(c for c in CONCLUSIONS if key in c.deciding)


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ({"nulls.seed_ari": 0.9}, HOLDS),
        ({"nulls.seed_ari": 0.6}, CAVEAT),
        ({"nulls.seed_ari": 0.2}, FAILS),
        ({"nulls.seed_ari": None}, UNKNOWN),
        ({"nulls.fusion_adds": False}, FAILS),
        (SURE | {"number.calibrated": None}, UNKNOWN),
        ({"nulls.silhouette_lowest": 0.2, "nulls.copula_silhouette_highest": 0.1}, CAVEAT),
        ({"nulls.silhouette_lowest": 0.05, "nulls.copula_silhouette_highest": 0.1}, FAILS),
        (AGREES | {"instead.voting_low": 0.3}, CAVEAT),
        (AGREES | {"instead.voting_low": 0.05}, FAILS),
        ({"labels.paper_ari": 0.04}, FAILS),
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
        ({"robust.paper_turned": 2.0}, HOLDS),
        ({"robust.paper_turned": 10.0}, CAVEAT),
        ({"robust.paper_turned": 10.1}, FAILS),
        ({"morphology.n_complete": 95, "morphology.n_galaxies": 100}, HOLDS),
        ({"morphology.n_complete": 94, "morphology.n_galaxies": 100}, CAVEAT),
        ({"number.more_stable_than_null": True, "number.all_stable": True}, HOLDS),
        ({"number.more_stable_than_null": False, "number.all_stable": True}, CAVEAT),
        ({"number.more_stable_than_null": False, "number.all_stable": False}, FAILS),
        (BOTTLENECK | {"autoencoder.standardised_plain_morphology_percent": 50.0}, HOLDS),
        (BOTTLENECK | {"autoencoder.standardised_plain_morphology_percent": 9.0}, CAVEAT),
        ({"truth.paper_ari": 0.2}, CAVEAT),
        ({"truth.paper_ari": 0.19}, FAILS),
        ({"labels.paper_ari": 0.3}, HOLDS),
        ({"labels.paper_ari": 0.1}, CAVEAT),
        ({"nulls.accuracy_stands_out": True, "circularity.matched_above": False}, HOLDS),
        ({"nulls.accuracy_stands_out": False, "circularity.matched_above": True}, CAVEAT),
        ({"number.four_chosen": True}, CAVEAT),
    ],
)  # fmt: skip
def test_rules(values: dict[str, Any], verdict: ConclusionVerdict) -> None:
    assert conclusion_verdict(conclusion_with(next(iter(values))), results(**values)) == verdict


@pytest.mark.parametrize("conclusion", CONCLUSIONS, ids=lambda c: c.anchor)
def test_a_conclusion_points_at_a_figure_or_table_of_its_page(conclusion: Conclusion) -> None:
    text = (ROOT / "notebooks" / f"{conclusion.page}.ipynb").read_text()
    assert f":name: {conclusion.anchor}\\n" in text or f'"name": "{conclusion.anchor}"' in text


@pytest.mark.parametrize("conclusion", CONCLUSIONS, ids=lambda c: c.anchor)
def test_a_conclusion_shows_results_that_are_recorded(conclusion: Conclusion) -> None:
    baseline = json.loads((ROOT / "tests" / "baseline" / "smoke.json").read_text())
    keys = conclusion.deciding | conclusion.shown
    assert keys and conclusion.shown
    assert {key for key in keys if not key.startswith("scalability.")} <= set(baseline)  # timings


@pytest.mark.parametrize(
    ("own", "best", "verdict"), [(70, 80, HOLDS), (60, 80, CAVEAT), (60, 61, FAILS)]
)
def test_networks_are_held_against_the_five_parameters(
    own: float, best: float, verdict: ConclusionVerdict
) -> None:
    values = dict.fromkeys(conclusion_with("labels.own_probe_balanced").deciding, 58.0)
    values |= {"labels.own_probe_balanced": own, "labels.best_deep_balanced": best}
    assert (
        conclusion_verdict(conclusion_with("labels.own_probe_balanced"), results(**values))
        == verdict
    )


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
def test_a_line_says_whether_the_paper_claims_it(key: str, origin: Origin) -> None:
    assert conclusion_with(key).origin == origin


@pytest.fixture
def unmeasured() -> dict[str, Any]:
    """A run that could measure none of the results that are shown."""
    return results(**dict.fromkeys(set().union(*(c.deciding | c.shown for c in CONCLUSIONS))))


def test_what_was_not_measured_decides_nothing(unmeasured: dict[str, Any]) -> None:
    table = conclusion_table(CONCLUSIONS, unmeasured)
    assert (table["verdict"] == UNKNOWN).all() and len(table) == len(CONCLUSIONS)
    assert conclusions_markdown(table, HOLDS) == "*Nothing.*"
    assert conclusions_markdown(table, UNKNOWN).count("{numref}") == len(CONCLUSIONS)
    assert {*table["evidence"]} == {"This run did not measure what decides."}


def test_the_table_has_verdicts_in_order_and_the_papers_conclusions_first(
    unmeasured: dict[str, Any],
) -> None:
    decided = results(**SURE | {"nulls.seed_ari": 0.2, "robust.paper_turned": 1.0})
    table = conclusion_table(CONCLUSIONS, unmeasured | decided)
    order = [*ConclusionVerdict, *Origin]
    rows = [(order.index(v), order.index(o)) for v, o in table[["verdict", "origin"]].to_numpy()]
    assert rows == sorted(rows)
    assert table["verdict"].value_counts().reindex([*ConclusionVerdict])[
        [HOLDS, FAILS]
    ].tolist() == [2, 1]
    lines = conclusions_markdown(table, UNKNOWN).splitlines()
    assert sum(line.startswith("- *Claimed by the paper.*") for line in lines) > 10
    assert sum(line.startswith("- *Asked by us.*") for line in lines) == 6


def test_a_line_names_its_numbers_and_its_source(unmeasured: dict[str, Any]) -> None:
    values = {"robust.paper_turned": 1.0, "robust.paper_moved": 3.5, "robust.n_galaxies": 60}
    table = conclusion_table(CONCLUSIONS, unmeasured | results(**values))
    expected = (
        "- *Asked by us.* A galaxy's class does not depend on how it is photographed. "
        "Turned by a quarter, 1.0 % of 60 galaxies change cluster; moved by two pixels, 3.5 %. "
        "See [robustness](22-robustness), {numref}`fig-robustness`."
    )
    assert conclusions_markdown(table, HOLDS).split() == expected.split()


def test_a_result_that_no_page_records_is_named(unmeasured: dict[str, Any]) -> None:
    for key in ("nulls.seed_ari", "nulls.seed_ari_lowest"):
        with pytest.raises(UserError, match=key):
            conclusion_table(CONCLUSIONS, {k: entry for k, entry in unmeasured.items() if k != key})


@pytest.mark.parametrize(
    ("values", "end"),
    [
        ({}, "a classifier that is shown labels reaches 0.5."),
        ({"instead.kmeans_ari": 0.29}, "K-means on measured parameters alone reaches 0.29."),
    ],
)
def test_a_sentence_is_left_out_where_its_result_was_not_measured(
    unmeasured: dict[str, Any], values: dict[str, float], end: str
) -> None:
    decided = AGREES | {"instead.voting_low": 0.3} | values
    table = conclusion_table(CONCLUSIONS, unmeasured | results(**decided))
    (evidence,) = table.loc[table["page"] == "20-what-we-would-do-instead", "evidence"]
    assert evidence.endswith(end)


def test_evidence_is_complete_sentences() -> None:
    keys = set().union(*(c.deciding | c.shown for c in CONCLUSIONS))
    for evidence in conclusion_table(CONCLUSIONS, results(**dict.fromkeys(keys, 1)))["evidence"]:
        assert evidence[0] in "1ABCDEFGHIJKLMNOPQRSTUVWXYZ" and evidence.endswith(".")
        assert "  " not in evidence and "{" not in evidence


@pytest.mark.parametrize("content", ["", "- [", "- conclusion: One.", "- just text"])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "conclusions.yml"
    path.write_text(content)
    with pytest.raises(UserError, match="conclusions.yml: expected a list"):
        read_conclusions(path)
