"""Search for a better recipe without labels: many spaces, chosen by stability."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from galaxy_utils.clustering.fusion import Fused, join
from galaxy_utils.clustering.taxonomy import fit_mixture
from galaxy_utils.config import MIXTURE, TRAINING, UPSTREAM
from galaxy_utils.evaluation import nulls, scores
from galaxy_utils.evaluation.chain import Recipe
from galaxy_utils.experiments.study import FEW_DRAWS, Row, Study

SMALLEST = 0.05
"""Least share of the galaxies in the smallest cluster of a recipe that may be chosen."""

SCALES = ("z", "rank")
SCALE_WORDS = {"z": "z-scored", "rank": "made normal by their ranks"}
COLUMNS = {"none": 0, "five": 0, "five+axis": 1, "five+axis+colours": 3}
"""Choices of measured parameters, and how many of `appearance.SHAPE` each takes."""

MEASURED_WORDS = {
    "none": "none", "five": "the five", "five+axis": "these with the axis ratio",
    "five+axis+colours": "these with two colours too",
}  # fmt: skip
FRAMING_WORDS = {
    "none": "none", "eq1": "the whole frame (the paper)", "crop2": "its central half",
    "quarter": "its central quarter with features averaged over four quarter turns",
}  # fmt: skip
ENCODER_WORDS = {
    "pca": "whitened principal components of the deep features",
    "plain": "the paper's autoencoder with a plain loss",
    "balanced": "the paper's autoencoder with a balanced loss",
}

COMPONENTS = (4, 8, 16)
COVARIANCES = ("full", "tied", "diag", "spherical")

MIXTURES, K_MEANS = "mixture", "K-Means"
"""What may cut a space into clusters."""

PAPERS, FRAMED = "the paper's recipe", "the paper's recipe, closer framing"
"""Names of the recipes that `COMPARED` measures."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Variant:
    """A recipe from measurements to a space; the mixture follows.

    Parameters
    ----------
    columns : str
        Key of `COLUMNS`.
    scale : str
        `z`: z-scores; `rank`: made normal by their ranks.
    framing : str
        Of the deep features; `none` leaves them out.
    components : int
        Whitened principal components of the deep features; with an
        autoencoder the width of its bottleneck.
    encoder : str
        `pca`, or the loss of an autoencoder: `plain` or `balanced`.
    covariance : str
        Of the mixture.
    """

    columns: str = "five"
    scale: str = "z"
    framing: str = "eq1"
    components: int = 64
    encoder: str = "plain"
    covariance: str = "full"


PAPER = Variant()
"""The paper's recipe among the variants."""


@dataclass(frozen=True)
class Ingredients:
    """What recipes are made from.

    Parameters
    ----------
    five : ndarray of float64, shape (n, 5)
        The five parameters.
    shape : ndarray of float64, shape (n, 3)
        `appearance.SHAPE`, no NaN.
    deep : dict of str to dict of str to ndarray of float32
        Framing to backbone to features.
    types : ndarray of object, shape (n,)
        Type seen by people, None where nobody could tell.
    held_out : ndarray of bool, shape (n,)
        Galaxies that the search never sees.
    """

    five: Values
    shape: Values
    deep: dict[str, dict[str, NDArray[np.float32]]]
    types: NDArray[np.object_]
    held_out: NDArray[np.bool_]


def make_space(ingredients: Ingredients, variant: Variant, recipe: Recipe, seed: int) -> Values:
    """Make a variant's space; scalers, components and networks see no held-out galaxy.

    Parameters
    ----------
    ingredients : Ingredients
        Measurements of all galaxies.
    variant : Variant
        How.
    recipe : Recipe
        Training of an autoencoder.
    seed : int
        Of components and training.

    Returns
    -------
    ndarray of float64, shape (n, dimension)
        All galaxies, held-out ones too.
    """
    seen = ~ingredients.held_out
    measured = _scaled(_columns(ingredients, variant.columns), variant.scale, seen)
    if variant.framing == "none":
        return measured
    deep = ingredients.deep[variant.framing]
    if variant.encoder != "pca":
        return _bottleneck(deep, measured, variant, recipe, seen, seed)
    joined = np.hstack(list(deep.values())).astype(np.float64)
    number = min(variant.components, int(seen.sum()))
    model = PCA(number, whiten=True, random_state=seed).fit(joined[seen])
    return np.hstack([measured, model.transform(joined)])


