"""Mock galaxies are what their truth says, the same in any order, and drawn without loss."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image as PillowImage

from galaxy_utils.data import survey
from galaxy_utils.data.images import SMALLEST_SIDE
from galaxy_utils.simulate import drawing, families
from galaxy_utils.simulate.families import ARTEFACTS, FAMILIES, truth

TRUTH = truth(400, 2, 0.2)


def first(family: str) -> pd.Series:
    return TRUTH[TRUTH["family"] == family].iloc[0]


def test_a_mock_is_the_same_whatever_the_size_of_the_universe() -> None:
    pd.testing.assert_frame_equal(truth(30, 2, 0.2), TRUTH.head(30))
    assert not truth(30, 3, 0.2)["magnitude_r"].equals(TRUTH["magnitude_r"].head(30))
    one, again = (drawing.draw(TRUTH.loc[7], 2) for _ in range(2))
    np.testing.assert_array_equal(one.bands, again.bands)
    assert (one.bands != drawing.draw(TRUTH.loc[7], 3).bands).any()


DRAWN_BEFORE = {
    "elliptical": (83.3873, 233.8621, 394.0117, 4.42300, 4.43650),
    "lenticular": (178.7389, 369.3554, 480.9284, 4.86202, 5.02521),
    "spiral": (634.3145, 1021.1738, 1236.4737, 5.76100, 4.89694),
    "edge_on": (265.5656, 780.3030, 1294.7461, 5.62052, 4.81912),
    "merger": (280.7870, 463.2070, 635.9224, 5.65991, 5.41577),
    "star": (4468.9046, 14154.6369, 17644.2393, 9.70372, 9.63947),
    "trail": (370.9005, 948.4565, 1795.7054, 5.04604, 5.70121),
    "blend": (85.0731, 199.8759, 277.4961, 4.64107, 4.54795),
    "empty": (57.1978, 106.0715, 157.4126, 4.40001, 4.32040),
}
"""Of cutouts drawn when this test was written: flux in g, r, i; means of upper and left half."""


@pytest.mark.parametrize("kind", [*FAMILIES, *ARTEFACTS])
def test_cutouts_stay_as_they_were_drawn(kind: str) -> None:
    drawn = drawing.draw(first(kind), 2)
    flux = drawn.bands.astype(float).sum(axis=(1, 2))
    halves = drawn.composite[:128].mean(), drawn.composite[:, :128].mean()
    assert [*flux, *halves] == pytest.approx(DRAWN_BEFORE[kind], rel=1e-5)


def test_families_and_artefacts_come_at_their_rates() -> None:
    assert TRUTH["is_artefact"].mean() == pytest.approx(0.2, abs=0.06)
    assert set(TRUTH["family"]) == {*FAMILIES, *ARTEFACTS}
    shares = TRUTH["host"].value_counts(normalize=True)
    assert shares.to_numpy() == pytest.approx(0.2, abs=0.07)
    assert not truth(50, 2, 0.0)["is_artefact"].any() and truth(50, 2, 1.0)["is_artefact"].all()


def test_truths_are_in_range() -> None:
    limit = families.FAINTEST + TRUTH["host"].map(families.FAINTER).fillna(0.0)
    assert TRUTH["magnitude_r"].between(families.BRIGHTEST, limit).all()
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
    scene = drawing.Scene()
    drawing._PAINTERS[family](scene, row, np.random.default_rng(0))
    total = drawing.apply_seeing(scene, row["seeing"]).sum(axis=(1, 2))
    assert total[1] == pytest.approx(survey.nanomaggies(row["magnitude_r"]), rel=0.07)
    assert 2.5 * np.log10(total[1] / total[0]) == pytest.approx(row["colour_gr"], abs=0.2)


@pytest.mark.parametrize(("index", "ratio"), [(1.0, 1.0), (4.0, 1.0), (1.0, 0.4)])
def test_half_the_light_is_within_the_half_light_radius(index: float, ratio: float) -> None:
    radius = 6.0
    plane = drawing.sersic(index, radius, ratio, 30.0, seeing=0.7)
    along, across = drawing._rotated(30.0)
    inside = np.hypot(along, across / ratio) <= radius
    assert plane.sum() == pytest.approx(1.0, abs=0.02)
    assert plane[inside].sum() == pytest.approx(0.5, abs=0.03)


def test_the_noise_is_that_of_sky_and_read_out() -> None:
    dark = np.zeros((3, 200, 200))
    noisy = drawing.add_noise(dark, 1.0, np.random.default_rng(0))
    for number, band in enumerate(survey.BANDS):
        sky = survey.nanomaggies(survey.SKY[band]) * survey.PIXEL**2 / survey.COUNT[band]
        expected = np.hypot(np.sqrt(sky / survey.GAIN[band]), survey.READ_NOISE[band])
        assert noisy[number].std() / survey.COUNT[band] == pytest.approx(expected, rel=0.02)
        assert noisy[number].mean() == pytest.approx(0, abs=4 * noisy[number].std() / 200)
    bright = drawing.add_noise(dark + 100.0, 1.0, np.random.default_rng(0))
    assert (bright.std(axis=(1, 2)) > 5 * noisy.std(axis=(1, 2))).all(), "photons are noisy, too"


def test_the_seeing_is_that_of_each_band() -> None:
    scene = drawing.Scene()
    scene.sharp[:, 128, 128] = 1.0
    planes = drawing.apply_seeing(scene, 2.0)
    assert planes.sum(axis=(1, 2)) == pytest.approx(1.0, abs=1e-6)
    half = planes >= planes.max(axis=(1, 2), keepdims=True) / 2
    widths = 2 * np.sqrt(half.sum(axis=(1, 2)) / np.pi) * survey.PIXEL
    expected = [2.0 * families.SEEING[b] / families.SEEING["r"] for b in survey.BANDS]
    assert widths == pytest.approx(expected, abs=0.25)
    peaks = planes.max(axis=(1, 2))
    assert peaks[0] < peaks[1] < peaks[2]


def test_the_stretch_rises_and_keeps_colours() -> None:
    flux = np.logspace(-1, 3, 40)
    weights = np.array([survey.SCALES[b] for b in survey.BANDS])
    grey = survey.composite((flux / weights[:, None])[:, None, :])[0].astype(int)
    assert (np.diff(grey, axis=0) >= 0).all() and grey[0, 0] < 80 < grey[-1, 0]
    assert np.ptp(grey, axis=1).max() <= 1, "equal weighted flux is grey"
    red = survey.composite(np.array([0.1, 0.5, 3.0])[:, None, None])[0, 0]
    assert red[0] > red[1] > red[2]
    assert survey.composite(np.full((3, 2, 2), -1.0)).max() == 0


def test_the_sky_of_a_cutout_is_that_of_the_surveys() -> None:
    row = first("empty")
    dark = np.zeros((3, 160, 160))
    noisy = drawing.add_noise(dark, row["sky_factor"], np.random.default_rng(0))
    sky = survey.as_cutout(survey.composite(drawing.correlate_noise(dark, noisy))).astype(float)
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
    np.testing.assert_allclose(drawing.correlate_noise(light, light), light)
    noisy = light + np.random.default_rng(0).normal(size=light.shape)
    assert (drawing.correlate_noise(light, noisy) - light).std() < 0.5


def test_the_colours_of_arms_are_taken_from_the_disc() -> None:
    row = first("spiral")
    scene = drawing.Scene()
    drawing._PAINTERS["spiral"](scene, row, np.random.default_rng(0))
    disc = scene.sharp.sum(axis=(1, 2))  # the bulge is drawn by GalSim
    assert 2.5 * np.log10(disc[1] / disc[0]) == pytest.approx(row["colour_gr"], abs=0.03)
    assert 2.5 * np.log10(disc[2] / disc[1]) == pytest.approx(row["colour_ri"], abs=0.03)


def test_a_cutout_is_one_of_the_surveys_kind() -> None:
    made = drawing.draw(first("spiral"), 2)
    assert made.bands.shape == (3, 256, 256) and made.bands.dtype == np.float32
    assert made.composite.shape == (256, 256, 3) and made.composite.dtype == np.uint8
    sky = np.median(made.composite, axis=(0, 1))
    assert (sky < 15).all() and made.composite[120:136, 120:136].mean() > 4 * sky.mean()
    opened = PillowImage.open(io.BytesIO(survey.jpeg(made.composite)))
    assert opened.quantization[0][:8] == [2, 1, 1, 2, 2, 4, 5, 6], "as in SkyServer's"


@pytest.mark.parametrize("kind", ARTEFACTS)
def test_artefacts_are_drawn(kind: str) -> None:
    row = first(kind)
    centre = drawing.draw(row, 2).composite[112:144, 112:144].mean()
    assert (centre < 25) if kind == "empty" else (centre > 12)


def test_drawing_resumes_and_a_sample_has_the_galaxies_asked_for(tmp_path: Path) -> None:
    drawing.mock_sample(tmp_path, 4, 5, 0.1, cores=1)
    kept = {p.name: p.stat().st_mtime_ns for p in tmp_path.glob("*.jpg")}
    (tmp_path / "mock_000002.jpg").unlink()
    (tmp_path / ".mock_000002.99").write_bytes(b"half")
    sample = drawing.mock_sample(tmp_path, 6, 5, 0.1, cores=2)
    now = {p.name: p.stat().st_mtime_ns for p in tmp_path.glob("mock_*.jpg")}
    assert len(now) == 6 and all(now[n] == t for n, t in kept.items() if n != "mock_000002.jpg")
    table = truth(6, 5, 0.1)
    expected = survey.jpeg(drawing.draw(table.loc[2], 5).composite)
    assert (tmp_path / "mock_000002.jpg").read_bytes() == expected
    assert pd.read_csv(tmp_path / "truth.csv")["objid"].tolist() == table["objid"].tolist()
    assert sample.name == "mock" and sample.catalogue["objid"].tolist() == table["objid"].tolist()
    assert sample.catalogue["petroR50_r"].to_numpy() == pytest.approx(table["half_light_radius"])
    classes = table["family"].map(families.GZ1_CLASSES).fillna("")
    assert sample.catalogue["gz1_class"].fillna("").tolist() == classes.tolist()
    assert min(sample.image("mock_000000").shape[:2]) >= SMALLEST_SIDE
    fewer = drawing.mock_sample(tmp_path, 3, 5, 0.1, cores=1)
    assert fewer.catalogue["objid"].tolist() == table["objid"].tolist()[:3]
