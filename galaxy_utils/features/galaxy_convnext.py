"""A small ConvNeXt for galaxies: its shape, what it sees of a frame, and its weights on disk."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from galaxy_utils.errors import UserError
from galaxy_utils.features._torchvision import import_torchvision
from galaxy_utils.provenance import PACKAGE, sha256_of_file, write_atomically

MEAN, STD = 0.12, 0.16
"""Of the counts / 255 in the middle of SDSS composites, about; the same in the three bands, so
that colours stay."""

WIDTHS = {"atto": 40, "femto": 48, "pico": 64}
"""Channels of the first stage, doubled in each of the next three (timm's names)."""

DEPTHS = (2, 2, 6, 2)

ENCODER = PACKAGE.parent / "data" / "encoder"
"""Where the trained weights lie that the project carries."""

WEIGHTS_FILE, ABOUT_FILE, LOG_FILE = "weights.safetensors", "encoder.json", "log.csv"
TRIALS_FILE = "trials.csv"


@dataclass(frozen=True)
class Shape:
    """Which network.

    Parameters
    ----------
    size : str
        Key of `WIDTHS`.
    field : int
        Side of the square of the frame that it sees, in pixels of the frame
        (of 0.4 arcsec); a round window fades out towards its edge.
    side : int
        Side of the network's input, in pixels: the field is resampled to it.
    """

    size: str = "atto"
    field: int = 64
    side: int = 64

    @property
    def dimension(self) -> int:
        """Length of the feature vector."""
        return WIDTHS[self.size] * 8


SHAPE = Shape()
"""Of the weights that the project carries."""


class GalaxyConvNeXt(nn.Module):
    """torchvision's ConvNeXt blocks at a small size, behind a round window.

    Parameters
    ----------
    shape : Shape
        Which network.
    drop_path : float
        Largest share of residual branches that are dropped in training
        (stochastic depth).

    References
    ----------
    Liu et al. (2022), ConvNeXt.
    """

    window: Tensor

    def __init__(self, shape: Shape, drop_path: float = 0.0) -> None:
        super().__init__()
        models = import_torchvision().models.convnext
        width = WIDTHS[shape.size]
        widths = [width * 2**stage for stage in range(len(DEPTHS))]
        setting = [
            models.CNBlockConfig(inner, outer, depth)
            for inner, outer, depth in zip(widths, [*widths[1:], None], DEPTHS, strict=True)
        ]
        network = models.ConvNeXt(setting, stochastic_depth_prob=drop_path, num_classes=1)
        self.features, self.norm = network.features, network.classifier[0]
        self.register_buffer("window", round_window(shape.side), persistent=False)

    def forward(self, batch: Tensor) -> Tensor:
        """Features of a batch.

        Parameters
        ----------
        batch : Tensor of float, shape (n, 3, side, side)
            Normalised with `MEAN` and `STD`.

        Returns
        -------
        Tensor of float, shape (n, dimension)
            Average over the last feature maps, as ConvNeXt's classifier reads them.
        """
        maps: Tensor = self.features(batch * self.window)
        return torch.flatten(self.norm(maps.mean(dim=(2, 3), keepdim=True)), 1)


def round_window(side: int, fade: float = 0.1) -> Tensor:
    """A disc that fades out, so that no corner tells how an image was turned.

    Parameters
    ----------
    side : int
        Side of the square, in pixels.
    fade : float
        Width of the fading rim, as a share of the radius.

    Returns
    -------
    Tensor of float32, shape (side, side)
        1 inside, 0 in the corners, a cosine between.
    """
    axis = (torch.arange(side) - (side - 1) / 2) / (side / 2)
    radius = torch.hypot(axis[:, None], axis[None, :])
    inward = ((1 - radius) / fade).clamp(0, 1)
    return 0.5 - 0.5 * torch.cos(torch.pi * inward)


def random_network(seed: int, shape: Shape = SHAPE) -> GalaxyConvNeXt:
    """The network before any training.

    Parameters
    ----------
    seed : int
        Of the weights.
    shape : Shape
        Which network.

    Returns
    -------
    GalaxyConvNeXt
        In evaluation mode.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return GalaxyConvNeXt(shape).eval()


def normalise(counts: Tensor) -> Tensor:
    """Counts of an 8-bit composite to what the network takes.

    Parameters
    ----------
    counts : Tensor of float
        0 to 1 (counts / 255).

    Returns
    -------
    Tensor of float
        The same shape.
    """
    return (counts - MEAN) / STD


def save_encoder(folder: Path, network: GalaxyConvNeXt, about: dict[str, Any]) -> Path:
    """Write weights in half precision, with what they are and their checksum.

    Parameters
    ----------
    folder : Path
        Made if need be.
    network : GalaxyConvNeXt
        Trained.
    about : dict
        What JSON can hold; must have `shape`, the fields of `Shape`.

    Returns
    -------
    Path
        The weights file.
    """
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    half = partial(torch.Tensor.to, dtype=torch.float16)
    state = {name: half(value).contiguous().cpu() for name, value in network.state_dict().items()}
    path = folder / WEIGHTS_FILE
    save_file(state, path)
    content = about | {"sha256": sha256_of_file(path), "bytes": path.stat().st_size}
    write_atomically(folder / ABOUT_FILE, json.dumps(content, indent=1) + "\n")
    return path


def read_about(folder: Path) -> dict[str, Any]:
    """What stands beside the weights.

    Parameters
    ----------
    folder : Path
        As written by `save_encoder`.

    Returns
    -------
    dict
        Content of the JSON file.

    Raises
    ------
    UserError
        If there is none.
    """
    path = folder / ABOUT_FILE
    if not path.exists():
        raise UserError(f"{path}: no encoder is here; make one with: galaxy-book train")
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def read_log(folder: Path) -> pd.DataFrame:
    """The log of the training, one row an epoch.

    Parameters
    ----------
    folder : Path
        As written by `pretraining.train_on_sample`.

    Returns
    -------
    DataFrame
        Columns epoch, loss, learning_rate, seconds.
    """
    return pd.read_csv(folder / LOG_FILE)


def read_trials(folder: Path) -> pd.DataFrame:
    """Short trainings that were tried before, as they were looked at by hand.

    Parameters
    ----------
    folder : Path
        That of the carried weights.

    Returns
    -------
    DataFrame
        One row a trial; empty where the folder has none.
    """
    path = folder / TRIALS_FILE
    return pd.read_csv(path) if path.exists() else pd.DataFrame()


def load_encoder_weights(folder: Path) -> GalaxyConvNeXt:
    """Read a trained network; its file is checked against its checksum.

    Parameters
    ----------
    folder : Path
        As written by `save_encoder`.

    Returns
    -------
    GalaxyConvNeXt
        Single precision, in evaluation mode.

    Raises
    ------
    UserError
        If the file is missing or is not the one that was written.
    """
    from safetensors.torch import load_file

    about, path = read_about(folder), folder / WEIGHTS_FILE
    found = sha256_of_file(path) if path.exists() else "no file"
    if found != about["sha256"]:
        raise UserError(
            f"{path}: sha256 is {found[:8]}..., {ABOUT_FILE} says {about['sha256'][:8]}...; "
            "take the files of the project anew (git checkout) or train again"
        )
    network = GalaxyConvNeXt(Shape(**about["shape"]))
    state = {name: value.float() for name, value in load_file(path).items()}
    network.load_state_dict(state)
    return network.eval()
