"""Run a frozen backbone as fast as the machine allows, over any number of galaxies.

On a processor OpenVINO runs it in single precision, a few images on each core by
itself; `benchmarks/embedding.py` measures it beside plain PyTorch. (ONNX Runtime, tried
by hand, was as fast for the two Lite networks and some 7 % faster for EfficientNet-B0:
not enough to carry two libraries more.) Where OpenVINO is not installed PyTorch runs
it. On a CUDA device PyTorch runs it in half precision, unless that moves its features.
"""

from __future__ import annotations

import copy
import os
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import metadata, util
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from galaxy_utils.data.images import Image
from galaxy_utils.features.crops import FRAMINGS
from galaxy_utils.features.embedding import BACKBONES, Configuration

BATCH = 2
"""Images in one pass on one core: of 1, 2, 4, 8 and 16 the fastest for the EfficientNets."""

ROUNDS = 2
"""Passes that each core is given before results are waited for."""

TORCH_BATCH = 4
"""Images in one pass of PyTorch on a processor, and of the probe of half precision."""

CUDA_BATCH = 64
"""Images in one pass on a CUDA device."""

HALF_COSINE = 0.999
"""Half precision is taken where its features are at least this near to single precision's."""

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Maps a batch of shape (n, 3, side, side) to features of shape (n, dimension)."""

Source = Image | Callable[[], Image]
"""An image, or what reads it when its turn has come."""


@dataclass(frozen=True)
class Encoder:
    """A configuration with its weights loaded.

    Parameters
    ----------
    configuration : Configuration
        Backbone and framing.
    run : callable
        Maps a batch of prepared images to features.
    engine : str
        What runs it, at which precision, on what.
    batch_size : int
        Images that `run` is best given at once.
    """

    configuration: Configuration
    run: Run
    engine: str
    batch_size: int = TORCH_BATCH


def engine_name() -> str:
    """What `load_encoder` will run a backbone with on this machine.

    Returns
    -------
    str
        `cuda`, or `openvino` or `torch` on a processor.
    """
    if torch.cuda.is_available():
        return "cuda"
    return "openvino" if util.find_spec("openvino") else "torch"


def load_encoder(
    configuration: Configuration, weights: Path | None = None, engine: str | None = None
) -> Encoder:
    """Load a frozen backbone onto what runs it fastest here.

    Parameters
    ----------
    configuration : Configuration
        Backbone and framing.
    weights : Path, optional
        Folder of downloaded weights; torch's own cache if not given.
    engine : str, optional
        `cuda`, `openvino` or `torch`; that of `engine_name` if not given.

    Returns
    -------
    Encoder
        Ready to run.

    Raises
    ------
    UserError
        If the weights cannot be had.
    """
    loaded = _load(configuration.backbone, weights, engine or engine_name())
    return replace(loaded, configuration=configuration)


@lru_cache(maxsize=4)
def _load(backbone: str, weights: Path | None, engine: str) -> Encoder:
    """A network is the same in every framing, and a second's work to load."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        network = BACKBONES[backbone].build(weights)
    network.eval().requires_grad_(False)
    return make_encoder(Configuration(backbone), network, engine)


def forget() -> None:
    """Free the networks that `load_encoder` has loaded: large samples need the room."""
    _load.cache_clear()


def make_encoder(configuration: Configuration, network: nn.Module, engine: str) -> Encoder:
    """Put a network onto one of the engines.

    Parameters
    ----------
    configuration : Configuration
        Backbone and framing.
    network : Module
        Frozen, in evaluation mode.
    engine : str
        `cuda`, `openvino` or `torch`.

    Returns
    -------
    Encoder
        Ready to run.
    """
    side = BACKBONES[configuration.backbone].input_size
    if engine == "openvino":
        run = _on_openvino(network, side)
        version = metadata.version("openvino")
        size = ROUNDS * BATCH * _cores()
        return Encoder(configuration, run, f"OpenVINO {version}, fp32, CPU", size)
    if engine == "cuda":
        run, precision = _on_cuda(network, side)
        name = f"PyTorch {torch.__version__}, {precision}, {torch.cuda.get_device_name()}"
        return Encoder(configuration, run, name, CUDA_BATCH)
    return Encoder(configuration, _on_torch(network), f"PyTorch {torch.__version__}, fp32, CPU")


