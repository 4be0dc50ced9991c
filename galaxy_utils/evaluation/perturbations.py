"""Perturbed images, and the clusters that a fitted pipeline predicts for them."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image as PillowImage
from scipy.ndimage import gaussian_filter, shift
from scipy.stats import median_abs_deviation
from statsmodels.stats.proportion import proportion_confint

from galaxy_utils.data.images import Image
from galaxy_utils.evaluation.metrics import relabel
from galaxy_utils.features.feature_table import deep_blocks
from galaxy_utils.morphology.measurement import FIVE
from galaxy_utils.morphology.segmentation import clipped_sky

DIMMING = 1 / np.sqrt(2)
"""Share of its counts above the sky that a dimmed galaxy keeps; the noise stays."""

BLUR = 1.0
"""Standard deviation of the blur in pixels: in SDSS 0.93 arcsec of seeing, added in quadrature."""

SHIFT = 2
"""Pixels along each axis."""

NOISE_SMOOTHING = 0.95
"""Standard deviation, in pixels, of the Gaussian that smooths white noise until neighbouring
pixels are as correlated as in the sky of SDSS cutouts (0.76)."""

LOW_QUALITY, HIGH_QUALITY = 75, 95
"""JPEG qualities: Pillow's default, with colours at half the resolution; and that of the cutouts
themselves, with colours at full resolution."""

UNCHANGED = "unchanged"
"""Images measured once more as they are."""

ANOTHER_SEED = "another seed"
"""No image is changed; the pipeline is fitted with another seed."""


def _move(image: Image, rng: np.random.Generator) -> Image:
    rows, columns = SHIFT * rng.choice([-1, 1], 2)
    return np.asarray(shift(image, (rows, columns, 0), order=0, mode="nearest"), dtype=np.uint8)


def _compress(image: Image, quality: int, **options: int) -> Image:
    file = io.BytesIO()
    PillowImage.fromarray(image).save(file, "JPEG", quality=quality, **options)
    return np.asarray(PillowImage.open(file))


def _blur(image: Image, rng: np.random.Generator) -> Image:
    """Blur, and add noise until the sky is as noisy as before."""
    counts = image.astype(np.float64)
    blurred = gaussian_filter(counts, (BLUR, BLUR, 0), mode="nearest")
    for band in range(counts.shape[2]):
        before, after = _sky(counts[..., band])[1], _sky(blurred[..., band])[1]
        missing = np.sqrt(max(before**2 - after**2, 0.0))
        blurred[..., band] += missing * sky_noise(counts.shape[:2], rng)
    return _as_image(blurred)


def _dim(image: Image, rng: np.random.Generator) -> Image:
    """Dim what is above the sky, and add noise until the sky is as noisy as before."""
    counts = image.astype(np.float64)
    dimmed = np.empty_like(counts)
    for band in range(counts.shape[2]):
        sky, noise = _sky(counts[..., band])
        dimmed[..., band] = sky + DIMMING * (counts[..., band] - sky)
        missing = noise * np.sqrt(1 - DIMMING**2)
        dimmed[..., band] += missing * sky_noise(counts.shape[:2], rng)
    return _as_image(dimmed)


def sky_noise(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw noise of unit variance whose pixels are correlated as in the sky of SDSS cutouts."""
    smooth = gaussian_filter(rng.standard_normal(shape), NOISE_SMOOTHING, mode="wrap")
    return np.asarray(smooth / _left_by_smoothing())


@cache
def _left_by_smoothing() -> float:
    """Standard deviation of unit white noise after smoothing."""
    point = np.zeros((25, 25))
    point[12, 12] = 1.0
    return float(np.linalg.norm(gaussian_filter(point, NOISE_SMOOTHING)))


def _sky(band: NDArray[np.float64]) -> tuple[float, float]:
    """Level and noise of the sky."""
    return clipped_sky(np.ascontiguousarray(band))


def _as_image(counts: NDArray[np.float64]) -> Image:
    return np.asarray(np.clip(counts, 0, 255).round(), dtype=np.uint8)


PERTURBATIONS: dict[str, Callable[[Image, np.random.Generator], Image]] = {
    UNCHANGED: lambda image, rng: image,
    "turned by 90°": lambda image, rng: np.ascontiguousarray(np.rot90(image)),
    "mirrored": lambda image, rng: np.ascontiguousarray(image[:, ::-1]),
    "moved by 2 px": _move,
    f"compressed ({HIGH_QUALITY})": lambda image, rng: _compress(
        image, HIGH_QUALITY, subsampling=0
    ),
    f"compressed ({LOW_QUALITY})": lambda image, rng: _compress(image, LOW_QUALITY),
    "blurred": _blur,
    "dimmed": _dim,
}
"""From an image (uint8, height × width × 3) and a generator to an image of the same shape."""


def cluster_changes(
    pipeline: Any, X: pd.DataFrame, perturbed: Mapping[str, pd.DataFrame], confidence: float
) -> pd.DataFrame:
    """Compare the clusters that a fitted pipeline predicts before and after a perturbation.

    `X` is the feature table of the unchanged galaxies, `perturbed` that of changed ones among them
    by perturbation. Columns change, score, value: `changed` and `changed_confident` (shares of all
    and of the galaxies that were confident before; NaN where there is none), `confident` (number).
    """
    found = []
    for change, table in perturbed.items():
        if table.empty:
            found.append(_shares(np.zeros(0, bool), np.zeros(0, bool)).assign(change=change))
            continue
        before = pipeline.predict_proba(X.loc[table.index])
        after = pipeline.predict_proba(table)
        moved = before.argmax(axis=1) != after.argmax(axis=1)
        found.append(_shares(moved, before.max(axis=1) > confidence).assign(change=change))
    return pd.concat(found, ignore_index=True)[["change", "score", "value"]]


