"""Conclusions of the paper, and questions of ours, each with the rule that decides on it."""

import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from galaxy_utils.errors import UserError

_JINJA = jinja2.Environment(undefined=jinja2.StrictUndefined)
_KEY = re.compile(r"(?:\bvalue\.)?([a-z]+\.[a-z][a-z0-9_.]*)")


class ConclusionVerdict(StrEnum):
    """Whether a conclusion holds, in the order of the page."""

    HOLDS = "holds"
    CAVEAT = "holds with a caveat"
    FAILS = "does not hold"
    UNKNOWN = "not measured in this run"


class Origin(StrEnum):
    """Whether the paper draws a conclusion, or we ask for it."""

    PAPER = "claimed by the paper"
    OURS = "asked by us"


class Conclusion(BaseModel):
    """A conclusion, its rules and its evidence, as the head of `data/conclusions.yml` says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    conclusion: str
    origin: Origin
    holds: str = "false"
    caveat: str = "false"
    evidence: str
    page: str
    anchor: str

    @property
    def deciding(self) -> set[str]:
        """Keys of the results that decide."""
        return {*_KEY.findall(f"{self.holds} {self.caveat}")}

    @property
    def shown(self) -> set[str]:
        """Keys of the results that the evidence names."""
        return {*_KEY.findall(" ".join(re.findall(r"\{[{%].*?[%}]\}", self.evidence)))}


def read_conclusions(path: Path) -> list[Conclusion]:
    """Read the conclusions.

    Parameters
    ----------
    path : Path
        `data/conclusions.yml`.

    Returns
    -------
    list of Conclusion
        In the file's order.

    Raises
    ------
    UserError
        If the file is no YAML list of complete entries.
    """
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
        return [Conclusion(**entry) for entry in entries]
    except (yaml.YAMLError, ValidationError, TypeError) as error:
        raise UserError(f"{path}: expected a list of complete conclusions: {error}") from None


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Values by dotted keys as a tree, in which a template finds them by their keys."""
    tree: dict[str, Any] = {}
    for key, value in flat.items():
        *branches, leaf = key.split(".")
        node = tree
        for branch in branches:
            node = node.setdefault(branch, {})
        node[leaf] = value
    return tree


def conclusion_verdict(conclusion: Conclusion, results: Mapping[str, Any]) -> ConclusionVerdict:
    """Verdict on a conclusion, `UNKNOWN` where the value of a deciding result is None."""
    values = {key: results[key]["value"] for key in conclusion.deciding}
    if None in values.values():
        return ConclusionVerdict.UNKNOWN
    tree = nested(values)
    if _JINJA.compile_expression(conclusion.holds)(tree):
        return ConclusionVerdict.HOLDS
    caveat = _JINJA.compile_expression(conclusion.caveat)(tree)
    return ConclusionVerdict.CAVEAT if caveat else ConclusionVerdict.FAILS


def conclusion_table(conclusions: list[Conclusion], results: Mapping[str, Any]) -> pd.DataFrame:
    """Verdicts on all conclusions.

    Parameters
    ----------
    conclusions : list of Conclusion
        As of `read_conclusions`.
    results : mapping of str to dict
        The run's recorded results.

    Returns
    -------
    DataFrame of str
        Columns verdict (a `ConclusionVerdict`), origin (an `Origin`), conclusion,
        evidence, page, anchor; in the order of the verdicts, and for each the paper's
        conclusions before ours.

    Raises
    ------
    UserError
        If the run did not record a result that a conclusion names.
    """
    for conclusion in conclusions:
        if missing := (conclusion.deciding | conclusion.shown) - results.keys():
            raise UserError(
                f"conclusion {conclusion.conclusion!r}: no result {', '.join(sorted(missing))} in "
                "this run; name only what a page records"
            )
    texts = nested({key: result["text"] for key, result in results.items()})
    texts["value"] = nested({key: result["value"] for key, result in results.items()})
    rows = []
    for conclusion in conclusions:
        verdict = conclusion_verdict(conclusion, results)
        unknown = verdict is ConclusionVerdict.UNKNOWN
        evidence = "This run did not measure what decides." if unknown else conclusion.evidence
        rows.append(
            {
                "verdict": verdict.value,
                "origin": conclusion.origin.value,
                "conclusion": conclusion.conclusion,
                "evidence": _JINJA.from_string(evidence).render(texts),
                "page": conclusion.page,
                "anchor": conclusion.anchor,
            }
        )
    order = [*ConclusionVerdict, *Origin]
    return pd.DataFrame(rows).sort_values(
        ["verdict", "origin"], key=lambda names: names.map(order.index), ignore_index=True
    )


_ENTRIES = """
{%- for row in rows -%}
- *{{ row.origin | capitalize }}.* {{ row.conclusion }} {{ row.evidence }} See
 [{{ row.page[3:] | replace("-", " ") }}]({{ row.page }}), {numref}`{{ row.anchor }}`.
{% else -%}
*Nothing.*
{%- endfor -%}"""


def conclusions_markdown(table: pd.DataFrame, verdict: ConclusionVerdict) -> str:
    """The conclusions with one verdict as text of a page.

    Parameters
    ----------
    table : DataFrame
        As of `conclusion_table`.
    verdict : ConclusionVerdict
        Which of them.

    Returns
    -------
    str
        MyST markdown, one list entry per conclusion; says so where there is none.
    """
    rows = table[table["verdict"] == verdict].to_dict("records")
    return _JINJA.from_string(_ENTRIES).render(rows=rows)
