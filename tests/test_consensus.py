"""A consensus matches clusters without numbers, and reads no label."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.chain import Recipe
from galaxy_utils.consensus import (
    CONSENSUS,
    MEMBERS,
    add_votes,
    intervals,
    judge,
    members,
    over_seeds,
    plotted,
    readable,
)
from galaxy_utils.fusion import Training
from galaxy_utils.run import read_study
from galaxy_utils.run_folder import STUDIES
from galaxy_utils.search import (
    Ingredients,
    Variant,
    as_variant,
    choose,
    evaluate,
    in_words,
    is_held_out,
    variants_table,
)

N = 800
GROUP = np.arange(N) % 4
OBJIDS = [str(1000 + row) for row in range(N)]
RECIPE = Recipe(Training(), n_components=4, n_init=2)
SPACES = [Variant("none", "z", name, 4, "pca", "diag") for name in ("one", "two", "three")]


def planted(apart: float = 2.2) -> Ingredients:
    """Four groups, seen in three framings with independent noise."""
    rng = np.random.default_rng(0)
    centres = apart * np.eye(4, 12)
    deep = {
        name: {"net": (centres[GROUP] + rng.normal(size=(N, 12))).astype(np.float32)}
        for name in ("one", "two", "three")
    }
    types = np.array(["a", "b", "c", "d"], dtype=object)[GROUP]
    five = rng.normal(size=(N, 5))
    return Ingredients(five, rng.normal(size=(N, 3)), deep, types, is_held_out(OBJIDS))


def rows_of(galaxies: Ingredients, seeds: range = range(2)) -> pd.DataFrame:
    inputs = (galaxies, RECIPE, SPACES)
    return pd.DataFrame(
        [
            {"seed": seed} | row
            for seed in seeds
            for row in CONSENSUS.measure(inputs, {"seed": seed})
        ]
    )


def test_votes_find_each_other_whatever_the_clusters_are_called() -> None:
    first = np.eye(3)[np.array([0, 0, 1, 1, 2, 2])]
    renamed = first[:, [2, 0, 1]]
    seen = np.ones(6, dtype=bool)
    *_, votes = add_votes([first, renamed, first], seen)
    assert votes == pytest.approx(first)


def test_only_seen_galaxies_decide_which_clusters_are_the_same() -> None:
    first = np.eye(2)[np.array([0, 0, 1, 1, 1, 1, 1])]
    other = np.eye(2)[np.array([1, 1, 0, 0, 1, 1, 1])]  # the unseen three would turn it round
    seen = np.array([True] * 4 + [False] * 3)
    *_, votes = add_votes([first, other], seen)
    assert votes[:4] == pytest.approx(first[:4])
    assert votes[4:] == pytest.approx(0.5)


def test_the_majority_wins() -> None:
    agreed = np.eye(2)[np.array([0, 0, 1, 1])]
    odd = np.eye(2)[np.array([0, 1, 1, 1])]
    *_, votes = add_votes([odd, agreed, agreed], np.ones(4, dtype=bool))
    assert votes.argmax(axis=1).tolist() == [0, 0, 1, 1]


def test_independent_views_agree_better_together_than_alone() -> None:
    table = over_seeds(rows_of(planted()))
    assert table["recipes"].tolist() == [1, 2, 3]
    assert table["ari"].iloc[0] == pytest.approx(table["alone"].iloc[0])
    assert table["ari"].iloc[-1] > table["alone"].max() + 0.05
    assert table["ceiling"].is_monotonic_increasing


def test_a_consensus_of_one_is_that_recipe() -> None:
    galaxies = planted()
    found = {row["score"]: row["value"] for row in judge(galaxies, SPACES[:1], RECIPE, 0)}
    single = evaluate(galaxies, SPACES[0], RECIPE, [0]).iloc[0]
    for score in ("ari", "ami", "ceiling"):
        assert found[score] == pytest.approx(single[score])
    assert (found["ari_low"], found["ari_high"]) == pytest.approx((single["low"], single["high"]))
    assert found["gain_low"] == found["gain_high"] == 0


def test_intervals_hold_the_value_and_labels_do_not_shape_the_votes() -> None:
    galaxies = planted()
    rows = rows_of(galaxies, range(1))
    last, ends = over_seeds(rows).iloc[-1], intervals(rows)
    assert ends["ari_low"] < last["ari"] < ends["ari_high"]
    assert ends["share_low"] < last["share"] < ends["share_high"]
    assert ends["gain_low"] > 0
    shuffled = galaxies.types[np.random.default_rng(1).permutation(N)]
    found = over_seeds(rows_of(replace(galaxies, types=shuffled), range(1)))
    assert found["ari"].abs().max() < 0.1


def test_without_types_there_are_clusters_and_no_scores() -> None:
    galaxies = replace(planted(), types=np.full(N, None, dtype=object))
    rows = rows_of(galaxies, range(1))
    table = over_seeds(rows)
    assert table["recipes"].tolist() == [1, 2, 3]
    assert table[["ari", "ceiling", "share"]].isna().all(axis=None)
    assert intervals(rows).isna().all()
    assert set(plotted(table)["of"].unique()) == set(plotted(over_seeds(rows_of(planted())))["of"])
    assert len(readable(table)) == 3


def test_members_are_the_most_stable_beyond_their_null_whatever_their_ari() -> None:
    spaces = [replace(each, columns="five") for each in SPACES] + [
        replace(SPACES[0], framing="eq1")
    ]
    table = pd.DataFrame([asdict(each) for each in spaces]).assign(
        stability=[0.7, 0.8, 0.9, 0.99], null_stability=0.1, smallest=[0.2, 0.2, 0.2, 0.2],
        ari=[0.9, 0.1, 0.2, 0.0],
    )  # fmt: skip
    chosen = members(table, planted(), 2)  # the most stable is of a framing that was not measured
    assert [each.framing for each in chosen] == ["three", "two"]


def test_the_carried_consensus_is_of_the_carried_search() -> None:
    table, rows = variants_table(read_study("search")), read_study("consensus")
    carried = rows.drop_duplicates("recipes").sort_values("recipes")["recipe"].tolist()
    assert len(carried) == MEMBERS
    assert carried[0] == in_words(as_variant(choose(table)))
    best = table.assign(ari=0.0)  # labels gone, the same recipes
    every = {name: {} for name in ("eq1", "crop2", "quarter")}
    assert carried == [in_words(each) for each in members(best, replace(planted(), deep=every))]
    stored = json.loads((STUDIES / "consensus.json").read_text(encoding="utf-8"))
    assert rows["seed"].nunique() == stored["draws"] >= 10
