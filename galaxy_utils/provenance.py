"""Checksums, versions, and files that are either whole or not there."""

from __future__ import annotations

import hashlib
import os
import subprocess
from importlib import metadata
from pathlib import Path

from galaxy_utils import __version__

PACKAGES = (
    "numpy",
    "scipy",
    "pandas",
    "scikit-learn",
    "torch",
    "torchvision",
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
    partial = path.with_name(path.name + ".partial")
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


def git_commit(folder: Path) -> str:
    """Commit of the checkout, marked where files differ from it.

    Parameters
    ----------
    folder : Path
        A folder inside the checkout.

    Returns
    -------
    str
        Abbreviated hash, `+changes` appended where tracked files differ;
        `unknown` outside a git checkout.
    """
    commands = (["git", "rev-parse", "--short", "HEAD"], ["git", "status", "--porcelain", "-uno"])
    try:
        commit, changes = (
            subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
            for command in commands
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit.strip() + ("+changes" if changes.strip() else "")
