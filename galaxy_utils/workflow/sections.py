"""The pages of the book: what each reads and writes, and its rule in the workflow."""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galaxy_utils.config import JUDGING
from galaxy_utils.errors import UserError

if TYPE_CHECKING:  # imported where a table is read: the workflow starts at once
    pass
from galaxy_utils.run_folder import (
    CATALOGUE,
    DEEP,
    GALAXIES,
    KEPT,
    LATENT,
    ROOT,
    SHAPES,
    SMALL,
    TIMES,
    WEIGHTS,
)

HEADER = ("profile", "sample", "engine", "backbones", "framing", "seed")
"""What the header of every page shows of the run."""


@dataclass(frozen=True)
class Section:
    """One section of the paper: one notebook, one rule of the workflow.

    Parameters
    ----------
    number : str
        Two digits.
    slug : str
        Rest of the notebook's name.
    reads : tuple of str
        Artefacts of earlier sections that it takes, as paths in the run folder.
    writes : tuple of str
        What it makes beside its results and its executed notebook.
    data : tuple of str
        Files of `data/` that it reads.
    sample : bool
        Whether it reads the galaxies themselves.
    wide : bool
        Whether it uses all cores, or measures time and so is beside no other, where the
        sample is not small.
    shows : tuple of str
        Parameters that the page shows without using them, beside `HEADER`.
    field : bool
        Whether its pictures are of the built-in field where the run has no images.
    studies : tuple of str
        Studies whose carried results it shows, see `galaxy_utils.study`.
    results : bool
        Whether it reads the results of all sections before it that do not so themselves.
    after : tuple of str
        Artefacts that it waits for without reading them where the sample is not small.
    long : bool
        Whether it is begun as soon as it can be: the last to end would else be alone.
    """

    number: str
    slug: str
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    sample: bool = False
    wide: bool = False
    shows: tuple[str, ...] = ()
    field: bool = False
    studies: tuple[str, ...] = ()
    results: bool = False
    after: tuple[str, ...] = ()
    long: bool = False

    @property
    def name(self) -> str:
        """Stem of the notebook's file."""
        return f"{self.number}-{self.slug}"

    @property
    def notebook(self) -> Path:
        """The committed notebook."""
        return ROOT / "notebooks" / f"{self.name}.ipynb"

    def cores(self, available: int, galaxies: int) -> int:
        """How many cores the workflow keeps for it.

        Parameters
        ----------
        available : int
            Cores that there are.
        galaxies : int
            Size of the sample.

        Returns
        -------
        int
            All of them, or one.
        """
        return available if self.wide and galaxies >= SMALL else 1

    def awaited(self, galaxies: int) -> tuple[str, ...]:
        """Artefacts that it waits for without reading them, whatever it reads beside.

        Parameters
        ----------
        galaxies : int
            Size of the sample.

        Returns
        -------
        tuple of str
            Paths in the run folder; none where the sample is small.
        """
        return self.after if galaxies >= SMALL else ()

    @property
    def outputs(self) -> tuple[str, ...]:
        """Everything it makes, as paths in the run folder."""
        return (f"notebooks/{self.name}.ipynb", f"results/{self.number}.json", *self.writes)


def _figure(*numbers: str) -> tuple[str, ...]:
    return tuple(f"figures/{n}.{kind}" for n in numbers for kind in ("svg", "png"))


SEARCHED = ("studies/search.csv", "studies/search.json")
"""The search that the project carries: some sections take recipes from it, whatever the run."""


JUDGED = ("sample.json", GALAXIES, SHAPES, KEPT, DEEP, LATENT)


