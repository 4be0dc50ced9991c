"""Verdicts on the claims of the paper, and the scorecard that shows them."""

from typing import Any

import pytest

from galaxy_utils.errors import UserError
from galaxy_utils.ledger.claims import NUMERIC, Claim, read_claims
from galaxy_utils.ledger.scorecard import (
    ClaimVerdict,
    claim_verdict,
    scorecard_html,
    scorecard_table,
)
from galaxy_utils.run_folder import ROOT

MATCH, DIFFERS, CHANCE = ClaimVerdict.MATCH, ClaimVerdict.DIFFERS, ClaimVerdict.CHANCE
SETTING, NOT_MEASURED = ClaimVerdict.SETTING, ClaimVerdict.NOT_MEASURED
CHOICE = ClaimVerdict.CHOICE

NUMBER: dict[str, Any] = {
    "id": "table1.n", "place": "Table 1", "statement": "Galaxies kept", "value": 200,
    "text": "200", "check": "number", "ours": "n_kept", "tolerance": {"absolute": 3},
}  # fmt: skip
STATEMENT = NUMBER | {"check": "statement", "value": True, "tolerance": {}, "reason": "our rule"}
CONTRADICTED = NUMBER | {"check": "inconsistent", "ours": "", "reason": "page 3 says 4"}


def result(value: object) -> dict[str, Any]:
    return {"value": value, "text": f"{value}", "unit": "", "section": "03-purging"}


def verdict(claim: dict[str, Any], **values: object) -> ClaimVerdict:
    results = {key: result(value) for key, value in values.items()}
    return claim_verdict(Claim(**claim), results)[0]


@pytest.fixture(scope="module")
def claims() -> list[Claim]:
    """The committed claims."""
    return read_claims(ROOT / "data" / "paper_values.yml")


def named_results(claim: Claim, value: object, beyond_chance: object = True) -> dict[str, Any]:
    """Results for everything of the run that a claim names."""
    results = {key: result(value) for key in (claim.ours, *claim.compared_with.values())}
    return results | {key: result(beyond_chance) for key in claim.chance}


def test_every_committed_claim_matches_the_papers_own_value_and_no_other(
    claims: list[Claim],
) -> None:
    for claim in claims:
        found = claim_verdict(claim, named_results(claim, claim.value))[0]
        if claim.check in (*NUMERIC, "statement"):
            assert found == (SETTING if claim.check == "setting" else MATCH), claim.id
        if claim.check in NUMERIC:
            far = named_results(claim, float(claim.value) * 3 + 1000)
            chosen = claim.by_choice or claim.check == "setting"
            assert claim_verdict(claim, far)[0] == (CHOICE if chosen else DIFFERS), claim.id


@pytest.mark.parametrize(
    "name",
    ["validation.accuracy_percent", "validation.low_ari", "related.kmeans_spheres",
     "ablation.fused_best_davies_bouldin"],
)  # fmt: skip
def test_a_committed_score_is_compared_with_chance(claims: list[Claim], name: str) -> None:
    claim = next(claim for claim in claims if claim.id == name)
    assert claim_verdict(claim, named_results(claim, claim.value, False))[0] == CHANCE


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
        ({"absolute": 3}, None, NOT_MEASURED),
    ],
)
def test_a_number_matches_within_its_tolerance(
    tolerance: dict[str, float], ours: float | None, expected: ClaimVerdict
) -> None:
    assert verdict(NUMBER | {"tolerance": tolerance}, n_kept=ours) == expected


def test_a_relative_tolerance_of_a_negative_number() -> None:
    claim = NUMBER | {"value": -2.0, "tolerance": {"relative": 0.1}}
    assert verdict(claim, n_kept=-2.1) == MATCH
    assert verdict(claim, n_kept=-2.3) == DIFFERS


def test_an_upper_limit_is_one_sided() -> None:
    claim = NUMBER | {"check": "upper_limit", "value": 0.1, "tolerance": {}}
    found = [verdict(claim, n_kept=value) for value in (0.02, 0.1, 0.107)]
    assert found == [MATCH, MATCH, DIFFERS]


def test_a_setting_is_no_match() -> None:
    claim = NUMBER | {"check": "setting", "tolerance": {"absolute": 0}}
    assert verdict(claim, n_kept=200) == SETTING
    assert verdict(claim, n_kept=199) == CHOICE


def test_what_differs_because_we_chose_so_is_told_apart() -> None:
    claim = NUMBER | {"by_choice": True}
    assert verdict(claim, n_kept=100) == CHOICE
    assert verdict(claim, n_kept=200) == MATCH
    assert verdict(claim, n_kept=None) == NOT_MEASURED


def test_a_repeated_claim_names_the_one_that_counts() -> None:
    claims = [Claim(**NUMBER), Claim(**NUMBER | {"id": "b", "repeats": "table1.n"})]
    card = scorecard_table(claims, {"n_kept": result(199)})
    assert card["repeats"].tolist() == ["", "table1.n"]
    assert card["reason"].tolist()[1] == "match within 3; not independent of table1.n"


@pytest.mark.parametrize(
    ("value", "ours", "expected"),
    [(True, True, MATCH), (True, False, DIFFERS), (False, False, MATCH), ("a", "a", MATCH),
     ("a", "b", DIFFERS), (True, None, NOT_MEASURED)],
)  # fmt: skip
def test_a_statement_is_true_or_not(value: object, ours: object, expected: ClaimVerdict) -> None:
    assert verdict(STATEMENT | {"value": value}, n_kept=ours) == expected


