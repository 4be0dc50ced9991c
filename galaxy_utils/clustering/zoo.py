"""What people would call a galaxy: a supervised classifier, and the prior of its classes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from galaxy_utils.errors import UserError

ZOO_FEATURES = "galaxy_convnext-quarter"
"""What the classifier sees: the features of the galaxy encoder, which saw no label."""

TRAINING, NATURAL = "training", "natural"
"""Priors: that of the training sample; and the one that is most likely given the images."""

_N_ITERATIONS = 200


def read_prior(word: str, classes: list[str]) -> str | NDArray[np.float64]:
    """Read what `--prior` says: `TRAINING`, `NATURAL`, or a YAML file of shares by class."""
    if word in (TRAINING, NATURAL):
        return word
    expected = f"expected one line for each of {', '.join(classes)}, such as 'merger: 0.02'"
    try:
        content = yaml.safe_load(Path(word).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        raise UserError(
            f"prior {word!r}: neither {TRAINING} nor {NATURAL} nor a file that can be read; "
            f"in a file, {expected}"
        ) from None
    if not isinstance(content, Mapping) or set(content) != set(classes):
        raise UserError(f"prior {word}: {expected}")
    shares = pd.to_numeric(pd.Series([content[name] for name in classes]), errors="coerce")
    if not (np.isfinite(shares) & (shares >= 0)).all() or shares.sum() <= 0:
        raise UserError(f"prior {word}: shares are numbers from 0, and not all of them 0")
    return np.asarray(shares / shares.sum(), np.float64)


def correct_prior(
    probabilities: NDArray[np.float64],
    trained: NDArray[np.float64],
    prior: str | NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Turn the probabilities under the training shares into those under another prior.

    `NATURAL` estimates the prior from the probabilities themselves, by expectation–maximisation
    (Saerens, Latinne & Decaestecker 2002, Neural Computation 14, 21), with one galaxy of each class
    added so that a few images decide little. Returns probabilities and prior.
    """
    if isinstance(prior, str) and prior == TRAINING:
        return probabilities, trained
    shares = trained if isinstance(prior, str) else prior
    for _ in range(_N_ITERATIONS if isinstance(prior, str) else 1):
        weighted = probabilities * (shares / trained)
        corrected = weighted / weighted.sum(axis=1, keepdims=True)
        if isinstance(prior, str):
            shares = (corrected.sum(axis=0) + 1) / (len(corrected) + len(shares))
    return corrected, shares


def zoo_columns(
    pipeline: Pipeline, X: NDArray[np.floating], about: Mapping[str, Any], prior: str
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return `type`, the most probable class, and `p_<class>` of each galaxy; and the prior.

    Empty and NaN for a row of features that are not finite. `about` holds the shares of the
    training sample by class.
    """
    classes = [str(name) for name in pipeline.classes_]
    trained = np.array([about["shares"][name] for name in classes])
    wanted = read_prior(prior, classes)
    complete = np.isfinite(X).all(axis=1)
    found = np.full((len(X), len(classes)), np.nan)
    shares = trained
    if complete.any():
        found[complete], shares = correct_prior(
            pipeline.predict_proba(X[complete]), trained, wanted
        )
    table = pd.DataFrame(found, columns=[f"p_{name}" for name in classes])
    best = np.where(complete, np.nan_to_num(found).argmax(axis=1), -1)
    table.insert(0, "type", [classes[k] if k >= 0 else "" for k in best])
    return table, {name: float(share) for name, share in zip(classes, shares, strict=True)}
