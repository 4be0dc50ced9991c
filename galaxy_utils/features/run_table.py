"""The feature table of a run: what was measured of the galaxies that it kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from galaxy_utils.config import Parameters, split_names
from galaxy_utils.data.galaxy_zoo import galaxy_types
from galaxy_utils.features.feature_table import make_feature_table
from galaxy_utils.features.galaxies import Galaxies, open_galaxies
from galaxy_utils.morphology.columns import FIVE
from galaxy_utils.morphology.photometry import SHAPE
from galaxy_utils.run_folder import DEEP, GALAXIES, KEPT, LATENT, SHAPES, RunFolder

_CROP_ORDER = ("full", "half", "quarter")


def read_feature_table(
    folder: RunFolder, parameters: Parameters, crops: Sequence[str] | None = None
) -> pd.DataFrame:
    """Read the feature table of a run."""
    objids = kept_objids(folder)
    morphology = read_morphology(folder).loc[objids]
    measured = morphology[list(FIVE)].astype(np.float64)
    shape = morphology[[name for name in SHAPE if name in morphology]]
    if not shape.isna().all(axis=None):
        measured = pd.concat([measured, shape.fillna(shape.median())], axis=1)
    own = folder.read_arrays(DEEP)
    deep: dict[str, dict[str, NDArray[Any]]] = {}
    deep[parameters.crop] = {f"{b}-{parameters.crop}": v for b, v in own.items()}
    others = [crop for crop in crops or () if crop not in deep]
    if others:
        galaxies = galaxies_of(folder, parameters)
    for crop in others:
        names = [f"{backbone}-{crop}" for backbone in split_names(parameters.backbones)]
        found = galaxies.precomputed(names, objids)
        if len(found) == len(names):
            deep[crop] = found
    order = [*(c for c in _CROP_ORDER if c in deep), *(c for c in deep if c not in _CROP_ORDER)]
    return make_feature_table(measured, {k: v for crop in order for k, v in deep[crop].items()})


def read_types(folder: RunFolder) -> pd.Series:
    """Read the types of the kept galaxies according to Galaxy Zoo; None where there is none."""
    classes = folder.read_table(GALAXIES).set_index("objid")["gz1_class"]
    return galaxy_types(classes.loc[kept_objids(folder)])


def kept_objids(folder: RunFolder) -> list[str]:
    """Return the galaxies that page 04 kept, in catalogue order."""
    return [str(objid) for objid in folder.read_table(KEPT).query("kept")["objid"]]


def read_latent(folder: RunFolder) -> NDArray[np.float32]:
    """Read the bottleneck of the kept galaxies, shape (n_galaxies, latent_dim)."""
    return folder.read_arrays(LATENT)["latent"]


def read_morphology(folder: RunFolder) -> pd.DataFrame:
    """Read what was measured of every galaxy of a run; the index is objid."""
    table = folder.read_table(SHAPES)
    return table.set_index(table["objid"].astype(str))


def galaxies_of(folder: RunFolder, parameters: Parameters) -> Galaxies:
    """Open the sample of a run."""
    p = parameters
    return open_galaxies(p.sample, p.n_galaxies, p.from_pixels, folder.file("measured"))
