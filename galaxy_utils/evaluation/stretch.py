"""What an 8-bit asinh stretch and JPEG do to the five parameters, on mocks whose flux we know."""

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
from galaxy_utils.experiments.study import Row
from galaxy_utils.morphology.measurement import FIVE, measure
from galaxy_utils.simulate.drawing import draw

LINEAR = "linear flux"
STRETCHED = "asinh stretch, 8 bits"
COMPRESSED = "and JPEG, as from SkyServer"
OTHERS = {
    "darker black point": replace(survey.FITTED, black=0.1),
    "twice the softening": replace(survey.FITTED, softening=2 * survey.FITTED.softening),
    "twice the brightness": replace(survey.FITTED, brightness=2 * survey.FITTED.brightness),
}
"""Other stretches that a server might use, each off the fitted one in one constant: what the bias
owes to the guess. The darker black point lies near the noise of one pixel above the sky."""

KINDS = (LINEAR, STRETCHED, COMPRESSED, *OTHERS)
"""The same galaxy, the same noise: flux in r; the composite's band mean; the cutout's band mean, by
the fitted stretch and by the others."""

Plane = NDArray[np.float64]


def versions_of(row: pd.Series, seed: int) -> dict[str, Plane]:
    """One mock as linear flux and as the images made from it.

    Parameters
    ----------
    row : Series
        Of `mock_families.truth`.
    seed : int
        Of the mock universe.

    Returns
    -------
    dict of str to ndarray of float64, shape (256, 256)
        `KINDS`, all with the blur of resampling. Linear flux is in units of
        a hundredth of the noise of one pixel, so that its digitisation plays
        no part.
    """
    made = draw(row, seed)
    red = made.bands[survey.BANDS.index("r")].astype(np.float64)
    unit = 1.4826 * float(np.median(np.abs(red - np.median(red)))) / 100
    others = {name: survey.composite(made.bands, constants) for name, constants in OTHERS.items()}
    return {
        LINEAR: gaussian_filter(red, survey.RESAMPLING, mode="nearest") / unit,
        STRETCHED: band_mean(survey.resample(survey.composite(made.bands))),
        COMPRESSED: _opened(made.composite),
        **{name: _opened(survey.as_cutout(image)) for name, image in others.items()},
    }


def _opened(cutout: Image) -> Plane:
    """Band mean after the cutout's own JPEG."""
    return band_mean(np.asarray(PillowImage.open(io.BytesIO(survey.jpeg(cutout)))))


def stretch_rows(table: pd.DataFrame, seed: int) -> list[Row]:
    """Measure mocks in every version.

    Parameters
    ----------
    table : DataFrame
        Rows of `mock_families.truth`; artefacts are passed over.
    seed : int
        Of the mock universe.

    Returns
    -------
    list of dict
        Keys objid, family, kind, and the five parameters, None where one could
        not be measured.
    """
    rows: list[Row] = []
    for _, row in table[~table["is_artefact"]].iterrows():
        for kind, image in versions_of(row, seed).items():
            found = measure(image)
            values = {name: float(getattr(found, name)) for name in FIVE}
            five = {name: value if np.isfinite(value) else None for name, value in values.items()}
            rows.append({"objid": row["objid"], "family": row["family"], "kind": kind, **five})
    return rows


def stretch_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Bias and scatter of each parameter against linear flux.

    Parameters
    ----------
    rows : DataFrame
        Of `stretch_rows`.

    Returns
    -------
    DataFrame
        One row a parameter and kind: parameter, kind, median_linear,
        scatter_linear (between galaxies), bias (median difference), low and
        high (95 % interval of the median by bootstrap), scatter (1.4826 times
        the median absolute deviation of the differences), correlation
        (Spearman's), used and lost (numbers of galaxies).
    """
    table = []
    for name in FIVE:
        wide = rows.pivot(index="objid", columns="kind", values=name)
        for kind in KINDS[1:]:
            pair = wide[[LINEAR, kind]].dropna()
            table.append({"parameter": name, "kind": kind, **_compared(pair, len(wide))})
    return pd.DataFrame(table)


def bias_table(compared: pd.DataFrame) -> pd.DataFrame:
    """Biases of all stretches side by side.

    Parameters
    ----------
    compared : DataFrame
        Of `stretch_table`.

    Returns
    -------
    DataFrame
        One row a parameter: parameter, linear (median), between (scatter of
        galaxies), a column for each of `KINDS` but the first (median
        difference to linear flux), lowest and highest over all cutouts.
    """
    first = compared[compared["kind"] == COMPRESSED].set_index("parameter")
    wide = compared.pivot(index="parameter", columns="kind", values="bias")
    wide = wide.loc[list(FIVE), list(KINDS[1:])]
    cutouts = wide[list(KINDS[2:])]
    wide = wide.assign(lowest=cutouts.min(axis=1), highest=cutouts.max(axis=1))
    wide.insert(0, "linear", first["median_linear"])
    wide.insert(1, "between", first["scatter_linear"])
    return wide.reset_index().rename_axis(columns=None)


def turned(compared: pd.DataFrame) -> list[str]:
    """Parameters whose bias is surely below zero by one cutout and surely above by another.

    Parameters
    ----------
    compared : DataFrame
        Of `stretch_table`; sure is what its interval says.

    Returns
    -------
    list of str
        In the order of `FIVE`.
    """
    cutouts = compared[compared["kind"].isin(KINDS[2:])]
    ends = cutouts.groupby("parameter").agg(below=("high", "min"), above=("low", "max"))
    both = (ends["below"] < 0) & (ends["above"] > 0)
    return [name for name in FIVE if both[name]]


def _compared(pair: pd.DataFrame, number: int) -> Row:
    linear, other = pair.to_numpy(np.float64).T
    difference = other - linear
    rng = np.random.default_rng(0)
    drawn = np.median(rng.choice(difference, (500, len(difference))), axis=1)
    return {
        "median_linear": float(np.median(linear)),
        "scatter_linear": float(median_abs_deviation(linear, scale="normal")),
        "bias": float(np.median(difference)),
        "low": float(np.percentile(drawn, 2.5)),
        "high": float(np.percentile(drawn, 97.5)),
        "scatter": float(median_abs_deviation(difference, scale="normal")),
        "correlation": float(spearmanr(linear, other).statistic),
        "used": len(pair),
        "lost": number - len(pair),
    }
