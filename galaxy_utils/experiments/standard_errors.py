"""Standard errors and twins of the precomputed sample, measured once and stored with its table."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from galaxy_utils.data.catalogue import read_rows
from galaxy_utils.data.sample import folder_sample
from galaxy_utils.data.twins import TWINS_FILE, find_twins
from galaxy_utils.features.measured_table import UNCERTAINTY_FILE
from galaxy_utils.features.measuring import measure_galaxies
from galaxy_utils.features.named_samples import PRECOMPUTED
from galaxy_utils.provenance import sha256_of_file, write_atomically


def write_standard_errors(images: Path, work: Path, name: str = "sdss5000") -> Path:
    """Measure the standard errors of a precomputed sample, and store them with its table.

    `images` is the folder that the table was measured on, `work` one for finished galaxies.
    """
    folder = PRECOMPUTED[name]
    sample = folder_sample(images, folder / "catalogue.csv")
    errors = measure_galaxies(sample, "errors", work).set_index("objid")
    order = read_rows(folder / "catalogue.csv")["objid"]
    return store_with_table(folder, UNCERTAINTY_FILE, errors.loc[order].reset_index())


def write_twins(images: Path, name: str = "sdss5000") -> Path:
    """Find the twins of a precomputed sample, and store them with its table."""
    sample = folder_sample(images, PRECOMPUTED[name] / "catalogue.csv")
    return store_with_table(
        PRECOMPUTED[name], TWINS_FILE, find_twins(sample.catalogue, sample.image)
    )


def store_with_table(folder: Path, name: str, rows: pd.DataFrame) -> Path:
    """Write a CSV file into a measured table, and renew its entry in the manifest."""
    path, manifest = folder / name, folder / "manifest.json"
    write_atomically(path, rows.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
    checksums = json.loads(manifest.read_text(encoding="utf-8")) | {name: sha256_of_file(path)}
    text = json.dumps(dict(sorted(checksums.items())), indent=1) + "\n"
    write_atomically(manifest, text)
    return path


def read_standard_errors(name: str = "sdss5000") -> pd.DataFrame:
    """Read the standard errors of a precomputed sample: index objid, columns `PARAMETERS`."""
    return read_rows(PRECOMPUTED[name] / UNCERTAINTY_FILE).set_index("objid").astype(float)
