"""The smoke run from end to end: its numbers, its notebooks, its pages."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup

from galaxy_utils.config import make_parameters
from galaxy_utils.errors import UserError
from galaxy_utils.ledger.claims import read_claims
from galaxy_utils.ledger.templates import Templates, read_conclusions
from galaxy_utils.run_folder import ROOT, RunFolder
from galaxy_utils.workflow import rendering as book
from galaxy_utils.workflow.finishing import point_to_lessons
from galaxy_utils.workflow.mathml import mathml
from galaxy_utils.workflow.rendering import CLAIMS, configuration, departures_text, filled_in
from galaxy_utils.workflow.sections import SECTIONS

BASELINE = Path(__file__).parents[1] / "baseline" / "smoke.json"
TIMES = ("scalability.",)
"""Results that depend on the machine's speed."""


# --- numbers -----------------------------------------------------------------


def comparable(results: dict) -> dict:
    return {key: entry["value"] for key, entry in results.items() if not key.startswith(TIMES)}


def deviations(results: dict, baseline: dict) -> list[str]:
    """Recorded results that differ from the baseline by more than its tolerance."""
    found = comparable(results)
    wrong = [f"{key}: only on one side" for key in found.keys() ^ baseline.keys()]
    for key in found.keys() & baseline.keys():
        value, expected = found[key], baseline[key]["value"]
        tolerance = baseline[key].get("tolerance", 0)
        if baseline[key].get("free"):
            continue
        if isinstance(expected, float) and isinstance(value, int | float):
            if abs(value - expected) > tolerance:
                wrong.append(f"{key}: {value}, baseline {expected} ± {tolerance}")
        elif "tolerance" in baseline[key] and isinstance(expected, int):
            if abs(value - expected) > tolerance:
                wrong.append(f"{key}: {value}, baseline {expected} ± {tolerance}")
        elif value != expected:
            wrong.append(f"{key}: {value!r}, baseline {expected!r}")
    return wrong


def test_results_agree_with_the_baseline(smoke: RunFolder) -> None:
    baseline = json.loads(BASELINE.read_text())
    assert deviations(smoke.read_json("results.json"), baseline) == []


def test_a_wrong_result_would_be_found(smoke: RunFolder) -> None:
    baseline = json.loads(BASELINE.read_text())
    baseline["preprocessing.peak_highest"]["value"] += 2
    baseline["features.dimension_deep"]["value"] = 2304
    wrong = deviations(smoke.read_json("results.json"), baseline)
    assert [line.split(":")[0] for line in sorted(wrong)] == [
        "features.dimension_deep", "preprocessing.peak_highest",
    ]  # fmt: skip


def test_provenance_is_whole(smoke: RunFolder) -> None:
    made = smoke.read_json("provenance.json")
    assert made["seed"] == 0
    assert made["sample"]["sample"] == "hdf" and made["sample"]["galaxies"] == 160
    assert len(made["data"]["data/sdss5000/manifest.json"]) == 64
    assert set(made["seconds_per_section"]) == {section.notebook for section in SECTIONS}
    assert {"torch", "statmorph", "galaxy_utils"} <= set(made["versions"])


# --- notebooks ---------------------------------------------------------------


def nbval(*notebooks: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "-q", "-p", "no:cacheprovider",
               "--rootdir", str(ROOT), *map(str, notebooks)]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.fixture(scope="module")
def again(smoke: RunFolder) -> RunFolder:
    """A copy of the run, for notebooks that are executed again and write into it."""
    copy = RunFolder.named("test-nbval")
    shutil.rmtree(copy.path, ignore_errors=True)
    shutil.copytree(smoke.path, copy.path)
    for path in (copy.path / "notebooks").iterdir():
        text = path.read_text(encoding="utf-8")
        assert smoke.path.name in text
        path.write_text(text.replace(smoke.path.name, copy.path.name), encoding="utf-8")
    return copy


def executed(folder: RunFolder, *numbers: str) -> list[Path]:
    return [
        folder.path / "notebooks" / f"{s.notebook}.ipynb" for s in SECTIONS if s.number in numbers
    ]


def test_executed_notebooks_have_outputs_to_compare(smoke: RunFolder) -> None:
    for section in SECTIONS:
        notebook = nbformat.read(smoke.path / "notebooks" / f"{section.notebook}.ipynb", 4)
        last = notebook.cells[-2]
        assert last.outputs and "text/plain" in last.outputs[0].data


def test_notebooks_give_the_same_values_again(again: RunFolder) -> None:
    every = [section.number for section in SECTIONS if section.number != "12"]
    done = nbval(*executed(again, *every))
    assert done.returncode == 0, done.stdout[-4000:]


