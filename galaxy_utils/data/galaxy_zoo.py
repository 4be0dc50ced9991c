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

GALAXY_ZOO_CLASSES = (*GALAXY_ZOO_TYPES, "dont_know")

_OTHER_WORDS = {
    "spiral": "spiral_combined", "s": "spiral_combined", "sp": "spiral_combined",
    "late": "spiral_combined", "spiral cw": "spiral_cw", "cw": "spiral_cw",
    "spiral acw": "spiral_acw", "acw": "spiral_acw", "e": "elliptical", "el": "elliptical",
    "early": "elliptical", "edge": "edge_on", "edge on": "edge_on", "edgeon": "edge_on",
    "mg": "merger", "merging": "merger", "uncertain": "dont_know", "unknown": "dont_know",
    "dk": "dont_know", "don't know": "dont_know", "dont know": "dont_know",
}  # fmt: skip


def galaxy_zoo_class(word: str) -> str | None:
    """Return the class that a common word means, such as "spiral" or "E"; None for any other."""
    plain = word.strip().lower()
    if plain in GALAXY_ZOO_CLASSES:
        return plain
    return _OTHER_WORDS.get(" ".join(plain.replace("_", " ").replace("-", " ").split()))


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
