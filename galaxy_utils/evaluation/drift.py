"""Whether new galaxies are of the kind that a pipeline was fitted to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import ks_2samp
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.preprocessing import StandardScaler
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from galaxy_utils.clustering.classifier import GalaxyClassifier
from galaxy_utils.evaluation.resampling import interval

FEWEST_FOR_DRIFT = 20
"""With fewer galaxies drift is not judged."""

DRIFT_AUC, APART_AUC = 0.65, 0.95
"""Area under the curve from which on, with an interval above one half, two samples are called
different: below the first they overlap for the most part, above the second hardly at all."""

MOST_ANOMALIES = 2.0
"""Galaxies are outside if anomalies are so many times as frequent as among the known ones."""

ALIKE, DIFFERENT, OUTSIDE = "alike", "different", "outside"


@dataclass(frozen=True)
class Drift:
    """How far new galaxies lie from the training galaxies.

    `parameters` has, per measured parameter, `new` and `known` (medians), `ks`
    (Kolmogorov-Smirnov distance) and `p_holm` (its p-value, corrected by Holm). `level` is
    `ALIKE`; `DIFFERENT`, but as likely under the mixture as the known ones, so that they lie where
    clusters were fitted; `OUTSIDE` of it; None where they are too few.
    """

    n_galaxies: int  # new ones with a cluster
    parameters: pd.DataFrame
    anomaly_percent: float  # of the new galaxies, with Wilson's 95 % interval
    anomaly_low: float
    anomaly_high: float
    anomaly_expected: float  # of the training galaxies, percent
    auc: float  # of a classifier that tells new from known galaxies, with interval
    auc_low: float
    auc_high: float
    level: str | None

    @property
    def outside(self) -> bool | None:
        """Whether the clusters are not to be trusted; None where the galaxies are too few."""
        return None if self.level is None else self.level == OUTSIDE

    def sentence(self) -> str:
        """Return the verdict in words, with its numbers."""
        if self.level is None:
            return (
                f"{self.n_galaxies} galaxies are too few to judge whether they are of the kind "
                f"that the taxonomy was fitted to; at least {FEWEST_FOR_DRIFT} are needed."
            )
        verdict = {
            ALIKE: "There is no sign that these galaxies differ in kind from the known ones.",
            DIFFERENT: "These galaxies differ from the known ones, most of all in "
            f"{self._largest_shift()}, but lie where the clusters were fitted: the clusters can be "
            "used. Another camera, or another way of drawing the images, has this effect.",
            OUTSIDE: "These galaxies lie outside what the taxonomy was fitted to: do not trust "
            "the clusters.",
        }[self.level]
        verb = "cannot tell" if self.auc_low <= 0.5 else "tells"
        return (
            f"{verdict} A classifier {verb} them from the known galaxies with an area under the "
            f"curve of {self.auc:.2f} ({self.auc_low:.2f} to {self.auc_high:.2f}; 0.50 if they "
            f"are alike), and {self.anomaly_percent:.1f} % of them ({self.anomaly_low:.1f} to "
            f"{self.anomaly_high:.1f}) are called anomalies, against "
            f"{self.anomaly_expected:.0f} % of the known galaxies."
        )

    def _largest_shift(self) -> str:
        shifts = self.parameters.set_index("parameter")["ks"]
        return str(shifts.idxmax()).replace("_", " ")


def measure_drift(
    model: GalaxyClassifier, table: pd.DataFrame, space: NDArray[np.float64], seed: int = 0
) -> Drift:
    """Compare new galaxies with the training galaxies of a classifier.

    Parameters
    ----------
    model : GalaxyClassifier
        Fitted.
    table, space : DataFrame and ndarray
        From `GalaxyClassifier.classify`.
    seed : int
        Of the cross-validation and the bootstrap.

    Returns
    -------
    Drift
        The level depends on what the difference does to the assignment: not on whether a
        classifier sees one, but on whether the galaxies are as likely as those of the fit.
    """
    mine = table[table["cluster"].notna()]
    n, nan = len(mine), float("nan")
    expected = 100 * float((model.galaxies["log_likelihood"] < model.threshold).mean())
    if n < FEWEST_FOR_DRIFT:
        empty = pd.DataFrame(columns=["parameter", "new", "known", "ks", "p_holm"])
        return Drift(n, empty, nan, nan, nan, expected, nan, nan, nan, None)
    anomalies = int(mine["is_anomaly"].sum())
    low, high = (100 * float(v) for v in proportion_confint(anomalies, n, method="wilson"))
    auc, auc_low, auc_high = _domain_auc(model.space, space, seed)
    level = DIFFERENT if auc >= DRIFT_AUC and auc_low > 0.5 else ALIKE
    if auc_low >= APART_AUC or low > MOST_ANOMALIES * expected:
        level = OUTSIDE
    return Drift(
        n, _shifts(model, mine), 100 * anomalies / n, low, high, expected,
        auc, auc_low, auc_high, level,
    )  # fmt: skip


def _shifts(model: GalaxyClassifier, mine: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for name in model.measured:
        new, known = mine[name].to_numpy(float), model.galaxies[name].to_numpy(float)
        test = ks_2samp(new, known)
        rows.append([name, np.median(new), np.median(known), test.statistic, test.pvalue])
    table = pd.DataFrame(rows, columns=["parameter", "new", "known", "ks", "p_holm"])
    return table.assign(p_holm=multipletests(table["p_holm"], method="holm")[1])


def _domain_auc(
    known: NDArray[np.float64], new: NDArray[np.float64], seed: int
) -> tuple[float, float, float]:
    """Cross-validated area under the curve of new against known galaxies, with its interval."""
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(known))[: max(4 * len(new), 200)]
    values = np.vstack([new, known[chosen]])
    is_new = np.arange(len(values)) < len(new)
    scores = cross_val_predict(
        LogisticRegression(C=0.1, max_iter=2000, class_weight="balanced"),
        StandardScaler().fit_transform(values),
        is_new,
        cv=StratifiedKFold(5, shuffle=True, random_state=seed),
        method="decision_function",
    )
    draws = []
    for _ in range(200):  # new and known galaxies are drawn apart, so that both are in each draw
        rows = np.concatenate([
            rng.choice(np.flatnonzero(is_new == side), int((is_new == side).sum()))
            for side in (True, False)
        ])  # fmt: skip
        draws.append(roc_auc_score(is_new[rows], scores[rows]))
    return float(roc_auc_score(is_new, scores)), *interval(np.array(draws))
