"""Sentences and conclusions: each branch is a whole sentence, each verdict can be reached."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest
from bs4 import BeautifulSoup
from jinja2 import nodes

from galaxy_utils.errors import UserError
from galaxy_utils.ledger.templates import (
    NOT_MEASURED,
    Conclusion,
    Result,
    Templates,
    Verdict,
    environment,
    plural,
    read_conclusions,
    read_sentences,
)
from galaxy_utils.workflow.sections import SECTIONS

SENTENCES = read_sentences()
CONCLUSIONS = read_conclusions()
RECORDED = {key for section in SECTIONS for key in section.results}


def _results(**values: Any) -> dict[str, Any]:
    return {
        key.replace("__", "."): {"value": value, "text": str(value)}
        for key, value in values.items()
    }


def _fill(text: str, results: dict[str, Any], **conclusions: Conclusion) -> Templates:
    return Templates(results, {"a.b": (1.0, "one")}, {"x.y": text}, conclusions)


def keys_of(template: str, root: str = "r") -> Iterator[str]:
    """Yield the results (`root` "r") or claims of the paper ("paper") that a template names."""
    attributes = list(environment().parse(template).find_all(nodes.Getattr))
    inner = {id(found.node) for found in attributes}
    for found in attributes:
        if id(found) in inner:
            continue
        parts, node = [found.attr], found.node
        while isinstance(node, nodes.Getattr):
            parts.insert(0, node.attr)
            node = node.node
        if isinstance(node, nodes.Name) and node.name == root:
            yield ".".join(parts)


def branches(template: str) -> list[str]:
    """Render a template once for every combination of its conditions, whatever the results."""
    tree = environment().parse(template)
    conditions = list(tree.find_all((nodes.If, nodes.CondExpr)))
    found = []
    for answers in itertools.product([True, False], repeat=len(conditions)):
        again = environment().parse(template)
        for node, answer in zip(again.find_all((nodes.If, nodes.CondExpr)), answers, strict=True):
            node.test = nodes.Const(answer)
        for printed in list(again.find_all(nodes.Output)):
            printed.nodes = [
                node if isinstance(node, nodes.TemplateData | nodes.CondExpr)
                else nodes.TemplateData("7")
                for node in printed.nodes
            ]  # fmt: skip
        code = environment().from_string(again)
        found.append(" ".join(code.render().split()))
    return sorted(set(found))


@pytest.mark.parametrize("name", SENTENCES)
def test_every_branch_of_every_sentence_is_whole(name: str) -> None:
    for text in branches(SENTENCES[name]):
        if not text:
            continue  # nothing to say
        assert text[0].isupper() or text[0] in "7*`$", text
        assert text[-1] in ".?!*", text
        assert not re.search(r"\s[,.;:?!]|\.\.|,,|\(\s|\s\)", text), text
        assert text.count("(") == text.count(")"), text


@pytest.mark.parametrize("name", SENTENCES)
def test_sentences_name_results_that_a_page_records_and_type_no_number(name: str) -> None:
    assert set(keys_of(SENTENCES[name])) <= RECORDED
    printed = "".join(
        data.data for data in environment().parse(SENTENCES[name]).find_all(nodes.TemplateData)
    )
    assert not re.search(r"(?<![A-Za-z\d])\d", printed.replace("M20", ""))


@pytest.mark.parametrize("name", CONCLUSIONS)
def test_conclusions_name_results_pages_and_rules_that_exist(name: str) -> None:
    found = CONCLUSIONS[name]
    texts = [found.paper, found.ours, found.by_chance, found.interval, found.note]
    rules = [found.supported, found.partly, found.chance]
    keys = {key for text in texts for key in keys_of(text)}
    decide = {key for rule in rules for key in keys_of("{{ " + rule + " }}")}
    assert keys | decide <= RECORDED
    assert decide, "no result decides"
    assert found.page in {section.notebook for section in SECTIONS}


def test_a_result_prints_its_text_and_compares_its_value() -> None:
    result = Result(0.123, "12 %")
    assert str(result) == "12 %"
    assert result > 0.1
    assert result - 0.023 == pytest.approx(0.1)
    assert 2 * result == pytest.approx(0.246)
    assert Result(2, "2") > Result(1, "1")


def test_sentence_chooses_by_value_and_says_so_where_nothing_was_measured() -> None:
    text = "{% if r.a.b > 1 %}More: {{ r.a.b }}.{% else %}Less.{% endif %}"
    assert _fill(text, _results(a__b=2)).say("x.y") == "More: 2."
    assert _fill(text, _results(a__b=0)).say("x.y") == "Less."
    assert _fill(text, _results(a__b=None)).say("x.y") == NOT_MEASURED


def test_what_prints_a_number_that_the_run_lacks_says_so_once() -> None:
    results = {"a.b": {"value": None, "text": "not measured"}, "a.c": {"value": 1, "text": "1"}}
    fill = _fill("From {{ r.a.b }} to {{ r.a.c }}.", results)
    assert fill.say("x.y") == NOT_MEASURED
    assert fill.fill("{{ r.a.b }} against {{ r.a.c }}") == "not measured"
    assert fill.fill("{{ r.a.c }} of {{ r.a.c }}") == "1 of 1"
    twice = '{{ say("x.y") }} {{ say("x.y") }} Then 1.'
    assert fill.render(twice) == f"{NOT_MEASURED} Then 1."


RULED = Conclusion(
    claim="C.", page="p", place="Section 1", ours="{{ r.a.b }} < 3", by_chance="{{ paper.a.b }}",
    supported="r.a.b > 2", partly="r.a.b > 1", chance="r.a.b > 0",
)  # fmt: skip


@pytest.mark.parametrize(
    ("value", "verdict"),
    [(3, "supported"), (2, "partly supported"), (1, "no better than chance"),
     (0, "not supported"), (None, "cannot be checked")],
)  # fmt: skip
def test_each_verdict(value: float | None, verdict: str) -> None:
    found = _fill("", _results(a__b=value), c=RULED)
    assert found.verdict("c") == Verdict(verdict)
    assert verdict in found.badge("c")
    assert found.count(verdict) == 1
    assert verdict in found.verdict_table()
    rows = BeautifulSoup(found.verdict_matrix({RULED.page: "Title"}), "html.parser").select("tr")
    cells = [[cell.get_text() for cell in row.select("th, td")] for row in rows]
    column = list(Verdict).index(Verdict(verdict)) + 1
    assert [row[0] for row in cells] == ["part of the paper", "Title", "all"]
    assert verdict in cells[0][column]
    for row in cells[1:]:
        assert row[column].endswith(" 1") and row[1:].count("") == len(Verdict) - 1


def test_card_shows_all_numbers_escaped() -> None:
    card = _fill("", _results(a__b=2), c=RULED).card("c")
    assert "2 &lt; 3" in card
    assert "one" in card
    assert 'data-verdict="partly"' in card


def test_unknown_names_are_errors_for_people() -> None:
    found = _fill("", {})
    with pytest.raises(UserError, match=r"sentences\.yml: there is no sentence 'no'"):
        found.say("no")
    with pytest.raises(UserError, match=r"conclusions\.yml: there is no conclusion 'no'"):
        found.card("no")


def test_counts_take_singular_and_plural() -> None:
    assert plural(Result(1, "1"), "galaxy", "galaxies") == "1 galaxy"
    assert plural(0, "galaxy", "galaxies") == "0 galaxies"
