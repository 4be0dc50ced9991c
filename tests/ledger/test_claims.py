"""The ledger of the paper's claims and its verdicts."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from galaxy_utils.errors import UserError
from galaxy_utils.ledger.claims import (
    CHANCE,
    DIFFERS,
    INCONSISTENT,
    MATCH,
    MEASURED,
    NOT_MEASURED,
    NOT_REPRODUCIBLE,
    NUMERIC,
    SETTING,
    VERDICTS,
    Claim,
    as_html,
    read_claims,
    scorecard,
    verdict,
)
from galaxy_utils.run_folder import ROOT

LEDGER = ROOT / "data" / "paper_values.yml"

NUMBER: dict[str, Any] = {
    "id": "table1.n",
    "place": "Table 1",
    "statement": "Galaxies kept",
    "value": 200,
    "text": "200",
    "check": "number",
    "ours": "n_kept",
    "tolerance": {"absolute": 3},
}
STATEMENT = NUMBER | {"check": "statement", "value": True, "tolerance": {}, "reason": "our rule"}
JUDGED = NUMBER | {"check": "inconsistent", "ours": "", "tolerance": {}, "reason": "page 3 says 4"}


def result(value: object) -> dict[str, Any]:
    return {"value": value, "text": f"{value}", "unit": "", "section": "03-purging"}


def measured(claim: Claim, value: object, beyond: bool = True) -> dict[str, Any]:
    """Results of one claim, beyond chance or not."""
    return {key: result(beyond) for key in claim.chance} | {claim.ours: result(value)}


def keys(claim: Claim) -> list[str]:
    """Everything of the run that a claim names."""
    return [key for key in (claim.ours, *claim.beside.values(), *claim.chance) if key]


def ledger(folder: Path, *claims: object) -> Path:
    path = folder / "ledger.yml"
    path.write_text(yaml.safe_dump({"claims": list(claims)}))
    return path


# The committed ledger


def test_the_committed_ledger_loads() -> None:
    claims = read_claims(LEDGER)
    assert len(claims) >= 60
    assert len({claim.id for claim in claims}) == len(claims)
    checks = Counter(claim.check for claim in claims)
    assert set(checks) == {
        "number", "upper_limit", "setting", "statement", "inconsistent", "not_reproducible"
    }  # fmt: skip
    assert all(claim.place and claim.statement and claim.text for claim in claims)


def test_every_statement_of_the_committed_ledger_can_be_true_or_false() -> None:
    for claim in read_claims(LEDGER):
        if claim.check == "statement":
            assert verdict(claim, measured(claim, claim.value))[0] == MATCH, claim.id
        if claim.check in NUMERIC:
            expected = SETTING if claim.check == "setting" else MATCH
            assert verdict(claim, measured(claim, claim.value))[0] == expected, claim.id
            far = float(claim.value) * 3 + 1000
            assert verdict(claim, measured(claim, far))[0] == DIFFERS, claim.id


@pytest.mark.parametrize(
    "name",
    ["validation.accuracy_percent", "validation.low_ari", "related.kmeans_spheres",
     "ablation.fused_best_davies_bouldin"],
)  # fmt: skip
def test_a_score_of_the_committed_ledger_is_held_against_chance(name: str) -> None:
    claim = next(claim for claim in read_claims(LEDGER) if claim.id == name)
    assert verdict(claim, measured(claim, claim.value, beyond=False))[0] == CHANCE


# Verdicts


@pytest.mark.parametrize(
    ("tolerance", "ours", "expected"),
    [
        ({"absolute": 3}, 203, MATCH),
        ({"absolute": 3}, 197, MATCH),
        ({"absolute": 3}, 203.1, DIFFERS),
        ({"absolute": 0}, 200, MATCH),
        ({"absolute": 0}, 201, DIFFERS),
        ({"relative": 0.1}, 220, MATCH),
        ({"relative": 0.1}, 179, DIFFERS),
        ({"relative": 0.1, "absolute": 3}, 219, MATCH),
        ({"relative": 0.001, "absolute": 3}, 202, MATCH),
        ({"absolute": 3}, float("nan"), DIFFERS),
    ],
)
def test_a_number_matches_within_its_tolerance(
    tolerance: dict[str, float], ours: float, expected: str
) -> None:
    judged, reason = verdict(Claim(**NUMBER | {"tolerance": tolerance}), {"n_kept": result(ours)})
    assert judged == expected
    assert reason.startswith("match")


def test_an_upper_limit_is_one_sided() -> None:
    claim = Claim(**NUMBER | {"check": "upper_limit", "value": 0.1, "tolerance": {}})
    assert verdict(claim, {"n_kept": result(0.02)})[0] == MATCH
    assert verdict(claim, {"n_kept": result(0.1)})[0] == MATCH
    assert verdict(claim, {"n_kept": result(0.107)})[0] == DIFFERS


def test_a_setting_is_no_match() -> None:
    claim = Claim(**NUMBER | {"check": "setting", "tolerance": {"absolute": 0}})
    assert verdict(claim, {"n_kept": result(200)})[0] == SETTING
    assert verdict(claim, {"n_kept": result(199)})[0] == DIFFERS


def test_what_stands_beside_is_shown_with_its_name() -> None:
    claim = Claim(**NUMBER | {"beside": {"by chance": "chance"}})
    card = scorecard([claim], {"n_kept": result(199), "chance": result(50) | {"unit": "%"}})
    assert card.loc[0, "ours"] == "199; by chance: 50 %"


def test_a_relative_tolerance_of_a_negative_number() -> None:
    claim = Claim(**NUMBER | {"value": -2.0, "tolerance": {"relative": 0.1}})
    assert verdict(claim, {"n_kept": result(-2.1)})[0] == MATCH
    assert verdict(claim, {"n_kept": result(-2.3)})[0] == DIFFERS


@pytest.mark.parametrize(
    ("value", "ours", "expected"),
    [(True, True, MATCH), (True, False, DIFFERS), (False, False, MATCH), ("a", "a", MATCH),
     ("a", "b", DIFFERS)],
)  # fmt: skip
def test_a_statement_is_true_or_not(value: object, ours: object, expected: str) -> None:
    claim = Claim(**STATEMENT | {"value": value})
    assert verdict(claim, {"n_kept": result(ours)}) == (expected, "our rule")


@pytest.mark.parametrize(
    ("check", "expected"),
    [("inconsistent", INCONSISTENT), ("not_reproducible", NOT_REPRODUCIBLE)],
)
def test_what_cannot_match_keeps_its_reason_whatever_ours_is(check: str, expected: str) -> None:
    for ours in ("", "n_kept"):
        claim = Claim(**JUDGED | {"check": check, "ours": ours})
        assert verdict(claim, {"n_kept": result(200)}) == (expected, "page 3 says 4")


def test_a_result_that_this_run_could_not_measure_is_no_word_on_the_paper() -> None:
    for claim in (NUMBER, STATEMENT):
        judged, reason = verdict(Claim(**claim), {"n_kept": result(None)})
        assert judged == NOT_MEASURED
        assert "n_kept" in reason


@pytest.mark.parametrize(
    ("ours", "null", "stands_out", "expected"),
    [
        (201, 190, True, MATCH),
        (201, 201, True, CHANCE),
        (201, 190, False, CHANCE),
        (300, 190, True, DIFFERS),
        (300, 400, False, DIFFERS),
        (201, None, True, NOT_MEASURED),
        (201, 190, None, NOT_MEASURED),
        (300, None, None, DIFFERS),
    ],
)
def test_a_match_must_pass_every_chance(
    ours: float, null: float | None, stands_out: bool | None, expected: str
) -> None:
    claim = Claim(**NUMBER | {"chance": ["null", "out"]})
    results = {"n_kept": result(ours), "null": result(null), "out": result(stands_out)}
    judged, reason = verdict(claim, results)
    assert judged == expected
    assert ("null" in reason) == (expected != DIFFERS)


@pytest.mark.parametrize(("stands_out", "expected"), [(True, MATCH), (False, CHANCE)])
def test_a_statement_that_chance_makes_true_is_no_match(stands_out: bool, expected: str) -> None:
    claim = Claim(**STATEMENT | {"chance": ["out"]})
    assert verdict(claim, {"n_kept": result(True), "out": result(stands_out)})[0] == expected
    assert verdict(claim, {"n_kept": result(False), "out": result(stands_out)})[0] == DIFFERS


def test_a_chance_that_is_not_there_is_told() -> None:
    with pytest.raises(UserError, match="no result 'gone'"):
        verdict(Claim(**NUMBER | {"chance": ["gone"]}), {"n_kept": result(200)})


def test_a_result_that_is_not_there_is_told() -> None:
    with pytest.raises(UserError, match="claim table1.n: no result 'n_kept'"):
        verdict(Claim(**NUMBER), {})


# Malformed entries


@pytest.mark.parametrize(
    "change",
    [
        {"ours": ""},
        {"tolerance": {}},
        {"value": "two hundred"},
        {"value": True},
        {"tolerance": {"about": 3}},
        {"check": "guess"},
        {"check": "inconsistent"},
        {"check": "not_reproducible"},
        {"check": "statement", "ours": ""},
        {"check": "setting", "chance": ["null"]},
        {"check": "upper_limit", "chance": ["null"]},
        {"colour": "red"},
        {"text": None},
    ],
    ids=str,
)
def test_a_malformed_entry_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Claim(**NUMBER | change)
    path = ledger(tmp_path, NUMBER | change)
    with pytest.raises(UserError, match=re.escape(str(path))):
        read_claims(path)


@pytest.mark.parametrize("missing", ["id", "place", "statement", "value", "text", "check"])
def test_a_missing_field_is_named(tmp_path: Path, missing: str) -> None:
    entry = {name: value for name, value in NUMBER.items() if name != missing}
    with pytest.raises(UserError, match=missing):
        read_claims(ledger(tmp_path, entry))


def test_an_entry_that_is_no_mapping_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        read_claims(ledger(tmp_path, "just text"))


@pytest.mark.parametrize("content", ["", "claims: [", "numbers: []"])
def test_a_damaged_ledger_is_told(tmp_path: Path, content: str) -> None:
    path = tmp_path / "ledger.yml"
    path.write_text(content)
    with pytest.raises(UserError, match="ledger.yml"):
        read_claims(path)


def test_a_doubled_id_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'table1.n' stands more than once"):
        read_claims(ledger(tmp_path, NUMBER, STATEMENT))


# The scorecard


def test_the_scorecard_has_one_row_a_claim() -> None:
    claims = [Claim(**NUMBER | {"unit": "galaxies"}), Claim(**JUDGED | {"id": "b"})]
    card = scorecard(claims, {"n_kept": result(199)})
    assert list(card["claim"]) == ["table1.n", "b"]
    assert list(card["verdict"]) == [MATCH, INCONSISTENT]
    assert list(card["paper"]) == ["200 galaxies", "200"]
    assert list(card["ours"]) == ["199", ""]
    assert list(card["section"]) == ["03-purging", ""]


def test_the_html_escapes_and_has_one_row_a_claim() -> None:
    evil = NUMBER | {"id": 'a"><b', "statement": "<script>alert('A < B & C')</script>"}
    claims = [Claim(**evil), Claim(**JUDGED)]
    html = as_html(scorecard(claims, {"n_kept": result(199)}))
    assert html.count("<tr id=") == 2
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(&#x27;A &lt; B &amp; C&#x27;)&lt;/script&gt;" in html
    assert '<tr id="a&quot;&gt;&lt;b"' in html
    assert html.count('<a href="03-purging.html">03-purging</a>') == 1
    of_cell = {"n_kept": result(199) | {"cell": 7}}
    assert '<a href="03-purging.html#cell-7">' in as_html(scorecard(claims, of_cell))
    for name in VERDICTS:
        assert f"<option>{name}</option>" in html
    assert html.count('data-verdict="match"') == 1


def test_every_claim_has_a_verdict_and_every_verdict_a_value_or_a_reason() -> None:
    claims = read_claims(LEDGER)
    assert len(claims) >= 60
    results = {key: result(1) for claim in claims for key in keys(claim)}
    for row in scorecard(claims, results).to_dict("records"):
        assert row["verdict"] in VERDICTS, row["claim"]
        assert row["ours"] or row["reason"], row["claim"]
        if row["verdict"] in MEASURED:
            assert row["ours"], row["claim"]


def test_every_claim_of_the_committed_ledger_has_its_row() -> None:
    claims = read_claims(LEDGER)
    results = {key: result(1) for claim in claims for key in keys(claim)}
    html = as_html(scorecard(claims, results))
    assert html.count("<tr id=") == len(claims)
    assert html.count("<td>") == 7 * len(claims)
