"""Proxy validation: rules after Conselice (2003), matched to clusters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import (
    accuracy_score,
    adjusted_mutual_info_score,
    adjusted_rand_score,
    recall_score,
)
from sklearn.metrics.cluster import contingency_matrix
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier

from galaxy_utils.evaluation.scores import against_classes, matched_share, permuted_classes

CLASSES = ("merger", "early type", "transitional", "late type")

CONSELICE_2003_TABLE_6 = {
    "ellipticals": (4.4, 0.02),
    "early-type discs": (3.9, 0.07),
    "late-type discs": (3.1, 0.15),
}
"""Mean (C, A) of nearby galaxies, R band, linear flux: Conselice (2003), table 6, as
remembered; no copy was at hand to check them against."""

SEEN_TYPES = {
    "elliptical": "elliptical",
    "spiral_cw": "spiral",
    "spiral_acw": "spiral",
    "spiral_combined": "spiral",
    "edge_on": "edge_on",
    "merger": "merger",
}
"""Galaxy Zoo 1 classes as types of galaxies: nothing here should tell the sense of
rotation, and *dont_know* is no type."""

RESAMPLINGS = 100

TREE_DEPTH = 3
"""Questions that the shallow tree may ask of a galaxy."""

SMALLEST_CLASS = 20
"""A class of fewer galaxies takes no part in balanced accuracy: one galaxy would count
there as much as thousands of another class."""

SWEPT_CONCENTRATION = np.linspace(-0.5, 0.5, 5)
"""By how much the limits in C are moved."""

SWEPT_ASYMMETRY = (0.25, 0.35, 0.45)
"""Merger lines that are tried."""

LATE_QUANTILES, EARLY_QUANTILES = (1 / 4, 1 / 3, 1 / 2), (1 / 2, 2 / 3, 3 / 4)
MERGER_QUANTILES = (0.75, 0.9, 0.95)
"""Shares of the sample below a limit in C, or below the merger line in A, where the
limits are taken from the sample itself."""

SWEEP_PERMUTATIONS = 20


@dataclass(frozen=True)
class SharedWithClasses:
    """What two partitions share with the types that people saw.

    Parameters
    ----------
    first, second : float or None
        Adjusted mutual information; None where nobody looked.
    low, high : float or None
        95 % interval of first minus second, galaxies resampled.
    """

    first: float | None
    second: float | None
    low: float | None = None
    high: float | None = None

    @property
    def first_is_lower(self) -> bool | None:
        """Whether the first shares less; None where the interval covers 0."""
        if self.low is None or self.high is None or self.low <= 0 <= self.high:
            return None
        return self.high < 0

    def sentence(self, first: str, second: str) -> str:
        """Say it.

        Parameters
        ----------
        first, second : str
            Names of the partitions.

        Returns
        -------
        str
            One or two sentences.
        """
        if self.first is None:
            return "This sample has no classes by eye to judge the two by."
        return (
            f"With the types that people saw, which took no part, {first} shares an adjusted "
            f"mutual information of {self.first:.3f} and {second} of {self.second:.3f}; resampled "
            f"galaxies put the difference between {self.low:.3f} and {self.high:.3f}."
        )


def proxy_classes(
    catalogue: pd.DataFrame,
    merger_asymmetry: float = 0.35,
    early_concentration: float = 4.15,
    late_concentration: float = 3.5,
) -> NDArray[np.object_]:
    """Classify galaxies by concentration and asymmetry alone.

    A merger has A above `merger_asymmetry` and above S (Conselice 2003,
    section 4; 2003 and later papers use the same line). The limits in C stand
    halfway between the mean C of ellipticals, early-type and late-type discs
    in his table 6; the paper names the source but no values.

    Parameters
    ----------
    catalogue : DataFrame
        Columns concentration, asymmetry, smoothness.
    merger_asymmetry, early_concentration, late_concentration : float
        The boundaries.

    Returns
    -------
    ndarray of str, shape (n,)
        One of `CLASSES` for each galaxy.
    """
    concentration = catalogue["concentration"].to_numpy(float)
    asymmetry = catalogue["asymmetry"].to_numpy(float)
    merger = (asymmetry > merger_asymmetry) & (asymmetry > catalogue["smoothness"].to_numpy(float))
    return np.select(
        [merger, concentration >= early_concentration, concentration >= late_concentration],
        CLASSES[:3],
        CLASSES[3],
    ).astype(object)


def shared_with_classes(
    first: NDArray[np.int64], second: NDArray[np.int64], classes: pd.Series, seed: int
) -> SharedWithClasses:
    """Ask which of two partitions shares more with the types that people saw.

    Parameters
    ----------
    first, second : ndarray of int64, shape (n,)
        Partitions of the same galaxies.
    classes : Series of str, length n
        Galaxy Zoo 1 class, missing where nobody looked; see `SEEN_TYPES`.
    seed : int
        Of the resampling.

    Returns
    -------
    SharedWithClasses
        Adjusted mutual information of both, and the interval of its difference.

    References
    ----------
    Vinh, Epps & Bailey (2010).
    """
    types = classes.map(SEEN_TYPES)
    rows = np.flatnonzero(types.notna())
    if len(rows) < 2:
        return SharedWithClasses(None, None)
    codes = pd.Categorical(types.iloc[rows]).codes
    a, b = first[rows], second[rows]
    rng = np.random.default_rng(seed)
    differences = [
        adjusted_mutual_info_score(codes[chosen], a[chosen])
        - adjusted_mutual_info_score(codes[chosen], b[chosen])
        for chosen in rng.integers(0, len(rows), (RESAMPLINGS, len(rows)))
    ]
    low, high = np.percentile(differences, [2.5, 97.5])
    return SharedWithClasses(
        float(adjusted_mutual_info_score(codes, a)),
        float(adjusted_mutual_info_score(codes, b)),
        float(low),
        float(high),
    )


def align(
    cluster: NDArray[np.int64], classes: NDArray[np.object_], names: tuple[str, ...] = CLASSES
) -> tuple[pd.DataFrame, float]:
    """Match clusters to classes one to one and score the match.

    Parameters
    ----------
    cluster : ndarray of int64, shape (n,)
        Cluster of each galaxy.
    classes : ndarray of str, shape (n,)
        Class of each galaxy.
    names : tuple of str
        All classes; those with no member count too.

    Returns
    -------
    table : DataFrame
        Counts, one row a class in the order of `names`, one column a cluster;
        the matched columns come first, in the order of the classes.
    accuracy : float
        Share of galaxies in the cluster that is matched to their class.

    References
    ----------
    Kuhn (1955); scipy's linear_sum_assignment.
    """
    clusters = np.unique(cluster)
    counts = np.array([[np.sum((classes == n) & (cluster == c)) for c in clusters] for n in names])
    rows, columns = linear_sum_assignment(-counts)
    accuracy = float(counts[rows, columns].sum() / len(cluster))
    rest = [c for c in range(len(clusters)) if c not in columns]
    order = [*columns, *rest]
    table = pd.DataFrame(
        counts[:, order], index=list(names), columns=[str(clusters[c]) for c in order]
    )
    return table, accuracy


def chance_accuracy(
    cluster: NDArray[np.int64], classes: NDArray[np.object_], seed: int, repeats: int = 200
) -> NDArray[np.float64]:
    """Accuracy after matching when the clusters are shuffled.

    Parameters
    ----------
    cluster, classes : ndarray, shape (n,)
        As in `align`.
    seed : int
        Of the permutations.
    repeats : int
        How many permutations.

    Returns
    -------
    ndarray of float64, shape (repeats,)
        Accuracies without any relation between cluster and class.
    """
    codes = pd.factorize(classes)[0]
    labels = pd.factorize(cluster)[0]

    def accuracy(shuffled: NDArray[np.int64]) -> float:
        """Share of galaxies in matched clusters."""
        return matched_share(contingency_matrix(codes, shuffled)) / len(labels)

    return _when_shuffled(accuracy, labels, seed, repeats)


def _when_shuffled(
    score: Callable[[NDArray[np.int64]], float], labels: NDArray[np.int64], seed: int, repeats: int
) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    return np.array([score(rng.permutation(labels)) for _ in range(repeats)])


def chance_ari(
    cluster: NDArray[np.int64], classes: NDArray[np.object_], seed: int, repeats: int = 200
) -> NDArray[np.float64]:
    """Adjusted Rand index when the clusters are shuffled.

    Parameters
    ----------
    cluster, classes : ndarray, shape (n,)
        As in `align`.
    seed : int
        Of the permutations.
    repeats : int
        How many permutations.

    Returns
    -------
    ndarray of float64, shape (repeats,)
        Indices without any relation between cluster and class.
    """
    return _when_shuffled(
        lambda shuffled: float(adjusted_rand_score(classes, shuffled)), cluster, seed, repeats
    )


@dataclass(frozen=True)
class Limits:
    """One choice of boundaries for the rules.

    Parameters
    ----------
    late, early : float
        In C: a late type is below the first, an early type at or above the second.
    merger : float
        In A: a merger is above it, and above S.
    """

    late: float
    early: float
    merger: float

    def classes(self, five: NDArray[np.float64]) -> NDArray[np.object_]:
        """Classify galaxies by these limits.

        Parameters
        ----------
        five : ndarray of float64, shape (n, 5)
            The five parameters.

        Returns
        -------
        ndarray of str, shape (n,)
            As of `proxy_classes`.
        """
        from galaxy_utils.morphology.measurement import FIVE

        table = pd.DataFrame(five, columns=list(FIVE))
        return proxy_classes(table, self.merger, self.early, self.late)


def moved_limits(middle: Limits) -> list[Limits]:
    """Limits about a choice.

    Parameters
    ----------
    middle : Limits
        The choice.

    Returns
    -------
    list of Limits
        Both limits in C moved by `SWEPT_CONCENTRATION`, for every merger line of
        `SWEPT_ASYMMETRY` and that of the choice.
    """
    return [
        Limits(float(late), float(early), line)
        for line in sorted({*SWEPT_ASYMMETRY, middle.merger})
        for late in middle.late + SWEPT_CONCENTRATION
        for early in middle.early + SWEPT_CONCENTRATION
        if early > late
    ]


def quantile_limits(five: NDArray[np.float64], late: float, early: float, merger: float) -> Limits:
    """Limits at quantiles of a sample, so that its classes have sizes that we choose.

    Parameters
    ----------
    five : ndarray of float64, shape (n, 5)
        The five parameters.
    late, early, merger : float
        Share of the sample below each limit, 0 to 1. S needs no limit of its
        own: the rule compares A with it.

    Returns
    -------
    Limits
        In units of C and A.
    """
    concentration, asymmetry = five[:, 0], five[:, 1]
    low, high = np.quantile(concentration, [late, early])
    return Limits(float(low), float(high), float(np.quantile(asymmetry, merger)))


def thirds(five: NDArray[np.float64]) -> Limits:
    """Limits with a third of the sample on either side in C, and a tenth above the merger line.

    Parameters
    ----------
    five : ndarray of float64, shape (n, 5)
        The five parameters.

    Returns
    -------
    Limits
        The middle of `matched_limits`.
    """
    return quantile_limits(five, LATE_QUANTILES[1], EARLY_QUANTILES[1], MERGER_QUANTILES[1])


def matched_limits(five: NDArray[np.float64]) -> list[Limits]:
    """Every choice of limits at quantiles of a sample.

    Parameters
    ----------
    five : ndarray of float64, shape (n, 5)
        The five parameters.

    Returns
    -------
    list of Limits
        From `LATE_QUANTILES`, `EARLY_QUANTILES`, `MERGER_QUANTILES`, where
        something lies between early and late.
    """
    return [
        quantile_limits(five, late, early, line)
        for line in MERGER_QUANTILES
        for late in LATE_QUANTILES
        for early in EARLY_QUANTILES
        if early > late
    ]


def sizable(classes: NDArray[np.object_], smallest: int = SMALLEST_CLASS) -> NDArray[np.object_]:
    """Leave out the classes of few galaxies.

    Parameters
    ----------
    classes : ndarray of str, shape (n,)
        Class of each galaxy, none missing.
    smallest : int
        Galaxies that a class needs.

    Returns
    -------
    ndarray of object, shape (n,)
        None for galaxies of smaller classes; for all, where fewer than two
        classes are left, as there is nothing to balance then.
    """
    sizes = pd.Series(classes).value_counts()
    large = sizes.index[sizes >= smallest]
    kept = np.isin(classes.astype(str), large.astype(str)) & (len(large) > 1)
    found = classes.astype(object)
    found[~kept] = None
    return found


def rule_baselines(
    classes: NDArray[np.object_],
    partitions: Mapping[str, NDArray[np.int64]],
    cas: NDArray[np.float64],
    seed: int,
) -> pd.DataFrame:
    """Answers to the rules' question: partitions, and the least and the most one can expect.

    Parameters
    ----------
    classes : ndarray of str, shape (n,)
        Class by rule.
    partitions : mapping of str to ndarray of int64, shape (n,)
        Clusters by name.
    cas : ndarray of float64, shape (n, 3)
        Concentration, asymmetry, smoothness.
    seed : int
        Of permutations and folds.

    Returns
    -------
    DataFrame
        Columns answer (`largest class`, the partitions, `tree on C, A, S`:
        cross-validated), accuracy (of partitions after one-to-one matching),
        permuted and permuted_highest (accuracy when the clusters are dealt to
        other galaxies; mean, largest), balanced and balanced_permuted (over
        the classes that `sizable` keeps, mean), ari; NaN where it has no meaning.

    References
    ----------
    Breiman et al. (1984) for the tree.
    """
    labels = classes.astype(str)
    majority = np.full(len(labels), pd.Series(labels).mode()[0])
    tree = DecisionTreeClassifier(max_depth=TREE_DEPTH, random_state=seed)
    folds = KFold(5, shuffle=True, random_state=seed)
    said = cross_val_predict(tree, cas, labels, cv=folds)
    rows = [
        {"answer": "largest class", **_answered(classes, majority)},
        *({"answer": k, **_matched_scores(classes, c, seed)} for k, c in partitions.items()),
        {"answer": "tree on C, A, S", **_answered(classes, said)},
    ]
    columns = ["answer", "accuracy", "permuted", "permuted_highest",
               "balanced", "balanced_permuted", "ari"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _answered(classes: NDArray[np.object_], said: NDArray[np.str_]) -> dict[str, float]:
    """Scores of an answer that names classes and needs no matching."""
    labels, large = classes.astype(str), sizable(classes)
    kept = sorted(set(large[pd.notna(large)]))
    balanced = recall_score(labels, said, labels=kept, average="macro") if kept else np.nan
    return {"accuracy": float(accuracy_score(labels, said)), "balanced": float(balanced)}


def _matched_scores(
    classes: NDArray[np.object_], cluster: NDArray[np.int64], seed: int
) -> dict[str, float]:
    """Scores of a partition beside those of its clusters dealt to other galaxies."""
    large, mine = sizable(classes), against_classes(classes, cluster)
    chance = chance_accuracy(cluster, classes, seed)
    balanced = permuted_classes(large, cluster, RESAMPLINGS, seed)["balanced_accuracy"]
    return {
        "accuracy": mine["accuracy"],
        "permuted": float(chance.mean()),
        "permuted_highest": float(chance.max()),
        "balanced": against_classes(large, cluster)["balanced_accuracy"],
        "balanced_permuted": float(balanced.mean()),
        "ari": mine["ari"],
    }


def sweep_rules(
    five: NDArray[np.float64],
    cluster: NDArray[np.int64],
    tried: Mapping[str, Sequence[Limits]],
    seed: int,
) -> pd.DataFrame:
    """Accuracy of the same clusters against the rules with other limits.

    Parameters
    ----------
    five : ndarray of float64, shape (n, 5)
        The five parameters.
    cluster : ndarray of int64, shape (n,)
        The partition.
    tried : mapping of str to sequence of Limits
        Choices, by how they were made.
    seed : int
        Of `SWEEP_PERMUTATIONS` permutations of the clusters for each choice.

    Returns
    -------
    DataFrame
        One row a choice: limits (how it was made), late, early, merger, accuracy,
        majority (share of the largest class), excess (accuracy minus the mean of
        permuted clusters), above (whether it is above all permuted ones).
    """
    rows = []
    for kind, choices in tried.items():
        for limits in choices:
            classes = limits.classes(five)
            accuracy = align(cluster, classes)[1]
            chance = chance_accuracy(cluster, classes, seed, SWEEP_PERMUTATIONS)
            rows.append(
                {
                    "limits": kind,
                    "late": limits.late,
                    "early": limits.early,
                    "merger": limits.merger,
                    "accuracy": accuracy,
                    "majority": float(pd.Series(classes).value_counts(normalize=True).max()),
                    "excess": accuracy - float(chance.mean()),
                    "above": bool(accuracy > chance.max()),
                }
            )
    return pd.DataFrame(rows)
