"""Mock galaxies are what their truth says, the same in any order, and drawn without loss."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image as PillowImage

from galaxy_utils.data.images import SMALLEST_SIDE, read_image
from galaxy_utils.data.sample import folder_sample
from galaxy_utils.simulate import drawing as mock
from galaxy_utils.simulate import families as mock_families
from galaxy_utils.simulate.families import ARTEFACTS, FAMILIES, truth

TRUTH = truth(400, 2, 0.2)


def first(family: str) -> pd.Series:
    return TRUTH[TRUTH["family"] == family].iloc[0]


def test_a_mock_is_the_same_whatever_the_size_of_the_universe() -> None:
    pd.testing.assert_frame_equal(truth(30, 2, 0.2), TRUTH.head(30))
    assert not truth(30, 3, 0.2)["magnitude_r"].equals(TRUTH["magnitude_r"].head(30))
    one, again = (mock.draw(TRUTH.loc[7], 2) for _ in range(2))
    np.testing.assert_array_equal(one.bands, again.bands)
    assert (one.bands != mock.draw(TRUTH.loc[7], 3).bands).any()


def test_families_and_artefacts_come_at_their_rates() -> None:
    assert TRUTH["is_artefact"].mean() == pytest.approx(0.2, abs=0.06)
    assert set(TRUTH["family"]) == {*FAMILIES, *ARTEFACTS}
    shares = TRUTH["host"].value_counts(normalize=True)
    assert shares.to_numpy() == pytest.approx(0.2, abs=0.07)
    assert not truth(50, 2, 0.0)["is_artefact"].any() and truth(50, 2, 1.0)["is_artefact"].all()


def test_truths_are_in_range() -> None:
    limit = mock_families.FAINTEST + TRUTH["host"].map(mock_families.FAINTER).fillna(0.0)
    assert TRUTH["magnitude_r"].between(mock_families.BRIGHTEST, limit).all()
    assert (np.diff(np.histogram(TRUTH["magnitude_r"], 4)[0]) > 0).all(), "fainter ones are more"
    assert TRUTH["half_light_radius"].between(1.2, 22).all()
    assert TRUTH["axis_ratio"].between(0.08, 1).all()
    edge_on = TRUTH[TRUTH["host"] == "edge_on"]
    assert (edge_on["inclination"] > 80).all() and (edge_on["axis_ratio"] <= 0.45).all()
    red, blue = (TRUTH[TRUTH["host"] == f]["colour_gr"].median() for f in ("elliptical", "spiral"))
    assert red > blue + 0.15


@pytest.mark.parametrize("family", FAMILIES)
def test_the_light_of_a_galaxy_is_its_magnitude(family: str) -> None:
    row = first(family)
    scene = mock.Scene.empty()
    mock._PAINTERS[family](scene, row, np.random.default_rng(0))
    total = mock.through_the_air(scene, row["seeing"]).sum(axis=(1, 2))
    assert total[1] == pytest.approx(mock.nanomaggies(row["magnitude_r"]), rel=0.07)
    assert 2.5 * np.log10(total[1] / total[0]) == pytest.approx(row["colour_gr"], abs=0.2)


@pytest.mark.parametrize(("index", "ratio"), [(1.0, 1.0), (4.0, 1.0), (1.0, 0.4)])
def test_half_the_light_is_within_the_half_light_radius(index: float, ratio: float) -> None:
    radius = 6.0
    plane = mock.sersic(index, radius, ratio, 30.0, seeing=0.7)
    along, across = mock._turned(30.0)
    inside = np.hypot(along, across / ratio) <= radius
    assert plane.sum() == pytest.approx(1.0, abs=0.02)
    assert plane[inside].sum() == pytest.approx(0.5, abs=0.03)


def test_the_noise_is_that_of_sky_and_read_out() -> None:
    dark = np.zeros((3, 200, 200))
    noisy = mock.with_noise(dark, 1.0, np.random.default_rng(0))
    for number, band in enumerate(mock.BANDS):
        sky = mock.nanomaggies(mock.SKY[band]) * mock.PIXEL**2 / mock.COUNT[band]
        expected = np.hypot(np.sqrt(sky / mock.GAIN[band]), mock.READ_NOISE[band])
        assert noisy[number].std() / mock.COUNT[band] == pytest.approx(expected, rel=0.02)
        assert noisy[number].mean() == pytest.approx(0, abs=4 * noisy[number].std() / 200)
    bright = mock.with_noise(dark + 100.0, 1.0, np.random.default_rng(0))
    assert (bright.std(axis=(1, 2)) > 5 * noisy.std(axis=(1, 2))).all(), "photons are noisy, too"


def test_the_seeing_is_that_of_each_band() -> None:
    scene = mock.Scene.empty()
    scene.sharp[:, 128, 128] = 1.0
    planes = mock.through_the_air(scene, 2.0)
    assert planes.sum(axis=(1, 2)) == pytest.approx(1.0, abs=1e-6)
    half = planes >= planes.max(axis=(1, 2), keepdims=True) / 2
    widths = 2 * np.sqrt(half.sum(axis=(1, 2)) / np.pi) * mock.PIXEL
    expected = [2.0 * mock_families.SEEING[b] / mock_families.SEEING["r"] for b in mock.BANDS]
    assert widths == pytest.approx(expected, abs=0.25)
    peaks = planes.max(axis=(1, 2))
    assert peaks[0] < peaks[1] < peaks[2]


def test_the_stretch_rises_and_keeps_colours() -> None:
    flux = np.logspace(-1, 3, 40)
    weights = np.array([mock.SCALES[b] for b in mock.BANDS])
    grey = mock.composite((flux / weights[:, None])[:, None, :])[0].astype(int)
    assert (np.diff(grey, axis=0) >= 0).all() and grey[0, 0] < 80 < grey[-1, 0]
    assert np.ptp(grey, axis=1).max() <= 1, "equal weighted flux is grey"
    red = mock.composite(np.array([0.1, 0.5, 3.0])[:, None, None])[0, 0]
    assert red[0] > red[1] > red[2]
    assert mock.composite(np.full((3, 2, 2), -1.0)).max() == 0


def test_the_sky_of_a_cutout_is_that_of_the_surveys() -> None:
    row = first("empty")
    dark = np.zeros((3, 160, 160))
    noisy = mock.with_noise(dark, row["sky_factor"], np.random.default_rng(0))
    sky = mock.as_cutout(mock.composite(mock.with_grain(dark, noisy))).astype(float)
    mean = sky.mean(axis=2)
    # medians over 381 corners of 150 real cutouts: 0, 1, 3, 5, 8.3 counts, 11 to 21 % black
    found = np.percentile(mean, [5, 25, 50, 75, 95])
    assert found == pytest.approx([0, 1, 3, 5, 8.3], abs=1.2)
    assert 0.1 < (sky == 0).mean() < 0.3
    next_one = np.corrcoef(mean[:, :-1].ravel(), mean[:, 1:].ravel())[0, 1]
    assert next_one == pytest.approx(0.77, abs=0.1)


def test_the_grain_leaves_the_light_sharp() -> None:
    light = np.zeros((3, 40, 40))
    light[:, 20, 20] = 50.0
    np.testing.assert_allclose(mock.with_grain(light, light), light)
    noisy = light + np.random.default_rng(0).normal(size=light.shape)
    assert (mock.with_grain(light, noisy) - light).std() < 0.5


def test_the_colours_of_arms_are_taken_from_the_disc() -> None:
    row = first("spiral")
    scene = mock.Scene.empty()
    mock._PAINTERS["spiral"](scene, row, np.random.default_rng(0))
    disc = scene.sharp.sum(axis=(1, 2))  # the bulge is drawn by GalSim
    assert 2.5 * np.log10(disc[1] / disc[0]) == pytest.approx(row["colour_gr"], abs=0.03)
    assert 2.5 * np.log10(disc[2] / disc[1]) == pytest.approx(row["colour_ri"], abs=0.03)


def test_a_cutout_is_one_of_the_surveys_kind() -> None:
    made = mock.draw(first("spiral"), 2)
    assert made.bands.shape == (3, 256, 256) and made.bands.dtype == np.float32
    assert made.composite.shape == (256, 256, 3) and made.composite.dtype == np.uint8
    sky = np.median(made.composite, axis=(0, 1))
    assert (sky < 15).all() and made.composite[120:136, 120:136].mean() > 4 * sky.mean()
    opened = PillowImage.open(io.BytesIO(mock.jpeg(made.composite)))
    assert opened.quantization[0][:8] == [2, 1, 1, 2, 2, 4, 5, 6], "as in SkyServer's"


@pytest.mark.parametrize("kind", ARTEFACTS)
def test_artefacts_are_drawn(kind: str) -> None:
    row = first(kind)
    centre = mock.draw(row, 2).composite[112:144, 112:144].mean()
    assert (centre < 25) if kind == "empty" else (centre > 12)


def test_a_stopped_writing_is_taken_up(tmp_path: Path) -> None:
    mock.write_mocks(tmp_path, 4, 5, 0.1, cores=1)
    kept = {p.name: p.stat().st_mtime_ns for p in tmp_path.glob("*.jpg")}
    (tmp_path / "mock_000002.jpg").unlink()
    (tmp_path / ".mock_000002.99").write_bytes(b"half")
    table = mock.write_mocks(tmp_path, 6, 5, 0.1, cores=2)
    now = {p.name: p.stat().st_mtime_ns for p in tmp_path.glob("mock_*.jpg")}
    assert len(now) == 6 and all(now[n] == t for n, t in kept.items() if n != "mock_000002.jpg")
    expected = mock.jpeg(mock.draw(table.loc[2], 5).composite)
    assert (tmp_path / "mock_000002.jpg").read_bytes() == expected
    sample = folder_sample(tmp_path)
    assert list(sample.catalogue["objid"]) == list(table["objid"])
    assert min(read_image(sample.path("mock_000000")).shape[:2]) >= SMALLEST_SIDE


def test_a_sample_has_the_galaxies_asked_for(tmp_path: Path) -> None:
    mock.write_mocks(tmp_path, 5, 5, 0.0, cores=1)
    sample = mock.mock_sample(tmp_path, 3, 5, 0.0)
    assert sample.name == "mock" and len(sample.catalogue) == 3
    classes = set(sample.catalogue["gz1_class"])
    assert classes <= {"elliptical", "spiral_combined", "edge_on", "merger"}
