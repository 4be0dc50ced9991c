"""Backbones, their input and their weights."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch

from galaxy_utils.config import BACKBONE_NAMES, OFFLINE_BACKBONES
from galaxy_utils.data.hubble import hubble_deep_field
from galaxy_utils.errors import UserError
from galaxy_utils.features import backbones
from galaxy_utils.features._torchvision import import_torchvision
from galaxy_utils.features.backbones import (
    BACKBONES,
    EmbeddingSpec,
    download_weights,
    ensure_weights,
)
from galaxy_utils.features.preprocessing import CROPS, standardise

LITE = ("efficientnet_lite0", "efficientnet_lite2")
CATS = range(281, 286)
ESPRESSO = 967
OFFLINE_PAIR = "backbones=efficientnet_lite0,efficientnet_lite2"


def stamps(number: int) -> list[np.ndarray]:
    field = hubble_deep_field()
    return [field[64 * i : 64 * i + 64, 64 * i : 64 * i + 64] for i in range(number)]


# Networks


@pytest.mark.parametrize("backbone", LITE)
def test_the_weights_are_real(backbone: str) -> None:
    prepare = EmbeddingSpec(backbone, "native").prepare
    batch = torch.stack([prepare(skimage.data.chelsea()), prepare(skimage.data.coffee())])
    with torch.inference_mode():
        best = BACKBONES[backbone].build().eval().network(batch).argmax(dim=1).tolist()
    assert best[0] in CATS
    assert best[1] == ESPRESSO


@pytest.mark.parametrize("backbone", LITE)
def test_lite_features_are_what_the_classifier_reads(backbone: str) -> None:
    extractor = BACKBONES[backbone].build().eval()
    prepare = EmbeddingSpec(backbone, "full").prepare
    batch = torch.stack([prepare(stamp) for stamp in stamps(2)])
    read: list[torch.Tensor] = []
    extractor.network._fc.register_forward_hook(lambda layer, inputs, out: read.append(inputs[0]))
    with torch.inference_mode():
        extractor.network(batch)
        np.testing.assert_allclose(extractor(batch), read[0], atol=1e-5)


@pytest.mark.parametrize(
    ("backbone", "dimension"), [("efficientnet_b0", 1280), ("convnext_base", 1024)]
)
def test_torchvision_features_are_what_the_classifier_reads(
    backbone: str, dimension: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "random.pth"

    def make_weights(url: str, folder: Path) -> Path:
        assert backbone in url
        torch.manual_seed(0)
        with torch.device("meta"):
            state = import_torchvision().models.get_model(backbone).state_dict()
        random = {name: torch.rand_like(value, device="cpu", dtype=torch.float32).mul(0.05)
                  for name, value in state.items()}  # fmt: skip
        torch.save(random, weights)
        return weights

    monkeypatch.setattr(backbones, "download_weights", make_weights)
    extractor = BACKBONES[backbone].build().eval()
    complete = import_torchvision().models.get_model(backbone).eval()
    complete.load_state_dict(torch.load(weights))
    weights.unlink()  # 350 MB
    read: list[torch.Tensor] = []
    complete.classifier[-1].register_forward_hook(lambda layer, inputs, out: read.append(inputs[0]))
    batch = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        found = extractor(batch)
        complete(batch)
    assert found.shape == (2, dimension) == (2, BACKBONES[backbone].dimension)
    np.testing.assert_allclose(found, read[0], rtol=1e-4, atol=1e-5)


# Input


@pytest.mark.parametrize("crop", CROPS)
@pytest.mark.parametrize("backbone", BACKBONES)
def test_the_input_has_the_backbones_size(backbone: str, crop: str) -> None:
    prepared = EmbeddingSpec(backbone, crop).prepare(stamps(1)[0])
    side = {"efficientnet_lite2": 260, "galaxy_convnext": 64}.get(backbone, 224)
    assert tuple(prepared.shape) == (3, side, side)
    assert prepared.dtype == torch.float32


def test_native_crop_applies_the_networks_own_normalisation() -> None:
    white = np.full((64, 64, 3), 255, np.uint8)
    lite = EmbeddingSpec("efficientnet_lite0", "native").prepare(white)
    torch.testing.assert_close(lite, torch.ones_like(lite))
    imagenet = EmbeddingSpec("efficientnet_b0", "native").prepare(white)[:, 0, 0]
    expected = torch.tensor([(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225])
    torch.testing.assert_close(imagenet, expected)


def test_the_full_crop_is_the_z_score_at_another_size() -> None:
    field = hubble_deep_field()[:224, :224]
    prepared = EmbeddingSpec("efficientnet_lite0", "full").prepare(field)
    np.testing.assert_allclose(prepared.permute(1, 2, 0), standardise(field), atol=1e-5)


def test_the_half_crop_is_the_central_half_of_the_z_scored_frame() -> None:
    # The z-score is that of the whole frame: the crop comes after it, as documented.
    field = hubble_deep_field()[:448, :448]
    prepared = EmbeddingSpec("efficientnet_lite0", "half").prepare(field)
    expected = standardise(field)[112:336, 112:336]
    np.testing.assert_allclose(prepared.permute(1, 2, 0), expected, atol=1e-5)


def test_a_name_gives_back_its_specification() -> None:
    for backbone in BACKBONES:
        for crop in CROPS:
            spec = EmbeddingSpec(backbone, crop)
            assert EmbeddingSpec.named(spec.name) == spec


@pytest.mark.parametrize(
    ("arguments", "names"),
    [(("efficientnet third", "full"), BACKBONES), (("efficientnet_lite0", "third"), CROPS)],
)
def test_unknown_names_are_refused_with_the_known_ones(
    arguments: tuple[str, str], names: dict[str, object]
) -> None:
    with pytest.raises(UserError, match="third' is unknown") as error:
        EmbeddingSpec(*arguments)
    for name in names:
        assert name in str(error.value)


def test_the_parameters_know_the_same_backbones() -> None:
    assert tuple(BACKBONES) == BACKBONE_NAMES
    installed = [name for name, backbone in BACKBONES.items() if not backbone.downloaded]
    assert tuple(installed) == (*OFFLINE_BACKBONES, "galaxy_convnext")
    assert all(name == backbone.name for name, backbone in BACKBONES.items())


# Downloads

CONTENT = b"weights" * 1000
GOOD = f"good-{hashlib.sha256(CONTENT).hexdigest()[:8]}.pth"
WRONG = "wrong-01234567.pth"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    requests: list[str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        status, _, name = self.path.strip("/").partition("/")
        if status == "silent":
            time.sleep(20)
        self.send_response(int(status) if status.isdecimal() else 200)
        announced = len(CONTENT) + (1000 if status == "cut" else 0)
        self.send_header("Content-Length", str(announced))
        self.end_headers()
        self.wfile.write(CONTENT)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(backbones, "DOWNLOAD_TIMEOUT", 0.5)
    with _Server(("127.0.0.1", 0), _Handler) as running:
        running.requests = []
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def test_good_weights_are_fetched_once(server: _Server, tmp_path: Path) -> None:
    for _ in range(2):
        path = download_weights(f"{server.url}/200/{GOOD}", tmp_path)
        assert path == tmp_path / GOOD
        assert path.read_bytes() == CONTENT
    assert len(server.requests) == 1


def test_wrong_weights_are_refused_and_removed(server: _Server, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"{WRONG}: sha256 is .* expected 01234567"):
        download_weights(f"{server.url}/200/{WRONG}", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_weights_damaged_on_disk_are_refused_and_fetched_again(
    server: _Server, tmp_path: Path
) -> None:
    (tmp_path / GOOD).write_bytes(CONTENT[:-1])
    with pytest.raises(UserError, match="damaged file was removed: run again"):
        download_weights(f"{server.url}/200/{GOOD}", tmp_path)
    assert download_weights(f"{server.url}/200/{GOOD}", tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("answer", ["404", "500", "silent", "cut"])
def test_a_server_that_fails_fails_quickly(server: _Server, tmp_path: Path, answer: str) -> None:
    _refused(f"{server.url}/{answer}/{GOOD}", tmp_path)


def test_a_refused_connection_fails_quickly(tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound but not listening
        taken.bind(("127.0.0.1", 0))
        _refused(f"http://127.0.0.1:{taken.getsockname()[1]}/{GOOD}", tmp_path)


def _refused(url: str, folder: Path) -> None:
    started = time.monotonic()
    with pytest.raises(UserError) as error:
        download_weights(url, folder)
    assert time.monotonic() - started < 10
    assert list(folder.iterdir()) == []
    for part in (url, str(folder), OFFLINE_PAIR):
        assert part in str(error.value)


def test_only_downloaded_backbones_ask_for_a_download(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(backbones, "download_weights", lambda url, folder: asked.append(url))
    for name in BACKBONES:
        ensure_weights(name)
    assert len(asked) == 2
    assert "efficientnet_b0" in asked[0]
    assert "convnext_base" in asked[1]
    assert all(len(url.rsplit("-", 1)[1]) == len("01234567.pth") for url in asked)
