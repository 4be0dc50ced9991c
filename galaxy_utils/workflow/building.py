"""Build the book of a run: Snakemake makes what is out of date, one line shows how far it is."""

from __future__ import annotations

import compileall
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from filelock import FileLock, Timeout

from galaxy_utils.config import Parameters, write_parameters
from galaxy_utils.errors import UserError
from galaxy_utils.provenance import PACKAGE
from galaxy_utils.run_folder import ROOT, RunFolder
from galaxy_utils.workflow import preparation
from galaxy_utils.workflow.pictures import fetch_missing
from galaxy_utils.workflow.progress import LiveLine

DRY_RUN = re.compile(r"--dry(-?run)?|-[Fpq]*n[Fpq]*")
"""How Snakemake is asked for a dry run; short options may stand together."""

LOG = "build.log"
"""Snakemake's messages, and what the pages print."""

POLL_SECONDS = 0.5


def build(
    folder: RunFolder, profile: str, parameters: Parameters, cores: int, words: Sequence[str] = ()
) -> None:
    """Bring a run up to date; it need not exist.

    `words` are passed on to Snakemake; where they ask for a dry run the run is left as it is.
    `UserError` if another build of this run is under way, or something failed; what was finished
    is kept.
    """
    dry_run = is_dry_run(words)
    parameters = preparation.absolute_sample(parameters)
    new = not folder.path.exists()
    started = time.time()
    try:
        with FileLock(folder.file(".lock"), timeout=0), _restored(folder.path, dry_run):
            if not dry_run:
                fetch_missing(parameters)
            preparation.write_sample_fingerprint(folder, parameters, keep=not dry_run)
            write_parameters(folder.file("parameters.yml"), profile, parameters)
            if dry_run:
                _run(_command(folder, cores, ["--quiet", "rules", "host", *words]))
            else:
                _run_shown(folder, cores, words)
                preparation.write_provenance(folder, started)
    except Timeout:
        raise UserError(f"run {folder.path.name}: another build of it is under way") from None
    finally:
        if new and (dry_run or not folder.path.joinpath("parameters.yml").exists()):
            shutil.rmtree(folder.path, ignore_errors=True)


def is_dry_run(words: Sequence[str]) -> bool:
    """Whether words for Snakemake ask for a dry run."""
    return any(DRY_RUN.fullmatch(word) for word in words)


@contextmanager
def _restored(folder: Path, wanted: bool) -> Iterator[None]:
    """Leave what a build writes before the first page as it was."""
    paths = [folder / name for name in ("parameters.yml", "sample.json")] if wanted else []
    before = {path: path.read_bytes() if path.exists() else None for path in paths}
    try:
        yield
    finally:
        for path, content in before.items():
            path.unlink(missing_ok=True)
            if content is not None:
                path.write_bytes(content)


def _command(folder: RunFolder, cores: int, words: Sequence[str]) -> list[str]:
    return [
        str(Path(sys.executable).with_name("snakemake")),
        "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder.path),
        "--config", f"run={folder.path.name}", "--cores", str(cores),
        "--rerun-triggers", "mtime", "params", "input", "--rerun-incomplete", "--nolock",
        "--max-checksum-file-size", "1000000000",
        *words,
    ]  # fmt: skip


def _run_shown(folder: RunFolder, cores: int, words: Sequence[str]) -> None:
    # each page starts two processes, and PYTHONDONTWRITEBYTECODE may be set
    compileall.compile_dir(PACKAGE, maxlevels=10, quiet=2)
    log = folder.file(LOG)
    print(f"run {folder.path.name}; all messages: {log}", flush=True)
    line = LiveLine(folder)
    with log.open("w", encoding="utf-8") as stream:
        status = _run(_command(folder, cores, words), stream, line)
    line.close()
    if status:
        messages = line.errors() or log.read_text(encoding="utf-8").splitlines()[-15:]
        raise UserError(
            "\n".join(messages)
            + f"\nrun {folder.path.name} is not complete; finished pages are kept; log: {log}"
        )


def _run(command: list[str], log: IO[str] | None = None, line: LiveLine | None = None) -> int:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    process = subprocess.Popen(command, env={**os.environ, "PATH": path}, stdout=log, stderr=log)
    try:
        while process.poll() is None:
            time.sleep(POLL_SECONDS)
            if line:
                line.update()
    except BaseException:  # stopped: the jobs under way must end before the lock does
        process.terminate()
        process.wait()
        raise
    return process.returncode
