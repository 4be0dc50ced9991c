"""Figures that answer back: their data against Python, and what a reader does with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from IPython.display import HTML

from galaxy_utils.evaluation import ProxyRules, describe_outliers, matched_accuracy
from galaxy_utils.evaluation.outliers import FLAGGED, MERGER
from galaxy_utils.experiments.perturbed_galaxy import PerturbedGalaxy
from galaxy_utils.morphology.columns import FIVE
from galaxy_utils.plots import play_confidence, play_outliers, play_perturbations, play_rules
from galaxy_utils.run_folder import ROOT

LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
VIOLATIONS = """async levels => {
    const {violations} = await axe.run(document, {runOnly: levels, preload: false});
    return violations.map(rule => `${rule.id}: ${rule.nodes[0].html.slice(0, 200)}`);
}"""
TOO_WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"

SIDES, NAMED = ("outliers", "others"), ("anomalies", "others")

Open = Callable[[HTML], Any]


def read_back(figure: HTML) -> dict[str, Any]:
    """The data as a browser reads them."""
    return json.loads(str(figure.data).partition(">")[2].partition(">")[2].partition("<")[0])


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Show a figure as a page of the book does; what it complains of or fetches fails the test."""
    trouble: list[str] = []
    pages = []

    def opened(figure: HTML) -> Any:
        style, script = ((ROOT / f"book/_static/interactive.{kind}") for kind in ("css", "js"))
        path = tmp_path / "page.html"
        path.write_text(
            '<!doctype html><html lang="en" data-theme="light"><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width"><title>A page</title>'
            f'<link rel="stylesheet" href="{style.as_uri()}"><script src="{script.as_uri()}">'
            f"</script><body><main><h1>A page</h1>{figure.data}</main></body></html>"
        )
        page = browser.new_page(viewport={"width": 1000, "height": 800})
        page.on("console", lambda message: trouble.append(message.text))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("request", lambda request: _note_foreign(request, trouble))
        page.goto(path.as_uri())
        pages.append(page)
        return page

    yield opened
    for page in pages:
        page.close()
    assert trouble == []


def _note_foreign(request: Any, trouble: list[str]) -> None:
    if not request.url.startswith(("file:", "data:")):
        trouble.append(request.url)


def shown(page: Any) -> dict[str, str]:
    """What the bars say, by label."""
    return {
        row.locator("span").first.inner_text(): row.locator("span").last.inner_text()
        for row in page.locator(".interactive-bars .interactive-row").all()
    }


def slide(page: Any, label: str, steps: int) -> None:
    """Move a slider by the keyboard."""
    for _ in range(abs(steps)):
        page.get_by_label(label, exact=True).press("ArrowRight" if steps > 0 else "ArrowLeft")


def check_accessible(page: Any) -> None:
    """No violation in either theme, and nothing wider than a phone."""
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    for mode in ("light", "dark"):
        page.evaluate("mode => { document.documentElement.dataset.theme = mode; }", mode)
        assert page.evaluate(VIOLATIONS, LEVELS) == [], mode
    page.set_viewport_size({"width": 360, "height": 800})
    assert page.evaluate(TOO_WIDE) <= 0


# --- limits of the proxy rules -----------------------------------------------------------------

RULES = ProxyRules()


@pytest.fixture(scope="module")
def galaxies() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    table = pd.DataFrame({
        "concentration": rng.normal(3.6, 0.5, 700),
        "asymmetry": rng.normal(0.2, 0.15, 700),
        "smoothness": rng.normal(0.02, 0.01, 700),
    })  # fmt: skip
    on_the_limits = {"concentration": [4.15, 3.5, 3.0], "asymmetry": [0.35, 0.1, 0.36]}
    table.loc[:2, list(on_the_limits)] = pd.DataFrame(on_the_limits)
    table.loc[:2, "smoothness"] = 0.0
    return table


@pytest.fixture(scope="module")
def partitions(galaxies: pd.DataFrame) -> list[np.ndarray]:
    rng = np.random.default_rng(6)
    bins = np.digitize(galaxies["concentration"], [3.2, 3.5, 3.9, 4.2])
    return [np.where(rng.random(700) < 0.5, bins, rng.integers(0, 5, 700)) for _ in range(3)]


def accuracies(rules: ProxyRules, galaxies: pd.DataFrame, partitions: list[np.ndarray]) -> str:
    codes = pd.factorize(rules.classify(galaxies))[0]
    return f"{100 * np.mean([matched_accuracy(codes, labels) for labels in partitions]):.1f} %"


