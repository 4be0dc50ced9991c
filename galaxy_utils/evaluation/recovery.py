"""Recovery of known families: what pipelines find among simulated galaxies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from galaxy_utils.evaluation.metrics import agreement, contingency
from galaxy_utils.evaluation.selection import supervised_upper_bound

PURGED = "purged"
"""Stands for a cluster where a simulated galaxy was purged."""

BINS, FEWEST_IN_BIN = 4, 20
"""Bins of equal number in which recovery is measured, and the fewest galaxies of one."""


def recovery_scores(
    families: pd.Series,
    labels: NDArray[np.integer],
    outliers: NDArray[np.bool_],
    X: NDArray[np.floating],
    seed: int,
) -> dict[str, float]:
    """Compare clusters and outliers of simulated galaxies with what they were drawn as.

    `families` is None for artefacts, `X` the space that was clustered. Returns the scores of
    `metrics.agreement`; the same of permuted families, `null_<score>`; `ceiling`, the adjusted
    Rand index of a linear classifier that is shown the other half's families; `false_anomalies`,
    the share of the outliers that are galaxies, and `missed_artefacts`, the share of the artefacts
    that are no outliers (NaN where there are no outliers, or no artefacts).
    """
    rng = np.random.default_rng(seed)
    classes, artefact = families.to_numpy(object), families.isna().to_numpy()
    null = agreement(rng.permutation(classes), labels)
    test = rng.random(len(classes)) < 0.5
    return {
        **agreement(classes, labels),
        **{f"null_{name}": value for name, value in null.items()},
        "ceiling": _upper_bound(X, classes, test),
        "false_anomalies": float((~artefact[outliers]).mean()) if outliers.any() else np.nan,
        "missed_artefacts": (
            float((~outliers[artefact]).mean()) if outliers.any() and artefact.any() else np.nan
        ),
    }


def _upper_bound(X: NDArray[np.floating], classes: NDArray[Any], test: NDArray[np.bool_]) -> float:
    known = pd.notna(classes)
    train = known & ~test
    if len(set(classes[train])) < 2 or (known & test).sum() < 2:
        return np.nan
    classifier = supervised_upper_bound().fit(X[train], classes[train].astype(str))
    return agreement(classes[test], classifier.predict(X[test]))["ari"]


def recovery_in_bins(galaxies: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """Measure recovery in bins of equal number of a quantity.

    `galaxies` has the columns family, cluster, named (the family after which the cluster is named)
    and the quantity. Columns quantity, family, middle (median of the quantity), part, number. For
    the family `all`, part is the adjusted Rand index; otherwise the share of the family in clusters
    named after it. Bins of fewer than `FEWEST_IN_BIN` galaxies are left out.
    """
    rows: list[tuple[Any, ...]] = []
    bins = pd.qcut(galaxies[quantity], BINS, duplicates="drop")
    for _, part in galaxies.groupby(bins, observed=True):
        index = agreement(part["family"], part["cluster"])["ari"]
        rows.append((quantity, "all", part[quantity].median(), index, len(part)))
        for family, members in part.groupby("family"):
            share = (members["named"] == family).mean()
            rows.append((quantity, family, members[quantity].median(), share, len(members)))
    table = pd.DataFrame(rows, columns=["quantity", "family", "middle", "part", "number"])
    return table[table["number"] >= FEWEST_IN_BIN]


def assign_families(truth: pd.DataFrame, clusters: pd.DataFrame) -> pd.DataFrame:
    """Join every simulated galaxy with its cluster and the family matched to it.

    Parameters
    ----------
    truth : DataFrame
        Columns objid, family, is_artefact, one row per simulated galaxy.
    clusters : DataFrame
        Columns objid, cluster, odd, one row per galaxy that was not purged.

    Returns
    -------
    DataFrame
        The truth; cluster (text; `PURGED` for others), odd (bool), and found, the family matched
        one to one to the cluster (None where none is, or where the cluster has none of it).
    """
    joined = truth.merge(clusters[["objid", "cluster", "odd"]], how="left", on="objid")
    kept = joined["cluster"].notna()
    families = joined["family"].mask(joined["is_artefact"], None)
    table = contingency(families[kept], joined.loc[kept, "cluster"].astype(int))
    pairs = zip(table.columns, table.index, strict=False)
    names = {number: family for number, family in pairs if table.loc[family, number]}
    cluster = joined["cluster"].astype("Int64").astype(str)
    return joined.assign(
        cluster=cluster.where(kept, PURGED),
        odd=joined["odd"].fillna(0).astype(bool),
        found=cluster.map(names).where(kept),
    )
