"""The list of twins is stored with its checksum."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image as PillowImage

from galaxy_utils.experiments import twins
from galaxy_utils.provenance import sha256_of_file


def test_twins_are_stored_under_a_checksum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, folder = tmp_path / "images", tmp_path / "table"
    images.mkdir()
    folder.mkdir()
    PillowImage.fromarray(np.zeros((64, 64, 3), np.uint8)).save(images / "1.png")
    (folder / "catalogue.csv").write_text("objid\n1\n")
    (folder / "manifest.json").write_text(json.dumps({"z.csv": "1", "twins.csv": "0"}))
    found = pd.DataFrame({"objid_1": ["1"], "separation": [0.123456789]})
    monkeypatch.setattr(twins, "find_twins", lambda catalogue, image: found)
    path = twins.write_twins(images, folder)
    assert path.read_text() == "objid_1,separation\n1,0.123457\n"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest == {"twins.csv": sha256_of_file(path), "z.csv": "1"}
