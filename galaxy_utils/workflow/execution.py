"""Execute one section: only if something that it depends on has changed."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from galaxy_utils.config import read_parameters
from galaxy_utils.errors import UserError
from galaxy_utils.provenance import modules_of, sha256_of_file
from galaxy_utils.run_folder import DATA, ROOT, STUDIES, RunFolder
from galaxy_utils.workflow.sections import HEADER, Section, declared_parameters, judged_by

LOCK = ROOT / "requirements.lock"


def external_inputs(section: Section) -> list[Path]:
    """Files of the checkout that a section depends on.

    Parameters
    ----------
    section : Section
        The section.

    Returns
    -------
    list of Path
        Its notebook, the modules it imports, the lock, its data.
    """
    data = [DATA / name for name in section.data]
    carried = (STUDIES / f"{name}.{kind}" for name in section.studies for kind in ("csv", "json"))
    data += [path for path in carried if path.exists()]
    return [section.notebook, *modules_of(section.notebook), LOCK, *data]


def run_inputs(section: Section) -> list[str]:
    """Files of the run folder that a section depends on.

    Parameters
    ----------
    section : Section
        The section.

    Returns
    -------
    list of str
        Paths in the run folder.
    """
    results = [f"results/{judged.number}.json" for judged in judged_by(section)]
    return [*section.reads, *results, *(["sample.json"] if section.sample else [])]


def parameters_of(section: Section, folder: RunFolder) -> dict[str, dict[str, Any]]:
    """Parameters of a run that a section's page depends on.

    Parameters
    ----------
    section : Section
        The section.
    folder : RunFolder
        The run.

    Returns
    -------
    dict
        `used`: those that the notebook declares, `run` included; `shown`:
        those that it shows, whether it uses them or not. Name to value each.
    """
    profile, parameters = read_parameters(folder.existing("parameters.yml"))
    values = {"profile": profile, **parameters.model_dump()}  # younger ones with their defaults
    declared = declared_parameters(section.notebook)
    used = {name: values[name] for name in declared if name != "run"}
    shown = {name: values[name] for name in (*HEADER, *section.shows)}
    return {"used": used | {"run": folder.path.name}, "shown": shown}


def dependencies(section: Section, folder: RunFolder) -> dict[str, Any]:
    """Everything whose change re-runs a section, by content.

    Parameters
    ----------
    section : Section
        The section.
    folder : RunFolder
        The run; the inputs exist.

    Returns
    -------
    dict
        `parameters`, as of `parameters_of`, and `files`: path to sha256.
    """
    files = {str(path.relative_to(ROOT)): sha256_of_file(path) for path in external_inputs(section)}
    files |= {name: sha256_of_file(folder.existing(name)) for name in run_inputs(section)}
    return {"parameters": parameters_of(section, folder), "files": files}


def execute(section: Section, folder: RunFolder) -> bool:
    """Bring one section up to date.

    Parameters
    ----------
    section : Section
        The section.
    folder : RunFolder
        The run.

    Returns
    -------
    bool
        Whether the notebook was executed; False where nothing had changed.

    Raises
    ------
    UserError
        If a cell fails; the message names it, the notebook up to there is kept.
    """
    now = dependencies(section, folder)
    state_path = folder.file(f"state/{section.number}.json")
    outputs = [folder.file(name) for name in section.outputs]
    state = json.loads(state_path.read_text()) if state_path.exists() else {}
    if state.get("dependencies") == now and all(path.exists() for path in outputs):
        for path in outputs:
            os.utime(path)  # newer than its inputs again, for the workflow
        return False
    state_path.unlink(missing_ok=True)
    started = time.time()
    _papermill(section, folder, now["parameters"]["used"])
    seconds = round(time.time() - started, 1)
    folder.write_json(f"state/{section.number}.json", {"dependencies": now, "seconds": seconds})
    return True


def _papermill(section: Section, folder: RunFolder, parameters: dict[str, Any]) -> None:
    import papermill
    from papermill.exceptions import PapermillExecutionError

    final = folder.file(f"notebooks/{section.name}.ipynb")
    partial = folder.file(f"failed/{section.name}.ipynb")
    try:
        papermill.execute_notebook(
            section.notebook, partial, parameters=parameters, cwd=ROOT,
            kernel_name="python3", progress_bar=False, log_output=False,
            extra_arguments=["--IPKernelApp.log_level=CRITICAL"],  # it warns of TCP on every start
            # all that a page makes is written by then, and its libraries take seconds to end
            shutdown_kernel="immediate",
        )  # fmt: skip
    except PapermillExecutionError as error:
        raise UserError(
            f"section {section.name} failed in cell {error.exec_count}: "
            f"{error.ename}: {error.evalue}\nThe notebook up to there: {partial}"
        ) from None
    partial.replace(final)
