"""Downloads from a server on this machine, with all waiting times shortened."""

from __future__ import annotations

import csv
import hashlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from unittest.mock import Mock

import pytest
from sky import QUICK, Answer, Route, Sky, jpeg, json_error, page_of_error

from galaxy_utils.data import manifest
from galaxy_utils.data.client import Client, RequestPolicy, RetryableError
from galaxy_utils.data.download import Downloads, download_images
from galaxy_utils.data.manifest import FAILURES, MANIFEST
from galaxy_utils.data.skyserver import check_cutout
from galaxy_utils.errors import UserError

PICTURE = jpeg()
Start = Callable[..., Sky]


@pytest.fixture(autouse=True)
def without_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def start() -> Iterator[Start]:
    """Start servers; they end with the test."""
    skies: list[Sky] = []

    def start_one(cutout: Route, table: Route = lambda *_: Answer()) -> Sky:
        skies.append(Sky(cutout, table))
        return skies[-1]

    yield start_one
    for sky in skies:
        sky.close()


def urls(sky: Sky, number: int) -> dict[str, str]:
    return {str(n): f"{sky.url}/getjpeg?n={n}" for n in range(number)}


def fetch(sky: Sky, number: int, folder: Path, policy: RequestPolicy = QUICK) -> Downloads:
    return download_images(urls(sky, number), folder, Client(policy), check_cutout, {})


def picture_of(fields: dict[str, str], number: int) -> Answer:
    return Answer(body=jpeg(int(fields["n"])))


def assert_sound(folder: Path, names: set[str]) -> None:
    """Exactly these files are there, whole, each with its row; nothing half-written."""
    assert {path.name for path in folder.glob("*.jpg")} == names
    assert list(folder.glob("*.partial")) == []
    with (folder / MANIFEST).open(newline="") as lines:
        rows = {row["file"]: row for row in csv.DictReader(lines)}
    assert set(rows) >= names
    for name in names:
        body = (folder / name).read_bytes()
        check_cutout(body)
        assert rows[name]["sha256"] == hashlib.sha256(body).hexdigest()
        assert int(rows[name]["bytes"]) == len(body)


def test_all_files_come_with_checksums_and_are_not_fetched_twice(
    start: Start, tmp_path: Path
) -> None:
    sky = start(picture_of)
    assert fetch(sky, 12, tmp_path) == Downloads(12, 0, {})
    assert_sound(tmp_path, {f"{n}.jpg" for n in range(12)})
    assert (tmp_path / "7.jpg").read_bytes() == jpeg(7)
    with (tmp_path / MANIFEST).open(newline="") as lines:
        (row,) = (row for row in csv.DictReader(lines) if row["objid"] == "7")
    assert row["url"] == f"{sky.url}/getjpeg?n=7"
    assert datetime.fromisoformat(row["fetched"]).utcoffset() == timedelta(0)
    assert (tmp_path / FAILURES).read_text() == "objid,url,reason\n"
    seen = sky.seen.total()
    assert fetch(sky, 12, tmp_path) == Downloads(0, 12, {})
    assert sky.seen.total() == seen == 12


def test_no_more_at_once_than_promised(start: Start, tmp_path: Path) -> None:
    sky = start(lambda *_: Answer(body=PICTURE, hold=0.03))
    fetch(sky, 24, tmp_path, replace(QUICK, concurrency=3))
    assert sky.most_at_once == 3


def test_no_faster_than_promised_also_where_tried_again(start: Start, tmp_path: Path) -> None:
    sky = start(lambda _, number: Answer(body=PICTURE) if number else json_error(503, "busy"))
    fetch(sky, 10, tmp_path, replace(QUICK, rate=25.0))
    assert len(sky.times) == 20
    assert sky.times[-1] - sky.times[0] >= 19 / 25 - 0.1  # as they arrive, on a busy machine
    halves = zip(sky.times, sky.times[10:], strict=False)
    assert all(late - early >= 10 / 25 - 0.15 for early, late in halves)


