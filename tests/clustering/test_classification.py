"""Every file becomes a row, drift is told where there is some, and names cannot break the page."""

from __future__ import annotations

import base64
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from bs4 import BeautifulSoup
from PIL import Image as PillowImage

from galaxy_utils.cli import main
from galaxy_utils.clustering.classifier import PIPELINE, GalaxyClassifier
from galaxy_utils.data import survey
from galaxy_utils.data.fits import read_fits, stretch
from galaxy_utils.data.hubble import hdf_sample
from galaxy_utils.data.images import ImageError, read_image, thumbnail
from galaxy_utils.data.sample import folder_sample
from galaxy_utils.errors import UserError
from galaxy_utils.evaluation.drift import (
    ALIKE,
    DIFFERENT,
    DRIFT_AUC,
    FEWEST_FOR_DRIFT,
    measure_drift,
)
from galaxy_utils.simulate import drawing as mock
from galaxy_utils.simulate import families as mock_families
from galaxy_utils.workflow.classification import (
    MODEL,
    _named_after,
    classify_folder,
)


@pytest.fixture(scope="module")
def model() -> GalaxyClassifier:
    return GalaxyClassifier.load(MODEL)


def _galaxy(size: int = 96, seed: int = 0, scale: float = 1.0, noise: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] - size / 2
    return scale * (5 + 200 * np.exp(-np.hypot(x / 6, y / 4)) + rng.normal(0, noise, (size, size)))


