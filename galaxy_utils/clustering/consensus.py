"""A consensus of all recipes that a search may choose from, and a mixture that it teaches."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from galaxy_utils.clustering.taxonomy import MixtureFit, fit_mixture, taught_mixture
from galaxy_utils.evaluation import scores
from galaxy_utils.evaluation.chain import Recipe
from galaxy_utils.evaluation.search import (
    COLUMNS,
    COVARIANCES,
    K_MEANS,
    SCALES,
    SEARCH,
    Ingredients,
    Values,
    Variant,
    allowed,
    as_variant,
    bootstrap_ari,
    held_out_partition,
    in_words,
    make_space,
    percent_of,
    permuted,
    range_text,
    supervised,
    supervised_ceiling,
    widest_measured,
)
from galaxy_utils.experiments.study import Row, Study

STEPS = (1, 2, 3, 5, 10, 20, 30, 50, 100, 150, 200)
"""Numbers of recipes at which a growing consensus is judged; that of all of them, too."""

PERMUTATIONS = 200
"""Of the labels of the vote of all, for its null."""

GROWTH = ("recipes", "alone", "ari", "ari_lowest", "ari_highest", "ami", "recall")
"""Columns of `growth`."""

FORMS = ("recipe", "covariance", "taken", "follows", "ari", "ceiling", "share")
"""Columns of `forms`."""

Partition = NDArray[np.int64]


def members(table: pd.DataFrame, ingredients: Ingredients) -> dict[Variant, float]:
    """List the recipes that vote, and the weight of each vote; no label is read.

    Parameters
    ----------
    table : DataFrame
        As of `search.variants_table`.
    ingredients : Ingredients
        Recipes whose framing or measured parameters it lacks are left out.

    Returns
    -------
    dict of Variant to float
        All that `search.choose` may choose from and that train no network (it
        would take a minute each), with their stability corrected for that of
        their null; largest first. Empty where there is none.
    """
    kept = allowed(table)
    kept = kept[(kept["encoder"] == "pca") & kept["framing"].isin(["none", *ingredients.deep])]
    kept = kept[kept["columns"].map(COLUMNS) <= ingredients.shape.shape[1]]
    return {as_variant(row): float(row["corrected"]) for _, row in kept.iterrows()}


def add_votes(
    posteriors: Iterable[Values], weights: Iterable[float], seen: NDArray[np.bool_]
) -> Iterator[Values]:
    """Add up the votes of partitions whose clusters have no common numbers.

    The clusters of each are matched one to one to those of the sum so far, so that
    they share as much as can be, and its weighted posteriors are added.

    Parameters
    ----------
    posteriors : iterable of ndarray of float64, shape (n, k)
        Posterior of each cluster for each galaxy, one array a recipe.
    weights : iterable of float
        Of each recipe, positive.
    seen : ndarray of bool, shape (n,)
        Galaxies by which clusters are matched.

    Yields
    ------
    ndarray of float64, shape (n, k)
        Weighted mean of the posteriors after each recipe, in the numbers of the first.

    Raises
    ------
    ValueError
        If posteriors differ in shape.

    References
    ----------
    Dimitriadou, Weingessel & Hornik (2002); the weights are ours.
    """
    total: Values | None = None
    weighed = 0.0
    for posterior, weight in zip(posteriors, weights, strict=True):
        if total is None:
            total = weight * posterior
        elif posterior.shape != total.shape:
            raise ValueError(f"posteriors of shapes {total.shape} and {posterior.shape}")
        else:
            matched = linear_sum_assignment(-total[seen].T @ posterior[seen])[1]
            total = total + weight * posterior[:, matched]
        weighed += weight
        yield total / weighed


def posteriors_of(
    ingredients: Ingredients, chosen: Iterable[Variant], recipe: Recipe, seed: int
) -> Iterator[Values]:
    """Posteriors of all galaxies by recipes that were made from those of the search.

    Parameters
    ----------
    ingredients : Ingredients
        The galaxies; held-out ones shape nothing.
    chosen : iterable of Variant
        The recipes.
    recipe : Recipe
        Number of clusters, starts.
    seed : int
        Of everything.

    Yields
    ------
    ndarray of float64, shape (n, n_components)
        Of one recipe; rows add up to one.
    """
    k, n_init, reg = recipe.n_components, recipe.n_init, recipe.reg_covar
    spaces: dict[Variant, Values] = {}
    for variant in chosen:
        space = replace(variant, covariance="full")
        if space not in spaces:
            spaces[space] = make_space(ingredients, variant, recipe, seed)
        seen = spaces[space][~ingredients.held_out]
        model = fit_mixture(seen, k, variant.covariance, n_init, reg, seed).model
        yield np.asarray(model.predict_proba(spaces[space]), np.float64)


def joined_space(
    ingredients: Ingredients, chosen: Iterable[Variant], recipe: Recipe, seed: int
) -> Values:
    """All that any of the recipes has seen of a galaxy, side by side.

    Parameters
    ----------
    ingredients, recipe, seed
        As in `posteriors_of`.
    chosen : iterable of Variant
        The recipes.

    Returns
    -------
    ndarray of float64, shape (n, dimension)
        The widest set of measured parameters in each scale, and the most
        components of the deep features in each framing.
    """
    every = list(chosen)
    widest = max((v.columns for v in every), key=list(COLUMNS).index)
    parts = [Variant(widest, scale, "none", 0, "pca") for scale in sorted({v.scale for v in every})]
    for framing in sorted({v.framing for v in every} - {"none"}):
        most = max(v.components for v in every if v.framing == framing)
        parts.append(Variant("none", "z", framing, most, "pca"))
    return np.hstack([make_space(ingredients, part, recipe, seed) for part in parts])


def votes_of(
    posteriors: Iterable[Values], weights: Iterable[float], seen: NDArray[np.bool_]
) -> Values:
    """The votes of all, see `add_votes`.

    Parameters
    ----------
    posteriors, weights, seen
        As in `add_votes`; there is at least one.

    Returns
    -------
    ndarray of float64, shape (n, k)
        Weighted mean of the posteriors.

    Raises
    ------
    ValueError
        If no recipe votes.
    """
    last = deque(add_votes(posteriors, weights, seen), maxlen=1)
    if not last:
        raise ValueError("no recipe votes")
    return last[0]


def teachers(chosen: Mapping[Variant, float], framing: str) -> dict[Variant, float]:
    """The recipes that see galaxies in no other framing; some see no image at all.

    Parameters
    ----------
    chosen : mapping of Variant to float
        As of `members`.
    framing : str
        Of the deep features.

    Returns
    -------
    dict of Variant to float
        In the same order.
    """
    return {v: weight for v, weight in chosen.items() if v.framing in ("none", framing)}


def taught_variant(chosen: Mapping[Variant, float]) -> Variant | None:
    """The space of the mixture that votes teach, and its covariance; no label is read.

    Parameters
    ----------
    chosen : mapping of Variant to float
        As of `members`.

    Returns
    -------
    Variant or None
        The framing of the most stable recipe that has deep features; of what its `teachers`
        take in, the most components and the widest set of measured parameters, made normal
        by their ranks; diagonal covariances. None where no recipe has deep features.
    """
    framing = next((v.framing for v in chosen if v.framing != "none"), None)
    if framing is None:
        return None
    mine = teachers(chosen, framing)
    widest = max((v.columns for v in mine), key=list(COLUMNS).index)
    return Variant(widest, "rank", framing, max(v.components for v in mine), "pca", "diag")


@dataclass(frozen=True)
class Taught:
    """A mixture, and the votes that taught it.

    Parameters
    ----------
    variant : Variant
        Its space and covariance.
    votes : ndarray of float64, shape (n, k)
        Of its teachers, on all galaxies.
    values : ndarray of float64, shape (n, dimension)
        All galaxies in its space.
    fit : MixtureFit
        Of the galaxies that are not held out.
    """

    variant: Variant
    votes: Values
    values: Values
    fit: MixtureFit


def taught_votes(
    ingredients: Ingredients,
    mine: Mapping[Variant, float],
    recipe: Recipe,
    seed: int,
    posteriors: Mapping[Variant, Values] | None = None,
) -> Values:
    """What teachers say of all galaxies, made from those that are not held out.

    Parameters
    ----------
    ingredients, recipe, seed
        As in `posteriors_of`.
    mine : mapping of Variant to float
        As of `teachers`; at least one.
    posteriors : mapping of Variant to ndarray of float64, optional
        Theirs, where they were made already.

    Returns
    -------
    ndarray of float64, shape (n, k)
        As of `votes_of`.
    """
    every = (
        posteriors_of(ingredients, mine, recipe, seed)
        if posteriors is None
        else (posteriors[variant] for variant in mine)
    )
    with threadpool_limits(1):  # many small fits: more threads only wait for each other
        return votes_of(every, mine.values(), ~ingredients.held_out)


def taught_by(
    ingredients: Ingredients,
    variant: Variant,
    chosen: Mapping[Variant, float],
    recipe: Recipe,
    seed: int,
    posteriors: Mapping[Variant, Values] | None = None,
) -> Taught:
    """Let recipes vote, and make the mixture of a space from their votes.

    Parameters
    ----------
    ingredients : Ingredients
        The galaxies; held-out ones shape nothing, labels are not read.
    variant : Variant
        The space, and the covariance.
    chosen : mapping of Variant to float
        As of `members`; the `teachers` among them vote.
    recipe : Recipe
        Number of clusters, starts of the teachers, regularisation.
    seed : int
        Of everything.
    posteriors : mapping of Variant to ndarray of float64, optional
        Of the teachers, where they were made already.

    Returns
    -------
    Taught
        The mixture.
    """
    mine = teachers(chosen, variant.framing)
    votes = taught_votes(ingredients, mine, recipe, seed, posteriors)
    values, seen = make_space(ingredients, variant, recipe, seed), ~ingredients.held_out
    fit = taught_mixture(values[seen], votes[seen], variant.covariance, recipe.reg_covar)
    return Taught(variant, votes, values, fit)


def forms(
    ingredients: Ingredients, taught: Taught | None, recipe: Recipe, seed: int
) -> pd.DataFrame:
    """Other spaces and covariances that the same votes could have taught.

    Parameters
    ----------
    ingredients, recipe, seed
        As in `taught_by`.
    taught : Taught or None
        The form that was taken.

    Returns
    -------
    DataFrame
        Columns `FORMS`, one row a form: recipe (as of `search.in_words`), covariance,
        taken, follows (adjusted Rand index with the votes), ari (with the types), ceiling
        (in its own space) and share (of that, percent); all on held-out galaxies, largest
        share first. No row where nothing was taught.
    """
    rows: list[Row] = []
    if taught is not None:
        for variant in _spaces_like(taught.variant):
            values = make_space(ingredients, variant, recipe, seed)
            rows += _forms_in(ingredients, values, variant, taught, recipe)
    table = pd.DataFrame(rows, columns=list(FORMS)).astype({"taken": bool})
    return table.sort_values("share", ascending=False, ignore_index=True)


def _forms_in(
    ingredients: Ingredients,
    values: Values,
    variant: Variant,
    taught: Taught,
    recipe: Recipe,
) -> list[Row]:
    """Every covariance in one space."""
    out, types, votes = ingredients.held_out, ingredients.types, taught.votes
    ceiling, rows = supervised_ceiling(values, types, out), []
    for covariance in COVARIANCES:
        fit = taught_mixture(values[~out], votes[~out], covariance, recipe.reg_covar)
        said, form = fit.model.predict(values[out]), replace(variant, covariance=covariance)
        ari = scores.against_classes(types[out], said)["ari"]
        rows.append({
            "recipe": in_words(form), "covariance": covariance,
            "taken": form == taught.variant,
            "follows": adjusted_rand_score(votes[out].argmax(axis=1), said), "ari": ari,
            "ceiling": ceiling, "share": float(percent_of(ari, ceiling)),
        })  # fmt: skip
    return rows


def readable_forms(table: pd.DataFrame) -> pd.DataFrame:
    """The table of `forms` for a page: ranges by covariance, and the form that was taken.

    Parameters
    ----------
    table : DataFrame
        As of `forms`.

    Returns
    -------
    DataFrame
        Columns as they are read; no row where there is no form.
    """
    groups = [(str(kind), group) for kind, group in table.groupby("covariance")]
    groups += [(f"taken: {row['recipe']}", table.loc[[n]]) for n, row in table.iterrows()
               if row["taken"]]  # fmt: skip
    return pd.DataFrame([
        {
            "covariance": name, "forms": len(group),
            "agreement with votes": _ends(group["follows"], 2), "ARI": _ends(group["ari"], 3),
            "of ceiling (%)": _ends(group["share"], 0),
        }
        for name, group in groups
    ])  # fmt: skip


def _ends(values: pd.Series, digits: int) -> str:
    low, high = (f"{value:.{digits}f}" for value in (values.min(), values.max()))
    return "" if values.isna().all() else low if low == high else f"{low} to {high}"


def _spaces_like(variant: Variant) -> list[Variant]:
    """As wide or less, in either scale, of as many components or half of them."""
    order = [variant.columns] if variant.columns == "none" else list(COLUMNS)[1:]
    names = order[: order.index(variant.columns) + 1]
    return [
        replace(variant, columns=columns, scale=scale, components=components)
        for columns in names
        for scale in SCALES
        for components in (max(variant.components // 2, 1), variant.components)
    ]


def judge(
    ingredients: Ingredients, chosen: Mapping[Variant, float], recipe: Recipe, seed: int
) -> list[Row]:
    """Judge the consensus of the first recipe, of more and more, of all, and what it teaches.

    Parameters
    ----------
    ingredients : Ingredients
        The galaxies; labels are read for the report alone.
    chosen : mapping of Variant to float
        As of `members`.
    recipe : Recipe
        Number of clusters, starts.
    seed : int
        Every recipe is made anew with it.

    Returns
    -------
    list of dict
        Keys recipes (how many vote), score, value; all on held-out galaxies.
        Scores: those of `scores.against_classes`; `alone`, the mean adjusted Rand
        index of these recipes, each by itself. Of the consensus of all, where types
        are known, also `below` (how many recipes by themselves agree less with the
        types), `ceiling` (see `search.supervised_ceiling`, in `joined_space`),
        `shuffled_low` and `shuffled_high` (95 % of permutations of its labels),
        `share` (of the ceiling, percent), `gain_first` and `gain_measured` (on the
        first recipe, and on K-Means of all measured parameters), and for `ari` and
        each of these three `_low` and `_high` (95 % of resampled galaxies). The same
        with `taught_` before the name of the mixture of `taught_variant`, its ceiling in
        its own space, with `taught_gain_vote`, `taught_gain_teachers` (on the vote of its
        teachers alone), `taught_teachers` (the index of that vote) and `taught_follows`
        (adjusted Rand index with it).
    """
    out, types = ingredients.held_out, ingredients.types
    posteriors = list(posteriors_of(ingredients, chosen, recipe, seed))
    single = [each[out].argmax(axis=1) for each in posteriors]
    alone = [scores.against_classes(types[out], said)["ari"] for said in single]
    rows: list[Row] = []
    for number, votes in enumerate(add_votes(posteriors, chosen.values(), ~out), start=1):
        if number not in STEPS and number < len(chosen):
            continue
        said = votes[out].argmax(axis=1)
        found = scores.against_classes(types[out], said)
        found["alone"] = float(np.mean(alone[:number]))
        if number == len(chosen):
            others = {"first": single[0], "measured": measured_alone(ingredients, recipe, seed)}
            joined = joined_space(ingredients, chosen, recipe, seed)
            of_vote = _against_others(ingredients, said, joined, others, seed)
            if of_vote:
                found |= of_vote | {"below": float(np.sum(np.array(alone) < found["ari"]))}
            by_vote = dict(zip(chosen, posteriors, strict=True))
            found |= _of_taught(ingredients, chosen, by_vote, recipe, others | {"vote": said}, seed)
        rows += [{"recipes": number, "score": name, "value": v} for name, v in found.items()]
    return rows


def _of_taught(
    ingredients: Ingredients,
    chosen: Mapping[Variant, float],
    posteriors: Mapping[Variant, Values],
    recipe: Recipe,
    others: Mapping[str, Partition],
    seed: int,
) -> dict[str, float]:
    """Scores of the mixture that the votes teach; none where no recipe has deep features."""
    out, types, variant = ingredients.held_out, ingredients.types, taught_variant(chosen)
    if variant is None:
        return {}
    taught = taught_by(ingredients, variant, chosen, recipe, seed, posteriors)
    said, voted = taught.fit.model.predict(taught.values[out]), taught.votes[out].argmax(axis=1)
    found = scores.against_classes(types[out], said)
    found["teachers"] = scores.against_classes(types[out], voted)["ari"]
    found["follows"] = float(adjusted_rand_score(voted, said))
    beside = {**others, "teachers": voted}
    found |= _against_others(ingredients, said, taught.values, beside, seed)
    return {f"taught_{name}": value for name, value in found.items()}


def _against_others(
    ingredients: Ingredients,
    said: Partition,
    values: Values,
    others: Mapping[str, Partition],
    seed: int,
) -> dict[str, float]:
    """Ceiling, null and gains of a partition; none where labels teach nothing."""
    out, types = ingredients.held_out, ingredients.types
    taught = supervised(values, types, out)
    if taught is None:
        return {}
    null = permuted(ingredients, said, PERMUTATIONS, seed).iloc[0]
    found = _of_all(types[out], said, taught, others, seed)
    return found | {"shuffled_low": null["low"], "shuffled_high": null["high"]}


def measured_alone(ingredients: Ingredients, recipe: Recipe, seed: int) -> Partition:
    """K-Means on z-scores of the most measured parameters: no network at all.

    Parameters
    ----------
    ingredients, recipe, seed
        As in `judge`.

    Returns
    -------
    ndarray of int64, shape (n_held_out,)
        The partition of the held-out galaxies.
    """
    widest = widest_measured(ingredients)
    return held_out_partition(ingredients, widest, recipe, seed, K_MEANS)


def _of_all(
    types: NDArray[np.object_],
    said: Partition,
    taught: Partition,
    others: Mapping[str, Partition],
    seed: int,
) -> dict[str, float]:
    """Ceiling, and values with 95 % of resampled galaxies: ARI, share of the ceiling, gains."""
    every = [said, taught, *others.values()]
    values = [scores.against_classes(types, each)["ari"] for each in every]
    drawn = bootstrap_ari(types, every, seed)
    compared: dict[str, tuple[float, Values]] = {
        "ari": (values[0], drawn[0]),
        "share": (float(percent_of(values[0], values[1])), percent_of(drawn[0], drawn[1])),
    }
    for row, name in enumerate(others, start=2):
        compared[f"gain_{name}"] = (values[0] - values[row], drawn[0] - drawn[row])
    found = {"ceiling": values[1]}
    for name, (value, draws) in compared.items():
        low, high = np.percentile(draws, [2.5, 97.5])
        found |= {name: value, f"{name}_low": float(low), f"{name}_high": float(high)}
    return found


def _units(draws: int, seed: int) -> list[Row]:
    return [{"seed": seed + draw} for draw in range(draws)]


def _measure(inputs: tuple[Ingredients, Recipe, dict[Variant, float]], unit: Row) -> list[Row]:
    ingredients, recipe, chosen = inputs
    return judge(ingredients, chosen, recipe, unit["seed"]) if chosen else []


CONSENSUS = Study(
    "consensus", _units, _measure, SEARCH.parameters, SEARCH.files, after=(SEARCH.name,)
)
"""The consensus of the recipes of `search.SEARCH`, over seeds, on held-out galaxies."""


def growth(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean and range over seeds by the number of recipes that vote.

    Parameters
    ----------
    rows : DataFrame
        Result of `CONSENSUS`.

    Returns
    -------
    DataFrame
        One row a number: recipes, alone, ari, ari_lowest, ari_highest, ami, recall;
        none where no recipe may vote.
    """
    if rows.empty:
        return pd.DataFrame(columns=list(GROWTH), dtype=float)
    wide = rows.pivot(index=["seed", "recipes"], columns="score", values="value").reset_index()
    return wide.groupby("recipes", as_index=False).agg(
        alone=("alone", "mean"), ari=("ari", "mean"), ari_lowest=("ari", "min"),
        ari_highest=("ari", "max"), ami=("ami", "mean"), recall=("balanced_accuracy", "mean"),
    )  # fmt: skip


