"""The images that pages show: photographs, or simulated galaxies where there are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
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
