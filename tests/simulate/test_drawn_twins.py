"""A twin measures like its galaxy."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image as PillowImage

from galaxy_utils.data import survey
from galaxy_utils.data.images import band_mean
from galaxy_utils.morphology.measurement import measure
from galaxy_utils.morphology.photometry import measure_photometry
from galaxy_utils.run_folder import DATA
from galaxy_utils.simulate.twins import MEASURED, draw_twin, twin_properties


def real_galaxies(number: int) -> pd.DataFrame:
    tables = [
        pd.read_csv(DATA / "sdss5000" / f"{name}.csv", dtype={"objid": str})
        for name in ("catalogue", "morphology", "appearance")
    ]
    joined = tables[0].merge(tables[1].drop(columns="reason"), on="objid")
    joined = joined.merge(tables[2].drop(columns="reason"), on="objid")
    good = joined[(joined["flag"] == 0) & (joined["gz1_class"] != "dont_know")]
    return good.dropna(subset=list(MEASURED)).sample(number, random_state=3)


def measured(row: pd.Series, seed: int) -> dict[str, Any]:
    composite = draw_twin(row, seed).composite
    image = np.asarray(PillowImage.open(io.BytesIO(survey.jpeg(composite))))
    found = {**vars(measure(band_mean(image))), **vars(measure_photometry(image))}
    return {name: found[name] for name in MEASURED}


def test_a_twin_measures_like_its_galaxy() -> None:
    galaxies = real_galaxies(30)
    twins = pd.DataFrame([measured(row, 0) for _, row in galaxies.iterrows()])
    for name in MEASURED:
        rank = twins[name].corr(galaxies[name].reset_index(drop=True), method="spearman")
        assert rank > 0.6, name
    ratio = (twins["rpetro_circ"].to_numpy() / galaxies["rpetro_circ"]).median()
    assert ratio == pytest.approx(1.0, abs=0.2)


def test_a_twin_follows_its_galaxy_in_each_measurement() -> None:
    galaxy = real_galaxies(1).iloc[0]
    twin = twin_properties(galaxy, 0)
    larger = twin_properties(galaxy.replace(galaxy["rpetro_circ"], 1.1 * galaxy["rpetro_circ"]), 0)
    redder = twin_properties(galaxy.replace(galaxy["colour_gr"], galaxy["colour_gr"] + 0.05), 0)
    if larger["sersic_index"] == twin["sersic_index"]:  # the same member of the population
        assert larger["half_light_radius"] > twin["half_light_radius"]
    assert redder["colour_gr"] > twin["colour_gr"]
    assert twin["half_light_radius"] > 0 and 0 < twin["axis_ratio"] <= 1


def test_a_twin_is_of_its_class_and_follows_from_the_seed() -> None:
    galaxy = real_galaxies(1).iloc[0].copy()
    for name, family in {"edge_on": {"edge_on"}, "spiral_cw": {"spiral"},
                         "elliptical": {"elliptical", "lenticular"}}.items():  # fmt: skip
        galaxy["gz1_class"] = name
        assert twin_properties(galaxy, 0)["family"] in family
    one, again, other = (draw_twin(galaxy, seed).composite for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_what_was_not_measured_plays_no_part() -> None:
    galaxy = real_galaxies(1).iloc[0]
    whole, part = twin_properties(galaxy, 0), twin_properties(galaxy.drop("objid"), 0)
    assert whole["half_light_radius"] == part["half_light_radius"], "a name is no measurement"
    missing = galaxy.copy()
    missing["colour_gr"] = missing["colour_ri"] = np.nan
    twin = twin_properties(missing, 0)
    redder = twin_properties(missing.replace(missing["rpetro_circ"], 60.0), 0)
    assert np.isfinite(twin[["colour_gr", "half_light_radius"]].astype(float)).all()
    assert redder["half_light_radius"] > twin["half_light_radius"]


def test_an_artefact_is_drawn_into_the_frame_of_a_twin() -> None:
    galaxy = real_galaxies(1).iloc[0]
    plain, spoilt = (
        twin_properties(pd.Series({**galaxy, "artefact": kind}), 0) for kind in (np.nan, "trail")
    )
    assert spoilt["family"] == "trail" and spoilt["host"] == plain["host"] == plain["family"]
