"""What mock galaxies are: families, and the distributions that their properties are drawn from.

Every number of a mock follows from a seed and its index, so that mock i is the
same whatever the size of the sample, its order, or the number of processes.
"""

from __future__ import annotations

from collections.abc import Callable
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

FAINTEST, BRIGHTEST = 17.77, 13.5
"""Limits in r: the main galaxy sample's (Petrosian; Strauss et al. 2002), and one of ours."""

FAINTER = {"elliptical": 0.5, "lenticular": 0.5}
"""How much fainter the limit is for red families: luminous red galaxies were spectroscopic targets
beyond the main sample's limit (Eisenstein et al. 2001; the value is ours)."""

STEEPNESS = {
    "elliptical": 0.6, "lenticular": 0.6, "spiral": 0.35, "edge_on": 0.35, "merger": 0.35,
}  # fmt: skip
"""Slope of log10 N(m) of a family. Uniform density gives 0.6; discs with arms or an edge in
Galaxy Zoo are brighter than that. Ours, rounded."""

SEEING = {"g": 1.44, "r": 1.32, "i": 1.26}
"""Median full width at half maximum in arcsec (r: sdss.org, imaging; the others rounded)."""

SEEING_SCATTER = 0.10
"""Standard deviation of its natural logarithm, the same factor in all bands; ours, rounded."""

SERSIC_STEP = 0.5
"""Sersic indices are multiples of it: GalSim makes a table for every new one."""

Draw = Callable[[np.random.Generator], dict[str, float]]


def _elliptical(rng: np.random.Generator) -> dict[str, float]:
    """Indices about 4 and axis ratios from 0.5 up (Lambas et al. 1992; Blanton et al. 2003)."""
    return {
        "sersic_index": _index(rng.normal(4.5, 1.0), 2.5, 6.0),
        "bulge_fraction": 1.0,
        "axis_ratio": float(0.5 + 0.5 * rng.beta(2.2, 1.2)),
        "inclination": np.nan,
        **_colours(rng, 1.08, 0.10, 0.40, 0.03),
    }


def _lenticular(rng: np.random.Generator) -> dict[str, float]:
    """Smooth, red discs with large bulges (Simien & de Vaucouleurs 1986, rounded)."""
    return {
        "sersic_index": _index(rng.normal(2.5, 0.6), 1.5, 4.0),
        "bulge_fraction": float(np.clip(rng.normal(0.5, 0.12), 0.2, 0.8)),
        **_disc(rng, 0.3),
        **_colours(rng, 1.02, 0.10, 0.39, 0.03),
    }


def _spiral(rng: np.random.Generator) -> dict[str, float]:
    """Bluer discs with small bulges (Graham & Worley 2008; Strateva et al. 2001, rounded)."""
    return {
        "sersic_index": _index(rng.normal(1.8, 0.5), 1.0, 3.5),
        "bulge_fraction": float(np.clip(rng.lognormal(np.log(0.12), 0.6), 0.02, 0.45)),
        **_disc(rng, 0.4),
        **_colours(rng, 0.66, 0.14, 0.27, 0.05),
        "arms": int(rng.choice([2, 3, 4], p=[0.7, 0.15, 0.15])),
        "pitch": float(np.clip(rng.normal(20.0, 6.0), 8.0, 40.0)),
        "arm_contrast": float(rng.uniform(0.5, 0.95)),
    }


def _edge_on(rng: np.random.Generator) -> dict[str, float]:
    """Discs within some 8 degrees of edge-on; thickness after Kregel et al. (2002), rounded."""
    thickness = float(np.clip(rng.lognormal(np.log(0.27), 0.3), 0.12, 0.45))
    return {
        "sersic_index": _index(rng.normal(1.8, 0.5), 1.0, 3.5),
        "bulge_fraction": float(np.clip(rng.lognormal(np.log(0.12), 0.7), 0.01, 0.45)),
        "axis_ratio": thickness,
        "inclination": float(rng.uniform(82.0, 90.0)),
        **_colours(rng, 0.95, 0.17, 0.39, 0.05),
        "dust_lane": float(rng.uniform(0.3, 0.8)) if rng.random() < 0.4 else 0.0,
    }


def _merger(rng: np.random.Generator) -> dict[str, float]:
    """Two cores and tidal tails; mass ratios down to one in five (Darg et al. 2010, rounded)."""
    return {
        "sersic_index": _index(rng.normal(2.0, 0.8), 1.0, 4.0),
        "bulge_fraction": float(rng.uniform(0.3, 0.8)),
        "axis_ratio": float(rng.uniform(0.5, 0.95)),
        "inclination": np.nan,
        **_colours(rng, 1.02, 0.22, 0.40, 0.06),
        "flux_ratio": float(rng.uniform(0.2, 1.0)),
        "separation": float(rng.uniform(0.3, 2.0)),
        "tails": int(rng.choice([0, 1, 2], p=[0.45, 0.35, 0.2])),
    }


