"""Probes know what is in a representation, and no more."""

from __future__ import annotations

import numpy as np
import pytest

from galaxy_utils.evaluation.probes import probe_scores, probes

GROUP = np.repeat([0, 1, 2], 70)
CENTRES = np.array([[0.0, 0, 0], [10, 0, 0], [0, 10, 0]])
BLOBS = CENTRES[GROUP] + np.random.default_rng(0).normal(size=(210, 3))
TYPES = np.array(["a", "b", "c"], dtype=object)[GROUP]


def test_probes_know_what_is_there_and_no_more() -> None:
    found = probe_scores(BLOBS, TYPES, 0)
    assert found["fold"].nunique() == 5
    assert found.groupby(["probe", "score"])["value"].mean().min() > 0.95
    blind = probe_scores(np.random.default_rng(1).normal(size=(210, 3)), TYPES, 0)
    means = blind.groupby("score")["value"].mean()
    assert means["accuracy"] == pytest.approx(1 / 3, abs=0.12)
    assert means["ari"] == pytest.approx(0, abs=0.1)


def test_galaxies_without_a_type_take_no_part() -> None:
    assert probe_scores(BLOBS, np.full(210, None, dtype=object), 0).empty
    some = TYPES.copy()
    some[::2] = None
    expected = probe_scores(BLOBS[1::2], TYPES[1::2], 0)
    assert probe_scores(BLOBS, some, 0).equals(expected)
    assert probe_scores(BLOBS, np.where(GROUP == 0, None, TYPES), 0)["value"].min() > 0.9
    rare = np.where(np.arange(210) < 4, "rare", TYPES).astype(object)
    assert probe_scores(BLOBS, rare, 0).empty, "fewer galaxies than folds"


def test_a_wide_space_is_reduced_before_it_is_probed() -> None:
    assert "pca" not in probes(128, 500, 0)["linear"].named_steps
    assert probes(129, 500, 0)["linear"]["pca"].n_components == 128
    assert probes(1000, 60, 0)["neighbours"]["pca"].n_components == 60
