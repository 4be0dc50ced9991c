"""Consensus clustering: many pipelines vote, and one mixture is distilled from the votes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Self

import joblib
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.base import BaseEstimator, ClusterMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from galaxy_utils.clustering.mixture import OrderedGaussianMixture


class VotingMixture(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """A Gaussian mixture distilled from the consensus of several clusterings.

    Every base estimator is fitted and gives each galaxy its cluster probabilities. Clusters of
    different estimators are matched one to one (Hungarian method), the probabilities are
    averaged with weights, and one mixture in the space of `space` is estimated from these
    responsibilities in a single M step. New galaxies need only that space and that mixture.

    Parameters
    ----------
    estimators : list of (str, Pipeline)
        Base estimators, each a transformer and a mixture, all with the same number of clusters;
        equal transformers are fitted once.
    space : transformer
        From the table to the space of the distilled mixture.
    weights : sequence of float, optional
        Weight of each base estimator; equal weights if not given.
    covariance_type : {"full", "tied", "diag", "spherical"}
        Of the distilled mixture.
    reg_covar : float
        As in `OrderedGaussianMixture`.

    Attributes
    ----------
    consensus_ : ndarray of shape (n_samples, n_components)
        Averaged probabilities of the training galaxies, in the order of the first base
        estimator's clusters.
    space_ : transformer
        Fitted.
    mixture_ : OrderedGaussianMixture
        The distilled mixture.
    labels_ : ndarray of shape (n_samples,)
        Cluster of each training galaxy.

    References
    ----------
    Strehl & Ghosh (2002), J. Mach. Learn. Res. 3, 583; Kuhn (1955), Nav. Res. Logist. Q. 2, 83.
    """

    def __init__(
        self,
        estimators: Sequence[tuple[str, Pipeline]],
        space: Any,
        *,
        weights: Sequence[float] | None = None,
        covariance_type: str = "diag",
        reg_covar: float = 1e-4,
    ) -> None:
        self.estimators = estimators
        self.space = space
        self.weights = weights
        self.covariance_type = covariance_type
        self.reg_covar = reg_covar

    def fit(self, X: ArrayLike, y: None = None) -> Self:
        """Fit the base estimators, let them vote, and distil the mixture.

        Raises `ValueError` if there is no base estimator, or their numbers of clusters differ.
        """
        with threadpool_limits(1):  # many small fits: more threads only wait for each other
            self.consensus_ = consensus(self._posteriors(X), self.weights)
        self.space_ = clone(self.space).fit(X)
        self.mixture_ = OrderedGaussianMixture(
            self.consensus_.shape[1], covariance_type=self.covariance_type, reg_covar=self.reg_covar
        ).fit_responsibilities(self.space_.transform(X), self.consensus_)
        self.labels_ = self.mixture_.labels_
        return self

    def _posteriors(self, X: ArrayLike) -> Iterator[NDArray[np.float64]]:
        """Cluster probabilities by each base estimator."""
        spaces: dict[str, Any] = {}
        for _, pipeline in self.estimators:
            transformer, mixture = clone(pipeline[:-1]), clone(pipeline[-1])
            key = joblib.hash(transformer)
            if key not in spaces:
                spaces[key] = transformer.fit(X).transform(X)
            yield mixture.fit(spaces[key]).predict_proba(spaces[key])

    def predict(self, X: ArrayLike) -> NDArray[np.int64]:
        """Return the cluster of each row."""
        return np.asarray(self.mixture_.predict(self._space_of(X)))

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the cluster probabilities, shape (n_samples, n_components)."""
        return np.asarray(self.mixture_.predict_proba(self._space_of(X)))

    def score_samples(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the log-likelihood of each row under the distilled mixture."""
        return np.asarray(self.mixture_.score_samples(self._space_of(X)))

    def _space_of(self, X: ArrayLike) -> Any:
        check_is_fitted(self, "mixture_")
        return self.space_.transform(X)


def consensus(
    posteriors: Iterable[NDArray[np.float64]], weights: Sequence[float] | None = None
) -> NDArray[np.float64]:
    """Average cluster probabilities after matching the clusters one to one."""
    total: NDArray[np.float64] | None = None
    weight_sum = 0.0
    for place, posterior in enumerate(posteriors):
        weight = 1.0 if weights is None else weights[place]
        if total is None:
            total = weight * posterior
        elif posterior.shape != total.shape:
            raise ValueError(
                f"clustering {place} gives probabilities of shape {posterior.shape}, the first one "
                f"{total.shape}; expected the same galaxies and number of clusters"
            )
        else:
            matched = linear_sum_assignment(-total.T @ posterior)[1]
            total = total + weight * posterior[:, matched]
        weight_sum += weight
    if total is None:
        raise ValueError("no clustering to build a consensus from; expected at least one")
    return total / weight_sum
