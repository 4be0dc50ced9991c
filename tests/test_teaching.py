"""The lessons run as they are, with their solutions, on nothing but their own files."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from galaxy_utils.run_folder import DATA, ROOT

TEACHING = ROOT / "book" / "teaching"
LESSONS = sorted(TEACHING.glob("lesson-*.ipynb"))
ALLOWED = {"matplotlib", "numpy", "pandas", "scipy", "sklearn"}


def code_of(lesson: Path, solutions: bool = True) -> str:
    """All code of a lesson in order; that of the solutions where they stand."""
    parts = ["import matplotlib", "matplotlib.use('agg')"]
    for cell in json.loads(lesson.read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "code":
            parts.append(text)
        elif solutions:
            parts += re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    return "\n".join(parts)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_and_its_solutions_run_alone(lesson: Path, tmp_path: Path) -> None:
    for name in ("galaxies.csv", "stamps.npz"):
        shutil.copy(TEACHING / name, tmp_path)
    script = tmp_path / "lesson.py"
    script.write_text(code_of(lesson), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, script.name], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_needs_no_other_library(lesson: Path) -> None:
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else alias.name).split(".")[0]
        for node in ast.walk(ast.parse(code_of(lesson)))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert imported <= ALLOWED


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_has_goals_times_levels_solutions_and_a_quiz(lesson: Path) -> None:
    cells = json.loads(lesson.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    assert "**Goals.**" in text and "**Time** 90 minutes" in text
    assert {"beginner", "intermediate", "advanced"} <= set(
        re.findall(r"\{admonition\} Exercise \d · (\w+) ·", text)
    )
    assert text.count("{admonition} Exercise") == text.count("{admonition} Solution") == 4
    assert len(re.findall(r":::\{dropdown\} \d\. ", text)) == 5


def test_the_data_are_the_measured_table_and_small() -> None:
    lessons = pd.read_csv(TEACHING / "galaxies.csv", dtype={"objid": str}).set_index("objid")
    measured = pd.read_csv(DATA / "sdss5000" / "morphology.csv", dtype={"objid": str})
    columns = ["concentration", "asymmetry", "gini", "m20"]
    theirs = measured.set_index("objid").loc[lessons.index, columns]
    assert ((lessons[columns] - theirs).abs() <= 1e-3 * theirs.abs() + 1e-6).all(axis=None)
    assert sum(path.stat().st_size for path in TEACHING.iterdir()) < 5_000_000
