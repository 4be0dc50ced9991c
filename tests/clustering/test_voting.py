"""The consensus of several clusterings, and the mixture distilled from it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from galaxy_utils.clustering.mixture import OrderedGaussianMixture
from galaxy_utils.clustering.voting import VotingMixture, consensus

SOFT = np.array([[0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.1, 0.1, 0.8], [0.6, 0.3, 0.1]])
RNG = np.random.default_rng(0)
X = np.vstack([RNG.normal(4.0 * place, 1, (60 + 40 * place, 4)) for place in range(3)])
TRUTH = np.repeat([0, 1, 2], [60, 100, 140])


def test_clusters_are_matched_whatever_their_numbers() -> None:
    found = consensus([SOFT, SOFT[:, [2, 0, 1]], SOFT[:, ::-1]])
    np.testing.assert_allclose(found, SOFT)


def test_the_weights_decide() -> None:
    other = 0.7 * SOFT + 0.1
    found = consensus([SOFT, other], [3.0, 1.0])
    np.testing.assert_allclose(found, (3 * SOFT + other) / 4)
    assert found.sum(axis=1) == pytest.approx(1.0)


def test_no_clustering_and_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="no clustering"):
        consensus([])
    with pytest.raises(ValueError, match=r"clustering 1 gives probabilities of shape \(4, 2\)"):
        consensus([SOFT, SOFT[:, :2]])


def voting() -> VotingMixture:
    members = [
        (name, make_pipeline(StandardScaler(), OrderedGaussianMixture(3, covariance_type=name,
                                                                      random_state=0)))
        for name in ("full", "diag")
    ]  # fmt: skip
    space = QuantileTransformer(n_quantiles=100, output_distribution="normal")
    return VotingMixture(members, space)


def test_groups_are_recovered_and_new_galaxies_predicted() -> None:
    train = np.arange(len(X)) % 2 == 0
    fitted = voting().fit(X[train])
    assert adjusted_rand_score(TRUTH[~train], fitted.predict(X[~train])) > 0.95
    probabilities = fitted.predict_proba(X[~train])
    assert probabilities.sum(axis=1) == pytest.approx(1.0)
    assert (probabilities.argmax(axis=1) == fitted.predict(X[~train])).all()


def test_the_mixture_is_one_step_from_the_consensus_in_its_own_space() -> None:
    fitted = voting().fit(X)
    space = QuantileTransformer(n_quantiles=100, output_distribution="normal").fit_transform(X)
    by_hand = OrderedGaussianMixture(3, covariance_type="diag").fit_responsibilities(
        space, fitted.consensus_
    )
    np.testing.assert_allclose(fitted.score_samples(X), by_hand.score_samples(space))


def test_equal_transformers_are_fitted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    fits: list[int] = []
    real = StandardScaler.fit
    monkeypatch.setattr(
        StandardScaler, "fit", lambda self, X, y=None: fits.append(len(X)) or real(self, X)
    )
    voting().fit(X)
    assert fits == [len(X)]
