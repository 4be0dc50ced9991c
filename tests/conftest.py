"""One smoke run, from pixels to the rendered book, shared by all tests that look at it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from galaxy_utils.run_folder import ROOT, RunFolder
from galaxy_utils.workflow.printing import find_browser

GALAXY_BOOK = str(Path(sys.executable).with_name("galaxy-book"))
RUN = "test-smoke"


def run_galaxy_book(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the console command and return what it printed."""
    return subprocess.run(
        [GALAXY_BOOK, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest: the files that read the smoke book."""
    waiting = {item.path for item in items if "smoke" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: item.path not in waiting)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium without a window."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = find_browser()
    if path is None:
        pytest.skip("no Chromium or Chrome was found (Debian: apt install chromium)")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path)
        yield started
        started.close()


@pytest.fixture
def galaxy_book() -> Callable[..., subprocess.CompletedProcess[str]]:
    """The console command as a function."""
    return run_galaxy_book


@pytest.fixture(scope="session")
def smoke() -> RunFolder:
    """Build the smoke profile from nothing, once for all processes; tests write into copies."""
    folder = RunFolder.named(RUN)
    session = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    built = folder.path / f".tested-{session}"
    with FileLock(folder.path.with_name(f".{RUN}.lock")):
        if not built.exists():
            shutil.rmtree(folder.path, ignore_errors=True)
            done = run_galaxy_book("build", "--profile", "smoke", "--run", RUN)
            assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
            assert done.stdout.splitlines()[-1] == str(folder.path / "html" / "index.html")
            built.touch()
    return folder
