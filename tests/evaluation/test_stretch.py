"""Simulated galaxies are measured in every version, and a stretch shows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.evaluation.stretch import (
    COMPRESSED,
    KINDS,
    NO_SEEING,
    RADIUS,
    STRETCHED,
    measure_stretches,
    stretch_table,
)
from galaxy_utils.morphology.columns import FIVE
from galaxy_utils.simulate.families import truth


def test_changes_are_those_put_in() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(3.0, 0.5, (400, 5))
    frames = []
    for kind in KINDS:
        moved = base + (rng.normal(-0.4, 0.1, base.shape) if kind == STRETCHED else 0)
        frame = pd.DataFrame(moved, columns=list(FIVE)).assign(kind=kind)
        frame[RADIUS] = np.linspace(10, 50, 400) * (1.6 if kind == STRETCHED else 1.0)
        frames.append(frame.assign(objid=[str(i) for i in range(400)]))
    rows = pd.concat(frames, ignore_index=True).assign(family="spiral")
    rows.loc[rows["kind"].eq(COMPRESSED) & rows["objid"].eq("3"), "gini"] = np.nan
    other = rows.assign(family="merger", objid=rows["objid"] + "m")
    found = stretch_table(pd.concat([rows, other]), 0)
    assert found.groupby("family").size().to_dict() == {"merger": 18, "spiral": 18}
    table = found[found["family"] == "spiral"].set_index(["kind", "parameter"])
    stretched = table.loc[STRETCHED].drop(RADIUS)
    assert stretched["change"].to_numpy() == pytest.approx(-0.4, abs=0.02)
    assert (stretched["low"] < stretched["change"]).all()
    assert (stretched["change"] < stretched["high"]).all() and (stretched["high"] < -0.37).all()
    assert table.loc[(STRETCHED, RADIUS), "change"] == pytest.approx(1.6)
    assert table.loc[(NO_SEEING, RADIUS), "change"] == 1
    assert (table.loc[COMPRESSED, "change"].drop(RADIUS) == 0).all()
    assert table.loc[(COMPRESSED, "gini"), "galaxies"] == 399


def test_every_galaxy_is_measured_in_every_version_and_artefacts_are_not() -> None:
    table = truth(8, 2, 0.3)
    rows = measure_stretches(table, 2)
    galaxies = table[~table["is_artefact"]]["objid"]
    assert sorted(set(rows["objid"])) == sorted(galaxies)
    assert (rows.groupby("kind")["objid"].nunique() == len(galaxies)).all()
    assert list(dict.fromkeys(rows["kind"])) == list(KINDS)


def test_a_stretch_makes_galaxies_less_concentrated() -> None:
    rows = measure_stretches(truth(12, 9, 0.0), 9).assign(family="any")
    found = stretch_table(rows, 0).set_index(["kind", "parameter"])["change"]
    assert found[STRETCHED, "concentration"] < -0.1 and found[STRETCHED, "gini"] < -0.02
    assert found[NO_SEEING, "concentration"] > 0.05, "seeing makes them less concentrated, too"
    assert found[STRETCHED, RADIUS] > 1.05, "and a stretch makes them larger"
