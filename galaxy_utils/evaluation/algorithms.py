"""The introduction's algorithms judged: same galaxies, same spaces, paired, with nulls."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from statsmodels.stats.multitest import multipletests

from galaxy_utils.clustering import comparison
from galaxy_utils.clustering.comparison import NOISE
from galaxy_utils.config import MIXTURE, SPACE, TRAINING, UPSTREAM
from galaxy_utils.evaluation import nulls, scores
from galaxy_utils.evaluation.chain import COPULA, GALAXIES, Recipe
from galaxy_utils.experiments.study import Row, Study

SHARE = 0.8
"""Share of the galaxies in a subsample."""

NEIGHBOURS = 15
BOTTLENECK = "bottleneck"
"""Name of the run's latent space among the representations."""

FOLDS = 5
PROBED_COMPONENTS = 128
"""Principal components that a probe sees, at most."""

HDBSCAN_GRID = {
    "dimension": (2, 5, 10, 20, 64),
    "size": (5, 10, 25, 50, 100),
    "samples": (1, 5, 25),
}

Values = NDArray[np.float64]
Representations = dict[str, Values]


def subsample(number: int, seed: int) -> NDArray[np.int64]:
    """Draw rows without putting back.

    Parameters
    ----------
    number : int
        Of galaxies.
    seed : int
        Of the draw.

    Returns
    -------
    ndarray of int64, shape (round(SHARE * number),)
        Rising.
    """
    rows = np.random.default_rng(seed).permutation(number)[: round(SHARE * number)]
    return np.sort(rows)


def algorithm_rows(
    values: Values,
    types: NDArray[np.object_] | None,
    recipe: Recipe,
    min_cluster_size: int,
    seed: int,
) -> list[Row]:
    """Run every algorithm on the same points and score all of them alike.

    Parameters
    ----------
    values : ndarray of float64, shape (n, dimension)
        The points.
    types : ndarray of object, shape (n,), or None
        Type seen by people; None for points that are no galaxies.
    recipe : Recipe
        Number of clusters, mixture.
    min_cluster_size : int
        Of HDBSCAN.
    seed : int
        Of everything.

    Returns
    -------
    list of dict
        Keys algorithm, score, value: scores of `scores.in_space` (noise left
        out), those of `sizes`, and of `scores.against_classes` (noise as a
        cluster of its own).
    """
    mixture = recipe.mixture(values, seed).cluster
    partitions = comparison.all_algorithms(
        values, mixture, recipe.n_components, min_cluster_size, seed
    )
    rows: list[Row] = []
    for name, cluster in partitions.items():
        kept = cluster != NOISE
        found = scores.in_space(values[kept], cluster[kept]) | sizes(cluster)
        if types is not None:
            found |= scores.against_classes(types, cluster)
        rows += [{"algorithm": name, "score": score, "value": v} for score, v in found.items()]
    return rows


def sizes(cluster: NDArray[np.int64]) -> dict[str, float]:
    """How many galaxies a partition rejects, and how large what it finds is.

    Parameters
    ----------
    cluster : ndarray of int64, shape (n,)
        The partition.

    Returns
    -------
    dict
        `noise`, `largest` and `second` (shares of all galaxies, percent), `clusters`.
    """
    kept = cluster != NOISE
    largest, second = comparison.cluster_shares(cluster)
    return {
        "noise": 100 * float((~kept).mean()),
        "clusters": float(len(np.unique(cluster[kept]))),
        "largest": largest,
        "second": second,
    }


def probe_rows(values: Values, types: NDArray[np.object_], seed: int) -> list[Row]:
    """What a representation knows of the types, asked with labels: its upper bound.

    Parameters
    ----------
    values : ndarray of float64, shape (n, dimension)
        The representation.
    types : ndarray of object, shape (n,)
        Type seen by people, None where nobody could tell; those are left out.
    seed : int
        Of the folds.

    Returns
    -------
    list of dict
        Keys probe (`linear`, `neighbours`), fold, score (`accuracy`,
        `balanced_accuracy`, and `ari` between said and seen types), value; on
        galaxies that the probe was not fitted to. Empty without types.

    References
    ----------
    Alain & Bengio (2016) for linear probes.
    """
    known = np.asarray(pd.notna(types))
    counts = pd.Series(types[known]).value_counts()
    if len(counts) < 2 or counts.min() < FOLDS:
        return []
    data, labels = values[known], types[known].astype(str)
    rows: list[Row] = []
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for fold, (fitted, asked) in enumerate(folds.split(data, labels)):
        for name, model in probes(data.shape[1], len(fitted), seed).items():
            said = model.fit(data[fitted], labels[fitted]).predict(data[asked])
            found = {
                "accuracy": accuracy_score(labels[asked], said),
                "balanced_accuracy": balanced_accuracy_score(labels[asked], said),
                "ari": scores.against_classes(labels[asked].astype(object), said)["ari"],
            }
            rows += [
                {"probe": name, "fold": fold, "score": score, "value": float(value)}
                for score, value in found.items()
            ]
    return rows


