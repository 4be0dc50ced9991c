"""The fully connected autoencoder and its training loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import CosineAnnealingLR

ACTIVATIONS: dict[str, type[nn.Module]] = {"gelu": nn.GELU, "relu": nn.ReLU, "tanh": nn.Tanh}


class Autoencoder(nn.Module):
    """Encoder and mirrored decoder around a linear bottleneck."""

    def __init__(
        self, input_dim: int, hidden_dims: Sequence[int], latent_dim: int, activation: str = "gelu"
    ) -> None:
        super().__init__()
        widths = [input_dim, *hidden_dims, latent_dim]
        self.encoder = _layers(widths, ACTIVATIONS[activation])
        self.decoder = _layers(widths[::-1], ACTIVATIONS[activation])

    def forward(self, values: Tensor) -> Tensor:
        """Reconstruct a batch."""
        reconstructed: Tensor = self.decoder(self.encoder(values))
        return reconstructed


def _layers(widths: list[int], activation: type[nn.Module]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in zip(widths, widths[1:], strict=False):
        layers += [nn.Linear(before, after), activation()]
    return nn.Sequential(*layers[:-1])


def train(
    network: Autoencoder,
    values: Tensor,
    held_out: NDArray[np.bool_],
    modalities: Mapping[str, slice],
    rng: np.random.Generator,
    *,
    loss_weighting: str,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    weight_decay: float,
) -> pd.DataFrame:
    """Train on the galaxies that are not held out; return the error after each epoch."""
    training, others = values[torch.from_numpy(~held_out)], values[torch.from_numpy(held_out)]
    variances, own_variances = _variances(training, modalities), _variances(others, modalities)
    optimiser = AdamW(
        network.parameters(), lr=learning_rate, weight_decay=weight_decay, foreach=False
    )
    schedule = CosineAnnealingLR(optimiser, epochs)
    rows: list[tuple[int, str, str, float]] = []
    for epoch in range(1, epochs + 1):
        order = rng.permutation(len(training))
        batches = []
        for start in range(0, len(order), batch_size):
            batch = training[order[start : start + batch_size]]
            errors = _errors(network, batch, modalities, variances)
            optimiser.zero_grad()
            _loss(errors, modalities, variances, loss_weighting).backward()
            optimiser.step()
            batches.append([error.item() for error in errors.values()])
        schedule.step()
        with torch.inference_mode():
            unseen = _errors(network, others, modalities, own_variances)
        for name, mean in zip(modalities, np.mean(batches, axis=0), strict=True):
            error = float(unseen[name]) if len(others) > 1 else np.nan  # one has no variance
            rows += [(epoch, "training", name, mean), (epoch, "held out", name, error)]
    return pd.DataFrame(rows, columns=["epoch", "set", "modality", "error"])


def _variances(values: Tensor, modalities: Mapping[str, slice]) -> dict[str, Tensor]:
    return {
        name: values[:, columns].var(dim=0, correction=0).mean().clamp_min(1e-12)
        for name, columns in modalities.items()
    }


def _errors(
    network: Autoencoder,
    values: Tensor,
    modalities: Mapping[str, slice],
    variances: Mapping[str, Tensor],
) -> dict[str, Tensor]:
    """Mean squared error of each modality in units of its variance."""
    residual = network(values) - values
    return {
        name: residual[:, columns].square().mean() / variances[name]
        for name, columns in modalities.items()
    }


def _loss(
    errors: Mapping[str, Tensor],
    modalities: Mapping[str, slice],
    variances: Mapping[str, Tensor],
    weighting: str,
) -> Tensor:
    """Plain: the mean over all inputs. Balanced: the mean over modalities, each normalised."""
    if weighting == "balanced":
        return torch.stack(list(errors.values())).mean()
    widths = {name: columns.stop - columns.start for name, columns in modalities.items()}
    parts = [errors[name] * variances[name] * widths[name] for name in errors]
    total: Tensor = torch.stack(parts).sum() / sum(widths.values())
    return total
