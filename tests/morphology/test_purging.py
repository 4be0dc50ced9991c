"""The purge: its order, its limits and its forest."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import IsolationForest

from galaxy_utils.morphology.columns import FIVE
from galaxy_utils.morphology.purging import purge

GOOD = {
    "concentration": 3.0,
    "asymmetry": 0.1,
    "smoothness": 0.05,
    "gini": 0.5,
    "m20": -1.8,
    "flag": 0,
    "reason": "",
}
NOTHING = dict.fromkeys(FIVE, np.nan)


def table(*rows: dict[str, object]) -> pd.DataFrame:
    rows_with_defaults = [{"objid": f"g{number}", **GOOD, **row} for number, row in enumerate(rows)]
    return pd.DataFrame(rows_with_defaults)


def forest(contamination: float, seed: int = 0) -> IsolationForest:
    return IsolationForest(n_estimators=200, contamination=contamination, random_state=seed)


def random_table(number: int, seed: int = 0) -> pd.DataFrame:
    values = np.random.default_rng(seed).normal(size=(number, 5)) * 0.1
    values += [GOOD[name] for name in FIVE]
    return table(*(dict(zip(FIVE, row, strict=True)) for row in values))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({}, ""),
        ({"concentration": 1.0}, "C at or below the limit"),
        ({"concentration": 1.01}, ""),
        ({"concentration": 7.0}, ""),
        ({"concentration": 7.01}, "C above the limit"),
        ({"asymmetry": 1.0}, ""),
        ({"asymmetry": 1.01}, "A above the limit"),
        ({"asymmetry": -0.2}, ""),
        ({"flag": 2}, ""),
        ({"flag": 4}, "statmorph flag 4"),
        ({"asymmetry": 2.0, "concentration": 9.0}, "C above the limit"),
        ({"concentration": 0.0, "flag": 4}, "statmorph flag 4"),
        ({"smoothness": np.nan, "flag": 4}, "not measured: smoothness"),
        ({"gini": np.nan, "m20": np.nan}, "not measured: gini, m20"),
        ({**NOTHING, "flag": 4, "reason": "no source"}, "not measured: no source"),
        ({**NOTHING, "reason": "failed: Overflow: 3"}, "not measured: failed"),
        ({**NOTHING}, "not measured: no reason given"),
    ],
)  # fmt: skip
def test_the_rule_for_one_galaxy(row: dict[str, object], reason: str) -> None:
    purged = purge(table(row), None)
    assert purged["drop_reason"][0] == reason
    assert purged["kept"][0] == (reason == "")
    assert np.isnan(purged["isolation_score"][0])


def test_limits_are_parameters() -> None:
    row = {"concentration": 3.0, "asymmetry": 0.4}
    assert not purge(table(row), None, concentration_minimum=3.0)["kept"][0]
    assert not purge(table(row), None, concentration_maximum=2.9)["kept"][0]
    assert not purge(table(row), None, asymmetry_maximum=0.3)["kept"][0]


def test_the_forest_drops_its_share_of_what_is_left_and_the_planted_one() -> None:
    galaxies = random_table(200)
    galaxies.loc[7, ["gini", "m20"]] = [0.9, 0.5]
    galaxies.loc[3, "flag"] = 4
    purged = purge(galaxies, forest(0.05))
    assert (purged["drop_reason"] == "Isolation Forest").sum() == 10
    assert purged["drop_reason"][7] == "Isolation Forest"
    assert purged["isolation_score"].idxmin() == 7
    assert purged["drop_reason"][3] == "statmorph flag 4"
    assert purged["isolation_score"].isna().tolist() == [row == 3 for row in range(200)]


def test_the_forest_follows_its_seed() -> None:
    galaxies = random_table(100)
    first, again, other = (purge(galaxies, forest(0.1, seed)) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not np.allclose(first["isolation_score"], other["isolation_score"])


def test_a_single_galaxy_needs_no_forest() -> None:
    assert purge(table({}), forest(0.1))["kept"][0]


def test_rows_keep_their_order_whatever_the_index() -> None:
    galaxies = table({"flag": 4}, {}, {"asymmetry": 2.0}).set_index(pd.Index([5, 3, 5]))
    purged = purge(galaxies, None)
    assert list(purged["objid"]) == ["g0", "g1", "g2"]
    assert list(purged["kept"]) == [False, True, False]


@settings(deadline=None, max_examples=20)
@given(order=st.permutations(range(6)))
def test_the_limits_do_not_depend_on_the_order(order: list[int]) -> None:
    galaxies = table({}, {"flag": 4}, {"asymmetry": 2}, {"concentration": 8}, {"gini": np.nan}, {})
    straight = purge(galaxies, None).set_index("objid")
    mixed = purge(galaxies.iloc[order], None).set_index("objid")
    pd.testing.assert_frame_equal(mixed.loc[straight.index], straight)
