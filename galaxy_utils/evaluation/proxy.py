"""Proxy classes by rules on structure, and how well a partition agrees with them by chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, recall_score
from sklearn.metrics.cluster import contingency_matrix
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier

from galaxy_utils.evaluation.metrics import agreement, matched_share
from galaxy_utils.evaluation.resampling import permutation

PROXY_CLASSES = ("merger", "early type", "transitional", "late type")

CONSELICE_2003_TABLE_6 = {
    "ellipticals": (4.4, 0.02),
    "early-type discs": (3.9, 0.07),
    "late-type discs": (3.1, 0.15),
}
"""Mean (C, A) of nearby galaxies, R band, linear flux: Conselice (2003), table 6, as
remembered; no copy was at hand to check them against."""

SMALLEST_CLASS = 20
"""A class of fewer galaxies takes no part in balanced accuracy: one galaxy would count
there as much as thousands of another class."""

CAS = ["concentration", "asymmetry", "smoothness"]


@dataclass(frozen=True)
class ProxyRules:
    """Classify galaxies by concentration, asymmetry and smoothness alone.

    A merger has A above `merger_asymmetry` and above S (Conselice 2003, section 4). The limits
    in C are halfway between the mean C of ellipticals, early-type and late-type discs in his
    table 6; the paper names the source but no values.

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
    def at_quantiles(
        cls, table: pd.DataFrame, merger: float = 0.9, early: float = 2 / 3, late: float = 1 / 3
    ) -> ProxyRules:
        """Place the limits at quantiles of a sample, so that its classes have chosen sizes.

        Parameters
        ----------
        table : DataFrame
            Columns concentration, asymmetry.
        merger, early, late : float
            Share of the sample below each limit, from 0 to 1.

        Returns
        -------
        ProxyRules
            With limits in units of A and C.
        """
        lower, upper = np.quantile(table["concentration"], [late, early])
        return cls(float(np.quantile(table["asymmetry"], merger)), float(upper), float(lower))

    def classify(self, table: pd.DataFrame) -> NDArray[np.object_]:
        """Classify galaxies.

        Parameters
        ----------
        table : DataFrame
            Columns concentration, asymmetry, smoothness.

        Returns
        -------
        ndarray of str, shape (n_samples,)
            One of `PROXY_CLASSES` per galaxy.
        """
        concentration, asymmetry, smoothness = table[CAS].to_numpy(np.float64).T
        merger = (asymmetry > self.merger_asymmetry) & (asymmetry > smoothness)
        early = concentration >= self.early_concentration
        transitional = concentration >= self.late_concentration
        classes = np.select([merger, early, transitional], PROXY_CLASSES[:3], PROXY_CLASSES[3])
        return classes.astype(object)


def rules_around(rules: ProxyRules) -> list[ProxyRules]:
    """Vary all limits: those in C by up to half a unit, and the merger line from 0.25 to 0.45."""
    steps = np.linspace(-0.5, 0.5, 5)
    return [
        ProxyRules(merger, float(early), float(late))
        for merger in sorted({0.25, 0.35, 0.45, rules.merger_asymmetry})
        for late in rules.late_concentration + steps
        for early in rules.early_concentration + steps
        if early > late
    ]


def rules_at_quantiles(table: pd.DataFrame) -> list[ProxyRules]:
    """Place the limits at several quantiles of a sample."""
    return [
        ProxyRules.at_quantiles(table, merger, early, late)
        for merger in (0.75, 0.9, 0.95)
        for late in (1 / 4, 1 / 3, 1 / 2)
        for early in (1 / 2, 2 / 3, 3 / 4)
        if early > late
    ]


def matched_accuracy(classes: NDArray[Any], labels: NDArray[Any]) -> float:
    """Return the share of galaxies in the cluster that is matched to their class.

    Parameters
    ----------
    classes, labels : ndarray of shape (n_samples,)
        Class and cluster of each galaxy, none missing.

    Returns
    -------
    float
        Computed from whole numbers, so that a tie with a permutation is a tie.
    """
    return matched_share(contingency_matrix(classes, labels)) / len(labels)


def permuted_accuracy(
    classes: NDArray[Any], labels: NDArray[Any], seed: int, n_resamples: int = 200
) -> pd.Series:
    """Return `matched_accuracy` after permutations of the clusters, one entry per draw."""
    codes, numbers = pd.factorize(classes)[0], pd.factorize(labels)[0]
    found = permutation(
        lambda rows: matched_accuracy(codes, numbers[rows]), len(numbers), seed, n_resamples
    )
    return pd.Series(found)


