"""Samples of galaxies: a catalogue, and images in a folder or in memory."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from galaxy_utils.data.catalogue import (
    CATALOGUE_COLUMNS,
    FORMULA,
    match_objids,
    read_catalogue,
    rounded_objids,
)
from galaxy_utils.data.images import (
    AS_IT_IS,
    FITS_SUFFIXES,
    IMAGE_SUFFIXES,
    Image,
    ImageError,
    Reading,
    has_palette,
    name_and_suffix,
    read_image,
)
from galaxy_utils.data.survey import PIXEL
from galaxy_utils.errors import UserError


@dataclass(frozen=True)
class Sample:
    """The galaxies of a run."""

    name: str  # `sdss5000`, `hdf`, ... or the folder's path
    catalogue: pd.DataFrame  # a row per galaxy, `CATALOGUE_COLUMNS`; objid is text and unique
    folder: Path | None = None  # of the image files
    cutouts: dict[str, Image] = field(default_factory=dict)  # by objid, where held in memory
    reading: Reading = AS_IT_IS  # of the files
    notes: tuple[str, ...] = ()  # what is left out, and how the catalogue was read, for people
    recursive: bool = False  # whether images in subfolders belong to it

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
        return read_image(self.path(objid), self.reading)

    def path(self, objid: str) -> Path:
        """Image file of a galaxy; `ImageError` if there is none."""
        if objid not in self._files:
            raise ImageError("no image file")
        return self._files[objid]

    @cached_property
    def _files(self) -> dict[str, Path]:
        """Image files by objid."""
        return image_files(self.folder, self.recursive) if self.folder else {}


def image_files(folder: Path, recursive: bool = False) -> dict[str, Path]:
    """Image files of a folder by objid: the name without suffix, with it where names collide.

    Only regular files, of a FITS triplet the one in r, and no hidden files (macOS: `._*`). One
    in a subfolder is called by its path with colons, since a name with a separator would be a path
    again. A name that a spreadsheet would run as a formula gets an apostrophe.
    """
    by_name: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*") if recursive else folder.iterdir()):
        name, suffix = name_and_suffix(path)
        if suffix and path.is_file() and not name.startswith(".") and not _has_r(path, suffix):
            inside = path.parent.relative_to(folder)
            if not any(part.startswith(".") for part in inside.parts):
                name = ":".join([*inside.parts, name])
                name = f"'{name}" if re.match(FORMULA, name) else name
                by_name.setdefault(name, []).append(path)
    return {
        name if len(paths) == 1 else name + name_and_suffix(path)[1]: path
        for name, paths in by_name.items()
        for path in paths
    }


def _has_r(path: Path, suffix: str) -> bool:
    """Whether this is the FITS image in g or i of a galaxy that has one in r."""
    name = path.name.removesuffix(suffix)
    other = suffix.lower() in FITS_SUFFIXES and name.endswith(("-g", "-i", "_g", "_i"))
    return other and path.with_name(f"{name[:-1]}r{suffix}").exists()


def _left_out(folder: Path, recursive: bool) -> list[str]:
    """What lies in a folder beside images, in words: folders with images, and other files."""
    notes = []
    found = folder.rglob("*") if recursive else folder.iterdir()
    others = [p for p in found if not p.name.startswith(".") and p.suffix != ".csv"]
    folders = [path for path in others if path.is_dir() and not recursive]
    inside = [path.name for path in folders if image_files(path)]
    if inside:
        notes.append(
            f"{_examples(inside)} also hold images and are left out: name one of them, or give "
            "--recursive (RECURSIVE=1 with make)"
        )
    strange = [path.name for path in others if not path.is_dir()
               and not (path.is_file() and name_and_suffix(path)[1])]  # fmt: skip
    if strange:
        notes.append(f"{len(strange)} files are no images and are left out: {_examples(strange)}")
    return notes


def _about_pixels(paths: list[Path], reading: Reading) -> list[str]:
    """What is done to the pixels of all files, and what makes their values less sure, in words."""
    notes = []
    if reading.pixel_scale:
        notes.append(f"pixels of {reading.pixel_scale:g} arcsec are resampled to {PIXEL} arcsec")
    if few := sum(map(has_palette, paths)):
        notes.append(
            f"{few} of {len(paths)} images have a palette of at most 256 colours, which changes "
            "concentration by up to 0.9: save them in full colour"
        )
    return notes


def _examples(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in sorted(names)[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def folder_sample(
    folder: Path,
    catalogue: Path | None = None,
    recursive: bool = False,
    reading: Reading = AS_IT_IS,
) -> Sample:
    """Take every image of a folder as a sample.

    Parameters
    ----------
    folder : Path
        Folder of images; objid is the file name without its suffix, which stays where two files
        differ in nothing else.
    catalogue : Path, optional
        CSV table with a column objid that adds classes and positions; the
        folder's own `catalogue.csv` if not given and there.
    recursive : bool
        Take the images in subfolders, too.
    reading : Reading
        What the files do not say about their pixels.

    Returns
    -------
    Sample
        One row per image, sorted by objid.

    Raises
    ------
    UserError
        If the folder does not exist or has no image, or the catalogue cannot be used.
    """
    if not folder.is_dir():
        raise UserError(f"sample folder {folder}: there is no such folder")
    files = image_files(folder, recursive)
    names = pd.Series(sorted(files), dtype=str)
    notes = [*_left_out(folder, recursive), *_about_pixels(list(files.values()), reading)]
    if names.empty:
        raise UserError(
            f"sample folder {folder}: no image in it; expected files ending in "
            + ", ".join(IMAGE_SUFFIXES)
            + "".join(f"; {note}" for note in notes)
        )
    listed = names.to_frame("objid").reindex(columns=list(CATALOGUE_COLUMNS))
    listed = listed.astype({"gz1_class": object})
    if catalogue is not None or (folder / "catalogue.csv").exists():
        known = read_catalogue(catalogue or folder / "catalogue.csv")
        rows = known.set_index("objid").reindex(match_objids(names, known["objid"]))
        listed = rows.set_axis(names).rename_axis("objid").reset_index()
        n_found = int(np.sum(rows.index.notna()))
        found = f"{n_found} of {len(known)} catalogue rows have an image"
        if rows.index.isna().all():
            found += "; its column objid must hold the names of the files"
        if rounded := rounded_objids(names, known["objid"]):
            found += (
                f"; {len(rounded)} identifiers such as {rounded[0]} have lost their last digits in "
                "a program that takes them for numbers: write them as text"
            )
        notes += [found, *known.attrs["notes"]]
    return Sample(
        str(folder), listed, folder, reading=reading, notes=tuple(notes), recursive=recursive
    )
