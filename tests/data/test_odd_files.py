"""Files as people have them: the right pixels, or a reason that a person understands."""

from __future__ import annotations

import gzip
import os
import socket
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from astropy.io import fits
from PIL import Image as PillowImage

from galaxy_utils.data.images import ImageError, Reading, read_image
from galaxy_utils.data.sample import folder_sample
from galaxy_utils.data.survey import PIXEL
from galaxy_utils.errors import UserError

SIDE = 64
PIXELS = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def _fluxes(scale: float, side: int = SIDE) -> np.ndarray:
    """Flux of a round galaxy in one band, with the noise of its sky."""
    row, column = np.mgrid[:side, :side] - side / 2
    noise = np.random.default_rng(int(10 * scale)).normal(0, 1, (side, side))
    return 60 * scale * np.exp(-np.hypot(row, column) / 5) + noise


G, R, I = (_fluxes(scale) for scale in (1.0, 2.0, 3.0))  # noqa: E741


def _header(**cards: object) -> fits.Header:
    return fits.Header({name: value for name, value in cards.items()})


def _extensions(path: Path) -> None:
    hdus = [fits.ImageHDU(band, name=name) for name, band in zip("IRG", (I, R, G), strict=True)]
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path)


def _after_a_mask(path: Path) -> None:
    mask = fits.ImageHDU(np.ones((SIDE, SIDE), np.int16), name="DQ")
    science = fits.ImageHDU(np.stack([G, R, I]), _header(BANDS="gri"), name="SCI")
    fits.HDUList([fits.PrimaryHDU(), mask, science]).writeto(path)


def _compressed(path: Path) -> None:
    hdu = fits.CompImageHDU(np.stack([G, R, I]), _header(BANDS="gri"), compression_type="GZIP_1")
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)


def _gzipped(path: Path) -> None:
    plain = path.with_name("plain")
    fits.writeto(plain, np.stack([I, R, G]), _header(BANDS="irg"))
    path.write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()


def _one_each(path: Path) -> None:
    for band, name in zip((G, R, I), "gri", strict=True):
        fits.writeto(path.with_name(f"a_{name}.fits"), band)


def _scaled(path: Path) -> None:
    planes = np.stack([G, R, I])
    step = np.ptp(planes) / 60000
    hdu = fits.PrimaryHDU(np.round((planes - planes.min()) / step - 30000).astype(">i2"))
    hdu.header["BANDS"] = "gri"
    hdu.header["BSCALE"], hdu.header["BZERO"] = step, planes.min() + 30000 * step
    hdu.writeto(path)


WRITERS: dict[str, Callable[[Path], object]] = {
    "irg.fits": lambda path: fits.writeto(path, np.stack([I, R, G]), _header(BANDS="irg")),
    "gri.fits": lambda path: fits.writeto(path, np.stack([G, R, I]), _header(BANDS="gri")),
    "commas.fits": lambda path: fits.writeto(path, np.stack([G, R, I]), _header(FILTER="g,r,i")),
    "numbered.fits": lambda path: fits.writeto(
        path, np.stack([R, I, G]), _header(BAND1="SDSS r", BAND2="SDSS i", BAND3="SDSS g")
    ),
    "grz.fits": lambda path: fits.writeto(path, np.stack([G, R, I]), _header(BANDS="grz")),
    "ugri.fits": lambda path: fits.writeto(path, np.stack([G * 9, G, R, I]), _header(BANDS="ugri")),
    "last.fits": lambda path: fits.writeto(
        path, np.stack([G, R, I], axis=-1), _header(BANDS="gri")
    ),
    "single.fits": lambda path: fits.writeto(path, np.stack([G, R, I])[None], _header(BANDS="gri")),
    "extensions.fits": _extensions,
    "mask.fits": _after_a_mask,
    "packed.fits.fz": _compressed,
    "packed.fits.gz": _gzipped,
    "a_r.fits": _one_each,
    "float32.fts": lambda path: fits.writeto(
        path, np.stack([G, R, I]).astype(">f4"), _header(BANDS="gri")
    ),
    "faint.fit": lambda path: fits.writeto(path, 1e-3 * np.stack([G, R, I]), _header(BANDS="gri")),
    "bright.fits": lambda path: fits.writeto(path, 1e5 * np.stack([G, R, I]), _header(BANDS="gri")),
    "integers.fits": _scaled,
}


