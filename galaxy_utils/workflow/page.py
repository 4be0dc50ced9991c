"""A page of a run: what it reads, records and shows, and the sample that the run is of."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray

from galaxy_utils.config import (
    OF_THE_RUN_ALONE,
    OFFLINE_BACKBONES,
    PROFILES,
    Parameters,
    check_names,
    departures,
    make_parameters,
    read_parameters,
    split_names,
)
from galaxy_utils.data.fetching import FAILURES, MANIFEST, Fetched, read_failures
from galaxy_utils.data.hubble import hdf_sample
from galaxy_utils.data.paper_sample import CATALOGUE as SKY_CATALOGUE
from galaxy_utils.data.paper_sample import Recipe, fetch_sample, is_complete
from galaxy_utils.data.sample import ImageError, Sample, folder_sample, read_catalogue, read_rows
from galaxy_utils.data.skyserver import SERVER, fetch_known
from galaxy_utils.errors import UserError
from galaxy_utils.experiments.study import Study, differences, resumed_note, rows_digest, run_study
from galaxy_utils.features.features import Features
from galaxy_utils.features.preprocessing import Image
from galaxy_utils.features.table import (
    NO_IMAGE,
    MeasuredTable,
    image_fingerprints,
    measure_appearances,
    measure_embedding,
    measure_engines,
    measure_frames,
    measure_morphology,
    read_measured,
)
from galaxy_utils.morphology.measurement import FIVE
from galaxy_utils.morphology.parity import REFERENCE
from galaxy_utils.morphology.photometry import SHAPE
from galaxy_utils.provenance import git_commit, sha256_of_file, versions, write_atomically
from galaxy_utils.workflow.run_folder import (
    CATALOGUE,
    DATA,
    DEEP,
    GALAXIES,
    KEPT,
    LATENT,
    MEASUREMENTS,
    ROOT,
    SECTIONS,
    SHAPES,
    SMALL,
    STUDIES,
    WEIGHTS,
    RunFolder,
    Section,
    declared_parameters,
    judged_by,
    section_of,
)

MEASURED = {"sdss5000": DATA / "sdss5000"}
"""Samples that the project carries as measured tables."""

SKYSERVER = "skyserver"
"""Sample of the paper's own recipe, fetched from SkyServer."""

MOCK = "mock"
"""Sample of mock galaxies, drawn here."""

MOCK_NUMBER, MOCK_SEED = 2000, 0
"""How many mock galaxies the sample `mock` has where nobody says, and its universe."""

NAMED = (*MEASURED, "hdf", SKYSERVER, MOCK)
"""Samples that are no folder."""

KNOWN = frozenset(Parameters.model_fields)


def measured_folder(images: Path) -> Path:
    """Where the measured table of a folder of images lies, unless somebody says where.

    Parameters
    ----------
    images : Path
        Folder of images.

    Returns
    -------
    Path
        Named after the folder and a digest of its whole path, so that two
        folders called `images` do not meet.
    """
    source = images.expanduser().resolve()
    digest = hashlib.sha256(str(source).encode()).hexdigest()[:8]
    return ROOT / "runs" / MEASUREMENTS / f"{source.name}-{digest}"