@pytest.mark.parametrize("ours", ["", "n_kept"])
@pytest.mark.parametrize("check", ["inconsistent", "not_reproducible"])
def test_what_cannot_match_keeps_its_reason(check: str, ours: str) -> None:
    claim = Claim(**CONTRADICTED | {"check": check, "ours": ours})
    found, reason = claim_verdict(claim, {"n_kept": result(200)})
    assert (found.name.lower(), reason) == (check, "page 3 says 4")


@pytest.mark.parametrize(
    ("ours", "null", "exceeds", "expected"),
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
def test_a_match_must_exceed_every_chance(
    ours: float, null: float | None, exceeds: bool | None, expected: ClaimVerdict
) -> None:
    claim = NUMBER | {"chance": ["null", "out"]}
    assert verdict(claim, n_kept=ours, null=null, out=exceeds) == expected


def test_a_statement_that_chance_makes_true_is_no_match() -> None:
    claim = STATEMENT | {"chance": ["out"]}
    assert verdict(claim, n_kept=True, out=True) == MATCH
    assert verdict(claim, n_kept=True, out=False) == CHANCE
    assert verdict(claim, n_kept=False, out=True) == DIFFERS


@pytest.mark.parametrize(
    ("change", "ours", "expected"),
    [
        ({}, 199, "match within 3"),
        ({"tolerance": {"absolute": 0}, "reason": "exact"}, 1, "match if equal; exact"),
        ({"check": "upper_limit", "tolerance": {}}, 1, "match up to 200"),
        ({"check": "setting"}, 199, "set to the paper's value"),
        ({"check": "setting"}, 1, "not the paper's value in this run"),
        ({"reason": "no classes"}, None, "no value of n_kept in this run; no classes"),
        ({"chance": ["null"]}, 199, "match within 3; beyond chance (null: 190)"),
        ({"chance": ["null"]}, 1, "match within 3"),
    ],
)
def test_the_reason_names_the_rule(change: dict[str, Any], ours: object, expected: str) -> None:
    results = {"n_kept": result(ours), "null": result(190)}
    assert claim_verdict(Claim(**NUMBER | change), results)[1] == expected


@pytest.mark.parametrize(("change", "missing"), [({}, "n_kept"), ({"chance": ["gone"]}, "gone")])
def test_a_result_that_no_page_records_is_named(change: dict[str, Any], missing: str) -> None:
    results = {"n_kept": result(200)} if change else {}
    with pytest.raises(UserError, match=f"claim table1.n: no result '{missing}'"):
        scorecard_table([Claim(**NUMBER | change)], results)


def test_the_scorecard_has_one_row_per_claim() -> None:
    ours = NUMBER | {"unit": "galaxies", "compared_with": {"by chance": "chance"}}
    claims = [Claim(**ours), Claim(**CONTRADICTED | {"id": "b"})]
    results = {"n_kept": result(199) | {"cell": 7}, "chance": result(50) | {"unit": "%"}}
    card = scorecard_table(claims, results)
    assert card["claim"].tolist() == ["table1.n", "b"]
    assert card["verdict"].tolist() == ["match", "inconsistent in paper"]
    assert card["paper"].tolist() == ["200 galaxies", "200"]
    assert card["ours"].tolist() == ["199; by chance: 50 %", ""]
    assert card["section"].tolist() == ["03-purging", ""]
    assert card["cell"].tolist()[0] == 7 and card["cell"].isna()[1]
    counts = card["verdict"].value_counts().reindex([*ClaimVerdict], fill_value=0)
    assert counts[MATCH] == counts["inconsistent in paper"] == 1 and counts.sum() == 2


def test_the_html_escapes_and_links_to_the_cell() -> None:
    evil = NUMBER | {"id": 'a"><b', "statement": "<script>alert('A < B & C')</script>"}
    claims = [Claim(**evil), Claim(**CONTRADICTED)]
    html = scorecard_html(scorecard_table(claims, {"n_kept": result(199)}))
    assert html.count("<tr id=") == 2
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(&#39;A &lt; B &amp; C&#39;)&lt;/script&gt;" in html
    assert '<tr id="a&#34;&gt;&lt;b" data-verdict="match">' in html
    assert html.count('<a href="notebooks/03-purging.html">03-purging</a>') == 1
    of_cell = scorecard_table(claims, {"n_kept": result(199) | {"cell": 7}})
    assert '<a href="notebooks/03-purging.html#cell-7">' in scorecard_html(of_cell)
    assert all(f"<option>{name}</option>" in html for name in ClaimVerdict)


def test_every_committed_claim_has_its_row_with_a_value_or_a_reason(claims: list[Claim]) -> None:
    results = {key: entry for claim in claims for key, entry in named_results(claim, 1, 1).items()}
    card = scorecard_table(claims, results)
    assert ((card["ours"] != "") | (card["reason"] != "")).all()
    assert (card.loc[card["verdict"].isin([MATCH, CHANCE, DIFFERS]), "ours"] != "").all()
    html = scorecard_html(card)
    assert (html.count("<tr id="), html.count("<td>")) == (len(claims), 5 * len(claims))
