"""How many clusters, if any: likelihoods, stability and calibration, each with its null."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import StandardScaler
from statsmodels.stats.multitest import multipletests

from galaxy_utils.clustering.taxonomy import fit_mixture, n_free_parameters
from galaxy_utils.config import MIXTURE, SPACE, TRAINING, UPSTREAM
from galaxy_utils.evaluation import nulls, scores
from galaxy_utils.evaluation.chain import GALAXIES, Recipe
from galaxy_utils.evaluation.scores import under_mixture
from galaxy_utils.experiments.study import FEW_DRAWS, Row, Study
from galaxy_utils.features.features import Features

COVARIANCES = ("full", "tied", "diag", "spherical")
NUMBERS = tuple(range(1, 13))
"""Numbers of components that are tried."""

EACH = 30
"""Galaxies a component, at least, up to one more component than the run has."""

STABILITY_COVARIANCES = ("full", "diag")
"""For stability: tied ones take as long as full ones, spherical ones are as cheap
as diagonal ones and fit worse."""

DIMENSIONS = (2, 4, 8, 16, 32, 64)
"""Leading principal components in which saturation is looked at."""

STARTS = 2
"""Of each mixture of all galaxies, for likelihood and saturation. Mixtures of halves
and of bootstrap samples have one, so that all of them can be paid for; other draws
have other starts."""

RESAMPLINGS = 4
"""Bootstrap samples in each draw; all draws together make four times their number."""

OTHER_START = 1000
"""Added to the seed of a start to have another one."""

PAIRS = 20_000

CHOOSING = ("bic", "icl", "held_out")
"""Scores that choose a number of components."""

FOUND_AGAIN = ("jaccard_mean", "jaccard_lowest", "seed_ari")
"""Scores of stability; see `stability_rows`."""

SURELY = 0.05
"""Corrected p below which a difference in stability counts as shown."""

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
        fit = fit_mixture(values, k, covariance, STARTS, reg_covar, seed)
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
    values: Values, numbers: Sequence[int], covariance: str, reg_covar: float, start: int, seed: int
) -> list[Row]:
    """Stability of a mixture's clusters against resampling and against another start.

    Parameters
    ----------
    values : ndarray of float64, shape (n, dimension)
        The points.
    numbers : sequence of int
        Numbers of components.
    covariance, reg_covar
        As in `taxonomy.fit_mixture`.
    start : int
        Seed of the reference partition: the same in all draws that are to
        speak of the same clusters.
    seed : int
        Of the resampling and of the other start.

    Returns
    -------
    list of dict
        Keys k, score, value: `jaccard_mean` and `jaccard_lowest` (over clusters,
        each the mean over `RESAMPLINGS` bootstrap samples), `seed_ari` (adjusted
        Rand index with a refit from another start), and with the key cluster
        (from 0, by falling weight) `jaccard`, that of each cluster.

    References
    ----------
    Hennig (2007); Hubert & Arabie (1985).
    """
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    for k in numbers:
        reference = fit_mixture(values, k, covariance, 1, reg_covar, start).cluster
        each = _resampled_jaccard(values, reference, k, covariance, reg_covar, rng)
        other = fit_mixture(values, k, covariance, 1, reg_covar, start + OTHER_START + seed)
        result = {
            "jaccard_mean": float(each.mean()),
            "jaccard_lowest": float(each.min()),
            "seed_ari": float(adjusted_rand_score(reference, other.cluster)),
        }
        rows += [{"k": k, "score": name, "value": value} for name, value in result.items()]
        rows += [
            {"k": k, "score": "jaccard", "cluster": int(cluster), "value": float(value)}
            for cluster, value in zip(np.unique(reference), each, strict=True)
        ]
    return rows


def _resampled_jaccard(
    values: Values,
    reference: NDArray[np.int64],
    k: int,
    covariance: str,
    reg_covar: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Mean Jaccard coefficient of each cluster over bootstrap samples."""
    found = []
    for _ in range(RESAMPLINGS):
        rows = rng.integers(0, len(values), len(values))
        start = int(rng.integers(2**31))
        cluster = fit_mixture(values[rows], k, covariance, 1, reg_covar, start).cluster
        found.append(clusterwise_jaccard(reference, rows, cluster))
    return np.asarray(np.mean(found, axis=0), dtype=np.float64)


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
                components[:, :d], recipe.n_components, covariance, STARTS, recipe.reg_covar, seed
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
        of probability; and with bin -1, of the galaxies confident in the first
        mixture, `confident_promised`: the mean of their largest responsibility,
        in percent, and `confident_agree`: percent of them that the second, its
        clusters matched one to one, puts into the same cluster.
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
    confident = _confident_agreement(responsibilities, cluster, recipe)
    return rows + [{"bin": -1, "score": name, "value": v} for name, v in confident.items()]


