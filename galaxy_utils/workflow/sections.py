"""The pages of the book, as `notebooks/pages.yml` defines them."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from galaxy_utils.config import STUDY_PARAMETERS
from galaxy_utils.errors import UserError
from galaxy_utils.run_folder import ROOT, SMALL

PAGES = ROOT / "notebooks" / "pages.yml"

HEADER = ("profile", "sample", "engine", "backbones", "crop", "seed")
"""Parameters that the header of every page shows."""

ResultKey = Annotated[str, StringConstraints(pattern=r"^[a-z]+(\.[a-z][a-z0-9_]*)+$")]


class Section(BaseModel):
    """One page of the book: a notebook, and a rule of the workflow.

    The fields are those that the head of `notebooks/pages.yml` explains.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    notebook: str = Field(pattern=r"^\d\d-[a-z-]+$")
    title: str
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    studies: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()
    sample: bool = False
    examples: bool = False
    all_cores: bool = False
    waits_for: tuple[str, ...] = ()
    starts_early: bool = False
    results: tuple[ResultKey, ...] = ()

    @property
    def number(self) -> str:
        """Two digits."""
        return self.notebook[:2]

    @property
    def path(self) -> Path:
        """The committed notebook."""
        return ROOT / "notebooks" / f"{self.notebook}.ipynb"

    @property
    def artefacts(self) -> tuple[str, ...]:
        """What the page must make, as paths in the run folder."""
        images = (f"figures/{name}.{kind}" for name in self.figures for kind in ("svg", "png"))
        return (*self.writes, *images)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The executed notebook, its results and its artefacts, as paths in the run folder."""
        return (f"notebooks/{self.notebook}.ipynb", f"results/{self.number}.json", *self.artefacts)

    @property
    def shown_parameters(self) -> tuple[str, ...]:
        """Parameters on which the page depends without declaring them."""
        return (*HEADER, *self.shows, *(STUDY_PARAMETERS if self.studies else ()))

    def cores(self, available: int, galaxies: int) -> int:
        """How many cores the workflow reserves for the page in a run of so many galaxies."""
        return available if self.all_cores and galaxies >= SMALL else 1

    def awaited(self, galaxies: int) -> tuple[str, ...]:
        """What the page waits for without reading it in a run of so many galaxies."""
        return self.waits_for if galaxies >= SMALL else ()


def read_sections(path: Path = PAGES) -> tuple[Section, ...]:
    """Read the definitions of the pages."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    sections = []
    for entry in yaml.load(path.read_text(encoding="utf-8"), loader):
        try:
            sections.append(Section(**entry))
        except ValidationError as error:
            name = entry.get("notebook", "an entry without `notebook`")
            raise UserError(f"{path}: {name}: {error}") from None
    return tuple(sections)


SECTIONS = read_sections()


def section_of(number: str) -> Section:
    """Find a page by its number, two digits; `UserError` if there is none."""
    for section in SECTIONS:
        if section.number == number:
            return section
    raise UserError(f"no page {number!r}; there are 01 to {SECTIONS[-1].number}")


def declared_parameters(notebook: Path) -> dict[str, Any]:
    """Parameters that a notebook declares in its cell tagged `parameters`."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    for cell in cells:
        if "parameters" in cell["metadata"].get("tags", ()):
            tree = ast.parse("".join(cell["source"]))
            return {
                target.id: ast.literal_eval(node.value)
                for node in tree.body
                if isinstance(node, ast.Assign)
                for target in node.targets
                if isinstance(target, ast.Name)
            }
    raise UserError(f"{notebook}: no cell tagged 'parameters'")
