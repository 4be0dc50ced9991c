"""Select a pipeline without labels: the most stable one, corrected for a null without clusters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from galaxy_utils.clustering.mixture import OrderedGaussianMixture
from galaxy_utils.clustering.pipelines import (
    CANDIDATE_CROPS,
    COVARIANCES,
    MEASURED,
    SCALES,
    PipelineSpec,
)
from galaxy_utils.clustering.voting import VotingMixture
from galaxy_utils.config import Parameters
from galaxy_utils.evaluation import metrics, nulls
from galaxy_utils.evaluation.resampling import bootstrap
from galaxy_utils.features.feature_table import MeasuredColumns

SMALLEST_CLUSTER = 0.05
"""Least share of the galaxies in the smallest cluster of a pipeline that may be selected."""

SPEC_FIELDS = ["measured", "scale", "crop", "components", "encoder", "covariance"]


def candidate_spaces(components: Sequence[int] = (4, 8, 16)) -> list[PipelineSpec]:
    """List the spaces that are tried; each is clustered with every form of covariance.

    Measured parameters alone, with principal components of the deep features, and the paper's
    autoencoder with either loss.
    """
    measured = [(name, scale) for name in MEASURED for scale in SCALES if name != "none"]
    found = [PipelineSpec(name, scale, "none", 0, "pca") for name, scale in measured]
    for crop in CANDIDATE_CROPS:
        for name, scale in [("none", "z"), *measured]:
            found += [PipelineSpec(name, scale, crop, number, "pca") for number in components]
        if crop != "half":
            found += [PipelineSpec("five", "z", crop, 64, loss) for loss in ("plain", "balanced")]
    return found


def halves(n: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split row numbers into two disjoint random halves."""
    order = np.random.default_rng(seed).permutation(n)
    return order[: n // 2], order[n // 2 :]


def half_stability(
    space: Any, X: Any, mixtures: Mapping[str, OrderedGaussianMixture], n_splits: int, seed: int
) -> pd.DataFrame:
    """Fit whole pipelines to disjoint halves and compare their partitions of all galaxies."""
    found = []
    for split in range(n_splits):
        partitions: dict[str, list[NDArray[np.int64]]] = {name: [] for name in mixtures}
        for half in halves(len(X), seed + split):
            values = X
            if space != "passthrough":
                rows = np.sort(half)  # randomised PCA depends on the order
                values = _seeded(space, seed + split).fit(X.iloc[rows]).transform(X)
            for name, mixture in mixtures.items():
                fitted = _seeded(mixture, seed + split).fit(values[half])
                partitions[name].append(fitted.predict(values))
        found.append({name: adjusted_rand_score(*pair) for name, pair in partitions.items()})
    return pd.DataFrame(found)


def _seeded(estimator: Any, seed: int) -> Any:
    """Clone an estimator and give all of its random choices one seed."""
    copy = clone(estimator)
    names = [name for name in copy.get_params() if name.split("__")[-1] == "random_state"]
    return copy.set_params(**dict.fromkeys(names, seed))


def score_candidates(
    spec: PipelineSpec, X: pd.DataFrame, parameters: Parameters, n_splits: int, seed: int
) -> pd.DataFrame:
    """Score a space with every form of covariance (index), without labels.

    `stability` with its standard error over splits, `null_stability` (the same on a Gaussian
    copula with the marginals of the space), `held_out` (log-likelihood per galaxy of one half
    under a mixture of the other) and `smallest` (share of the galaxies in the smallest cluster).
    """
    mixtures = {
        name: OrderedGaussianMixture(
            parameters.study_components, covariance_type=name, n_init=2,
            reg_covar=parameters.reg_covar, random_state=seed,
        )
        for name in COVARIANCES
    }  # fmt: skip
    space = spec.space(parameters, seed)
    stability = half_stability(space, X, mixtures, n_splits, seed)
    values = clone(space).fit(X).transform(X)
    null = half_stability("passthrough", nulls.gaussian_copula(values, seed), mixtures, 2, seed)
    train, test = halves(len(values), seed)
    rows = []
    for name, mixture in mixtures.items():
        sizes = np.bincount(mixture.fit(values).labels_, minlength=mixture.n_components)
        rows.append({
            "covariance": name,
            "stability": stability[name].mean(),
            "stability_error": stability[name].std(ddof=0) / max(n_splits - 1, 1) ** 0.5,
            "null_stability": null[name].mean(),
            "held_out": clone(mixture).fit(values[train]).score(values[test]),
            "smallest": sizes.min() / sizes.sum(),
        })  # fmt: skip
    return pd.DataFrame(rows).set_index("covariance")


CONSENSUS_CROP = "quarter"
"""Crop of the consensus. It is fixed, not selected: half and quarter of the frame are nearly
equally stable, and which of them comes first changes with the galaxies that are left out."""


def eligible(candidates: pd.DataFrame) -> pd.DataFrame:
    """Keep the candidates that may be selected, and rank them.

    Parameters
    ----------
    candidates : DataFrame
        Columns `SPEC_FIELDS`, `stability`, `null_stability` and `smallest`.

    Returns
    -------
    DataFrame
        Candidates that are more stable than their null and have no cluster below
        `SMALLEST_CLUSTER`, best first; `corrected` is (s - s0) / (1 - s0), the stability s
        corrected for that of the null, s0.
    """
    s, s0 = candidates["stability"], candidates["null_stability"]
    kept = candidates[(candidates["smallest"] >= SMALLEST_CLUSTER) & (s > s0)]
    corrected = (kept["stability"] - kept["null_stability"]) / (1 - kept["null_stability"])
    kept = kept.assign(corrected=corrected)
    return kept.sort_values("corrected", ascending=False, kind="stable")


def voting_members(candidates: pd.DataFrame, X: pd.DataFrame) -> dict[PipelineSpec, float]:
    """List the pipelines that vote, and the weight of each; no label is read.

    Parameters
    ----------
    candidates : DataFrame
        As for `eligible`.
    X : DataFrame
        Feature table; members need only columns that it has.

    Returns
    -------
    dict of PipelineSpec to float
        Eligible pipelines without an autoencoder that see no other crop than `CONSENSUS_CROP`, or
        than the best one where the table lacks that; the weight is the corrected stability. Empty
        if there is none.
    """
    crops = {
        crop for crop in CANDIDATE_CROPS if any(f"-{crop}:" in str(name) for name in X.columns)
    }
    table = eligible(candidates)
    table = table[(table["encoder"] == "pca") & table["crop"].isin({"none", *crops})]
    known = [name for name, columns in MEASURED.items() if set(columns) <= set(X.columns)]
    table = table[table["measured"].isin(known)]
    deep = table.loc[table["crop"] != "none", "crop"]
    if deep.empty:
        return {}
    crop = CONSENSUS_CROP if CONSENSUS_CROP in set(deep) else deep.iloc[0]
    members = table[table["crop"].isin(["none", crop])]
    return {PipelineSpec.from_row(row): float(row["corrected"]) for _, row in members.iterrows()}


def distilled_spec(members: Iterable[PipelineSpec]) -> PipelineSpec:
    """Return the space of the distilled mixture: as wide as the widest member, by ranks."""
    specs = list(members)
    widest = max((spec.measured for spec in specs), key=list(MEASURED).index)
    crop = next(spec.crop for spec in specs if spec.crop != "none")
    return PipelineSpec(widest, "rank", crop, max(spec.components for spec in specs), "pca", "diag")


def voting_mixture(
    members: Mapping[PipelineSpec, float], parameters: Parameters, random_state: int
) -> VotingMixture:
    """Build the unfitted ensemble of the pipelines of `voting_members`."""
    spec = distilled_spec(members)
    return VotingMixture(
        [(str(member), member.pipeline(parameters, random_state)) for member in members],
        spec.space(parameters, random_state),
        weights=list(members.values()),
        covariance_type=spec.covariance,
        reg_covar=parameters.reg_covar,
    )


def measured_kmeans(n_clusters: int, random_state: int) -> Pipeline:
    """Build K-means on z-scores of all measured parameters: the simplest alternative."""
    return make_pipeline(
        ColumnTransformer([("measured", StandardScaler(), MeasuredColumns())]),
        KMeans(n_clusters, n_init=10, random_state=random_state),
    )


def supervised_upper_bound() -> Pipeline:
    """Build a logistic regression that is shown labels: what the same features could give."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))


def compare_with_classes(
    types: NDArray[np.object_],
    partitions: Mapping[str, NDArray[Any]],
    seed: int,
    groups: Sequence[str] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare partitions of the same galaxies, by name, with their types (None where unknown).

    Returns the scores of `metrics.agreement`, one row per partition, and the adjusted Rand index
    on bootstrap samples (of groups as in `resampling.bootstrap`), one row each: all partitions see
    the same galaxies, so that differences are paired.
    """
    known = np.asarray(pd.notna(types))
    codes = pd.factorize(types[known])[0]
    labels = {name: pd.factorize(np.asarray(p)[known])[0] for name, p in partitions.items()}
    scores = pd.DataFrame({n: metrics.agreement(types, p) for n, p in partitions.items()}).T

    def paired(rows: NDArray[np.int64]) -> dict[str, float]:
        return {n: adjusted_rand_score(codes[rows], p[rows]) for n, p in labels.items()}

    drawn = None if groups is None else np.asarray(groups, object)[known]
    return scores, bootstrap(paired, len(codes), seed, groups=drawn)
