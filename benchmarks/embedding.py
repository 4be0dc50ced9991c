"""Compare the engine that embeds here with eager PyTorch, measured in the same process.

    python benchmarks/embedding.py [--number 48] [--images data/sdss5000/images] [--threads 1]
                                   [--backbones convnext_base] [--table data/benchmarks.csv]

Prints the ratios and keeps them in the table. The peer is eager PyTorch in single
precision, one image at a time. Networks without weights on this machine get random
ones, which cost the same. For each network the floating-point operations per second
are set beside the fastest matrix product. Engine, peer and product take turns, since
a machine that is shared has better and worse moments; of each the best pass counts.
What the two networks of the profile `book` cost a galaxy together is compared, too.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from recording import TABLE, record_benchmark
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from galaxy_utils.config import Parameters, split_names
from galaxy_utils.data.hubble import hdf_sample
from galaxy_utils.data.images import Image, band_mean, read_image
from galaxy_utils.features.backbones import BACKBONES, EmbeddingSpec, torchvision_features
from galaxy_utils.features.inference import Encoder, embed, engine_name, make_encoder
from galaxy_utils.morphology.measurement import measure
from galaxy_utils.workflow.timing import enlarged, hardware

DEFAULT_IMAGES = Path(__file__).parents[1] / "data" / "sdss5000" / "images"
NETWORKS = "efficientnet_lite0,efficientnet_lite2,efficientnet_b0,convnext_base"
PASSES = 6
PAUSE = 0.2
"""Seconds before each job: threads of the one before have gone to sleep by then."""

SIZES = (1024, 2048, 4096)
"""Of the matrices whose product is timed."""


def seconds(job: Callable[[], object]) -> float:
    """Run a job once; return its wall time in seconds."""
    time.sleep(PAUSE)
    started = time.perf_counter()
    job()
    return time.perf_counter() - started


def in_turns(jobs: dict[str, Callable[[], object]], passes: int = PASSES) -> dict[str, float]:
    """Run jobs one after another, several times; return the shortest wall time of each."""
    times = [{name: seconds(job) for name, job in jobs.items()} for _ in range(passes)]
    return {name: min(each[name] for each in times) for name in jobs}


def read_images(folder: Path, number: int) -> list[Image]:
    """Read cutouts evenly over a folder, or enlarge stamps of the Hubble Deep Field."""
    paths = sorted(folder.glob("*.jpg")) if folder.is_dir() else []
    if paths:
        chosen = np.linspace(0, len(paths) - 1, number).round().astype(int)
        return [read_image(paths[row]) for row in chosen]
    print(f"no cutouts in {folder}: stamps of the Hubble Deep Field, enlarged")
    return [enlarged(stamp) for stamp in list(hdf_sample().cutouts.values())[:number]]


def network_of(name: str) -> nn.Module:
    """Build a network with its weights where they are installed, else with random ones."""
    backbone = BACKBONES[name]
    torch.manual_seed(0)
    network = torchvision_features(name) if backbone.downloaded else backbone.build()
    return network.eval().requires_grad_(False)


def one_by_one(network: nn.Module, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Embed with eager PyTorch, batches of one."""
    with torch.inference_mode():
        rows = [network(torch.from_numpy(image[None])) for image in inputs]
    return torch.cat(rows).numpy()


