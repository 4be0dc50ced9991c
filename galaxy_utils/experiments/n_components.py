"""Number of clusters: likelihood, stability, saturation and calibration, with nulls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler

from galaxy_utils.clustering.mixture import OrderedGaussianMixture
from galaxy_utils.clustering.pipelines import COVARIANCES, paper_pipeline
from galaxy_utils.config import MIXTURE, SPACE, TRAINING, UPSTREAM, Parameters
from galaxy_utils.evaluation import nulls
from galaxy_utils.evaluation.calibration import calibration
from galaxy_utils.evaluation.n_components import (
    CRITERIA,
    SIGNIFICANCE,
    choose_n_components,
    likelihood_criteria,
    more_stable,
    saturation,
)
from galaxy_utils.evaluation.nulls import REAL
from galaxy_utils.evaluation.stability import stability
from galaxy_utils.experiments.experiment import FEW_DRAWS, Experiment
from galaxy_utils.experiments.store import Row
from galaxy_utils.features.run_table import read_feature_table, read_latent
from galaxy_utils.morphology.measurement import FIVE
from galaxy_utils.run_folder import RunFolder

NUMBERS = tuple(range(1, 13))
"""Numbers of components that are tried."""

GALAXIES_PER_COMPONENT = 30
"""At least, up to one more component than the run has."""

STABILITY_COVARIANCES = ("full", "diag")
"""For stability: tied ones take as long as full ones; spherical ones are as cheap as diagonal
ones and fit worse."""

N_INIT = 2
"""Initialisations of each mixture of all galaxies, for likelihood and saturation. Mixtures of
halves and of bootstrap samples have one, so that all of them can be paid for."""

N_RESAMPLES = 4
"""Bootstrap samples per repeat of the study."""

OTHER_SEED = 1000
"""Added to the seed of an initialisation to have another one."""

STABILITY_SCORES = ("jaccard_mean", "jaccard_lowest", "seed_ari")


@dataclass(frozen=True)
class Inputs:
    """Spaces in which the number of clusters is asked for, and the run's mixture."""

    spaces: dict[str, NDArray[np.float64]]
    mixture: OrderedGaussianMixture
    confidence: float


def read_inputs(folder: RunFolder, parameters: Parameters) -> Inputs:
    """Read the bottleneck (`latent`) and the z-scored five parameters (`morphology`) of a run."""
    five = read_feature_table(folder, parameters)[list(FIVE)].to_numpy()
    return Inputs(
        {
            "latent": read_latent(folder).astype(np.float64),
            "morphology": StandardScaler().fit_transform(five),
        },
        paper_pipeline(parameters)["mixture"],
        parameters.confidence,
    )


def _units(draws: int, seed: int) -> list[Row]:
    highest = NUMBERS[-1] if draws >= FEW_DRAWS else NUMBERS[-1] // 2
    units: list[Row] = []
    for draw in range(draws):
        for name in (REAL, *nulls.NULLS):
            base = {"data": name, "draw": draw, "seed": seed + draw}
            start = seed if name == REAL else seed + draw
            for space in ("latent", "morphology"):
                sweep = {**base, "space": space, "highest": highest}
                units += [
                    {**sweep, "what": "likelihood", "covariance": covariance}
                    for covariance in COVARIANCES
                ]
                units += [
                    {**sweep, "what": "stability", "covariance": covariance, "start": start}
                    for covariance in STABILITY_COVARIANCES
                ]
            units += [{**base, "what": w, "space": "latent"} for w in ("saturation", "calibration")]
    return units


