"""The study that selects a pipeline: what a search may see, and how methods are compared."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.config import make_parameters
from galaxy_utils.data.split import is_held_out
from galaxy_utils.experiments import selection
from galaxy_utils.experiments.selection import (
    FOLDS,
    METHODS,
    SEARCH,
    Inputs,
    _rows_of,
    over_seeds,
)
from galaxy_utils.features.feature_table import make_feature_table
from galaxy_utils.morphology.columns import FIVE

RNG = np.random.default_rng(0)
X = make_feature_table(
    pd.DataFrame(RNG.normal(size=(60, 5)), columns=list(FIVE), index=[f"g{n}" for n in range(60)]),
    {},
)
TYPES = pd.Series(["a", "b"] * 30, dtype=object)
INPUTS = Inputs(X, TYPES, np.arange(60) % 3, make_parameters("smoke"), {})
SPACE = {"measured": "five", "scale": "z", "crop": "none", "components": 0, "encoder": "pca"}


@pytest.mark.parametrize("unit", [{}, {"part": 0}, {"part": 2}])
def test_a_search_sees_only_galaxies_outside_its_part(
    monkeypatch: pytest.MonkeyPatch, unit: dict[str, int]
) -> None:
    scored = []

    def score(spec: object, train: pd.DataFrame, *_: object) -> pd.DataFrame:
        scored.append(train)
        return pd.DataFrame({"stability": [1.0]}, pd.Index(["diag"], name="covariance"))

    monkeypatch.setattr(selection, "score_candidates", score)
    rows = SEARCH.measure(INPUTS, {**SPACE, **unit, "splits": 2, "seed": 0})
    outside = INPUTS.part != unit["part"] if unit else ~is_held_out(INPUTS.X.index)
    assert scored[0].index.tolist() == INPUTS.X.index[outside].tolist()
    assert 0 < len(scored[0]) < len(INPUTS.X)
    assert [row["score"] for row in rows] == ["stability", "ari", "ami"]


def test_folds_search_outside_every_part_without_autoencoders() -> None:
    units = pd.DataFrame(FOLDS.units(10, 0))
    assert set(units["part"]) == {0, 1, 2, 3, 4} and set(units["encoder"]) == {"pca"}


def test_differences_are_those_of_the_voting_mixture_on_the_same_galaxies() -> None:
    ari = pd.Series([0.5, 0.4, 0.3, 0.2, 0.9], list(METHODS))
    noise = RNG.normal(0, 0.1, 50)
    draws = pd.DataFrame({name: value + noise for name, value in ari.items()})
    rows = pd.DataFrame(_rows_of("test", ari, draws, pd.Series(noise)))
    rows = pd.concat([rows.assign(seed=0), rows.assign(seed=1, ari=rows["ari"] + 0.2)])
    found = over_seeds(rows)
    assert found.loc["voting - paper"].tolist() == pytest.approx([0.3 + 0.1, 0.3, 0.3])
    assert found.loc["voting", "high"] - found.loc["voting", "low"] > 0.2
    assert list(found.index[-1:]) == ["shuffled"]
    assert over_seeds(rows.assign(part="0"))["ari"].isna().all()
