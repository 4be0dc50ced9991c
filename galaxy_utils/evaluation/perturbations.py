"""Perturbed images, and the clusters that a fitted pipeline predicts for them."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image as PillowImage
from scipy.ndimage import gaussian_filter, shift
from statsmodels.stats.proportion import proportion_confint

from galaxy_utils.data.images import Image
from galaxy_utils.evaluation.metrics import relabel
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

NOISE_LEFT = float(np.linalg.norm(gaussian_filter(np.pad([[1.0]], 12), NOISE_SMOOTHING)))
"""Standard deviation of unit white noise after that smoothing."""

LOW_QUALITY, HIGH_QUALITY = 75, 95
"""JPEG qualities: Pillow's default, with colours at half the resolution; and that of the cutouts
themselves, with colours at full resolution."""

UNCHANGED = "unchanged"
ANOTHER_SEED = "another seed"
"""No image is changed; the pipeline is fitted with another seed."""


def _move(image: Image, rng: np.random.Generator) -> Image:
    rows, columns = SHIFT * rng.choice([-1, 1], 2)
    return np.asarray(shift(image, (rows, columns, 0), order=0, mode="nearest"), dtype=np.uint8)


def _compress(image: Image, quality: int, **options: int) -> Image:
    file = io.BytesIO()
    PillowImage.fromarray(image).save(file, "JPEG", quality=quality, **options)
    return np.asarray(PillowImage.open(file))


def perturb(
    image: Image, rng: np.random.Generator, turns: int = 0, blur: float = 0.0, noise: float = 0.0
) -> Image:
    """Blur an image, make it noisier, and rotate it anticlockwise.

    The blur is a standard deviation in pixels, after which noise is added until the sky is as noisy
    as before. Further noise is in units of the sky's own. Turns are quarters.
    """
    changed = []
    for band in np.moveaxis(image, 2, 0).astype(np.float64):
        smooth = gaussian_filter(band, blur, mode="nearest")
        sky = clipped_sky(band)[1]
        missing = max(sky**2 - clipped_sky(smooth)[1] ** 2, 0.0) + (noise * sky) ** 2
        changed.append(smooth + np.sqrt(missing) * sky_noise(band.shape, rng))
    return np.ascontiguousarray(np.rot90(_as_image(changed), turns))


def _dim(image: Image, rng: np.random.Generator) -> Image:
    """Dim what is above the sky, and add noise until the sky is as noisy as before."""
    dimmed = []
    for band in np.moveaxis(image, 2, 0).astype(np.float64):
        sky, noise = clipped_sky(band)
        missing = noise * np.sqrt(1 - DIMMING**2)
        dimmed.append(sky + DIMMING * (band - sky) + missing * sky_noise(band.shape, rng))
    return _as_image(dimmed)


def sky_noise(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw noise of unit variance whose pixels are correlated as in the sky of SDSS cutouts."""
    smooth = gaussian_filter(rng.standard_normal(shape), NOISE_SMOOTHING, mode="wrap")
    return np.asarray(smooth / NOISE_LEFT)


def _as_image(bands: list[NDArray[np.float64]]) -> Image:
    return np.clip(np.stack(bands, axis=2), 0, 255).round().astype(np.uint8)


PERTURBATIONS: dict[str, Callable[[Image, np.random.Generator], Image]] = {
    UNCHANGED: lambda image, rng: image,
    "turned by 90°": lambda image, rng: np.ascontiguousarray(np.rot90(image)),
    "mirrored": lambda image, rng: np.ascontiguousarray(image[:, ::-1]),
    "moved by 2 px": _move,
    f"compressed ({HIGH_QUALITY})": lambda image, rng: _compress(
        image, HIGH_QUALITY, subsampling=0
    ),
    f"compressed ({LOW_QUALITY})": lambda image, rng: _compress(image, LOW_QUALITY),
    "blurred": lambda image, rng: perturb(image, rng, blur=BLUR),
    "dimmed": _dim,
}
"""From an image (uint8, height × width × 3) and a generator to an image of the same shape."""


def share_changed(pipeline: Any, X: pd.DataFrame, perturbed: pd.DataFrame) -> float:
    """Share of galaxies for which a fitted pipeline predicts another cluster after a perturbation.

    `X` is the feature table of the unchanged galaxies, `perturbed` that of changed ones among them.
    """
    if perturbed.empty:
        return np.nan
    changed = pipeline.predict(X.loc[perturbed.index]) != pipeline.predict(perturbed)
    return float(changed.mean())


def share_changed_by_seed(pipeline: Any, other: Any, X: pd.DataFrame, objids: pd.Index) -> float:
    """Share of some galaxies in another cluster by a pipeline that was fitted with two seeds.

    Clusters are matched over all galaxies.
    """
    labels = pipeline.predict(X)
    changed = relabel(other.predict(X), labels) != labels
    return float(changed[X.index.get_indexer(objids)].mean())


def changes_with_intervals(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the shares of galaxies in another cluster, from the rows of the experiment.

    Columns pipeline, change, percent, low, high (95 %, Wilson 1927, J. Am. Stat. Assoc. 22, 209),
    lowest and highest (over seeds). The galaxies are the same for every seed, so that the interval
    is that of their number.
    """
    if rows.empty:
        return pd.DataFrame()
    shares, numbers = (rows[rows["score"] == score] for score in ("changed", "number"))
    table = shares.groupby(["of", "change"], sort=False)["value"].agg(["mean", "min", "max"])
    measured = numbers.groupby("change")["value"].mean()
    n = measured.loc[table.index.get_level_values("change")].to_numpy()
    low, high = proportion_confint(table["mean"].to_numpy() * n, n, method="wilson")
    table = 100 * table.assign(low=low, high=high)
    table = table.rename(columns={"mean": "percent", "min": "lowest", "max": "highest"})
    columns = ["percent", "low", "high", "lowest", "highest"]
    return table[columns].rename_axis(["pipeline", "change"]).reset_index()
