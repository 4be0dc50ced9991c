"""Break the package in many small ways, and see whether a test notices: python tests/mutants.py.

Each mutant changes one operator, constant or branch of a module, and meets only the test files that
name the module, in a copy of the project. Survivors are printed with the line that they changed: a
test is missing there, or the change makes no difference. Options: --number N mutants (120), --seed,
--minutes M (stop then), --rooms morphology,data,...
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("morphology", "clustering", "evaluation", "ledger", "data")
SECONDS = 600
"""Longer than this the tests of a module do not run, and those of a mutant not longer than three
times what they take as it is: it then counts as noticed, since they hang."""

COMPARISONS: dict[type, type] = {
    ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
OPERATORS: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip


def changed(node: ast.AST) -> ast.AST | None:
    """Return the node broken in its own way; None where there is none."""
    new = copy.deepcopy(node)
    match new:
        case ast.Compare(ops=[op]) if type(op) in COMPARISONS:
            new.ops = [COMPARISONS[type(op)]()]
        case ast.BinOp(op=op) if type(op) in OPERATORS and not _is_text(new):
            new.op = OPERATORS[type(op)]()
        case ast.UnaryOp(op=ast.Not() | ast.Invert() | ast.USub(), operand=operand):
            return operand
        case ast.BoolOp(op=op):
            new.op = ast.Or() if isinstance(op, ast.And) else ast.And()
        case ast.Constant(value=bool(value)):
            new.value = not value
        case ast.Constant(value=int(value) | float(value)):
            new.value = value + 1 if value in (0, 1) else value * 2
        case ast.IfExp(body=body, orelse=orelse):
            new.body, new.orelse = orelse, body
        case _:
            return None
    return new


def _is_text(node: ast.BinOp) -> bool:
    """Whether one side is a type or text, of which `|` and `+` have another meaning."""
    return any(isinstance(side, ast.JoinedStr) or (isinstance(side, ast.Constant)
               and not isinstance(side.value, int | float))
               for side in (node.left, node.right))  # fmt: skip


def mutants_of(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield line, change in words, and source of every mutant of a module."""
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    inside = [f for f in ast.walk(tree) if isinstance(f, ast.FunctionDef)]
    assigned = [a.value for a in tree.body if isinstance(a, ast.Assign)]
    body = [statement for function in inside for statement in function.body]
    nodes = {id(node): node for part in (*body, *assigned) for node in ast.walk(part)}
    for node in nodes.values():
        new = changed(node)
        text = ast.get_source_segment(source, node) if new is not None else None
        if new is None or text is None or "\n" in text or not isinstance(node, ast.expr):
            continue
        line, column = node.lineno - 1, node.col_offset
        lines = source.splitlines(keepends=True)
        raw = lines[line].encode()
        end = column + len(text.encode())
        lines[line] = (raw[:column] + f"({ast.unparse(new)})".encode() + raw[end:]).decode()
        yield node.lineno, f"{text} -> {ast.unparse(new)}", "".join(lines)


def tests_of(module: Path) -> list[str]:
    """Test files of the module's room that name it, or what it exports; else those of others.

    Those that build a whole book are left out.
    """
    room, stem = module.parent.name, module.stem
    exported = (module.parent / "__init__.pyi").read_text(encoding="utf-8").splitlines()
    names = {line.split()[3] for line in exported if line.startswith(f"from .{stem} import")}
    found: dict[bool, list[str]] = {True: [], False: []}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        direct = f"{room}.{stem} import" in text or f"{room} import {stem}" in text
        near = path.parent.name == room and (stem in text or any(name in text for name in names))
        if (direct or near) and "smoke: RunFolder" not in text:
            found[path.parent.name == room].append(str(path.relative_to(ROOT)))
    return found[True] or found[False]


def is_noticed(
    tree: Path, module: Path, source: str, tests: list[str], seconds: float = SECONDS
) -> bool:
    """Run the tests on a mutant in a fork; whether one fails, or none ends in time."""
    target = tree / module.relative_to(ROOT)
    before = target.read_bytes()
    target.write_text(source, encoding="utf-8")
    child = os.fork()
    if not child:
        _test(tree, tests)
    deadline = time.time() + seconds
    try:
        while time.time() < deadline:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status) != 0
            time.sleep(0.05)
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return True
    finally:
        target.write_bytes(before)


def _test(tree: Path, tests: list[str]) -> None:
    import pytest

    os.setpgid(0, 0)
    os.chdir(tree)
    sys.path.insert(0, str(tree))
    os.environ["PYTHONPATH"] = str(tree)
    sys.dont_write_bytecode = True
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    status = 1
    try:
        status = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-n0", *tests]))
    finally:
        os._exit(status)


def main() -> None:
    """Choose mutants, run them, and print the survivors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--rooms", default=",".join(ROOMS))
    chosen = parser.parse_args()
    modules = [
        path for room in chosen.rooms.split(",")
        for path in sorted((ROOT / "galaxy_utils" / room).glob("*.py")) if tests_of(path)
    ]  # fmt: skip
    everything = [(path, *mutant) for path in modules for mutant in mutants_of(path)]
    random.Random(chosen.seed).shuffle(everything)
    print(f"{len(everything)} mutants are possible in {len(modules)} modules", flush=True)
    end, survivors, done = time.time() + 60 * chosen.minutes, 0, 0
    limits: dict[Path, float] = {}  # 0 where the tests of a module fail as it is
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "project"
        left = shutil.ignore_patterns("runs", ".git", ".venv", "images")
        shutil.copytree(ROOT, tree, symlinks=True, ignore=left)
        for path, line, change, source in everything[: chosen.number]:
            if time.time() > end:
                break
            tests = tests_of(path)
            if path not in limits:
                began, whole = time.time(), path.read_text(encoding="utf-8")
                fails = is_noticed(tree, path, whole, tests)
                limits[path] = 0.0 if fails else 3 * (time.time() - began) + 10
            if not limits[path]:
                print(f"left out, its tests fail or hang as it is: {path.relative_to(ROOT)}")
                continue
            done += 1
            if not is_noticed(tree, path, source, tests, limits[path]):
                survivors += 1
                print(f"survives: {path.relative_to(ROOT)}:{line}: {change}", flush=True)
    share = 100 * (1 - survivors / max(done, 1))
    print(f"{done} mutants, {done - survivors} noticed ({share:.0f} %)")


if __name__ == "__main__":
    import numpy  # noqa: F401  what is imported here need not be imported for every mutant
    import pandas  # noqa: F401
    import scipy.stats  # noqa: F401
    import skimage.measure  # noqa: F401
    import sklearn.ensemble  # noqa: F401

    main()
