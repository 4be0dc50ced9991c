"""Turn the executed notebooks of a run into the rendered book."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from galaxy_utils.config import parameter_table
from galaxy_utils.errors import UserError
from galaxy_utils.ledger.claims import read_claims
from galaxy_utils.ledger.conclusions import nested
from galaxy_utils.provenance import write_atomically
from galaxy_utils.run_folder import DATA, ROOT, RunFolder
from galaxy_utils.workflow.sections import SECTIONS

BOOK = ROOT / "book"
CONFIG = ROOT / "_config.yml"
CLAIMS = DATA / "paper_values.yml"
PARAMETER_PAGE = "parameters.md"


def book_inputs() -> list[Path]:
    """Files of the checkout that the book is made from, notebooks apart."""
    pages = (path for path in sorted(BOOK.rglob("*")) if path.is_file())
    return [*pages, CONFIG, CLAIMS]


def substitutions(results: Mapping[str, Any]) -> dict[str, Any]:
    """Texts that prose may show, nested by the dots: `r.<key>` ours, `paper.<id>` the paper's."""
    ours = {key: entry["text"] for key, entry in results.items()}
    paper = {claim.id: claim.text for claim in read_claims(CLAIMS)}
    return {"r": nested(ours), "paper": nested(paper)}


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
    _stage(folder, build / "source")
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    config["sphinx"]["config"]["myst_substitutions"] = substitutions(results)
    _write_if_changed(build / "_config.yml", yaml.safe_dump(config, sort_keys=False))
    try:
        _jupyter_book(build)
    except UserError:  # what Sphinx kept of an older state can warn too: once more, from nothing
        _jupyter_book(build)
    index = _publish(build / "_build" / "html", folder)
    folder.write_json("state/book.json", {"index": str(index.relative_to(folder.path))})
    return index


def _stage(folder: RunFolder, source: Path) -> None:
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
        notebook = relative.suffix == ".ipynb"
        _write_if_changed(source / relative, with_anchors(text) if notebook else text)
    for relative, text in generated.items():
        _write_if_changed(source / relative, text)


def with_anchors(text: str) -> str:
    """Put an empty cell named `cell-<execution count>` before each executed cell, for links."""
    notebook = json.loads(text)
    cells = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code" and cell.get("execution_count"):
            number = cell["execution_count"]
            name = f"cell-{number}"
            span = f'<span id="{name}"></span>'
            cells.append({"cell_type": "markdown", "id": name, "metadata": {}, "source": [span]})
        cells.append(cell)
    return json.dumps(notebook | {"cells": cells})


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
    shutil.rmtree(final, ignore_errors=True)
    fresh.rename(final)
    return final / "index.html"
