"""The multimodal autoencoder with its bottleneck."""

from __future__ import annotations

from collections.abc import Iterable
from math import cos, pi

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.adamw import adamw

from galaxy_utils.clustering.fusion import Fused, Trained, Training

ACTIVATIONS: dict[str, type[nn.Module]] = {"gelu": nn.GELU, "relu": nn.ReLU, "tanh": nn.Tanh}

JUDGED = 1000
"""Training galaxies, at most, on which the error is taken after each epoch."""


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
    optimiser, rate = _AdamW(network.parameters(), training.weight_decay), training.learning_rate
    trained_on = np.flatnonzero(~held_out)
    judged = {"training": trained_on[:JUDGED], "held out": np.flatnonzero(held_out)}
    rows: list[tuple[int, str, str, float]] = []
    for epoch in range(1, training.epochs + 1):
        order = rng.permutation(trained_on)
        for start in range(0, len(order), training.batch_size):
            batch = values[order[start : start + training.batch_size]]
            errors = _errors(network, batch, modalities, variances)
            loss = _loss(errors, modalities, variances, training.loss_weighting)
            optimiser.step(loss, rate)
        rate *= _cosine(epoch, training.epochs) / _cosine(epoch - 1, training.epochs)
        rows += _judge(network, values, judged, modalities, epoch)
    return pd.DataFrame(rows, columns=["epoch", "set", "modality", "error"])


def _cosine(epoch: int, epochs: int) -> float:
    """Learning rate after some epochs, in halves of the first (Loshchilov & Hutter 2017)."""
    return 1 + cos(pi * epoch / epochs)


class _AdamW:
    """`torch.optim.AdamW` by torch's own function for its step, with the same numbers.

    To make one object of the class, torch imports its compiler, which nothing
    here uses: more than a second in each process that trains.
    """

    def __init__(self, parameters: Iterable[Tensor], weight_decay: float) -> None:
        self.parameters, self.weight_decay = list(parameters), weight_decay
        self.means = [torch.zeros_like(values) for values in self.parameters]
        self.squares = [torch.zeros_like(values) for values in self.parameters]
        self.steps = [torch.tensor(0.0) for _ in self.parameters]

    def step(self, loss: Tensor, learning_rate: float) -> None:
        """Change the parameters by the gradient of a loss."""
        gradients = list(torch.autograd.grad(loss, self.parameters))
        with torch.no_grad():
            adamw(
                self.parameters, gradients, self.means, self.squares, [], self.steps,
                lr=learning_rate, weight_decay=self.weight_decay,
                beta1=0.9, beta2=0.999, eps=1e-8, amsgrad=False, maximize=False,
            )  # fmt: skip


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
