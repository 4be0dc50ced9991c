"""How much there is to read on a rendered page, and how dense in numbers it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from bs4 import BeautifulSoup

MOST_WORDS, MOST_IN_ALL = 650, 11_000
"""Of the body of one page, and of the whole book."""

MOST_IN_A_SENTENCE, MOST_PER_HUNDRED_WORDS = 2, 5.0
"""Numbers in prose."""

_NOT_PROSE = (
    "table, script, style, nav, .cell_input, .cell_output, details, .dropdown, .verdict-card, "
    ".headerlink, .above-input, .section-number, .footer-article, .references"
)
_PLACE = re.compile(
    r"\b(sections?|tables?|figures?|figs?\.|pages?|parts?|equations?|eqs?\.|chapter)\s+"
    r"[\d.]+(\s*(,|and|to|–)\s*[\d.]+)*", re.IGNORECASE,
)  # fmt: skip
_NUMBER = re.compile(r"(?<![\w.])[-−+]?\d[\d,]*(\.\d+)?(?![\w])")
_NAME = re.compile(  # M20, Lite0, 64-D, (Lotz 2004), 2011
    r"\b[A-Za-z]+-?\d[\w-]*|\b\d+-D\b|\([^()]*\b(?:19|20)\d\d\w?\)|\b(?:19|20)\d\d\b"
)


@dataclass(frozen=True)
class PageCount:
    """Words and numbers of a page's body: tables, code, cards and dropdowns left out."""

    words: int
    numbers: int
    crowded: tuple[str, ...]

    @property
    def per_hundred_words(self) -> float:
        """Numbers per hundred words."""
        return 100 * self.numbers / max(self.words, 1)


def count_page(path: Path) -> PageCount:
    """Count what a reader of a rendered page has to read.

    Parameters
    ----------
    path : Path
        HTML of a page of the book.

    Returns
    -------
    PageCount
        Its words, the numbers among them (references to sections, tables, figures and years, and
        names such as M20, do not count), and the sentences with too many numbers.
    """
    soup = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
    article = soup.find("article")
    if article is None:
        return PageCount(0, 0, ())
    for element in article.select(_NOT_PROSE):
        element.decompose()
    for formula in article.select(".math"):
        formula.replace_with("formula")
    blocks = [
        " ".join(block.get_text(" ").split())
        for block in article.select("h1, h2, h3, h4, p, li, figcaption, dd, dt")
        if not block.find(["p", "li"])
    ]
    sentences = [s for block in blocks for s in re.split(r"(?<=[.?!:;])\s+(?=[A-Z])", block) if s]
    counts = [_count_numbers(sentence) for sentence in sentences]
    crowded = [s for s, n in zip(sentences, counts, strict=True) if n > MOST_IN_A_SENTENCE]
    words = sum(len(re.findall(r"[A-Za-zÀ-ÿ0-9]\S*", block)) for block in blocks)
    return PageCount(words, sum(counts), tuple(crowded))


def _count_numbers(sentence: str) -> int:
    plain = _NAME.sub(" ", _PLACE.sub(" ", sentence))
    return len(_NUMBER.findall(plain))
