"""The mixture of a run that is taught by votes, of recipes that the carried search found stable."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from galaxy_utils.clustering import consensus
from galaxy_utils.clustering.taxonomy import MixtureFit, taught_mixture
from galaxy_utils.config import Parameters
from galaxy_utils.errors import UserError
from galaxy_utils.evaluation.chain import Recipe
from galaxy_utils.evaluation.search import FRAMINGS, Ingredients, Variant, variants_table
from galaxy_utils.experiments.store import read_study
from galaxy_utils.features.kept import kept_objids, read_features, read_morphology
from galaxy_utils.morphology.photometry import SHAPE
from galaxy_utils.run_folder import RunFolder

Values = NDArray[np.float64]


def measured_only(folder: RunFolder, parameters: Parameters) -> Ingredients:
    """Measurements of the run's own framing alone, no galaxy held out.

    Parameters
    ----------
    folder, parameters
        A run with sections 01 to 05 made, and its parameters.

    Returns
    -------
    Ingredients
        As of `ingredients`.
    """
    features, objids = read_features(folder), kept_objids(folder)
    return Ingredients(
        features.five, shape_of(read_morphology(folder).loc[objids]),
        {parameters.framing: features.deep}, features.types, np.zeros(len(objids), dtype=bool),
    )  # fmt: skip


def shape_of(table: pd.DataFrame) -> Values:
    """Axis ratio and colours as recipes take them in.

    Parameters
    ----------
    table : DataFrame
        Columns `appearance.SHAPE`, NaN where one could not be measured.

    Returns
    -------
    ndarray of float64, shape (n, 3) or (n, 0)
        What could not be measured is the median of the others; no column where none could.
    """
    mine = table[list(SHAPE)]
    if mine.isna().all(axis=None):
        return np.empty((len(mine), 0))
    return mine.fillna(mine.median()).to_numpy(np.float64)


def best_votes(found: Ingredients) -> dict[Variant, float]:
    """The recipes whose votes teach the mixture of the profile `best`.

    Parameters
    ----------
    found : Ingredients
        Of any sample.

    Returns
    -------
    dict of Variant to float
        As of `consensus.members`, from the search that the project carries, of which
        the `consensus.teachers` vote.
    """
    return consensus.members(variants_table(read_study("search")), found)


def voted_mixture(
    folder: RunFolder, parameters: Parameters, latent: NDArray[np.floating]
) -> tuple[MixtureFit, Values]:
    """Make the mixture of a run from votes, where its `mixture_fit` says so.

    Parameters
    ----------
    folder, parameters
        As in `measured_only`.
    latent : ndarray of float, shape (n_galaxies, dimension)
        What is clustered.

    Returns
    -------
    fit : MixtureFit
        Taught by the recipes of the carried search that see the run's framing, or no
        image; they are made anew from the run's galaxies.
    votes : ndarray of float64, shape (n_galaxies, n_components)
        Theirs.

    Raises
    ------
    UserError
        If none of the recipes sees the run's framing.
    """
    p, found = parameters, measured_only(folder, parameters)
    mine = consensus.teachers(best_votes(found), p.framing)
    if not any(variant.framing == p.framing for variant in mine):
        raise UserError(
            f"mixture_fit=votes: no recipe of the carried search sees the framing {p.framing!r}; "
            f"take one of {', '.join(FRAMINGS)}, or mixture_fit=likelihood"
        )
    recipe = replace(Recipe.of(p), n_components=p.n_components)
    votes = consensus.taught_votes(found, mine, recipe, p.seed)
    return taught_mixture(latent, votes, p.covariance_type, p.reg_covar), votes
