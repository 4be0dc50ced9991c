"""The galaxies of a run, with what was measured of them before."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from galaxy_utils.config import (
    OFFLINE_BACKBONES,
)
from galaxy_utils.data.hubble import hdf_sample
from galaxy_utils.data.images import Image, ImageError
from galaxy_utils.data.paper_sample import CATALOGUE as SKY_CATALOGUE
from galaxy_utils.data.paper_sample import PaperSample, is_complete
from galaxy_utils.data.sample import Sample, folder_sample, read_catalogue
from galaxy_utils.errors import UserError
from galaxy_utils.features.table import (
    NO_IMAGE,
    MeasuredTable,
    image_fingerprints,
    measure_appearances,
    measure_embedding,
    measure_engines,
    measure_frames,
    measure_morphology,
    read_measured,
)
from galaxy_utils.morphology.parity import REFERENCE
from galaxy_utils.morphology.photometry import SHAPE
from galaxy_utils.provenance import sha256_of_file
from galaxy_utils.run_folder import DATA, MEASUREMENTS, ROOT

MEASURED = {"sdss5000": DATA / "sdss5000"}
"""Samples that the project carries as measured tables."""


SKYSERVER = "skyserver"
"""Sample of the paper's own recipe, fetched from SkyServer."""


MOCK = "mock"
"""Sample of mock galaxies, drawn here."""


MOCK_NUMBER, MOCK_SEED = 2000, 0
"""How many mock galaxies the sample `mock` has where nobody says, and its universe."""


NAMED = (*MEASURED, "hdf", SKYSERVER, MOCK)
"""Samples that are no folder."""


def measured_folder(images: Path) -> Path:
    """Where the measured table of a folder of images lies, unless somebody says where.

    Parameters
    ----------
    images : Path
        Folder of images.

    Returns
    -------
    Path
        Named after the folder and a digest of its whole path, so that two
        folders called `images` do not meet.
    """
    source = images.expanduser().resolve()
    digest = hashlib.sha256(str(source).encode()).hexdigest()[:8]
    return ROOT / "runs" / MEASUREMENTS / f"{source.name}-{digest}"


