"""The paper's sample from SkyServer: the query, its answer, and what is made of it."""

from __future__ import annotations

import io
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sky import QUICK, Answer, Sky, jpeg, json_error, page_of_error

from galaxy_utils import cli, run_folder
from galaxy_utils.config import make_parameters, write_parameters
from galaxy_utils.data import client, paper_sample, skyserver
from galaxy_utils.data.catalogue import read_catalogue
from galaxy_utils.data.client import Client
from galaxy_utils.data.download import Downloads
from galaxy_utils.data.paper_sample import COLUMNS, PaperSample
from galaxy_utils.data.sample import folder_sample
from galaxy_utils.data.skyserver import QUERY_POLICY, fetch_sample
from galaxy_utils.errors import UserError
from galaxy_utils.features import named_samples
from galaxy_utils.features.galaxies import fingerprint_of, open_galaxies
from galaxy_utils.features.named_samples import skyserver_folder
from galaxy_utils.run_folder import ROOT, RunFolder
from galaxy_utils.workflow import building, pictures, preparation
from galaxy_utils.workflow.pictures import fetch_missing

OBJIDS = [str(1237645879551066262 + 65536 * n + 7 * n * n) for n in range(90)]
"""As those of SDSS: above 2^53, neighbours in field and object."""


PRIME, FACTOR, SEED_FACTOR = 2147483579, 1073741789, 1073741783


def order_key(objid: str, seed: int) -> int:
    """Rank of a galaxy in the pseudo-random order of the statement, from 0 to `PRIME` - 1."""
    y = (int(objid) % PRIME * FACTOR + seed * SEED_FACTOR) % PRIME
    return y * y % PRIME * y % PRIME


def rows_of(number: int, seed: int = 0) -> list[list[str]]:
    """Rows of a catalogue in the order that SkyServer would give them."""
    chosen = sorted(OBJIDS, key=lambda o: (order_key(o, seed), int(o)))[:number]
    rows = []
    for n, objid in enumerate(chosen):
        place = [objid, f"{10 + n / 7:.12g}", f"{-1 + n / 9:.12g}", "0.0523", "3.25", "8.5"]
        votes = ["5877", "31", *["0.1"] * 7, "0.2", "0.85", str(n % 3 == 0), str(n % 3 == 1), "0"]
        votes = [{"True": "1", "False": "0"}.get(vote, vote) for vote in votes]
        rows.append(place + (votes if n % 4 else [""] * 14))
    return rows


def table_of(rows: list[list[str]], columns: tuple[str, ...] = COLUMNS) -> Answer:
    lines = ["#Table1", ",".join(columns), *(",".join(row) for row in rows)]
    return Answer(body=("\n".join(lines) + "\n").encode(), kind="text/plain")


def catalogue(fields: dict[str, str], _: int) -> Answer:
    """Answer with the sample's rows, or with all positions that a query asks for."""
    if found := re.search(r"TOP (\d+) .*CAST\((\d+) AS", fields["cmd"]):
        return table_of(rows_of(int(found[1]), int(found[2])))
    objids = re.findall(r"\d{15,}", fields["cmd"])
    rows = [[objid, "150.1", "2.2"] for objid in objids if not objid.endswith("9")]
    return table_of(rows, ("objid", "ra", "dec"))


def cutout(fields: dict[str, str], _: int) -> Answer:
    assert {"ra", "dec", "scale", "width", "height"} == set(fields)
    return Answer(body=jpeg(int(float(fields["ra"]) * 1e4)))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the waiting times."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(skyserver, "POLICY", QUICK)
    monkeypatch.setattr(skyserver, "QUERY_POLICY", QUICK)


@pytest.fixture
def sky() -> Iterator[Sky]:
    server = Sky(cutout, catalogue)
    yield server
    server.close()


def fetch(sky: Sky, folder: Path, **values: Any) -> Downloads:
    return fetch_sample(PaperSample.of(**values), folder, sky.url)


# The query


