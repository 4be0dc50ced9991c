"""What simulated galaxies are: families, and the populations that their properties are drawn from.

Each family has a broad prior, after published distributions where there are some. What is drawn
is a weighted sample of it, `population.csv`: galaxies of the prior, simulated and measured, in
such shares that the measurements are distributed as in a class of Galaxy Zoo (approximate Bayesian
computation; see `galaxy_utils.evaluation.realism.fit_population`).

Every number of a simulated galaxy follows from a seed and its index, so that galaxy i is the
same whatever the size of the sample, its order, or the number of processes.
"""

from __future__ import annotations

from collections.abc import Callable
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

SEEING = {"g": 1.14, "r": 1.10, "i": 1.08}
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

Draw = Callable[[np.random.Generator], dict[str, float]]


def _elliptical(rng: np.random.Generator) -> dict[str, float]:
    """Indices about 4 and axis ratios from 0.4 up (Lambas et al. 1992; Blanton et al. 2003)."""
    return {
        **_size(rng, 17.7, 1.2, 1.1),
        "sersic_index": float(np.clip(rng.normal(4.6, 1.6), 1.0, 8.0)),
        "bulge_fraction": 1.0,
        "bulge_size": 1.0,
        "axis_ratio": float(0.4 + 0.6 * rng.beta(2.2, 1.2)),
        "inclination": np.nan,
        **_colours(rng, 1.15, 0.4),
    }


def _lenticular(rng: np.random.Generator) -> dict[str, float]:
    """Smooth, red discs with large bulges (Simien & de Vaucouleurs 1986, rounded)."""
    return {
        **_size(rng, 17.6, 1.1, 1.3),
        "sersic_index": float(np.clip(rng.normal(2.5, 0.8), 1.0, 4.5)),
        "bulge_fraction": float(np.clip(rng.normal(0.45, 0.18), 0.05, 0.9)),
        "bulge_size": float(rng.uniform(0.1, 0.35)),
        **_disc(rng, 0.3),
        **_colours(rng, 1.1, 0.35),
    }


def _spiral(rng: np.random.Generator) -> dict[str, float]:
    """Bluer discs with small bulges (Graham & Worley 2008; Strateva et al. 2001, rounded)."""
    barred, ringed = rng.random() < 0.45, rng.random() < 0.2
    return {
        **_size(rng, 17.0, 1.1, 2.1),
        "sersic_index": float(np.clip(rng.normal(1.8, 0.7), 0.7, 4.0)),
        "bulge_fraction": float(np.clip(rng.lognormal(np.log(0.1), 0.8), 0.005, 0.6)),
        "bulge_size": float(rng.uniform(0.06, 0.25)),
        **_disc(rng, 0.22),
        **_colours(rng, 0.72, 0.2),
        "arms": int(rng.choice([1, 2, 3, 4], p=[0.1, 0.6, 0.15, 0.15])),
        "pitch": float(np.clip(rng.normal(20.0, 7.0), 8.0, 45.0)),
        "arm_contrast": float(rng.uniform(0.2, 1.0)),
        "flocculence": float(rng.beta(1.2, 1.2)),
        "knots": float(rng.uniform(0.0, 0.2)),
        "bar": float(rng.uniform(0.4, 1.4)) if barred else 0.0,
        "bar_angle": float(rng.uniform(0, np.pi)),
        "bar_fraction": float(rng.uniform(0.05, 0.25)),
        "ring": float(rng.uniform(0.8, 2.2)) if ringed else 0.0,
        "dust": float(rng.uniform(0.0, 0.7)),
        "lopsidedness": float(np.abs(rng.normal(0, 0.3))),
    }


def _edge_on(rng: np.random.Generator) -> dict[str, float]:
    """Discs within some 8 degrees of edge-on; thickness after Kregel et al. (2002), rounded."""
    return {
        **_size(rng, 17.8, 1.0, 2.6),
        "sersic_index": float(np.clip(rng.normal(1.8, 0.6), 0.8, 4.0)),
        "bulge_fraction": float(np.clip(rng.lognormal(np.log(0.14), 0.8), 0.005, 0.6)),
        "bulge_size": float(rng.uniform(0.08, 0.3)),
        "axis_ratio": float(np.clip(rng.lognormal(np.log(0.24), 0.4), 0.08, 0.6)),
        "inclination": float(rng.uniform(82.0, 90.0)),
        **_colours(rng, 0.95, 0.25),
        "edge": float(rng.uniform(2.5, 6.0)),
        "roundness": float(rng.uniform(0.0, 0.6)),
        "warp": float(rng.normal(0, 0.3)),
        "clumps": float(rng.uniform(0.0, 0.5)),
        "dust": float(rng.choice([rng.uniform(0, 0.4), rng.uniform(0.4, 2.0)])),
        "dust_offset": float(rng.normal(0, 0.25)),
        "lopsidedness": float(np.abs(rng.normal(0, 0.18))),
    }


