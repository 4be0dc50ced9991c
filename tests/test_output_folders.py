"""Commands write into folders of their own and leave other people's files alone."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image as PillowImage

from galaxy_utils.cli import main
from galaxy_utils.errors import UserError
from galaxy_utils.run_folder import LOCK, MARKER, output_folder

COMMANDS = {
    "measure": ["measure", "--images", "IMAGES", "--out", "OUT"],
    "classify": ["classify", "IMAGES", "--out", "OUT"],
    "train": ["train", "--images", "IMAGES", "--out", "OUT"],
    "skyserver": ["skyserver", "--server", "http://localhost:9", "--out", "OUT"],
}


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A user's folder: images with a catalogue of their own, and arrays."""
    folder = tmp_path / "images"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 20, (64, 64, 3), np.uint8)
    PillowImage.fromarray(noise).save(folder / "a.jpg")
    (folder / "catalogue.csv").write_text("objid,redshift,remark\na,0.1,mine\n")
    (folder / "index.html").write_text("mine")
    for name in ("thesis.npz", "efficientnet_lite0-full.npz", "thesis.npy"):
        (folder / name).write_bytes(b"years of work")
    return folder


def _content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_with_other_files_is_refused_and_left_as_it_is(
    command: str, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = _content(images)
    words = [str(images) if word in ("IMAGES", "OUT") else word for word in COMMANDS[command]]
    assert main(words) == 2
    message = capsys.readouterr().err
    assert f"{images}: holds files that galaxy-book did not write, such as 'a.jpg'" in message
    assert "choose an empty or new folder" in message
    assert _content(images) == before


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_as_output_is_a_sentence(
    command: str, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.write_text("mine")
    places = {"IMAGES": str(images), "OUT": str(out)}
    assert main([places.get(word, word) for word in COMMANDS[command]]) == 2
    assert f"{out}: cannot be written (" in capsys.readouterr().err
    assert out.read_text() == "mine"


def test_a_folder_is_claimed_for_one_content(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    with output_folder(folder, "measured table"):
        (folder / "table.csv").write_text("ours")
    with output_folder(folder, "measured table"):
        pass
    with (
        pytest.raises(UserError, match="holds a measured table, not a classification"),
        output_folder(folder, "classification"),
    ):
        pass
    assert (folder / MARKER).read_text() == "measured table\n"


@pytest.mark.parametrize("command", ["measure", "classify"])
def test_two_processes_do_not_write_into_one_folder(
    command: str, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    places = {"IMAGES": str(images), "OUT": str(out)}
    with FileLock(out / LOCK):
        (out / MARKER).write_text(
            {"measure": "measured table", "classify": "classification"}[command]
        )
        assert main([places.get(word, word) for word in COMMANDS[command]]) == 2
    assert "another process writes a" in capsys.readouterr().err


def test_trouble_of_the_system_is_a_sentence(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "table.csv")

    monkeypatch.setattr("galaxy_utils.features.measured_table.measure_morphology", full)
    assert main(["measure", "--images", str(images), "--out", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err
    assert message.endswith(
        "galaxy-book: table.csv: No space left on device; what was finished is kept\n"
    )