def _on_torch(network: nn.Module, device: str = "cpu", dtype: torch.dtype = torch.float32) -> Run:
    network = network.to(device=device, dtype=dtype)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def run(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features in batches as they come."""
        moved = torch.from_numpy(batch)
        moved = moved.pin_memory() if device == "cuda" else moved
        moved = moved.to(device, dtype, non_blocking=True, memory_format=torch.channels_last)
        with torch.inference_mode():
            found: Tensor = network(moved)
            return found.float().cpu().numpy()

    return run


def _on_cuda(network: nn.Module, side: int) -> tuple[Run, str]:
    single = _on_torch(network, "cuda")
    probe = np.random.default_rng(0).normal(size=(TORCH_BATCH, 3, side, side)).astype(np.float32)
    expected = single(probe)
    half = _on_torch(copy.deepcopy(network), "cuda", torch.float16)
    if cosines(half(probe), expected).min() >= HALF_COSINE:
        return half, "fp16"
    return single, "fp32"


def cosines(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    """Cosine between the features of the same galaxy, row by row.

    Parameters
    ----------
    a, b : ndarray of float32, shape (n, dimension)
        Features by two engines.

    Returns
    -------
    ndarray of float64, shape (n,)
        1 where the directions agree.
    """
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.asarray(np.einsum("ij,ij->i", a, b) / lengths, dtype=np.float64)


def _on_openvino(network: nn.Module, side: int) -> Run:
    # The converter would send usage data without asking where openvino_telemetry
    # can be imported; without it, it sends nothing.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # torch.jit.trace is deprecated
        # frozen here: the converter's own trace runs and compares the network twice more
        traced = torch.jit.trace(network, torch.zeros(1, 3, side, side), check_trace=False)
        taken = ([BATCH, 3, side, side], openvino.Type.f32)
        model = openvino.convert_model(torch.jit.freeze(traced), input=taken)
    cores = _cores()
    hints = {
        "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": cores, "NUM_STREAMS": cores,
    }  # fmt: skip
    return _in_streams(openvino.AsyncInferQueue(openvino.compile_model(model, "CPU", hints)))


def _in_streams(queue: Any) -> Run:
    """Run a compiled graph, which takes exactly `BATCH` images, on all cores side by side."""
    found: dict[int, NDArray[np.float32]] = {}

    def keep(request: Any, start: int) -> None:
        """Take a result before its request is used again."""
        found[start] = request.get_output_tensor(0).data.copy()

    queue.set_callback(keep)

    def run(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features of any number of images."""
        found.clear()
        starts = range(0, len(batch), BATCH)
        for start in starts:
            piece = batch[start : start + BATCH]
            missing = [(0, BATCH - len(piece)), (0, 0), (0, 0), (0, 0)]
            queue.start_async({0: np.pad(piece, missing)}, start)
        queue.wait_all()
        return np.concatenate([found[start] for start in starts])[: len(batch)]

    return run


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def embed(
    encoder: Encoder, sources: Iterable[Source], readers: int | None = None
) -> NDArray[np.float32]:
    """Embed images, some threads reading and preparing ahead of the network.

    Parameters
    ----------
    encoder : Encoder
        Loaded backbone.
    sources : iterable of ndarray of uint8, shape (height, width, 3), or callables
        Colour composites, or what reads them. One that cannot be read, or for
        which eq. 1 is undefined (ValueError), gives NaN.
    readers : int, optional
        Threads; as many as there are cores if not given.

    Returns
    -------
    ndarray of float32, shape (n, dimension)
        Feature vectors in the order of the images.

    References
    ----------
    The paper's eq. 2.
    """
    dimension = BACKBONES[encoder.configuration.backbone].dimension
    blocks = [
        _embed_batch(encoder, batch, dimension)
        for batch in _batches(prepared(encoder, sources, readers), encoder.batch_size)
    ]
    return np.concatenate(blocks) if blocks else np.empty((0, dimension), np.float32)


def prepared(
    encoder: Encoder, sources: Iterable[Source], readers: int | None = None
) -> Iterator[NDArray[np.float32] | None]:
    """Read and prepare images in threads, in their order, two batches ahead at most.

    Parameters
    ----------
    encoder, sources, readers
        As in `embed`.

    Yields
    ------
    ndarray of float32, shape (3, side, side), or None
        Input of the network; None where there is none.
    """
    waiting: deque[Future[NDArray[np.float32] | None]] = deque()
    with ThreadPoolExecutor(readers or _cores()) as pool:
        for source in sources:
            waiting.append(pool.submit(_prepare, encoder.configuration, source))
            if len(waiting) > 2 * encoder.batch_size:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _prepare(configuration: Configuration, source: Source) -> NDArray[np.float32] | None:
    try:
        return configuration.prepare(source() if callable(source) else source).numpy()
    except ValueError:  # unreadable, or eq. 1 undefined
        return None


def _batches(
    images: Iterable[NDArray[np.float32] | None], size: int
) -> Iterator[list[NDArray[np.float32] | None]]:
    batch: list[NDArray[np.float32] | None] = []
    for image in images:
        batch.append(image)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _embed_batch(
    encoder: Encoder, batch: list[NDArray[np.float32] | None], dimension: int
) -> NDArray[np.float32]:
    vectors = np.full((len(batch), dimension), np.nan, np.float32)
    rows = [row for row, image in enumerate(batch) if image is not None]
    if rows:
        images = np.stack([image for image in batch if image is not None])
        vectors[rows] = _turned_mean(encoder, images)
    return vectors


def _turned_mean(encoder: Encoder, images: NDArray[np.float32]) -> NDArray[np.float32]:
    turns = FRAMINGS[encoder.configuration.framing].turns
    turned = (np.ascontiguousarray(np.rot90(images, turn, axes=(2, 3))) for turn in range(turns))
    return np.asarray(np.mean([encoder.run(batch) for batch in turned], axis=0), np.float32)
