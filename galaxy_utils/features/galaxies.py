"""The galaxies of a run: their images, and what was or can be measured of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from galaxy_utils.config import OFFLINE_BACKBONES
from galaxy_utils.data.catalogue import read_catalogue
from galaxy_utils.data.hubble import hdf_sample
from galaxy_utils.data.images import Image, ImageError, Reading
from galaxy_utils.data.paper_sample import CATALOGUE as SKY_CATALOGUE
from galaxy_utils.data.paper_sample import is_complete
from galaxy_utils.data.sample import Sample, folder_sample
from galaxy_utils.errors import UserError
from galaxy_utils.features.measured_table import (
    ENGINES,
    MeasuredTable,
    image_height,
    read_measured,
)
from galaxy_utils.features.measuring import (
    NO_IMAGE,
    image_fingerprints,
    measure_embedding,
    measure_galaxies,
    measure_morphology,
)
from galaxy_utils.features.named_samples import (
    MOCK,
    MOCK_ARTEFACTS,
    MOCK_NUMBER,
    MOCK_SEED,
    NAMED_SAMPLES,
    PRECOMPUTED,
    SKYSERVER,
    mock_folder,
    skyserver_folder,
    skyserver_sample,
)
from galaxy_utils.morphology.photometry import SHAPE
from galaxy_utils.morphology.saturation import STAR, TRAIL
from galaxy_utils.run_folder import MEASUREMENTS, ROOT

EXAMPLES = 40
"""Images on which the pages on preprocessing look; a run without images simulates as many."""


@dataclass(frozen=True)
class Galaxies:
    """The galaxies of a run; a measurement comes from the measured table or from pixels.

    All tables and arrays are in catalogue order. Where something was not measured and
    there are no images, a method returns None, or raises a UserError that says what to do.
    """

    sample: Sample
    measured: MeasuredTable | None  # of these and perhaps more; None if measured from pixels
    folder: Path  # of the measurements from pixels, which are resumable
    n_processes: int | None = None  # as many as there are cores by default

    def morphology(self, engine: str = "fast") -> pd.DataFrame:
        """Columns objid and `MORPHOLOGY_COLUMNS` as one of the `ENGINES` measured them."""
        self.check_morphology(engine)
        table = self.measured.measured_by(engine) if self.measured else None
        return self._measured_or_measure(table, engine)

    def _measured_or_measure(self, table: pd.DataFrame | None, what: str) -> pd.DataFrame:
        if table is None:
            return measure_galaxies(self.sample, what, self.folder, self.n_processes)
        return table.iloc[self._rows()].reset_index(drop=True)

    def _rows(self) -> NDArray[np.intp]:
        """Row of every galaxy in the measured table."""
        assert self.measured is not None
        rows = pd.Index(self.measured.catalogue["objid"])
        return np.asarray(rows.get_indexer(self.sample.catalogue["objid"]))

    def check_morphology(self, engine: str) -> None:
        """Raise a UserError if an engine's values are not there and cannot be measured."""
        if self.measured is None or self.sample.has_images:
            return
        if self.measured.measured_by(engine) is None:
            raise UserError(
                f"sample {self.sample.name}: its table was not measured by engine {engine!r} and "
                "there are no images; take the other engine, or measure with "
                f"make measure IMAGES=<folder> ENGINE={engine}"
            )

    def both_engines(self, n_galaxies: int) -> tuple[pd.DataFrame, str]:
        """The five parameters by both engines, as `parity.differences` takes them.

        Where the measured table does not hold both, `n_galaxies` are measured. The second
        result says in words which galaxies they are.
        """
        if self.measured is not None and self.measured.has_both_engines:
            table = self._measured_or_measure(self.measured.morphology, "fast")
            return table, f"all {len(table):,} galaxies of the sample `{self.sample.name}`"
        sample = self._sample_with_images()
        few = replace(sample, catalogue=evenly(sample.catalogue, n_galaxies))
        table = measure_morphology(few, ENGINES, self.folder, self.n_processes)
        return table, f"{len(table)} galaxies of the sample `{sample.name}`"

    def _sample_with_images(self) -> Sample:
        """The sample, or the built-in field where it has no images."""
        return self.sample if self.sample.has_images else hdf_sample()

    def frames(self) -> pd.Series:
        """What saturates the frame of every galaxy, in words."""
        table = self.measured.frames if self.measured else None
        return self._measured_or_measure(table, "frames")["frame"]

    def measurements(self, engine: str = "fast") -> pd.DataFrame:
        """The table of `morphology` and the columns `SHAPE`: axis ratio and colours."""
        table = self.measured.photometry if self.measured else None
        photometry = self._measured_or_measure(table, "photometry")[list(SHAPE)]
        return self.morphology(engine).join(photometry.astype(float))

    def embedding(self, name: str) -> NDArray[np.float32]:
        """Features by the backbone and crop `<backbone>-<crop>`, shape (n_galaxies, dimension).

        NaN where the image could not be embedded.
        """
        if self.measured is not None and (
            name in self.measured.embeddings or not self.sample.has_images
        ):
            return self.measured.embedding(name)[self._rows()]
        return measure_embedding(self.sample, name, self.folder).astype(np.float32)

    def precomputed(
        self, names: Iterable[str], objids: list[str]
    ) -> dict[str, NDArray[np.float32]]:
        """Those of some features that the measured table holds, of some of the galaxies."""
        if self.measured is None:
            return {}
        rows = pd.Index(self.sample.catalogue["objid"]).get_indexer(pd.Index(objids))
        there = [name for name in names if name in self.measured.embeddings]
        return {name: self.embedding(name)[rows] for name in there}

    def check_embedding(self, backbone: str, crop: str) -> None:
        """Raise a UserError if features are not there and cannot be computed.

        Also if the weights cannot be downloaded: section 12 times the network in any case.
        """
        if self.measured is not None and not self.sample.has_images:
            self.measured.embedding(f"{backbone}-{crop}")
        if backbone in OFFLINE_BACKBONES:
            return
        from galaxy_utils.features.backbones import ensure_weights  # imports torch

        ensure_weights(backbone)

    def image_size(self) -> int | None:
        """Height of the cutouts in pixels, also where only their measurements are here."""
        if self.measured is not None and self.measured.provenance.get("image_px"):
            return int(self.measured.provenance["image_px"])
        return image_height(self.sample)

    def pictures(self, objids: Iterable[str]) -> list[Image | None]:
        """Cutouts of some galaxies; None where there is no readable image."""
        found: list[Image | None] = []
        for objid in objids:
            try:
                found.append(self.sample.image(objid))
            except ImageError:
                found.append(None)
        return found

    def pictures_or_twins(self, objids: Iterable[str], seed: int) -> tuple[list[Image | None], str]:
        """Cutouts of some galaxies, and what they are; simulated ones where there is no photograph.

        These measure like the galaxy, and are of its class. There is none for an empty objid.
        """
        from galaxy_utils.simulate.twins import draw_twin  # imports GalSim

        objids = list(objids)
        photographs = self.pictures(objids)
        missing = [o for o, image in zip(objids, photographs, strict=True) if o and image is None]
        if not missing:
            return photographs, "photographs"
        artefacts = self.frames().map({STAR: "star", TRAIL: "trail"}).to_numpy()
        classes = self.sample.catalogue["gz1_class"].to_numpy()
        table = self.measurements().assign(gz1_class=classes, artefact=artefacts)
        colours = [name for name in SHAPE if name.startswith("colour")]
        table.loc[table["artefact"].notna(), colours] = np.nan  # they are the artefact's
        rows = table.set_index("objid", drop=False).loc[missing]
        twins = {objid: draw_twin(row, seed).composite for objid, row in rows.iterrows()}
        drawn = [twins.get(objid, image) for objid, image in zip(objids, photographs, strict=True)]
        if any(image is not None for image in photographs):
            return drawn, "photographs, or drawn from measurements where there is none"
        return drawn, "drawn from measurements, not photographs"

    def examples(self, number: int = EXAMPLES) -> tuple[list[Image], pd.DataFrame, str]:
        """Readable cutouts evenly over the sample, or simulated galaxies where there are none.

        Returns the cutouts, at most `number`, their rows of the catalogue, and what they are.
        """
        photographs = self._readable(self.sample, number)
        if photographs[0]:
            return *photographs, f"photographs of the sample `{self.sample.name}`"
        simulated = self._readable(_simulated(number), number)
        return *simulated, "simulated galaxies, since the run has no images"

    def _readable(self, sample: Sample, number: int) -> tuple[list[Image], pd.DataFrame]:
        rows = evenly(sample.catalogue, number)
        found = replace(self, sample=sample).pictures(rows["objid"])
        readable = [image is not None for image in found]
        return [image for image in found if image is not None], rows[readable].reset_index(
            drop=True
        )


