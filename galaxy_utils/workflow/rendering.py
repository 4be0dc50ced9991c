"""Turn the executed notebooks of a run into the rendered book."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Mapping
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import yaml
from jinja2 import TemplateError
from nbclient import NotebookClient
from PIL import Image

from galaxy_utils.config import Parameters, departures, parameter_table, read_parameters
from galaxy_utils.errors import UserError
from galaxy_utils.ledger.claims import read_claims
from galaxy_utils.ledger.scorecard import ClaimVerdict, scorecard_html, scorecard_table
from galaxy_utils.ledger.templates import NotMeasuredError, Templates
from galaxy_utils.run_folder import DATA, ROOT, RunFolder
from galaxy_utils.workflow.finishing import finish
from galaxy_utils.workflow.glossary import link_terms, read_terms
from galaxy_utils.workflow.sections import SECTIONS

BOOK = ROOT / "book"
CONFIG = ROOT / "_config.yml"
ATLAS = ROOT / "galaxy_utils" / "atlas"
GLOSSARY = BOOK / "glossary.md"
INLINE = "module://matplotlib_inline.backend_inline"
"""Backend that puts the lessons' figures into the notebook, also where another one is set."""

CLAIMS = DATA / "paper_values.yml"


def book_inputs() -> list[Path]:
    """Files of the checkout that the book is made from, notebooks apart."""
    pages = (path for path in sorted(BOOK.rglob("*")) if path.is_file())
    return [*pages, *sorted(ATLAS.glob("atlas.*")), CONFIG, CLAIMS]


def templates(results: Mapping[str, Any], parameters: Parameters | None = None) -> Templates:
    """Make what fills in the pages: `r.<key>` ours, `paper.<id>` the paper's, and sentences."""
    claims = read_claims(CLAIMS)

    @cache
    def ledger() -> pd.DataFrame:
        return scorecard_table(claims, results)

    def n_claims(*verdicts: str) -> int:
        independent = ledger()[ledger()["repeats"] == ""]
        return int(independent["verdict"].isin(verdicts or [*ClaimVerdict]).sum())

    further = {
        "ledger": lambda: scorecard_html(ledger()),
        "n_claims": n_claims,
        "departures": lambda: departures_text(parameters or Parameters()),
    }
    paper = {claim.id: (claim.value, claim.text) for claim in claims}
    made = Templates(results, paper, further=further)
    titles = {section.notebook: section.title for section in SECTIONS}
    further["verdict_matrix"] = lambda: made.verdict_matrix(titles)
    return made


def departures_text(parameters: Parameters) -> str:
    """Say where a run departs from the profile `book`; empty if nowhere."""
    names = ", ".join(f"`{name}`" for name in departures(parameters))
    sentence = (
        "**This run departs from the profile `book`, which reproduces the paper, in** "
        f"{names}: what it finds of its own clusters is no verdict on the paper's."
    )
    return sentence if names else ""


def render(folder: RunFolder) -> Path:
    """Build the HTML of a run whose notebooks are all executed; warnings are errors.

    Parameters
    ----------
    folder : RunFolder
        The run.

    Returns
    -------
    Path
        The book's index.html.

    Raises
    ------
    UserError
        If jupyter-book fails or warns; its log is named, the old book stays.
    """
    results = folder.results(section.number for section in SECTIONS)
    folder.write_json("results.json", results)
    build = folder.path / "build"
    shutil.rmtree(build, ignore_errors=True)
    _, parameters = read_parameters(folder.existing("parameters.yml"))
    _stage(folder, build, templates(results, parameters))
    (build / "_config.yml").write_text(configuration(os.environ.get("REPOSITORY", "")))
    _jupyter_book(build)
    index = _publish(build / "_build" / "html", folder)
    folder.write_json("state/book.json", {"index": str(index.relative_to(folder.path))})
    return index


def configuration(repository: str) -> str:
    """Jupyter Book's configuration, with the address of the repository that the book is made from.

    Without one (an empty string) the lessons have no launch buttons.
    """
    content = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    theme = content["sphinx"]["config"]["html_theme_options"]
    theme["repository_url"] = repository
    if not repository:
        del theme["launch_buttons"]  # the theme fails on buttons that lead nowhere
    return yaml.safe_dump(content)


def _stage(folder: RunFolder, build: Path, fill: Templates) -> None:
    """Lay out what jupyter-book reads (prose, tables, executed notebooks), and the downloads."""
    source, download = build / "source", build / "download" / "notebooks"
    shutil.copytree(BOOK, source)
    shutil.copytree(folder.path / "tables", source / "tables")
    parameters = parameter_table()
    code = parameters[["parameter", "default"]].map("`{}`".format)
    parameters.assign(**code).to_csv(source / "tables" / "parameters.csv", index=False)
    for page in source.rglob("*.md"):
        page.write_text(filled_in(page.read_text(encoding="utf-8"), page, fill), encoding="utf-8")
    _stage_atlas(folder, source)
    for lesson in sorted((source / "teaching").glob("*.ipynb")):
        notebook = nbformat.read(lesson, as_version=4)  # type: ignore[no-untyped-call]
        resources = {"metadata": {"path": str(lesson.parent)}}
        client = NotebookClient(notebook, timeout=600, kernel_name="python3", resources=resources)
        client.execute(env={**os.environ, "MPLBACKEND": INLINE})
        text = nbformat.writes(notebook)  # type: ignore[no-untyped-call]
        lesson.write_text(with_small_pictures(text), encoding="utf-8")
    (source / "notebooks").mkdir()
    download.mkdir(parents=True)
    for section in SECTIONS:
        name = f"{section.notebook}.ipynb"
        origin = folder.path / "notebooks" / name
        text = with_small_pictures(filled_in(origin.read_text(encoding="utf-8"), origin, fill))
        own = for_download(text, section.notebook, folder.path.name)
        (download / name).write_text(own, encoding="utf-8")
        (source / "notebooks" / name).write_text(for_the_book(text), encoding="utf-8")


