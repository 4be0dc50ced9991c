"""The mixture, its scores, and the names of clusters."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from galaxy_utils.clustering.taxonomy import (
    PAPER_PROFILES,
    check_names_by_eye,
    describe_clusters,
    fit_mixture,
    internal_scores,
    lowest,
    n_free_parameters,
    odds_ratio,
    representatives,
    taught_mixture,
    umap_layout,
    variance_between,
)
from galaxy_utils.morphology.measurement import FIVE

SIZES = (60, 150, 90)
TRUTH = np.repeat([0, 1, 2], SIZES)
CENTRES = np.array([[0.0, 0, 0], [9, 0, 0], [0, 9, 3]])
BLOBS = CENTRES[TRUTH] + np.random.default_rng(0).normal(size=(300, 3))
TYPES = ("full", "tied", "diag", "spherical")


# The mixture


@pytest.mark.parametrize("covariance_type", TYPES)
def test_planted_blobs_are_found_and_sorted_by_weight(covariance_type: str) -> None:
    fit = fit_mixture(BLOBS, 3, covariance_type)
    assert adjusted_rand_score(TRUTH, fit.cluster) == 1
    np.testing.assert_allclose(fit.model.weights_, [0.5, 0.3, 0.2], atol=0.001)
    np.testing.assert_allclose(fit.model.means_, CENTRES[[1, 2, 0]], atol=0.5)
    np.testing.assert_array_equal(np.bincount(fit.cluster), [150, 90, 60])
    np.testing.assert_array_equal(fit.model.predict(BLOBS), fit.cluster)
    np.testing.assert_allclose(fit.responsibilities.sum(axis=1), 1)
    assert (np.diff(fit.lower_bounds) > -1e-6).all()


def test_sorting_keeps_each_component_whole() -> None:
    # Widths differ, so that a covariance at the wrong mean would show.
    values = CENTRES[TRUTH] + (BLOBS - CENTRES[TRUTH]) * np.array([0.2, 1, 0.5])[TRUTH][:, None]
    fit = fit_mixture(values, 3)
    density = sum(
        weight * multivariate_normal(mean, covariance).pdf(values)
        for weight, mean, covariance in zip(
            fit.model.weights_, fit.model.means_, fit.model.covariances_, strict=True
        )
    )
    np.testing.assert_allclose(fit.log_likelihood, np.log(density), rtol=1e-6)
    spread = [np.linalg.det(covariance) for covariance in fit.model.covariances_]
    assert spread[0] > spread[1] > spread[2]


def test_the_mixture_follows_its_seed() -> None:
    first, again = (fit_mixture(BLOBS, 5, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.responsibilities, again.responsibilities)


@settings(deadline=None, max_examples=5)
@given(scale=st.floats(1e-3, 1e3))
def test_the_unit_of_the_space_does_not_matter(scale: float) -> None:
    plain, scaled = fit_mixture(BLOBS, 3), fit_mixture(scale * BLOBS, 3)
    np.testing.assert_array_equal(scaled.cluster, plain.cluster)
    np.testing.assert_allclose(scaled.responsibilities, plain.responsibilities, atol=1e-6)


def test_regularisation_is_in_units_of_the_mean_variance() -> None:
    flat = BLOBS * [1, 1, 0]
    fit = fit_mixture(flat, 1, reg_covar=0.01)
    assert fit.model.covariances_[0][2, 2] == pytest.approx(0.01 * flat.var(axis=0).mean())


@pytest.mark.parametrize(
    ("covariance_type", "expected"),
    [
        ("full", 2 + 6 + 3 * 3),
        ("tied", 2 + 6 + 3),
        ("diag", 2 + 6 + 3 * 2),
        ("spherical", 2 + 6 + 3),
    ],
)
def test_free_parameters_of_three_components_in_the_plane(
    covariance_type: str, expected: int
) -> None:
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(BLOBS[:, :2])
    assert n_free_parameters(model) == expected
    bic = -2 * model.score(BLOBS[:, :2]) * 300 + expected * np.log(300)
    assert model.bic(BLOBS[:, :2]) == pytest.approx(bic)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_taught_by_its_own_responsibilities_a_likeliest_mixture_stays(covariance_type: str) -> None:
    likeliest = fit_mixture(BLOBS, 3, covariance_type)
    taught = taught_mixture(BLOBS, likeliest.responsibilities, covariance_type)
    for name in ("weights_", "means_", "covariances_", "precisions_cholesky_"):
        expected = getattr(likeliest.model, name)
        np.testing.assert_allclose(getattr(taught.model, name), expected, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(taught.log_likelihood, likeliest.log_likelihood, atol=1e-3)
    np.testing.assert_array_equal(taught.cluster, likeliest.cluster)


def test_a_mixture_follows_the_votes_and_not_the_likelihood() -> None:
    votes = np.eye(2)[(BLOBS[:, 0] > np.median(BLOBS[:, 0])).astype(int)]
    taught = taught_mixture(BLOBS, votes, "diag")
    for share, mean in zip(votes.T, votes.T @ BLOBS / votes.sum(axis=0)[:, None], strict=True):
        assert np.isclose(taught.model.means_, mean).all(axis=1).any()
        assert share.sum() / len(BLOBS) == pytest.approx(0.5, abs=0.01)
    assert (np.diff(taught.model.weights_) <= 0).all()
    with pytest.raises(ValueError, match="votes on 3"):
        taught_mixture(BLOBS, votes[:3])


def test_a_cluster_that_nobody_votes_for_breaks_nothing() -> None:
    taught = taught_mixture(BLOBS, np.eye(3)[np.zeros(len(BLOBS), dtype=int)], "diag")
    assert np.isfinite(taught.log_likelihood).all() and (taught.cluster == 0).all()
    assert (taught.model.predict(np.zeros((1, BLOBS.shape[1]))) == 0).all()
    np.testing.assert_allclose(taught.model.means_, np.tile(BLOBS.mean(axis=0), (3, 1)))


# Anomalies and scores


@settings(deadline=None, max_examples=30)
@given(number=st.integers(1, 200), percent=st.floats(0.1, 49), seed=st.integers(0, 99))
def test_lowest_marks_exactly_the_chosen_share(number: int, percent: float, seed: int) -> None:
    likelihood = np.random.default_rng(seed).integers(-5, 5, number).astype(float)  # many ties
    marked = lowest(likelihood, percent)
    assert marked.sum() == round(percent / 100 * number)
    if marked.any() and not marked.all():
        assert likelihood[marked].max() <= likelihood[~marked].min()


def test_internal_scores_by_hand() -> None:
    values = np.array([[0.0], [2], [10], [12]])
    scores = internal_scores(values, np.array([0, 0, 1, 1]))
    # Mean distances to the centres 1 and 1, centres 10 apart.
    assert scores["davies_bouldin"] == pytest.approx((1 + 1) / 10)
    # Own 2, other 11 or 9: (11 - 2) / 11 and (9 - 2) / 9.
    assert scores["silhouette"] == pytest.approx((9 / 11 + 7 / 9) / 2)


@pytest.mark.parametrize("values", [BLOBS, BLOBS[:0]], ids=["one cluster", "nobody"])
def test_scores_need_two_clusters(values: np.ndarray) -> None:
    assert np.isnan(list(internal_scores(values, np.zeros(len(values), int)).values())).all()


@settings(deadline=None, max_examples=10)
@given(names=st.permutations([0, 1, 2]))
def test_scores_do_not_see_the_names_of_clusters(names: list[int]) -> None:
    assert internal_scores(BLOBS, np.array(names)[TRUTH]) == pytest.approx(
        internal_scores(BLOBS, TRUTH)
    )


def test_variance_between_by_hand() -> None:
    values = pd.Series([1.0, 3, 5, 7])
    # Squares about the mean 4: cluster means 2, 2, 6, 6 give 16, the values 20.
    assert variance_between(values, pd.Series([0, 0, 1, 1])) == pytest.approx(0.8)
    assert variance_between(values, pd.Series([0, 1, 1, 0])) == pytest.approx(0)
    assert variance_between(values, pd.Series([0, 1, 2, 3])) == pytest.approx(1)


# Names


def catalogue_of(profiles: dict[str, dict[str, tuple[str, ...]]]) -> pd.DataFrame:
    """Make ten galaxies a profile, at +-1 where it is high or low, in a crowd of moderate ones."""
    height = {"High": 1.0, "Moderate": 0.0, "Low": -1.0}
    ripple = np.linspace(-0.2, 0.2, 10)
    rows = [
        {"cluster": number, **{name: height[profile[name][0]] + offset for name in FIVE}}
        for number, profile in enumerate(profiles.values())
        for offset in ripple
    ]
    crowd = [{"cluster": 9, **dict.fromkeys(FIVE, x)} for x in np.linspace(-0.2, 0.2, 300)]
    return pd.DataFrame([*rows, *crowd])


def test_the_papers_four_profiles_get_their_names() -> None:
    described = describe_clusters(catalogue_of(PAPER_PROFILES)).set_index("cluster")
    assert list(described["name"]) == [*PAPER_PROFILES, "unnamed"]
    assert list(described["galaxies"]) == [10, 10, 10, 10, 300]
    assert list(described["shared"]) == [5, 5, 5, 5, 3]
    assert described.loc[2, "concentration_level"] == "High"
    assert described.loc[2, "concentration"] == pytest.approx(1)


@pytest.mark.parametrize(("differing", "name"), [(1, "early type"), (2, "unnamed")])
def test_four_levels_make_a_name_three_do_not(differing: int, name: str) -> None:
    profile = dict(PAPER_PROFILES["early type"])
    for parameter in ("asymmetry", "smoothness")[:differing]:
        profile[parameter] = ("Moderate",)
    described = describe_clusters(catalogue_of({"odd": profile}))
    assert described["name"][0] == name
    assert described["shared"][0] == 5 - differing


def test_a_level_begins_beyond_three_tenths_of_a_robust_deviation() -> None:
    # Median 0, median absolute deviation 1: the edges lie at +-0.44478.
    crowd = [dict.fromkeys(FIVE, value) | {"cluster": 0} for value in np.resize([-1.0, 1], 200)]
    crowd += [dict.fromkeys(FIVE, 0.0) | {"cluster": 0}]
    edge = dict(zip(FIVE, [0.444, 0.446, -0.444, -0.446, 0], strict=True))
    mirrored = {name: -value for name, value in edge.items()}  # keeps the median
    rows = [*crowd, edge | {"cluster": 1}, mirrored | {"cluster": 2}]
    described = describe_clusters(pd.DataFrame(rows)).set_index("cluster")
    levels = [described.loc[1, f"{name}_level"] for name in FIVE]
    assert levels == ["Moderate", "High", "Moderate", "Low", "Moderate"]


def test_representatives_are_the_surest_and_the_oddest() -> None:
    catalogue = pd.DataFrame(
        {
            "objid": list("abcdefg"),
            "gz1_class": ["spiral"] * 6 + [np.nan],
            "cluster": [0, 0, 0, 0, 1, 0, 1],
            "anomaly": [False, False, False, False, False, True, True],
            "max_probability": [0.9, 0.99, 0.99, 0.5, 0.7, 1.0, 1.0],
            "log_likelihood": [-1.0, -3, -2, -1, -1, -9, -8],
        }
    )
    chosen = representatives(catalogue, 3)
    groups = {name: list(rows["objid"]) for name, rows in chosen.groupby("group", sort=False)}
    assert groups == {
        "cluster 0": ["c", "b", "a"],
        "cluster 1": ["e", "", ""],
        "anomaly": ["f", "g", ""],
    }
    assert list(chosen["gz1_class"].tail(3)) == ["spiral", "", ""]


def test_the_layout_follows_its_seed_and_takes_few_galaxies() -> None:
    first = umap_layout(BLOBS[::12], n_neighbors=200, min_dist=0.1, seed=1)
    assert first.shape == (25, 2)
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(first, umap_layout(BLOBS[::12], 200, 0.1, seed=1))


# Names judged by eye


def test_the_odds_ratio_of_a_table_worked_by_hand() -> None:
    inside, outside = pd.Series([True] * 3 + [False]), pd.Series([True] + [False] * 3)
    assert odds_ratio(inside, outside) == pytest.approx((3.5 / 1.5) / (1.5 / 3.5))
    assert np.isfinite(odds_ratio(inside | True, outside & False))


@pytest.mark.parametrize(("mergers", "holds"), [(30, True), (5, False)])
def test_a_name_holds_where_people_saw_what_it_promises(mergers: int, holds: bool) -> None:
    described = pd.DataFrame({"cluster": [0, 1], "name": ["interacting", "unnamed"]})
    classes = ["merger"] * mergers + ["elliptical"] * (40 - mergers)
    classes += ["merger"] * 10 + ["elliptical"] * 30
    catalogue = pd.DataFrame({"cluster": [0] * 40 + [1] * 40, "gz1_class": classes})
    found = check_names_by_eye(described, catalogue).set_index("name")["holds"]
    assert found["interacting"] is holds
    assert found["late type"] is False  # no cluster has the name
    unseen = check_names_by_eye(described, catalogue.assign(gz1_class=None)).set_index("name")
    assert unseen.loc["interacting", "holds"] is None


def test_a_parameter_that_is_nearly_constant_has_no_level() -> None:
    rng = np.random.default_rng(0)
    catalogue = pd.DataFrame({name: rng.normal(size=90) for name in FIVE})
    catalogue["smoothness"] = np.where(np.arange(90) < 60, 0.0, 1.0)
    catalogue["cluster"] = np.repeat([0, 1, 2], 30)
    described = describe_clusters(catalogue)
    assert set(described["smoothness_level"]) == {"no level"}
    assert set(described["gini_level"]) <= {"High", "Moderate", "Low"}
