"""Supervised upper bound: what classifiers read from a representation when labels are given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, adjusted_rand_score, balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

N_COMPONENTS = 128
"""Principal components that a probe is given, at most."""

N_NEIGHBOURS = 15
N_FOLDS = 5


def probes(n_features: int, n_samples: int, random_state: int) -> dict[str, Any]:
    """Return the classifiers that probe a representation, unfitted.

    Parameters
    ----------
    n_features : int
        Of the representation; a wide one is reduced to its leading principal components.
    n_samples : int
        Number of training galaxies.
    random_state : int
        Of the components.

    Returns
    -------
    dict of str to Pipeline
        `linear` (logistic regression) and `neighbours` (15 nearest neighbours).

    References
    ----------
    Alain & Bengio (2016), arXiv:1610.01644.
    """

    def scaled(classifier: Any) -> Any:
        """Standardise; reduce a wide space."""
        if n_features <= N_COMPONENTS:
            return make_pipeline(StandardScaler(), classifier)
        pca = PCA(min(N_COMPONENTS, n_samples), random_state=random_state)
        return make_pipeline(StandardScaler(), pca, classifier)

    return {
        "linear": scaled(LogisticRegression(C=0.1, max_iter=2000)),
        "neighbours": scaled(KNeighborsClassifier(min(N_NEIGHBOURS, n_samples))),
    }


def probe_scores(X: NDArray[np.floating], types: NDArray[np.object_], seed: int) -> pd.DataFrame:
    """Score the probes of a representation by cross-validation.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The representation.
    types : ndarray of object, shape (n_samples,)
        Type of each galaxy; those without one (None) are left out.
    seed : int
        Of the folds and the components.

    Returns
    -------
    DataFrame
        Columns probe, fold, score (`accuracy`, `balanced_accuracy`, `ari`), value, on galaxies
        that the probe was not trained on; empty where a type has fewer galaxies than folds.
    """
    known = np.asarray(pd.notna(types))
    counts = pd.Series(types[known]).value_counts()
    if len(counts) < 2 or counts.min() < N_FOLDS:
        return pd.DataFrame(columns=["probe", "fold", "score", "value"])
    X, y = X[known], types[known].astype(str)
    rows = []
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed).split(X, y)
    for fold, (train, test) in enumerate(folds):
        for name, probe in probes(X.shape[1], len(train), seed).items():
            predicted = probe.fit(X[train], y[train]).predict(X[test])
            scores = {
                "accuracy": accuracy_score(y[test], predicted),
                "balanced_accuracy": balanced_accuracy_score(y[test], predicted),
                "ari": adjusted_rand_score(y[test], predicted),
            }
            rows += [(name, fold, score, float(value)) for score, value in scores.items()]
    return pd.DataFrame(rows, columns=["probe", "fold", "score", "value"])
