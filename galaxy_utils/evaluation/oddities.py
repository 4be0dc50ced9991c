"""Anomalies: what finds oddities whose number and kind we set ourselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import shift as move
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler
from statsmodels.stats.multitest import multipletests

from galaxy_utils.clustering.fusion import fuse
from galaxy_utils.clustering.taxonomy import lowest
from galaxy_utils.config import MIXTURE, TRAINING, UPSTREAM
from galaxy_utils.data.images import Image
from galaxy_utils.evaluation.chain import Recipe
from galaxy_utils.experiments.study import Row, Study
from galaxy_utils.features.features import Features

NEIGHBOURS = 10
PAPER = "mixture likelihood (paper)"
CHANCE = "chance"
PERMUTATIONS = 2000
TREES = 200


def add_trail(image: Image, rng: np.random.Generator) -> Image:
    """Draw a satellite trail across the frame, near its centre.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        A galaxy.
    rng : Generator
        Of angle, offset, width and brightness.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        A copy.
    """
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width] - np.array([height / 2, width / 2])[:, None, None]
    angle, offset = rng.uniform(0, np.pi), rng.uniform(-0.1, 0.1) * width
    distance = x * np.sin(angle) - y * np.cos(angle) - offset
    light = rng.uniform(120, 220) * np.exp(-0.5 * (distance / rng.uniform(1.0, 2.5)) ** 2)
    return np.asarray(np.clip(image + light[..., None], 0, 255).round(), dtype=np.uint8)


def add_blend(image: Image, other: Image, rng: np.random.Generator) -> Image:
    """Lay a second galaxy onto the first, a few of its own radii away.

    Parameters
    ----------
    image, other : ndarray of uint8, shape (height, width, 3)
        Two galaxies of frames of one size.
    rng : Generator
        Of direction and distance.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        The brighter of both at every pixel.
    """
    angle = rng.uniform(0, 2 * np.pi)
    distance = rng.uniform(0.05, 0.12) * image.shape[0]
    offset = (distance * np.sin(angle), distance * np.cos(angle), 0)
    moved = move(other.astype(float), offset, order=1, mode="nearest")
    return np.asarray(np.maximum(image, np.clip(moved, 0, 255).round()), dtype=np.uint8)


def shift_stamp(image: Image, rng: np.random.Generator) -> Image:
    """Cut the stamp beside the galaxy, as wrong coordinates would.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        A galaxy.
    rng : Generator
        Of direction and distance.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        The frame moved by an eighth to a quarter of its width, rolled over its edges.
    """
    angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(0.125, 0.25) * image.shape[0]
    rows, columns = round(distance * np.sin(angle)), round(distance * np.cos(angle))
    return np.roll(image, (rows, columns), axis=(0, 1))


KINDS = ("trail", "blend", "shifted")

SHAM = "unspoilt"
"""Control: galaxies measured anew as they are. Whoever finds them finds the measuring."""

DEPTHS = {"precision_half": 0.5, "precision": 1.0, "precision_twice": 2.0}
"""How many of the oddest are looked at, in units of the number planted."""


def make_odd(kind: str, image: Image, other: Image, rng: np.random.Generator) -> Image:
    """Spoil a galaxy.

    Parameters
    ----------
    kind : str
        One of `KINDS`, or `SHAM`.
    image, other : ndarray of uint8, shape (height, width, 3)
        The galaxy, and another one for blends.
    rng : Generator
        Of everything.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        A copy.
    """
    if kind == SHAM:
        return image.copy()
    if kind == "trail":
        return add_trail(image, rng)
    return add_blend(image, other, rng) if kind == "blend" else shift_stamp(image, rng)


def detector_scores(
    features: Features, recipe: Recipe, seed: int
) -> dict[str, NDArray[np.float64]]:
    """How odd every galaxy is to five detectors; larger is odder.

    Parameters
    ----------
    features : Features
        The galaxies.
    recipe : Recipe
        Autoencoder and mixture.
    seed : int
        Of everything.

    Returns
    -------
    dict of str to ndarray of float64, shape (n,)
        The paper's mixture likelihood in the bottleneck; Isolation Forest and
        distance to the tenth neighbour there; error of the autoencoder, each
        modality in units of its variance; Isolation Forest on the five
        parameters alone.

    References
    ----------
    Liu, Ting & Zhou (2008); Ramaswamy, Rastogi & Shim (2000).
    """
    from galaxy_utils.clustering.autoencoder import train  # imports torch: only where needed

    fused = fuse(features.deep, features.five, recipe.standardise_deep)
    trained = train(fused, replace(recipe.training, seed=seed))
    return of_trained(features, recipe, trained.latent, trained.weights, seed)


def of_trained(
    features: Features,
    recipe: Recipe,
    bottleneck: NDArray[np.float32],
    weights: dict[str, NDArray[np.float32]],
    seed: int,
) -> dict[str, NDArray[np.float64]]:
    """How odd every galaxy is to five detectors, with an autoencoder trained before.

    Parameters
    ----------
    features, recipe, seed
        As in `detector_scores`.
    bottleneck : ndarray of float32, shape (n, latent_dim)
        Of every galaxy.
    weights : dict of str to ndarray
        State of the autoencoder.

    Returns
    -------
    dict of str to ndarray of float64, shape (n,)
        As of `detector_scores`.
    """
    from galaxy_utils.clustering.autoencoder import reconstruct  # imports torch: only where needed

    fused = fuse(features.deep, features.five, recipe.standardise_deep)
    latent = bottleneck.astype(np.float64)
    residual = (reconstruct(fused, recipe.training, weights) - fused.values) ** 2
    errors = [
        residual[:, columns].mean(axis=1) / fused.values[:, columns].var()
        for columns in fused.modalities.values()
    ]
    return {
        PAPER: -recipe.mixture(latent, seed).log_likelihood,
        "Isolation Forest, latent": _forest(latent, seed),
        "tenth neighbour, latent": _neighbour_distance(latent),
        "autoencoder error": np.asarray(np.mean(errors, axis=0), np.float64),
        "Isolation Forest, five parameters": _forest(
            StandardScaler().fit_transform(features.five), seed
        ),
    }


def _forest(values: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    model = IsolationForest(n_estimators=TREES, random_state=seed).fit(values)
    return np.asarray(-model.score_samples(values))


def _neighbour_distance(values: NDArray[np.float64]) -> NDArray[np.float64]:
    number = min(NEIGHBOURS, len(values) - 1)
    distances, _ = NearestNeighbors(n_neighbors=number).fit(values).kneighbors()
    return np.asarray(distances[:, -1])


def detection_rows(odd: NDArray[np.object_], found: Mapping[str, NDArray[np.float64]]) -> list[Row]:
    """How well detectors rank planted oddities before the other galaxies.

    Parameters
    ----------
    odd : ndarray of object, shape (n,)
        Kind of oddity, `SHAM` for the control, None for the others.
    found : mapping of str to ndarray of float64, shape (n,)
        Oddness by detector.

    Returns
    -------
    list of dict
        Keys detector, kind (`all`, one of `KINDS`, `SHAM`), score, value:
        `DEPTHS` (share of planted ones among the oddest; for `all`), `recall`
        (share of a kind among the oddest, as many as were planted), `auc`
        (area under the ROC curve against galaxies not touched).
    """
    untouched = np.asarray(pd.isna(odd))
    planted = ~untouched & (odd != SHAM)
    rows: list[Row] = []
    for name, oddness in found.items():
        order = np.argsort(-oddness, kind="stable")
        top = np.zeros(len(odd), dtype=bool)
        top[order[: planted.sum()]] = True
        rows += [
            {"detector": name, "kind": "all", "score": score,
             "value": float(planted[order[: max(1, round(depth * planted.sum()))]].mean())}
            for score, depth in DEPTHS.items()
        ]  # fmt: skip
        for kind in ("all", *KINDS, SHAM):
            mine = planted if kind == "all" else odd == kind
            if not mine.any():
                continue
            asked = mine | untouched
            values = {
                "recall": float(top[mine].mean()),
                "auc": float(roc_auc_score(mine[asked], oddness[asked])),
            }
            rows += [
                {"detector": name, "kind": kind, "score": score, "value": value}
                for score, value in values.items()
            ]
    return rows


Measure = Callable[[list[Image]], tuple[NDArray[np.float64], dict[str, NDArray[np.float32]]]]
"""From images to the five parameters and the deep features; NaN where it failed."""

Inputs = tuple[Features, Recipe, Callable[[int], Image], Measure, float]


def plant(inputs: Inputs, seed: int) -> tuple[Features, NDArray[np.object_]]:
    """Spoil some galaxies of a sample and measure them anew, and as many as they are.

    Parameters
    ----------
    inputs : tuple
        Features; recipe; what gives the image of a row; what measures images;
        percent of galaxies to spoil.
    seed : int
        Of who is spoilt and how.

    Returns
    -------
    features : Features
        The sample with the galaxies measured anew in the place of the originals;
        those that cannot be measured any more are left as they were.
    odd : ndarray of object, shape (n,)
        Kind of oddity, `SHAM` for those measured anew unspoilt (fewer where the
        sample is too small), None for the others.
    """
    features, _, image_of, measure, percent = inputs
    n = len(features.five)
    rng = np.random.default_rng(seed)
    number = max(len(KINDS), round(percent / 100 * n))
    rows = rng.choice(n, min(2 * number, n), replace=False)
    kinds = [KINDS[i % len(KINDS)] if i < number else SHAM for i in range(len(rows))]
    others = rng.integers(0, n, len(rows))
    images = [
        make_odd(kind, image_of(int(row)), image_of(int(other)), rng)
        for kind, row, other in zip(kinds, rows, others, strict=True)
    ]
    five, deep = measure(images)
    whole = np.isfinite(five).all(axis=1)
    for block in deep.values():
        whole &= np.isfinite(block).all(axis=1)
    odd = np.full(n, None, dtype=object)
    odd[rows[whole]] = np.array(kinds, dtype=object)[whole]
    return _replaced(
        features, rows[whole], five[whole], {k: v[whole] for k, v in deep.items()}
    ), odd


def _replaced(
    features: Features,
    rows: NDArray[np.int64],
    five: NDArray[np.float64],
    deep: Mapping[str, NDArray[np.float32]],
) -> Features:
    new_five, new_deep = features.five.copy(), {k: v.copy() for k, v in features.deep.items()}
    new_five[rows] = five
    for name, block in deep.items():
        new_deep[name][rows] = block
    return replace(features, five=new_five, deep=new_deep)


def _units(draws: int, seed: int) -> list[Row]:
    return [{"draw": draw, "seed": seed + draw} for draw in range(draws)]


def _measure(inputs: Inputs, unit: Row) -> list[Row]:
    features, odd = plant(inputs, unit["seed"])
    rows = detection_rows(odd, detector_scores(features, inputs[1], unit["seed"]))
    planted = int((pd.notna(odd) & (odd != SHAM)).sum())
    return [{"planted": planted, **row} for row in rows]


ODDITIES = Study("oddities", _units, _measure, (*UPSTREAM, *TRAINING, *MIXTURE, "anomaly_percent"))
"""Planted trails, blends and shifted stamps, ranked by five detectors, beside a control."""


def describe_anomalies(
    marked: NDArray[np.bool_], quality: pd.DataFrame, types: NDArray[np.object_], seed: int
) -> pd.DataFrame:
    """Hold anomalies beside the other galaxies in what took no part in finding them.

    Parameters
    ----------
    marked : ndarray of bool, shape (n,)
        The anomalies.
    quality : DataFrame
        Columns flag, sn_per_pixel, n_sources, rpetro_circ (px), the same galaxies.
    types : ndarray of object, shape (n,)
        Type seen by people, None where nobody could tell.
    seed : int
        Of the permutations.

    Returns
    -------
    DataFrame
        Columns property, anomalies, others (percent or medians), p_holm:
        two-sided permutation test of the difference of means (of ranks, for
        medians) over `PERMUTATIONS`, by Holm's correction.
    """
    known = np.asarray(pd.notna(types))
    shares = {"flag above 0 (%)": (quality["flag"] > 0).to_numpy(float)}
    if known.any():
        shares["people could not tell (%)"] = (~known).astype(float)
        shares["seen as merger (%)"] = (types == "merger").astype(float)
    medians = {
        "S/N per pixel": quality["sn_per_pixel"],
        "sources in the frame": quality["n_sources"],
        "Petrosian radius (px)": quality["rpetro_circ"],
    }
    rows = [
        (name, 100 * values[marked].mean(), 100 * values[~marked].mean(), values)
        for name, values in shares.items()
    ] + [
        (name, values[marked].median(), values[~marked].median(), values.rank().to_numpy(float))
        for name, values in medians.items()
    ]
    p = [_permutation_p(np.asarray(row[3], np.float64), marked, seed) for row in rows]
    table = pd.DataFrame([row[:3] for row in rows], columns=["property", "anomalies", "others"])
    return table.assign(p_holm=multipletests(p, method="holm")[1])


def _permutation_p(values: NDArray[np.float64], marked: NDArray[np.bool_], seed: int) -> float:
    rng = np.random.default_rng(seed)
    centred = np.nan_to_num(values - np.nanmean(values))
    found = abs(centred[marked].sum())
    drawn = [
        abs(centred[rng.choice(len(centred), int(marked.sum()), replace=False)].sum())
        for _ in range(PERMUTATIONS)
    ]
    return float((1 + np.sum(np.array(drawn) >= found)) / (1 + PERMUTATIONS))


def overlap(marked: Mapping[str, NDArray[np.bool_]]) -> pd.DataFrame:
    """Share of one detector's anomalies that are another's, too.

    Parameters
    ----------
    marked : mapping of str to ndarray of bool, shape (n,)
        Anomalies by detector.

    Returns
    -------
    DataFrame, shape (n_detectors, n_detectors)
        1 on the diagonal.
    """
    shares = [[float(b[a].mean()) for b in marked.values()] for a in marked.values()]
    return pd.DataFrame(shares, index=list(marked), columns=list(marked))


def refit_overlap(
    latent: NDArray[np.floating], recipe: Recipe, percent: float, seeds: Iterable[int]
) -> NDArray[np.float64]:
    """Share of the mixture's anomalies that it takes again from other starts.

    Parameters
    ----------
    latent : ndarray of float, shape (n, dimension)
        The bottleneck.
    recipe : Recipe
        The mixture.
    percent : float
        Galaxies called anomalies.
    seeds : iterable of int
        Of the refits; the first fit has the seed of the training.

    Returns
    -------
    ndarray of float64, shape (n_seeds,)
        Shares, 0 to 1.
    """
    first = lowest(recipe.mixture(latent, recipe.training.seed).log_likelihood, percent)
    return np.array(
        [lowest(recipe.mixture(latent, s).log_likelihood, percent)[first].mean() for s in seeds]
    )


def planted_table(rows: pd.DataFrame, n: int) -> pd.DataFrame:
    """Summary of the planted oddities, a row a detector, and what chance gives.

    Parameters
    ----------
    rows : DataFrame
        Result of `ODDITIES`; may be empty.
    n : int
        Galaxies of the sample.

    Returns
    -------
    DataFrame
        Columns detector, `DEPTHS`, lowest and highest (of the precision over
        draws), enrichment (precision over chance), auc, and `recall <kind>`
        and `auc <kind>` of every kind and the control; best first, `CHANCE` last.
    """
    if rows.empty:
        return pd.DataFrame()
    grouped = rows.groupby(["detector", "score", "kind"], sort=False)["value"]
    means = grouped.agg(["mean", "min", "max"]).to_dict("index")
    chance = float(rows["planted"].mean()) / n
    table = [_planted_row(str(name), means, chance) for name in rows["detector"].unique()]
    best_first = pd.DataFrame(table).sort_values("precision", ascending=False, ignore_index=True)
    last = {c: 0.5 if c.startswith("auc") else chance for c in best_first.columns[1:]}
    last |= {"enrichment": 1.0}
    return pd.concat([best_first, pd.DataFrame([{"detector": CHANCE, **last}])], ignore_index=True)


def _planted_row(name: str, means: Mapping[Any, Mapping[Any, float]], chance: float) -> Row:
    precision = means[name, "precision", "all"]
    row: Row = {"detector": name}
    for score in DEPTHS:
        if (name, score, "all") in means:
            row[score] = means[name, score, "all"]["mean"]
    row |= {"lowest": precision["min"], "highest": precision["max"]}
    row |= {"enrichment": precision["mean"] / chance, "auc": means[name, "auc", "all"]["mean"]}
    for kind in (*KINDS, SHAM):
        for score in ("recall", "auc"):
            if (name, score, kind) in means:
                row[f"{score} {kind}"] = means[name, score, kind]["mean"]
    return row


def clearly_better(table: pd.DataFrame) -> list[str]:
    """Detectors whose worst precision is above the paper's best.

    Parameters
    ----------
    table : DataFrame
        As of `planted_table`; may be empty.

    Returns
    -------
    list of str
        Their names.
    """
    if table.empty:
        return []
    highest = float(table.loc[table["detector"] == PAPER, "highest"].iloc[0])
    better = (table["lowest"] > highest) & (table["detector"] != CHANCE)
    return [str(name) for name in table.loc[better, "detector"]]


def support(described: pd.DataFrame, names: Iterable[str], level: float = 0.05) -> bool | None:
    """Whether the anomalies have more of something than the other galaxies, beyond chance.

    Parameters
    ----------
    described : DataFrame
        As of `describe_anomalies`.
    names : iterable of str
        Properties any of which would show it.
    level : float
        Largest corrected p-value.

    Returns
    -------
    bool or None
        None where the sample has none of the properties.
    """
    mine = described[described["property"].isin(list(names))]
    if mine.empty:
        return None
    return bool(((mine["anomalies"] > mine["others"]) & (mine["p_holm"] < level)).any())