@dataclass
class Page:
    """What a notebook holds of its run: read, record, show, finish.

    Parameters
    ----------
    section : Section
        The notebook's section.
    folder : RunFolder
        The run.
    parameters : mapping
        The parameters that the notebook declares, with the values of this run.
    """

    section: Section
    folder: RunFolder
    parameters: Mapping[str, Any]
    recorded: dict[str, Any] = field(default_factory=dict)
    studied: dict[str, str] = field(default_factory=dict)
    rows_taken: dict[str, str] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    @cached_property
    def changed(self) -> dict[str, Any]:
        """Parameters of this page that differ from the run's."""
        run = self.run_parameters if self.parameters else {}
        return {k: v for k, v in self.parameters.items() if k in run and run[k] != v}

    @cached_property
    def out(self) -> RunFolder:
        """Where this page writes: the run, or `trial/` in it where a parameter was changed.

        So a notebook that somebody executes with other parameters reads the
        run's artefacts and leaves them as they are.
        """
        return RunFolder(self.folder.path / "trial") if self.changed else self.folder

    @cached_property
    def run_parameters(self) -> dict[str, Any]:
        """All parameters of the run, also those this notebook does not use."""
        path = self.folder.path / "parameters.yml"
        if not path.exists():
            raise UserError(
                f"{path} is missing: make the run first (make book RUN={self.folder.path.name})"
            )
        return dict(yaml.safe_load(path.read_text(encoding="utf-8")))

    def table(self, relative: str) -> pd.DataFrame:
        """Read a table of an earlier section, refusing what was not declared.

        Parameters
        ----------
        relative : str
            Path in the run folder.

        Returns
        -------
        DataFrame
            The table.
        """
        self._check_declared(relative)
        return self.folder.read_table(relative)

    def arrays(self, relative: str) -> dict[str, NDArray[Any]]:
        """Read arrays of an earlier section, refusing what was not declared.

        Parameters
        ----------
        relative : str
            Path in the run folder.

        Returns
        -------
        dict of str to ndarray
            The arrays.
        """
        self._check_declared(relative)
        return self.folder.read_arrays(relative)

    def data(self, name: str) -> Path:
        """Path of a file of `data/`, refusing what was not declared.

        Parameters
        ----------
        name : str
            File name.

        Returns
        -------
        Path
            The file.
        """
        if name not in self.section.data:
            raise UserError(f"section {self.section.name} does not declare that it reads {name}")
        return DATA / name

    def earlier_results(self) -> dict[str, Any]:
        """Results of the sections that this one judges.

        Returns
        -------
        dict of str to dict
            Key to {value, text, unit, section}.

        Raises
        ------
        UserError
            If the section is not declared to read results.
        """
        if not self.section.results:
            raise UserError(f"section {self.section.name} reads results that it does not declare")
        return self.folder.results(judged_by(self.section))

    def _check_declared(self, relative: str) -> None:
        if relative not in self.section.reads:
            raise UserError(
                f"section {self.section.name} reads {relative} without declaring it in "
                "galaxy_utils/workflow/run_folder.py: the workflow would not see it change"
            )

    def write(self, relative: str, content: pd.DataFrame | Mapping[str, Any]) -> None:
        """Write an artefact: parquet, json, safetensors or npz by its suffix.

        Parameters
        ----------
        relative : str
            Path in the run folder, declared in the section's `writes`.
        content : DataFrame or mapping
            A table; arrays by name (npz, safetensors); or what JSON can hold.
        """
        from safetensors.numpy import save_file

        if relative not in self.section.writes:
            raise UserError(
                f"section {self.section.name} does not declare that it writes {relative}"
            )
        path = self.out.file(relative)
        if isinstance(content, pd.DataFrame):
            content.to_parquet(path, index=False)
        elif path.suffix == ".json":
            self.out.write_json(relative, dict(content))
        elif path.suffix == ".safetensors":
            save_file(dict(content), path)
        else:
            np.savez(path, allow_pickle=False, **content)

    def record(self, key: str, value: Any, text: str | None = None, unit: str = "") -> None:
        """Record a number that the page shows.

        Parameters
        ----------
        key : str
            `<section>.<name>`, lower case, the name used in the prose.
        value : bool, int, float or str
            The number itself.
        text : str, optional
            How the prose shows it; made from the value if not given.
        unit : str
            Its unit, empty where it has none.

        Raises
        ------
        UserError
            If the key was recorded already or is malformed.
        """
        if not re.fullmatch(r"[a-z]+(\.[a-z][a-z0-9_]*)+", key) or key in self.recorded:
            raise UserError(f"result key {key!r}: malformed, or recorded twice")
        plain = value.item() if isinstance(value, np.generic) else value
        if isinstance(plain, float):  # the last digits depend on the number of threads
            plain = float(f"{plain:.10g}") if np.isfinite(plain) else None
        self.recorded[key] = {
            "value": plain,
            "text": _as_text(plain) if text is None else text,
            "unit": unit,
            "section": self.section.name,
            "cell": _cell_number(),
        }

    def record_number(
        self,
        key: str,
        value: float | None,
        form: str,
        unit: str = "",
        unknown: str = "not measured",
    ) -> None:
        """Record a number with the form in which the page shows it.

        Parameters
        ----------
        key, unit : str
            As in `record`.
        value : float or None
            The number itself; None or what is not finite where there is none.
        form : str
            How it is shown, such as `.2f`.
        unknown : str
            What the page says where there is none.
        """
        missing = value is None or not np.isfinite(value)
        text = unknown if missing else format(value, form)
        self.record(key, None if missing else value, text, unit)

    def state(
        self,
        key: str,
        holds: bool | None,
        yes: str,
        no: str,
        unknown: str = "This run could not measure it.",
    ) -> None:
        """Record the sentence that fits what was found.

        Parameters
        ----------
        key : str
            As in `record`.
        holds : bool or None
            What was found; None where it could not be measured.
        yes, no, unknown : str
            The three sentences.
        """
        self.record(key, unknown if holds is None else yes if holds else no)

    def record_scores(self, prefix: str, found: pd.DataFrame, forms: Mapping[str, str]) -> None:
        """Record scores with their ranges over seeds and, where they are known, intervals.

        Parameters
        ----------
        prefix : str
            What the keys begin with.
        found : DataFrame
            One row a score, columns mean, min, max; rows `<score>_low` and
            `<score>_high` are the ends of its interval.
        forms : mapping of str to str
            Score to the format of its text. Each is recorded as `<prefix><score>`, with
            `_lowest` and `_highest` over seeds, `_low` and `_high` of the interval.
        """
        ends = {"": "mean", "_lowest": "min", "_highest": "max"}
        known: dict[Any, dict[Any, Any]] = found.to_dict("index")
        for score, form in forms.items():
            values = {end: known[score][column] for end, column in ends.items()}
            rows = [end for end in ("_low", "_high") if f"{score}{end}" in known]
            values |= {end: known[f"{score}{end}"]["mean"] for end in rows}
            for end, value in values.items():
                self.record_number(f"{prefix}{score}{end}", value, form)

    def header(self) -> Any:
        """Say with what this page was made.

        Returns
        -------
        IPython.display.Markdown
            Sample, backbones, seed, profile, code version.
        """
        from IPython.display import Markdown

        run = self.run_parameters
        parts = [
            f"sample `{run['sample']}`",
            f"parameters by engine `{run['engine']}`",
            f"backbones `{run['backbones'].replace(',', '` + `')}` (framing `{run['framing']}`)",
            f"seed `{run['seed']}`",
            f"profile `{run['profile']}`",
            f"code `{git_commit(ROOT)}`",
        ]
        if self.section.field and not self.folder.read_json("sample.json")["images"]:
            parts.append("**pictures of another sample:** `hdf`, the Hubble Deep Field")
        if self.changed:
            changed = ", ".join(f"`{name} = {value}`" for name, value in self.changed.items())
            parts.append(f"**changed on this page alone:** {changed}; it writes into `trial/`")
        return Markdown(" · ".join(parts))

    def duration(self) -> Any:
        """Say how long this page took.

        Returns
        -------
        IPython.display.Markdown
            Seconds since the page was opened.
        """
        from IPython.display import Markdown

        return Markdown(f"This page took {time.monotonic() - self.started:.0f} s to make.")

    def recipe_text(self) -> str:
        """Say where the run departs from the recipe by which the paper is reproduced.

        Returns
        -------
        str
            Two sentences; empty where it does not.
        """
        found = departures(self.settings)
        if not found:
            return ""
        shared = ", ".join(f"`{name}`" for name in found if name not in OF_THE_RUN_ALONE)
        recipe = f"{shared} may take part in it, too" if shared else "it is made as in that profile"
        return (
            "**This run departs from the profile `book`, by which the paper is reproduced, in** "
            f"{', '.join(f'`{name}`' for name in found)}: what is said of the run's own clusters, "
            "for or against, is no word on the paper's. Where the paper's own recipe is made "
            f"beside, {recipe}."
        )

    def galaxies(self) -> Galaxies:
        """Open the run's sample.

        Returns
        -------
        Galaxies
            With the parameters of the run.
        """
        if not self.section.sample:
            raise UserError(
                f"section {self.section.name} does not declare that it reads the sample"
            )
        run = self.run_parameters | dict(self.parameters)
        return open_galaxies(
            run["sample"], run["n_galaxies"], run["from_pixels"], self.folder.file("measured")
        )

    @cached_property
    def settings(self) -> Parameters:
        """The run's parameters, with those that were changed on this page alone."""
        values = self.run_parameters | dict(self.parameters)
        return make_parameters("book", {k: v for k, v in values.items() if k in KNOWN})

    def study(
        self, study: Study, make_inputs: Callable[[RunFolder, Parameters], Any], draws: int
    ) -> pd.DataFrame:
        """Result of a study: the carried one, or measured now where that is of something else.

        Parameters
        ----------
        study : Study
            What to measure.
        make_inputs : callable
            One of `galaxy_utils.inputs`; called only where it is measured now.
        draws : int
            Seeds and draws where it is measured now.

        Returns
        -------
        DataFrame
            Its rows; none where it needs images that the run does not have.
        """
        if study.name not in self.section.studies:
            raise UserError(f"section {self.section.name} does not declare study {study.name}")
        settings = study_settings(self.folder, study, self.settings.model_dump())
        if study.after:
            settings["after"] = {name: self.rows_taken[name] for name in study.after}
        path = STUDIES / f"{study.name}.json"
        stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
        changed = differences(stored, settings) if stored else ["the carried result"]
        if stored and not changed:
            self.studied[study.name] = (
                f"carried by the project, {stored['draws']} draws, code `{stored['code']}`, "
                f"{stored['minutes']:.0f} minutes on {stored['cores']} cores"
                f"{resumed_note(stored)}; to make it again: "
                f"`make studies STUDIES={study.name} DRAWS={stored['draws']}`"
            )
            return self._taken(study, read_study(study.name))
        inputs = make_inputs(self.folder, self.settings)
        if inputs is None:
            self.studied[study.name] = "not measured: it needs images, and the run has none"
            return pd.DataFrame()
        said = ", ".join(name if " " in name else f"`{name}`" for name in changed)
        self.studied[study.name] = (
            f"measured on this page with {draws} draws, since the one that the project carries "
            f"differs in {said}"
        )
        journal = study_journal(self.folder, settings)
        small = len(kept_objids(self.folder)) < SMALL
        processes = 1 if small else None
        rows = run_study(study, inputs, draws, self.settings.seed, journal, processes)
        return self._taken(study, rows)

    def _taken(self, study: Study, rows: pd.DataFrame) -> pd.DataFrame:
        """Keep the checksum of a study's rows, for the studies that rest on it."""
        self.rows_taken[study.name] = rows_digest(rows)
        return rows

    def studies_note(self) -> Any:
        """Say where the page's studies are from.

        Returns
        -------
        IPython.display.Markdown
            A line a study.
        """
        from IPython.display import Markdown

        lines = [f"- Study *{name}*: {text}." for name, text in self.studied.items()]
        if self.settings.space != "autoencoder":
            lines.append(
                "- This run clusters principal components; where this page executes the whole "
                "chain it judges the autoencoder's recipe in the same framing."
            )
        if self.settings.mixture_fit == "votes":
            lines.append(
                "- This run's mixture is taught by votes; where this page fits one anew, it is the "
                "likeliest one in its space, and also where it says *the run's own*."
            )
        return Markdown("\n".join(lines))

    def pictures_note(self, galaxies: Galaxies) -> Any:
        """A box that says which pictures are missing and how to get them.

        Parameters
        ----------
        galaxies : Galaxies
            The run's sample.

        Returns
        -------
        IPython.display.Markdown or None
            None where the run has images.
        """
        from IPython.display import Markdown

        if galaxies.sample.has_images:
            return None
        name = galaxies.sample.name
        folder = f"data/{name}/images/" if name in MEASURED else f"{name}/images/"
        source = " (or let `make images` fetch them from SkyServer)" if name in MEASURED else ""
        return Markdown(
            ":::{admonition} Pictures are missing here\n:class: note\n"
            f"This run has the measurements of `{name}`, not its images. Put the cutouts as "
            f"`<objid>.jpg` into `{folder}`{source} and run the same `make book` again.\n:::"
        )

    def show_table(self, table: pd.DataFrame, name: str) -> pd.DataFrame:
        """Keep a table that a page numbers, as `tables/<name>.csv`.

        Parameters
        ----------
        table : DataFrame
            As it is to be read; one without rows becomes one that says so.
        name : str
            File name without suffix.

        Returns
        -------
        DataFrame
            The same table, for JupyterLab to show.
        """
        if table.empty:  # an empty table is no table to the book
            table = pd.DataFrame({"this run": ["nothing to show"]})
        path = self.out.file(f"tables/{name}.csv")
        write_atomically(path, table.to_csv(index=False, lineterminator="\n"))
        return table

    def show_figure(self, figure: Any, name: str) -> Any:
        """Keep a figure as SVG and PNG, and hand it to the page.

        Parameters
        ----------
        figure : matplotlib Figure
            Drawn by `galaxy_utils.plots`.
        name : str
            File name without suffix, for example `figure_2`.

        Returns
        -------
        IPython.display.Image
            The PNG.
        """
        from IPython.display import Image as Picture
        from matplotlib import pyplot

        svg, png = (self.out.file(f"figures/{name}.{kind}") for kind in ("svg", "png"))
        figure.savefig(svg, metadata={"Date": None})
        figure.set_layout_engine("none")  # laid out once; to do it again takes as long as to draw
        figure.savefig(png, dpi=160, metadata={"Software": None})
        pyplot.close(figure)
        return Picture(filename=str(png), width=int(figure.get_figwidth() * 80))

    def finish(self) -> pd.DataFrame:
        """Write what was recorded, and check that all declared outputs are there.

        Returns
        -------
        DataFrame
            Columns key, value, unit: what this page recorded, sentences left out.

        Raises
        ------
        UserError
            If a declared artefact was not made.
        """
        missing = [name for name in self.section.writes if not self.out.file(name).exists()]
        if missing:
            raise UserError(f"section {self.section.name} did not make {', '.join(missing)}")
        self.out.write_json(f"results/{self.section.number}.json", self.recorded)
        numbers = {k: entry for k, entry in self.recorded.items() if not k.endswith("_text")}
        rows = [(key, entry["text"], entry["unit"]) for key, entry in numbers.items()]
        return pd.DataFrame(rows, columns=["key", "value", "unit"])


