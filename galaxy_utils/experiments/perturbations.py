"""The experiment `robustness`: the same galaxies with changed images, by several pipelines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from galaxy_utils.clustering.pipelines import MEASURED, PAPER, PipelineSpec
from galaxy_utils.config import (
    MIXTURE,
    TRAINING,
    UPSTREAM,
    Parameters,
    make_parameters,
    split_names,
)
from galaxy_utils.data.images import Image
from galaxy_utils.evaluation.perturbations import (
    ANOTHER_SEED,
    PERTURBATIONS,
    share_changed,
    share_changed_by_seed,
)
from galaxy_utils.experiments.experiment import FEW_DRAWS, Experiment
from galaxy_utils.experiments.images import ImageMeasurement, has_image
from galaxy_utils.experiments.selection import SEARCH, alternative_pipeline
from galaxy_utils.experiments.store import Row
from galaxy_utils.features.feature_table import DeepColumns
from galaxy_utils.features.run_table import galaxies_of, read_feature_table
from galaxy_utils.morphology.columns import FIVE
from galaxy_utils.morphology.photometry import SHAPE
from galaxy_utils.run_folder import RunFolder

GALAXIES_MANY, GALAXIES_FEW = 350, 16
"""How many galaxies are changed in a large and in a small experiment; in small samples one in
twenty."""

PAPER_LABEL, ALTERNATIVE_LABEL = "the paper's pipeline", "ours (profile best)"
"""Names under which the two pipelines are stored."""


def alternative_spec() -> PipelineSpec:
    """Return the space and the covariance of the profile `best`."""
    p = make_parameters("best")
    return PipelineSpec(p.measured, p.scale, p.crop, p.deep_components, "pca", p.covariance_type)


@dataclass(frozen=True)
class Inputs:
    """What the experiment takes."""

    X: pd.DataFrame
    parameters: Parameters
    objids: pd.Index
    image_of: Callable[[str], Image]
    measure: Callable[[Mapping[str, Image]], pd.DataFrame]


def read_inputs(
    folder: RunFolder, parameters: Parameters, search: pd.DataFrame | None = None
) -> Inputs | None:
    """In the crops of both pipelines, as far as they were measured; None without images."""
    sample = galaxies_of(folder, parameters).sample
    if not sample.has_images:
        return None
    crops = (PAPER.crop, alternative_spec().crop)
    X = read_feature_table(folder, parameters, crops)
    measured = [name for name in (*FIVE, *SHAPE) if name in X]
    networks = [
        f"{name}-{crop}"
        for crop in crops if DeepColumns(crop)(X)
        for name in split_names(parameters.backbones)
    ]  # fmt: skip
    X = X[[*measured, *(column for crop in crops for column in DeepColumns(crop)(X))]]
    there = np.flatnonzero([has_image(sample, objid) for objid in X.index])
    number = min(GALAXIES_MANY, len(there))
    rows = there[np.linspace(0, len(there) - 1, number).round().astype(int)]
    objids = X.index[np.random.default_rng(parameters.seed).permutation(rows)]
    return Inputs(X, parameters, objids, sample.image, ImageMeasurement(networks, shape=True))


def _pipelines(data: Inputs, seed: int) -> dict[str, Any]:
    """The paper's and ours, as far as the feature table has what they need."""
    found: dict[str, Any] = {}
    if DeepColumns(PAPER.crop)(data.X):
        found[PAPER_LABEL] = PAPER.pipeline(data.parameters, seed)
    best = alternative_spec()
    if set(MEASURED[best.measured]) <= set(data.X.columns) and DeepColumns(best.crop)(data.X):
        found[ALTERNATIVE_LABEL] = alternative_pipeline(data.parameters, seed)
    return found


def _measure(data: Inputs, unit: Row) -> list[Row]:
    X, seed = data.X, unit["seed"]
    few = min(GALAXIES_FEW, max(len(X) // 20, 2))
    objids = data.objids[: GALAXIES_MANY if unit["many"] else few]
    perturbed = {name: _perturbed(data, name, objids, seed) for name in PERTURBATIONS}
    found: list[tuple[str, str, str, float]] = []
    found.append((ANOTHER_SEED, "galaxies", "number", len(data.objids)))
    for name, pipeline in _pipelines(data, seed).items():
        other = _pipelines(data, seed + 1000)[name].fit(X)
        changed = share_changed_by_seed(pipeline.fit(X), other, X, data.objids)
        found.append((ANOTHER_SEED, name, "changed", changed))
        for change, table in perturbed.items():
            found.append((change, name, "changed", share_changed(pipeline, X, table)))
    for change, table in perturbed.items():
        found.append((change, "galaxies", "number", len(table)))
    names = ("change", "of", "score", "value")
    return [dict(zip(names, row, strict=True)) for row in found]


def _perturbed(data: Inputs, name: str, objids: pd.Index, seed: int) -> pd.DataFrame:
    """Measure changed images; galaxies that cannot be measured any more are left out."""
    rng = np.random.default_rng(seed)
    images = {
        objid: PERTURBATIONS[name](np.ma.getdata(data.image_of(objid)), rng) for objid in objids
    }
    table = data.measure(images)
    complete = np.isfinite(table.to_numpy()).all(axis=1)
    perturbed: pd.DataFrame = table.loc[complete, list(data.X.columns)]
    return perturbed


def _units(draws: int, seed: int) -> list[Row]:
    """A unit measures thousands of images: half as many as draws are asked for."""
    many = draws >= FEW_DRAWS
    number = draws // 2 if many else 1
    return [{"many": many, "draw": draw, "seed": seed + draw} for draw in range(number)]


PERTURBED = Experiment(
    "robustness", _units, _measure, (*UPSTREAM, *TRAINING, *MIXTURE), SEARCH.files,
    upstream=(SEARCH.name,), profile="best", inputs=read_inputs,
)  # fmt: skip
