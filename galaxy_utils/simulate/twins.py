"""Simulated twins of real galaxies."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from galaxy_utils.simulate.drawing import Mock, draw
from galaxy_utils.simulate.families import ARTEFACTS, GZ1_CLASSES, SEEING, population

MEASURED = (
    "rpetro_circ", "axis_ratio", "concentration", "colour_gr", "colour_ri", "sn_per_pixel",
)  # fmt: skip
"""What a twin has in common with its galaxy; the population has it as `measured_<name>`."""

PROPERTIES = (
    "half_light_radius", "axis_ratio", "sersic_index", "colour_gr", "colour_ri", "magnitude_r",
)  # fmt: skip
"""What is adjusted from the nearest member of the population to the twin."""

_LOGARITHMIC = ("rpetro_circ", "sn_per_pixel", "half_light_radius", "sersic_index")


def draw_twin(row: pd.Series, seed: int) -> Mock:
    """Draw a simulated galaxy that measures like a real one.

    The nearest simulated galaxy of the population, among the families of the galaxy's class (among
    all where it has none), adjusted by linear regression of its properties on what was measured.
    Arms, companions and background are not the real galaxy's: they follow from the seed.

    Parameters
    ----------
    row : Series
        The galaxy's measurements: rpetro_circ (px), axis_ratio, concentration, colour_gr,
        colour_ri (mag, without zero point), sn_per_pixel; NaN where one is missing, which then
        plays no part; and, if known, objid, gz1_class, and artefact (one of `families.ARTEFACTS`,
        drawn into the frame).
    seed : int
        Of everything that is not measured; with objid it decides every pixel.

    Returns
    -------
    Mock
    """
    return draw(twin_properties(row, seed), seed)


def twin_properties(row: pd.Series, seed: int) -> pd.Series:
    """Properties of a twin, as a row of `truth`; see `draw_twin`."""
    families = [family for family, name in GZ1_CLASSES.items() if name == _class_of(row)]
    members = population()
    members = members[members["family"].isin(families)] if families else members
    measured = _transformed(members[[f"measured_{name}" for name in MEASURED]], MEASURED)
    scale = measured.std(axis=0)
    offset = (_transformed(row[list(MEASURED)].to_frame().T, MEASURED)[0] - measured) / scale
    offset = np.nan_to_num(offset)
    nearest = int(np.argmin((offset**2).sum(axis=1)))
    twin: dict[str, Any] = {str(k): v for k, v in members.iloc[nearest].items()}
    same = members[members["family"] == twin["family"]]
    x = _transformed(same[[f"measured_{name}" for name in MEASURED]], MEASURED) / scale
    y = _transformed(same[list(PROPERTIES)], PROPERTIES)
    slopes = np.linalg.lstsq(x - x.mean(axis=0), y - y.mean(axis=0), rcond=None)[0]
    steps = np.clip(offset[nearest], -2, 2) @ slopes
    for name, step in zip(PROPERTIES, steps, strict=True):
        twin[name] = twin[name] * np.exp(step) if name in _LOGARITHMIC else twin[name] + step
    twin["axis_ratio"] = float(np.clip(twin["axis_ratio"], 0.08, 1.0))
    twin["sersic_index"] = float(np.clip(twin["sersic_index"], 0.5, 8.0))
    rng = np.random.default_rng([seed, zlib.crc32(str(row.get("objid", "")).encode())])
    artefact = row.get("artefact")
    return pd.Series(twin | {
        "family": artefact if artefact in ARTEFACTS else twin["family"],
        "objid": f"twin_{row.get('objid', '')}", "index": int(rng.integers(2**31)),
        "host": twin["family"], "is_artefact": False, "seeing": SEEING["r"], "sky_factor": 1.0,
        "position_angle": float(rng.uniform(0.0, 180.0)),
    })  # fmt: skip


def _class_of(row: pd.Series) -> str:
    name = str(row.get("gz1_class", ""))
    return "spiral_combined" if name.startswith("spiral") else name


def _transformed(table: pd.DataFrame, names: tuple[str, ...]) -> NDArray[np.float64]:
    values = table.to_numpy(np.float64).copy()
    for column, name in enumerate(names):
        if name in _LOGARITHMIC:
            values[:, column] = np.log(np.maximum(values[:, column], 1e-3))
    return values