def _cell_number() -> int | None:
    """Execution count of the notebook cell under way; None outside a notebook."""
    from IPython import get_ipython

    shell = get_ipython()
    return None if shell is None else int(shell.execution_count)


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "not measured"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def read_features(folder: RunFolder) -> Features:
    """The kept galaxies of a run, as the chain takes them.

    Parameters
    ----------
    folder : RunFolder
        A run with sections 01 to 05 made.

    Returns
    -------
    Features
        In catalogue order; types from `validation.SEEN_TYPES`.
    """
    from galaxy_utils.evaluation.validation import SEEN_TYPES

    kept = folder.read_table(KEPT).query("kept")["objid"]
    five = folder.read_table(SHAPES).set_index("objid").loc[kept, list(FIVE)]
    classes = folder.read_table(GALAXIES).set_index("objid").loc[kept, "gz1_class"]
    types = classes.map(SEEN_TYPES).astype(object)
    return Features(
        five.to_numpy(float), folder.read_arrays(DEEP), types.where(types.notna(), None).to_numpy()
    )


def kept_objids(folder: RunFolder) -> list[str]:
    """Galaxies that section 04 kept, in catalogue order.

    Parameters
    ----------
    folder : RunFolder
        A run with section 04 made.

    Returns
    -------
    list of str
        Their objids.
    """
    return [str(objid) for objid in folder.read_table(KEPT).query("kept")["objid"]]