def _confident_agreement(
    responsibilities: Values, cluster: NDArray[np.int64], recipe: Recipe
) -> dict[str, float]:
    mine = scores.matched_onto(responsibilities.argmax(axis=1), cluster)
    largest = responsibilities.max(axis=1)
    sure = largest > recipe.confidence
    if not sure.any():
        return {"confident_promised": np.nan, "confident_agree": np.nan}
    return {
        "confident_promised": float(100 * largest[sure].mean()),
        "confident_agree": float(100 * (mine[sure] == cluster[sure]).mean()),
    }


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
    highest = NUMBERS[-1] if draws >= FEW_DRAWS else NUMBERS[-1] // 2
    units: list[Row] = []
    for draw in range(draws):
        for name in (GALAXIES, *nulls.NULLS):
            base = {"data": name, "draw": draw, "seed": seed + draw}
            start = seed if name == GALAXIES else seed + draw
            for space in ("latent", "morphology"):
                sweep = {**base, "space": space, "highest": highest}
                units += [
                    {**sweep, "what": "likelihood", "covariance": covariance}
                    for covariance in COVARIANCES
                ]
                units += [
                    {**sweep, "what": "stability", "covariance": covariance, "start": start}
                    for covariance in STABILITY_COVARIANCES
                ]
            units += [{**base, "what": what, "space": "latent"} for what in CONFIDENCE]
    return units


