"""Feature fusion (eq. 3): what the autoencoder is given, how it is trained and what it says.

The network itself is the matter of `galaxy_utils.autoencoder`, which imports torch;
pages that train none start without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler


@dataclass(frozen=True)
class Fused:
    """The joined vector of every galaxy and which columns belong to whom.

    Parameters
    ----------
    values : ndarray of float32, shape (n_galaxies, dimension)
        Deep features, then the five standardised parameters (eq. 3).
    modalities : dict of str to slice
        Columns of each backbone and of `morphology`.
    """

    values: NDArray[np.float32]
    modalities: dict[str, slice]


def fuse(
    deep: dict[str, NDArray[np.float32]],
    morphology: NDArray[np.float64],
    standardise_deep: bool = False,
) -> Fused:
    """Join deep features with the z-scored morphological parameters.

    Parameters
    ----------
    deep : dict of str to ndarray of float32, shape (n_galaxies, dimension)
        One block a backbone.
    morphology : ndarray of float64, shape (n_galaxies, 5)
        The five parameters, no NaN; with no columns it is left out.
    standardise_deep : bool
        Whether each deep column is z-scored too; eq. 3 does not.

    Returns
    -------
    Fused
        Blocks in the order given, morphology last.

    Raises
    ------
    ValueError
        If a block has a NaN or another number of rows.

    References
    ----------
    The paper's eq. 3.
    """
    blocks: dict[str, NDArray[Any]] = {**deep, "morphology": morphology}
    if not morphology.shape[1]:
        del blocks["morphology"]
    for name, block in blocks.items():
        if len(block) != len(morphology) or not np.isfinite(block).all():
            raise ValueError(f"features {name!r}: NaN in them, or not one row a galaxy")
        if name == "morphology" or standardise_deep:
            blocks[name] = StandardScaler().fit_transform(block)
    return join(blocks)


def join(blocks: dict[str, NDArray[Any]]) -> Fused:
    """Put blocks side by side as they are.

    Parameters
    ----------
    blocks : dict of str to ndarray of float, shape (n_galaxies, dimension)
        One a modality.

    Returns
    -------
    Fused
        In the order given.
    """
    modalities, start = {}, 0
    for name, block in blocks.items():
        modalities[name] = slice(start, start + block.shape[1])
        start += block.shape[1]
    return Fused(np.hstack(list(blocks.values())).astype(np.float32), modalities)


@dataclass(frozen=True)
class Training:
    """How the autoencoder is trained.

    Parameters
    ----------
    hidden_dims : tuple of int
        Widths of the encoder's hidden layers.
    latent_dim : int
        Width of the bottleneck.
    activation : str
        Key of `autoencoder.ACTIVATIONS`.
    loss_weighting : str
        `plain`: mean squared error over all inputs; `balanced`: mean over the
        modalities of each one's error in units of its variance.
    epochs, batch_size : int
        Length of training and of a step.
    learning_rate, weight_decay : float
        Of AdamW (Loshchilov & Hutter 2019).
    holdout_fraction : float
        Share of the galaxies never trained on.
    seed : int
        Of the split, the weights and the order of batches.
    """

    hidden_dims: tuple[int, ...] = (512, 128)
    latent_dim: int = 64
    activation: str = "gelu"
    loss_weighting: str = "plain"
    epochs: int = 60
    batch_size: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    holdout_fraction: float = 0.1
    seed: int = 0


@dataclass(frozen=True)
class Trained:
    """A trained autoencoder and what it says of its data.

    Parameters
    ----------
    latent : ndarray of float32, shape (n_galaxies, latent_dim)
        Bottleneck of every galaxy.
    history : DataFrame
        Columns epoch, set (training, held out), modality, error (mean squared
        error in units of the modality's variance in that set; NaN where the set
        is a single galaxy).
    held_out : ndarray of bool, shape (n_galaxies,)
        Galaxies never trained on.
    explained : dict of str to float
        Share of each modality's variance explained on the held-out galaxies.
    weights : dict of str to ndarray
        State of the network.
    """

    latent: NDArray[np.float32]
    history: pd.DataFrame
    held_out: NDArray[np.bool_]
    explained: dict[str, float]
    weights: dict[str, NDArray[np.float32]]


def cumulative_variance(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Share of the variance that the first principal components hold.

    Parameters
    ----------
    values : ndarray of float, shape (n, dimension)
        Any features without NaN.

    Returns
    -------
    ndarray of float64, shape (min(n, dimension),)
        Rising to 1.
    """
    centred = np.asarray(values, np.float64) - values.mean(axis=0)
    small = centred.T @ centred if centred.shape[1] <= len(centred) else centred @ centred.T
    spectrum = np.clip(np.linalg.eigvalsh(small)[::-1], 0, None)
    return np.asarray(np.cumsum(spectrum) / spectrum.sum())
