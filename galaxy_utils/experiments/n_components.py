"""The number of clusters: likelihood, stability and confirmed confidence, with nulls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone

from galaxy_utils.clustering.mixture import OrderedGaussianMixture
from galaxy_utils.clustering.pipelines import COVARIANCES, paper_pipeline
from galaxy_utils.config import MIXTURE, SPACE, TRAINING, UPSTREAM, Parameters
from galaxy_utils.evaluation import nulls
from galaxy_utils.evaluation.n_components import (
    SIGNIFICANCE,
    confirmed_confidence,
    likelihood_criteria,
    more_stable,
)
from galaxy_utils.evaluation.nulls import REAL
from galaxy_utils.evaluation.stability import stability
from galaxy_utils.experiments.experiment import FEW_DRAWS, Experiment
from galaxy_utils.experiments.store import Row
from galaxy_utils.features.run_table import read_latent
from galaxy_utils.run_folder import RunFolder

NUMBERS = tuple(range(1, 13))
"""Numbers of components that are tried."""

GALAXIES_PER_COMPONENT = 30
"""At least, up to one more component than the run has."""

N_INIT = 2
"""Initialisations of each mixture of all galaxies, for the likelihood. Mixtures of halves
and of bootstrap samples have one, so that all of them can be paid for."""

N_RESAMPLES = 4
"""Bootstrap samples per repeat of the study."""

OTHER_SEED = 1000
"""Added to the seed of an initialisation to have another one."""

STABILITY_SCORES = ("jaccard_mean", "jaccard_lowest", "seed_ari")


@dataclass(frozen=True)
class Inputs:
    """The bottleneck, and the run's mixture."""

    X: NDArray[np.float64]
    mixture: OrderedGaussianMixture
    confidence: float


def read_inputs(folder: RunFolder, parameters: Parameters) -> Inputs:
    """Read a run."""
    mixture = paper_pipeline(parameters)["mixture"]
    return Inputs(read_latent(folder).astype(np.float64), mixture, parameters.confidence)


def _units(draws: int, seed: int) -> list[Row]:
    highest = NUMBERS[-1] if draws >= FEW_DRAWS else NUMBERS[-1] // 2
    units: list[Row] = []
    for draw in range(draws):
        for name in (REAL, *nulls.NULLS):
            base = {"data": name, "draw": draw, "seed": seed + draw}
            sweep = {**base, "highest": highest}
            start = seed if name == REAL else seed + draw
            units += [{**sweep, "what": "likelihood", "covariance": c} for c in COVARIANCES]
            units.append({**sweep, "what": "stability", "start": start})
            units.append({**base, "what": "calibration"})
    return units


def _measure(inputs: Inputs, unit: Row) -> list[Row]:
    X, mixture, seed = inputs.X, inputs.mixture, unit["seed"]
    if unit["data"] != REAL:
        X = nulls.NULLS[unit["data"]](X, seed)
    if unit["what"] == "calibration":
        confirmed = confirmed_confidence(mixture, X, inputs.confidence, seed)
        return [{"score": score, "value": value} for score, value in confirmed.items()]
    enough = max(len(X) // GALAXIES_PER_COMPONENT, mixture.n_components + 1)
    numbers = [k for k in NUMBERS if k <= min(unit["highest"], enough, len(X) // 4)]
    if unit["what"] == "likelihood":
        sized = clone(mixture).set_params(n_init=N_INIT, covariance_type=unit["covariance"])
        criteria = likelihood_criteria(sized, X, numbers, seed)
        return [{str(k): v for k, v in row.items()} for row in criteria.to_dict("records")]
    rng, rows = np.random.default_rng(seed), []
    for k in numbers[1:]:
        sized = clone(mixture).set_params(n_components=k, n_init=1, random_state=unit["start"])
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


CLUSTER_NUMBER = Experiment(
    "cluster_number", _units, _measure, (*UPSTREAM, *TRAINING, *SPACE, *MIXTURE), inputs=read_inputs
)


def more_stable_numbers(rows: pd.DataFrame, k: int) -> pd.DataFrame:
    """Test whether other numbers of components are more stable than one.

    Index: the other numbers; columns p (of the galaxies, from `more_stable`) and on_null: whether
    the same is significant on a null, where other numbers are easier to find again whatever the
    data are. The repeats are resamples of one set of galaxies and of one reference partition per
    number, of which alone this speaks.
    """
    mine = rows[(rows["what"] == "stability") & rows["score"].isin(STABILITY_SCORES)]
    tests = {name: more_stable(repeats, k) for name, repeats in mine.groupby("data", sort=False)}
    p = tests.pop(REAL)
    on_null = (pd.DataFrame(tests) < SIGNIFICANCE).any(axis=1).reindex(p.index, fill_value=False)
    return pd.DataFrame({"p": p, "on_null": on_null})


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
