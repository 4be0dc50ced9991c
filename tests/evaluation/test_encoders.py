"""Encoders judged: one that knows the types is told from one that knows nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.config import make_parameters, read_parameters
from galaxy_utils.evaluation import encoders
from galaxy_utils.evaluation.chain import Recipe
from galaxy_utils.evaluation.encoders import GALAXY, RANDOM, Inputs, paired_gain, summary, whole
from galaxy_utils.evaluation.search import Ingredients, Variant
from galaxy_utils.experiments import inputs as inputs_of
from galaxy_utils.experiments.study import run_study
from galaxy_utils.run_folder import RunFolder

TYPES = ("edge-on", "elliptical", "merger", "spiral")


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    """400 galaxies: one encoder has the types and ignores turns, the other has neither."""
    rng = np.random.default_rng(0)
    number, n = rng.integers(0, 4, 400), 400
    types = np.array(TYPES, object)[number]
    types[::20] = None
    held_out = np.arange(n) % 4 == 0
    known = np.eye(4)[number] @ rng.normal(size=(4, 24)) * 3 + rng.normal(size=(n, 24))
    noise = rng.normal(size=(n, 24))
    features = {GALAXY: known.astype(np.float32), RANDOM: noise.astype(np.float32)}
    turned = {
        GALAXY: (known[held_out] + 0.01).astype(np.float32),
        RANDOM: rng.normal(size=(held_out.sum(), 24)).astype(np.float32),
    }
    properties = pd.DataFrame({"first": known[:, 0], "none": np.nan, "chance": rng.normal(size=n)})
    recipe = Recipe.of(make_parameters("smoke"))
    return Inputs(features, turned, types, held_out, properties, recipe)


@pytest.fixture(scope="module")
def rows(inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    journal: Path = tmp_path_factory.mktemp("journal")
    return run_study(encoders.STUDY, inputs, 2, 0, journal, 1)


def test_an_encoder_with_the_types_scores_and_one_without_does_not(rows: pd.DataFrame) -> None:
    table = summary(rows)
    assert list(table.index) == [RANDOM, GALAXY]  # the order of ENCODERS
    assert table.loc[GALAXY, "linear"] > 90 and table.loc[GALAXY, "neighbours"] > 90
    assert table.loc[RANDOM, "linear"] < 45 and table.loc[RANDOM, "neighbours"] < 45
    assert table.loc[GALAXY, "ari"] > 0.8 and abs(table.loc[RANDOM, "ari"]) < 0.1
    assert (table["null_ari"].abs() < 0.1).all()
    assert table.loc[GALAXY, "stability"] > 0.8 > table.loc[RANDOM, "stability"]


def test_turns_are_noticed(rows: pd.DataFrame) -> None:
    table = summary(rows)
    assert table.loc[GALAXY, "turned"] > 98 and table.loc[GALAXY, "cluster_turned"] > 0.98
    assert table.loc[RANDOM, "turned"] < 60 and table.loc[RANDOM, "cluster_turned"] < 0.6


def test_intervals_hold_the_value(rows: pd.DataFrame) -> None:
    table = summary(rows)
    for score in ("linear", "neighbours", "turned", "ari"):
        assert (table[f"{score}_low"] <= table[score] + 1e-9).all()
        assert (table[f"{score}_high"] >= table[score] - 1e-9).all()


def test_gains_are_paired(rows: pd.DataFrame) -> None:
    gain, low, high = paired_gain(rows, GALAXY, RANDOM, "linear")
    table = summary(rows)
    assert gain == pytest.approx(table.loc[GALAXY, "linear"] - table.loc[RANDOM, "linear"])
    assert 0 < low < gain < high
    assert paired_gain(rows, GALAXY, GALAXY, "linear") == (0, 0, 0)
    assert np.isnan(paired_gain(rows, GALAXY, "Lite0, quarter", "linear")).all()


def test_gains_are_told_by_framing_and_goals_with_their_error(rows: pd.DataFrame) -> None:
    renamed = rows.assign(encoder=rows["encoder"].replace({RANDOM: "Lite0, eq1"}))
    both = pd.concat([renamed, rows[rows["encoder"] == GALAXY].assign(encoder="Lite2, quarter")])
    gains = encoders.framing_gains(both)
    assert list(gains["framing"]) == ["whole frame"] * 2 + ["central quarter"] * 2
    assert (gains["low"][:2] > 5).all() and (gains["gain"][2:] == 0).all()
    least = encoders.least_gain(gains, ("whole frame", "central quarter"), "linear")
    assert least is not None and least["best"] == "Lite2, quarter"
    assert encoders.least_gain(gains, ("middle half",), "linear") is None
    compared = pd.DataFrame({
        "encoders": "a + b", "components": [8, 16], "ari": [0.2, 0.3], "ari_low": 0.1,
        "ari_high": 0.4,
    })  # fmt: skip
    goals = encoders.goal_table(both, compared)
    assert list(goals["verdict"][:4]) == ["clearly reached"] * 2 + ["clearly missed"] * 2
    turned = summary(both).loc[GALAXY, ["turned", "turned_linear"]]
    assert list(goals["measured"][4:6]) == list(turned) and set(goals["goal"][4:6]) == {95}
    assert goals["asked"].iloc[-1].endswith("a + b, 16") and goals["verdict"].iloc[-1] == "missed"
    assert encoders.goal_table(pd.DataFrame(), pd.DataFrame()).empty
    own = compared.assign(encoders=encoders.PROFILE_PAIR)
    both_lines = encoders.goal_table(both, pd.concat([compared, own]), components=8)
    assert "chosen recipe" in both_lines["asked"].iloc[-2]
    assert list(both_lines["measured"].iloc[-2:]) == [0.2, 0.3]


def test_a_goal_inside_the_interval_is_reached_or_missed_within_its_error() -> None:
    assert encoders.against_goal(95.1, 93.7, 96.4, 95) == "reached, within its error"
    assert encoders.against_goal(94.8, 93.7, 96.4, 95) == "missed, within its error"
    assert encoders.against_goal(97, 96, 98, 95) == "clearly reached"
    assert encoders.against_goal(90, 89, 91, 95) == "clearly missed"
    assert encoders.against_goal(None, None, None, 95) == "not measured"


def test_directions_follow_what_they_are_made_of(rows: pd.DataFrame) -> None:
    table = encoders.direction_table(rows, GALAXY)
    assert list(table.index) == ["first", "chance"] and list(table.columns) == list(range(1, 9))
    assert encoders.strongest(table)[0] == "first"
    assert encoders.unseen(table) == ["chance"]


def test_without_types_turns_and_clusters_are_still_measured(inputs: Inputs) -> None:
    untyped = replace(inputs, types=np.full(len(inputs.types), None, object))
    assert encoders.label_rows(untyped, GALAXY, 0) == []
    found = pd.DataFrame(encoders.cluster_rows(untyped, GALAXY, 0)).set_index("score")["value"]
    assert np.isnan(found["ari"]) and found["cluster_turned"] > 0.98
    unlabelled = pd.DataFrame(encoders.cluster_rows(untyped, GALAXY, 0)).assign(encoder=GALAXY)
    assert np.isnan(paired_gain(unlabelled, GALAXY, GALAXY, "linear")).all()
    assert encoders.direction_table(pd.DataFrame(), GALAXY).empty
    empty = encoders.summary(pd.DataFrame())
    assert empty.empty and encoders.plotted(empty) == {}
    assert encoders.value_of(empty, GALAXY, "ari") is None
    assert encoders.readable(empty).empty and encoders.best_of(empty, [GALAXY], "ari") is None


def test_galaxies_without_features_are_left_out_everywhere(inputs: Inputs) -> None:
    features = {k: v.copy() for k, v in inputs.features.items()}
    turned = {k: v.copy() for k, v in inputs.turned.items()}
    features[RANDOM][1] = np.nan  # not held out
    features[RANDOM][4] = np.nan  # held out
    turned[GALAXY][2] = np.nan  # galaxy 8
    found = whole(replace(inputs, features=features, turned=turned))
    assert len(found.types) == len(found.properties) == 397
    assert found.held_out.sum() == len(found.turned[GALAXY]) == len(found.turned[RANDOM]) == 98
    np.testing.assert_array_equal(
        found.turned[GALAXY], np.delete(inputs.turned[GALAXY], [1, 2], axis=0)
    )


def test_pairs_stand_side_by_side() -> None:
    one, two = np.ones((3, 2), np.float32), np.zeros((3, 4), np.float32)
    found = encoders.with_pairs({"Lite0, quarter": one, GALAXY: two})
    assert found["Lite0, quarter + galaxy"].shape == (3, 6)
    assert "Lite0 + Lite2, quarter" not in found


def test_a_full_turn_changes_nothing_and_a_quarter_is_a_quarter() -> None:
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    np.testing.assert_array_equal(encoders.turn_by(image, 360), image)
    np.testing.assert_array_equal(encoders.turn_by(image, 90), np.rot90(image))


def test_pixels_are_the_middle() -> None:
    image = np.zeros((256, 256, 3), np.uint8)
    image[96:160, 96:160, 0] = 255
    seen = encoders.pixels(image).reshape(32, 32, 3)
    assert seen[..., 0].min() == pytest.approx(1) and seen[..., 1:].max() == 0


def test_nearest_neighbours_are_near(inputs: Inputs) -> None:
    near = encoders.neighbours(inputs.features[GALAXY], [3, 7], 5)
    assert near.shape == (2, 5) and 3 not in near[0] and 7 not in near[1]
    share = encoders.same_type(inputs.features[GALAXY], inputs.types)
    chance = encoders.same_type(inputs.features[RANDOM], inputs.types)
    assert share is not None and chance is not None and share > 0.9 > 0.4 > chance
    rows, titles = encoders.neighbour_grid(inputs.features, inputs.types, 4)
    assert len(rows) == len(titles) == 4 * 2 * 4
    assert [inputs.types[row] for row in rows[::8]] == list(TYPES)
    assert titles[0] == f"{GALAXY}:\nedge-on"


def test_an_encoder_carried_but_not_turned_is_left_out(
    smoke: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def few(images: list[object], seed: int, many: bool, carried: encoders.Features) -> object:
        assert not many
        return {**carried, GALAXY: np.ones((len(images), 8), np.float32)}

    def carried(galaxies: object, objids: list[str]) -> encoders.Features:
        return {"Lite2, eq1": np.zeros((len(objids), 4), np.float32)}

    monkeypatch.setattr(inputs_of, "_carried", carried)
    monkeypatch.setattr(inputs_of, "_all_features", few)
    _, parameters = read_parameters(smoke.existing("parameters.yml"))
    found = inputs_of.for_encoders(smoke, parameters)
    assert found is not None and list(found.features) == list(found.turned)
    assert set(found.features) == {GALAXY, encoders.FIVE}
    assert len(found.types) <= encoders.FEW and found.held_out.sum() == len(found.turned[GALAXY])


def test_the_recipe_of_best_is_judged_with_other_encoders(inputs: Inputs) -> None:
    rng = np.random.default_rng(1)
    n = len(inputs.types)
    held_out = np.arange(n) % 2 == 0
    features = {
        "Lite0, quarter": rng.normal(size=(n, 24)).astype(np.float32),
        GALAXY: inputs.features[GALAXY],
    }
    five = rng.normal(size=(n, 5))
    ingredients = Ingredients(five, np.empty((n, 0)), {}, inputs.types, held_out)
    variant = Variant("five", "z", "quarter", 8, "pca", "diag")
    table = encoders.in_recipe(features, ingredients, variant, inputs.recipe, range(2))
    assert set(table["encoders"]) == {"Lite0 + galaxy", "galaxy alone"}  # no Lite2
    assert sorted(set(table["components"])) == [4, 8, 16]
    alone = table[(table["encoders"] == "galaxy alone") & (table["components"] == 4)]
    assert alone["ari"].item() > 0.2 and (table["ari_low"] <= table["ari_high"]).all()
    assert encoders.chosen_pair(table, 8) == "Lite0 + galaxy"
    assert encoders.in_recipe({}, ingredients, variant, inputs.recipe, range(2)).empty
    assert encoders.chosen_pair(pd.DataFrame(), 8) is None