@dataclass(frozen=True)
class Galaxies:
    """The sample of a run, with what was measured of it before.

    Parameters
    ----------
    sample : Sample
        The galaxies, already thinned to the number asked for.
    measured : MeasuredTable or None
        None where everything is measured from pixels.
    folder : Path
        Where measurements made by this run are kept.
    """

    sample: Sample
    measured: MeasuredTable | None
    folder: Path

    def morphology(self, engine: str = "fast") -> pd.DataFrame:
        """Morphology of every galaxy, from the measured table or from pixels.

        Parameters
        ----------
        engine : str
            One of `measurement.ENGINES`.

        Returns
        -------
        DataFrame
            Columns objid and `morphology.MORPHOLOGY_COLUMNS`, in catalogue order.

        Raises
        ------
        UserError
            If this engine did not measure the table and there are no pixels.
        """
        self.check_morphology(engine)
        table = self.measured.measured_by(engine) if self.measured else None
        if table is None:
            return measure_morphology(self.sample, self.folder, os.cpu_count() or 1, engine)
        return table.iloc[self._rows()].reset_index(drop=True)

    def check_morphology(self, engine: str) -> None:
        """Make sure that an engine's values are there or can be measured.

        Parameters
        ----------
        engine : str
            One of `measurement.ENGINES`.

        Raises
        ------
        UserError
            If this engine did not measure the table and there are no pixels.
        """
        if self.measured is None or self.sample.has_images:
            return
        if self.measured.measured_by(engine) is None:
            raise UserError(
                f"sample {self.sample.name}: its table was not measured by engine {engine!r} and "
                "there are no images; take the other engine, or measure with "
                f"make measure IMAGES=<folder> ENGINE={engine}"
            )

    def both_engines(self, number: int) -> tuple[pd.DataFrame, str]:
        """The compiled engine's values beside statmorph's.

        Parameters
        ----------
        number : int
            How many galaxies to measure where the measured table does not hold both.

        Returns
        -------
        table : DataFrame
            As `parity.agreement` takes it.
        source : str
            Which galaxies they are, in words.
        """
        if self.measured is not None and REFERENCE + "flag" in self.measured.morphology:
            table = self.measured.morphology.iloc[self._rows()].reset_index(drop=True)
            return table, f"all {len(table):,} galaxies of the sample `{self.sample.name}`"
        shown = self.sample if self.sample.has_images else hdf_sample()
        few = replace(shown, catalogue=evenly(shown.catalogue, number))
        table = measure_engines(few, self.folder, os.cpu_count() or 1, ("fast", "statmorph"))
        return table, f"{len(table)} galaxies of the sample `{shown.name}`"

    def embedding(self, configuration: str) -> NDArray[np.float32]:
        """One embedding of every galaxy, from the measured table or from pixels.

        Parameters
        ----------
        configuration : str
            `<backbone>-<framing>`.

        Returns
        -------
        ndarray of float32, shape (n_galaxies, dimension)
            In catalogue order; NaN where the image could not be embedded.
        """
        if self.measured is not None and (
            configuration in self.measured.embeddings or not self.sample.has_images
        ):
            return self.measured.embedding(configuration)[self._rows()]
        return measure_embedding(self.sample, configuration, self.folder).astype(np.float32)

    def appearance(self) -> pd.DataFrame | None:
        """Axis ratio and colours of every galaxy.

        Returns
        -------
        DataFrame or None
            Columns objid and `photometry.PHOTOMETRY_COLUMNS`, in catalogue
            order; None where they were not measured and there are no pixels.
        """
        if self.measured is not None and self.measured.appearance is not None:
            return self.measured.appearance.iloc[self._rows()].reset_index(drop=True)
        if not self.sample.has_images:
            return None
        return measure_appearances(self.sample, self.folder, os.cpu_count() or 1)

    def frames(self) -> pd.Series | None:
        """What saturates the frame of every galaxy.

        Returns
        -------
        Series of str or None
            As of `saturation.frame_defect`, in catalogue order; None where it
            was not looked at and there are no pixels.
        """
        if self.measured is not None and self.measured.frames is not None:
            return self.measured.frames["frame"].iloc[self._rows()].reset_index(drop=True)
        if not self.sample.has_images:
            return None
        return measure_frames(self.sample, self.folder, os.cpu_count() or 1)["frame"]

    def measurements(self, engine: str = "fast") -> pd.DataFrame:
        """Morphology of every galaxy with axis ratio and colours beside.

        Parameters
        ----------
        engine : str
            One of `measurement.ENGINES`.

        Returns
        -------
        DataFrame
            As of `morphology`, and `appearance.SHAPE` (NaN where they were
            not measured), in catalogue order.
        """
        table, appearance = self.morphology(engine), self.appearance()
        if appearance is None:
            return table.assign(**dict.fromkeys(SHAPE, np.nan))
        return table.assign(**{name: appearance[name].to_numpy(float) for name in SHAPE})

    def check_embedding(self, backbone: str, framing: str) -> None:
        """Make sure that an embedding is there or can be made, before anything runs.

        Parameters
        ----------
        backbone, framing : str
            Its configuration.

        Raises
        ------
        UserError
            If it was not measured and there are no pixels; or if the weights
            cannot be had, with which section 12 times the network in any case.
        """
        if self.measured is not None and not self.sample.has_images:
            self.measured.embedding(f"{backbone}-{framing}")  # raises, naming what there is
        if backbone in OFFLINE_BACKBONES:
            return
        from galaxy_utils.features.embedding import (
            ensure_weights,  # imports torch: only where needed
        )

        ensure_weights(backbone)

    def image_size(self) -> int | None:
        """Height of the cutouts, also where only their measurements are here.

        Returns
        -------
        int or None
            Pixels; None where nothing tells.
        """
        if self.measured is not None and self.measured.provenance.get("image_px"):
            return int(self.measured.provenance["image_px"])
        seen = (self._picture(objid) for objid in self.sample.catalogue["objid"])
        return next((int(image.shape[0]) for image in seen if image is not None), None)

    def pictures(self, objids: Iterable[str]) -> list[Image | None]:
        """Cutouts for the eye.

        Parameters
        ----------
        objids : iterable of str
            Which galaxies.

        Returns
        -------
        list of ndarray of uint8, shape (height, width, 3), or None
            None where there is no readable image.
        """
        return [self._picture(objid) for objid in objids]

    def _picture(self, objid: str) -> Image | None:
        try:
            return self.sample.image(objid)
        except ImageError:
            return None

    def pictures_or_field(self, number: int) -> tuple[list[Image], list[str], str]:
        """Examples evenly over the sample, or over the built-in field without images.

        Parameters
        ----------
        number : int
            How many, at most.

        Returns
        -------
        pictures : list of ndarray of uint8, shape (height, width, 3)
            Readable cutouts.
        names : list of str
            Their objids.
        source : str
            Which sample they are from, in words.
        """
        shown = self.sample if self.sample.has_images else hdf_sample()
        objids = shown.catalogue["objid"].tolist()
        rows = np.linspace(0, len(objids) - 1, min(number, len(objids))).round().astype(int)
        readable = Galaxies(shown, None, self.folder).pictures(objids[row] for row in rows)
        pairs = [(i, objids[r]) for i, r in zip(readable, rows, strict=True) if i is not None]
        source = f"These are examples from the sample `{shown.name}`"
        source += "." if shown is self.sample else ", since the run has no images of its own."
        return [image for image, _ in pairs], [objid for _, objid in pairs], source

    def _rows(self) -> NDArray[np.int64]:
        assert self.measured is not None
        row_of = {objid: row for row, objid in enumerate(self.measured.catalogue["objid"])}
        return np.array([row_of[objid] for objid in self.sample.catalogue["objid"]], np.int64)


