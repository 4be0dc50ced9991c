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
    """Score mixtures with several numbers of components: columns k, score, value.

    Of a mixture of all galaxies `log_likelihood`, `bic` (Schwarz 1978, Ann. Stat. 6, 461) and
    `icl` (Biernacki, Celeux & Govaert 2000, IEEE PAMI 22, 719), each per galaxy, and the number
    of free `parameters`; `held_out` is the mean log-likelihood of one half under the mixture of
    the other, with a single initialisation.
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
    """Compare the confidence of a mixture of one third with that of another, on the last third.

    In percent of the galaxies confident in the first mixture: `confident_promised`, the mean of
    their largest probability, and `confident_agree`, the share in the matched cluster of the
    second; NaN where none is confident.
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
    """Return the p-value that each other number of components is no more stable than `k`.

    One-sided Mann-Whitney tests over the repeats (columns draw, k, score, value; higher is more
    stable). All scores must agree, so that the largest p-value counts (an intersection-union
    test, Berger 1982, Technometrics 24, 295); Holm's correction over the numbers. Numbers without
    a value in some repeat are left out; without one for `k` there are none.
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
