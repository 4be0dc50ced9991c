"""What simulated galaxies are: families, and the populations that their properties are drawn from.

`population.csv` is a sample of each family. It was drawn from broad priors after published
distributions, simulated, measured, and resampled so that its measurements are distributed as in
the corresponding class of Galaxy Zoo (approximate Bayesian computation; `benchmarks/population.py`
has the priors and makes it again).

Every number of a simulated galaxy follows from a seed and its index, so that galaxy i is the
same whatever the size of the sample, its order, or the number of processes.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

FAMILIES = ("elliptical", "lenticular", "spiral", "edge_on", "merger")
"""The five families, in equal numbers on average."""

ARTEFACTS = ("star", "trail", "blend", "empty")
"""What goes wrong, in equal numbers on average: a bright star with diffraction spikes in the
place of the galaxy, a satellite trail across one, a star on top of one, a field without one."""

GZ1_CLASSES = {
    "elliptical": "elliptical", "lenticular": "elliptical", "spiral": "spiral_combined",
    "edge_on": "edge_on", "merger": "merger",
}  # fmt: skip
"""Class that Galaxy Zoo 1 would have for a family: smooth discs seen face-on count as elliptical
there, since people were not asked for lenticulars (Lintott et al. 2008)."""

POPULATION = Path(__file__).with_name("population.csv")

SEEING = {"g": 1.03, "r": 1.00, "i": 0.99}
"""Median full width at half maximum in arcsec, of stars in real cutouts under the fitted stretch;
the survey's own median is 1.32 in r, which would need a weaker stretch (sdss.org, imaging)."""

SEEING_SCATTER = 0.10
"""Standard deviation of its natural logarithm, the same factor in all bands; ours, rounded."""

JITTER = {
    "magnitude_r": 0.1, "half_light_radius": 0.05, "axis_ratio": 0.08, "sersic_index": 0.05,
    "bulge_fraction": 0.1, "colour_gr": 0.04, "colour_ri": 0.02,
}  # fmt: skip
"""Standard deviations by which a draw differs from its row of the population: of magnitudes, of
natural logarithms, and of the logits of fractions and axis ratios."""


@cache
def population() -> pd.DataFrame:
    """Read the fitted population: properties by family, and what was measured of them."""
    return pd.read_csv(POPULATION)


def _properties() -> list[str]:
    columns = population().columns.drop("family")
    return [str(name) for name in columns if not str(name).startswith("measured_")]


def _draw_properties(family: str, rng: np.random.Generator) -> dict[str, float]:
    """A member of the population, a little off; only what its family has."""
    members = population()[population()["family"] == family]
    row = members.iloc[rng.integers(len(members))].drop("family").dropna()
    drawn = {str(name): float(value) for name, value in row.items()}
    return {name: drawn[name] for name in _properties() if name in drawn} | jittered(drawn, rng)


def jittered(drawn: dict[str, float], rng: np.random.Generator) -> dict[str, float]:
    """Properties of `JITTER`, each a little off."""
    moved = {}
    for name, scale in JITTER.items():
        value, step = drawn[name], scale * float(rng.normal())
        if name in ("axis_ratio", "bulge_fraction"):
            moved[name] = value / (value + (1 - value) * np.exp(step)) if value < 1 else value
        elif name in ("half_light_radius", "sersic_index"):
            moved[name] = value * np.exp(step)
        else:
            moved[name] = value + step
    return moved


def _true_row(index: int, seed: int, artefact_share: float) -> dict[str, Any]:
    """Draw the properties of one simulated galaxy, see `truth`."""
    rng = np.random.default_rng([seed, index, 0])
    artefact = bool(rng.random() < artefact_share)
    family = str(rng.choice(FAMILIES))
    kind = str(rng.choice(ARTEFACTS)) if artefact else family
    return {
        "objid": f"mock_{index:06d}",
        "index": index,
        "family": kind,
        "host": family,
        "is_artefact": artefact,
        "position_angle": float(rng.uniform(0.0, 180.0)),
        "seeing": float(SEEING["r"] * rng.lognormal(0.0, SEEING_SCATTER)),
        "sky_factor": float(rng.lognormal(0.0, 0.08)),
        **_draw_properties(family, rng),
    }


def truth(number: int, seed: int, artefact_share: float = 0.05) -> pd.DataFrame:
    """Draw what simulated galaxies are.

    Parameters
    ----------
    number : int
        How many.
    seed : int
        Of the simulated universe.
    artefact_share : float
        Share of artefacts, 0 to 1.

    Returns
    -------
    DataFrame
        One row per galaxy: objid; index; family (one of `FAMILIES` or `ARTEFACTS`); host (family
        of the galaxy beneath an artefact); is_artefact; position_angle (deg); seeing (FWHM in r,
        arcsec); sky_factor (sky over its median); magnitude_r (AB); half_light_radius (major
        axis, arcsec); sersic_index (of an elliptical, or of a bulge); bulge_fraction; axis_ratio;
        inclination (deg); colour_gr, colour_ri (mag); gradient (of g - r, mag per decade of
        radius); and, where a family has them, its own properties.
    """
    table = pd.DataFrame([_true_row(index, seed, artefact_share) for index in range(number)])
    return table.reindex(columns=list(dict.fromkeys([*table.columns, *_properties()])))
