"""Known truth: what recipes find among mock galaxies whose family we set."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from galaxy_utils import purging, scores
from galaxy_utils.chain import Recipe
from galaxy_utils.mock_families import FAMILIES
from galaxy_utils.parameters import MIXTURE, TRAINING
from galaxy_utils.robustness import OURS, PAPERS
from galaxy_utils.search import PAPER, Ingredients, Variant, make_space, supervised_ceiling
from galaxy_utils.stretch import stretch_rows
from galaxy_utils.study import FEW_DRAWS, Row, Study
from galaxy_utils.taxonomy import lowest

PURGED = "purged"
"""Written in the place of a cluster for a mock that did not come through purging."""

STRETCHED_MANY, STRETCHED_FEW = 500, 16
"""Mocks measured in linear flux, too, where the study is made in full and where it is small."""

BINS = 3
"""Parts of equal number in which recovery is shown."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Mocks:
    """Mock galaxies that came through purging, as the recipes see them.

    Parameters
    ----------
    truth : DataFrame
        Of all mocks, see `mock_families.truth`.
    measured : DataFrame
        Of all mocks: objid, the five parameters, `appearance.SHAPE`, flag, kept.
    universe : int
        Seed of the mock universe.
    objids : ndarray of str, shape (n,)
        Kept mocks.
    ingredients : Ingredients
        The same mocks; types are their families, None for artefacts; none held out.
    recipe : Recipe
        Number of clusters, training.
    best : Variant
        The recipe of the profile `best`.
    anomaly_percent : float
        Mocks of lowest log-likelihood called anomalies.
    """

    truth: pd.DataFrame
    measured: pd.DataFrame
    universe: int
    objids: NDArray[np.str_]
    ingredients: Ingredients
    recipe: Recipe
    best: Variant
    anomaly_percent: float


def recipes(mocks: Mocks) -> dict[str, Variant]:
    """The recipes that are asked.

    Parameters
    ----------
    mocks : Mocks
        For the framings that were measured.

    Returns
    -------
    dict of str to Variant
        The paper's, ours, and the five parameters alone.
    """
    found = {PAPERS: PAPER, OURS: mocks.best}
    found["five parameters alone"] = replace(mocks.best, columns="five", framing="none")
    return {
        k: v for k, v in found.items() if v.framing == "none" or v.framing in mocks.ingredients.deep
    }


def recovery_rows(mocks: Mocks, numbers: tuple[int, ...], seed: int, each: bool) -> list[Row]:
    """Make every recipe from the mocks, artefacts included, and hold it beside the truth.

    Parameters
    ----------
    mocks : Mocks
        The mocks.
    numbers : tuple of int
        Numbers of clusters.
    seed : int
        Of the recipes.
    each : bool
        Whether to give cluster and anomaly of every mock, too, for the first number.

    Returns
    -------
    list of dict
        Keys recipe, k, score, value: `ari`, `ami`, `accuracy`,
        `balanced_accuracy` against the families, each with `null_<score>` of
        permuted families beside, `ceiling` (adjusted Rand index of a linear
        classifier that is shown the other half's families), `false_anomalies`
        (share of the anomalies that are galaxies) and `missed_artefacts`
        (share of the artefacts that are none). For each mock: objid, cluster, odd.
    """
    rows: list[Row] = []
    for name, variant in recipes(mocks).items():
        values = make_space(mocks.ingredients, variant, mocks.recipe, seed)
        for k in numbers:
            fit = replace(mocks.recipe, n_components=k).mixture(values, seed, variant.covariance)
            odd = lowest(fit.log_likelihood, mocks.anomaly_percent)
            found = _scores(mocks.ingredients.types, values, fit.cluster, odd, seed)
            rows += [{"recipe": name, "k": k, "score": s, "value": v} for s, v in found.items()]
            if each and k == numbers[0]:
                rows += _each(mocks, name, k, fit.cluster, odd)
    return rows


def _each(
    mocks: Mocks, name: str, k: int, cluster: NDArray[np.int64], odd: NDArray[np.bool_]
) -> list[Row]:
    return [
        {"recipe": name, "k": k, "objid": str(o), "cluster": int(c), "odd": int(a)}
        for o, c, a in zip(mocks.objids, cluster, odd, strict=True)
    ]


def _scores(
    families: NDArray[np.object_],
    values: Values,
    cluster: NDArray[np.int64],
    odd: NDArray[np.bool_],
    seed: int,
) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    artefact = np.asarray(pd.isna(families))
    found = scores.against_classes(families, cluster)
    null = scores.against_classes(rng.permutation(families), cluster)
    half = rng.random(len(values)) < 0.5
    return {
        **found,
        **{f"null_{name}": value for name, value in null.items()},
        "ceiling": supervised_ceiling(values, families, half),
        "false_anomalies": float((~artefact[odd]).mean()) if odd.any() else np.nan,
        "missed_artefacts": float((~odd[artefact]).mean()) if artefact.any() else np.nan,
    }


def _units(draws: int, seed: int) -> list[Row]:
    number = STRETCHED_MANY if draws >= FEW_DRAWS else STRETCHED_FEW
    recipes = [{"what": "recipes", "draw": d, "seed": seed + d} for d in range(draws)]
    return [{"what": "measured"}, {"what": "stretch", "number": number}, *recipes]


def _measure(mocks: Mocks, unit: Row) -> list[Row]:
    if unit["what"] == "measured":
        rows: list[Row] = json.loads(mocks.measured.to_json(orient="records"))
        return rows
    if unit["what"] == "stretch":
        return stretch_rows(mocks.truth.head(unit["number"]), mocks.universe)
    numbers = tuple(dict.fromkeys((mocks.recipe.n_components, len(FAMILIES))))
    return recovery_rows(mocks, numbers, unit["seed"], each=unit["draw"] == 0)


