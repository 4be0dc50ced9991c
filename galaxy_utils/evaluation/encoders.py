"""Encoders judged side by side: what each knows of the types, and whether it cares for turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import rotate
from scipy.stats import rankdata
from skimage.transform import resize
from sklearn.decomposition import PCA
from sklearn.metrics import pairwise_distances_argmin_min
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from galaxy_utils.clustering.taxonomy import fit_mixture
from galaxy_utils.data.images import Image
from galaxy_utils.evaluation import scores
from galaxy_utils.evaluation.algorithms import probes
from galaxy_utils.evaluation.chain import Recipe
from galaxy_utils.evaluation.search import (
    Ingredients,
    Variant,
    evaluate,
    half_stability,
    make_space,
)
from galaxy_utils.experiments.study import Row, Study
from galaxy_utils.features.crops import central

FIVE, PIXELS, RANDOM = "five parameters", "pixels", "random ConvNeXt"
GALAXY, ONE_VIEW, MIRRORED = "galaxy ConvNeXt", "galaxy ConvNeXt, one view", "galaxy ConvNeXt, 8"
IMAGENET = {
    f"{text}, {framing}": (backbone, framing)
    for backbone, text in (("efficientnet_lite0", "Lite0"), ("efficientnet_lite2", "Lite2"))
    for framing in ("eq1", "crop2", "quarter")
}
"""Names of the ImageNet encoders to backbone and framing."""

CONFIGURATIONS = {
    **IMAGENET, GALAXY: ("galaxy_convnext", "quarter"), ONE_VIEW: ("galaxy_convnext", "centre"),
}  # fmt: skip
"""Encoders that are a backbone and a framing."""

MANY, FEW = 1000, 40
"""With fewer galaxies than the first the encoders of `SPARED` are left out, and no more than the
second are looked at."""

SPARED = tuple(name for name in IMAGENET if name != "Lite0, quarter")

PAIRS = {
    "Lite0 + Lite2, quarter": ("Lite0, quarter", "Lite2, quarter"),
    "Lite0, quarter + galaxy": ("Lite0, quarter", GALAXY),
}
"""Features of two encoders side by side."""

ENCODERS = (*IMAGENET, RANDOM, PIXELS, FIVE, GALAXY, ONE_VIEW, MIRRORED, *PAIRS)

COMPONENTS = 16
"""Whitened principal components that are clustered, as in the recipe of the search."""

COVARIANCE = "diag"
DIRECTIONS = 8
"""Leading components whose meaning is asked."""

GOAL_POINTS, GOAL_TURNED, GOAL_ARI = 5.0, 95.0, 0.35
"""What was asked of the galaxy encoder beforehand: percentage points beyond the best ImageNet
encoder of the whole frame or its middle half, percent of turned galaxies that keep what is said
of them, and the adjusted Rand index of the recipe that a rule without labels chose."""

PROFILE_PAIR = "Lite0 + Lite2"
"""Networks of the profiles `book` and `best`, by their name in `in_recipe`."""

FRAMINGS = {
    "whole frame": tuple(name for name in IMAGENET if name.endswith("eq1")),
    "middle half": tuple(name for name in IMAGENET if name.endswith("crop2")),
    "central quarter": tuple(name for name in IMAGENET if name.endswith("quarter")),
}
"""ImageNet encoders by what they see of a frame."""

Features = dict[str, NDArray[np.float32]]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Inputs:
    """What the study takes.

    Parameters
    ----------
    features : dict of str to ndarray of float32, shape (n, dimension)
        Of all galaxies, by encoder; no NaN.
    turned : dict of str to ndarray of float32, shape (n_held_out, dimension)
        Of the held-out galaxies, each turned by an angle of its own.
    types : ndarray of object, shape (n,)
        Type seen by people, None where nobody could tell.
    held_out : ndarray of bool, shape (n,)
        Galaxies that no encoder was trained on.
    properties : DataFrame
        One row a galaxy: what is measured otherwise, one column each.
    recipe : Recipe
        Number of clusters, starts.
    """

    features: Features
    turned: Features
    types: NDArray[np.object_]
    held_out: NDArray[np.bool_]
    properties: pd.DataFrame
    recipe: Recipe


def turn_by(image: Image, angle: float) -> Image:
    """Turn a frame about its middle.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        Colour composite.
    angle : float
        Degrees.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        Linear interpolation; corners are filled by reflection.
    """
    counts = rotate(image.astype(np.float32), angle, reshape=False, order=1, mode="reflect")
    return np.asarray(np.clip(counts, 0, 255).round(), np.uint8)


def pixels(image: Image) -> NDArray[np.float32]:
    """The middle of a frame as numbers, for who thinks that a network is not needed.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        Colour composite.

    Returns
    -------
    ndarray of float32, shape (3072,)
        The central quarter of height and width, 32 x 32 px, three bands, counts / 255.
    """
    framed = central(np.asarray(image, np.float32) / np.float32(255), 4)
    return np.asarray(resize(framed, (32, 32), anti_aliasing=True), np.float32).ravel()


def whole(inputs: Inputs) -> Inputs:
    """Leave out galaxies for which an encoder has no features, plain or turned.

    Parameters
    ----------
    inputs : Inputs
        With NaN.

    Returns
    -------
    Inputs
        The same galaxies for all encoders.
    """
    kept = np.logical_and.reduce([np.isfinite(v).all(axis=1) for v in inputs.features.values()])
    also = np.logical_and.reduce([np.isfinite(v).all(axis=1) for v in inputs.turned.values()])
    kept[np.flatnonzero(inputs.held_out)[~also]] = False
    still = kept[inputs.held_out]
    return replace(
        inputs,
        features={k: v[kept] for k, v in inputs.features.items()},
        turned={k: v[still] for k, v in inputs.turned.items()},
        types=inputs.types[kept], held_out=inputs.held_out[kept],
        properties=inputs.properties[kept],
    )  # fmt: skip


def with_pairs(features: Mapping[str, NDArray[np.float32]]) -> Features:
    """Add the features of pairs of encoders.

    Parameters
    ----------
    features : mapping of str to ndarray of float32, shape (n, dimension)
        By encoder.

    Returns
    -------
    dict
        With those of `PAIRS` whose encoders are all there.
    """
    pairs = {
        name: np.hstack([features[part] for part in parts])
        for name, parts in PAIRS.items()
        if all(part in features for part in parts)
    }
    return {**features, **pairs}


def _units(draws: int, seed: int) -> list[Row]:
    return [{"encoder": name, "seeds": draws, "seed": seed} for name in ENCODERS]


def _measure(inputs: Inputs, unit: Row) -> list[Row]:
    name, seed = unit["encoder"], unit["seed"]
    held_out = int(inputs.held_out.sum())
    if name not in inputs.features or min(held_out, (len(inputs.types) - held_out) // 5) < 2:
        return []  # nothing to ask, or too few to ask it of
    rows = label_rows(inputs, name, seed)
    for shift in range(unit["seeds"]):
        rows += [{"draw": shift, **row} for row in cluster_rows(inputs, name, seed + shift)]
    return rows + direction_rows(inputs, name, seed)


def label_rows(inputs: Inputs, name: str, seed: int) -> list[Row]:
    """What probes say of the held-out galaxies, as they are and turned.

    Parameters
    ----------
    inputs : Inputs
        The galaxies.
    name : str
        The encoder.
    seed : int
        Of the probes.

    Returns
    -------
    list of dict
        Keys score, value, and galaxy for those of single galaxies:
        `<probe>_hit` (1 where the probe says what people saw), and
        `<probe>_turned` (1 where it says the same of the turned image; of
        those without a type too). Empty without types.
    """
    types, out = inputs.types, inputs.held_out
    known = np.asarray(pd.notna(types))
    fitted = known & ~out
    if len(set(types[fitted])) < 2 or not (known & out).any():
        return []
    values = inputs.features[name].astype(np.float64)
    rows: list[Row] = []
    for probe, model in probes(values.shape[1], int(fitted.sum()), seed).items():
        model.fit(values[fitted], types[fitted].astype(str))
        said = model.predict(values[out])
        again = model.predict(inputs.turned[name].astype(np.float64))
        for galaxy, (seen, one, two) in enumerate(zip(types[out], said, again, strict=True)):
            if pd.notna(seen):
                rows.append({"score": f"{probe}_hit", "galaxy": galaxy, "value": int(one == seen)})
            rows.append({"score": f"{probe}_turned", "galaxy": galaxy, "value": int(one == two)})
    return rows


def cluster_rows(inputs: Inputs, name: str, seed: int) -> list[Row]:
    """Clusters without labels, made on galaxies that are not held out, judged on the others.

    Parameters
    ----------
    inputs, name
        As in `label_rows`.
    seed : int
        Of components and mixture.

    Returns
    -------
    list of dict
        Keys score, value: `ari`, `ami` with the types on held-out galaxies,
        `null_ari` (types permuted), `stability` (see `search.half_stability`),
        `cluster_turned` (share of the held-out galaxies whose cluster stays
        when the image is turned).
    """
    out, recipe = inputs.held_out, inputs.recipe
    values = inputs.features[name].astype(np.float64)
    space = Components(values[~out], seed)
    seen, unseen = space(values[~out]), space(values[out])
    k, reg = recipe.n_components, recipe.reg_covar
    model = fit_mixture(seen, k, COVARIANCE, recipe.n_init, reg, seed).model
    said = model.predict(unseen)
    again = model.predict(space(inputs.turned[name].astype(np.float64)))
    found = scores.against_classes(inputs.types[out], said)
    null = scores.permuted_classes(inputs.types[out], said, 1, seed).iloc[0]
    return [
        {"score": score, "value": float(value)}
        for score, value in {
            "ari": found["ari"], "ami": found["ami"], "null_ari": null["ari"],
            "stability": half_stability(seen, k, COVARIANCE, reg, 2, seed),
            "cluster_turned": float((said == again).mean()),
        }.items()
    ]  # fmt: skip


class Components:
    """Standardise, and whiten the leading principal components.

    Parameters
    ----------
    values : ndarray of float64, shape (n, dimension)
        Features that they are fitted to.
    seed : int
        Of the decomposition.
    """

    def __init__(self, values: Values, seed: int) -> None:
        self.scaler = StandardScaler().fit(values)
        number = min(COMPONENTS, *values.shape)
        self.model = PCA(number, whiten=True, random_state=seed)
        self.model.fit(self.scaler.transform(values))

    def __call__(self, values: Values) -> Values:
        """Components of galaxies, shape (n, at most COMPONENTS)."""
        return np.asarray(self.model.transform(self.scaler.transform(values)), np.float64)


def direction_rows(inputs: Inputs, name: str, seed: int) -> list[Row]:
    """What the leading components have to do with what is measured otherwise.

    Parameters
    ----------
    inputs, name, seed
        As in `cluster_rows`.

    Returns
    -------
    list of dict
        Keys score (`direction`), direction (from 1), property, value:
        Spearman's rank correlation over all galaxies that have the property.
    """
    values = inputs.features[name].astype(np.float64)
    components = Components(values[~inputs.held_out], seed)(values)[:, :DIRECTIONS]
    rows: list[Row] = []
    for column in inputs.properties:
        there = np.isfinite(inputs.properties[column].to_numpy(np.float64))
        if there.sum() < 3:
            continue
        ranks = rankdata(inputs.properties[column].to_numpy(np.float64)[there])
        for number, component in enumerate(components[there].T, start=1):
            value = float(np.corrcoef(ranks, rankdata(component))[0, 1])
            rows.append(
                {"score": "direction", "direction": number, "property": column, "value": value}
            )
    return rows


STUDY = Study(
    "encoders", _units, _measure,
    ("sample", "n_galaxies", "engine", "concentration_minimum", "concentration_maximum",
     "asymmetry_maximum", "isolation_contamination", "seed", "judged_components", "n_init",
     "reg_covar"),
    tuple(f"{'-'.join(which)}.npz" for which in CONFIGURATIONS.values()),
)  # fmt: skip
"""Encoders on galaxies that none of them was trained on."""


def summary(rows: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """One row an encoder, in percent, with intervals.

    Parameters
    ----------
    rows : DataFrame
        Result of the study.
    seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        Indexed by encoder: for linear, neighbours (accuracy, percent), turned
        and turned_linear (percent of galaxies of which the nearest neighbours,
        or the linear classifier, say the same when turned): the value and its
        95 % interval over galaxies (`_low`, `_high`); ari, ami, null_ari,
        stability, cluster_turned: mean and, for ari, the range over seeds. NaN
        for what was not measured.
    """
    names = {
        "linear": "linear_hit", "neighbours": "neighbours_hit", "turned": "neighbours_turned",
        "turned_linear": "linear_turned",
    }  # fmt: skip
    if rows.empty:
        return pd.DataFrame()
    found: dict[str, dict[str, float]] = {}
    for encoder, mine in rows.groupby("encoder", sort=False):
        line: dict[str, float] = {}
        for name, score in names.items():
            line |= _percent(mine.loc[mine["score"] == score, "value"].to_numpy(float), name, seed)
        for score in ("ari", "ami", "null_ari", "stability", "cluster_turned"):
            line[score] = mine.loc[mine["score"] == score, "value"].mean()
        line["ari_low"] = mine.loc[mine["score"] == "ari", "value"].min()
        line["ari_high"] = mine.loc[mine["score"] == "ari", "value"].max()
        found[str(encoder)] = line
    return pd.DataFrame.from_dict(found, orient="index")


def _percent(hits: Values, name: str, seed: int) -> dict[str, float]:
    """Mean of hits and its bootstrap interval, in percent."""
    if not len(hits):
        return {name: np.nan, f"{name}_low": np.nan, f"{name}_high": np.nan}
    low, high = np.percentile(_resampled(hits, seed), [2.5, 97.5])
    return {name: 100 * hits.mean(), f"{name}_low": 100 * low, f"{name}_high": 100 * high}


def _resampled(hits: Values, seed: int) -> Values:
    draws = np.random.default_rng(seed).integers(0, len(hits), (1000, len(hits)))
    return np.asarray(hits[draws].mean(axis=1), np.float64)


def paired_gain(
    rows: pd.DataFrame, one: str, other: str, probe: str, seed: int = 0
) -> tuple[float, float, float]:
    """How many points more one encoder gets right than another, on the same galaxies.

    Parameters
    ----------
    rows : DataFrame
        Result of the study.
    one, other : str
        Encoders.
    probe : str
        `linear` or `neighbours`.
    seed : int
        Of the bootstrap.

    Returns
    -------
    tuple of float
        Difference of the accuracies in percentage points, and its 95 %
        interval over resampled galaxies; NaN where one was not measured.
    """
    if "galaxy" not in rows:  # no types, or nothing measured
        return np.nan, np.nan, np.nan
    hits = rows[rows["score"] == f"{probe}_hit"].pivot(
        index="galaxy", columns="encoder", values="value"
    )
    if one not in hits or other not in hits:
        return np.nan, np.nan, np.nan
    gain = (hits[one] - hits[other]).to_numpy(np.float64)
    low, high = np.percentile(_resampled(gain, seed), [2.5, 97.5])
    return 100 * float(gain.mean()), 100 * float(low), 100 * float(high)


def best_of(table: pd.DataFrame, names: Sequence[str], score: str) -> str | None:
    """The encoder with the largest score.

    Parameters
    ----------
    table : DataFrame
        As of `summary`.
    names : sequence of str
        Encoders that are asked.
    score : str
        A column.

    Returns
    -------
    str or None
        None where none was measured.
    """
    found = {name: value_of(table, name, score) for name in names}
    there = {name: value for name, value in found.items() if value is not None}
    return max(there, key=there.__getitem__) if there else None


def framing_gains(rows: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """What the galaxy encoder gains on the best ImageNet encoder of each framing.

    Parameters
    ----------
    rows : DataFrame
        Result of the study.
    seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        One row a framing and probe: framing, probe, best (ImageNet encoder by
        that probe), gain (percentage points on the same galaxies), low, high
        (95 %). Framings that were not measured are left out.
    """
    table, found = summary(rows, seed), []
    for framing, names in FRAMINGS.items():
        for probe in ("linear", "neighbours"):
            best = best_of(table, names, probe)
            gain, low, high = paired_gain(rows, GALAXY, best or "", probe, seed)
            if np.isfinite(gain):
                found.append([framing, probe, best, gain, low, high])
    return pd.DataFrame(found, columns=["framing", "probe", "best", "gain", "low", "high"])


def least_gain(gains: pd.DataFrame, framings: Sequence[str], probe: str) -> pd.Series | None:
    """The row of the strongest rival: where the galaxy encoder gains least.

    Parameters
    ----------
    gains : DataFrame
        Of `framing_gains`.
    framings : sequence of str
        Keys of `FRAMINGS`.
    probe : str
        `linear` or `neighbours`.

    Returns
    -------
    Series or None
        None where nothing was measured.
    """
    mine = gains[gains["framing"].isin(framings) & (gains["probe"] == probe)]
    return None if mine.empty else mine.sort_values("gain").iloc[0]


def against_goal(value: float | None, low: float | None, high: float | None, goal: float) -> str:
    """Whether a goal is reached, seen with the error of what was measured.

    Parameters
    ----------
    value : float or None
        What was measured.
    low, high : float or None
        Its interval.
    goal : float
        At least so much was asked.

    Returns
    -------
    str
        A few words; `not measured` without a value.
    """
    if value is None or low is None or high is None:
        return "not measured"
    if low <= goal <= high:
        return f"{'reached' if value >= goal else 'missed'}, within its error"
    return "clearly reached" if value >= goal else "clearly missed"


IN_RECIPE = {
    "Lite0 + Lite2": PAIRS["Lite0 + Lite2, quarter"],
    "Lite0 + galaxy": PAIRS["Lite0, quarter + galaxy"],
    "galaxy alone": (GALAXY,),
}  # fmt: skip
"""Encoders whose features are put into the recipe that the search chose."""


def in_recipe(
    features: Features, ingredients: Ingredients, variant: Variant, recipe: Recipe, seeds: range
) -> pd.DataFrame:
    """The recipe that the search chose with the features of other encoders.

    Parameters
    ----------
    features : dict of str to ndarray of float32, shape (n, dimension)
        Of all kept galaxies, by encoder.
    ingredients : Ingredients
        The same galaxies; its deep features are not used.
    variant : Variant
        The recipe; also made with half and twice its components.
    recipe : Recipe
        Number of clusters, starts.
    seeds : range
        The whole recipe is made anew for each.

    Returns
    -------
    DataFrame
        One row encoders and number of components: encoders, components, ari
        (held-out galaxies, mean), ari_low, ari_high (range over seeds), ceiling
        (see `search.evaluate`), stability (of the galaxies that are not held
        out, no label read). Empty without types or features.
    """
    known = np.asarray(pd.notna(ingredients.types))
    if min((known & ingredients.held_out).sum(), (known & ~ingredients.held_out).sum()) < MANY / 10:
        return pd.DataFrame()
    rows: list[Row] = []
    for name, parts in IN_RECIPE.items():
        if not all(part in features for part in parts):
            continue
        mine = replace(ingredients, deep={variant.framing: {p: features[p] for p in parts}})
        for number in (variant.components // 2, variant.components, 2 * variant.components):
            made = replace(variant, components=number)
            rows.append(
                {"encoders": name, "components": number, **_judged(mine, made, recipe, seeds)}
            )
    return pd.DataFrame(rows)


def _judged(mine: Ingredients, variant: Variant, recipe: Recipe, seeds: range) -> Row:
    found = evaluate(mine, variant, recipe, seeds)
    seen = make_space(mine, variant, recipe, seeds[0])[~mine.held_out]
    k, reg = recipe.n_components, recipe.reg_covar
    return {
        "ari": found["ari"].mean(), "ari_low": found["ari"].min(), "ari_high": found["ari"].max(),
        "ceiling": found["ceiling"].mean(),
        "stability": half_stability(seen, k, variant.covariance, reg, 2, seeds[0]),
    }  # fmt: skip


def chosen_pair(table: pd.DataFrame, components: int) -> str | None:
    """The more stable of the pairs, which is how a recipe is chosen without labels.

    Parameters
    ----------
    table : DataFrame
        As of `in_recipe`.
    components : int
        Of the recipe.

    Returns
    -------
    str or None
        Name of the encoders; None where nothing was measured.
    """
    if table.empty:
        return None
    pair = table["encoders"].str.contains("+", regex=False) & (table["components"] == components)
    mine = table[pair].set_index("encoders")["stability"]
    return None if mine.empty else str(mine.idxmax())


def _clusters_against_goal(compared: pd.DataFrame, components: int) -> list[list[object]]:
    """Lines of `goal_table`: clusters of the chosen recipe, and the highest of all."""
    if compared.empty:
        return []
    named = compared["encoders"].eq(PROFILE_PAIR) & compared["components"].eq(components)
    highest = compared.sort_values("ari").tail(1)
    lines: list[list[object]] = []
    for what, found in (("chosen recipe", compared[named]), ("the highest of its table", highest)):
        for row in found.to_dict("records"):
            said = f"clusters, {what}: ARI of {row['encoders']}, {row['components']}"
            values = [row[name] for name in ("ari", "ari_low", "ari_high")]
            reached = "reached" if row["ari"] >= GOAL_ARI else "missed"
            lines.append([said, *values, GOAL_ARI, reached])
    return lines


def goal_table(
    rows: pd.DataFrame, compared: pd.DataFrame, seed: int = 0, components: int = 0
) -> pd.DataFrame:
    """What was asked of the galaxy encoder, and what was measured.

    Parameters
    ----------
    rows : DataFrame
        Result of the study.
    compared : DataFrame
        Of `in_recipe`; may be empty.
    seed : int
        Of the bootstrap.
    components : int
        Of the chosen recipe, whose own clusters get a line.

    Returns
    -------
    DataFrame
        Columns asked, measured, low, high (95 % over galaxies; for clusters
        the range over seeds), goal, verdict. What was not measured is left out.
    """
    lines: list[list[object]] = []
    for _, row in framing_gains(rows, seed).iterrows():
        verdict = against_goal(row["gain"], row["low"], row["high"], GOAL_POINTS)
        said = f"{row['probe']}: points beyond {row['best']}"
        lines.append([said, row["gain"], row["low"], row["high"], GOAL_POINTS, verdict])
    table = summary(rows, seed)
    for score, probe in (("turned", "neighbours"), ("turned_linear", "linear")):
        found = [value_of(table, GALAXY, f"{score}{end}") for end in ("", "_low", "_high")]
        if found[0] is not None:
            verdict = against_goal(found[0], found[1], found[2], GOAL_TURNED)
            lines.append([f"{probe}: % the same when turned", *found, GOAL_TURNED, verdict])
    lines += _clusters_against_goal(compared, components)
    columns = ["asked", "measured", "low", "high", "goal", "verdict"]
    return pd.DataFrame(lines, columns=columns)


def direction_table(rows: pd.DataFrame, encoder: str) -> pd.DataFrame:
    """Rank correlations of an encoder's leading components.

    Parameters
    ----------
    rows : DataFrame
        Result of the study.
    encoder : str
        Which.

    Returns
    -------
    DataFrame
        One row a property, one column a component, numbered from 1.
    """
    if rows.empty:
        return pd.DataFrame()
    mine = rows[(rows["encoder"] == encoder) & (rows["score"] == "direction")]
    table = mine.pivot(index="property", columns="direction", values="value")
    table.columns = table.columns.astype(int)
    return table.loc[mine["property"].drop_duplicates()]


def neighbours(
    features: NDArray[np.floating], queries: Sequence[int], number: int
) -> NDArray[np.int64]:
    """Galaxies nearest to some galaxies in an encoder's standardised features.

    Parameters
    ----------
    features : ndarray of float, shape (n, dimension)
        Of all galaxies.
    queries : sequence of int
        Rows.
    number : int
        How many, the query itself not counted.

    Returns
    -------
    ndarray of int64, shape (n_queries, number)
        Rows, nearest first, by cosine.
    """
    values = StandardScaler().fit_transform(features.astype(np.float64))
    model = NearestNeighbors(n_neighbors=number + 1, metric="cosine").fit(values)
    found = model.kneighbors(values[list(queries)], return_distance=False)
    kept = [
        [row for row in line if row != query][:number]
        for line, query in zip(found, queries, strict=True)
    ]
    return np.array(kept, np.int64)


def typical(values: NDArray[np.floating], types: NDArray[np.object_]) -> dict[str, int]:
    """The galaxy nearest to the middle of each type.

    Parameters
    ----------
    values : ndarray of float, shape (n, dimension)
        A space.
    types : ndarray of object, shape (n,)
        Type of each galaxy, None where unknown.

    Returns
    -------
    dict of str to int
        Type to row, types in alphabetical order.
    """
    found = {}
    for name in sorted(set(types[pd.notna(types)])):
        rows = np.flatnonzero(types == name)
        middle = np.median(values[rows], axis=0, keepdims=True)
        found[str(name)] = int(rows[pairwise_distances_argmin_min(middle, values[rows])[0][0]])
    return found


PANELS = {
    "linear": "linear classifier (% right)",
    "neighbours": "nearest neighbours (% right)",
    "ari": "clusters (adjusted Rand index)",
    "turned": "same when turned (%)",
}
"""Scores that are drawn, with their axis labels."""


def plotted(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Scores with intervals, as they are drawn.

    Parameters
    ----------
    table : DataFrame
        As of `summary`.

    Returns
    -------
    dict of str to DataFrame
        Axis label to columns value, low, high, indexed by encoder.
    """
    return {
        label: pd.DataFrame(
            {"value": table[score], "low": table[f"{score}_low"], "high": table[f"{score}_high"]}
        )
        for score, label in PANELS.items()
        if score in table
    }


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """The table of scores as it is read.

    Parameters
    ----------
    table : DataFrame
        As of `summary`.

    Returns
    -------
    DataFrame
        One row an encoder, shares in percent, rounded.
    """
    if table.empty:
        return pd.DataFrame(columns=["encoder"])
    shown = pd.DataFrame({"encoder": table.index})
    for score, name in (("linear", "linear, %"), ("neighbours", "neighbours, %"),
                        ("turned", "same when turned, %")):  # fmt: skip
        shown[name] = table[score].round(1).to_numpy()
    for score, name in (("ari", "ARI"), ("null_ari", "null"), ("ami", "AMI"),
                        ("stability", "stability")):  # fmt: skip
        shown[name] = table[score].round(3).to_numpy()
    shown["same cluster when turned, %"] = (100 * table["cluster_turned"]).round(1).to_numpy()
    return shown


