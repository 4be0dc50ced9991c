"""Reading images and catalogues; the sample from a folder and the built-in one."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image as PillowImage

from galaxy_utils.data.hubble import hdf_sample, hubble_deep_field
from galaxy_utils.data.images import SMALLEST_SIDE, ImageError, read_image
from galaxy_utils.data.sample import CATALOGUE_COLUMNS, folder_sample, read_catalogue
from galaxy_utils.errors import UserError

PIXELS = np.random.default_rng(0).integers(0, 256, (56, 64, 3), dtype=np.uint8)


def save(path: Path, pixels: np.ndarray = PIXELS, mode: str = "RGB") -> Path:
    PillowImage.fromarray(pixels).convert(mode).save(path)
    return path


@pytest.mark.parametrize("suffix", ["png", "tif", "tiff"])
def test_a_lossless_image_is_read_as_it_was(tmp_path: Path, suffix: str) -> None:
    found = read_image(save(tmp_path / f"a.{suffix}"))
    np.testing.assert_array_equal(found, PIXELS)
    assert found.dtype == np.uint8


def test_a_jpeg_is_read_nearly_as_it_was(tmp_path: Path) -> None:
    field = hubble_deep_field()[100:180, 100:190]
    found = read_image(save(tmp_path / "a.jpg", field))
    assert found.shape == (80, 90, 3)
    assert np.abs(found.astype(float) - field).mean() < 5


def test_grey_is_repeated_in_three_bands_and_transparency_left_out(tmp_path: Path) -> None:
    grey = read_image(save(tmp_path / "grey.png", PIXELS[..., 0], "L"))
    np.testing.assert_array_equal(grey, np.stack([PIXELS[..., 0]] * 3, axis=2))
    transparent = np.dstack([PIXELS, np.zeros(PIXELS.shape[:2], np.uint8)])
    np.testing.assert_array_equal(read_image(save(tmp_path / "a.png", transparent, "RGBA")), PIXELS)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_a_file_cut_short_is_refused(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"a.{suffix}")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ImageError, match="unreadable image"):
        read_image(path)


@pytest.mark.parametrize("content", [b"", b"this is no picture\n"], ids=["empty", "text"])
def test_what_is_no_image_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(ImageError, match="unreadable image: UnidentifiedImageError"):
        read_image(tmp_path / "a.jpg")


@pytest.mark.parametrize(
    ("suffix", "dtype"), [("png", np.uint16), ("tif", np.uint16), ("tif", np.float32)]
)
def test_more_than_8_bits_are_refused(tmp_path: Path, suffix: str, dtype: type) -> None:
    PillowImage.fromarray(PIXELS[..., 0].astype(dtype) * 200).save(tmp_path / f"a.{suffix}")
    with pytest.raises(ImageError, match="expected an 8-bit image"):
        read_image(tmp_path / f"a.{suffix}")


def test_16_bit_colour_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PIXELS.astype(np.uint16) * 200, photometric="rgb")
    with pytest.raises(ImageError):
        read_image(tmp_path / "a.tif")


def test_16_bit_colour_png_is_refused(tmp_path: Path) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    size, bits, colour = (64, 64), 16, 2
    header = struct.pack(">2I5B", *size, bits, colour, 0, 0, 0)
    rows = zlib.compress((b"\0" + bytes(64 * 3 * 2)) * 64)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows)
    (tmp_path / "a.png").write_bytes(png + chunk(b"IEND", b""))
    with pytest.raises(ImageError, match="8-bit"):
        read_image(tmp_path / "a.png")


def test_the_smallest_side(tmp_path: Path) -> None:
    just = save(tmp_path / "just.png", PIXELS[:SMALLEST_SIDE, :SMALLEST_SIDE])
    assert read_image(just).shape == (48, 48, 3)
    with pytest.raises(ImageError, match="64x47 px: expected at least 48 px"):
        read_image(save(tmp_path / "small.png", PIXELS[:47]))


def test_a_folder_becomes_a_sample(tmp_path: Path) -> None:
    for name in ("0021.png", "b.tif", "a.v2.jpg", "C.PNG", "d.Png"):
        save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / "._a.png").write_bytes(b"\x00\x05\x16\x07")  # macOS leaves such beside a file
    sample = folder_sample(tmp_path)
    assert sample.name == str(tmp_path)
    assert sample.has_images
    assert tuple(sample.catalogue.columns) == CATALOGUE_COLUMNS
    assert list(sample.catalogue["objid"]) == ["0021", "C", "a.v2", "b", "d"]
    for objid in sample.catalogue["objid"]:
        assert sample.image(objid).shape == PIXELS.shape
    with pytest.raises(ImageError, match="no image file"):
        sample.image("e")


def test_of_a_triplet_the_image_in_r_is_the_galaxy(tmp_path: Path) -> None:
    for name in ("a-g.fits", "a-r.fits", "a-i.fits", "b-g.fits", "c-i.png"):
        (tmp_path / name).touch()
    assert folder_sample(tmp_path).catalogue["objid"].tolist() == ["a-r", "b-g", "c-i"]


def test_a_folders_own_catalogue_is_used_and_another_can_be_given(tmp_path: Path) -> None:
    save(tmp_path / "0021.png")
    save(tmp_path / "0022.png")
    (tmp_path / "catalogue.csv").write_text("objid,gz1_class,ra\n0022,spiral,1.5\n9,edge,3\n")
    (tmp_path / "other.csv").write_text("objid,z\n0021,0.1\n")
    own = folder_sample(tmp_path).catalogue.set_index("objid")
    assert list(own.index) == ["0021", "0022"]
    assert pd.isna(own.loc["0021", "ra"])
    assert (own.loc["0022", "gz1_class"], own.loc["0022", "ra"]) == ("spiral", 1.5)
    other = folder_sample(tmp_path, tmp_path / "other.csv").catalogue.set_index("objid")
    assert other.loc["0021", "z"] == 0.1
    assert other["ra"].isna().all()


def test_folders_that_are_no_sample(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere.*no such folder"):
        folder_sample(tmp_path / "nowhere")
    with pytest.raises(UserError, match=rf"{tmp_path.name}.*no image.*\.jpg"):
        folder_sample(tmp_path)
    save(tmp_path / "a.png")
    save(tmp_path / "a.jpg")
    with pytest.raises(UserError, match="several images named 'a'"):
        folder_sample(tmp_path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not a CSV table"),
        (b"\xff\xfe\x00a", "not a CSV table"),
        (b"name,ra\n1,2\n", "no column objid; it has name, ra"),
        (b"objid,ra\n1,2\n3,4\n1,5\n", "objid 1 stands in more than one row"),
        (b"objid,ra,z\n1,2,0.1\n3,4,far\n", "row 3, column z: 'far' is not a number"),
        (b"objid,petroR50_r\n1,2px\n", "row 2, column petroR50_r: '2px' is not a number"),
    ],
    ids=["empty", "binary", "no objid", "doubled", "word", "unit"],
)
def test_a_bad_catalogue_is_refused_with_its_place(
    tmp_path: Path, content: bytes, says: str
) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        read_catalogue(path)
    assert str(path) in str(error.value)
    assert says in str(error.value)


def test_a_missing_catalogue_is_named(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    with pytest.raises(UserError, match=r"none\.csv: there is no such file"):
        folder_sample(tmp_path, tmp_path / "none.csv")


def test_identifiers_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.csv"
    path.write_text("objid\n0012\n587724197200724003\nNA\n")
    assert list(read_catalogue(path)["objid"]) == ["0012", "587724197200724003", "NA"]


def test_the_built_in_sample() -> None:
    sample = hdf_sample()
    assert sample.name == "hdf" and sample.has_images and len(sample.catalogue) > 300
    objids = sample.catalogue["objid"]
    assert objids.is_unique and objids.is_monotonic_increasing
    assert set(sample.cutouts) == set(objids)
    for objid in objids:
        row, column = (int(part) for part in objid.split("_")[1:])
        stamp = hubble_deep_field()[row - 32 : row + 32, column - 32 : column + 32]
        np.testing.assert_array_equal(sample.image(objid), stamp)
        assert stamp.shape == (64, 64, 3)
