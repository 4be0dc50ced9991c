"""Former names of `evaluation.metrics` and `evaluation.resampling`, for modules that call them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from galaxy_utils.clustering.taxonomy import MixtureFit, n_free_parameters
from galaxy_utils.evaluation.metrics import SATURATED, agreement, contingency, recall, relabel
from galaxy_utils.evaluation.metrics import internal_scores as in_space
from galaxy_utils.evaluation.resampling import N_RESAMPLES, bootstrap, interval, permutation

__all__ = ["contingency", "in_space", "recall"]

RESAMPLINGS = N_RESAMPLES
against_classes = agreement
matched_onto = relabel


def under_mixture(fit: MixtureFit, confidence: float) -> dict[str, float]:
    """Score a mixture as `metrics.mixture_scores` does."""
    n, largest = len(fit.cluster), fit.responsibilities.max(axis=1)
    bic = -2 * fit.log_likelihood.sum() + n_free_parameters(fit.model) * np.log(n)
    entropy = -float((fit.responsibilities * np.log(fit.responsibilities + 1e-300)).sum())
    return {
        "log_likelihood": float(fit.log_likelihood.mean()),
        "bic": float(bic / n),
        "icl": float((bic + 2 * entropy) / n),
        "confident": float(100 * (largest > confidence).mean()),
        "saturated": float(100 * (largest > SATURATED).mean()),
    }


def bootstrap_against_classes(
    classes: NDArray[np.object_], cluster: NDArray[np.int64], seed: int
) -> dict[str, tuple[float, float]]:
    """Intervals of the scores against classes, galaxies resampled."""
    draws = bootstrap(lambda rows: agreement(classes[rows], cluster[rows]), len(cluster), seed)
    return {name: interval(draws[name]) for name in draws}


def permuted_classes(
    classes: NDArray[np.object_], cluster: NDArray[np.int64], n_draws: int, seed: int
) -> pd.DataFrame:
    """Scores against classes when the labels are shuffled, one row per permutation."""
    return pd.DataFrame(
        permutation(lambda rows: agreement(classes, cluster[rows]), len(cluster), seed, n_draws)
    )


def with_p_text(table: pd.DataFrame, column: str = "p_holm") -> pd.DataFrame:
    """Return a table whose p-values can be read: none of them is 0."""
    if column not in table:
        return table
    text = ["" if pd.isna(p) else "< 0.001" if p < 0.001 else f"{p:.2g}" for p in table[column]]
    return table.assign(**{column: text}).rename(columns={column: "p (Holm)"})
