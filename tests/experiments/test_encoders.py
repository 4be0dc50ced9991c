"""Encoders compared: one that knows the types is told from one that knows nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.config import make_parameters, read_parameters
from galaxy_utils.experiments import encoders
from galaxy_utils.experiments.encoders import ENCODERS, GALAXY, RANDOM, Inputs, summary
from galaxy_utils.features.galaxies import Galaxies
from galaxy_utils.run_folder import RunFolder
from galaxy_utils.store import Store

TYPES = ("edge-on", "elliptical", "merger", "spiral")


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    """400 galaxies: one encoder has the types and ignores rotation, the other has neither."""
    rng = np.random.default_rng(0)
    number, n = rng.integers(0, 4, 400), 400
    types = np.array(TYPES, object)[number]
    types[::20] = None
    test = np.arange(n) % 4 == 0
    known = np.eye(4)[number] @ rng.normal(size=(4, 24)) * 3 + rng.normal(size=(n, 24))
    noise = rng.normal(size=(n, 24))
    features = {GALAXY: known.astype(np.float32), RANDOM: noise.astype(np.float32)}
    rotated = {
        GALAXY: (known[test] + 0.01).astype(np.float32),
        RANDOM: rng.normal(size=(test.sum(), 24)).astype(np.float32),
    }
    return Inputs(features, rotated, types, test, make_parameters("smoke"))


@pytest.fixture(scope="module")
def rows(inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    store: Path = tmp_path_factory.mktemp("store")
    return ENCODERS.run(inputs, 2, 0, Store(store / "units.jsonl"), 1)


def test_an_encoder_with_the_types_scores_and_one_without_does_not(rows: pd.DataFrame) -> None:
    table = summary(rows)
    assert list(table.index) == encoders.NAMES
    assert list(table.dropna(how="all").index) == [RANDOM, GALAXY]
    assert table.loc[GALAXY, "linear"] > 90 and table.loc[GALAXY, "neighbours"] > 90
    assert table.loc[RANDOM, "linear"] < 45 and table.loc[RANDOM, "neighbours"] < 45
    assert table.loc[GALAXY, "ari"] > 0.8 and abs(table.loc[RANDOM, "ari"]) < 0.1
    assert (table["null_ari"].dropna().abs() < 0.1).all()
    for probe in ("linear", "neighbours"):
        assert table.loc[GALAXY, f"rotated_{probe}"] > 98
        assert table.loc[RANDOM, f"rotated_{probe}"] < 60


def test_every_test_galaxy_is_asked_once(inputs: Inputs, rows: pd.DataFrame) -> None:
    mine = rows[rows["encoder"] == GALAXY]
    counts = mine["score"].value_counts()
    n_known = int(pd.notna(inputs.types[inputs.test]).sum())
    assert counts["linear_turned"] == inputs.test.sum() and counts["linear_hit"] == n_known
    assert counts["ari"] == counts["null_ari"] == 2
    asked = mine.loc[mine["score"] == "linear_hit", "galaxy"]
    np.testing.assert_array_equal(asked, np.flatnonzero(pd.notna(inputs.types[inputs.test])))


def test_intervals_hold_the_value(rows: pd.DataFrame) -> None:
    table = summary(rows).dropna(how="all")
    for score in ("linear", "neighbours", "rotated_linear", "rotated_neighbours", "ari"):
        assert (table[f"{score}_low"] <= table[score] + 1e-9).all()
        assert (table[f"{score}_high"] >= table[score] - 1e-9).all()
    assert (table["linear_high"] - table["linear_low"] > 1).any()


def test_without_types_nothing_is_compared(inputs: Inputs, tmp_path: Path) -> None:
    untyped = replace(inputs, types=np.full(len(inputs.types), None, object))
    rows = ENCODERS.run(untyped, 1, 0, Store(tmp_path / "units.jsonl"), 1)
    table = summary(rows)
    assert not rows["score"].str.endswith("_hit").any() and np.isnan(table.loc[GALAXY, "ari"])
    assert not rows["score"].str.endswith("_turned").any() and table.loc[GALAXY].isna().all()
    assert encoders.gains(rows).isna().all(axis=None)
    nothing = summary(pd.DataFrame())
    assert nothing.isna().all(axis=None) and list(nothing.columns) == list(table.columns)


def test_too_few_galaxies_have_no_rows(inputs: Inputs, tmp_path: Path) -> None:
    few = replace(
        inputs, features={k: v[:8] for k, v in inputs.features.items()},
        rotated={k: v[:2] for k, v in inputs.rotated.items()}, types=inputs.types[:8],
        test=inputs.test[:8],
    )  # fmt: skip
    assert ENCODERS.run(few, 1, 0, Store(tmp_path / "units.jsonl"), 1).empty


def test_galaxies_without_features_are_left_out_everywhere(inputs: Inputs) -> None:
    features = {k: v.copy() for k, v in inputs.features.items()}
    rotated = {k: v.copy() for k, v in inputs.rotated.items()}
    features[RANDOM][1] = np.nan  # not a test galaxy
    features[RANDOM][4] = np.nan  # a test galaxy
    rotated[GALAXY][2] = np.nan  # galaxy 8
    found = encoders.complete(replace(inputs, features=features, rotated=rotated))
    assert len(found.types) == 397
    assert found.test.sum() == len(found.rotated[GALAXY]) == len(found.rotated[RANDOM]) == 98
    np.testing.assert_array_equal(
        found.rotated[GALAXY], np.delete(inputs.rotated[GALAXY], [1, 2], axis=0)
    )


def test_pixel_features_are_the_centre() -> None:
    image = np.zeros((256, 256, 3), np.uint8)
    image[96:160, 96:160, 0] = 255
    found = encoders.pixel_features(image).reshape(32, 32, 3)
    assert found[..., 0].min() == pytest.approx(1) and found[..., 1:].max() == 0


def test_an_encoder_precomputed_but_not_rotated_is_left_out(
    smoke: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def few(
        images: list[object], seed: int, many: bool, known: encoders.Features
    ) -> encoders.Features:
        assert not many
        return {**known, GALAXY: np.ones((len(images), 8), np.float32)}

    def precomputed(self: Galaxies, names: object, objids: list[str]) -> encoders.Features:
        return {"efficientnet_lite2-eq1": np.zeros((len(objids), 4), np.float32)}

    monkeypatch.setattr(Galaxies, "precomputed", precomputed)
    monkeypatch.setattr(encoders, "_measure_features", few)
    _, parameters = read_parameters(smoke.existing("parameters.yml"))
    found = encoders.read_inputs(smoke, parameters)
    assert found is not None and list(found.features) == list(found.rotated)
    assert set(found.features) == {GALAXY, encoders.FIVE_PARAMETERS}
    assert len(found.types) <= encoders.FEW and found.test.sum() == len(found.rotated[GALAXY])


def test_gains_are_paired_with_the_best_imagenet_encoder(rows: pd.DataFrame) -> None:
    renamed = rows.assign(encoder=rows["encoder"].replace({RANDOM: "Lite0, eq1"}))
    table, gains = summary(renamed), encoders.gains(renamed)
    rival, gain, low, high = gains.loc["linear"]
    assert rival == "Lite0, eq1" and 0 < low < gain < high
    assert gain == pytest.approx(table.loc[GALAXY, "linear"] - table.loc[rival, "linear"])
    same = rows[rows["encoder"] == GALAXY].assign(encoder="Lite2, quarter")
    better = encoders.gains(pd.concat([renamed, same]))
    assert better.loc["neighbours"].tolist() == ["Lite2, quarter", 0, 0, 0]
    assert encoders.gains(pd.DataFrame()).isna().all(axis=None)


def test_a_full_turn_changes_nothing_and_a_quarter_is_a_quarter() -> None:
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    np.testing.assert_array_equal(encoders.rotate_image(image, 360), image)
    np.testing.assert_array_equal(encoders.rotate_image(image, 90), np.rot90(image))
    assert encoders.rotate_image(image[:20], 30).shape == (20, 32, 3)