def _simulated(number: int) -> Sample:
    """Simulated galaxies without artefacts, drawn once for all runs."""
    from galaxy_utils.simulate.drawing import mock_sample  # imports GalSim

    return mock_sample(mock_folder(MOCK_SEED, 0.0), number, MOCK_SEED, 0.0, cores=1)


def open_galaxies(
    sample: str, n_galaxies: int = 0, from_pixels: bool = False, folder: Path | None = None
) -> Galaxies:
    """Open the sample of a run.

    Parameters
    ----------
    sample : str
        One of `NAMED_SAMPLES`, a folder of images, or a folder with a measured table.
    n_galaxies : int
        Take this many, evenly over the catalogue; 0 takes all. Of `skyserver`
        the first so many of its order (0: as many as the paper) are a sample of their own.
    from_pixels : bool
        Measure anew where there is a measured table.
    folder : Path, optional
        Of the measurements from pixels.

    Returns
    -------
    Galaxies

    Raises
    ------
    UserError
        If there is no such sample, or it has no images though they are needed.
    """
    opened, measured = _open(sample, n_galaxies, folder)
    if from_pixels:
        measured = None
    if measured is None and not opened.has_images:
        raise UserError(
            f"sample {sample}: no images in {PRECOMPUTED.get(sample, Path(sample)) / 'images'}; "
            "from_pixels (profile full) needs them. Put the cutouts there as <objid>.jpg (of "
            "sdss5000: make images ALL=1), or leave from_pixels out"
        )
    if n_galaxies:
        opened = replace(opened, catalogue=evenly(opened.catalogue, n_galaxies))
    return Galaxies(opened, measured, folder or ROOT / "runs" / MEASUREMENTS)


