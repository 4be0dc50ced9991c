"""Results of experiments: for a page, precomputed or measured now; or for the project to hold."""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING, Any

import pandas as pd

from galaxy_utils.config import Parameters, read_parameters
from galaxy_utils.errors import UserError
from galaxy_utils.experiments.experiment import Experiment, unit_key
from galaxy_utils.experiments.registry import find_experiment
from galaxy_utils.experiments.store import (
    Row,
    differences,
    read_result,
    read_settings,
    write_result,
)
from galaxy_utils.features.run_table import kept_objids
from galaxy_utils.provenance import PACKAGE, git_commit
from galaxy_utils.run_folder import SMALL, STUDIES, RunFolder
from galaxy_utils.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from galaxy_utils.workflow.page import Page


def load_or_measure(
    page: Page, experiment: Experiment, draws: int, **upstream: pd.DataFrame
) -> pd.DataFrame:
    """Return the rows of an experiment: precomputed, or measured now where those do not fit.

    What is measured now, with so many draws, is kept: a page that was stopped resumes there. Rows
    of upstream experiments are the precomputed ones unless given. There are no rows where the
    experiment needs images or types that the run does not have. `UserError` if the page does not
    list the experiment, or a file does not match its checksum.
    """
    name = experiment.name
    if name not in page.section.studies:
        raise UserError(
            f"page {page.section.number} does not list experiment {name!r} among its `studies`, "
            "so the workflow would not notice a change; add it there"
        )
    rows_of = {
        key: upstream[key] if key in upstream else read_result(key) for key in experiment.upstream
    }
    settings = experiment.settings(page.folder, page.settings, rows_of)
    stored = read_settings(name)
    changed = differences(stored, settings) if stored else []
    if stored and not changed:
        page.studied[name] = _precomputed_note(name, stored)
        return read_result(name)
    assert experiment.inputs is not None
    inputs = experiment.inputs(page.folder, page.settings, **rows_of)
    if inputs is None:
        page.studied[name] = "not measured: it needs images or types that the run does not have"
        return pd.DataFrame()
    reason = "there is no precomputed result"
    if changed:
        names = ", ".join(key if " " in key else f"`{key}`" for key in changed)
        reason = f"the precomputed result differs in {names}"
    page.studied[name] = f"measured on this page with {draws} draws, since {reason}"
    n_processes = 1 if len(kept_objids(page.folder)) < SMALL else None
    store = _store(page.folder, name, settings)
    return experiment.run(inputs, draws, page.settings.seed, store, n_processes)


def _precomputed_note(name: str, stored: Row) -> str:
    resumed = stored.get("resumed_units", 0)
    note = f", without {resumed} units that were measured before" if resumed else ""
    minutes = max(round(stored["minutes"]), 1)
    return (
        f"precomputed, {stored['draws']} draws, code `{stored['code']}`, {minutes} "
        f"minute{'s' * (minutes > 1)} on {stored['cores']} cores{note}; to measure it again: "
        f"`make studies STUDIES={name} DRAWS={stored['draws']}`"
    )


def experiments_note(page: Page) -> Any:
    """Markdown that says where the rows of a page's experiments come from, one line each."""
    from IPython.display import Markdown

    lines = [f"- Experiment *{name}*: {text}." for name, text in page.studied.items()]
    if page.settings.space != "autoencoder":
        lines.append(
            "- This run clusters principal components; where this page fits the complete "
            "pipeline, it is the one with the autoencoder, in the same crop."
        )
    if page.settings.mixture_fit != "likelihood":
        lines.append(
            "- This run's mixture is distilled from a consensus; where this page fits a mixture, "
            "it is the one of largest likelihood in its space, also where it says *the run's own*."
        )
    return Markdown("\n".join(lines))


def measure_experiment(name: str, folder: RunFolder, draws: int, n_processes: int) -> Path:
    """Measure an experiment on a finished run, and write its rows to `data/studies/`.

    `UserError` if it needs images and the run has none, or an upstream result is not of this run.
    """
    experiment = find_experiment(name)
    _, parameters = read_parameters(folder.existing("parameters.yml"))
    started, code = time.time(), git_commit(PACKAGE)
    upstream = {key: _own_result(name, key, folder, parameters) for key in experiment.upstream}
    settings = experiment.settings(folder, parameters, upstream)
    assert experiment.inputs is not None
    inputs = experiment.inputs(folder, parameters, **upstream)
    if inputs is None:
        raise UserError(f"experiment {name} needs images, and run {folder.path.name} has none")
    store = _store(folder, name, settings)
    finished = store.read()
    units = experiment.units(draws, parameters.seed)
    resumed = sum(unit_key(unit) in finished for unit in units)
    rows = experiment.run(inputs, draws, parameters.seed, store, n_processes)
    settings |= {"draws": draws, "seed": parameters.seed}
    return write_result(name, rows, settings, started, resumed, code)


def _own_result(
    name: str, upstream: str, folder: RunFolder, parameters: Parameters
) -> pd.DataFrame:
    """Rows of an upstream experiment; where `name` is about a sample, they must be of this run."""
    rows, stored, above = read_result(upstream), read_settings(upstream), find_experiment(upstream)
    if stored and find_experiment(name).files is not None:
        further = {key: read_result(key) for key in above.upstream}
        changed = differences(stored, above.settings(folder, parameters, further))
        if changed:
            raise UserError(
                f"experiment {name} takes the result of experiment {upstream}, and the one in "
                f"{STUDIES} is not of run {folder.path.name}: {', '.join(changed)} differ; "
                f"measure {upstream} first"
            )
    return rows


def _store(folder: RunFolder, name: str, settings: Row) -> Store:
    """Where a run keeps finished units: a file for each state of code, sample and parameters."""
    content = json.dumps([name, settings, git_commit(PACKAGE)], sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()[:12]
    return Store(folder.path / "studies" / f"{name}-{digest}.jsonl")