KNOWN_TRUTH = Study(
    "known_truth", _units, _measure,
    ("n_mocks", "mock_artefacts", "backbones", "engine", *TRAINING, *MIXTURE, "anomaly_percent",
     "seed"),
    of_sample=False,
)  # fmt: skip
"""Mock galaxies measured, stretched, and clustered by the recipes."""


def purge_mocks(morphology: pd.DataFrame, seed: int) -> NDArray[np.bool_]:
    """Mocks that come through purging at the paper's limits.

    Parameters
    ----------
    morphology : DataFrame
        As of `measurement.measure_morphology`.
    seed : int
        Of the Isolation Forest.

    Returns
    -------
    ndarray of bool, shape (n,)
        True where kept.
    """
    kept = purging.purge(morphology, purging.Limits(), 0.01, seed)["kept"]
    return kept.to_numpy(bool)


def matched(truth: pd.DataFrame, rows: pd.DataFrame, recipe: str, k: int) -> pd.DataFrame:
    """Every mock with what a recipe made of it.

    Parameters
    ----------
    truth : DataFrame
        One row a mock: objid, family, is_artefact and what it was drawn with.
    rows : DataFrame
        Of `recovery_rows`, with every mock.
    recipe : str
        Its name.
    k : int
        Number of clusters.

    Returns
    -------
    DataFrame
        The truth and cluster (text; `purged` for mocks that did not come
        through), odd (bool), found (family matched to the cluster, one to
        one; None for clusters left over) and recovered (whether found is the
        family; False for mocks purged).
    """
    mine = rows[(rows["recipe"] == recipe) & (rows["k"] == k) & rows["objid"].notna()]
    joined = truth.merge(mine[["objid", "cluster", "odd"]], how="left", on="objid")
    families = joined["family"].where(~joined["is_artefact"]).to_numpy(object)
    kept = joined["cluster"].notna().to_numpy()
    table = scores.contingency(families[kept], joined["cluster"].to_numpy()[kept].astype(np.int64))
    names = dict(zip(table.columns[: len(table)], table.index, strict=False))
    cluster = joined["cluster"].astype("Int64").astype(str)
    found = cluster.map({str(number): family for number, family in names.items()})
    return joined.assign(
        cluster=cluster.where(kept, PURGED),
        odd=joined["odd"].fillna(0).astype(bool),
        found=found.where(kept),
        recovered=(found == joined["family"]) & kept & ~joined["is_artefact"],
    )


def recovery_by(galaxies: pd.DataFrame, quantity: str, bins: int = BINS) -> pd.DataFrame:
    """Share of each family recovered, in parts of equal number of a quantity.

    Parameters
    ----------
    galaxies : DataFrame
        Of `matched`, artefacts left out.
    quantity : str
        A column of numbers.
    bins : int
        How many parts.

    Returns
    -------
    DataFrame
        Columns family, middle (median of the quantity in the part), percent,
        number.
    """
    parts = pd.qcut(galaxies[quantity], bins, duplicates="drop")
    grouped = galaxies.groupby(["family", parts], observed=True)
    table = grouped.agg(
        middle=(quantity, "median"), percent=("recovered", "mean"), number=("recovered", "size")
    )
    table["percent"] *= 100
    return table.reset_index(level=0).reset_index(drop=True)


def fates(table: pd.DataFrame) -> pd.DataFrame:
    """What became of galaxies and of each kind of artefact.

    Parameters
    ----------
    table : DataFrame
        Of `matched`.

    Returns
    -------
    DataFrame
        Columns kind, number, purged, anomaly, ordinary (percent).
    """
    kind = table["family"].where(table["is_artefact"], "galaxy")
    purged = table["cluster"] == PURGED
    shares = pd.DataFrame({"purged": purged, "anomaly": table["odd"] & ~purged})
    shares["ordinary"] = ~shares["purged"] & ~shares["anomaly"]
    found = 100 * shares.groupby(kind, sort=False).mean()
    found.insert(0, "number", kind.value_counts())
    return found.reset_index(names="kind")


def score_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Scores of every recipe over seeds.

    Parameters
    ----------
    rows : DataFrame
        Of `recovery_rows`, several seeds.

    Returns
    -------
    DataFrame
        Columns recipe, k, and for `ari`, `ami` and `balanced_accuracy`: mean,
        range over seeds (text), permuted (mean); ceiling; false_anomalies and
        missed_artefacts (percent).
    """
    table = []
    scored = rows[rows["score"].notna()]
    for recipe, k in scored[["recipe", "k"]].drop_duplicates().itertuples(index=False):
        mine = scored[(scored["recipe"] == recipe) & (scored["k"] == k)]
        values = mine.groupby("score")["value"]
        means, low, high = values.mean(), values.min(), values.max()
        row: Row = {"recipe": recipe, "k": int(k)}
        for name in ("ari", "ami", "balanced_accuracy"):
            row[name] = means[name]
            row[f"{name}_range"] = f"{low[name]:.2f} to {high[name]:.2f}"
            row[f"{name}_permuted"] = means[f"null_{name}"]
        row["ceiling"] = means["ceiling"]
        row["false_anomalies"] = 100 * means["false_anomalies"]
        row["missed_artefacts"] = 100 * means["missed_artefacts"]
        table.append(row)
    return pd.DataFrame(table)
