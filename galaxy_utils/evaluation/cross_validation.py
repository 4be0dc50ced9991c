"""The search and what follows from it once more, with the parts of the sample turned round.

The rule of `search.choose` and the form of `consensus` were settled while we saw what
they gave on one part of the galaxies, the first of `split.fold_of`. The labels of
the other four parts were never used to compare rules or forms. So each of these is
held out in its turn: search, choice and vote are made anew from the galaxies
outside it, and judged on it.

Settled before the first of these numbers was seen: rule and vote stand as they are;
all four parts count; the figures are the mean over parts of the adjusted Rand index,
and that mean as a share of the mean ceiling (the linear classifier of
`search.supervised` in `search.make_space` of the chosen recipe, for the vote in
`consensus.joined_space`); the marks are `GOAL_ARI` and `GOAL_PERCENT`, for the mean
over seeds. Whatever comes out is reported.

Of the mixture that the votes teach (`consensus.taught_variant`, the profile `best`) the form
was settled later, when the vote had been judged on all parts; no number of it on these parts
had been seen. It counts as the others do, with the ceiling in its own space.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from galaxy_utils.clustering import consensus
from galaxy_utils.data.split import N_FOLDS
from galaxy_utils.evaluation import scores
from galaxy_utils.evaluation.chain import Recipe
from galaxy_utils.evaluation.search import (
    SEARCH,
    Ingredients,
    Values,
    Variant,
    allowed,
    as_variant,
    bootstrap_ari,
    in_words,
    make_space,
    percent_of,
    range_text,
    supervised,
    supervised_ceiling,
    unreduced,
    variants_table,
)
from galaxy_utils.experiments.study import FEW_DRAWS, Row, Study

GOAL_ARI, GOAL_PERCENT = 0.25, 60
"""What an unsupervised recipe was to reach: adjusted Rand index, and share of the ceiling."""

SHARING = ("vote", "taught", "chosen")
"""Methods whose share of what labels would give is asked."""

BESIDE = ("teachers", "vote", "chosen", "measured")
"""What the mixture is held beside."""

ALL = "all"
"""The parts of the sample together: means over them."""

METHODS = {
    "taught": "mixture taught by votes", "teachers": "vote of its teachers",
    "vote": "vote of all", "chosen": "chosen recipe",
    "measured": "K-Means of measured parameters",
    "vote_ceiling": "with labels, what the vote sees",
    "taught_ceiling": "with labels, what the mixture sees",
    "chosen_ceiling": "with labels, what the recipe sees",
}  # fmt: skip
"""Partitions that are judged, in words: the mixture that votes teach, the vote of its teachers
and that of all, the recipe that the rule chose, K-Means of measured parameters, and linear
classifiers in what all voters, the mixture and the chosen recipe see."""

NULLED = ("vote", "taught")
"""Methods whose labels are shuffled."""

OTHER_PART = 100_000
"""From the seed of the resampling of one part to that of the next."""


@dataclass(frozen=True)
class Judged:
    """A part of the sample, judged.

    Parameters
    ----------
    values : ndarray of float64, shape (len(METHODS),)
        Adjusted Rand indices with the types.
    resampled : ndarray of float64, shape (len(METHODS), scores.RESAMPLINGS)
        The same of resampled galaxies.
    shuffled : ndarray of float64, shape (len(NULLED), consensus.PERMUTATIONS)
        Of these, their labels shuffled.
    """

    values: Values
    resampled: Values
    shuffled: Values


def turned(ingredients: Ingredients, fold: NDArray[np.int64], part: int) -> Ingredients:
    """Hold out another part of the galaxies.

    Parameters
    ----------
    ingredients : Ingredients
        The galaxies.
    fold : ndarray of int64, shape (n,)
        As of `split.fold_of`.
    part : int
        The one that is held out.

    Returns
    -------
    Ingredients
        All other galaxies may be fitted.
    """
    return replace(ingredients, held_out=fold == part)


def judge_part(
    ingredients: Ingredients, table: pd.DataFrame, recipe: Recipe, seed: int, resampling: int
) -> Judged:
    """Make what a search leads to, and compare it with the types on the held-out part.

    Parameters
    ----------
    ingredients : Ingredients
        As of `turned`.
    table : DataFrame
        The search without this part, as of `search.variants_table`.
    recipe : Recipe
        Number of clusters, starts.
    seed : int
        Of everything but the resampling of galaxies.
    resampling : int
        Seed of that; another for each part, so that parts are resampled independently.

    Returns
    -------
    Judged
        NaN where no recipe may be chosen, or types are not known.
    """
    out, types = ingredients.held_out, ingredients.types
    votes = consensus.members(table, ingredients)
    said = _partitions(ingredients, votes, recipe, seed) if votes else {}
    values = np.full(len(METHODS), np.nan)
    resampled = np.full((len(METHODS), scores.RESAMPLINGS), np.nan)
    shuffled = np.full((len(NULLED), consensus.PERMUTATIONS), np.nan)
    there = [row for row, name in enumerate(METHODS) if name in said]
    if there:
        partitions = [said[name] for name in METHODS if name in said]
        values[there] = [scores.against_classes(types[out], each)["ari"] for each in partitions]
        resampled[there] = bootstrap_ari(types[out], partitions, resampling)
    for row, name in enumerate(NULLED):
        if name in said:
            number = consensus.PERMUTATIONS
            null = scores.permuted_classes(types[out], said[name], number, resampling)
            shuffled[row] = null["ari"]
    return Judged(values, resampled, shuffled)


def _partitions(
    ingredients: Ingredients, votes: Mapping[Variant, float], recipe: Recipe, seed: int
) -> dict[str, NDArray[np.int64]]:
    """What `METHODS` names, of the held-out galaxies.

    Empty where no classifier is to be had; without a mixture where no recipe has deep
    features.
    """
    out, types, chosen = ingredients.held_out, ingredients.types, next(iter(votes))
    posteriors = consensus.posteriors_of(ingredients, votes, recipe, seed)
    every = dict(zip(votes, posteriors, strict=True))
    found = {
        "vote": consensus.votes_of(every.values(), votes.values(), ~out)[out].argmax(axis=1),
        "chosen": every[chosen][out].argmax(axis=1),
        "measured": consensus.measured_alone(ingredients, recipe, seed),
    }
    spaces = {
        "vote_ceiling": consensus.joined_space(ingredients, votes, recipe, seed),
        "chosen_ceiling": make_space(ingredients, chosen, recipe, seed),
    }
    if (variant := consensus.taught_variant(votes)) is not None:
        made = consensus.taught_by(ingredients, variant, votes, recipe, seed, every)
        found["taught"] = made.fit.model.predict(made.values[out])
        found["teachers"] = made.votes[out].argmax(axis=1)
        spaces["taught_ceiling"] = made.values
    for name, values in spaces.items():
        taught = supervised(values, types, out)
        if taught is None:
            return {}
        found[name] = taught
    return found


def rows_of(judged: Mapping[str, Judged]) -> list[Row]:
    """Scores of every part, and of all parts together.

    Parameters
    ----------
    judged : mapping of str to Judged
        Name of the part to its indices.

    Returns
    -------
    list of dict
        Keys part, score, value. Scores: those of `METHODS`; `vote_share`,
        `taught_share` and `chosen_share` (of their ceilings, percent; of all parts
        together: of the mean of the ceilings); `gain_chosen` and `gain_measured` (of
        the vote over the others), `taught_gain_<method>` of the mixture over each of
        `BESIDE`, `taught_wide_share` (of the ceiling of the vote); each of them also with
        `_low` and `_high` for 95 % of resampled galaxies; `<method>_shuffled_low` and
        `_high`, 95 % of permutations, of `NULLED`.
    """
    together = Judged(
        np.mean([each.values for each in judged.values()], axis=0),
        np.mean([each.resampled for each in judged.values()], axis=0),
        np.mean([each.shuffled for each in judged.values()], axis=0),
    )
    return [
        {"part": part, "score": score, "value": value}
        for part, each in {**judged, ALL: together}.items()
        for score, value in _scores(each).items()
    ]


def _scores(judged: Judged) -> dict[str, float]:
    found: dict[str, float] = {}
    resampled = _derived(dict(zip(METHODS, judged.resampled, strict=True)))
    for name, value in _derived(dict(zip(METHODS, judged.values, strict=True))).items():
        low, high = np.percentile(resampled[name], [2.5, 97.5])
        found |= {name: float(value), f"{name}_low": float(low), f"{name}_high": float(high)}
    for name, null in zip(NULLED, judged.shuffled, strict=True):
        low, high = np.percentile(null, [2.5, 97.5])
        found |= {f"{name}_shuffled_low": float(low), f"{name}_shuffled_high": float(high)}
    return found


def _derived(ari: Mapping[str, Values]) -> dict[str, Values]:
    """Adjusted Rand indices, shares of the ceilings, and gains of vote and mixture."""
    return {
        **ari,
        **{f"{of}_share": percent_of(ari[of], ari[f"{of}_ceiling"]) for of in SHARING},
        "gain_chosen": ari["vote"] - ari["chosen"],
        "gain_measured": ari["vote"] - ari["measured"],
        "taught_wide_share": percent_of(ari["taught"], ari["vote_ceiling"]),
        **{f"taught_gain_{other}": ari["taught"] - ari[other] for other in BESIDE},
    }


def unreduced_ceiling(
    ingredients: Ingredients, fold: NDArray[np.int64], parts: Iterable[int], variant: Variant
) -> float:
    """What labels would give in all that a recipe takes in, before it is reduced.

    Parameters
    ----------
    ingredients, fold
        As in `turned`.
    parts : iterable of int
        Held out in their turn.
    variant : Variant
        The recipe, see `search.unreduced`.

    Returns
    -------
    float
        Mean over parts of the adjusted Rand index of `search.supervised_ceiling`; NaN
        where too few types are known in one.
    """
    values = unreduced(ingredients, variant)
    return float(
        np.mean([supervised_ceiling(values, ingredients.types, fold == part) for part in parts])
    )


def _units_search(draws: int, seed: int) -> list[Row]:
    """Recipes that train a network do not vote, and would take most of the time."""
    parts = range(1, N_FOLDS if draws >= FEW_DRAWS else 2)
    spaces = [unit for unit in SEARCH.units(draws, seed) if unit["encoder"] == "pca"]
    return [{"part": part, **space} for part in parts for space in spaces]


def _measure_search(inputs: tuple[Ingredients, Recipe, NDArray[np.int64]], unit: Row) -> list[Row]:
    ingredients, recipe, fold = inputs
    space = {name: value for name, value in unit.items() if name != "part"}
    return SEARCH.measure((turned(ingredients, fold, unit["part"]), recipe), space)


FOLDS = Study("folds", _units_search, _measure_search, SEARCH.parameters, SEARCH.files)
"""The search without each part in its turn but the first, which `search.SEARCH` holds out."""


def tables(rows: pd.DataFrame) -> dict[int, pd.DataFrame]:
    """The searches, one table a part.

    Parameters
    ----------
    rows : DataFrame
        Result of `FOLDS`.

    Returns
    -------
    dict of int to DataFrame
        Held-out part to what `search.variants_table` gives.
    """
    parts = sorted(set(rows["part"].astype(int)))
    return {part: variants_table(rows[rows["part"] == part]) for part in parts}


def _units(draws: int, seed: int) -> list[Row]:
    return [{"seed": seed + draw} for draw in range(draws)]


def _measure(
    inputs: tuple[Ingredients, Recipe, NDArray[np.int64], dict[int, pd.DataFrame]], unit: Row
) -> list[Row]:
    ingredients, recipe, fold, searched = inputs
    return rows_of({
        str(part): judge_part(
            turned(ingredients, fold, part), table, recipe, unit["seed"],
            unit["seed"] + OTHER_PART * part,
        )
        for part, table in searched.items()
    })  # fmt: skip


CROSS_VALIDATION = Study(
    "cross_validation", _units, _measure, SEARCH.parameters, SEARCH.files, after=(FOLDS.name,)
)
"""What the searches of `FOLDS` lead to, over seeds, each on the part that it never saw."""


def over_seeds(rows: pd.DataFrame) -> pd.DataFrame:
    """Means and ranges over seeds.

    Parameters
    ----------
    rows : DataFrame
        Result of `CROSS_VALIDATION`.

    Returns
    -------
    DataFrame
        One row a part and score, see `rows_of`; columns mean, min, max.
    """
    return rows.groupby(["part", "score"])["value"].agg(["mean", "min", "max"])


def readable(found: pd.DataFrame, searched: Mapping[int, pd.DataFrame]) -> pd.DataFrame:
    """The parts and all together, for a page.

    Parameters
    ----------
    found : DataFrame
        As of `over_seeds`.
    searched : mapping of int to DataFrame
        As of `tables`.

    Returns
    -------
    DataFrame
        One row a part: the recipe that the rule chose, adjusted Rand indices and
        shares of the ceilings, with the interval over galaxies (means over seeds).
    """
    chosen = {str(part): _chosen_words(table) for part, table in searched.items()}
    mean = found["mean"].unstack("score").round(3)
    return pd.DataFrame([
        {
            "part": part, "chosen recipe": chosen.get(str(part), ""), "its ARI": row["chosen"],
            "of ceiling (%)": row["chosen_share"].round(1), "vote": row["vote"],
            "of its ceiling (%)": row["vote_share"].round(1), "mixture": row["taught"],
            "over galaxies": range_text(row["taught_low"], row["taught_high"]),
            "of mixture's ceiling (%)": row["taught_share"].round(1),
            "K-Means, measured": row["measured"],
        }
        for part, row in mean.iterrows()
    ])  # fmt: skip


def plotted(found: pd.DataFrame) -> pd.DataFrame:
    """Adjusted Rand indices over all parts, for a figure.

    Parameters
    ----------
    found : DataFrame
        As of `over_seeds`.

    Returns
    -------
    DataFrame
        One row of each of `METHODS`: value, low, high (95 % of resampled galaxies; all
        of them means over seeds).
    """
    mean: pd.Series = found.xs(ALL)["mean"]
    ends = {"value": "", "low": "_low", "high": "_high"}
    values = {name: [mean[f"{key}{end}"] for key in METHODS] for name, end in ends.items()}
    return pd.DataFrame(values, index=list(METHODS.values()))


def n_judged(found: pd.DataFrame, method: str = "vote") -> int:
    """How many parts could be judged; where it is not all, the mean over them is not known.

    Parameters
    ----------
    found : DataFrame
        As of `over_seeds`.
    method : str
        Of `METHODS`.

    Returns
    -------
    int
        Parts that have types, a recipe that may be chosen, and a ceiling; for the mixture
        a recipe with deep features, too.
    """
    return int(found["mean"].unstack("score")[method].drop(ALL).notna().sum())


def goal_text(found: pd.DataFrame, method: str) -> str:
    """Say whether a method reached what we had set out for, over all parts.

    Parameters
    ----------
    found : DataFrame
        As of `over_seeds`.
    method : str
        Of `SHARING`.

    Returns
    -------
    str
        A clause on the index and one on the share of the ceiling.
    """
    mean: pd.Series = found.xs(ALL)["mean"]
    marks = {
        f"an index of {GOAL_ARI}": (method, GOAL_ARI),
        f"{GOAL_PERCENT} % of the ceiling": (f"{method}_share", GOAL_PERCENT),
    }
    said = [
        f"{mark} {_reached(mean[score], mean[f'{score}_low'], mean[f'{score}_high'], goal)}"
        for mark, (score, goal) in marks.items()
    ]
    return f"{METHODS[method]}: {', '.join(said)}"


def _reached(value: float, low: float, high: float, goal: float) -> str:
    if np.isnan(value):
        return "could not be judged"
    said = "is reached" if value >= goal else "is not reached"
    return f"{said}, though the interval holds it" if low < goal <= high else said


def n_teaching(searched: Mapping[int, pd.DataFrame], taught: Variant, found: Ingredients) -> int:
    """In how many parts the votes teach a mixture in one and the same form.

    Parameters
    ----------
    searched : mapping of int to DataFrame
        As of `tables`.
    taught : Variant
        The form.
    found : Ingredients
        For what was measured.

    Returns
    -------
    int
        Parts.
    """
    every = [consensus.members(table, found) for table in searched.values()]
    return sum(consensus.taught_variant(votes) == taught for votes in every)


def n_choosing(searched: Mapping[int, pd.DataFrame], variant: Variant) -> int:
    """In how many parts the rule chose a recipe.

    Parameters
    ----------
    searched : mapping of int to DataFrame
        As of `tables`.
    variant : Variant
        The recipe.

    Returns
    -------
    int
        Parts.
    """
    return sum(_chosen_words(table) == in_words(variant) for table in searched.values())


def _chosen_words(table: pd.DataFrame) -> str:
    kept = allowed(table)
    return "none" if kept.empty else in_words(as_variant(kept.iloc[0]))
