"""Checksums, versions, imports, and files that are either complete or not there."""

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
    """Checksum of a file: sha256, 64 hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that a kill leaves the old one or the new one."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")  # others may write it, too
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def versions() -> dict[str, str]:
    """Versions of this package and of `PACKAGES`; build suffixes such as +cpu are kept."""
    return {"galaxy_utils": __version__} | {name: metadata.version(name) for name in PACKAGES}


def modules_of(source: Path, root: Path = PACKAGE.parent) -> list[Path]:
    """Modules of the package that a notebook or module imports, directly or not, sorted.

    `root` is the folder that holds the package. A name taken from a subpackage leads to the module
    that defines it, by the stub (`__init__.pyi`) of a subpackage that loads lazily; an
    `__init__.py` that does more than that counts as a module itself.
    """
    found: set[Path] = set()
    queue = [source]
    while queue:
        for module in _imports(queue.pop(), root):
            if module not in found:
                found.add(module)
                queue.append(module)
    return sorted(found - {source})


def _imports(source: Path, root: Path) -> set[Path]:
    """Modules that a notebook or module imports itself."""
    code = source.read_text(encoding="utf-8")
    if source.suffix == ".ipynb":
        cells = json.loads(code)["cells"]
        code = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
    inside = source.is_relative_to(root) and source.suffix == ".py"
    package = ".".join(source.relative_to(root).parent.parts) if inside else ""
    names = _imported_names(code, package)
    return {path for module, name in names for path in _files_of(module, name, root)}


@cache
def _imported_names(code: str, package: str) -> set[tuple[str, str]]:
    """What is imported, as (module, name); the name is empty for a module itself.

    Imports in functions count like others; those for the type checker alone do not.
    """
    names: set[tuple[str, str]] = set()
    queue: list[ast.AST] = [ast.parse(code)]
    while queue:
        node = queue.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            queue += node.orelse
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*above, *filter(None, [node.module])]) if node.level else node.module
            names |= {(str(base), alias.name) for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {(alias.name, "") for alias in node.names}
        elif isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case | ast.Module):
            queue += ast.iter_child_nodes(node)
    return {(module, name) for module, name in names if module.split(".")[0] == PACKAGE.name}


def _files_of(module: str, name: str, root: Path) -> set[Path]:
    """Files that are read when `name` is imported from a module of the package."""
    parts = module.split(".")
    parents = (root.joinpath(*parts[:depth]) for depth in range(1, len(parts) + 1))
    inits = (path / "__init__.py" for path in parents)
    found = {path for path in inits if path.exists() and not path.with_suffix(".pyi").exists()}
    here = root.joinpath(*parts)
    if here.with_suffix(".py").exists():
        return found | {here.with_suffix(".py")}
    if name and here.joinpath(f"{name}.py").exists():
        return found | {here / f"{name}.py"}
    if name and here.joinpath(name, "__init__.py").exists():
        return found | _files_of(f"{module}.{name}", "", root)
    stub = here / "__init__.pyi"
    if not stub.exists():
        return found
    exported = _imported_names(stub.read_text(encoding="utf-8"), module)
    for origin, exported_name in exported:
        if name in ("", "*", exported_name):
            found |= _files_of(origin, exported_name, root)
    return found


def git_commit(folder: Path) -> str:
    """Abbreviated hash of the checkout that holds a folder; `unknown` outside a checkout.

    `+changes` is appended where tracked files of the folder, not those elsewhere, differ from it.
    """

    def git(*words: str) -> str:
        command = ["git", *words]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        changes = git("status", "--porcelain", "-uno", ".")
        return git("rev-parse", "--short", "HEAD") + "+changes" * bool(changes)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
