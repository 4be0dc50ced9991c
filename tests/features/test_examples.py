"""The images that pages show: photographs, or simulated galaxies where there are none."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from galaxy_utils.data.hubble import hdf_sample
from galaxy_utils.features import galaxies as module
from galaxy_utils.features.galaxies import Galaxies, open_galaxies
from galaxy_utils.features.named_samples import PRECOMPUTED


def test_examples_are_photographs_where_there_are_some() -> None:
    sample = hdf_sample()
    images, rows, source = Galaxies(sample, None, Path()).examples(5)
    objids = sample.catalogue["objid"].tolist()
    assert len(images) == len(rows) == 5 and source.startswith("photographs of")
    assert rows["objid"].iloc[0] == objids[0] and rows["objid"].iloc[-1] == objids[-1]
    for image, objid in zip(images, rows["objid"], strict=True):
        assert (image == sample.cutouts[objid]).all()


@pytest.mark.parametrize("others_are_there", [False, True])
def test_examples_are_simulated_where_there_are_no_photographs(
    others_are_there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "mock_folder", lambda *settings: tmp_path / "simulated")
    table = tmp_path / "table"
    table.mkdir()
    for path in PRECOMPUTED["sdss5000"].iterdir():
        if path.is_file():
            (table / path.name).symlink_to(path)
    if others_are_there:
        (table / "images").mkdir()
        second = open_galaxies(str(table)).sample.catalogue["objid"].iloc[1]
        Image.fromarray(np.zeros((256, 256, 3), np.uint8)).save(table / "images" / f"{second}.jpg")
    images, rows, source = open_galaxies(str(table)).examples(3)
    assert [image.shape for image in images] == [(256, 256, 3)] * 3
    assert source.startswith("simulated") and rows["objid"].str.startswith("mock").all()


@pytest.mark.parametrize("n_photographs", [0, 1, 2])
def test_a_galaxy_without_a_photograph_is_drawn_from_its_measurements(
    n_photographs: int, tmp_path: Path
) -> None:
    for path in PRECOMPUTED["sdss5000"].iterdir():
        if path.is_file():
            (tmp_path / path.name).symlink_to(path)
    table = open_galaxies("sdss5000")
    classes, objids = table.sample.catalogue["gz1_class"], table.sample.catalogue["objid"]
    plain = (table.frames() == "neither") & (table.measurements()["flag"] == 0)
    shown = [objids[plain & (classes == name)].iloc[0] for name in ("edge_on", "spiral_cw")]
    photograph = np.full((256, 256, 3), 7, np.uint8)
    if n_photographs:
        (tmp_path / "images").mkdir()
    for objid in shown[:n_photographs]:
        Image.fromarray(photograph).save(tmp_path / "images" / f"{objid}.jpg")
    images, what = open_galaxies(str(tmp_path)).pictures_or_twins(shown, 0)
    expected = (
        "drawn from measurements, not photographs",
        "photographs, or drawn from measurements where there is none",
        "photographs",
    )
    assert what == expected[n_photographs]
    assert [bool((image == photograph).all()) for image in images] == [
        number < n_photographs for number in range(2)
    ]


def test_a_trail_or_a_star_is_drawn_in_the_frame_and_its_colours_are_not_the_galaxys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[pd.Series] = []

    def note(row: pd.Series, seed: int) -> SimpleNamespace:
        drawn.append(row)
        return SimpleNamespace(composite=np.zeros((4, 4, 3), np.uint8))

    monkeypatch.setattr("galaxy_utils.simulate.twins.draw_twin", note)
    monkeypatch.setattr(Galaxies, "pictures", lambda _, objids: [None for _ in objids])
    galaxies = open_galaxies("sdss5000")
    objids, frames = galaxies.sample.catalogue["objid"], galaxies.frames()
    measured = galaxies.measurements()["concentration"].notna()
    kinds = ("trail", "bright star", "neither")
    galaxies.pictures_or_twins([objids[(frames == kind) & measured].iloc[0] for kind in kinds], 0)
    assert [row["artefact"] for row in drawn[:2]] == ["trail", "star"]
    assert all(pd.isna(row["colour_gr"]) and np.isfinite(row["axis_ratio"]) for row in drawn[:2])
    assert pd.isna(drawn[2]["artefact"]) and np.isfinite(drawn[2]["colour_gr"])
