"""A page of a run: what it reads, records and shows, and the sample that the run is of."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray

from galaxy_utils.config import (
    OF_THE_RUN_ALONE,
    Parameters,
    check_names,
    departures,
    make_parameters,
)
from galaxy_utils.errors import UserError
from galaxy_utils.experiments.experiment import Experiment
from galaxy_utils.features.galaxies import Galaxies, open_galaxies
from galaxy_utils.features.named_samples import PRECOMPUTED
from galaxy_utils.provenance import git_commit, write_atomically
from galaxy_utils.run_folder import DATA, ROOT, RunFolder
from galaxy_utils.workflow.sections import Section, declared_parameters, judged_by, section_of

KNOWN = frozenset(Parameters.model_fields)


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
    rows_taken: dict[str, pd.DataFrame] = field(default_factory=dict)
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
        return self.folder.results(section.number for section in judged_by(self.section))

    def _check_declared(self, relative: str) -> None:
        if relative not in self.section.reads:
            raise UserError(
                f"section {self.section.name} reads {relative} without declaring it in "
                "galaxy_utils/workflow/sections.py: the workflow would not see it change"
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
        self, study: Experiment, make_inputs: Callable[..., Any] | None, draws: int
    ) -> pd.DataFrame:
        """Result of a study: the carried one, or measured now where that is of something else.

        Parameters
        ----------
        study : Experiment
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
        from galaxy_utils.experiments.studies import load_study

        return load_study(self, study, make_inputs, draws)

    def studies_note(self) -> Any:
        """Say where the page's studies are from.

        Returns
        -------
        IPython.display.Markdown
            A line a study.
        """
        from galaxy_utils.experiments.measuring import experiments_note

        return experiments_note(self)

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
        folder = f"data/{name}/images/" if name in PRECOMPUTED else f"{name}/images/"
        source = " (or let `make images` fetch them from SkyServer)" if name in PRECOMPUTED else ""
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
