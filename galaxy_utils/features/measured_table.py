"""The measured table of a sample: a folder of files under a manifest.

catalogue.csv               objid, class, position, redshift
morphology.csv              the five parameters, radii, S/N, flag, reason; where both
                            engines measured, also statmorph's with a prefix
appearance.csv              axis ratio and colours
uncertainty.csv             standard errors, where they were measured
frames.csv                  what saturates the frame: a bright star, a trail, neither
<backbone>-<crop>.npz       one byte per feature, one row per galaxy, in catalogue order
provenance.json             command, versions, settings
manifest.json               sha256 of each of the above
images                      link to the images, where the system has links
"""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from galaxy_utils.data.catalogue import read_catalogue, read_rows
from galaxy_utils.data.images import ImageError
from galaxy_utils.data.sample import Sample
from galaxy_utils.errors import UserError
from galaxy_utils.features.measuring import (
    embedding_made_with,
    image_fingerprints,
    measure_embedding,
    measure_galaxies,
    measure_morphology,
    short_digest,
    whole_measurement,
)
from galaxy_utils.features.quantisation import quantise, read_quantised, write_quantised
from galaxy_utils.morphology.measurement import MORPHOLOGY_COLUMNS
from galaxy_utils.morphology.parity import REFERENCE, REFERENCE_COLUMNS
from galaxy_utils.morphology.quality import ERROR, quality_of
from galaxy_utils.morphology.segmentation import SegmentationSettings
from galaxy_utils.provenance import (
    PACKAGE,
    git_commit,
    sha256_of_file,
    versions,
    write_atomically,
)
from galaxy_utils.run_folder import output_folder

ENGINES = ("fast", "statmorph")
"""What measures the five parameters; the first one fills a table's main columns."""

CONTENT = "measured table"
PHOTOMETRY_FILE, FRAMES_FILE = "appearance.csv", "frames.csv"
UNCERTAINTY_FILE = "uncertainty.csv"


@dataclass(frozen=True)
class MeasuredTable:
    """What was measured of a sample; all tables have the rows of the catalogue."""

    catalogue: pd.DataFrame  # columns `CATALOGUE_COLUMNS`
    morphology: pd.DataFrame  # columns objid and `MORPHOLOGY_COLUMNS`
    embeddings: dict[str, Path]  # `<backbone>-<crop>` to its file
    provenance: dict[str, Any]  # content of provenance.json
    photometry: pd.DataFrame  # objid, axis ratio and colours
    frames: pd.DataFrame  # objid and frame

    @property
    def has_both_engines(self) -> bool:
        """Whether statmorph's values stand next to those of another engine."""
        return REFERENCE + "flag" in self.morphology

    def measured_by(self, engine: str) -> pd.DataFrame | None:
        """Columns objid and `MORPHOLOGY_COLUMNS` by one engine; None if it did not measure.

        Of statmorph as the second engine only `REFERENCE_COLUMNS` are there, the others NaN.
        """
        columns = ["objid", *MORPHOLOGY_COLUMNS]
        if self.provenance["engine"] == engine:
            return self.morphology.reindex(columns=columns)  # older tables have no `masked_share`
        if engine != "statmorph" or not self.has_both_engines:
            return None
        reference = self.morphology[[REFERENCE + name for name in REFERENCE_COLUMNS]]
        reference = reference.set_axis(list(REFERENCE_COLUMNS), axis=1)
        return reference.assign(objid=self.morphology["objid"]).reindex(columns=columns)

    def embedding(self, name: str) -> NDArray[np.float32]:
        """Features `<backbone>-<crop>`, shape (n_galaxies, dimension), in catalogue order.

        NaN where the image could not be embedded; a UserError if it was not measured.
        """
        if name not in self.embeddings:
            have = ", ".join(sorted(self.embeddings)) or "none"
            raise UserError(
                f"embedding {name!r} was not measured; there are: {have}. "
                "Measure it with: make measure IMAGES=<folder> BACKBONES=<name>"
            )
        return read_quantised(self.embeddings[name]).values()


def read_measured(folder: Path) -> MeasuredTable:
    """Read what `measure_sample` wrote; the embeddings are left on disk.

    A UserError if a file is missing or does not match its checksum in the manifest.
    """
    manifest = _read_manifest(folder)
    for name, expected in manifest.items():
        path = folder / name
        if not path.exists():
            raise UserError(f"measured table: {path} is missing; restore it (git checkout {path})")
        if sha256_of_file(path) != expected:
            raise UserError(
                f"measured table: {path} does not match its checksum in manifest.json; "
                f"restore it (git checkout {path}) or measure again"
            )
    return MeasuredTable(
        catalogue=read_catalogue(folder / "catalogue.csv"),
        morphology=read_rows(folder / "morphology.csv"),
        embeddings={Path(name).stem: folder / name for name in manifest if name.endswith(".npz")},
        provenance=json.loads((folder / "provenance.json").read_text()),
        photometry=read_rows(folder / PHOTOMETRY_FILE),
        frames=read_rows(folder / FRAMES_FILE),
    )


def _read_manifest(folder: Path) -> dict[str, str]:
    path = folder / "manifest.json"
    if not path.exists():
        raise UserError(f"measured table {folder}: no manifest.json; is it the right folder?")
    try:
        manifest: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise UserError(f"{path}: damaged: {error}") from None
    needed = {"catalogue.csv", "morphology.csv", PHOTOMETRY_FILE, FRAMES_FILE, "provenance.json"}
    strange = [name for name in manifest if Path(name).name != name or name.startswith(".")]
    if strange:
        raise UserError(f"{path}: {strange[0]!r} is not the name of a file in this folder")
    missing = needed - set(manifest)
    if missing:
        raise UserError(f"{path}: does not list {', '.join(sorted(missing))}; measure again")
    return manifest


