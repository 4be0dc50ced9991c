"""What an 8-bit asinh stretch and JPEG do to the five parameters, on mocks whose flux we know."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image as PillowImage
from scipy.ndimage import gaussian_filter
from scipy.stats import median_abs_deviation, spearmanr

from galaxy_utils import mock
from galaxy_utils.engine import measure_fast
from galaxy_utils.morphology import FIVE
from galaxy_utils.preprocessing import band_mean
from galaxy_utils.study import Row

LINEAR = "linear flux"
STRETCHED = "asinh stretch, 8 bits"
COMPRESSED = "and JPEG, as from SkyServer"
KINDS = (LINEAR, STRETCHED, COMPRESSED)
"""The same galaxy, the same noise: flux in r; the composite's band mean; the cutout's band mean."""

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
    made = mock.draw(row, seed)
    red = made.bands[mock.BANDS.index("r")].astype(np.float64)
    unit = 1.4826 * float(np.median(np.abs(red - np.median(red)))) / 100
    shown = PillowImage.open(io.BytesIO(mock.jpeg(made.composite)))
    return {
        LINEAR: gaussian_filter(red, mock.RESAMPLING, mode="nearest") / unit,
        STRETCHED: band_mean(mock.resample(mock.composite(made.bands))),
        COMPRESSED: band_mean(np.asarray(shown)),
    }


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
            found = measure_fast(image)
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
