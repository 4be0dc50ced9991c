"""The built-in sample: galaxies of the Hubble Deep Field image that scikit-image carries."""

from __future__ import annotations

import numpy as np
import pandas as pd

from galaxy_utils.data.catalogue import CATALOGUE_COLUMNS
from galaxy_utils.data.images import Image
from galaxy_utils.data.sample import Sample
from galaxy_utils.provenance import PACKAGE

_CENTRES = PACKAGE.parent / "data" / "hubble_deep_field.csv"
_SIDE = 64
"""Height and width of a cutout in pixels."""


def hubble_deep_field() -> Image:
    """Colour image of the Hubble Deep Field (NASA, public domain), shape (872, 1000, 3)."""
    import skimage.data

    return np.asarray(skimage.data.hubble_deep_field())


def hdf_sample() -> Sample:
    """Cut one stamp of 64 x 64 px for each galaxy of the Hubble Deep Field.

    Returns
    -------
    Sample
        Named `hdf`; objid is hdf_<row>_<column> of the centre in pixels.
    """
    field = hubble_deep_field()
    half = _SIDE // 2
    cutouts = {
        f"hdf_{row:04d}_{column:04d}": field[row - half : row + half, column - half : column + half]
        for row, column in pd.read_csv(_CENTRES).itertuples(index=False)
    }
    catalogue = pd.DataFrame({"objid": sorted(cutouts)}).reindex(columns=list(CATALOGUE_COLUMNS))
    types = {"gz1_class": object} | dict.fromkeys(CATALOGUE_COLUMNS[2:], float)
    return Sample("hdf", catalogue.astype(types), None, cutouts)
