"""The atlas: its data against the catalogue, odd runs and names, and the page in a browser."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from PIL import Image
from sklearn.metrics import adjusted_rand_score

from galaxy_utils.atlas import atlas_html, catalogue_csv, collect, write_atlas
from galaxy_utils.atlas import data as atlas_data
from galaxy_utils.clustering import OrderedGaussianMixture
from galaxy_utils.data import galaxy_types
from galaxy_utils.errors import UserError
from galaxy_utils.run_folder import RunFolder

ODD_NAMES = (
    "<script>alert(1)<!--script>",
    "\"quoted\", 'twice'",
    "=1+1",
    "é ü 银河",
    "a&lt;b</td>",
)
KNOWN = "587724197200920700"
N = 300


def catalogue_of(n: int, n_lost: int = 0) -> pd.DataFrame:
    """Invent a catalogue; its last `n_lost` galaxies were not kept."""
    rng = np.random.default_rng(3)
    names = [KNOWN, *ODD_NAMES, *(f"galaxy-{i:04d}" for i in range(n))][:n]
    classes = ["elliptical", "spiral_cw", "spiral_acw", "edge_on", "merger", "dont_know"]
    kept = np.arange(n) < n - n_lost
    table = pd.DataFrame({
        "objid": names, "gz1_class": rng.choice(classes, n), "ra": rng.uniform(0, 360, n),
        "dec": rng.uniform(-90, 90, n), "z": np.nan,
        "concentration": rng.normal(2.6, 0.4, n), "asymmetry": rng.normal(0.1, 0.05, n),
        "smoothness": rng.normal(0.02, 0.01, n), "gini": rng.normal(0.5, 0.05, n),
        "m20": rng.normal(-1.5, 0.2, n), "flag": rng.integers(0, 3, n),
        "rpetro_circ": rng.uniform(10, 60, n), "sn_per_pixel": rng.uniform(2, 20, n),
        "area": rng.integers(100, 3_000_000, n), "reason": "", "axis_ratio": rng.uniform(0.2, 1, n),
        "colour_gr": rng.normal(0.5, 0.2, n), "colour_ri": rng.normal(0.2, 0.1, n), "kept": kept,
        "drop_reason": np.where(kept, "", "not measured: <b>"),
    })  # fmt: skip
    table.loc[1::7, "m20"] = np.nan
    return table


def write_run(
    folder: Path, n: int, n_lost: int = 0, sample: str = "sdss5000", **settings: Any
) -> RunFolder:
    """Write the artefacts of a small run, as the pages leave them."""
    run = RunFolder(folder)
    lines = {"profile": "book", "sample": sample, "n_galaxies": 0, **settings}
    run.file("parameters.yml").write_text(
        "".join(f"{k}: {json.dumps(v)}\n" for k, v in lines.items())
    )
    table, n_kept = catalogue_of(n, n_lost), n - n_lost
    rng = np.random.default_rng(1)
    latent = rng.normal(size=(n_kept, 5)) + 4 * rng.integers(0, 3, (n_kept, 1))
    found = pd.DataFrame({"objid": table["objid"][:n_kept]})
    if n_kept >= 8:
        mixture = OrderedGaussianMixture(4, random_state=5).fit(latent)
        shares = mixture.predict_proba(latent)
        np.savez(run.file("artefacts/mixture.npz"), responsibilities=shares)
        found["cluster"], found["max_probability"] = mixture.labels_, shares.max(axis=1)
        found["log_likelihood"] = mixture.score_samples(latent)
        found["anomaly"] = False
    else:
        found[["cluster", "max_probability", "log_likelihood", "anomaly"]] = np.nan
    table = table.merge(found, on="objid", how="left").astype({"cluster": "Int64"})
    table.to_parquet(run.file("catalogue.parquet"), index=False)
    np.savez(run.file("artefacts/latent.npz"), latent=latent.astype(np.float32))
    layout = found[["objid"]].assign(x=latent[:, 0], y=latent[:, 1])
    layout.to_parquet(run.file("artefacts/umap.parquet"), index=False)
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return write_run(tmp_path_factory.mktemp("runs") / "toy", N, n_lost=20)


def read_back(html: str) -> dict[str, Any]:
    """The data as a browser reads them from a page."""
    kinds = {"f4": "<f4", "f8": "<f8", "u1": "u1", "u2": "<u2", "u4": "<u4"}

    def unpack(value: dict[str, Any]) -> Any:
        if "base64" not in value:
            return value
        return np.frombuffer(base64.b64decode(value["base64"]), kinds[value["type"]])

    script = BeautifulSoup(html, "html.parser").select_one("script.atlas-data")
    assert script is not None
    return json.loads(script.get_text(), object_hook=unpack)


# --- data ------------------------------------------------------------------------------------


def test_the_page_holds_the_catalogue_to_six_digits(run: RunFolder) -> None:
    table, data = run.read_table("catalogue.parquet"), read_back(atlas_html(collect(run)))
    assert data["objid"] == table["objid"].tolist() and data["order"] == table.columns.tolist()
    for name in table.columns.drop("objid"):
        column = data["columns"][name]
        if isinstance(column, dict):
            values = [*column["values"], *[None] * 255]
            expected = [None if pd.isna(value) else str(value) for value in table[name]]
            assert [values[min(code, 255)] for code in column["codes"]] == expected, name
        else:
            expected = table[name].to_numpy(float, na_value=np.nan)
            np.testing.assert_allclose(column, expected, rtol=6e-6, err_msg=name)


def test_the_runs_own_number_of_clusters_is_the_catalogues(run: RunFolder) -> None:
    table, data = run.read_table("catalogue.parquet"), collect(run).data
    [pipeline] = data["pipelines"]
    assert list(pipeline["choices"]) == list(range(2, 9))
    own, kept = pipeline["choices"][4], table["kept"].to_numpy()
    assert own["cluster"][kept].tolist() == table["cluster"][kept].tolist()
    assert set(own["cluster"][~kept]) == {255}
    shares = own["probabilities"].reshape(-1, 4)[kept] / 200
    np.testing.assert_allclose(shares.max(axis=1), table["max_probability"][kept], atol=0.003)
    types = galaxy_types(table["gz1_class"])[kept]
    known = types.notna()
    expected = adjusted_rand_score(types[known], table["cluster"][kept][known].astype(int))
    assert own["ari"] == pytest.approx(expected, abs=1e-4)
    best = min(pipeline["choices"], key=lambda k: pipeline["choices"][k]["bic"])
    assert best == 3  # as many as were put in
    assert own["bic"] < own["bic_null"]


def test_neighbours_are_the_nearest_in_the_latent_space(run: RunFolder) -> None:
    latent = run.read_arrays("artefacts/latent.npz")["latent"]
    distance = np.linalg.norm(latent - latent[10], axis=1)
    found = collect(run).data["pipelines"][0]["neighbours"]
    assert found[10].tolist() == np.argsort(distance)[1:6].tolist()
    assert set(found[-1]) == {N}  # not kept


def test_csv_equals_the_catalogue_and_computes_nothing(run: RunFolder) -> None:
    table = run.read_table("catalogue.parquet")
    found = pd.read_csv(io.StringIO(catalogue_csv(table)), dtype={"objid": str})
    names = table["objid"].where(~table["objid"].str.startswith("="), "'" + table["objid"])
    assert found["objid"].tolist() == names.tolist()
    assert len(names[names.str.startswith("'=")]) == 1
    for name in ("ra", "concentration", "m20", "area", "cluster"):
        expected = table[name].to_numpy(float, na_value=np.nan)
        rtol = 1e-9 if name in ("ra", "area") else 6e-6
        np.testing.assert_allclose(found[name].to_numpy(float), expected, rtol=rtol)


# --- names and odd runs ----------------------------------------------------------------------


def test_a_name_never_becomes_markup(run: RunFolder) -> None:
    html = atlas_html(collect(run))
    soup = BeautifulSoup(html, "html.parser")
    assert len(soup.find_all("script")) == 2
    rows = soup.select(".atlas-table tbody tr")
    assert [row.th.get_text() for row in rows if row.th][1:6] == list(ODD_NAMES)
    assert read_back(html)["objid"][1:6] == list(ODD_NAMES)


def _without(run: RunFolder, name: str) -> RunFolder:
    run.file(name).unlink()
    return run


ODD_RUNS = {
    "nobody": (0, 0, None, "no galaxy"),
    "one": (1, 0, None, "no photographs"),
    "two": (2, 0, None, "no photographs"),
    "nobody kept": (9, 9, None, "No galaxy was kept"),
    "no layout": (30, 2, "artefacts/umap.parquet", "no UMAP layout"),
    "no latent space": (30, 2, "artefacts/latent.npz", "no latent space"),
    "no mixture": (30, 2, "artefacts/mixture.npz", "no photographs"),
}


@pytest.mark.parametrize("name", ODD_RUNS)
def test_an_odd_run_has_a_page_that_says_what_is_missing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("galaxy_utils.atlas.pictures._thumbnail", lambda *_: None)
    n, n_lost, missing, note = ODD_RUNS[name]
    run = write_run(tmp_path / "odd", n, n_lost)
    if missing:
        _without(run, missing)
    html, table = write_atlas(run)
    text = html.read_text(encoding="utf-8")
    assert note.lower() in BeautifulSoup(text, "html.parser").get_text().lower()
    data = read_back(text)
    assert len(pd.read_parquet(table)) == n == len(data["objid"])
    numbers = [len(pipeline["choices"]) for pipeline in data["pipelines"]]
    assert numbers == ([] if n < 10 else [1] if name == "no latent space" else [7])


def test_a_run_without_a_catalogue_is_refused(tmp_path: Path) -> None:
    run = _without(write_run(tmp_path / "odd", 3), "catalogue.parquet")
    with pytest.raises(UserError, match=r"catalogue\.parquet is missing"):
        collect(run)


def test_photographs_are_shown_where_there_are_some(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for value, name in ((50, "galaxy-0001"), (200, KNOWN), (90, "\"quoted\", 'twice'")):
        Image.new("RGB", (64, 64), (value, value, value)).save(images / f"{name}.png")
    run = write_run(tmp_path / "run", 12, sample=str(images))
    html, table = write_atlas(run)
    data = read_back(html.read_text(encoding="utf-8"))
    assert data["sprite"]["rows"].tolist() == [0, 2, 7]
    assert "Photographs of 9 of 12 galaxies are missing." in data["notes"]
    sheet = Image.open(io.BytesIO(base64.b64decode(data["sprite"]["image"].partition(",")[2])))
    side = data["sprite"]["side"]
    assert [
        sheet.getpixel((side * k % (2 * side) + 5, k // 2 * side + 5))[0] for k in range(3)
    ] == (pytest.approx([200, 90, 50], abs=2))
    thumbnails = pd.read_parquet(table).set_index("objid")["thumbnail"].dropna()
    assert Image.open(io.BytesIO(thumbnails["galaxy-0001"])).size == (side, side)
    assert len(thumbnails) == 3


# --- in a browser ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def file(run: RunFolder) -> Path:
    def alternative(*_: Any) -> Any:
        return np.random.default_rng(2).normal(size=(N - 20, 3)) ** 3

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(atlas_data, "_alternative", alternative)
        return write_atlas(run)[0]


@pytest.fixture
def page(browser: Any, file: Path) -> Iterator[Any]:
    """The atlas, opened; whatever it complains of or fetches fails the test."""
    trouble: list[str] = []
    opened = browser.new_page(viewport={"width": 1200, "height": 900})
    opened.set_default_timeout(120_000)
    opened.on("console", lambda message: trouble.append(message.text))
    opened.on("pageerror", lambda error: trouble.append(str(error)))
    opened.on("dialog", lambda dialog: trouble.append(dialog.message))
    opened.on("request", lambda request: trouble.append(request.url) if _is_foreign(request) else 0)
    opened.goto(file.as_uri())
    yield opened
    opened.close()
    assert trouble == []


def _is_foreign(request: Any) -> bool:
    return not request.url.startswith(("file:", "data:", "blob:"))


def _named(page: Any) -> str:
    return str(page.locator(".atlas-galaxy h2").inner_text())


def _scores(page: Any) -> list[str]:
    return [str(text) for text in page.locator(".atlas-now").all_inner_texts()]


def _picture(page: Any) -> str:
    return str(
        page.evaluate("""async () => {
        const frame = () => new Promise(done => requestAnimationFrame(done));
        await frame();
        await frame();
        return document.querySelector(".atlas-canvas").toDataURL();
    }""")
    )


def test_a_galaxy_under_the_pointer_is_shown_and_a_click_pins_it(page: Any, run: RunFolder) -> None:
    box = page.locator(".atlas-canvas").bounding_box()
    heading = page.locator(".atlas-galaxy h2")
    for step in range(5, 60):
        page.mouse.move(box["x"] + box["width"] * step / 60, box["y"] + box["height"] * step / 60)
        if heading.count():
            break
    name = _named(page)
    page.mouse.down()
    page.mouse.up()
    page.mouse.move(2, 2)
    assert _named(page) == name and page.evaluate("location.hash") == f"#objid={quote(name)}"
    row = run.read_table("catalogue.parquet").set_index("objid").loc[name]
    shown = page.locator(".atlas-galaxy").inner_text()
    assert f"{float(f'{row.rpetro_circ:.4g}'):g} px" in shown
    assert "drawn from measurements, not a photograph" in shown
    assert page.locator(".atlas-neighbours button").count() == 5


def test_keys_step_from_galaxy_to_galaxy_and_enter_pins(page: Any) -> None:
    page.locator(".atlas-canvas").focus()
    page.keyboard.press("ArrowRight")
    first = _named(page)
    page.keyboard.press("ArrowLeft")
    assert _named(page) != first
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == f"#objid={quote(_named(page))}"
    assert _named(page) in page.locator(".atlas-status").inner_text()
    page.keyboard.press("Escape")
    assert page.locator(".atlas-galaxy h2").count() == 0


@pytest.mark.parametrize("name", [KNOWN, *ODD_NAMES])
def test_search_and_address_open_a_galaxy(page: Any, file: Path, name: str) -> None:
    page.get_by_role("searchbox").fill(name)
    page.get_by_role("searchbox").press("Enter")
    assert _named(page) == name
    assert (page.get_by_role("link", name="SkyServer").count() == 1) == (name == KNOWN)
    page.goto("about:blank")
    page.goto(f"{file.as_uri()}#objid={quote(name)}")
    assert _named(page) == name
    page.evaluate("location.hash = '#objid=galaxy-0007'")
    page.wait_for_function(
        "document.querySelector('.atlas-galaxy h2').textContent == 'galaxy-0007'"
    )
    page.get_by_role("searchbox").fill("not there")
    page.get_by_role("searchbox").press("Enter")
    assert "No galaxy is called not there." in page.locator(".atlas-status").inner_text()


def test_another_number_of_clusters_or_pipeline_recolours_at_once(page: Any) -> None:
    seen, pictures = [_scores(page)], [_picture(page)]
    page.get_by_role("combobox", name="Clusters").select_option("7")
    seen.append(_scores(page))
    pictures.append(_picture(page))
    page.get_by_role("combobox", name="Pipeline").select_option(label="our alternative")
    seen.append(_scores(page))
    pictures.append(_picture(page))
    assert [scores[0] for scores in seen] == ["4", "7", "7"]
    assert len({tuple(scores[1:]) for scores in seen}) == 3 == len(set(pictures))
    page.get_by_role("combobox", name="Colour").select_option("class")
    page.get_by_role("combobox", name="Up").select_option("m20")
    assert "galaxies have no value on these axes" in page.locator(".atlas-status").inner_text()
    assert _picture(page) not in pictures


def test_the_lasso_selects_and_the_csv_equals_the_catalogue(page: Any, run: RunFolder) -> None:
    table = run.read_table("catalogue.parquet")
    page.get_by_role("combobox", name="Across").select_option("concentration")
    page.get_by_role("combobox", name="Up").select_option("asymmetry")
    for _ in range(4):
        page.get_by_role("button", name="Zoom out").click()
    page.get_by_role("button", name="Lasso").click()
    box = page.locator(".atlas-canvas").bounding_box()
    corners = [(0.5, 0.02), (0.98, 0.02), (0.98, 0.9), (0.5, 0.9)]
    points = [(box["x"] + a * box["width"], box["y"] + b * box["height"]) for a, b in corners]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=4)
    page.mouse.up()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as CSV").click()
    found = pd.read_csv(download.value.path(), dtype={"objid": str})
    assert page.locator(".atlas-count").inner_text().startswith(f"{len(found)} selected")
    names = found["objid"].str.removeprefix("'")
    expected = table[table["objid"].isin(names)]
    assert 50 < len(expected) == len(found) < 250
    limit = expected["concentration"].min()  # the lasso cut across
    assert (table.loc[~table["objid"].isin(names), "concentration"] <= limit).all()
    csv = pd.read_csv(io.StringIO(catalogue_csv(expected)), dtype={"objid": str})
    pd.testing.assert_frame_equal(found, csv, check_exact=True)


def test_the_legend_selects_a_cluster_and_the_wheel_zooms(page: Any, run: RunFolder) -> None:
    table, before = run.read_table("catalogue.parquet"), _picture(page)
    page.locator(".atlas-legend button").first.click()
    size = int((table["cluster"] == 0).sum())
    assert page.locator(".atlas-count").inner_text().startswith(f"{size} selected")
    page.get_by_role("button", name="Clear selection").click()
    assert _picture(page) == before
    page.locator(".atlas-canvas").hover()
    page.mouse.wheel(0, -200)
    assert _picture(page) != before
    page.get_by_role("button", name="Show all").click()
    page.mouse.move(2, 2)
    assert _picture(page) == before


def test_light_dark_and_phone_are_accessible(page: Any, file: Path) -> None:
    page.goto(f"{file.as_uri()}#objid={KNOWN}")
    page.locator(".atlas-legend button").first.click()
    page.evaluate("document.querySelector('details').open = true")
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    violations = """async () => (await axe.run(document, {resultTypes: ["violations"], runOnly:
        ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]})).violations
        .flatMap(rule => rule.nodes.map(node => `${rule.id}: ${node.html.slice(0, 200)}`))"""
    background = "getComputedStyle(document.querySelector('.atlas')).backgroundColor"
    colours = set()
    for scheme, width in (("light", 1200), ("dark", 1200), ("light", 360)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate(violations) == []
        colours.add(page.evaluate(background))
    assert len(colours) == 2
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(wide) == 0
    page.evaluate("document.documentElement.dataset.theme = 'dark'")  # as the book does
    assert page.evaluate(background) == "rgb(20, 24, 30)"


def test_without_javascript_there_is_a_table(browser: Any, file: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    opened = context.new_page()
    opened.goto(file.as_uri())
    assert "The plot needs JavaScript" in opened.locator("main").inner_text()
    opened.locator("summary").click()
    assert opened.locator(".atlas-table tbody tr").count() == 20
    assert not opened.locator(".atlas-canvas").is_visible()
    with opened.expect_download() as download:
        opened.locator(".atlas > p > a").click()
    assert len(pd.read_csv(download.value.path(), compression="gzip")) == N
    context.close()