def test_a_wrong_stored_value_fails(again: RunFolder) -> None:
    source = executed(again, "04")[0]
    notebook = nbformat.read(source, 4)
    shown = notebook.cells[-2].outputs[0]["data"]
    assert "160" in shown["text/plain"]
    for kind in shown:
        shown[kind] = shown[kind].replace("160", "161")
    changed = source.with_name("04-changed.ipynb")
    nbformat.write(notebook, changed)
    assert nbval(changed).returncode == 1


# --- pages -------------------------------------------------------------------


class Page(HTMLParser):
    """Links, images, ids and text of one page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.assets: list[str] = []
        self.images: list[dict] = []
        self.ids: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list) -> None:
        given = dict(attrs)
        if given.get("id"):
            self.ids.add(given["id"])
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if tag in ("script", "img") and given.get("src"):
            self.assets.append(given["src"])
        if tag == "link" and given.get("rel") in ("stylesheet", "preload", "icon"):
            self.assets.append(given["href"])
        if tag == "img":
            self.images.append(given)


@pytest.fixture(scope="module")
def pages(smoke: RunFolder) -> dict[Path, Page]:
    html = smoke.path / "html"
    return {path: Page(path) for path in html.rglob("*.html") if "_static" not in path.parts}


def test_all_pages_exist(pages: dict[Path, Page], smoke: RunFolder) -> None:
    html = smoke.path / "html"
    toc = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text())
    files = [toc["root"], *(c["file"] for part in toc["parts"] for c in part["chapters"])]
    assert {html / f"{name}.html" for name in files} <= set(pages)


def test_no_link_is_broken(pages: dict[Path, Page]) -> None:
    broken = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or link.startswith("javascript"):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            known = pages.get(target)
            if not target.exists() or (
                parts.fragment and known and parts.fragment not in known.ids
            ):
                broken.append(f"{path.name}: {link}")
    assert broken == []


def test_no_asset_comes_from_the_web(pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        for asset in page.assets:
            assert not urlsplit(asset).netloc, f"{path.name}: {asset}"
            assert (path.parent / unquote(urlsplit(asset).path)).exists(), f"{path.name}: {asset}"


@pytest.mark.parametrize(
    ("page", "label"),
    [("01-dataset", "fig-1"), ("09-taxonomy", "fig-2"), ("09-taxonomy", "fig-3"),
     ("09-taxonomy", "fig-4"), ("10-proxy-validation", "fig-5"), ("10-proxy-validation", "fig-6"),
     ("08-ablation", "table-1"), ("09-taxonomy", "table-2"), ("12-scalability", "table-3")],
)  # fmt: skip
def test_every_figure_and_table_of_the_paper_is_there(
    page: str, label: str, pages: dict[Path, Page], smoke: RunFolder
) -> None:
    path = smoke.path / "html" / "notebooks" / f"{page}.html"
    assert label in pages[path].ids
    kind = "Table" if label.startswith("table") else "Figure"
    number = label.rsplit("-", 1)[1]
    assert f"{kind} {number}" in path.read_text(encoding="utf-8")
    stem = label.replace("fig-", "figure_").replace("table-", "table_")
    kept = (
        [f"tables/{stem}.csv"]
        if "table" in stem
        else [f"figures/{stem}.svg", f"figures/{stem}.png"]
    )
    assert all((smoke.path / name).stat().st_size > 100 for name in kept)


def test_no_page_shows_a_warning(smoke: RunFolder) -> None:
    for path in executed(smoke, *(section.number for section in SECTIONS)):
        for cell in nbformat.read(path, as_version=4).cells:
            said = [o.text for o in cell.get("outputs", []) if o.get("name") == "stderr"]
            assert not [text for text in said if "Warning" in text], (path.name, said)


def test_every_picture_has_alternative_text(pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        for image in page.images:
            if "_images" in image["src"]:
                assert len(image.get("alt", "")) > 10 and "_images" not in image["alt"], path.name


def test_no_placeholder_is_left(pages: dict[Path, Page]) -> None:
    for path in pages:
        text = path.read_text(encoding="utf-8")
        assert "{{" not in re.sub(r"<(script|pre)\b.*?</\1>", "", text, flags=re.DOTALL), path.name


def test_every_page_says_with_what_it_was_made(smoke: RunFolder) -> None:
    for section in SECTIONS:
        text = (smoke.path / "html" / "notebooks" / f"{section.notebook}.html").read_text()
        plain = re.sub(r"<[^>]+>", "", text)
        for part in ("sample hdf", "efficientnet_lite0", "seed 0", "profile smoke", "code "):
            assert part in plain, f"{section.notebook}: {part}"


def test_a_claim_that_repeats_another_is_not_counted() -> None:
    claims = read_claims(CLAIMS)
    keys = {key for c in claims for key in (c.ours, *c.compared_with.values(), *c.chance) if key}
    unmeasured = {key: {"value": None, "text": "not measured", "unit": ""} for key in keys}
    fill = book.templates(unmeasured)
    independent = [claim for claim in claims if not claim.repeats]
    assert len(independent) < len(claims)
    assert fill.render("{{ n_claims() }}") == str(len(independent))
    inconsistent = sum(claim.check == "inconsistent" for claim in independent)
    assert fill.render('{{ n_claims("inconsistent in paper") }}') == str(inconsistent)


def test_every_claim_stands_in_the_ledger_with_a_verdict(smoke: RunFolder) -> None:
    ledger = BeautifulSoup((smoke.path / "html" / "ledger.html").read_text(), "html.parser")
    rows = {row["id"]: row.get("data-verdict") for row in ledger.select("tr[id]")}
    assert [claim.id for claim in read_claims(CLAIMS) if not rows.get(claim.id)] == []


def test_every_conclusion_stands_in_the_verdict_and_on_its_page(smoke: RunFolder) -> None:
    table = html.unescape((smoke.path / "html" / "verdict.html").read_text())
    for conclusion in read_conclusions().values():
        assert conclusion.claim in table
        page = smoke.path / "html" / "notebooks" / f"{conclusion.page}.html"
        assert conclusion.claim in html.unescape(page.read_text()), conclusion.claim


def test_a_downloaded_notebook_stands_alone(smoke: RunFolder) -> None:
    for section in SECTIONS:
        path = smoke.path / "html" / "_sources" / "notebooks" / f"{section.notebook}.ipynb"
        cells = nbformat.read(path, as_version=4).cells
        assert "make lab" in cells[0].source
        prose = "".join(cell.source for cell in cells if cell.cell_type == "markdown")
        assert "{{" not in prose and "{term}" not in prose


def test_the_published_book_is_light(smoke: RunFolder) -> None:
    published = smoke.path / "html"
    assert not list(published.rglob("*.map"))
    scripts = {path.name for path in published.rglob("*.js")}
    assert not scripts & {"fontawesome.js", "tex-chtml.js", "sphinx-thebe.js"}
    assert (published / "_static" / "styles" / "icons.woff").stat().st_size < 10_000


def test_formulae_are_mathml(smoke: RunFolder) -> None:
    page = (smoke.path / "html" / "notebooks" / "02-image-preprocessing.html").read_text()
    assert "<math" in page and "(2.1)" in page and "\\(" not in page


def test_a_formula_that_is_not_understood_is_an_error() -> None:
    assert "<mfrac>" in mathml(r"\frac{a}{b}") and 'display="block"' in mathml("a", display=True)
    with pytest.raises(ValueError, match="not understood"):
        mathml(r"\nonsense{a}")


def test_launch_buttons_need_an_address() -> None:
    for address in ("", "https://github.com/a/b"):
        theme = yaml.safe_load(configuration(address))["sphinx"]["config"]["html_theme_options"]
        assert theme["repository_url"] == address
        assert ("launch_buttons" in theme) == bool(address)


def test_launch_buttons_stay_on_lessons_and_lead_to_their_file() -> None:
    button = (
        '<div class="dropdown-launch-buttons"><a href="https://colab/b/main/teaching/x.ipynb"></a>'
    )
    lesson, page = (BeautifulSoup(button, "html.parser") for _ in range(2))
    point_to_lessons(lesson, is_lesson=True)
    point_to_lessons(page, is_lesson=False)
    assert lesson.a and lesson.a["href"] == "https://colab/b/main/book/teaching/x.ipynb"
    assert str(page) == ""


def test_the_verdict_says_where_the_run_departs_from_the_profile_of_the_paper() -> None:
    assert departures_text(make_parameters("book", {"seed": 3})) == ""
    assert re.findall(r"`(\w+)`", departures_text(make_parameters("best", {})))[1:] == [
        "crop", "space", "measured", "scale", "mixture_fit", "covariance_type",
    ]  # fmt: skip
    changed = make_parameters("book", {"confidence": 0.5, "measured": "five+axis"})
    assert re.findall(r"`(\w+)`", departures_text(changed))[1:] == ["measured", "confidence"]


def test_a_template_that_names_nothing_is_refused_with_its_page() -> None:
    fill = Templates({}, {}, {}, {})
    with pytest.raises(UserError, match=r"book/x\.md.*no"):
        filled_in("{{ r.no.key }}", Path("book/x.md"), fill)


def test_a_page_that_warns_is_refused_each_time_and_the_old_book_stays(
    smoke: RunFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path / "copy")
    shutil.copytree(smoke.path, folder.path)
    prose = tmp_path / "book"
    shutil.copytree(book.BOOK, prose)
    monkeypatch.setattr(book, "BOOK", prose)
    index = prose / "index.md"
    sound = index.read_text()
    index.write_text(f"{sound}\n[nowhere](nowhere.md)\n")
    before = (folder.path / "html" / "index.html").read_bytes()
    for _ in range(2):
        with pytest.raises(UserError, match="nowhere"):
            book.render(folder)
    assert (folder.path / "html" / "index.html").read_bytes() == before
    index.write_text(sound)
    assert book.render(folder).exists()
