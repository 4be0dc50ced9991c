"""A page of a run: what its notebook reads, records and shows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from IPython import get_ipython
from IPython.display import Image, Markdown
from matplotlib import pyplot
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL.Image import open as open_picture

from galaxy_utils.config import (
    Parameters,
    check_names,
    make_parameters,
    read_parameters,
)
from galaxy_utils.errors import UserError
from galaxy_utils.ledger.claims import read_claims
from galaxy_utils.provenance import git_commit, write_atomically
from galaxy_utils.run_folder import DATA, ROOT, RunFolder
from galaxy_utils.workflow.sections import (
    Section,
    declared_parameters,
    section_of,
)

IPYTHON_NAMES = frozenset({"In", "Out", "exit", "quit", "open", "get_ipython", "begin"})
"""Names that IPython keeps in a notebook, and this module's own."""


def begin(number: str, namespace: Mapping[str, Any]) -> Page:
    """Open a page: check the notebook's parameters (its `globals()`) and find its run.

    papermill only warns of a parameter that the notebook does not declare and runs the default;
    called first after the parameters, this sees every name that was injected and refuses, as a
    `UserError`, what it does not know, of another type or out of range.
    """
    section = section_of(number)
    found = {
        name: value
        for name, value in namespace.items()
        if not name.startswith("_") and name not in IPYTHON_NAMES
    }
    check_names(found, declared_parameters(section.path))
    folder = RunFolder.named(str(found.pop("run", "book")))
    make_parameters("book", found)
    pd.set_option("display.max_colwidth", None, "display.max_rows", None)
    return Page(section, folder, found)


