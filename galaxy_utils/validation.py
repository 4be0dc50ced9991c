"""Proxy validation: rules after Conselice (2003), matched to clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import (
    accuracy_score,
    adjusted_mutual_info_score,
    adjusted_rand_score,
    balanced_accuracy_score,
    confusion_matrix,
)
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier

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

SWEPT_CONCENTRATION = np.linspace(-0.5, 0.5, 5)
"""By how much the limits in C are moved."""

SWEPT_ASYMMETRY = (0.25, 0.35, 0.45)
"""Merger lines that are tried."""


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
    rng = np.random.default_rng(seed)
    codes = pd.Categorical(classes).codes
    _, labels = np.unique(cluster, return_inverse=True)
    size = max(codes.max(), labels.max()) + 1
    scores = np.empty(repeats)
    for repeat in range(repeats):
        counts = confusion_matrix(codes, rng.permutation(labels), labels=np.arange(size))
        rows, columns = linear_sum_assignment(-counts)
        scores[repeat] = counts[rows, columns].sum() / len(labels)
    return scores


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
    rng = np.random.default_rng(seed)
    return np.array(
        [adjusted_rand_score(classes, rng.permutation(cluster)) for _ in range(repeats)]
    )


def rule_baselines(
    classes: NDArray[np.object_],
    cluster: NDArray[np.int64],
    cas: NDArray[np.float64],
    seed: int,
) -> pd.DataFrame:
    """Answers to the rules' question beside the clusters': the least and the most one can expect.

    Parameters
    ----------
    classes : ndarray of str, shape (n,)
        Class by rule.
    cluster : ndarray of int64, shape (n,)
        The partition.
    cas : ndarray of float64, shape (n, 3)
        Concentration, asymmetry, smoothness.
    seed : int
        Of permutations and folds.

    Returns
    -------
    DataFrame
        Columns answer (`largest class`, `permuted clusters`, `clusters`,
        `tree on C, A, S`: cross-validated), accuracy, balanced_accuracy; the
        clusters' after one-to-one matching, permuted ones as means.

    References
    ----------
    Breiman et al. (1984) for the tree.
    """
    from galaxy_utils.scores import against_classes, permuted_classes

    wanted = ["accuracy", "balanced_accuracy"]
    mine = against_classes(classes, cluster)
    permuted = permuted_classes(classes, cluster, RESAMPLINGS, seed)[wanted].mean()
    labels = classes.astype(str)
    majority = np.full(len(labels), pd.Series(labels).mode()[0])
    tree = DecisionTreeClassifier(max_depth=TREE_DEPTH, random_state=seed)
    folds = KFold(5, shuffle=True, random_state=seed)
    said = cross_val_predict(tree, cas, labels, cv=folds)
    rows = [
        ("largest class", *_plain_scores(labels, majority)),
        ("permuted clusters", *(float(permuted[name]) for name in wanted)),
        ("clusters", *(mine[name] for name in wanted)),
        ("tree on C, A, S", *_plain_scores(labels, said)),
    ]
    return pd.DataFrame(rows, columns=["answer", *wanted])


def _plain_scores(labels: NDArray[np.str_], said: NDArray[np.str_]) -> tuple[float, float]:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # classes that a small fold lacks
        return accuracy_score(labels, said), balanced_accuracy_score(labels, said)


def sweep_rules(
    five: NDArray[np.float64],
    cluster: NDArray[np.int64],
    late_concentration: float,
    early_concentration: float,
    merger_asymmetry: float,
    seed: int,
) -> pd.DataFrame:
    """Accuracy of the same clusters against the rules with other limits.

    Parameters
    ----------
    five : ndarray of float64, shape (n, 5)
        The five parameters.
    cluster : ndarray of int64, shape (n,)
        The partition.
    late_concentration, early_concentration, merger_asymmetry : float
        Limits about which is swept (`SWEPT_CONCENTRATION`), and the merger
        line beside `SWEPT_ASYMMETRY`.
    seed : int
        Of one permutation of the clusters for each choice.

    Returns
    -------
    DataFrame
        One row a choice: late, early, `merger line`, accuracy, majority (share
        of the largest class), excess (accuracy minus that of permuted clusters).
    """
    from galaxy_utils.morphology import FIVE

    table = pd.DataFrame(five, columns=list(FIVE))
    shuffled = np.random.default_rng(seed).permutation(cluster)
    rows = []
    for line in sorted({*SWEPT_ASYMMETRY, merger_asymmetry}):
        for late in late_concentration + SWEPT_CONCENTRATION:
            for early in early_concentration + SWEPT_CONCENTRATION:
                if early <= late:
                    continue
                classes = proxy_classes(table, line, early, late)
                accuracy = align(cluster, classes)[1]
                rows.append(
                    {
                        "late": late,
                        "early": early,
                        "merger line": f"$A$ above {line:g}",
                        "accuracy": accuracy,
                        "majority": float(pd.Series(classes).value_counts(normalize=True).max()),
                        "excess": accuracy - align(shuffled, classes)[1],
                    }
                )
    return pd.DataFrame(rows)