def seed_changes(
    pipeline: Any, other: Any, X: pd.DataFrame, objids: pd.Index, confidence: float
) -> pd.DataFrame:
    """Compare the clusters of some galaxies by a pipeline that was fitted with two seeds.

    Clusters are matched over all galaxies. Columns score, value, as of `cluster_changes`.
    """
    probabilities = pipeline.predict_proba(X)
    labels = probabilities.argmax(axis=1)
    moved = relabel(other.predict_proba(X).argmax(axis=1), labels) != labels
    counted = X.index.get_indexer(objids)
    return _shares(moved[counted], probabilities.max(axis=1)[counted] > confidence)


def _shares(moved: NDArray[np.bool_], confident: NDArray[np.bool_]) -> pd.DataFrame:
    values = {
        "changed": moved.mean() if len(moved) else np.nan,
        "confident": confident.sum(),
        "changed_confident": moved[confident].mean() if confident.any() else np.nan,
    }
    return pd.DataFrame({"score": list(values), "value": list(values.values())})


def parameter_shifts(X: pd.DataFrame, perturbed: pd.DataFrame) -> pd.DataFrame:
    """Measure how far each parameter moves, in units of its scatter between all galaxies.

    Columns of (parameter), score, value: `bias` (median difference) and `scatter` (robust standard
    deviation of the difference); NaN for a parameter in which all galaxies agree.
    """
    five = X[list(FIVE)]
    scale = median_abs_deviation(five.to_numpy(), axis=0, scale="normal")
    before = five.loc[perturbed.index].to_numpy()
    difference = (perturbed[list(FIVE)].to_numpy() - before) / np.where(scale > 0, scale, np.nan)
    found = {
        "bias": np.median(difference, axis=0),
        "scatter": median_abs_deviation(difference, axis=0, scale="normal"),
    }
    table = pd.DataFrame(found, index=pd.Index(FIVE, name="of"))
    return table.reset_index().melt("of", var_name="score")


def feature_shifts(X: pd.DataFrame, perturbed: pd.DataFrame) -> pd.DataFrame:
    """Measure how far deep features move, in units of the distance between two galaxies.

    Columns of (`<backbone>-<crop>`), score (`displacement`), value: median distance between a
    galaxy and itself changed, over that between neighbours in the table.
    """
    before, rows = deep_blocks(X.loc[perturbed.index]), []
    for name, after in deep_blocks(perturbed).items():
        block = before[name]
        apart = np.median(np.linalg.norm(block - np.roll(block, 1, axis=0), axis=1))
        moved = np.median(np.linalg.norm(after - block, axis=1))
        rows.append((name, "displacement", float(moved / apart)))
    return pd.DataFrame(rows, columns=["of", "score", "value"])


def changes_with_intervals(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the shares of galaxies in another cluster with their intervals.

    The galaxies are the same for every seed, so that the interval is that of their number.

    Parameters
    ----------
    rows : DataFrame
        Of the experiment; may be empty.

    Returns
    -------
    DataFrame
        Columns recipe, change, percent, low, high (95 %), lowest and highest (over seeds),
        confident (percent of those that were confident before).

    References
    ----------
    Wilson (1927), J. Am. Stat. Assoc. 22, 209.
    """
    if rows.empty:
        return pd.DataFrame()
    by_score = {str(score): table for score, table in rows.groupby("score", sort=False)}
    shares = by_score["changed"].groupby(["of", "change"], sort=False)["value"]
    table = shares.agg(["mean", "min", "max"])
    numbers = by_score["number"].groupby("change")["value"].mean()
    n = numbers.loc[table.index.get_level_values("change")].to_numpy()
    low, high = proportion_confint(table["mean"].to_numpy() * n, n, method="wilson")
    confident = by_score["changed_confident"].groupby(["of", "change"])["value"].mean()
    table = 100 * table.assign(low=low, high=high, confident=confident)
    table = table.rename(columns={"mean": "percent", "min": "lowest", "max": "highest"})
    columns = ["percent", "low", "high", "lowest", "highest", "confident"]
    return table[columns].rename_axis(["recipe", "change"]).reset_index()


def significantly_different(
    shares: pd.DataFrame, first: str, second: str
) -> tuple[list[str], list[str]]:
    """Return the perturbations under which two pipelines differ beyond their intervals.

    Parameters
    ----------
    shares : DataFrame
        From `changes_with_intervals`.
    first, second : str
        Names of the pipelines.

    Returns
    -------
    fewer, more : list of str
        Perturbations under which the first moves fewer galaxies than the second, and more.
    """
    ends = shares.pivot(index="change", columns="recipe", values=["low", "high"])
    low, high = ends["low"], ends["high"]
    changes = [name for name in PERTURBATIONS if name != UNCHANGED and name in ends.index]
    return (
        [name for name in changes if high.loc[name, first] < low.loc[name, second]],
        [name for name in changes if low.loc[name, first] > high.loc[name, second]],
    )
