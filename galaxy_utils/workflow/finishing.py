"""Make the HTML that Sphinx and its theme wrote light, and accessible to everybody."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from bs4 import BeautifulSoup, Tag
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

UNUSED_SCRIPTS = ("fontawesome.js", "sphinx-thebe.js", "design-tabs.js")
SEARCH_SCRIPTS = ("searchtools.js", "language_data.js", "searchindex.js")
"""Loaded by every page of the theme, needed by the search page alone."""

UNUSED_FILES = (
    "**/*.map", "_static/locales", "_static/mathjax", "_static/vendor", "_static/sphinx-thebe.*",
    "_static/*macros.html", *(f"_static/**/{name}*" for name in UNUSED_SCRIPTS),
)  # fmt: skip
"""What no page loads once it is finished."""

ICON_FONT = "_static/vendor/fontawesome/webfonts/fa-solid-900.ttf"
THEME_STYLE = "_static/styles/pydata-sphinx-theme.css"
ICON_RULE = re.compile(r'(?P<names>(?:\.fa-[\w-]+:before,?)+)\{content:"\\(?P<character>\w+)"\}')
ICONS_OF_SCRIPTS = {"fa-xmark"}
"""Not in the pages; the theme's scripts insert them."""


def finish(html: Path) -> None:
    """Finish all pages of a rendered book in place.

    Parameters
    ----------
    html : Path
        Folder of the book's `index.html`.
    """
    icons = set(ICONS_OF_SCRIPTS)
    for path in [*html.glob("*.html"), *html.glob("[!_]*/*.html")]:
        page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        drop_unused(page, is_search=path.name == "search.html")
        point_to_lessons(page, is_lesson=path.name.startswith("lesson"))
        make_accessible(page)
        icons.update(name for icon in page.select('[class*="fa-"]') for name in icon["class"])
        path.write_text(str(page), encoding="utf-8")
    _keep_icons(html, icons)
    for pattern in UNUSED_FILES:
        for path in html.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def drop_unused(page: BeautifulSoup, is_search: bool) -> None:
    """Remove scripts, styles and elements of the theme that this book does not use."""
    unused = UNUSED_SCRIPTS if is_search else UNUSED_SCRIPTS + SEARCH_SCRIPTS
    seen: set[str] = set()
    for script in page.select('script:not([type="application/json"])'):
        source, text = str(script.get("src", "")), script.get_text()
        name = source.partition("?")[0].rsplit("/", 1)[-1]
        twice = (name or text) in seen
        if name in unused or "thebe" in f"{text}{script.get('type')}".lower() or twice:
            script.decompose()
        elif text.startswith("kernelName"):
            script.decompose()
        else:
            seen.add(name or text)
            if 'getItem("mode") || ""' in text:  # which the theme's own script refuses
                script.string = text.replace('getItem("mode") || ""', 'getItem("mode") || "auto"')
    for element in page.select(
        'link[href*="sphinx-thebe"], #jb-print-docs-body, #searchbox, #ethical-ad-placement, '
        "style[scoped]"
    ):
        element.decompose()


def point_to_lessons(page: BeautifulSoup, is_lesson: bool) -> None:
    """Keep the launch buttons (Binder, Colab) on the lessons, and lead them to the right file.

    Lessons need no more than their data; the other notebooks read what earlier pages made.
    """
    for buttons in page.select(".dropdown-launch-buttons"):
        if not is_lesson:
            buttons.decompose()
            continue
        for link in buttons.select("a[href]"):
            link["href"] = str(link["href"]).replace("/teaching/", "/book/teaching/")


def make_accessible(page: BeautifulSoup) -> None:
    """Mend what the theme, pandas and the bibliography leave to be desired (WCAG 2.1 AA)."""
    for form in page.select("form.bd-search"):
        button = page.new_tag("button", attrs={"type": "submit", "class": "visually-hidden"})
        button.string = "Search"
        form.append(button)
    for element in page.select('[role="doc-biblioentry"], .citation-list[role="list"]'):
        del element["role"]
    for summary in page.select("summary[aria-label]"):
        del summary["aria-label"]  # its text says more
    for table in page.find_all("table"):
        _make_table_accessible(table)


def _make_table_accessible(table: Tag) -> None:
    del table["border"]
    for cell in table.select("tr th"):
        if not cell.get_text(strip=True):
            cell.name = "td"
        else:
            cell["scope"] = "col" if cell.find_parent("thead") else "row"


def _keep_icons(html: Path, used: set[str]) -> None:
    """Reduce the icons' font, and the rules of the theme's style sheet, to those in use."""
    characters = []

    def kept(rule: re.Match[str]) -> str:
        if used.isdisjoint(re.findall(r"fa-[\w-]+", rule["names"])):
            return ""
        characters.append(int(rule["character"], 16))
        return rule[0]

    style = html / THEME_STYLE
    rules = ICON_RULE.sub(kept, style.read_text(encoding="utf-8"))
    family = re.search(r"@font-face\{[^}]*font-weight:900[^}]*\}", rules)
    face = family[0] if family else ""
    rules = re.sub(r"@font-face\{[^}]*Font Awesome[^}]*\}", "", rules)
    face = re.sub(r"src:[^}]*", 'src:url(icons.woff) format("woff")', face)
    style.write_text(rules + face, encoding="utf-8")
    font = TTFont(html / ICON_FONT)
    subsetter = Subsetter(Options())
    subsetter.populate(unicodes=characters)
    subsetter.subset(font)
    font.flavor = "woff"
    font.save(style.with_name("icons.woff"))