@pytest.mark.parametrize("name", WRITERS)
def test_fits_in_any_layout_gives_the_same_picture(tmp_path: Path, name: str) -> None:
    fits.writeto(tmp_path / "reference.fits", np.stack([G, R, I]), _header(BANDS="gri"))
    expected = read_image(tmp_path / "reference.fits").astype(int)
    assert expected[..., 0].mean() > expected[..., 2].mean()  # i is drawn red, g blue
    folder = tmp_path / "odd"
    folder.mkdir()
    WRITERS[name](folder / name)
    sample = folder_sample(folder)
    (objid,) = sample.catalogue["objid"]
    lossy = 5 if name in ("packed.fits.fz", "integers.fits") else 1
    assert np.abs(sample.image(objid).astype(int) - expected).max() <= lossy


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_few_pixels_without_a_value_are_filled(tmp_path: Path, bad: float) -> None:
    planes = np.stack([G, R, I])
    fits.writeto(tmp_path / "whole.fits", planes, _header(BANDS="gri"))
    rng = np.random.default_rng(0)
    planes[:, rng.integers(0, SIDE, 30), rng.integers(0, SIDE, 30)] = bad
    fits.writeto(tmp_path / "holes.fits", planes, _header(BANDS="gri"))
    whole, holes = (read_image(tmp_path / f"{n}.fits").astype(int) for n in ("whole", "holes"))
    changed = np.abs(whole - holes).max(axis=2) > 2
    assert changed.mean() < 0.02 and np.abs(whole - holes).max() < 80


SENTINELS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "NaN": lambda planes: np.where(MISSING, np.nan, planes),
    "infinite": lambda planes: np.where(MISSING, np.inf, planes),
    "zero": lambda planes: np.where(MISSING, 0.0, planes + 1000),
    "-9999": lambda planes: np.where(MISSING, -9999.0, planes),
    "integers": lambda planes: np.where(MISSING, -32768, 20 * planes).astype(np.int16),
    "zero in a sky of zero": lambda planes: np.where(MISSING, 0.0, planes),
}
MISSING = np.zeros((160, 160), bool)
MISSING[:14] = MISSING[:, -12:] = True


@pytest.mark.parametrize("name", SENTINELS)
def test_what_has_no_value_is_masked_and_the_rest_is_as_it_was(tmp_path: Path, name: str) -> None:
    planes = np.stack([_fluxes(scale, 160) for scale in (1.0, 2.0, 3.0)])
    fits.writeto(tmp_path / "whole.fits", planes, _header(BANDS="gri"))
    fits.writeto(tmp_path / "cut.fits", SENTINELS[name](planes), _header(BANDS="gri"))
    whole, cut = (read_image(tmp_path / f"{n}.fits") for n in ("whole", "cut"))
    missing = np.ma.getmaskarray(cut)[..., 0]
    assert (missing & ~MISSING).mean() < 0.02 and not (MISSING & ~missing).any()
    galaxy = (slice(72, 88), slice(72, 88))
    ratio = np.ma.getdata(cut)[galaxy].mean() / np.ma.getdata(whole)[galaxy].mean()
    assert not np.ma.isMaskedArray(whole) and ratio == pytest.approx(1, abs=0.15)


def test_bands_can_be_named_and_a_wcs_gives_the_scale(tmp_path: Path) -> None:
    fits.writeto(tmp_path / "named.fits", np.stack([G, R, I]), _header(BANDS="gri"))
    wcs = _header(CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CDELT1=-PIXEL / 7200, CDELT2=PIXEL / 7200)
    twice = np.stack([G, R, I]).repeat(2, axis=1).repeat(2, axis=2)
    fits.writeto(tmp_path / "bare.fits", twice, wcs)
    with pytest.raises(ImageError, match="name them by --bands gri"):
        read_image(tmp_path / "bare.fits")
    expected = read_image(tmp_path / "named.fits").astype(int)
    found = read_image(tmp_path / "bare.fits", Reading(bands="gri"))
    assert np.abs(found - expected).max() <= 1


@pytest.mark.parametrize("suffix", ["webp", "bmp", "gif"])
def test_further_formats_are_read(tmp_path: Path, suffix: str) -> None:
    PillowImage.fromarray(PIXELS // 64 * 64).save(
        tmp_path / f"a.{suffix}", **({"lossless": True} if suffix == "webp" else {})
    )
    (objid,) = folder_sample(tmp_path).catalogue["objid"]
    assert objid == "a"
    found = folder_sample(tmp_path).image("a").astype(int)
    assert np.abs(found - PIXELS // 64 * 64).mean() < 3


def test_what_only_looks_like_an_image_is_passed_over_and_named(tmp_path: Path) -> None:
    PillowImage.fromarray(PIXELS).save(tmp_path / "a.png")
    (tmp_path / "inside").mkdir()
    PillowImage.fromarray(PIXELS).save(tmp_path / "inside" / "b.png")
    os.mkfifo(tmp_path / "c.jpg")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "d.png"))
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "broken.jpg").symlink_to("nowhere")
    sample = folder_sample(tmp_path)
    server.close()
    assert sample.catalogue["objid"].tolist() == ["a"]
    assert sample.notes == (
        "'inside' also hold images and are left out: name one of them, or give --recursive "
        "(RECURSIVE=1 with make)",
        "4 files are no images and are left out: 'broken.jpg', 'c.jpg', 'd.png' and 1 more",
    )


