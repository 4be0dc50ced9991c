"""Simulated galaxies are measured in every version, and a stretch shows."""

from __future__ import annotations

from galaxy_utils.evaluation.stretch import (
    KINDS,
    LINEAR,
    NO_SEEING,
    RADIUS,
    STRETCHED,
    measure_stretches,
)
from galaxy_utils.simulate.families import truth


def test_every_galaxy_is_measured_in_every_version_and_artefacts_are_not() -> None:
    table = truth(8, 2, 0.3)
    rows = measure_stretches(table, 2)
    galaxies = table[~table["is_artefact"]]["objid"]
    assert sorted(set(rows["objid"])) == sorted(galaxies)
    assert (rows.groupby("kind")["objid"].nunique() == len(galaxies)).all()
    assert list(dict.fromkeys(rows["kind"])) == list(KINDS)


def test_a_stretch_makes_galaxies_less_concentrated() -> None:
    rows = measure_stretches(truth(12, 9, 0.0), 9).set_index("objid")
    linear, stretched, sharp = (
        rows[rows["kind"] == kind].drop(columns=["kind", "family"])
        for kind in (LINEAR, STRETCHED, NO_SEEING)
    )
    bias = (stretched - linear).median()
    assert bias["concentration"] < -0.1 and bias["gini"] < -0.02
    assert (sharp - linear)["concentration"].median() > 0.05, "seeing lowers it, too"
    assert (stretched / linear)[RADIUS].median() > 1.05, "and a stretch makes them larger"
