"""Checksums, versions, and files that are either whole or not there."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

from galaxy_utils import __version__

PACKAGE = Path(__file__).parent
"""This package's folder."""

PACKAGES = (
    "numpy",
    "scipy",
    "pandas",
    "scikit-learn",
    "torch",
    "torchvision",
    "numba",
    "openvino",
    "photutils",
    "statmorph",
    "umap-learn",
    "matplotlib",
)


def sha256_of_file(path: Path) -> str:
    """Checksum of a file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    str
        sha256, 64 hex digits.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that a kill leaves the old one or the new one.

    Parameters
    ----------
    path : Path
        The file; its folder exists.
    text : str
        Whole content.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")  # others may write it, too
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def versions() -> dict[str, str]:
    """Versions of this package and of those whose numbers it passes on.

    Returns
    -------
    dict of str to str
        Package name to version; build suffixes such as +cpu are kept.
    """
    return {"galaxy_utils": __version__} | {name: metadata.version(name) for name in PACKAGES}


def modules_of(source: Path, root: Path = PACKAGE.parent) -> list[Path]:
    """Modules of the package that a notebook or module imports, directly or not.

    Parameters
    ----------
    source : Path
        A notebook (.ipynb) or a module (.py).
    root : Path
        Folder that holds the package.

    Returns
    -------
    list of Path
        Sorted, each once.
    """
    found: set[Path] = set()
    queue = [source]
    while queue:
        for module in _imports(_code_of(queue.pop()), root):
            if module not in found:
                found.add(module)
                queue.append(module)
    return sorted(found)


def _code_of(source: Path) -> str:
    text = source.read_text(encoding="utf-8")
    if source.suffix != ".ipynb":
        return text
    cells = json.loads(text)["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


@cache
def _imports(code: str, root: Path) -> frozenset[Path]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    inside = (name for name in names if name.split(".")[0] == PACKAGE.name)
    paths = (root / (name.replace(".", "/") + ".py") for name in inside)
    return frozenset(path for path in paths if path.exists())


def git_commit(folder: Path) -> str:
    """Commit of the checkout, marked where files differ from it.

    Parameters
    ----------
    folder : Path
        A folder inside the checkout; changes elsewhere do not count.

    Returns
    -------
    str
        Abbreviated hash, `+changes` appended where tracked files of the folder differ;
        `unknown` outside a git checkout.
    """
    commands = (
        ["git", "rev-parse", "--short", "HEAD"],
        ["git", "status", "--porcelain", "-uno", "."],
    )
    try:
        commit, changes = (
            subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
            for command in commands
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit.strip() + ("+changes" if changes.strip() else "")
