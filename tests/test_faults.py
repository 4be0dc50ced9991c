"""Faults of machine, disk and server: nothing is half-written, and the next call ends as ever."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from sky import QUICK, Answer, Sky, jpeg

from galaxy_utils.cli import main
from galaxy_utils.data.client import Client
from galaxy_utils.data.download import download_images
from galaxy_utils.data.hubble import hdf_sample
from galaxy_utils.data.skyserver import check_cutout
from galaxy_utils.run_folder import LOCK, ROOT

FAULTY = Path(__file__).with_name("faulty.py")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    for objid, image in list(hdf_sample().cutouts.items())[:8]:
        PillowImage.fromarray(image).save(folder / f"{objid}.png")
    (folder / "broken.jpg").write_bytes(b"no picture")
    return folder


def _content(out: Path) -> dict[str, bytes]:
    """What a finished command leaves: all but locks, stores and links."""
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name != LOCK and ".journal" not in path.parts
        and path.parent.name != "images"
    }  # fmt: skip


def _run(name: str, images: Path, out: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(FAULTY), name, str(images), str(out)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the tries are forks")
@pytest.mark.parametrize("name", ["measure", "classify"])
def test_after_kills_and_a_full_disk_the_same_bytes_are_there(
    name: str, images: Path, tmp_path: Path
) -> None:
    done = _run(name, images, tmp_path / "out")
    tries = json.loads(done.stdout.splitlines()[-1])
    assert tries["last"] == 0 and tries["full"] == [2]
    assert tries["killed"].count(-9) >= 3 and set(tries["killed"]) <= {-9, -14, 0}
    assert done.stderr.count("what was finished is kept") == 1 and "Traceback" not in done.stderr
    options = ["--cores", "1", "--no-errors", "--out", str(tmp_path / "plain")]
    code = (
        f"import sys; sys.path.insert(0, {str(FAULTY.parent)!r})\n"
        "import faulty; faulty.inference.load_encoder = faulty._cheap\n"
        f"sys.exit(faulty.main({_words(name, images)!r} + {options!r}))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True,
                   env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip
    found, expected = _content(tmp_path / "out"), _content(tmp_path / "plain")
    assert list(found) == list(expected) and len(found) >= 4
    assert not [path for path in found if found[path] != expected[path]]


def _words(name: str, images: Path) -> list[str]:
    if name == "classify":
        return ["classify", str(images)]
    return ["measure", "--images", str(images), "--backbones", "efficientnet_lite0"]


@pytest.mark.parametrize("name", ["measure", "classify"])
@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_a_folder_that_cannot_be_written_is_a_sentence(
    name: str, code: int, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code), str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    assert main([*_words(name, images), "--out", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err
    assert f"cannot be written ({os.strerror(code)}); choose another" in message
    assert "Traceback" not in message and not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["measure", "classify"])
def test_nothing_of_use_is_status_three(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "broken.jpg").write_bytes(b"no picture")
    PillowImage.fromarray(np.zeros((30, 30, 3), np.uint8)).save(folder / "tiny.png")
    options = ["--cores", "1", "--no-errors", "--out", str(tmp_path / "out")]
    assert main([*_words(name, folder), *options, "--json"]) == 3
    report = json.loads(capsys.readouterr().out)
    assert report["images"] == 2 and len(report["skipped"]) == 2
    assert report[{"measure": "measured", "classify": "classified"}[name]] == 0
    assert main([*_words(name, folder), *options]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("2 images: 0 ") and lines[1] == "Skipped:"
    assert str(tmp_path) not in "\n".join(lines[2:4]), "reasons name no path"


def test_a_server_that_misbehaves_leaves_whole_files_and_reasons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    picture = jpeg()
    answers = {
        "sound": Answer(body=picture),
        "cut": Answer(body=picture[:-400], promised=len(picture)),
        "half": Answer(body=picture[: len(picture) // 2]),
        "slow": Answer(body=picture, hold=1.0),
        "longer": Answer(body=picture, promised=len(picture) + 5),
        "text": Answer(body=b"<html></html>", kind="text/html"),
        "scheme": Answer(302, headers={"Location": "ftp://localhost/a.jpg"}),
        "file": Answer(302, headers={"Location": "file:///etc/hostname"}),
        "host": Answer(302, headers={"Location": "http://elsewhere.invalid/a.jpg"}),
    }
    sky = Sky(lambda fields, _: answers[fields["n"]], lambda *_: Answer())
    urls = {name: f"{sky.url}/getjpeg?n={name}" for name in answers}
    done = download_images(urls, tmp_path, Client(QUICK), check_cutout, {})
    sky.close()
    assert done.fetched == 1 and set(done.failures) == set(answers) - {"sound"}
    assert {path.name for path in tmp_path.iterdir() if path.suffix != ".csv"} == {
        ".lock", "sound.jpg",
    }  # fmt: skip
    assert (tmp_path / "sound.jpg").read_bytes() == picture
    assert all(len(reason) > 10 for reason in done.failures.values())
