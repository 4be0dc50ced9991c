"""Samples of galaxies: a catalogue, and images in a folder or in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from galaxy_utils.data.catalogue import CATALOGUE_COLUMNS, match_objids, read_catalogue
from galaxy_utils.data.images import FITS_SUFFIXES, IMAGE_SUFFIXES, Image, ImageError, read_image
from galaxy_utils.errors import UserError


@dataclass(frozen=True)
class Sample:
    """The galaxies of a run.

    Parameters
    ----------
    name : str
        `sdss5000`, `hdf`, ... or the folder's path.
    catalogue : DataFrame
        One row per galaxy, columns `CATALOGUE_COLUMNS`; objid is text and unique.
    folder : Path, optional
        Folder of the image files.
    cutouts : dict of str to ndarray of uint8, optional
        objid to image, for samples that are held in memory.
    notes : tuple of str
        How the catalogue was read, for people: rows with an image, columns without a value.
    """

    name: str
    catalogue: pd.DataFrame
    folder: Path | None = None
    cutouts: dict[str, Image] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def has_images(self) -> bool:
        """Whether at least one galaxy of the sample has an image."""
        return bool(self.cutouts or self._files)

    def image(self, objid: str) -> Image:
        """Read the image of a galaxy, uint8 of shape (height, width, 3).

        Raises
        ------
        ImageError
            If there is no image, or it cannot be read.
        """
        if objid in self.cutouts:
            return self.cutouts[objid]
        return read_image(self.path(objid))

    def path(self, objid: str) -> Path:
        """Image file of a galaxy; `ImageError` if there is none."""
        if objid not in self._files:
            raise ImageError("no image file")
        return self._files[objid]

    @cached_property
    def _files(self) -> dict[str, Path]:
        """Image files by objid."""
        return {path.stem: path for path in _image_files(self.folder)} if self.folder else {}


def _image_files(folder: Path) -> Iterator[Path]:
    """Images of a folder; of a FITS triplet the one in r, and no hidden files (macOS: `._*`)."""
    for path in folder.iterdir():
        in_r = path.with_name(f"{path.stem[:-1]}r{path.suffix}")
        second_band = path.suffix.lower() in FITS_SUFFIXES and path.stem.endswith(("-g", "-i"))
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith("."):
            if not (second_band and in_r.exists()):
                yield path


def folder_sample(folder: Path, catalogue: Path | None = None) -> Sample:
    """Take every image of a folder as a sample.

    Parameters
    ----------
    folder : Path
        Folder of images; objid is the file name without its suffix.
    catalogue : Path, optional
        CSV table with a column objid that adds classes and positions; the
        folder's own `catalogue.csv` if not given and there.

    Returns
    -------
    Sample
        One row per image, sorted by objid.

    Raises
    ------
    UserError
        If the folder does not exist or has no image, two images share a name, or
        the catalogue cannot be used.
    """
    if not folder.is_dir():
        raise UserError(f"sample folder {folder}: there is no such folder")
    names = pd.Series(sorted(path.stem for path in _image_files(folder)), dtype=str)
    if names.empty:
        raise UserError(
            f"sample folder {folder}: no image in it; expected files ending in "
            + ", ".join(IMAGE_SUFFIXES)
        )
    repeated = names[names.duplicated()]
    if len(repeated):
        raise UserError(
            f"sample folder {folder}: several images named {repeated.iloc[0]!r}; rename one"
        )
    listed = names.to_frame("objid").reindex(columns=list(CATALOGUE_COLUMNS))
    listed, notes = listed.astype({"gz1_class": object}), ()
    if catalogue is not None or (folder / "catalogue.csv").exists():
        known = read_catalogue(catalogue or folder / "catalogue.csv")
        rows = known.set_index("objid").reindex(match_objids(names, known["objid"]))
        listed = rows.set_axis(names).rename_axis("objid").reset_index()
        found = f"{int(rows.index.notna().sum())} of {len(known)} catalogue rows have an image"
        if rows.index.isna().all():
            found += "; its column objid must hold the names of the files"
        notes = (found, *known.attrs["notes"])
    return Sample(str(folder), listed, folder, notes=notes)
