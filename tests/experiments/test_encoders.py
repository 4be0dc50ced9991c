"""Encoders compared: one that knows the types is told from one that knows nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.clustering.pipelines import PipelineSpec
from galaxy_utils.config import make_parameters, read_parameters
from galaxy_utils.experiments import Store, encoders
from galaxy_utils.experiments.encoders import ENCODERS, GALAXY, RANDOM, Inputs, summary
from galaxy_utils.morphology.measurement import FIVE
from galaxy_utils.run_folder import RunFolder

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
    properties = pd.DataFrame({"first": known[:, 0], "none": np.nan, "chance": rng.normal(size=n)})
    return Inputs(features, rotated, types, test, properties, make_parameters("smoke"))


@pytest.fixture(scope="module")
def rows(inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    store: Path = tmp_path_factory.mktemp("store")
    return ENCODERS.run(inputs, 2, 0, Store(store), 1)


def test_an_encoder_with_the_types_scores_and_one_without_does_not(rows: pd.DataFrame) -> None:
    table = summary(rows)
    assert list(table.index) == encoders.NAMES
    assert list(table.dropna(how="all").index) == [RANDOM, GALAXY]
    assert table.loc[GALAXY, "linear"] > 90 and table.loc[GALAXY, "neighbours"] > 90
    assert table.loc[RANDOM, "linear"] < 45 and table.loc[RANDOM, "neighbours"] < 45
    assert table.loc[GALAXY, "ari"] > 0.8 and abs(table.loc[RANDOM, "ari"]) < 0.1
    assert (table["null_ari"].dropna().abs() < 0.1).all()
    assert table.loc[GALAXY, "stability"] > 0.8 > table.loc[RANDOM, "stability"]


def test_rotation_is_noticed(rows: pd.DataFrame) -> None:
    table = summary(rows)
    assert table.loc[GALAXY, "turned"] > 98 and table.loc[GALAXY, "cluster_turned"] > 0.98
    assert table.loc[RANDOM, "turned"] < 60 and table.loc[RANDOM, "cluster_turned"] < 0.6


def test_every_test_galaxy_is_asked_once(inputs: Inputs, rows: pd.DataFrame) -> None:
    mine = rows[rows["encoder"] == GALAXY]
    counts = mine["score"].value_counts()
    n_known = int(pd.notna(inputs.types[inputs.test]).sum())
    assert counts["linear_turned"] == inputs.test.sum() and counts["linear_hit"] == n_known
    assert counts["ari"] == 2 and counts["direction"] == 2 * encoders.N_DIRECTIONS
    asked = mine.loc[mine["score"] == "linear_hit", "galaxy"]
    np.testing.assert_array_equal(asked, np.flatnonzero(pd.notna(inputs.types[inputs.test])))


def test_intervals_hold_the_value(rows: pd.DataFrame) -> None:
    table = summary(rows).dropna(how="all")
    for score in ("linear", "neighbours", "turned", "ari"):
        assert (table[f"{score}_low"] <= table[score] + 1e-9).all()
        assert (table[f"{score}_high"] >= table[score] - 1e-9).all()
    assert (table["linear_high"] - table["linear_low"] > 1).any()


def test_gains_are_paired(rows: pd.DataFrame) -> None:
    renamed = rows.assign(encoder=rows["encoder"].replace({RANDOM: "Lite0, eq1"}))
    same = rows[rows["encoder"] == GALAXY].assign(encoder="Lite2, quarter")
    both = pd.concat([renamed, same])
    table, gains = summary(both), encoders.gains(both)
    rival, gain, low, high = gains.loc[("full frame", "linear")]
    assert rival == "Lite0, eq1" and 0 < low < gain < high
    assert gain == pytest.approx(table.loc[GALAXY, "linear"] - table.loc[rival, "linear"])
    assert gains.loc[("quarter", "linear")].tolist() == ["Lite2, quarter", 0, 0, 0]
    assert gains.loc[("any crop", "neighbours"), "rival"] == "Lite2, quarter"
    pd.testing.assert_frame_equal(gains.loc["full frame or half"], gains.loc["full frame"])
    assert gains.loc[["half", "pair"]].isna().all(axis=None)
    assert encoders.gains(pd.DataFrame()).isna().all(axis=None)


def test_the_pair_is_compared_with_the_other_pair(rows: pd.DataFrame) -> None:
    names = {RANDOM: encoders.IMAGENET_PAIR, GALAXY: encoders.MIXED_PAIR}
    gains = encoders.gains(rows.assign(encoder=rows["encoder"].replace(names)))
    assert (gains.loc["pair", "low"] > 0).all()
    assert set(gains.loc["pair", "rival"]) == {encoders.IMAGENET_PAIR}


def test_a_goal_inside_the_interval_is_reached_or_missed_within_its_error() -> None:
    gains = encoders.gains(pd.DataFrame())
    gains.loc[("full frame", "linear")] = ["Lite0, eq1", 7, 6, 8]
    gains.loc[("half", "linear")] = ["Lite0, crop2", 3, 2, 4]
    gains.loc[("quarter", "linear")] = ["Lite0, quarter", 4, 3, 6]
    gains.loc[("quarter", "neighbours")] = ["Lite2, quarter", 5.5, 4, 6]
    table = summary(pd.DataFrame())
    table.loc[GALAXY, ["turned", "turned_low", "turned_high"]] = 95.1, 93.7, 96.4
    clusters = pd.DataFrame({
        "encoders": ["Lite0 + Lite2", "Lite0 + Lite2", "a + b"], "components": [8, 16, 8],
        "ari": [0.2, 0.25, 0.36], "ari_low": 0.1, "ari_high": 0.4,
    })  # fmt: skip
    goals = encoders.goals(table, gains, clusters, 8)
    assert goals["verdict"].tolist() == [
        "clearly reached", "clearly missed", "missed, within its error",
        "reached, within its error", "reached, within its error", "missed", "reached",
    ]  # fmt: skip
    assert goals["measured"].tolist() == [7, 3, 4, 5.5, 95.1, 0.2, 0.36]
    assert goals["goal"].tolist() == [5, 5, 5, 5, 95, 0.35, 0.35]
    assert goals["asked"].iloc[0] == "linear: points beyond Lite0, eq1"
    assert goals["asked"].iloc[-2] == "clusters, chosen recipe: ARI of Lite0 + Lite2, 8"
    assert goals["asked"].iloc[-1].endswith("a + b, 8")


def test_directions_follow_what_they_are_made_of(rows: pd.DataFrame) -> None:
    table = encoders.directions(rows, GALAXY)
    assert list(table.index) == ["first", "chance"] and list(table.columns) == list(range(1, 9))
    assert table.loc["first"].abs().max() > 0.5 > 0.25 > table.loc["chance"].abs().max()
    assert encoders.directions(pd.DataFrame(), GALAXY).empty


def test_without_types_rotation_and_clusters_are_still_measured(
    inputs: Inputs, tmp_path: Path
) -> None:
    untyped = replace(inputs, types=np.full(len(inputs.types), None, object))
    rows = ENCODERS.run(untyped, 1, 0, Store(tmp_path), 1)
    table = summary(rows)
    assert not rows["score"].str.endswith("_hit").any() and np.isnan(table.loc[GALAXY, "ari"])
    assert table.loc[GALAXY, "cluster_turned"] > 0.98
    assert encoders.gains(rows).isna().all(axis=None)
    nothing = summary(pd.DataFrame())
    assert nothing.isna().all(axis=None) and list(nothing.columns) == list(table.columns)


def test_too_few_galaxies_have_no_rows(inputs: Inputs, tmp_path: Path) -> None:
    few = replace(
        inputs, features={k: v[:8] for k, v in inputs.features.items()},
        rotated={k: v[:2] for k, v in inputs.rotated.items()}, types=inputs.types[:8],
        test=inputs.test[:8], properties=inputs.properties[:8],
    )  # fmt: skip
    assert ENCODERS.run(few, 1, 0, Store(tmp_path), 1).empty


def test_galaxies_without_features_are_left_out_everywhere(inputs: Inputs) -> None:
    features = {k: v.copy() for k, v in inputs.features.items()}
    rotated = {k: v.copy() for k, v in inputs.rotated.items()}
    features[RANDOM][1] = np.nan  # not a test galaxy
    features[RANDOM][4] = np.nan  # a test galaxy
    rotated[GALAXY][2] = np.nan  # galaxy 8
    found = encoders.complete(replace(inputs, features=features, rotated=rotated))
    assert len(found.types) == len(found.properties) == 397
    assert found.test.sum() == len(found.rotated[GALAXY]) == len(found.rotated[RANDOM]) == 98
    np.testing.assert_array_equal(
        found.rotated[GALAXY], np.delete(inputs.rotated[GALAXY], [1, 2], axis=0)
    )


def test_pairs_are_concatenated() -> None:
    one, two = np.ones((3, 2), np.float32), np.zeros((3, 4), np.float32)
    found = encoders.with_pairs({"Lite0, quarter": one, GALAXY: two})
    assert found[encoders.MIXED_PAIR].shape == (3, 6) and encoders.IMAGENET_PAIR not in found
    np.testing.assert_array_equal(found[encoders.MIXED_PAIR], np.hstack([one, two]))


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

    def precomputed(galaxies: object, objids: list[str]) -> encoders.Features:
        return {"Lite2, eq1": np.zeros((len(objids), 4), np.float32)}

    monkeypatch.setattr(encoders, "_precomputed", precomputed)
    monkeypatch.setattr(encoders, "_measure_features", few)
    _, parameters = read_parameters(smoke.existing("parameters.yml"))
    found = encoders.read_inputs(smoke, parameters)
    assert found is not None and list(found.features) == list(found.rotated)
    assert set(found.features) == {GALAXY, encoders.FIVE_PARAMETERS}
    assert len(found.types) <= encoders.FEW and found.test.sum() == len(found.rotated[GALAXY])


def test_the_selected_pipeline_is_compared_with_other_encoders(inputs: Inputs) -> None:
    rng = np.random.default_rng(1)
    index = pd.Index([str(number) for number in range(1200)])  # by hash 247 test galaxies
    rows = rng.integers(0, len(inputs.types), len(index))
    features = {
        "Lite0, quarter": rng.normal(size=(len(index), 24)).astype(np.float32),
        GALAXY: inputs.features[GALAXY][rows],
    }
    measured = pd.DataFrame(rng.normal(size=(len(index), 5)), index, FIVE)
    types = pd.Series(inputs.types[rows], index)
    spec, p = PipelineSpec("five", "z", "quarter", 8, "pca", "diag"), make_parameters("smoke")
    table = encoders.compare_in_pipeline(features, measured, types, spec, p, range(2))
    assert set(table["encoders"]) == {"Lite0 + galaxy", "galaxy alone"}  # no Lite2
    assert table["components"].tolist() == [4, 8, 16] * 2
    alone = table[(table["encoders"] == "galaxy alone") & (table["components"] == 4)]
    assert alone["ari"].item() > 0.2 and alone["upper_bound"].item() > 0.8
    assert (table["ari_low"] <= table["ari"]).all() and (table["ari"] <= table["ari_high"]).all()
    nothing = encoders.compare_in_pipeline({}, measured, types, spec, p, range(2))
    unknown = pd.Series(None, index, dtype=object)
    untyped = encoders.compare_in_pipeline(features, measured, unknown, spec, p, range(2))
    assert nothing.empty and untyped.empty and list(nothing.columns) == list(table.columns)


def test_the_selected_pipeline_is_that_of_the_precomputed_search() -> None:
    spec = encoders.selected_spec()
    assert (spec.crop, spec.encoder, spec.components) == ("quarter", "pca", 16)
