"""Mock SDSS cutouts, drawn with GalSim: known families, the survey's blur, noise and stretch."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import gaussian_filter
from scipy.special import k1
from tqdm import tqdm

from galaxy_utils.data import survey
from galaxy_utils.data.catalogue import CATALOGUE_COLUMNS
from galaxy_utils.data.images import Image
from galaxy_utils.data.sample import Sample, folder_sample
from galaxy_utils.data.survey import BANDS, PIXEL, SIDE, nanomaggies
from galaxy_utils.provenance import write_atomically
from galaxy_utils.simulate.families import GZ1_CLASSES, SEEING, truth

MOFFAT_BETA = 3.0
"""Wings of the point spread function (GalSim's Moffat; Trujillo et al. 2001 find 2.5 to 4.8)."""

BACKGROUND_GALAXIES, BACKGROUND_STARS = 28, 5
"""Mean numbers in a frame, to 23.5 and 21 mag in r: ours, fitted by counts in real frames."""

HALF_LIGHT = 1.678
"""Half-light radius of an exponential disc in scale lengths."""

Plane = NDArray[np.float64]


@dataclass(frozen=True)
class Mock:
    """One mock cutout."""

    bands: NDArray[np.float32]
    composite: Image


def band_fluxes(magnitude_r: float, colour_gr: float, colour_ri: float) -> NDArray[np.float64]:
    """Fluxes in g, r, i of a source, in nanomaggies."""
    magnitudes = magnitude_r + colour_gr, magnitude_r, magnitude_r - colour_ri
    return np.array([nanomaggies(m) for m in magnitudes])


def _galaxy_fluxes(row: pd.Series) -> NDArray[np.float64]:
    return band_fluxes(row["magnitude_r"], row["colour_gr"], row["colour_ri"])


@cache
def _offsets() -> tuple[Plane, Plane]:
    """Columns and rows from the centre of the frame, in arcsec."""
    axis = (np.arange(SIDE) - (SIDE - 1) / 2) * PIXEL
    columns, rows = np.meshgrid(axis, axis)
    return columns, rows


@cache
def _frequencies() -> Plane:
    """Squared spatial frequency of every Fourier cell, in (radians a pixel) squared."""
    rows, columns = fft.fftfreq(SIDE), fft.rfftfreq(SIDE)
    return np.asarray(4 * np.pi**2 * (rows[:, None] ** 2 + columns**2))


def _dark() -> NDArray[np.float64]:
    return np.zeros((len(BANDS), SIDE, SIDE))


@dataclass(frozen=True)
class Scene:
    """Light of a frame in g, r, i before noise, nanomaggies per pixel; dark at first."""

    blurred: Plane = field(default_factory=_dark)  # drawn with the point spread function of i
    sharp: Plane = field(default_factory=_dark)  # drawn without one

    def add(self, plane: Plane, fluxes: NDArray[np.float64], blurred: bool = False) -> None:
        """Add a component: its light in one plane, times the flux of each band."""
        target = self.blurred if blurred else self.sharp
        target += fluxes[:, None, None] * plane


def _galsim() -> Any:
    import galsim  # type: ignore[import-untyped]  # a second: only where needed

    return galsim


@cache
def _accuracy() -> Any:
    """Drawing to some 1 % of the flux in the wings: twice as fast as GalSim's default."""
    return _galsim().GSParams(folding_threshold=1e-2, maxk_threshold=5e-3, kvalue_accuracy=1e-4)


def _point_spread(seeing: float) -> Any:
    """Moffat profile of the i band; `seeing` is the full width at half maximum in r, arcsec."""
    width = seeing * SEEING["i"] / SEEING["r"]
    return _galsim().Moffat(beta=MOFFAT_BETA, fwhm=width, gsparams=_accuracy())


def sersic(
    index: float, radius: float, axis_ratio: float, angle: float, seeing: float,
    offset: tuple[float, float] = (0.0, 0.0),
) -> Plane:  # fmt: skip
    """Draw a Sersic profile of unit flux, blurred as in the i band.

    The radius is the half-light radius of the major axis; lengths (columns and rows from the
    centre for the offset) are in arcsec, the position angle in degrees.
    """
    galsim = _galsim()
    circular = max(radius * np.sqrt(axis_ratio), 0.05)  # GalSim shears at constant area
    profile = galsim.Sersic(
        index, half_light_radius=circular, trunc=6 * circular if index > 1 else 0.0,
        gsparams=_accuracy(),
    )  # fmt: skip
    profile = profile.shear(q=max(axis_ratio, 0.06), beta=angle * galsim.degrees).shift(*offset)
    both = galsim.Convolve(profile, _point_spread(seeing), gsparams=_accuracy())
    image = both.drawImage(nx=SIDE, ny=SIDE, scale=PIXEL, dtype=np.float64)
    return np.asarray(image.array)


def _rotated(angle: float, offset: tuple[float, float] = (0.0, 0.0)) -> tuple[Plane, Plane]:
    """Coordinates along and across a position angle, arcsec."""
    columns, rows = _offsets()
    columns, rows = columns - offset[0], rows - offset[1]
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return cosine * columns + sine * rows, -sine * columns + cosine * rows


def _normalised(plane: Plane) -> Plane:
    return np.asarray(plane / max(float(plane.sum()), 1e-12))


def _sersic_of(row: pd.Series, index: float, radius: float, axis_ratio: float) -> Plane:
    """Profile in the centre, with the galaxy's position angle and seeing."""
    return sersic(index, radius, axis_ratio, row["position_angle"], row["seeing"])


def _draw_elliptical(scene: Scene, row: pd.Series, rng: np.random.Generator) -> None:
    shape = row["sersic_index"], row["half_light_radius"], row["axis_ratio"]
    scene.add(_sersic_of(row, *shape), _galaxy_fluxes(row), blurred=True)


def _add_bulge(scene: Scene, row: pd.Series, size: float, axis_ratio: float) -> None:
    """Add the red bulge of a disc galaxy, `size` times the galaxy's radius."""
    share = row["bulge_fraction"]
    fluxes = share * band_fluxes(
        row["magnitude_r"], max(row["colour_gr"], 0.95), max(row["colour_ri"], 0.39)
    )
    radius = max(size * row["half_light_radius"], 0.3)
    scene.add(_sersic_of(row, row["sersic_index"], radius, axis_ratio), fluxes, blurred=True)


def _draw_lenticular(scene: Scene, row: pd.Series, rng: np.random.Generator) -> None:
    disc = _sersic_of(row, 1.0, row["half_light_radius"], row["axis_ratio"])
    scene.add(disc, (1 - row["bulge_fraction"]) * _galaxy_fluxes(row), blurred=True)
    _add_bulge(scene, row, 0.18, max(row["axis_ratio"], 0.6))


def _draw_spiral(scene: Scene, row: pd.Series, rng: np.random.Generator) -> None:
    """A disc whose light is moved into logarithmic arms, with blue knots along them."""
    along, across = _rotated(row["position_angle"])
    across = across / row["axis_ratio"]
    radius, azimuth = np.hypot(along, across), np.arctan2(across, along)
    scale = row["half_light_radius"] / HALF_LIGHT
    arms = arm_pattern(radius / scale, azimuth, row, rng)
    disc = np.exp(-radius / scale)
    fluxes = (1 - row["bulge_fraction"]) * _galaxy_fluxes(row)
    contrast = row["arm_contrast"]
    smooth = _normalised(disc * (1 - 0.8 * contrast * (1 - arms)))
    blue = np.array([1.3, 0.95, 0.78])  # arms are bluer than the disc between them
    young, points = 0.37 * contrast * blue * fluxes, 0.08 * contrast * blue * fluxes
    scene.add(smooth, fluxes - young - points)
    scene.add(_normalised(disc * arms), young)
    scene.add(_knots(radius / scale, arms * disc, rng), points)
    _add_bulge(scene, row, 0.18, max(row["axis_ratio"], 0.55))


def arm_pattern(
    radius: Plane, azimuth: Plane, row: pd.Series, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Logarithmic spiral arms, from 0 between them to 1 on them, irregular along their length.

    Radius in scale lengths and azimuth in radians, in the plane of the disc.
    """
    sense = rng.choice([-1.0, 1.0])
    winding = np.log(np.maximum(radius, 0.05)) / np.tan(np.radians(row["pitch"]))
    wobble = 0.35 * np.sin(rng.uniform(1, 3) * radius + rng.uniform(0, 2 * np.pi))
    phase = row["arms"] * (azimuth - sense * winding) + wobble + rng.uniform(0, 2 * np.pi)
    sharp = np.exp(2.2 * (np.cos(phase) - 1))
    lopsided = 1 + 0.3 * np.cos(azimuth + rng.uniform(0, 2 * np.pi))
    patches = gaussian_filter(rng.normal(size=radius.shape), 3.0) * 6
    fade = 1 / (1 + np.exp(-(radius - 0.5) / 0.12))
    return np.asarray(np.clip(sharp * lopsided * (1 + 0.35 * patches) * fade, 0.0, 1.6))


def _knots(radius: Plane, weight: Plane, rng: np.random.Generator) -> Plane:
    """Star-forming regions: points drawn along the arms, of log-normal brightness."""
    weight = np.where(radius > 0.4, weight, 0.0).ravel()
    number = int(rng.integers(12, 45))
    places = rng.choice(weight.size, number, p=weight / weight.sum())
    plane = np.zeros(weight.size)
    np.add.at(plane, places, rng.lognormal(0.0, 0.8, number))
    return _normalised(gaussian_filter(plane.reshape(SIDE, SIDE), 0.7))


def _draw_edge_on(scene: Scene, row: pd.Series, rng: np.random.Generator) -> None:
    """A disc of sech-squared thickness (van der Kruit & Searle 1981), dust in its plane."""
    along, across = _rotated(row["position_angle"])
    scale = row["half_light_radius"] / HALF_LIGHT
    height = row["axis_ratio"] * scale
    warp = rng.normal(0, 0.02) * along * np.abs(along) / max(scale, 0.3) / 4
    radial = np.maximum(np.abs(along) / scale, 0.02)
    vertical = np.minimum(np.abs(across - warp) / max(height, 0.25), 30.0)
    plane = radial * k1(radial) / np.cosh(vertical) ** 2
    lane = row["dust_lane"] * np.exp(
        -(((across - warp - 0.25 * height) / (0.45 * height + 0.1)) ** 2)
    )
    plane = plane * (1 - lane * np.exp(-np.abs(along) / (2 * scale)))
    scene.add(_normalised(plane), (1 - row["bulge_fraction"]) * _galaxy_fluxes(row))
    _add_bulge(scene, row, 0.15, 0.65)


def _draw_merger(scene: Scene, row: pd.Series, rng: np.random.Generator) -> None:
    """Two galaxies close together, irregular light between them, tidal tails."""
    fluxes = _galaxy_fluxes(row)
    radius, ratio = row["half_light_radius"], row["flux_ratio"]
    direction = np.radians(row["position_angle"] + rng.uniform(-40, 40))
    apart = 0.75 * row["separation"] * radius
    place = (apart * np.cos(direction), apart * np.sin(direction))
    main = _sersic_of(row, row["sersic_index"], 0.55 * radius, row["axis_ratio"])
    other = sersic(1.5, 0.55 * radius * ratio**0.4, rng.uniform(0.4, 0.9), rng.uniform(0, 180),
                   row["seeing"], place)  # fmt: skip
    tails = 0.12 * row["tails"]
    debris = 0.12
    cores = 1 - tails - debris
    scene.add(main, fluxes * cores / (1 + ratio), blurred=True)
    tint = np.array([1.0, 1.0, 1.0]) + rng.normal(0, 0.08) * np.array([1.0, 0.0, -0.6])
    scene.add(other, fluxes * tint * cores * ratio / (1 + ratio), blurred=True)
    scene.add(_debris(radius, place, rng), fluxes * debris * np.array([1.1, 1.0, 0.95]))
    starts = [(0.0, 0.0), place]
    for tail in range(int(row["tails"])):
        plane = tidal_tail(radius, starts[tail], direction + np.pi * (1 - tail), rng)
        scene.add(plane, fluxes * tails / row["tails"] * np.array([1.1, 1.0, 0.95]))


def _debris(radius: float, place: tuple[float, float], rng: np.random.Generator) -> Plane:
    """Lumpy, lopsided light around and between the two."""
    along, across = _rotated(rng.uniform(0, 180), (place[0] / 2, place[1] / 2))
    envelope = np.exp(-np.hypot(along / 1.8, across) / radius)
    lumps = gaussian_filter(rng.normal(size=along.shape), 5.0)
    return _normalised(envelope * np.clip(1 + lumps / lumps.std(), 0.0, None))


def tidal_tail(
    radius: float, start: tuple[float, float], direction: float, rng: np.random.Generator
) -> Plane:
    """A curved tail that fades and widens along its length, of unit flux.

    It imitates Toomre & Toomre (1972); radius and start in arcsec, direction in radians.
    """
    length = rng.uniform(2.5, 6.0) * radius
    bend = rng.choice([-1.0, 1.0]) * rng.uniform(0.4, 1.8)
    steps = np.linspace(0.0, 1.0, 160)
    heading = direction + bend * steps
    columns = start[0] + np.cumsum(np.cos(heading)) * length / len(steps)
    rows = start[1] + np.cumsum(np.sin(heading)) * length / len(steps)
    places = np.stack([rows, columns]) / PIXEL + (SIDE - 1) / 2
    inside = ((places >= 0) & (places < SIDE - 1)).all(axis=0)
    near, far = np.zeros((2, SIDE, SIDE))
    weight = np.exp(-1.6 * steps) * (1 + 0.4 * np.sin(12 * steps + rng.uniform(0, 6)))
    i, j = places[:, inside].round().astype(int)
    np.add.at(near, (i, j), (weight * (1 - steps))[inside])
    np.add.at(far, (i, j), (weight * steps)[inside])
    width = max(0.16 * radius / PIXEL, 0.8)
    return _normalised(gaussian_filter(near, width) + gaussian_filter(far, 1.8 * width))


_PAINTERS = {
    "elliptical": _draw_elliptical, "lenticular": _draw_lenticular, "spiral": _draw_spiral,
    "edge_on": _draw_edge_on, "merger": _draw_merger,
}  # fmt: skip


def _add_background(scene: Scene, rng: np.random.Generator) -> None:
    """Galaxies and stars all over the frame; faint ones are more, among stars less steeply."""
    galaxies, stars = rng.poisson((BACKGROUND_GALAXIES, BACKGROUND_STARS))
    for magnitude_r in 23.5 + np.log10(rng.uniform(1e-4, 1.0, galaxies)) / 0.45:
        gr = float(np.clip(rng.normal(0.95, 0.35), 0.1, 1.7))
        radius = rng.lognormal(np.log(0.8), 0.4) * 10 ** (-0.1 * (magnitude_r - 20))
        _add_spot(scene, band_fluxes(magnitude_r, gr, 0.42 * gr), radius, rng)
    for magnitude_r in 21.0 + np.log10(rng.uniform(0.03, 1.0, stars)) / 0.25:
        dwarf = rng.random() < 0.2  # of type M: as red in g - r, ever redder in r - i
        gr = rng.normal(1.42, 0.08) if dwarf else rng.uniform(0.25, 1.1)
        ri = rng.uniform(0.5, 1.4) if dwarf else 0.37 * gr
        _add_spot(scene, band_fluxes(magnitude_r, gr, ri), 0.0, rng)


def _add_spot(
    scene: Scene, fluxes: NDArray[np.float64], radius: float, rng: np.random.Generator
) -> None:
    """Add a source somewhere, on a small stamp of its own; a star where the radius is 0."""
    half = int(np.clip(np.ceil(4 * radius / PIXEL), 1, 24))
    row, column = rng.uniform(0, SIDE - 1, 2)
    if np.hypot(row - SIDE / 2, column - SIDE / 2) < 12:
        return  # the place of the galaxy
    steps = np.arange(-half, half + 1)
    rows, columns = round(row) + steps, round(column) + steps
    y, x = np.meshgrid(steps - (row - round(row)), steps - (column - round(column)), indexing="ij")
    angle, ratio = rng.uniform(0, np.pi), rng.uniform(0.4, 1.0)
    along = x * np.cos(angle) + y * np.sin(angle)
    across = (-x * np.sin(angle) + y * np.cos(angle)) / ratio
    spot = np.exp(-HALF_LIGHT * np.hypot(along, across) * PIXEL / max(radius, 0.12))
    inside = np.ix_((rows >= 0) & (rows < SIDE), (columns >= 0) & (columns < SIDE))
    light = fluxes[:, None, None] * spot[inside] / spot.sum()
    scene.sharp[:, rows[inside[0]], columns[inside[1]]] += light


def _add_star(
    scene: Scene, magnitude_r: float, place: tuple[float, float], rng: np.random.Generator
) -> None:
    """A bright star with a halo and, from some 14 mag on, diffraction spikes."""
    fluxes = band_fluxes(magnitude_r, rng.uniform(0.3, 1.3), rng.uniform(0.1, 0.7))
    along, across = _rotated(rng.uniform(-15, 15), place)
    distance = np.hypot(along, across)
    core = np.exp(-0.5 * (distance / 0.25) ** 2)
    halo = (1 + (distance / 4.0) ** 2) ** -1.5
    scene.add(_normalised(core), 0.93 * fluxes)
    scene.add(_normalised(halo), 0.05 * fluxes)
    spike = np.zeros_like(core)
    for one, other in ((along, across), (across, along)):
        spike += np.exp(-np.abs(one) / 9.0 - 0.5 * (other / 0.35) ** 2)
    scene.add(_normalised(spike), 0.02 * fluxes)


def _add_trail(scene: Scene, rng: np.random.Generator) -> None:
    """A satellite: a straight line, often in one band alone, since bands take turns."""
    _, across = _rotated(rng.uniform(0, 180), (rng.uniform(-12, 12), rng.uniform(-12, 12)))
    line = np.exp(-0.5 * (across / rng.uniform(0.4, 1.2)) ** 2)
    brightness = 10 ** rng.uniform(-1.5, -0.3)
    bands = np.ones(3) if rng.random() < 0.4 else np.eye(3)[rng.integers(3)]
    scene.add(line, brightness * bands)


def draw_light(row: pd.Series, rng: np.random.Generator) -> Scene:
    """Draw the galaxy of a row of `truth`, or what an artefact left of it, and the background."""
    scene = Scene()
    if row["family"] not in ("star", "empty"):
        _PAINTERS[row["host"]](scene, row, rng)
    if row["family"] == "star":
        _add_star(scene, rng.uniform(9.5, 13.5), (0.0, 0.0), rng)
    if row["family"] == "blend":
        angle, apart = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 1.2) * row["half_light_radius"]
        place = (apart * np.cos(angle), apart * np.sin(angle))
        _add_star(scene, row["magnitude_r"] + rng.uniform(-2.5, 0.5), place, rng)
    if row["family"] == "trail":
        _add_trail(scene, rng)
    _add_background(scene, rng)
    return scene


def apply_seeing(scene: Scene, seeing: float) -> NDArray[np.float64]:
    """Convolve a scene with each band's point spread function; nanomaggies per pixel.

    GalSim drew with that of the i band, the sharpest; r and g are blurred on by
    a Gaussian until the squared widths add up.
    """
    image = _point_spread(seeing).drawImage(nx=65, ny=65, scale=PIXEL, dtype=np.float64)
    kernel = image.array
    frame = np.zeros((SIDE, SIDE))
    frame[:65, :65] = kernel / kernel.sum()
    transfer = fft.rfft2(np.roll(frame, (-32, -32), axis=(0, 1)))
    planes = []
    for band, blurred, sharp in zip(BANDS, scene.blurred, scene.sharp, strict=True):
        widths = (seeing / SEEING["r"] / PIXEL) ** 2 * (SEEING[band] ** 2 - SEEING["i"] ** 2)
        more = np.exp(-0.5 * _frequencies() * widths / (8 * np.log(2)))
        both = (fft.rfft2(blurred) + fft.rfft2(sharp) * transfer) * more
        planes.append(fft.irfft2(both, s=(SIDE, SIDE)))
    return np.array(planes)


def add_noise(
    light: NDArray[np.float64], sky_factor: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Add photon and read-out noise, taken as Gaussian since photons are many."""
    noisy = np.empty_like(light)
    for number, band in enumerate(BANDS):
        deviate = rng.standard_normal(light[number].shape)
        noisy[number] = light[number] + survey.noise(band, light[number], sky_factor) * deviate
    return noisy


def correlate_noise(light: NDArray[np.float64], noisy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Blur the noise of a frame, not its light, see `survey.GRAIN`."""
    return np.asarray(
        light + gaussian_filter(noisy - light, (0, survey.GRAIN, survey.GRAIN), mode="nearest")
    )


def draw(row: pd.Series, seed: int) -> Mock:
    """Draw one mock cutout.

    Parameters
    ----------
    row : Series
        Of `truth`.
    seed : int
        Of the mock universe; with the row's index it decides every pixel.

    Returns
    -------
    Mock
        Linear bands, and the composite made from them.
    """
    rng = np.random.default_rng([seed, int(row["index"]), 1])
    light = apply_seeing(draw_light(row, rng), row["seeing"])
    noisy = correlate_noise(light, add_noise(light, row["sky_factor"], rng))
    return Mock(noisy.astype(np.float32), survey.as_cutout(survey.composite(noisy)))


def mock_sample(
    folder: Path, number: int, seed: int, artefact_share: float = 0.05, cores: int | None = None
) -> Sample:
    """Draw mock galaxies into a folder, except those that it holds already.

    Parameters
    ----------
    folder : Path
        Receives `<objid>.jpg`, `catalogue.csv` (as `folder_sample` reads it) and
        `truth.csv`; all its mocks are of the same seed and share of artefacts.
    number, seed, artefact_share
        As in `truth`.
    cores : int, optional
        Processes; all cores if not given. The pixels do not depend on it.

    Returns
    -------
    Sample
        Named `mock`; exactly `number` galaxies, also where the folder has more.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table = truth(number, seed, artefact_share)
    missing = [row for _, row in table.iterrows() if not (folder / f"{row['objid']}.jpg").exists()]
    with ProcessPoolExecutor(cores or os.cpu_count()) as pool:
        drawn = pool.map(partial(_write_one, folder, seed), missing, chunksize=8)
        for _ in tqdm(drawn, "mock galaxies", number, initial=number - len(missing)):
            pass
    classes = table["family"].map(GZ1_CLASSES)
    catalogue = table[["objid"]].assign(gz1_class=classes, petroR50_r=table["half_light_radius"])
    catalogue = catalogue.reindex(columns=list(CATALOGUE_COLUMNS))
    write_atomically(folder / "truth.csv", table.to_csv(index=False))
    write_atomically(folder / "catalogue.csv", catalogue.to_csv(index=False))
    sample = folder_sample(folder)
    asked_for = sample.catalogue["objid"].isin(table["objid"])
    return Sample("mock", sample.catalogue[asked_for].reset_index(drop=True), folder)


def _write_one(folder: Path, seed: int, row: pd.Series) -> None:
    """Write a JPEG that appears under its name only when it is complete."""
    path = folder / f"{row['objid']}.jpg"
    partial_file = folder / f".{row['objid']}.{os.getpid()}"
    partial_file.write_bytes(survey.jpeg(draw(row, seed).composite))
    partial_file.replace(path)
