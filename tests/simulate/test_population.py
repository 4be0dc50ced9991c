"""The script that fits the population of simulated galaxies."""

from __future__ import annotations

from runpy import run_path

import numpy as np
import pandas as pd
import pytest

from galaxy_utils.run_folder import ROOT
from galaxy_utils.simulate import twins
from galaxy_utils.simulate.families import FAMILIES, GZ1_CLASSES

fit_population = run_path(str(ROOT / "benchmarks" / "population.py"))["fit_population"]


def test_a_fitted_population_measures_like_the_real_galaxies() -> None:
    rng = np.random.default_rng(0)
    number = 5 * 240
    drawn = pd.DataFrame({
        "objid": [f"mock_{i}" for i in range(number)], "family": np.repeat(FAMILIES, 240),
        "size": rng.normal(0, 2, number),
    })  # fmt: skip
    measured = pd.DataFrame(rng.normal(size=(number, 6)), drawn["objid"], list(twins.MEASURED))
    measured["rpetro_circ"] = drawn["size"].to_numpy() + 0.3 * rng.normal(size=number)
    real = pd.DataFrame(rng.normal(size=(800, 6)), columns=list(twins.MEASURED))
    real["class"] = np.repeat(list(dict.fromkeys(GZ1_CLASSES.values())), 200)
    real["rpetro_circ"] = np.where(real["class"] == "edge_on", 2.0, 0.0) + 0.5 * rng.normal(
        size=800
    )
    found = fit_population(drawn, measured, real, 120)
    assert found["family"].value_counts().eq(120).all() and set(found["family"]) == set(FAMILIES)
    by_family = found.groupby("family")["measured_rpetro_circ"]
    for family, values in by_family:
        assert values.mean() == pytest.approx(2.0 if family == "edge_on" else 0.0, abs=0.25)
        assert values.std() == pytest.approx(0.5, abs=0.25), "the prior's is 2"
    joined = found.drop_duplicates("size").merge(drawn, on="size")
    assert (joined["family_x"] == joined["family_y"]).all()
    again = fit_population(drawn, measured, real, 120)
    pd.testing.assert_frame_equal(found, again)