@pytest.mark.parametrize(
    "bad",
    [
        json_error(500, "an internal error"),
        json_error(503, "busy"),
        Answer(429),
        page_of_error("An error occured"),
        Answer(body=PICTURE[:-400], promised=len(PICTURE)),  # the connection breaks off
        Answer(body=PICTURE[: len(PICTURE) // 2]),  # truncated, the length in agreement
        Answer(body=PICTURE, hold=0.7),  # slow to begin
        Answer(body=PICTURE, gap=0.01),  # a trickle
        Answer(body=b"", promised=100),
        Answer(body=b""),
    ],
    ids=["500", "503", "429", "html", "cut", "half", "slow", "trickle", "reset", "empty"],
)
def test_what_may_pass_is_tried_again(bad: Answer, start: Start, tmp_path: Path) -> None:
    sky = start(lambda _, number: Answer(body=PICTURE) if number else bad)
    assert fetch(sky, 1, tmp_path) == Downloads(1, 0, {})
    assert_sound(tmp_path, {"0.jpg"})
    assert sky.seen.total() == 2


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (json_error(404, "outside the SDSS footprint"), "HTTP 404 .*: outside the SDSS footprint"),
        (Answer(body=jpeg(side=128)), "128x128 px: expected 256x256"),
        (Answer(body=jpeg(black=True)), "almost black"),
        (
            Answer(302, headers={"Location": "http://elsewhere.invalid/a.jpg"}),
            "redirects to http://",
        ),
        (Answer(301, headers={"Location": "//elsewhere.invalid/a.jpg"}), "which is not followed"),
    ],
    ids=["404", "size", "black", "other host", "other host, short"],
)
def test_what_stays_is_a_row_with_a_reason_and_not_tried_again(
    bad: Answer, reason: str, start: Start, tmp_path: Path
) -> None:
    sky = start(lambda fields, _: bad if fields["n"] == "3" else Answer(body=PICTURE))
    done = fetch(sky, 8, tmp_path)
    assert (done.fetched, list(done.failures)) == (7, ["3"])
    assert_sound(tmp_path, {f"{n}.jpg" for n in range(8) if n != 3})
    with (tmp_path / FAILURES).open(newline="") as lines:
        (row,) = csv.DictReader(lines)
    assert row["objid"] == "3" and row["url"].endswith("n=3")
    assert re.search(reason, row["reason"])
    assert sky.seen.total() == 8


def test_those_that_fail_for_ever_stop_no_other(start: Start, tmp_path: Path) -> None:
    def every_fourth_fails(fields: dict[str, str], _: int) -> Answer:
        bad = json_error(500, "no such field")
        return bad if int(fields["n"]) % 4 == 0 else Answer(body=PICTURE, hold=0.01)

    sky = start(every_fourth_fails)
    done = fetch(sky, 40, tmp_path)
    assert done.fetched == 30 and len(done.failures) == 10 > QUICK.most_failures
    assert "HTTP 500" in done.failures["0"] and "no such field" in done.failures["0"]
    assert len(sky.tries["/dr17/getjpeg?n=0"]) == QUICK.attempts


def test_a_wait_that_the_server_asks_for_is_kept(start: Start, tmp_path: Path) -> None:
    in_two_seconds = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    asked = {"0": "1", "1": "soon", "2": "Wed, 21 Oct 2015 07:28:00 GMT", "3": in_two_seconds}

    def busy(fields: dict[str, str], number: int) -> Answer:
        again = Answer(429, headers={"Retry-After": asked[fields["n"]]})
        return Answer(body=PICTURE) if number else again

    sky = start(busy)
    assert fetch(sky, 4, tmp_path).fetched == 4
    waits = {path[-1]: times[1] - times[0] for path, times in sky.tries.items()}
    assert waits["0"] >= 0.99 and waits["3"] >= 0.5
    assert max(waits["1"], waits["2"]) < 0.5


