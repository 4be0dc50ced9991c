"""The galaxy encoder: its shape, its window, and weights that come back as they were."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from galaxy_utils.errors import UserError
from galaxy_utils.features.galaxy_convnext import (
    ABOUT_FILE,
    ENCODER,
    WEIGHTS_FILE,
    GalaxyConvNeXt,
    Shape,
    load_weights,
    normalise,
    round_window,
    save_weights,
)

SMALL = Shape("atto", 64, 32)


@pytest.mark.parametrize(("size", "millions"), [("atto", 3.37), ("femto", 4.83), ("pico", 8.53)])
def test_sizes_are_those_of_the_family(size: str, millions: float) -> None:
    network = GalaxyConvNeXt(Shape(size))
    number = sum(p.numel() for p in network.parameters()) / 1e6
    assert number == pytest.approx(millions, abs=0.01) and number < 10
    side = Shape(size).side
    assert network(torch.zeros(2, 3, side, side)).shape == (2, Shape(size).dimension)


def test_the_window_is_round_and_hides_the_corners() -> None:
    window = round_window(64)
    assert window[32, 32] == 1 and window[0, 0] == window[0, -1] == 0
    for turned in (torch.rot90(window), window.flip(0), window.T):
        torch.testing.assert_close(turned, window)


def test_what_lies_in_the_corners_is_not_seen() -> None:
    network = GalaxyConvNeXt(SMALL).eval()
    frame = torch.rand(1, 3, 32, 32)
    other = frame.clone()
    other[:, :, :4, :4] = 1
    torch.testing.assert_close(network(frame), network(other))
    other[:, :, 16, 16] = 9
    assert not torch.allclose(network(frame), network(other))


def test_weights_come_back_in_half_precision(tmp_path: Path) -> None:
    network = GalaxyConvNeXt(SMALL).eval()
    path = save_weights(tmp_path, network, {"shape": asdict(SMALL)})
    assert path.stat().st_size < 2.1 * sum(p.numel() for p in network.parameters())
    again = load_weights(tmp_path)
    frame = normalise(torch.rand(4, 3, 32, 32))
    cosine = torch.nn.functional.cosine_similarity(network(frame), again(frame))
    assert cosine.min() > 0.9999


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    save_weights(tmp_path, GalaxyConvNeXt(SMALL), {"shape": asdict(SMALL)})
    content = bytearray((tmp_path / WEIGHTS_FILE).read_bytes())
    content[-1] ^= 1
    (tmp_path / WEIGHTS_FILE).write_bytes(bytes(content))
    with pytest.raises(UserError, match=r"weights.safetensors: sha256 is .* encoder.json says"):
        load_weights(tmp_path)
    (tmp_path / WEIGHTS_FILE).unlink()
    with pytest.raises(UserError, match="sha256 is no file"):
        load_weights(tmp_path)
    (tmp_path / ABOUT_FILE).unlink()
    with pytest.raises(UserError, match="there is no encoder here"):
        load_weights(tmp_path)


def test_the_json_beside_says_what_they_are(tmp_path: Path) -> None:
    save_weights(tmp_path, GalaxyConvNeXt(SMALL), {"shape": asdict(SMALL), "epochs": 3})
    about = json.loads((tmp_path / ABOUT_FILE).read_text(encoding="utf-8"))
    assert about["epochs"] == 3 and about["shape"] == {"size": "atto", "field": 64, "side": 32}
    assert about["bytes"] == (tmp_path / WEIGHTS_FILE).stat().st_size


def test_the_weights_of_the_project_give_the_same_features() -> None:
    axis = torch.linspace(-1, 1, 64)
    counts = torch.exp(-8 * (axis[:, None] ** 2 + 3 * axis**2)).expand(1, 3, 64, 64)
    with torch.inference_mode():
        features = load_weights(ENCODER)(normalise(counts))[0]
    expected = [0.1221, -0.8027, 0.0897, -0.2883, 1.6667]
    torch.testing.assert_close(features[:5], torch.tensor(expected), rtol=1e-3, atol=1e-3)
    assert features.norm() == pytest.approx(19.6219, rel=1e-4)
