"""Wall times and how they grow."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from galaxy_utils import timing
from galaxy_utils.autoencoder import Training, fuse
from galaxy_utils.embedding import Configuration
from galaxy_utils.inference import Encoder
from galaxy_utils.sample import hubble_deep_field
from galaxy_utils.timing import (
    TIMED_EPOCHS,
    growing_sizes,
    hardware,
    mixture_job,
    power_of_n,
    seconds,
    time_against_n,
    time_stages,
)

RNG = np.random.default_rng(0)
FUSED = fuse({"a": RNG.normal(size=(80, 6)).astype(np.float32)}, RNG.normal(size=(80, 5)))
LATENT = RNG.normal(size=(80, 3))
TRAINING = Training(hidden_dims=(8,), latent_dim=2, epochs=3, batch_size=40)
MIXTURE = mixture_job(2, "full", 1, 1e-4, 0)


def rows_of(sizes: list[int], power: float, factor: float = 1.0) -> pd.DataFrame:
    times = factor * np.array(sizes, dtype=float) ** power
    return pd.DataFrame({"galaxies": sizes, "seconds": times})


@settings(deadline=None, max_examples=20)
@given(power=st.floats(-1, 3), factor=st.floats(1e-6, 1e3))
def test_the_power_is_found_whatever_the_unit_of_time(power: float, factor: float) -> None:
    rows = rows_of([100, 250, 1000, 5000], power, factor)
    assert power_of_n(rows) == pytest.approx(power, abs=1e-6)


def test_the_power_of_n_to_the_three_halves() -> None:
    assert power_of_n(rows_of([100, 400, 1600], 1.5)) == pytest.approx(1.5)


def test_one_size_has_no_power() -> None:
    assert np.isnan(power_of_n(rows_of([100], 1)))
    assert np.isnan(power_of_n(rows_of([100, 100], 1)))


def test_seconds_are_seconds() -> None:
    times = seconds(lambda: time.sleep(0.02), repeats=2)
    assert times.shape == (2,)
    assert times.min() >= 0.02
    assert times.min() < 0.5


def test_the_hardware_is_named() -> None:
    assert " cores, " in hardware()


@pytest.fixture
def backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the backbone by band means."""

    def load(configuration: Configuration) -> Encoder:
        return Encoder(configuration, lambda b: np.tile(b.mean(axis=(2, 3)), 427)[:, :1280], "none")

    monkeypatch.setattr(timing, "load_encoder", load)


def test_every_stage_is_timed_per_galaxy(backbone: None, monkeypatch: pytest.MonkeyPatch) -> None:
    # Every job takes 2, 1 and 3 seconds: what is left is the bookkeeping.
    monkeypatch.setattr(timing, "seconds", lambda job, repeats=3: (job(), np.array([2.0, 1, 3]))[1])
    stamps = [hubble_deep_field()[64:128, 64 * i : 64 * i + 64] for i in range(3)]
    training = replace(TRAINING, epochs=2 * TIMED_EPOCHS)
    rows = time_stages(stamps, ["efficientnet_lite0-eq1"], FUSED, training, LATENT, MIXTURE)
    rows = rows.set_index("key")
    assert list(rows.index) == ["morphology", "features", "autoencoder", "mixture"]
    assert rows.loc["morphology", "median_ms"] == pytest.approx(2000 / 3)
    assert rows.loc["features", "lowest_ms"] == pytest.approx(1000 / 3)
    assert rows.loc["mixture", "highest_ms"] == pytest.approx(3000 / 80)
    # Half of the epochs are timed, the whole is told.
    assert rows.loc["autoencoder", "median_ms"] == pytest.approx(2 * 2000 / 80)


def test_sizes_grow_and_stay_within_the_sample() -> None:
    assert list(growing_sizes(4950, 66)) == [618, 1236, 2474, 4950]
    assert list(growing_sizes(160, 66)) == [66, 89, 119, 160]
    assert list(growing_sizes(40, 66)) == [40]


def test_two_sizes_make_no_slope() -> None:
    rows = pd.DataFrame({"galaxies": [10, 20], "seconds": [1.0, 2.0]})
    assert np.isnan(power_of_n(rows))


def test_times_against_the_number_of_galaxies() -> None:
    seen: list[int] = []
    rows = time_against_n(
        FUSED, TRAINING, LATENT, lambda latent: seen.append(len(latent)), [20, 80], seed=0
    )
    assert list(rows["stage"]) == ["autoencoder", "mixture"] * 2
    assert list(rows["galaxies"]) == [20, 20, 80, 80]
    assert seen == [20, 80]
    assert (rows["seconds"] > 0).all()
