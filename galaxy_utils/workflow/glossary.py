"""Link the terms of the glossary where a page uses them first."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

_PROTECTED = re.compile(
    r"(\{[\w:-]+\}`[^`]*`|`[^`]*`|!?\[[^\]]*\]\([^)]*\)|\$[^$]+\$|<[^>]+>|https?://\S+|\*\*[^*]+\*\*)"
)
_NO_PROSE = re.compile(r"\s*(#|:::|:\w|\||```|\{\{|<|%)")


@cache
def read_terms(path: Path) -> dict[str, str]:
    """Read the terms of the glossary page: each spelling to the first one of its entry."""
    found: dict[str, str] = {}
    spellings: list[str] = []
    inside = False
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(":::"):
            inside = "{glossary}" in line
        elif inside and line.strip() and not line.startswith(" "):
            spellings.append(line.strip())
        elif inside and spellings and line.startswith(" "):
            found |= dict.fromkeys(spellings, spellings[0])
            spellings = []
    return found


def link_terms(texts: Iterable[str], terms: dict[str, str]) -> list[str]:
    """Link each term where it is first used in the prose of a page, given the text of its cells.

    Headings, tables, code, links, formulae and what is bold are left alone.
    """
    left = dict(terms)
    return ["\n".join(_link_lines(text.split("\n"), left)) for text in texts]


def _link_lines(lines: list[str], left: dict[str, str]) -> Iterable[str]:
    fenced = False
    for line in lines:
        if line.lstrip().startswith("```"):
            fenced = not fenced
        yield line if fenced or _NO_PROSE.match(line) else _link_line(line, left)


def _link_line(line: str, left: dict[str, str]) -> str:
    parts = _PROTECTED.split(line)
    for index in range(0, len(parts), 2):  # the odd ones are protected
        for spelling in sorted(left, key=len, reverse=True):
            if spelling not in left:
                continue
            flags = 0 if spelling[:1].isupper() else re.IGNORECASE
            match = re.search(rf"(?<![\w-]){re.escape(spelling)}(?![\w-])", parts[index], flags)
            if match:
                entry = left[spelling]
                role = f"{{term}}`{match[0]} <{entry}>`"
                before, after = parts[index][: match.start()], parts[index][match.end() :]
                for other in [other for other, of in left.items() if of == entry]:
                    del left[other]
                return (
                    "".join(parts[:index])
                    + _link_line(before, left)
                    + role
                    + _link_line(after + "".join(parts[index + 1 :]), left)
                )
    return line
