"""The import of torchvision beside torch builds that match it and that do not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from galaxy_utils.features import _torchvision
from galaxy_utils.features._torchvision import import_torchvision

PROBE = """
import sys
from galaxy_utils.features import _torchvision
try:
    module = _torchvision.import_torchvision()
    print("imported", module.__file__)
except Exception as error:
    print("raised", type(error).__name__, error)
print("declared", len(_torchvision._libraries))
print("torch", "torch" in sys.modules)
"""


def _import_beside(torchvision: str, folder: Path) -> str:
    """Run the import in a fresh process that finds this source as torchvision."""
    package = folder / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text(torchvision)
    code = f"import sys; sys.path.insert(0, {str(folder)!r})\n{PROBE}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_here_the_import_works_and_is_done_once() -> None:
    first = import_torchvision()
    declared = list(_torchvision._libraries)
    assert import_torchvision() is first
    assert _torchvision._libraries == declared
    assert len(declared) <= 1
    assert first.models.get_model_weights("efficientnet_b0").DEFAULT.url.startswith("https://")


def test_on_a_matching_pair_nothing_is_declared(tmp_path: Path) -> None:
    said = _import_beside("", tmp_path)
    assert f"imported {tmp_path}" in said
    assert "declared 0" in said
    assert "torch False" in said


# The line of torchvision that fails where its extension was not loaded.
NEEDS_OPERATOR = "import torch\ntorch.library.register_fake('torchvision::{}')(lambda *a: None)\n"


@pytest.mark.parametrize("operator", ["nms", "qnms"])
def test_a_missing_operator_is_declared_and_the_import_goes_on(
    tmp_path: Path, operator: str
) -> None:
    said = _import_beside(NEEDS_OPERATOR.format(operator), tmp_path)
    assert f"imported {tmp_path}" in said
    assert "declared 1" in said


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("raise RuntimeError('CUDA is upside down')", "raised RuntimeError CUDA is upside down"),
        ("raise ImportError('no such library')", "raised ImportError no such library"),
    ],
)
def test_any_other_failure_is_passed_on(tmp_path: Path, statement: str, says: str) -> None:
    said = _import_beside(statement, tmp_path)
    assert says in said
    assert "declared 0" in said


def test_an_operator_that_stays_missing_is_told(tmp_path: Path) -> None:
    said = _import_beside(NEEDS_OPERATOR.format("roi_align"), tmp_path)
    assert "raised RuntimeError operator torchvision::roi_align does not exist" in said
