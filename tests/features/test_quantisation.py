"""Embeddings in one byte a feature."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from galaxy_utils.features.quantisation import (
    LEVELS,
    quantise,
    read_quantised,
    write_quantised,
)

VECTORS = np.random.default_rng(0).gamma(2, size=(500, 40)).astype(np.float32)


@given(arrays(np.float32, (7, 3), elements=st.floats(-1e4, 1e4, width=32)))
def test_every_feature_comes_back_within_half_a_step(vectors: np.ndarray) -> None:
    quantised = quantise(vectors)
    allowed = 0.5 * quantised.step + 1e-4 * np.abs(vectors).max(axis=0) + 1e-6
    assert (np.abs(quantised.values() - vectors) <= allowed).all()
    assert quantised.codes.max() < LEVELS


def test_missing_rows_stay_missing_and_move_nobody() -> None:
    vectors = VECTORS.copy()
    vectors[[3, 499]] = np.nan
    found = quantise(vectors).values()
    assert np.isnan(found[[3, 499]]).all()
    there = np.delete(np.arange(500), [3, 499])
    np.testing.assert_array_equal(found[there], quantise(vectors[there]).values())


def test_nothing_at_all_is_missing() -> None:
    assert np.isnan(quantise(np.full((2, 3), np.nan)).values()).all()
    assert quantise(np.empty((0, 3))).values().shape == (0, 3)


def test_a_constant_feature_comes_back() -> None:
    np.testing.assert_array_equal(quantise(np.full((4, 2), 7.5)).values(), 7.5)


def test_the_loss_is_what_rounding_on_even_levels_must_lose() -> None:
    uniform = np.random.default_rng(0).uniform(size=(20_000, 4))
    lost = np.mean((quantise(uniform).values() - uniform) ** 2) / uniform.var()
    # Variance of rounding is step**2 / 12, that of the values 1 / 12.
    assert lost == pytest.approx((1 / (LEVELS - 1)) ** 2, rel=0.05)


def test_a_file_is_read_as_it_was_written_and_always_the_same(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        write_quantised(tmp_path / name, quantise(VECTORS))
    np.testing.assert_array_equal(
        read_quantised(tmp_path / "a.npz").values(), quantise(VECTORS).values()
    )
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
