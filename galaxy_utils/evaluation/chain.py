"""The whole chain, from features to partitions, as a function of the galaxies and a seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import StandardScaler

from galaxy_utils.clustering.fusion import Training, fuse
from galaxy_utils.clustering.taxonomy import MixtureFit, fit_mixture
from galaxy_utils.config import MIXTURE, TRAINING, UPSTREAM, Parameters, split_names
from galaxy_utils.evaluation import nulls, scores
from galaxy_utils.evaluation.validation import chance_accuracy, proxy_classes
from galaxy_utils.experiments.study import Row, Study
from galaxy_utils.features.features import Features
from galaxy_utils.morphology.measurement import FIVE

SPACES = ("morphology", "deep", "latent")
"""The five parameters, z-scored; the leading principal components of the deep
features, as many as the bottleneck has; the bottleneck."""

PARTITIONS = ("morphology", "deep", "fused")
"""Mixtures of the five parameters alone, of the deep features alone, of the bottleneck."""

GALAXIES = nulls.REAL
PERMUTED = nulls.SHUFFLED_PAIRS
COPULA = nulls.COPULA
CLUSTERLESS = tuple(nulls.NULLS)
"""Nulls without any clusters; permuted modalities keep those of each modality."""

LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"
"""A partition is stored as text, one letter a galaxy."""


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


@dataclass(frozen=True)
class Outcome:
    """What one execution of the chain found.

    Parameters
    ----------
    spaces : dict of str to ndarray of float, shape (n, dimension)
        `SPACES`.
    fits : dict of str to MixtureFit
        `PARTITIONS`.
    """

    spaces: dict[str, NDArray[np.floating]]
    fits: dict[str, MixtureFit]


def encode(features: Features, recipe: Recipe, seed: int) -> NDArray[np.float32]:
    """Train the autoencoder and give the bottleneck.

    Parameters
    ----------
    features : Features
        The galaxies; `five` may have fewer columns, or none.
    recipe : Recipe
        How.
    seed : int
        Of the training.

    Returns
    -------
    ndarray of float32, shape (n, latent_dim)
        Bottleneck of every galaxy.
    """
    from galaxy_utils.clustering.autoencoder import train  # imports torch: only where needed

    fused = fuse(features.deep, features.five, recipe.standardise_deep)
    return train(fused, replace(recipe.training, seed=seed)).latent


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


def run_chain(features: Features, recipe: Recipe, seed: int) -> Outcome:
    """Autoencoder and the three mixtures of the paper's table 1.

    Parameters
    ----------
    features : Features
        The galaxies.
    recipe : Recipe
        How.
    seed : int
        Of every random choice.

    Returns
    -------
    Outcome
        Spaces and partitions.
    """
    morphology = StandardScaler().fit_transform(features.five)
    deep = np.hstack(list(features.deep.values()))
    latent = encode(features, recipe, seed)
    fits = {
        "morphology": recipe.mixture(morphology, seed),
        "deep": recipe.mixture(deep, seed, "diag"),  # full ones cannot be estimated there
        "fused": recipe.mixture(latent, seed),
    }
    reduced = deep_components(features.deep, latent.shape[1], seed)
    return Outcome({"morphology": morphology, "deep": reduced, "latent": latent}, fits)


def outcome_rows(outcome: Outcome, five: NDArray[np.float64], confidence: float) -> list[Row]:
    """Every score of an execution that needs no class seen by people.

    Parameters
    ----------
    outcome : Outcome
        Of `run_chain`.
    five : ndarray of float64, shape (n, 5)
        The five parameters, for the proxy rules.
    confidence : float
        Threshold of the largest responsibility.

    Returns
    -------
    list of dict
        Keys partition, space (`mixture` for likelihoods, `rules` for the proxy
        classes), score, value.
    """
    rules = rule_classes(five)
    rows: list[Row] = []
    for made, fit in outcome.fits.items():
        found = {
            name: scores.in_space(space, fit.cluster) for name, space in outcome.spaces.items()
        }
        found["mixture"] = scores.under_mixture(fit, confidence)
        found["rules"] = scores.against_classes(rules, fit.cluster)
        rows += [
            {"partition": made, "space": space, "score": score, "value": value}
            for space, values in found.items()
            for score, value in values.items()
        ]
    return rows


def rule_classes(five: NDArray[np.float64]) -> NDArray[np.object_]:
    """Proxy classes of `validation.proxy_classes` at their default limits.

    Parameters
    ----------
    five : ndarray of float64, shape (n, 5)
        The five parameters.

    Returns
    -------
    ndarray of str, shape (n,)
        Class of each galaxy.
    """
    return proxy_classes(pd.DataFrame(five, columns=list(FIVE)))


def as_text(cluster: NDArray[np.int64]) -> str:
    """Write a partition as text, one letter a galaxy.

    Parameters
    ----------
    cluster : ndarray of int64, shape (n,)
        Numbers from 0 to 35.

    Returns
    -------
    str
        n letters.
    """
    return "".join(LETTERS[number] for number in cluster)


def from_text(text: str) -> NDArray[np.int64]:
    """Read what `as_text` wrote.

    Parameters
    ----------
    text : str
        n letters.

    Returns
    -------
    ndarray of int64, shape (n,)
        The partition.
    """
    return np.array([LETTERS.index(letter) for letter in text], dtype=np.int64)


def structureless(features: Features) -> dict[str, Callable[[int], Features]]:
    """Ways to make the same number of galaxies without the structure claimed.

    Parameters
    ----------
    features : Features
        The galaxies.

    Returns
    -------
    dict of str to callable
        From a seed to features: `nulls.NULLS` over all columns, and
        `PERMUTED`, in which the five parameters are dealt to other galaxies.
    """
    joined = features.joined()
    five = slice(joined.shape[1] - features.five.shape[1], joined.shape[1])
    makers: dict[str, nulls.Null] = {
        **nulls.NULLS,
        PERMUTED: partial(nulls.permuted_block, columns=five),
    }

    def drawn(maker: nulls.Null, seed: int) -> Features:
        """Features as one null makes them."""
        return features.with_columns(maker(joined, seed))

    return {name: partial(drawn, maker) for name, maker in makers.items()}


def beside_nulls(
    table: pd.DataFrame, partition: str, shown: Mapping[tuple[str, str], str]
) -> pd.DataFrame:
    """Hold scores over seeds beside the same scores on each null.

    Parameters
    ----------
    table : DataFrame
        Rows of `CHAIN`, partitions as text left out.
    partition : str
        One of `PARTITIONS`.
    shown : mapping of (str, str) to str
        Space and score to a label.

    Returns
    -------
    DataFrame
        One row a score: label, galaxies (mean), range (text), null (the one
        whose mean is best), null_mean, null_range (text), judged (whether the
        score can be compared between data sets, see `scores.OF_SCALE`),
        stands_out (whether it is judged and the worst value of the galaxies is
        better than the best of all nulls), verdict (text).
    """
    mine = table[table["partition"] == partition]
    rows = []
    for (space, score), label in shown.items():
        found = mine[(mine["space"] == space) & (mine["score"] == score)]
        sign = -1.0 if score in scores.LOWER_IS_BETTER else 1.0
        real = found.loc[found["data"] == GALAXIES, "value"]
        null = found[found["data"] != GALAXIES]
        name = hardest_null(found, sign)
        hardest = null.loc[null["data"] == name, "value"]
        judged = score not in scores.OF_SCALE
        apart = judged and bool((sign * real).min() > (sign * null["value"]).max())
        rows.append(
            {
                "label": label,
                "galaxies": float(real.mean()),
                "range": _range(real),
                "null": name,
                "null_mean": float(hardest.mean()),
                "null_range": _range(hardest),
                "judged": judged,
                "stands_out": apart,
                "verdict": _verdict(judged, apart),
            }
        )
    return pd.DataFrame(rows)


def _verdict(judged: bool, apart: bool) -> str:
    if not judged:
        return "not judged"
    return "stands out" if apart else "does not stand out"


def hardest_null(table: pd.DataFrame, sign: float) -> str:
    """Name the null that scores best.

    Parameters
    ----------
    table : DataFrame
        Rows of one partition, space and score; columns data, value.
    sign : float
        1 where a higher score is better, -1 where a lower one is.

    Returns
    -------
    str
        The null whose mean over draws is best; `not measured` where none has one.
    """
    null = table[table["data"] != GALAXIES]
    means = (sign * null["value"]).groupby(null["data"], sort=False).mean().dropna()
    return str(means.idxmax()) if len(means) else "not measured"


def _range(values: pd.Series) -> str:
    return f"{values.min():.3g} to {values.max():.3g}"


def fusion_gain(table: pd.DataFrame) -> dict[str, float]:
    """Silhouette of the fused partition with real pairs of modalities minus dealt ones.

    Parameters
    ----------
    table : DataFrame
        Rows of `CHAIN`.

    Returns
    -------
    dict
        `difference` (mean over seeds, paired), `low` and `high` (95 % interval
        of the mean, Student's t).
    """
    chosen = table[
        (table["partition"] == "fused")
        & (table["space"] == "latent")
        & (table["score"] == "silhouette")
    ].pivot(index="draw", columns="data", values="value")
    difference = chosen[GALAXIES] - chosen[PERMUTED]
    half = student.ppf(0.975, len(difference) - 1) * difference.sem()
    mean = float(difference.mean())
    return {"difference": mean, "low": mean - float(half), "high": mean + float(half)}


def fair_table(table: pd.DataFrame, against: Sequence[str] = ()) -> pd.DataFrame:
    """Every partition in every space, beside what the hardest null gives there.

    Parameters
    ----------
    table : DataFrame
        Rows of `CHAIN`, partitions as text left out.
    against : sequence of str
        Nulls that count; all of them if empty.

    Returns
    -------
    DataFrame
        One row a space, partition and score (`silhouette`, `davies_bouldin`):
        columns space, partition, score, value (mean over seeds), null (the one
        whose mean is best for that partition in that space), gain (mean over
        seeds of how much better the galaxies are than that null), low, high
        (range of the gain, draws paired).
    """
    kept = table if not against else table[table["data"].isin([GALAXIES, *against])]
    rows: list[Row] = []
    for space in SPACES:
        for made in PARTITIONS:
            for score in ("silhouette", "davies_bouldin"):
                cell = kept[
                    (kept["space"] == space)
                    & (kept["partition"] == made)
                    & (kept["score"] == score)
                ]
                key = {"space": space, "partition": made, "score": score}
                rows.append(key | _gain(cell, -1.0 if score in scores.LOWER_IS_BETTER else 1.0))
    return pd.DataFrame(rows)


def _gain(cell: pd.DataFrame, sign: float) -> Row:
    """How much better the galaxies are than the hardest null, over draws."""
    name = hardest_null(cell, sign)
    drawn = cell.pivot(index="draw", columns="data", values="value")
    gain = sign * (drawn[GALAXIES] - drawn.get(name, np.nan))
    mean, low, high = (float(value) for value in (gain.mean(), gain.min(), gain.max()))
    return {"value": float(drawn[GALAXIES].mean()), "null": name, "gain": mean,
            "low": low, "high": high}  # fmt: skip


def winners(fair: pd.DataFrame, score: str = "silhouette") -> dict[str, str | None]:
    """Name the partition that stands out in each space, if one does.

    Parameters
    ----------
    fair : DataFrame
        As of `fair_table`.
    score : str
        By which score.

    Returns
    -------
    dict of str to str or None
        Space to the partition whose gain is above 0 at every seed, and above
        the gains of the other partitions at all of theirs; None where there is none.
    """
    found: dict[str, str | None] = {}
    for space, rows in fair[fair["score"] == score].groupby("space", sort=False):
        ranked = rows.dropna(subset="gain").sort_values("gain", ascending=False)
        apart = len(ranked) > 0 and ranked["low"].iloc[0] > max([0.0, *ranked["high"].iloc[1:]])
        found[str(space)] = str(ranked["partition"].iloc[0]) if apart else None
    return found


def pairwise_agreement(texts: Sequence[str]) -> NDArray[np.float64]:
    """Adjusted Rand index between every two partitions.

    Parameters
    ----------
    texts : sequence of str
        As of `as_text`.

    Returns
    -------
    ndarray of float64, shape (n * (n - 1) / 2,)
        One a pair.
    """
    partitions = [from_text(text) for text in texts]
    return np.array([adjusted_rand_score(a, b) for a, b in combinations(partitions, 2)])


def _chain_units(draws: int, seed: int) -> list[Row]:
    kinds = (GALAXIES, *nulls.NULLS, PERMUTED)
    return [
        {"data": kind, "draw": draw, "seed": seed + draw} for draw in range(draws) for kind in kinds
    ]


def _measure_chain(inputs: tuple[Features, Recipe], unit: Row) -> list[Row]:
    features, recipe = inputs
    real = unit["data"] == GALAXIES
    data = features if real else structureless(features)[unit["data"]](unit["seed"])
    outcome = run_chain(data, recipe, unit["seed"])
    rows = outcome_rows(outcome, data.five, recipe.confidence)
    if real:
        rows += [
            {"partition": made, "space": "types", "score": score, "value": value}
            for made, fit in outcome.fits.items()
            for score, value in scores.against_classes(features.types, fit.cluster).items()
        ]
        rows += [
            {"partition": made, "space": "", "score": "partition", "text": as_text(fit.cluster)}
            for made, fit in outcome.fits.items()
        ]
    return rows


CHAIN = Study("chain", _chain_units, _measure_chain, (*UPSTREAM, *TRAINING, *MIXTURE))
"""Scores of the whole chain over seeds, on the galaxies and on three kinds of null."""

LEFT_OUT = ("nothing", "all five", *FIVE)


def _left_out_units(draws: int, seed: int) -> list[Row]:
    return [
        {"left_out": name, "draw": draw, "seed": seed + draw}
        for draw in range(draws)
        for name in LEFT_OUT
    ]


def _measure_left_out(inputs: tuple[Features, Recipe], unit: Row) -> list[Row]:
    features, recipe = inputs
    left = unit["left_out"]
    kept = [i for i, name in enumerate(FIVE) if left != "all five" and name != left]
    latent = encode(replace(features, five=features.five[:, kept]), recipe, unit["seed"])
    cluster = recipe.mixture(latent, unit["seed"]).cluster
    rules = rule_classes(features.five)
    judges: dict[str, Any] = {"rules": rules, "types": features.types}
    dealt = chance_accuracy(cluster, rules, unit["seed"], scores.RESAMPLINGS)
    chance = {"permuted": float(dealt.mean()), "permuted_highest": float(dealt.max())}
    return [
        {"classes": judge, "score": score, "value": value}
        for judge, classes in judges.items()
        for score, value in scores.against_classes(classes, cluster).items()
    ] + [{"classes": "rules", "score": score, "value": value} for score, value in chance.items()]


CIRCULARITY = Study(
    "circularity", _left_out_units, _measure_left_out, (*UPSTREAM, *TRAINING, *MIXTURE)
)
"""Agreement with the rules when the recipe does not see what the rules read."""