def _known(model: GalaxyClassifier, rows: np.ndarray) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Known galaxies as if they were new: deep features that give their components."""
    known = model.galaxies.iloc[rows].reset_index(drop=True)
    measured = known[["objid", *model.measured]].astype(dict.fromkeys(model.measured, float))
    names = [str(n) for n in model.pipeline.feature_names_in_ if ":" in str(n)]
    pca = model.pipeline[0].named_transformers_["deep"][-1]
    deep = pca.inverse_transform(model.space[rows, len(model.measured) :])
    X = pd.concat([measured[model.measured], pd.DataFrame(deep, columns=names)], axis=1)
    return measured.assign(flag=0, reason=""), X


def test_known_galaxies_find_themselves(model: GalaxyClassifier) -> None:
    rows = np.arange(0, len(model.galaxies), 40)
    table, space = model.classify(*_known(model, rows))
    assert (table["nearest_1"] == model.galaxies["objid"].to_numpy()[rows]).mean() > 0.95
    expected = model.pipeline[-1].predict(model.space[rows])
    assert (table["cluster"].to_numpy(int) == expected).mean() > 0.99
    shares = table[[f"p_{c}" for c in range(4)]].sum(axis=1)
    assert shares.to_numpy() == pytest.approx(1.0) and len(space) == len(rows)
    likelihood = model.galaxies["log_likelihood"].to_numpy()
    percentile = 100 * (likelihood[:, None] > likelihood[rows]).mean(axis=0)
    assert np.abs(100 - table["percentile"] - percentile).mean() < 1


def test_what_cannot_be_measured_is_a_row_with_a_reason(model: GalaxyClassifier) -> None:
    table, X = _known(model, np.arange(4))
    X.loc[1, "gini"] = np.nan
    X.iloc[2, len(model.measured) :] = np.nan
    found, space = model.classify(table, X)
    assert found["cluster"].isna().tolist() == [False, True, True, False] and len(space) == 2
    assert found.loc[1, "reason"] == "gini" and found.loc[2, "reason"] == "no deep features"
    lost, none = model.classify(table.iloc[[1]], X.iloc[[1]])
    assert lost["cluster"].isna().all() and "nearest_5_distance" in lost and not len(none)
    table.loc[0, ["colour_gr", "colour_ri"]] = 0.0
    grey, _ = model.classify(table.iloc[[0]], X.iloc[[0]])
    assert grey["cluster"].notna().all() and "grey" in grey["reason"].iloc[0]
    assert "grey" not in found.loc[3, "reason"]


def test_a_random_half_of_the_known_galaxies_is_no_drift(model: GalaxyClassifier) -> None:
    for seed in range(3):
        rows = np.random.default_rng(seed).choice(len(model.galaxies), 250, replace=False)
        drift = measure_drift(model, *model.classify(*_known(model, rows)))
        assert drift.level == ALIKE and (drift.parameters["p_holm"] > 0.01).all()
        alike = replace(drift, auc=0.46, auc_low=0.43)
        assert "cannot tell them" in alike.sentence() and "0.46 (0.43" in alike.sentence()


def test_other_galaxies_are_drift_and_few_cannot_be_judged(model: GalaxyClassifier) -> None:
    table, X = _known(model, np.arange(200))
    moved = {"concentration": table["concentration"] + 1.0}
    drift = measure_drift(model, *model.classify(table.assign(**moved), X.assign(**moved)))
    assert drift.outside and "outside" in drift.sentence()
    assert drift.parameters.set_index("parameter").loc["concentration", "p_holm"] < 1e-6
    assert "A classifier tells them" in drift.sentence()
    slightly = {"smoothness": table["smoothness"] * 1.3 + 0.01}  # as another JPEG encoder would
    other = measure_drift(model, *model.classify(table.assign(**slightly), X.assign(**slightly)))
    assert other.level == DIFFERENT and other.auc > DRIFT_AUC and not other.outside
    assert "most of all in smoothness" in other.sentence() and "can be used" in other.sentence()
    few = measure_drift(
        model, *model.classify(table.head(FEWEST_FOR_DRIFT - 1), X.head(FEWEST_FOR_DRIFT - 1))
    )
    assert few.outside is None and "too few" in few.sentence()


@pytest.mark.parametrize(("anomalies", "outside"), [(5, False), (12, False), (30, True)])
def test_as_many_anomalies_as_known_are_no_drift_and_six_times_as_many_are(
    model: GalaxyClassifier, anomalies: int, outside: bool
) -> None:
    rng = np.random.default_rng(0)
    odd = model.galaxies["log_likelihood"].to_numpy() < model.threshold
    rows = [rng.choice(np.flatnonzero(odd), anomalies, replace=False),
            rng.choice(np.flatnonzero(~odd), 250 - anomalies, replace=False)]  # fmt: skip
    drift = measure_drift(model, *model.classify(*_known(model, np.concatenate(rows))))
    assert drift.outside == outside and drift.auc < DRIFT_AUC
    assert drift.anomaly_percent == pytest.approx(100 * anomalies / 250, abs=0.5)
    assert drift.anomaly_low < drift.anomaly_percent < drift.anomaly_high


def test_a_saved_model_gives_the_same_and_a_damaged_one_is_refused(
    model: GalaxyClassifier, tmp_path: Path
) -> None:
    model.save(tmp_path)
    again = GalaxyClassifier.load(tmp_path)
    table, X = _known(model, np.arange(30))
    pd.testing.assert_frame_equal(again.classify(table, X)[0], model.classify(table, X)[0])
    content = bytearray((tmp_path / PIPELINE).read_bytes())
    content[100] ^= 1
    (tmp_path / PIPELINE).write_bytes(content)
    with pytest.raises(UserError, match="does not match its checksum"):
        GalaxyClassifier.load(tmp_path)
    (tmp_path / PIPELINE).unlink()
    with pytest.raises(UserError, match="pipeline.skops is missing"):
        GalaxyClassifier.load(tmp_path)


def test_the_clusters_of_the_committed_model_are_described(model: GalaxyClassifier) -> None:
    found = model.clusters()
    assert found["galaxies"].sum() == len(model.galaxies) == model.about["galaxies"]
    largest = model.galaxies[model.pipeline[-1].predict(model.space) == 0]
    assert found.loc[0, "concentration"] == round(float(largest["concentration"].median()), 3)
    assert found.loc[0, "commonest"] == largest["type"].replace("", np.nan).mode()[0]


# Files


def test_fits_in_one_band_and_in_three(tmp_path: Path) -> None:
    for band, scale in {"g": 1.0, "r": 2.0, "i": 4.0}.items():
        fits.writeto(tmp_path / f"a-{band}.fits", _galaxy(scale=scale))
    fits.writeto(tmp_path / "b.fits", _galaxy())
    planes = np.stack([_galaxy(scale=s) for s in (4.0, 2.0, 1.0)])
    fits.writeto(tmp_path / "c.fit", planes, fits.Header({"BANDS": "irg"}))
    assert list(folder_sample(tmp_path).catalogue["objid"]) == ["a-r", "b", "c"]
    colour, grey, cube = (read_image(tmp_path / n) for n in ("a-r.fits", "b.fits", "c.fit"))
    np.testing.assert_array_equal(colour, cube)
    assert grey.shape == (96, 96, 3) and np.ptp(grey, axis=2).max() == 0
    centre = colour[46:51, 46:51].mean(axis=(0, 1))
    expected = 2 * survey.SCALES["i"] / survey.SCALES["r"]
    assert centre[0] / centre[1] == pytest.approx(expected, rel=0.1), "ratios of bands stay"
    assert centre[0] > centre[1] > centre[2] > 0


def test_a_stretch_does_not_depend_on_units_and_rises() -> None:
    image = _galaxy()
    same = np.abs(stretch(image[None]).astype(int) - stretch(1e-9 * image[None]))
    assert same.max() <= 1 and (same > 0).mean() < 0.01
    row = stretch(image[None])[48, 48:70, 0].astype(int)
    assert row[0] > row[5] > row[10] > row[20] and row[0] > 60


def test_the_sky_is_as_noisy_as_that_of_the_mock_cutouts() -> None:
    rng = np.random.default_rng(0)
    sky = mock.add_noise(np.zeros((3, 512, 512)), 1.0, rng)
    for band, plane in zip(survey.BANDS, sky, strict=True):
        assert survey.noise(band) == pytest.approx(plane.std(), rel=0.01)
    cutout = survey.as_cutout(survey.composite(sky)).astype(float)
    found = stretch(1234 + 0.02 * sky[::-1]).astype(float)
    assert np.abs(found - cutout).mean() < 0.2 * cutout.std()
    assert found.std() == pytest.approx(cutout.std(), rel=0.05)


def test_mocks_fall_into_the_same_cluster_as_fits_and_as_jpeg(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for _, row in mock_families.truth(45, 0, 0.0).iloc[::4].iterrows():
        drawn, name = mock.draw(row, 0), row["objid"]
        gri = fits.Header({"BANDS": "gri"})
        fits.writeto(images / f"{name}_fits.fits", 37 * drawn.bands, gri)  # any unit
        (images / f"{name}_jpg.jpg").write_bytes(survey.jpeg(drawn.composite))
    table = classify_folder(folder_sample(images), tmp_path / "out", cores=1)[1]
    name, suffix = (table["objid"].str.rsplit("_", n=1).str[k] for k in (0, 1))
    both = table.assign(name=name, suffix=suffix).pivot(
        index="name", columns="suffix", values="cluster"
    )
    both = both.dropna()
    assert len(both) >= 10 and both["jpg"].nunique() > 1
    assert (both["fits"] == both["jpg"]).mean() >= 0.8


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("nan.fits", np.full((96, 96), np.nan), "without any value"),
        (
            "dots.fits",
            np.where(np.arange(96) % 3, _galaxy(), np.nan),
            "33.3 % of the pixels lie in",
        ),
        ("model.fits", _galaxy(noise=0.0), "the sky has no noise"),
        ("flat.fits", np.ones((96, 96)), "constant"),
        ("four.fits", np.ones((4, 96, 96)), "4 planes whose bands are not known.*BANDS = 'griz'"),
        ("three.fits", np.ones((3, 96, 96)), "3 planes whose bands are not known.*BANDS = 'gri'"),
        ("small.fits", _galaxy(40), "at least 48 px"),
    ],
)
def test_a_bad_fits_says_what_is_wrong(
    tmp_path: Path, name: str, content: np.ndarray, reason: str
) -> None:
    fits.writeto(tmp_path / name, content)
    with pytest.raises(ImageError, match=reason):
        read_image(tmp_path / name)


def test_a_triplet_without_a_band_and_a_file_that_is_none(tmp_path: Path) -> None:
    for band in "gr":
        fits.writeto(tmp_path / f"a-{band}.fits", _galaxy())
    with pytest.raises(ImageError, match=r"band i is missing: a-i\.fits"):
        read_fits(tmp_path / "a-r.fits")
    (tmp_path / "b.fits").write_bytes(b"no FITS")
    with pytest.raises(ImageError, match="unreadable FITS"):
        read_fits(tmp_path / "b.fits")


@pytest.fixture(scope="module")
def classified(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder of all kinds of files, put through the command."""
    folder, out = tmp_path_factory.mktemp("images"), tmp_path_factory.mktemp("out")
    for objid, image in list(hdf_sample().cutouts.items())[:24]:
        PillowImage.fromarray(image).save(folder / f"{objid}.png")
    PillowImage.fromarray(stretch(_galaxy(130)[None])).save(folder / "<b>bold.jpg")
    fits.writeto(folder / "faint.fits", _galaxy(200))
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 no picture")
    PillowImage.new("RGB", (30, 30)).save(folder / "tiny.png")
    assert main(["classify", str(folder), "--out", str(out), "--cores", "1", "--no-errors"]) == 0
    return folder, out