def measure_sample(
    sample: Sample,
    folder: Path,
    embeddings: Sequence[str],
    n_processes: int | None = None,
    engines: Sequence[str] = ENGINES[:1],
    errors: bool = False,
) -> MeasuredTable:
    """Measure a sample and write the measured table; a killed call is resumed by the next.

    What was measured in the folder before is kept. Each embedding is `<backbone>-<crop>`. The first
    of the engines fills the columns of morphology.csv; where statmorph is the second, its values
    follow with a prefix. Standard errors, which take eight times as long, are measured if asked
    for. `UserError` if another process is measuring into the same folder, or it
    holds files of others.
    """
    stages = [*engines, "photometry", "frames", *["errors"] * errors, *embeddings]
    with output_folder(folder, CONTENT), whole_measurement(sample, stages):
        morphology = measure_morphology(sample, engines, folder, n_processes)
        photometry = measure_galaxies(sample, "photometry", folder, n_processes)
        frames = measure_galaxies(sample, "frames", folder, n_processes)
        more = photometry.drop(columns=["objid", "reason"]).join(frames["frame"])
        if errors:
            found = measure_galaxies(sample, "errors", folder, n_processes)
            _write_csv(folder / UNCERTAINTY_FILE, found, "%.6g")
            more = more.join(found.drop(columns="objid").add_suffix(ERROR))
        morphology["quality"] = quality_of(morphology.join(more))
        recorded = _valid_embeddings(folder, sample)
        _write_csv(folder / PHOTOMETRY_FILE, photometry, "%.6g")
        _write_csv(folder / FRAMES_FILE, frames, "%s")
        _write_csv(folder / "catalogue.csv", sample.catalogue, "%.10g")
        _write_csv(folder / "morphology.csv", morphology, "%.6g")
        for name in embeddings:
            recorded[name] = _write_embedding(folder, sample, name)
        _link_images(folder, sample)
        _write_provenance(folder, sample, engines, recorded)
        _write_manifest(folder, list(recorded), errors)
    return read_measured(folder)


def _write_csv(path: Path, table: pd.DataFrame, digits: str) -> None:
    write_atomically(path, table.to_csv(index=False, float_format=digits, lineterminator="\n"))


def _write_embedding(folder: Path, sample: Sample, name: str) -> dict[str, Any]:
    """Measure and store one embedding; return its entry in provenance.json."""
    from galaxy_utils.features.inference import engine_name  # imports torch

    vectors = measure_embedding(sample, name, folder)
    write_quantised(folder / f"{name}.npz", quantise(vectors))
    digest = _embedding_digest(sample, name)
    return {"digest": digest, "engine": engine_name(), "code": git_commit(PACKAGE)}


def _valid_embeddings(folder: Path, sample: Sample) -> dict[str, dict[str, Any]]:
    """Delete our embeddings of other pixels or by other code; return the entries of the others."""
    path = folder / "provenance.json"
    recorded = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    valid = {
        name: entry
        for name, entry in recorded.get("embeddings", {}).items()
        if entry["digest"] == _embedding_digest(sample, name)
    }
    for name in recorded.get("embeddings", {}).keys() - valid:
        (folder / f"{name}.npz").unlink(missing_ok=True)
    return {name: entry for name, entry in valid.items() if (folder / f"{name}.npz").exists()}


def _embedding_digest(sample: Sample, name: str) -> str:
    return short_digest([embedding_made_with(name), image_fingerprints(sample)])


def _link_images(folder: Path, sample: Sample) -> None:
    link = folder / "images"
    if sample.folder is None or (link.exists() and not link.is_symlink()):
        return
    images = sample.folder.resolve()
    if link.resolve() == images:
        return
    with suppress(OSError):  # Windows wants a privilege for links
        link.unlink(missing_ok=True)
        link.symlink_to(images, target_is_directory=True)


def _write_provenance(
    folder: Path, sample: Sample, engines: Sequence[str], embeddings: dict[str, dict[str, Any]]
) -> None:
    content = {
        "command": f"make measure IMAGES=<folder> ENGINE={'both' if engines[1:] else engines[0]}",
        "n_galaxies": len(sample.catalogue),
        "engine": engines[0],
        "image_px": image_height(sample),
        "reading": asdict(sample.reading),
        "segmentation": asdict(SegmentationSettings()),
        "embeddings": dict(sorted(embeddings.items())),
        "code": git_commit(PACKAGE),
        "versions": versions(),
        "machine": platform.machine(),
    }
    write_atomically(folder / "provenance.json", json.dumps(content, indent=1) + "\n")


def image_height(sample: Sample) -> int | None:
    """Height in pixels of the first readable image; None where there is none."""
    for objid in sample.catalogue["objid"]:
        with suppress(ImageError):
            return int(sample.image(objid).shape[0])
    return None


def _write_manifest(folder: Path, embeddings: Sequence[str], errors: bool) -> None:
    tables = ["catalogue.csv", "morphology.csv", PHOTOMETRY_FILE, FRAMES_FILE, "provenance.json"]
    tables += [UNCERTAINTY_FILE] if errors else []
    names = sorted([*tables, *(f"{name}.npz" for name in embeddings)])
    manifest = {name: sha256_of_file(folder / name) for name in names}
    write_atomically(folder / "manifest.json", json.dumps(manifest, indent=1) + "\n")
