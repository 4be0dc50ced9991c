"""What a page depends on, and its execution; Snakemake decides when (see `Snakefile`)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from galaxy_utils.config import read_parameters
from galaxy_utils.errors import UserError
from galaxy_utils.provenance import modules_of
from galaxy_utils.run_folder import DATA, ROOT, STUDIES, RunFolder
from galaxy_utils.workflow.progress import Progress
from galaxy_utils.workflow.sections import Section, declared_parameters

LOCK = ROOT / "requirements.lock"


def external_inputs(section: Section) -> list[Path]:
    """Files of the checkout that a page depends on: notebook, modules, lock, data, studies.

    Tables that lie in the folder of a module, such as the population of simulated galaxies, count
    as part of it.
    """
    modules = modules_of(section.path)
    tables = sorted({table for module in modules for table in module.parent.glob("*.csv")})
    studies = (STUDIES / f"{name}.{kind}" for name in section.studies for kind in ("csv", "json"))
    data = [DATA / name for name in section.data] + [path for path in studies if path.exists()]
    return [section.path, *modules, *tables, LOCK, *data]


def run_inputs(section: Section) -> list[str]:
    """Files of the run that a page depends on, as paths in the run folder."""
    return [*section.reads, *(["sample.json"] if section.sample else [])]


def parameters_of(section: Section, folder: RunFolder) -> dict[str, dict[str, Any]]:
    """Parameters of a run on which a page depends."""
    profile, parameters = read_parameters(folder.existing("parameters.yml"))
    values = {"profile": profile, **parameters.model_dump()}  # younger ones with their defaults
    used = {name: values[name] for name in declared_parameters(section.path) if name != "run"}
    shown = {name: values[name] for name in section.shown_parameters}
    return {"used": used | {"run": folder.path.name}, "shown": shown}


def execute(section: Section, folder: RunFolder, threads: int) -> None:
    """Execute the notebook of a page whose inputs exist, on so many threads.

    `UserError` if a cell fails; the message names it, the notebook up to there is kept.
    """
    os.environ |= kernel_environment(threads)
    with Progress(section.notebook, folder) as progress:
        _papermill(section, folder, progress)


def kernel_environment(threads: int) -> dict[str, str]:
    """Environment variables that keep a kernel's libraries to its share of the machine.

    Threads that wait do so asleep: by default OpenMP lets them spin, and two
    processes that each spin on all cores slow each other several times.
    """
    pools = ("OMP", "MKL", "OPENBLAS", "NUMBA")
    counts = {f"{name}_NUM_THREADS": str(threads) for name in pools}
    return {**counts, "OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}


def _papermill(section: Section, folder: RunFolder, progress: Progress) -> None:
    from papermill.exceptions import PapermillExecutionError
    from papermill.execute import execute_notebook

    final = folder.file(f"notebooks/{section.notebook}.ipynb")
    partial = folder.file(f"failed/{section.notebook}.ipynb")
    cells = len(json.loads(section.path.read_text(encoding="utf-8"))["cells"])
    try:
        execute_notebook(
            section.path, partial, parameters=parameters_of(section, folder)["used"],
            cwd=ROOT, kernel_name="python3", progress_bar=False, log_output=False,
            # the kernel warns of TCP on every start
            extra_arguments=["--IPKernelApp.log_level=CRITICAL"],
            # all that a page makes is written by then, and its libraries take seconds to end
            shutdown_kernel="immediate",
            on_cell_executed=lambda cell_index, **_: progress.cell_done(cell_index + 1, cells),
            stderr_file=progress,
        )  # fmt: skip
    except PapermillExecutionError as error:
        raise UserError(
            f"page {section.notebook} failed in cell {error.exec_count}: "
            f"{error.ename}: {error.evalue}\nThe notebook up to there: {partial}"
        ) from None
    partial.replace(final)
