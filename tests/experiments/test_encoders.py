"""Encoders compared: one that knows the types, and one that knows nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.config import read_parameters
from galaxy_utils.experiments import encoders
from galaxy_utils.experiments.encoders import (
    ENCODERS,
    GALAXY,
    RANDOM,
    Inputs,
    accuracies,
    gain_of_training,
)
from galaxy_utils.features.galaxies import Galaxies
from galaxy_utils.run_folder import RunFolder
from galaxy_utils.store import Store

TYPES = ("edge_on", "elliptical", "merger", "spiral")


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    """400 galaxies: one encoder has the types, the other does not; one is wider than a probe."""
    rng = np.random.default_rng(0)
    number, n = rng.integers(0, 4, 400), 400
    types = np.array(TYPES, object)[number]
    types[::20] = None
    known = np.eye(4)[number] @ rng.normal(size=(4, 200)) * 3 + rng.normal(size=(n, 200))
    noise = rng.normal(size=(n, 24))
    features = {GALAXY: known.astype(np.float32), RANDOM: noise.astype(np.float32)}
    return Inputs(features, types, np.arange(n) % 4 != 0, np.arange(n) % 4 == 0)


@pytest.fixture(scope="module")
def rows(inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    store: Path = tmp_path_factory.mktemp("store")
    return ENCODERS.run(inputs, 2, 0, Store(store / "units.jsonl"), 1)


def test_an_encoder_with_the_types_scores_and_one_without_does_not(rows: pd.DataFrame) -> None:
    table = accuracies(rows)
    assert list(table.index) == encoders.NAMES
    measured = table.dropna()
    assert list(measured.index) == [RANDOM, GALAXY]
    assert table.loc[GALAXY, "value"] > 90 and table.loc[RANDOM, "value"] < 45
    assert (measured["low"] <= measured["value"]).all()
    assert (measured["high"] - measured["low"] > 0).any()


def test_every_test_galaxy_with_a_type_is_asked_once(inputs: Inputs, rows: pd.DataFrame) -> None:
    asked = rows.loc[rows["encoder"] == GALAXY, "galaxy"]
    np.testing.assert_array_equal(asked, np.flatnonzero(pd.notna(inputs.types[inputs.test])))


def test_a_probe_is_not_trained_on_test_galaxies(inputs: Inputs, rows: pd.DataFrame) -> None:
    types = np.where(inputs.test, "merger", inputs.types).astype(object)
    unit = {"encoder": GALAXY, "seed": 0}
    right = [row["value"] for row in ENCODERS.measure(replace(inputs, types=types), unit)]
    assert np.mean(right) < 0.5, "had it seen them, it would call everything a merger"


def test_without_types_nothing_is_compared(inputs: Inputs, tmp_path: Path) -> None:
    untyped = replace(inputs, types=np.full(len(inputs.types), None, object))
    rows = ENCODERS.run(untyped, 1, 0, Store(tmp_path / "units.jsonl"), 1)
    assert rows.empty and accuracies(rows).isna().all(axis=None)
    assert np.isnan(gain_of_training(rows)).all()


def test_galaxies_without_features_are_left_out_everywhere(inputs: Inputs) -> None:
    features = {k: v.copy() for k, v in inputs.features.items()}
    features[RANDOM][1] = np.nan  # not a test galaxy
    features[GALAXY][4] = np.nan  # a test galaxy
    found = encoders.complete(replace(inputs, features=features))
    assert len(found.types) == len(found.test) == 398 and found.test.sum() == 99
    np.testing.assert_array_equal(
        found.features[GALAXY], np.delete(inputs.features[GALAXY], [1, 4], axis=0)
    )


def test_pixel_features_are_the_centre() -> None:
    image = np.zeros((256, 256, 3), np.uint8)
    image[96:160, 96:160, 0] = 255
    found = encoders.pixel_features(image).reshape(32, 32, 3)
    assert found[..., 0].min() == pytest.approx(1) and found[..., 1:].max() == 0


def test_a_run_without_types_or_images_has_no_inputs(
    smoke: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, parameters = read_parameters(smoke.existing("parameters.yml"))
    assert encoders.read_inputs(smoke, parameters) is None, "the Hubble Deep Field has no types"

    def few(
        images: list[object], seed: int, many: bool, known: encoders.Features
    ) -> encoders.Features:
        assert not many and len(images) <= encoders.FEW
        return {**known, GALAXY: np.ones((len(images), 8), np.float32)}

    def types(folder: RunFolder) -> pd.Series:
        objids = encoders.kept_objids(folder)
        return pd.Series(np.resize(TYPES, len(objids)), objids)

    monkeypatch.setattr(Galaxies, "precomputed", lambda self, names, objids: {})
    monkeypatch.setattr(encoders, "_measure_features", few)
    monkeypatch.setattr(encoders, "read_types", types)
    found = encoders.read_inputs(smoke, parameters)
    assert found is not None and set(found.features) == {GALAXY, encoders.FIVE_PARAMETERS}
    assert len(found.types) == len(found.test) <= encoders.FEW


def test_the_gain_is_paired_with_the_best_imagenet_encoder(rows: pd.DataFrame) -> None:
    first, second = encoders.IMAGENET[:2]
    renamed = rows.assign(encoder=rows["encoder"].replace({RANDOM: first}))
    table = accuracies(renamed)
    gain, low, high = gain_of_training(renamed)
    assert 0 < low < gain < high
    assert gain == pytest.approx(table.loc[GALAXY, "value"] - table.loc[first, "value"])
    same = rows[rows["encoder"] == GALAXY].assign(encoder=second)
    assert gain_of_training(pd.concat([renamed, same])) == (0, 0, 0)
