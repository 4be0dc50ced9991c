"""Twins of a precomputed sample, found once and stored with its table."""

from __future__ import annotations

import json
from pathlib import Path

from galaxy_utils.data.sample import folder_sample
from galaxy_utils.data.twins import TWINS_FILE, find_twins
from galaxy_utils.features.named_samples import PRECOMPUTED
from galaxy_utils.provenance import sha256_of_file, write_atomically


def write_twins(images: Path, folder: Path = PRECOMPUTED["sdss5000"]) -> Path:
    """Find the twins among the images of a measured table, and renew its manifest."""
    sample = folder_sample(images, folder / "catalogue.csv")
    rows = find_twins(sample.catalogue, sample.image)
    path, manifest = folder / TWINS_FILE, folder / "manifest.json"
    write_atomically(path, rows.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
    checksums = json.loads(manifest.read_text(encoding="utf-8")) | {
        TWINS_FILE: sha256_of_file(path)
    }
    write_atomically(manifest, json.dumps(dict(sorted(checksums.items())), indent=1) + "\n")
    return path
