"""Catalogues as programs write them: read, or refused in one sentence that names the line."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from galaxy_utils.data.sample import folder_sample
from galaxy_utils.errors import UserError

OBJID = "588017702411763880"
NFD = unicodedata.normalize("NFD", "gal\u00e1xia")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    for name in ("a", "b", OBJID, NFD):
        PillowImage.fromarray(noise).save(folder / f"{name}.png")
    return folder


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"objid, z , ra\na, 0.1, 3\n b ,0.2,4\n", {"a": 0.1, "b": 0.2}),
        (b"objid;z\na;0,1\nb;0,2\n", {"a": 0.1, "b": 0.2}),
        (b"objid\tz\na\t0.1\n", {"a": 0.1}),
        ("objid,z\na,0.1\n".encode("utf-16"), {"a": 0.1}),
        (b"\xef\xbb\xbfobjid,z\na,0.1\n", {"a": 0.1}),
        ("objid,z,note\na,0.1,\u00e9\n".encode("latin-1"), {"a": 0.1}),
        (b"objid,z,\na,0.1,\n", {"a": 0.1}),
        (b"objid,z\ra,0.1\rb,0.2\r", {"a": 0.1, "b": 0.2}),
        (b"# made by a program\n# on a day\nobjid,z\na,0.1\n", {"a": 0.1}),
        (b"sep=;\nobjid;z\na;0,1\n", {"a": 0.1}),
        (b"OBJID,Z\na,0.1\n", {"a": 0.1}),
        (b"dr7objid,z\na,0.1\n", {"a": 0.1}),
        (b"specObjID,z\na,0.1\n", {"a": 0.1}),
        (b"objid,z\nA.PNG,0.1\n", {"a": 0.1}),
        (f"objid,z\n0{OBJID},0.1\n".encode(), {OBJID: 0.1}),
        (f"objid,z\n{OBJID}.0,0.1\n".encode(), {OBJID: 0.1}),
        ("objid,z\ngal\u00e1xia,0.1\n".encode(), {NFD: 0.1}),
        (b"objid,z\na,-9999\nb,0.2\n", {"b": 0.2}),
        (b"objid,z\na,99\nb,0.2\n", {"b": 0.2}),
        (b"objid,z\na,-99\nb,-999\n", {}),
        (b"objid,z\na,--\nb,N/A\n", {}),
        (b"objid,z\na,None\nb,null\n", {}),
    ],
)  # fmt: skip
def test_what_can_be_read_is_read(
    images: Path, tmp_path: Path, content: bytes, expected: dict[str, float]
) -> None:
    (tmp_path / "c.csv").write_bytes(content)
    catalogue = folder_sample(images, tmp_path / "c.csv").catalogue
    assert catalogue.set_index("objid")["z"].dropna().to_dict() == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"objid,z,ra\na,0.1\n", "line 2: 2 fields, and the first line names 3 columns"),
        (b"objid,z\na,0,1\n", "line 2: 3 fields, and the first line names 2"),
        (b"# a\nobjid,z\na\n", "line 3: 1 fields"),
        (b'objid,z\n"a,0.1\nb,0.2\n', "line 2: a quotation mark is opened and not closed"),
        (b"objid,z\n5.88e+17,0.1\n", "line 2: objid '5.88e.17' has lost digits"),
        (b"objid,z\n../../x,0.1\n", "line 2: objid '../../x' cannot be the name of a file"),
        (b"objid,z\n/abs,0.1\n", "cannot be the name of a file"),
        (b"objid,z\n.x,0.1\n", "cannot be the name of a file"),
        (b"objid,ra\na,inf\n", "column ra: inf is not between 0 and 360"),
        (b"objid,dec\na,-91\n", "column dec: -91 is not between -90 and 90"),
        (b"objid,z\na,25\n", "column z: 25 is not between -0.1 and 20"),
        (b"objid,petroR50_r\na,-1\n", "column petroR50_r: -1 is not between"),
        (b"objid,dec\na,+12:30:00\n", "'.12:30:00' is not a number"),
        (b"objid,gz1_class\na,weird\n", "'weird' is no Galaxy Zoo class; expected one of"),
        (b"objid,z\na,0.1\na,0.2\n", "line 3: objid 'a' stands in more than one row"),
        (b"objid|z\na|0.1\n", "no column objid.*separated by commas, semicolons or tabs"),
        (b"id,z\na,0.1\n", "no column objid; it has id, z"),
        (b"objid,z,z\na,1,2\n", "line 1: column 'z' stands there more than once"),
        (b"", "it is empty"),
        (b"PK\x03\x04\0\0", "it is binary"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(
    images: Path, tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "c.csv").write_bytes(content)
    with pytest.raises(UserError, match=message):
        folder_sample(images, tmp_path / "c.csv")


def test_identifiers_that_lost_digits_are_told(images: Path, tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("objid,z\n588017702411763900,0.1\n123456789012345670,0.1\n")
    (note,) = folder_sample(images, tmp_path / "c.csv").notes
    assert "0 of 2 catalogue rows have an image" in note
    assert "1 identifiers such as 588017702411763900 have lost their last digits" in note


def test_a_column_without_values_is_told(images: Path, tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("objid,z,ra\na,,3\nb,-9999,\n")
    notes = folder_sample(images, tmp_path / "c.csv").notes
    assert "column z: 1 numbers such as -9999 are read as unknown" in notes