def test_every_file_is_a_row(classified: tuple[Path, Path]) -> None:
    _, out = classified
    table = pd.read_parquet(out / "galaxies.parquet")
    assert len(table) == 28 == len(pd.read_csv(out / "galaxies.csv"))
    reasons = table.set_index("objid")["reason"]
    assert "unreadable" in reasons["broken"] and "48 px" in reasons["tiny"]
    assert table.set_index("objid").loc[["broken", "tiny"], "cluster"].isna().all()
    assert table["cluster"].notna().sum() >= 20 and "faint" in set(table["objid"])


def test_the_page_tells_drift_and_shows_every_galaxy(classified: tuple[Path, Path]) -> None:
    soup = BeautifulSoup((classified[1] / "index.html").read_text("utf-8"), "html.parser")
    [note] = soup.select(".atlas-note")[:1]
    assert "outside what the taxonomy was fitted to" in note.get_text()
    data = json.loads(soup.select_one("script.atlas-data").get_text())
    assert sorted(data["objid"]) == sorted(
        pd.read_parquet(classified[1] / "galaxies.parquet").objid
    )
    assert {"broken", "tiny", "<b>bold"} < set(data["objid"]) and not soup.select("main b")
    assert "Photographs of 2 of 28 galaxies are missing." in data["notes"]
    first = soup.select_one("tbody").get_text(" ")
    assert "unreadable" in first and "48 px" in first


