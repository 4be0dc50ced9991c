"""The introduction's algorithms in every representation, on subsamples, with nulls."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student
from sklearn.cluster import HDBSCAN
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler
from statsmodels.stats.multitest import multipletests

from galaxy_utils.clustering.algorithms import introduction_algorithms, limit_cluster_size
from galaxy_utils.clustering.mixture import OrderedGaussianMixture
from galaxy_utils.clustering.pipelines import CANDIDATE_CROPS, paper_pipeline
from galaxy_utils.config import MIXTURE, SPACE, TRAINING, UPSTREAM, Parameters
from galaxy_utils.evaluation import nulls
from galaxy_utils.evaluation.metrics import AGREEMENT
from galaxy_utils.evaluation.nulls import COPULA, REAL
from galaxy_utils.evaluation.partitions import (
    SMALLEST_PERCENT,
    compare_partitions,
    partition_sizes,
)
from galaxy_utils.evaluation.resampling import SHARE, subsample
from galaxy_utils.experiments.experiment import Experiment
from galaxy_utils.experiments.store import Row
from galaxy_utils.features.feature_table import DeepColumns
from galaxy_utils.features.run_table import read_feature_table, read_latent, read_types
from galaxy_utils.morphology.columns import FIVE
from galaxy_utils.morphology.photometry import SHAPE
from galaxy_utils.run_folder import RunFolder

BOTTLENECK = "bottleneck"
"""Name of the run's latent space among the representations."""

DIMENSIONS, CLUSTER_SIZES, N_NEIGHBOURS = (2, 5, 10, 20, 64), (5, 10, 25, 50, 100), (1, 5, 25)
"""Settings of HDBSCAN that are tried."""

SCORES = (
    "davies_bouldin", "silhouette", "calinski_harabasz", "noise", "clusters", "largest", "second",
)  # fmt: skip


@dataclass(frozen=True)
class Inputs:
    """Representations of the galaxies by name, their types, and the run's mixture."""

    representations: dict[str, NDArray[np.float64]]
    types: NDArray[np.object_]
    mixture: OrderedGaussianMixture
    min_cluster_size: int


def read_inputs(folder: RunFolder, parameters: Parameters) -> Inputs:
    """Read a run: its measured parameters, its deep features by crop, its bottleneck.

    Deep features are reduced to as many principal components as the bottleneck has columns.
    """
    table = read_feature_table(folder, parameters, CANDIDATE_CROPS)
    latent = read_latent(folder).astype(np.float64)
    five = table[list(FIVE)].to_numpy()
    spaces = {"five parameters": StandardScaler().fit_transform(five)}
    shape = [name for name in SHAPE if name in table]
    if shape:
        measured = np.hstack([five, table[shape].to_numpy()])
        spaces["five, axis ratio, colours"] = StandardScaler().fit_transform(measured)
    for crop in (*CANDIDATE_CROPS, parameters.crop):
        columns, name = DeepColumns(crop)(table), f"deep features, {crop}"
        if columns and name not in spaces:
            deep = np.ascontiguousarray(table[columns].to_numpy())
            number = min(latent.shape[1], *deep.shape)
            reduced = PCA(number, random_state=parameters.seed).fit_transform(deep)
            spaces[name] = np.asarray(reduced, np.float64)
    types = read_types(folder).to_numpy(object)
    mixture = paper_pipeline(parameters)["mixture"]
    return Inputs({**spaces, BOTTLENECK: latent}, types, mixture, parameters.min_cluster_size)


def _units(draws: int, seed: int) -> list[Row]:
    units: list[Row] = [
        {"what": "noise", "dimension": d, "draw": 0, "seed": seed, "data": name}
        for d in DIMENSIONS
        for name in (REAL, COPULA)
    ]
    for draw in range(draws):
        base = {"what": "algorithms", "draw": draw, "seed": seed + draw}
        units += [{**base, "data": name} for name in (REAL, COPULA)]
    return units


def _measure(inputs: Inputs, unit: Row) -> list[Row]:
    if unit["what"] == "noise":
        return _noise_rows(inputs, unit)
    rows: list[Row] = []
    for name, X in inputs.representations.items():
        rows += [{"representation": name} | row for row in _algorithm_rows(inputs, X, unit)]
    return rows


def _data(X: NDArray[np.float64], unit: Row) -> NDArray[np.float64]:
    return X if unit["data"] == REAL else nulls.NULLS[unit["data"]](X, unit["seed"])