def probes(dimension: int, n: int, seed: int) -> dict[str, Any]:
    """Classifiers that ask a representation for the types.

    Parameters
    ----------
    dimension : int
        Of the representation; of a wide one they see the leading components.
    n : int
        Galaxies that they will be fitted to.
    seed : int
        Of the components.

    Returns
    -------
    dict of str to scikit-learn pipeline
        `linear` (logistic regression) and `neighbours`.
    """

    def before() -> list[Any]:
        """Standardise; keep the leading components of a wide space."""
        if dimension <= PROBED_COMPONENTS:
            return [StandardScaler()]
        number = min(PROBED_COMPONENTS, n)
        return [StandardScaler(), PCA(number, random_state=seed)]

    return {
        "linear": make_pipeline(*before(), LogisticRegression(C=0.1, max_iter=2000)),
        "neighbours": make_pipeline(*before(), KNeighborsClassifier(min(NEIGHBOURS, n))),
    }


def noise_rows(values: Values, dimension: int, seed: int) -> list[Row]:
    """Share of galaxies that HDBSCAN rejects, over its parameters.

    Parameters
    ----------
    values : ndarray of float64, shape (n, at least dimension)
        The space; its leading principal components are taken.
    dimension : int
        How many of them.
    seed : int
        Of the components.

    Returns
    -------
    list of dict
        Keys size, samples, score (those of `sizes`), value.
    """
    leading = PCA(dimension, random_state=seed).fit_transform(values)
    rows: list[Row] = []
    for size in HDBSCAN_GRID["size"]:
        for samples in HDBSCAN_GRID["samples"]:
            if samples >= len(values) // 2:
                continue
            cluster = comparison.hdbscan(leading, size, samples)
            rows += [
                {"size": size, "samples": samples, "score": name, "value": value}
                for name, value in sizes(cluster).items()
            ]
    return rows


def noise_table(table: pd.DataFrame) -> pd.DataFrame:
    """HDBSCAN over its settings, one row a setting.

    Parameters
    ----------
    table : DataFrame
        Rows of `ALGORITHMS`.

    Returns
    -------
    DataFrame
        Columns data, dimension, size, samples, the scores of `sizes`, and
        parts (see `comparison.parts`).
    """
    found = table[table["what"] == "noise"]
    keys = ["data", "dimension", "size", "samples"]
    wide = found.pivot(index=keys, columns="score", values="value").reset_index()
    wide = wide.astype({name: int for name in keys[1:]}).rename_axis(columns=None)
    return wide.assign(parts=wide["second"].map(comparison.parts).astype(bool))


def noise_grid(settings: pd.DataFrame, score: str) -> pd.DataFrame:
    """One score of HDBSCAN over its settings, galaxies beside the null.

    Parameters
    ----------
    settings : DataFrame
        As of `noise_table`.
    score : str
        Which of its columns.

    Returns
    -------
    DataFrame
        Index: smallest cluster / neighbours; columns: components, first the
        galaxies', then the null's.
    """
    columns: dict[str, pd.Series] = {}
    for data, mark in ((GALAXIES, ""), (COPULA, ", null")):
        mine = settings[settings["data"] == data]
        for dimension, found in mine.groupby("dimension"):
            columns[f"{dimension}{mark}"] = found.set_index(["size", "samples"])[score]
    grid = pd.DataFrame(columns)
    grid.index = pd.Index([f"{size} / {samples}" for size, samples in grid.index])
    return grid


def noise_on_subsamples(
    values: Values, min_cluster_size: int, draws: int, seed: int
) -> NDArray[np.float64]:
    """What HDBSCAN rejects when galaxies are left out, to see what one execution stands for.

    Parameters
    ----------
    values : ndarray of float64, shape (n, dimension)
        The space.
    min_cluster_size : int
        Of HDBSCAN.
    draws : int
        How many subsamples.
    seed : int
        Of the first.

    Returns
    -------
    ndarray of float64, shape (draws,)
        Noise, percent.
    """
    rows = [subsample(len(values), seed + draw) for draw in range(draws)]
    found = [sizes(comparison.hdbscan(values[row], min_cluster_size)) for row in rows]
    return np.array([each["noise"] for each in found])