SECTIONS = (
    Section(
        "01", "dataset", (), (GALAXIES, *_figure("figure_1")),
        data=("paper_values.yml",), sample=True,
        shows=(
            "isolation_contamination", "standardise_deep", "latent_dim", "space",
            "deep_components", "measured", "scale", "mixture_fit", "n_components",
            "anomaly_percent",
        ),
    ),
    Section("02", "image-preprocessing", reads=(GALAXIES,), sample=True, field=True),
    Section(
        "03", "morphological-parameters", (GALAXIES,), (SHAPES,),
        sample=True, wide=True, field=True,
    ),
    Section("04", "data-purging", (GALAXIES, SHAPES), (KEPT,), sample=True),
    Section(
        "05", "deep-features", (KEPT,), (DEEP, TIMES), sample=True, wide=True,
    ),
    Section(
        "06", "autoencoder", (KEPT, SHAPES, DEEP),
        (LATENT, WEIGHTS), wide=True,
    ),
    Section(
        "07", "gaussian-mixture", (GALAXIES, SHAPES, KEPT, DEEP, LATENT),
        (CATALOGUE, "artefacts/mixture.npz"), data=SEARCHED,
    ),
    Section(
        "08", "ablation", (CATALOGUE, DEEP, LATENT), ("tables/table_1.csv",),
        shows=("mixture_fit",),
    ),
    Section(
        "09", "taxonomy", (CATALOGUE, LATENT),
        ("tables/table_2.csv", *_figure("figure_2", "figure_3", "figure_4")),
        sample=True,
    ),
    Section(
        "10", "proxy-validation", (CATALOGUE, LATENT),
        _figure("figure_5", "figure_6"),
    ),
    Section(
        "11", "probabilistic-stability",
        (GALAXIES, SHAPES, KEPT, DEEP, CATALOGUE, LATENT, "artefacts/mixture.npz"),
        data=SEARCHED,
    ),
    Section(
        "12", "scalability", (CATALOGUE, DEEP, LATENT, TIMES), ("tables/table_3.csv",),
        data=("paper_values.yml", "benchmarks.csv"), wide=True, shows=("mixture_fit",),
    ),
    Section("13", "comparison-of-algorithms", (CATALOGUE, LATENT)),
    Section("14", "scores-beside-nulls", JUDGED, studies=("chain",), shows=JUDGING),
    Section("15", "number-of-clusters", JUDGED, studies=("cluster_number",), shows=JUDGING),
    Section(
        "16", "circularity", JUDGED, data=("paper_values.yml",),
        studies=("circularity",), shows=JUDGING,
    ),
    Section("17", "human-labels", JUDGED, studies=("algorithms",), shows=JUDGING),
    Section(
        "18", "anomalies", (*JUDGED, WEIGHTS),
        studies=("oddities",), shows=JUDGING, long=True,
    ),
    Section(
        "19", "algorithms-tested", JUDGED, data=("paper_values.yml",),
        studies=("algorithms",), shows=JUDGING,
    ),
    Section(
        "20", "what-we-would-do-instead", JUDGED,
        studies=("search", "folds", "alternative"),
        shows=JUDGING, long=True,
    ),
    Section(
        "21", "known-truth", (GALAXIES, SHAPES), data=SEARCHED, studies=("known_truth",),
        shows=JUDGING, long=True,
        after=(TIMES,),  # begun before, it would keep waiting what measures time
    ),
    Section(
        "22", "robustness", JUDGED, data=SEARCHED, studies=("robustness",), shows=JUDGING,
        long=True,
    ),
    Section("23", "your-own-galaxies", data=("model/model.npz", "model/model.json")),
    Section("24", "an-encoder-that-has-seen-galaxies", JUDGED,
            data=("encoder/weights.safetensors", "encoder/encoder.json", "encoder/log.csv",
                  *SEARCHED),
            studies=("encoders",), shows=JUDGING, sample=True, long=True),
    Section("25", "what-survives", results=True),
    Section("26", "scorecard", data=("paper_values.yml",), results=True),
)  # fmt: skip  # fmt: skip


def section_of(number: str) -> Section:
    """Find a section by its number.

    Parameters
    ----------
    number : str
        Two digits.

    Returns
    -------
    Section
        The section.

    Raises
    ------
    UserError
        If there is none.
    """
    for section in SECTIONS:
        if section.number == number:
            return section
    raise UserError(f"no section {number!r}; there are 01 to {SECTIONS[-1].number}")


def judged_by(section: Section) -> tuple[Section, ...]:
    """Sections whose results a section reads.

    Parameters
    ----------
    section : Section
        The section.

    Returns
    -------
    tuple of Section
        Those before it that read no results themselves; none where it reads no results.
    """
    if not section.results:
        return ()
    return tuple(s for s in SECTIONS if s.number < section.number and not s.results)


def declared_parameters(notebook: Path) -> dict[str, Any]:
    """Parameters that a notebook declares in its cell tagged `parameters`.

    Parameters
    ----------
    notebook : Path
        An .ipynb file.

    Returns
    -------
    dict
        Name to default.

    Raises
    ------
    UserError
        If the notebook has no such cell.
    """
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
