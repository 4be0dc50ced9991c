"""Fit the population that simulated galaxies are drawn from: python benchmarks/population.py.

Draws galaxies from broad priors (`--rounds 1`), simulates and measures them, and resamples them so
that they measure like galaxies of `data/sdss5000` of their class; further rounds start from the
population found before. Writes `galaxy_utils/simulate/population.csv`.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable

import numpy as np
import pandas as pd
from PIL import Image as PillowImage
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from tqdm import tqdm

from galaxy_utils.data import survey
from galaxy_utils.data.images import band_mean
from galaxy_utils.morphology.columns import FIVE
from galaxy_utils.morphology.measurement import measure
from galaxy_utils.morphology.photometry import SHAPE, measure_photometry
from galaxy_utils.run_folder import DATA
from galaxy_utils.simulate import families, twins
from galaxy_utils.simulate.drawing import draw

FITTED = (*FIVE, *SHAPE, "sn_per_pixel", "rpetro_circ")
"""What simulated and real galaxies are to have in common."""

MEMBERS = 250
"""Members of each family."""

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


def real_galaxies() -> pd.DataFrame:
    """Measurements of the galaxies of sdss5000 that could be measured well, and their class."""
    tables = [
        pd.read_csv(DATA / "sdss5000" / f"{name}.csv", dtype={"objid": str}, index_col="objid")
        for name in ("catalogue", "morphology", "appearance")
    ]
    joined = pd.concat([table.drop(columns="reason", errors="ignore") for table in tables], axis=1)
    spirals = joined["gz1_class"].str.startswith("spiral", na=False)
    joined["class"] = joined["gz1_class"].mask(spirals, "spiral_combined")
    return joined.loc[joined["flag"] <= 1, [*FITTED, "class"]].dropna()


def simulate(drawn: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Draw and measure; only galaxies that could be measured well."""
    rows = {}
    for _, row in tqdm(drawn.iterrows(), "galaxies", len(drawn)):
        jpeg = survey.jpeg(draw(row, seed).composite)
        image = np.asarray(PillowImage.open(io.BytesIO(jpeg)))
        rows[row["objid"]] = {**vars(measure_photometry(image)), **vars(measure(band_mean(image)))}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("objid")
    return table.loc[table["flag"] <= 1, list(FITTED)].astype(float).dropna()


def fit_population(
    drawn: pd.DataFrame, measured: pd.DataFrame, real: pd.DataFrame, number: int, seed: int = 0
) -> pd.DataFrame:
    """Resample simulated galaxies so that they measure like real ones, class by class.

    Importance sampling with a density ratio estimated by a classifier (Sugiyama, Suzuki &
    Kanamori 2012, chapter 4), which makes the resampled properties an approximate posterior of
    those of the real galaxies. `real` has the column class, too; simulated galaxies that could
    not be measured have no row in `measured`.
    """
    rng = np.random.default_rng(seed)
    names = [name for name in real.columns if name != "class"]
    drawn = drawn.set_index("objid").loc[measured.index]
    members = []
    for name in dict.fromkeys(families.GZ1_CLASSES.values()):
        simulated = drawn["family"].map(families.GZ1_CLASSES) == name
        alike = real.loc[real["class"] == name, names]
        weights = _density_ratio(measured.loc[simulated, names], alike, seed)
        for family, group in weights.groupby(drawn.loc[simulated, "family"], sort=False):
            shares = np.cumsum(group) / group.sum()
            chosen = np.searchsorted(shares, (np.arange(number) + rng.random()) / number)
            members.append(drawn.loc[group.index[chosen]].assign(family=family))
    table = pd.concat(members)
    of_twins = measured.loc[table.index, list(twins.MEASURED)].add_prefix("measured_")
    return pd.concat([table, of_twins], axis=1).reset_index(drop=True)


def _density_ratio(simulated: pd.DataFrame, real: pd.DataFrame, seed: int) -> pd.Series:
    """Density of real over that of simulated galaxies, at the simulated ones; at most 20."""
    both = pd.concat([simulated, real]).to_numpy()
    is_simulated = np.arange(len(both)) < len(simulated)
    classifier = HistGradientBoostingClassifier(
        max_iter=80, learning_rate=0.08, max_leaf_nodes=8, l2_regularization=5.0,
        class_weight="balanced", random_state=seed,
    )  # fmt: skip
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    probability = cross_val_predict(
        classifier, both, is_simulated, cv=folds, method="predict_proba"
    )[: len(simulated), 1]
    return pd.Series(np.minimum((1 - probability) / probability, 20.0), simulated.index)


def main() -> None:
    """Draw, measure and resample, as often as asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=1500, help="galaxies of each round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--from-population", action="store_true", help="no round from the priors")
    options = parser.parse_args()
    for number in range(options.rounds):
        seed = options.seed + number
        drawn = families.truth(options.number, seed, 0.0)
        if number == 0 and not options.from_population:
            rng = np.random.default_rng(seed)
            frame = drawn[["objid", "index", "family", "host", "is_artefact", "position_angle",
                           "seeing", "sky_factor"]]  # fmt: skip
            prior = pd.DataFrame([_PRIORS[family](rng) for family in drawn["family"]])
            drawn = pd.concat([frame, prior], axis=1)
        fitted = fit_population(drawn, simulate(drawn, seed), real_galaxies(), MEMBERS, seed)
        of_a_draw = ["index", "host", "is_artefact", "position_angle", "seeing", "sky_factor"]
        fitted = fitted.drop(columns=of_a_draw)
        fitted.to_csv(families.POPULATION, index=False, float_format="%.4g")
        families.population.cache_clear()


if __name__ == "__main__":
    main()
