"""Mock galaxies are what their truth says, the same in any order, and drawn without loss."""

from __future__ import annotations

import io
from pathlib import Path

import galsim
import numpy as np
import pandas as pd
import pytest
from PIL import Image as PillowImage

from galaxy_utils.data import survey
from galaxy_utils.data.images import SMALLEST_SIDE
from galaxy_utils.simulate import drawing, families, painting, surroundings
from galaxy_utils.simulate.families import ARTEFACTS, FAMILIES, SEEING, truth

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
    "elliptical": (216.4689, 219.2566, 487.0034, 5.72326, 5.51663),
    "lenticular": (224.2845, 444.4667, 559.5447, 5.89191, 5.92400),
    "spiral": (280.0936, 635.4058, 915.7165, 6.29077, 6.26834),
    "edge_on": (117.0580, 255.8370, 396.6090, 4.13750, 4.39663),
    "merger": (102.3751, 246.6782, 396.2421, 4.64378, 4.49195),
    "star": (9116.5309, 14037.1344, 16053.4331, 9.39114, 9.30611),
    "trail": (70.8293, 209.8278, 474.9898, 5.09194, 4.78965),
    "blend": (67.5258, 201.5911, 466.1035, 4.26266, 4.30065),
    "empty": (224.8442, 342.2118, 605.2342, 4.41264, 6.68979),
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
    assert TRUTH["magnitude_r"].between(12.5, 21).all()
    assert TRUTH["half_light_radius"].between(0.4, 40).all()
    assert (
        TRUTH["axis_ratio"].between(0.05, 1).all() and TRUTH["bulge_fraction"].between(0, 1).all()
    )
    by_family = TRUTH.groupby("host")
    assert by_family["axis_ratio"].median().idxmin() == "edge_on"
    assert (TRUTH.loc[TRUTH["host"] == "edge_on", "inclination"] > 80).all()
    red, blue = (by_family["colour_gr"].median()[f] for f in ("elliptical", "spiral"))
    assert red > blue + 0.15
    assert by_family["arms"].count()["spiral"] and not by_family["arms"].count()["merger"]


def test_draws_scatter_about_the_population() -> None:
    members = families.population().query("family == 'spiral'")
    spirals = TRUTH[TRUTH["host"] == "spiral"]
    for name in families.JITTER:
        near = np.abs(spirals[name].to_numpy()[:, None] - members[name].to_numpy()).min(axis=1)
        assert (near > 0).any() and near.mean() < 0.2 * members[name].std()
    assert spirals["pitch"].isin(members["pitch"]).all()


def test_jitter_has_its_standard_deviation_and_keeps_limits() -> None:
    drawn = dict.fromkeys(families.JITTER, 1.0) | {"axis_ratio": 0.5, "magnitude_r": 17.0}
    rng = np.random.default_rng(0)
    table = pd.DataFrame([families.jittered(drawn, rng) for _ in range(2000)])
    ratio = table["axis_ratio"]
    assert table["magnitude_r"].std() == pytest.approx(families.JITTER["magnitude_r"], rel=0.06)
    radius = np.log(table["half_light_radius"])
    assert radius.std() == pytest.approx(families.JITTER["half_light_radius"], rel=0.06)
    assert np.log(ratio / (1 - ratio)).std() == pytest.approx(
        families.JITTER["axis_ratio"], rel=0.06
    )
    assert (table["bulge_fraction"] == 1).all(), "an elliptical is all bulge"


def _total(family: str) -> np.ndarray:
    """Flux in g, r, i of the first galaxy of a family, without surroundings."""
    row = first(family)
    fluxes = surroundings.band_fluxes(row["magnitude_r"], row["colour_gr"], row["colour_ri"])
    light = fluxes[:, None, None] * painting.paint(row, np.random.default_rng(0))
    return drawing.apply_seeing(light, row["seeing"]).sum(axis=(1, 2))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_light_of_a_galaxy_is_its_magnitude_and_its_colours(family: str) -> None:
    row, total = first(family), _total(family)
    assert total[1] == pytest.approx(survey.nanomaggies(row["magnitude_r"]), rel=0.02)
    assert 2.5 * np.log10(total[1] / total[0]) == pytest.approx(row["colour_gr"], abs=0.01)
    assert 2.5 * np.log10(total[2] / total[1]) == pytest.approx(row["colour_ri"], abs=0.01)


@pytest.mark.parametrize(("index", "ratio"), [(1.0, 1.0), (4.0, 1.0), (1.0, 0.4), (2.5, 0.7)])
def test_a_sersic_profile_is_galsims(index: float, ratio: float) -> None:
    radius = 5.0
    plane = painting.sersic(index, radius, ratio, 30.0)
    profile = galsim.Sersic(
        index,
        half_light_radius=radius * ratio**0.5,
        trunc=8 * radius * ratio**0.5,
        flux_untruncated=True,
    )
    profile = profile.shear(q=ratio, beta=30 * galsim.degrees)
    blur = galsim.Moffat(beta=2.4, fwhm=1.2)
    drawn = galsim.Convolve(profile, blur).drawImage(nx=256, ny=256, scale=survey.PIXEL)
    expected = drawn.array.astype(float) / drawn.array.sum()
    ours = drawing.apply_seeing(np.array([plane] * 3), 1.2 * SEEING["r"] / SEEING["i"])[2]
    core = expected > 1e-3 * expected.max()
    assert ours[core] == pytest.approx(expected[core], rel=0.05, abs=0.01 * float(expected.max()))


