"""Galaxy Zoo 1 classes, and the types of galaxies that they stand for."""

from __future__ import annotations

import pandas as pd

GALAXY_ZOO_TYPES = {
    "elliptical": "elliptical",
    "spiral_cw": "spiral",
    "spiral_acw": "spiral",
    "spiral_combined": "spiral",
    "edge_on": "edge_on",
    "merger": "merger",
}
"""Type by class: the sense of winding is no property of a galaxy, and "don't know" no type."""


def galaxy_types(classes: pd.Series) -> pd.Series:
    """Return the type of each galaxy.

    Parameters
    ----------
    classes : Series of str
        Galaxy Zoo 1 classes.

    Returns
    -------
    Series of object
        Values of `GALAXY_ZOO_TYPES`; None where the class is missing or no type.
    """
    types = classes.map(GALAXY_ZOO_TYPES).astype(object)
    return types.where(types.notna(), None)
