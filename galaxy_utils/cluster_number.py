"""How many clusters, if any: likelihoods, stability and calibration, each with its null."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import StandardScaler

from galaxy_utils import nulls, scores
from galaxy_utils.chain import GALAXIES, Recipe
from galaxy_utils.features import Features
from galaxy_utils.parameters import MIXTURE, SPACE, TRAINING, UPSTREAM
from galaxy_utils.scores import under_mixture
from galaxy_utils.study import FEW_DRAWS, Row, Study
from galaxy_utils.taxonomy import fit_mixture, n_free_parameters

COVARIANCES = ("full", "tied", "diag", "spherical")
NUMBERS = tuple(range(1, 13))
"""Numbers of components that are tried."""

STABILITY_NUMBERS = (2, 3, 4, 5, 6, 8, 10, 12)
DIMENSIONS = (2, 4, 8, 16, 32, 64)
"""Leading principal components in which saturation is looked at."""

SEEDS = 5
PAIRS = 20_000

Values = NDArray[np.float64]


def likelihood_rows(
    values: Values, numbers: Sequence[int], covariance: str, reg_covar: float, seed: int
) -> list[Row]:
    """Likelihood of mixtures of several sizes, on what they were fitted to and on the rest.

    Parameters
    ----------
    values : ndarray of float64, shape (n, dimension)
        The points.
    numbers : sequence of int
        Numbers of components.
    covariance : str
        full, tied, diag or spherical.
    reg_covar : float
        As in `taxonomy.fit_mixture`.
    seed : int
        Of the split in halves and of the starts.

    Returns
    -------
    list of dict
        Keys k, score, value: `held_out` (mean log-likelihood of one half under
        the mixture of the other), and of a mixture of all points `bic`, `icl`,
        `log_likelihood` (a point) and `parameters`.
    """
    order = np.random.default_rng(seed).permutation(len(values))
    half, rest = values[order[: len(order) // 2]], values[order[len(order) // 2 :]]
    rows: list[Row] = []
    for k in numbers:
        fit = fit_mixture(values, k, covariance, 1, reg_covar, seed)
        found = {name: under_mixture(fit, 0.5)[name] for name in ("log_likelihood", "bic", "icl")}
        found["held_out"] = float(
            fit_mixture(half, k, covariance, 1, reg_covar, seed).model.score(rest)
        )
        found["parameters"] = n_free_parameters(fit.model)
        rows += [{"k": k, "score": name, "value": value} for name, value in found.items()]
    return rows


def clusterwise_jaccard(
    reference: NDArray[np.int64], rows: NDArray[np.int64], cluster: NDArray[np.int64]
) -> NDArray[np.float64]:
    """How well each cluster is found again in a resampled data set.

    Parameters
    ----------
    reference : ndarray of int64, shape (n,)
        The partition of all points.
    rows : ndarray of int64, shape (m,)
        Points of the resample, repeated ones too.
    cluster : ndarray of int64, shape (m,)
        Partition of the resample.

    Returns
    -------
    ndarray of float64, shape (n_clusters,)
        For each cluster of the reference the largest Jaccard coefficient with
        a cluster of the resample, among the points drawn.

    References
    ----------
    Hennig (2007), Cluster-wise assessment of cluster stability.
    """
    drawn, first = np.unique(rows, return_index=True)
    old, new = reference[drawn], cluster[first]
    best = []
    for c in np.unique(reference):
        mine = old == c
        overlaps = [
            np.sum(mine & (new == other)) / max(np.sum(mine | (new == other)), 1)
            for other in np.unique(new)
        ]
        best.append(max(overlaps))
    return np.array(best)


def stability_rows(
    values: Values, k: int, covariance: str, reg_covar: float, resamplings: int, seed: int
) -> list[Row]:
    """Stability of a mixture's clusters against resampling and against other starts.

    Parameters
    ----------
    values : ndarray of float64, shape (n, dimension)
        The points.
    k, covariance, reg_covar
        As in `taxonomy.fit_mixture`.
    resamplings : int
        Bootstrap samples.
    seed : int
        Of all of it.

    Returns
    -------
    list of dict
        Keys score, value: `jaccard_mean` and `jaccard_lowest` (over clusters,
        each the mean over bootstrap samples), `seed_ari` (mean adjusted Rand
        index with refits of other seeds).

    References
    ----------
    Hennig (2007); Hubert & Arabie (1985).
    """
    rng = np.random.default_rng(seed)
    reference = fit_mixture(values, k, covariance, 1, reg_covar, seed).cluster
    found = []
    for _ in range(resamplings):
        rows = rng.integers(0, len(values), len(values))
        cluster = fit_mixture(values[rows], k, covariance, 1, reg_covar, seed).cluster
        found.append(clusterwise_jaccard(reference, rows, cluster))
    each = np.mean(found, axis=0)
    refits = [
        adjusted_rand_score(
            reference, fit_mixture(values, k, covariance, 1, reg_covar, seed + 1 + other).cluster
        )
        for other in range(SEEDS)
    ]
    result = {
        "jaccard_mean": float(each.mean()),
        "jaccard_lowest": float(each.min()),
        "seed_ari": float(np.mean(refits)),
    }
    return [{"k": k, "score": name, "value": value} for name, value in result.items()]


def saturation_rows(values: Values, recipe: Recipe, seed: int) -> list[Row]:
    """Confidence of mixtures in the leading principal components of a space.

    Parameters
    ----------
    values : ndarray of float64, shape (n, dimension)
        The space.
    recipe : Recipe
        Number of components, threshold.
    seed : int
        Of the starts.

    Returns
    -------
    list of dict
        Keys dimension, covariance, score (`confident`, `saturated`: percent), value.
    """
    components = PCA(random_state=seed).fit_transform(values)
    rows: list[Row] = []
    for d in [d for d in DIMENSIONS if d <= components.shape[1]]:
        for covariance in COVARIANCES:
            fit = fit_mixture(
                components[:, :d], recipe.n_components, covariance, 1, recipe.reg_covar, seed
            )
            found = under_mixture(fit, recipe.confidence)
            rows += [
                {"dimension": d, "covariance": covariance, "score": name, "value": found[name]}
                for name in ("confident", "saturated")
            ]
    return rows


def calibration_rows(values: Values, recipe: Recipe, seed: int) -> list[Row]:
    """Whether a responsibility means what it says, seen on galaxies left out of two fits.

    Two mixtures are fitted to two thirds of the galaxies, a third each. On the
    last third, the first one's probability that two galaxies share a cluster
    is held beside how often the second one puts them together.

    Parameters
    ----------
    values : ndarray of float64, shape (n, dimension)
        The space.
    recipe : Recipe
        The mixture, threshold.
    seed : int
        Of the thirds, the pairs and the starts.

    Returns
    -------
    list of dict
        Keys bin, score, value: `predicted`, `observed`, `pairs` for each tenth
        of probability; and with bin -1 `confident_agree`: percent of the
        galaxies confident in the first mixture that the second, its clusters
        matched one to one, puts into the same cluster.
    """
    rng = np.random.default_rng(seed)
    first, second, last = np.array_split(rng.permutation(len(values)), 3)
    one, other = (recipe.mixture(values[rows], seed).model for rows in (first, second))
    responsibilities = one.predict_proba(values[last])
    cluster = other.predict(values[last])
    i, j = rng.integers(0, len(last), (2, PAIRS))
    i, j = i[i != j], j[i != j]
    predicted = np.einsum("ij,ij->i", responsibilities[i], responsibilities[j])
    together = cluster[i] == cluster[j]
    tenth = np.clip((10 * predicted).astype(int), 0, 9)
    rows: list[Row] = []
    for b in np.unique(tenth):
        inside = tenth == b
        found = {
            "predicted": float(predicted[inside].mean()),
            "observed": float(together[inside].mean()),
            "pairs": int(inside.sum()),
        }
        rows += [{"bin": int(b), "score": name, "value": value} for name, value in found.items()]
    agree = _confident_agreement(responsibilities, cluster, recipe)
    return [*rows, {"bin": -1, "score": "confident_agree", "value": agree}]


def _confident_agreement(
    responsibilities: Values, cluster: NDArray[np.int64], recipe: Recipe
) -> float:
    mine = scores.matched_onto(responsibilities.argmax(axis=1), cluster)
    sure = responsibilities.max(axis=1) > recipe.confidence
    return float(100 * (mine[sure] == cluster[sure]).mean()) if sure.any() else np.nan


def best_number(rows: Sequence[Row], score: str) -> int:
    """Number of components that a score of `likelihood_rows` chooses.

    Parameters
    ----------
    rows : sequence of dict
        Of one covariance.
    score : str
        `bic` or `icl` (lowest), `held_out` (highest).

    Returns
    -------
    int
        Number of components.
    """
    mine = {row["k"]: row["value"] for row in rows if row["score"] == score}
    choose = max if score == "held_out" else min
    return int(choose(mine, key=lambda k: mine[k]))


def _units(draws: int, seed: int) -> list[Row]:
    few = max(1, draws // 3)
    data = [(GALAXIES, 0)] + [(name, draw) for draw in range(few) for name in nulls.NULLS]
    units: list[Row] = []
    for name, draw in data:
        base = {"data": name, "draw": draw, "seed": seed + draw}
        for space in ("latent", "morphology"):
            units += [
                {
                    **base,
                    "what": "likelihood",
                    "space": space,
                    "covariance": covariance,
                    "highest": NUMBERS[-1] if draws >= FEW_DRAWS else NUMBERS[-1] // 2,
                }
                for covariance in COVARIANCES
            ]
            units += [
                {**base, "what": "stability", "space": space, "k": k, "resamplings": 2 * draws}
                for k in STABILITY_NUMBERS
                if draw < max(1, draws // 5)
            ]
        units.append({**base, "what": "saturation", "space": "latent"})
    for draw in range(draws):
        for name in (GALAXIES, *nulls.NULLS):
            base = {"data": name, "draw": draw, "seed": seed + draw}
            units.append({**base, "what": "calibration", "space": "latent"})
    return units


def _measure(inputs: tuple[dict[str, Values], Recipe], unit: Row) -> list[Row]:
    spaces, recipe = inputs
    values, seed = spaces[unit["space"]], unit["seed"]
    if unit["data"] != GALAXIES:
        values = nulls.NULLS[unit["data"]](values, seed)
    if unit["what"] == "likelihood":
        numbers = [k for k in NUMBERS if k <= min(unit["highest"], len(values) // 4)]
        return likelihood_rows(values, numbers, unit["covariance"], recipe.reg_covar, seed)
    if unit["what"] == "stability":
        kind, reg = recipe.covariance_type, recipe.reg_covar
        return stability_rows(values, unit["k"], kind, reg, unit["resamplings"], seed)
    if unit["what"] == "saturation":
        return saturation_rows(values, recipe, seed)
    return calibration_rows(values, recipe, seed)


CLUSTER_NUMBER = Study("cluster_number", _units, _measure, (*UPSTREAM, *TRAINING, *SPACE, *MIXTURE))
"""Likelihoods over k and covariance, stability, saturation and calibration, with nulls."""


def judged_spaces(features: Features, latent: NDArray[np.float32]) -> dict[str, Values]:
    """The two spaces in which the number of clusters is asked for.

    Parameters
    ----------
    features : Features
        The galaxies.
    latent : ndarray of float32, shape (n, latent_dim)
        The run's bottleneck.

    Returns
    -------
    dict of str to ndarray of float64
        `latent`, and `morphology`: the five parameters, z-scored.
    """
    return {
        "latent": latent.astype(np.float64),
        "morphology": StandardScaler().fit_transform(features.five),
    }


def chosen_numbers(table: pd.DataFrame) -> pd.DataFrame:
    """Number of components that each score chooses, on galaxies and on nulls.

    Parameters
    ----------
    table : DataFrame
        Rows of `CLUSTER_NUMBER`.

    Returns
    -------
    DataFrame
        One row a space, covariance and data (draws of a null as a range):
        columns space, covariance, data, bic, icl, held_out (text).
    """
    asked = table[(table["what"] == "likelihood") & table["score"].isin(["bic", "icl", "held_out"])]
    rows = []
    for (space, covariance, data), group in asked.groupby(
        ["space", "covariance", "data"], sort=False
    ):
        row: Row = {"space": space, "covariance": covariance, "data": data}
        for score in ("bic", "icl", "held_out"):
            found = [best_number(_as_rows(drawn), score) for _, drawn in group.groupby("draw")]
            low, high = min(found), max(found)
            row[score] = str(low) if low == high else f"{low} to {high}"
        rows.append(row)
    return pd.DataFrame(rows)


def stability_at(table: pd.DataFrame, space: str, k: int) -> pd.DataFrame:
    """Stability at one number of components, galaxies beside nulls.

    Parameters
    ----------
    table : DataFrame
        Rows of `CLUSTER_NUMBER`.
    space : str
        `latent` or `morphology`.
    k : int
        Number of components.

    Returns
    -------
    DataFrame
        Index: data; columns jaccard_mean, jaccard_lowest, seed_ari: means over draws.
    """
    found = table[(table["what"] == "stability") & (table["space"] == space) & (table["k"] == k)]
    return found.pivot_table(index="data", columns="score", values="value", sort=False)


def calibration_curve(table: pd.DataFrame) -> pd.DataFrame:
    """Predicted and observed shares of pairs together, a row a tenth, data and draw.

    Parameters
    ----------
    table : DataFrame
        Rows of `CLUSTER_NUMBER`.

    Returns
    -------
    DataFrame
        Columns data, draw, bin, predicted, observed, pairs.
    """
    found = table[(table["what"] == "calibration") & (table["bin"] >= 0)]
    wide = found.pivot(index=["data", "draw", "bin"], columns="score", values="value")
    table = wide.reset_index().rename_axis(columns=None)
    order = (table["data"] != GALAXIES).argsort(kind="stable")
    return table.iloc[order].reset_index(drop=True)


def _as_rows(table: pd.DataFrame) -> list[Row]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]