def _measure(inputs: Inputs, unit: Row) -> list[Row]:
    X, mixture, seed = inputs.spaces[unit["space"]], inputs.mixture, unit["seed"]
    if unit["data"] != REAL:
        X = nulls.NULLS[unit["data"]](X, seed)
    sized = clone(mixture).set_params(n_init=N_INIT)
    if unit["what"] == "saturation":
        return _rows(saturation(sized, X, inputs.confidence, seed))
    if unit["what"] == "calibration":
        return _rows(calibration(mixture, X, inputs.confidence, seed))
    sized.set_params(covariance_type=unit["covariance"])
    enough = max(len(X) // GALAXIES_PER_COMPONENT, mixture.n_components + 1)
    numbers = [k for k in NUMBERS if k <= min(unit["highest"], enough, len(X) // 4)]
    if unit["what"] == "likelihood":
        return _rows(likelihood_criteria(sized, X, numbers, seed))
    rng, rows = np.random.default_rng(seed), []
    for k in numbers[1:]:
        sized.set_params(n_components=k, n_init=1, random_state=unit["start"])
        repeats = stability(sized, X, rng, N_RESAMPLES, (unit["start"] + OTHER_SEED + seed,))
        rows += [{"k": k, **row} for row in _stability_rows(repeats)]
    return rows


def _stability_rows(repeats: pd.DataFrame) -> list[Row]:
    """Mean over the bootstrap samples, of each cluster and over the clusters."""
    by_score = dict(list(repeats.groupby("score")))
    jaccard = by_score["jaccard"].pivot(index="repeat", columns="cluster", values="value")
    each = jaccard.to_numpy().mean(axis=0)
    values = (each.mean(), each.min(), by_score["seed_ari"]["value"].iloc[0])
    rows: list[Row] = [
        {"score": score, "value": float(value)}
        for score, value in zip(STABILITY_SCORES, values, strict=True)
    ]
    return rows + [
        {"score": "jaccard", "cluster": int(cluster), "value": float(value)}
        for cluster, value in zip(jaccard.columns, each, strict=True)
    ]


def _rows(table: pd.DataFrame) -> list[Row]:
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]


CLUSTER_NUMBER = Experiment(
    "cluster_number", _units, _measure, (*UPSTREAM, *TRAINING, *SPACE, *MIXTURE), inputs=read_inputs
)
"""Likelihood over k and covariance, stability, saturation and calibration, with nulls."""


def chosen_numbers(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the number of components that each criterion chooses in each repeat.

    Columns space, covariance, data, draw, score (`CRITERIA`), k.
    """
    keys = ["space", "covariance", "data", "draw"]
    asked = rows[(rows["what"] == "likelihood") & rows["score"].isin(CRITERIA)]
    found = {names: choose_n_components(group) for names, group in asked.groupby(keys, sort=False)}
    table = pd.concat(found, names=keys).rename_axis([*keys, "score"])
    return pd.DataFrame(table.rename("k").reset_index())


def more_stable_numbers(rows: pd.DataFrame, k: int, covariance: str) -> pd.DataFrame:
    """Test in the bottleneck whether other numbers of components are more stable than one.

    Index: the other numbers; columns p (of the galaxies, from `more_stable`) and on_null: whether
    the same is significant on a null, where other numbers are easier to find again whatever the
    data are. The repeats are resamples of one set of galaxies and of one reference partition per
    number, of which alone this speaks.
    """
    mine = rows[(rows["what"] == "stability") & (rows["space"] == "latent")]
    mine = mine[(mine["covariance"] == covariance) & mine["score"].isin(STABILITY_SCORES)]
    tests = {name: more_stable(repeats, k) for name, repeats in mine.groupby("data", sort=False)}
    p = tests.pop(REAL)
    on_null = (pd.DataFrame(tests) < SIGNIFICANCE).any(axis=1).reindex(p.index, fill_value=False)
    return pd.DataFrame({"p": p, "on_null": on_null})


def compare_with_most_stable_null(ranges: pd.DataFrame) -> pd.DataFrame:
    """Compare the stability of the galaxies' clusters with that of the most stable null."""
    found: dict[Any, Row] = {}
    for key, rows in ranges.groupby(["covariance", "space"], sort=False):
        table = rows.droplevel(["covariance", "space"])
        own, null = table.loc[REAL], table.drop(index=REAL).nlargest(1, "mean").iloc[0]
        above, below = own["min"] > null["max"], own["max"] < null["min"]
        found[key] = {
            "galaxies": own["mean"],
            "null": null["mean"],
            "name": null.name,
            "relation": "more" if above else "less" if below else "neither",
        }
    table = pd.DataFrame.from_dict(found, orient="index")
    return table.rename_axis(["covariance", "space"])


def calibration_curves(rows: pd.DataFrame) -> pd.DataFrame:
    """Return predicted and observed shares of pairs together, galaxies first, then the nulls.

    Columns data, draw, bin (tenth of probability), observed, pairs, predicted.
    """
    found = rows[(rows["what"] == "calibration") & (rows["bin"] >= 0)]
    wide = found.pivot(index=["data", "draw", "bin"], columns="score", values="value")
    order = [REAL, *nulls.NULLS]  # the same in every figure, so that colours agree
    return wide.reindex(order, level="data").reset_index().rename_axis(columns=None)


def calibration_errors(curves: pd.DataFrame) -> pd.DataFrame:
    """Return the expected calibration error of the probability that two galaxies are together.

    The mean distance between predicted and observed share, weighted by pairs: index data, columns
    mean, min, max over repeats (Guo et al. 2017, ICML 34, 1321).
    """
    distance = (curves["predicted"] - curves["observed"]).abs() * curves["pairs"]
    by = [curves["data"], curves["draw"]]
    error = distance.groupby(by, sort=False).sum() / curves["pairs"].groupby(by, sort=False).sum()
    return error.groupby("data", sort=False).agg(["mean", "min", "max"])


def confirmed_shares(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what the probabilities of confident galaxies promise, and what another fit confirms.

    Index data; columns promised, agree (percent, means over repeats), gap (agree minus promised,
    percentage points), low, high (range of the gap over repeats).
    """
    names = {"confident_promised": "promised", "confident_agree": "agree"}
    found = rows[(rows["what"] == "calibration") & rows["score"].isin(names)]
    wide = found.pivot(index=["data", "draw"], columns="score", values="value")
    wide = wide.rename(columns=names).assign(gap=lambda t: t["agree"] - t["promised"])
    grouped = wide.groupby("data", sort=False)
    means = grouped[["promised", "agree", "gap"]].mean()
    return means.assign(low=grouped["gap"].min(), high=grouped["gap"].max())
