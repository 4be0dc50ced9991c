"""The ledger of the paper's claims and the verdict on each."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from galaxy_utils.errors import UserError

MATCH, DIFFERS, SETTING = "match", "differs", "setting taken over"
CHANCE, NOT_MEASURED = "no more than chance", "not measured in this run"
INCONSISTENT, NOT_REPRODUCIBLE = "inconsistent in paper", "not reproducible"
VERDICTS = (MATCH, CHANCE, DIFFERS, SETTING, INCONSISTENT, NOT_REPRODUCIBLE, NOT_MEASURED)
MEASURED = (MATCH, CHANCE, DIFFERS)
"""Verdicts that rest on a result of the run."""

NUMERIC = ("number", "upper_limit", "setting")
"""Checks that compare our number with the paper's."""


class Claim(BaseModel):
    """One number or statement of the paper.

    Parameters
    ----------
    id : str
        Unique key.
    place : str
        Where it stands in the paper.
    statement : str
        What is claimed, in our words.
    value : float, bool or str
        The paper's value.
    text : str
        The value as shown.
    unit : str
        Empty where it has none.
    check : str
        number, upper_limit, setting, statement, inconsistent or
        not_reproducible. A setting is what this book copies from the paper:
        that it agrees is no evidence and gets a verdict of its own.
    ours : str
        Key of our result, for all but the last two.
    tolerance : dict
        `relative` or `absolute`, for number and setting; an upper limit has none.
    reason : str
        Why there can be no match, for the other two.
    beside : dict of str to str
        Further results of ours that are shown with ours: label to key.
    chance : tuple of str
        Keys of what a match must pass besides, for number and statement: a
        result that is true or false says whether ours stands out of what data
        without the claimed structure give; any other is a value that ours
        must exceed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    place: str
    statement: str
    value: bool | int | float | str
    text: str
    unit: str = ""
    check: Literal[
        "number", "upper_limit", "setting", "statement", "inconsistent", "not_reproducible"
    ]
    ours: str = ""
    tolerance: dict[Literal["relative", "absolute"], float] = {}
    reason: str = ""
    beside: dict[str, str] = {}
    chance: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> Claim:
        judged_by_us = self.check in (*NUMERIC, "statement")
        if judged_by_us and not self.ours:
            raise ValueError(f"claim {self.id}: a {self.check} needs `ours`")
        if self.check in NUMERIC and isinstance(self.value, (bool, str)):
            raise ValueError(f"claim {self.id}: a {self.check} needs a numeric value")
        if self.check in ("number", "setting") and not self.tolerance:
            raise ValueError(f"claim {self.id}: a {self.check} needs a tolerance")
        if self.check in ("inconsistent", "not_reproducible") and not self.reason:
            raise ValueError(f"claim {self.id}: {self.check} needs a reason")
        if self.chance and self.check not in ("number", "statement"):
            raise ValueError(f"claim {self.id}: a {self.check} has no `chance`")
        return self


def read_claims(path: Path) -> list[Claim]:
    """Read the ledger.

    Parameters
    ----------
    path : Path
        `data/paper_values.yml`.

    Returns
    -------
    list of Claim
        In the file's order.

    Raises
    ------
    UserError
        If an entry is malformed or an id stands twice.
    """
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))["claims"]
        claims = [Claim(**entry) for entry in entries]
    except (yaml.YAMLError, ValidationError, TypeError, KeyError) as error:
        raise UserError(f"{path}: expected a list `claims`: {error}") from None
    ids = [claim.id for claim in claims]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        raise UserError(f"{path}: id {twice[0]!r} stands more than once")
    return claims


def verdict(claim: Claim, results: Mapping[str, Any]) -> tuple[str, str]:
    """Judge one claim.

    Parameters
    ----------
    claim : Claim
        Its own rule says how.
    results : mapping of str to dict
        The run's recorded results.

    Returns
    -------
    verdict : str
        One of `VERDICTS`.
    reason : str
        The rule as applied.

    Raises
    ------
    UserError
        If the claim names a result that the run does not have.
    """
    if claim.check == "inconsistent":
        return INCONSISTENT, claim.reason
    if claim.check == "not_reproducible":
        return NOT_REPRODUCIBLE, claim.reason
    ours = _value(claim, claim.ours, results)
    if ours is None:
        unmeasured = f"no value of {claim.ours} in this run"
        return NOT_MEASURED, f"{unmeasured}; {claim.reason}" if claim.reason else unmeasured
    if claim.check == "statement":
        judged, rule = (MATCH if ours == claim.value else DIFFERS), ""
    else:
        judged, rule = _compare(claim, float(ours))
    if judged == MATCH and claim.chance:
        judged, beyond = _beside_chance(claim, ours, results)
        rule = f"{rule}; {beyond}" if rule else beyond
    return judged, "; ".join(part for part in (rule, claim.reason) if part)


def _value(claim: Claim, key: str, results: Mapping[str, Any]) -> Any:
    if key not in results:
        raise UserError(f"claim {claim.id}: no result {key!r} in this run")
    return results[key]["value"]


def _beside_chance(claim: Claim, ours: Any, results: Mapping[str, Any]) -> tuple[str, str]:
    """What becomes of a match once it is held against chance, and why."""
    limits = {key: _value(claim, key, results) for key in claim.chance}
    shown = ", ".join(f"{key}: {results[key]['text']}" for key in claim.chance)
    if any(limit is None for limit in limits.values()):
        return NOT_MEASURED, f"agrees, but chance was not measured ({shown})"
    if all(limit if isinstance(limit, bool) else ours > limit for limit in limits.values()):
        return MATCH, f"beyond chance ({shown})"
    return CHANCE, f"agrees, but not beyond chance ({shown})"


def _compare(claim: Claim, ours: float) -> tuple[str, str]:
    paper = float(claim.value)
    if claim.check == "upper_limit":
        return (MATCH if ours <= paper else DIFFERS), f"match up to {paper:g}"
    allowed = max(
        claim.tolerance.get("absolute", 0.0), claim.tolerance.get("relative", 0.0) * abs(paper)
    )
    rule = f"match within {allowed:.3g}" if allowed else "match if equal"
    agrees = abs(ours - paper) <= allowed
    if claim.check == "setting":
        said = "set to the paper's value" if agrees else "not the paper's value in this run"
        return SETTING if agrees else DIFFERS, said
    return (MATCH if agrees else DIFFERS), rule


def scorecard(claims: list[Claim], results: Mapping[str, Any]) -> pd.DataFrame:
    """Judge every claim.

    Parameters
    ----------
    claims : list of Claim
        The ledger.
    results : mapping of str to dict
        The run's recorded results.

    Returns
    -------
    DataFrame
        Columns claim, place, statement, paper, ours, verdict, reason, section, cell.
    """
    rows = []
    for claim in claims:
        judged, reason = verdict(claim, results)
        ours = results.get(claim.ours, {"text": "", "unit": "", "section": "", "cell": None})
        rows.append(
            {
                "claim": claim.id,
                "place": claim.place,
                "statement": claim.statement,
                "paper": f"{claim.text} {claim.unit}".strip(),
                "ours": _ours(claim, results),
                "verdict": judged,
                "reason": reason,
                "section": ours["section"],
                "cell": ours.get("cell"),
            }
        )
    return pd.DataFrame(rows)


def _ours(claim: Claim, results: Mapping[str, Any]) -> str:
    if claim.ours not in results:
        return ""
    keys = {"": claim.ours} | claim.beside
    shown = [
        f"{label}{': ' if label else ''}{_with_unit(results[key])}" for label, key in keys.items()
    ]
    return "; ".join(shown)


def _with_unit(result: Mapping[str, Any]) -> str:
    unit = "" if result["value"] is None else result["unit"]
    return f"{result['text']} {unit}".strip()


def as_html(card: pd.DataFrame) -> str:
    """The scorecard as a table that can be filtered by verdict and text.

    Parameters
    ----------
    card : DataFrame
        As made by `scorecard`.

    Returns
    -------
    str
        HTML with its own few lines of script; section names link to the cell
        that computed our value.
    """
    rows = "".join(_html_row(row) for row in card.to_dict("records"))
    heads = "".join(f"<th>{name}</th>" for name in HTML_COLUMNS)
    options = "".join(f"<option>{name}</option>" for name in VERDICTS)
    return (
        '<div class="scorecard"><p><label>Verdict <select onchange="filterScorecard(this)">'
        f"<option value=''>all</option>{options}</select></label> <label>Text "
        '<input type="search" oninput="filterScorecard(this)"></label></p>'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>{SCRIPT}"
    )


HTML_COLUMNS = ("place", "statement", "paper", "ours", "verdict", "why", "computed in")

SCRIPT = """<script>
function filterScorecard(element) {
  const card = element.closest('.scorecard');
  const verdict = card.querySelector('select').value;
  const text = card.querySelector('input').value.toLowerCase();
  card.querySelectorAll('tbody tr').forEach(function (row) {
    const fits = (!verdict || row.dataset.verdict === verdict) &&
      row.textContent.toLowerCase().includes(text);
    row.style.display = fits ? '' : 'none';
  });
}
</script>"""


def _html_row(row: Mapping[Any, Any]) -> str:
    section = str(row["section"])
    anchor = f"#cell-{row['cell']:.0f}" if pd.notna(row["cell"]) else ""
    link = f'<a href="{section}.html{anchor}">{section}</a>' if section else ""
    shown = ("place", "statement", "paper", "ours", "verdict", "reason")
    cells = [escape(str(row[name])) for name in shown]
    body = "".join(f"<td>{cell}</td>" for cell in [*cells, link])
    return f'<tr id="{escape(row["claim"])}" data-verdict="{escape(row["verdict"])}">{body}</tr>'
