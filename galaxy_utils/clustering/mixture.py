"""The Gaussian mixture of the taxonomy, with components in a fixed order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.mixture import GaussianMixture
from sklearn.utils.validation import validate_data

SMALLEST_REGULARISATION = 1e-12


class OrderedGaussianMixture(GaussianMixture):  # type: ignore[misc]
    """A Gaussian mixture whose components are numbered by falling weight.

    scikit-learn's `GaussianMixture` with three differences: component 0 is always the
    heaviest, so that cluster numbers agree between pages; the regularisation is relative
    to the scale of the data; and everything is computed in double precision.

    Parameters
    ----------
    n_components : int
        Number of components.
    covariance_type : {"full", "tied", "diag", "spherical"}
        Form of the covariances.
    n_init : int
        Number of initialisations; the one of highest likelihood is kept.
    reg_covar : float
        Added to the diagonal of the covariances, in units of the mean variance of the columns.
    max_iter : int
        Steps of expectation maximisation, at most.
    random_state : int, RandomState or None
        Seed of the initialisations.

    Attributes
    ----------
    weights_, means_, covariances_, converged_, lower_bounds_, ...
        As in `sklearn.mixture.GaussianMixture`.
    labels_ : ndarray of shape (n_samples,)
        Component of each training galaxy.

    References
    ----------
    Dempster, Laird & Rubin (1977), J. R. Stat. Soc. B 39, 1.
    """

    reg_covar: float
    labels_: NDArray[np.int64]

    def __init__(
        self,
        n_components: int = 4,
        *,
        covariance_type: str = "full",
        n_init: int = 3,
        reg_covar: float = 1e-4,
        max_iter: int = 500,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            n_components,
            covariance_type=covariance_type,
            n_init=n_init,
            reg_covar=reg_covar,
            max_iter=max_iter,
            random_state=random_state,
        )

    def fit_predict(self, X: ArrayLike, y: None = None) -> NDArray[np.int64]:
        """Fit by expectation maximisation and return the component of each row."""
        points = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        with self._absolute_regularisation(points):
            super().fit_predict(points)
        return self._ordered(X, points)

    def fit_responsibilities(self, X: ArrayLike, responsibilities: ArrayLike) -> Self:
        """Estimate the mixture from given responsibilities: one M step, no iteration.

        `responsibilities` of shape (n_samples, n_components) say which share of each galaxy
        belongs to each component; `ValueError` if their shape is another.
        """
        points = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        shares = np.asarray(responsibilities, np.float64)
        if shares.shape != (len(points), self.n_components):
            raise ValueError(
                f"responsibilities of shape {shares.shape}: expected "
                f"({len(points)}, {self.n_components}), one row per galaxy and one column per "
                "component"
            )
        with self._absolute_regularisation(points):
            self._initialize(points, shares)
        self.converged_, self.n_iter_ = True, 1
        self.lower_bounds_ = [float(self.score(points))]
        self.lower_bound_ = self.lower_bounds_[-1]
        self._ordered(X, points)
        return self

    def _estimate_weighted_log_prob(self, X: NDArray[np.floating], **kwargs: Any) -> Any:
        return super()._estimate_weighted_log_prob(X.astype(np.float64), **kwargs)

    @property
    def n_parameters_(self) -> int:
        """Number of free parameters of the fitted mixture."""
        return int(self._n_parameters())

    @contextmanager
    def _absolute_regularisation(self, points: NDArray[np.float64]) -> Iterator[None]:
        """Let scikit-learn see the regularisation in units of the data."""
        relative = self.reg_covar
        self.reg_covar = max(relative * float(points.var(axis=0).mean()), SMALLEST_REGULARISATION)
        try:
            yield
        finally:
            self.reg_covar = relative

    def _ordered(self, X: ArrayLike, points: NDArray[np.float64]) -> NDArray[np.int64]:
        """Number the components by falling weight; also keep the labels of the training data."""
        order = np.argsort(-self.weights_, kind="stable")
        names = ["weights_", "means_"]
        if self.covariance_type != "tied":
            names += ["covariances_", "precisions_", "precisions_cholesky_"]
        for name in set(names) & set(vars(self)):
            setattr(self, name, getattr(self, name)[order])
        self.labels_ = self.predict(X if hasattr(X, "columns") else points)
        return self.labels_


def lowest(log_likelihood: NDArray[np.float64], percent: float) -> NDArray[np.bool_]:
    """Select a percentage of galaxies, those of lowest log-likelihood: the paper's anomalies."""
    selected = np.zeros(len(log_likelihood), dtype=bool)
    count = round(percent / 100 * len(log_likelihood))
    selected[np.argsort(log_likelihood, kind="stable")[:count]] = True
    return selected