def value_of(table: pd.DataFrame, encoder: str, score: str) -> float | None:
    """One score of one encoder.

    Parameters
    ----------
    table : DataFrame
        As of `summary`.
    encoder, score : str
        Row and column.

    Returns
    -------
    float or None
        None where it was not measured.
    """
    found = table[score].to_dict().get(encoder, np.nan) if score in table else np.nan
    return None if np.isnan(found) else float(found)


def neighbour_grid(
    features: Mapping[str, NDArray[np.floating]], types: NDArray[np.object_], number: int
) -> tuple[list[int], list[str]]:
    """A galaxy of each type and what is nearest to it, under several encoders.

    Parameters
    ----------
    features : mapping of str to ndarray of float, shape (n, dimension)
        By encoder.
    types : ndarray of object, shape (n,)
        Type of each galaxy, None where unknown.
    number : int
        Pictures in a line, the query included.

    Returns
    -------
    rows : list of int
        A line for each type and encoder, query first.
    titles : list of str
        One each: the encoder over the query, the type over the others.
    """
    rows: list[int] = []
    titles: list[str] = []
    for name, query in typical(next(iter(features.values())), types).items():
        for encoder, values in features.items():
            near = neighbours(values, [query], number - 1)[0].tolist()
            rows += [query, *near]
            titles += [f"{encoder}:\n{name}", *(str(types[row] or "unknown") for row in near)]
    return rows, titles


