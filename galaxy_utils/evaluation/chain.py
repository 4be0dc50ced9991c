"""What is left of the former pipeline, for modules that still call it.

Use `clustering.pipelines` instead of `Recipe`, `sklearn.decomposition.PCA` instead of
`deep_components`, and the constants of `evaluation.nulls`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from galaxy_utils.clustering.fusion import Training
from galaxy_utils.clustering.taxonomy import MixtureFit, fit_mixture
from galaxy_utils.config import Parameters, split_names
from galaxy_utils.evaluation import nulls

GALAXIES = nulls.REAL
COPULA = nulls.COPULA


@dataclass(frozen=True)
class Recipe:
    """What the paper does with features, and what it leaves open.

    Parameters
    ----------
    training : Training
        Of the autoencoder.
    standardise_deep : bool
        Whether deep features are z-scored too.
    n_components, covariance_type, n_init, reg_covar
        As in `taxonomy.fit_mixture`.
    confidence : float
        Threshold of the largest responsibility.
    """

    training: Training = Training()
    standardise_deep: bool = False
    n_components: int = 4
    covariance_type: str = "full"
    n_init: int = 3
    reg_covar: float = 1e-4
    confidence: float = 0.85

    @classmethod
    def of(cls, parameters: Parameters) -> Recipe:
        """The recipe that a run's parameters describe.

        Parameters
        ----------
        parameters : Parameters
            All of them.

        Returns
        -------
        Recipe
            With `judged_components`.
        """
        p = parameters
        widths = tuple(int(width) for width in split_names(p.hidden_dims))
        training = Training(
            widths, p.latent_dim, p.activation, p.loss_weighting, p.epochs, p.batch_size,
            p.learning_rate, p.weight_decay, p.holdout_fraction, p.seed,
        )  # fmt: skip
        return cls(
            training, p.standardise_deep, p.judged_components, p.covariance_type, p.n_init,
            p.reg_covar, p.confidence,
        )  # fmt: skip

    def mixture(self, values: NDArray[np.floating], seed: int, covariance: str = "") -> MixtureFit:
        """Fit the recipe's mixture in a space.

        Parameters
        ----------
        values : ndarray of float, shape (n, dimension)
            The space.
        seed : int
            Of the starts.
        covariance : str
            Instead of the recipe's own.

        Returns
        -------
        MixtureFit
            The fit.
        """
        kind = covariance or self.covariance_type
        return fit_mixture(values, self.n_components, kind, self.n_init, self.reg_covar, seed)


def deep_components(
    deep: dict[str, NDArray[np.float32]], number: int, seed: int
) -> NDArray[np.float64]:
    """Leading principal components of the joined deep features.

    Parameters
    ----------
    deep : dict of str to ndarray of float32, shape (n, dimension)
        Features of each backbone.
    number : int
        How many, at most as many as there are galaxies and features.
    seed : int
        Of the randomised solver.

    Returns
    -------
    ndarray of float64, shape (n, number)
        Not whitened.
    """
    joined = np.hstack(list(deep.values()))
    reduced = PCA(min(number, *joined.shape), random_state=seed).fit_transform(joined)
    return np.asarray(reduced, dtype=np.float64)
