"""The study of the algorithms: its rows on injected groups, and the tables made of them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from galaxy_utils.clustering.mixture import OrderedGaussianMixture
from galaxy_utils.evaluation.nulls import COPULA, REAL
from galaxy_utils.experiments.algorithms import (
    ALGORITHMS,
    BOTTLENECK,
    Inputs,
    noise_table,
    without_clusters,
)

GROUP = np.repeat([0, 1, 2], 70)
CENTRES = np.array([[0.0, 0, 0], [10, 0, 0], [0, 10, 0]])
BLOBS = CENTRES[GROUP] + np.random.default_rng(0).normal(size=(210, 3))
TYPES = np.array(["a", "b", "c"], dtype=object)[GROUP]


def measured(points: np.ndarray, what: str, types: np.ndarray = TYPES) -> pd.DataFrame:
    inputs = Inputs({BOTTLENECK: points}, types, OrderedGaussianMixture(3, n_init=2), 20)
    units = [u for u in ALGORITHMS.units(2, 0) if u["what"] == what]
    return pd.DataFrame([u | row for u in units for row in ALGORITHMS.measure(inputs, u)])


def test_injected_groups_are_found_by_every_algorithm() -> None:
    rows = measured(BLOBS, "algorithms")
    scored = rows[(rows["data"] == REAL) & (rows["score"] == "ari")]
    ari = scored.groupby("algorithm")["value"].mean()
    assert ari[["K-Means", "Gaussian mixture", "Spectral", "HDBSCAN"]].min() > 0.9
    noise = rows[(rows["score"] == "noise") & (rows["algorithm"] == "K-Means")]
    assert (noise["value"] == 0).all() and len(noise) == 4
    null = rows[rows["data"] == COPULA]
    assert set(null["score"]).isdisjoint({"ari", "ami"}), "no types for points without galaxies"
    kmeans = rows[(rows["score"] == "silhouette") & (rows["algorithm"] == "K-Means")]
    silhouette = kmeans.groupby("data")["value"].mean()
    assert silhouette[REAL] > silhouette[COPULA] + 0.05


def test_the_noise_table_tells_groups_from_one_blob_with_specks() -> None:
    groups = noise_table(measured(BLOBS, "noise"))
    real = groups[groups["data"] == REAL]
    assert real["noise"].min() < 5 and real["noise"].max() > 40
    assert real.loc[real["noise"] < 5, "has_clusters"].any()
    assert set(real["dimension"]) == {2}, "no more components than columns"
    rng = np.random.default_rng(0)
    blob = np.vstack([rng.normal(size=(300, 2)), rng.normal(40, 0.1, size=(6, 2))])
    few = noise_table(measured(blob, "noise"))
    kept = few[(few["data"] == REAL) & (few["size"] == 5) & (few["noise"] < 40)]
    assert len(kept) and not kept["has_clusters"].any() and (kept["clusters"] >= 2).any()


def test_algorithms_without_clusters_are_named() -> None:
    shares = {"clusters": [30.0, 5, 25], "specks": [0.5, 4.9, 0], "mostly not": [0.0, 30, 0]}
    table = pd.DataFrame([
        {"algorithm": name, "draw": draw, "score": "second", "value": value}
        for name, values in shares.items() for draw, value in enumerate(values)
    ])  # fmt: skip
    assert without_clusters(table) == ["specks", "mostly not"]