def read_latent(folder: RunFolder) -> NDArray[np.float32]:
    """Bottleneck of every kept galaxy.

    Parameters
    ----------
    folder : RunFolder
        A run with section 06 made.

    Returns
    -------
    ndarray of float32, shape (n, latent_dim)
        In catalogue order.
    """
    return folder.read_arrays(LATENT)["latent"]


def read_morphology(folder: RunFolder) -> pd.DataFrame:
    """What measuring gave for every galaxy of a run.

    Parameters
    ----------
    folder : RunFolder
        A run with section 03 made.

    Returns
    -------
    DataFrame
        Index objid; columns `morphology.MORPHOLOGY_COLUMNS`.
    """
    table = folder.read_table(SHAPES)
    return table.set_index(table["objid"].astype(str))


def read_weights(folder: RunFolder) -> dict[str, NDArray[np.float32]]:
    """State of the run's autoencoder.

    Parameters
    ----------
    folder : RunFolder
        A run with section 06 made.

    Returns
    -------
    dict of str to ndarray
        As `fusion.Trained.weights`.
    """
    from safetensors.numpy import load_file

    return dict(load_file(folder.existing(WEIGHTS)))


def galaxies_of(folder: RunFolder, parameters: Parameters) -> Galaxies:
    """Open the sample of a run.

    Parameters
    ----------
    folder : RunFolder
        The run.
    parameters : Parameters
        Its parameters.

    Returns
    -------
    Galaxies
        The sample.
    """
    p = parameters
    return open_galaxies(p.sample, p.n_galaxies, p.from_pixels, folder.file("measured"))


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
    if run["sample"] not in MEASURED or run["from_pixels"]:
        return str(folder.read_json("sample.json")["digest"])
    embeddings = [f"{name}-{run['framing']}.npz" for name in split_names(run["backbones"])]
    return measured_digest(MEASURED[run["sample"]], (*embeddings, *study.files))


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


