"""The search for a pipeline without labels, and what it is worth on held-out galaxies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from galaxy_utils.clustering.pipelines import (
    CANDIDATE_CROPS,
    MEASURED,
    PipelineSpec,
    paper_pipeline,
)
from galaxy_utils.clustering.voting import VotingMixture
from galaxy_utils.config import MIXTURE, TRAINING, UPSTREAM, Parameters
from galaxy_utils.data.split import N_FOLDS, fold_of, group_of, is_held_out
from galaxy_utils.errors import UserError
from galaxy_utils.evaluation import metrics
from galaxy_utils.evaluation.resampling import interval, permutation
from galaxy_utils.evaluation.selection import (
    SPEC_FIELDS,
    candidate_spaces,
    compare_with_classes,
    distilled_spec,
    eligible,
    measured_kmeans,
    score_candidates,
    supervised_upper_bound,
    voting_members,
    voting_mixture,
)
from galaxy_utils.experiments.experiment import FEW_DRAWS, Experiment
from galaxy_utils.experiments.store import Row, read_result
from galaxy_utils.features.run_table import read_feature_table, read_types
from galaxy_utils.run_folder import RunFolder

FEW_GALAXIES = 1000
"""With fewer galaxies only some of the spaces are tried."""

VALIDATION = 0
"""The part of the sample on which the rule of selection was settled with labels in view."""

METHODS = ("voting", "selected", "kmeans", "paper", "supervised")
"""Partitions that are compared: the voting mixture, the selected pipeline, K-means on measured
parameters, the paper's pipeline, and a classifier that is shown labels."""


@dataclass(frozen=True)
class Inputs:
    """Feature table in all crops, types, part of each galaxy, parameters, searches by part."""

    X: pd.DataFrame
    types: pd.Series
    part: np.ndarray[Any, np.dtype[np.int64]]
    parameters: Parameters
    searches: Mapping[int, pd.DataFrame]


def read_inputs(folder: RunFolder, parameters: Parameters, **upstream: pd.DataFrame) -> Inputs:
    """Read a run, and the candidates that the searches outside each part found."""
    X = read_feature_table(folder, parameters, CANDIDATE_CROPS)
    searches = {}
    if upstream:
        folds = upstream["folds"]
        searches = {int(part): folds[folds["part"] == part] for part in folds["part"].unique()}
    found = {part: candidates(rows) for part, rows in searches.items()}
    return Inputs(X, read_types(folder), fold_of(X.index), parameters, found)


