"""How many components a mixture needs, and whether its probabilities are probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu
from sklearn.base import clone
from statsmodels.stats.multitest import multipletests

from galaxy_utils.clustering.mixture import OrderedGaussianMixture
from galaxy_utils.evaluation.metrics import mixture_scores, relabel

CRITERIA = ("bic", "icl", "held_out")
"""Scores that choose a number of components: lowest, lowest, highest."""

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


def choose_n_components(criteria: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """Return the number of components that each of `CRITERIA` chooses.

    Parameters
    ----------
    criteria : DataFrame
        From `likelihood_criteria`.
    by : sequence of str
        Further columns; each combination of their values chooses for itself.

    Returns
    -------
    DataFrame
        Columns `by`, score, k.
    """
    asked = criteria[criteria["score"].isin(CRITERIA)]
    cost = asked["value"].where(asked["score"] != "held_out", -asked["value"])
    best = cost.groupby([asked[name] for name in (*by, "score")], sort=False).idxmin()
    chosen = asked.loc[best, [*by, "score", "k"]]
    return chosen.astype({"k": int}).reset_index(drop=True)


def confirmed_confidence(
    mixture: OrderedGaussianMixture, X: NDArray[np.floating], confidence: float, seed: int
) -> dict[str, float]:
    """Compare the confidence of one mixture with the partition of another.

    Two mixtures are fitted to a third of the galaxies each, and applied to the last third.

    Parameters
    ----------
    mixture : OrderedGaussianMixture
        Refitted.
    X : ndarray of shape (n_samples, n_features)
        The galaxies.
    confidence : float
        Probability above which an assignment is called confident.
    seed : int
        Of the thirds and the initialisations.

    Returns
    -------
    dict of str to float
        Of the galaxies confident in the first mixture, `confident_promised` (mean of their
        largest probability) and `confident_agree` (share in the matched cluster of the second),
        in percent; NaN where none is confident.
    """
    thirds = np.array_split(np.random.default_rng(seed).permutation(len(X)), 3)
    seeded = clone(mixture).set_params(random_state=seed)
    one, other = (clone(seeded).fit(X[third]) for third in thirds[:2])
    probabilities, labels = one.predict_proba(X[thirds[2]]), other.predict(X[thirds[2]])
    largest = probabilities.max(axis=1)
    confident = largest > confidence
    if not confident.any():
        return {"confident_promised": np.nan, "confident_agree": np.nan}
    matched = relabel(probabilities.argmax(axis=1), labels)
    return {
        "confident_promised": 100 * float(largest[confident].mean()),
        "confident_agree": 100 * float((matched == labels)[confident].mean()),
    }


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