def of_all(rows: pd.DataFrame) -> pd.DataFrame:
    """Scores of the consensus of all recipes over seeds.

    Parameters
    ----------
    rows : DataFrame
        Result of `CONSENSUS`.

    Returns
    -------
    DataFrame
        One row a score (see `judge`; missing ones are NaN), columns mean, min, max.
    """
    names = ["alone", "below", "taught_follows", "taught_teachers"]
    for of in ("", "taught_"):
        names += [
            f"{of}{name}"
            for name in ("ami", "ceiling", "balanced_accuracy", "shuffled_low", "shuffled_high")
        ]
        compared = ["ari", "share", "gain_first", "gain_measured"]
        compared += ["gain_vote", "gain_teachers"] if of else []
        names += [f"{of}{name}{end}" for name in compared for end in ("", "_low", "_high")]
    if rows.empty:
        return pd.DataFrame(np.nan, index=names, columns=["mean", "min", "max"])
    last = rows[rows["recipes"] == rows["recipes"].max()]
    table: pd.DataFrame = last.groupby("score")["value"].agg(["mean", "min", "max"])
    return table.reindex(names)


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """The table of `growth` for a page.

    Parameters
    ----------
    table : DataFrame
        As of `growth`.

    Returns
    -------
    DataFrame
        Columns as they are read.
    """
    ends = table[["ari_lowest", "ari_highest"]].to_numpy()
    return pd.DataFrame({
        "recipes": table["recipes"], "each by itself (mean)": table["alone"],
        "consensus": table["ari"], "over seeds": [range_text(low, high) for low, high in ends],
        "AMI": table["ami"], "recall": table["recall"],
    })  # fmt: skip


def plotted(table: pd.DataFrame) -> pd.DataFrame:
    """The table of `growth` as lines: the recipes by themselves, and their consensus.

    Parameters
    ----------
    table : DataFrame
        As of `growth`.

    Returns
    -------
    DataFrame
        Columns recipes, of, ARI.
    """
    names = {"alone": "each by itself (mean)", "ari": "consensus"}
    named = table.set_index("recipes")[list(names)].rename(columns=names)
    return named.melt(var_name="of", value_name="ARI", ignore_index=False).reset_index()
