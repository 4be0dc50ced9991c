"""What an 8-bit asinh stretch and JPEG do to the five parameters, on simulated galaxies."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image as PillowImage
from scipy.ndimage import gaussian_filter

from galaxy_utils.data import survey
from galaxy_utils.data.images import Image, band_mean
from galaxy_utils.morphology.columns import FIVE
from galaxy_utils.morphology.measurement import measure
from galaxy_utils.simulate.drawing import draw

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

KINDS = (LINEAR, STRETCHED, COMPRESSED, *OTHERS)
"""The same galaxy with the same noise: flux in r; band mean of the composite; band mean of the
cutout by the fitted stretch and by the others."""


def _versions(row: pd.Series, seed: int) -> dict[str, NDArray[np.float64]]:
    """One galaxy by `KINDS`, all with the blur of resampling.

    Linear flux is in units of a hundredth of a pixel's noise: its digitisation plays no part.
    """
    simulated = draw(row, seed)
    red = simulated.bands[survey.BANDS.index("r")].astype(np.float64)
    unit = 1.4826 * float(np.median(np.abs(red - np.median(red)))) / 100
    others = {name: survey.composite(simulated.bands, other) for name, other in OTHERS.items()}
    return {
        LINEAR: gaussian_filter(red, survey.RESAMPLING, mode="nearest") / unit,
        STRETCHED: band_mean(survey.resample(survey.composite(simulated.bands))),
        COMPRESSED: _after_jpeg(simulated.composite),
        **{name: _after_jpeg(survey.as_cutout(image)) for name, image in others.items()},
    }


def _after_jpeg(cutout: Image) -> NDArray[np.float64]:
    return band_mean(np.asarray(PillowImage.open(io.BytesIO(survey.jpeg(cutout)))))


def measure_stretches(truth: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Measure simulated galaxies, but no artefacts, in linear flux and in images made from it.

    Columns objid, kind (one of `KINDS`) and the five parameters, NaN where one could not be
    measured.
    """
    rows = []
    for _, row in truth[~truth["is_artefact"]].iterrows():
        for kind, image in _versions(row, seed).items():
            found = measure(image)
            five = [float(getattr(found, name)) for name in FIVE]
            rows.append((row["objid"], kind, *five))
    table = pd.DataFrame(rows, columns=["objid", "kind", *FIVE])
    return table.replace([np.inf, -np.inf], np.nan)
