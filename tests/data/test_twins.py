"""Twins are found by position or by their pixels, in the same field or the next one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

from galaxy_utils.data.images import Image
from galaxy_utils.data.split import fold_of, is_held_out
from galaxy_utils.data.twins import COLUMNS, find_twins, read_twins
from galaxy_utils.features.named_samples import PRECOMPUTED

FIELD = 587724197200724003 & ~0xFFFF
HERE, THERE, UNLIKE, NEXT, FAR = (
    str(FIELD + number) for number in (3, 40, 50, (1 << 16) + 7, (3 << 16) + 8)
)


@pytest.fixture(scope="module")
def image() -> Callable[[str], Image]:
    """Cutouts of one piece of sky at several places, and one of another piece."""
    rng = np.random.default_rng(4)
    skies = []
    for _ in range(2):
        points = np.where(rng.random((400, 400)) < 0.002, rng.uniform(500, 5000, (400, 400)), 0)
        skies.append(gaussian_filter(points, 1.5) + 5)
    corners = {HERE: (60, 60), THERE: (36, 78), NEXT: (63, 56), FAR: (60, 64), UNLIKE: (60, 60)}

    def read(objid: str) -> Image:
        row, column = corners[objid]
        frame = skies[objid == UNLIKE][row : row + 256, column : column + 256]
        noisy = frame + np.random.default_rng(int(objid) % 1000).normal(0, 1, frame.shape)
        return np.repeat(noisy[..., None], 3, axis=2).clip(0, 255).astype(np.uint8)

    return read


def _catalogue(*objids: str) -> pd.DataFrame:
    return pd.DataFrame({"objid": objids, "ra": np.nan, "dec": np.nan})


def test_frames_that_overlap_are_twins(image: Callable[[str], Image]) -> None:
    twins = find_twins(_catalogue(NEXT, HERE, THERE, UNLIKE, FAR), image)
    pairs = {(row.objid_1, row.objid_2): row for row in twins.itertuples()}
    assert set(pairs) == {(HERE, THERE), (NEXT, HERE), (NEXT, THERE)}
    assert pairs[HERE, THERE].separation == pytest.approx(30.0)  # 24 rows, 18 columns
    assert pairs[NEXT, HERE].separation == pytest.approx(5.0)  # 3 rows, 4 columns
    assert pairs[HERE, THERE].same_field and not pairs[NEXT, HERE].same_field
    assert (twins["correlation"] > 0.9).all()
    near = find_twins(_catalogue(HERE, THERE), image, separation=29)
    assert near.empty and list(near.columns) == COLUMNS


def test_positions_decide_where_both_are_known() -> None:
    catalogue = _catalogue(HERE, THERE, UNLIKE)
    catalogue["dec"] = [60.0, 60.0, 60.0 + 26 / 3600]
    catalogue["ra"] = [359.998, 0.004, 359.998]  # 0.006 deg of ra are 10.8 arcsec at 60 deg
    twins = find_twins(catalogue)
    assert twins[["objid_1", "objid_2"]].to_numpy().tolist() == [[HERE, THERE]]
    assert twins["separation"].iloc[0] == pytest.approx(10.8 / 0.4, rel=1e-4)
    catalogue.loc[1, "ra"] = np.nan
    assert find_twins(catalogue).empty


def test_what_is_no_sdss_object_has_no_twin(image: Callable[[str], Image]) -> None:
    assert find_twins(_catalogue("a", "b"), lambda _: image(HERE)).empty


def test_a_blank_frame_matches_nothing(image: Callable[[str], Image]) -> None:
    blank = np.zeros((256, 256, 3), np.uint8)
    assert find_twins(_catalogue(HERE, THERE), lambda _: blank).empty


def test_the_twins_of_the_sample_are_those_that_a_referee_counted(tmp_path: Path) -> None:
    twins = read_twins(PRECOMPUTED["sdss5000"])
    same = twins[twins["same_field"]]
    galaxies = {*same["objid_1"], *same["objid_2"]}
    assert (len(same), len(galaxies)) == (178, 329)
    classes = pd.read_csv(PRECOMPUTED["sdss5000"] / "catalogue.csv", dtype={"objid": str})
    mergers = classes.loc[classes["gz1_class"] == "merger", "objid"]
    assert (mergers.isin(galaxies).sum(), len(mergers)) == (214, 799)
    parts = [fold_of(same[name]) for name in ("objid_1", "objid_2")]
    np.testing.assert_array_equal(*parts)
    encoder = [is_held_out(same[name]) for name in ("objid_1", "objid_2")]
    assert (encoder[0] != encoder[1]).any()  # so the encoder's probe leaves these out
    assert read_twins(tmp_path).empty
