"""What a representation knows of the types of galaxies, and whether it depends on orientation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import rotate
from sklearn.base import clone
from sklearn.metrics import pairwise_distances_argmin
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from galaxy_utils.data.images import Image
from galaxy_utils.evaluation.metrics import agreement
from galaxy_utils.evaluation.probes import probes
from galaxy_utils.evaluation.resampling import permutation
from galaxy_utils.evaluation.selection import half_stability


def rotate_image(image: Image, angle: float) -> Image:
    """Rotate an image about its centre.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        Colour composite.
    angle : float
        Degrees, counterclockwise with the origin at the top left.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        Linear interpolation; corners are filled by reflection.
    """
    counts = rotate(image.astype(np.float32), angle, reshape=False, order=1, mode="reflect")
    return np.asarray(np.clip(counts, 0, 255).round(), np.uint8)


def predict_types(
    X: NDArray[np.floating],
    types: NDArray[np.object_],
    X_test: NDArray[np.floating],
    X_rotated: NDArray[np.floating],
    seed: int,
) -> pd.DataFrame:
    """Train the probes, and predict the types of other galaxies before and after a rotation.

    Parameters
    ----------
    X, X_test, X_rotated : ndarray of shape (n_samples, n_features)
        The representation of training galaxies, of test galaxies, and of the rotated images of
        the same test galaxies.
    types : ndarray of object, shape (n_train,)
        Type of each training galaxy; those without one (None) are left out.
    seed : int
        Of the probes.

    Returns
    -------
    DataFrame
        Columns probe (`linear`, `neighbours`), galaxy (row of `X_test`), upright and rotated
        (predicted types); no rows where fewer than two types are known.
    """
    known = np.asarray(pd.notna(types))
    found = [pd.DataFrame(columns=["probe", "galaxy", "upright", "rotated"])]
    if len(set(types[known])) >= 2:
        for name, probe in probes(X.shape[1], int(known.sum()), seed).items():
            probe.fit(X[known], types[known].astype(str))
            predicted = {"upright": probe.predict(X_test), "rotated": probe.predict(X_rotated)}
            found.append(pd.DataFrame({"probe": name, "galaxy": range(len(X_test)), **predicted}))
    return pd.concat(found, ignore_index=True)


def cluster_scores(
    pipeline: Pipeline,
    X: Any,
    X_test: Any,
    types: NDArray[np.object_],
    seed: int,
    X_rotated: Any = None,
) -> dict[str, float]:
    """Fit clusters without labels, and score them on other galaxies.

    Parameters
    ----------
    pipeline : Pipeline
        Unfitted; the last step is an `OrderedGaussianMixture`.
    X, X_test, X_rotated : DataFrame or ndarray of shape (n_samples, n_features)
        Training galaxies, test galaxies and, if wanted, rotated images of the test galaxies.
    types : ndarray of object, shape (n_test,)
        Type of each test galaxy, None where unknown.
    seed : int
        Of the permutation and of the halves.

    Returns
    -------
    dict of str to float
        `ari` and `ami` with the types, `null_ari` (clusters permuted), `stability` (mean adjusted
        Rand index of mixtures of disjoint halves of the training galaxies), and with `X_rotated`
        also `unchanged`, the share of the test galaxies that keep their cluster.
    """
    space = clone(pipeline[:-1]).fit(X)
    values, mixture = space.transform(X), clone(pipeline[-1])
    labels = mixture.fit(values).predict(space.transform(X_test))

    def permuted_ari(order: NDArray[np.int64]) -> float:
        return agreement(types, labels[order])["ari"]

    found = {name: agreement(types, labels)[name] for name in ("ari", "ami")}
    found["null_ari"] = float(permutation(permuted_ari, len(labels), seed, 1).iloc[0])
    half = {"mixture": clone(mixture).set_params(n_init=2)}
    stability = half_stability("passthrough", values, half, 2, seed)["mixture"]
    found["stability"] = float(stability.mean())
    if X_rotated is not None:
        rotated = mixture.predict(space.transform(X_rotated))
        found["unchanged"] = float((labels == rotated).mean())
    return found


def correlate(components: NDArray[np.floating], properties: pd.DataFrame) -> pd.DataFrame:
    """Rank correlations of the components of a space with what is measured otherwise.

    Parameters
    ----------
    components : ndarray of shape (n_samples, n_components)
        The space.
    properties : DataFrame
        One row per galaxy, one column per property; NaN where it was not measured.

    Returns
    -------
    DataFrame
        Columns property, component (from 1), value (Spearman's rank correlation over the
        galaxies that have the property); properties of fewer than three galaxies are left out.
    """
    table = pd.DataFrame(components, properties.index, range(1, components.shape[1] + 1))
    enough = properties.columns[properties.notna().sum() >= 3]
    found = pd.DataFrame({
        name: table.corrwith(properties[name], method="spearman") for name in enough
    })  # fmt: skip
    return found.rename_axis("component").reset_index().melt("component", var_name="property")


def nearest_galaxies(
    X: NDArray[np.floating], queries: NDArray[np.integer], n_neighbors: int
) -> NDArray[np.int64]:
    """Find the galaxies most similar to some galaxies."""
    values = StandardScaler().fit_transform(X.astype(np.float64))
    model = NearestNeighbors(n_neighbors=n_neighbors + 1, metric="cosine").fit(values)
    found = model.kneighbors(values[queries], return_distance=False)
    others = [row[row != query][:n_neighbors] for row, query in zip(found, queries, strict=True)]
    return np.array(others, np.int64)


def neighbour_agreement(
    X: NDArray[np.floating], types: NDArray[np.object_], n_neighbors: int = 5
) -> float:
    """Return the share of nearest neighbours that have the type of the query.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The representation of all galaxies.
    types : ndarray of object, shape (n_samples,)
        Type of each galaxy; those without one (None) are left out.
    n_neighbors : int
        Neighbours of each galaxy.

    Returns
    -------
    float
        From 0 to 1; NaN where too few types are known.
    """
    known = np.flatnonzero(pd.notna(types))
    if len(known) <= n_neighbors:
        return float("nan")
    near = nearest_galaxies(X[known], np.arange(len(known)), n_neighbors)
    return float((types[known][near] == types[known][:, None]).mean())


def neighbour_examples(
    features: Mapping[str, NDArray[np.floating]], types: NDArray[np.object_], n_neighbors: int
) -> pd.DataFrame:
    """Take a typical galaxy of each type, and its nearest neighbours under several encoders.

    Parameters
    ----------
    features : mapping of str to ndarray of shape (n_samples, n_features)
        By encoder; typical is the galaxy nearest to the median of its type under the first.
    types : ndarray of object, shape (n_samples,)
        Type of each galaxy, None where unknown.
    n_neighbors : int
        Of each query.

    Returns
    -------
    DataFrame
        Columns encoder, query (type of the typical galaxy), rank (0 for the galaxy itself),
        row, type.
    """
    found: list[tuple[str, str, int, int, object]] = []
    for name in sorted(set(types[pd.notna(types)])) if features else ():
        rows, first = np.flatnonzero(types == name), next(iter(features.values()))
        middle = np.median(first[rows], axis=0, keepdims=True)
        query = rows[pairwise_distances_argmin(middle, first[rows])]
        for encoder, X in features.items():
            shown = np.append(query, nearest_galaxies(X, query, n_neighbors))
            found += [(encoder, name, rank, row, types[row]) for rank, row in enumerate(shown)]
    return pd.DataFrame(found, columns=["encoder", "query", "rank", "row", "type"])
