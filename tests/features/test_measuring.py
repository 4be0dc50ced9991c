"""Measuring samples: bad files, worker processes, and kills at any moment."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image as PillowImage

from galaxy_utils.cli import main
from galaxy_utils.data.hubble import hdf_sample
from galaxy_utils.data.images import band_mean, read_image
from galaxy_utils.data.sample import Sample, folder_sample
from galaxy_utils.errors import UserError
from galaxy_utils.features import inference, measuring
from galaxy_utils.features.measured_table import measure_sample, read_measured
from galaxy_utils.features.measuring import JOURNAL, measure_embedding, measure_galaxies
from galaxy_utils.morphology.measurement import FIVE, Morphology, measure
from galaxy_utils.morphology.segmentation import SegmentationSettings
from galaxy_utils.run_folder import ROOT

LITE = "efficientnet_lite0-full"
needs_fork = pytest.mark.skipif(
    multiprocessing.get_start_method() != "fork", reason="only a fork has the replaced function"
)


def _same(a: pd.DataFrame, b: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(a, b, check_exact=True)


# Bad files


@pytest.mark.parametrize("processes", [1, 2])
def test_bad_files_are_rows_with_a_reason_and_stop_nothing(
    folder: Path, tmp_path: Path, encoded: list[int], processes: int
) -> None:
    (folder / "a_text.jpg").write_text("this is no picture")
    PillowImage.new("RGB", (40, 64)).save(folder / "b_small.png")
    PillowImage.new("RGB", (64, 64), "grey").save(folder / "c_constant.png")
    sample = folder_sample(folder)
    rows = measure_galaxies(sample, "fast", tmp_path, processes).set_index("objid")
    assert len(rows) == 11
    assert "unreadable image: the file is damaged" in rows.loc["a_text", "reason"]
    assert "40x64 px" in rows.loc["b_small", "reason"]
    assert rows.loc["c_constant", "reason"] == "the image is constant"
    bad = rows.index.isin(["a_text", "b_small", "c_constant"])
    assert rows.loc[bad, list(FIVE)].isna().all(axis=None)
    assert rows.loc[~bad, ["concentration", "gini"]].notna().all(axis=None)
    vectors = measure_embedding(sample, LITE, tmp_path)
    np.testing.assert_array_equal(np.isnan(vectors).all(axis=1), bad)
    np.testing.assert_array_equal(np.isfinite(vectors).all(axis=1), ~bad)


def test_a_galaxy_without_a_file_is_a_row_with_a_reason(tmp_path: Path) -> None:
    stamps = hdf_sample()
    catalogue = stamps.catalogue[:3]
    cutouts = {objid: stamps.image(objid) for objid in catalogue["objid"][:2]}
    rows = measure_galaxies(Sample("part", catalogue, None, cutouts), "fast", tmp_path, 1)
    assert list(rows["objid"]) == list(catalogue["objid"])
    assert rows["reason"].iloc[2] == "no image file"
    assert rows["concentration"].notna().tolist() == [True, True, False]


def test_an_unexpected_error_is_a_reason(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> dict[str, Any]:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr(measuring, "measure_image", fail)
    rows = measure_galaxies(folder_sample(folder), "fast", tmp_path, 1)
    assert set(rows["reason"]) == {"ZeroDivisionError: by nought"}
    assert len(rows) == 8


@needs_fork
def test_a_worker_that_dies_is_a_row_with_a_reason(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killer = folder_sample(folder).catalogue["objid"][5]
    deadly = read_image(folder / f"{killer}.png").mean()

    def row_of(what: str, image: np.ndarray, settings: object) -> dict[str, Any]:
        if image.mean() == deadly:
            os._exit(1)
        return asdict(Morphology(1, 2, 3, 4, 5, flag=0))

    monkeypatch.setattr(measuring, "measure_image", row_of)
    rows = measure_galaxies(folder_sample(folder), "fast", tmp_path, 2).set_index("objid")
    assert rows.loc[killer, "reason"] == "the measuring process died on this image"
    assert rows["concentration"].isna().sum() == 1
    assert len(rows) == 8


# What is measured, and by how many processes


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_workers_measure_however_they_are_started(
    folder: Path, tmp_path: Path, method: str
) -> None:
    code = (
        "import multiprocessing, sys; from pathlib import Path\n"
        "from galaxy_utils.data.sample import folder_sample\n"
        "from galaxy_utils.features.measuring import measure_galaxies\n"
        "if __name__ == '__main__':\n"
        f"    multiprocessing.set_start_method({method!r})\n"
        "    sample, out = folder_sample(Path(sys.argv[1])), Path(sys.argv[2])\n"
        "    rows = measure_galaxies(sample, 'photometry', out, 2)\n"
        "    assert not rows['reason'].str.contains('died').any(), rows['reason'].tolist()\n"
    )
    (tmp_path / "measure.py").write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, tmp_path / "measure.py", folder, tmp_path / "out"],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_any_number_of_processes_measures_what_the_engine_does(
    folder: Path, tmp_path: Path
) -> None:
    sample = folder_sample(folder)
    rows = measure_galaxies(sample, "fast", tmp_path / "one", 1)
    _same(rows, measure_galaxies(sample, "fast", tmp_path / "two", 2))
    for row in rows.head(3).itertuples():
        expected = astuple(measure(band_mean(read_image(folder / f"{row.objid}.png"))))
        np.testing.assert_array_equal(row[2:-1], expected[:-1])
        assert row.reason == expected[-1]


def test_what_saturates_a_frame(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    y, x = np.mgrid[:256, :256]
    for name, lit in (("plain", y < 0), ("trail", np.abs(y - x) < 2)):
        frame = np.repeat(np.where(lit, 255, 20).astype(np.uint8)[..., None], 3, axis=2)
        PillowImage.fromarray(frame).save(images / f"{name}.png")
    (images / "torn.jpg").write_bytes(b"not a picture")
    table = measure_galaxies(folder_sample(images), "frames", tmp_path / "out", 2)
    frames = table.set_index("objid")["frame"]
    assert frames.to_dict() == {"plain": "neither", "torn": "no image", "trail": "trail"}


def test_features_beyond_half_precision_stay_finite(
    folder: Path, tmp_path: Path, encoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        inference, "embed_in_batches", lambda encoder, images: [np.full((len(images), 1280), 1e6)]
    )
    vectors = measure_embedding(folder_sample(folder), LITE, tmp_path)
    assert vectors.dtype == np.float16 and vectors.shape == (8, 1280)
    assert (vectors == np.finfo(np.float16).max).all()


# Resuming


def _journal(folder: Path) -> Path:
    return next((folder / JOURNAL).glob("*.jsonl"))


def test_after_a_kill_only_missing_galaxies_are_measured(
    folder: Path, tmp_path: Path, measured: list[float]
) -> None:
    sample = folder_sample(folder)
    undisturbed = measure_galaxies(sample, "fast", tmp_path, 1)
    assert len(measured) == 8
    lines = _journal(tmp_path).read_bytes().splitlines(keepends=True)
    _journal(tmp_path).write_bytes(b"".join(lines[:6]) + lines[6][:40])
    for missing in (3, 0):
        measured.clear()
        _same(measure_galaxies(sample, "fast", tmp_path, 1), undisturbed)
        assert len(measured) == missing


def test_an_embedding_resumes_at_the_batch_where_it_was_stopped(
    folder: Path, tmp_path: Path, encoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = folder_sample(folder)
    undisturbed = measure_embedding(sample, LITE, tmp_path / "undisturbed")
    assert encoded == [3, 3, 2]
    embed_batch = inference._embed_batch

    def stop_at_the_second(*arguments: Any) -> Any:
        if len(encoded) == 1:
            raise KeyboardInterrupt
        return embed_batch(*arguments)

    encoded.clear()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(inference, "_embed_batch", stop_at_the_second)
        measure_embedding(sample, LITE, tmp_path / "stopped")
    encoded.clear()
    resumed = measure_embedding(sample, LITE, tmp_path / "stopped")
    assert encoded == [3, 2]
    np.testing.assert_array_equal(resumed, undisturbed)


def test_a_changed_image_is_measured_again(
    folder: Path, tmp_path: Path, measured: list[float], encoded: list[int]
) -> None:
    sample = folder_sample(folder)
    before = measure_galaxies(sample, "fast", tmp_path, 1)
    old = measure_embedding(sample, LITE, tmp_path)
    changed = sample.catalogue["objid"][3]
    pixels = 255 - read_image(folder / f"{changed}.png")
    PillowImage.fromarray(pixels).save(folder / f"{changed}.png")
    measured.clear()
    after = measure_galaxies(sample, "fast", tmp_path, 1)
    assert measured == [band_mean(pixels).mean()]
    differs = (before["gini"] != after["gini"]).to_numpy()
    np.testing.assert_array_equal(differs, sample.catalogue["objid"] == changed)
    moved = (old != measure_embedding(sample, LITE, tmp_path)).any(axis=1)
    np.testing.assert_array_equal(moved, differs)


def test_other_settings_are_measured_again(
    folder: Path, tmp_path: Path, measured: list[float]
) -> None:
    sample = folder_sample(folder)
    measure_galaxies(sample, "fast", tmp_path, 1)
    measured.clear()
    measure_galaxies(sample, "fast", tmp_path, 1, SegmentationSettings(threshold=3.0))
    assert len(measured) == 8


@pytest.mark.parametrize(("package", "stale"), [("photutils", "fast"), ("torch", LITE)])
def test_what_another_library_measured_is_measured_again(
    folder: Path,
    tmp_path: Path,
    measured: list[float],
    encoded: list[int],
    monkeypatch: pytest.MonkeyPatch,
    package: str,
    stale: str,
) -> None:
    sample, calls = folder_sample(folder), {"fast": measured, LITE: encoded}
    version = measuring.metadata.version
    for changed in (False, True):
        for made in calls.values():
            made.clear()
        monkeypatch.setattr(
            measuring.metadata,
            "version",
            lambda name, changed=changed: "0" if changed and name == package else version(name),
        )
        measure_galaxies(sample, "fast", tmp_path, 1)
        measure_embedding(sample, LITE, tmp_path)
    assert [name for name, made in calls.items() if made] == [stale]


@pytest.mark.parametrize(
    ("what", "modules", "others"),
    [
        ("fast", {"engine", "petrosian", "images"}, {"photometry", "inference", "measuring"}),
        ("photometry", {"photometry", "segmentation", "images"}, {"saturation", "inference"}),
        ("frames", {"saturation", "images"}, {"photometry", "engine"}),
    ],
)
def test_a_measurement_depends_on_the_modules_that_make_it(
    what: str, modules: set[str], others: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    monkeypatch.setattr(
        measuring, "sha256_of_file", lambda path: (hashed.append(path.stem), "0" * 64)[1]
    )
    measuring.made_with(measuring.FUNCTIONS[what], what)
    assert modules <= set(hashed) and not others & set(hashed)


def _lines(folder: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in folder.glob(f"{JOURNAL}/*.jsonl"))


def _wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(12_000):
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError("nothing happened for a minute")


def _command(images: Path, out: Path) -> list[str]:
    """Measure by the slower engine: the compiled one may be through before the kill."""
    return [
        "measure", "--images", str(images), "--engine", "statmorph", "--cores", "2",
        "--backbones", "efficientnet_lite0", "--no-errors", "--out", str(out),
    ]  # fmt: skip


def _started(images: Path, out: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("galaxy-book")), *_command(images, out)],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    _wait_for(lambda: _lines(out) >= 4)
    return process


def test_a_table_resumed_after_sigkill_is_the_undisturbed_one(
    save_stamps: Callable[[int], Path], tmp_path: Path
) -> None:
    images, out, undisturbed = save_stamps(24), tmp_path / "killed", tmp_path / "undisturbed"
    killed = _started(images, out)
    os.killpg(killed.pid, signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert 4 <= _lines(out) < 24
    with pytest.raises(UserError, match="no manifest"):
        read_measured(out)
    assert main(_command(images, out)) == main(_command(images, undisturbed)) == 0
    names = [path.name for path in undisturbed.iterdir() if path.suffix in (".csv", ".npz")]
    assert len(names) == 5
    for name in names:
        assert (out / name).read_bytes() == (undisturbed / name).read_bytes()
    assert len(read_measured(out).catalogue) == 24


def test_workers_end_with_a_parent_that_was_killed(
    save_stamps: Callable[[int], Path], tmp_path: Path
) -> None:
    parent = _started(save_stamps(24), tmp_path / "out")
    parent.kill()
    parent.wait()

    def gone() -> bool:
        try:
            os.killpg(parent.pid, 0)
        except ProcessLookupError:
            return True
        return False

    _wait_for(gone)


def test_a_table_is_resumed_from_the_journals(
    folder: Path, tmp_path: Path, measured: list[float], encoded: list[int]
) -> None:
    for _ in range(2):
        measured.clear()
        encoded.clear()
        measure_sample(folder_sample(folder), tmp_path / "out", [LITE], 1)
    assert measured == encoded == []
