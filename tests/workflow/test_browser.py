"""The smoke book in a browser: accessible, light, silent, offline, and no wider than a phone."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from galaxy_utils.errors import UserError
from galaxy_utils.run_folder import RunFolder
from galaxy_utils.workflow import printing
from galaxy_utils.workflow.printing import print_book

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
PHONE, NARROWEST_WITH_SIDE_BARS, LAPTOP = 360, 1200, 1280
MOST_FETCHED, MOST_IN_ALL = 1_500_000, 15_000_000
"""Bytes that one page fetches, and of the whole book."""

MOST_ON_PAPER = 80
"""Pages of the printed book."""

SHOW_EVERYTHING = """() => {
    document.querySelectorAll("details").forEach(element => { element.open = true; });
    document.querySelectorAll(".toggle-hidden").forEach(
        element => element.classList.remove("toggle-hidden"));
}"""
TOO_WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
BROKEN_LINES = """() => [...document.querySelectorAll(".cell_input pre")].filter(code => {
    if (!code.checkVisibility()) return false;
    code.style.whiteSpace = "pre";
    const broken = code.scrollWidth > code.clientWidth;
    code.style.whiteSpace = "";
    return broken;
}).length"""
CONTROLS = """() => [...document.querySelectorAll(
    "a[href], button, input, select, summary, [tabindex]")].filter(control =>
        control.tabIndex >= 0 && !control.disabled && control.getClientRects().length &&
        control.checkVisibility({visibilityProperty: true, opacityProperty: true})
    ).map((control, number) => {
        control.dataset.number = number;
        return control.outerHTML.slice(0, 120);
    })"""
FOCUSED = """() => {
    const {dataset} = document.activeElement;
    const {outlineStyle, boxShadow} = getComputedStyle(document.activeElement);
    return [Number(dataset.number ?? -1), outlineStyle !== "none" || boxShadow !== "none"];
}"""
STILL = "* { transition: none !important; animation: none !important; }"
VIOLATIONS = """async levels => {
    const options = {runOnly: levels, resultTypes: ["violations"], preload: false};
    const {violations} = await axe.run(document, options);
    return violations.flatMap(
        rule => rule.nodes.map(node => `${rule.id}: ${node.html.slice(0, 200)}`));
}"""


@dataclass
class Visit:
    """What was found on a page."""

    violations: dict[str, list[str]] = field(default_factory=dict)
    too_wide: int = 0
    broken_lines: int = 0
    messages: list[str] = field(default_factory=list)
    fetched: set[str] = field(default_factory=set)

    @property
    def weight(self) -> int:
        """Bytes of all files that the page fetched."""
        return sum(Path(unquote(urlsplit(url).path)).stat().st_size for url in self.local)

    @property
    def local(self) -> list[str]:
        """What was fetched from the disk."""
        return [url for url in self.fetched if url.startswith("file:")]

    @property
    def foreign(self) -> list[str]:
        """What was asked of the network."""
        return [url for url in self.fetched if not url.startswith(("file:", "data:", "blob:"))]


@pytest.fixture(scope="module")
def html(smoke: RunFolder) -> Path:
    return smoke.path / "html"


@pytest.fixture(scope="module")
def visits(browser: Any, html: Path) -> dict[str, Visit]:
    """All pages of the book, each visited once."""
    pages = [*html.glob("*.html"), *html.glob("[!_]*/*.html")]
    assert len(pages) >= 30
    axe = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    return {path.relative_to(html).as_posix(): _visit(browser, path, axe) for path in pages}


def _visit(browser: Any, path: Path, axe: str) -> Visit:
    found = Visit()
    page = browser.new_page(viewport={"width": LAPTOP, "height": 900}, reduced_motion="reduce")
    page.on("request", lambda request: found.fetched.add(request.url.partition("?")[0]))
    page.on("console", lambda message: _note(found, message))
    page.on("pageerror", lambda error: found.messages.append(str(error)))
    page.goto(path.as_uri())
    for width in (NARROWEST_WITH_SIDE_BARS, LAPTOP):
        page.set_viewport_size({"width": width, "height": 900})
        found.broken_lines += page.evaluate(BROKEN_LINES)
    page.add_style_tag(content=STILL)
    page.evaluate(SHOW_EVERYTHING)
    page.evaluate(axe)
    for mode, rules in (("light", LEVELS), ("dark", "color-contrast")):
        page.evaluate("mode => { document.documentElement.dataset.theme = mode; }", mode)
        if broken := page.evaluate(VIOLATIONS, rules):
            found.violations[mode] = broken
    page.set_viewport_size({"width": PHONE, "height": 800})
    found.too_wide = page.evaluate(TOO_WIDE)
    page.close()
    return found


def _note(found: Visit, message: Any) -> None:
    if message.type in ("error", "warning"):
        found.messages.append(message.text)


def test_every_page_is_accessible_in_both_modes(visits: dict[str, Visit]) -> None:
    assert {name: v.violations for name, v in visits.items() if v.violations} == {}


def test_no_page_is_wider_than_a_phone(visits: dict[str, Visit]) -> None:
    assert {name: v.too_wide for name, v in visits.items() if v.too_wide > 0} == {}


def test_lines_of_open_code_fit(visits: dict[str, Visit]) -> None:
    assert {name: v.broken_lines for name, v in visits.items() if v.broken_lines} == {}


def test_no_page_complains(visits: dict[str, Visit]) -> None:
    assert {name: v.messages for name, v in visits.items() if v.messages} == {}


def test_no_page_asks_the_network(visits: dict[str, Visit]) -> None:
    assert {name: v.foreign for name, v in visits.items() if v.foreign} == {}


def test_pages_and_book_are_light(visits: dict[str, Visit], html: Path) -> None:
    assert {n: v.weight for n, v in visits.items() if v.weight > MOST_FETCHED} == {}
    assert sum(p.stat().st_size for p in html.rglob("*") if p.is_file()) <= MOST_IN_ALL


@pytest.mark.parametrize("name", ["index", "notebooks/09-taxonomy", "ledger", "atlas"])
def test_the_keyboard_reaches_every_control_and_shows_where_it_is(
    browser: Any, html: Path, name: str
) -> None:
    page = browser.new_page(viewport={"width": LAPTOP, "height": 900}, reduced_motion="reduce")
    page.goto((html / f"{name}.html").as_uri())
    controls = page.evaluate(CONTROLS)
    reached: dict[int, bool] = {}
    for _ in range(len(controls) + 5):
        page.keyboard.press("Tab")
        number, seen = page.evaluate(FOCUSED)
        reached.setdefault(number, seen)
    page.close()
    assert [controls[k] for k in range(len(controls)) if k not in reached] == []
    assert [controls[k] for k, seen in reached.items() if k >= 0 and not seen] == []


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("10-proxy-validation", {"Accuracy": "validation.accuracy_percent"}),
        ("11-probabilistic-stability", {"Confident: galaxies": "stability.confident_percent"}),
        ("16-outliers", {"Doubtful: anomalies": "outliers.flagged_share"}),
        ("17-robustness-and-recovery", {}),
    ],
)
def test_sliders_begin_with_the_values_of_their_page(
    browser: Any, smoke: RunFolder, name: str, keys: dict[str, str]
) -> None:
    page, results = browser.new_page(), smoke.read_json("results.json")
    page.goto((smoke.path / "html" / "notebooks" / f"{name}.html").as_uri())
    rows = page.locator(".interactive-bars .interactive-row").all()
    texts = [row.locator("span").all_inner_texts() for row in rows]
    page.close()
    shown = {label: value for label, *_, value in texts}
    assert len(shown) >= 2
    assert {label: shown[label] for label in keys} == {
        label: f"{results[key]['text']} %" for label, key in keys.items()
    }


def test_a_table_of_the_paper_is_found_on_its_page(browser: Any, html: Path) -> None:
    page = browser.new_page()
    page.goto(f"{(html / 'search.html').as_uri()}?q=Table+1")
    first = page.locator("#search-results li a").first
    first.wait_for()
    address = first.get_attribute("href")
    page.close()
    assert "08-ablation" in str(address)


def test_the_whole_book_is_printed(smoke: RunFolder, tmp_path: Path) -> None:
    pdf = print_book(RunFolder(shutil.copytree(smoke.path, tmp_path / "copy")))
    assert len(re.findall(rb"/Type\s*/Page\b", pdf.read_bytes())) <= MOST_ON_PAPER


def test_printing_without_a_browser_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(printing, "BROWSERS", ())
    with pytest.raises(UserError, match="apt install chromium"):
        print_book(RunFolder(tmp_path))
