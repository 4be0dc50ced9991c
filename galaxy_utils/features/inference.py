"""Run a frozen backbone as fast as the machine allows, over any number of galaxies.

On a processor OpenVINO runs it in single precision, a few images on each core, or PyTorch where
OpenVINO is not installed (`benchmarks/embedding.py` compares them). On a CUDA device PyTorch runs
it in half precision, unless that changes its features.
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
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from galaxy_utils.data.images import Image
from galaxy_utils.features.backbones import BACKBONES, EmbeddingSpec
from galaxy_utils.features.preprocessing import CROPS

BATCH = 2
"""Images in one pass on one core: of 1, 2, 4, 8 and 16 the fastest for the EfficientNets."""

ROUNDS = 2
"""Passes that each core is given before results are waited for."""

TORCH_BATCH = 4
"""Images in one pass of PyTorch on a processor, and of the test of half precision."""

CUDA_BATCH = 64

HALF_COSINE = 0.999
"""Half precision is used where its features are at least this near to single precision's."""

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Maps a batch of shape (n, 3, side, side) to features of shape (n, dimension)."""

Source = Image | Callable[[], Image]
"""An image, or a function that reads it."""


@dataclass(frozen=True)
class Encoder:
    """A backbone with its weights loaded, for one crop."""

    spec: EmbeddingSpec
    run: Run
    engine: str  # what runs it, at which precision, on what
    batch_size: int = TORCH_BATCH  # how many inputs are best given to `run` at once


def engine_name() -> str:
    """`cuda`, or on a processor `openvino` or `torch`: what `load_encoder` uses by default."""
    if torch.cuda.is_available():
        return "cuda"
    return "openvino" if util.find_spec("openvino") else "torch"


def load_encoder(spec: EmbeddingSpec, engine: str | None = None) -> Encoder:
    """Load a frozen backbone, by default onto what runs it fastest here (`engine_name`).

    A UserError if the weights cannot be downloaded or read.
    """
    return replace(_load(spec.backbone, engine or engine_name()), spec=spec)


@lru_cache(maxsize=2)
def _load(backbone: str, engine: str) -> Encoder:
    """Loading takes a second, and the network is the same for every crop."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        network = BACKBONES[backbone].build()
    network.eval().requires_grad_(False)
    return make_encoder(EmbeddingSpec(backbone), network, engine)


def make_encoder(spec: EmbeddingSpec, network: nn.Module, engine: str) -> Encoder:
    """Put a frozen network in evaluation mode onto `cuda`, `openvino` or `torch`."""
    side = BACKBONES[spec.backbone].input_size
    if engine == "openvino":
        name = f"OpenVINO {metadata.version('openvino')}, fp32, CPU"
        return Encoder(spec, _on_openvino(network, side), name, ROUNDS * BATCH * _cores())
    if engine == "cuda":
        run, precision = _on_cuda(network, side)
        name = f"PyTorch {torch.__version__}, {precision}, {torch.cuda.get_device_name()}"
        return Encoder(spec, run, name, CUDA_BATCH)
    return Encoder(spec, _on_torch(network), f"PyTorch {torch.__version__}, fp32, CPU")


