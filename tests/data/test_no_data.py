"""Padding, survey edges and transparency: recognised, masked, and without influence on values."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from galaxy_utils.data.images import Image, ImageError, band_mean, read_image
from galaxy_utils.data.no_data import BLURRED, find_no_data, mask_no_data
from galaxy_utils.morphology.measurement import FIVE, Morphology, measure
from galaxy_utils.morphology.photometry import measure_photometry
from galaxy_utils.morphology.reasons import Reason
from galaxy_utils.morphology.saturation import NEITHER, frame_defect
from galaxy_utils.morphology.uncertainty import standard_errors
from galaxy_utils.simulate import drawing, families

CUTOUTS = Path(__file__).parents[2] / "data" / "sdss5000" / "images"
ON_AN_EDGE = {
    "587727177913401633": 4, "587727225690718356": 21, "587727225690718370": 20,
    "587727177913598078": 47, "587727177923756131": 44, "587739647808962651": 147,
    "587727177936142531": 0, "587727178450206736": 0, "587727227838529701": 0,
    "587735347484229655": 0,
}  # fmt: skip
"""Cutouts on the edge of a survey strip, and their rows without data; most edges are oblique."""

SIMULATED = [drawing.draw(row, 0).composite for _, row in families.truth(4, 0, 0.0).iterrows()]
TOLERANCES = np.array([0.05, 0.02, 0.02, 0.02, 0.02])
"""Of the five parameters."""


def framed(image: Image, pixels: tuple[int, int, int, int], colour: object = 0) -> Image:
    """Add lines of a colour at the top, bottom, left and right."""
    top, bottom, left, right = pixels
    height, width = image.shape[0] + top + bottom, image.shape[1] + left + right
    wide = np.full((height, width, 3), colour, np.uint8)
    wide[top : height - bottom, left : width - right] = image
    return wide


def five(found: Morphology) -> np.ndarray:
    return np.array([getattr(found, name) for name in FIVE])


PADDINGS: dict[str, Callable[[Image], Image]] = {
    "letterbox to 384": lambda image: framed(image, (64, 64, 0, 0)),
    "black to 424": lambda image: framed(image, (84, 84, 84, 84)),
    "grey, 10 px": lambda image: framed(image, (10, 10, 10, 10), 128),
    "grey, 20 px": lambda image: framed(image, (20, 20, 20, 20), (90, 90, 90)),
    "white": lambda image: framed(image, (40, 40, 40, 40), 255),
    "coloured": lambda image: framed(image, (24, 24, 24, 24), (0, 40, 160)),
    "white in black": lambda image: framed(framed(image, (9, 9, 9, 9), 255), (30, 30, 30, 30)),
}


@pytest.mark.parametrize("name", PADDINGS)
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_padding_is_masked_and_changes_no_value(tmp_path: Path, name: str, suffix: str) -> None:
    for number, image in enumerate(SIMULATED):
        padded = PADDINGS[name](image)
        options = {"quality": 92, "subsampling": 0} if suffix == "jpg" else {}
        PillowImage.fromarray(padded).save(tmp_path / f"{number}.{suffix}", **options)
        read = read_image(tmp_path / f"{number}.{suffix}")
        share = 1 - image.size / padded.size
        top, left = ((length - 256) // 2 for length in padded.shape[:2])
        bare = np.ma.getdata(read)[top : top + 256, left : left + 256]
        expected, found = measure(band_mean(bare)), measure(band_mean(read))
        assert found.masked_share == pytest.approx(share, abs=0.01)
        assert (np.abs(five(found) - five(expected)) < TOLERANCES).all()
        assert (found.reason, expected.masked_share) == (expected.reason, 0.0)


def _corner(image: Image) -> Image:
    rows, columns = np.indices(image.shape[:2])
    return np.where((rows + columns < 90)[..., None], np.uint8(0), image)


def _covered(rows: slice, columns: slice) -> Callable[[Image], Image]:
    def cover(image: Image) -> Image:
        covered = image.copy()
        covered[rows, columns] = 0
        return covered

    return cover


EDGES: dict[str, Callable[[Image], Image]] = {
    "left 80 px": _covered(slice(None), slice(80)),
    "bottom 60 px": _covered(slice(-60, None), slice(None)),
    "corner": _corner,
    "block": _covered(slice(20, 60), slice(170, 230)),
}


@pytest.mark.parametrize("name", EDGES)
def test_the_edge_of_a_survey_is_masked(name: str) -> None:
    for image in SIMULATED:
        cut = EDGES[name](image)
        read = mask_no_data(cut, np.zeros(cut.shape[:2], bool))
        without = ~EDGES[name](np.ones_like(image)).any(axis=2)
        missing = np.ma.getmaskarray(read)[..., 0]
        assert (without & ~missing).sum() < 50 and (missing & ~without).mean() < 0.01
        expected, found = measure(band_mean(image)), measure(band_mean(read))
        if not found.reason.startswith(Reason.TOO_MUCH_MISSING):
            assert (np.abs(five(found) - five(expected)) < [0.05, 0.02, 0.025, 0.04, 0.06]).all()


@pytest.mark.parametrize("engine", ["fast", "statmorph"])
def test_engines_agree_where_data_are_missing(engine: str) -> None:
    read = mask_no_data(EDGES["left 80 px"](SIMULATED[0]), np.zeros((256, 256), bool))
    ours, other = measure(band_mean(read)), measure(band_mean(read), engine=engine)
    np.testing.assert_allclose(five(ours), five(other), atol=2e-3)
    assert other.masked_share == pytest.approx(80 / 256, abs=0.01)


@pytest.mark.parametrize(
    ("columns", "reason"),
    [(118, rf"{Reason.TOO_MUCH_MISSING}: \d\d %"), (150, Reason.NO_DATA)],
)
def test_where_too_much_is_missing_there_is_a_reason(columns: int, reason: str) -> None:
    cut = _covered(slice(None), slice(columns))(SIMULATED[0])
    found = measure(band_mean(mask_no_data(cut, np.zeros(cut.shape[:2], bool))))
    assert np.isnan(five(found)).all()
    assert re.fullmatch(reason, found.reason)


def test_what_is_transparent_is_masked(tmp_path: Path) -> None:
    alpha = np.full((256, 256), 255, np.uint8)
    alpha[:70] = alpha[:, -50:] = 0
    hidden = np.where(alpha[..., None] > 0, SIMULATED[0], np.uint8(0))
    hidden[:30] = 77  # whatever lies under what is transparent
    PillowImage.fromarray(np.dstack([hidden, alpha])).save(tmp_path / "a.png")
    read = read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(np.ma.getmaskarray(read)[..., 0], alpha == 0)
    difference = five(measure(band_mean(read))) - five(measure(band_mean(SIMULATED[0])))
    assert (np.abs(difference) < TOLERANCES).all()
    PillowImage.fromarray(np.dstack([hidden, alpha * 0])).save(tmp_path / "b.png")
    with pytest.raises(ImageError, match="all are transparent"):
        read_image(tmp_path / "b.png")


def test_what_else_is_measured_leaves_out_what_has_no_data() -> None:
    image = SIMULATED[0]
    read = mask_no_data(framed(image, (60, 60, 60, 60), 255), np.zeros((376, 376), bool))
    assert vars(measure_photometry(read)) == pytest.approx(
        {name: value for name, value in vars(measure_photometry(image)).items()}, abs=1e-3
    )
    assert frame_defect(read) == NEITHER
    errors, expected = (standard_errors(one, n_realisations=4) for one in (read, image))
    assert errors["concentration"] == pytest.approx(expected["concentration"], rel=3)


def test_networks_get_the_sky_where_there_are_no_data() -> None:
    read = mask_no_data(framed(SIMULATED[0], (60, 60, 60, 60), 255), np.zeros((376, 376), bool))
    sky = np.median(SIMULATED[0], axis=(0, 1))
    np.testing.assert_array_equal(np.asarray(read)[0, 0], sky.astype(np.uint8))


def test_a_constant_sky_and_saturated_stars_are_no_padding() -> None:
    rows, columns = np.indices((256, 256)) - 128.0
    for level, scale in ((0, 8), (30, 25), (200, -14)):
        light = np.exp(-np.hypot(rows + columns, 5 * (rows - columns)) / abs(scale))
        grey = np.clip(level + np.sign(scale) * 150 * light, 0, 255).round().astype(np.uint8)
        assert not find_no_data(np.repeat(grey[..., None], 3, axis=2)).any()
    starry = SIMULATED[0].copy()
    starry[:40, :50] = 255
    assert not find_no_data(starry).any()
    assert not find_no_data(np.zeros((64, 64, 3), np.uint8)).any()
    assert not any(find_no_data(image).any() for image in SIMULATED)


@pytest.mark.skipif(not any(CUTOUTS.glob("*.jpg")), reason="the SDSS cutouts are not here")
def test_real_cutouts_on_the_edge_of_a_strip_are_found_and_no_others() -> None:
    paths = sorted(CUTOUTS.glob("*.jpg"))[::100]
    paths += [CUTOUTS / f"{objid}.jpg" for objid in ON_AN_EDGE]
    found = {path.stem for path in paths if np.ma.isMaskedArray(read_image(path))}
    assert found == set(ON_AN_EDGE)
    for objid, n_rows in ON_AN_EDGE.items():
        missing = np.ma.getmaskarray(read_image(CUTOUTS / f"{objid}.jpg"))[..., 0]
        assert 0 <= missing.all(axis=1).sum() - n_rows <= BLURRED


def test_a_sky_that_compression_flattened_holds_data() -> None:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:256, :256] - 128
    for _ in range(4):
        sky = rng.normal(8, 2, (256, 256, 3)) + 150 * np.exp(-np.hypot(x, y) / 16)[..., None]
        stream = io.BytesIO()
        PillowImage.fromarray(np.clip(sky, 0, 255).astype(np.uint8)).save(
            stream, "JPEG", quality=75
        )
        assert not find_no_data(np.asarray(PillowImage.open(stream))).any()
