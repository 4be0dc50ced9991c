"""Selecting a pipeline without labels, and comparing partitions with classes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from galaxy_utils.clustering.mixture import OrderedGaussianMixture
from galaxy_utils.clustering.pipelines import PipelineSpec
from galaxy_utils.config import make_parameters
from galaxy_utils.evaluation.selection import (
    SPEC_FIELDS,
    candidate_spaces,
    compare_with_classes,
    distilled_spec,
    eligible,
    half_stability,
    halves,
    measured_kmeans,
    score_candidates,
    voting_members,
    voting_mixture,
)
from galaxy_utils.features.feature_table import make_feature_table
from galaxy_utils.morphology.columns import FIVE

RNG = np.random.default_rng(0)
GROUP = np.arange(240) % 3
PARAMETERS = make_parameters("smoke", {"study_components": 3})


def table() -> pd.DataFrame:
    centres = 3.0 * RNG.normal(size=(3, 5))
    measured = pd.DataFrame(centres[GROUP] + RNG.normal(size=(240, 5)), columns=list(FIVE))
    deep = {"net-quarter": (RNG.normal(size=(240, 30)) + GROUP[:, None]).astype(np.float32)}
    return make_feature_table(measured, deep)


X = table()


def test_the_halves_are_disjoint_and_complete() -> None:
    one, other = halves(11, 0)
    assert sorted([*one, *other]) == list(range(11)) and abs(len(one) - len(other)) == 1


def test_groups_are_stable_and_one_gaussian_is_not() -> None:
    mixtures = {"diag": OrderedGaussianMixture(3, covariance_type="diag", n_init=3)}
    grouped = half_stability("passthrough", X[list(FIVE)].to_numpy(), mixtures, 3, 0)
    single = half_stability("passthrough", RNG.normal(size=(240, 5)), mixtures, 3, 0)
    assert grouped["diag"].mean() > 0.9 > 0.5 > single["diag"].mean()


def test_a_candidate_with_groups_exceeds_its_null() -> None:
    found = score_candidates(PipelineSpec("five", "z", "none", 0, "pca"), X, PARAMETERS, 2, 0)
    assert list(found.index) == ["full", "tied", "diag", "spherical"]
    assert found.loc["diag", "stability"] > found.loc["diag", "null_stability"] + 0.2
    assert found["smallest"].between(0.2, 1 / 3).all()


def rows() -> pd.DataFrame:
    specs = [
        ("five", "z", "none", 0, "pca", "diag", 0.9, 0.8, 0.3),  # corrected 0.5
        ("five", "z", "quarter", 4, "pca", "full", 0.9, 0.5, 0.3),  # 0.8
        ("five", "rank", "quarter", 8, "pca", "diag", 0.8, 0.5, 0.3),  # 0.6
        ("five", "z", "full", 4, "pca", "full", 0.7, 0.5, 0.3),  # another crop
        ("five", "z", "quarter", 64, "plain", "full", 0.95, 0.5, 0.3),  # trains a network
        ("five+axis", "z", "quarter", 4, "pca", "full", 0.95, 0.5, 0.3),  # not measured here
        ("five", "z", "quarter", 4, "pca", "tied", 0.4, 0.5, 0.3),  # below its null
        ("five", "z", "quarter", 4, "pca", "spherical", 0.9, 0.5, 0.01),  # a tiny cluster
    ]
    columns = [*SPEC_FIELDS, "stability", "null_stability", "smallest"]
    return pd.DataFrame(specs, columns=columns)


def test_only_stable_candidates_with_real_clusters_are_eligible_best_first() -> None:
    found = eligible(rows())
    assert len(found) == 6 and found["corrected"].is_monotonic_decreasing
    assert found["corrected"].iloc[-1] == pytest.approx(0.4)


def test_members_use_one_crop_train_no_network_and_weigh_by_corrected_stability() -> None:
    members = voting_members(rows(), X)
    assert {str(spec): round(weight, 6) for spec, weight in members.items()} == {
        "five (z), quarter pca 4, full": 0.8,
        "five (rank), quarter pca 8, diag": 0.6,
        "five (z), diag": 0.5,
    }
    assert distilled_spec(members) == PipelineSpec("five", "rank", "quarter", 8, "pca", "diag")
    assert voting_members(rows().query("crop == 'none'"), X) == {}


def test_the_ensemble_recovers_groups_in_galaxies_that_it_was_not_fitted_to() -> None:
    train = np.arange(240) % 4 != 0
    fitted = voting_mixture(voting_members(rows(), X), PARAMETERS, 0).fit(X[train])
    assert adjusted_rand_score(GROUP[~train], fitted.predict(X[~train])) > 0.9
    simple = measured_kmeans(3, 0).fit(X[train])
    assert adjusted_rand_score(GROUP[~train], simple.predict(X[~train])) > 0.9


def test_partitions_are_compared_on_the_same_resampled_galaxies() -> None:
    types = np.array(["a", "b", "c"], object)[GROUP]
    types[:10] = None
    noise = RNG.integers(0, 3, 240)
    scores, draws = compare_with_classes(types, {"truth": GROUP, "again": GROUP, "noise": noise}, 0)
    assert scores.loc["truth", "ari"] == 1.0 > 0.1 > scores.loc["noise", "ari"]
    assert (draws["truth"] == draws["again"]).all() and draws["noise"].std() > 0


def test_every_candidate_is_listed_once() -> None:
    found = candidate_spaces()
    assert len(found) == len(set(found)) == 6 + 3 * 7 * 3 + 2 * 2
