"""What a run has measured of the galaxies that it kept."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from galaxy_utils.config import (
    Parameters,
)
from galaxy_utils.features.features import Features
from galaxy_utils.features.galaxies import Galaxies, open_galaxies
from galaxy_utils.morphology.measurement import FIVE
from galaxy_utils.run_folder import DEEP, GALAXIES, KEPT, LATENT, SHAPES, WEIGHTS, RunFolder


def read_features(folder: RunFolder) -> Features:
    """The kept galaxies of a run, as the chain takes them.

    Parameters
    ----------
    folder : RunFolder
        A run with sections 01 to 05 made.

    Returns
    -------
    Features
        In catalogue order; types from `validation.SEEN_TYPES`.
    """
    from galaxy_utils.evaluation.validation import SEEN_TYPES

    kept = folder.read_table(KEPT).query("kept")["objid"]
    five = folder.read_table(SHAPES).set_index("objid").loc[kept, list(FIVE)]
    classes = folder.read_table(GALAXIES).set_index("objid").loc[kept, "gz1_class"]
    types = classes.map(SEEN_TYPES).astype(object)
    return Features(
        five.to_numpy(float), folder.read_arrays(DEEP), types.where(types.notna(), None).to_numpy()
    )


def kept_objids(folder: RunFolder) -> list[str]:
    """Galaxies that section 04 kept, in catalogue order.

    Parameters
    ----------
    folder : RunFolder
        A run with section 04 made.

    Returns
    -------
    list of str
        Their objids.
    """
    return [str(objid) for objid in folder.read_table(KEPT).query("kept")["objid"]]


def read_latent(folder: RunFolder) -> NDArray[np.float32]:
    """Bottleneck of every kept galaxy.

    Parameters
    ----------
    folder : RunFolder
        A run with section 06 made.

    Returns
    -------
    ndarray of float32, shape (n, latent_dim)
        In catalogue order.
    """
    return folder.read_arrays(LATENT)["latent"]


def read_morphology(folder: RunFolder) -> pd.DataFrame:
    """What measuring gave for every galaxy of a run.

    Parameters
    ----------
    folder : RunFolder
        A run with section 03 made.

    Returns
    -------
    DataFrame
        Index objid; columns `morphology.MORPHOLOGY_COLUMNS`.
    """
    table = folder.read_table(SHAPES)
    return table.set_index(table["objid"].astype(str))


def read_weights(folder: RunFolder) -> dict[str, NDArray[np.float32]]:
    """State of the run's autoencoder.

    Parameters
    ----------
    folder : RunFolder
        A run with section 06 made.

    Returns
    -------
    dict of str to ndarray
        As `fusion.Trained.weights`.
    """
    from safetensors.numpy import load_file

    return dict(load_file(folder.existing(WEIGHTS)))


def galaxies_of(folder: RunFolder, parameters: Parameters) -> Galaxies:
    """Open the sample of a run.

    Parameters
    ----------
    folder : RunFolder
        The run.
    parameters : Parameters
        Its parameters.

    Returns
    -------
    Galaxies
        The sample.
    """
    p = parameters
    return open_galaxies(p.sample, p.n_galaxies, p.from_pixels, folder.file("measured"))
