"""What the studies take, made from a run."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from galaxy_utils.clustering import consensus
from galaxy_utils.clustering.votes import best_votes, shape_of
from galaxy_utils.config import Parameters, make_parameters, split_names
from galaxy_utils.data.images import Image, ImageError, band_mean
from galaxy_utils.data.sample import Sample
from galaxy_utils.data.split import fold_of, is_held_out
from galaxy_utils.evaluation import algorithms, known_truth, oddities, robustness
from galaxy_utils.evaluation.chain import Recipe, deep_components
from galaxy_utils.evaluation.cluster_number import judged_spaces
from galaxy_utils.evaluation.cross_validation import tables
from galaxy_utils.evaluation.search import (
    FRAMINGS,
    PAPER,
    Ingredients,
    Variant,
    as_variant,
    choose,
    variants_table,
)
from galaxy_utils.experiments.store import read_study
from galaxy_utils.features.features import Features
from galaxy_utils.features.galaxies import Galaxies
from galaxy_utils.features.kept import (
    galaxies_of,
    kept_objids,
    read_features,
    read_latent,
    read_morphology,
)
from galaxy_utils.features.named_samples import mock_folder
from galaxy_utils.morphology.measurement import FIVE, measure
from galaxy_utils.morphology.photometry import SHAPE, measure_photometry
from galaxy_utils.run_folder import RunFolder
from galaxy_utils.simulate import families as mock_families
from galaxy_utils.simulate.drawing import mock_sample

Values = NDArray[np.float64]


def for_chain(folder: RunFolder, parameters: Parameters) -> tuple[Features, Recipe]:
    """Features and recipe: for `chain.CHAIN` and `chain.CIRCULARITY`.

    Parameters
    ----------
    folder : RunFolder
        A run with sections 01 to 06 made.
    parameters : Parameters
        Its parameters.

    Returns
    -------
    tuple of Features and Recipe
        The kept galaxies, and what is done with them.
    """
    return read_features(folder), Recipe.of(parameters)


def for_cluster_number(
    folder: RunFolder, parameters: Parameters
) -> tuple[dict[str, Values], Recipe]:
    """Spaces and recipe: for `cluster_number.CLUSTER_NUMBER`.

    Parameters
    ----------
    folder, parameters
        As in `for_chain`.

    Returns
    -------
    tuple of dict and Recipe
        As of `cluster_number.judged_spaces`.
    """
    return judged_spaces(read_features(folder), read_latent(folder)), Recipe.of(parameters)


def for_algorithms(folder: RunFolder, parameters: Parameters) -> algorithms.Inputs:
    """Representations, types, recipe: for `algorithms.ALGORITHMS`.

    Parameters
    ----------
    folder, parameters
        As in `for_chain`.

    Returns
    -------
    tuple
        See `algorithms.Inputs`.
    """
    spaces = representations(folder, parameters)
    types = read_features(folder).types
    return spaces, types, Recipe.of(parameters), parameters.min_cluster_size


def representations(folder: RunFolder, parameters: Parameters) -> dict[str, Values]:
    """Every space that the labels are asked about.

    Parameters
    ----------
    folder, parameters
        As in `for_chain`.

    Returns
    -------
    dict of str to ndarray of float64, shape (n, dimension)
        The five parameters; these with axis ratio and colours; deep features
        of each framing that was measured, reduced to as many components as
        the bottleneck has; the bottleneck.
    """
    found = ingredients(folder, parameters)
    latent = read_latent(folder).astype(np.float64)
    spaces = {"five parameters": StandardScaler().fit_transform(found.five)}
    if found.shape.shape[1]:
        more = np.hstack([found.five, found.shape])
        spaces["five, axis ratio, colours"] = StandardScaler().fit_transform(more)
    for framing, deep in found.deep.items():
        reduced = deep_components(deep, latent.shape[1], parameters.seed)
        spaces[f"deep features, {framing}"] = reduced
    return {**spaces, algorithms.BOTTLENECK: latent}


def for_search(folder: RunFolder, parameters: Parameters) -> tuple[Ingredients, Recipe]:
    """Ingredients and recipe: for `search.SEARCH`.

    Parameters
    ----------
    folder, parameters
        As in `for_chain`.

    Returns
    -------
    tuple of Ingredients and Recipe
        Framings that were not measured are left out.
    """
    return ingredients(folder, parameters), Recipe.of(parameters)


def for_consensus(
    folder: RunFolder, parameters: Parameters, table: pd.DataFrame | None = None
) -> tuple[Ingredients, Recipe, dict[Variant, float]]:
    """Ingredients, recipe and the recipes that vote: for `consensus.CONSENSUS`.

    Parameters
    ----------
    folder, parameters
        As in `for_chain`.
    table : DataFrame, optional
        The search, as of `search.variants_table`; the one that the project
        carries if not given.

    Returns
    -------
    tuple of Ingredients, Recipe and dict of Variant to float
        Framings that were not measured are left out.
    """
    found = ingredients(folder, parameters)
    ranked = variants_table(read_study("search")) if table is None else table
    return found, Recipe.of(parameters), consensus.members(ranked, found)


def for_folds(
    folder: RunFolder, parameters: Parameters
) -> tuple[Ingredients, Recipe, NDArray[np.int64]]:
    """Ingredients, recipe and part of each galaxy: for `cross_validation.FOLDS`.

    Parameters
    ----------
    folder, parameters
        As in `for_chain`.

    Returns
    -------
    tuple of Ingredients, Recipe and ndarray of int64
        Framings that were not measured are left out.
    """
    return *for_search(folder, parameters), fold_of(kept_objids(folder))


def for_cross_validation(
    folder: RunFolder, parameters: Parameters, rows: pd.DataFrame | None = None
) -> tuple[Ingredients, Recipe, NDArray[np.int64], dict[int, pd.DataFrame]]:
    """As `for_folds`, and the searches: for `cross_validation.CROSS_VALIDATION`.

    Parameters
    ----------
    folder, parameters
        As in `for_chain`.
    rows : DataFrame, optional
        Result of `cross_validation.FOLDS`; the one that the project carries if not given.

    Returns
    -------
    tuple of Ingredients, Recipe, ndarray of int64 and dict of int to DataFrame
        The last from the held-out part to its search.
    """
    searched = tables(read_study("folds") if rows is None else rows)
    return *for_folds(folder, parameters), searched


def ingredients(folder: RunFolder, parameters: Parameters) -> Ingredients:
    """All measurements that recipes can be made from.

    Parameters
    ----------
    folder, parameters
        As in `for_chain`.

    Returns
    -------
    Ingredients
        Kept galaxies. Axis ratios and colours that could not be measured are
        the median of the others; where none could, there are no such columns.
    """
    features, objids = read_features(folder), kept_objids(folder)
    galaxies = galaxies_of(folder, parameters)
    row_of = {objid: row for row, objid in enumerate(galaxies.sample.catalogue["objid"])}
    rows = np.array([row_of[objid] for objid in objids])
    deep: dict[str, dict[str, NDArray[np.float32]]] = {parameters.framing: features.deep}
    for framing in FRAMINGS:
        names = {b: f"{b}-{framing}" for b in split_names(parameters.backbones)}
        measured = galaxies.measured.embeddings if galaxies.measured else {}
        if framing not in deep and all(name in measured for name in names.values()):
            deep[framing] = {b: galaxies.embedding(name)[rows] for b, name in names.items()}
    order = [f for f in FRAMINGS if f in deep] + [f for f in deep if f not in FRAMINGS]
    return Ingredients(
        features.five, shape_of(read_morphology(folder).loc[objids]),
        {f: deep[f] for f in order}, features.types, is_held_out(objids),
    )  # fmt: skip


def quality(folder: RunFolder) -> pd.DataFrame:
    """What measuring says of each kept galaxy beside the five parameters.

    Parameters
    ----------
    folder : RunFolder
        A run with sections 01 to 04 made.

    Returns
    -------
    DataFrame
        Columns flag, sn_per_pixel, n_sources, rpetro_circ; in catalogue order.
    """
    table = read_morphology(folder).loc[kept_objids(folder)]
    return table[["flag", "sn_per_pixel", "n_sources", "rpetro_circ"]].reset_index(drop=True)


def for_oddities(folder: RunFolder, parameters: Parameters) -> oddities.Inputs | None:
    """Features, pixels and what measures them: for `oddities.ODDITIES`.

    Parameters
    ----------
    folder, parameters
        As in `for_chain`.

    Returns
    -------
    tuple or None
        See `oddities.Inputs`; None where the run has no images.
    """
    sample = galaxies_of(folder, parameters).sample
    if not sample.has_images:
        return None
    image_of = partial(_image_of_row, sample, list(kept_objids(folder)))
    names = tuple(f"{b}-{parameters.framing}" for b in split_names(parameters.backbones))
    measure = partial(measure_images, names)
    features, recipe = for_chain(folder, parameters)
    return features, recipe, image_of, measure, parameters.anomaly_percent


def _image_of_row(sample: Sample, objids: list[str], row: int) -> Image:
    return sample.image(objids[row])


def measure_images(
    configurations: tuple[str, ...], images: list[Image]
) -> tuple[Values, dict[str, NDArray[np.float32]]]:
    """Measure images as a run measures its sample.

    Parameters
    ----------
    configurations : tuple of str
        `<backbone>-<framing>` of each backbone.
    images : list of ndarray of uint8, shape (height, width, 3)
        Colour composites.

    Returns
    -------
    five : ndarray of float64, shape (n, 5)
        The five parameters; NaN where one could not be measured.
    deep : dict of str to ndarray of float32, shape (n, dimension)
        Features by backbone; NaN where the image could not be embedded.
    """
    return _five_of(images), _deep_of(configurations, images)


def _five_of(images: list[Image]) -> Values:
    found = [measure(band_mean(image)) for image in images]
    return np.array([[getattr(row, name) for name in FIVE] for row in found])


def _deep_of(
    configurations: tuple[str, ...], images: list[Image]
) -> dict[str, NDArray[np.float32]]:
    from galaxy_utils.features.backbones import EmbeddingSpec
    from galaxy_utils.features.inference import embed, load_encoder

    encoders = [load_encoder(EmbeddingSpec.named(name)) for name in configurations]
    return {e.spec.backbone: embed(e, images) for e in encoders}


def for_robustness(folder: RunFolder, parameters: Parameters) -> robustness.Inputs | None:
    """Measurements, pixels and what measures them: for `robustness.ROBUSTNESS`.

    Parameters
    ----------
    folder, parameters
        As in `for_chain`.

    Returns
    -------
    robustness.Inputs or None
        Of the framings of the paper and of the profile `best`, as far as they
        were measured; None where the run has no images.
    """
    galaxies = galaxies_of(folder, parameters)
    if not galaxies.sample.has_images:
        return None
    objids = list(kept_objids(folder))
    found = ingredients(folder, parameters)
    best = best_variant()
    asked = [f for f in dict.fromkeys((PAPER.framing, best.framing)) if f in found.deep]
    seen = np.array([_has_image(galaxies.sample, objid) for objid in objids])
    number = min(robustness.GALAXIES_MANY, int(seen.sum()))
    rows = np.flatnonzero(seen)[np.linspace(0, seen.sum() - 1, number).round().astype(int)]
    order = np.random.default_rng(parameters.seed).permutation(rows)
    names = split_names(parameters.backbones)
    return robustness.Inputs(
        replace(found, held_out=np.zeros(len(objids), dtype=bool)),
        Recipe.of(parameters), best, best_votes(found), order,
        partial(_image_of_row, galaxies.sample, objids), partial(measure_framings, names, asked),
    )  # fmt: skip


def _has_image(sample: Sample, objid: str) -> bool:
    try:
        return objid in sample.cutouts or sample.path(objid).exists()
    except ImageError:
        return False


def for_known_truth(folder: RunFolder, parameters: Parameters) -> known_truth.Mocks:
    """Mock galaxies, drawn and measured as any sample is: for `known_truth.KNOWN_TRUTH`.

    Parameters
    ----------
    folder, parameters
        As in `for_chain`; the run's own galaxies take no part.

    Returns
    -------
    known_truth.Mocks
        All measurements are kept beside the mocks and taken up again.
    """
    p, best = parameters, best_variant()
    where = mock_folder(p.seed, p.mock_artefacts)
    sample = mock_sample(where, p.n_mocks, p.seed, p.mock_artefacts)
    framings = tuple(dict.fromkeys((PAPER.framing, best.framing)))
    journal = where.with_name(f"{where.name}-measured")
    morphology, deep = _measured_mocks(sample, journal, p, framings)
    whole = [np.isfinite(v).all(axis=1) for blocks in deep.values() for v in blocks.values()]
    kept = known_truth.purge_mocks(morphology, p.seed) & np.logical_and.reduce(whole)
    truth = mock_families.truth(p.n_mocks, p.seed, p.mock_artefacts)
    families = truth["family"].to_numpy(object)
    families[truth["is_artefact"].to_numpy(bool)] = None
    found = Ingredients(
        morphology[list(FIVE)].to_numpy(np.float64)[kept], shape_of(morphology[kept]),
        {f: {b: v[kept] for b, v in d.items()} for f, d in deep.items()},
        families[kept], np.zeros(int(kept.sum()), dtype=bool),
    )  # fmt: skip
    columns = ["objid", *FIVE, *SHAPE, "flag", "rpetro_circ"]
    return known_truth.Mocks(
        truth, morphology[columns].assign(kept=kept.astype(int)), p.seed,
        truth["objid"].to_numpy(str)[kept], found, Recipe.of(p), best, best_votes(found),
        p.anomaly_percent,
    )  # fmt: skip


def _measured_mocks(
    sample: Sample, journal: Path, parameters: Parameters, framings: tuple[str, ...]
) -> tuple[pd.DataFrame, dict[str, dict[str, NDArray[np.float32]]]]:
    """Morphology with axis ratio and colours, and features by framing and backbone."""
    galaxies, backbones = Galaxies(sample, None, journal), split_names(parameters.backbones)
    deep = {f: {b: galaxies.embedding(f"{b}-{f}") for b in backbones} for f in framings}
    return galaxies.measurements(parameters.engine), deep


def chosen_variant() -> Variant:
    """The recipe that the rule without labels chose in the search that the project carries.

    Returns
    -------
    Variant
        See `search.choose`.
    """
    return as_variant(choose(variants_table(read_study("search"))))


def best_variant() -> Variant:
    """The space and covariance of the profile `best`, as the search names them.

    Returns
    -------
    Variant
        Measured parameters, framing, components, covariance.
    """
    p = make_parameters("best")
    return Variant(p.measured, p.scale, p.framing, p.deep_components, "pca", p.covariance_type)


def measure_framings(
    backbones: list[str], framings: list[str], images: list[Image]
) -> robustness.Measured:
    """Measure images in several framings, with axis ratio and colours.

    Parameters
    ----------
    backbones, framings : list of str
        Every pair is a configuration.
    images : list of ndarray of uint8, shape (height, width, 3)
        Colour composites.

    Returns
    -------
    tuple
        See `robustness.Measured`.
    """
    deep = {f: _deep_of(tuple(f"{b}-{f}" for b in backbones), images) for f in framings}
    seen = [measure_photometry(image) for image in images]
    shape = np.array([[getattr(row, name) for name in SHAPE] for row in seen])
    return _five_of(images), shape, deep
