"""Known truth: what recipes find among mock galaxies whose family we set."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import ks_2samp
from sklearn.ensemble import IsolationForest

from galaxy_utils.clustering import consensus
from galaxy_utils.clustering.comparison import kmeans
from galaxy_utils.clustering.taxonomy import lowest
from galaxy_utils.config import MIXTURE, TRAINING
from galaxy_utils.data.images import Image
from galaxy_utils.evaluation import scores
from galaxy_utils.evaluation.chain import Recipe
from galaxy_utils.evaluation.robustness import OURS, PAPERS
from galaxy_utils.evaluation.search import (
    PAPER,
    SEARCH,
    Difference,
    Ingredients,
    Variant,
    difference,
    make_space,
    supervised_ceiling,
    widest_measured,
)
from galaxy_utils.evaluation.stretch import COMPRESSED, LINEAR, stretch_rows
from galaxy_utils.experiments.study import FEW_DRAWS, Row, Study
from galaxy_utils.morphology.measurement import FIVE
from galaxy_utils.morphology.photometry import SHAPE
from galaxy_utils.morphology.purging import PhysicalLimits, purge
from galaxy_utils.simulate.drawing import draw
from galaxy_utils.simulate.families import ARTEFACTS, FAMILIES

PURGED = "purged"
"""Written in the place of a cluster for a mock that did not come through purging."""

STRETCHED_MANY, STRETCHED_FEW = 400, 16
"""Mocks measured in linear flux, too, where the study is made in full and where it is small."""

FIVE_ALONE = "five parameters alone"
"""Name of a third recipe: the mixture on the five parameters."""

MEASURED_MIXTURE = "mixture, measured"
"""Name of a peer: all measured parameters scaled as in ours, the same kind of mixture, fitted by
likelihood; no deep features and no votes."""

MEASURED_K_MEANS = "K-Means, measured"
"""Name of a peer: K-Means on z-scores of all measured parameters, as `consensus.measured_alone`.
It has no likelihood, and so calls nothing an anomaly."""

PEERS = {"bare": MEASURED_MIXTURE, "peer": MEASURED_K_MEANS}
"""What shows whether ours owes anything to deep features and votes: key of its results, name."""

QUANTITIES = (*FIVE, *SHAPE)
"""What is compared between mocks and a run's galaxies."""

CURVES = {
    "magnitude_r": "$r$ (mag)",
    "size_over_seeing": "half-light radius / seeing",
    "inclination": "inclination (degrees)",
}
"""What recovery is drawn against, and what it is called. Edge-on discs and round families have no
part in the last: there the inclination is the family, or there is none."""

WHO = ("galaxies", "mocks")

AS_SEEN = {
    "elliptical": ("elliptical",), "spiral": ("spiral_cw", "spiral_acw"),
    "edge_on": ("edge_on",), "merger": ("merger",),
}  # fmt: skip
"""Classes of Galaxy Zoo 1 that a family should look like: spirals whose arms were seen to turn."""

INCLINED = ("lenticular", "spiral")
"""Families whose inclination is theirs to have."""

BINS, FEWEST = 4, 20
"""Parts of equal number in which recovery is shown, and the fewest galaxies one is shown with."""

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
        The space and covariance of the profile `best`.
    votes : mapping of Variant to float
        The recipes whose votes teach its mixture, see `consensus.members`.
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
    votes: Mapping[Variant, float]
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
        The paper's, ours, the five parameters alone, and `PEERS`.
    """
    found = {PAPERS: PAPER, OURS: mocks.best}
    found[FIVE_ALONE] = replace(mocks.best, columns="five", framing="none")
    found[MEASURED_MIXTURE] = replace(mocks.best, framing="none")
    found[MEASURED_K_MEANS] = widest_measured(mocks.ingredients)
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
        Whether to give cluster and anomaly of every mock, too, for the last number.

    Returns
    -------
    list of dict
        Keys recipe, k, score, value: `ari`, `ami`, `accuracy`,
        `balanced_accuracy` against the families, each with `null_<score>` of
        permuted families beside, `ceiling` (adjusted Rand index of a linear
        classifier that is shown the other half's families), `false_anomalies`
        (share of the anomalies that are galaxies) and `missed_artefacts`
        (share of the artefacts that are none), both NaN where nothing is
        called an anomaly, the second where there is no artefact. For the last number of
        clusters, in parts of equal number of every quantity of `CURVES`:
        quantity, family, middle (median of the quantity), number, part (the
        adjusted Rand index for the family `all`, else the share of the family
        in clusters that are named after it by `majority`). For each mock, if
        asked for: objid, cluster, odd.
    """
    rows: list[Row] = []
    for name, variant in recipes(mocks).items():
        values = make_space(mocks.ingredients, variant, mocks.recipe, seed)
        for k in numbers:
            cluster, odd = _said(mocks, name, variant, values, k, seed)
            found = _scores(mocks.ingredients.types, values, cluster, odd, seed)
            rows += [{"recipe": name, "k": k, "score": s, "value": v} for s, v in found.items()]
            if k == numbers[-1]:
                rows += _in_parts(mocks, name, k, cluster)
                rows += _each(mocks, name, k, cluster, odd) if each else []
    return rows


