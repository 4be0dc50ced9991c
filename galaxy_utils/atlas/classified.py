"""What `classify` found of new galaxies, as an atlas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from galaxy_utils.atlas.data import PARTS, Atlas, describe, neighbours, parts, spread, with_ari
from galaxy_utils.atlas.pictures import thumbnails
from galaxy_utils.clustering.classifier import GalaxyClassifier
from galaxy_utils.data.galaxy_zoo import galaxy_types
from galaxy_utils.data.sample import Sample
from galaxy_utils.evaluation.drift import Drift
from galaxy_utils.ledger.templates import plural

MOST = 20_000
"""Galaxies on a page, which with more of them would be slow to open."""


def collect_classified(
    sample: Sample, table: pd.DataFrame, space: NDArray[np.float64],
    model: GalaxyClassifier, drift: Drift,
) -> Atlas:  # fmt: skip
    """Collect what a page shows of classified galaxies.

    Galaxies without a cluster come first, then the least likely ones. Where there are more than
    `MOST`, a note says that the others are left out.

    Parameters
    ----------
    sample : Sample
        Images of the new galaxies.
    table, space : DataFrame and ndarray of shape (n_classified, dimension)
        From `GalaxyClassifier.classify`, the table with what else is known of the galaxies.
    model : GalaxyClassifier
        That classified them.
    drift : Drift
        How far they lie from the known galaxies.

    Returns
    -------
    Atlas
        Its first axes are principal components of the known galaxies in the space of the model.
    """
    assert sample.folder is not None
    n_lost = int(table["cluster"].isna().sum())
    rows = np.argsort(table["log_likelihood"].to_numpy(float, na_value=np.nan), kind="stable")
    rows = np.roll(rows, n_lost)[:MOST]  # missing values were sorted to the end
    catalogue = table.iloc[rows].reset_index(drop=True)
    notes = [*([drift.sentence()] if drift.outside else []), *sample.notes]
    if len(catalogue) < len(table):
        notes.append(f"This page shows {len(catalogue)} galaxies; galaxies.csv holds all.")
    kept = np.arange(min(n_lost, len(catalogue)), len(catalogue))
    places = np.full((len(table), space.shape[1]), np.nan)
    places[table["cluster"].notna()] = space
    components, pipelines = _divided(model, catalogue, places[rows][kept], kept)
    name = sample.folder.resolve().name
    pictures = thumbnails(sample, catalogue["objid"], notes)
    data = describe(name, catalogue, pictures, notes) | {
        "layout": {"component_1": components[:, 0], "component_2": components[:, 1]},
        "pipelines": pipelines, "own": model.pipeline[-1].n_components, "listed": True,
    }  # fmt: skip
    layout = pd.DataFrame(components, columns=["x", "y"])
    text = (_summary(table, model.about), *([] if drift.outside else [drift.sentence()]))
    tables = {"The clusters of the model": model.clusters()}
    if len(drift.parameters):
        tables["Medians of these and of the known galaxies, with their distance"] = drift.parameters
    return Atlas(data, catalogue, layout, pictures, f"{name}, classified", text, tables)


def _divided(
    model: GalaxyClassifier,
    catalogue: pd.DataFrame,
    space: NDArray[np.float64],
    kept: NDArray[np.intp],
) -> tuple[NDArray[np.float32], list[dict[str, Any]]]:
    """Two principal components of each galaxy, and the clusters that the model has given them."""
    n, number = len(catalogue), model.pipeline[-1].n_components
    components = np.full((n, 2), np.nan, np.float32)
    if len(kept) == 0:
        return components, []
    components[kept] = PCA(2).fit(model.space).transform(space)
    mine = catalogue.iloc[kept]
    shares = mine[[f"p_{cluster}" for cluster in range(number)]].to_numpy(np.float64)
    choice = parts(mine["cluster"].to_numpy(np.int64), shares)
    if "gz1_class" in mine:
        choice |= with_ari(galaxy_types(mine["gz1_class"]), choice)
    for part in PARTS:
        choice[part] = spread(choice[part], kept, n)
    near = spread(neighbours(space, kept), kept, n, fill=n)
    return components, [{"name": "fitted before", "neighbours": near, "choices": {number: choice}}]


def _summary(table: pd.DataFrame, about: Mapping[str, Any]) -> str:
    has = table["cluster"].notna()
    return (
        f"{plural(len(table), 'image', 'images')}, {has.sum()} with a cluster, "
        f"{table['is_anomaly'].sum()} of them called anomalies. Model: {about['pipeline']}, fitted "
        f"to {about['galaxies']} galaxies of {about['sample']}, seed {about['seed']}, code "
        f"{about['code']}. Galaxies without a cluster are listed first, then the least likely ones."
    )