def test_waits_double(monkeypatch: pytest.MonkeyPatch, start: Start) -> None:
    slept: list[float] = []
    client = Client(replace(QUICK, attempts=5, backoff=1.0, longest_wait=6.0))
    monkeypatch.setattr(client.stop, "wait", lambda timeout: slept.append(timeout))
    sky = start(lambda *_: Answer(500))
    with pytest.raises(RetryableError):
        client.get(f"{sky.url}/getjpeg", check_cutout)
    waits = [seconds for seconds in slept if seconds >= 1]  # not those of the rate limiter
    for seconds, least in zip(waits, (1, 2, 4, 6), strict=True):
        assert least <= seconds <= min(least + 1, 6)


def test_a_server_that_is_down_ends_the_fetch_soon(start: Start, tmp_path: Path) -> None:
    def breaks_down(fields: dict[str, str], _: int) -> Answer:
        return Answer(body=PICTURE) if int(fields["n"]) < 10 else Answer(502)

    sky = start(breaks_down)
    began = time.monotonic()
    with pytest.raises(
        UserError, match=r"6 files failed in a row.*HTTP 502.*10 of 3000 files"
    ) as e:
        fetch(sky, 3000, tmp_path)
    assert "same command" in str(e.value)
    assert time.monotonic() - began < 3
    assert sky.seen.total() < 400
    assert_sound(tmp_path, {f"{n}.jpg" for n in range(10)})


def test_a_wait_longer_than_bearable_ends_the_fetch(start: Start, tmp_path: Path) -> None:
    sky = start(lambda *_: Answer(503, headers={"Retry-After": "7200"}))
    with pytest.raises(UserError, match="come back in 7200 s"):
        fetch(sky, 50, tmp_path)


def test_a_server_that_vanishes_ends_the_fetch(start: Start, tmp_path: Path) -> None:
    sky = start(picture_of)
    fetch(sky, 3, tmp_path)
    sky.close()
    with pytest.raises(UserError, match="Connection refused.*what was fetched is kept"):
        fetch(sky, 200, tmp_path)
    assert_sound(tmp_path, {"0.jpg", "1.jpg", "2.jpg"})


def test_offline_is_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    client = Client(QUICK)
    with pytest.raises(UserError, match=r"127.0.0.1:\d+ cannot be reached: .*refused.*HTTPS_PROXY"):
        client.probe(f"http://127.0.0.1:{port}/")
    unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    monkeypatch.setattr(socket, "getaddrinfo", Mock(side_effect=unknown))
    with pytest.raises(UserError, match="invalid cannot be reached: .*Name or service not known"):
        client.probe("http://nowhere.invalid/")


