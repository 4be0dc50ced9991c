"""The fitted taxonomy of the profile `best`, kept so that other galaxies can be put through it."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import QuantileTransformer

from galaxy_utils.clustering.taxonomy import taught_mixture
from galaxy_utils.errors import UserError
from galaxy_utils.morphology.measurement import FIVE
from galaxy_utils.morphology.photometry import SHAPE
from galaxy_utils.provenance import PACKAGE, git_commit, sha256_of_file, versions, write_atomically

MEASURED = (*FIVE, *SHAPE)
"""Measured parameters of the model, in their order."""

ARRAYS, ABOUT = "model.npz", "model.json"

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Model:
    """Everything that takes a galaxy's measurements to a cluster, without refitting.

    Parameters
    ----------
    quantiles : ndarray of float64, shape (n_quantiles, 8)
        Of each measured parameter among the training galaxies.
    centre : ndarray of float64, shape (n_features,)
        Mean of the joined deep features.
    components : ndarray of float64, shape (n_components, n_features)
        Principal axes, divided by the standard deviations along them.
    weights : ndarray of float64, shape (k,)
        Of the mixture.
    means, variances : ndarray of float64, shape (k, 8 + n_components)
        Of the mixture, whose covariances are diagonal.
    log_likelihoods : ndarray of float64, shape (n,)
        Of the training galaxies, ascending.
    threshold : ndarray of float64, shape ()
        Log-likelihood below which a galaxy is called an anomaly.
    space : ndarray of float32, shape (n, 8 + n_components)
        Training galaxies.
    measured : ndarray of float32, shape (n, 8)
        Their measured parameters.
    objids, types : ndarray of str, shape (n,)
        Their identifiers, and types seen by people (empty where unknown).
    """

    quantiles: Values
    centre: Values
    components: Values
    weights: Values
    means: Values
    variances: Values
    log_likelihoods: Values
    threshold: Values
    space: NDArray[np.float32]
    measured: NDArray[np.float32]
    objids: NDArray[np.str_]
    types: NDArray[np.str_]

    def transform(self, measured: Values, deep: NDArray[np.floating]) -> Values:
        """Put galaxies into the space of the mixture.

        Parameters
        ----------
        measured : ndarray of float64, shape (n, 8)
            `MEASURED`.
        deep : ndarray of float, shape (n, n_features)
            Features of the backbones in the order of the fit, joined.

        Returns
        -------
        ndarray of float64, shape (n, 8 + n_components)
            Measured parameters made normal by their ranks among the training
            galaxies, and whitened principal components.
        """
        ranks = _rank_scaler(len(self.quantiles))
        ranks.quantiles_, ranks.n_features_in_ = self.quantiles, self.quantiles.shape[1]
        ranks.n_quantiles_ = len(self.quantiles)
        ranks.references_ = np.linspace(0, 1, len(self.quantiles))
        reduced = (np.asarray(deep, np.float64) - self.centre) @ self.components.T
        return np.hstack([ranks.transform(measured), reduced])

    def mixture(self) -> GaussianMixture:
        """The mixture, ready to predict.

        Returns
        -------
        GaussianMixture
            With diagonal covariances.
        """
        found = GaussianMixture(len(self.weights), covariance_type="diag")
        found.weights_, found.means_, found.covariances_ = self.weights, self.means, self.variances
        found.precisions_cholesky_ = 1 / np.sqrt(self.variances)
        return found

    def percentile(self, log_likelihood: Values) -> Values:
        """Share of the training galaxies that are less likely, in percent.

        Parameters
        ----------
        log_likelihood : ndarray of float64, shape (n,)
            Of galaxies.

        Returns
        -------
        ndarray of float64, shape (n,)
            0 is odder than every training galaxy.
        """
        places = np.searchsorted(self.log_likelihoods, log_likelihood)
        return np.asarray(100 * places / len(self.log_likelihoods), np.float64)

    def neighbours(self, space: Values, number: int) -> tuple[Values, NDArray[np.int64]]:
        """Nearest training galaxies.

        Parameters
        ----------
        space : ndarray of float64, shape (n, dimension)
            Of `transform`.
        number : int
            How many.

        Returns
        -------
        distances : ndarray of float64, shape (n, number)
            Euclidean.
        rows : ndarray of int64, shape (n, number)
            Of the training galaxies.
        """
        found = NearestNeighbors(n_neighbors=number).fit(self.space).kneighbors(space)
        return np.asarray(found[0], np.float64), np.asarray(found[1], np.int64)


def _rank_scaler(number: int) -> QuantileTransformer:
    """As `search` scales by ranks."""
    return QuantileTransformer(n_quantiles=number, output_distribution="normal", subsample=None)


def fit_model(
    measured: Values,
    deep: NDArray[np.floating],
    votes: Values,
    objids: NDArray[np.str_],
    types: NDArray[np.str_],
    settings: Mapping[str, Any],
) -> Model:
    """Fit the recipe of the profile `best`.

    Parameters
    ----------
    measured : ndarray of float64, shape (n, 8)
        `MEASURED` of the training galaxies; none is NaN.
    deep : ndarray of float, shape (n, n_features)
        Their joined deep features.
    votes : ndarray of float64, shape (n, k)
        Share of each cluster in each galaxy, as of `consensus.votes_of`.
    objids, types : ndarray of str, shape (n,)
        As in `Model`.
    settings : mapping
        deep_components, reg_covar, anomaly_percent, seed.

    Returns
    -------
    Model
        Clusters in the order of `taxonomy.taught_mixture`.
    """
    s = settings
    ranks = _rank_scaler(min(1000, len(measured))).fit(measured)
    axes = PCA(s["deep_components"], whiten=True, random_state=s["seed"]).fit(
        np.asarray(deep, np.float64)
    )
    components = _as_kept(axes.components_ / np.sqrt(axes.explained_variance_)[:, None])
    centre = _as_kept(axes.mean_)
    reduced = (np.asarray(deep, np.float64) - centre) @ components.T
    space = np.hstack([ranks.transform(measured), reduced])
    fit = taught_mixture(space, votes, "diag", s["reg_covar"])
    likelihoods = np.sort(fit.log_likelihood)
    return Model(
        ranks.quantiles_, centre, components, fit.model.weights_, fit.model.means_,
        fit.model.covariances_, likelihoods,
        np.asarray(np.percentile(likelihoods, s["anomaly_percent"])), space.astype(np.float32),
        measured.astype(np.float32), objids, types,
    )  # fmt: skip


def _as_kept(values: Values) -> Values:
    """What is left in single precision, so that a model read again is the model fitted."""
    return values.astype(np.float32).astype(np.float64)


def describe(model: Model) -> pd.DataFrame:
    """What is in each cluster of the training galaxies.

    Parameters
    ----------
    model : Model
        The model.

    Returns
    -------
    DataFrame
        One row a cluster: cluster, galaxies, commonest (type seen by people),
        share (percent of the galaxies with a type), and medians of `MEASURED`.
    """
    cluster = model.mixture().predict(model.space.astype(np.float64))
    rows = []
    for number in range(len(model.weights)):
        mine = cluster == number
        seen = pd.Series(model.types[mine & (model.types != "")]).value_counts(normalize=True)
        rows.append({
            "cluster": number, "galaxies": int(mine.sum()),
            "commonest": str(seen.index[0]) if len(seen) else "",
            "share": round(100 * float(seen.iloc[0]), 1) if len(seen) else float("nan"),
            **dict(zip(MEASURED, np.median(model.measured[mine], axis=0).round(3).tolist(),
                       strict=True)),
        })  # fmt: skip
    return pd.DataFrame(rows)


def save_model(folder: Path, model: Model, about: Mapping[str, Any]) -> Path:
    """Keep a model: arrays without pickle, and a JSON file with their checksum.

    Parameters
    ----------
    folder : Path
        Made if it lacks.
    model : Model
        The model.
    about : mapping
        Settings and sample it was fitted with.

    Returns
    -------
    Path
        The JSON file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {field.name: getattr(model, field.name) for field in fields(Model)}
    for name in ("components", "centre"):
        arrays[name] = arrays[name].astype(np.float32)
    kept = io.BytesIO()
    np.savez_compressed(kept, **arrays)
    unfinished = folder / f"{ARRAYS}.partial"
    unfinished.write_bytes(kept.getvalue())
    unfinished.replace(folder / ARRAYS)
    content = {
        **about,
        "clusters": json.loads(describe(model).to_json(orient="records")),
        "code": git_commit(PACKAGE),
        "versions": versions(),
        "sha256": hashlib.sha256(kept.getvalue()).hexdigest(),
    }
    write_atomically(folder / ABOUT, json.dumps(content, indent=1) + "\n")
    return folder / ABOUT


def load_model(folder: Path) -> tuple[Model, dict[str, Any]]:
    """Read a model that was kept.

    Parameters
    ----------
    folder : Path
        Where `save_model` put it.

    Returns
    -------
    model : Model
        The model.
    about : dict
        Content of the JSON file.

    Raises
    ------
    UserError
        If a file lacks, or the arrays do not match their checksum.
    """
    if not (folder / ABOUT).exists() or not (folder / ARRAYS).exists():
        raise UserError(f"{folder} holds no model ({ARRAYS}, {ABOUT}); make one with make model")
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    if sha256_of_file(folder / ARRAYS) != about["sha256"]:
        raise UserError(
            f"{folder / ARRAYS} does not match its checksum; restore it (git checkout {folder}) "
            "or make it again: make model"
        )
    with np.load(folder / ARRAYS, allow_pickle=False) as kept:
        arrays = {field.name: kept[field.name] for field in fields(Model)}
    for name in ("components", "centre"):
        arrays[name] = arrays[name].astype(np.float64)
    return Model(**arrays), about
