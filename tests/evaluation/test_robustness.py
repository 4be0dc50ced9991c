"""Changed photographs are what they say, and recipes are asked about the same galaxies."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image as PillowImage
from scipy.ndimage import gaussian_filter

from galaxy_utils.clustering.fusion import Training
from galaxy_utils.data.hubble import hdf_sample
from galaxy_utils.evaluation import robustness
from galaxy_utils.evaluation.chain import Recipe
from galaxy_utils.evaluation.robustness import CHANGES, UNCHANGED, Inputs, Measured, changed_table
from galaxy_utils.evaluation.search import Ingredients, Variant
from galaxy_utils.experiments.study import run_study

IMAGE = next(iter(hdf_sample().cutouts.values()))
RECIPE = Recipe(Training(hidden_dims=(16,), latent_dim=4, epochs=5), n_components=2, n_init=1)
BEST = Variant("five+axis", "rank", "quarter", 3, "pca", "diag")
VOTES = {Variant("five", "z", "quarter", 2, "pca", "tied"): 0.6,
         Variant("five+axis", "rank", "none", 0, "pca", "diag"): 0.4}  # fmt: skip


def changed(name: str, seed: int = 0) -> np.ndarray:
    return CHANGES[name](IMAGE, np.random.default_rng(seed))


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_frame_is_a_frame_and_the_original_stays(name: str) -> None:
    before = IMAGE.copy()
    found = changed(name)
    np.testing.assert_array_equal(IMAGE, before)
    assert found.shape == IMAGE.shape and found.dtype == np.uint8
    assert (found == IMAGE).all() == (name == UNCHANGED)
    np.testing.assert_array_equal(found, changed(name))


def test_turning_four_times_and_mirroring_twice_change_nothing() -> None:
    turned = mirrored = IMAGE
    for _ in range(4):
        turned = CHANGES["turned by 90°"](turned, np.random.default_rng(0))
    for _ in range(2):
        mirrored = CHANGES["mirrored"](mirrored, np.random.default_rng(0))
    np.testing.assert_array_equal(turned, IMAGE)
    np.testing.assert_array_equal(mirrored, IMAGE)


def test_moving_moves_by_two_pixels() -> None:
    found = changed("moved by 2 px")
    inner = found[4:-4, 4:-4]
    places = [(r, c) for r in (2, 6) for c in (2, 6)]
    size = len(IMAGE) - 8
    assert any((inner == IMAGE[r : r + size, c : c + size]).all() for r, c in places)


def _noisy_frame() -> np.ndarray:
    """A square of 100 counts over a sky of 40 with correlated noise of 6."""
    frame = np.full((128, 128, 3), 40.0)
    frame[56:72, 56:72] += 100
    rng = np.random.default_rng(5)
    for band in range(3):
        frame[..., band] += 6 * robustness.sky_noise((128, 128), rng)
    return np.clip(frame, 0, 255).round().astype(np.uint8)


def _neighbour_correlation(sky: np.ndarray) -> float:
    return float(np.corrcoef(sky[:, :-1, 0].ravel(), sky[:, 1:, 0].ravel())[0, 1])


def test_noise_is_that_of_the_sky_of_the_cutouts() -> None:
    noise = robustness.sky_noise((512, 512), np.random.default_rng(0))
    assert noise.std() == pytest.approx(1, abs=0.02)
    for apart, expected in ((1, 0.76), (2, 0.38), (3, 0.13)):  # see robustness.GRAIN
        found = np.corrcoef(noise[:, :-apart].ravel(), noise[:, apart:].ravel())[0, 1]
        assert found == pytest.approx(expected, abs=0.06)


def test_dimming_keeps_the_noise_of_the_sky_and_takes_a_share_of_the_light() -> None:
    image = _noisy_frame()
    found = CHANGES["dimmed"](image, np.random.default_rng(1)).astype(float)
    sky = found[:40]
    assert sky.mean() == pytest.approx(40, abs=0.4)
    assert sky.std() == pytest.approx(image[:40].std(), rel=0.06)
    before = _neighbour_correlation(image[:40].astype(float))
    assert _neighbour_correlation(sky) == pytest.approx(before, abs=0.05)
    assert found[58:70, 58:70].mean() - 40 == pytest.approx(100 * robustness.DIMMING, rel=0.05)


def test_blurring_blurs_and_leaves_the_sky_as_noisy_as_before() -> None:
    image = _noisy_frame()
    found = CHANGES["blurred"](image, np.random.default_rng(1)).astype(float)
    smooth = gaussian_filter(image.astype(float), (1, 1, 0), mode="nearest")
    assert smooth[:40].std() < 0.85 * image[:40].std()
    assert found[:40].std() == pytest.approx(image[:40].std(), rel=0.06)
    edge = (slice(40, 88), slice(52, 60))
    np.testing.assert_allclose(
        found[edge].mean(axis=(0, 2)), smooth[edge].mean(axis=(0, 2)), atol=2
    )
    flat = np.full((64, 64, 3), 40, np.uint8)
    np.testing.assert_array_equal(CHANGES["blurred"](flat, np.random.default_rng(0)), flat)


def test_compression_is_that_of_the_library_at_the_quality_that_its_name_says() -> None:
    for quality, options in ((75, {}), (95, {"subsampling": 0})):
        kept = io.BytesIO()
        PillowImage.fromarray(IMAGE).save(kept, "JPEG", quality=quality, **options)
        expected = np.asarray(PillowImage.open(kept))
        np.testing.assert_array_equal(changed(f"compressed ({quality})"), expected)


def test_seeds_are_those_that_were_used(table: pd.DataFrame) -> None:
    assert robustness.seeds_of(table) == [0, 1]
    assert robustness.seeds_of(pd.DataFrame()) == []


def _inputs(measure_noise: float) -> Inputs:
    """Two groups of galaxies; measuring a changed image adds noise, turning swaps the groups."""
    rng = np.random.default_rng(0)
    side = np.repeat([-1.0, 1.0], 60)
    five = side[:, None] * 5 + rng.normal(size=(120, 5))
    shape = side[:, None] * 5 + rng.normal(size=(120, 3))
    deep = (side[:, None] * 5 + rng.normal(size=(120, 8))).astype(np.float32)
    framings = {"eq1": {"net": deep}, "quarter": {"net": deep.copy()}}
    types = np.full(120, None, dtype=object)
    ingredients = Ingredients(five, shape, framings, types, np.zeros(120, dtype=bool))
    base = np.zeros((8, 8, 3), np.uint8)

    def image_of(row: int) -> np.ndarray:
        image = base.copy()
        image[0, 0] = row  # turning and mirroring take the number from its corner
        return image

    def measure(images: list[np.ndarray]) -> Measured:
        rows = np.array([image.max(axis=2).max() for image in images])
        turned = np.array([image[0, 0, 0] == 0 and image.max() > 0 for image in images])
        sign = np.where(turned, -1.0, 1.0)[:, None]
        noise = measure_noise * np.random.default_rng(1).normal(size=(len(rows), 5))
        blocks = {f: {"net": sign * d["net"][rows]} for f, d in framings.items()}
        return sign * five[rows] + noise, sign * shape[rows], blocks

    rows = rng.permutation(np.arange(1, 120))[:40]
    return Inputs(ingredients, RECIPE, BEST, VOTES, rows, image_of, measure)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    inputs = _inputs(0.0)
    few = {UNCHANGED, "turned by 90°", "mirrored"}
    patch = pytest.MonkeyPatch()
    patch.setattr(robustness, "CHANGES", {k: v for k, v in CHANGES.items() if k in few})
    journal = tmp_path_factory.mktemp("journal")
    rows = run_study(robustness.ROBUSTNESS, inputs, 4, 0, journal, n_processes=1)
    patch.undo()
    return rows


def test_unchanged_images_stay_and_swapped_ones_leave(
    table: pd.DataFrame,
) -> None:
    found = changed_table(table)
    assert (found[UNCHANGED] == 0).all()
    swapped = found[["turned by 90°", "mirrored"]]
    assert (swapped.loc[["the paper's recipe", "five parameters alone"]] > 0.95).all(axis=None)
    assert (swapped > 0.7).all(axis=None)
    assert (
        found[robustness.ANOTHER_SEED][["the paper's recipe", "five parameters alone"]] == 0
    ).all()
    assert set(found.index) == {
        "the paper's recipe", "ours (profile best)", "five parameters alone",
        "deep features alone, eq1", "deep features alone, quarter",
    }  # fmt: skip


def test_votes_teach_the_mixture_of_ours_alone() -> None:
    inputs = _inputs(0.0)
    likely, _ = robustness.partition_of(inputs.ingredients, BEST, RECIPE, 0)
    taught, largest = robustness.partition_of(inputs.ingredients, BEST, RECIPE, 0, VOTES)
    assert (
        abs(np.corrcoef(likely, taught)[0, 1]) > 0.9 and ((largest >= 0.5) & (largest <= 1)).all()
    )
    odd = np.arange(120) % 2  # votes that no mixture would find by itself
    planted = replace(inputs.ingredients, shape=np.c_[20.0 * odd, np.zeros((120, 2))])
    only = {Variant("five+axis", "z", "none", 0, "pca", "spherical"): 1.0}
    ours = replace(inputs, ingredients=planted, votes=only)
    moved = pd.DataFrame(robustness.seed_rows(ours, 0)).query("score == 'changed'")
    assert moved.set_index("of")["value"][robustness.OURS] <= 0.05


def test_parameters_and_features_move_where_they_do(table: pd.DataFrame) -> None:
    assert (changed_table(table, "bias")[UNCHANGED].abs() < 1e-9).all()
    moved = changed_table(table, "displacement")
    assert (moved[UNCHANGED] == 0).all() and (moved["mirrored"] > 0.5).all()
    assert (changed_table(table, "lost") == 0).all(axis=None)


def test_scatter_is_in_units_of_the_scatter_between_galaxies() -> None:
    rng = np.random.default_rng(2)
    five = rng.normal(0, 3, (4000, 5))
    rows = robustness.parameter_rows(five, five + rng.normal(1.5, 0.3, five.shape), np.full(5, 3.0))
    found = {(r["of"], r["score"]): r["value"] for r in rows}
    assert found["gini", "bias"] == pytest.approx(0.5, abs=0.02)
    assert found["gini", "scatter"] == pytest.approx(0.1, rel=0.05)


def test_galaxies_that_cannot_be_measured_any_more_are_counted() -> None:
    inputs = _inputs(0.0)
    inner = inputs.measure

    def failing(images: list[np.ndarray]) -> Measured:
        five, shape, deep = inner(images)
        five[: len(five) // 2] = np.nan
        return five, shape, deep

    broken = replace(inputs, measure=failing)
    kept, _ = robustness._changed(broken, UNCHANGED, inputs.rows, 0)
    assert len(kept) == len(inputs.rows) // 2
    np.testing.assert_array_equal(kept, inputs.rows[len(inputs.rows) // 2 :])


def test_no_result_makes_an_empty_table() -> None:
    assert changed_table(pd.DataFrame()).empty


def test_recipes_are_compared_change_by_change() -> None:
    changes = [name for name in CHANGES if name != UNCHANGED]
    table = pd.DataFrame(0.1, index=[robustness.PAPERS, robustness.OURS], columns=changes)
    table.loc[robustness.OURS, ["blurred", "mirrored", "dimmed"]] = [0.3, 0.0, 0.11]
    shares = table.rename_axis("recipe").melt(ignore_index=False, var_name="change").reset_index()
    narrow = shares.assign(low=shares["value"] - 0.02, high=shares["value"] + 0.02)
    assert robustness.compare(narrow) == (["mirrored"], ["blurred"])
    wide = shares.assign(low=shares["value"] - 0.2, high=shares["value"] + 0.2)
    assert robustness.compare(wide) == ([], [])
    assert robustness.worst_change(table, robustness.OURS) == ("blurred", 0.3)
