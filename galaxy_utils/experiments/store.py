"""Results of studies that the project carries, and where unfinished ones are kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from galaxy_utils.config import PROFILES, split_names
from galaxy_utils.data.sample import read_rows
from galaxy_utils.errors import UserError
from galaxy_utils.experiments.study import Study, differences, resumed_note, rows_digest, run_study
from galaxy_utils.features.kept import kept_objids
from galaxy_utils.features.named_samples import PRECOMPUTED
from galaxy_utils.morphology.measurement import FIVE
from galaxy_utils.provenance import git_commit, sha256_of_file
from galaxy_utils.run_folder import ROOT, SMALL, STUDIES, RunFolder

if TYPE_CHECKING:
    from galaxy_utils.workflow.page import Page


def study_settings(folder: RunFolder, study: Study, run: Mapping[str, Any]) -> dict[str, Any]:
    """What decides a study's result: parameters, and the sample by content.

    Parameters
    ----------
    folder : RunFolder
        The run.
    study : Study
        The study.
    run : mapping
        Values of all parameters.

    Returns
    -------
    dict
        `parameters`, `sample` and, where there is something to say, `carried` and
        `profile`, as `study.differences` takes them.
    """
    settings: dict[str, Any] = {
        "parameters": {name: run[name] for name in study.parameters},
        "sample": _sample_digest(folder, study, run) if study.of_sample else "none",
    }
    if study.carried:
        settings["carried"] = {name: rows_digest(read_study(name)) for name in study.carried}
    if study.profile:
        changes = PROFILES[study.profile]
        settings["profile"] = {name: changes[name] for name in changes if name != "study_draws"}
    return settings


def _sample_digest(folder: RunFolder, study: Study, run: Mapping[str, Any]) -> str:
    if run["sample"] not in PRECOMPUTED or run["from_pixels"]:
        return str(folder.read_json("sample.json")["digest"])
    embeddings = [f"{name}-{run['framing']}.npz" for name in split_names(run["backbones"])]
    return measured_digest(PRECOMPUTED[run["sample"]], (*embeddings, *study.files))


def measured_digest(folder: Path, files: Iterable[str]) -> str:
    """Checksum of what a study takes from a measured table.

    Parameters
    ----------
    folder : Path
        The table.
    files : iterable of str
        Those of its files that count whole, beside the catalogue.

    Returns
    -------
    str
        sha256 of the files' checksums, and of the five parameters of the
        galaxies that have all of them: others never reach a study, and a reason
        said in other words changes none.
    """
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    whole = read_rows(folder / "morphology.csv")[["objid", *FIVE]].dropna()
    rows = whole.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    named = [manifest.get(name) for name in ("catalogue.csv", *files)]
    return hashlib.sha256(json.dumps([*named, rows]).encode()).hexdigest()


def study_journal(folder: RunFolder, settings: Mapping[str, Any]) -> Path:
    """Folder of a study's finished units: one for each state of code, sample and parameters.

    Parameters
    ----------
    folder : RunFolder
        The run.
    settings : mapping
        As of `study_settings`.

    Returns
    -------
    Path
        In the run folder.
    """
    content = json.dumps([dict(settings), git_commit(ROOT / "galaxy_utils")], sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()[:12]
    return folder.file(f"studies/{digest}/x").parent


def read_study(name: str) -> pd.DataFrame:
    """Result of a study that the project carries.

    Parameters
    ----------
    name : str
        Of the study.

    Returns
    -------
    DataFrame
        Its rows.

    Raises
    ------
    UserError
        If the file does not match its checksum.
    """
    path = STUDIES / f"{name}.csv"
    expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["sha256"]
    if sha256_of_file(path) != expected:
        raise UserError(
            f"{path} does not match its checksum; restore it (git checkout {path}) or make it "
            f"again: make studies STUDIES={name}"
        )
    return pd.read_csv(path, dtype={"text": str})


def load_study(
    page: Page, study: Study, make_inputs: Callable[..., Any] | None, draws: int
) -> pd.DataFrame:
    """Result of a study: the precomputed one, or measured now where that is of something else.

    Parameters
    ----------
    page : Page
        The page that shows it.
    study : Study
        What to measure.
    make_inputs : callable or None
        What makes its inputs of folder and parameters; the study's own if None. Called
        only where it is measured now.
    draws : int
        Seeds and draws where it is measured now.

    Returns
    -------
    DataFrame
        Its rows; none where it needs images that the run does not have.
    """
    if study.name not in page.section.studies:
        raise UserError(f"page {page.section.notebook} does not declare study {study.name}")
    settings = study_settings(page.folder, study, page.settings.model_dump())
    if study.after:
        settings["after"] = {name: page.rows_taken[name] for name in study.after}
    path = STUDIES / f"{study.name}.json"
    stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    changed = differences(stored, settings) if stored else ["the carried result"]
    if stored and not changed:
        rows = read_study(study.name)
        page.studied[study.name] = (
            f"carried by the project, {stored['draws']} draws, code `{stored['code']}`, "
            f"{stored['minutes']:.0f} minutes on {stored['cores']} cores"
            f"{resumed_note(stored)}; to make it again: "
            f"`make studies STUDIES={study.name} DRAWS={stored['draws']}`"
        )
    else:
        make_inputs = make_inputs or study.inputs
        assert make_inputs is not None
        inputs = make_inputs(page.folder, page.settings)
        if inputs is None:
            page.studied[study.name] = "not measured: it needs images, and the run has none"
            return pd.DataFrame()
        names = ", ".join(name if " " in name else f"`{name}`" for name in changed)
        page.studied[study.name] = (
            f"measured on this page with {draws} draws, since the one that the project carries "
            f"differs in {names}"
        )
        processes = 1 if len(kept_objids(page.folder)) < SMALL else None
        journal = study_journal(page.folder, settings)
        rows = run_study(study, inputs, draws, page.settings.seed, journal, processes)
    page.rows_taken[study.name] = rows_digest(rows)
    return rows


def studies_note(page: Page) -> Any:
    """Markdown that says where the studies of a page are from, a line each."""
    from IPython.display import Markdown

    lines = [f"- Study *{name}*: {text}." for name, text in page.studied.items()]
    if page.settings.space != "autoencoder":
        lines.append(
            "- This run clusters principal components; where this page executes the whole "
            "chain it judges the autoencoder's recipe in the same framing."
        )
    if page.settings.mixture_fit == "consensus":
        lines.append(
            "- This run's mixture is distilled from a consensus; a mixture fitted here is the "
            "likeliest one in its space, and also where it says *the run's own*."
        )
    return Markdown("\n".join(lines))
