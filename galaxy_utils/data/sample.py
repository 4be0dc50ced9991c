"""Samples of galaxies: a catalogue, and images in a folder or in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from galaxy_utils.data.images import FITS_SUFFIXES, IMAGE_SUFFIXES, Image, ImageError, read_image
from galaxy_utils.errors import UserError

CATALOGUE_COLUMNS = ("objid", "gz1_class", "ra", "dec", "z", "petroR50_r")
"""Of every catalogue; only objid is needed. Degrees, redshift, arcsec."""


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
    """

    name: str
    catalogue: pd.DataFrame
    folder: Path | None = None
    cutouts: dict[str, Image] = field(default_factory=dict)

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
    known = pd.DataFrame(columns=list(CATALOGUE_COLUMNS)).astype({"objid": str})
    if catalogue is not None or (folder / "catalogue.csv").exists():
        known = read_catalogue(catalogue or folder / "catalogue.csv")
    listed = names.to_frame("objid").merge(known, how="left", on="objid")
    listed["gz1_class"] = listed["gz1_class"].astype(object)
    return Sample(str(folder), listed[list(CATALOGUE_COLUMNS)], folder)


def read_catalogue(path: Path) -> pd.DataFrame:
    """Read a catalogue of galaxies.

    Parameters
    ----------
    path : Path
        CSV file with a column `objid`.

    Returns
    -------
    DataFrame
        Columns `CATALOGUE_COLUMNS`; columns that the file does not have are empty.

    Raises
    ------
    UserError
        If there is no column objid, an objid is empty or repeated, or a number is none.
    """
    if not path.exists():
        raise UserError(f"catalogue {path}: there is no such file")
    try:
        table = read_rows(path)
    except (ValueError, UnicodeDecodeError) as error:
        raise UserError(f"catalogue {path}: not a CSV table: {error}") from error
    if "objid" not in table:
        raise UserError(f"catalogue {path}: no column objid; it has {', '.join(table.columns)}")
    empty = np.flatnonzero(table["objid"].str.strip() == "")
    if len(empty):
        raise UserError(f"catalogue {path}: row {empty[0] + 2}: objid is empty")
    repeated = table.loc[table["objid"].duplicated(), "objid"]
    if len(repeated):
        raise UserError(f"catalogue {path}: objid {repeated.iloc[0]} stands in more than one row")
    table = table.reindex(columns=list(CATALOGUE_COLUMNS))
    return as_numbers(table, CATALOGUE_COLUMNS[2:], f"catalogue {path}")


def read_rows(path: Path) -> pd.DataFrame:
    """Read a CSV table of galaxies without guessing at identifiers and reasons.

    Parameters
    ----------
    path : Path
        CSV file.

    Returns
    -------
    DataFrame
        objid and reasons are text and never missing; elsewhere an empty field is.
    """
    header = pd.read_csv(path, nrows=0).columns
    words = {"objid", "reason", "statmorph_reason"}
    missing = {name: ["", "NA", "NaN", "nan", "null"] for name in header if name not in words}
    text = dict.fromkeys([*words, "gz1_class"], str)
    return pd.read_csv(path, dtype=text, keep_default_na=False, na_values=missing)


def as_numbers(
    table: pd.DataFrame, columns: Iterable[str], source: str, first_row: int = 2
) -> pd.DataFrame:
    """Read columns of text as floats; `UserError` names source, row and column of what is none."""
    numbers = table.copy()
    for column in columns:
        numbers[column] = pd.to_numeric(table[column], errors="coerce").astype(float)
        wrong = np.flatnonzero(numbers[column].isna() & table[column].notna())
        if len(wrong):
            raise UserError(
                f"{source}: row {wrong[0] + first_row}, column {column}: "
                f"{table[column].iloc[wrong[0]]!r} is not a number; leave it empty where unknown"
            )
    return numbers