@dataclass(frozen=True)
class Galaxies:
    """The sample of a run, with what was measured of it before.

    Parameters
    ----------
    sample : Sample
        The galaxies, already thinned to the number asked for.
    measured : MeasuredTable or None
        None where everything is measured from pixels.
    folder : Path
        Where measurements made by this run are kept.
    """

    sample: Sample
    measured: MeasuredTable | None
    folder: Path

    def morphology(self, engine: str = "fast") -> pd.DataFrame:
        """Morphology of every galaxy, from the measured table or from pixels.

        Parameters
        ----------
        engine : str
            One of `measurement.ENGINES`.

        Returns
        -------
        DataFrame
            Columns objid and `morphology.MORPHOLOGY_COLUMNS`, in catalogue order.

        Raises
        ------
        UserError
            If this engine did not measure the table and there are no pixels.
        """
        self.check_morphology(engine)
        table = self.measured.measured_by(engine) if self.measured else None
        if table is None:
            return measure_morphology(self.sample, self.folder, os.cpu_count() or 1, engine)
        return table.iloc[self._rows()].reset_index(drop=True)

    def check_morphology(self, engine: str) -> None:
        """Make sure that an engine's values are there or can be measured.

        Parameters
        ----------
        engine : str
            One of `measurement.ENGINES`.

        Raises
        ------
        UserError
            If this engine did not measure the table and there are no pixels.
        """
        if self.measured is None or self.sample.has_images:
            return
        if self.measured.measured_by(engine) is None:
            raise UserError(
                f"sample {self.sample.name}: its table was not measured by engine {engine!r} and "
                "there are no images; take the other engine, or measure with "
                f"make measure IMAGES=<folder> ENGINE={engine}"
            )

    def both_engines(self, number: int) -> tuple[pd.DataFrame, str]:
        """The compiled engine's values beside statmorph's.

        Parameters
        ----------
        number : int
            How many galaxies to measure where the measured table does not hold both.

        Returns
        -------
        table : DataFrame
            As `parity.differences` takes it.
        source : str
            Which galaxies they are, in words.
        """
        if self.measured is not None and REFERENCE + "flag" in self.measured.morphology:
            table = self.measured.morphology.iloc[self._rows()].reset_index(drop=True)
            return table, f"all {len(table):,} galaxies of the sample `{self.sample.name}`"
        shown = self.sample if self.sample.has_images else hdf_sample(self.folder)
        few = replace(shown, catalogue=evenly(shown.catalogue, number))
        table = measure_engines(few, self.folder, os.cpu_count() or 1, ("fast", "statmorph"))
        return table, f"{len(table)} galaxies of the sample `{shown.name}`"

    def embedding(self, configuration: str) -> NDArray[np.float32]:
        """One embedding of every galaxy, from the measured table or from pixels.

        Parameters
        ----------
        configuration : str
            `<backbone>-<framing>`.

        Returns
        -------
        ndarray of float32, shape (n_galaxies, dimension)
            In catalogue order; NaN where the image could not be embedded.
        """
        if self.measured is not None and (
            configuration in self.measured.embeddings or not self.sample.has_images
        ):
            return self.measured.embedding(configuration)[self._rows()]
        return measure_embedding(self.sample, configuration, self.folder).astype(np.float32)

    def appearance(self) -> pd.DataFrame | None:
        """Axis ratio and colours of every galaxy.

        Returns
        -------
        DataFrame or None
            Columns objid and `appearance.APPEARANCE_COLUMNS`, in catalogue
            order; None where they were not measured and there are no pixels.
        """
        if self.measured is not None and self.measured.appearance is not None:
            return self.measured.appearance.iloc[self._rows()].reset_index(drop=True)
        if not self.sample.has_images:
            return None
        return measure_appearances(self.sample, self.folder, os.cpu_count() or 1)

    def frames(self) -> pd.Series | None:
        """What saturates the frame of every galaxy.

        Returns
        -------
        Series of str or None
            As of `saturation.kind_of_frame`, in catalogue order; None where it
            was not looked at and there are no pixels.
        """
        if self.measured is not None and self.measured.frames is not None:
            return self.measured.frames["frame"].iloc[self._rows()].reset_index(drop=True)
        if not self.sample.has_images:
            return None
        return measure_frames(self.sample, self.folder, os.cpu_count() or 1)["frame"]

    def measurements(self, engine: str = "fast") -> pd.DataFrame:
        """Morphology of every galaxy with axis ratio and colours beside.

        Parameters
        ----------
        engine : str
            One of `measurement.ENGINES`.

        Returns
        -------
        DataFrame
            As of `morphology`, and `appearance.SHAPE` (NaN where they were
            not measured), in catalogue order.
        """
        table, appearance = self.morphology(engine), self.appearance()
        if appearance is None:
            return table.assign(**dict.fromkeys(SHAPE, np.nan))
        return table.assign(**{name: appearance[name].to_numpy(float) for name in SHAPE})

    def check_embedding(self, backbone: str, framing: str) -> None:
        """Make sure that an embedding is there or can be made, before anything runs.

        Parameters
        ----------
        backbone, framing : str
            Its configuration.

        Raises
        ------
        UserError
            If it was not measured and there are no pixels; or if the weights
            cannot be had, with which section 12 times the network in any case.
        """
        if self.measured is not None and not self.sample.has_images:
            self.measured.embedding(f"{backbone}-{framing}")  # raises, naming what there is
        if backbone in OFFLINE_BACKBONES:
            return
        from galaxy_utils.features.embedding import (
            ensure_weights,  # imports torch: only where needed
        )

        ensure_weights(backbone)

    def image_size(self) -> int | None:
        """Height of the cutouts, also where only their measurements are here.

        Returns
        -------
        int or None
            Pixels; None where nothing tells.
        """
        if self.measured is not None and self.measured.provenance.get("image_px"):
            return int(self.measured.provenance["image_px"])
        seen = (self._picture(objid) for objid in self.sample.catalogue["objid"])
        return next((int(image.shape[0]) for image in seen if image is not None), None)

    def pictures(self, objids: Iterable[str]) -> list[Image | None]:
        """Cutouts for the eye.

        Parameters
        ----------
        objids : iterable of str
            Which galaxies.

        Returns
        -------
        list of ndarray of uint8, shape (height, width, 3), or None
            None where there is no readable image.
        """
        return [self._picture(objid) for objid in objids]

    def _picture(self, objid: str) -> Image | None:
        try:
            return self.sample.image(objid)
        except ImageError:
            return None

    def pictures_or_field(self, number: int) -> tuple[list[Image], list[str], str]:
        """Examples evenly over the sample, or over the built-in field without images.

        Parameters
        ----------
        number : int
            How many, at most.

        Returns
        -------
        pictures : list of ndarray of uint8, shape (height, width, 3)
            Readable cutouts.
        names : list of str
            Their objids.
        source : str
            Which sample they are from, in words.
        """
        shown = self.sample if self.sample.has_images else hdf_sample(self.folder)
        objids = shown.catalogue["objid"].tolist()
        rows = np.linspace(0, len(objids) - 1, min(number, len(objids))).round().astype(int)
        readable = Galaxies(shown, None, self.folder).pictures(objids[row] for row in rows)
        pairs = [(i, objids[r]) for i, r in zip(readable, rows, strict=True) if i is not None]
        source = f"These are examples from the sample `{shown.name}`"
        source += "." if shown is self.sample else ", since the run has no images of its own."
        return [image for image, _ in pairs], [objid for _, objid in pairs], source

    def _rows(self) -> NDArray[np.int64]:
        assert self.measured is not None
        row_of = {objid: row for row, objid in enumerate(self.measured.catalogue["objid"])}
        return np.array([row_of[objid] for objid in self.sample.catalogue["objid"]], np.int64)


