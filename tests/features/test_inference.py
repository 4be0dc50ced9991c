"""Engines that run a backbone: the same features, in order, without looking far ahead."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from galaxy_utils.data.hubble import hdf_sample, hubble_deep_field
from galaxy_utils.data.images import ImageError, read_image
from galaxy_utils.features import inference
from galaxy_utils.features.backbones import BACKBONES, EmbeddingSpec, torchvision_features
from galaxy_utils.features.inference import (
    BATCH,
    Encoder,
    embed,
    engine_name,
    load_encoder,
    make_encoder,
    prepare_ahead,
)

LITE = EmbeddingSpec("efficientnet_lite0", "full")


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder(LITE)


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cosine similarity of two sets of features, row by row."""
    return nn.functional.cosine_similarity(torch.from_numpy(a), torch.from_numpy(b), eps=0).numpy()


def stamps(number: int) -> list[np.ndarray]:
    return list(hdf_sample().cutouts.values())[:number]


def eager(spec: EmbeddingSpec, network: nn.Module, images: list[np.ndarray]) -> np.ndarray:
    """Features by plain PyTorch in single precision, image by image."""
    with torch.inference_mode():
        rows = [network(spec.prepare(image)[None]) for image in images]
    return torch.cat(rows).numpy()


# Engines


@pytest.mark.parametrize("engine", ["openvino", "torch"])
@pytest.mark.parametrize("backbone", ["efficientnet_lite0", "efficientnet_lite2"])
def test_every_engine_gives_the_features_of_eager_pytorch(backbone: str, engine: str) -> None:
    spec = EmbeddingSpec(backbone, "full")
    images = stamps(10)
    expected = eager(spec, BACKBONES[backbone].build().eval(), images)
    found = embed(load_encoder(spec, engine=engine), images)
    assert cosines(found, expected).min() >= 0.9999
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("backbone", ["efficientnet_b0", "convnext_base"])
def test_openvino_takes_the_papers_networks(backbone: str) -> None:
    torch.manual_seed(0)  # random weights: the real ones are downloaded
    network = torchvision_features(backbone).eval()
    spec = EmbeddingSpec(backbone, "full")
    images = stamps(2)
    expected = eager(spec, network, images)
    found = embed(make_encoder(spec, network, "openvino"), images)
    assert cosines(found, expected).min() >= 0.9999


def test_half_precision_stays_within_what_is_asked_of_it() -> None:
    # What a CUDA device runs; here on the processor, which is slow but rounds the same.
    network = BACKBONES["efficientnet_lite0"].build().eval()
    images = stamps(4)
    expected = eager(LITE, network, images)
    half = Encoder(LITE, inference._on_torch(network, "cpu", torch.float16), "half")
    assert cosines(embed(half, images), expected).min() >= inference.HALF_COSINE


def test_the_engine_is_told(encoder: Encoder) -> None:
    assert engine_name() in ("cuda", "openvino", "torch")
    if engine_name() == "openvino":
        assert encoder.engine.startswith("OpenVINO ") and encoder.engine.endswith("fp32, CPU")


def test_without_openvino_pytorch_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference.util, "find_spec", lambda name: None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert engine_name() == "torch"
    assert load_encoder(LITE).engine.startswith("PyTorch")


def test_nothing_is_sent_to_the_makers_of_openvino() -> None:
    code = (
        "import sys; from galaxy_utils.features.inference import load_encoder; "
        "from galaxy_utils.features.backbones import EmbeddingSpec; "
        "load_encoder(EmbeddingSpec('efficientnet_lite0'), engine='openvino'); "
        "sys.exit(sys.modules.get('openvino_telemetry') is not None)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_network_is_loaded_once_whatever_its_crop() -> None:
    quarter = load_encoder(EmbeddingSpec("efficientnet_lite0", "quarter"))
    assert quarter.run is load_encoder(LITE).run
    assert quarter.spec.crop == "quarter"
    assert load_encoder(LITE, engine="torch").run is not quarter.run


# Embedding


def test_rows_stay_in_order_and_do_not_depend_on_the_batch(encoder: Encoder) -> None:
    images = stamps(2 * encoder.batch_size + 3)
    found = embed(encoder, images)
    assert found.shape == (len(images), 1280)
    assert found.dtype == np.float32
    for row in (0, BATCH, encoder.batch_size, len(images) - 1):
        alone = embed(encoder, [images[row]])[0]
        np.testing.assert_allclose(alone, found[row], rtol=1e-4, atol=1e-4)
    assert np.abs(found[0] - found[1]).max() > 0.1


def test_what_cannot_be_embedded_is_nan_and_moves_nobody(encoder: Encoder, tmp_path: Path) -> None:
    images = stamps(2)

    def unreadable() -> np.ndarray:
        raise ImageError("unreadable image")

    constant = np.full((64, 64, 3), 9, np.uint8)
    (tmp_path / "cut.jpg").write_bytes(b"\xff\xd8\xff")
    broken = [unreadable, constant, lambda: read_image(tmp_path / "cut.jpg")]
    found = embed(encoder, [images[0], *broken, lambda: images[1]])
    assert np.isnan(found[1:4]).all()
    np.testing.assert_allclose(found[[0, 4]], embed(encoder, images), rtol=1e-4, atol=1e-4)


def test_other_errors_are_not_hidden(encoder: Encoder) -> None:
    def fault() -> np.ndarray:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        embed(encoder, [fault])


def test_no_image_gives_no_row(encoder: Encoder) -> None:
    assert embed(encoder, []).shape == (0, 1280)


def test_readers_stay_two_batches_ahead_at_most() -> None:
    taken: list[int] = []
    idle = Encoder(LITE, lambda batch: batch, "idle", batch_size=4)

    def images() -> Iterator[np.ndarray]:
        for number in range(100):
            taken.append(number)
            yield hubble_deep_field()[:64, :64]

    ready = prepare_ahead(idle, images())
    for number in range(20):
        next(ready)
        assert len(taken) <= number + 1 + 2 * 4 + 1


def test_a_turned_galaxy_has_the_same_features_in_quarter_crop() -> None:
    square = [image[:64, :64] for image in stamps(4)]
    turned = [np.ascontiguousarray(np.rot90(image)) for image in square]
    quarter = load_encoder(EmbeddingSpec("efficientnet_lite0", "quarter"))
    plain = load_encoder(EmbeddingSpec("efficientnet_lite0", "native"))
    assert cosines(embed(quarter, square), embed(quarter, turned)).min() > 0.9999
    assert cosines(embed(plain, square), embed(plain, turned)).max() < 0.9999