def test_images_in_subfolders_are_taken_if_asked_for(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / ".hidden").mkdir()
    for place in ("b.png", "deep/b.png", "deep/er/c.png", "deep/er/c.bmp", ".hidden/d.png"):
        PillowImage.fromarray(PIXELS).save(tmp_path / place)
    sample = folder_sample(tmp_path, recursive=True)
    names = ["b", "deep:b", "deep:er:c.bmp", "deep:er:c.png"]
    assert sample.catalogue["objid"].tolist() == names and not sample.notes
    assert all(sample.image(objid).shape == PIXELS.shape for objid in names)
    (tmp_path / "b.png").unlink()
    with pytest.raises(UserError, match=r"no image in it.*'deep' also hold images.*--recursive"):
        folder_sample(tmp_path)


def test_no_name_of_a_galaxy_is_a_formula(tmp_path: Path) -> None:
    for name in ("=1+1", "-x", "-1.5", "@a"):
        PillowImage.fromarray(PIXELS).save(tmp_path / f"{name}.png")
    (tmp_path / "catalogue.csv").write_text("objid,z\n=1+1,0.1\n-1.5,0.2\n")
    sample = folder_sample(tmp_path)
    assert sample.catalogue["objid"].tolist() == ["'-x", "'=1+1", "'@a", "-1.5"]
    assert sample.catalogue["z"].dropna().tolist() == [0.1, 0.2]
    assert sample.image("'=1+1").shape == PIXELS.shape


def test_names_that_collide_keep_their_suffix(tmp_path: Path) -> None:
    for name in ("a.png", "a.bmp", "A.png", "b.png"):
        PillowImage.fromarray(PIXELS).save(tmp_path / name)
    sample = folder_sample(tmp_path)
    assert sample.catalogue["objid"].tolist() == ["A", "a.bmp", "a.png", "b"]
    assert all(sample.image(objid).shape == PIXELS.shape for objid in sample.catalogue["objid"])


def test_a_name_that_is_no_utf8_is_a_row_like_any_other(tmp_path: Path) -> None:
    PillowImage.fromarray(PIXELS).save(tmp_path / "a.png")
    os.rename(tmp_path / "a.png", os.fsencode(tmp_path) + b"/gal\xe9xia.png")
    sample = folder_sample(tmp_path)
    (objid,) = sample.catalogue["objid"]
    assert objid == "gal\\xe9xia"
    assert sample.image(objid).shape == PIXELS.shape
    assert objid.encode()


def _large_png(path: Path) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return (struct.pack(">I", len(content)) + kind + content
                + struct.pack(">I", zlib.crc32(kind + content)))  # fmt: skip

    header = struct.pack(">2I5B", 12_000, 8_000, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IEND", b""))


def _large_fits(path: Path) -> None:
    cards = ["SIMPLE  =                    T", "BITPIX  =                  -64",
             "NAXIS   =                    2", "NAXIS1  =                60000",
             "NAXIS2  =                60000", "END"]  # fmt: skip
    path.write_bytes("".join(card.ljust(80) for card in cards).ljust(2880).encode() + bytes(2880))


@pytest.mark.parametrize(
    ("name", "write", "size"),
    [("a.png", _large_png, "12000x8000"), ("a.fits", _large_fits, "60000x60000")],
)
def test_size_is_checked_before_pixels_are_decoded(
    tmp_path: Path, name: str, write: Callable[[Path], None], size: str
) -> None:
    write(tmp_path / name)
    with pytest.raises(ImageError, match=f"{size} px: expected a cutout of one galaxy, at most"):
        read_image(tmp_path / name)


@pytest.mark.parametrize("suffix", ["fits", "tif"])
def test_a_bright_galaxy_on_a_negative_is_as_good_as_on_a_positive(
    tmp_path: Path, suffix: str
) -> None:
    y, x = np.mgrid[:96, :96] - 48
    light = 200.0 * np.exp(-np.hypot(x, y) / 6) + np.random.default_rng(0).normal(0, 1, (96, 96))
    for name, values in (("bright", light), ("dark", -light)):
        if suffix == "fits":
            fits.writeto(tmp_path / f"{name}.fits", values)
        else:
            tifffile.imwrite(tmp_path / f"{name}.tif", values.astype(np.float32))
    bright = read_image(tmp_path / f"bright.{suffix}", Reading(stretch="linear"))
    dark = read_image(tmp_path / f"dark.{suffix}", Reading(stretch="linear", inverted=True))
    assert not np.ma.getmaskarray(dark).any() and bright[48, 48, 0] > 100
    assert np.abs(bright.astype(int) - dark).max() <= 1
