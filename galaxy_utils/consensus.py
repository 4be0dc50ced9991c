"""A consensus of the recipes that stability ranks highest, so that none has to be chosen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from galaxy_utils import scores
from galaxy_utils.chain import Recipe
from galaxy_utils.search import (
    SEARCH,
    Ingredients,
    Values,
    Variant,
    allowed,
    as_variant,
    bootstrap_ari,
    in_words,
    make_space,
    supervised,
)
from galaxy_utils.study import Row, Study
from galaxy_utils.taxonomy import fit_mixture

MEMBERS = 10
"""Recipes in a consensus: as many as the table of `search.runners_up` shows."""


def members(table: pd.DataFrame, ingredients: Ingredients, number: int = MEMBERS) -> list[Variant]:
    """Choose the recipes that vote; no label is read.

    Parameters
    ----------
    table : DataFrame
        As of `search.variants_table`.
    ingredients : Ingredients
        Recipes whose framing it lacks are left out.
    number : int
        How many recipes at most.

    Returns
    -------
    list of Variant
        Those of largest corrected stability, see `search.choose`, best first.
    """
    ranked = (as_variant(row) for _, row in allowed(table).iterrows())
    made = [each for each in ranked if each.framing in ("none", *ingredients.deep)]
    return made[:number]


def add_votes(posteriors: Iterable[Values], seen: NDArray[np.bool_]) -> Iterator[Values]:
    """Add up the votes of partitions whose clusters have no common numbers.

    The clusters of each are matched one to one to those of the sum so far, so that
    they share as much as can be, and its posteriors are added.

    Parameters
    ----------
    posteriors : iterable of ndarray of float64, shape (n, k)
        Posterior of each cluster for each galaxy, one array a recipe.
    seen : ndarray of bool, shape (n,)
        Galaxies by which clusters are matched.

    Yields
    ------
    ndarray of float64, shape (n, k)
        Mean posterior after each recipe, in the numbers of the first.

    References
    ----------
    Dimitriadou, Weingessel & Hornik (2002); Strehl & Ghosh (2002).
    """
    total: Values | None = None
    for number, posterior in enumerate(posteriors, start=1):
        if total is None:
            total = np.zeros_like(posterior)
            matched = np.arange(posterior.shape[1])
        else:
            matched = linear_sum_assignment(-total[seen].T @ posterior[seen])[1]
        total = total + posterior[:, matched]
        yield total / number


def posterior_of(
    values: Values, seen: NDArray[np.bool_], covariance: str, recipe: Recipe, seed: int
) -> Values:
    """Posteriors of all galaxies by a mixture that was fitted to some.

    Parameters
    ----------
    values : ndarray of float64, shape (n, dimension)
        The space.
    seen : ndarray of bool, shape (n,)
        Galaxies that the mixture is fitted to.
    covariance : str
        Of the mixture.
    recipe : Recipe
        Number of clusters, starts.
    seed : int
        Of the starts.

    Returns
    -------
    ndarray of float64, shape (n, n_components)
        Rows add up to one.
    """
    fit = fit_mixture(
        values[seen], recipe.n_components, covariance, recipe.n_init, recipe.reg_covar, seed
    )
    return np.asarray(fit.model.predict_proba(values), np.float64)


def judge(
    ingredients: Ingredients, chosen: Sequence[Variant], recipe: Recipe, seed: int
) -> list[Row]:
    """Judge the consensus of the first recipe, of the first two, and so on.

    Parameters
    ----------
    ingredients : Ingredients
        The galaxies; labels are read for the report alone.
    chosen : sequence of Variant
        As of `members`.
    recipe : Recipe
        Number of clusters, training.
    seed : int
        Every recipe is made anew with it.

    Returns
    -------
    list of dict
        Keys recipes (how many vote), recipe (the last of them, as of
        `search.in_words`), score, value; all on held-out galaxies. Scores: those of
        `scores.against_classes`; `alone`, the adjusted Rand index of the last
        recipe by itself; `ceiling`, that of a linear classifier which was shown
        the types of the other galaxies in the spaces of all these recipes
        together; of the consensus of all also those of `_intervals`.
    """
    out, types = ingredients.held_out, ingredients.types
    spaces = [make_space(ingredients, each, recipe, seed) for each in chosen]
    posteriors = [
        posterior_of(values, ~out, each.covariance, recipe, seed)
        for each, values in zip(chosen, spaces, strict=True)
    ]
    alone = [each[out].argmax(axis=1) for each in posteriors]
    rows: list[Row] = []
    for number, votes in enumerate(add_votes(posteriors, ~out), start=1):
        said, taught = votes[out].argmax(axis=1), supervised(np.hstack(spaces[:number]), types, out)
        found = scores.against_classes(types[out], said)
        found["alone"] = scores.against_classes(types[out], alone[number - 1])["ari"]
        found["ceiling"] = np.nan
        if taught is not None:
            found["ceiling"] = scores.against_classes(types[out], taught)["ari"]
            if number == len(chosen):
                found |= _intervals(types[out], said, taught, alone[0], seed)
        last = {"recipes": number, "recipe": in_words(chosen[number - 1])}
        rows += [last | {"score": name, "value": value} for name, value in found.items()]
    return rows


def _intervals(
    types: NDArray[np.object_],
    said: NDArray[np.int64],
    taught: NDArray[np.int64],
    first: NDArray[np.int64],
    seed: int,
) -> dict[str, float]:
    """95 % of resampled galaxies: of the ARI, its share of the ceiling, its gain on the first."""
    clusters, ceiling, single = bootstrap_ari(types, [said, taught, first], seed)
    drawn = {
        "ari": clusters,
        "share": 100 * clusters / np.where(ceiling > 0, ceiling, np.nan),
        "gain": clusters - single,
    }
    ends = {name: np.percentile(values, [2.5, 97.5]) for name, values in drawn.items()}
    return {
        f"{name}_{end}": float(value)
        for name, both in ends.items()
        for end, value in zip(("low", "high"), both, strict=True)
    }


def _units(draws: int, seed: int) -> list[Row]:
    return [{"seed": seed + draw} for draw in range(draws)]


def _measure(inputs: tuple[Ingredients, Recipe, list[Variant]], unit: Row) -> list[Row]:
    ingredients, recipe, chosen = inputs
    return judge(ingredients, chosen, recipe, unit["seed"])


CONSENSUS = Study("consensus", _units, _measure, SEARCH.parameters, SEARCH.files)
"""The consensus of the best recipes of `search.SEARCH`, over seeds, on held-out galaxies."""


def over_seeds(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean and range over seeds by the number of recipes that vote.

    Parameters
    ----------
    rows : DataFrame
        Result of `CONSENSUS`.

    Returns
    -------
    DataFrame
        One row a number: recipes, recipe (the last), alone, ari, ari_lowest,
        ari_highest, ami, recall, ceiling, share (percent), share_lowest, share_highest.
    """
    wide = _wide(rows)
    wide["share"] = 100 * wide["ari"] / wide["ceiling"]
    return wide.groupby(["recipes", "recipe"], as_index=False).agg(
        alone=("alone", "mean"), ari=("ari", "mean"), ari_lowest=("ari", "min"),
        ari_highest=("ari", "max"), ami=("ami", "mean"), recall=("balanced_accuracy", "mean"),
        ceiling=("ceiling", "mean"), share=("share", "mean"), share_lowest=("share", "min"),
        share_highest=("share", "max"),
    )  # fmt: skip


