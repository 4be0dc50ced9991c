"""The mixtures of the paper's table 1, scored in each other's spaces."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_samples
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from galaxy_utils.clustering.mixture import OrderedGaussianMixture
from galaxy_utils.clustering.pipelines import paper_pipeline
from galaxy_utils.config import Parameters
from galaxy_utils.evaluation.metrics import (
    INTERNAL,
    SATURATED,
    agreement,
    internal_scores,
    mixture_scores,
)
from galaxy_utils.evaluation.proxy import ProxyRules
from galaxy_utils.evaluation.resampling import bootstrap
from galaxy_utils.features.feature_table import DeepColumns
from galaxy_utils.morphology.measurement import FIVE


def ablation_pipelines(parameters: Parameters, random_state: int) -> dict[str, Pipeline]:
    """Return the three pipelines of the paper's table 1, unfitted.

    Parameters
    ----------
    parameters : Parameters
        Of the run; the number of clusters is `judged_components`.
    random_state : int
        Seed of every random choice.

    Returns
    -------
    dict of str to Pipeline
        "morphology": z-scored morphological parameters; "deep": the deep features as they are,
        with diagonal covariances, since full ones cannot be estimated there; "fused": the
        paper's pipeline. The last step of each is called "mixture".
    """
    fused = paper_pipeline(parameters, random_state)
    mixture = fused["mixture"]
    measured = ColumnTransformer([("measured", StandardScaler(), list(FIVE))])
    by_row = FunctionTransformer(np.ascontiguousarray)  # sums depend on the order in memory
    deep = ColumnTransformer([("deep", by_row, DeepColumns(parameters.framing))])
    return {
        "morphology": Pipeline([("space", measured), ("mixture", clone(mixture))]),
        "deep": Pipeline([
            ("space", deep), ("mixture", clone(mixture).set_params(covariance_type="diag")),
        ]),
        "fused": fused,
    }  # fmt: skip


def score_pipelines(
    pipelines: Mapping[str, Pipeline], X: pd.DataFrame, confidence: float, random_state: int
) -> pd.DataFrame:
    """Score the partitions of table 1 in every space, under their mixtures and by the proxy rules.

    Parameters
    ----------
    pipelines : mapping of str to Pipeline
        As from `ablation_pipelines`, fitted to `X`.
    X : DataFrame
        Feature table.
    confidence : float
        Probability above which an assignment is called confident.
    random_state : int
        Seed of the principal components.

    Returns
    -------
    DataFrame
        Columns partition (key of `pipelines`), space, score, value. Spaces: "morphology";
        "deep", as many principal components of the deep features as the bottleneck has
        dimensions; "latent", the bottleneck; "mixture" for likelihood and probabilities, and
        "rules" for the agreement with `ProxyRules()`.
    """
    own = {name: pipeline[:-1].transform(X) for name, pipeline in pipelines.items()}
    number = min(own["fused"].shape[1], *own["deep"].shape)
    pca = PCA(number, random_state=random_state)
    deep = pca.fit_transform(own["deep"]).astype(np.float64)
    spaces = {"morphology": own["morphology"], "deep": deep, "latent": own["fused"]}
    rules = ProxyRules().classify(X)
    rows = []
    for partition, pipeline in pipelines.items():
        mixture = pipeline["mixture"]
        scores = {name: internal_scores(space, mixture.labels_) for name, space in spaces.items()}
        scores["mixture"] = mixture_scores(mixture, own[partition], confidence)
        scores["rules"] = agreement(rules, mixture.labels_)
        rows += [
            {"partition": partition, "space": space, "score": score, "value": value}
            for space, values in scores.items()
            for score, value in values.items()
        ]
    return pd.DataFrame(rows)


def resample_scores(
    mixture: OrderedGaussianMixture, X: ArrayLike, confidence: float, seed: int
) -> pd.DataFrame:
    """Score a fitted mixture on resampled galaxies; neither mixture nor clusters change.

    Silhouettes are those in the complete sample: a galaxy drawn twice would otherwise be its
    own nearest neighbour.

    Parameters
    ----------
    mixture : OrderedGaussianMixture
        Fitted.
    X : array-like of shape (n_samples, n_features)
        Galaxies in its space.
    confidence : float
        Probability above which an assignment is called confident.
    seed : int
        Of the resampling.

    Returns
    -------
    DataFrame
        One row per resample; columns `metrics.INTERNAL` (NaN where fewer than two clusters are
        left), confident and saturated, in percent.
    """
    points, probabilities = np.asarray(X), mixture.predict_proba(X)
    labels, largest = probabilities.argmax(axis=1), probabilities.max(axis=1)
    several = 2 <= len(np.unique(labels)) < len(labels)
    silhouettes = silhouette_samples(points, labels) if several else np.full(len(labels), np.nan)

    def scores(rows: np.ndarray) -> dict[str, float]:
        found = dict.fromkeys(INTERNAL, np.nan)
        if len(np.unique(labels[rows])) > 1:
            found = {
                "silhouette": float(silhouettes[rows].mean()),
                "davies_bouldin": float(davies_bouldin_score(points[rows], labels[rows])),
                "calinski_harabasz": float(calinski_harabasz_score(points[rows], labels[rows])),
            }
        return {
            **found,
            "confident": float(100 * (largest[rows] > confidence).mean()),
            "saturated": float(100 * (largest[rows] > SATURATED).mean()),
        }

    return pd.DataFrame(bootstrap(scores, len(points), seed))
