"""An edit of a figure re-executes only the pages that show a figure of its kind."""

from collections import Counter

import pytest

from galaxy_utils.provenance import PACKAGE, modules_of
from galaxy_utils.run_folder import ROOT


@pytest.fixture(scope="module")
def pages() -> Counter[str]:
    """Number of pages that depend on each module of the plots."""
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    modules = [module for notebook in notebooks for module in modules_of(notebook)]
    return Counter(path.stem for path in modules if path.parent == PACKAGE / "plots")


SHARED = {"style", "interactive"}
"""What figures have in common."""


def test_a_figure_of_one_page_re_executes_at_most_three(pages: Counter[str]) -> None:
    assert set(pages) == {path.stem for path in (PACKAGE / "plots").glob("[a-z]*.py")}
    assert {name for name, number in pages.items() if number > 3} == SHARED
