"""The scorecard: each claim of the paper with our value and a verdict."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import jinja2
import pandas as pd

from galaxy_utils.errors import UserError
from galaxy_utils.ledger.claims import Claim
from galaxy_utils.run_folder import ROOT

TEMPLATE = ROOT / "book" / "scorecard.html"


class ClaimVerdict(StrEnum):
    """What our result says of a claim; the first four compare our value with the paper's."""

    MATCH = "match"
    CHANCE = "no better than chance"
    DIFFERS = "differs"
    CHOICE = "differs by our choice"
    SETTING = "setting taken over"
    INCONSISTENT = "inconsistent in paper"
    NOT_REPRODUCIBLE = "not reproducible"
    NOT_MEASURED = "not measured in this run"


def claim_verdict(claim: Claim, results: Mapping[str, Any]) -> tuple[ClaimVerdict, str]:
    """Verdict on a claim, and the rule as applied."""
    if claim.check == "inconsistent":
        return ClaimVerdict.INCONSISTENT, claim.reason
    if claim.check == "not_reproducible":
        return ClaimVerdict.NOT_REPRODUCIBLE, claim.reason
    ours = _value(claim, claim.ours, results)
    if ours is None:
        verdict, reasons = ClaimVerdict.NOT_MEASURED, [f"no value of {claim.ours} in this run"]
    else:
        agrees, rule = _agrees(claim, ours)
        verdict, reasons = ClaimVerdict.MATCH if agrees else ClaimVerdict.DIFFERS, [rule]
        if not agrees and (claim.by_choice or claim.check == "setting"):
            verdict = ClaimVerdict.CHOICE
        elif claim.check == "setting":
            verdict = ClaimVerdict.SETTING
        elif agrees and claim.chance:
            verdict, beyond = _compare_with_chance(claim, ours, results)
            reasons.append(beyond)
    return verdict, "; ".join(part for part in (*reasons, claim.reason) if part)


def _value(claim: Claim, key: str, results: Mapping[str, Any]) -> Any:
    if key not in results:
        raise UserError(f"claim {claim.id}: no result {key!r} in this run")
    return results[key]["value"]


def _agrees(claim: Claim, ours: Any) -> tuple[bool, str]:
    """Whether our value agrees with the paper's, and the rule in words."""
    if claim.check == "statement":
        return ours == claim.value, ""
    paper = float(claim.value)
    if claim.check == "upper_limit":
        return ours <= paper, f"match up to {paper:g}"
    absolute, relative = (claim.tolerance.get(kind, 0.0) for kind in ("absolute", "relative"))
    allowed = max(absolute, relative * abs(paper))
    agrees = abs(ours - paper) <= allowed
    if claim.check == "setting":
        return agrees, "set to the paper's value" if agrees else "not the paper's value in this run"
    return agrees, f"match within {allowed:.3g}" if allowed else "match if equal"


def _compare_with_chance(
    claim: Claim, ours: Any, results: Mapping[str, Any]
) -> tuple[ClaimVerdict, str]:
    """Verdict on a match once it is compared with chance, and why."""
    limits = [_value(claim, key, results) for key in claim.chance]
    shown = ", ".join(f"{key}: {results[key]['text']}" for key in claim.chance)
    if None in limits:
        return ClaimVerdict.NOT_MEASURED, f"agrees, but chance was not measured ({shown})"
    if all(limit if isinstance(limit, bool) else ours > limit for limit in limits):
        return ClaimVerdict.MATCH, f"beyond chance ({shown})"
    return ClaimVerdict.CHANCE, f"agrees, but not beyond chance ({shown})"


def scorecard_table(claims: list[Claim], results: Mapping[str, Any]) -> pd.DataFrame:
    """Verdicts on all claims, given the run's recorded results; all columns are text but `cell`.

    Columns claim, place, statement, paper, ours, verdict (a `ClaimVerdict`), reason, repeats (the
    claim that it is no evidence beyond, or empty), section and cell (that recorded our value).
    `UserError` if a claim names a result that the run does not have.
    """
    rows = []
    for claim in claims:
        verdict, reason = claim_verdict(claim, results)
        ours = results.get(claim.ours, {})
        rows.append(
            {
                "claim": claim.id,
                "place": claim.place,
                "statement": claim.statement,
                "paper": f"{claim.text} {claim.unit}".strip(),
                "ours": _shown(claim, results) if ours else "",
                "verdict": verdict.value,
                "reason": _with_repeat(reason, claim),
                "repeats": claim.repeats,
                "section": ours.get("section", ""),
                "cell": ours.get("cell"),
            }
        )
    return pd.DataFrame(rows)


def _with_repeat(reason: str, claim: Claim) -> str:
    again = f"not independent of {claim.repeats}" if claim.repeats else ""
    return "; ".join(part for part in (reason, again) if part)


def _shown(claim: Claim, results: Mapping[str, Any]) -> str:
    """Our value and those that it is compared with, with their units."""
    texts = []
    for label, key in {"": claim.ours, **claim.compared_with}.items():
        result = results[key]
        unit = "" if result["value"] is None else result["unit"]
        texts.append(f"{label}{': ' if label else ''}{result['text']} {unit}".strip())
    return "; ".join(texts)


def scorecard_html(table: pd.DataFrame) -> str:
    """The scorecard as a table that can be filtered by verdict and text, with links to cells."""
    anchors = [f"#cell-{cell:.0f}" if pd.notna(cell) else "" for cell in table["cell"]]
    rows = table.assign(link="notebooks/" + table["section"] + ".html" + anchors).to_dict("records")
    template = jinja2.Template(TEMPLATE.read_text(encoding="utf-8"), autoescape=True)
    html: str = template.render(rows=rows, verdicts=[*ClaimVerdict])
    return html
