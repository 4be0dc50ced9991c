"""Outliers: several scores of how unusual a galaxy is, tested on corruptions that we inject."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import shift
from scipy.stats import fisher_exact, mannwhitneyu
from sklearn.base import clone
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from galaxy_utils.clustering.mixture import OrderedGaussianMixture
from galaxy_utils.data.images import Image
from galaxy_utils.morphology.columns import FIVE

MIXTURE_LIKELIHOOD = "mixture likelihood (paper)"
CORRUPTIONS = ("trail", "blend", "shifted")

CONTROL = "unspoilt"
"""Galaxies measured again as they are: a detector that finds them finds the measurement."""

FLAGGED, UNTYPED = "flag above 0 (%)", "no Galaxy Zoo type (%)"
MERGER = "mergers among those with a type (%)"
_MEDIANS = {
    "sn_per_pixel": "S/N per pixel",
    "n_sources": "sources in the frame",
    "rpetro_circ": "Petrosian radius (px)",
}


def outlier_scores(
    X: pd.DataFrame,
    latent: NDArray[np.floating],
    mixture: OrderedGaussianMixture,
    forest: IsolationForest,
    neighbours: NearestNeighbors,
) -> pd.DataFrame:
    """Score how unusual every galaxy is in four ways.

    Parameters
    ----------
    X : DataFrame
        Feature table of n galaxies.
    latent : ndarray of shape (n, latent_dim)
        Their bottleneck.
    mixture, forest, neighbours : estimator
        Unfitted; they are fitted to the bottleneck, the forest also to the five parameters.

    Returns
    -------
    DataFrame of shape (n, 4)
        One column per detector, larger is more unusual: negative log-likelihood; Isolation
        Forest in the bottleneck; distance to the last of the neighbours there; Isolation Forest
        on the z-scored five parameters.

    References
    ----------
    Liu, Ting & Zhou (2008), ICDM, 413; Ramaswamy, Rastogi & Shim (2000), SIGMOD, 427.
    """
    values = latent.astype(np.float64)
    five = StandardScaler().fit_transform(X[list(FIVE)].to_numpy())
    number = min(neighbours.n_neighbors, len(values) - 1)
    distances, _ = clone(neighbours).fit(values).kneighbors(n_neighbors=number)
    scores = {
        MIXTURE_LIKELIHOOD: -clone(mixture).fit(values).score_samples(values),
        "Isolation Forest, latent": -clone(forest).fit(values).score_samples(values),
        "tenth neighbour, latent": distances[:, -1],
        "Isolation Forest, five parameters": -clone(forest).fit(five).score_samples(five),
    }
    return pd.DataFrame(scores, X.index)


def corrupt(kind: str, image: Image, other: Image, rng: np.random.Generator) -> Image:
    """Return a corrupted copy of an image: one of `CORRUPTIONS`, or unchanged for `CONTROL`."""
    if kind == CONTROL:
        return image.copy()
    if kind == "trail":
        return _add_trail(image, rng)
    return _add_blend(image, other, rng) if kind == "blend" else _shift_frame(image, rng)


def _add_trail(image: Image, rng: np.random.Generator) -> Image:
    """Add a satellite trail near the centre."""
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width] - np.array([height / 2, width / 2])[:, None, None]
    angle, offset = rng.uniform(0, np.pi), rng.uniform(-0.1, 0.1) * width
    distance = x * np.sin(angle) - y * np.cos(angle) - offset
    light = rng.uniform(120, 220) * np.exp(-0.5 * (distance / rng.uniform(1.0, 2.5)) ** 2)
    return np.asarray(np.clip(image + light[..., None], 0, 255).round(), dtype=np.uint8)


def _add_blend(image: Image, other: Image, rng: np.random.Generator) -> Image:
    """Lay a second galaxy over the image, the brighter of both in every pixel."""
    angle = rng.uniform(0, 2 * np.pi)
    distance = rng.uniform(0.05, 0.12) * image.shape[0]
    offset = (distance * np.sin(angle), distance * np.cos(angle), 0)
    moved = shift(other.astype(float), offset, order=1, mode="nearest")
    return np.asarray(np.maximum(image, np.clip(moved, 0, 255).round()), dtype=np.uint8)


def _shift_frame(image: Image, rng: np.random.Generator) -> Image:
    """Move the frame an eighth to a quarter of its width away from the galaxy."""
    angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(0.125, 0.25) * image.shape[0]
    rows, columns = round(distance * np.sin(angle)), round(distance * np.cos(angle))
    return np.roll(image, (rows, columns), axis=(0, 1))


def inject(
    X: pd.DataFrame,
    image_of: Callable[[str], Image],
    measure: Callable[[Mapping[str, Image]], pd.DataFrame],
    percent: float,
    seed: int,
) -> tuple[pd.DataFrame, pd.Series]:
    """Corrupt `percent` of the galaxies and measure them again, and as many controls.

    `image_of` gives the image of an objid, `measure` the feature table of images by objid. Returns
    `X` with the new measurements, and the kind of each galaxy: one of `CORRUPTIONS` (at least one
    of each), `CONTROL` (fewer in a small sample), None. A galaxy that cannot be measured any more
    keeps its old measurements.
    """
    n = len(X)
    rng = np.random.default_rng(seed)
    number = max(len(CORRUPTIONS), round(percent / 100 * n))
    rows = rng.choice(n, min(2 * number, n), replace=False)
    chosen = [
        CORRUPTIONS[i % len(CORRUPTIONS)] if i < number else CONTROL for i in range(len(rows))
    ]
    objids, others = X.index[rows], X.index[rng.integers(0, n, len(rows))]
    images = {
        objid: corrupt(kind, image_of(objid), image_of(other), rng)
        for kind, objid, other in zip(chosen, objids, others, strict=True)
    }
    measured = measure(images)
    complete = np.isfinite(measured.to_numpy()).all(axis=1)
    kinds = pd.Series([None] * n, X.index, dtype=object)
    kinds[objids[complete]] = np.array(chosen, dtype=object)[complete]
    measured = measured[complete]
    table = pd.concat([X.drop(index=measured.index), measured[X.columns]]).loc[X.index]
    return table, kinds


def detection_scores(kinds: pd.Series, scores: pd.DataFrame) -> pd.DataFrame:
    """Measure how well detectors rank injected corruptions above the other galaxies.

    Columns detector, kind (`all` corruptions, or `CONTROL`), score, value. `precision` is the
    share of corrupted galaxies among as many of the most unusual as were corrupted; `auc` the
    area under the ROC curve against the galaxies left alone.
    """
    untouched, control = kinds.isna().to_numpy(), (kinds == CONTROL).to_numpy()
    injected = ~untouched & ~control
    rows: list[tuple[str, str, str, float]] = []
    for detector, score in scores.items():
        top = np.argsort(-score.to_numpy(), kind="stable")[: injected.sum()]
        rows.append((str(detector), "all", "precision", float(injected[top].mean())))
        for kind, members in (("all", injected), (CONTROL, control)):
            if members.any():
                compared = members | untouched
                area = float(roc_auc_score(members[compared], score[compared]))
                rows.append((str(detector), kind, "auc", area))
    return pd.DataFrame(rows, columns=["detector", "kind", "score", "value"])


def describe_outliers(
    outliers: NDArray[np.bool_], quality: pd.DataFrame, types: pd.Series
) -> pd.DataFrame:
    """Compare outliers with the other galaxies in what took no part in finding them.

    Parameters
    ----------
    outliers : ndarray of bool, shape (n,)
        The selected galaxies.
    quality : DataFrame
        Columns flag, sn_per_pixel, n_sources, rpetro_circ (pixels), the same galaxies.
    types : Series of object
        Galaxy Zoo types, None where there is none.

    Returns
    -------
    DataFrame
        Columns property; outliers, others (percent or medians); low, high, others_low,
        others_high (95 % intervals of shares by Wilson's formula, NaN for medians); p, two-sided
        (shares: Fisher's exact test; medians: Mann and Whitney's test); p_holm, corrected over
        the rows. Mergers are counted among the galaxies that have a type.

    References
    ----------
    Fisher (1935), J. R. Stat. Soc. 98, 39; Mann & Whitney (1947), Ann. Math. Stat. 18, 50; Wilson
    (1927), J. Am. Stat. Assoc. 22, 209; Holm (1979), Scand. J. Stat. 6, 65.
    """
    rows = [{"property": FLAGGED, **_compare_shares(quality["flag"].to_numpy() > 0, outliers)}]
    typed = types.notna().to_numpy()
    if typed.any():
        merger = types.eq("merger").to_numpy()[typed]
        rows.append({"property": UNTYPED, **_compare_shares(~typed, outliers)})
        rows.append({"property": MERGER, **_compare_shares(merger, outliers[typed])})
    for name, label in _MEDIANS.items():
        values = quality[name].to_numpy(np.float64)
        both = values[outliers], values[~outliers]
        p = mannwhitneyu(*both, method="asymptotic", nan_policy="omit").pvalue
        medians = dict(zip(("outliers", "others"), map(np.nanmedian, both), strict=True))
        rows.append({"property": label, **medians, "p": float(p)})
    table = pd.DataFrame(rows)
    return table.assign(p_holm=multipletests(table["p"], method="holm")[1])


def _compare_shares(has: NDArray[np.bool_], outliers: NDArray[np.bool_]) -> dict[str, float]:
    """Percent of the outliers and of the others that have something."""
    counts = [int((has & group).sum()) for group in (outliers, ~outliers)]
    numbers = [int(outliers.sum()), int((~outliers).sum())]
    low, high = proportion_confint(np.array(counts), np.array(numbers), method="wilson")
    missing = [number - count for number, count in zip(numbers, counts, strict=True)]
    return {
        "outliers": 100 * counts[0] / max(numbers[0], 1), "low": 100 * low[0],
        "high": 100 * high[0],
        "others": 100 * counts[1] / max(numbers[1], 1), "others_low": 100 * low[1],
        "others_high": 100 * high[1],
        "p": float(fisher_exact([counts, missing]).pvalue),
    }  # fmt: skip