def test_half_the_light_is_within_the_half_light_radius() -> None:
    plane = painting.sersic(4.0, 6.0, 0.5, 30.0)
    along, across = painting.rotated(30.0)
    assert plane.sum() == pytest.approx(1.0)
    assert plane[np.hypot(along, across / 0.5) <= 6.0].sum() == pytest.approx(0.5, abs=0.04)


def test_outskirts_are_bluer_by_the_gradient() -> None:
    row = first("elliptical").copy()
    row["gradient"], row["half_light_radius"], row["axis_ratio"] = -0.4, 8.0, 0.9
    g, r, _ = painting.paint(row, np.random.default_rng(0))
    along, across = painting.rotated(row["position_angle"])
    radius = np.hypot(along, across / 0.9) / 8.0
    inner, outer = (np.abs(radius - at) < 0.03 * at for at in (0.25, 2.5))
    redness = [2.5 * np.log10(r[at].sum() / g[at].sum()) for at in (inner, outer)]
    assert redness[1] - redness[0] == pytest.approx(-0.4, abs=0.03)


def test_spirals_have_arms_bars_and_rings_where_their_truth_says_so() -> None:
    plain = first("spiral").copy()
    plain["axis_ratio"], plain["half_light_radius"], plain["bar"], plain["ring"] = (
        1.0,
        12.0,
        0.0,
        0.0,
    )
    plain["lopsidedness"], plain["knots"], plain["dust"], plain["position_angle"] = 0, 0, 0, 0
    plain["bulge_fraction"], plain["arm_contrast"], plain["gradient"] = 0.02, 0.0, 0.0
    scale = 12.0 / painting.HALF_LIGHT
    along, across = painting.rotated(0.0)
    radius, azimuth = np.hypot(along, across) / scale, np.arctan2(across, along)

    def second_mode(**changes: float) -> float:
        """Strength of the second Fourier mode in azimuth, half a scale length from the centre."""
        light = painting.paint(pd.Series({**plain, **changes}), np.random.default_rng(1))[1]
        at = np.abs(radius - 0.6) < 0.1
        return float(abs((light[at] * np.exp(2j * azimuth[at])).sum()) / light[at].sum())

    assert second_mode() < 0.02
    assert second_mode(bar=1.0, bar_fraction=0.25, bar_angle=0.7) > 0.1
    assert second_mode(arms=2, arm_contrast=0.9, flocculence=0.0) > 0.05
    ringed = painting.paint(pd.Series({**plain, "ring": 1.5}), np.random.default_rng(1))[1]
    bare = painting.paint(plain, np.random.default_rng(1))[1]
    more = [(ringed / bare)[np.abs(radius - at) < 0.05].mean() for at in (0.7, 1.5, 2.6)]
    assert more[1] > more[0] + 0.05 and more[1] > more[2] + 0.05


def test_dust_hides_the_plane_of_an_edge_on_disc_and_reddens_it() -> None:
    row = first("edge_on").copy()
    row["dust_offset"] = row["warp"] = row["position_angle"] = row["gradient"] = 0.0
    row["half_light_radius"], row["axis_ratio"], row["bulge_fraction"] = 15.0, 0.3, 0.02
    _, across = painting.rotated(0.0)
    plane = np.abs(across) < 0.3

    def light(dust: float) -> np.ndarray:
        row["dust"] = dust
        return painting.paint(row, np.random.default_rng(2))[:, plane].sum(axis=1)

    ratio = light(1.5) / light(0.0)
    assert ratio[1] < 0.85 and ratio[0] < ratio[1] < ratio[2]


def test_bands_are_shifted_against_each_other() -> None:
    light = np.zeros((3, 256, 256))
    light[:, 128, 128] = 1.0
    shifts = np.array([[0.0, 0.0], [0.5, 0.0], [0.0, -1.25]])
    planes = drawing.apply_seeing(light, 1.3, shifts)
    rows, columns = np.mgrid[:256, :256]
    for plane, (down, right) in zip(planes, shifts, strict=True):
        near = (slice(118, 139), slice(118, 139))
        weight = plane[near] / plane[near].sum()
        assert (weight * rows[near]).sum() - 128 == pytest.approx(down, abs=0.02)
        assert (weight * columns[near]).sum() - 128 == pytest.approx(right, abs=0.05)


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
    light = np.zeros((3, 256, 256))
    light[:, 128, 128] = 1.0
    planes = drawing.apply_seeing(light, 2.0)
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


def test_noise_is_shared_among_the_bands_and_as_strong_as_in_real_skies() -> None:
    dark = np.zeros((3, 256, 256))
    noisy = np.random.default_rng(0).normal(size=dark.shape) * np.array([1, 2, 3])[:, None, None]
    grain = drawing.correlate_noise(dark, noisy)
    between = np.corrcoef(grain.reshape(3, -1))[np.triu_indices(3, 1)]
    assert between == pytest.approx(drawing.SHARED_NOISE, abs=0.05)
    left = drawing.correlate_noise(dark, noisy).std(axis=(1, 2)) / noisy.std(axis=(1, 2))
    blurred = 1 / (2 * np.sqrt(np.pi) * survey.GRAIN)  # of white noise by a Gaussian
    assert left == pytest.approx(drawing.NOISE_LEFT * blurred, rel=0.06)


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
    spoilt = drawing.draw_light(row, np.random.default_rng(4))[1]
    whole = drawing.draw_light(pd.Series({**row, "family": row["host"]}), np.random.default_rng(4))[
        1
    ]
    centre = np.s_[96:160, 96:160]
    if kind == "empty":
        assert spoilt[centre].sum() < 0.5 * whole[centre].sum()
    else:
        assert spoilt[centre].sum() > 1.05 * whole[centre].sum()


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
