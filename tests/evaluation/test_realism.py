"""Simulated galaxies that are like real ones cannot be told from them, others can."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from galaxy_utils.evaluation.realism import DEEP, MEASURED, realism
from galaxy_utils.features.feature_table import make_feature_table


def _table(
    name: str, number: int, seed: int, shift: float = 0.0, scale: float = 1.0
) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    index = pd.Index([f"{name}_{i}" for i in range(number)], name="objid")
    measured = pd.DataFrame(
        {"gini": shift + scale * rng.normal(size=number), "m20": rng.normal(size=number)}, index
    )
    deep = rng.normal(size=(number, 30)) + shift * np.linspace(0, 1, 30)
    return make_feature_table(measured, {"network-full": deep.astype(np.float32)})


def _classes(*tables: pd.DataFrame, name: str = "spiral") -> pd.Series:
    return pd.Series(name, pd.concat(tables).index, dtype=object)


def test_galaxies_of_one_kind_cannot_be_told_apart() -> None:
    mock, real = _table("mock", 300, 0), _table("real", 600, 1)
    found = realism(mock, real, _classes(mock, real)).set_index("features")
    assert list(found.index) == [MEASURED, DEEP]
    assert found["auc"].to_numpy() == pytest.approx(0.5, abs=0.06)
    assert (found["low"] <= found["auc"]).all() and (found["auc"] <= found["high"]).all()


def test_the_area_is_that_of_a_known_shift() -> None:
    mock, real = _table("mock", 1500, 0, shift=1.0), _table("real", 1500, 1)
    found = realism(mock, real, _classes(mock, real)).set_index("features")
    # two unit Gaussians, their means one apart: Phi(1 / sqrt(2))
    assert found.loc[MEASURED, "auc"] == pytest.approx(norm.cdf(2**-0.5), abs=0.03)
    assert found.loc[DEEP, "auc"] > 0.95


def test_too_little_scatter_is_noticed() -> None:
    mock, real = _table("mock", 600, 0, scale=0.4), _table("real", 600, 1)
    found = realism(mock, real, _classes(mock, real)).set_index("features")
    assert found.loc[MEASURED, "auc"] > 0.65  # the medians are the same: no straight cut would tell


def test_classes_are_compared_within_themselves_and_small_ones_left_out() -> None:
    one, other, few = (
        (_table(f"mock_{name}", n, 0, shift), _table(f"real_{name}", n, 1, shift))
        for name, n, shift in (("a", 200, 0.0), ("b", 200, 5.0), ("c", 10, 0.0))
    )
    mock, real = (pd.concat([pair[side] for pair in (one, other, few)]) for side in (0, 1))
    classes = pd.concat(
        _classes(*pair, name=name)
        for pair, name in ((one, "spiral"), (other, "merger"), (few, "edge"))
    )
    found = realism(mock, real, classes)
    assert set(found["class"]) == {"spiral", "merger"}
    # the classes differ much, simulated and real galaxies of a class do not
    assert found["auc"].to_numpy() == pytest.approx(0.5, abs=0.1)
    assert realism(mock, real, classes.where(classes != "merger"))["class"].eq("spiral").all()


def test_wrong_tables_are_refused() -> None:
    mock, real = _table("mock", 50, 0), _table("real", 50, 1)
    with pytest.raises(ValueError, match="different columns"):
        realism(mock.drop(columns="gini"), real, _classes(mock, real))
    with pytest.raises(ValueError, match="objids are shared"):
        realism(mock, mock, _classes(mock, mock))
