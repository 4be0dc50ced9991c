"""Small samples, and cheap stand-ins for what is slow to measure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from galaxy_utils.data.hubble import hdf_sample
from galaxy_utils.data.images import band_mean
from galaxy_utils.features import inference, measuring
from galaxy_utils.features.backbones import EmbeddingSpec
from galaxy_utils.features.inference import Encoder
from galaxy_utils.morphology.measurement import Morphology


@pytest.fixture
def save_stamps(tmp_path: Path) -> Callable[[int], Path]:
    """Write stamps of the built-in field as PNG files; returns their folder."""

    def save(number: int) -> Path:
        sample, folder = hdf_sample(), tmp_path / "images"
        folder.mkdir()
        for objid in sample.catalogue["objid"][:number]:
            PillowImage.fromarray(sample.image(objid).copy()).save(folder / f"{objid}.png")
        return folder

    return save


@pytest.fixture
def folder(save_stamps: Callable[[int], Path]) -> Path:
    """Eight stamps as PNG files."""
    return save_stamps(8)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Replace the engines by a cheap one; the list holds the mean of each image measured."""
    calls: list[float] = []
    row_of = measuring.measure_image

    def cheap_row(what: str, image: np.ndarray, settings: Any) -> dict[str, Any]:
        if what not in ("fast", "statmorph"):
            return row_of(what, image, settings)
        counts = band_mean(image)
        calls.append(counts.mean())
        return asdict(Morphology(*counts.reshape(-1)[:5], flag=0))

    monkeypatch.setattr(measuring, "measure_image", cheap_row)
    return calls


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Replace the backbone by band maxima; the list holds the size of each batch."""
    calls: list[int] = []

    def run(batch: np.ndarray) -> np.ndarray:
        calls.append(len(batch))
        return np.tile(batch.max(axis=(2, 3)), 427)[:, :1280]

    def load(spec: EmbeddingSpec) -> Encoder:
        return Encoder(spec, run, "cheap", batch_size=3)

    monkeypatch.setattr(inference, "load_encoder", load)
    return calls