def open_galaxies(
    sample: str, n_galaxies: int = 0, from_pixels: bool = False, folder: Path | None = None
) -> Galaxies:
    """Open the sample that a run was asked for.

    Parameters
    ----------
    sample : str
        `sdss5000`, `hdf`, `skyserver`, `mock`, a folder of images, or one with a measured table.
    n_galaxies : int
        Take this many, evenly over the catalogue; 0 takes all. Of `skyserver`
        the first so many of its order (0: as many as the paper) are a sample of their own.
    from_pixels : bool
        Pass over the measured table.
    folder : Path, optional
        Where measurements of this run are kept.

    Returns
    -------
    Galaxies
        The sample.

    Raises
    ------
    UserError
        If there is no such sample, or it has no pixels though they are needed.
    """
    opened, measured = _open(sample, n_galaxies, folder)
    if from_pixels:
        measured = None
    if measured is None and not opened.has_images:
        raise UserError(
            f"sample {sample}: no images in {MEASURED.get(sample, Path(sample)) / 'images'}; "
            "from_pixels (profile full) needs them. Put the cutouts there as <objid>.jpg (of "
            "sdss5000: make images ALL=1), or leave from_pixels out"
        )
    if n_galaxies:
        opened = replace(opened, catalogue=evenly(opened.catalogue, n_galaxies))
    return Galaxies(opened, measured, folder or ROOT / "runs" / MEASUREMENTS)


def evenly(table: pd.DataFrame, number: int) -> pd.DataFrame:
    """Take rows evenly over a table.

    Parameters
    ----------
    table : DataFrame
        Any.
    number : int
        How many rows, at most.

    Returns
    -------
    DataFrame
        The first and the last row among them; the table itself where it is not longer.
    """
    if number >= len(table):
        return table
    rows = np.linspace(0, len(table) - 1, number).round().astype(int)
    return table.iloc[rows].reset_index(drop=True)


def _open(sample: str, n_galaxies: int, folder: Path | None) -> tuple[Sample, MeasuredTable | None]:
    if sample == "hdf":
        return hdf_sample(folder), None
    if sample == SKYSERVER:
        return _open_skyserver(_recipe_of(n_galaxies)), None
    if sample == MOCK:
        from galaxy_utils.simulate.drawing import mock_sample  # half a second: only where needed

        number = n_galaxies or MOCK_NUMBER
        return mock_sample(mock_folder(MOCK_SEED, 0.05), number, MOCK_SEED, 0.05), None
    path = MEASURED.get(sample) or Path(sample).expanduser().resolve()
    if sample not in MEASURED and not path.is_dir():
        known = ", ".join(NAMED)
        raise UserError(f"sample {sample!r}: there are {known}, or give a folder ({path} is none)")
    if not (path / "manifest.json").exists():
        return folder_sample(path), None
    measured = read_measured(path)
    images = path / "images"
    return Sample(sample, measured.catalogue, images if images.is_dir() else None), measured


