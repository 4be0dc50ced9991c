"""Measured tables: bad files, kills, tampering, and the committed table of 5,000 galaxies."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

from galaxy_utils.cli import main
from galaxy_utils.config import OFFLINE_BACKBONES
from galaxy_utils.data.hubble import hdf_sample
from galaxy_utils.data.images import band_mean, read_image
from galaxy_utils.data.sample import Sample, folder_sample
from galaxy_utils.errors import UserError
from galaxy_utils.features import inference
from galaxy_utils.features import table as measurement
from galaxy_utils.features.embedding import Configuration
from galaxy_utils.features.galaxies import open_galaxies
from galaxy_utils.features.inference import Encoder, embed, load_encoder
from galaxy_utils.features.table import (
    JOURNAL,
    measure_embedding,
    measure_frames,
    measure_morphology,
    measure_sample,
    read_measured,
)
from galaxy_utils.morphology.measurement import (
    ENGINES,
    FIVE,
    MORPHOLOGY_COLUMNS,
    Morphology,
    measure,
)
from galaxy_utils.morphology.parity import agreement
from galaxy_utils.morphology.segmentation import SegmentationSettings
from galaxy_utils.run_folder import ROOT

LITE = "efficientnet_lite0-eq1"
SDSS = ROOT / "data" / "sdss5000"


@pytest.fixture(scope="module")
def stamps() -> Sample:
    return hdf_sample()


def _save(stamps: Sample, folder: Path, number: int) -> Path:
    folder.mkdir()
    for objid in stamps.catalogue["objid"][:number]:
        PillowImage.fromarray(stamps.image(objid).copy()).save(folder / f"{objid}.png")
    return folder


@pytest.fixture
def folder(stamps: Sample, tmp_path: Path) -> Path:
    """Eight stamps as PNG files."""
    return _save(stamps, tmp_path / "images", 8)


def _cheap(image: np.ndarray, settings: object = None, *, engine: str = "fast") -> Morphology:
    return Morphology(*image.reshape(-1)[:5], flag=0)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Replace the measurement by a cheap one; the list holds the mean of each image measured."""
    calls: list[float] = []

    def measure(image: np.ndarray, settings: object = None, *, engine: str = "fast") -> Morphology:
        calls.append(image.mean())
        return _cheap(image)

    monkeypatch.setattr(measurement, "measure", measure)
    return calls


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Replace the backbone by band means; the list holds the size of each batch."""
    calls: list[int] = []

    def run(batch: np.ndarray) -> np.ndarray:
        calls.append(len(batch))
        return np.tile(batch.max(axis=(2, 3)), 427)[:, :1280]

    def load(configuration: Configuration, weights: Path | None = None) -> Encoder:
        return Encoder(configuration, run, "cheap")

    monkeypatch.setattr(inference, "load_encoder", load)
    return calls


def _content(folder: Path) -> dict[str, bytes]:
    """Whole table but for its provenance, which names the state of the checkout."""
    return {
        path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".csv", ".npz")
    }


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
    table = measure_sample(folder_sample(folder), tmp_path / "out", [LITE], processes)
    rows = table.morphology.set_index("objid")
    assert len(rows) == 11
    assert "unreadable image: UnidentifiedImageError" in rows.loc["a_text", "reason"]
    assert "40x64 px" in rows.loc["b_small", "reason"]
    assert rows.loc["c_constant", "reason"] == "the image is constant"
    bad = rows.index.isin(["a_text", "b_small", "c_constant"])
    assert rows.loc[bad, list(FIVE)].isna().all(axis=None)
    assert rows.loc[~bad, ["concentration", "gini"]].notna().all(axis=None)
    np.testing.assert_array_equal(np.isnan(table.embedding(LITE)).all(axis=1), bad)
    np.testing.assert_array_equal(np.isfinite(table.embedding(LITE)).all(axis=1), ~bad)


def test_a_galaxy_without_a_file_is_a_row_with_a_reason(stamps: Sample, tmp_path: Path) -> None:
    objids = list(stamps.catalogue["objid"][:2])
    catalogue = stamps.catalogue[:3]
    sample = Sample("part", catalogue, None, {objid: stamps.image(objid) for objid in objids})
    rows = measure_morphology(sample, tmp_path, 1)
    assert list(rows["objid"]) == list(catalogue["objid"])
    assert rows["reason"].iloc[2] == "no image file"
    assert rows["concentration"].notna().tolist() == [True, True, False]


def test_an_unexpected_error_is_a_reason(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(image: np.ndarray, settings: object = None, *, engine: str = "fast") -> Morphology:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr(measurement, "measure", fail)
    rows = measure_morphology(folder_sample(folder), tmp_path, 1)
    assert set(rows["reason"]) == {"ZeroDivisionError: by nought"}
    assert len(rows) == 8


@pytest.mark.skipif(
    multiprocessing.get_start_method() != "fork", reason="only a fork sees the replaced function"
)
def test_a_worker_that_dies_is_a_row_with_a_reason(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killer = folder_sample(folder).catalogue["objid"][5]
    deadly = band_mean(read_image(folder / f"{killer}.png")).mean()

    def measure(image: np.ndarray, settings: object = None, *, engine: str = "fast") -> Morphology:
        if image.mean() == deadly:
            os._exit(1)
        return _cheap(image)

    monkeypatch.setattr(measurement, "measure", measure)
    rows = measure_morphology(folder_sample(folder), tmp_path, 2).set_index("objid")
    assert rows.loc[killer, "reason"] == "the measuring process died on this image"
    assert rows["concentration"].isna().sum() == 1
    assert len(rows) == 8


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_workers_measure_however_they_are_started(
    folder: Path, tmp_path: Path, method: str
) -> None:
    code = (
        "import multiprocessing, sys; from pathlib import Path\n"
        "from galaxy_utils.data import sample\n"
        "from galaxy_utils.features import table as measurement\n"
        "if __name__ == '__main__':\n"
        f"    multiprocessing.set_start_method({method!r})\n"
        "    rows = measurement.measure_appearances(\n"
        "        sample.folder_sample(Path(sys.argv[1])), Path(sys.argv[2]), 2)\n"
        "    assert not rows['reason'].str.contains('died').any(), rows['reason'].tolist()\n"
    )
    (tmp_path / "measure.py").write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, tmp_path / "measure.py", folder, tmp_path / "out"],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_one_and_two_processes_measure_the_same(folder: Path, tmp_path: Path) -> None:
    sample = folder_sample(folder)
    _same(
        measure_morphology(sample, tmp_path / "one", 1),
        measure_morphology(sample, tmp_path / "two", 2),
    )


def test_the_table_holds_what_morphology_measures(folder: Path, tmp_path: Path) -> None:
    rows = measure_sample(folder_sample(folder), tmp_path, [], 1).morphology
    for row in rows.head(3).itertuples():
        expected = astuple(measure(band_mean(read_image(folder / f"{row.objid}.png"))))
        np.testing.assert_allclose(row[2:-1], expected[:-1], rtol=1e-5)
        assert row.reason == expected[-1]


# Resuming


def _journal(folder: Path) -> Path:
    return next((folder / JOURNAL).glob("morphology-*.jsonl"))


def test_after_a_kill_only_missing_galaxies_are_measured(
    folder: Path, tmp_path: Path, measured: list[float]
) -> None:
    sample = folder_sample(folder)
    undisturbed = measure_morphology(sample, tmp_path, 1)
    assert len(measured) == 8
    lines = _journal(tmp_path).read_bytes().splitlines(keepends=True)
    _journal(tmp_path).write_bytes(b"".join(lines[:5]) + lines[5][:40])
    measured.clear()
    _same(measure_morphology(sample, tmp_path, 1), undisturbed)
    assert len(measured) == 3
    measured.clear()
    _same(measure_morphology(sample, tmp_path, 1), undisturbed)
    assert measured == []


@settings(deadline=None, max_examples=20)
@given(share=st.floats(0, 1))
def test_a_journal_may_be_cut_anywhere(share: float, tmp_path_factory: object) -> None:
    folder = tmp_path_factory.mktemp("cut")  # type: ignore[attr-defined]
    images = np.random.default_rng(0).integers(0, 256, (4, 48, 48, 3), dtype=np.uint8)
    cutouts = {f"g{number}": image for number, image in enumerate(images)}
    sample = Sample("few", pd.DataFrame({"objid": list(cutouts)}), None, cutouts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measurement, "measure", _cheap)
        undisturbed = measure_morphology(sample, folder, 1)
        whole = _journal(folder).read_bytes()
        _journal(folder).write_bytes(whole[: round(share * len(whole))])
        _same(measure_morphology(sample, folder, 1), undisturbed)
    assert _journal(folder).read_bytes() == whole


def test_a_changed_image_is_measured_again(
    folder: Path, tmp_path: Path, measured: list[float], encoded: list[int]
) -> None:
    sample = folder_sample(folder)
    before = measure_sample(sample, tmp_path / "out", [LITE], 1)
    old = before.embedding(LITE)
    changed = sample.catalogue["objid"][3]
    pixels = 255 - read_image(folder / f"{changed}.png")
    PillowImage.fromarray(pixels).save(folder / f"{changed}.png")
    measured.clear()
    after = measure_sample(sample, tmp_path / "out", [LITE], 1)
    assert measured == [band_mean(pixels).mean()]
    differs = (before.morphology["gini"] != after.morphology["gini"]).to_numpy()
    np.testing.assert_array_equal(differs, sample.catalogue["objid"] == changed)
    moved = np.abs(old - after.embedding(LITE)).max(axis=1)  # the others by rounding at most
    np.testing.assert_array_equal(moved > 0.1, differs)


def test_other_settings_are_measured_again(
    folder: Path, tmp_path: Path, measured: list[float]
) -> None:
    sample = folder_sample(folder)
    measure_morphology(sample, tmp_path, 1)
    measured.clear()
    measure_morphology(sample, tmp_path, 1, settings=SegmentationSettings(threshold=3.0))
    assert len(measured) == 8


@pytest.mark.parametrize("what", ["morphology", "embedding"])
def test_what_other_code_measured_is_measured_again(
    folder: Path,
    tmp_path: Path,
    measured: list[float],
    encoded: list[int],
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    sample = folder_sample(folder)
    measure_sample(sample, tmp_path / "out", [LITE], 1)
    calls = {"morphology": measured, "embedding": encoded}
    for made in calls.values():
        made.clear()
    version = measurement.metadata.version
    package = {"morphology": "photutils", "embedding": "torch"}[what]
    monkeypatch.setattr(
        measurement.metadata, "version", lambda name: "0" if name == package else version(name)
    )
    measure_sample(sample, tmp_path / "out", [LITE], 1)
    assert [name for name, made in calls.items() if made] == [what]


def test_a_frame_is_told_by_what_saturates_it(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    y, x = np.mgrid[:256, :256]
    for name, lit in (("plain", y < 0), ("trail", np.abs(y - x) < 2)):
        frame = np.repeat(np.where(lit, 255, 20).astype(np.uint8)[..., None], 3, axis=2)
        PillowImage.fromarray(frame).save(images / f"{name}.png")
    (images / "torn.jpg").write_bytes(b"not a picture")
    frames = measure_frames(folder_sample(images), tmp_path / "out", 2).set_index("objid")["frame"]
    assert frames.to_dict() == {"plain": "neither", "torn": "no image", "trail": "trail"}


def test_engines_measure_side_by_side(folder: Path, tmp_path: Path) -> None:
    sample = folder_sample(folder)
    table = measure_sample(sample, tmp_path, [], 1, engines=ENGINES)
    fast, statmorph = table.measured_by("fast"), table.measured_by("statmorph")
    assert fast is not None and statmorph is not None
    assert list(fast.columns) == list(statmorph.columns) == ["objid", *MORPHOLOGY_COLUMNS]
    columns = ["concentration", "asymmetry", "smoothness", "gini"]
    np.testing.assert_allclose(fast[columns], statmorph[columns], atol=0.01)
    np.testing.assert_array_equal(fast["flag"], statmorph["flag"])
    np.testing.assert_array_equal(fast["reason"], statmorph["reason"])
    alone = measure_sample(sample, tmp_path / "alone", [], 1)
    assert alone.measured_by("statmorph") is None
    pd.testing.assert_frame_equal(alone.measured_by("fast"), fast)
    reference = measure_sample(sample, tmp_path / "reference", [], 1, engines=("statmorph",))
    assert reference.measured_by("fast") is None
    _same(reference.morphology[list(FIVE)], statmorph[list(FIVE)])


def test_two_measurements_into_one_folder_do_not_meet(folder: Path, tmp_path: Path) -> None:
    (tmp_path / JOURNAL).mkdir()
    with (
        FileLock(tmp_path / JOURNAL / "lock"),
        pytest.raises(UserError, match="another process is measuring"),
    ):
        measure_sample(folder_sample(folder), tmp_path, [], 1)


def test_an_embedding_goes_on_at_the_piece_where_it_was_stopped(
    folder: Path, tmp_path: Path, encoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measurement, "SHARD", 3)
    sample = folder_sample(folder)
    undisturbed = measure_embedding(sample, LITE, tmp_path / "undisturbed")
    assert encoded == [3, 3, 2]
    write = measurement._write_shard

    def stop_at_the_second(path: Path, vectors: np.ndarray) -> None:
        if len(encoded) == 2:
            raise KeyboardInterrupt
        write(path, vectors)

    encoded.clear()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(measurement, "_write_shard", stop_at_the_second)
        measure_embedding(sample, LITE, tmp_path / "stopped")
    encoded.clear()
    resumed = measure_embedding(sample, LITE, tmp_path / "stopped")
    assert encoded == [3, 2]
    np.testing.assert_array_equal(resumed, undisturbed)


def test_features_beyond_half_precision_stay_finite(
    folder: Path, tmp_path: Path, encoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        inference, "embed", lambda encoder, images: np.full((len(images), 1280), 1e6)
    )
    vectors = measure_embedding(folder_sample(folder), LITE, tmp_path)
    assert vectors.dtype == np.float16
    assert (vectors == measurement.LARGEST_HALF).all()


def test_a_table_resumed_after_sigkill_is_the_undisturbed_one(
    stamps: Sample, tmp_path: Path
) -> None:
    number = 24
    images = _save(stamps, tmp_path / "images", number)
    slow = ["--engine", "statmorph"]  # the compiled engine may be through before the kill
    options = ["--images", str(images), "--backbones", "efficientnet_lite0", "--cores", "2", *slow]

    def command(out: str) -> list[str]:
        return ["measure", *options, "--out", str(tmp_path / out)]

    killed = subprocess.Popen(
        [str(Path(sys.executable).with_name("galaxy-book")), *command("killed")],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    _wait_for(lambda: _lines(tmp_path / "killed") >= 4)
    os.killpg(killed.pid, signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert 4 <= _lines(tmp_path / "killed") < number
    assert not (tmp_path / "killed" / "manifest.json").exists()
    with pytest.raises(UserError, match="no manifest"):
        read_measured(tmp_path / "killed")

    assert main(command("killed")) == 0
    assert main(command("undisturbed")) == 0
    assert _content(tmp_path / "killed") == _content(tmp_path / "undisturbed")
    assert len(read_measured(tmp_path / "killed").catalogue) == number


def test_workers_end_with_a_parent_that_was_killed(stamps: Sample, tmp_path: Path) -> None:
    images = _save(stamps, tmp_path / "images", 24)
    parent = subprocess.Popen(
        [str(Path(sys.executable).with_name("galaxy-book")), "measure", "--images", str(images),
         "--engine", "statmorph", "--backbones", "efficientnet_lite0", "--cores", "2",
         "--out", str(tmp_path / "out")],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    _wait_for(lambda: _lines(tmp_path / "out") >= 4)
    parent.kill()
    parent.wait()

    def gone() -> bool:
        try:
            os.killpg(parent.pid, 0)
        except ProcessLookupError:
            return True
        return False

    _wait_for(gone)


def _lines(folder: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in folder.glob(f"{JOURNAL}/*.jsonl"))


def _wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(12_000):
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError("nothing happened for a minute")


# The table


@pytest.fixture
def table(folder: Path, tmp_path: Path, measured: list[float], encoded: list[int]) -> Path:
    measure_sample(folder_sample(folder), tmp_path / "table", [LITE], 1)
    return tmp_path / "table"


def test_a_table_finds_its_pictures(table: Path, folder: Path) -> None:
    assert (table / "images").resolve() == folder.resolve()
    assert open_galaxies(str(table)).sample.has_images
    measure_sample(folder_sample(table / "images"), table, [], 1)  # the link itself as the source
    assert (table / "images").resolve() == folder.resolve()


def test_a_table_is_read_as_it_was_written(table: Path, folder: Path) -> None:
    read = read_measured(table)
    assert list(read.catalogue["objid"]) == list(folder_sample(folder).catalogue["objid"])
    assert list(read.morphology.columns) == ["objid", *MORPHOLOGY_COLUMNS]
    assert read.embedding(LITE).shape == (8, 1280)
    assert read.embedding(LITE).dtype == np.float32
    assert read.provenance["n_galaxies"] == 8
    assert set(read.provenance["embeddings"]) == {LITE}


@pytest.mark.parametrize(
    "name", ["catalogue.csv", "morphology.csv", f"{LITE}.npz", "provenance.json"]
)
def test_a_tampered_or_missing_file_is_refused(table: Path, name: str) -> None:
    content = (table / name).read_bytes()
    (table / name).write_bytes(content[:-2] + b"7\n")
    with pytest.raises(UserError, match=f"{name} does not match its checksum"):
        read_measured(table)
    (table / name).unlink()
    with pytest.raises(UserError, match=f"{name} is missing"):
        read_measured(table)


def test_a_folder_that_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no manifest\.json"):
        read_measured(tmp_path)


def test_an_embedding_that_was_not_measured_is_refused(table: Path) -> None:
    with pytest.raises(UserError, match=f"'convnext_base-eq1' was not measured; there are: {LITE}"):
        read_measured(table).embedding("convnext_base-eq1")


def test_a_second_backbone_is_added_to_the_table(table: Path, folder: Path) -> None:
    again = measure_sample(folder_sample(folder), table, ["efficientnet_lite0-native"], 1)
    assert set(again.embeddings) == {LITE, "efficientnet_lite0-native"}


def test_every_embedding_of_a_table_has_its_rows(table: Path, folder: Path) -> None:
    PillowImage.new("RGB", (64, 64), "grey").save(folder / "another.png")
    read = measure_sample(folder_sample(folder), table, ["efficientnet_lite0-native"], 1)
    for name in read.embeddings:
        assert len(read.embedding(name)) == len(read.catalogue) == 9


def test_no_embedding_of_an_image_that_has_changed_stays(table: Path, folder: Path) -> None:
    before = read_measured(table).embedding(LITE)
    changed = folder_sample(folder).catalogue["objid"][0]
    PillowImage.fromarray(255 - read_image(folder / f"{changed}.png")).save(
        folder / f"{changed}.png"
    )
    read = measure_sample(folder_sample(folder), table, ["efficientnet_lite0-native"], 1)
    assert LITE not in read.embeddings or (read.embedding(LITE)[0] != before[0]).any()


def test_positions_keep_their_digits(folder: Path, tmp_path: Path, measured: list[float]) -> None:
    objid = folder_sample(folder).catalogue["objid"][0]
    (folder / "catalogue.csv").write_text(f"objid,ra,dec\n{objid},187.123456,-0.123456\n")
    read = measure_sample(folder_sample(folder), tmp_path / "out", [], 1).catalogue
    assert read["ra"][0] == pytest.approx(187.123456, abs=1e-5)  # 0.04 arcsec


# The committed table


def test_the_committed_table_is_whole() -> None:
    table = read_measured(SDSS)
    assert len(table.catalogue) == len(table.morphology) == 5000
    assert table.catalogue["objid"].is_unique
    assert list(table.catalogue["objid"]) == list(table.morphology["objid"])
    assert table.catalogue["gz1_class"].notna().all()
    assert table.provenance["n_galaxies"] == 5000
    unmeasured = table.morphology[list(FIVE)].isna().any(axis=1)
    assert unmeasured.mean() < 0.02
    assert (table.morphology.loc[unmeasured, "reason"] != "").all()
    assert not (table.morphology[list(FIVE)] == -99).any(axis=None)


def test_the_committed_files_are_small() -> None:
    names = [*json.loads((SDSS / "manifest.json").read_text()), "manifest.json"]
    assert sum((SDSS / name).stat().st_size for name in names) <= 60e6


@pytest.mark.parametrize("framing", ["eq1", "crop2"])
@pytest.mark.parametrize("backbone", OFFLINE_BACKBONES)
def test_the_committed_embeddings(backbone: str, framing: str) -> None:
    table = read_measured(SDSS)
    stored = table.embedding(f"{backbone}-{framing}")
    assert stored.shape == (5000, 1280)
    assert np.isfinite(stored).all()
    assert len(np.unique(stored[:, :64], axis=0)) > 4990
    lost = table.provenance["embeddings"][f"{backbone}-{framing}"]
    assert lost["variance_lost"] < 1e-3
    assert lost["smallest_cosine"] > 0.999


def test_the_committed_table_holds_both_engines_and_they_agree() -> None:
    table = read_measured(SDSS)
    found = agreement(table.morphology)
    assert (found["within_small"] >= 95).all()
    assert (found["within_large"] >= 99).all()
    same = table.morphology["flag"] == table.morphology["statmorph_flag"]
    assert same.mean() >= 0.97


HAS_PICTURES = pytest.mark.skipif(
    not any((SDSS / "images").glob("*.jpg")),
    reason=f"no cutouts: the folder {SDSS / 'images'} lacks or is empty",
)


@HAS_PICTURES
def test_the_committed_parameters_come_from_the_pictures() -> None:
    table = read_measured(SDSS)
    for engine in ENGINES:
        committed = table.measured_by(engine)
        assert committed is not None
        _agrees(committed, engine)


def _agrees(committed: pd.DataFrame, engine: str) -> None:
    for row in [0, 1250, 2500, 3750, 4999]:
        image = read_image(SDSS / "images" / f"{committed['objid'][row]}.jpg")
        found = measure(band_mean(image), engine=engine)
        np.testing.assert_allclose(
            [getattr(found, name) for name in FIVE],
            committed.loc[row, list(FIVE)].to_numpy(float),
            rtol=1e-4,
        )


@HAS_PICTURES
def test_the_committed_embedding_comes_from_the_pictures() -> None:
    table = read_measured(SDSS)
    rows = [1250, 3750]
    names = [SDSS / "images" / f"{table.catalogue['objid'][row]}.jpg" for row in rows]
    found = embed(load_encoder(Configuration.named(LITE)), map(read_image, names))
    stored = table.embedding(LITE)
    for vector, row in zip(found, rows, strict=True):
        cosines = stored @ vector / np.linalg.norm(stored, axis=1) / np.linalg.norm(vector)
        assert cosines[row] > 0.999
        assert cosines.argmax() == row