def test_the_statement_is_one_and_has_the_parameters() -> None:
    sql = PaperSample.of(number=123, seed=4, z_max=0.07).statement()
    assert sql.startswith("SELECT TOP 123 p.objID AS objid,")
    assert "s.z < 0.07 " in sql and "CAST(4 AS bigint)" in sql and "p.clean = 1" in sql
    for trap in ("--", "$", ";", "\n", "  "):
        assert trap not in sql
    names = re.findall(r" AS (\w+)(?=,| FROM SpecObj)", sql.split("CROSS APPLY")[0])
    assert tuple(names) == COLUMNS


@pytest.mark.parametrize("name", ["number", "seed", "z_max"])
@pytest.mark.parametrize(
    "value",
    [
        "5000", "1; DROP TABLE SpecObj", "0) OR 1=1 --", "0.1 OR 1=1", "", None, True, [1], -1,
        float("nan"), float("inf"), 10**12, 1 + 2j, b"1", "٣", "1 UNION SELECT 2",
    ],
)  # fmt: skip
def test_nothing_but_a_number_gets_into_the_statement(name: str, value: object) -> None:
    with pytest.raises(UserError, match=f"{name}="):
        PaperSample.of(**{name: value})


def test_no_other_parameter_gets_into_the_statement() -> None:
    with pytest.raises(UserError, match="table="):
        PaperSample.of(table="SpecObj")
    with pytest.raises(Exception, match="frozen"):
        PaperSample.of().number = 7  # type: ignore[misc]


def test_the_order_is_the_statements_own() -> None:
    """The expression of the file, worked out by itself with SQL's rules on signed 64 bits."""
    sql = PaperSample.of(seed=2**31 - 1).statement()
    inner = re.search(r"SELECT \( (.*?) \) % (\d+) AS y", sql)
    outer = re.search(r"ORDER BY (.*?), p.objID$", sql)
    assert inner and outer
    as_python = re.sub(r"CAST\((\d+) AS bigint\)", r"\1", inner[1])
    for objid in [*OBJIDS, str(2**63 - 1)]:
        y = eval(as_python.replace("p.objID", objid)) % int(inner[2])
        assert eval(outer[1].replace("h.y", str(y))) == order_key(objid, 2**31 - 1)
    assert 2 * (PRIME - 1) * FACTOR < 2**63  # both products, for any seed
    assert (2**31 - 1) * SEED_FACTOR + (PRIME - 1) * FACTOR < 2**63
    assert (PRIME - 1) ** 2 < 2**63
    assert (PRIME - 1) % 3 != 0  # cubing permutes the residues