def _recipe_of(n_galaxies: int) -> Recipe:
    return Recipe.of(number=n_galaxies) if n_galaxies else Recipe.of()


def _open_skyserver(recipe: Recipe) -> Sample:
    folder = skyserver_folder(recipe)
    if not is_complete(folder):
        raise UserError(
            f"sample {SKYSERVER}: its images are not all in {folder}; fetch them with "
            f"make skyserver NUMBER={recipe.number} (can be stopped and taken up)"
        )
    return Sample(SKYSERVER, read_catalogue(folder / SKY_CATALOGUE), folder)


def mock_folder(seed: int, artefact_share: float) -> Path:
    """Where mock galaxies are drawn to.

    Parameters
    ----------
    seed : int
        Of the mock universe.
    artefact_share : float
        Share of artefacts.

    Returns
    -------
    Path
        Named after both and after the code that draws, so that mocks of an
        older code are never taken for today's; any number of them goes into it.
    """
    sources = (ROOT / "galaxy_utils" / "simulate" / f"{n}.py" for n in ("drawing", "families"))
    code = hashlib.sha256("".join(sha256_of_file(path) for path in sources).encode()).hexdigest()
    name = f"{MOCK}-{seed}-{artefact_share:g}-{code[:8]}"
    return ROOT / "runs" / MEASUREMENTS / name


def skyserver_folder(recipe: Recipe) -> Path:
    """Where a sample fetched from SkyServer lies, unless somebody says where.

    Parameters
    ----------
    recipe : Recipe
        Which one.

    Returns
    -------
    Path
        Named after its number and seed, and its redshift limit if that is not the paper's.
    """
    name = f"{SKYSERVER}-{recipe.number}-{recipe.seed}"
    if recipe.z_max != Recipe.of().z_max:
        name += f"-z{recipe.z_max:g}"
    return ROOT / "runs" / MEASUREMENTS / name


def fetch_missing(parameters: Parameters, server: str | None = None) -> None:
    """Fetch the images that a run needs and that nobody put there, before anything runs.

    Those are the sample `skyserver`, and the cutouts of a carried sample that
    is to be measured from pixels.

    Parameters
    ----------
    parameters : Parameters
        Of the run.
    server : str, optional
        As `skyserver.SERVER`, which is taken if not given.

    Raises
    ------
    UserError
        If the server cannot be reached, or does not answer as it should.
    """
    if parameters.sample == SKYSERVER:
        recipe = _recipe_of(parameters.n_galaxies)
        folder = skyserver_folder(recipe)
        if not is_complete(folder):
            _say_failures(fetch_sample(recipe, folder, server or SERVER), folder)
    elif parameters.sample in MEASURED and parameters.from_pixels:
        opened, _ = _open(parameters.sample, 0, None)
        wanted = evenly(opened.catalogue, parameters.n_galaxies or len(opened.catalogue))
        images = MEASURED[parameters.sample] / "images"
        if _fetched_here(opened, images) and _lacks(images, wanted["objid"]):
            _say_failures(_fetch_carried(wanted, images, server or SERVER), images)


def _fetch_carried(wanted: pd.DataFrame, images: Path, server: str) -> Fetched:
    try:
        return fetch_known(wanted, images, server)
    except UserError as error:
        raise UserError(
            f"{error}. Or put the cutouts into {images} as <objid>.jpg yourself, or leave "
            "from_pixels (profile full) out"
        ) from error


def _say_failures(done: Fetched, folder: Path) -> None:
    if done.failures:
        print(f"{len(done.failures)} images could not be had: see {folder / FAILURES}", flush=True)


def _fetched_here(opened: Sample, images: Path) -> bool:
    """Whether the images are ours to complete: somebody's own folder stays as it is."""
    return not opened.has_images or (images / MANIFEST).exists()


def _lacks(images: Path, objids: Iterable[str]) -> bool:
    failed = read_failures(images)
    return any(o not in failed and not (images / f"{o}.jpg").exists() for o in objids)


