"""The paper's pipeline over seeds, on galaxies with planted groups."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import adjusted_rand_score, silhouette_score
from threadpoolctl import threadpool_limits

from galaxy_utils.config import Parameters
from galaxy_utils.evaluation.metrics import mixture_scores
from galaxy_utils.evaluation.nulls import (
    NULLS,
    REAL,
    SHUFFLED_PAIRS,
    SINGLE_GAUSSIAN,
    compare_scores,
)
from galaxy_utils.experiments import nulls
from galaxy_utils.experiments.nulls import CHAIN, CIRCULARITY
from galaxy_utils.features.feature_table import make_feature_table
from galaxy_utils.morphology.columns import FIVE

N = 240
GROUP = np.repeat([0, 1, 2], [100, 80, 60])
PARAMETERS = Parameters(
    hidden_dims="32", latent_dim=4, epochs=40, batch_size=32, study_components=3, n_init=2
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small networks on many threads wait for each other more than they work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(before)


def planted(apart: float) -> tuple[pd.DataFrame, Parameters]:
    """Three groups in deep features and parameters alike, as the studies take them."""
    rng = np.random.default_rng(0)
    deep = apart * np.eye(3, 12)[GROUP] + rng.normal(size=(N, 12))
    five = apart * np.eye(3, 5)[GROUP] + rng.normal(size=(N, 5))
    measured = pd.DataFrame(five, columns=list(FIVE))
    return make_feature_table(measured, {"net-full": deep.astype(np.float32)}), PARAMETERS


def test_planted_groups_are_recovered_by_every_partition_and_scored_in_every_space() -> None:
    X, parameters = planted(8)
    pipelines = nulls._ablation_pipelines(parameters, 0)
    covariances = {name: p["mixture"].covariance_type for name, p in pipelines.items()}
    assert covariances == {"morphology": "full", "deep": "diag", "fused": "full"}
    for name, pipeline in pipelines.items():
        labels = pipeline.fit(X)["mixture"].labels_
        assert adjusted_rand_score(GROUP, labels) > 0.9, name
    found = pd.DataFrame(nulls._score_pipelines(pipelines, X, 0.85, 0))
    values = found.set_index(["partition", "space", "score"])["value"]
    assert values.index.is_unique and len(found) == 3 * (3 * 3 + 5 + 4)
    z = (X[list(FIVE)] - X[list(FIVE)].mean()) / X[list(FIVE)].std(ddof=0)
    fused = pipelines["fused"]["mixture"].labels_
    expected = silhouette_score(z, fused)
    assert values["fused", "morphology", "silhouette"] == pytest.approx(expected)
    latent = pipelines["fused"]["fuse"].transform(X)
    expected = silhouette_score(latent, pipelines["deep"]["mixture"].labels_)
    assert values["deep", "latent", "silhouette"] == pytest.approx(expected, rel=1e-4)
    scores = mixture_scores(pipelines["fused"]["mixture"], latent, 0.85)
    assert values["fused", "mixture", "confident"] == scores["confident"]


def test_units_are_paired_by_their_seeds() -> None:
    units = CHAIN.units(2, 5)
    assert [unit["data"] for unit in units[:4]] == [REAL, *NULLS, SHUFFLED_PAIRS]
    assert {(unit["draw"], unit["seed"]) for unit in units} == {(0, 5), (1, 6)}
    assert CIRCULARITY.units(2, 5) == [{"draw": 0, "seed": 5}, {"draw": 1, "seed": 6}]


@pytest.mark.parametrize(("apart", "exceeds"), [(8.0, True), (0.0, False)])
def test_planted_groups_exceed_one_gaussian_and_one_gaussian_does_not(
    apart: float, exceeds: bool
) -> None:
    inputs, rows = planted(apart), []
    for seed in range(3):
        for name in (REAL, SINGLE_GAUSSIAN):
            unit = {"data": name, "draw": seed, "seed": seed}
            rows += [unit | row for row in CHAIN.measure(inputs, unit)]
    table = pd.DataFrame(json.loads(json.dumps(rows)))
    found = compare_scores(table[table["score"] == "silhouette"])
    row = found.set_index(["partition", "space", "score"]).loc["fused", "latent", "silhouette"]
    assert row["exceeds_null"] == exceeds
    real = table[table["data"] == REAL]
    silhouettes = real.query("partition == 'fused' and space == 'latent' and score == 'silhouette'")
    assert silhouettes["value"].nunique() == 3  # every seed trains another autoencoder
    texts = real[real["score"] == "partition"]
    assert sorted(texts["partition"]) == sorted(["deep", "fused", "morphology"] * 3)
    recovered = [adjusted_rand_score(GROUP, list(text)) for text in texts["text"]]
    assert (min(recovered) > 0.9) == exceeds


def test_images_alone_ignore_the_parameters() -> None:
    X, parameters = planted(2)
    other = X.assign(**dict(zip(FIVE, np.random.default_rng(1).normal(size=(5, N)), strict=True)))
    first, again = (CIRCULARITY.measure((t, parameters), {"seed": 0}) for t in (X, other))
    assert first == again and len(first[0]["text"]) == N
    clusters = CIRCULARITY.measure((planted(8)[0], parameters), {"seed": 0})[0]["text"]
    assert adjusted_rand_score(GROUP, list(clusters)) > 0.9
