"""What seeing, an 8-bit asinh stretch and JPEG do to the five parameters of simulated galaxies."""

from __future__ import annotations

import io
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image as PillowImage
from scipy.ndimage import gaussian_filter

from galaxy_utils.data import survey
from galaxy_utils.data.images import Image, band_mean
from galaxy_utils.evaluation.resampling import bootstrap, interval
from galaxy_utils.morphology.columns import FIVE
from galaxy_utils.morphology.measurement import measure
from galaxy_utils.simulate.drawing import Mock, draw

LINEAR = "linear flux"
STRETCHED = "8-bit asinh stretch"
COMPRESSED = "8-bit asinh stretch and JPEG"
NO_SEEING = "linear flux, no seeing"
"""Linear flux of the same galaxy, drawn with a `SHARPER`th of its seeing."""

SHARPER = 8

KINDS = (LINEAR, STRETCHED, COMPRESSED, NO_SEEING)
"""The same galaxy with the same noise: flux in r; band mean of the composite; band mean of the
cutout; and flux in r again, seen sharply."""

RADIUS = "rpetro_circ"
"""Petrosian radius in pixels, measured with the five."""


def _versions(row: pd.Series, seed: int) -> dict[str, NDArray[np.float64]]:
    """One galaxy by `KINDS`, all with the blur of resampling.

    Linear flux is in units of a hundredth of a pixel's noise: its digitisation plays no part.
    """
    simulated = draw(row, seed)
    sharp = draw(pd.Series({**row, "seeing": row["seeing"] / SHARPER}), seed)
    return {
        LINEAR: _linear(simulated),
        STRETCHED: band_mean(survey.resample(survey.composite(simulated.bands))),
        COMPRESSED: _after_jpeg(simulated.composite),
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

    Columns objid, family, kind (one of `KINDS`), the five parameters and the
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


def stretch_table(rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Compare each parameter, and the Petrosian radius, with its value on linear flux.

    Parameters
    ----------
    rows : DataFrame
        From `measure_stretches`.
    seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        One row per family, kind (`KINDS` but the first) and parameter: family, kind, parameter,
        galaxies (measured in both), and change, low, high (median difference, for the radius the
        median ratio, and its 95 % interval).
    """
    table = []
    for family, members in rows.groupby("family"):
        wide = members.pivot(index="objid", columns="kind", values=[*FIVE, RADIUS])
        for kind, name in product(KINDS[1:], (*FIVE, RADIUS)):
            pair = wide.reindex(columns=[(name, LINEAR), (name, kind)]).dropna()
            if pair.empty:
                continue
            linear, other = pair.to_numpy(np.float64).T
            change = other / linear if name == RADIUS else other - linear
            table.append((family, kind, name, len(pair), np.median(change), *_limits(change, seed)))
    columns = ["family", "kind", "parameter", "galaxies", "change", "low", "high"]
    return pd.DataFrame(table, columns=columns)


def _limits(change: NDArray[np.float64], seed: int) -> tuple[float, float]:
    """95 % interval of the median."""
    return interval(bootstrap(lambda drawn: np.median(change[drawn]), len(change), seed, 500))