def without_small_classes(classes: NDArray[np.object_]) -> NDArray[np.object_]:
    """Replace classes of fewer than `SMALLEST_CLASS` galaxies by None.

    Parameters
    ----------
    classes : ndarray of str, shape (n_samples,)
        Class of each galaxy, none missing.

    Returns
    -------
    ndarray of object, shape (n_samples,)
        All None where fewer than two classes are left: there is nothing to balance then.
    """
    sizes = pd.Series(classes).value_counts()
    large = sizes.index[sizes >= SMALLEST_CLASS]
    found = classes.astype(object)
    found[~pd.Series(classes).isin(large).to_numpy() | (len(large) < 2)] = None
    return found


def compare_with_baselines(
    table: pd.DataFrame, classes: NDArray[np.object_], partitions: Mapping[str, Any], seed: int
) -> pd.DataFrame:
    """Compare partitions with the least and the most that one can expect of them.

    Parameters
    ----------
    table : DataFrame
        Columns concentration, asymmetry, smoothness.
    classes : ndarray of str, shape (n_samples,)
        Class of each galaxy by the rules.
    partitions : mapping of str to ndarray of int, shape (n_samples,)
        Clusters by name.
    seed : int
        Of permutations and folds.

    Returns
    -------
    DataFrame
        One row per answer: "largest class", the partitions, and "tree on C, A, S", a shallow
        decision tree on galaxies that it was not fitted to. Columns accuracy (of a partition
        after matching one to one), permuted and permuted_highest (mean and largest accuracy of
        permuted clusters), balanced and balanced_permuted (classes weighted equally, small ones
        left out), ari; NaN where it has no meaning.

    References
    ----------
    Breiman et al. (1984), Classification and Regression Trees.
    """
    labels = classes.astype(str)
    tree = DecisionTreeClassifier(max_depth=3, random_state=seed)
    folds = KFold(5, shuffle=True, random_state=seed)
    predicted = cross_val_predict(tree, table[CAS].to_numpy(np.float64), labels, cv=folds)
    majority = np.full(len(labels), pd.Series(labels).mode()[0])
    rows = [
        {"answer": "largest class", **_prediction_scores(classes, majority)},
        *({"answer": k, **_partition_scores(classes, v, seed)} for k, v in partitions.items()),
        {"answer": "tree on C, A, S", **_prediction_scores(classes, predicted)},
    ]
    columns = ["answer", "accuracy", "permuted", "permuted_highest",
               "balanced", "balanced_permuted", "ari"]  # fmt: skip
    return pd.DataFrame(rows).reindex(columns=columns)


def _prediction_scores(classes: NDArray[Any], predicted: NDArray[Any]) -> dict[str, float]:
    labels = classes.astype(str)
    large = sorted({str(name) for name in without_small_classes(classes) if name is not None})
    recalls = recall_score(labels, predicted, labels=large, average="macro") if large else np.nan
    return {"accuracy": float(accuracy_score(labels, predicted)), "balanced": float(recalls)}


def _partition_scores(classes: NDArray[Any], labels: NDArray[Any], seed: int) -> dict[str, float]:
    """Scores of a partition, and of permutations of it."""
    large, scores = without_small_classes(classes), agreement(classes, labels)
    chance = permuted_accuracy(classes, labels, seed)
    balanced = permutation(
        lambda rows: agreement(large, labels[rows])["balanced_accuracy"],
        len(labels), seed, n_resamples=100,
    )  # fmt: skip
    return {
        "accuracy": scores["accuracy"],
        "permuted": float(chance.mean()),
        "permuted_highest": float(chance.max()),
        "balanced": agreement(large, labels)["balanced_accuracy"],
        "balanced_permuted": float(balanced.mean()),
        "ari": scores["ari"],
    }


def sweep_rules(
    table: pd.DataFrame, labels: NDArray[np.integer], alternatives: Sequence[ProxyRules], seed: int
) -> pd.DataFrame:
    """Compare the same clusters with alternative rules.

    Parameters
    ----------
    table : DataFrame
        Columns concentration, asymmetry, smoothness.
    labels : ndarray of int, shape (n_samples,)
        Cluster of each galaxy.
    alternatives : sequence of ProxyRules
        Rules with other limits.
    seed : int
        Of the permutations of the clusters.

    Returns
    -------
    DataFrame
        One row per rules: their limits, accuracy, majority (share of the largest class), excess
        (accuracy minus the mean of permuted clusters), above (whether it is above all of these).
    """
    rows = []
    for rules in alternatives:
        classes = rules.classify(table)
        accuracy = matched_accuracy(classes, labels)
        chance = permuted_accuracy(classes, labels, seed, n_resamples=20)
        scores = {
            "accuracy": accuracy,
            "majority": float(pd.Series(classes).value_counts(normalize=True).max()),
            "excess": accuracy - float(chance.mean()),
            "above": bool(accuracy > chance.max()),
        }
        rows.append(asdict(rules) | scores)
    return pd.DataFrame(rows)