def test_thumbnails_show_the_central_half() -> None:
    image = np.zeros((200, 120, 3), np.uint8)
    image[50:150, 30:90] = 255
    kept = base64.b64decode(thumbnail(image, 128).split(",")[1])
    assert np.asarray(PillowImage.open(io.BytesIO(kept))).min() > 250


def test_a_catalogue_says_how_many_of_its_rows_have_an_image(
    classified: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = classified
    kept, catalogue = tmp_path / "out", tmp_path / "mine.csv"
    shutil.copytree(out, kept)
    for names, expected in {
        ("faint.fits", "nowhere"): "1 of 2 catalogue rows have an image",
        ("nowhere",): "0 of 1 catalogue rows have an image; its column objid must hold",
    }.items():
        catalogue.write_text("\n".join(["objid", *names]), encoding="utf-8")
        command = ["classify", str(folder), "--out", str(kept), "--catalogue", str(catalogue)]
        assert main([*command, "--cores", "1", "--no-errors"]) == 0
        assert expected in capsys.readouterr().out
        assert expected in (kept / "index.html").read_text(encoding="utf-8")


def test_what_was_measured_is_taken_up_again(
    classified: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder, out = classified
    again = shutil.copytree(out, tmp_path / "again")
    (again / "galaxies.parquet").unlink()
    monkeypatch.setattr(
        "galaxy_utils.features.inference.load_encoder", lambda *a, **k: pytest.fail("anew")
    )
    page, table, _ = classify_folder(folder_sample(folder), again, cores=1)
    pd.testing.assert_frame_equal(table, pd.read_parquet(out / "galaxies.parquet"),
                                  check_dtype=False)  # fmt: skip
    assert page.exists()


def test_a_folder_without_images_or_with_an_evil_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["classify", str(tmp_path / "empty")]) != 0
    assert "no image in it" in capsys.readouterr().err
    assert _named_after(Path("/a/..b c;d")).startswith("b_c_d-")
