"""The experiment `robustness`: the same galaxies with changed images, by several pipelines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
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
    cluster_changes,
    feature_shifts,
    parameter_shifts,
    seed_changes,
)
from galaxy_utils.experiments.experiment import FEW_DRAWS, Experiment
from galaxy_utils.experiments.images import ImageMeasurement, has_image
from galaxy_utils.experiments.selection import SEARCH, alternative_pipeline
from galaxy_utils.experiments.store import Row
from galaxy_utils.features.feature_table import DeepColumns
from galaxy_utils.features.run_table import galaxies_of, read_feature_table
from galaxy_utils.morphology.measurement import FIVE
from galaxy_utils.morphology.photometry import SHAPE
from galaxy_utils.run_folder import RunFolder

GALAXIES_MANY, GALAXIES_FEW = 350, 16
"""How many galaxies are changed in a large and in a small experiment; in small samples one in
twenty."""

PAPER_LABEL, ALTERNATIVE_LABEL = "the paper's recipe", "ours (profile best)"
"""Names under which the two pipelines are stored."""


def alternative_spec() -> PipelineSpec:
    """Return the space and the covariance of the profile `best`."""
    p = make_parameters("best")
    return PipelineSpec(p.measured, p.scale, p.framing, p.deep_components, "pca", p.covariance_type)


def is_available(spec: PipelineSpec, X: pd.DataFrame) -> bool:
    """Tell whether a feature table has what a pipeline needs."""
    measured = set(MEASURED[spec.measured]) <= set(X.columns)
    return measured and (spec.crop == "none" or bool(DeepColumns(spec.crop)(X)))


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
    """The paper's and ours, and parts of them fitted by likelihood."""
    best = alternative_spec()
    specs = {
        PAPER_LABEL: PAPER,
        ALTERNATIVE_LABEL: best,
        "five parameters alone": replace(best, measured="five", crop="none"),
        f"deep features alone, {PAPER.crop}": replace(best, measured="none", crop=PAPER.crop),
        f"deep features alone, {best.crop}": replace(best, measured="none"),
    }
    return {
        name: alternative_pipeline(data.parameters, seed)
        if name == ALTERNATIVE_LABEL
        else spec.pipeline(data.parameters, seed)
        for name, spec in specs.items()
        if is_available(spec, data.X)
    }


def _measure(data: Inputs, unit: Row) -> list[Row]:
    X, confidence, seed = data.X, data.parameters.confidence, unit["seed"]
    few = min(GALAXIES_FEW, max(len(X) // 20, 2))
    objids = data.objids[: GALAXIES_MANY if unit["many"] else few]
    perturbed = {name: _perturbed(data, name, objids, seed) for name in PERTURBATIONS}
    by_seed, clusters = [], []
    for name, pipeline in _pipelines(data, seed).items():
        other = _pipelines(data, seed + 1000)[name].fit(X)
        moved = seed_changes(pipeline.fit(X), other, X, data.objids, confidence)
        by_seed.append(moved.assign(of=name))
        clusters.append(cluster_changes(pipeline, X, perturbed, confidence).assign(of=name))
    tables = [*by_seed, _galaxies(number=len(data.objids))]
    tables = [table.assign(change=ANOTHER_SEED) for table in tables]
    for change, table in perturbed.items():
        found = [parameter_shifts(X, table), feature_shifts(X, table)] if len(table) > 1 else []
        found.append(_galaxies(lost=1 - len(table) / len(objids), number=len(table)))
        tables += [each.assign(change=change) for each in found]
    rows = pd.concat([*tables, *clusters])[["change", "of", "score", "value"]]
    return [{str(k): v for k, v in row.items()} for row in rows.to_dict("records")]


def _perturbed(data: Inputs, name: str, objids: pd.Index, seed: int) -> pd.DataFrame:
    """Measure changed images; galaxies that cannot be measured any more are left out."""
    rng = np.random.default_rng(seed)
    images = {objid: PERTURBATIONS[name](data.image_of(objid), rng) for objid in objids}
    table = data.measure(images)
    complete = np.isfinite(table.to_numpy()).all(axis=1)
    perturbed: pd.DataFrame = table.loc[complete, list(data.X.columns)]
    return perturbed


def _galaxies(**scores: float) -> pd.DataFrame:
    return pd.DataFrame({"of": "galaxies", "score": list(scores), "value": list(scores.values())})


def _units(draws: int, seed: int) -> list[Row]:
    """A unit measures thousands of images: half as many as draws are asked for."""
    many = draws >= FEW_DRAWS
    number = draws // 2 if many else 1
    return [{"many": many, "draw": draw, "seed": seed + draw} for draw in range(number)]


PERTURBED = Experiment(
    "robustness", _units, _measure, (*UPSTREAM, *TRAINING, *MIXTURE), SEARCH.files,
    upstream=(SEARCH.name,), profile="best", inputs=read_inputs,
)  # fmt: skip