@dataclass
class Page:
    """What a notebook holds of its run: read, record, show, finish.

    Reading, writing or recording what `notebooks/pages.yml` does not list is a `UserError`, since
    the workflow would not notice a change of it. `parameters` are those that the notebook
    declares, with the values of this run.
    """

    section: Section
    folder: RunFolder
    parameters: Mapping[str, Any]
    recorded: dict[str, Any] = field(default_factory=dict)
    studied: dict[str, str] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    @cached_property
    def run_parameters(self) -> dict[str, Any]:
        """All parameters of the run, also those that this notebook does not use."""
        profile, parameters = read_parameters(self.folder.path / "parameters.yml")
        return {"profile": profile, **parameters.model_dump()}

    @cached_property
    def changed(self) -> dict[str, Any]:
        """Parameters of this page that differ from the run's."""
        run = self.run_parameters if self.parameters else {}
        return {name: value for name, value in self.parameters.items() if run[name] != value}

    @cached_property
    def settings(self) -> Parameters:
        """The run's parameters, with those that were changed on this page alone."""
        _, parameters = read_parameters(self.folder.path / "parameters.yml")
        return make_parameters("book", parameters.model_dump() | dict(self.parameters))

    @cached_property
    def out(self) -> RunFolder:
        """Where this page writes: the run, or `trial/` in it where a parameter was changed.

        So a notebook that somebody executes with other parameters reads the
        run's artefacts and leaves them as they are.
        """
        return RunFolder(self.folder.path / "trial") if self.changed else self.folder

    def table(self, relative: str) -> pd.DataFrame:
        """Read a table of an earlier page, by its path in the run folder."""
        self._check_declared("reads", relative)
        return self.folder.read_table(relative)

    def arrays(self, relative: str) -> dict[str, NDArray[Any]]:
        """Read the arrays of an earlier page, by their path in the run folder."""
        self._check_declared("reads", relative)
        return self.folder.read_arrays(relative)

    def data(self, name: str) -> Path:
        """Path of a file of `data/`."""
        self._check_declared("data", name)
        return DATA / name

    def paper(self, *claims: str) -> list[str]:
        """Texts of what the paper printed, by the ids in `data/paper_values.yml`, for a table."""
        found = {claim.id: claim.text for claim in read_claims(DATA / "paper_values.yml")}
        return [found[name] for name in claims]

    def write(self, relative: str, content: pd.DataFrame | Mapping[str, Any]) -> None:
        """Write an artefact by its path in the run folder: a table, or arrays by name (npz)."""
        self._check_declared("writes", relative)
        path = self.out.file(relative)
        if isinstance(content, pd.DataFrame):
            content.to_parquet(path, index=False)
        else:
            np.savez(path, allow_pickle=False, **content)

    def _check_declared(self, name: str, entry: str) -> None:
        if entry not in getattr(self.section, name):
            raise UserError(
                f"page {self.section.notebook}: notebooks/pages.yml does not list {entry!r} under "
                f"`{name}`, so the workflow would not notice a change; add it there"
            )

    def record(self, key: str, value: Any, text: str | None = None, unit: str = "") -> None:
        """Record a number or sentence that the page shows, under one of its `results`.

        What is not finite becomes None; the text is how the prose shows it, made from the value if
        not given. `UserError` if the key is not listed, or was recorded already.
        """
        self._check_declared("results", key)
        if key in self.recorded:
            raise UserError(f"page {self.section.notebook}: result {key!r} is recorded twice")
        plain = value.item() if isinstance(value, np.generic) else value
        if isinstance(plain, float):  # the last digits depend on the number of threads
            plain = float(f"{plain:.10g}") if np.isfinite(plain) else None
        shell = get_ipython()
        self.recorded[key] = {
            "value": plain,
            "text": _as_text(plain) if text is None else text,
            "unit": unit,
            "section": self.section.notebook,
            "cell": shell.execution_count if shell else None,
        }

    def record_number(
        self, key: str, value: float | None, form: str, unit: str = "",
        unknown: str = "not measured",
    ) -> None:  # fmt: skip
        """Record a number with the form in which the page shows it, such as `.2f`.

        The page shows `unknown` where there is none, or none that is finite.
        """
        missing = value is None or not np.isfinite(value)
        text = unknown if missing else format(value, form)
        self.record(key, None if missing else value, text, unit)

    def header(self) -> Markdown:
        """Name sample, backbones, seed, profile and code of this page."""
        run = self.run_parameters
        parts = [
            f"sample `{run['sample']}`",
            f"parameters by engine `{run['engine']}`",
            f"backbones `{run['backbones'].replace(',', '` + `')}` (crop `{run['crop']}`)",
            f"seed `{run['seed']}`",
            f"profile `{run['profile']}`",
            f"code `{git_commit(ROOT)}`",
        ]
        if self.section.examples and not self.folder.read_json("sample.json")["images"]:
            parts.append("**pictures:** simulated galaxies")
        if self.changed:
            changed = ", ".join(f"`{name} = {value}`" for name, value in self.changed.items())
            parts.append(f"**changed on this page alone:** {changed}; it writes into `trial/`")
        return Markdown(" · ".join(parts))

    def duration(self) -> Markdown:
        """Say how long this page took."""
        return Markdown(f"This page took {time.monotonic() - self.started:.0f} s to make.")

    def show_table(self, table: pd.DataFrame, name: str) -> pd.DataFrame:
        """Keep a table that the page numbers as `tables/<name>.csv`, and return it.

        One without rows, which is no table to the book, becomes one that says so.
        """
        if table.empty:
            table = pd.DataFrame({"this run": ["nothing to show"]})
        path = self.out.file(f"tables/{name}.csv")
        write_atomically(path, table.to_csv(index=False, lineterminator="\n"))
        return table

    def show_figure(self, figure: Figure, name: str) -> Image:
        """Keep a figure as `figures/<name>.svg` and `.png`, and hand a picture to the page.

        It is a JPEG where galaxies are shown, which is smaller and keeps its colours in dark mode.
        """
        svg, png = (self.out.file(f"figures/{name}.{kind}") for kind in ("svg", "png"))
        figure.savefig(svg, metadata={"Date": None})
        figure.set_layout_engine("none")  # laid out once; to do it again takes as long as to draw
        figure.savefig(png, dpi=160, metadata={"Software": None})
        pyplot.close(figure)
        shown, width = png, int(figure.get_figwidth() * 80)
        images = [image.get_array() for axis in figure.axes for image in axis.images]
        if any(pixels is not None and pixels.ndim == 3 for pixels in images):
            shown = png.with_suffix(".jpg")
            with open_picture(png) as picture:
                picture.convert("RGB").save(shown, quality=85)
        return Image(filename=str(shown), width=width)

    def finish(self) -> pd.DataFrame:
        """Write what was recorded, and check that all that is declared is there."""
        missing = [name for name in self.section.artefacts if not self.out.file(name).exists()]
        missing += [key for key in self.section.results if key not in self.recorded]
        if missing:
            raise UserError(
                f"page {self.section.notebook} did not make {', '.join(missing)}, which "
                "notebooks/pages.yml lists"
            )
        self.out.write_json(f"results/{self.section.number}.json", self.recorded)
        rows = [(key, entry["text"], entry["unit"]) for key, entry in self.recorded.items()]
        return pd.DataFrame(rows, columns=["key", "value", "unit"])


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "not measured"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
