"""The page of classified galaxies: names, few and many of them, and the page in a browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from galaxy_utils.atlas import Atlas, atlas_html, classified, collect_classified
from galaxy_utils.atlas import pictures as atlas_pictures
from galaxy_utils.clustering.classifier import GalaxyClassifier
from galaxy_utils.data.sample import folder_sample
from galaxy_utils.evaluation.drift import measure_drift
from galaxy_utils.workflow.classification import MODEL

NAMES = ("<script>alert(1)<!--", "\"quoted\", 'twice'", "'=1+1", "é ü 银河", "lost")
"""The last one was not measured."""

Made = tuple[Atlas, pd.DataFrame]


@pytest.fixture(scope="module")
def model() -> GalaxyClassifier:
    return GalaxyClassifier.load(MODEL)


def _make(model: GalaxyClassifier, folder: Path, names: list[str], lost: int = 1) -> Made:
    """Classify known galaxies as if they were new; the last `lost` could not be measured."""
    folder.mkdir(parents=True)
    for i, name in enumerate(names):
        Image.new("RGB", (64, 64), (40 + i % 200, 60, 90)).save(folder / f"{name}.png")
    sample = folder_sample(folder)
    rows = np.arange(len(names)) * 37 % len(model.galaxies)
    known = model.galaxies.iloc[rows].reset_index(drop=True)
    measured = known[model.measured].astype(float).assign(objid=names, reason="")
    deep = [str(name) for name in model.pipeline.feature_names_in_ if ":" in str(name)]
    pca = model.pipeline[0].named_transformers_["deep"][-1]
    values = pca.inverse_transform(model.space[rows, len(model.measured) :])
    X = pd.concat([measured[model.measured], pd.DataFrame(values, columns=deep)], axis=1)
    X.iloc[len(names) - lost :] = measured.loc[len(names) - lost :, model.measured] = np.nan
    table, space = model.classify(measured, X)
    drift = measure_drift(model, table, space)
    return collect_classified(sample, table, space, model, drift), table


@pytest.fixture(scope="module")
def make(model: GalaxyClassifier, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Made]:
    def make(names: list[str], **options: int) -> Made:
        return _make(model, tmp_path_factory.mktemp("a") / "b<b> 银", names, **options)

    return make


def test_the_unmeasured_come_first_then_the_least_likely(make: Callable[..., Made]) -> None:
    names = [f"galaxy-{i:02d}" for i in range(30)]
    atlas, table = make(names, lost=2)
    expected = table.sort_values("log_likelihood", na_position="first", kind="stable")
    assert atlas.catalogue["objid"].tolist() == expected["objid"].tolist()
    [pipeline] = atlas.data["pipelines"]
    [choice] = pipeline["choices"].values()
    assert choice["cluster"].tolist() == [255, 255, *expected["cluster"][2:]]
    shares = choice["probabilities"].reshape(30, -1)
    np.testing.assert_allclose(shares[2:].max(axis=1) / 200, expected["largest"][2:], atol=0.003)
    assert atlas.data["layout"]["component_1"].shape == (30,)
    assert np.isfinite(atlas.layout[2:]).all(axis=None) and atlas.layout[:2].isna().all(axis=None)
    assert (pipeline["neighbours"][:2] == 30).all() and set(pipeline["neighbours"][2]) < {
        *range(30)
    }


def test_components_are_those_of_the_known_galaxies(
    make: Callable[..., Made], model: GalaxyClassifier
) -> None:
    atlas, table = make([f"galaxy-{i}" for i in range(6)], lost=0)
    centred = model.space - model.space.mean(axis=0)
    known = np.abs(centred[np.arange(6) * 37] @ np.linalg.svd(centred, full_matrices=False)[2][0])
    order = np.argsort(table["log_likelihood"], kind="stable")
    found = np.abs(atlas.data["layout"]["component_1"])
    np.testing.assert_allclose(found, known[order], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("lost", [0, 1])
def test_one_galaxy_has_a_page(
    make: Callable[..., Made], browser: Any, tmp_path: Path, lost: int
) -> None:
    page = tmp_path / "index.html"
    page.write_text(atlas_html(make(["alone"], lost=lost)[0], "galaxies.csv"), encoding="utf-8")
    opened = browser.new_page()
    trouble: list[str] = []
    opened.on("pageerror", lambda error: trouble.append(str(error)))
    opened.goto(page.as_uri())
    assert opened.locator("h1").inner_text() == "b<b> 银, classified"
    assert "too few to judge" in opened.locator("main").inner_text()
    if lost:
        assert "no galaxy that could be drawn" in opened.locator("main").inner_text()
    else:
        opened.get_by_role("searchbox").fill("alone")
        opened.get_by_role("searchbox").press("Enter")
        assert "cluster" in opened.locator(".atlas-galaxy").inner_text()
    opened.close()
    assert trouble == []


def test_without_pictures_galaxies_are_drawn(
    make: Callable[..., Made], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atlas_pictures, "_thumbnail", lambda *_: None)
    atlas, _ = make(["a", "b"])
    assert atlas.data["sprite"] is None
    assert any("no photographs" in note for note in atlas.data["notes"])


def test_many_pictures_stay_within_bounds(
    make: Callable[..., Made], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classified, "MOST", 40)
    monkeypatch.setattr(atlas_pictures, "SHEET", 20 * atlas_pictures.SMALLEST**2)
    atlas, table = make([f"galaxy-{i:02d}" for i in range(60)])
    assert len(table) == 60 and len(atlas.catalogue) == 40 == len(atlas.data["columns"]["gini"])
    assert atlas.data["sprite"]["rows"].tolist() == [*range(20)]
    assert atlas.pictures.side == atlas_pictures.SMALLEST
    assert "This page shows 40 galaxies; galaxies.csv holds all." in atlas.data["notes"]
    assert "Only the first 20 galaxies have a photograph on this page." in atlas.data["notes"]


def test_names_stay_text_and_the_list_has_pictures(
    make: Callable[..., Made], browser: Any, tmp_path: Path
) -> None:
    page = tmp_path / "index.html"
    names = [*NAMES[:-1], *(f"galaxy-{i:02d}" for i in range(30)), NAMES[-1]]
    atlas, table = make(names)
    page.write_text(atlas_html(atlas, "galaxies.csv"), encoding="utf-8")
    trouble: list[str] = []
    opened = browser.new_page(viewport={"width": 1200, "height": 900})
    opened.on("console", lambda message: trouble.append(message.text))
    opened.on("pageerror", lambda error: trouble.append(str(error)))
    opened.on("dialog", lambda dialog: trouble.append(dialog.message))
    opened.on("request", lambda request: trouble.append(request.url)
              if not request.url.startswith(("file:", "data:", "blob:")) else None)  # fmt: skip
    opened.goto(page.as_uri())
    assert opened.locator("main script").count() == 2 and opened.locator("main h1 b").count() == 0
    listed = opened.locator(".atlas-selection li button")
    assert listed.count() == len(names) == opened.locator(".atlas-selection li canvas").count()
    assert str(listed.first.get_attribute("title")).startswith("lost: ")
    for name in NAMES:
        opened.get_by_role("searchbox").fill(name)
        opened.get_by_role("searchbox").press("Enter")
        assert opened.locator(".atlas-galaxy h2").inner_text() == name
    legend = opened.locator(".atlas-legend button")
    assert legend.last.inner_text() == "none (1)"
    legend.first.click()
    assert listed.count() == int((table["cluster"] == 0).sum())
    assert opened.locator(".atlas-compared").is_hidden()  # without classes nothing is compared
    link = opened.get_by_role("link", name="with all columns")
    assert link.get_attribute("href") == "galaxies.csv"
    opened.close()
    assert trouble == []
