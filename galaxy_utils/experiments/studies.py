"""All studies, and how each gets its inputs from a finished run."""

from __future__ import annotations

import difflib
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from galaxy_utils.config import Parameters, read_parameters
from galaxy_utils.errors import UserError
from galaxy_utils.evaluation.encoders import STUDY as ENCODERS
from galaxy_utils.experiments import algorithms, inputs, n_components, outliers, perturbations, recovery, selection
from galaxy_utils.experiments.nulls import CHAIN, CIRCULARITY, read_inputs
from galaxy_utils.experiments.selection import ALTERNATIVE, FOLDS, SEARCH
from galaxy_utils.experiments.store import read_study, study_journal, study_settings
from galaxy_utils.experiments.study import (
    Study,
    differences,
    finished_units,
    rows_digest,
    run_study,
    write_study,
)
from galaxy_utils.provenance import PACKAGE, git_commit
from galaxy_utils.run_folder import STUDIES, RunFolder

Inputs = Callable[[RunFolder, Parameters], Any]


_ALL: tuple[tuple[Study, Inputs], ...] = (
    (CHAIN, read_inputs),
    (CIRCULARITY, read_inputs),
    (n_components.CLUSTER_NUMBER, n_components.read_inputs),
    (algorithms.ALGORITHMS, algorithms.read_inputs),
    (outliers.OUTLIERS, outliers.read_inputs),
    (SEARCH, selection.inputs),
    (FOLDS, selection.inputs),
    (ALTERNATIVE, selection.alternative_inputs),
    (perturbations.PERTURBED, perturbations.read_inputs),
    (recovery.RECOVERY, recovery.read_inputs),
    (ENCODERS, inputs.for_encoders),
)

STUDIES_BY_NAME = {study.name: (study, make_inputs) for study, make_inputs in _ALL}


def check_study_names(names: Iterable[str]) -> None:
    """Refuse names of studies that do not exist.

    Parameters
    ----------
    names : iterable of str
        What somebody typed.

    Raises
    ------
    UserError
        For the first unknown name.
    """
    for name in names:
        if name not in STUDIES_BY_NAME:
            close = difflib.get_close_matches(name, STUDIES_BY_NAME, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise UserError(f"no study {name!r}{hint}; there are: {', '.join(STUDIES_BY_NAME)}")


def measure_study(name: str, folder: RunFolder, draws: int, n_processes: int) -> Path:
    """Measure a study of a run and write its result to `data/studies/`.

    Parameters
    ----------
    name : str
        Key of `STUDIES_BY_NAME`.
    folder : RunFolder
        A finished run.
    draws : int
        Seeds and draws.
    n_processes : int
        Worker processes.

    Returns
    -------
    Path
        The table written.

    Raises
    ------
    UserError
        If it needs images and the run has none, or rests on another study and
        the carried one is not of this run.
    """
    study, make_inputs = STUDIES_BY_NAME[name]
    _, parameters = read_parameters(folder.existing("parameters.yml"))
    started, code = time.time(), git_commit(PACKAGE)
    settings = study_settings(folder, study, parameters.model_dump())
    if study.after:
        settings["after"] = _rested_on(study, folder, parameters)
    taken = make_inputs(folder, parameters)
    if taken is None:
        raise UserError(f"study {name} needs images, and run {folder.path.name} has none")
    journal = study_journal(folder, settings)
    resumed = finished_units(study, draws, parameters.seed, journal)
    table = run_study(study, taken, draws, parameters.seed, journal, n_processes)
    settings |= {"draws": draws, "seed": parameters.seed}
    write_study(STUDIES, name, table, settings, started, resumed, code)
    return STUDIES / f"{name}.csv"


def _rested_on(study: Study, folder: RunFolder, parameters: Parameters) -> dict[str, str]:
    """Checksums of the carried studies that one rests on, if they are of the same run."""
    for name in study.after:
        stored = json.loads((STUDIES / f"{name}.json").read_text(encoding="utf-8"))
        mine = study_settings(folder, STUDIES_BY_NAME[name][0], parameters.model_dump())
        if changed := differences(stored, mine):
            raise UserError(
                f"study {study.name} rests on study {name}, and the one in {STUDIES} is not of "
                f"run {folder.path.name}: {', '.join(changed)} differ; measure {name} first"
            )
    return {name: rows_digest(read_study(name)) for name in study.after}
