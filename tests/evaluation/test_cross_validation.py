"""Each part is judged by what was made without it, and labels decide nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.clustering.fusion import Training
from galaxy_utils.data.split import N_FOLDS, fold_of, is_held_out
from galaxy_utils.evaluation.chain import Recipe
from galaxy_utils.evaluation.cross_validation import (
    ALL,
    CROSS_VALIDATION,
    FOLDS,
    METHODS,
    NULLED,
    Judged,
    goal_text,
    n_choosing,
    n_judged,
    n_teaching,
    over_seeds,
    plotted,
    readable,
    rows_of,
    tables,
    turned,
    unreduced_ceiling,
)
from galaxy_utils.evaluation.scores import RESAMPLINGS
from galaxy_utils.evaluation.search import COVARIANCES, Ingredients, Variant, unreduced

N = 1200
OBJIDS = [str(1000 + row) for row in range(N)]
FOLD = fold_of(OBJIDS)
RECIPE = Recipe(Training(), n_components=4, n_init=2)


def planted(apart: float) -> Ingredients:
    """Four groups that deep features tell apart, and measured parameters do not."""
    rng = np.random.default_rng(0)
    group = np.arange(N) % 4
    deep = (apart * np.eye(4, 16)[group] + rng.normal(size=(N, 16))).astype(np.float32)
    types = np.array(["a", "b", "c", "d"], dtype=object)[group]
    return Ingredients(
        rng.normal(size=(N, 5)), np.empty((N, 0)), {"quarter": {"net": deep}}, types, FOLD == 0
    )


def searched(galaxies: Ingredients, draws: int = 4) -> pd.DataFrame:
    """The cheapest of the searches: four components, z-scores."""
    units = [
        unit
        for unit in FOLDS.units(draws, 0)
        if unit["framing"] == "quarter" and unit["components"] == 4 and unit["columns"] == "none"
    ]
    inputs = (galaxies, RECIPE, FOLD)
    return pd.DataFrame([unit | row for unit in units for row in FOLDS.measure(inputs, unit)])


@pytest.fixture(scope="module")
def found() -> tuple[Ingredients, pd.DataFrame, pd.DataFrame]:
    galaxies = planted(7.0)
    rows = searched(galaxies)
    inputs = (galaxies, RECIPE, FOLD, tables(rows))
    units = CROSS_VALIDATION.units(4, 0)
    judged = [u | row for u in units for row in CROSS_VALIDATION.measure(inputs, u)]
    return galaxies, rows, pd.DataFrame(judged)


def test_parts_are_fixed_by_the_objid_and_the_first_is_the_searchs() -> None:
    assert set(FOLD) == set(range(N_FOLDS))
    np.testing.assert_array_equal(fold_of(OBJIDS[::-1])[::-1], FOLD)
    np.testing.assert_array_equal(is_held_out(OBJIDS), FOLD == 0)
    assert np.bincount(FOLD) == pytest.approx(N / N_FOLDS, rel=0.2)


def test_every_other_part_is_held_out_once_and_few_draws_take_one() -> None:
    assert {unit["part"] for unit in FOLDS.units(4, 0)} == {1, 2, 3, 4}
    assert {unit["part"] for unit in FOLDS.units(2, 0)} == {1}
    assert {unit["encoder"] for unit in FOLDS.units(4, 0)} == {"pca"}


def test_planted_groups_are_found_on_every_part(
    found: tuple[Ingredients, pd.DataFrame, pd.DataFrame],
) -> None:
    _, rows, judged = found
    table = over_seeds(judged)["mean"].unstack("score")
    assert table.index.tolist() == ["1", "2", "3", "4", ALL]
    assert table[["vote", "taught", "chosen"]].min(axis=None) > 0.9
    assert table[["vote_share", "taught_share"]].min(axis=None) > 90
    assert (table["taught_gain_measured_low"] > 0.8).all()
    assert table["measured"].max() < 0.05
    assert (table["gain_measured_low"] > 0.8).all()
    for name in NULLED:
        assert (table[f"{name}_shuffled_low"] < 0.0).all()
        assert (table[f"{name}_shuffled_high"] < 0.05).all()
    variant = Variant("none", "rank", "quarter", 4, "pca", "diag")
    assert n_teaching(tables(rows), variant, found[0]) == 4
    assert n_teaching(tables(rows), replace(variant, components=8), found[0]) == 0
    shown = readable(over_seeds(judged), tables(rows))
    assert shown["part"].tolist() == table.index.tolist()
    drawn = plotted(over_seeds(judged))
    assert list(drawn.index) == list(METHODS.values())
    assert (
        drawn.loc["vote of all", "value"]
        == table.loc[ALL, "vote"]
        >= drawn.loc["vote of all", "low"]
    )
    assert n_choosing(tables(rows), Variant("five", "z", "none", 0, "pca", "diag")) == 0
    chosen = shown["chosen recipe"].tolist()
    alike = [c for c in COVARIANCES if f"quarter pca 4, {c}" == chosen[0]]
    variant = Variant("none", "z", "quarter", 4, "pca", alike[0])
    assert n_choosing(tables(rows), variant) == chosen.count(chosen[0]) > 0
    assert "quarter pca 4" in shown["chosen recipe"].iloc[0]
    assert shown["chosen recipe"].iloc[-1] == ""


def test_labels_change_neither_search_nor_choice(
    found: tuple[Ingredients, pd.DataFrame, pd.DataFrame],
) -> None:
    galaxies, rows, _ = found
    shuffled = replace(galaxies, types=np.random.default_rng(1).permutation(galaxies.types))
    mine, theirs = tables(searched(shuffled)), tables(rows)
    reports = ["ari", "ami"]
    for part, table in mine.items():
        pd.testing.assert_frame_equal(
            table.drop(columns=reports), theirs[part].drop(columns=reports)
        )


def test_the_held_out_part_shapes_nothing() -> None:
    galaxies = planted(3.0)
    odd = {"quarter": {"net": galaxies.deep["quarter"]["net"].copy()}}
    odd["quarter"]["net"][FOLD == 2] = 50.0
    scores = ["stability", "null_stability", "held_out", "smallest"]
    mine = tables(searched(replace(galaxies, deep=odd), draws=4))[2]
    theirs = tables(searched(galaxies, draws=4))[2]
    pd.testing.assert_frame_equal(mine[scores], theirs[scores])
    np.testing.assert_array_equal(turned(galaxies, FOLD, 2).held_out, FOLD == 2)


def test_all_parts_together_are_their_mean_and_surer_than_any() -> None:
    rng = np.random.default_rng(0)
    ari = {"taught": 0.35, "teachers": 0.34, "vote": 0.3, "chosen": 0.2, "measured": 0.1,
           "vote_ceiling": 0.5, "taught_ceiling": 0.45, "chosen_ceiling": 0.4}  # fmt: skip
    values = np.array([ari[name] for name in METHODS])
    parts = {
        str(part): Judged(
            values + shift,
            values[:, None] + shift + 0.03 * rng.normal(size=(len(METHODS), RESAMPLINGS)),
            0.01 * rng.normal(size=(2, 200)),
        )
        for part, shift in ((1, 0.0), (2, 0.02), (3, 0.04))
    }
    table = pd.DataFrame(rows_of(parts)).pivot(index="part", columns="score", values="value")
    assert table.loc[ALL, "vote"] == pytest.approx(0.32)
    assert table.loc[ALL, "vote_share"] == pytest.approx(100 * 0.32 / 0.52)
    assert table.loc[ALL, "gain_chosen"] == pytest.approx(0.1)
    assert table.loc[ALL, "taught_gain_teachers"] == pytest.approx(0.01)
    assert table.loc[ALL, "taught_share"] == pytest.approx(100 * 0.37 / 0.47)
    assert table.loc[ALL, "taught_wide_share"] == pytest.approx(100 * 0.37 / 0.52)
    width = table["vote_high"] - table["vote_low"]
    assert width[ALL] < 0.75 * width.drop(ALL).min()
    assert table["vote_shuffled_high"][ALL] < table["vote_shuffled_high"].drop(ALL).min()


def test_the_unreduced_ceiling_is_the_mean_over_parts() -> None:
    galaxies, variant = planted(3.0), Variant("five", "rank", "quarter", 4, "pca", "diag")
    values = unreduced(galaxies, variant)
    assert values.shape == (N, 5 + 16)
    np.testing.assert_array_equal(values[:, :5], galaxies.five)
    each = [unreduced_ceiling(galaxies, FOLD, [part], variant) for part in (1, 2)]
    assert min(each) > 0.8
    both = unreduced_ceiling(galaxies, FOLD, (1, 2), variant)
    assert both == pytest.approx(sum(each) / 2)
    blind = replace(galaxies, types=np.full(N, None, dtype=object))
    assert np.isnan(unreduced_ceiling(blind, FOLD, [1], variant))


def test_without_types_nothing_is_judged() -> None:
    galaxies = planted(7.0)
    blind = replace(galaxies, types=np.full(N, None, dtype=object))
    rows = CROSS_VALIDATION.measure((blind, RECIPE, FOLD, tables(searched(galaxies))), {"seed": 0})
    assert rows and np.isnan([row["value"] for row in rows]).all()


def test_where_nothing_may_be_chosen_nothing_is_judged() -> None:
    galaxies = planted(7.0)
    none = {part: table.assign(smallest=0.0) for part, table in tables(searched(galaxies)).items()}
    rows = CROSS_VALIDATION.measure((galaxies, RECIPE, FOLD, none), {"seed": 0})
    assert np.isnan([row["value"] for row in rows]).all()
    shown = readable(over_seeds(pd.DataFrame(rows).assign(seed=0)), none)
    assert shown["chosen recipe"].tolist() == ["none"] * 4 + [""]


def test_a_part_is_judged_by_its_own_galaxies_and_search(
    found: tuple[Ingredients, pd.DataFrame, pd.DataFrame],
) -> None:
    galaxies, rows, before = found
    types = galaxies.types.copy()
    types[FOLD == 2] = np.random.default_rng(1).permutation(types[FOLD == 2])
    searches = tables(rows)
    searches[3] = searches[3].assign(smallest=0.0)
    measured = CROSS_VALIDATION.measure(
        (replace(galaxies, types=types), RECIPE, FOLD, searches), {"seed": 0}
    )
    table = over_seeds(pd.DataFrame(measured).assign(seed=0))
    vote, whole = table["mean"].unstack("score")["vote"], over_seeds(before)["mean"]
    assert abs(vote["2"]) < 0.05 and np.isnan(vote["3"]) and np.isnan(vote[ALL])
    assert vote["1"] == pytest.approx(whole["1", "vote"], abs=0.02)
    assert n_judged(table) == 3 and n_judged(over_seeds(before)) == 4
    assert "could not be judged" in goal_text(table, "vote")


@pytest.mark.parametrize(
    ("value", "low", "said"),
    [
        (0.4, 0.3, "an index of 0.25 is reached, 60 % of the ceiling is reached"),
        (0.27, 0.24, "an index of 0.25 is reached, though the interval holds it"),
        (0.2, 0.15, "an index of 0.25 is not reached, 60 % of the ceiling is not reached"),
    ],
)
def test_goals_are_said_with_their_doubt(value: float, low: float, said: str) -> None:
    scores = {"vote": value, "vote_share": 200 * value}
    rows = [
        {"part": ALL, "score": f"{name}{end}", "value": number + shift}
        for name, number in scores.items()
        for end, shift in {"": 0.0, "_low": low - value, "_high": 0.03}.items()
    ]
    assert said in goal_text(over_seeds(pd.DataFrame(rows)), "vote")
