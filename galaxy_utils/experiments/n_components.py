"""The number of clusters: likelihood, stability and confirmed confidence, with nulls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone

from galaxy_utils.clustering.mixture import OrderedGaussianMixture
from galaxy_utils.clustering.pipelines import COVARIANCES, paper_pipeline
from galaxy_utils.config import MIXTURE, SPACE, TRAINING, UPSTREAM, Parameters
from galaxy_utils.evaluation import nulls
from galaxy_utils.evaluation.metrics import mixture_scores, relabel
from galaxy_utils.evaluation.nulls import REAL
from galaxy_utils.evaluation.selection import halves
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

CRITERIA = ("bic", "icl", "held_out")
"""Scores that choose a number of components: lowest, lowest, highest."""


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
        return likelihood_criteria(sized, X, numbers, seed)
    rng, rows = np.random.default_rng(seed), []
    for k in numbers[1:]:
        sized = clone(mixture).set_params(n_components=k, n_init=1, random_state=unit["start"])
        repeats = stability(sized, X, rng, N_RESAMPLES, (unit["start"] + OTHER_SEED + seed,))
        rows += [{"k": k, **row} for row in _stability_rows(repeats)]
    return rows


def likelihood_criteria(
    mixture: OrderedGaussianMixture, X: NDArray[np.floating], numbers: Sequence[int], seed: int
) -> list[Row]:
    """Score mixtures with several numbers of components: columns k, score, value.

    Of a mixture of all galaxies `log_likelihood`, `bic` (Schwarz 1978, Ann. Stat. 6, 461) and
    `icl` (Biernacki, Celeux & Govaert 2000, IEEE PAMI 22, 719), each per galaxy, and the number
    of free `parameters`; `held_out` is the mean log-likelihood of one half under the mixture of
    the other, with a single initialisation.
    """
    train, test = halves(len(X), seed)
    rows: list[Row] = []
    for k in numbers:
        sized = clone(mixture).set_params(n_components=k, random_state=seed)
        half = clone(sized).set_params(n_init=1).fit(X[train])
        scores = mixture_scores(sized.fit(X), X, confidence=0.5)
        scores |= {"held_out": float(half.score(X[test])), "parameters": sized.n_parameters_}
        for name in ("log_likelihood", *CRITERIA, "parameters"):
            rows.append({"k": k, "score": name, "value": float(scores[name])})
    return rows


def confirmed_confidence(
    mixture: OrderedGaussianMixture, X: NDArray[np.floating], confidence: float, seed: int
) -> dict[str, float]:
    """Compare the confidence of a mixture of one third with that of another, on the last third.

    In percent of the galaxies confident in the first mixture: `confident_promised`, the mean of
    their largest probability, and `confident_agree`, the share in the matched cluster of the
    second; NaN where none is confident.
    """
    thirds = np.array_split(np.random.default_rng(seed).permutation(len(X)), 3)
    seeded = clone(mixture).set_params(random_state=seed)
    one, other = (clone(seeded).fit(X[third]) for third in thirds[:2])
    probabilities, labels = one.predict_proba(X[thirds[2]]), other.predict(X[thirds[2]])
    largest = probabilities.max(axis=1)
    confident = largest > confidence
    if not confident.any():
        return {"confident_promised": np.nan, "confident_agree": np.nan}
    matched = relabel(probabilities.argmax(axis=1), labels)
    return {
        "confident_promised": 100 * float(largest[confident].mean()),
        "confident_agree": 100 * float((matched == labels)[confident].mean()),
    }


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


def choose_n_components(criteria: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """Return the number of components that each of `CRITERIA` chooses: columns `by`, score, k.

    Takes what `likelihood_criteria` gives; each combination of `by` chooses for itself.
    """
    asked = criteria[criteria["score"].isin(CRITERIA)]
    cost = asked["value"].where(asked["score"] != "held_out", -asked["value"])
    best = cost.groupby([asked[name] for name in (*by, "score")], sort=False).idxmin()
    chosen = asked.loc[best, [*by, "score", "k"]]
    return chosen.astype({"k": int}).reset_index(drop=True)


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
