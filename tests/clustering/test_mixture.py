"""The ordered mixture agrees with scikit-learn's and follows its conventions."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.mixture import GaussianMixture
from sklearn.utils.estimator_checks import parametrize_with_checks

from galaxy_utils.clustering.mixture import OrderedGaussianMixture, lowest

COVARIANCES = ("full", "tied", "diag", "spherical")


@pytest.fixture(scope="module")
def points() -> NDArray[np.float64]:
    rng = np.random.default_rng(0)
    sizes = (60, 300, 140)
    return np.vstack([rng.normal(4.0 * place, 1, (n, 3)) for place, n in enumerate(sizes)])


@parametrize_with_checks([OrderedGaussianMixture(2)])
def test_it_follows_the_conventions_of_scikit_learn(estimator: object, check: object) -> None:
    check(estimator)  # type: ignore[operator]


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_it_is_scikit_learns_mixture_in_another_order(
    points: NDArray[np.float64], covariance: str
) -> None:
    ours = OrderedGaussianMixture(3, covariance_type=covariance, random_state=0).fit(points)
    theirs = GaussianMixture(
        3, covariance_type=covariance, n_init=3, max_iter=500, random_state=0,
        reg_covar=1e-4 * points.var(axis=0).mean(),
    ).fit(points)  # fmt: skip
    assert (np.diff(ours.weights_) <= 0).all()
    order = np.argsort(-theirs.weights_)
    np.testing.assert_allclose(ours.means_, theirs.means_[order], rtol=1e-12)
    np.testing.assert_allclose(
        ours.predict_proba(points), theirs.predict_proba(points)[:, order], atol=1e-12
    )
    np.testing.assert_allclose(ours.score_samples(points), theirs.score_samples(points))
    assert ours.bic(points) == pytest.approx(theirs.bic(points))


def test_clusters_are_numbered_by_falling_size(points: NDArray[np.float64]) -> None:
    mixture = OrderedGaussianMixture(3, random_state=1).fit(points)
    assert np.bincount(mixture.labels_).tolist() == [300, 140, 60]
    assert (mixture.predict(points) == mixture.labels_).all()


def test_regularisation_is_relative_to_the_scale(points: NDArray[np.float64]) -> None:
    small = OrderedGaussianMixture(3, random_state=0, reg_covar=0.1).fit(points)
    large = OrderedGaussianMixture(3, random_state=0, reg_covar=0.1).fit(1000 * points)
    np.testing.assert_allclose(small.predict_proba(points), large.predict_proba(1000 * points))
    assert small.get_params()["reg_covar"] == clone(large).reg_covar == 0.1


def test_log_likelihood_is_that_of_the_sum_of_normal_densities(
    points: NDArray[np.float64],
) -> None:
    mixture = OrderedGaussianMixture(2, random_state=0).fit(points)
    density = sum(
        weight * multivariate_normal(mean, covariance).pdf(points)
        for weight, mean, covariance in zip(
            mixture.weights_, mixture.means_, mixture.covariances_, strict=True
        )
    )
    np.testing.assert_allclose(mixture.score_samples(points), np.log(density))


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_one_step_from_its_own_probabilities_stays_where_it_converged(
    points: NDArray[np.float64], covariance: str
) -> None:
    fitted = OrderedGaussianMixture(3, covariance_type=covariance, random_state=0).fit(points)
    again = OrderedGaussianMixture(3, covariance_type=covariance).fit_responsibilities(
        points, fitted.predict_proba(points)
    )
    np.testing.assert_allclose(again.means_, fitted.means_, atol=0.02)
    assert (again.predict(points) == fitted.labels_).mean() > 0.99


def test_responsibilities_of_another_shape_are_refused(points: NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match=r"expected \(500, 3\), one row per galaxy"):
        OrderedGaussianMixture(3).fit_responsibilities(points, np.ones((500, 2)))


def test_single_precision_gives_the_same_as_double(points: NDArray[np.float64]) -> None:
    single = points.astype(np.float32)
    one = OrderedGaussianMixture(3, random_state=0).fit(single)
    other = OrderedGaussianMixture(3, random_state=0).fit(single.astype(np.float64))
    assert (one.predict_proba(single) == other.predict_proba(single)).all()


def test_the_lowest_are_those_of_lowest_likelihood() -> None:
    values = np.array([3.0, -5.0, 2.0, -7.0, 0.0])
    assert lowest(values, 40).tolist() == [False, True, False, True, False]
    assert lowest(values, 2).sum() == 0


@pytest.mark.parametrize("number", [1, 9, 200])
def test_exactly_the_chosen_share_is_selected_among_ties(number: int) -> None:
    values = np.random.default_rng(number).integers(-5, 5, number).astype(float)
    for percent in (0.1, 7.0, 49.0):
        selected = lowest(values, percent)
        assert selected.sum() == round(percent / 100 * number)
        if selected.any():
            assert values[selected].max() <= values[~selected].min()


@pytest.mark.parametrize(
    ("covariance", "expected"),
    [
        ("full", 2 + 6 + 3 * 3),
        ("tied", 2 + 6 + 3),
        ("diag", 2 + 6 + 3 * 2),
        ("spherical", 2 + 6 + 3),
    ],
)
def test_free_parameters_of_three_components_in_the_plane(
    points: NDArray[np.float64], covariance: str, expected: int
) -> None:
    mixture = OrderedGaussianMixture(3, covariance_type=covariance, random_state=0)
    assert mixture.fit(points[:, :2]).n_parameters_ == expected


def test_a_component_without_responsibility_breaks_nothing(points: NDArray[np.float64]) -> None:
    shares = np.eye(3)[np.zeros(len(points), dtype=int)]
    mixture = OrderedGaussianMixture(3, covariance_type="diag").fit_responsibilities(points, shares)
    assert np.isfinite(mixture.score_samples(points)).all() and (mixture.labels_ == 0).all()