def _merger(rng: np.random.Generator) -> dict[str, float]:
    """Two or three galaxies; mass ratios down to one in ten (Darg et al. 2010, rounded)."""
    return {
        **_size(rng, 17.7, 1.2, 1.3),
        "sersic_index": float(np.clip(rng.normal(2.4, 1.0), 0.8, 5.0)),
        "bulge_fraction": float(rng.uniform(0.3, 0.8)),
        "axis_ratio": float(rng.uniform(0.35, 1.0)),
        "inclination": np.nan,
        **_colours(rng, 1.0, 0.4),
        "flux_ratio": float(10 ** rng.uniform(-1.0, 0.2)),
        "separation": float(rng.uniform(0.4, 3.0)),
        "companion_size": float(rng.uniform(0.3, 1.2)),
        "colour_difference": float(rng.normal(0, 0.25)),
        "third": float(rng.uniform(0.03, 0.4)) if rng.random() < 0.25 else 0.0,
        "debris": float(rng.uniform(0.0, 0.25)),
        "tails": int(rng.choice([0, 1, 2], p=[0.55, 0.3, 0.15])),
    }


_PRIORS: dict[str, Draw] = {
    "elliptical": _elliptical, "lenticular": _lenticular, "spiral": _spiral,
    "edge_on": _edge_on, "merger": _merger,
}  # fmt: skip


def _size(
    rng: np.random.Generator, magnitude: float, scatter: float, size: float
) -> dict[str, float]:
    """Magnitude, and half-light radius of the major axis (arcsec).

    Log-normal about a line in magnitude: surface brightness varies less than magnitude does
    (Shen et al. 2003; the constants are ours).
    """
    magnitude_r = float(np.clip(rng.normal(magnitude, scatter), 13.0, 20.5))
    radius = 2.9 * size * 10 ** (-0.13 * (magnitude_r - 16.8)) * rng.lognormal(0.0, 0.4)
    return {"magnitude_r": magnitude_r, "half_light_radius": float(np.clip(radius, 0.6, 30.0))}


def _colours(rng: np.random.Generator, gr: float, scatter: float) -> dict[str, float]:
    """Colours, red or blue together, and the gradient of g - r (mag per decade of radius)."""
    colour_gr = gr + scatter * float(rng.normal())
    return {
        "colour_gr": colour_gr,
        "colour_ri": 0.36 + 0.25 * (colour_gr - 0.9) + 0.07 * float(rng.normal()),
        "gradient": float(rng.normal(-0.15, 0.15)),
    }


def _disc(rng: np.random.Generator, smallest: float) -> dict[str, float]:
    """A disc seen from anywhere but its edge: cosines of inclinations are uniform."""
    cosine = float(rng.uniform(smallest, 1.0))
    return {"axis_ratio": cosine, "inclination": float(np.degrees(np.arccos(cosine)))}


def draw_prior(family: str, rng: np.random.Generator) -> dict[str, float]:
    """Draw a galaxy from the broad prior of its family."""
    return _PRIORS[family](rng)


@cache
def population() -> pd.DataFrame:
    """Read the fitted population: properties by family, and what was measured of them."""
    return pd.read_csv(POPULATION)


def _draw_population(family: str, rng: np.random.Generator) -> dict[str, float]:
    if not POPULATION.exists():
        return draw_prior(family, rng)
    members = population()[population()["family"] == family]
    row = members.iloc[rng.integers(len(members))]
    drawn = {name: float(row[name]) for name in draw_prior(family, np.random.default_rng(0))}
    return drawn | jittered(drawn, rng)


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
        **_draw_population(family, rng),
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
    return pd.DataFrame([_true_row(index, seed, artefact_share) for index in range(number)])