def open_galaxies(
    sample: str, n_galaxies: int = 0, from_pixels: bool = False, folder: Path | None = None
) -> Galaxies:
    """Open the sample that a run was asked for.

    Parameters
    ----------
    sample : str
        `sdss5000`, `hdf`, `skyserver`, `mock`, a folder of images, or one with a measured table.
    n_galaxies : int
        Take this many, evenly over the catalogue; 0 takes all. Of `skyserver`
        the first so many of its order (0: as many as the paper) are a sample of their own.
    from_pixels : bool
        Pass over the measured table.
    folder : Path, optional
        Where measurements of this run are kept.

    Returns
    -------
    Galaxies
        The sample.

    Raises
    ------
    UserError
        If there is no such sample, or it has no pixels though they are needed.
    """
    opened, measured = _open(sample, n_galaxies)
    if from_pixels:
        measured = None
    if measured is None and not opened.has_images:
        raise UserError(
            f"sample {sample}: no images in {MEASURED.get(sample, Path(sample)) / 'images'}; "
            "from_pixels (profile full) needs them. Put the cutouts there as <objid>.jpg (of "
            "sdss5000: make images ALL=1), or leave from_pixels out"
        )
    if n_galaxies:
        opened = replace(opened, catalogue=evenly(opened.catalogue, n_galaxies))
    return Galaxies(opened, measured, folder or ROOT / "runs" / MEASUREMENTS)


def evenly(table: pd.DataFrame, number: int) -> pd.DataFrame:
    """Take rows evenly over a table.

    Parameters
    ----------
    table : DataFrame
        Any.
    number : int
        How many rows, at most.

    Returns
    -------
    DataFrame
        The first and the last row among them; the table itself where it is not longer.
    """
    if number >= len(table):
        return table
    rows = np.linspace(0, len(table) - 1, number).round().astype(int)
    return table.iloc[rows].reset_index(drop=True)