def _stage_atlas(folder: RunFolder, source: Path) -> None:
    """Put the atlas where its page includes it, and the catalogue where the atlas links it."""
    from galaxy_utils.atlas import atlas_html, catalogue_csv, collect  # scikit-learn and more

    atlas = collect(folder)
    csv = source / "_static" / "catalogue.csv"
    csv.write_text(catalogue_csv(atlas.catalogue), encoding="utf-8")
    part = atlas_html(atlas, "_static/catalogue.csv", alone=False)
    (source / "atlas.raw").write_text(part, encoding="utf-8")


def filled_in(text: str, path: Path, fill: Templates) -> str:
    """Fill in the templates of a page or notebook: markdown, and the captions of figures."""
    try:
        if path.suffix == ".md":
            return fill.render(text)
        notebook = json.loads(text)
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown":
                cell["source"] = fill.render("".join(cell["source"]))
            for part, name in (("figure", "caption"), ("image", "alt")):
                found = cell["metadata"].get("mystnb", {}).get(part, {})
                if name in found:
                    found[name] = fill.render(found[name])
        return json.dumps(notebook)
    except (TemplateError, NotMeasuredError) as error:
        raise UserError(f"{path}: {error or 'a result that this run lacks is compared'}") from None


def with_small_pictures(text: str) -> str:
    """Store the diagrams of an executed notebook with 256 colours, in which they look the same."""
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if "image/png" in data:
                picture = Image.open(BytesIO(b64decode("".join(data["image/png"]))))
                small = BytesIO()
                picture.convert("RGB").quantize(dither=Image.Dither.NONE).save(
                    small, "png", optimize=True
                )
                data["image/png"] = b64encode(small.getvalue()).decode()
    return json.dumps(notebook)


def for_the_book(text: str) -> str:
    """Link the glossary's terms in a notebook, and give its executed cells names for links.

    An empty cell named `cell-<execution count>` is put before each of them.
    """
    notebook = json.loads(text)
    prose = [cell for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    linked = link_terms([cell["source"] for cell in prose], read_terms(GLOSSARY))
    for cell, source in zip(prose, linked, strict=True):
        cell["source"] = source
    cells = []
    for cell in notebook["cells"]:
        if "injected-parameters" in cell["metadata"].get("tags", ()):
            cell["metadata"]["tags"].append("hide-input")
            cell["metadata"]["mystnb"] = {"code_prompt_show": "Show the parameters of this run"}
        if number := cell.get("execution_count"):
            name = f"cell-{number}"
            span = f'<span id="{name}"></span>'
            cells.append({"cell_type": "markdown", "id": name, "metadata": {}, "source": [span]})
        cells.append(cell)
    return json.dumps(notebook | {"cells": cells})


def for_download(text: str, page: str, run: str) -> str:
    """Say in a notebook's first cell how to run it and where its inputs come from."""
    notebook = json.loads(text)
    note = (
        f"*This is the executed copy of `notebooks/{page}.ipynb` from run `{run}`. Its numbers are "
        f"filled in. To run it, get the companion's repository, make its inputs with "
        f"`make book RUN={run}`, and open the notebook there with `make lab`.*"
    )
    cell = {"cell_type": "markdown", "id": "how-to-run", "metadata": {}, "source": [note]}
    return json.dumps(notebook | {"cells": [cell, *notebook["cells"]]}, indent=1)


def _jupyter_book(build: Path) -> None:
    command = [
        str(Path(sys.executable).with_name("jupyter-book")), "build", str(build / "source"),
        "--config", str(build / "_config.yml"), "--toc", str(build / "source" / "_toc.yml"),
        "--path-output", str(build), "-W", "-n", "--keep-going",
    ]  # fmt: skip
    log = build / "jupyter-book.log"
    with log.open("w", encoding="utf-8") as stream:
        done = subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        lines = log.read_text(encoding="utf-8").splitlines()
        warnings = [line for line in lines if "WARNING" in line or "ERROR" in line] or lines[-15:]
        raise UserError(
            "the book does not build cleanly:\n" + "\n".join(warnings[:20]) + f"\nLog: {log}"
        )


def _publish(built: Path, folder: RunFolder) -> Path:
    """Put the new book in the place of the old one."""
    final, fresh = folder.path / "html", folder.path / "html.partial"
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(built, fresh)
    shutil.copytree(built.parents[1] / "download", fresh / "_sources", dirs_exist_ok=True)
    finish(fresh)
    shutil.rmtree(final, ignore_errors=True)
    fresh.rename(final)
    return final / "index.html"