def _open(sample: str, n_galaxies: int, folder: Path | None) -> tuple[Sample, MeasuredTable | None]:
    if sample == "hdf":
        return hdf_sample(), None
    if sample == SKYSERVER:
        return _open_skyserver(n_galaxies), None
    if sample == MOCK:
        from galaxy_utils.simulate.drawing import mock_sample  # imports GalSim

        settings = (MOCK_SEED, MOCK_ARTEFACTS)
        return mock_sample(mock_folder(*settings), n_galaxies or MOCK_NUMBER, *settings), None
    path = PRECOMPUTED.get(sample) or Path(sample).expanduser().resolve()
    if sample not in PRECOMPUTED and not path.is_dir():
        known = ", ".join(NAMED_SAMPLES)
        raise UserError(f"sample {sample!r}: there are {known}, or give a folder ({path} is none)")
    if not (path / "manifest.json").exists():
        return folder_sample(path), None
    measured = read_measured(path)
    images = path / "images"
    reading = Reading(**measured.provenance.get("reading", {}))
    inside = bool(measured.catalogue["objid"].str.contains(":").any())  # images in subfolders
    folder = images if images.is_dir() else None
    return Sample(sample, measured.catalogue, folder, reading=reading, recursive=inside), measured


def _open_skyserver(n_galaxies: int) -> Sample:
    wanted = skyserver_sample(n_galaxies)
    folder = skyserver_folder(wanted)
    if not is_complete(folder):
        raise UserError(
            f"sample {SKYSERVER}: its images are not all in {folder}; fetch them with "
            f"make skyserver NUMBER={wanted.number} (which resumes what it fetched before)"
        )
    return Sample(SKYSERVER, read_catalogue(folder / SKY_CATALOGUE), folder)


def evenly(table: pd.DataFrame, number: int) -> pd.DataFrame:
    """Take at most so many rows evenly over a table, the first and the last among them."""
    if number >= len(table):
        return table
    rows = np.linspace(0, len(table) - 1, number).round().astype(int)
    return table.iloc[rows].reset_index(drop=True)


def fingerprint_of(galaxies: Galaxies) -> dict[str, Any]:
    """State of a sample by content: name, galaxies, images, digest of images and catalogue."""
    images = image_fingerprints(galaxies.sample)
    content = json.dumps(images, sort_keys=True).encode()
    catalogue = galaxies.sample.catalogue.to_csv(index=False).encode()
    return {
        "sample": galaxies.sample.name,
        "galaxies": len(galaxies.sample.catalogue),
        "images": sum(image != NO_IMAGE for image in images.values()),
        "digest": hashlib.sha256(content + catalogue).hexdigest(),
    }


def pictures_note(galaxies: Galaxies) -> Any:
    """Markdown that says which pictures are missing and how to get them; None where none are."""
    from IPython.display import Markdown

    if galaxies.sample.has_images:
        return None
    name = galaxies.sample.name
    folder = f"data/{name}/images/" if name in PRECOMPUTED else f"{name}/images/"
    source = " (or let `make images` fetch them from SkyServer)" if name in PRECOMPUTED else ""
    return Markdown(
        ":::{admonition} Photographs are missing here\n:class: note\n"
        f"This run has the measurements of `{name}`, not its images, so simulated galaxies that "
        f"measure alike stand for them. Put the cutouts as `<objid>.jpg` into `{folder}`{source} "
        "and run the same `make book` again.\n:::"
    )