def _open(sample: str, n_galaxies: int) -> tuple[Sample, MeasuredTable | None]:
    if sample == "hdf":
        return hdf_sample(), None
    if sample == SKYSERVER:
        return _open_skyserver(_paper_sample_of(n_galaxies)), None
    if sample == MOCK:
        from galaxy_utils.simulate.drawing import mock_sample  # half a second: only where needed

        number = n_galaxies or MOCK_NUMBER
        return mock_sample(mock_folder(MOCK_SEED, 0.05), number, MOCK_SEED, 0.05), None
    path = MEASURED.get(sample) or Path(sample).expanduser().resolve()
    if sample not in MEASURED and not path.is_dir():
        known = ", ".join(NAMED)
        raise UserError(f"sample {sample!r}: there are {known}, or give a folder ({path} is none)")
    if not (path / "manifest.json").exists():
        return folder_sample(path), None
    measured = read_measured(path)
    images = path / "images"
    return Sample(sample, measured.catalogue, images if images.is_dir() else None), measured


def _paper_sample_of(n_galaxies: int) -> PaperSample:
    return PaperSample.of(number=n_galaxies) if n_galaxies else PaperSample.of()


def _open_skyserver(wanted: PaperSample) -> Sample:
    folder = skyserver_folder(wanted)
    if not is_complete(folder):
        raise UserError(
            f"sample {SKYSERVER}: its images are not all in {folder}; fetch them with "
            f"make skyserver NUMBER={wanted.number} (can be stopped and taken up)"
        )
    return Sample(SKYSERVER, read_catalogue(folder / SKY_CATALOGUE), folder)


def mock_folder(seed: int, artefact_share: float) -> Path:
    """Where mock galaxies are drawn to.

    Parameters
    ----------
    seed : int
        Of the mock universe.
    artefact_share : float
        Share of artefacts.

    Returns
    -------
    Path
        Named after both and after the code that draws, so that mocks of an
        older code are never taken for today's; any number of them goes into it.
    """
    modules = ("data/survey", "simulate/drawing", "simulate/families")
    sources = (ROOT / "galaxy_utils" / f"{module}.py" for module in modules)
    code = hashlib.sha256("".join(sha256_of_file(path) for path in sources).encode()).hexdigest()
    name = f"{MOCK}-{seed}-{artefact_share:g}-{code[:8]}"
    return ROOT / "runs" / MEASUREMENTS / name


def skyserver_folder(wanted: PaperSample) -> Path:
    """Where a sample fetched from SkyServer lies, unless somebody says where.

    Parameters
    ----------
    wanted : PaperSample
        Parameters of its query.

    Returns
    -------
    Path
        Named after its number and seed, and its redshift limit if that is not the paper's.
    """
    name = f"{SKYSERVER}-{wanted.number}-{wanted.seed}"
    if wanted.z_max != PaperSample.of().z_max:
        name += f"-z{wanted.z_max:g}"
    return ROOT / "runs" / MEASUREMENTS / name


def fingerprint_of(galaxies: Galaxies) -> dict[str, Any]:
    """Tell one state of a sample from another by content, not by file times.

    Parameters
    ----------
    galaxies : Galaxies
        An opened sample.

    Returns
    -------
    dict
        Name, number of galaxies, number of images, digest of both.
    """
    images = image_fingerprints(galaxies.sample)
    content = json.dumps(images, sort_keys=True).encode()
    catalogue = galaxies.sample.catalogue.to_csv(index=False).encode()
    return {
        "sample": galaxies.sample.name,
        "galaxies": len(galaxies.sample.catalogue),
        "images": sum(image != NO_IMAGE for image in images.values()),
        "digest": hashlib.sha256(content + catalogue).hexdigest(),
    }