def test_whole_numbers_classify_as_the_rules_do(
    galaxies: pd.DataFrame, partitions: list[np.ndarray]
) -> None:
    data = read_back(play_rules(galaxies, partitions, RULES))
    c, a = (np.array(data["rules"][name]) for name in ("concentration", "asymmetry"))
    early, late, merger = (slider["start"] for slider in data["sliders"])
    steps = [[float(text) for text in slider["settings"]] for slider in data["sliders"]]
    assert (steps[0][early], steps[1][late], steps[2][merger]) == (4.15, 3.5, 0.35)
    for i, j, k in [(early, late, merger), (3, 20, 1), (20, 3, 12), (0, 0, len(steps[2]) - 1)]:
        expected = ProxyRules(steps[2][k], steps[0][i], steps[1][j]).classify(galaxies)
        codes = np.select([a > k, c > i, c > j], [0, 1, 2], 3)
        assert [data["rules"]["classes"][code] for code in codes] == expected.tolist()


def test_odd_limits_can_be_set(galaxies: pd.DataFrame, partitions: list[np.ndarray]) -> None:
    data = read_back(play_rules(galaxies, partitions, ProxyRules(0.987, 9.125, -1)))
    assert [s["settings"][s["start"]] for s in data["sliders"]] == ["9.125", "-1.00", "0.987"]


def test_moved_limits_give_pythons_accuracy(
    show: Open, galaxies: pd.DataFrame, partitions: list[np.ndarray]
) -> None:
    page = show(play_rules(galaxies, partitions, RULES))
    before = shown(page)
    assert before["Accuracy"] == accuracies(RULES, galaxies, partitions)
    sizes = pd.Series(RULES.classify(galaxies)).value_counts(normalize=True)
    assert before[f"Largest class: {sizes.index[0]}"] == f"{100 * sizes.iloc[0]:.1f} %"
    slide(page, "Early type: C from", -9)
    slide(page, "Merger: A above", -15)
    moved = ProxyRules(0.2, 3.7, 3.5)
    assert page.locator(".interactive-value").all_inner_texts()[:3] == ["3.70", "3.50", "0.20"]
    after = shown(page)
    assert after["Accuracy"] == accuracies(moved, galaxies, partitions) != before["Accuracy"]
    rng, codes = np.random.default_rng(0), pd.factorize(moved.classify(galaxies))[0]
    mixed = [matched_accuracy(codes, rng.permutation(p)) for p in partitions for _ in range(200)]
    without_relation = float(after["Accuracy, shuffled labels"].removesuffix(" %"))
    assert without_relation == pytest.approx(100 * np.mean(mixed), abs=0.6)
    assert after["Accuracy"] in page.get_by_role("status").inner_text()
    page.get_by_role("button", name="Reset").click()
    assert shown(page) == before


def test_the_mouse_moves_a_limit(
    show: Open, galaxies: pd.DataFrame, partitions: list[np.ndarray]
) -> None:
    page = show(play_rules(galaxies, partitions, RULES))
    before = shown(page)
    box = page.get_by_label("Late type: C below").bounding_box()
    page.mouse.click(box["x"] + 3, box["y"] + box["height"] / 2)
    assert page.get_by_label("Late type: C below").input_value() == "0"
    assert shown(page) != before
    check_accessible(page)