def _noise_rows(inputs: Inputs, unit: Row) -> list[Row]:
    latent, dimension = inputs.representations[BOTTLENECK], unit["dimension"]
    if dimension > min(latent.shape):
        return []
    pca = PCA(dimension, random_state=unit["seed"])
    leading, rows = pca.fit_transform(_data(latent, unit)), []
    for size in CLUSTER_SIZES:
        for samples in (s for s in N_NEIGHBOURS if s < len(latent) // 2):
            smallest = limit_cluster_size(size, len(latent))
            model = HDBSCAN(min_cluster_size=smallest, min_samples=samples, copy=True)
            sizes = partition_sizes(model.fit_predict(leading))
            key = {"size": size, "samples": samples}
            rows += [{**key, "score": score, "value": value} for score, value in sizes.items()]
    return rows


def _algorithm_rows(inputs: Inputs, X: NDArray[np.float64], unit: Row) -> list[Row]:
    drawn = subsample(len(X), unit["seed"])
    X = _data(X, unit)[drawn]
    types = inputs.types[drawn] if unit["data"] == REAL else None
    algorithms = introduction_algorithms(
        inputs.mixture, inputs.min_cluster_size, len(X), unit["seed"]
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Graph is not fully connected")
        partitions = {name: model.fit_predict(X) for name, model in algorithms.items()}
    table = compare_partitions(X, partitions, types)
    scores = SCORES if types is None else (*SCORES, *AGREEMENT)
    return [
        {"algorithm": name, "score": score, "value": float(table.loc[name, score])}
        for name in table.index
        for score in scores
    ]


ALGORITHMS = Experiment(
    "algorithms", _units, _measure, (*UPSTREAM, *TRAINING, *SPACE, *MIXTURE, "min_cluster_size"),
    ("efficientnet_lite0-half.npz", "efficientnet_lite0-quarter.npz"), inputs=read_inputs,
)  # fmt: skip
"""Every algorithm in every representation on subsamples; HDBSCAN's noise."""


def noise_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return HDBSCAN's noise and clusters, one row per setting.

    Columns data, dimension, size, samples, those of `partition_sizes`, and has_clusters: whether
    the second-largest cluster is one and not a speck.
    """
    keys = ["data", "dimension", "size", "samples"]
    found = rows[rows["what"] == "noise"]
    wide = found.pivot(index=keys, columns="score", values="value").reset_index()
    wide = wide.astype({name: int for name in keys[1:]}).rename_axis(columns=None)
    return wide.assign(has_clusters=wide["second"] >= SMALLEST_PERCENT)


def without_clusters(rows: pd.DataFrame) -> list[str]:
    """Return the algorithms that find no second cluster in half of the subsamples or more.

    What they find agrees with nothing by construction. Takes columns algorithm, score, value.
    """
    second = rows[rows["score"] == "second"]
    none = (second["value"] < SMALLEST_PERCENT).groupby(second["algorithm"], sort=False).mean()
    return [str(name) for name in none.index[none >= 0.5]]


def paired_tests(table: pd.DataFrame, score: str) -> pd.DataFrame:
    """Test every pair of algorithms on the same subsamples, from columns algorithm, draw, value.

    Columns first, second, difference (mean of first minus second), low, high (95 % interval), p,
    p_holm. Subsamples overlap, so that the variance is the delete-d jackknife's (Shao & Wu 1989,
    Ann. Stat. 17, 1176); pairs with fewer than three common subsamples are left out.
    """
    wide = table[table["score"] == score].pivot(index="draw", columns="algorithm", values="value")
    rows = []
    for first, second in combinations(wide.columns, 2):
        difference = (wide[first] - wide[second]).dropna()
        if len(difference) < 3:
            continue
        mean, spread = float(difference.mean()), float(difference.std(ddof=0))
        error = max(np.sqrt(SHARE / (1 - SHARE)) * spread, 1e-12)
        freedom = len(difference) - 1
        half = float(student.ppf(0.975, freedom)) * error
        p = 2 * float(student.sf(abs(mean) / error, freedom))
        rows.append((first, second, mean, mean - half, mean + half, p))
    columns = ["first", "second", "difference", "low", "high", "p"]
    tests = pd.DataFrame(rows, columns=columns)
    return tests.assign(p_holm=multipletests(tests["p"], method="holm")[1] if rows else [])
