"""Reading images and catalogues; the sample from a folder and the built-in one."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from astropy.io import fits
from PIL import Image as PillowImage

from galaxy_utils.data.catalogue import CATALOGUE_COLUMNS, read_catalogue
from galaxy_utils.data.hubble import hdf_sample, hubble_deep_field
from galaxy_utils.data.images import SMALLEST_SIDE, ImageError, Reading, read_image
from galaxy_utils.data.sample import folder_sample
from galaxy_utils.data.survey import PIXEL
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


def test_grey_is_repeated_in_three_bands(tmp_path: Path) -> None:
    grey = read_image(save(tmp_path / "grey.png", PIXELS[..., 0], "L"))
    np.testing.assert_array_equal(grey, np.stack([PIXELS[..., 0]] * 3, axis=2))


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_a_file_cut_short_is_refused(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"a.{suffix}")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ImageError, match="unreadable image"):
        read_image(path)


@pytest.mark.parametrize("content", [b"", b"this is no picture\n"], ids=["empty", "text"])
def test_what_is_no_image_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(ImageError, match="unreadable image: the file is damaged"):
        read_image(tmp_path / "a.jpg")


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_grey_is_read_as_a_stretched_composite(tmp_path: Path, suffix: str) -> None:
    deep = PIXELS[..., 0].astype(np.uint16) * 257
    PillowImage.fromarray(deep).save(tmp_path / f"a.{suffix}")
    expected = np.stack([PIXELS[..., 0]] * 3, axis=2)
    np.testing.assert_array_equal(read_image(tmp_path / f"a.{suffix}"), expected)


def test_deep_colours_are_read_as_a_stretched_composite(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PIXELS.astype(np.uint16) * 257, photometric="rgb")
    tifffile.imwrite(tmp_path / "b.tif", (PIXELS / 255).astype(np.float32), photometric="rgb")
    for name in ("a.tif", "b.tif"):
        np.testing.assert_array_equal(read_image(tmp_path / name), PIXELS)


def test_16_bit_colour_png_is_read_as_a_composite_and_refused_as_fluxes(tmp_path: Path) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    header = struct.pack(">2I5B", 64, 56, 16, 2, 0, 0, 0)
    deep = (PIXELS.astype(">u2") * 257).reshape(56, -1)
    rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in deep))
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows)
    (tmp_path / "a.png").write_bytes(png + chunk(b"IEND", b""))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), PIXELS)
    with pytest.raises(ImageError, match="write fluxes as TIFF or FITS"):
        read_image(tmp_path / "a.png", Reading(stretch="linear"))


def test_fluxes_in_a_tiff_are_stretched_where_the_user_says_so(tmp_path: Path) -> None:
    rows, columns = np.indices((96, 96)) - 48
    noise = np.random.default_rng(0).normal(0, 1, (96, 96))
    flux = (300 * np.exp(-np.hypot(rows, columns) / 5) + noise).astype(np.float32)
    tifffile.imwrite(tmp_path / "a.tif", flux)
    with pytest.raises(ImageError, match="give --stretch linear"):
        read_image(tmp_path / "a.tif")
    fits.writeto(tmp_path / "a.fits", flux)
    found = read_image(tmp_path / "a.tif", Reading(stretch="linear"))
    np.testing.assert_array_equal(found, read_image(tmp_path / "a.fits"))


def test_pixels_of_another_scale_become_those_of_the_survey(tmp_path: Path) -> None:
    twice = PIXELS.repeat(2, axis=0).repeat(2, axis=1)
    found = read_image(save(tmp_path / "a.png", twice), Reading(pixel_scale=PIXEL / 2))
    np.testing.assert_array_equal(found, PIXELS)
    same = read_image(save(tmp_path / "b.png"), Reading(pixel_scale=0.4))
    np.testing.assert_array_equal(same, PIXELS)
    with pytest.raises(ImageError, match=r"8x7 px once resampled from 0\.05 to 0\.396"):
        read_image(tmp_path / "b.png", Reading(pixel_scale=0.05))
    notes = folder_sample(tmp_path, reading=Reading(pixel_scale=0.2)).notes
    assert "pixels of 0.2 arcsec are resampled to 0.396 arcsec" in notes


def test_an_inverted_image_is_turned_over(tmp_path: Path) -> None:
    found = read_image(save(tmp_path / "a.png", 255 - PIXELS), Reading(inverted=True))
    np.testing.assert_array_equal(found, PIXELS)


def test_images_with_a_palette_are_counted(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    save(tmp_path / "b.png", mode="P")
    assert folder_sample(tmp_path).notes == (
        "1 of 2 images have a palette of at most 256 colours, which changes concentration by up "
        "to 0.9: save them in full colour",
    )


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
    (tmp_path / "catalogue.csv").write_text("objid,gz1_class,ra\n0022,merger,1.5\n9,edge_on,3\n")
    (tmp_path / "other.csv").write_text("objid,z\n0021,0.1\n")
    own = folder_sample(tmp_path).catalogue.set_index("objid")
    assert list(own.index) == ["0021", "0022"]
    assert pd.isna(own.loc["0021", "ra"])
    assert (own.loc["0022", "gz1_class"], own.loc["0022", "ra"]) == ("merger", 1.5)
    other = folder_sample(tmp_path, tmp_path / "other.csv").catalogue.set_index("objid")
    assert other.loc["0021", "z"] == 0.1
    assert other["ra"].isna().all()


def test_folders_that_are_no_sample(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere.*no such folder"):
        folder_sample(tmp_path / "nowhere")
    with pytest.raises(UserError, match=rf"{tmp_path.name}.*no image.*\.jpg"):
        folder_sample(tmp_path)
    (tmp_path / "inside").mkdir()
    save(tmp_path / "inside/a.png")
    with pytest.raises(UserError, match="no image in it.*'inside' also hold images and are left"):
        folder_sample(tmp_path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not a CSV table: it is empty"),
        (b"objid\0,ra", "not a CSV table: it is binary"),
        (b"name,ra\n1,2\n", "no column objid; it has name, ra"),
        (b"objid,ra\n1,2\n3,4\n1,5\n", "line 4: objid '1' stands in more than one row"),
        (b"objid,ra,z\n1,2,0.1\n3,4,far\n", "line 3, column z: 'far' is not a number"),
        (b"objid,petroR50_r\n1,2px\n", "line 2, column petroR50_r: '2px' is not a number"),
        (b"objid,ra\n1,2\n\n3,4,5\n", "line 4: 3 fields, and the first line names 2 columns"),
        (b"objid;ra;z\n1;2\n", "line 2: 2 fields, and the first line names 3 columns; expected"),
        (b'objid,ra\n"1,2\n3,4\n', "line 2: a quotation mark is opened and not closed"),
        (b"objid,z\n5.877241972e+17,0.1\n", "objid '5.877241972e+17' has lost digits"),
        (b"objid\n../../escaped\n", "line 2: objid '../../escaped' cannot be the name of a file"),
        (b"objid\n/etc/passwd\n", "objid '/etc/passwd' cannot be the name of a file"),
        (b"objid\n.hidden\n", "objid '.hidden' cannot be the name of a file"),
        (b"objid\na\n \n,\n", ""),
        (b"objid,z\n ,0.1\n", "line 2: objid is empty"),
        (b"objid,dec\n1,95\n", "line 2, column dec: 95 is not between -90 and 90"),
        (b"objid,ra\n1,inf\n", "line 2, column ra: inf is not between 0 and 360"),
        (b"objid,z\n1,-5\n", "line 2, column z: -5 is not between -0.1 and 20"),
        (b"objid,gz1_class\n1,starfish\n", "line 2, column gz1_class: 'starfish' is no Galaxy"),
        (b"objid,ra,ra\n1,2,3\n", "line 1: column 'ra' stands there more than once"),
    ],
)
def test_a_bad_catalogue_is_refused_with_its_place(
    tmp_path: Path, content: bytes, says: str
) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    if not says:  # empty lines are no rows
        assert list(read_catalogue(path)["objid"]) == ["a"]
        return
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


LIKE = "objid,gz1_class,ra,dec,z\n12,spiral_cw,1.5,-2.25,0.05\n13,merger,3,4,\n"


@pytest.mark.parametrize(
    "content",
    [
        LIKE.replace(",", ";"), LIKE.replace(",", "\t"), "\ufeff" + LIKE,
        LIKE.replace("\n", "\r\n"),
        LIKE.replace(",", ";").replace(".", ","), LIKE.replace(",", " , "), LIKE.upper(),
        LIKE.replace("objid", "dr7objid"), LIKE.replace("objid", "OBJID"),
        LIKE.replace("12,", "12.jpg,"), LIKE.replace("12,", "12.0,"), LIKE.replace("\n", ",,\n"),
        LIKE.replace("4,\n", "4,-9999\n"), LIKE.replace("4,\n", "4,N/A\n"),
        LIKE.replace("4,\n", "4,--\n"), LIKE.replace("4,\n", "4,99\n"),
        LIKE.replace("spiral_cw", "Spiral CW"), LIKE.replace("\n", "\n\n"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1"])
def test_a_catalogue_is_read_however_it_was_written(
    tmp_path: Path, content: str, encoding: str
) -> None:
    path = tmp_path / "catalogue.csv"
    path.write_bytes(content.encode(encoding, "ignore"))
    found = read_catalogue(path)
    assert found["objid"].tolist() == ["12", "13"]
    assert found["gz1_class"].tolist() == ["spiral_cw", "merger"]
    np.testing.assert_array_equal(found[["ra", "dec", "z"]], [[1.5, -2.25, 0.05], [3, 4, np.nan]])


def test_what_was_read_in_another_way_is_reported(tmp_path: Path) -> None:
    for name in ("12.png", "é.png", "0013.png"):
        save(tmp_path / name)
    rows = ["dr7objid,gz1_class,z,ra", "12,S,-9999,", "e\u0301,,0.1,", "13,E,0.2,", "14,E,0.3,"]
    (tmp_path / "catalogue.csv").write_text("\n".join(rows), encoding="utf-8")
    sample = folder_sample(tmp_path)
    assert sample.notes == (
        "3 of 4 catalogue rows have an image",
        "column dr7objid is taken as objid",
        "class 'S' is read as spiral_combined",
        "class 'E' is read as elliptical",
        "column ra has no value",
        "column z: 1 numbers such as -9999 are read as unknown",
    )
    found = sample.catalogue.set_index("objid")
    assert found.loc["é", "z"] == 0.1 and found.loc["0013", "gz1_class"] == "elliptical"


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