def _spaces(draws: int, seed: int) -> list[Row]:
    components = (4, 8, 16) if draws >= FEW_DRAWS else (16,)
    return [
        {
            **{k: v for k, v in asdict(spec).items() if k != "covariance"},
            "splits": max(2, draws // 2),
            "seed": seed,
        }
        for spec in candidate_spaces(components)
    ]


def _search(data: Inputs, unit: Row) -> list[Row]:
    """Score one space on some galaxies; agreement with the types of the others is reported."""
    spec = PipelineSpec(
        unit["measured"], unit["scale"], unit["crop"], unit["components"], unit["encoder"]
    )
    if not _available(spec, data.X):
        return []
    p, seed = data.parameters, unit["seed"]
    train = data.part != unit["part"] if "part" in unit else ~is_held_out(data.X.index)
    found = score_candidates(spec, data.X[train], p, unit["splits"], seed)
    space = spec.space(p, seed).fit(data.X[train])
    values, test = space.transform(data.X[train]), space.transform(data.X[~train])
    for covariance in found.index:
        mixture = spec.pipeline(p, seed)[-1].set_params(covariance_type=covariance, n_init=2)
        scores = metrics.agreement(data.types[~train], mixture.fit(values).predict(test))
        found.loc[covariance, ["ari", "ami"]] = scores["ari"], scores["ami"]
    rows = found.rename_axis("covariance").reset_index().melt("covariance", var_name="score")
    rows["covariance"] = pd.Categorical(rows["covariance"], found.index)
    ordered = rows.sort_values("covariance", kind="stable").astype({"covariance": str})
    return [{str(k): v for k, v in row.items()} for row in ordered.to_dict("records")]


def _available(spec: PipelineSpec, X: pd.DataFrame) -> bool:
    few = len(X) < FEW_GALAXIES
    if few and (spec.crop == "half" or spec.measured in ("none", "five+axis+colours")):
        return False
    measured = set(MEASURED[spec.measured]) <= set(X.columns)
    return measured and (spec.crop == "none" or any(f"-{spec.crop}:" in c for c in X.columns))


SEARCH_FILES = (
    "appearance.csv",
    *(f"efficientnet_lite{n}-{crop}.npz" for crop in CANDIDATE_CROPS for n in (0, 2)),
)  # fmt: skip

SEARCH = Experiment(
    "search", _spaces, _search, (*UPSTREAM, *TRAINING, *MIXTURE), SEARCH_FILES, inputs=read_inputs
)
"""Every candidate scored without labels, on the galaxies that `is_held_out` leaves."""


def _fold_spaces(draws: int, seed: int) -> list[Row]:
    """The same outside every part; pipelines with an autoencoder do not vote."""
    parts = range(N_FOLDS if draws >= FEW_DRAWS else 2)
    spaces = [unit for unit in _spaces(draws, seed) if unit["encoder"] == "pca"]
    return [{"part": part, **space} for part in parts for space in spaces]


FOLDS = Experiment(
    "folds", _fold_spaces, _search, SEARCH.parameters, SEARCH_FILES, inputs=read_inputs
)
"""The search outside each part of the sample in turn."""


def candidates(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row per candidate from the stored rows of a search."""
    table = rows.pivot(index=SPEC_FIELDS, columns="score", values="value")
    table = table.reset_index().rename_axis(columns=None)
    return table.sort_values("stability", ascending=False, ignore_index=True)


def alternative_members() -> dict[PipelineSpec, float]:
    """Return members and weights of the alternative, from the search that the project carries."""
    table = candidates(read_result("search"))
    measured = [*MEASURED["five+axis+colours"], *(f"-{crop}:" for crop in CANDIDATE_CROPS)]
    return voting_members(table, pd.DataFrame(columns=measured))


def alternative_pipeline(parameters: Parameters, random_state: int) -> VotingMixture:
    """Build our alternative to the paper's pipeline, unfitted."""
    return voting_mixture(alternative_members(), parameters, random_state)


def _alternative_units(draws: int, seed: int) -> list[Row]:
    return [{"seed": seed + draw} for draw in range(draws)]


def _alternative(data: Inputs, unit: Row) -> list[Row]:
    rows: list[Row] = []
    resampled = []
    for part, table in data.searches.items():
        types = data.types[data.part == part]
        if types.nunique() < 2 or not voting_members(table, data.X):
            continue
        found = partitions(data, part, table, unit["seed"])
        classes, fields = types.to_numpy(object), list(map(group_of, types.index))
        scores, draws = compare_with_classes(classes, found, unit["seed"] + 100_000 * part, fields)
        shuffled = _shuffled(classes, found["voting"], unit["seed"])
        rows += _rows_of(str(part), scores["ari"], draws, shuffled)
        if part != VALIDATION:
            resampled.append((scores["ari"], draws, shuffled))
    if resampled:
        means: list[Any] = [sum(tables) / len(tables) for tables in zip(*resampled, strict=True)]
        rows += _rows_of("test", *means)
    return rows


def partitions(
    data: Inputs, part: int, table: pd.DataFrame, seed: int
) -> dict[str, np.ndarray[Any, Any]]:
    """Fit every method to the galaxies outside a part and predict those of the part."""
    p, train = data.parameters, data.part != part
    selected = PipelineSpec.from_row(eligible(table).iloc[0])
    estimators = {
        "voting": voting_mixture(voting_members(table, data.X), p, seed),
        "selected": selected.pipeline(p, seed),
        "kmeans": measured_kmeans(p.study_components, seed),
        "paper": paper_pipeline(p, seed),
    }
    found = {k: e.fit(data.X[train]).predict(data.X[~train]) for k, e in estimators.items()}
    bound, known = supervised_upper_bound(), train & data.types.notna().to_numpy()
    crop = distilled_spec(voting_members(table, data.X)).crop
    columns = [name for name in data.X.columns if ":" not in name or f"-{crop}:" in name]
    bound.fit(data.X.loc[known, columns], data.types[known].astype(str))
    return found | {"supervised": bound.predict(data.X.loc[~train, columns])}


def _shuffled(types: np.ndarray[Any, Any], labels: np.ndarray[Any, Any], seed: int) -> pd.Series:
    def score(order: np.ndarray[Any, Any]) -> float:
        return metrics.agreement(types, labels[order])["ari"]

    return pd.Series(permutation(score, len(labels), seed))


def _rows_of(part: str, ari: pd.Series, draws: pd.DataFrame, shuffled: pd.Series) -> list[Row]:
    """Scores, intervals over galaxies, and paired differences from the voting mixture."""
    samples = {}
    for method in METHODS:
        samples[method] = ari[method], draws[method]
        if method != "voting":
            difference = draws["voting"] - draws[method]
            samples[f"voting - {method}"] = ari["voting"] - ari[method], difference
    samples["shuffled"] = shuffled.mean(), shuffled
    rows: list[Row] = []
    for method, (value, resampled) in samples.items():
        low, high = interval(resampled)
        rows.append({"part": part, "method": method, "ari": value, "low": low, "high": high})
    return rows


ALTERNATIVE = Experiment(
    "alternative", _alternative_units, _alternative, SEARCH.parameters, SEARCH_FILES,
    upstream=(FOLDS.name,), inputs=read_inputs,
)  # fmt: skip
"""The alternative and its peers on every part, made from the other galaxies, over seeds."""


def over_seeds(rows: pd.DataFrame, part: str = "test") -> pd.DataFrame:
    """Average the rows of `ALTERNATIVE` over seeds: index method, columns ari, low, high."""
    methods = [*METHODS, *(f"voting - {m}" for m in METHODS[1:]), "shuffled"]
    columns = ["ari", "low", "high"]
    if rows.empty:
        return pd.DataFrame(np.nan, methods, columns)
    mine = rows[rows["part"].astype(str) == part]
    return mine.groupby("method")[columns].mean().reindex(methods)


def run_consensus(
    folder: RunFolder, parameters: Parameters, n_components: int
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Average the cluster probabilities of the alternative's members, fitted to a run."""
    check_crop(parameters)
    settings = parameters.model_copy(update={"study_components": n_components})
    voting = alternative_pipeline(settings, parameters.seed)
    return voting.fit(read_feature_table(folder, parameters)).consensus_


def check_crop(parameters: Parameters) -> None:
    """Refuse a consensus in a crop that no member of the alternative uses."""
    crops = sorted({spec.crop for spec in alternative_members()} - {"none"})
    if parameters.crop not in crops:
        raise UserError(
            f"mixture_fit=consensus: the pipelines of the precomputed search use the crop "
            f"{', '.join(crops)}, and this run has crop={parameters.crop!r}; take that crop, "
            "or mixture_fit=likelihood"
        )
