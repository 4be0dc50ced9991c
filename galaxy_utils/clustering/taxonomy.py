"""Names of clusters by the rule behind the paper's table 2, and galaxies that stand for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from galaxy_utils.data.galaxy_zoo import galaxy_types
from galaxy_utils.morphology.columns import FIVE

HIGH, MODERATE, LOW = "High", "Moderate", "Low"
LEVEL_WIDTH = 0.3
"""Robust standard deviations that a cluster's mean must lie off the mean of all galaxies to be
called High or Low."""

NO_LEVEL = "no level"
"""Where more than half of the galaxies have the same value, nothing is high or low."""

PAPER_PROFILES = {
    "interacting": (MODERATE, HIGH, HIGH, HIGH, HIGH),
    "late type": (LOW, LOW, HIGH, LOW, HIGH),
    "early type": (HIGH, LOW, LOW, HIGH, LOW),
    "transitional": (MODERATE, LOW, LOW, MODERATE, MODERATE),
}
"""Rows of table 2 as levels of `FIVE`; the merged column Gini/M20 is read as one word for each,
and "Elevated" as High for both."""

SHARED_LEVELS = 4
"""Levels that a cluster must share with a row of table 2 to get its name."""

PROMISED_CLASSES = {
    "interacting": ("merger",),
    "late type": ("spiral_cw", "spiral_acw", "spiral_combined", "edge_on"),
    "early type": ("elliptical",),
}
"""Galaxy Zoo 1 classes that a name of table 2 promises; there is none for the fourth."""

ODDS_LIMIT = 2.0
"""How many times higher the odds of those classes must be inside the cluster."""


def describe_clusters(catalogue: pd.DataFrame) -> pd.DataFrame:
    """Return mean parameters of each cluster, their levels, and a name by rule.

    A mean is High (Low) if it lies more than `LEVEL_WIDTH` robust standard deviations (1.4826
    times the median absolute deviation) above (below) the mean of all galaxies, else Moderate;
    `NO_LEVEL` where that deviation is 0. A cluster is named after the row of the paper's table 2
    that shares most of its five levels, if it shares at least `SHARED_LEVELS`.

    Parameters
    ----------
    catalogue : DataFrame
        Galaxies: the five parameters and their cluster.

    Returns
    -------
    DataFrame
        One row per cluster: cluster, galaxies, for each parameter its mean and its level
        (`<parameter>_level`), name, shared (number of levels shared with it).
    """
    five = catalogue[list(FIVE)]
    width = LEVEL_WIDTH * (1.4826 * (five - five.median()).abs().median())
    low, high = five.mean() - width, five.mean() + width
    rows = []
    for cluster, members in catalogue.groupby("cluster"):
        row: dict[str, Any] = {"cluster": cluster, "galaxies": len(members)}
        for name in FIVE:
            row[name] = float(members[name].mean())
            row[f"{name}_level"] = _level(row[name], low[name], high[name])
        levels = np.array([row[f"{name}_level"] for name in FIVE])
        shared = {name: int((levels == p).sum()) for name, p in PAPER_PROFILES.items()}
        best = max(shared, key=shared.__getitem__)
        row["name"] = best if shared[best] >= SHARED_LEVELS else "unnamed"
        rows.append(row | {"shared": shared[best]})
    return pd.DataFrame(rows)


def _level(value: float, low: float, high: float) -> str:
    if low == high:
        return NO_LEVEL
    if value > high:
        return HIGH
    return LOW if value < low else MODERATE


def check_cluster_names(described: pd.DataFrame, catalogue: pd.DataFrame) -> dict[str, bool | None]:
    """Compare the names of clusters with the Galaxy Zoo classes that the names promise.

    A name of `PAPER_PROFILES` holds if a cluster has it and, where `PROMISED_CLASSES` has classes
    for it, if the odds of these classes are at least `ODDS_LIMIT` times as high in that cluster as
    outside it; None where no galaxy of the catalogue (cluster, gz1_class) has a class.
    """
    classified = catalogue.dropna(subset="gz1_class")
    found: dict[str, bool | None] = {}
    for name in PAPER_PROFILES:
        clusters = described.loc[described["name"] == name, "cluster"]
        if clusters.empty or name not in PROMISED_CLASSES:
            found[name] = not clusters.empty
        elif classified.empty:
            found[name] = None
        else:
            inside = classified["cluster"].isin(clusters)
            promised = classified["gz1_class"].isin(PROMISED_CLASSES[name])
            found[name] = odds_ratio(promised[inside], promised[~inside]) >= ODDS_LIMIT
    return found


def odds_ratio(inside: pd.Series, outside: pd.Series) -> float:
    """Return the odds of a property in one group over those in another."""
    odds = [(group.sum() + 0.5) / ((~group).sum() + 0.5) for group in (inside, outside)]
    return float(odds[0] / odds[1])


def eta_squared(values: pd.Series, cluster: pd.Series) -> float:
    """Return the share of a quantity's variance that lies between clusters, 0 to 1."""
    means = values.groupby(cluster).transform("mean")
    return float(((means - values.mean()) ** 2).sum() / ((values - values.mean()) ** 2).sum())


def representatives(catalogue: pd.DataFrame, number: int) -> pd.DataFrame:
    """Select the galaxies that stand for each cluster, and for the anomalies.

    Columns objid, gz1_class, group ("cluster k" or "anomaly"): of a cluster the galaxies of
    largest probability, ties by log-likelihood; of the anomalies those of lowest log-likelihood.
    Small groups are filled with empty objids, so that each group has `number` rows.
    """
    anomalous = catalogue["anomaly"].astype(bool)
    order = ["max_probability", "log_likelihood"]
    groups = {
        f"cluster {cluster}": members.sort_values(order, ascending=False)
        for cluster, members in catalogue[~anomalous].groupby("cluster")
    }
    groups["anomaly"] = catalogue[anomalous].sort_values("log_likelihood")
    rows = []
    for name, members in groups.items():
        top = members.head(number)[["objid", "gz1_class"]].reset_index(drop=True)
        top = top.reindex(range(number)).astype(object).fillna("")
        rows.append(top.assign(group=name))
    return pd.concat(rows, ignore_index=True)


def random_members(catalogue: pd.DataFrame, number: int = 10, *, seed: int) -> pd.DataFrame:
    """Draw galaxies at random from each cluster and from each Galaxy Zoo class.

    Parameters
    ----------
    catalogue : DataFrame
        Galaxies: objid, cluster and gz1_class.
    number : int
        How many of each; small groups are filled with empty objids.
    seed : int
        Of the order in which the galaxies are drawn.

    Returns
    -------
    DataFrame
        Columns objid, grouping ("clusters" or "Galaxy Zoo classes") and group.
    """
    drawn = catalogue.sample(frac=1, random_state=seed)
    groupings = {
        "clusters": "cluster " + drawn["cluster"].astype("Int64").astype("string"),
        "Galaxy Zoo classes": galaxy_types(drawn["gz1_class"]),
    }
    rows = []
    for grouping, groups in groupings.items():
        for group, members in drawn["objid"].groupby(groups):
            objids = (
                members.head(number).reset_index(drop=True).reindex(range(number), fill_value="")
            )
            rows.append(pd.DataFrame({"objid": objids, "grouping": grouping, "group": group}))
    return pd.concat(rows, ignore_index=True)
