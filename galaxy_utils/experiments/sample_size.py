"""How many components BIC and ICL choose, depending on the number of galaxies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone

from galaxy_utils.clustering.mixture import OrderedGaussianMixture
from galaxy_utils.clustering.pipelines import paper_pipeline
from galaxy_utils.config import MIXTURE, SPACE, TRAINING, UPSTREAM, Parameters
from galaxy_utils.evaluation.metrics import mixture_scores
from galaxy_utils.evaluation.nulls import COPULA, NULLS, REAL
from galaxy_utils.experiments.experiment import Experiment
from galaxy_utils.experiments.store import Row
from galaxy_utils.features.run_table import read_latent
from galaxy_utils.run_folder import RunFolder

SHARES = (0.2, 0.4, 0.6, 0.8, 1.0)
"""Of the galaxies that are drawn, without replacement."""

NUMBERS = tuple(range(1, 8))
"""Numbers of components that are tried."""

N_INIT = 2

Inputs = tuple[NDArray[np.float64], OrderedGaussianMixture]


def read_inputs(folder: RunFolder, parameters: Parameters) -> Inputs:
    """Read the bottleneck of a run, and its mixture, unfitted."""
    return read_latent(folder).astype(np.float64), paper_pipeline(parameters)["mixture"]


def _units(draws: int, seed: int) -> list[Row]:
    return [
        {"data": data, "share": share, "draw": draw, "seed": seed + draw}
        for draw in range(draws)
        for share in SHARES
        for data in (REAL, COPULA)
    ]


def _measure(inputs: Inputs, unit: Row) -> list[Row]:
    X, mixture = inputs
    seed = unit["seed"]
    n = round(unit["share"] * len(X))
    drawn = X[np.random.default_rng(seed).permutation(len(X))[:n]]
    if unit["data"] != REAL:
        drawn = NULLS[unit["data"]](drawn, seed)
    rows: list[Row] = []
    for k in NUMBERS:
        if k > n // 4:
            break
        sized = clone(mixture).set_params(n_components=k, n_init=N_INIT, random_state=seed)
        scores: dict[str, Any] = mixture_scores(sized.fit(drawn), drawn, confidence=0.5)
        rows += [{"n": n, "k": k, "score": s, "value": float(scores[s])} for s in ("bic", "icl")]
    return rows


SAMPLE_SIZE = Experiment(
    "sample_size", _units, _measure, (*UPSTREAM, *TRAINING, *SPACE, *MIXTURE), inputs=read_inputs
)
"""BIC and ICL of random subsamples of the galaxies, and of a copula without clusters."""


def chosen_by_size(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the number of components of lowest BIC and ICL: columns data, n, draw, score, k."""
    by = ["data", "n", "draw", "score"]
    best = rows.loc[rows.groupby(by, sort=False)["value"].idxmin(), [*by, "k"]]
    return best.astype({"n": int, "k": int}).reset_index(drop=True)
