"""What twins across the split are worth: the same galaxies split one by one, and by field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.metrics import accuracy_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from galaxy_utils.clustering.pipelines import PipelineSpec, paper_pipeline
from galaxy_utils.config import Parameters
from galaxy_utils.data.split import N_FOLDS, fold_of
from galaxy_utils.data.twins import TWINS_FILE, has_twin_elsewhere, read_twins
from galaxy_utils.evaluation.metrics import agreement
from galaxy_utils.evaluation.selection import (
    distilled_spec,
    eligible,
    measured_kmeans,
    supervised_upper_bound,
    voting_members,
    voting_mixture,
)
from galaxy_utils.experiments.experiment import Experiment
from galaxy_utils.experiments.selection import ALTERNATIVE, VALIDATION
from galaxy_utils.experiments.store import Row
from galaxy_utils.features.named_samples import PRECOMPUTED
from galaxy_utils.run_folder import RunFolder

SPLITS = ("objid", "field")
"""Values of `by` in `fold_of`."""

NEAREST = "nearest neighbour"
METHODS = (NEAREST, "kmeans", "selected", "supervised", "voting", "paper")
"""A classifier that takes the type of the most similar training galaxy, and the partitions of the
experiment `alternative`."""

ALL, WITHOUT, TWINS, WITHOUT_PARTNER = "all", "without twins", "twins", "twins, partner left out"
"""Test galaxies that are scored: all; those that have no twin in the training sample; those that
have one; and these again after all their twins have been left out of the training sample."""


@dataclass(frozen=True)
class Inputs:
    """Feature table, types, candidates of the searches outside each part, pairs of twins."""

    X: pd.DataFrame
    types: pd.Series
    parameters: Parameters
    searches: dict[int, pd.DataFrame]
    twins: pd.DataFrame


def read_inputs(
    folder: RunFolder, parameters: Parameters, search: pd.DataFrame, folds: pd.DataFrame
) -> Inputs:
    """Read a run, the searches, and the twins of its sample."""
    assert ALTERNATIVE.inputs is not None
    data = ALTERNATIVE.inputs(folder, parameters, search=search, folds=folds)
    measured = PRECOMPUTED.get(parameters.sample)
    twins = read_twins(measured or folder.file("measured"))
    return Inputs(data.X, data.types, parameters, dict(data.searches), twins)


def _units(draws: int, seed: int) -> list[Row]:
    return [
        {"method": method, "part": part, "split": split, "seed": seed + draw}
        for draw in range(draws)
        for method in METHODS
        for part in range(VALIDATION + 1, N_FOLDS)
        for split in SPLITS
    ]


def _measure(data: Inputs, unit: Row) -> list[Row]:
    """Fit one method to the galaxies outside a part, and score it on several groups inside."""
    method, table = unit["method"], data.searches.get(unit["part"])
    test = fold_of(data.X.index, unit["split"]) == unit["part"]
    y = data.types.to_numpy(object)
    if table is None or not voting_members(table, data.X) or pd.Series(y[test]).nunique() < 2:
        return []
    twin = has_twin_elsewhere(data.X.index, test, data.twins)
    estimator = _estimator(method, table, data, unit["seed"])
    shown = ~test & (pd.notna(y) if method in (NEAREST, "supervised") else True)
    predicted = estimator.fit(data.X[shown], y[shown]).predict(data.X[test])
    groups = {ALL: np.full(test.sum(), True), WITHOUT: ~twin[test], TWINS: twin[test]}
    scored = [(name, predicted, kept) for name, kept in groups.items()]
    if method == NEAREST:
        alone = estimator.fit(data.X[shown & ~twin], y[shown & ~twin]).predict(data.X[test])
        scored.append((WITHOUT_PARTNER, alone, twin[test]))
    rows = []
    for name, labels, kept in scored:
        kept = kept & pd.notna(y[test])
        if kept.any():
            score, value = _score(method, y[test][kept], labels[kept])
            rows.append({"galaxies": name, "n": int(kept.sum()), "score": score, "value": value})
    return rows


def _score(method: str, types: NDArray[np.object_], predicted: NDArray[Any]) -> tuple[str, float]:
    if method == NEAREST:
        return "accuracy", float(accuracy_score(types.astype(str), predicted))
    return "ari", agreement(types, predicted)["ari"]


def _estimator(method: str, table: pd.DataFrame, data: Inputs, seed: int) -> Any:
    """Build a method of the experiment `alternative`, unfitted; it takes a feature table."""
    p, members = data.parameters, voting_members(table, data.X)
    if method == "voting":
        return voting_mixture(members, p, seed)
    if method == "selected":
        return PipelineSpec.from_row(eligible(table).iloc[0]).pipeline(p, seed)
    if method == "kmeans":
        return measured_kmeans(p.judged_components, seed)
    if method == "paper":
        return paper_pipeline(p, seed)
    crop = distilled_spec(members).crop
    columns = [name for name in data.X.columns if ":" not in name or f"-{crop}:" in name]
    kept = ("columns", ColumnTransformer([("kept", "passthrough", columns)]))
    if method == "supervised":
        return Pipeline([kept, *supervised_upper_bound().steps])
    pca = PCA(min(128, len(columns), len(data.X) // 2), random_state=seed)
    nearest = KNeighborsClassifier(n_neighbors=1)
    return Pipeline([kept, ("scale", StandardScaler()), ("reduce", pca), ("nearest", nearest)])


SPLIT = Experiment(
    "split", _units, _measure, ALTERNATIVE.parameters, (*(ALTERNATIVE.files or ()), TWINS_FILE),
    upstream=ALTERNATIVE.upstream, inputs=read_inputs,
)  # fmt: skip
"""Scores on the test parts with twins, without them, and with the split by field; the candidates
are those that the searches found outside the parts of the split by objid."""


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Average the rows of `SPLIT` over parts and seeds.

    Parameters
    ----------
    rows : DataFrame
        Of the experiment.

    Returns
    -------
    DataFrame
        Index method; columns `objid` (as the book had it), `without twins` (the same fits, scored
        on test galaxies that have no twin in the training sample), `field` (split by field),
        `n_parts` (number of parts and seeds that both splits have in common).
    """
    keys = ["method", "part", "seed"]
    wide = rows.pivot(index=keys, columns=["split", "galaxies"], values="value")
    chosen = {"objid": ("objid", ALL), WITHOUT: ("objid", WITHOUT), "field": ("field", ALL)}
    table = pd.DataFrame({name: wide[column] for name, column in chosen.items()}).dropna()
    found = table.groupby("method").mean().assign(n_parts=table.groupby("method").size())
    return found.reindex(list(METHODS))


def n_straddling(objids: pd.Index, twins: pd.DataFrame) -> pd.Series:
    """Count the pairs of twins whose two galaxies are in different parts, for every split."""
    known = twins[twins["objid_1"].isin(objids) & twins["objid_2"].isin(objids)]
    pairs = [known["objid_1"].astype(str), known["objid_2"].astype(str)]
    return pd.Series({by: int((fold_of(pairs[0], by) != fold_of(pairs[1], by)).sum())
                      for by in SPLITS})  # fmt: skip