_PROPERTIES: dict[str, Draw] = {
    "elliptical": _elliptical, "lenticular": _lenticular, "spiral": _spiral,
    "edge_on": _edge_on, "merger": _merger,
}  # fmt: skip


def _index(value: float, lowest: float, highest: float) -> float:
    return float(SERSIC_STEP * round(np.clip(value, lowest, highest) / SERSIC_STEP))


def _colours(
    rng: np.random.Generator, gr: float, gr_scatter: float, ri: float, ri_scatter: float
) -> dict[str, float]:
    deviation = rng.normal()  # colours of a galaxy are red or blue together
    return {
        "colour_gr": gr + gr_scatter * float(deviation),
        "colour_ri": ri + ri_scatter * float(0.8 * deviation + 0.6 * rng.normal()),
    }


def _disc(rng: np.random.Generator, smallest: float) -> dict[str, float]:
    """A disc seen from anywhere but its edge: cosines of inclinations are uniform."""
    cosine = float(rng.uniform(smallest, 1.0))
    return {"axis_ratio": cosine, "inclination": float(np.degrees(np.arccos(cosine)))}


def _magnitude(rng: np.random.Generator, family: str) -> float:
    """Draw a magnitude in r between the limits, with the family's slope of `STEEPNESS`."""
    slope, faintest = STEEPNESS[family], FAINTEST + FAINTER.get(family, 0.0)
    low, high = (10 ** (slope * m) for m in (BRIGHTEST, faintest))
    return float(np.log10(rng.uniform(low, high)) / slope)


def _half_light_radius(rng: np.random.Generator, magnitude_r: float, family: str) -> float:
    """Draw the half-light radius of the major axis, in arcsec.

    Log-normal about a line in magnitude: surface brightness varies less than
    magnitude does (Shen et al. 2003; the constants are ours, after petroR50_r
    of main-sample galaxies). Discs are larger than spheroids of their magnitude.
    """
    size = {"elliptical": 0.8, "lenticular": 1.1, "spiral": 1.8, "edge_on": 1.7, "merger": 1.4}
    middle = 2.9 * size[family] * 10 ** (-0.13 * (magnitude_r - 16.8))
    return float(np.clip(middle * rng.lognormal(0.0, 0.28), 1.2, 22.0))


def _true_row(index: int, seed: int, artefact_share: float) -> dict[str, Any]:
    """Draw the properties of one mock, see `truth`."""
    rng = np.random.default_rng([seed, index, 0])
    artefact = bool(rng.random() < artefact_share)
    family = str(rng.choice(FAMILIES))
    kind = str(rng.choice(ARTEFACTS)) if artefact else family
    magnitude_r = _magnitude(rng, family)
    return {
        "objid": f"mock_{index:06d}",
        "index": index,
        "family": kind,
        "host": family,
        "is_artefact": artefact,
        "magnitude_r": magnitude_r,
        "half_light_radius": _half_light_radius(rng, magnitude_r, family),
        "position_angle": float(rng.uniform(0.0, 180.0)),
        "seeing": float(SEEING["r"] * rng.lognormal(0.0, SEEING_SCATTER)),
        "sky_factor": float(rng.lognormal(0.0, 0.08)),
        **_PROPERTIES[family](rng),
    }


def truth(number: int, seed: int, artefact_share: float = 0.05) -> pd.DataFrame:
    """Draw what mock galaxies are.

    Parameters
    ----------
    number : int
        How many.
    seed : int
        Of the mock universe.
    artefact_share : float
        Share of artefacts, 0 to 1.

    Returns
    -------
    DataFrame
        One row a mock: objid; index; family (one of `FAMILIES` or
        `ARTEFACTS`); host (family of the galaxy beneath an artefact);
        is_artefact; magnitude_r (AB); half_light_radius (major axis, arcsec);
        position_angle (deg); seeing (FWHM in r, arcsec); sky_factor (sky over
        its median); sersic_index, bulge_fraction, axis_ratio, inclination
        (deg); colour_gr, colour_ri (mag); and, where a family has them, arms,
        pitch (deg), arm_contrast, dust_lane, flux_ratio, separation
        (half-light radii), tails.
    """
    optional = (
        "arms", "pitch", "arm_contrast", "dust_lane", "flux_ratio", "separation", "tails",
    )  # fmt: skip
    table = pd.DataFrame([_true_row(index, seed, artefact_share) for index in range(number)])
    return table.reindex(columns=list(dict.fromkeys([*table.columns, *optional])))