def intervals(rows: pd.DataFrame) -> pd.Series:
    """Intervals of the consensus of all recipes, ends averaged over seeds.

    Parameters
    ----------
    rows : DataFrame
        Result of `CONSENSUS`.

    Returns
    -------
    Series
        `ari_low`, `ari_high`, `share_low` and so on; NaN without types.
    """
    names = [f"{name}_{end}" for name in ("ari", "share", "gain") for end in ("low", "high")]
    last = rows[rows["recipes"] == rows["recipes"].max()]
    means: pd.Series = last.groupby("score")["value"].mean().reindex(names)
    return means


def _wide(rows: pd.DataFrame) -> pd.DataFrame:
    index = ["seed", "recipes", "recipe"]
    return rows.pivot(index=index, columns="score", values="value").reset_index()


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """The table of `over_seeds` for a page.

    Parameters
    ----------
    table : DataFrame
        As of `over_seeds`.

    Returns
    -------
    DataFrame
        Columns as they are read.
    """
    spans = [
        f"{low:.3f} to {high:.3f}" for low, high in table[["ari_lowest", "ari_highest"]].to_numpy()
    ]
    return pd.DataFrame({
        "recipes": table["recipes"], "the last of them": table["recipe"],
        "it alone": table["alone"], "consensus": table["ari"],
        "over seeds": spans, "AMI": table["ami"],
        "ceiling": table["ceiling"], "share %": table["share"].round(1),
    })  # fmt: skip


def plotted(table: pd.DataFrame) -> pd.DataFrame:
    """The table of `over_seeds` as lines: each recipe by itself, and the consensus up to it.

    Parameters
    ----------
    table : DataFrame
        As of `over_seeds`.

    Returns
    -------
    DataFrame
        Columns recipes, of, ARI.
    """
    names = {"alone": "the recipe of this rank alone", "ari": "consensus up to it"}
    named = table.set_index("recipes")[list(names)].rename(columns=names)
    return named.melt(var_name="of", value_name="ARI", ignore_index=False).reset_index()
