"""A small ConvNeXt for galaxies: its shape, its input, and its weights on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from galaxy_utils.errors import UserError
from galaxy_utils.features._torchvision import import_torchvision
from galaxy_utils.provenance import PACKAGE, sha256_of_file, write_atomically

MEAN, STD = 0.12, 0.16
"""About those of counts / 255 in the middle of SDSS composites; equal in the three bands, so
that colours stay."""

WIDTHS = {"atto": 40, "femto": 48, "pico": 64}
"""Channels of the first stage, doubled in each of the next three (timm's names)."""

DEPTHS = (2, 2, 6, 2)

ENCODER = PACKAGE.parent / "data" / "encoder"
"""Folder of the trained weights that come with the project."""

WEIGHTS_FILE, ABOUT_FILE, LOG_FILE = "weights.safetensors", "encoder.json", "log.csv"


@dataclass(frozen=True, config={"extra": "forbid"})
class Shape:
    """Size of the network and of its input; the defaults are those of the trained weights."""

    size: str = "atto"
    field: int = 64
    side: int = 64

    @property
    def dimension(self) -> int:
        """Length of the feature vector."""
        return WIDTHS[self.size] * 8


class GalaxyConvNeXt(nn.Module):
    """torchvision's ConvNeXt blocks at a small size, behind a round window."""

    window: Tensor

    def __init__(self, shape: Shape, drop_path: float = 0.0) -> None:
        super().__init__()
        models = import_torchvision().models.convnext
        widths = [WIDTHS[shape.size] * 2**stage for stage in range(len(DEPTHS))]
        setting = [
            models.CNBlockConfig(inner, outer, depth)
            for inner, outer, depth in zip(widths, [*widths[1:], None], DEPTHS, strict=True)
        ]
        network = models.ConvNeXt(setting, stochastic_depth_prob=drop_path, num_classes=1)
        self.features, self.norm = network.features, network.classifier[0]
        self.register_buffer("window", round_window(shape.side), persistent=False)

    def forward(self, batch: Tensor) -> Tensor:
        """Features of shape (n, dimension) of a normalised batch of shape (n, 3, side, side)."""
        maps: Tensor = self.features(batch * self.window)
        return torch.flatten(self.norm(maps.mean(dim=(2, 3), keepdim=True)), 1)


def round_window(side: int, fade: float = 0.1) -> Tensor:
    """A disc with a cosine edge: no corner shows by which angle an image was rotated.

    `fade` is the width of the edge as a share of the radius.
    """
    axis = (torch.arange(side) - (side - 1) / 2) / (side / 2)
    radius = torch.hypot(axis[:, None], axis[None, :])
    inward = ((1 - radius) / fade).clamp(0, 1)
    return 0.5 - 0.5 * torch.cos(torch.pi * inward)


def random_network(seed: int) -> GalaxyConvNeXt:
    """The network before any training, in evaluation mode."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return GalaxyConvNeXt(Shape()).eval()


def normalise(counts: Tensor) -> Tensor:
    """Scale counts / 255 as the network expects them."""
    return (counts - MEAN) / STD


def save_weights(folder: Path, network: GalaxyConvNeXt, about: dict[str, Any]) -> Path:
    """Write weights in half precision, and next to them `about`, with their checksum.

    `about` is what JSON can hold; its `shape` has the fields of `Shape`.
    """
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / WEIGHTS_FILE
    save_file({name: v.half().contiguous().cpu() for name, v in network.state_dict().items()}, path)
    content = about | {"sha256": sha256_of_file(path), "bytes": path.stat().st_size}
    write_atomically(folder / ABOUT_FILE, json.dumps(content, indent=1) + "\n")
    return path


def load_weights(folder: Path) -> GalaxyConvNeXt:
    """Read a trained network, in evaluation mode; its checksum is compared with the recorded."""
    from safetensors.torch import load_file

    about, path = read_about(folder), folder / WEIGHTS_FILE
    found = sha256_of_file(path) if path.exists() else "no file"
    if found != about["sha256"]:
        raise UserError(
            f"{path}: sha256 is {found[:8]}..., but {ABOUT_FILE} says {about['sha256'][:8]}...; "
            "restore the files of the project (git checkout) or train again"
        )
    network = GalaxyConvNeXt(Shape(**about["shape"]))
    network.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    return network.eval()


def read_about(folder: Path) -> dict[str, Any]:
    """Content of `encoder.json`: how the weights in a folder were trained."""
    path = folder / ABOUT_FILE
    if not path.exists():
        raise UserError(f"{path}: there is no encoder here; train one with: galaxy-book train")
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
