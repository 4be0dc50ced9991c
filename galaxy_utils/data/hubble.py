"""The built-in sample: galaxies of the Hubble Deep Field that scikit-image's wheel carries."""

from __future__ import annotations

import hashlib
import json
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from galaxy_utils.data.sample import CATALOGUE_COLUMNS, Sample
from galaxy_utils.features.preprocessing import Image, band_mean
from galaxy_utils.morphology.segmentation import segment
from galaxy_utils.provenance import modules_of, sha256_of_file, write_atomically

FIELD_CUTOUT = 64
FIELD_MINIMUM_AREA = 60
FIELD_SOURCE = "scikit-image's hubble_deep_field.jpg (NASA, public domain)"


def hubble_deep_field() -> Image:
    """Colour image of the Hubble Deep Field that scikit-image's wheel carries.

    Returns
    -------
    ndarray of uint8, shape (872, 1000, 3)
        The field.
    """
    import skimage.data

    return np.asarray(skimage.data.hubble_deep_field())


def hdf_sample(folder: Path | None = None) -> Sample:
    """Cut one stamp for each galaxy of the Hubble Deep Field.

    Sources are detected and deblended with photutils; a source is kept if it
    covers at least `FIELD_MINIMUM_AREA` pixels and a stamp of
    `FIELD_CUTOUT` pixels a side fits into the field.

    Parameters
    ----------
    folder : Path, optional
        Where the places of the sources are kept, and taken up from as long as
        the code and the libraries that find them are the same.

    Returns
    -------
    Sample
        Named `hdf`; objid is hdf_<row>_<column> of the centroid in pixels.
    """
    field_image = hubble_deep_field()
    centres = _kept_centres(field_image, folder)
    half = FIELD_CUTOUT // 2
    cutouts = {
        f"hdf_{row:04d}_{column:04d}": field_image[
            row - half : row + half, column - half : column + half
        ]
        for row, column in centres
    }
    catalogue = pd.DataFrame({"objid": sorted(cutouts)}).reindex(columns=list(CATALOGUE_COLUMNS))
    catalogue = catalogue.astype(
        {"gz1_class": object} | dict.fromkeys(CATALOGUE_COLUMNS[2:], float)
    )
    return Sample("hdf", catalogue, None, cutouts)


def _kept_centres(field_image: Image, folder: Path | None) -> list[tuple[int, int]]:
    if folder is None:
        return _field_centres(band_mean(field_image))
    path = folder / f"hdf-{_found_with()}.json"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(_field_centres(band_mean(field_image))))
        for old in set(folder.glob("hdf-*.json")) - {path}:
            old.unlink(missing_ok=True)
    return [(row, column) for row, column in json.loads(path.read_text(encoding="utf-8"))]


def _found_with() -> str:
    """Digest of the modules and libraries that find the field's sources."""
    code = [sha256_of_file(path) for path in modules_of(Path(__file__))]
    libraries = [
        metadata.version(name)
        for name in ("astropy", "numpy", "photutils", "scikit-image", "scipy")
    ]
    own = sha256_of_file(Path(__file__))
    return hashlib.sha256(" ".join([own, *code, *libraries]).encode()).hexdigest()[:12]


def _field_centres(image: NDArray[np.float64]) -> list[tuple[int, int]]:
    from skimage.measure import regionprops

    half = FIELD_CUTOUT // 2
    height, width = image.shape
    regions = [
        region
        for region in regionprops(segment(image).labels, intensity_image=image)
        if region.area >= FIELD_MINIMUM_AREA
    ]
    centres = [tuple(round(x) for x in region.centroid_weighted) for region in regions]
    return [
        (row, column)
        for row, column in centres
        if half <= row <= height - half and half <= column <= width - half
    ]