def in_batches(encoder: Encoder, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Embed prepared images with an encoder."""
    starts = range(0, len(inputs), encoder.batch_size)
    return np.concatenate([encoder.run(inputs[s : s + encoder.batch_size]) for s in starts])


def operations(network: nn.Module, side: int) -> int:
    """Count the floating-point operations of one image."""
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 3, side, side))
    return int(counter.get_total_flops())


def matrix_products() -> dict[str, Callable[[], object]]:
    """Single-precision products of square matrices, by their size."""
    device = "cuda" if torch.cuda.is_available() else "cpu"

    def product(a: torch.Tensor) -> float:
        """Multiply, and wait for the result."""
        return float((a @ a)[0, 0].item())

    matrices = {str(size): torch.randn(size, size, device=device) for size in SIZES}
    return {size: partial(product, matrix) for size, matrix in matrices.items()}


@dataclass(frozen=True)
class Times:
    """Seconds an image of one network: eager PyTorch, the engine, and the engine from pixels on."""

    peer: float
    ours: float
    whole: float
    how: str


def compare(name: str, images: list[Image], table: Path) -> Times:
    """Record the ratio of one network to its peer; return what an image takes."""
    spec = EmbeddingSpec(name, "full")
    inputs = np.stack([spec.prepare(image).numpy() for image in images])
    network = network_of(name)
    flops = operations(network, BACKBONES[name].input_size)
    encoder = make_encoder(spec, network, engine_name())
    features = in_batches(encoder, inputs), one_by_one(network, inputs)
    cosine = torch.nn.functional.cosine_similarity(*map(torch.from_numpy, features), eps=0).min()
    products = matrix_products()
    best = in_turns({
        "peer": lambda: one_by_one(network, inputs), "ours": lambda: in_batches(encoder, inputs),
        "whole": lambda: embed(encoder, images), **products,
    })  # fmt: skip
    limit = max(2 * int(size) ** 3 / best[size] for size in products)
    peer, ours, whole = (best[key] / len(images) for key in ("peer", "ours", "whole"))
    print(
        f"{name}: eager, one by one {1e3 * peer:.1f} ms, {encoder.engine} {1e3 * ours:.1f} ms "
        f"an image, {flops / ours / 1e9:.0f} GFLOP/s, matrix product {limit / 1e9:.0f} GFLOP/s; "
        f"with eq. 1 and resizing {1e3 * whole:.1f} ms"
    )
    how = f"wall time, threads: {torch.get_num_threads()}, {encoder.engine}"
    results = {"ratio": peer / ours, "cosine": cosine, "share": 100 * flops / ours / limit}
    for what, value in results.items():
        record_benchmark(f"{what}_{name}", len(images), float(value), how, hardware(), table)
    return Times(peer, ours, whole, how)


def compare_pair(times: dict[str, Times], number: int, table: Path) -> None:
    """Record what the networks of the book gain together, where all of them were measured."""
    names = split_names(Parameters().backbones)
    if set(names) <= set(times):
        mine = [times[name] for name in names]
        ratio = sum(each.peer for each in mine) / sum(each.ours for each in mine)
        record_benchmark("ratio_book_networks", number, ratio, mine[0].how, hardware(), table)


def five_parameters(images: list[Image]) -> float:
    """Milliseconds of the five parameters of a galaxy, on one core."""
    measure(band_mean(images[0]))  # compiles, or reads the compiled code from disk
    return 1e3 * seconds(lambda: [measure(band_mean(i)) for i in images]) / len(images)


def main() -> None:
    """Read the command line and print one line a network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=48)
    parser.add_argument("--images", type=Path, default=DEFAULT_IMAGES)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--backbones", default=NETWORKS)
    parser.add_argument("--table", type=Path, default=TABLE)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if hasattr(os, "sched_setaffinity"):  # OpenVINO takes as many threads as there are cores
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    print(f"{hardware()}; threads: {options.threads}")
    images = read_images(options.images, options.number)
    times = {}
    for name in options.backbones.split(","):
        shown = images if name != "convnext_base" else images[:8]
        times[name] = compare(name, shown, options.table)
    compare_pair(times, len(images), options.table)
    if torch.cuda.is_available():
        spent = 1e3 * sum(each.whole for each in times.values())
        whole, how = spent + five_parameters(images), f"wall time, {options.backbones}"
        how += " and the five parameters, these on one core"
        record_benchmark("gpu_features", len(images), whole, how, hardware(), options.table)


if __name__ == "__main__":
    main()
