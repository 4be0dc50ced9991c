"""Standard errors and twins of the precomputed sample, measured once and stored with its table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from galaxy_utils.data.catalogue import read_rows
from galaxy_utils.data.sample import Sample, folder_sample
from galaxy_utils.data.twins import TWINS_FILE, find_twins
from galaxy_utils.experiments.experiment import in_parallel, unit_key
from galaxy_utils.experiments.store import Row
from galaxy_utils.features.named_samples import PRECOMPUTED
from galaxy_utils.morphology.uncertainty import PARAMETERS, standard_errors
from galaxy_utils.provenance import sha256_of_file, write_atomically
from galaxy_utils.store import Key, Store

UNCERTAINTY_FILE = "uncertainty.csv"


def measure_standard_errors(
    sample: Sample, store: Store, n_processes: int | None = None
) -> pd.DataFrame:
    """Estimate the standard errors of every galaxy of a sample, resumable.

    Columns objid and `PARAMETERS`, in catalogue order; empty where there is no standard error.
    """
    units = [{"objid": objid} for objid in sample.catalogue["objid"].astype(str)]
    by_key = {unit_key(unit): unit for unit in units}

    def run(keys: list[Key]) -> Iterator[dict[Key, list[Row]]]:
        todo = {key: by_key[key] for key in keys}
        return in_parallel(partial(_measure, sample), todo, n_processes)

    found = store.compute(list(by_key), run, "standard errors")
    rows = [unit | row for unit, (row,) in zip(units, found, strict=True)]
    return pd.DataFrame(rows, columns=["objid", *PARAMETERS]).astype(
        dict.fromkeys(PARAMETERS, float)
    )


def _measure(sample: Sample, unit: Row) -> list[Row]:
    errors = standard_errors(sample.image(unit["objid"]))
    return [{name: value if np.isfinite(value) else None for name, value in errors.items()}]


def write_standard_errors(images: Path, work: Path, name: str = "sdss5000") -> Path:
    """Measure the standard errors of a precomputed sample, and store them with its table.

    `images` is the folder that the table was measured on, `work` a file for finished galaxies.
    """
    folder = PRECOMPUTED[name]
    errors = measure_standard_errors(
        folder_sample(images, folder / "catalogue.csv"), Store(work)
    ).set_index("objid")
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
