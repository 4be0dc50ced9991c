"""Sentences and verdicts that depend on results: whole-sentence Jinja templates, filled in.

`book/sentences.yml` has the sentences, `book/conclusions.yml` the conclusions. A template prints a
result with `{{ r.topic.name }}` and compares its value with `r.topic.name > 0.5`; what the paper
printed is `paper.<id>`.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import total_ordering
from pathlib import Path
from typing import Any

import yaml
from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment
from pydantic import BaseModel, ConfigDict, ValidationError

from galaxy_utils.errors import UserError
from galaxy_utils.run_folder import ROOT

SENTENCES = ROOT / "book" / "sentences.yml"
CONCLUSIONS = ROOT / "book" / "conclusions.yml"
NOT_MEASURED = "This run could not measure it."


class NotMeasuredError(Exception):
    """A template compares a result that the run does not have."""


@total_ordering
@dataclass(frozen=True, eq=False)
class Result:
    """A recorded number: prints its text, compares and calculates by its value."""

    value: Any
    text: str

    def __str__(self) -> str:
        return self.text

    def __float__(self) -> float:
        return float(self._known())

    def __bool__(self) -> bool:
        return bool(self._known())

    def __eq__(self, other: object) -> bool:
        return bool(self._known() == _plain(other))

    def __lt__(self, other: object) -> bool:
        return bool(self._known() < _plain(other))

    def __add__(self, other: object) -> Any:
        return self._known() + _plain(other)

    def __sub__(self, other: object) -> Any:
        return self._known() - _plain(other)

    def __mul__(self, other: object) -> Any:
        return self._known() * _plain(other)

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, other: object) -> Any:
        return _plain(other) - self._known()

    __hash__ = None  # type: ignore[assignment]

    def _known(self) -> Any:
        if self.value is None:
            raise NotMeasuredError
        return self.value


def _plain(other: Any) -> Any:
    return other._known() if isinstance(other, Result) else other


def _known_or_raise(printed: Any) -> Any:
    """Raise where a number is printed that the run lacks; words such as "unknown" may be."""
    if isinstance(printed, Result) and printed.value is None and printed.text == "not measured":
        raise NotMeasuredError
    return printed


class Verdict(StrEnum):
    """What became of a claim, from best to worst."""

    SUPPORTED = "supported"
    PARTLY = "partly supported"
    CHANCE = "no better than chance"
    NOT_SUPPORTED = "not supported"
    UNKNOWN = "cannot be checked"

    @property
    def icon(self) -> str:
        """A sign beside the word."""
        return dict(zip(Verdict, "✓◐≈✗?", strict=True))[self]


class Conclusion(BaseModel):
    """A claim of the paper or a question of ours, with the numbers that decide on it.

    The fields are those of `book/conclusions.yml`. `supported`, `partly` and `chance` are
    expressions, asked in that order; where none is true the claim is not supported, and where one
    needs what the run lacks it cannot be checked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    claim: str
    page: str
    place: str = ""
    paper: str = ""
    ours: str
    by_chance: str = ""
    interval: str = ""
    note: str = ""
    supported: str = "false"
    partly: str = "false"
    chance: str = "false"