def shown_objids(folder: RunFolder) -> list[str]:
    """Galaxies whose pictures the pages of a run show, or would show.

    Parameters
    ----------
    folder : RunFolder
        A finished run.

    Returns
    -------
    list of str
        Examples (sections 01 to 03), purged galaxies (04), and those that
        stand for clusters and anomalies (09), each once.

    Raises
    ------
    UserError
        If the run was not made.
    """
    from galaxy_utils.clustering.taxonomy import representatives

    _, p = read_parameters(folder.path / "parameters.yml")
    everyone = open_galaxies(p.sample, p.n_galaxies).sample.catalogue
    purged = folder.read_table(KEPT)
    dropped = purged[~purged["kept"]].sort_values(["drop_reason", "isolation_score"])
    dropped = dropped.groupby("drop_reason").head(p.n_examples)
    catalogue = folder.read_table(CATALOGUE)
    grid = representatives(catalogue[catalogue["kept"]], p.grid_size // 2)
    objids = [*evenly(everyone, p.n_examples)["objid"], *dropped["objid"], *grid["objid"]]
    return [objid for objid in dict.fromkeys(map(str, objids)) if objid]


def fetch_pictures(
    sample: str, run: str, everything: bool, server: str = SERVER
) -> tuple[Fetched, Path]:
    """Fetch cutouts of a carried sample: those that a run shows, or all.

    Parameters
    ----------
    sample : str
        Key of `MEASURED`.
    run : str
        Name of a finished run of this sample.
    everything : bool
        All galaxies, whatever the run shows.
    server : str
        As `skyserver.SERVER`.

    Returns
    -------
    fetched : Fetched
        What was done.
    images : Path
        Where the cutouts lie.

    Raises
    ------
    UserError
        If there is no such sample or run, or the server cannot be reached.
    """
    if sample not in MEASURED:
        raise UserError(
            f"sample {sample!r}: pictures are fetched for {', '.join(MEASURED)}; the images of "
            f"{SKYSERVER} come with make skyserver, your own are where you put them"
        )
    images = MEASURED[sample] / "images"
    catalogue = read_measured(MEASURED[sample]).catalogue
    if not everything:
        _check_run_of(sample, RunFolder.named(run))
        catalogue = catalogue[catalogue["objid"].isin(shown_objids(RunFolder.named(run)))]
    return fetch_known(catalogue, images, server), images


def _check_run_of(sample: str, folder: RunFolder) -> None:
    made = (folder.path / CATALOGUE).exists()
    if not made or read_parameters(folder.path / "parameters.yml")[1].sample != sample:
        raise UserError(
            f"run {folder.path.name} is not a finished run of {sample}, so which pictures its "
            f"pages show is not known; make it first (make book RUN={folder.path.name}), name "
            "another one with RUN, or fetch all with ALL=1"
        )


def absolute_sample(parameters: Parameters) -> Parameters:
    """Make a sample's folder absolute: notebooks run in another directory.

    Parameters
    ----------
    parameters : Parameters
        As asked for.

    Returns
    -------
    parameters : Parameters
        The same where the sample is a name.
    """
    if parameters.sample in NAMED:
        return parameters
    folder = Path(parameters.sample).expanduser().resolve()
    return parameters.model_copy(update={"sample": str(folder)})


def fingerprint_of(galaxies: Galaxies) -> dict[str, Any]:
    """Tell one state of a sample from another by content, not by file times.

    Parameters
    ----------
    galaxies : Galaxies
        An opened sample.

    Returns
    -------
    dict
        Name, number of galaxies, number of images, digest of both.
    """
    images = image_fingerprints(galaxies.sample)
    content = json.dumps(images, sort_keys=True).encode()
    catalogue = galaxies.sample.catalogue.to_csv(index=False).encode()
    return {
        "sample": galaxies.sample.name,
        "galaxies": len(galaxies.sample.catalogue),
        "images": sum(image != NO_IMAGE for image in images.values()),
        "digest": hashlib.sha256(content + catalogue).hexdigest(),
    }


IPYTHON_NAMES = frozenset({"In", "Out", "exit", "quit", "open", "get_ipython", "begin"})
"""Names that IPython keeps in a notebook, and this module's own."""


def begin(number: str, namespace: Mapping[str, Any]) -> Page:
    """Open a page: check the notebook's parameters and find its run.

    papermill only warns of a parameter that the notebook does not declare and
    runs the default; called first after the parameters, this sees every name
    that was injected and refuses what it does not know.

    Parameters
    ----------
    number : str
        Section number, two digits.
    namespace : mapping
        The notebook's `globals()`.

    Returns
    -------
    Page
        The page.

    Raises
    ------
    UserError
        For an unknown, mistyped or out-of-range parameter.
    """
    section = section_of(number)
    declared = declared_parameters(section.notebook)
    found = {
        name: value
        for name, value in namespace.items()
        if not name.startswith("_") and name not in IPYTHON_NAMES
    }
    check_names(found, declared)
    folder = RunFolder.named(str(found.pop("run", "book")))
    make_parameters("book", found)
    pd.set_option("display.max_colwidth", None, "display.max_rows", None)
    return Page(section, folder, found)


def write_sample_fingerprint(
    folder: RunFolder, parameters: Parameters, *, keep: bool = True
) -> None:
    """Open the sample before anything runs and note its state in the run.

    Parameters
    ----------
    folder : RunFolder
        The run.
    parameters : Parameters
        Sample, number of galaxies, backbones.
    keep : bool
        Whether what opening it took is kept in the run, for its pages.

    Raises
    ------
    UserError
        If the sample cannot be opened, or lacks an embedding that cannot be made.
    """
    p = parameters
    measured = folder.file("measured") if keep else None
    galaxies = open_galaxies(p.sample, p.n_galaxies, p.from_pixels, measured)
    galaxies.check_morphology(parameters.engine)
    for backbone in split_names(parameters.backbones):
        galaxies.check_embedding(backbone, parameters.framing)
    content = fingerprint_of(galaxies)
    path = folder.file("sample.json")
    if not path.exists() or json.loads(path.read_text(encoding="utf-8")) != content:
        folder.write_json("sample.json", content)


def write_provenance(folder: RunFolder, started: float) -> None:
    """Write the run's provenance.

    Parameters
    ----------
    folder : RunFolder
        A finished run.
    started : float
        Seconds since the epoch.
    """
    seconds = {s.name: folder.read_json(f"state/{s.number}.json")["seconds"] for s in SECTIONS}
    folder.write_json(
        "provenance.json",
        {
            "git_commit": git_commit(ROOT),
            "versions": versions(),
            "python": platform.python_version(),
            "host": platform.platform(),
            "cpu_count": os.cpu_count(),
            "seed": yaml.safe_load((folder.path / "parameters.yml").read_text())["seed"],
            "sample": folder.read_json("sample.json"),
            "data": {
                str(path.relative_to(ROOT)): sha256_of_file(path)
                for path in sorted(DATA.rglob("manifest.json"))
            },
            "started": datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds"),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds_per_section": seconds,
        },
    )
