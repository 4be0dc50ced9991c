"""The experiment `oddities`: corruptions injected into a run's galaxies, ranked by detectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import NearestNeighbors

from galaxy_utils.clustering.pipelines import paper_pipeline
from galaxy_utils.config import MIXTURE, TRAINING, UPSTREAM, Parameters, split_names
from galaxy_utils.data.images import Image
from galaxy_utils.evaluation.outliers import CONTROL, detection_scores, inject, outlier_scores
from galaxy_utils.experiments.experiment import Experiment
from galaxy_utils.experiments.images import ImageMeasurement
from galaxy_utils.experiments.store import Row
from galaxy_utils.features.feature_table import FusionColumns
from galaxy_utils.features.run_table import galaxies_of, read_feature_table
from galaxy_utils.morphology.columns import FIVE
from galaxy_utils.run_folder import RunFolder

CHANCE = "chance"
"""A detector that guesses."""


@dataclass(frozen=True)
class Inputs:
    """Feature table, parameters of the run, and what reads and measures images."""

    X: pd.DataFrame
    parameters: Parameters
    image_of: Callable[[str], Image]
    measure: Callable[[Mapping[str, Image]], pd.DataFrame]


def read_inputs(folder: RunFolder, parameters: Parameters) -> Inputs | None:
    """Read a run; None without images."""
    sample = galaxies_of(folder, parameters).sample
    if not sample.has_images:
        return None
    X = read_feature_table(folder, parameters)
    networks = [f"{name}-{parameters.framing}" for name in split_names(parameters.backbones)]
    columns = FusionColumns(FIVE, parameters.framing)(X)
    return Inputs(X[columns], parameters, sample.image, ImageMeasurement(networks))


def _units(draws: int, seed: int) -> list[Row]:
    return [{"draw": draw, "seed": seed + draw} for draw in range(draws)]


def _measure(inputs: Inputs, unit: Row) -> list[Row]:
    parameters, seed = inputs.parameters, unit["seed"]
    percent = parameters.anomaly_percent
    X, kinds = inject(inputs.X, inputs.image_of, inputs.measure, percent, seed)
    pipeline = paper_pipeline(parameters, seed)
    latent = pipeline["fuse"].fit_transform(X)
    scores = outlier_scores(
        X, latent,
        mixture=pipeline["mixture"],
        forest=IsolationForest(n_estimators=200, random_state=seed),
        neighbours=NearestNeighbors(n_neighbors=10),
    )  # fmt: skip
    injected = int((kinds.notna() & (kinds != CONTROL)).sum())
    rows = detection_scores(kinds, scores)
    rows.insert(0, "planted", injected)
    return [{str(k): v for k, v in row.items()} for row in rows.to_dict("records")]


OUTLIERS = Experiment(
    "oddities", _units, _measure, (*UPSTREAM, *TRAINING, *MIXTURE, "anomaly_percent"),
    inputs=read_inputs,
)  # fmt: skip


def detection_table(rows: pd.DataFrame, n: int) -> pd.DataFrame:
    """Summarise the rows of a sample of `n` galaxies: detectors (index), best first, `CHANCE` last.

    Columns precision, lowest, highest (over draws), auc and `auc <control>`.
    """
    named = rows.assign(column=(rows["score"] + " " + rows["kind"]).str.removesuffix(" all"))
    table = named.pivot_table("value", "detector", "column", sort=False)
    precision = rows[rows["score"] == "precision"].groupby("detector")["value"]
    table.insert(1, "lowest", precision.min())
    table.insert(2, "highest", precision.max())
    table = table.sort_values("precision", ascending=False)
    chance = float(rows["planted"].mean()) / n
    table.loc[CHANCE] = [0.5 if str(name).startswith("auc") else chance for name in table]
    return table
