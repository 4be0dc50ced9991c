"""The mixtures of table 1 on galaxies with planted groups."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import adjusted_rand_score, silhouette_score
from threadpoolctl import threadpool_limits

from galaxy_utils.clustering.mixture import OrderedGaussianMixture
from galaxy_utils.config import Parameters
from galaxy_utils.evaluation.ablation import ablation_pipelines, resample_scores, score_pipelines
from galaxy_utils.evaluation.metrics import internal_scores, mixture_scores
from galaxy_utils.evaluation.resampling import interval
from galaxy_utils.features.feature_table import make_feature_table
from galaxy_utils.morphology.measurement import FIVE

N = 240
GROUP = np.repeat([0, 1, 2], N // 3)
PARAMETERS = Parameters(
    hidden_dims="32", latent_dim=4, epochs=40, batch_size=32, judged_components=3, n_init=2
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small networks on many threads wait for each other more than they work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(before)


def planted(apart: float) -> pd.DataFrame:
    """A feature table with three groups in both modalities."""
    rng = np.random.default_rng(0)
    deep = apart * np.eye(3, 12)[GROUP] + rng.normal(size=(N, 12))
    five = apart * np.eye(3, 5)[GROUP] + rng.normal(size=(N, 5))
    measured = pd.DataFrame(five, columns=list(FIVE))
    return make_feature_table(measured, {"net-eq1": deep.astype(np.float32)})


def test_planted_groups_are_recovered_by_every_partition_and_scored_in_every_space() -> None:
    X = planted(8)
    pipelines = ablation_pipelines(PARAMETERS, 0)
    covariances = {name: p["mixture"].covariance_type for name, p in pipelines.items()}
    assert covariances == {"morphology": "full", "deep": "diag", "fused": "full"}
    for name, pipeline in pipelines.items():
        labels = pipeline.fit(X)["mixture"].labels_
        assert adjusted_rand_score(GROUP, labels) > 0.9, name
    found = score_pipelines(pipelines, X, 0.85, 0).set_index(["partition", "space", "score"])
    assert found.index.is_unique and len(found) == 3 * (3 * 3 + 5 + 4)
    values = found["value"]
    z = (X[list(FIVE)] - X[list(FIVE)].mean()) / X[list(FIVE)].std(ddof=0)
    fused = pipelines["fused"]["mixture"].labels_
    expected = silhouette_score(z, fused)
    assert values["fused", "morphology", "silhouette"] == pytest.approx(expected)
    latent = pipelines["fused"]["fuse"].transform(X)
    expected = silhouette_score(latent, pipelines["deep"]["mixture"].labels_)
    assert values["deep", "latent", "silhouette"] == pytest.approx(expected, rel=1e-4)
    scores = mixture_scores(pipelines["fused"]["mixture"], latent, 0.85)
    assert values["fused", "mixture", "confident"] == scores["confident"]


POINTS = 3 * np.eye(3, 2)[GROUP] + np.random.default_rng(1).normal(size=(N, 2))


def test_intervals_of_resampled_galaxies_hold_the_value() -> None:
    mixture = OrderedGaussianMixture(3, random_state=0).fit(POINTS)
    draws = resample_scores(mixture, POINTS, 0.85, 0)
    scores = internal_scores(POINTS, mixture.labels_) | mixture_scores(mixture, POINTS, 0.85)
    assert len(draws) == 200
    for name in draws:
        low, high = interval(draws[name])
        assert low < scores[name] < high, name
        assert high - low < 0.8 * abs(scores[name]), name
    share = scores["confident"] / 100  # a binomial interval
    half = 100 * 1.96 * (share * (1 - share) / N) ** 0.5
    low, high = interval(draws["confident"])
    assert (low, high) == pytest.approx((100 * share - half, 100 * share + half), abs=1.5)


def test_a_single_cluster_has_no_interval() -> None:
    draws = resample_scores(OrderedGaussianMixture(1).fit(POINTS), POINTS, 0.85, 0)
    assert draws[["silhouette", "davies_bouldin", "calinski_harabasz"]].isna().all(axis=None)
    assert (draws["confident"] == 100).all()