def test_the_order_is_random_over_the_structure_of_identifiers() -> None:
    runs, columns, fields, objects = range(94, 8000, 101), range(1, 7), range(11, 600, 97), (3, 90)
    objids = [
        (run << 32) + (column << 29) + (number << 16) + item + (301 << 48) + (1 << 60)
        for run in runs for column in columns for number in fields for item in objects
    ]  # fmt: skip
    chosen = {}
    for seed in (0, 1):
        ranked = sorted(objids, key=lambda o: order_key(str(o), seed))  # noqa: B023
        chosen[seed] = ranked[: len(ranked) // 4]
        camcols = np.bincount([(o >> 29) & 7 for o in chosen[seed]])[1:]
        halves = np.bincount([((o >> 32) & 0xFFFF) > 4000 for o in chosen[seed]])
        for counts in (camcols, halves):
            expected = len(chosen[seed]) / len(counts)
            assert (np.abs(counts - expected) < 5 * np.sqrt(expected)).all()
    shared = len(set(chosen[0]) & set(chosen[1])) / len(chosen[0])
    assert abs(shared - 0.25) < 0.05  # another seed is another sample
    assert (
        sorted(objids, key=lambda o: order_key(str(o), 0))[:50]
        == sorted(chosen[0], key=lambda o: order_key(str(o), 0))[:50]
    )


# Its answer


def test_a_sample_is_fetched_whole(sky: Sky, tmp_path: Path) -> None:
    folder = tmp_path / "sky"
    assert fetch(sky, folder, number=12) == Downloads(12, 0, {})
    table = pd.read_csv(folder / "catalogue.csv", dtype=str, keep_default_na=False)
    assert list(table.columns[:6]) == ["objid", "gz1_class", "ra", "dec", "z", "petroR50_r"]
    assert set(COLUMNS) < set(table.columns)
    assert table["objid"].tolist() == [row[0] for row in rows_of(12)]
    by_flag = {0: "spiral_combined", 1: "elliptical", 2: ""}
    expected = [by_flag[n % 3] if n % 4 else "" for n in range(12)]
    assert table["gz1_class"].tolist() == expected
    content = json.loads((folder / "query.json").read_text())
    assert content["recipe"] == {"number": 12, "seed": 0, "z_max": 0.1}
    assert content["sql"] == sky.sql[0] and content["server"] == sky.url
    assert {path.stem for path in folder.glob("*.jpg")} == set(table["objid"])
    sample = folder_sample(folder)  # the folder is a sample as it stands
    assert len(sample.catalogue) == 12 and sample.catalogue["z"].eq(0.0523).all()
    assert sample.image(table["objid"][0]).shape == (256, 256, 3)
    path = next(p for p in sky.seen if "getjpeg" in p)
    assert "scale=0.396&" in path and "width=256&height=256" in path
    assert path.startswith("/dr17/SkyServerWS/ImgCutout/getjpeg?ra=")


def test_a_fetched_sample_asks_nothing_again(sky: Sky, tmp_path: Path) -> None:
    fetch(sky, tmp_path, number=5)
    seen = sky.seen.total()
    sky.close()
    assert fetch(sky, tmp_path, number=5) == Downloads(0, 5, {})
    assert sky.seen.total() == seen


def test_a_folder_holds_one_sample(sky: Sky, tmp_path: Path) -> None:
    fetch(sky, tmp_path, number=3)
    with pytest.raises(UserError, match="another sample.*--out"):
        fetch(sky, tmp_path, number=3, seed=1)
    with (tmp_path / "catalogue.csv").open("a") as lines:
        lines.write("x\n")
    with pytest.raises(UserError, match="not what SkyServer sent"):
        fetch(sky, tmp_path, number=3)


BAD_TABLES = {
    "few": (table_of(rows_of(3)), "3 rows, expected 4"),
    "many": (table_of(rows_of(5)), "5 rows, expected 4"),
    "twice": (table_of([*rows_of(3), rows_of(3)[0]]), "row 4: objid is .* each once"),
    "columns": (table_of(rows_of(4), ("name", *COLUMNS[1:])), "columns name"),
    "path": (
        table_of([["../../x", *r[1:]] for r in rows_of(4)]),
        "objid is .* an SDSS identifier",
    ),
    "rounded": (
        table_of([["1.2377e18", *r[1:]] for r in rows_of(4)]),
        "objid is .* an SDSS identifier",
    ),
    "sky": (table_of([[r[0], "361", *r[2:]] for r in rows_of(4)]), "ra is 361"),
    "z": (table_of([[*r[:3], "0.5", *r[4:]] for r in rows_of(4)]), "z is 0.5"),
    "word": (table_of([[r[0], "x", *r[2:]] for r in rows_of(4)]), "'x' is not a number"),
    "none": (table_of([[r[0], "", *r[2:]] for r in rows_of(4)]), "ra is nan"),
    "short": (Answer(body=table_of(rows_of(4)).body[:-70]), "cut short"),
    "header": (Answer(body=b"#Table1\n"), "columns none"),
    "page": (page_of_error("Cannot open database"), "Cannot open database"),
    "down": (json_error(503, "No server is available"), "HTTP 503.*No server is available"),
    "syntax": (json_error(400, "Incorrect syntax near 'p'"), "HTTP 400.*Incorrect syntax near"),
    "json": (Answer(body=b'[{"TableName":"Table1","Rows":[]}]'), "expected a table"),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_a_wrong_answer_is_refused_with_its_reason(name: str, tmp_path: Path) -> None:
    answer, reason = BAD_TABLES[name]
    server = Sky(cutout, lambda *_: answer)
    with pytest.raises(UserError, match=reason):
        fetch(server, tmp_path, number=4)
    server.close()
    assert list(tmp_path.glob("*")) == []


def test_a_query_is_tried_again(tmp_path: Path) -> None:
    def busy(fields: dict[str, str], number: int) -> Answer:
        return catalogue(fields, number) if number else page_of_error("busy")

    server = Sky(cutout, busy)
    assert fetch(server, tmp_path, number=2).fetched == 2
    server.close()


def test_galaxies_without_image_are_rows_and_stop_nothing(tmp_path: Path) -> None:
    lost = rows_of(10)[4]

    def partly(fields: dict[str, str], number: int) -> Answer:
        if abs(float(fields["ra"]) - float(lost[1])) < 1e-6:
            return Answer(body=jpeg(black=True))
        return cutout(fields, number)

    server = Sky(partly, catalogue)
    done = fetch(server, tmp_path, number=10)
    server.close()
    assert done.fetched == 9 and set(done.failures) == {lost[0]}
    assert paper_sample.is_complete(tmp_path)
    next(tmp_path.glob("*.jpg")).unlink()
    assert not paper_sample.is_complete(tmp_path)


# Offline


def test_an_offline_machine_is_told_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    monkeypatch.setattr(socket, "getaddrinfo", Mock(side_effect=unknown))
    began = time.monotonic()
    with pytest.raises(UserError, match="sky.sdss.example cannot be reached.*HTTPS_PROXY"):
        fetch_sample(PaperSample.of(), tmp_path, "https://sky.sdss.example/dr17")
    assert time.monotonic() - began < 10
    assert list(tmp_path.glob("*")) == []


# As a sample of a run


@pytest.fixture
def at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sky: Sky) -> Path:
    """A checkout of its own, whose SkyServer is the one on this machine."""
    monkeypatch.setattr(named_samples, "ROOT", tmp_path)
    monkeypatch.setattr(run_folder, "ROOT", tmp_path)
    monkeypatch.setattr(pictures, "SERVER", sky.url)
    return tmp_path


def test_the_sample_skyserver_is_fetched_then_opened(at_home: Path, sky: Sky) -> None:
    parameters = make_parameters("smoke", {"sample": "skyserver", "n_galaxies": 6})
    with pytest.raises(UserError, match="make skyserver NUMBER=6"):
        open_galaxies("skyserver", 6)
    fetch_missing(parameters)
    galaxies = open_galaxies("skyserver", 6)
    assert galaxies.sample.name == "skyserver" and galaxies.measured is None
    assert galaxies.sample.catalogue["objid"].tolist() == [row[0] for row in rows_of(6)]
    assert galaxies.image_size() == 256
    assert fingerprint_of(galaxies)["images"] == 6
    assert preparation.absolute_sample(parameters) == parameters
    sky.close()
    fetch_missing(parameters)  # all there: nobody is asked


def test_every_sample_has_its_own_folder() -> None:
    folders = {
        skyserver_folder(PaperSample.of(**values))
        for values in ({}, {"number": 10}, {"seed": 1}, {"z_max": 0.05})
    }
    assert len(folders) == 4
    assert skyserver_folder(PaperSample.of()) == ROOT / "runs" / "measured" / "skyserver-5000-0"


def test_the_build_fetches_before_anything_and_a_dry_run_does_not(
    at_home: Path, sky: Sky, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["build", "--sample", "skyserver", "--profile", "smoke", "--set", "n_galaxies=80"]
    assert cli.main([*arguments, "--dry-run"]) == 2
    assert "make skyserver NUMBER=80" in capsys.readouterr().err
    assert not sky.seen
    monkeypatch.setattr(building, "_run_shown", lambda *_: None)
    monkeypatch.setattr(building.preparation, "write_provenance", lambda *_: None)
    assert cli.main(arguments) == 0
    assert len(list(skyserver_folder(PaperSample.of(number=80)).glob("*.jpg"))) == 80


def test_the_command_makes_a_folder_and_names_it(
    sky: Sky, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["skyserver", "--number", "7", "--seed", "3", "--out", str(tmp_path / "a b")]
    assert cli.main([*words, "--server", sky.url]) == 0
    out = capsys.readouterr().out
    assert "7 images fetched, 0 were there, 0 failed" in out
    assert out.splitlines()[-1] == str(tmp_path / "a b")
    assert "CAST(3 AS bigint)" in sky.sql[0]


@pytest.mark.parametrize(
    "words", [["--number", "0"], ["--seed", "x"], ["--server", "file:///etc/passwd"], ["--seed=-1"]]
)
def test_the_command_refuses_what_is_no_number(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status = cli.main(["skyserver", "--out", str(tmp_path / "x"), *words])
    except SystemExit as error:
        status = int(str(error.code))
    assert status == 2
    assert not (tmp_path / "x").exists()


# Pictures of the carried sample


@pytest.fixture
def carried(at_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The carried sample without images, in a folder of its own."""
    bare = at_home / "data" / "sdss5000"
    bare.mkdir(parents=True)
    for path in (ROOT / "data" / "sdss5000").iterdir():
        if path.is_file():
            (bare / path.name).symlink_to(path)
    monkeypatch.setitem(named_samples.PRECOMPUTED, "sdss5000", bare)
    return bare


def test_pictures_of_a_run_are_fetched(carried: Path, sky: Sky, at_home: Path) -> None:
    with pytest.raises(UserError, match="make it first .make book RUN=book.*ALL=1"):
        pictures.fetch_pictures("sdss5000", "book", False, sky.url)
    folder = RunFolder.named("book")
    objids = read_catalogue(carried / "catalogue.csv")["objid"]
    write_parameters(folder.file("parameters.yml"), "book", make_parameters("book"))
    table = pd.DataFrame({"objid": objids, "gz1_class": "", "max_probability": 1.0})
    table = table.assign(
        cluster=table.index % 2, kept=table.index >= 20, anomaly=table.index > 4990
    )
    table["log_likelihood"] = -table.index.to_numpy(float)
    table.to_parquet(folder.file("catalogue.parquet"))

    done, images = pictures.fetch_pictures("sdss5000", "book", False, sky.url)
    shown = pictures.shown_objids(folder)
    # 40 even ones, 6 of each of two clusters and of anomalies (the last even one is an anomaly)
    # and 10 random ones of each cluster; there is no class
    assert len(shown) == 40 + 3 * 6 - 1 + 2 * 10 and images == carried / "images"
    assert done.fetched + len(done.failures) == len(shown)
    assert {path.stem for path in images.glob("*.jpg")} == set(shown) - set(done.failures)
    assert all(objid.endswith("9") for objid in done.failures)  # SkyServer did not know them
    asked = {o for sql in sky.sql for o in re.findall(r"\d{15,}", sql)}
    known = read_catalogue(carried / "catalogue.csv").dropna(subset=["ra"])["objid"]
    assert asked == set(shown) - set(known)
    assert all(len(path) < 2048 for path in sky.seen)

    sky.sql.clear()
    again, _ = pictures.fetch_pictures("sdss5000", "book", False, sky.url)
    assert again.fetched == 0 and again.present == done.fetched
    assert {o for sql in sky.sql for o in re.findall(r"\d{15,}", sql)} == set(done.failures)


def test_a_known_position_is_the_catalogues(carried: Path, sky: Sky) -> None:
    table = read_catalogue(carried / "catalogue.csv").dropna(subset=["ra"]).head(2)
    assert skyserver.fetch_known(table, carried / "images", sky.url).fetched == 2
    assert not sky.sql
    place = f"ra={table['ra'].iloc[0]:.7f}&dec={table['dec'].iloc[0]:.7f}&scale=0.4&"
    assert any(place in path for path in sky.seen)


def test_pixels_of_the_carried_sample_are_fetched_where_nobody_put_them(
    carried: Path, sky: Sky
) -> None:
    parameters = make_parameters("book", {"from_pixels": True, "n_galaxies": 5})
    fetch_missing(make_parameters("book"))
    assert not sky.seen  # the measured table is enough
    fetch_missing(parameters)
    assert len(list((carried / "images").glob("*.jpg"))) >= 4
    assert open_galaxies("sdss5000", 5, from_pixels=True).measured is None
    sky.close()
    fetch_missing(parameters)


def test_the_profile_full_says_offline_and_how_to_go_on(
    carried: Path, sky: Sky, capsys: pytest.CaptureFixture[str]
) -> None:
    sky.close()
    assert cli.main(["build", "--profile", "full"]) == 2
    said = capsys.readouterr().err
    assert "cannot be reached" in said and f"put the cutouts into {carried / 'images'}" in said


def test_somebodys_own_images_stay_as_they_are(carried: Path, sky: Sky) -> None:
    (carried / "images").mkdir()
    (carried / "images" / "587724197200724003.jpg").write_bytes(jpeg())
    fetch_missing(make_parameters("book", {"from_pixels": True, "n_galaxies": 5}))
    assert not sky.seen


def test_identifiers_that_are_none_get_into_no_query(sky: Sky) -> None:
    for wrong in ("1) OR 1=1", "", "587724197200724003 ", "1.5", "-1"):
        with pytest.raises(UserError, match="no SDSS identifier"):
            skyserver.find_positions([wrong], sky.url, Client(QUICK))
    assert not sky.sql


def test_pictures_are_for_carried_samples(at_home: Path) -> None:
    with pytest.raises(UserError, match="make skyserver"):
        pictures.fetch_pictures("skyserver", "book", True)


def test_positions_once_found_are_kept(carried: Path) -> None:
    calls: list[int] = []

    def twice(fields: dict[str, str], number: int) -> Answer:
        calls.append(number)
        return catalogue(fields, number) if len(calls) == 1 else json_error(400, "no more")

    server = Sky(cutout, twice)
    table = read_catalogue(carried / "catalogue.csv")
    table = table[table["ra"].isna()].head(60)
    with pytest.raises(UserError, match="no more"):
        skyserver.fetch_known(table, carried / "images", server.url)
    server.close()
    kept = pd.read_csv(carried / "images" / "positions.csv", dtype={"objid": str})
    assert 40 <= len(kept) <= 50 and set(kept["objid"]) < set(table["objid"])


def test_make_hands_values_over_untouched(tmp_path: Path) -> None:
    """The recipes of the Makefile, with a galaxy-book that prints what it was given."""
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    program = tmp_path / ".venv" / "bin" / "galaxy-book"
    program.write_text(f"#!{sys.executable}\nimport sys\nprint(sys.argv[1:])\n")
    program.chmod(0o755)
    (tmp_path / ".venv" / ".installed").touch()
    command = ["make", "-s", "-f", str(ROOT / "Makefile"), "-o", ".venv/.installed"]
    odd = "a b'; touch x; '"
    for target, values, expected in (
        ("skyserver", [f"OUT={odd}", "NUMBER=5"], ["skyserver", "--number", "5", "--out", odd]),
        ("skyserver", [], ["skyserver"]),
        ("images", ["ALL=1", "SAMPLE=sdss5000"], ["images", "--sample", "sdss5000", "--all"]),
        ("images", ["RUN=mine"], ["images", "--run", "mine"]),
    ):
        done = subprocess.run(
            [*command, target, *values], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.stdout == f"{expected}\n", done.stderr
    assert not (tmp_path / "x").exists()


def test_waits_of_the_query_outlast_the_servers_own_limit() -> None:
    assert QUERY_POLICY.read_timeout > 600
    assert QUERY_POLICY.rate <= 1  # SkyServer allows 60 a minute
    assert QUERY_POLICY.concurrency == 1


def test_a_picture_of_another_kind_is_no_cutout() -> None:
    stream = io.BytesIO()
    Image.open(io.BytesIO(jpeg())).save(stream, "PNG")
    with pytest.raises(client.RetryableError, match="expected a JPEG"):
        skyserver.check_cutout(stream.getvalue())