def _columns(ingredients: Ingredients, columns: str) -> Values:
    if columns == "none":
        return np.empty((len(ingredients.five), 0))
    return np.hstack([ingredients.five, ingredients.shape[:, : COLUMNS[columns]]])


def _scaled(values: Values, scale: str, seen: NDArray[np.bool_]) -> Values:
    if not values.shape[1]:
        return values
    model = StandardScaler()
    if scale == "rank":
        number = min(1000, int(seen.sum()))
        model = QuantileTransformer(
            n_quantiles=number, output_distribution="normal", subsample=None
        )
    return np.asarray(model.fit(values[seen]).transform(values), np.float64)


def _bottleneck(
    deep: dict[str, NDArray[np.float32]],
    measured: Values,
    variant: Variant,
    recipe: Recipe,
    seen: NDArray[np.bool_],
    seed: int,
) -> Values:
    from galaxy_utils.clustering.autoencoder import encode_with, train  # torch: only where needed

    whole = join({**deep, "morphology": measured})
    training = replace(
        recipe.training,
        latent_dim=variant.components,
        loss_weighting=variant.encoder,
        seed=seed,
    )
    weights = train(Fused(whole.values[seen], whole.modalities), training).weights
    return encode_with(whole, training, weights).astype(np.float64)


def half_stability(
    values: Values, k: int, covariance: str, reg_covar: float, splits: int, seed: int
) -> float:
    """Agreement of mixtures that were fitted to disjoint halves of a space.

    Parameters
    ----------
    values : ndarray of float64, shape (n, dimension)
        The space.
    k, covariance, reg_covar
        As in `taxonomy.fit_mixture`.
    splits : int
        How many splits in halves.
    seed : int
        Of the splits and starts.

    Returns
    -------
    float
        Mean adjusted Rand index of the two over all points.

    References
    ----------
    Lange et al. (2004); Tibshirani & Walther (2005).
    """
    found = []
    for split in range(splits):
        halves = _halves(np.arange(len(values)), seed + split)
        one, other = (
            fit_mixture(values[rows], k, covariance, 2, reg_covar, seed + split).model.predict(
                values
            )
            for rows in halves
        )
        found.append(adjusted_rand_score(one, other))
    return float(np.mean(found))


