"""Results of experiments that the project holds, in `data/studies/`."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from galaxy_utils.config import Parameters
from galaxy_utils.errors import UserError
from galaxy_utils.provenance import sha256_of_file, versions, write_atomically
from galaxy_utils.run_folder import STUDIES

Row = dict[str, Any]
"""What JSON can hold, flat."""


def read_result(name: str) -> pd.DataFrame:
    """Read the precomputed rows of an experiment.

    `UserError` if there are none, or the file does not match its checksum.
    """
    path, stored = STUDIES / f"{name}.csv", read_settings(name)
    if stored is None or not path.exists():
        raise UserError(
            f"{path} is missing; restore it (git checkout {path}) or measure it: "
            f"make studies STUDIES={name}"
        )
    if sha256_of_file(path) != stored["sha256"]:
        raise UserError(
            f"{path} does not match its checksum; restore it (git checkout {path}) or measure it "
            f"again: make studies STUDIES={name}"
        )
    return pd.read_csv(path, dtype={"text": str})


def read_settings(name: str) -> Row | None:
    """Read what the precomputed rows of an experiment were measured with, as `write_result` wrote.

    None where there are none.
    """
    path = STUDIES / f"{name}.json"
    if not path.exists():
        return None
    stored: Row = json.loads(path.read_text(encoding="utf-8"))
    return stored


def write_result(
    name: str, rows: pd.DataFrame, settings: Row, started: float, resumed: int, code: str
) -> Path:
    """Write the rows of an experiment for the project to hold."""
    STUDIES.mkdir(parents=True, exist_ok=True)
    path, text = STUDIES / f"{name}.csv", _as_text(rows)
    content = {
        **settings,
        "minutes": round((time.time() - started) / 60, 1),
        "resumed_units": resumed,
        "cores": os.cpu_count(),
        "code": code,
        "versions": versions(),
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    write_atomically(path, text)
    write_atomically(path.with_suffix(".json"), json.dumps(content, indent=1) + "\n")
    return path


def differences(stored: Mapping[str, Any], settings: Mapping[str, Any]) -> list[str]:
    """List what keeps a precomputed result from being that of a run."""
    theirs, mine = stored["parameters"], settings["parameters"]
    defaults = {name: field.default for name, field in Parameters.model_fields.items()}
    changed = [name for name in mine if theirs.get(name, defaults[name]) != mine[name]]
    if stored["sample"] != settings["sample"]:
        changed.append("the galaxies")
    before = stored.get("upstream", {})
    for name, digest in settings.get("upstream", {}).items():
        if before.get(name) != digest:
            changed.append(f"the experiment {name}")
    if "profile" in settings and stored.get("profile") != settings["profile"]:
        changed.append("the parameters of a profile")
    return changed


def rows_digest(rows: pd.DataFrame) -> str:
    """Digest of rows, the same whether they are precomputed or were just measured."""
    return hashlib.sha256(_as_text(rows).encode()).hexdigest()


def _as_text(rows: pd.DataFrame) -> str:
    return rows.to_csv(index=False, float_format="%.6g", lineterminator="\n")
