"""No figure is wider than a page of the book, which would shrink it, and no text is too small."""

import re
from pathlib import Path

import pytest
from PIL import Image

from galaxy_utils.plots.style import SMALLEST, WIDEST
from galaxy_utils.provenance import PACKAGE
from galaxy_utils.run_folder import ROOT, RunFolder

SOURCES = [*sorted((ROOT / "notebooks").glob("*.ipynb")), *sorted((PACKAGE / "plots").glob("*.py"))]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_no_text_is_too_small(source: Path) -> None:
    sizes = re.findall(r"fontsize=([\d.]+)", source.read_text(encoding="utf-8"))
    assert all(float(size) >= SMALLEST for size in sizes), sizes


def test_no_figure_is_wider_than_a_page(smoke: RunFolder) -> None:
    widths = {path.stem: Image.open(path).width for path in smoke.file("figures").glob("*.png")}
    assert len(widths) >= 19
    assert max(widths.values()) <= 160 * WIDEST, widths
