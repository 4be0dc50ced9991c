"""What a reader of the rendered book has to read, and how dense in numbers it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from reading import (
    MOST_IN_A_SENTENCE,
    MOST_IN_ALL,
    MOST_PER_HUNDRED_WORDS,
    MOST_WORDS,
    PageCount,
    count_page,
)

from galaxy_utils.run_folder import RunFolder

LISTS = {"bibliography", "parameters", "ledger", "glossary", "genindex", "search"}
"""Pages to look things up in, not to be read from the first line to the last."""


def _count(tmp_path: Path, body: str) -> PageCount:
    path = tmp_path / "page.html"
    path.write_text(f"<html><article>{body}</article></html>", encoding="utf-8")
    return count_page(path)


def test_words_and_numbers_of_the_body_are_counted(tmp_path: Path) -> None:
    body = "<h1>Two words</h1><p>An index of 0.44 is low. It was 0.1.</p><p>Table 2 has 3 rows.</p>"
    assert _count(tmp_path, body) == PageCount(2 + 9 + 5, 3, ())


def test_names_places_and_years_are_no_numbers(tmp_path: Path) -> None:
    body = "<p>M20 (Lotz 2004), section 5.3, figures 2 and 3, in 2011.</p>"
    assert _count(tmp_path, body).numbers == 0


def test_tables_code_cards_and_dropdowns_are_not_counted(tmp_path: Path) -> None:
    kept_out = [
        "<table><tr><td>1 2 3 words</td></tr></table>",
        '<div class="cell_output"><p>1 2 3 words</p></div>',
        '<div class="verdict-card"><p>1 2 3 words</p></div>',
        '<div class="admonition dropdown"><p>1 2 3 words</p></div>',
    ]
    assert _count(tmp_path, "".join(kept_out) + "<p>Read me.</p>") == PageCount(2, 0, ())


def test_a_crowded_sentence_is_named(tmp_path: Path) -> None:
    body = "<p>It is 1.5, 2.5 and 3.5 px wide. One is 1.5, one 2.5.</p>"
    found = _count(tmp_path, body)
    assert found.crowded == ("It is 1.5, 2.5 and 3.5 px wide.",)
    assert found.per_hundred_words == pytest.approx(100 * 5 / 13)


def test_the_book_can_be_read(smoke: RunFolder) -> None:
    html = smoke.path / "html"
    pages = {p.stem: count_page(p) for p in (*html.glob("*.html"), *html.glob("notebooks/*.html"))}
    read = {name: count for name, count in pages.items() if name not in LISTS}
    assert len(read) >= 19
    assert {n: c.words for n, c in read.items() if c.words > MOST_WORDS} == {}
    dense = {n: round(c.per_hundred_words, 1) for n, c in read.items()}
    assert {n: d for n, d in dense.items() if d > MOST_PER_HUNDRED_WORDS} == {}
    assert MOST_IN_A_SENTENCE == 2
    assert {n: c.crowded for n, c in read.items() if c.crowded} == {}
    assert sum(count.words for count in read.values()) <= MOST_IN_ALL