def _halves(rows: NDArray[np.int64], seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    order = np.random.default_rng(seed).permutation(rows)
    return order[: len(order) // 2], order[len(order) // 2 :]


def recipe_stability(
    ingredients: Ingredients, variant: Variant, recipe: Recipe, splits: int, seed: int
) -> dict[str, list[float]]:
    """Agreement of whole recipes, space and mixture, that were made from disjoint halves.

    Parameters
    ----------
    ingredients : Ingredients
        The galaxies; held-out ones take no part.
    variant : Variant
        The recipe; its covariance is passed over.
    recipe : Recipe
        Number of clusters, training.
    splits : int
        How many splits in halves.
    seed : int
        Of everything.

    Returns
    -------
    dict of str to list of float
        For each covariance the adjusted Rand indices, over all galaxies that
        are not held out, one a split.

    References
    ----------
    Lange et al. (2004); Tibshirani & Walther (2005).
    """
    seen = np.flatnonzero(~ingredients.held_out)
    found: dict[str, list[float]] = {covariance: [] for covariance in COVARIANCES}
    for split in range(splits):
        partitions: dict[str, list[NDArray[np.int64]]] = {c: [] for c in COVARIANCES}
        for half in _halves(seen, seed + split):
            unseen = np.ones(len(ingredients.five), dtype=bool)
            unseen[half] = False
            values = make_space(
                replace(ingredients, held_out=unseen), variant, recipe, seed + split
            )
            for covariance, said in partitions.items():
                fit = fit_mixture(
                    values[half], recipe.n_components, covariance, 2, recipe.reg_covar, seed + split
                )
                said.append(fit.model.predict(values[seen]))
        for covariance, (one, other) in partitions.items():
            found[covariance].append(float(adjusted_rand_score(one, other)))
    return found


def variant_rows(
    ingredients: Ingredients,
    values: Values,
    covariance: str,
    recipe: Recipe,
    stabilities: Sequence[float],
    seed: int,
) -> list[Row]:
    """Judge a space and covariance without labels; labels only for the report.

    Parameters
    ----------
    ingredients : Ingredients
        For the split and the types.
    values : ndarray of float64, shape (n, dimension)
        The space.
    covariance : str
        Of the mixture.
    recipe : Recipe
        Number of clusters.
    stabilities : sequence of float
        As of `recipe_stability`.
    seed : int
        Of everything.

    Returns
    -------
    list of dict
        Keys score, value: `stability` (mean) and `stability_error` (its
        standard error over splits); `null_stability`, of draws of a Gaussian
        copula with the space's marginals; `held_out` (mean log-likelihood of
        one half under the other's mixture); `smallest` (share of the galaxies
        in the smallest cluster); and, used for nothing but the report, `ari`
        and `ami` with the types, on held-out galaxies.
    """
    k, reg = recipe.n_components, recipe.reg_covar
    seen = values[~ingredients.held_out]
    half, rest = _halves(np.arange(len(seen)), seed)
    fit = fit_mixture(seen, k, covariance, 2, reg, seed)
    counts = np.bincount(fit.cluster, minlength=k)
    null = nulls.gaussian_copula(seen, seed)
    said = fit.model.predict(values[ingredients.held_out])
    agreement = scores.against_classes(ingredients.types[ingredients.held_out], said)
    model = fit_mixture(seen[half], k, covariance, 2, reg, seed).model
    found = {
        "stability": float(np.mean(stabilities)),
        "stability_error": float(np.std(stabilities) / max(len(stabilities) - 1, 1) ** 0.5),
        "null_stability": half_stability(null, k, covariance, reg, 2, seed),
        "held_out": float(model.score(seen[rest])),
        "smallest": float(counts.min() / counts.sum()),
        "ari": agreement["ari"],
        "ami": agreement["ami"],
    }
    return [{"score": name, "value": value} for name, value in found.items()]


def choose(table: pd.DataFrame) -> pd.Series:
    """Choose a variant without labels.

    The rule: of the variants whose smallest cluster holds at least `SMALLEST`
    of the galaxies and whose stability is above that of its null, the one of
    largest stability corrected for the null, (s - s0) / (1 - s0), as Cohen's
    kappa corrects agreement for chance.

    Parameters
    ----------
    table : DataFrame
        One row a variant: its fields, and the scores of `variant_rows` as columns.

    Returns
    -------
    Series
        The chosen row.

    Raises
    ------
    ValueError
        If no variant may be chosen.

    References
    ----------
    Lange et al. (2004); Cohen (1960).
    """
    kept = allowed(table)
    if kept.empty:
        raise ValueError("no variant has clusters large enough and more stable than its null")
    return kept.iloc[0]


def tried_text(table: pd.DataFrame) -> str:
    """Say in Markdown what the recipes of a search were made of.

    Parameters
    ----------
    table : DataFrame
        As of `variants_table`.

    Returns
    -------
    str
        A list, one line a choice.
    """
    scales = _tried(table["scale"], SCALE_WORDS)
    lines = {
        "measured parameters": f"{_tried(table['columns'], MEASURED_WORDS)}; {scales}",
        "framing of the deep features": _tried(table["framing"], FRAMING_WORDS),
        "encoder": _tried(table["encoder"], ENCODER_WORDS),
        "covariance of the mixture": _tried(table["covariance"], {c: c for c in COVARIANCES}),
    }
    return "\n".join(f"- *{name}*: {said}" for name, said in lines.items())


def _tried(column: pd.Series, words: Mapping[str, str]) -> str:
    return ", ".join(said for value, said in words.items() if value in set(column))


def variants_table(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a variant instead of one a score.

    Parameters
    ----------
    rows : DataFrame
        Result of `SEARCH`.

    Returns
    -------
    DataFrame
        Fields of `Variant` and scores as columns, most stable first.
    """
    fields = list(asdict(PAPER))
    wide = rows.pivot(index=fields, columns="score", values="value").reset_index()
    return wide.sort_values("stability", ascending=False).reset_index(drop=True)


def evaluate(
    ingredients: Ingredients,
    variant: Variant,
    recipe: Recipe,
    seeds: Iterable[int],
    method: str = MIXTURES,
) -> pd.DataFrame:
    """Agreement of a variant with what people saw, on held-out galaxies.

    Parameters
    ----------
    ingredients : Ingredients
        The galaxies.
    variant : Variant
        Recipe and covariance.
    recipe : Recipe
        Number of clusters, training.
    seeds : iterable of int
        The whole variant is made anew for each.
    method : str
        `MIXTURES` or `K_MEANS`, which passes over the covariance.

    Returns
    -------
    DataFrame
        One row a seed: seed, the scores of `scores.against_classes`, `low` and
        `high` (see `bootstrap_ari`), and `ceiling` (adjusted Rand index of a
        linear classifier that was shown the types of the other galaxies in the
        same space).
    """
    out, types = ingredients.held_out, ingredients.types
    rows = []
    for seed in seeds:
        values = make_space(ingredients, variant, recipe, seed)
        said = _said(values, out, variant, recipe, seed, method)
        found = scores.against_classes(types[out], said)
        low, high = np.percentile(bootstrap_ari(types[out], [said], seed)[0], [2.5, 97.5])
        ceiling = supervised_ceiling(values, types, out)
        rows.append({"seed": seed, **found, "low": low, "high": high, "ceiling": ceiling})
    return pd.DataFrame(rows)


def _said(
    values: Values,
    held_out: NDArray[np.bool_],
    variant: Variant,
    recipe: Recipe,
    seed: int,
    method: str = MIXTURES,
) -> NDArray[np.int64]:
    """Clusters of the held-out galaxies by a model of the others."""
    seen, k = values[~held_out], recipe.n_components
    model: KMeans | GaussianMixture
    if method == K_MEANS:
        model = KMeans(k, n_init=10, random_state=seed).fit(seen)
    else:
        model = fit_mixture(
            seen, k, variant.covariance, recipe.n_init, recipe.reg_covar, seed
        ).model
    return np.asarray(model.predict(values[held_out]), np.int64)


def bootstrap_ari(
    types: NDArray[np.object_], partitions: Sequence[NDArray[np.int64]], seed: int
) -> Values:
    """Adjusted Rand indices over resampled galaxies, the same for all partitions.

    Parameters
    ----------
    types : ndarray of object, shape (n,)
        Type of each galaxy; those without are left out.
    partitions : sequence of ndarray of int64, shape (n,)
        Of the same galaxies.
    seed : int
        Of the resampling.

    Returns
    -------
    ndarray of float64, shape (n_partitions, scores.RESAMPLINGS)
        NaN where no type is known.

    References
    ----------
    Efron & Tibshirani (1993).
    """
    known = np.asarray(pd.notna(types))
    if known.sum() < 2:
        return np.full((len(partitions), scores.RESAMPLINGS), np.nan)
    codes = pd.factorize(types[known])[0]
    draws = np.random.default_rng(seed).integers(0, len(codes), (scores.RESAMPLINGS, len(codes)))
    said = [partition[known] for partition in partitions]
    return np.array([[adjusted_rand_score(codes[r], each[r]) for r in draws] for each in said])


def supervised_ceiling(
    values: Values, types: NDArray[np.object_], held_out: NDArray[np.bool_]
) -> float:
    """What a linear classifier with labels reaches in a space.

    Parameters
    ----------
    values : ndarray of float64, shape (n, dimension)
        The space.
    types : ndarray of object, shape (n,)
        Type of each galaxy, None where unknown.
    held_out : ndarray of bool, shape (n,)
        Galaxies it is asked about; the others it is shown.

    Returns
    -------
    float
        Adjusted Rand index with the types; NaN where too few are known.
    """
    said = supervised(values, types, held_out)
    return np.nan if said is None else scores.against_classes(types[held_out], said)["ari"]


def supervised(
    values: Values, types: NDArray[np.object_], held_out: NDArray[np.bool_]
) -> NDArray[np.int64] | None:
    """Types that a linear classifier with labels gives the held-out galaxies.

    Parameters
    ----------
    values, types, held_out
        As in `supervised_ceiling`.

    Returns
    -------
    ndarray of int64, shape (n_held_out,), or None
        Numbers of the types; None where too few are known.
    """
    known = np.asarray(pd.notna(types))
    shown = known & ~held_out
    if len(set(types[shown])) < 2 or (known & held_out).sum() < 2:
        return None
    scaler = StandardScaler().fit(values[shown])
    model = LogisticRegression(C=0.1, max_iter=2000)
    model.fit(scaler.transform(values[shown]), types[shown].astype(str))
    said = model.predict(scaler.transform(values[held_out]))
    return np.asarray(pd.factorize(said)[0], np.int64)


def unreduced(ingredients: Ingredients, variant: Variant) -> Values:
    """What a variant takes in, before it is scaled and reduced.

    Parameters
    ----------
    ingredients : Ingredients
        The galaxies.
    variant : Variant
        Measured parameters and framing.

    Returns
    -------
    ndarray of float64, shape (n, n_columns)
        Measured parameters, and all deep features of that framing.
    """
    deep = ingredients.deep.get(variant.framing, {}).values()
    return np.hstack([_columns(ingredients, variant.columns), *deep]).astype(np.float64)


def ceiling_share(
    ingredients: Ingredients, variant: Variant, recipe: Recipe, seed: int
) -> tuple[float, float]:
    """How sure the share is that clusters reach of what labels would give in their space.

    Parameters
    ----------
    ingredients, variant, recipe, seed
        As in `held_out_partition`.

    Returns
    -------
    low, high : float
        Percent: 95 % of resamplings of the held-out galaxies, the same for the
        clusters and the classifier; NaN where types are not known, or mean
        nothing to the classifier.
    """
    out, types = ingredients.held_out, ingredients.types
    values = make_space(ingredients, variant, recipe, seed)
    taught = supervised(values, types, out)
    if taught is None:
        return float("nan"), float("nan")
    said = _said(values, out, variant, recipe, seed)
    clusters, ceiling = bootstrap_ari(types[out], [said, taught], seed)
    low, high = np.percentile(percent_of(clusters, ceiling), [2.5, 97.5])
    return float(low), float(high)


def percent_of(reached: Values | float, ceiling: Values | float) -> Values:
    """Share of a ceiling that a score reaches.

    Parameters
    ----------
    reached, ceiling : float or ndarray of float64
        The scores.

    Returns
    -------
    ndarray of float64
        Percent; NaN where the ceiling is not above zero, and means nothing.
    """
    above = np.asarray(ceiling, np.float64)
    return 100 * np.asarray(reached) / np.where(above > 0, above, np.nan)


FRAMINGS = ("eq1", "crop2", "quarter")


MANY = 1000
"""With fewer galaxies a search tries `_few` of its spaces."""


def _spaces(framings: Iterable[str], widths: Iterable[int]) -> list[Variant]:
    found = [
        Variant(columns, scale, "none", 0, "pca")
        for columns in COLUMNS
        for scale in SCALES
        if columns != "none"
    ]
    for framing in framings:
        found += [
            Variant(columns, scale, framing, components, "pca")
            for columns in COLUMNS
            for scale in SCALES
            for components in widths
            if columns != "none" or scale == "z"
        ]
        found += [
            Variant("five", "z", framing, PAPER.components, loss)
            for loss in ("plain", "balanced")
            if framing != "crop2"
        ]
    return found


def _few(variant: Variant) -> bool:
    """Whether a space is tried where there are few galaxies, too."""
    return variant.framing != "crop2" and variant.columns not in ("none", "five+axis+colours")


def _units(draws: int, seed: int) -> list[Row]:
    fields = ("columns", "scale", "framing", "components", "encoder")
    widths = COMPONENTS if draws >= FEW_DRAWS else COMPONENTS[-1:]
    spaces = [{name: asdict(v)[name] for name in fields} for v in _spaces(FRAMINGS, widths)]
    return [{**space, "splits": max(2, draws // 2), "seed": seed} for space in spaces]


def _measure(inputs: tuple[Ingredients, Recipe], unit: Row) -> list[Row]:
    ingredients, recipe = inputs
    if unit["framing"] not in ("none", *ingredients.deep):
        return []
    if COLUMNS[unit["columns"]] > ingredients.shape.shape[1]:
        return []
    variant = Variant(**{k: v for k, v in unit.items() if k not in ("splits", "seed")})
    if len(ingredients.five) < MANY and not _few(variant):
        return []
    values = make_space(ingredients, variant, recipe, unit["seed"])
    stable = recipe_stability(ingredients, variant, recipe, unit["splits"], unit["seed"])
    return [
        {"covariance": covariance, **row}
        for covariance in COVARIANCES
        for row in variant_rows(
            ingredients, values, covariance, recipe, stable[covariance], unit["seed"]
        )
    ]


SEARCH = Study(
    "search", _units, _measure, (*UPSTREAM, *TRAINING, *MIXTURE),
    ("appearance.csv", *(f"efficientnet_lite{n}-{f}.npz" for f in FRAMINGS for n in (0, 2))),
)  # fmt: skip
"""Every variant judged without labels, and its agreement with them for the report."""


def as_variant(row: pd.Series) -> Variant:
    """The variant of a row of `variants_table`.

    Parameters
    ----------
    row : Series
        With the fields of `Variant`.

    Returns
    -------
    Variant
        The recipe.
    """
    return Variant(
        str(row["columns"]), str(row["scale"]), str(row["framing"]), int(row["components"]),
        str(row["encoder"]), str(row["covariance"]),
    )  # fmt: skip


def row_of(table: pd.DataFrame, variant: Variant) -> pd.Series | None:
    """Find a variant in the table of all.

    Parameters
    ----------
    table : DataFrame
        As of `variants_table`.
    variant : Variant
        The recipe.

    Returns
    -------
    Series or None
        Its row; None where it was not tried.
    """
    fields = asdict(variant)
    mine = table[(table[list(fields)] == pd.Series(fields)).all(axis=1)]
    return None if mine.empty else mine.iloc[0]


def allowed(table: pd.DataFrame) -> pd.DataFrame:
    """Variants that may be chosen, best first.

    Parameters
    ----------
    table : DataFrame
        As of `variants_table`.

    Returns
    -------
    DataFrame
        Those whose smallest cluster is large enough and that are more stable
        than their null, with `corrected`, see `choose`.
    """
    kept = table[(table["smallest"] >= SMALLEST) & (table["stability"] > table["null_stability"])]
    above = kept["stability"] - kept["null_stability"]
    kept = kept.assign(corrected=above / (1 - kept["null_stability"]))
    return kept.sort_values("corrected", ascending=False, kind="stable")


def runners_up(table: pd.DataFrame, number: int = 10) -> pd.DataFrame:
    """The variants that come nearest to being chosen.

    Parameters
    ----------
    table : DataFrame
        As of `variants_table`.
    number : int
        How many.

    Returns
    -------
    DataFrame
        Best first, columns as they are read: recipe (as of `in_words`),
        corrected, stability (with its standard error), null, ARI, AMI.
    """
    shown = allowed(table).head(number)
    error = [f"{s:.3f} ± {e:.3f}" for s, e in shown[["stability", "stability_error"]].to_numpy()]
    return pd.DataFrame({
        "recipe": [in_words(as_variant(row)) for _, row in shown.iterrows()],
        "corrected": shown["corrected"], "stability": error, "null": shown["null_stability"],
        "ARI": shown["ari"], "AMI": shown["ami"],
    })  # fmt: skip


def in_words(variant: Variant) -> str:
    """Name a variant in as few words as tell it from all others.

    Parameters
    ----------
    variant : Variant
        The recipe.

    Returns
    -------
    str
        Measured parameters, their scale, deep features, covariance.
    """
    measured = "" if variant.columns == "none" else f"{variant.columns} ({variant.scale}), "
    if variant.framing == "none":
        return f"{measured}{variant.covariance}"
    return (
        f"{measured}{variant.framing} {variant.encoder} {variant.components}, {variant.covariance}"
    )


def by_rule(table: pd.DataFrame) -> pd.DataFrame:
    """What different rules without labels would choose.

    Parameters
    ----------
    table : DataFrame
        As of `variants_table`.

    Returns
    -------
    DataFrame
        One row a rule, the one of `choose` first: rule, recipe (as of `in_words`),
        stability, null, ARI, AMI.
    """
    kept = allowed(table)
    spaces = ["columns", "scale", "framing", "components", "encoder"]
    likely = kept.loc[kept.groupby(spaces)["held_out"].idxmax()]
    picks = {
        "corrected stability (ours)": kept.iloc[0],
        "stability alone": kept.sort_values("stability", ascending=False).iloc[0],
        "likelihood, then corrected stability": likely.sort_values(
            "corrected", ascending=False
        ).iloc[0],
    }
    rows = [
        {
            "rule": rule, "recipe": in_words(as_variant(pick)), "stability": pick["stability"],
            "null": pick["null_stability"], "ARI": pick["ari"], "AMI": pick["ami"],
        }
        for rule, pick in picks.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def summarise(over_seeds: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Scores of recipes against the types, on held-out galaxies.

    Parameters
    ----------
    over_seeds : mapping of str to DataFrame
        Name to result of `evaluate`, or of permutations, which have no ceiling.

    Returns
    -------
    DataFrame
        One row a recipe: recipe, seeds, ARI, its range over seeds, its interval
        over galaxies (mean of the ends over seeds), AMI, mean recall, ceiling.
    """
    rows: list[Row] = [
        {
            "recipe": name, "seeds": len(found), "ARI": found["ari"].mean(),
            "over seeds": range_text(found["ari"].min(), found["ari"].max()),
            "over galaxies": range_text(found["low"].mean(), found["high"].mean()),
            "AMI": found["ami"].mean(), "recall": found["balanced_accuracy"].mean(),
            "ceiling": found["ceiling"].mean(),
        }
        for name, found in over_seeds.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def range_text(low: float, high: float) -> str:
    """Say a range for a table.

    Parameters
    ----------
    low, high : float
        Its ends.

    Returns
    -------
    str
        With three decimals; empty where it is not known.
    """
    return "" if np.isnan(low) else f"{low:.3f} to {high:.3f}"


def permuted(
    ingredients: Ingredients, said: NDArray[np.int64], draws: int, seed: int
) -> pd.DataFrame:
    """What a partition of the held-out galaxies would score if types meant nothing.

    Parameters
    ----------
    ingredients : Ingredients
        For the types.
    said : ndarray of int64, shape (n_held_out,)
        The partition.
    draws, seed : int
        Number of permutations, and their seed.

    Returns
    -------
    DataFrame
        As of `evaluate`, one row a permutation; the interval is that over
        permutations, and there is no ceiling.
    """
    found = scores.permuted_classes(ingredients.types[ingredients.held_out], said, draws, seed)
    low, high = found["ari"].quantile(0.025), found["ari"].quantile(0.975)
    return found.assign(low=low, high=high, ceiling=np.nan)


def held_out_partition(
    ingredients: Ingredients,
    variant: Variant,
    recipe: Recipe,
    seed: int,
    method: str = MIXTURES,
) -> NDArray[np.int64]:
    """Clusters of held-out galaxies by a recipe made from the others.

    Parameters
    ----------
    ingredients, variant, recipe, method
        As in `evaluate`.
    seed : int
        Of everything.

    Returns
    -------
    ndarray of int64, shape (n_held_out,)
        The partition.
    """
    values = make_space(ingredients, variant, recipe, seed)
    return _said(values, ingredients.held_out, variant, recipe, seed, method)


def measured_variants(ingredients: Ingredients) -> dict[str, Variant]:
    """What can be clustered without any network: the measured parameters alone.

    Parameters
    ----------
    ingredients : Ingredients
        For the columns that were measured.

    Returns
    -------
    dict of str to Variant
        Columns to z-scores of them.
    """
    return {
        columns: Variant(columns, "z", "none", 0, "pca")
        for columns, number in COLUMNS.items()
        if columns != "none" and number <= ingredients.shape.shape[1]
    }


def widest_measured(ingredients: Ingredients) -> Variant:
    """The last of `measured_variants`: z-scores of the most parameters that were measured.

    Parameters
    ----------
    ingredients
        As in `measured_variants`.

    Returns
    -------
    Variant
        A space without any network.
    """
    return list(measured_variants(ingredients).values())[-1]


@dataclass(frozen=True)
class Difference:
    """How much better one partition agrees with the types than another.

    Parameters
    ----------
    value : float
        Adjusted Rand index of the first minus that of the second.
    low, high : float
        95 % interval over resampled galaxies, the same for both.
    """

    value: float
    low: float
    high: float

    @property
    def sign(self) -> int:
        """1 or -1 where the whole interval lies on one side of zero, else 0."""
        return int(self.low > 0) - int(self.high < 0)


def difference(
    types: NDArray[np.object_],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    seed: int,
) -> Difference:
    """Compare two partitions of the same galaxies by their agreement with the types.

    Parameters
    ----------
    types : ndarray of object, shape (n,)
        Type of each galaxy.
    first, second : ndarray of int64, shape (n,)
        The partitions.
    seed : int
        Of the resampling.

    Returns
    -------
    Difference
        NaN where no type is known.
    """
    one, other = bootstrap_ari(types, [first, second], seed)
    low, high = np.percentile(one - other, [2.5, 97.5])
    value = (
        scores.against_classes(types, first)["ari"] - scores.against_classes(types, second)["ari"]
    )
    return Difference(value, float(low), float(high))


def gain_share(start: float, end: float, reached: float) -> float | None:
    """Part of the way from one score to another that a third has gone.

    Parameters
    ----------
    start, end, reached : float
        The scores.

    Returns
    -------
    float or None
        Percent; more than a hundred beyond the end; None where there is no way to go.
    """
    return 100 * (reached - start) / (end - start) if end > start else None


def _units_compared(draws: int, seed: int) -> list[Row]:
    framed = replace(PAPER, framing="quarter")
    return [
        {"recipe": name, "framing": variant.framing, "draw": draw, "seed": seed + draw}
        for draw in range(draws)
        for name, variant in ((PAPERS, PAPER), (FRAMED, framed))
    ]


def _measure_compared(inputs: tuple[Ingredients, Recipe], unit: Row) -> list[Row]:
    ingredients, recipe = inputs
    if unit["framing"] not in ingredients.deep:
        return []
    variant = replace(PAPER, framing=unit["framing"])
    found = evaluate(ingredients, variant, recipe, [unit["seed"]]).drop(columns="seed")
    return [{"score": str(name), "value": float(found[name].iloc[0])} for name in found]


COMPARED = Study(
    "compared", _units_compared, _measure_compared, (*UPSTREAM, *TRAINING, *MIXTURE),
    tuple(f"efficientnet_lite{n}-{f}.npz" for f in ("eq1", "quarter") for n in (0, 2)),
)  # fmt: skip
"""The paper's recipe over seeds on the held-out galaxies, in its own framing and a closer one."""


def compared_table(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The compared recipes over seeds.

    Parameters
    ----------
    rows : DataFrame
        Result of `COMPARED`.

    Returns
    -------
    dict of str to DataFrame
        Recipe to what `evaluate` would give.
    """
    if rows.empty:
        return {}
    wide = rows.pivot(index=["recipe", "seed"], columns="score", values="value").reset_index()
    return {name: wide[wide["recipe"] == name] for name in rows["recipe"].unique()}


def where_most(contingency: pd.DataFrame, kind: str) -> tuple[str, float, float]:
    """Where the galaxies of a type lie, and how many of all lie in their own cluster.

    Parameters
    ----------
    contingency : DataFrame
        As of `scores.contingency`.
    kind : str
        The type.

    Returns
    -------
    name : str
        Type matched to the cluster that holds most of them; `no type` where none is.
    most : float
        Share of them that lies there.
    own : float
        Share of all galaxies that lies in the cluster matched to the type; 0 where none is.
    """
    counts, kinds = contingency.to_numpy(), [str(name) for name in contingency.index]
    row = kinds.index(kind)
    most = int(counts[row].argmax())
    own = counts[:, row].sum() if row < counts.shape[1] else 0
    name = kinds[most] if most < len(kinds) else "no type"
    here, everywhere = max(int(counts[row].sum()), 1), max(int(counts.sum()), 1)
    return name, float(counts[row, most] / here), float(own / everywhere)


def worst_type(contingency: pd.DataFrame) -> tuple[str, float]:
    """The type that fares worst.

    Parameters
    ----------
    contingency : DataFrame
        As of `scores.contingency`.

    Returns
    -------
    tuple of str and float
        Its name and recall.
    """
    shares = scores.recall(contingency)
    return str(shares.idxmin()), float(shares.min())