@dataclass(frozen=True)
class Templates:
    """Sentences and conclusions, with the results that fill them in."""

    results: Mapping[str, Any]
    paper: Mapping[str, Any]
    sentences: Mapping[str, str] = field(default_factory=lambda: read_sentences())
    conclusions: Mapping[str, Conclusion] = field(default_factory=lambda: read_conclusions())
    further: Mapping[str, Any] = field(default_factory=dict)

    def render(self, text: str) -> str:
        """Fill in a text of a page."""
        filled = str(self._environment().from_string(text).render())
        return re.sub(rf"({re.escape(NOT_MEASURED)}\s+)+(?={re.escape(NOT_MEASURED)})", "", filled)

    def say(self, name: str) -> str:
        """Fill in a sentence of `book/sentences.yml`."""
        if name not in self.sentences:
            raise UserError(f"{SENTENCES}: there is no sentence {name!r}")
        try:
            return self._complete(self.sentences[name])
        except NotMeasuredError:
            return NOT_MEASURED

    def verdict(self, name: str) -> Verdict:
        """Decide on a conclusion of `book/conclusions.yml`."""
        found = self._conclusion(name)
        ask = self._environment().compile_expression
        try:
            for expression, verdict in (
                (found.supported, Verdict.SUPPORTED),
                (found.partly, Verdict.PARTLY),
                (found.chance, Verdict.CHANCE),
            ):
                if ask(expression, undefined_to_none=False)():
                    return verdict
        except NotMeasuredError:
            return Verdict.UNKNOWN
        return Verdict.NOT_SUPPORTED

    def badge(self, name: str) -> str:
        """HTML of a verdict: icon, word and colour."""
        verdict = self.verdict(name)
        kind = verdict.name.lower()
        return f'<span class="badge-{kind} verdict-badge">{verdict.icon} {verdict}</span>'

    def card(self, name: str) -> str:
        """HTML of a claim: what the paper has, what we have, what chance has, and the verdict."""
        found = self._conclusion(name)
        rows = [("Paper", found.paper), ("Ours", found.ours), ("By chance", found.by_chance)]
        numbers = " · ".join(
            f"<strong>{label}</strong> {self.fill(text)}" for label, text in rows if text
        )
        remark = "; ".join(self.fill(text) for text in (found.interval, found.note) if text)
        place = f" <small>{html.escape(found.place)}</small>" if found.place else ""
        return (
            f'<div class="verdict-card" data-verdict="{self.verdict(name).name.lower()}">'
            f"<p><strong>{html.escape(found.claim)}</strong>{place} {self.badge(name)}</p>"
            f"<p>{numbers}</p>" + (f"<p><em>{remark}</em></p>" if remark else "") + "</div>"
        )

    def verdict_table(self) -> str:
        """HTML of all conclusions, the best verdicts first, with links to the pages that decide."""
        order = sorted(self.conclusions, key=lambda name: list(Verdict).index(self.verdict(name)))
        rows = []
        for name in order:
            found = self.conclusions[name]
            link = f'<a href="notebooks/{found.page}.html">{html.escape(found.claim)}</a>'
            numbers = map(self.fill, (found.paper, found.ours, found.by_chance))
            cells = [f"{link}<br>{self.badge(name)}", *numbers]
            rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
        heads = ("Conclusion", "Paper", "Ours", "By chance")
        head = "".join(f'<th scope="col">{name}</th>' for name in heads)
        return (
            '<div class="verdict-table"><table class="table"><thead><tr>' + head
            + "</tr></thead><tbody>" + "".join(rows) + "</tbody></table></div>"
        )  # fmt: skip

    def verdict_matrix(self, titles: Mapping[str, str]) -> str:
        """HTML of how many of the paper's conclusions have which verdict, by page (with titles)."""
        counts = Counter((c.page, self.verdict(k)) for k, c in self.conclusions.items() if c.place)
        pages = dict.fromkeys(page for page, _ in sorted(counts))
        names = {page: f'<a href="notebooks/{page}.html">{titles[page]}</a>' for page in pages}
        rows = [(names[page], [counts[page, verdict] for verdict in Verdict]) for page in pages]
        rows.append(("<strong>all</strong>", [self.count(verdict) for verdict in Verdict]))
        body = ""
        for name, numbers in rows:
            cells = (
                f'<span class="badge-{v.name.lower()} verdict-badge">{v.icon} {n}</span>'
                if n
                else ""
                for v, n in zip(Verdict, numbers, strict=True)
            )
            body += f'<tr><th scope="row">{name}</th><td>' + "</td><td>".join(cells) + "</td></tr>"
        head = "".join(f'<th scope="col">{v.icon} {v}</th>' for v in Verdict)
        return (
            '<div class="verdict-table verdict-matrix"><table class="table"><thead><tr>'
            f'<th scope="col">part of the paper</th>{head}</tr></thead><tbody>{body}</tbody>'
            "</table></div>"
        )

    def count(self, verdict: str) -> int:
        """Count the conclusions of the paper (not the questions of ours) with a verdict."""
        claimed = [name for name, found in self.conclusions.items() if found.place]
        return sum(self.verdict(name) == Verdict(verdict) for name in claimed)

    def fill(self, text: str) -> str:
        """Fill in a part of a card, escaped for HTML."""
        try:
            return html.escape(self._complete(text))
        except NotMeasuredError:
            return "not measured"

    def _complete(self, text: str) -> str:
        """Fill in a sentence or a cell, which has all of its numbers or raises."""
        made = self._environment()
        made.finalize = _known_or_raise
        return " ".join(made.from_string(text).render().split())

    def _conclusion(self, name: str) -> Conclusion:
        if name not in self.conclusions:
            raise UserError(f"{CONCLUSIONS}: there is no conclusion {name!r}")
        return self.conclusions[name]

    def _environment(self) -> SandboxedEnvironment:
        made = environment()
        made.globals |= {
            "r": nested({k: Result(e["value"], e["text"]) for k, e in self.results.items()}),
            "paper": nested({k: Result(*pair) for k, pair in self.paper.items()}),
            "say": self.say, "badge": self.badge, "card": self.card,
            "verdict_table": self.verdict_table, "count": self.count, **self.further,
        }  # fmt: skip
        return made


def environment() -> SandboxedEnvironment:
    """Jinja for pages: an unknown name is an error, and LaTeX cannot begin a comment."""
    made = SandboxedEnvironment(
        undefined=StrictUndefined, comment_start_string="{##", comment_end_string="##}",
        keep_trailing_newline=True,
    )  # fmt: skip
    made.filters["plural"] = plural
    return made


def plural(number: Any, one: str, many: str) -> str:
    """Write a count with its noun, in singular or plural."""
    return f"{number} {one if float(number) == 1 else many}"


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Turn keys with dots into nested dictionaries."""
    tree: dict[str, Any] = {}
    for key, value in flat.items():
        *branches, leaf = key.split(".")
        node = tree
        for branch in branches:
            node = node.setdefault(branch, {})
        node[leaf] = value
    return tree


def read_sentences(path: Path = SENTENCES) -> dict[str, str]:
    """Read the sentences by name."""
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")) or {})


def read_conclusions(path: Path = CONCLUSIONS) -> dict[str, Conclusion]:
    """Read the conclusions by name, in the order of the pages."""
    entries = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    found = {}
    for name, entry in entries.items():
        try:
            found[name] = Conclusion(**entry)
        except ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(map(str, problem["loc"]))
            raise UserError(f"{path}: {name}: {where}: {problem['msg']}") from None
    return found
