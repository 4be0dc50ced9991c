"""The run folder: the only module that knows where artefacts lie.

runs/<name>/
parameters.yml      what was asked for
sample.json         fingerprint of the galaxies
artefacts/          tables and arrays that one section hands to the next
results/NN.json     numbers of one section, by key
results.json        all of them
tables/ figures/    what the paper numbers
notebooks/          executed copies
state/NN.json       what each execution depended on
catalogue.parquet   one row a galaxy
provenance.json     versions, commit, checksums, host, times
html/               the book
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galaxy_utils.config import JUDGING
from galaxy_utils.errors import UserError
from galaxy_utils.provenance import write_atomically

if TYPE_CHECKING:  # imported where a table is read: the workflow starts at once
    import pandas as pd
    from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
"""The checkout: notebooks, data and the lock lie beside the package."""

DATA = ROOT / "data"

SMALL = 1000
"""With fewer galaxies nothing is gained by keeping the cores for one section, timing included."""

STUDIES = DATA / "studies"
"""Results of studies that the project carries."""

HEADER = ("profile", "sample", "engine", "backbones", "framing", "seed")
"""What the header of every page shows of the run."""

MEASUREMENTS = "measured"
"""Folder in `runs/` that holds measured tables, and so names no run."""

CLASSIFIED = "classified"
"""Folder in `runs/` for what `galaxy-book classify` found; it names no run."""

RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


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


GALAXIES, SHAPES = "artefacts/galaxies.parquet", "artefacts/morphology.parquet"
KEPT, DEEP = "artefacts/purged.parquet", "artefacts/deep.npz"
LATENT, CATALOGUE = "artefacts/latent.npz", "catalogue.parquet"
TIMES = "artefacts/pixel_times.parquet"
WEIGHTS = "artefacts/autoencoder.safetensors"
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
        studies=("search", "compared", "consensus", "folds", "cross_validation"),
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
)  # fmt: skip


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


@dataclass(frozen=True)
class RunFolder:
    """Paths and contents of one run.

    Parameters
    ----------
    path : Path
        `runs/<name>`.
    """

    path: Path

    @classmethod
    def named(cls, name: str) -> RunFolder:
        """Run folder of a name, inside the checkout's `runs/`.

        Parameters
        ----------
        name : str
            Letters, digits, dot, dash and underscore.

        Returns
        -------
        RunFolder
            It need not exist.

        Raises
        ------
        UserError
            If the name could lead out of `runs/`, or is kept for measured tables.
        """
        if name in (MEASUREMENTS, CLASSIFIED):
            raise UserError(
                f"run name {name!r}: kept for the tables of `make measure` and `make classify`; "
                "take another"
            )
        if not RUN_NAME.fullmatch(name):
            raise UserError(
                f"run name {name!r}: use letters, digits, '.', '_' and '-', at most 64, "
                "beginning with a letter or digit"
            )
        return cls(ROOT / "runs" / name)

    def file(self, relative: str) -> Path:
        """Path of something in the run folder, its parent made.

        Parameters
        ----------
        relative : str
            For example `tables/table_1.csv`.

        Returns
        -------
        Path
            Inside the run folder.

        Raises
        ------
        UserError
            If it leads out of the run folder.
        """
        path = self.path / relative
        if not path.resolve().is_relative_to(self.path.resolve()):
            raise UserError(f"{relative!r} leads out of the run folder {self.path}")
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def read_json(self, relative: str) -> Any:
        """Read a JSON file of the run.

        Parameters
        ----------
        relative : str
            Path in the run folder.

        Returns
        -------
        object
            Its content.

        Raises
        ------
        UserError
            If it was not made yet.
        """
        return json.loads(self.existing(relative).read_text(encoding="utf-8"))

    def write_json(self, relative: str, content: Any) -> None:
        """Write a JSON file of the run, whole or not at all.

        Parameters
        ----------
        relative : str
            Path in the run folder.
        content : object
            What JSON can hold.
        """
        write_atomically(self.file(relative), json.dumps(content, indent=1) + "\n")

    def read_table(self, relative: str) -> pd.DataFrame:
        """Read a parquet artefact.

        Parameters
        ----------
        relative : str
            Path in the run folder.

        Returns
        -------
        DataFrame
            The table.

        Raises
        ------
        UserError
            If it was not made yet.
        """
        import pandas as pd

        return pd.read_parquet(self.existing(relative))

    def read_arrays(self, relative: str) -> dict[str, NDArray[Any]]:
        """Read an npz artefact.

        Parameters
        ----------
        relative : str
            Path in the run folder.

        Returns
        -------
        dict of str to ndarray
            Its arrays.

        Raises
        ------
        UserError
            If it was not made yet.
        """
        import numpy as np

        with np.load(self.existing(relative), allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}

    def existing(self, relative: str) -> Path:
        """Path of something that an earlier section made.

        Parameters
        ----------
        relative : str
            Path in the run folder.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        UserError
            If it was not made yet; the message names the section that makes it.
        """
        path = self.file(relative)
        if path.exists():
            return path
        maker = next((s.name for s in SECTIONS if relative in s.outputs), "an earlier section")
        raise UserError(
            f"{path} is missing: {maker} makes it; run the whole book first (make book)"
        )

    def results(self, sections: Iterable[Section] = SECTIONS) -> dict[str, Any]:
        """Recorded results of sections.

        Parameters
        ----------
        sections : iterable of Section
            Which; all if not given.

        Returns
        -------
        dict of str to dict
            Key to {value, text, unit, section}.
        """
        merged: dict[str, Any] = {}
        for section in sections:
            merged |= self.read_json(f"results/{section.number}.json")
        return merged


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
