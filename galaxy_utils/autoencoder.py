"""Feature fusion (eq. 3) and the multimodal autoencoder with its bottleneck."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

ACTIVATIONS: dict[str, type[nn.Module]] = {"gelu": nn.GELU, "relu": nn.ReLU, "tanh": nn.Tanh}

JUDGED = 1000
"""Training galaxies, at most, on which the error is taken after each epoch."""


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


class Autoencoder(nn.Module):
    """Fully connected encoder and mirrored decoder around a linear bottleneck.

    Parameters
    ----------
    input_dim : int
        Length of the fused vector.
    hidden_dims : sequence of int
        Widths of the encoder's hidden layers.
    latent_dim : int
        Width of the bottleneck.
    activation : str
        Key of `ACTIVATIONS`.

    References
    ----------
    Hinton & Salakhutdinov (2006); Ngiam et al. (2011) for two modalities in
    one bottleneck. The paper states the input and the bottleneck only.
    """

    def __init__(
        self, input_dim: int, hidden_dims: list[int], latent_dim: int, activation: str = "gelu"
    ) -> None:
        super().__init__()
        widths = [input_dim, *hidden_dims, latent_dim]
        self.encoder = _layers(widths, ACTIVATIONS[activation])
        self.decoder = _layers(widths[::-1], ACTIVATIONS[activation])

    def forward(self, values: Tensor) -> Tensor:
        """Reconstruct a batch.

        Parameters
        ----------
        values : Tensor of float32, shape (n, input_dim)
            Fused vectors.

        Returns
        -------
        Tensor of float32, shape (n, input_dim)
            Reconstructions.
        """
        reconstructed: Tensor = self.decoder(self.encoder(values))
        return reconstructed


def _layers(widths: list[int], activation: type[nn.Module]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in zip(widths, widths[1:], strict=False):
        layers += [nn.Linear(before, after), activation()]
    return nn.Sequential(*layers[:-1])


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
        Key of `ACTIVATIONS`.
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


def train(fused: Fused, training: Training) -> Trained:
    """Train the autoencoder and encode every galaxy.

    Parameters
    ----------
    fused : Fused
        The joined vectors.
    training : Training
        Architecture and optimisation.

    Returns
    -------
    Trained
        The same for the same seed on the same machine.
    """
    torch.manual_seed(training.seed)
    rng = np.random.default_rng(training.seed)
    held_out = _split(len(fused.values), training.holdout_fraction, rng)
    values = torch.from_numpy(fused.values)
    network = Autoencoder(
        values.shape[1], list(training.hidden_dims), training.latent_dim, training.activation
    )
    variances = _variances(values[torch.from_numpy(~held_out)], fused.modalities)
    history = _optimise(network, values, held_out, fused.modalities, variances, training, rng)
    with torch.inference_mode():
        latent = network.encoder(values).numpy()
    last = history[(history["epoch"] == training.epochs) & (history["set"] == "held out")]
    explained = dict(zip(last["modality"], (1.0 - last["error"]).tolist(), strict=True))
    weights = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    return Trained(latent, history, held_out, explained, weights)


def _split(n: int, fraction: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    held_out = np.zeros(n, dtype=bool)
    held_out[rng.permutation(n)[: max(1, round(fraction * n))]] = True
    return held_out


def _variances(values: Tensor, modalities: dict[str, slice]) -> dict[str, Tensor]:
    return {
        name: values[:, columns].var(dim=0, correction=0).mean().clamp_min(1e-12)
        for name, columns in modalities.items()
    }


def _errors(
    network: Autoencoder, values: Tensor, modalities: dict[str, slice], variances: dict[str, Tensor]
) -> dict[str, Tensor]:
    residual = network(values) - values
    return {
        name: residual[:, columns].square().mean() / variances[name]
        for name, columns in modalities.items()
    }


def _loss(
    errors: dict[str, Tensor],
    modalities: dict[str, slice],
    variances: dict[str, Tensor],
    weighting: str,
) -> Tensor:
    if weighting == "balanced":
        return torch.stack(list(errors.values())).mean()
    widths = {name: columns.stop - columns.start for name, columns in modalities.items()}
    parts = [errors[name] * variances[name] * widths[name] for name in errors]
    total: Tensor = torch.stack(parts).sum() / sum(widths.values())
    return total


def _optimise(
    network: Autoencoder,
    values: Tensor,
    held_out: NDArray[np.bool_],
    modalities: dict[str, slice],
    variances: dict[str, Tensor],
    training: Training,
    rng: np.random.Generator,
) -> pd.DataFrame:
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, training.epochs)
    trained_on = np.flatnonzero(~held_out)
    judged = {"training": trained_on[:JUDGED], "held out": np.flatnonzero(held_out)}
    rows: list[tuple[int, str, str, float]] = []
    for epoch in range(1, training.epochs + 1):
        order = rng.permutation(trained_on)
        for start in range(0, len(order), training.batch_size):
            batch = values[order[start : start + training.batch_size]]
            errors = _errors(network, batch, modalities, variances)
            optimiser.zero_grad()
            _loss(errors, modalities, variances, training.loss_weighting).backward()
            optimiser.step()
        schedule.step()
        rows += _judge(network, values, judged, modalities, epoch)
    return pd.DataFrame(rows, columns=["epoch", "set", "modality", "error"])


def _judge(
    network: Autoencoder,
    values: Tensor,
    sets: dict[str, NDArray[np.int64]],
    modalities: dict[str, slice],
    epoch: int,
) -> list[tuple[int, str, str, float]]:
    """Errors of each set in units of its own variance: one is what its mean would give."""
    found = []
    with torch.inference_mode():
        for name, rows in sets.items():
            own = _variances(values[rows], modalities)
            errors = _errors(network, values[rows], modalities, own)
            for modality, error in errors.items():
                found.append((epoch, name, modality, float(error) if len(rows) > 1 else np.nan))
    return found


def reconstruct(
    fused: Fused, training: Training, weights: dict[str, NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Pass every galaxy through a trained autoencoder.

    Parameters
    ----------
    fused : Fused
        The joined vectors.
    training : Training
        Its architecture.
    weights : dict of str to ndarray
        Its state, as in `Trained.weights`.

    Returns
    -------
    ndarray of float32, shape (n_galaxies, dimension)
        Reconstructions.
    """
    network = _restored(fused, training, weights)
    with torch.inference_mode():
        return np.asarray(network(torch.from_numpy(fused.values)).numpy())


def _restored(
    fused: Fused, training: Training, weights: dict[str, NDArray[np.float32]]
) -> Autoencoder:
    network = Autoencoder(
        fused.values.shape[1], list(training.hidden_dims), training.latent_dim, training.activation
    )
    network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    return network


def encode_with(
    fused: Fused, training: Training, weights: dict[str, NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Give the bottleneck of galaxies that a trained autoencoder need not have seen.

    Parameters
    ----------
    fused : Fused
        The joined vectors.
    training : Training
        The network's architecture.
    weights : dict of str to ndarray
        Its state, as in `Trained.weights`.

    Returns
    -------
    ndarray of float32, shape (n_galaxies, latent_dim)
        Bottleneck of every galaxy.
    """
    network = _restored(fused, training, weights)
    with torch.inference_mode():
        return np.asarray(network.encoder(torch.from_numpy(fused.values)).numpy())


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
