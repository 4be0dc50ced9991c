"""A consensus matches clusters without numbers, and reads no label."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.clustering.consensus import (
    CONSENSUS,
    FORMS,
    STEPS,
    add_votes,
    forms,
    growth,
    joined_space,
    judge,
    members,
    of_all,
    plotted,
    posteriors_of,
    readable,
    readable_forms,
    taught_by,
    taught_variant,
    taught_votes,
    teachers,
)
from galaxy_utils.clustering.fusion import Training
from galaxy_utils.config import make_parameters
from galaxy_utils.data.split import is_held_out
from galaxy_utils.evaluation.chain import Recipe
from galaxy_utils.evaluation.search import (
    FRAMINGS,
    Ingredients,
    Variant,
    evaluate,
    supervised_ceiling,
    variants_table,
)
from galaxy_utils.experiments.inputs import best_variant
from galaxy_utils.experiments.store import read_study
from galaxy_utils.experiments.study import rows_digest
from galaxy_utils.run_folder import STUDIES

N = 800
GROUP = np.arange(N) % 4
OBJIDS = [str(1000 + row) for row in range(N)]
RECIPE = Recipe(Training(), n_components=4, n_init=2)
SPACES = {Variant("none", "z", name, 4, "pca", "diag"): 1.0 for name in ("one", "two", "three")}


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


def last_of(*posteriors: np.ndarray, weights: tuple[float, ...] = (), seen: int) -> np.ndarray:
    """Votes of all, clusters matched by the first galaxies."""
    *_, votes = add_votes(
        posteriors, weights or (1.0,) * len(posteriors), np.arange(len(posteriors[0])) < seen
    )
    return votes


def test_votes_find_each_other_whatever_the_clusters_are_called() -> None:
    first = np.eye(3)[np.array([0, 0, 1, 1, 2, 2])]
    assert last_of(first, first[:, [2, 0, 1]], first, seen=6) == pytest.approx(first)


def test_only_seen_galaxies_decide_which_clusters_are_the_same() -> None:
    first = np.eye(2)[np.array([0, 0, 1, 1, 1, 1, 1])]
    other = np.eye(2)[np.array([1, 1, 0, 0, 1, 1, 1])]
    votes = last_of(first, other, seen=4)
    assert votes[:4] == pytest.approx(first[:4])
    assert votes[4:] == pytest.approx(0.5)


def test_the_heavier_votes_win() -> None:
    agreed = np.eye(2)[np.array([0, 0, 1, 1])]
    odd = np.eye(2)[np.array([0, 1, 1, 1])]
    assert last_of(odd, agreed, agreed, seen=4).argmax(axis=1).tolist() == [0, 0, 1, 1]
    votes = last_of(odd, agreed, agreed, weights=(3.0, 1.0, 1.0), seen=4)
    assert votes.argmax(axis=1).tolist() == [0, 1, 1, 1]
    assert votes.sum(axis=1) == pytest.approx(1.0)


def test_independent_views_agree_better_together_than_alone() -> None:
    galaxies = planted()
    rows = rows_of(galaxies)
    table, every = growth(rows), of_all(rows)["mean"]
    assert table["recipes"].tolist() == [1, 2, 3]
    assert table["ari"].iloc[0] == pytest.approx(table["alone"].iloc[0])
    assert table["ari"].iloc[-1] > table["alone"].max() + 0.05
    assert every["ari"] == pytest.approx(table["ari"].iloc[-1])
    assert every["below"] == 3
    assert every["shuffled_low"] < 0 < every["shuffled_high"] < 0.05 < every["ari_low"]
    joined = joined_space(galaxies, SPACES, RECIPE, 0)
    assert joined.shape == (N, 12)
    assert every["ceiling"] > supervised_ceiling(joined[:, :4], galaxies.types, galaxies.held_out)
    for name in ("ari", "share", "gain_first", "gain_measured"):
        assert every[f"{name}_low"] < every[name] < every[f"{name}_high"]
    assert every["gain_first_low"] > 0  # one noisy view beside three
    assert every["gain_measured_low"] > 0  # the measured parameters are noise


def test_a_consensus_of_one_is_that_recipe() -> None:
    galaxies, only = planted(), next(iter(SPACES))
    found = {row["score"]: row["value"] for row in judge(galaxies, {only: 0.4}, RECIPE, 0)}
    single = evaluate(galaxies, only, RECIPE, [0]).iloc[0]
    for score, theirs in {
        "ari": "ari",
        "ami": "ami",
        "ari_low": "low",
        "ari_high": "high",
    }.items():
        assert found[score] == pytest.approx(single[theirs])
    assert found["gain_first_low"] == found["gain_first"] == found["gain_first_high"] == 0


def test_the_joined_space_takes_the_widest_of_each() -> None:
    galaxies = planted()
    wide = [
        Variant("five", "rank", "none", 0, "pca"), Variant("five+axis", "z", "one", 4, "pca"),
        Variant("five", "z", "one", 8, "pca"),
    ]  # fmt: skip
    assert joined_space(galaxies, wide, RECIPE, 0).shape == (N, 2 * 6 + 8)


TEACHING = {
    replace(v, covariance=c): w
    for v, w in SPACES.items()
    for c, w in (("diag", 1.0), ("full", 0.5))
}


def test_a_mixture_sees_all_that_its_teachers_see_and_no_more() -> None:
    every = [
        Variant("five", "z", "none", 0, "pca"), Variant("five", "z", "one", 4, "pca"),
        Variant("five+axis", "z", "two", 16, "pca"), Variant("five+axis", "z", "one", 8, "pca"),
    ]  # fmt: skip
    votes = dict(zip(every, (0.9, 0.8, 0.7, 0.6), strict=True))
    assert [v.framing for v in teachers(votes, "one")] == ["none", "one", "one"]
    assert taught_variant(votes) == Variant("five+axis", "rank", "one", 8, "pca", "diag")
    assert taught_variant(dict(list(votes.items())[:1])) is None


def test_a_taught_mixture_says_nearly_what_its_teachers_say() -> None:
    galaxies = planted()
    rows = CONSENSUS.measure((galaxies, RECIPE, TEACHING), {"seed": 0})
    found = of_all(pd.DataFrame(rows).assign(seed=0))["mean"]
    assert found["taught_follows"] > 0.8
    assert found["taught_ari"] == pytest.approx(found["alone"], abs=0.1)  # one framing of three
    assert found["taught_share"] == pytest.approx(
        100 * found["taught_ari"] / found["taught_ceiling"]
    )
    assert found["taught_shuffled_high"] < 0.05 < found["taught_gain_measured_low"]
    assert found["taught_gain_vote_high"] < 0  # all three framings know more than one
    assert found["taught_teachers"] == pytest.approx(found["taught_ari"], abs=0.05)
    gain = found["taught_ari"] - found["taught_teachers"]
    assert found["taught_gain_teachers"] == pytest.approx(gain)


def test_neither_labels_nor_held_out_galaxies_teach() -> None:
    galaxies, variant = planted(), taught_variant(TEACHING)
    assert variant is not None
    odd = {name: {"net": v["net"].copy()} for name, v in galaxies.deep.items()}
    for blocks in odd.values():
        blocks["net"][galaxies.held_out] = 40.0
    blind = replace(galaxies, deep=odd, types=np.full(N, None, dtype=object))
    mine, theirs = (taught_by(g, variant, TEACHING, RECIPE, 0).fit for g in (galaxies, blind))
    np.testing.assert_allclose(mine.model.means_, theirs.model.means_, atol=1e-6)
    np.testing.assert_array_equal(mine.cluster, theirs.cluster)


def test_other_forms_are_asked_the_same() -> None:
    galaxies, variant = planted(), taught_variant(TEACHING)
    assert variant is not None
    taught = taught_by(galaxies, variant, TEACHING, RECIPE, 0)
    table = forms(galaxies, taught, RECIPE, 0)
    assert tuple(table.columns) == FORMS and table["taken"].sum() == 1
    assert len(table) == 2 * 2 * 4  # scales, numbers of components, covariances
    assert table["share"].is_monotonic_decreasing
    rows = judge(galaxies, TEACHING, RECIPE, 0)
    expected = next(row["value"] for row in rows if row["score"] == "taught_share")
    assert table.loc[table["taken"], "share"].iloc[0] == pytest.approx(expected)
    shown = readable_forms(table)
    assert shown["forms"].tolist() == [4, 4, 4, 4, 1] and "taken" in shown["covariance"].iloc[-1]
    blind = replace(galaxies, types=np.full(N, None, dtype=object))
    assert set(readable_forms(forms(blind, taught, RECIPE, 0))["ARI"]) == {""}


def test_where_nothing_is_taught_there_is_no_form() -> None:
    table = forms(planted(), None, RECIPE, 0)
    assert table.empty and table[table["taken"]].empty and readable_forms(table).empty
    only = {Variant("five", "z", "none", 0, "pca", "full"): 1.0}
    rows = judge(planted(), only, RECIPE, 0)
    assert not any(row["score"].startswith("taught") for row in rows)
    assert np.isnan(of_all(pd.DataFrame(rows).assign(seed=0))["mean"]["taught_ari"])
    with pytest.raises(ValueError, match="no recipe votes"):
        taught_votes(planted(), {}, RECIPE, 0)


def test_the_profile_best_is_what_the_carried_search_teaches() -> None:
    deep = {name: {} for name in FRAMINGS}
    votes = members(variants_table(read_study("search")), replace(planted(), deep=deep))
    assert taught_variant(votes) == best_variant()
    assert make_parameters("best").mixture_fit == "votes"


def test_labels_do_not_shape_the_votes() -> None:
    galaxies = planted()
    unlabelled = replace(galaxies, types=np.full(N, None, dtype=object))
    pairs = (posteriors_of(each, SPACES, RECIPE, 0) for each in (galaxies, unlabelled))
    for one, other in zip(*pairs, strict=True):
        assert np.array_equal(one, other)
    shuffled = galaxies.types[np.random.default_rng(1).permutation(N)]
    every = of_all(rows_of(replace(galaxies, types=shuffled), range(1)))["mean"]
    assert every["ari_low"] < 0 < every["ari_high"]


def test_without_types_there_are_clusters_and_no_scores() -> None:
    galaxies = replace(planted(), types=np.full(N, None, dtype=object))
    rows = rows_of(galaxies, range(1))
    table = growth(rows)
    assert table["recipes"].tolist() == [1, 2, 3]
    assert table[["ari", "alone"]].isna().all(axis=None)
    assert of_all(rows).drop(index="taught_follows").isna().all(axis=None)
    assert len(plotted(table)) == 6 and readable(table)["over seeds"].tolist() == ["", "", ""]


def test_members_are_all_that_may_be_chosen_weighed_without_labels() -> None:
    names = ("one", "two", "three", "eq1", "one", "two")
    spaces = [Variant("five", "z", name, 4 + row, "pca") for row, name in enumerate(names)]
    spaces[5] = replace(spaces[5], encoder="plain")
    table = pd.DataFrame([asdict(each) for each in spaces]).assign(
        stability=[0.7, 0.8, 0.9, 0.99, 0.95, 0.96], null_stability=0.5,
        smallest=[0.2, 0.2, 0.2, 0.2, 0.01, 0.2], ari=[0.9, 0.1, 0.2, 0.0, 0.5, 0.5],
    )  # fmt: skip
    found = members(table, planted())  # not measured, a small cluster, a network: left out
    assert [each.framing for each in found] == ["three", "two", "one"]
    assert list(found.values()) == pytest.approx([0.8, 0.6, 0.4])
    assert members(table.assign(ari=0.0), planted()) == found
    assert members(table.tail(1), planted()) == {}


def test_no_recipe_no_rows_and_empty_tables() -> None:
    rows = pd.DataFrame(CONSENSUS.measure((planted(), RECIPE, {}), {"seed": 0}))
    assert rows.empty and of_all(rows).isna().all(axis=None)
    table = growth(rows)
    assert readable(table).empty and plotted(table).empty


def test_votes_on_different_numbers_of_clusters_are_refused() -> None:
    three, four = np.eye(3)[[0, 1, 2, 2]], np.eye(4)
    for pair in ((three, four), (four, three)):
        with pytest.raises(ValueError, match="shapes"):
            last_of(*pair, seen=4)


def test_the_carried_consensus_is_of_the_carried_search() -> None:
    deep = {name: {} for name in FRAMINGS}
    chosen = members(variants_table(read_study("search")), replace(planted(), deep=deep))
    rows = read_study("consensus")
    assert rows["recipes"].max() == len(chosen)
    assert set(rows["recipes"]) == {n for n in STEPS if n < len(chosen)} | {len(chosen)}
    stored = json.loads((STUDIES / "consensus.json").read_text(encoding="utf-8"))
    assert rows["seed"].nunique() == stored["draws"] >= 10
    assert stored["after"] == {"search": rows_digest(read_study("search"))}
