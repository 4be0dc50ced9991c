"""Standard errors of a sample: a row per galaxy, resumed after a kill, under a checksum."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.data.sample import Sample
from galaxy_utils.experiments import standard_errors
from galaxy_utils.features.measured_table import read_measured
from galaxy_utils.features.named_samples import PRECOMPUTED
from galaxy_utils.morphology.uncertainty import PARAMETERS
from galaxy_utils.store import Store


def test_finished_galaxies_are_not_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cutouts = {name: np.full((64, 64, 3), n, np.uint8) for n, name in enumerate(["b", "a", "c"])}
    sample = Sample("three", pd.DataFrame({"objid": list(cutouts)}), cutouts=cutouts)
    measured: list[int] = []

    def errors(image: np.ndarray) -> dict[str, float]:
        measured.append(int(image[0, 0, 0]))
        missing = {"gini": float("nan")} if image.max() == 1 else {}
        return dict.fromkeys(PARAMETERS, float(image.max())) | missing

    monkeypatch.setattr(standard_errors, "standard_errors", errors)
    store = Store(tmp_path / "errors.jsonl")
    first = standard_errors.measure_standard_errors(sample, store, 1)
    again = standard_errors.measure_standard_errors(sample, store, 1)
    assert measured == [0, 1, 2]
    pd.testing.assert_frame_equal(first, again)
    assert first["objid"].tolist() == ["b", "a", "c"]
    assert first["m20"].tolist() == [0.0, 1.0, 2.0] and first["gini"].isna().tolist()[1]


def test_a_file_is_stored_with_its_checksum(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"z.csv": "1", "errors.csv": "0"}))
    rows = pd.DataFrame({"objid": ["1"], "gini": [0.123456789]})
    path = standard_errors.store_with_table(tmp_path, "errors.csv", rows)
    assert path.read_text() == "objid,gini\n1,0.123457\n"
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert list(manifest) == ["errors.csv", "z.csv"] and len(manifest["errors.csv"]) == 64


def test_the_committed_errors_are_of_the_sample() -> None:
    table = read_measured(PRECOMPUTED["sdss5000"])  # checks every file against the manifest
    errors = standard_errors.read_standard_errors()
    assert errors.index.tolist() == table.catalogue["objid"].tolist()
    assert tuple(errors.columns) == PARAMETERS
    assert (errors.min() >= 0).all()
    values = table.morphology.set_index("objid")
    unmeasured = values["gini"].isna()
    assert errors.loc[unmeasured, "gini"].notna().mean() < 0.5
    for name in ("concentration", "gini", "m20"):
        ratio = errors[name].median() / values[name].std()
        assert 0.05 < ratio < 0.4, name
