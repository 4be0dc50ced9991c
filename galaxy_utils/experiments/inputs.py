"""What the studies take, made from a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import compress

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from galaxy_utils.clustering import consensus
from galaxy_utils.clustering.votes import shape_of
from galaxy_utils.config import Parameters, make_parameters, split_names
from galaxy_utils.data.images import Image, ImageError, band_mean
from galaxy_utils.data.sample import Sample
from galaxy_utils.data.split import fold_of, is_held_out
from galaxy_utils.evaluation import encoders
from galaxy_utils.evaluation.chain import Recipe
from galaxy_utils.evaluation.cross_validation import tables
from galaxy_utils.evaluation.search import (
    FRAMINGS,
    Ingredients,
    Variant,
    as_variant,
    choose,
    variants_table,
)
from galaxy_utils.experiments.store import read_study
from galaxy_utils.features.features import Features
from galaxy_utils.features.galaxies import Galaxies, evenly
from galaxy_utils.features.kept import (
    galaxies_of,
    kept_objids,
    read_features,
    read_morphology,
)
from galaxy_utils.morphology.measurement import FIVE, measure
from galaxy_utils.morphology.photometry import SHAPE
from galaxy_utils.run_folder import RunFolder

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


def _five_of(images: list[Image]) -> Values:
    found = [measure(band_mean(image)) for image in images]
    return np.array([[getattr(row, name) for name in FIVE] for row in found])


def for_encoders(folder: RunFolder, parameters: Parameters) -> encoders.Inputs | None:
    """Features of all encoders, plain and turned: for `encoders.STUDY`.

    Parameters
    ----------
    folder, parameters
        As in `for_chain`.

    Returns
    -------
    encoders.Inputs or None
        Of the galaxies whose images are there; None where the run has none.
        What the measured table holds of their features is taken from there.
    """
    galaxies = galaxies_of(folder, parameters)
    objids = _looked_at(galaxies.sample, kept_objids(folder))
    if not objids:
        return None
    morphology = read_morphology(folder).loc[objids]
    held_out = is_held_out(objids)
    images = [partial(galaxies.sample.image, objid) for objid in objids]
    turned = _turned(list(compress(images, held_out)), parameters.seed)
    many = len(images) >= encoders.MANY
    plain = _all_features(images, parameters.seed, many, _carried(galaxies, objids))
    again = _all_features(turned, parameters.seed, many, {})
    plain[encoders.FIVE] = morphology[list(FIVE)].to_numpy(np.float32)
    again[encoders.FIVE] = _five_of([image() for image in turned]).astype(np.float32)
    type_of = dict(zip(kept_objids(folder), read_features(folder).types, strict=True))
    return encoders.whole(encoders.Inputs(
        encoders.with_pairs({k: plain[k] for k in again}), encoders.with_pairs(again),
        np.array([type_of[objid] for objid in objids], object), held_out,
        morphology[[*FIVE, *(name for name in SHAPE if name in morphology)]],
        Recipe.of(parameters),
    ))  # fmt: skip


def _looked_at(sample: Sample, objids: list[str]) -> list[str]:
    """Galaxies with an image; of a small sample a few."""
    found = [o for o in objids if _has_image(sample, o)] if sample.has_images else []
    if not found or len(found) >= encoders.MANY:
        return found
    return list(evenly(pd.DataFrame({"objid": found}), encoders.FEW)["objid"])


def _turned(images: Sequence[Callable[[], Image]], seed: int) -> list[Callable[[], Image]]:
    """The same images, each turned by an angle of its own when it is called for."""
    angles = np.random.default_rng(seed).uniform(0, 360, len(images))
    return [partial(_turned_image, *pair) for pair in zip(images, angles, strict=True)]


def _turned_image(image: Callable[[], Image], angle: float) -> Image:
    return encoders.turn_by(image(), angle)


def carried_features(folder: RunFolder, parameters: Parameters) -> encoders.Features:
    """Features of the kept galaxies by encoder, as far as the measured table has them.

    Parameters
    ----------
    folder, parameters
        As in `for_chain`.

    Returns
    -------
    dict of str to ndarray of float32, shape (n, dimension)
        Empty where everything was measured from pixels.
    """
    return _carried(galaxies_of(folder, parameters), kept_objids(folder))


def _carried(galaxies: Galaxies, objids: list[str]) -> encoders.Features:
    """Features that the measured table has already, by encoder."""
    if galaxies.measured is None:
        return {}
    row_of = {objid: row for row, objid in enumerate(galaxies.sample.catalogue["objid"])}
    rows = np.array([row_of[objid] for objid in objids])
    names = {name: "-".join(which) for name, which in encoders.CONFIGURATIONS.items()}
    there = galaxies.measured.embeddings
    return {k: galaxies.embedding(v)[rows] for k, v in names.items() if v in there}


def _all_features(
    images: Sequence[Callable[[], Image]], seed: int, many: bool, carried: encoders.Features
) -> encoders.Features:
    """Features by encoder; of a small sample not those of every framing."""
    from galaxy_utils.features.backbones import EmbeddingSpec
    from galaxy_utils.features.galaxy_convnext import random_network
    from galaxy_utils.features.inference import embed, engine_name, load_encoder, make_encoder

    found = dict(carried)
    for name, which in encoders.CONFIGURATIONS.items():
        if name not in found and (many or name not in encoders.SPARED):
            found[name] = embed(load_encoder(EmbeddingSpec.named("-".join(which))), images)
    spec = EmbeddingSpec("galaxy_convnext", "quarter")
    network = random_network(seed)
    found[encoders.RANDOM] = embed(make_encoder(spec, network, engine_name()), images)
    mirrored = embed(load_encoder(spec), [partial(_mirrored, i) for i in images])
    found[encoders.MIRRORED] = np.asarray((found[encoders.GALAXY] + mirrored) / 2, np.float32)
    found[encoders.PIXELS] = np.stack([encoders.pixels(image()) for image in images])
    return found


def _mirrored(image: Callable[[], Image]) -> Image:
    return np.ascontiguousarray(image()[:, ::-1])


def _has_image(sample: Sample, objid: str) -> bool:
    try:
        return objid in sample.cutouts or sample.path(objid).exists()
    except ImageError:
        return False


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
