"""What must not change the measurements: orientation, padding, units, byte order, file format."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tifffile
from astropy.io import fits
from PIL import Image as PillowImage

from galaxy_utils.data.images import Image, band_mean, read_image
from galaxy_utils.morphology.measurement import FIVE, measure
from galaxy_utils.morphology.photometry import SHAPE, measure_photometry
from galaxy_utils.morphology.reasons import SUSPECT
from galaxy_utils.simulate import drawing, families

CUTOUTS = Path(__file__).parents[1] / "data" / "sdss5000" / "images"
NAMES = (*FIVE, *SHAPE)
KINDS = ("simulated", "real")

TURNED = (0.01, 0.05, 0.02, 0.002, 0.002, 0.001, 0.001, 0.001)
"""Changes of four galaxies of five stay below. Asymmetry and smoothness take their sky from the
first empty square of the frame, which is another one once the frame is turned: 0.03 in the median
of real cutouts, 0.14 at most."""

COMPRESSED = (0.1, 0.05, 0.02, 0.03, 0.12, 0.05, 0.06, 0.06)
"""A neighbour may be found or lost, which changes single galaxies by more."""

PADDED = (0.05, *(0.02,) * 7)

FRAME = 70.0
"""Largest Petrosian radius in pixels of galaxies whose circles end within the frame."""


@cache
def galaxies(kind: str) -> list[Image]:
    if kind == "simulated":
        rows = families.truth(8, 0, 0.0).iterrows()
        found = [drawing.draw(row, 0).composite for _, row in rows]
    else:
        found = [read_image(path) for path in sorted(CUTOUTS.glob("*.jpg"))[11::420]]
        if not found:
            pytest.skip("the SDSS cutouts are not here")
    measured = [measure(band_mean(image)) for image in found]
    fits_in = [one.flag <= SUSPECT and one.rpetro_circ < FRAME for one in measured]
    return [image for image, good in zip(found, fits_in, strict=True) if good]


def values(image: Image) -> np.ndarray:
    five, shape = measure(band_mean(image)), measure_photometry(image)
    return np.array([getattr(five if name in FIVE else shape, name) for name in NAMES])


def changes(kind: str, change: Callable[[Image], Image]) -> np.ndarray:
    """Absolute changes of the eight parameters that four galaxies of five do not exceed."""
    rows = [values(change(image)) - values(image) for image in galaxies(kind)]
    assert len(rows) >= 6
    return np.asarray(np.quantile(np.abs(rows), 0.8, axis=0))


TURNS: dict[str, Callable[[Image], Image]] = {
    "90": lambda image: np.ascontiguousarray(np.rot90(image)),
    "180": lambda image: np.ascontiguousarray(np.rot90(image, 2)),
    "mirror": lambda image: np.ascontiguousarray(image[:, ::-1]),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("turn", TURNS)
def test_orientation(kind: str, turn: str) -> None:
    assert (changes(kind, TURNS[turn]) <= TURNED).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("colour", [0, 128, 255])
def test_padding(kind: str, colour: int, tmp_path: Path) -> None:
    def padded(image: Image) -> Image:
        wide = np.pad(image, ((64, 64), (64, 64), (0, 0)), constant_values=colour)
        PillowImage.fromarray(wide).save(tmp_path / "a.png")
        return read_image(tmp_path / "a.png")

    rows = [values(padded(image)) - values(image) for image in galaxies(kind)]
    assert (np.abs(rows) <= PADDED).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "webp", "16.png", "float.tif"])
def test_format_without_loss(kind: str, suffix: str, tmp_path: Path) -> None:
    def kept(image: Image) -> Image:
        path = tmp_path / f"a.{suffix}"
        if suffix == "float.tif":
            tifffile.imwrite(path, (image / 255).astype(np.float32), photometric="rgb")
        elif suffix == "16.png":
            grey = image.mean(axis=2).round().astype(np.uint16)
            PillowImage.fromarray(grey * 257).save(path)
        else:
            options = {"lossless": True} if suffix == "webp" else {}
            PillowImage.fromarray(image).save(path, **options)
        return read_image(path)

    for image in galaxies(kind)[:4]:
        expected = image
        if suffix == "16.png":
            expected = np.repeat(image.mean(axis=2).round().astype(np.uint8)[..., None], 3, axis=2)
        np.testing.assert_array_equal(kept(image), expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("quality", [85, 90, 95])
@pytest.mark.parametrize("subsampling", [0, 2], ids=["444", "420"])
def test_jpeg(kind: str, quality: int, subsampling: int, tmp_path: Path) -> None:
    def compressed(image: Image) -> Image:
        path = tmp_path / "a.jpg"
        PillowImage.fromarray(image).save(path, quality=quality, subsampling=subsampling)
        return read_image(path)

    assert (changes(kind, compressed) <= COMPRESSED).all()


FLUXES = {
    "1e-3": lambda planes: 1e-3 * planes,
    "1e5": lambda planes: 1e5 * planes,
    "pedestal": lambda planes: planes + 40.0,
    "little-endian": lambda planes: planes.astype("<f8"),
    "big-endian": lambda planes: planes.astype(">f8"),
    "single precision": lambda planes: planes.astype(">f4"),
}


@pytest.mark.parametrize("change", FLUXES)
def test_units_and_byte_order_of_fluxes(change: str, tmp_path: Path) -> None:
    header = fits.Header({"BANDS": "gri"})
    for number, (_, row) in enumerate(families.truth(4, 0, 0.0).iterrows()):
        bands = np.asarray(drawing.draw(row, 0).bands, np.float64)
        fits.writeto(tmp_path / f"{number}.fits", bands, header)
        fits.writeto(tmp_path / f"{number}c.fits", FLUXES[change](bands), header)
        whole, changed = (read_image(tmp_path / f"{number}{c}.fits") for c in ("", "c"))
        assert not np.ma.isMaskedArray(whole)
        np.testing.assert_allclose(values(changed), values(whole), atol=1e-4)
