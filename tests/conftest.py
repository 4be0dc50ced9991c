"""One smoke run, from pixels to the rendered book, shared by all tests that look at it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from galaxy_utils.run_folder import ROOT, RunFolder
from galaxy_utils.workflow.printing import find_browser

GALAXY_BOOK = str(Path(sys.executable).with_name("galaxy-book"))
RUN = "test-smoke"


def run_galaxy_book(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the console command and return what it printed."""
    return subprocess.run(
        [GALAXY_BOOK, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def _reads_the_smoke_book(file: Path) -> bool:
    return "smoke: RunFolder" in file.read_text(encoding="utf-8")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest: the files that read the smoke book."""
    items.sort(key=lambda item: not _reads_the_smoke_book(item.path))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep the tests of a file in one process, and all that read the smoke book in one."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return "smoke" if _reads_the_smoke_book(config.rootpath / file) else file

    return ByFile(config, log)


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
    """Build the smoke profile from nothing."""
    folder = RunFolder.named(RUN)
    shutil.rmtree(folder.path, ignore_errors=True)
    done = run_galaxy_book("build", "--profile", "smoke", "--run", RUN)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert done.stdout.splitlines()[-1] == str(folder.path / "html" / "index.html")
    return folder
