"""Whether cluster probabilities are probabilities, on galaxies left out of two fits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone

from galaxy_utils.evaluation.metrics import relabel

N_PAIRS = 20_000


def calibration(
    mixture: Any, X: NDArray[np.floating], confidence: float, seed: int
) -> pd.DataFrame:
    """Predict the partition of one mixture by the probabilities of another.

    Two mixtures are fitted to a third of the galaxies each. On the last third, the first one's
    probability that two galaxies share a cluster is compared with how often the second one puts
    them together.

    Parameters
    ----------
    mixture : estimator
        With `fit`, `predict`, `predict_proba`; refitted.
    X : ndarray of shape (n_samples, n_features)
        The galaxies.
    confidence : float
        Probability above which an assignment is called confident.
    seed : int
        Of the thirds, the pairs and the initialisations.

    Returns
    -------
    DataFrame
        Columns bin, score, value: `predicted` and `observed` share of pairs together and number
        of `pairs`, in each tenth of probability; with bin -1, of the galaxies confident in the
        first mixture, `confident_promised` (mean of their largest probability) and
        `confident_agree` (share in the matched cluster of the second), in percent.
    """
    rng = np.random.default_rng(seed)
    first, second, last = np.array_split(rng.permutation(len(X)), 3)
    one = clone(mixture).set_params(random_state=seed).fit(X[first])
    other = clone(mixture).set_params(random_state=seed).fit(X[second])
    probabilities, labels = one.predict_proba(X[last]), other.predict(X[last])
    i, j = rng.integers(0, len(last), (2, N_PAIRS))
    i, j = i[i != j], j[i != j]
    predicted = np.einsum("ij,ij->i", probabilities[i], probabilities[j])
    together = labels[i] == labels[j]
    tenth = np.clip((10 * predicted).astype(int), 0, 9)
    rows: list[tuple[int, str, float]] = []
    for number in np.unique(tenth):
        inside = tenth == number
        rows += [
            (number, "predicted", predicted[inside].mean()),
            (number, "observed", together[inside].mean()),
            (number, "pairs", inside.sum()),
        ]
    matched = relabel(probabilities.argmax(axis=1), labels)
    largest = probabilities.max(axis=1)
    confident = largest > confidence
    promised = 100 * largest[confident].mean() if confident.any() else np.nan
    agree = 100 * (matched == labels)[confident].mean() if confident.any() else np.nan
    rows += [(-1, "confident_promised", promised), (-1, "confident_agree", agree)]
    return pd.DataFrame(rows, columns=["bin", "score", "value"])
