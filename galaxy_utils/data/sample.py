"""Samples of galaxies: a folder of images, the measured SDSS table, or the built-in field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image as PillowImage

from galaxy_utils.errors import UserError
from galaxy_utils.features.preprocessing import Image

FITS_SUFFIXES = (".fits", ".fit")
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", *FITS_SUFFIXES)
SMALLEST_SIDE = 48

BITS_PER_SAMPLE = 258
"""Number of the TIFF tag."""

CATALOGUE_COLUMNS = ("objid", "gz1_class", "ra", "dec", "z", "petroR50_r")
"""What a catalogue may say of a galaxy beside its images; only objid is needed."""


class ImageError(ValueError):
    """An image that cannot be read as a galaxy cutout; the message is the reason."""


@dataclass(frozen=True)
class Sample:
    """The galaxies of a run.

    Parameters
    ----------
    name : str
        `sdss5000`, `hdf` or the folder's path.
    catalogue : DataFrame
        One row a galaxy, columns `CATALOGUE_COLUMNS`; objid is text and unique.
    folder : Path or None
        Where the images lie, if they are files.
    cutouts : dict of objid to ndarray
        The images, where they are made in memory.
    """

    name: str
    catalogue: pd.DataFrame
    folder: Path | None = None
    cutouts: dict[str, Image] = field(default_factory=dict)

    @property
    def has_images(self) -> bool:
        """Whether at least one galaxy of the sample has pixels here."""
        return bool(self.cutouts) or bool(self.folder and any(_image_files(self.folder)))

    def image(self, objid: str) -> Image:
        """Read the cutout of one galaxy.

        Parameters
        ----------
        objid : str
            Identifier, as in the catalogue.

        Returns
        -------
        ndarray of uint8, shape (height, width, 3)
            Colour composite.

        Raises
        ------
        ImageError
            If there is no image, or it cannot be read.
        """
        if objid in self.cutouts:
            return self.cutouts[objid]
        return read_image(self.path(objid))

    def path(self, objid: str) -> Path:
        """File of one galaxy's cutout.

        Parameters
        ----------
        objid : str
            Identifier, as in the catalogue.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ImageError
            If there is none.
        """
        if self.folder is not None:
            for suffix in IMAGE_SUFFIXES:
                path = self.folder / f"{objid}{suffix}"
                if path.exists():
                    return path
            if objid in self._unusual_names:
                return self._unusual_names[objid]
        raise ImageError("no image file")

    @cached_property
    def _unusual_names(self) -> dict[str, Path]:
        """Files whose suffix is not in lower case."""
        files = _image_files(self.folder) if self.folder else iter(())
        return {path.stem: path for path in files if path.suffix not in IMAGE_SUFFIXES}


def read_image(path: Path) -> Image:
    """Read a JPEG, PNG, TIFF or FITS as an 8-bit colour composite.

    FITS images are stretched, see `galaxy_utils.fits_images`.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        The pixels; a grey image is repeated in three bands.

    Raises
    ------
    ImageError
        If the file is not an image, is cut short, has more than 8 bits, or a
        side below `SMALLEST_SIDE` pixels.
    """
    if path.suffix.lower() in FITS_SUFFIXES:
        from galaxy_utils.data.fits import read_fits  # astropy: a second, only where needed

        return _large_enough(read_fits(path))
    try:
        with PillowImage.open(path) as opened:
            if opened.mode.startswith(("I", "F")) or _bits(opened) > 8:
                raise ImageError("more than 8 bits a pixel: expected an 8-bit image")
            pixels = np.asarray(opened.convert("RGB"))
    except ImageError:
        raise
    except Exception as error:  # Pillow raises many types on damaged files
        raise ImageError(f"unreadable image: {type(error).__name__}: {error}"[:200]) from error
    return _large_enough(pixels)


def _large_enough(pixels: Image) -> Image:
    if min(pixels.shape[:2]) < SMALLEST_SIDE:
        height, width = pixels.shape[:2]
        raise ImageError(f"{width}x{height} px: expected at least {SMALLEST_SIDE} px a side")
    return pixels


def other_bands(path: Path) -> list[Path]:
    """The g and i images beside the r image of a triplet.

    Parameters
    ----------
    path : Path
        An image; of a triplet the one in r, named `<name>-r.fits`.

    Returns
    -------
    list of Path
        `<name>-g.fits` and `<name>-i.fits`, as far as they are there.
    """
    if path.suffix.lower() not in FITS_SUFFIXES or not path.stem.endswith("-r"):
        return []
    names = [path.with_name(f"{path.stem[:-1]}{band}{path.suffix}") for band in "gi"]
    return [name for name in names if name.exists()]


def _bits(opened: PillowImage.Image) -> int:
    """Bits a sample of colour images, which Pillow reduces to 8 without a word."""
    if any(";16" in str(tile) for tile in getattr(opened, "tile", ())):  # PNG
        return 16
    tags = getattr(opened, "tag_v2", None)
    return max(tags.get(BITS_PER_SAMPLE, (8,))) if tags else 8


def _image_files(folder: Path) -> Iterator[Path]:
    """Images of a folder; names that begin with a dot (macOS writes `._*`) are none.

    The g and i images of a triplet count with the one in r.
    """
    return (
        path
        for path in folder.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES
        and not path.name.startswith(".")
        and not _is_of_triplet(path)
    )


def _is_of_triplet(path: Path) -> bool:
    if path.suffix.lower() not in FITS_SUFFIXES or not path.stem.endswith(("-g", "-i")):
        return False
    return path.with_name(f"{path.stem[:-1]}r{path.suffix}").exists()


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
        One row an image, sorted by objid.

    Raises
    ------
    UserError
        If the folder lacks, holds no image, two images share a name, or the
        catalogue cannot be used.
    """
    if not folder.is_dir():
        raise UserError(f"sample folder {folder}: there is no such folder")
    names = sorted(path.stem for path in _image_files(folder))
    if not names:
        raise UserError(
            f"sample folder {folder}: no image in it; expected files ending in "
            + ", ".join(IMAGE_SUFFIXES)
        )
    twice = sorted({a for a, b in zip(names, names[1:], strict=False) if a == b})
    if twice:
        raise UserError(f"sample folder {folder}: several images named {twice[0]!r}; rename one")
    known = _folder_catalogue(folder, catalogue)
    listed = pd.DataFrame({"objid": names}).merge(known, how="left", on="objid")
    listed["gz1_class"] = listed["gz1_class"].astype(object)
    return Sample(str(folder), listed[list(CATALOGUE_COLUMNS)], folder)


