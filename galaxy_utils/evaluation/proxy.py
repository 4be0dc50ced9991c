"""Proxy classes by rules on structure, and how well a partition agrees with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics.cluster import contingency_matrix

from galaxy_utils.evaluation.metrics import matched_share

PROXY_CLASSES = ("merger", "early type", "transitional", "late type")

CONSELICE_2003_TABLE_6 = {
    "ellipticals": (4.4, 0.02),
    "early-type discs": (3.9, 0.07),
    "late-type discs": (3.1, 0.15),
}
"""Mean (C, A) of nearby galaxies, R band, linear flux: Conselice (2003), table 6, as
remembered; no copy was at hand to check them against."""

S_FACTOR = 10.0
"""Conselice (2003) multiplies the sum over residuals by ten, statmorph does not."""

CAS = ["concentration", "asymmetry", "smoothness"]


@dataclass(frozen=True)
class ProxyRules:
    """Classify galaxies by concentration, asymmetry and smoothness alone.

    A merger has A above `merger_asymmetry` and above Conselice's S, which is `S_FACTOR` times
    the smoothness of statmorph. The limits in C are halfway between the mean C of ellipticals,
    early-type and late-type discs in his table 6; the paper names the source but no values.

    Parameters
    ----------
    merger_asymmetry : float
        A merger has a larger A.
    early_concentration : float
        An early type has at least this C.
    late_concentration : float
        A late type has a lower C; a transitional galaxy is in between.

    References
    ----------
    Conselice (2003), ApJS 147, 1.
    """

    merger_asymmetry: float = 0.35
    early_concentration: float = 4.15
    late_concentration: float = 3.5

    @classmethod
    def at_thirds(cls, table: pd.DataFrame) -> ProxyRules:
        """Place the limits in C at thirds of a sample, and the merger line at its highest tenth."""
        late, early = np.quantile(table["concentration"], [1 / 3, 2 / 3])
        return cls(float(np.quantile(table["asymmetry"], 0.9)), float(early), float(late))

    def classify(self, table: pd.DataFrame) -> NDArray[np.object_]:
        """Classify galaxies by their columns `CAS`: one of `PROXY_CLASSES` each."""
        concentration, asymmetry, smoothness = table[CAS].to_numpy(np.float64).T
        merger = asymmetry > np.maximum(self.merger_asymmetry, S_FACTOR * smoothness)
        early = concentration >= self.early_concentration
        transitional = concentration >= self.late_concentration
        classes = np.select([merger, early, transitional], PROXY_CLASSES[:3], PROXY_CLASSES[3])
        return classes.astype(object)


def matched_accuracy(classes: NDArray[Any], labels: NDArray[Any]) -> float:
    """Return the share of galaxies in the cluster that is matched to their class.

    None may be missing. Computed from whole numbers, so that a tie with a permutation is a tie.
    """
    return matched_share(contingency_matrix(classes, labels)) / len(labels)
