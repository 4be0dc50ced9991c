"""The pins of pyproject.toml, requirements.lock and environment.yml agree."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

CONDA_NAMES = {"torch": "pytorch"}
"""conda-forge's name where it is not PyPI's."""

NOT_OURS_TO_PIN = ("cuda-", "nvidia-", "triton")
"""Packages that only a CUDA build of torch needs; it names its own versions."""


def _direct() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"]
    texts = [*PROJECT["dependencies"], *extras["test"], *extras["dev"]]
    return [Requirement(text) for text in texts]


DIRECT = {canonicalize_name(requirement.name): requirement for requirement in _direct()}


def _lock_lines() -> list[Requirement]:
    lines = (line.split("#")[0].strip() for line in LOCK.splitlines())
    return [Requirement(line) for line in lines if line]


def _pins() -> dict[str, set[str]]:
    pins: dict[str, set[str]] = {}
    for line in _lock_lines():
        version = next(iter(line.specifier)).version
        pins.setdefault(canonicalize_name(line.name), set()).add(version)
    return pins


def _without_build(spec: str) -> tuple[str, str]:
    """Split `name=version=build` or `name==version+local`, dropping what follows the version."""
    match = re.fullmatch(r"([\w.-]+)==?([^=+]+)([=+].*)?", spec)
    assert match, f"environment.yml: {spec!r} is not of the form name==version"
    return canonicalize_name(match[1]), match[2]


def _environment() -> dict[str, str]:
    """Packages that environment.yml names, by their PyPI names; Python and pip left out."""
    specs: list[Any] = ENVIRONMENT["dependencies"]
    conda = [spec for spec in specs if isinstance(spec, str) and spec != "pip"]
    from_pypi = [spec for part in specs if isinstance(part, dict) for spec in part["pip"]]
    pypi_names = {conda_name: name for name, conda_name in CONDA_NAMES.items()}
    named = dict(_without_build(spec) for spec in conda + from_pypi)
    named.pop("python")
    return {pypi_names.get(name, name): version for name, version in named.items()}


@pytest.mark.parametrize("name", DIRECT)
def test_lock_pins_every_direct_dependency_within_its_bounds(name: str) -> None:
    versions = _pins().get(name, set())

    assert len(versions) == 1, f"{name}: pinned to {versions or 'nothing'}; run: make lock"
    assert DIRECT[name].specifier.contains(versions.pop(), prereleases=True)


def test_environment_names_the_lock_versions_of_all_direct_dependencies() -> None:
    pins = _pins()

    assert _environment() == {name: next(iter(pins[name])) for name in DIRECT}


def test_environment_has_a_python_that_the_package_supports() -> None:
    python = next(spec for spec in ENVIRONMENT["dependencies"] if spec.startswith("python="))

    assert _without_build(python)[1] in SpecifierSet(PROJECT["requires-python"])


def _is_exact(line: Requirement) -> bool:
    return line.url is None and [pin.operator for pin in line.specifier] == ["=="]


def test_lock_pins_exact_versions_that_are_public() -> None:
    lines = _lock_lines()
    local = [str(line) for line in lines if "+" in str(line.specifier)]

    assert [str(line) for line in lines if not _is_exact(line)] == []
    assert local == [], "a local build such as +cpu is on no index"


def test_lock_leaves_the_cuda_packages_to_torch() -> None:
    assert [line.name for line in _lock_lines() if line.name.startswith(NOT_OURS_TO_PIN)] == []


def test_lock_names_no_path_and_no_index() -> None:
    assert "/" not in LOCK
    assert not re.search(r"^\s*-", LOCK, re.MULTILINE), "an option, such as --find-links"


@cache
def _owners() -> dict[str, set[str]]:
    """Importable name to the distributions that bring it."""
    owners = metadata.packages_distributions()
    return {name: set(map(canonicalize_name, found)) for name, found in owners.items()}


def _imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = list(ast.walk(tree))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    other = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.partition(".")[0] for name in plain | other}


@pytest.mark.parametrize("path", sorted((ROOT / "galaxy_utils").rglob("*.py")), ids=str)
def test_module_imports_only_declared_dependencies(path: Path) -> None:
    foreign = _imports(path) - set(sys.stdlib_module_names) - {"galaxy_utils", ""}

    undeclared = {name for name in foreign if not _owners().get(name, set()) & DIRECT.keys()}
    assert not undeclared, f"add to pyproject.toml, then: make lock: {undeclared}"