def _measure(inputs: tuple[dict[str, Values], Recipe], unit: Row) -> list[Row]:
    spaces, recipe = inputs
    values, seed = spaces[unit["space"]], unit["seed"]
    if unit["data"] != GALAXIES:
        values = nulls.NULLS[unit["data"]](values, seed)
    if unit["what"] in CONFIDENCE:
        return CONFIDENCE[unit["what"]](values, recipe, seed)
    largest = max(len(values) // EACH, recipe.n_components + 1)
    numbers = [k for k in NUMBERS if k <= min(unit["highest"], largest, len(values) // 4)]
    shape, reg = unit["covariance"], recipe.reg_covar
    if unit["what"] == "likelihood":
        return likelihood_rows(values, numbers, shape, reg, seed)
    return stability_rows(values, numbers[1:], shape, reg, unit["start"], seed)


CONFIDENCE = {"saturation": saturation_rows, "calibration": calibration_rows}
"""What is asked of the recipe's own number of components."""

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


def chosen(table: pd.DataFrame) -> pd.DataFrame:
    """Number of components that each score chooses in each draw.

    Parameters
    ----------
    table : DataFrame
        Rows of `CLUSTER_NUMBER`.

    Returns
    -------
    DataFrame
        Columns space, covariance, data, draw, score (bic, icl, held_out), k.
    """
    asked = table[(table["what"] == "likelihood") & table["score"].isin(CHOOSING)]
    keys = ["space", "covariance", "data", "draw"]
    rows = []
    for names, drawn in asked.groupby(keys, sort=False):
        found = _as_rows(drawn)
        own = dict(zip(keys, names, strict=True))
        rows += [{**own, "score": score, "k": best_number(found, score)} for score in CHOOSING]
    return pd.DataFrame(rows)


def chosen_numbers(found: pd.DataFrame) -> pd.DataFrame:
    """Numbers of components that were chosen, on galaxies and on nulls, as text.

    Parameters
    ----------
    found : DataFrame
        As of `chosen`.

    Returns
    -------
    DataFrame
        One row a space, covariance and data (several draws as a range):
        columns space, covariance, data, bic, icl, held_out (text).
    """
    rows = []
    for names, group in found.groupby(["space", "covariance", "data"], sort=False):
        row: Row = dict(zip(["space", "covariance", "data"], names, strict=True))
        rows.append(row | {s: _number_range(group.loc[group["score"] == s, "k"]) for s in CHOOSING})
    return pd.DataFrame(rows)


def _number_range(numbers: pd.Series) -> str:
    low, high = numbers.min(), numbers.max()
    return str(low) if low == high else f"{low} to {high}"


def stability_at(table: pd.DataFrame, k: int, covariance: str) -> pd.DataFrame:
    """Stability at one number of components, galaxies beside nulls.

    Parameters
    ----------
    table : DataFrame
        Rows of `CLUSTER_NUMBER`.
    k : int
        Number of components.
    covariance : str
        One of `STABILITY_COVARIANCES`.

    Returns
    -------
    DataFrame
        Columns space, data, score (`jaccard_mean`, `jaccard_lowest`,
        `seed_ari`), mean, low, high (over draws).
    """
    found = _stability(table, k, covariance)
    found = found[found["score"] != "jaccard"]
    grouped = found.groupby(["space", "data", "score"], sort=False)["value"]
    drawn = grouped.agg(["mean", "min", "max"]).reset_index()
    return drawn.rename(columns={"min": "low", "max": "high"})


def stability_of_clusters(table: pd.DataFrame, k: int, covariance: str) -> pd.DataFrame:
    """Jaccard coefficient of each cluster at one number of components.

    Parameters
    ----------
    table, k, covariance
        As in `stability_at`.

    Returns
    -------
    DataFrame
        Index: space, data; one column a cluster (from 0, by falling weight):
        mean over all bootstrap samples of all draws. Each draw of a null has
        clusters of its own, and what is averaged is the cluster of that rank.
    """
    found = _stability(table, k, covariance)
    found = found[found["score"] == "jaccard"].astype({"cluster": int})
    return found.pivot_table(
        index=["space", "data"], columns="cluster", values="value", sort=False
    ).sort_index(axis=1)


def steadier(table: pd.DataFrame, k: int, covariance: str) -> pd.DataFrame:
    """Doubt that another number of components is found again more surely in the bottleneck.

    One-sided Mann-Whitney tests over the draws. All of `FOUND_AGAIN` must agree, so
    that the largest p of them counts (an intersection-union test); Holm's correction
    over the other numbers.

    Parameters
    ----------
    table, k, covariance
        As in `stability_at`.

    Returns
    -------
    DataFrame of float64
        Index: the other numbers; one column for the galaxies and one for each null:
        the corrected p that they are no steadier than `k`. Numbers without a value in
        some draw are left out; without one for `k` there are none.
        The draws are resamples of one set of galaxies and, for these, of one reference
        partition a number, of which alone this speaks.

    References
    ----------
    Mann & Whitney (1947); Berger (1982); Holm (1979).
    """
    mine = table[(table["what"] == "stability") & (table["space"] == "latent")]
    mine = mine[(mine["covariance"] == covariance) & mine["score"].isin(FOUND_AGAIN)]
    return pd.DataFrame({name: _doubt(rows, k) for name, rows in mine.groupby("data", sort=False)})


def _doubt(rows: pd.DataFrame, k: int) -> pd.Series:
    wide = rows.pivot(index="draw", columns=["k", "score"], values="value")
    known = wide.notna().all().groupby("k").all()
    numbers = [int(n) for n in known.index[known]]
    others = [n for n in numbers if n != k] if k in numbers else []
    largest = [
        mannwhitneyu(wide[n], wide[k][wide[n].columns], alternative="greater").pvalue.max()
        for n in others
    ]
    corrected = multipletests(largest, method="holm")[1] if others else []
    return pd.Series(corrected, index=pd.Index(others, name="k"), dtype=np.float64)


def steadier_numbers(doubt: pd.DataFrame, draws: int) -> tuple[list[int], list[int]] | None:
    """Numbers of components that are found again more surely, and where that means nothing.

    Parameters
    ----------
    doubt : DataFrame
        Of `steadier`.
    draws : int
        How many there were.

    Returns
    -------
    tuple of list of int or None
        Numbers with a p below `SURELY` for the galaxies: those without it on any null, and
        those with it on a null too, where fewer or other clusters are found again more easily
        whatever the data are. None where no p could have come below it: too few draws.
    """
    apart = mannwhitneyu(np.arange(draws) + draws, np.arange(draws), alternative="greater").pvalue
    if doubt.empty or apart * len(doubt) >= SURELY:
        return None
    shown = doubt < SURELY
    without = shown.drop(columns=GALAXIES).any(axis=1)
    own = shown.index[shown[GALAXIES] & ~without]
    return list(own), list(shown.index[shown[GALAXIES] & without])


def steadier_text(doubt: pd.DataFrame, k: int, draws: int) -> str:
    """Say which numbers of components are found again more surely.

    Parameters
    ----------
    doubt, draws
        As in `steadier_numbers`.
    k : int
        The number that the others are held beside.

    Returns
    -------
    str
        One sentence.
    """
    found = steadier_numbers(doubt, draws)
    if found is None:
        return f"{draws} draws are too few to tell whether another number is steadier than {k}."
    own, shared = (", ".join(map(str, numbers)) for numbers in found)
    if not (own or shared):
        return f"No other number is shown to be found again more surely than {k}."
    largest = doubt.loc[[*found[0], *found[1]], GALAXIES].max()
    text = ", ".join(filter(None, [own, shared]))
    text = f"Found again more surely than {k}: {text} (corrected $p$ at most {largest:.2g})"
    if not shared:
        return f"{text}, which data without clusters do not show."
    return f"{text}; but data without clusters show the same for {shared}" + (
        ", not for the others." if own else ", so that it says nothing of the galaxies."
    )


def _stability(table: pd.DataFrame, k: int, covariance: str) -> pd.DataFrame:
    mine = (table["what"] == "stability") & (table["k"] == k) & (table["covariance"] == covariance)
    return table[mine]


def beside_hardest(stability: pd.DataFrame, score: str = "jaccard_mean") -> dict[str, Row]:
    """Hold the galaxies' stability in each space beside the most stable null.

    Parameters
    ----------
    stability : DataFrame
        As of `stability_at`.
    score : str
        By which score.

    Returns
    -------
    dict of str to dict
        Space to `galaxies` and `null` (means over draws), `name` (of that null)
        and `relation`: `more` or `less` where the ranges of the draws do not
        overlap, else `neither`.
    """
    found: dict[str, Row] = {}
    for space, rows in stability[stability["score"] == score].groupby("space", sort=False):
        own, *others = rows.sort_values("data", key=lambda d: d != GALAXIES).to_dict("records")
        hardest = max(others, key=lambda row: row["mean"])
        found[str(space)] = {
            "galaxies": own["mean"],
            "null": hardest["mean"],
            "name": hardest["data"],
            "relation": _relation(own, hardest),
        }
    return found


def _relation(own: Mapping[Hashable, Any], other: Mapping[Hashable, Any]) -> str:
    if own["low"] > other["high"]:
        return "more"
    return "less" if own["high"] < other["low"] else "neither"


def calibration_error(curve: pd.DataFrame) -> pd.DataFrame:
    """Expected calibration error of the probability that two galaxies share a cluster.

    Parameters
    ----------
    curve : DataFrame
        As of `calibration_curve`.

    Returns
    -------
    DataFrame
        Index: data; columns mean, low, high (over draws) of the mean distance
        between predicted and observed share, weighted by pairs.

    References
    ----------
    Guo, Pleiss, Sun & Weinberger (2017).
    """
    off = (curve["predicted"] - curve["observed"]).abs() * curve["pairs"]
    by = [curve["data"], curve["draw"]]
    error = off.groupby(by, sort=False).sum() / curve["pairs"].groupby(by, sort=False).sum()
    drawn = error.groupby("data", sort=False).agg(["mean", "min", "max"])
    return drawn.rename(columns={"min": "low", "max": "high"})


def kept_promise(table: pd.DataFrame) -> pd.DataFrame:
    """What confident galaxies are promised, and what an independent fit confirms.

    Parameters
    ----------
    table : DataFrame
        Rows of `CLUSTER_NUMBER`.

    Returns
    -------
    DataFrame
        Index: data; columns promised, agree (percent, means over draws), gap
        (agree minus promised, percentage points), low, high (range of the gap
        over draws).
    """
    names = {"confident_promised": "promised", "confident_agree": "agree"}
    found = table[(table["what"] == "calibration") & table["score"].isin(names)]
    wide = found.pivot(index=["data", "draw"], columns="score", values="value")
    wide = wide.rename(columns=names).assign(gap=lambda t: t["agree"] - t["promised"])
    grouped = wide.groupby("data", sort=False)
    means = grouped[["promised", "agree", "gap"]].mean()
    return means.assign(low=grouped["gap"].min(), high=grouped["gap"].max())


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
    order = [GALAXIES, *nulls.NULLS]  # the same on every figure of the page, so that colours are
    return table.sort_values(
        "data", key=lambda names: names.map(order.index), kind="stable"
    ).reset_index(drop=True)


def _as_rows(table: pd.DataFrame) -> list[Row]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]
