"""What an 8-bit asinh stretch and JPEG do to the five parameters, on simulated galaxies."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image as PillowImage
from scipy.ndimage import gaussian_filter
from scipy.stats import median_abs_deviation, spearmanr

from galaxy_utils.data import survey
from galaxy_utils.data.images import Image, band_mean
from galaxy_utils.evaluation.resampling import bootstrap, interval
from galaxy_utils.morphology.measurement import FIVE, measure
from galaxy_utils.simulate.drawing import Mock, draw

LINEAR = "linear flux"
STRETCHED = "asinh stretch, 8 bits"
COMPRESSED = "and JPEG, as from SkyServer"
OTHERS = {
    "darker black point": replace(survey.FITTED, black=0.1),
    "twice the softening": replace(survey.FITTED, softening=2 * survey.FITTED.softening),
    "twice the brightness": replace(survey.FITTED, brightness=2 * survey.FITTED.brightness),
}
"""Other stretches that a server might use, each off the fitted one in one constant. The darker
black point lies near the noise of one pixel above the sky."""

NO_SEEING = "linear, no seeing"
"""Linear flux of the same galaxy, drawn with a `SHARPER`th of its seeing."""

SHARPER = 8

KINDS = (LINEAR, STRETCHED, COMPRESSED, *OTHERS)
"""The same galaxy with the same noise: flux in r; band mean of the composite; band mean of the
cutout by the fitted stretch and by the others."""

RADIUS = "rpetro_circ"
"""Petrosian radius in pixels, measured with the five."""


def _versions(row: pd.Series, seed: int) -> dict[str, NDArray[np.float64]]:
    """One galaxy by `KINDS` and `NO_SEEING`, all with the blur of resampling.

    Linear flux is in units of a hundredth of a pixel's noise: its digitisation plays no part.
    """
    simulated = draw(row, seed)
    sharp = draw(pd.Series({**row, "seeing": row["seeing"] / SHARPER}), seed)
    others = {name: survey.composite(simulated.bands, other) for name, other in OTHERS.items()}
    return {
        LINEAR: _linear(simulated),
        STRETCHED: band_mean(survey.resample(survey.composite(simulated.bands))),
        COMPRESSED: _after_jpeg(simulated.composite),
        **{name: _after_jpeg(survey.as_cutout(image)) for name, image in others.items()},
        NO_SEEING: _linear(sharp),
    }


def _linear(simulated: Mock) -> NDArray[np.float64]:
    red = simulated.bands[survey.BANDS.index("r")].astype(np.float64)
    unit = 1.4826 * float(np.median(np.abs(red - np.median(red)))) / 100
    return np.asarray(gaussian_filter(red, survey.RESAMPLING, mode="nearest") / unit)


def _after_jpeg(cutout: Image) -> NDArray[np.float64]:
    return band_mean(np.asarray(PillowImage.open(io.BytesIO(survey.jpeg(cutout)))))


def measure_stretches(truth: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Measure simulated galaxies, but no artefacts, in linear flux and in images made from it.

    Columns objid, family, kind (one of `KINDS`, or `NO_SEEING`), the five parameters and the
    Petrosian radius in pixels, NaN where one could not be measured.
    """
    rows = []
    for _, row in truth[~truth["is_artefact"]].iterrows():
        for kind, image in _versions(row, seed).items():
            found = measure(image)
            values = [float(getattr(found, name)) for name in (*FIVE, RADIUS)]
            rows.append((row["objid"], row["family"], kind, *values))
    table = pd.DataFrame(rows, columns=["objid", "family", "kind", *FIVE, RADIUS])
    return table.replace([np.inf, -np.inf], np.nan)


def stretch_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Compare each parameter, and the Petrosian radius, with its value on linear flux.

    Parameters
    ----------
    rows : DataFrame
        From `measure_stretches`; of one family, say, since their biases differ.

    Returns
    -------
    DataFrame
        One row per parameter and kind: parameter, kind, median_linear, scatter_linear (between
        galaxies), bias (median difference), low and high (95 % interval of it), scatter (robust
        standard deviation of the differences), correlation (Spearman's), factor (median ratio,
        of the radius alone), used and lost (numbers of galaxies).
    """
    table = []
    for name in (*FIVE, RADIUS):
        wide = rows.pivot(index="objid", columns="kind", values=name)
        for kind in (*KINDS[1:], NO_SEEING):
            pair = wide[[LINEAR, kind]].dropna()
            ratio = float((pair[kind] / pair[LINEAR]).median()) if name == RADIUS else np.nan
            table.append({
                "parameter": name, "kind": kind, **_comparison(*pair.to_numpy(np.float64).T),
                "factor": ratio,
                "used": len(pair), "lost": len(wide) - len(pair),
            })  # fmt: skip
    return pd.DataFrame(table)


def _comparison(linear: NDArray[np.float64], other: NDArray[np.float64]) -> dict[str, float]:
    difference = other - linear
    medians = bootstrap(lambda rows: float(np.median(difference[rows])), len(difference), 0, 500)
    low, high = interval(medians)
    return {
        "median_linear": float(np.median(linear)),
        "scatter_linear": float(median_abs_deviation(linear, scale="normal")),
        "bias": float(np.median(difference)),
        "low": low,
        "high": high,
        "scatter": float(median_abs_deviation(difference, scale="normal")),
        "correlation": float(spearmanr(linear, other).statistic),
    }
