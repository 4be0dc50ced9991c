"""The paper's pipeline over seeds: compared with nulls, and without what the proxy rules read."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from galaxy_utils.clustering.pipelines import paper_pipeline
from galaxy_utils.config import MIXTURE, TRAINING, UPSTREAM, Parameters
from galaxy_utils.evaluation.metrics import agreement, internal_scores, mixture_scores
from galaxy_utils.evaluation.nulls import NULLS, REAL, SHUFFLED_PAIRS, shuffled_pairs
from galaxy_utils.evaluation.proxy import ProxyRules
from galaxy_utils.experiments.experiment import Experiment
from galaxy_utils.experiments.partition_text import partition_as_text
from galaxy_utils.experiments.store import Row
from galaxy_utils.features.feature_table import DeepColumns
from galaxy_utils.features.run_table import read_feature_table
from galaxy_utils.morphology.columns import FIVE
from galaxy_utils.run_folder import RunFolder

Inputs = tuple[pd.DataFrame, Parameters]

_DATA = {REAL: None, **NULLS, SHUFFLED_PAIRS: shuffled_pairs}


def read_inputs(folder: RunFolder, parameters: Parameters) -> Inputs:
    """Read the feature table of a run, and the parameters."""
    table = read_feature_table(folder, parameters)
    columns = [*DeepColumns(parameters.crop)(table), *FIVE]  # what the nulls are drawn from
    return table[columns], parameters


def _ablation_pipelines(parameters: Parameters, random_state: int) -> dict[str, Pipeline]:
    """Return the three pipelines of the paper's table 1, unfitted."""
    fused = paper_pipeline(parameters, random_state)
    mixture = fused["mixture"]
    measured = ColumnTransformer([("measured", StandardScaler(), list(FIVE))])
    by_row = FunctionTransformer(np.ascontiguousarray)  # sums depend on the order in memory
    deep = ColumnTransformer([("deep", by_row, DeepColumns(parameters.crop))])
    # Full covariances cannot be estimated from deep features.
    diagonal = clone(mixture).set_params(covariance_type="diag")
    return {
        "morphology": Pipeline([("space", measured), ("mixture", clone(mixture))]),
        "deep": Pipeline([("space", deep), ("mixture", diagonal)]),
        "fused": fused,
    }


def _score_pipelines(
    pipelines: Mapping[str, Pipeline], X: pd.DataFrame, confidence: float, random_state: int
) -> list[Row]:
    """Score the partitions of fitted pipelines in every space, by mixture and by proxy rules.

    "deep" is as many principal components as the bottleneck, "latent", has dimensions.
    """
    own = {name: pipeline[:-1].transform(X) for name, pipeline in pipelines.items()}
    number = min(own["fused"].shape[1], *own["deep"].shape)
    pca = PCA(number, random_state=random_state)
    deep = pca.fit_transform(own["deep"]).astype(np.float64)
    spaces = {"morphology": own["morphology"], "deep": deep, "latent": own["fused"]}
    rules, rows = ProxyRules().classify(X), []
    for partition, pipeline in pipelines.items():
        mixture = pipeline["mixture"]
        scores = {name: internal_scores(space, mixture.labels_) for name, space in spaces.items()}
        scores["mixture"] = mixture_scores(mixture, own[partition], confidence)
        scores["rules"] = agreement(rules, mixture.labels_)
        rows += [
            {"partition": partition, "space": space, "score": score, "value": value}
            for space, values in scores.items()
            for score, value in values.items()
        ]
    return rows


def _chain_units(draws: int, seed: int) -> list[Row]:
    return [
        {"data": name, "draw": draw, "seed": seed + draw} for draw in range(draws) for name in _DATA
    ]


def _measure_chain(inputs: Inputs, unit: Row) -> list[Row]:
    X, parameters = inputs
    seed, null = unit["seed"], _DATA[unit["data"]]
    if null is not None:
        X = null(X, seed)
    pipelines = _ablation_pipelines(parameters, seed)
    for pipeline in pipelines.values():
        pipeline.fit(X)
    rows = _score_pipelines(pipelines, X, parameters.confidence, seed)
    if null is None:
        for name, pipeline in pipelines.items():
            text = partition_as_text(pipeline["mixture"].labels_)
            rows.append({"partition": name, "space": "", "score": "partition", "text": text})
    return rows


CHAIN = Experiment(
    "chain", _chain_units, _measure_chain, (*UPSTREAM, *TRAINING, *MIXTURE), inputs=read_inputs
)
"""Scores of the pipelines of table 1 over seeds, on the galaxies and on three kinds of null."""


def _circularity_units(draws: int, seed: int) -> list[Row]:
    return [{"draw": draw, "seed": seed + draw} for draw in range(draws)]


def _measure_circularity(inputs: Inputs, unit: Row) -> list[Row]:
    X, parameters = inputs
    pipeline = paper_pipeline(parameters, unit["seed"]).fit(X.drop(columns=list(FIVE)))
    return [{"score": "partition", "text": partition_as_text(pipeline["mixture"].labels_)}]


CIRCULARITY = Experiment(
    "circularity", _circularity_units, _measure_circularity, (*UPSTREAM, *TRAINING, *MIXTURE),
    inputs=read_inputs,
)  # fmt: skip
"""Partitions by the pipeline over seeds where it sees images alone, not what the rules read."""