def test_without_javascript_nothing_is_shown(
    browser: Any, galaxies: pd.DataFrame, partitions: list[np.ndarray]
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_content(str(play_rules(galaxies, partitions, RULES).data))
    assert not page.locator(".interactive").is_visible()
    context.close()


# --- outliers ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def described() -> pd.DataFrame:
    """Three percentages of 200 galaxies; the doubtful ones are the least likely."""
    n = 200
    quality = pd.DataFrame({
        "flag": (np.arange(n) < 12).astype(int), "sn_per_pixel": 5.0 + np.arange(n),
        "n_sources": np.arange(n) % 3, "rpetro_circ": 20.0 + np.arange(n) % 7,
    })  # fmt: skip
    types = pd.Series(np.where(np.arange(n) % 4 == 0, "merger", "spiral"), dtype=object)
    tables = []
    for percent in (2.0, 5.0, 10.0):
        selected = np.arange(n) < percent / 100 * n
        table = describe_outliers(selected, quality, types)
        tables.append(table.assign(percent=percent, number=selected.sum()))
    return pd.concat(tables)


@pytest.fixture(scope="module")
def outliers(described: pd.DataFrame) -> HTML:
    image = np.full((96, 96, 3), 90, np.uint8)
    pictures = pd.DataFrame({"rank": [0, 3, 4, 9, 10, 19], "caption": "</script><b>name"})
    pictures["image"] = [image, None, *[image] * 4]
    return play_outliers(described, 2.0, pictures, "drawn from measurements")


def test_outliers_are_described_at_every_percentage(
    show: Open, outliers: HTML, described: pd.DataFrame
) -> None:
    page = show(outliers)
    slider = page.get_by_label("Least likely galaxies")
    for percent, number in ((2.0, 4), (5.0, 10), (10.0, 20)):
        assert slider.get_attribute("aria-valuetext") == f"{percent:.0f} %"
        rows = described[described["percent"] == percent].set_index("property")
        values = [rows.loc[name, side] for name in (FLAGGED, MERGER) for side in SIDES]
        labels = [f"{name}: {side}" for name in ("Doubtful", "Mergers") for side in NAMED]
        texts = [f"{value:.0f} %" for value in values]
        assert shown(page) == {"Anomalies": str(number), **dict(zip(labels, texts, strict=True))}
        assert page.locator("li.interactive-called").count() == sum(
            rank < number for rank in (0, 3, 4, 9, 10, 19)
        )
        slider.press("ArrowRight")
    check_accessible(page)


def test_a_caption_is_no_markup(show: Open, outliers: HTML) -> None:
    page = show(outliers)
    assert page.locator("li").first.inner_text() == "</script><b>name"
    assert page.locator("li img").count() == 5


def test_a_run_without_types_has_no_bars_for_mergers(described: pd.DataFrame) -> None:
    table = described[described["property"] != MERGER]
    data = read_back(
        play_outliers(table, 5.0, pd.DataFrame(columns=["rank", "image", "caption"]), "")
    )
    assert [bar["label"] for bar in data["bars"]][1:] == ["Doubtful: anomalies", "Doubtful: others"]
    assert data["sliders"][0]["start"] == 1 and data["called"] == [4, 10, 20]


# --- confident assignments ---------------------------------------------------------------------


def test_confident_shares_are_those_of_the_probabilities(show: Open) -> None:
    rng = np.random.default_rng(3)
    largest = {
        k: {name: rng.uniform(0.4, 1, 500) for name in ("galaxies", "no clusters")}
        for k in (2, 8, 64)
    }
    page = show(play_confidence(largest, 0.85))
    for threshold, k, moves in (
        (0.85, 64, {}),
        (0.85, 8, {"Principal components": -1}),
        (0.91, 2, {"Principal components": -1, "Probability above": 6}),
    ):
        for label, steps in moves.items():
            slide(page, label, steps)
        expected = {
            f"Confident: {name}": f"{(p > threshold).mean():.1%}" for name, p in largest[k].items()
        }
        assert {name: text.replace(" ", "") for name, text in shown(page).items()} == expected
    check_accessible(page)


# --- a galaxy whose image changes --------------------------------------------------------------


def test_a_changed_image_has_its_own_parameters_and_probabilities(show: Open) -> None:
    turns, blurs, noises = (0, 1), (0.0, 1.0), (0.0, 1.0, 2.0)
    rng = np.random.default_rng(8)
    measured = pd.DataFrame(rng.normal(size=(12, 5)), columns=list(FIVE))
    probabilities = rng.dirichlet([1, 1, 1], 12)
    measured.loc[7], probabilities[7] = np.nan, np.nan
    images = [np.full((64, 64, 3), 20 * number, np.uint8) for number in range(12)]
    galaxy = PerturbedGalaxy(
        images, measured, probabilities, 2, 6, "drawn from measurements", turns, blurs, noises
    )
    page = show(play_perturbations(galaxy, measured))
    seen = set()
    for place, moves in {0: (0, 0, 0), 11: (1, 1, 2), 7: (1, 0, 1)}.items():
        page.get_by_role("button", name="Reset").click()
        for label, steps in zip(("Rotation", "Blur", "Noise (1: the sky's)"), moves, strict=True):
            slide(page, label, steps)
        five = [f"{value:.3f}".replace("-", "−") for value in measured.loc[place]]
        shares = [f"{100 * value:.0f} %" for value in probabilities[place]]
        assert list(shown(page).values()) == (["–"] * 8 if place == 7 else [*five, *shares])
        seen.add(page.locator(".interactive-view").get_attribute("src"))
    assert len(seen) == 3
    assert "2 of 6" in page.locator(".interactive").inner_text()
    check_accessible(page)
