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
from galaxy_utils.run_folder import DATA, ROOT, RunFolder
from galaxy_utils.workflow.sections import SECTIONS

BOOK = ROOT / "book"
CONFIG = ROOT / "_config.yml"
CLAIMS = DATA / "paper_values.yml"


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
    _stage(folder, build / "source")
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    config["sphinx"]["config"]["myst_substitutions"] = substitutions(results)
    text = yaml.safe_dump(config, sort_keys=False)
    (build / "_config.yml").write_text(text, encoding="utf-8")
    _jupyter_book(build)
    index = _publish(build / "_build" / "html", folder)
    folder.write_json("state/book.json", {"index": str(index.relative_to(folder.path))})
    return index


def _stage(folder: RunFolder, source: Path) -> None:
    """Lay out what jupyter-book reads: prose, tables, executed notebooks."""
    shutil.copytree(BOOK, source)
    shutil.copytree(folder.path / "tables", source / "tables")
    parameters = parameter_table()
    code = parameters[["parameter", "default"]].map("`{}`".format)
    parameters.assign(**code).to_csv(source / "tables" / "parameters.csv", index=False)
    (source / "notebooks").mkdir()
    for section in SECTIONS:
        name = f"notebooks/{section.notebook}.ipynb"
        text = (folder.path / name).read_text(encoding="utf-8")
        (source / name).write_text(_with_anchors(text), encoding="utf-8")


def _with_anchors(text: str) -> str:
    """Put an empty cell named `cell-<execution count>` before each executed cell, for links."""
    notebook = json.loads(text)
    cells = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code" and cell.get("execution_count"):
            name = f"cell-{cell['execution_count']}"
            span = f'<span id="{name}"></span>'
            cells.append({"cell_type": "markdown", "id": name, "metadata": {}, "source": [span]})
        cells.append(cell)
    return json.dumps(notebook | {"cells": cells})


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
    shutil.rmtree(final, ignore_errors=True)
    fresh.rename(final)
    return final / "index.html"
