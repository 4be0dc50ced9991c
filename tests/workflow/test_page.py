"""The run folder and the page that a notebook holds of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest

from galaxy_utils.clustering.pipelines import PipelineSpec
from galaxy_utils.config import make_parameters
from galaxy_utils.data.hubble import hdf_sample
from galaxy_utils.errors import UserError
from galaxy_utils.experiments import selection
from galaxy_utils.features import backbones
from galaxy_utils.features.galaxies import Galaxies, open_galaxies
from galaxy_utils.features.named_samples import measured_folder
from galaxy_utils.features.run_table import read_feature_table
from galaxy_utils.run_folder import ROOT, RunFolder
from galaxy_utils.workflow.page import Page, begin
from galaxy_utils.workflow.sections import (
    SECTIONS,
    Section,
    declared_parameters,
    read_sections,
)


@pytest.fixture
def page(tmp_path: Path) -> Page:
    section = Section(
        notebook="06-autoencoder", title="Autoencoder", reads=("artefacts/in.parquet",),
        writes=("artefacts/out.npz",),
        results=("autoencoder.share", "autoencoder.none", "a.yes", "a.no", "a.unknown"),
    )  # fmt: skip
    return Page(section, RunFolder(tmp_path), {})


@pytest.mark.parametrize(
    "name", ["../book", "/tmp/x", "a/b", "", ".hidden", "x" * 65, "a b", "$(id)"]
)
def test_run_names_stay_inside_runs(name: str) -> None:
    with pytest.raises(UserError, match="run name"):
        RunFolder.named(name)


def test_no_path_leads_out_of_the_run_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="leads out"):
        RunFolder(tmp_path / "run").file("../elsewhere.json")


def test_a_missing_artefact_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="run the whole book first"):
        RunFolder(tmp_path).read_arrays("artefacts/latent.npz")


def test_only_declared_artefacts_are_read_and_written(page: Page) -> None:
    with pytest.raises(UserError, match="'artefacts/other.parquet' under `reads`"):
        page.table("artefacts/other.parquet")
    with pytest.raises(UserError, match="`reads`"):
        page.arrays("artefacts/out.npz")
    with pytest.raises(UserError, match="'artefacts/other.npz' under `writes`"):
        page.write("artefacts/other.npz", {"x": np.zeros(1)})
    with pytest.raises(UserError, match="'benchmarks.csv' under `data`"):
        page.data("benchmarks.csv")


def test_what_is_written_is_read_back_without_pickle(page: Page) -> None:
    page.write("artefacts/out.npz", {"x": np.arange(3)})
    assert page.folder.read_arrays("artefacts/out.npz")["x"].tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="allow_pickle"):
        page.write("artefacts/out.npz", {"x": np.array([object()])})


def test_results_are_recorded_once_with_text(page: Page) -> None:
    page.record("autoencoder.share", np.float32(0.25), unit="%")
    assert page.recorded["autoencoder.share"]["text"] == "0.25"
    with pytest.raises(UserError, match=r"'autoencoder\.share' is recorded twice"):
        page.record("autoencoder.share", 1)


def test_only_listed_results_are_recorded_and_all_of_them(page: Page, tmp_path: Path) -> None:
    section = page.section.model_copy(update={"results": ("a.one", "a.two"), "writes": ()})
    listed = Page(section, RunFolder(tmp_path), {})
    listed.record("a.one", 1)
    with pytest.raises(UserError, match="'a.three' under `results`"):
        listed.record_number("a.three", 3.0, ".1f")
    with pytest.raises(UserError, match=r"did not make a\.two"):
        listed.finish()
    listed.record("a.two", True, "Yes.")
    assert listed.finish()["key"].tolist() == ["a.one", "a.two"]


def test_what_was_not_measured_is_no_number(page: Page) -> None:
    page.record("autoencoder.share", float("nan"))
    assert page.recorded["autoencoder.share"]["value"] is None
    assert page.recorded["autoencoder.share"]["text"] == "not measured"


@pytest.mark.parametrize("value", [None, float("nan"), np.float32("inf")])
def test_a_number_is_recorded_with_the_form_that_the_page_shows(
    page: Page, value: float | None
) -> None:
    page.record_number("autoencoder.share", 1234.567, ",.1f", "%")
    page.record_number("autoencoder.none", value, ".1f", unknown="an unknown share")
    share, none = page.recorded["autoencoder.share"], page.recorded["autoencoder.none"]
    assert (share["value"], share["text"], share["unit"]) == (1234.567, "1,234.6", "%")
    assert (none["value"], none["text"]) == (None, "an unknown share")


def test_finish_refuses_a_page_that_made_less_than_it_declares(page: Page) -> None:
    with pytest.raises(UserError, match="did not make artefacts/out.npz"):
        page.finish()


def test_sections_read_only_what_earlier_ones_write() -> None:
    made = {"sample.json"}  # written when the run is opened
    for section in SECTIONS:
        assert set(section.reads) <= made, section.notebook
        made |= set(section.writes)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{notebook: 01-dataset}", r"01-dataset: (?s:.)*title\s+Field required"),
        ("{notebook: 01-dataset, title: A, raeds: [x]}", r"raeds\s+Extra inputs"),
        ("{notebook: dataset, title: A}", r"notebook\s+String should match"),
        ("{notebook: 01-dataset, title: A, results: [Ab]}", r"results.0\s+String should match"),
    ],
)
def test_a_wrong_entry_of_a_page_is_named(entry: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "pages.yml"
    path.write_text(f"- {entry}\n", encoding="utf-8")
    with pytest.raises(UserError, match=message):
        read_sections(path)


@pytest.mark.parametrize(
    ("injected", "message"),
    [
        ({"n_componets": 5}, "did you mean 'n_components'"),
        ({"n_components": "5"}, "n_components='5'"),
        ({"n_components": 0}, "n_components=0"),
        ({"epochs": 5}, "no parameter 'epochs'"),
        ({"run": "../elsewhere"}, "run name"),
    ],
)
def test_begin_refuses_what_the_notebook_does_not_declare(injected: dict, message: str) -> None:
    declared = declared_parameters(ROOT / "notebooks" / "07-gaussian-mixture.ipynb")
    with pytest.raises(UserError, match=message):
        begin("07", {**declared, **injected})


def test_a_changed_parameter_leaves_the_run_as_it_is(smoke: RunFolder, tmp_path: Path) -> None:
    before = (smoke.path / "catalogue.parquet").read_bytes()
    command = [
        str(Path(sys.executable).with_name("papermill")),
        str(ROOT / "notebooks" / "07-gaussian-mixture.ipynb"), str(tmp_path / "out.ipynb"),
        "-p", "run", smoke.path.name, "-p", "n_init", "1", "-p", "n_components", "3",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (smoke.path / "catalogue.parquet").read_bytes() == before
    trial = RunFolder(smoke.path / "trial")
    assert trial.read_json("results/07.json")["mixture.n_components"]["value"] == 3
    assert trial.read_table("catalogue.parquet")["cluster"].nunique() == 3
    assert "changed on this page alone" in (tmp_path / "out.ipynb").read_text()


def test_plain_papermill_refuses_a_mistyped_parameter(tmp_path: Path) -> None:
    command = [
        str(Path(sys.executable).with_name("papermill")),
        str(ROOT / "notebooks" / "06-autoencoder.ipynb"), str(tmp_path / "out.ipynb"),
        "-p", "latent_dmi", "5",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode != 0
    assert "did you mean 'latent_dim'" in done.stderr


def test_parameters_are_read_from_the_tagged_cell_only(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell("a = 1")]
    nbformat.write(notebook, tmp_path / "n.ipynb")
    with pytest.raises(UserError, match="no cell tagged 'parameters'"):
        declared_parameters(tmp_path / "n.ipynb")


def test_samples_that_do_not_exist_are_named() -> None:
    names = "there are sdss5000, hdf, skyserver, mock, or give a folder"
    with pytest.raises(UserError, match=names):
        open_galaxies("sdss500")


def test_a_sample_is_thinned_evenly() -> None:
    galaxies = open_galaxies("sdss5000", 10)
    everyone = open_galaxies("sdss5000").sample.catalogue["objid"]
    objids = galaxies.sample.catalogue["objid"].tolist()
    assert len(objids) == 10
    assert objids[0] == everyone.iloc[0] and objids[-1] == everyone.iloc[-1]
    assert galaxies.morphology()["objid"].tolist() == objids
    assert galaxies.embedding("efficientnet_lite0-full").shape == (10, 1280)


def test_the_folder_of_measured_tables_is_no_run() -> None:
    with pytest.raises(UserError, match="make measure"):
        RunFolder.named("measured")


def test_two_folders_of_one_name_have_two_measured_tables(tmp_path: Path) -> None:
    first, second = (measured_folder(tmp_path / name / "images") for name in ("a", "b"))
    assert first != second
    assert first == measured_folder(tmp_path / "a" / ".." / "a" / "images")
    assert first.name.startswith("images-") and first.parent == ROOT / "runs" / "measured"


def test_a_network_to_be_downloaded_is_looked_for_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Section 12 times the network itself, so a measured table is not enough.
    asked: list[str] = []
    monkeypatch.setattr(backbones, "ensure_weights", asked.append)
    galaxies = Galaxies(hdf_sample(), None, Path())
    for backbone in ("efficientnet_lite0", "efficientnet_b0"):
        galaxies.check_embedding(backbone, "full")
    assert asked == ["efficientnet_b0"]


def test_pixels_asked_for_and_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    measured = open_galaxies("sdss5000").measured
    assert measured is not None
    bare = tmp_path / "bare"
    bare.mkdir()
    for path in (ROOT / "data" / "sdss5000").iterdir():
        if path.is_file():
            (bare / path.name).symlink_to(path)
    with pytest.raises(UserError, match=r"bare/images; from_pixels"):
        open_galaxies(str(bare), from_pixels=True)
    galaxies = open_galaxies(str(bare), 5)
    assert galaxies.pictures(galaxies.sample.catalogue["objid"]) == [None] * 5
    with pytest.raises(UserError, match="was not measured"):
        galaxies.embedding("efficientnet_b0-full")


def test_a_mixture_can_be_distilled_from_a_consensus(
    smoke: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    p = make_parameters("smoke")
    X = read_feature_table(smoke, p)
    members = {PipelineSpec("five", "z", p.crop, 4, "pca", "diag"): 1.0,
               PipelineSpec("five", "rank", "none", 0, "pca", "tied"): 0.5}  # fmt: skip
    monkeypatch.setattr(selection, "alternative_members", lambda: members)
    one, again = (selection.run_consensus(smoke, p, 3) for _ in range(2))
    np.testing.assert_array_equal(one, again)
    assert one.shape == (len(X), 3) and one.sum(axis=1) == pytest.approx(1.0)
    elsewhere = p.model_copy(update={"crop": "quarter"})
    with pytest.raises(UserError, match="mixture_fit=likelihood"):
        selection.run_consensus(smoke, elsewhere, 3)


def test_catalogue_of_a_run_is_whole(smoke: RunFolder) -> None:
    table = smoke.read_table("catalogue.parquet")
    wanted = {
        "objid", "concentration", "asymmetry", "smoothness", "gini", "m20", "flag", "kept",
        "drop_reason", "cluster", "max_probability", "log_likelihood", "anomaly",
    }  # fmt: skip
    assert wanted <= set(table.columns)
    assert table["objid"].is_unique
    assert (table["kept"] == (table["drop_reason"] == "")).all()
    kept = table[table["kept"]]
    assert kept["cluster"].notna().all()
    assert table.loc[~table["kept"], "cluster"].isna().all()
    assert round(0.02 * len(kept)) == int(kept["anomaly"].astype(bool).sum())
    assert isinstance(kept["max_probability"], pd.Series)
    assert kept["max_probability"].between(0.25, 1.0 + 1e-9).all()
