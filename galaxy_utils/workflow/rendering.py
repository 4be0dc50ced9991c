"""Turn the executed notebooks of a run into the rendered book."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from galaxy_utils.config import parameter_table
from galaxy_utils.errors import UserError
from galaxy_utils.ledger.claims import read_claims
from galaxy_utils.ledger.scorecard import scorecard_html, scorecard_table
from galaxy_utils.ledger.templates import NotMeasuredError, Templates
from galaxy_utils.provenance import write_atomically
from galaxy_utils.run_folder import DATA, ROOT, RunFolder
from galaxy_utils.workflow.glossary import link_terms, read_terms
from galaxy_utils.workflow.sections import SECTIONS

BOOK = ROOT / "book"
CONFIG = ROOT / "_config.yml"
GLOSSARY = BOOK / "glossary.md"
CLAIMS = DATA / "paper_values.yml"
PARAMETER_PAGE = "parameters.md"


def book_inputs() -> list[Path]:
    """Files of the checkout that the book is made from, notebooks apart."""
    pages = (path for path in sorted(BOOK.rglob("*")) if path.is_file())
    return [*pages, CONFIG, CLAIMS]


def templates(results: Mapping[str, Any]) -> Templates:
    """Make what fills in the pages: `r.<key>` ours, `paper.<id>` the paper's, and sentences."""
    claims = read_claims(CLAIMS)
    ledger = scorecard_table(claims, results)
    counts = ledger["verdict"].value_counts()
    further = {
        "ledger": lambda: scorecard_html(ledger),
        "n_claims": lambda *verdicts: int(sum(counts.get(v, 0) for v in verdicts or counts.index)),
    }
    paper = {claim.id: (claim.value, claim.text) for claim in claims}
    return Templates(results, paper, further=further)


def render(folder: RunFolder) -> Path:
    """Build the HTML of a run whose notebooks are all executed; warnings are errors.

    Returns
    -------
    Path
        The book's index.html.

    Raises
    ------
    UserError
        If jupyter-book fails or warns; its log is named.
    """
    results = folder.results(section.number for section in SECTIONS)
    folder.write_json("results.json", results)
    build = folder.file("build/source").parent
    _stage(folder, build / "source", templates(results))
    _write_if_changed(build / "_config.yml", CONFIG.read_text(encoding="utf-8"))
    try:
        _jupyter_book(build)
    except UserError:  # what Sphinx kept of an older state can warn too: once more, from nothing
        _jupyter_book(build)
    index = _publish(build / "_build" / "html", folder)
    folder.write_json("state/book.json", {"index": str(index.relative_to(folder.path))})
    return index


def _stage(folder: RunFolder, source: Path, fill: Templates) -> None:
    wanted: dict[Path, Path] = {
        path.relative_to(BOOK): path for path in BOOK.rglob("*") if path.is_file()
    }
    for section in SECTIONS:
        relative = Path("notebooks") / f"{section.notebook}.ipynb"
        wanted[relative] = folder.path / relative
    for table in sorted((folder.path / "tables").glob("*.csv")):
        wanted[Path("tables") / table.name] = table
    generated = {Path(PARAMETER_PAGE): _parameter_page()}
    for old in [path for path in source.rglob("*") if path.is_file()]:
        if old.relative_to(source) not in wanted | generated:
            old.unlink()
    for relative, origin in wanted.items():
        text = origin.read_text(encoding="utf-8")
        if relative.suffix in (".ipynb", ".md"):
            text = filled_in(text, relative, fill)
        if relative.suffix == ".ipynb":
            own = for_download(text, relative.stem, folder.path.name)
            _write_if_changed(source.parent / "download" / relative, own)
            text = for_the_book(text)
        _write_if_changed(source / relative, text)
    for relative, text in generated.items():
        _write_if_changed(source / relative, text)


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


def _write_if_changed(path: Path, text: str) -> None:
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text)


def _parameter_page() -> str:
    table = parameter_table()
    rows = "\n".join(
        f"* - `{name}`\n  - {meaning}\n  - {kind}\n  - `{default}`\n  - {paper}"
        for name, meaning, kind, default, paper in table.itertuples(index=False)
    )
    return (
        "# Parameters\n\nEvery parameter of a run, made from the schema in "
        '`galaxy_utils/config.py`. Change them with `make book RUN=mine SET="name=value ..."`;'
        " unknown names and values out of range are refused before anything runs.\n\n"
        ":::{list-table} Parameters, with the profile `book`'s values and what the paper says.\n"
        ":name: table-parameters\n:header-rows: 1\n:widths: 18 40 16 14 12\n\n"
        "* - parameter\n  - meaning\n  - type and range\n  - default\n  - paper\n"
        f"{rows}\n:::\n"
    )


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
        shutil.rmtree(
            build / "_build", ignore_errors=True
        )  # Sphinx would not read, nor warn of, these pages again
        lines = log.read_text(encoding="utf-8").splitlines()
        warnings = [line for line in lines if "WARNING" in line or "ERROR" in line] or lines[-15:]
        raise UserError(
            "the book does not build cleanly:\n" + "\n".join(warnings[:20]) + f"\nLog: {log}"
        )


def _publish(built: Path, folder: RunFolder) -> Path:
    final, fresh = folder.path / "html", folder.path / "html.partial"
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(built, fresh)
    shutil.copytree(built.parents[1] / "download", fresh / "_sources", dirs_exist_ok=True)
    shutil.rmtree(final, ignore_errors=True)
    fresh.rename(final)
    return final / "index.html"