def _on_torch(network: nn.Module, device: str = "cpu", dtype: torch.dtype = torch.float32) -> Run:
    network = network.to(device=device, dtype=dtype)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def run(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        inputs = torch.from_numpy(batch)
        inputs = inputs.pin_memory() if device == "cuda" else inputs
        inputs = inputs.to(device, dtype, non_blocking=True, memory_format=torch.channels_last)
        with torch.inference_mode():
            features: Tensor = network(inputs)
            return features.float().cpu().numpy()

    return run


def _on_cuda(network: nn.Module, side: int) -> tuple[Run, str]:
    single = _on_torch(network, "cuda")
    noise = np.random.default_rng(0).normal(size=(TORCH_BATCH, 3, side, side)).astype(np.float32)
    half = _on_torch(copy.deepcopy(network), "cuda", torch.float16)
    features = torch.from_numpy(half(noise)), torch.from_numpy(single(noise))
    if nn.functional.cosine_similarity(*features, eps=0).min() >= HALF_COSINE:
        return half, "fp16"
    return single, "fp32"


def _on_openvino(network: nn.Module, side: int) -> Run:
    # The converter would send usage data without asking where openvino_telemetry
    # can be imported; without it, it sends nothing.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # torch.jit.trace is deprecated
        # frozen here: the converter's own trace runs and compares the network twice more
        traced = torch.jit.trace(network, torch.zeros(1, 3, side, side), check_trace=False)
        inputs = ([BATCH, 3, side, side], openvino.Type.f32)
        model = openvino.convert_model(torch.jit.freeze(traced), input=inputs)
    cores = _cores()
    hints = {
        "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": cores, "NUM_STREAMS": cores,
    }  # fmt: skip
    return _in_streams(openvino.AsyncInferQueue(openvino.compile_model(model, "CPU", hints)))


def _in_streams(queue: Any) -> Run:
    """Run a compiled model, which takes exactly `BATCH` images, on all cores at once."""
    features: dict[int, NDArray[np.float32]] = {}

    def keep(request: Any, start: int) -> None:
        features[start] = request.get_output_tensor(0).data.copy()  # before it is used again

    queue.set_callback(keep)

    def run(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        features.clear()
        starts = range(0, len(batch), BATCH)
        for start in starts:
            images = batch[start : start + BATCH]
            missing = [(0, BATCH - len(images)), (0, 0), (0, 0), (0, 0)]
            queue.start_async({0: np.pad(images, missing)}, start)
        queue.wait_all()
        return np.concatenate([features[start] for start in starts])[: len(batch)]

    return run


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def embed(encoder: Encoder, images: Iterable[Source]) -> NDArray[np.float32]:
    """Embed images (eq. 2); threads read and prepare them ahead of the network.

    Returns float32 of shape (n, dimension) in the order of the images. One that cannot be read,
    or for which eq. 1 is undefined (ValueError), gives NaN.
    """
    empty = np.empty((0, BACKBONES[encoder.spec.backbone].dimension), np.float32)
    return np.concatenate([empty, *embed_in_batches(encoder, images)])


def embed_in_batches(encoder: Encoder, images: Iterable[Source]) -> Iterator[NDArray[np.float32]]:
    """The rows of `embed`, as soon as a batch of them is ready."""
    inputs = prepare_ahead(encoder, images)
    while batch := list(islice(inputs, encoder.batch_size)):
        yield _embed_batch(encoder, batch)


def prepare_ahead(
    encoder: Encoder, images: Iterable[Source]
) -> Iterator[NDArray[np.float32] | None]:
    """Network inputs in the order of the images, prepared at most two batches ahead."""
    waiting: deque[Future[NDArray[np.float32] | None]] = deque()
    with ThreadPoolExecutor(_cores()) as pool:
        for image in images:
            waiting.append(pool.submit(_prepare, encoder.spec, image))
            if len(waiting) > 2 * encoder.batch_size:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _prepare(spec: EmbeddingSpec, image: Source) -> NDArray[np.float32] | None:
    try:
        return spec.prepare(image() if callable(image) else image).numpy()
    except ValueError:  # unreadable, or eq. 1 undefined
        return None


def _embed_batch(encoder: Encoder, batch: list[NDArray[np.float32] | None]) -> NDArray[np.float32]:
    dimension = BACKBONES[encoder.spec.backbone].dimension
    features = np.full((len(batch), dimension), np.nan, np.float32)
    rows = [row for row, image in enumerate(batch) if image is not None]
    if rows:
        images = np.stack([image for image in batch if image is not None])
        features[rows] = _rotation_mean(encoder, images)
    return features


def _rotation_mean(encoder: Encoder, images: NDArray[np.float32]) -> NDArray[np.float32]:
    rotated = (
        np.ascontiguousarray(np.rot90(images, quarter, axes=(2, 3)))
        for quarter in range(CROPS[encoder.spec.crop].n_rotations)
    )
    return np.asarray(np.mean([encoder.run(batch) for batch in rotated], axis=0), np.float32)
