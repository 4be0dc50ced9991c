"""The search finds planted groups without labels and never sees held-out galaxies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.clustering.fusion import Training
from galaxy_utils.data.split import is_held_out
from galaxy_utils.evaluation.chain import Recipe
from galaxy_utils.evaluation.search import (
    COMPARED,
    FRAMED,
    K_MEANS,
    PAPER,
    PAPERS,
    SEARCH,
    Ingredients,
    Variant,
    bootstrap_ari,
    by_rule,
    ceiling_share,
    choose,
    compared_table,
    difference,
    evaluate,
    gain_share,
    half_stability,
    in_words,
    make_space,
    measured_variants,
    permuted,
    recipe_stability,
    runners_up,
    summarise,
    supervised_ceiling,
    tried_text,
    variant_rows,
    variants_table,
    where_most,
)

N = 400
GROUP = np.repeat([0, 1, 2, 3], N // 4)
OBJIDS = [str(number) for number in range(N)]
RECIPE = Recipe(Training(hidden_dims=(16,), latent_dim=4, epochs=5), n_init=1)


def planted(apart: float = 6.0) -> Ingredients:
    """Four groups that only the deep features of framing `good` show."""
    rng = np.random.default_rng(0)
    centres = apart * np.eye(4, 20)
    good = centres[GROUP] + rng.normal(size=(N, 20))
    return Ingredients(
        five=rng.normal(size=(N, 5)), shape=rng.normal(size=(N, 3)),
        deep={
            "good": {"net": good.astype(np.float32)},
            "poor": {"net": rng.normal(size=(N, 20)).astype(np.float32)},
        },
        types=np.array(["a", "b", "c", "d"], dtype=object)[GROUP],
        held_out=is_held_out(OBJIDS),
    )  # fmt: skip


def value_of(rows: list[dict[str, object]], score: str) -> float:
    return float(next(row["value"] for row in rows if row["score"] == score))  # type: ignore[arg-type]


def test_the_split_depends_on_the_objid_alone() -> None:
    held_out = is_held_out(OBJIDS)
    assert 0.1 < held_out.mean() < 0.3
    np.testing.assert_array_equal(is_held_out(OBJIDS[::-1])[::-1], held_out)


@pytest.mark.parametrize("variant", [
    Variant("none", "z", "good", 4, "pca"), Variant("five+axis+colours", "rank", "good", 4, "pca"),
    Variant("five", "z", "good", 4, "plain"), Variant("five", "z", "none", 0, "pca"),
])  # fmt: skip
def test_held_out_galaxies_do_not_shape_the_space(variant: Variant) -> None:
    before = planted()
    seen = ~before.held_out
    space = make_space(before, variant, RECIPE, 0)
    before.five[~seen] += 50
    before.shape[~seen] += 50
    before.deep["good"]["net"][~seen] += 50
    np.testing.assert_allclose(make_space(before, variant, RECIPE, 0)[seen], space[seen])


def test_planted_groups_are_stable_and_agree() -> None:
    galaxies, rows = planted(), {}
    for framing in ("good", "poor"):
        variant = Variant("none", "z", framing, 4, "pca")
        stable = recipe_stability(galaxies, variant, RECIPE, 3, 0)["diag"]
        space = make_space(galaxies, variant, RECIPE, 0)
        rows[framing] = variant_rows(galaxies, space, "diag", RECIPE, stable, 0)
    assert value_of(rows["good"], "stability") > 0.95 and value_of(rows["good"], "ari") > 0.95
    assert value_of(rows["poor"], "stability") < 0.5 and abs(value_of(rows["poor"], "ari")) < 0.1
    assert value_of(rows["good"], "null_stability") < value_of(rows["good"], "stability")


def test_one_gaussian_is_not_stable() -> None:
    for seed in range(3):
        values = np.random.default_rng(seed).normal(size=(400, 6))
        assert half_stability(values, 4, "full", 1e-4, 3, seed) < 0.5


def test_the_choice_is_the_most_stable_beyond_its_null() -> None:
    table = pd.DataFrame({
        "stability": [0.99, 0.9, 0.8, 0.85], "null_stability": [0.1, 0.95, 0.2, 0.7],
        "smallest": [0.01, 0.2, 0.2, 0.2], "ari": [0.0, 0.0, 0.1, 0.9],
    })  # fmt: skip
    assert choose(table)["stability"] == 0.8  # the others: too small, below, hardly above its null
    with pytest.raises(ValueError, match="no variant"):
        choose(table.head(2))


def test_evaluation_is_on_held_out_galaxies_and_below_the_ceiling() -> None:
    galaxies = planted(apart=2.5)
    variant = Variant("none", "z", "good", 4, "pca", "diag")
    found = evaluate(galaxies, variant, RECIPE, range(2))
    assert found["seed"].tolist() == [0, 1]
    assert (found["ari"] > 0.2).all() and (found["ceiling"] > 0.4).all()
    share = 100 * found["ari"].iloc[0] / found["ceiling"].iloc[0]
    low, high = ceiling_share(galaxies, variant, RECIPE, 0)
    assert low < share < high < 3 * low
    galaxies.types[:] = None
    assert np.isnan(ceiling_share(galaxies, variant, RECIPE, 0)).all()
    assert np.isnan(supervised_ceiling(galaxies.five, galaxies.types, galaxies.held_out))


def test_scores_become_columns() -> None:
    base = {"columns": "five", "scale": "z", "framing": "eq1", "components": 8, "encoder": "pca"}
    rows = pd.DataFrame([
        {**base, "covariance": c, "score": "stability", "value": v}
        for c, v in (("full", 0.1), ("diag", 0.4))
    ])  # fmt: skip
    assert variants_table(rows)["covariance"].tolist() == ["diag", "full"]


def test_measured_parameters_alone_are_a_baseline_by_k_means() -> None:
    galaxies = planted()
    galaxies.five[:] = 8 * np.eye(4, 5)[GROUP] + np.random.default_rng(1).normal(size=(N, 5))
    variants = measured_variants(galaxies)
    assert list(variants) == ["five", "five+axis", "five+axis+colours"]
    assert all(variant.framing == "none" for variant in variants.values())
    found = evaluate(galaxies, variants["five"], RECIPE, range(2), K_MEANS)
    assert (found["ari"] > 0.95).all() and (found["low"] <= found["ari"]).all()
    bare = replace(galaxies, shape=np.empty((N, 0)))
    assert list(measured_variants(bare)) == ["five"]


def test_shuffled_labels_score_nothing() -> None:
    galaxies = planted()
    said = GROUP[galaxies.held_out]
    found = permuted(galaxies, said, 50, 0)
    assert abs(found["ari"].mean()) < 0.05 and found["low"].iloc[0] < 0 < found["high"].iloc[0]
    table = summarise({"shuffled": found}).iloc[0]
    assert np.isnan(table["ceiling"]) and table["seeds"] == 50


def test_a_difference_is_paired_over_the_same_galaxies() -> None:
    types = np.array(["a", "b", "c", "d"], dtype=object)[GROUP]
    rng = np.random.default_rng(0)
    worse = np.where(rng.random(N) < 0.3, rng.integers(0, 4, N), GROUP)
    ahead = difference(types, GROUP, worse, 0)
    assert ahead.sign == 1 and ahead.low < ahead.value < ahead.high
    assert difference(types, worse, GROUP, 0).sign == -1
    none = difference(types, worse, worse, 0)
    assert (none.value, none.low, none.high, none.sign) == (0, 0, 0, 0)
    unknown = np.full(N, None, dtype=object)
    assert np.isnan(bootstrap_ari(unknown, [GROUP], 0)).all()
    assert difference(unknown, GROUP, worse, 0).sign == 0


def test_the_share_of_a_gain() -> None:
    assert gain_share(0.1, 0.3, 0.2) == pytest.approx(50)
    assert gain_share(0.3, 0.3, 0.2) is None


def test_the_papers_recipe_is_compared_over_seeds() -> None:
    galaxies = planted(apart=3.0)
    deep = {"eq1": galaxies.deep["poor"], "quarter": galaxies.deep["good"]}
    inputs = (replace(galaxies, deep=deep), RECIPE)
    rows = [unit | row for unit in COMPARED.units(2, 0) for row in COMPARED.measure(inputs, unit)]
    found = compared_table(pd.DataFrame(rows))
    assert list(found) == [PAPERS, FRAMED]
    assert found[PAPERS]["seed"].tolist() == [0, 1]
    assert found[FRAMED]["ari"].min() > found[PAPERS]["ari"].max()
    assert {"low", "high", "ceiling", "ami"} <= set(found[PAPERS])
    without = (replace(galaxies, deep={"eq1": deep["eq1"]}), RECIPE)
    assert COMPARED.measure(without, COMPARED.units(1, 0)[1]) == []
    assert compared_table(pd.DataFrame()) == {}


def test_tables_name_a_recipe_in_one_cell() -> None:
    assert in_words(PAPER) == "five (z), eq1 plain 64, full"
    assert in_words(Variant("five", "rank", "none", 0, "pca", "diag")) == "five (rank), diag"
    fields = {"columns": "five", "scale": "z", "framing": "eq1", "components": 8, "encoder": "pca"}
    table = pd.DataFrame([
        {**fields, "covariance": c, "stability": s, "null_stability": 0.2, "smallest": 0.2,
         "stability_error": 0.01, "held_out": h, "ari": a, "ami": a}
        for c, s, h, a in (("diag", 0.9, -3.0, 0.3), ("full", 0.5, -1.0, 0.1))
    ])  # fmt: skip
    assert runners_up(table)["recipe"].tolist() == [
        "five (z), eq1 pca 8, diag",
        "five (z), eq1 pca 8, full",
    ]
    rules = by_rule(table).set_index("rule")["ARI"]
    assert rules["stability alone"] == 0.3
    assert rules["likelihood, then corrected stability"] == 0.1


def test_a_search_of_few_galaxies_says_what_it_tried() -> None:
    galaxies = planted()
    few = [unit for unit in SEARCH.units(2, 0) if unit["framing"] in ("none", "quarter")]
    deep = {"quarter": galaxies.deep["good"]}
    rows = [
        unit | row
        for unit in few
        if unit["encoder"] == "pca"
        for row in SEARCH.measure((replace(galaxies, deep=deep), RECIPE), unit)
    ]
    table = variants_table(pd.DataFrame(rows))
    assert set(table["columns"]) == {"five", "five+axis"}  # of few galaxies not all
    text = tried_text(table)
    assert "the five, these with the axis ratio; z-scored, made normal" in text
    assert "two colours" not in text and "central half" not in text and "autoencoder" not in text
    assert "full, tied, diag, spherical" in text


def test_where_the_galaxies_of_a_type_lie() -> None:
    table = pd.DataFrame(
        [[40, 5, 5, 0], [3, 20, 27, 0], [1, 2, 3, 14]],
        index=["spiral", "merger", "disc"], columns=["2", "0", "1", "3"],
    )  # fmt: skip
    name, most, own = where_most(table, "merger")
    assert (name, most) == ("disc", pytest.approx(0.54)) and own == pytest.approx(27 / 120)
    assert where_most(table, "disc")[0] == "no type"
    assert where_most(table.iloc[:, :2], "disc")[2] == 0
    assert where_most(pd.DataFrame(0, index=["no class"], columns=["0"]), "no class")[1:] == (0, 0)
