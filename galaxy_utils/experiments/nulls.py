"""The paper's pipeline over seeds: compared with nulls, and without what the proxy rules read."""

from __future__ import annotations

from typing import Any

import pandas as pd

from galaxy_utils.clustering.pipelines import paper_pipeline
from galaxy_utils.config import MIXTURE, TRAINING, UPSTREAM, Parameters
from galaxy_utils.evaluation.ablation import ablation_pipelines, score_pipelines
from galaxy_utils.evaluation.metrics import agreement
from galaxy_utils.evaluation.nulls import NULLS, REAL, SHUFFLED_PAIRS, shuffled_pairs
from galaxy_utils.evaluation.proxy import ProxyRules, permuted_accuracy
from galaxy_utils.experiments.experiment import Experiment
from galaxy_utils.experiments.partition_text import partition_as_text
from galaxy_utils.experiments.store import Row
from galaxy_utils.features.feature_table import DeepColumns
from galaxy_utils.features.run_table import read_feature_table, read_types
from galaxy_utils.morphology.measurement import FIVE
from galaxy_utils.run_folder import RunFolder

Inputs = tuple[pd.DataFrame, pd.Series, Parameters]

_DATA = {REAL: None, **NULLS, SHUFFLED_PAIRS: shuffled_pairs}
_LEFT_OUT = {"nothing": (), "all five": FIVE, **{name: (name,) for name in FIVE}}


def read_inputs(folder: RunFolder, parameters: Parameters) -> Inputs:
    """Read the feature table of a run, the Galaxy Zoo types, and the parameters."""
    table = read_feature_table(folder, parameters)
    columns = [*DeepColumns(parameters.framing)(table), *FIVE]  # what the nulls are drawn from
    return table[columns], read_types(folder), parameters


def _chain_units(draws: int, seed: int) -> list[Row]:
    return [
        {"data": name, "draw": draw, "seed": seed + draw} for draw in range(draws) for name in _DATA
    ]


def _measure_chain(inputs: Inputs, unit: Row) -> list[Row]:
    X, types, parameters = inputs
    seed, null = unit["seed"], _DATA[unit["data"]]
    if null is not None:
        X = null(X, seed)
    pipelines = ablation_pipelines(parameters, seed)
    for pipeline in pipelines.values():
        pipeline.fit(X)
    scores = score_pipelines(pipelines, X, parameters.confidence, seed)
    rows: list[Any] = scores.to_dict("records")
    if null is None:
        for name, pipeline in pipelines.items():
            labels = pipeline["mixture"].labels_
            rows += [
                {"partition": name, "space": "types", "score": score, "value": value}
                for score, value in agreement(types, labels).items()
            ]
            text = partition_as_text(labels)
            rows.append({"partition": name, "space": "", "score": "partition", "text": text})
    return rows


CHAIN = Experiment(
    "chain", _chain_units, _measure_chain, (*UPSTREAM, *TRAINING, *MIXTURE), inputs=read_inputs
)
"""Scores of the pipelines of table 1 over seeds, on the galaxies and on three kinds of null."""


def _circularity_units(draws: int, seed: int) -> list[Row]:
    return [
        {"left_out": name, "draw": draw, "seed": seed + draw}
        for draw in range(draws)
        for name in _LEFT_OUT
    ]


def _measure_circularity(inputs: Inputs, unit: Row) -> list[Row]:
    X, types, parameters = inputs
    pipeline = paper_pipeline(parameters, unit["seed"])
    pipeline.fit(X.drop(columns=list(_LEFT_OUT[unit["left_out"]])))
    labels = pipeline["mixture"].labels_
    rules = ProxyRules().classify(X)
    chance = permuted_accuracy(rules, labels, unit["seed"])
    permuted = {"permuted": float(chance.mean()), "permuted_highest": float(chance.max())}
    scores = {"rules": agreement(rules, labels) | permuted, "types": agreement(types, labels)}
    return [
        {"classes": classes, "score": score, "value": value}
        for classes, found in scores.items()
        for score, value in found.items()
    ]


CIRCULARITY = Experiment(
    "circularity", _circularity_units, _measure_circularity, (*UPSTREAM, *TRAINING, *MIXTURE),
    inputs=read_inputs,
)  # fmt: skip
"""Agreement with the proxy rules where the pipeline does not see what the rules read."""