def degenerate(table: pd.DataFrame) -> list[str]:
    """Algorithms that part nothing: in half of the subsamples or more, one group or none.

    Parameters
    ----------
    table : DataFrame
        Columns algorithm, draw, score, value.

    Returns
    -------
    list of str
        Their names; what they "find" agrees with nothing, and to be better
        than that is no result.
    """
    found = table[table["score"] == "second"].assign(
        whole=lambda t: ~t["value"].map(comparison.parts).astype(bool)
    )
    shares = found.groupby("algorithm", sort=False)["whole"].mean()
    return [str(name) for name in shares.index[shares >= 0.5]]


def paired_tests(table: pd.DataFrame, score: str, share: float = SHARE) -> pd.DataFrame:
    """Compare algorithms pair by pair on the same subsamples of the galaxies.

    Subsamples overlap, so that their scores vary less than those of new
    galaxies would: the variance of a difference is the delete-d jackknife's.

    Parameters
    ----------
    table : DataFrame
        Columns algorithm, draw, score, value: one value an algorithm and draw.
    score : str
        Which score.
    share : float
        Share of the galaxies in a subsample.

    Returns
    -------
    DataFrame
        One row a pair: first, second, difference (mean of first minus second:
        the effect, in units of the score), low, high (95 % interval), p
        (two-sided), p_holm (Holm's correction over all pairs).

    References
    ----------
    Shao & Wu (1989), delete-d jackknife; Holm (1979).
    """
    wide = table[table["score"] == score].pivot(index="draw", columns="algorithm", values="value")
    factor = share / (1 - share)
    rows = []
    for first, second in combinations(wide.columns, 2):
        difference = (wide[first] - wide[second]).dropna()
        if len(difference) < 3:
            continue
        mean, spread = float(difference.mean()), float(difference.std(ddof=0))
        error = max(np.sqrt(factor) * spread, 1e-12)
        freedom = len(difference) - 1
        half = float(student.ppf(0.975, freedom)) * error
        p = 2 * float(student.sf(abs(mean) / error, freedom))
        rows.append((first, second, mean, mean - half, mean + half, p))
    columns = ["first", "second", "difference", "low", "high", "p"]
    found = pd.DataFrame(rows, columns=columns)
    corrected = multipletests(found["p"], method="holm")[1] if len(found) else []
    return found.assign(p_holm=corrected)


def _units(draws: int, seed: int) -> list[Row]:
    units: list[Row] = [{"what": "probe", "draw": 0, "seed": seed}]
    units += [
        {"what": "noise", "dimension": d, "draw": 0, "seed": seed, "data": name}
        for d in HDBSCAN_GRID["dimension"]
        for name in (GALAXIES, COPULA)
    ]
    for draw in range(draws):
        base = {"what": "algorithms", "draw": draw, "seed": seed + draw}
        units += [{**base, "data": name} for name in (GALAXIES, COPULA)]
    return units


Inputs = tuple[Representations, NDArray[np.object_], Recipe, int]


def _measure(inputs: Inputs, unit: Row) -> list[Row]:
    measures: dict[str, Callable[[Inputs, Row], list[Row]]] = {
        "probe": _measure_probe,
        "noise": _measure_noise,
        "algorithms": _measure_algorithms,
    }
    return measures[unit["what"]](inputs, unit)


def _measure_probe(inputs: Inputs, unit: Row) -> list[Row]:
    representations, types, _, _ = inputs
    return [
        {"representation": name, **row}
        for name, values in representations.items()
        for row in probe_rows(values, types, unit["seed"])
    ]


def _measure_noise(inputs: Inputs, unit: Row) -> list[Row]:
    latent, dimension = inputs[0][BOTTLENECK], unit["dimension"]
    if dimension > min(latent.shape):
        return []
    real = unit["data"] == GALAXIES
    points = latent if real else nulls.NULLS[unit["data"]](latent, unit["seed"])
    return noise_rows(points, dimension, unit["seed"])