def same_type(
    features: NDArray[np.floating], types: NDArray[np.object_], number: int = 5
) -> float | None:
    """Share of nearest neighbours that are of the query's type.

    Parameters
    ----------
    features : ndarray of float, shape (n, dimension)
        Of all galaxies.
    types : ndarray of object, shape (n,)
        Type of each galaxy, None where unknown; those are left out.
    number : int
        Neighbours of each galaxy.

    Returns
    -------
    float or None
        Of one; None without types.
    """
    known = np.asarray(pd.notna(types))
    if known.sum() <= number:
        return None
    mine = types[known]
    near = neighbours(features[known], range(int(known.sum())), number)
    return float((mine[near] == mine[:, None]).mean())


def strongest(table: pd.DataFrame) -> tuple[str, int | None, float | None]:
    """The closest tie between a component and a property.

    Parameters
    ----------
    table : DataFrame
        As of `direction_table`.

    Returns
    -------
    tuple of str, int or None, float or None
        Property, component, rank correlation; None where nothing was measured.
    """
    if table.empty:
        return "nothing", None, None
    values = table.to_numpy(np.float64)
    row, column = divmod(int(np.nanargmax(np.abs(values))), values.shape[1])
    return str(table.index[row]), int(table.columns[column]), float(values[row, column])


def unseen(table: pd.DataFrame, least: float = 0.25) -> list[str]:
    """Properties that no component follows.

    Parameters
    ----------
    table : DataFrame
        As of `direction_table`.
    least : float
        Rank correlation that counts as following.

    Returns
    -------
    list of str
        Names of properties.
    """
    return [str(name) for name in table.index[table.abs().max(axis=1) < least]]
