"""Standard errors of a sample: a row per galaxy, resumed after a kill, under a checksum."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from galaxy_utils.experiments import standard_errors
from galaxy_utils.features.measured_table import read_measured
from galaxy_utils.features.named_samples import PRECOMPUTED
from galaxy_utils.morphology.uncertainty import PARAMETERS


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