def _measure_algorithms(inputs: Inputs, unit: Row) -> list[Row]:
    representations, types, recipe, min_cluster_size = inputs
    rows = subsample(len(types), unit["seed"])
    found: list[Row] = []
    for name, values in representations.items():
        real = unit["data"] == GALAXIES
        points = values if real else nulls.NULLS[unit["data"]](values, unit["seed"])
        seen = types[rows] if real else None
        found += [
            {"representation": name, **row}
            for row in algorithm_rows(points[rows], seen, recipe, min_cluster_size, unit["seed"])
        ]
    return found


ALGORITHMS = Study(
    "algorithms", _units, _measure, (*UPSTREAM, *TRAINING, *SPACE, *MIXTURE, "min_cluster_size"),
    ("efficientnet_lite0-crop2.npz", "efficientnet_lite0-quarter.npz"),
)  # fmt: skip
"""Every algorithm in every representation on subsamples; probes; HDBSCAN's noise."""


def probe_table(table: pd.DataFrame) -> pd.DataFrame:
    """What each representation holds of the types: probes with labels.

    Parameters
    ----------
    table : DataFrame
        Rows of `ALGORITHMS`.

    Returns
    -------
    DataFrame
        One row a representation; columns representation, and for each probe
        its scores (means over folds) and `<probe> sd` (of the accuracy).
        Empty without types.
    """
    found = table[table["what"] == "probe"]
    if "probe" not in found or found.empty:
        return pd.DataFrame()
    grouped = found.groupby(["representation", "probe", "score"], sort=False)["value"]
    means = grouped.mean().unstack(["probe", "score"])
    spread = grouped.std().unstack(["probe", "score"])
    columns = {f"{key[0]} {key[1].replace('_', ' ')}": means[key] for key in list(means.columns)}
    columns |= {f"{probe} sd": spread[probe, "accuracy"] for probe in ("linear", "neighbours")}
    return pd.DataFrame(columns).reset_index()


def agreement_table(table: pd.DataFrame, score: str) -> pd.DataFrame:
    """Mean of a score over subsamples of the galaxies: representation by algorithm.

    Parameters
    ----------
    table : DataFrame
        Rows of `ALGORITHMS`.
    score : str
        Which score.

    Returns
    -------
    DataFrame
        Index: representation; columns: algorithms.
    """
    found = table[
        (table["what"] == "algorithms") & (table["data"] == GALAXIES) & (table["score"] == score)
    ]
    means = found.groupby(["representation", "algorithm"], sort=False)["value"].mean()
    return means.unstack("algorithm").rename_axis(columns=None)


def excess_table(table: pd.DataFrame) -> pd.DataFrame:
    """Silhouettes beside those of the copula null.

    Parameters
    ----------
    table : DataFrame
        Rows of `ALGORITHMS`.

    Returns
    -------
    DataFrame
        One row a representation and algorithm; columns representation,
        algorithm, silhouette, null, excess: means over subsamples.
    """
    found = table[(table["what"] == "algorithms") & (table["score"] == "silhouette")]
    keys = ["representation", "algorithm"]
    means = found.groupby([*keys, "data"], sort=False)["value"].mean().unstack("data")
    named = means.rename(columns={GALAXIES: "silhouette", COPULA: "null"})[["silhouette", "null"]]
    return named.assign(excess=named["silhouette"] - named["null"]).reset_index()


def difference_text(tests: pd.DataFrame, first: str, second: str) -> str:
    """Difference of one pair with its interval, for prose.

    Parameters
    ----------
    tests : DataFrame
        As of `paired_tests`.
    first, second : str
        The pair, in the table's order.

    Returns
    -------
    str
        Mean difference, first minus second, and its interval; "not measured" where
        the table lacks the pair.
    """
    pair = tests[(tests["first"] == first) & (tests["second"] == second)]
    if pair.empty:
        return "not measured"
    difference, low, high = (float(pair[name].iloc[0]) for name in ("difference", "low", "high"))
    return f"{difference:+.3f} ({low:+.3f} to {high:+.3f})"


def better_than(tests: pd.DataFrame, algorithm: str, level: float = 0.05) -> list[str]:
    """Algorithms that a paired test finds better than one.

    Parameters
    ----------
    tests : DataFrame
        As of `paired_tests`, of a score where more is better.
    algorithm : str
        The one.
    level : float
        Largest corrected p-value.

    Returns
    -------
    list of str
        Their names.
    """
    sure = tests[tests["p_holm"] < level]
    worse_second = sure[(sure["second"] == algorithm) & (sure["difference"] > 0)]["first"]
    worse_first = sure[(sure["first"] == algorithm) & (sure["difference"] < 0)]["second"]
    return [*worse_second, *worse_first]