def _said(
    mocks: Mocks, name: str, variant: Variant, values: Values, k: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Clusters by a recipe, and whom it calls an anomaly."""
    if name == MEASURED_K_MEANS:
        return kmeans(values, k, seed), np.zeros(len(values), dtype=bool)
    recipe = replace(mocks.recipe, n_components=k)
    fit = (
        consensus.taught_by(mocks.ingredients, variant, mocks.votes, recipe, seed).fit
        if name == OURS
        else recipe.mixture(values, seed, variant.covariance)
    )
    return fit.cluster, lowest(fit.log_likelihood, mocks.anomaly_percent)


def _in_parts(mocks: Mocks, name: str, k: int, cluster: NDArray[np.int64]) -> list[Row]:
    """Agreement and recalls in parts of every quantity."""
    kept = mocks.truth.set_index("objid").loc[list(mocks.objids)].assign(cluster=cluster)
    galaxies = kept[~kept["is_artefact"]]
    galaxies = galaxies.assign(
        named=galaxies["cluster"].map(majority(galaxies["family"], galaxies["cluster"])),
        size_over_seeing=galaxies["half_light_radius"] / galaxies["seeing"],
    )
    found = [{"quantity": q, **row} for q in CURVES for row in _parts_of(galaxies, q)]
    return [{"recipe": name, "k": k, **row} for row in found]


def majority(families: pd.Series, cluster: pd.Series) -> dict[int, str]:
    """Name clusters by the family that most of their galaxies are of.

    Parameters
    ----------
    families : Series of str
        Of galaxies.
    cluster : Series of int
        Of the same.

    Returns
    -------
    dict of int to str
        Several clusters may have one name.
    """
    counts = pd.crosstab(cluster, families)
    most = counts.idxmax(axis=1)
    return dict(zip(counts.index.to_numpy(np.int64).tolist(), most.astype(str), strict=True))


def _parts_of(galaxies: pd.DataFrame, quantity: str) -> list[Row]:
    """One row for the adjusted Rand index of a part, one for the recall of each family in it."""
    mine = galaxies[galaxies["family"].isin(INCLINED)] if quantity == "inclination" else galaxies
    rows: list[Row] = []
    for _, part in mine.groupby(pd.qcut(mine[quantity], BINS, duplicates="drop"), observed=True):
        families = part["family"].to_numpy(object)
        agreed = scores.against_classes(families, part["cluster"].to_numpy())["ari"]
        rows.append(_part("all", part, quantity, agreed))
        for family, members in part.groupby("family"):
            right = float((members["named"] == family).mean())
            rows.append(_part(str(family), members, quantity, right))
    return [row for row in rows if row["number"] >= FEWEST]


def _part(family: str, members: pd.DataFrame, quantity: str, value: float) -> Row:
    return {"family": family, "middle": float(members[quantity].median()), "part": value,
            "number": len(members)}  # fmt: skip


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
    called = odd.any()
    return {
        **found,
        **{f"null_{name}": value for name, value in null.items()},
        "ceiling": supervised_ceiling(values, families, half),
        "false_anomalies": float((~artefact[odd]).mean()) if called else np.nan,
        "missed_artefacts": (
            float((~odd[artefact]).mean()) if called and artefact.any() else np.nan
        ),
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
    of_sample=False, carried=(SEARCH.name,), profile="best",
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
    forest = IsolationForest(n_estimators=200, contamination=0.01, random_state=seed)
    return purge(morphology, PhysicalLimits(), forest)["kept"].to_numpy(bool)


def fewest_missed(measured: pd.DataFrame, truth: pd.DataFrame, percent: float) -> float | None:
    """Artefacts that any recipe must miss, since fewer mocks are called anomalies.

    Parameters
    ----------
    measured : DataFrame
        Of `measured_of`.
    truth : DataFrame
        Of `mock_families.truth`.
    percent : float
        Mocks called anomalies, of those that came through purging.

    Returns
    -------
    float or None
        Percent of the artefacts that came through; None where none did.
    """
    kept = measured["kept"].to_numpy(bool)
    artefacts = int(truth["is_artefact"].to_numpy(bool)[kept].sum())
    called = int(lowest(np.zeros(int(kept.sum())), percent).sum())
    return 100 * max(0.0, 1 - called / artefacts) if artefacts else None


def compared(
    truth: pd.DataFrame, rows: pd.DataFrame, first: str, second: str, seed: int
) -> Difference:
    """Compare two recipes on the same mocks, with as many clusters as families.

    Parameters
    ----------
    truth, rows
        As in `matched`.
    first, second : str
        Names of the recipes.
    seed : int
        Of the resampling of mocks.

    Returns
    -------
    Difference
        Of the adjusted Rand indices, first minus second, in the first seed;
        artefacts and mocks purged are left out.
    """
    every = rows[rows["objid"].notna() & (rows["k"] == len(FAMILIES))]
    wide = every.pivot(index="objid", columns="recipe", values="cluster").astype(np.int64)
    mine = truth.set_index("objid").loc[wide.index]
    families = mine["family"].where(~mine["is_artefact"]).to_numpy(object)
    one, other = (wide[name].to_numpy(np.int64) for name in (first, second))
    return difference(families, one, other, seed)


def seeds_ahead(rows: pd.DataFrame) -> pd.DataFrame:
    """In how many seeds ours agrees better with the families than each of `PEERS`.

    Parameters
    ----------
    rows
        As in `score_table`.

    Returns
    -------
    DataFrame of int
        Index k; one column a peer, by its key, and `seeds`.
    """
    drawn = rows[rows["score"] == "ari"].pivot(
        index=["k", "seed"], columns="recipe", values="value"
    )
    ahead = pd.DataFrame({key: drawn[OURS] > drawn[name] for key, name in PEERS.items()})
    return ahead.assign(seeds=True).groupby("k").sum().astype(int)


def networks_text(ahead: pd.DataFrame) -> str:
    """Say whether deep features and votes, together, add to what is measured.

    Parameters
    ----------
    ahead : DataFrame
        Of `seeds_ahead`.

    Returns
    -------
    str
        One sentence: that they do where ours is ahead of every peer in all seeds at every
        number of clusters, that they take away where it is ahead of none in any.
    """
    peers = ahead[list(PEERS)]
    if peers.eq(ahead["seeds"], axis=0).all(axis=None):
        return "So deep features and votes, together, do add to what the measured parameters give."
    if peers.eq(0).all(axis=None):
        return "So deep features and votes, together, add nothing to the measured parameters."
    return (
        "So it is not shown that deep features and votes, together, add to what the measured "
        "parameters give: that hangs on the number of clusters, on the peer or on the seed."
    )


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
        one; None for clusters left over or without any galaxy of it) and
        recovered (whether found is the family; False for mocks purged).
    """
    mine = rows[(rows["recipe"] == recipe) & (rows["k"] == k) & rows["objid"].notna()]
    joined = truth.merge(mine[["objid", "cluster", "odd"]], how="left", on="objid")
    families = joined["family"].where(~joined["is_artefact"]).to_numpy(object)
    kept = joined["cluster"].notna().to_numpy()
    table = scores.contingency(families[kept], joined["cluster"].to_numpy()[kept].astype(np.int64))
    pairs = zip(table.columns[: len(table)], table.index, strict=False)
    names = {number: family for number, family in pairs if table.loc[family, number]}
    cluster = joined["cluster"].astype("Int64").astype(str)
    found = cluster.map({str(number): family for number, family in names.items()})
    return joined.assign(
        cluster=cluster.where(kept, PURGED),
        odd=joined["odd"].fillna(0).astype(bool),
        found=found.where(kept),
        recovered=(found == joined["family"]) & kept & ~joined["is_artefact"],
    )


def left_over(found: pd.DataFrame) -> tuple[list[str], int]:
    """Families without a cluster of their own, and clusters that hold artefacts alone.

    Parameters
    ----------
    found : DataFrame
        Result of `matched`.

    Returns
    -------
    families : list of str
        Sorted; none of their mocks lies in a cluster matched to them because there is none.
    clusters : int
        How many clusters hold no galaxy of any family.
    """
    galaxies = found[~found["is_artefact"]]
    families = sorted(set(galaxies["family"]) - set(found["found"].dropna()))
    clusters = set(found["cluster"]) - set(galaxies["cluster"]) - {PURGED}
    return families, len(clusters)


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
            row[f"{name}_low"], row[f"{name}_high"] = low[name], high[name]
            row[f"{name}_range"] = f"{low[name]:.2f} to {high[name]:.2f}"
            row[f"{name}_permuted"] = means[f"null_{name}"]
        row["ceiling"] = means["ceiling"]
        row["false_anomalies"] = 100 * means["false_anomalies"]
        row["missed_artefacts"] = 100 * means["missed_artefacts"]
        table.append(row)
    return pd.DataFrame(table)


def score_text(table: pd.DataFrame) -> pd.DataFrame:
    """Scores for the eye: one row a recipe and number of clusters.

    Parameters
    ----------
    table : DataFrame
        Of `score_table`.

    Returns
    -------
    DataFrame
        Text; first columns recipe and k. `permuted` has the scores of permuted families
        in the order of the scores before it.
    """
    names = {"ari": "adjusted Rand index", "ami": "adjusted mutual information",
             "balanced_accuracy": "balanced accuracy"}  # fmt: skip
    found = []
    for _, row in table.iterrows():
        line = {"recipe": row["recipe"], "k": row["k"]}
        line |= {t: f"{row[n]:.2f} ({row[n + '_range']})" for n, t in names.items()}
        line["permuted"] = ", ".join(f"{row[n + '_permuted']:.2f}" for n in names)
        line["ceiling"] = f"{row['ceiling']:.2f}"
        for name in ("false_anomalies", "missed_artefacts"):
            missing = "none called" if np.isnan(row["false_anomalies"]) else "no artefacts"
            text = missing if np.isnan(row[name]) else f"{row[name]:.0f}"
            line[f"{name.replace('_', ' ')} (%)"] = text
        found.append(line)
    return pd.DataFrame(found)


def measured_of(rows: pd.DataFrame) -> pd.DataFrame:
    """What was measured of every mock.

    Parameters
    ----------
    rows : DataFrame
        Result of `KNOWN_TRUTH`.

    Returns
    -------
    DataFrame
        objid, the five parameters, `appearance.SHAPE`, flag, kept (0 or 1).
    """
    mine = rows[rows["what"] == "measured"]
    return mine[["objid", *QUANTITIES, "flag", "kept"]].reset_index(drop=True)


def examples(truth: pd.DataFrame, seed: int) -> dict[str, Image]:
    """Draw a few mocks for the eye: two of each family, one of each kind of artefact.

    Parameters
    ----------
    truth : DataFrame
        Of `mock_families.truth`.
    seed : int
        Of the mock universe.

    Returns
    -------
    dict of str to ndarray of uint8, shape (256, 256, 3)
        By title.
    """
    found = {}
    for kind, mine in truth.groupby("family", sort=False):
        number = 1 if mine["is_artefact"].iloc[0] else 2
        for place, (_, row) in enumerate(mine.head(number).iterrows()):
            found[(str(kind), place)] = (row["magnitude_r"], draw(row, seed).composite)
    order = [key for kind in (*FAMILIES, *ARTEFACTS) for key in found if key[0] == kind]
    bare = {"star", "empty"}  # no galaxy is left to have a magnitude
    titles = {k: k[0] if k[0] in bare else f"{k[0]}, r = {found[k][0]:.1f}" for k in order}
    return {titles[k] + " " * k[1]: found[k][1] for k in order}


def both_samples(
    measured: pd.DataFrame, truth: pd.DataFrame, galaxies: pd.DataFrame
) -> tuple[pd.DataFrame, pd.Series]:
    """Measurements of a run's galaxies and of mock galaxies, one table below the other.

    Parameters
    ----------
    measured : DataFrame
        Of `measured_of`.
    truth : DataFrame
        Of `mock_families.truth`.
    galaxies : DataFrame
        A run's `QUANTITIES`.

    Returns
    -------
    table : DataFrame
        `QUANTITIES`; artefacts left out.
    who : Series of str
        `mocks` or `galaxies`.
    """
    mine = measured[~truth["is_artefact"].to_numpy(bool)]
    parts = {"galaxies": galaxies[list(QUANTITIES)], "mocks": mine[list(QUANTITIES)]}
    table = pd.concat(parts, names=["who"]).reset_index(level=0).reset_index(drop=True)
    return table.drop(columns="who"), table["who"]


def beside_sample(
    measured: pd.DataFrame, truth: pd.DataFrame, galaxies: pd.DataFrame
) -> pd.DataFrame:
    """Compare what is measured of mocks with what is measured of a run's galaxies.

    Parameters
    ----------
    measured, truth, galaxies
        As in `both_samples`.

    Returns
    -------
    DataFrame
        One row a quantity: quantity, galaxies and mocks (medians), ks (the
        two-sample Kolmogorov-Smirnov distance; NaN where one is not measured).
    """
    table, who = both_samples(measured, truth, galaxies)
    found = []
    for name in QUANTITIES:
        pair = [table.loc[who == group, name].dropna() for group in ("galaxies", "mocks")]
        distance = float(ks_2samp(*pair).statistic) if all(map(len, pair)) else np.nan
        found.append([name, pair[0].median(), pair[1].median(), distance])
    return pd.DataFrame(found, columns=["quantity", "galaxies", "mocks", "ks"])


def beside_classes(
    measured: pd.DataFrame, truth: pd.DataFrame, galaxies: pd.DataFrame, classes: pd.Series
) -> pd.DataFrame:
    """Compare families with the classes of galaxies that correspond to them.

    Parameters
    ----------
    measured, truth, galaxies
        As in `both_samples`; `galaxies` with objid.
    classes : Series of str
        Class by eye (Galaxy Zoo 1), by objid.

    Returns
    -------
    DataFrame
        One row a quantity: quantity, and for each family of `AS_SEEN` seen by
        enough people's galaxies two columns `<family>, galaxies` and
        `<family>, mocks` (medians). Without classes, the quantities alone.
    """
    seen = galaxies["objid"].astype(str).map(classes).to_numpy(object)
    family = truth["family"].to_numpy(object)
    table = pd.DataFrame({"quantity": QUANTITIES})
    for name, names in AS_SEEN.items():
        real, mine = galaxies[np.isin(seen.astype(str), names)], measured[family == name]
        if min(len(real), len(mine)) >= FEWEST:
            table[f"{name}, galaxies"] = real[list(QUANTITIES)].median().to_numpy()
            table[f"{name}, mocks"] = mine[list(QUANTITIES)].median().to_numpy()
    return table


def contrasts(alike: pd.DataFrame) -> tuple[float, float] | None:
    """How much more concentrated ellipticals are than spirals.

    Parameters
    ----------
    alike : DataFrame
        Of `beside_classes`.

    Returns
    -------
    tuple of float or None
        Difference of medians among galaxies and among mocks; None without classes.
    """
    row = alike[alike["quantity"] == "concentration"].iloc[0].to_dict()
    names = [[f"{family}, {who}" for family in ("elliptical", "spiral")] for who in WHO]
    if not all(name in row for pair in names for name in pair):
        return None
    first, second = (float(row[red] - row[blue]) for red, blue in names)
    return first, second


def confusion(table: pd.DataFrame) -> pd.DataFrame:
    """Families against clusters, matched ones first.

    Parameters
    ----------
    table : DataFrame
        Of `matched`; artefacts and mocks purged are left out.

    Returns
    -------
    DataFrame
        Counts, as of `scores.contingency`.
    """
    mine = table[~table["is_artefact"] & (table["cluster"] != PURGED)]
    return scores.contingency(
        mine["family"].to_numpy(object), mine["cluster"].to_numpy().astype(np.int64)
    )


def parts_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Recovery in parts of every quantity, seeds beside each other.

    Parameters
    ----------
    rows : DataFrame
        Result of `KNOWN_TRUTH`.

    Returns
    -------
    DataFrame
        Columns recipe, seed, quantity, family, middle, number, part, see
        `recovery_rows`; one row a seed.
    """
    columns = ["recipe", "seed", "quantity", "family", "middle", "number", "part"]
    if "quantity" not in rows:
        return pd.DataFrame(columns=columns)
    mine = rows[rows["quantity"].notna() & rows["recipe"].isin((PAPERS, OURS))]
    return mine[columns].reset_index(drop=True)


def agreement_of(parts: pd.DataFrame) -> pd.DataFrame:
    """Rows of `parts_of` for all families together: what the figure draws."""
    return parts[parts["family"] == "all"].reset_index(drop=True)


def seeds_without(rows: pd.DataFrame, recipe: str) -> int | None:
    """Seeds in which some family is nowhere the most frequent of a cluster.

    Parameters
    ----------
    rows : DataFrame
        Result of `KNOWN_TRUTH`.
    recipe : str
        Its name.

    Returns
    -------
    int or None
        Of as many clusters as families; None where the parts are too small to tell.
    """
    parts = parts_of(rows)
    mine = parts[(parts["recipe"] == recipe) & (parts["family"] != "all")]
    shares = mine[mine["quantity"] == "magnitude_r"].groupby(["seed", "family"])["part"].max()
    return None if shares.empty else int((shares == 0).groupby("seed").any().sum())


def parts_table(parts: pd.DataFrame) -> pd.DataFrame:
    """Recovery in parts, mean and range over seeds, a column a recipe.

    Parameters
    ----------
    parts : DataFrame
        Of `parts_of`.

    Returns
    -------
    DataFrame
        Columns quantity, family, middle, number, and one of text a recipe:
        `mean (lowest to highest)`, the adjusted Rand index for `all`, percent for a family.
    """
    keys = ["quantity", "family", "middle", "number"]
    if parts.empty:
        return pd.DataFrame(columns=[*keys, PAPERS, OURS])
    scale = np.where(parts["family"] == "all", 1.0, 100.0)
    grouped = parts.assign(part=parts["part"] * scale).groupby([*keys, "recipe"], sort=False)
    over = grouped["part"].agg(["mean", "min", "max"]).reset_index()
    over["text"] = [_mean_and_range(row) for _, row in over.iterrows()]
    table = over.pivot(index=keys, columns="recipe", values="text").reset_index()
    table = table.rename_axis(columns=None)
    table["number"] = table["number"].astype(int)
    order = {name: place for place, name in enumerate(("all", *FAMILIES))}
    quantity = table["quantity"].map({name: place for place, name in enumerate(CURVES)})
    ordered = table.assign(_q=quantity, _f=table["family"].map(order))
    ordered = ordered.sort_values(["_q", "_f", "middle"]).drop(columns=["_q", "_f"])
    return ordered.reset_index(drop=True)[[*keys, *(r for r in (PAPERS, OURS) if r in ordered)]]


def _mean_and_range(row: pd.Series) -> str:
    digits = 2 if row["family"] == "all" else 0
    return f"{row['mean']:.{digits}f} ({row['min']:.{digits}f} to {row['max']:.{digits}f})"


def ends_of(
    parts: pd.DataFrame, recipe: str, quantity: str, family: str = "all"
) -> tuple[float, float] | None:
    """Recovery in the lowest and in the highest part of a quantity.

    Parameters
    ----------
    parts : DataFrame
        Of `parts_of`.
    recipe, quantity, family : str
        Which.

    Returns
    -------
    tuple of float or None
        Means over seeds; None where nothing was measured.
    """
    names = {"recipe": recipe, "quantity": quantity, "family": family}
    mine = parts[(parts[list(names)] == pd.Series(names)).all(axis=1)]
    means = mine.groupby("middle")["part"].mean()
    return (float(means.iloc[0]), float(means.iloc[-1])) if len(means) else None


def stretch_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of `stretch.stretch_rows` in the study's result.

    Parameters
    ----------
    rows : DataFrame
        Result of `KNOWN_TRUTH`.

    Returns
    -------
    DataFrame
        objid, family, kind and the five parameters.
    """
    mine = rows[rows["what"] == "stretch"]
    return mine[["objid", "family", "kind", *FIVE]].reset_index(drop=True)


def stretch_pairs(flux: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Each parameter on linear flux and on cutouts.

    Parameters
    ----------
    flux : DataFrame
        Of `stretch_of`.

    Returns
    -------
    dict of str to DataFrame
        By parameter: columns `linear flux` and `cutout`, mocks where both were measured.
    """
    names = {LINEAR: "linear flux", COMPRESSED: "cutout"}
    wide = {name: flux.pivot(index="objid", columns="kind", values=name) for name in FIVE}
    return {k: v[list(names)].rename(columns=names).dropna() for k, v in wide.items()}
