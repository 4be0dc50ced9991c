"""How many components a mixture needs, and what its confidence owes to the dimension."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu
from sklearn.base import clone
from sklearn.decomposition import PCA
from statsmodels.stats.multitest import multipletests

from galaxy_utils.clustering.mixture import OrderedGaussianMixture
from galaxy_utils.clustering.pipelines import COVARIANCES
from galaxy_utils.evaluation.metrics import mixture_scores

CRITERIA = ("bic", "icl", "held_out")
"""Scores that choose a number of components: lowest, lowest, highest."""

DIMENSIONS = (2, 4, 8, 16, 32, 64)
"""Numbers of leading principal components in which saturation is looked at."""

SIGNIFICANCE = 0.05


def likelihood_criteria(
    mixture: OrderedGaussianMixture, X: NDArray[np.floating], numbers: Sequence[int], seed: int
) -> pd.DataFrame:
    """Score mixtures with several numbers of components.

    Parameters
    ----------
    mixture : OrderedGaussianMixture
        Refitted with each number of components.
    X : ndarray of shape (n_samples, n_features)
        The galaxies.
    numbers : sequence of int
        Numbers of components.
    seed : int
        Of the split into halves and of the initialisations.

    Returns
    -------
    DataFrame
        Columns k, score, value. Of a mixture of all galaxies `log_likelihood`, `bic` and `icl`,
        each per galaxy, and the number of free `parameters`; `held_out` is the mean
        log-likelihood of one half under the mixture of the other, with a single initialisation.

    References
    ----------
    Schwarz (1978), Ann. Stat. 6, 461; Biernacki, Celeux & Govaert (2000), IEEE PAMI 22, 719.
    """
    order = np.random.default_rng(seed).permutation(len(X))
    train, test = X[order[: len(order) // 2]], X[order[len(order) // 2 :]]
    rows = []
    for k in numbers:
        sized = clone(mixture).set_params(n_components=k, random_state=seed)
        half = clone(sized).set_params(n_init=1).fit(train)
        scores = mixture_scores(sized.fit(X), X, confidence=0.5)
        scores |= {"held_out": float(half.score(test)), "parameters": sized.n_parameters_}
        names = ("log_likelihood", *CRITERIA, "parameters")
        rows += [(k, name, float(scores[name])) for name in names]
    return pd.DataFrame(rows, columns=["k", "score", "value"])


def choose_n_components(criteria: pd.DataFrame) -> pd.Series:
    """Return the number of components that each of `CRITERIA` chooses.

    Parameters
    ----------
    criteria : DataFrame
        From `likelihood_criteria`.

    Returns
    -------
    Series of int
        Index score.
    """
    wide = criteria.pivot(index="k", columns="score", values="value")[list(CRITERIA)]
    return wide.assign(held_out=-wide["held_out"]).idxmin().astype(int).rename("k")


def saturation(
    mixture: OrderedGaussianMixture, X: NDArray[np.floating], confidence: float, seed: int
) -> pd.DataFrame:
    """Measure the confidence of mixtures in the leading principal components of a space.

    Parameters
    ----------
    mixture : OrderedGaussianMixture
        Refitted with every form of covariance.
    X : ndarray of shape (n_samples, n_features)
        The space.
    confidence : float
        Probability above which an assignment is called confident.
    seed : int
        Of the components and the initialisations.

    Returns
    -------
    DataFrame
        Columns dimension, covariance, score (`confident`, `saturated`; percent of the galaxies),
        value.
    """
    components = PCA(random_state=seed).fit_transform(X)
    rows = []
    for dimension in DIMENSIONS:
        if dimension > components.shape[1]:
            break
        for covariance in COVARIANCES:
            leading = components[:, :dimension]
            fit = clone(mixture).set_params(covariance_type=covariance, random_state=seed)
            scores = mixture_scores(fit.fit(leading), leading, confidence)
            rows += [
                (dimension, covariance, name, scores[name]) for name in ("confident", "saturated")
            ]
    return pd.DataFrame(rows, columns=["dimension", "covariance", "score", "value"])


def more_stable(repeats: pd.DataFrame, k: int) -> pd.Series:
    """Test whether other numbers of components are more stable than one.

    One-sided Mann-Whitney tests over the repeats. All scores must agree, so that the largest of
    their p-values counts (an intersection-union test); Holm's correction over the numbers.

    Parameters
    ----------
    repeats : DataFrame
        Columns draw, k, score (higher is more stable), value.
    k : int
        The number that the others are compared with.

    Returns
    -------
    Series of float
        Index: the other numbers; corrected p-value that they are no more stable than `k`.
        Numbers without a value in some repeat are left out; without one for `k` there are none.

    References
    ----------
    Mann & Whitney (1947), Ann. Math. Stat. 18, 50; Berger (1982), Technometrics 24, 295;
    Holm (1979), Scand. J. Stat. 6, 65.
    """
    wide = repeats.pivot(index="draw", columns=["k", "score"], values="value")
    known = wide.notna().all().groupby("k").all()
    numbers = [int(n) for n in known.index[known]]
    others = [n for n in numbers if n != k] if k in numbers else []
    largest = [
        mannwhitneyu(wide[n], wide[k][wide[n].columns], alternative="greater").pvalue.max()
        for n in others
    ]
    corrected = multipletests(largest, method="holm")[1] if others else []
    return pd.Series(corrected, index=pd.Index(others, name="k"), dtype=np.float64)


def can_be_significant(n_repeats: int, n_tests: int) -> bool:
    """Tell whether so few repeats could give a corrected p-value below `SIGNIFICANCE` at all."""
    separated = np.arange(n_repeats)
    p = mannwhitneyu(separated + n_repeats, separated, alternative="greater").pvalue
    return bool(n_tests > 0 and p * n_tests < SIGNIFICANCE)
