"""The measured table: written, read, tampered with; and the committed table of 5,000 galaxies."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock
from PIL import Image as PillowImage

from galaxy_utils.config import OFFLINE_BACKBONES
from galaxy_utils.data.images import band_mean, read_image
from galaxy_utils.data.sample import folder_sample
from galaxy_utils.errors import UserError
from galaxy_utils.features.backbones import EmbeddingSpec
from galaxy_utils.features.galaxies import open_galaxies
from galaxy_utils.features.inference import embed, load_encoder
from galaxy_utils.features.measured_table import ENGINES, measure_sample, read_measured
from galaxy_utils.morphology.measurement import FIVE, MORPHOLOGY_COLUMNS, Morphology, measure
from galaxy_utils.morphology.parity import agreement
from galaxy_utils.morphology.quality import QUALITY
from galaxy_utils.run_folder import LOCK, ROOT

LITE = "efficientnet_lite0-full"
SDSS = ROOT / "data" / "sdss5000"


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
    assert list(read.morphology.columns) == ["objid", *MORPHOLOGY_COLUMNS, "quality"]
    assert read.morphology["quality"].between(0, 2 ** len(QUALITY) - 1).all()
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


@pytest.mark.parametrize("name", ["../evil.npz", "/etc/hostname", ".hidden", "a/b.csv"])
def test_a_manifest_names_only_files_of_its_folder(table: Path, name: str) -> None:
    manifest = json.loads((table / "manifest.json").read_text())
    (table / "manifest.json").write_text(json.dumps(manifest | {name: "0" * 64}))
    with pytest.raises(UserError, match=f"'{name}' is not the name of a file in this folder"):
        read_measured(table)


def test_a_folder_that_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no manifest\.json"):
        read_measured(tmp_path)


def test_an_embedding_that_was_not_measured_is_refused(table: Path) -> None:
    with pytest.raises(
        UserError, match=f"'convnext_base-full' was not measured; there are: {LITE}"
    ):
        read_measured(table).embedding("convnext_base-full")


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


def test_engines_measure_the_same_galaxies(folder: Path, tmp_path: Path) -> None:
    sample = folder_sample(folder)
    table = measure_sample(sample, tmp_path / "both", [], 1, engines=ENGINES)
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
    pd.testing.assert_frame_equal(reference.morphology[list(FIVE)], statmorph[list(FIVE)])


def test_two_processes_cannot_measure_into_one_folder(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with (
        FileLock(out / LOCK),
        pytest.raises(UserError, match="another process writes a measured table here"),
    ):
        measure_sample(folder_sample(folder), out, [], 1)


# The committed table


def test_the_committed_table_is_complete() -> None:
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


@pytest.mark.parametrize("crop", ["full", "half"])
@pytest.mark.parametrize("backbone", OFFLINE_BACKBONES)
def test_the_committed_embeddings(backbone: str, crop: str) -> None:
    table = read_measured(SDSS)
    stored = table.embedding(f"{backbone}-{crop}")
    assert stored.shape == (5000, 1280)
    assert np.isfinite(stored).all()
    assert len(np.unique(stored[:, :64], axis=0)) > 4990
    lost = table.provenance["embeddings"][f"{backbone}-{crop}"]
    assert lost["variance_lost"] < 1e-3
    assert lost["smallest_cosine"] > 0.999


def test_the_committed_table_holds_both_engines_and_they_agree() -> None:
    table = read_measured(SDSS)
    found = agreement(table.morphology)
    assert (found["within_small"] >= 99).all()
    same = table.morphology["flag"] == table.morphology["statmorph_flag"]
    assert same.mean() >= 0.97


HAS_PICTURES = pytest.mark.skipif(
    not any((SDSS / "images").glob("*.jpg")),
    reason=f"no cutouts: the folder {SDSS / 'images'} lacks or is empty",
)


@HAS_PICTURES
def test_the_committed_parameters_come_from_the_pictures() -> None:
    table = read_measured(SDSS)
    for engine in ("fast", "statmorph"):
        committed = table.measured_by(engine)
        assert committed is not None
        _agrees(committed, partial(measure, engine=engine))


def _agrees(committed: pd.DataFrame, measure: Callable[[np.ndarray], Morphology]) -> None:
    for row in [0, 1250, 2500, 3750, 4999]:
        image = read_image(SDSS / "images" / f"{committed['objid'][row]}.jpg")
        found = measure(band_mean(image))
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
    found = embed(load_encoder(EmbeddingSpec.named(LITE)), map(read_image, names))
    stored = table.embedding(LITE)
    for vector, row in zip(found, rows, strict=True):
        cosines = stored @ vector / np.linalg.norm(stored, axis=1) / np.linalg.norm(vector)
        assert cosines[row] > 0.999
        assert cosines.argmax() == row