def _folder_catalogue(folder: Path, catalogue: Path | None) -> pd.DataFrame:
    path = catalogue or folder / "catalogue.csv"
    if catalogue is None and not path.exists():
        return pd.DataFrame(columns=list(CATALOGUE_COLUMNS)).astype({"objid": str})
    return read_catalogue(path)


def read_catalogue(path: Path) -> pd.DataFrame:
    """Read a catalogue of galaxies.

    Parameters
    ----------
    path : Path
        CSV file with a column `objid`.

    Returns
    -------
    DataFrame
        Columns `CATALOGUE_COLUMNS`; what the file does not have is missing.

    Raises
    ------
    UserError
        If the column objid lacks, an objid stands twice, or a number is none.
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
    doubled = table.loc[table["objid"].duplicated(), "objid"]
    if len(doubled):
        raise UserError(f"catalogue {path}: objid {doubled.iloc[0]} stands in more than one row")
    table = table.reindex(columns=list(CATALOGUE_COLUMNS))
    for column in CATALOGUE_COLUMNS[2:]:
        table[column] = _numbers(table[column], path)
    return table


def read_rows(path: Path) -> pd.DataFrame:
    """Read a CSV table of galaxies, identifiers and words left as they stand.

    Parameters
    ----------
    path : Path
        CSV file.

    Returns
    -------
    DataFrame
        objid and reasons are text, never missing; elsewhere an empty field is.
    """
    header = pd.read_csv(path, nrows=0).columns
    words = {"objid", "reason", "statmorph_reason"}
    missing = {name: ["", "NA", "NaN", "nan", "null"] for name in header if name not in words}
    text = dict.fromkeys([*words, "gz1_class"], str)
    return pd.read_csv(path, dtype=text, keep_default_na=False, na_values=missing)


def _numbers(column: pd.Series, path: Path) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce")
    wrong = numbers.isna() & column.notna()
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise UserError(
            f"catalogue {path}: row {row + 2}, column {column.name}: "
            f"{column.iloc[row]!r} is not a number; leave it empty where unknown"
        )
    return numbers.astype(float)
