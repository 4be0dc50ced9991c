"""Robustness: what recipes say of the same galaxies photographed a little differently."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image as PillowImage
from scipy.ndimage import gaussian_filter, shift
from scipy.stats import median_abs_deviation
from statsmodels.stats.proportion import proportion_confint

from galaxy_utils.clustering import consensus
from galaxy_utils.config import MIXTURE, TRAINING, UPSTREAM
from galaxy_utils.data.images import Image
from galaxy_utils.evaluation import scores
from galaxy_utils.evaluation.chain import Recipe
from galaxy_utils.evaluation.search import PAPER, SEARCH, Ingredients, Variant, make_space
from galaxy_utils.experiments.study import FEW_DRAWS, Row, Study
from galaxy_utils.morphology.measurement import FIVE
from galaxy_utils.morphology.segmentation import clipped_sky

DIMMING = 1 / np.sqrt(2)
"""A dimmed galaxy keeps this share of its counts above the sky; the noise stays."""

BLUR = 1.0
"""Standard deviation of the blur, in pixels: 0.93 arcsec of seeing added in quadrature in SDSS."""

SHIFT = 2
"""Pixels along each axis."""

GRAIN = 0.95
"""Standard deviation, in pixels, of the Gaussian that white noise is smoothed by: neighbouring
pixels of the sky in SDSS cutouts then go together as they do (correlation 0.76)."""

QUALITY, HIGH_QUALITY = 75, 95
"""Of the JPEG that an image is compressed to once more: Pillow's default, with colours at half the
resolution; and that of the cutouts themselves, with colours in full."""

GALAXIES_MANY, GALAXIES_FEW = 350, 16
"""How many galaxies are changed, where a study is made in full and where it is made small; of
small samples one in twenty."""

ANOTHER_SEED = "another seed"
"""Nothing is changed but the seed of the recipe: what every share is held beside."""

UNCHANGED = "unchanged"
"""Images as they are, measured once more."""

PAPERS, OURS = "the paper's recipe", "ours (profile best)"
"""Names of the two recipes that are compared."""

Values = NDArray[np.float64]


def turn(image: Image, rng: np.random.Generator) -> Image:
    """Turn the frame by 90 degrees, anticlockwise."""
    return np.ascontiguousarray(np.rot90(image))


def mirror(image: Image, rng: np.random.Generator) -> Image:
    """Swap left and right."""
    return np.ascontiguousarray(image[:, ::-1])


def dim(image: Image, rng: np.random.Generator) -> Image:
    """Dim what is above the sky by `DIMMING`, and add noise until the sky is as noisy as before."""
    counts = image.astype(np.float64)
    dimmed = np.empty_like(counts)
    for band in range(counts.shape[2]):
        sky, noise = _sky(counts[..., band])
        dimmed[..., band] = sky + DIMMING * (counts[..., band] - sky)
        missing = noise * np.sqrt(1 - DIMMING**2)
        dimmed[..., band] += missing * sky_noise(counts.shape[:2], rng)
    return _as_image(dimmed)


def blur(image: Image, rng: np.random.Generator) -> Image:
    """Blur by a Gaussian of standard deviation `BLUR`; the sky is as noisy as before."""
    counts = image.astype(np.float64)
    blurred = gaussian_filter(counts, (BLUR, BLUR, 0), mode="nearest")
    for band in range(counts.shape[2]):
        before, after = _sky(counts[..., band])[1], _sky(blurred[..., band])[1]
        missing = np.sqrt(max(before**2 - after**2, 0.0))
        blurred[..., band] += missing * sky_noise(counts.shape[:2], rng)
    return _as_image(blurred)


def sky_noise(shape: tuple[int, int], rng: np.random.Generator) -> Values:
    """Noise whose neighbouring pixels go together, as in the sky of SDSS cutouts.

    Parameters
    ----------
    shape : tuple of int
        Height and width.
    rng : Generator
        Of the noise.

    Returns
    -------
    ndarray of float64, shape (height, width)
        Of standard deviation 1 on average, smoothed by `GRAIN`.
    """
    smooth = gaussian_filter(rng.standard_normal(shape), GRAIN, mode="wrap")
    return np.asarray(smooth / _left_by_smoothing())


@cache
def _left_by_smoothing() -> float:
    """Standard deviation that white noise of 1 keeps when it is smoothed by `GRAIN`."""
    point = np.zeros((25, 25))
    point[12, 12] = 1.0
    return float(np.linalg.norm(gaussian_filter(point, GRAIN)))


def _sky(band: Values) -> tuple[float, float]:
    """Level and noise of the sky in one band."""
    return clipped_sky(np.ascontiguousarray(band))


def move(image: Image, rng: np.random.Generator) -> Image:
    """Move the frame by `SHIFT` pixels along both axes, each to a side drawn by chance."""
    rows, columns = SHIFT * rng.choice([-1, 1], 2)
    return np.asarray(shift(image, (rows, columns, 0), order=0, mode="nearest"), dtype=np.uint8)


def compress(image: Image, rng: np.random.Generator) -> Image:
    """Compress to a JPEG of `QUALITY` once more."""
    return _compressed(image, quality=QUALITY)


def compress_little(image: Image, rng: np.random.Generator) -> Image:
    """Compress to a JPEG of `HIGH_QUALITY` once more, colours in full resolution."""
    return _compressed(image, quality=HIGH_QUALITY, subsampling=0)


def _compressed(image: Image, **options: int) -> Image:
    kept = io.BytesIO()
    PillowImage.fromarray(image).save(kept, "JPEG", **options)
    return np.asarray(PillowImage.open(kept))


def keep(image: Image, rng: np.random.Generator) -> Image:
    """Change nothing."""
    return image


def _as_image(counts: Values) -> Image:
    return np.asarray(np.clip(counts, 0, 255).round(), dtype=np.uint8)


Change = Callable[[Image, np.random.Generator], Image]

CHANGES: dict[str, Change] = {
    UNCHANGED: keep, "turned by 90°": turn, "mirrored": mirror, "moved by 2 px": move,
    f"compressed ({HIGH_QUALITY})": compress_little, f"compressed ({QUALITY})": compress,
    "blurred": blur, "dimmed": dim,
}  # fmt: skip
"""From a frame (uint8, height x width x 3) and a generator to a frame of the same shape."""

Measured = tuple[Values, Values, dict[str, dict[str, NDArray[np.float32]]]]
"""Five parameters (n, 5), `appearance.SHAPE` (n, 3) and deep features by framing and backbone."""


@dataclass(frozen=True)
class Inputs:
    """What the study takes.

    Parameters
    ----------
    ingredients : Ingredients
        All kept galaxies, as they are; none held out.
    recipe : Recipe
        Number of clusters, training.
    best : Variant
        The space and covariance of the profile `best`.
    votes : mapping of Variant to float
        The recipes whose votes teach its mixture, see `consensus.members`.
    rows : ndarray of int64, shape (n_changed,)
        Galaxies whose images are changed.
    image_of : callable
        From a row to its image.
    measure : callable
        From images to `Measured`; NaN where something could not be measured.
    """

    ingredients: Ingredients
    recipe: Recipe
    best: Variant
    votes: Mapping[Variant, float]
    rows: NDArray[np.int64]
    image_of: Callable[[int], Image]
    measure: Callable[[list[Image]], Measured]


def variants(best: Variant, framings: Mapping[str, Any]) -> dict[str, Variant]:
    """Recipes that are asked the same question.

    Parameters
    ----------
    best : Variant
        Of the profile `best`.
    framings : mapping
        Framings that were measured.

    Returns
    -------
    dict of str to Variant
        The paper's, ours, and their parts, which are fitted by likelihood: the five
        parameters alone, and the principal components of deep features alone. Those
        whose framing was not measured are left out.
    """
    found = {PAPERS: PAPER, OURS: best}
    found["five parameters alone"] = Variant("five", best.scale, "none", 0, "pca", best.covariance)
    for framing in (PAPER.framing, best.framing):
        found[f"deep features alone, {framing}"] = replace(best, columns="none", framing=framing)
    return {k: v for k, v in found.items() if v.framing == "none" or v.framing in framings}


def partition_of(
    ingredients: Ingredients,
    variant: Variant,
    recipe: Recipe,
    seed: int,
    votes: Mapping[Variant, float] | None = None,
) -> tuple[NDArray[np.int64], Values]:
    """Make a recipe from the galaxies that are not held out, and ask it about all.

    Parameters
    ----------
    ingredients : Ingredients
        All galaxies.
    variant : Variant
        Recipe and covariance.
    recipe : Recipe
        Number of clusters, training.
    seed : int
        Of everything.
    votes : mapping of Variant to float, optional
        Recipes that teach the mixture; it is fitted by likelihood if not given.

    Returns
    -------
    cluster : ndarray of int64, shape (n,)
        Cluster of every galaxy.
    largest : ndarray of float64, shape (n,)
        Its responsibility.
    """
    if votes is not None:
        taught = consensus.taught_by(ingredients, variant, votes, recipe, seed)
        values, fit = taught.values, taught.fit
    else:
        values = make_space(ingredients, variant, recipe, seed)
        fit = recipe.mixture(values[~ingredients.held_out], seed, variant.covariance)
    responsibilities = fit.model.predict_proba(values)
    return responsibilities.argmax(axis=1), responsibilities.max(axis=1)


def with_changed(inputs: Inputs, measured: Measured) -> Ingredients:
    """All galaxies, and after them the changed ones as galaxies that the recipe never saw.

    Parameters
    ----------
    inputs : Inputs
        The galaxies.
    measured : Measured
        Of the changed images, all whole.

    Returns
    -------
    Ingredients
        The changed ones are held out.
    """
    five, shape, deep = measured
    mine = inputs.ingredients
    return replace(
        mine,
        five=np.vstack([mine.five, five]),
        shape=np.vstack([mine.shape, shape[:, : mine.shape.shape[1]]]),
        deep={
            f: {b: np.vstack([v, deep[f][b]]) for b, v in blocks.items()}
            for f, blocks in mine.deep.items()
            if f in deep
        },
        types=np.full(len(mine.five) + len(five), None, dtype=object),
        held_out=np.arange(len(mine.five) + len(five)) >= len(mine.five),
    )


def whole(measured: Measured) -> NDArray[np.bool_]:
    """Galaxies of which everything could be measured.

    Parameters
    ----------
    measured : Measured
        Of n galaxies.

    Returns
    -------
    ndarray of bool, shape (n,)
        True where nothing is NaN.
    """
    five, shape, deep = measured
    features = [vectors for blocks in deep.values() for vectors in blocks.values()]
    return np.asarray(np.isfinite(np.hstack([five, shape, *features])).all(axis=1))


def _taken(measured: Measured, rows: NDArray[Any]) -> Measured:
    five, shape, deep = measured
    return five[rows], shape[rows], {f: {b: v[rows] for b, v in d.items()} for f, d in deep.items()}


def _stacked(pieces: Sequence[Measured]) -> Measured:
    fives, shapes, deeps = zip(*pieces, strict=True)
    deep = {
        framing: {b: np.vstack([d[framing][b] for d in deeps]) for b in blocks}
        for framing, blocks in deeps[0].items()
    }
    return np.vstack(fives), np.vstack(shapes), deep


def cluster_rows(
    inputs: Inputs, changed: Mapping[str, tuple[NDArray[np.int64], Measured]], seed: int
) -> list[Row]:
    """How many galaxies each recipe puts elsewhere once their images are changed.

    Parameters
    ----------
    inputs : Inputs
        The galaxies and recipes.
    changed : mapping of str to (ndarray of int64, Measured)
        For each change which galaxies, and what was measured of them; all whole.
    seed : int
        Of the recipes.

    Returns
    -------
    list of dict
        Keys change, of (recipe), score, value: `changed` and
        `changed_confident` (shares of all and of the confident galaxies),
        `confident` (how many).
    """
    together = with_changed(inputs, _stacked([measured for _, measured in changed.values()]))
    rows = np.concatenate([rows for rows, _ in changed.values()])
    names = np.repeat(list(changed), [len(rows) for rows, _ in changed.values()])
    found: list[Row] = []
    for name, variant in variants(inputs.best, together.deep).items():
        votes = inputs.votes if name == OURS else None
        cluster, largest = partition_of(together, variant, inputs.recipe, seed, votes)
        moved = cluster[together.held_out] != cluster[rows]
        sure = largest[rows] > inputs.recipe.confidence
        for change in changed:
            mine = names == change
            found += [{"change": change, **row} for row in _shares(name, moved[mine], sure[mine])]
    return found


def _shares(name: str, moved: NDArray[np.bool_], confident: NDArray[np.bool_]) -> list[Row]:
    values = {
        "changed": float(moved.mean()) if len(moved) else None,
        "confident": int(confident.sum()),
        "changed_confident": float(moved[confident].mean()) if confident.any() else None,
    }
    return [{"of": name, "score": score, "value": value} for score, value in values.items()]


def seed_rows(inputs: Inputs, seed: int) -> list[Row]:
    """How many of the same galaxies move when nothing but the recipe's seed is changed.

    Parameters
    ----------
    inputs : Inputs
        The galaxies and recipes.
    seed : int
        The first; the other is a thousand later.

    Returns
    -------
    list of dict
        As of `cluster_rows`, clusters of both seeds matched over all galaxies.
    """
    found: list[Row] = []
    for name, variant in variants(inputs.best, inputs.ingredients.deep).items():
        votes = inputs.votes if name == OURS else None
        one, largest = partition_of(inputs.ingredients, variant, inputs.recipe, seed, votes)
        other, _ = partition_of(inputs.ingredients, variant, inputs.recipe, seed + 1000, votes)
        moved = scores.matched_onto(other, one)[inputs.rows] != one[inputs.rows]
        found += _shares(name, moved, largest[inputs.rows] > inputs.recipe.confidence)
    return found


def parameter_rows(five: Values, changed: Values, scale: Values) -> list[Row]:
    """How far each parameter moves, in units of its scatter between galaxies.

    Parameters
    ----------
    five, changed : ndarray of float64, shape (n, 5)
        Before and after.
    scale : ndarray of float64, shape (5,)
        Robust standard deviation between galaxies.

    Returns
    -------
    list of dict
        Keys of (parameter), score, value: `bias` (median difference) and
        `scatter` (1.4826 times its median absolute deviation); NaN for a parameter in
        which galaxies do not differ.
    """
    difference = (changed - five) / np.where(scale > 0, scale, np.nan)
    bias = np.median(difference, axis=0)
    scatter = median_abs_deviation(difference, axis=0, scale="normal")
    return [
        {"of": name, "score": score, "value": float(value)}
        for score, values in (("bias", bias), ("scatter", scatter))
        for name, value in zip(FIVE, values, strict=True)
    ]


def feature_rows(
    before: Mapping[str, Mapping[str, NDArray[np.float32]]],
    after: Mapping[str, Mapping[str, NDArray[np.float32]]],
) -> list[Row]:
    """How far deep features move, in units of the distance between two galaxies.

    Parameters
    ----------
    before, after : mapping of str to mapping of str to ndarray of float32
        Framing to backbone to features, shape (n, dimension), of the same galaxies.

    Returns
    -------
    list of dict
        Keys of (`<backbone>-<framing>`), score (`displacement`), value: median
        distance between a galaxy and itself changed, over the median distance
        between neighbours in the list, which are different galaxies.
    """
    rows: list[Row] = []
    for framing, blocks in after.items():
        for backbone, changed in blocks.items():
            mine = before[framing][backbone]
            apart = np.median(np.linalg.norm(mine - np.roll(mine, 1, axis=0), axis=1))
            moved = np.median(np.linalg.norm(changed - mine, axis=1))
            rows.append({"of": f"{backbone}-{framing}", "score": "displacement",
                         "value": float(moved / apart)})  # fmt: skip
    return rows


def _measure(inputs: Inputs, unit: Row) -> list[Row]:
    few = min(GALAXIES_FEW, max(len(inputs.ingredients.five) // 20, 2))
    chosen = inputs.rows[: GALAXIES_MANY if unit["many"] else few]
    changed = {name: _changed(inputs, name, chosen, unit["seed"]) for name in CHANGES}
    again = seed_rows(inputs, unit["seed"])
    again += [{"of": "galaxies", "score": "number", "value": len(inputs.rows)}]
    rows: list[Row] = [{"change": ANOTHER_SEED, **row} for row in again]
    for name, (kept, measured) in changed.items():
        rows += [{"change": name, **row} for row in _moved_rows(inputs, kept, measured)]
        lost = 1 - len(kept) / len(chosen)
        rows += [{"change": name, "of": "galaxies", "score": "lost", "value": lost}]
        rows += [{"change": name, "of": "galaxies", "score": "number", "value": len(kept)}]
    return rows + cluster_rows(inputs, changed, unit["seed"])


def _changed(
    inputs: Inputs, name: str, rows: NDArray[np.int64], seed: int
) -> tuple[NDArray[np.int64], Measured]:
    """Measure changed images; galaxies that cannot be measured any more are left out."""
    rng = np.random.default_rng(seed)
    measured = inputs.measure([CHANGES[name](inputs.image_of(int(row)), rng) for row in rows])
    kept = whole(measured)
    return rows[kept], _taken(measured, kept)


def _moved_rows(inputs: Inputs, rows: NDArray[np.int64], measured: Measured) -> list[Row]:
    if len(rows) < 2:
        return []
    five, deep = inputs.ingredients.five, inputs.ingredients.deep
    scale = median_abs_deviation(five, axis=0, scale="normal")
    before = {f: {b: v[rows] for b, v in blocks.items()} for f, blocks in deep.items()}
    return [
        *parameter_rows(five[rows], measured[0], scale),
        *feature_rows(before, measured[2]),
    ]


def _units(draws: int, seed: int) -> list[Row]:
    """A unit measures thousands of images: half as many as draws are asked for."""
    many = draws >= FEW_DRAWS
    number = draws // 2 if many else 1
    return [{"many": many, "draw": draw, "seed": seed + draw} for draw in range(number)]


ROBUSTNESS = Study(
    "robustness", _units, _measure, (*UPSTREAM, *TRAINING, *MIXTURE), SEARCH.files,
    carried=(SEARCH.name,), profile="best",
)  # fmt: skip
"""Galaxies turned, mirrored, moved, compressed, blurred and dimmed, by five recipes."""


def changed_table(rows: pd.DataFrame, score: str = "changed") -> pd.DataFrame:
    """Mean over draws of one score, a row a recipe or measurement, a column a change.

    Parameters
    ----------
    rows : DataFrame
        Result of `ROBUSTNESS`; may be empty.
    score : str
        `changed`, `changed_confident`, `bias`, `scatter`, `displacement` or `lost`.

    Returns
    -------
    DataFrame
        Index of, columns change; in the order of the study.
    """
    if rows.empty:
        return pd.DataFrame()
    mine = rows[rows["score"] == score]
    order = list(dict.fromkeys(mine["change"])), list(dict.fromkeys(mine["of"]))
    table = mine.groupby(["of", "change"], sort=False)["value"].mean().unstack("change")
    return table.reindex(index=order[1], columns=order[0])


def number_of(rows: pd.DataFrame) -> int:
    """Galaxies whose images were measured once more unchanged.

    Parameters
    ----------
    rows : DataFrame
        Result of `ROBUSTNESS`; may be empty.

    Returns
    -------
    int
        The most of all draws; 0 where nothing was measured.
    """
    table = changed_table(rows, "number")
    return 0 if table.empty else int(table[UNCHANGED].iloc[0])


def seeds_of(rows: pd.DataFrame) -> list[int]:
    """Seeds with which everything was measured anew.

    Parameters
    ----------
    rows : DataFrame
        Result of `ROBUSTNESS`; may be empty.

    Returns
    -------
    list of int
        In ascending order; empty where nothing was measured.
    """
    return [] if rows.empty else sorted(int(seed) for seed in rows["seed"].unique())


def most_lost(rows: pd.DataFrame) -> float | None:
    """Largest share of galaxies that a change made impossible to measure.

    Parameters
    ----------
    rows : DataFrame
        Result of `ROBUSTNESS`; may be empty.

    Returns
    -------
    float or None
        Percent; None where nothing was measured.
    """
    table = changed_table(rows, "lost")
    return None if table.empty else 100 * float(np.nanmax(table.to_numpy()))


def with_intervals(rows: pd.DataFrame) -> pd.DataFrame:
    """Shares of galaxies in another cluster, with their intervals.

    Galaxies are the same in every draw, so that the interval is of their
    number and not of draws times galaxies.

    Parameters
    ----------
    rows : DataFrame
        Result of `ROBUSTNESS`; may be empty.

    Returns
    -------
    DataFrame
        Columns recipe, change, percent, low, high (95 %), lowest and highest
        (over draws), confident (percent of those confident before).

    References
    ----------
    Wilson (1927), score interval; statsmodels.
    """
    if rows.empty:
        return pd.DataFrame()
    pairs = rows.groupby(["score", "of", "change"], sort=False)["value"]
    means, found = pairs.mean(), pairs.agg(["mean", "min", "max"]).loc["changed"].reset_index()
    n = found["change"].map(means["number"]["galaxies"]).fillna(number_of(rows))
    low, high = proportion_confint(found["mean"] * n, n, method="wilson")
    sure = means["changed_confident"].reindex(pd.MultiIndex.from_frame(found[["of", "change"]]))
    shares = {
        "percent": found["mean"], "low": low, "high": high, "lowest": found["min"],
        "highest": found["max"], "confident": sure.to_numpy(),
    }  # fmt: skip
    return (
        found[["of", "change"]]
        .rename(columns={"of": "recipe"})
        .assign(**{name: 100 * np.asarray(values, np.float64) for name, values in shares.items()})
    )


def worst_change(changed: pd.DataFrame, recipe: str) -> tuple[str, float | None]:
    """Change that moves most galaxies of a recipe.

    Parameters
    ----------
    changed : DataFrame
        As of `changed_table`; may be empty or lack the recipe.
    recipe : str
        Its name.

    Returns
    -------
    change : str
        Its name, `not measured` where there is none.
    value : float or None
        As in the table.
    """
    if recipe not in changed.index:
        return "not measured", None
    changes = [name for name in CHANGES if name != UNCHANGED and name in changed]
    values = changed.loc[[recipe], changes].to_numpy()[0]
    return changes[int(values.argmax())], float(values.max())


def furthest(rows: pd.DataFrame) -> tuple[str, str]:
    """Parameter that a change shifts most.

    Parameters
    ----------
    rows : DataFrame
        Result of `ROBUSTNESS`; may be empty.

    Returns
    -------
    name : str
        Of the parameter; `not measured` where there is none.
    sentence : str
        That says so, with its number.
    """
    if rows.empty:
        return "not measured", "No image could be changed in this run."
    means = rows[rows["score"] == "bias"].groupby(["of", "change"])["value"].mean().reset_index()
    row = means.iloc[int(means["value"].abs().argmax())]
    return str(row["of"]), (
        f"The largest median shift is that of {row['of']} when images are {row['change']}: "
        f"{row['value']:+.2f} of its scatter between galaxies."
    )


def compare(shares: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Changes under which our recipe moves fewer galaxies than the paper's, and more.

    Parameters
    ----------
    shares : DataFrame
        As of `with_intervals`, with both recipes.

    Returns
    -------
    fewer, more : list of str
        Names of changes under which the intervals of both recipes lie apart.
        Both are asked about the same galaxies, so that this errs towards neither.
    """
    ends = shares.pivot_table(index="change", columns="recipe", values=["low", "high"])
    low, high = ends["low"], ends["high"]
    changes = [name for name in CHANGES if name != UNCHANGED and name in ends.index]
    return (
        [name for name in changes if high.loc[name, OURS] < low.loc[name, PAPERS]],
        [name for name in changes if low.loc[name, OURS] > high.loc[name, PAPERS]],
    )
