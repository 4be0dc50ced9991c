"""Standard errors are the scatter of the values over independent noise, as simulations have it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as PillowImage
from scipy.stats import median_abs_deviation

from galaxy_utils.data import survey
from galaxy_utils.data.images import Image, band_mean
from galaxy_utils.morphology import uncertainty
from galaxy_utils.morphology.columns import FIVE
from galaxy_utils.morphology.measurement import measure
from galaxy_utils.morphology.photometry import SHAPE, measure_photometry
from galaxy_utils.morphology.uncertainty import PARAMETERS, standard_errors
from galaxy_utils.simulate.drawing import (
    add_noise,
    apply_seeing,
    correlate_noise,
    draw_light,
)
from galaxy_utils.simulate.families import truth

N_GALAXIES, N_TRUE = 12, 12


def _realisations(number: int) -> list[list[Image]]:
    """Simulated galaxies, each with independent noise, through the stretch and a JPEG."""
    found = []
    for _, row in truth(number, 3, 0.0).iterrows():
        key = int(row["index"])
        light = apply_seeing(draw_light(row, np.random.default_rng([3, key, 1])), row["seeing"])
        images = []
        for repeat in range(N_TRUE):
            rng = np.random.default_rng([9, key, repeat])
            noisy = correlate_noise(light, add_noise(light, row["sky_factor"], rng))
            file = survey.jpeg(survey.as_cutout(survey.composite(noisy)))
            images.append(np.asarray(PillowImage.open(io.BytesIO(file))))
        found.append(images)
    return found


@pytest.fixture(scope="module")
def galaxies() -> list[list[Image]]:
    return _realisations(N_GALAXIES)


def test_errors_are_the_scatter_over_independent_noise(galaxies: list[list[Image]]) -> None:
    ratios = []
    for images in galaxies:
        values = []
        for image in images:
            five, shape = measure(band_mean(image)), measure_photometry(image)
            values.append([*(getattr(five, n) for n in FIVE), *(getattr(shape, n) for n in SHAPE)])
        true = median_abs_deviation(values, axis=0, scale="normal", nan_policy="omit")
        found = np.median([list(standard_errors(image).values()) for image in images[:2]], axis=0)
        ratios.append(found / true)
    typical = np.exp(np.nanmedian(np.log(ratios), axis=0))
    assert ((typical > 0.6) & (typical < 1.5)).all(), dict(zip(PARAMETERS, typical, strict=True))
    assert 0.7 < np.exp(np.log(typical).mean()) < 1.3


def test_the_image_and_the_seed_decide_every_digit(galaxies: list[list[Image]]) -> None:
    image = galaxies[0][0]
    first = standard_errors(image)
    assert tuple(first) == PARAMETERS
    assert standard_errors(image) == first
    assert standard_errors(image, seed=1) != first


def test_more_noise_gives_larger_errors(galaxies: list[list[Image]]) -> None:
    rng = np.random.default_rng(0)
    ratios = []
    brightest = truth(N_GALAXIES, 3, 0.0)["magnitude_r"].to_numpy().argsort()[:6]
    for images in (galaxies[number] for number in brightest):
        noisier = images[0] + rng.normal(0, 12, images[0].shape)
        loud = standard_errors(np.clip(noisier, 0, 255).astype(np.uint8))
        quiet = standard_errors(images[0])
        ratios.append([loud[name] / quiet[name] for name in ("concentration", "gini")])
    assert np.exp(np.log(ratios).mean()) > 1.3


def test_noise_keeps_the_amplitude_and_the_correlation_of_the_sky() -> None:
    rng = np.random.default_rng(5)
    white = rng.normal(size=(200, 259, 3))
    sky = sum(white[:, step : step + 256] for step in range(4)) / 2  # correlated over 4 columns
    mask = np.ones((200, 256), bool)
    mask[80:120, 100:160] = False
    sky[~mask] = 1000.0
    places = uncertainty._sky_corners(mask)
    assert places is not None and places[0] == 16
    noise = uncertainty._draw_noise(sky, *places, np.random.default_rng(0))
    assert noise.shape == sky.shape and noise.max() < 100
    assert noise.std() == pytest.approx(1.0, rel=0.05)
    along = [(noise[:, lag:] * noise[:, :-lag]).mean() for lag in (1, 3, 5)]
    assert along == pytest.approx([0.75 * 15 / 16, 0.25 * 13 / 16, 0.0], abs=0.05)
    assert (noise[1:] * noise[:-1]).mean() == pytest.approx(0.0, abs=0.05)


def test_a_frame_without_room_for_blocks_gives_none() -> None:
    mask = np.zeros((64, 64), bool)
    mask[::3] = True  # stripes one pixel wide
    assert uncertainty._sky_corners(mask) is None
    mask[:12] = True
    side, corners = uncertainty._sky_corners(mask) or (0, np.zeros((0, 2)))
    assert side == 8 and corners[:, 0].max() == 5  # the next stripe belongs to it, too


def test_what_cannot_be_measured_has_no_error() -> None:
    empty = np.full((64, 64, 3), 7, np.uint8)
    assert all(np.isnan(value) for value in standard_errors(empty).values())
    with pytest.raises(ValueError, match="n_realisations=1"):
        standard_errors(empty, n_realisations=1)


def test_the_scatter_of_few_normal_values_has_no_bias() -> None:
    rng = np.random.default_rng(2)
    for n in (3, 5, 8, 12):
        drawn = [uncertainty._scatter(rng.normal(0, 2, n)) for _ in range(4_000)]
        assert np.mean(drawn) == pytest.approx(2.0, rel=0.03)
    assert np.isnan(uncertainty._scatter(np.ones(1)))
