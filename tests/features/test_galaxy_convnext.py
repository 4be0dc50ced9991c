"""The galaxy encoder: its shape, its window, and weights that come back as they were."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from galaxy_utils.errors import UserError
from galaxy_utils.features import galaxy_convnext
from galaxy_utils.features.galaxy_convnext import (
    ABOUT_FILE,
    WEIGHTS_FILE,
    GalaxyConvNeXt,
    Shape,
    load_encoder_weights,
    normalise,
    round_window,
    save_encoder,
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
    path = save_encoder(tmp_path, network, {"shape": asdict(SMALL)})
    assert path.stat().st_size < 2.1 * sum(p.numel() for p in network.parameters())
    again = load_encoder_weights(tmp_path)
    frame = normalise(torch.rand(4, 3, 32, 32))
    cosine = torch.nn.functional.cosine_similarity(network(frame), again(frame))
    assert cosine.min() > 0.9999


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    save_encoder(tmp_path, GalaxyConvNeXt(SMALL), {"shape": asdict(SMALL)})
    content = bytearray((tmp_path / WEIGHTS_FILE).read_bytes())
    content[-1] ^= 1
    (tmp_path / WEIGHTS_FILE).write_bytes(bytes(content))
    with pytest.raises(UserError, match=r"weights.safetensors: sha256 is .* encoder.json says"):
        load_encoder_weights(tmp_path)
    (tmp_path / WEIGHTS_FILE).unlink()
    with pytest.raises(UserError, match="sha256 is no file"):
        load_encoder_weights(tmp_path)
    (tmp_path / ABOUT_FILE).unlink()
    with pytest.raises(UserError, match="no encoder is here"):
        load_encoder_weights(tmp_path)


def test_the_json_beside_says_what_they_are(tmp_path: Path) -> None:
    save_encoder(tmp_path, GalaxyConvNeXt(SMALL), {"shape": asdict(SMALL), "epochs": 3})
    about = json.loads((tmp_path / ABOUT_FILE).read_text(encoding="utf-8"))
    assert about["epochs"] == 3 and about["shape"] == {"size": "atto", "field": 64, "side": 32}
    assert about["bytes"] == (tmp_path / WEIGHTS_FILE).stat().st_size


def test_trials_are_carried_and_may_be_missing(tmp_path: Path) -> None:
    trials = galaxy_convnext.read_trials(galaxy_convnext.ENCODER)
    assert len(trials) > 1 and "neighbours, %" in trials
    assert galaxy_convnext.read_trials(tmp_path).empty
