"""Bias and scatter of the stretch are those that were put in."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.evaluation.stretch import (
    COMPRESSED,
    KINDS,
    NO_SEEING,
    OTHERS,
    RADIUS,
    STRETCHED,
    measure_stretches,
    stretch_table,
)
from galaxy_utils.morphology.measurement import FIVE
from galaxy_utils.simulate.families import truth


def test_bias_and_scatter_are_those_put_in() -> None:
    rng = np.random.default_rng(0)
    frames = []
    base = rng.normal(3.0, 0.5, (400, 5))
    put = dict.fromkeys([*KINDS, NO_SEEING], (0.0, 0.0)) | {STRETCHED: (-0.4, 0.1)}
    put[next(iter(OTHERS))] = (0.2, 0.0)
    for kind, (bias, scatter) in put.items():
        values = base + rng.normal(bias, scatter, base.shape)
        frame = pd.DataFrame(values, columns=list(FIVE)).assign(kind=kind)
        frame[RADIUS] = np.linspace(10, 50, 400) * (1.6 if kind == STRETCHED else 1.0)
        frames.append(frame.assign(objid=[str(i) for i in range(400)]))
    rows = pd.concat(frames, ignore_index=True)
    rows.loc[rows["kind"].eq(COMPRESSED) & rows["objid"].eq("3"), "gini"] = np.nan
    table = stretch_table(rows).set_index(["parameter", "kind"])
    assert table.loc[(RADIUS, STRETCHED), "factor"] == pytest.approx(1.6)
    assert table.loc[(RADIUS, NO_SEEING), "factor"] == 1
    table = table.drop(RADIUS)
    assert table["factor"].isna().all()
    stretched = table.xs(STRETCHED, level="kind")
    assert stretched["bias"].to_numpy() == pytest.approx(-0.4, abs=0.02)
    assert stretched["scatter"].to_numpy() == pytest.approx(0.1, rel=0.15)
    assert (stretched["low"] < stretched["bias"]).all()
    assert (stretched["bias"] < stretched["high"]).all() and (stretched["high"] < -0.37).all()
    same = table.xs(COMPRESSED, level="kind")
    assert (same["bias"] == 0).all() and (same["correlation"] > 0.999).all()
    assert same.loc["gini", "lost"] == 1 and same.loc["m20", "lost"] == 0


def test_every_galaxy_is_measured_in_every_version_and_artefacts_are_not() -> None:
    table = truth(8, 2, 0.3)
    rows = measure_stretches(table, 2)
    galaxies = table[~table["is_artefact"]]["objid"]
    assert sorted(set(rows["objid"])) == sorted(galaxies)
    assert (rows.groupby("kind")["objid"].nunique() == len(galaxies)).all()
    assert list(dict.fromkeys(rows["kind"])) == [*KINDS, NO_SEEING]


def test_a_stretch_makes_galaxies_less_concentrated() -> None:
    rows = measure_stretches(truth(12, 9, 0.0), 9)
    found = stretch_table(rows).set_index(["parameter", "kind"])["bias"]
    assert found["concentration", STRETCHED] < -0.1 and found["gini", STRETCHED] < -0.02
    assert found["concentration", NO_SEEING] > 0.05, "seeing makes them less concentrated, too"
    factors = stretch_table(rows).set_index(["parameter", "kind"])["factor"]
    assert factors[RADIUS, STRETCHED] > 1.05, "and a stretch makes them larger"