def test_a_server_that_is_there_and_busy_is_not_offline(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and says nothing
        Client(QUICK).probe(f"http://127.0.0.1:{silent.getsockname()[1]}/")


def test_a_damaged_file_is_fetched_again(start: Start, tmp_path: Path) -> None:
    sky = start(picture_of)
    fetch(sky, 4, tmp_path)
    (tmp_path / "2.jpg").write_bytes(jpeg(2)[:-100])
    assert fetch(sky, 4, tmp_path) == Downloads(1, 3, {})
    assert_sound(tmp_path, {f"{n}.jpg" for n in range(4)})


def test_files_of_others_are_never_overwritten(start: Start, tmp_path: Path) -> None:
    sky = start(picture_of)
    (tmp_path / "0.jpg").write_bytes(PICTURE)
    (tmp_path / "1.jpg").write_bytes(b"my notes")
    assert fetch(sky, 3, tmp_path) == Downloads(1, 2, {})
    assert (tmp_path / "0.jpg").read_bytes() == PICTURE
    assert (tmp_path / "1.jpg").read_bytes() == b"my notes"


def test_a_manifest_cut_short_by_a_kill_is_mended(start: Start, tmp_path: Path) -> None:
    sky = start(picture_of)
    fetch(sky, 5, tmp_path)
    path = tmp_path / MANIFEST
    path.write_bytes(path.read_bytes()[:-40])  # in the last line
    (tmp_path / "9.jpg.partial").write_bytes(b"half")
    assert fetch(sky, 6, tmp_path) == Downloads(1, 5, {})
    lines = path.read_text().splitlines()
    assert len(lines) == 6 and lines[-1].startswith("5,5.jpg,")
    assert not list(tmp_path.glob("*.partial"))


KILLED = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # shells let background jobs ignore it
sys.path[:0] = [{tests!r}, {root!r}]
from pathlib import Path
from sky import QUICK
from galaxy_utils.data.client import Client
from galaxy_utils.data.download import download_images
from galaxy_utils.data.skyserver import check_cutout
urls = {{str(n): "{url}/getjpeg?n=" + str(n) for n in range(60)}}
download_images(urls, Path({folder!r}), Client(QUICK), check_cutout, {{}})
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=lambda s: s.name)
def test_a_killed_fetch_is_taken_up(how: signal.Signals, start: Start, tmp_path: Path) -> None:
    sky = start(lambda fields, _: Answer(body=jpeg(int(fields["n"])), hold=0.04))
    tests = Path(__file__).parents[1]
    script = KILLED.format(
        tests=str(tests), root=str(tests.parent), url=sky.url, folder=str(tmp_path)
    )
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    end = time.monotonic() + 15
    while len(list(tmp_path.glob("*.jpg"))) < 15 and time.monotonic() < end:
        time.sleep(0.005)
    os.kill(process.pid, how)
    began = time.monotonic()
    assert process.wait(10) != 0
    assert time.monotonic() - began < 2
    there = len(list(tmp_path.glob("*.jpg")))
    assert 15 <= there < 60
    seen = sky.seen.total()
    done = fetch(sky, 60, tmp_path)
    assert (done.fetched, done.present, done.failures) == (60 - there, there, {})
    assert sky.seen.total() - seen == 60 - there  # nothing that was there was asked for again
    assert_sound(tmp_path, {f"{n}.jpg" for n in range(60)})


def test_two_processes_do_not_fetch_into_one_folder(start: Start, tmp_path: Path) -> None:
    sky = start(lambda *_: Answer(body=PICTURE, hold=0.3))
    first = threading.Thread(target=fetch, args=(sky, 2, tmp_path))
    first.start()
    while not sky.seen:
        time.sleep(0.005)
    with pytest.raises(UserError, match="another process downloads"):
        fetch(sky, 2, tmp_path)
    first.join()


def test_a_folder_that_cannot_be_made_is_told(start: Start, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        fetch(start(picture_of), 1, tmp_path / "file" / "images")


def test_a_fault_of_the_program_is_not_hidden(start: Start, tmp_path: Path) -> None:
    def broken(_: bytes) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        download_images(urls(start(picture_of), 5), tmp_path, Client(QUICK), broken, {})


def test_an_answer_cut_short_is_told_by_its_length(start: Start) -> None:
    sky = start(lambda *_: Answer(body=b"a,b\n1,2\n", promised=100))
    with pytest.raises(RetryableError):  # whatever the content: of a table nothing else tells it
        Client(QUICK).get(f"{sky.url}/getjpeg", lambda _: None)


def test_a_file_appears_under_its_name_only_when_it_is_whole(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_file = os.replace

    def killed(source: Path, target: Path) -> None:
        if target.suffix == ".jpg":
            raise KeyboardInterrupt
        replace_file(source, target)

    sky = start(picture_of)
    monkeypatch.setattr(manifest.os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        fetch(sky, 3, tmp_path)
    assert list(tmp_path.glob("*.jpg")) == []
    monkeypatch.undo()
    monkeypatch.setenv("NO_PROXY", "*")
    assert fetch(sky, 3, tmp_path).fetched == 3
    assert_sound(tmp_path, {"0.jpg", "1.jpg", "2.jpg"})
