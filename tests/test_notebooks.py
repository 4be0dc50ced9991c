"""The committed notebooks: their form, their parameters, their prose."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from galaxy_utils.config import Parameters
from galaxy_utils.ledger.templates import read_conclusions
from galaxy_utils.run_folder import ROOT
from galaxy_utils.workflow.sections import SECTIONS, Section, declared_parameters

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
RESULT_PAGES = [*NOTEBOOKS, ROOT / "book" / "index.md"]

NAMES_WITH_DIGITS = re.compile(
    r"""
    \{\{.*?\}\}                    # a recorded number
    | \$\$.*?\$\$ | \$[^$\n]*\$    # a formula
    | `[^`]*`                      # code, a reference, a link target
    | \]\([^)]*\)                  # the address of a link
    | \([a-z]+-[a-z0-9]+\)         # the label of a formula
    | M_\{?20\}? | \bEfficientNet-B0 | \bV100 | \b8-bit | \bGalaxy\ Zoo\ 1
    | \b([Tt]ables?|[Ff]igures?|[Ee]quations?|[Ss]ections?)\ \d(\.\d)*(,\ \d)*(\ and\ \d)?
    | ^\#\s*\d\.                   # the number of a list's entry
    | ^:name:.*$ | ·\ \d+\ minutes$
    | ^:+\{grid\}.*$ | ^:gutter:.*$  # the layout of cards
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)


def cells(notebook: Path, kind: str) -> list[dict]:
    content = json.loads(notebook.read_text(encoding="utf-8"))
    return [cell for cell in content["cells"] if cell["cell_type"] == kind]


def prose(page: Path) -> str:
    if page.suffix == ".md":
        return page.read_text(encoding="utf-8")
    text = ["".join(cell["source"]) for cell in cells(page, "markdown")]
    for cell in cells(page, "code"):
        shown = cell["metadata"].get("mystnb", {})
        text.append(shown.get("figure", {}).get("caption", ""))
        text.append(shown.get("image", {}).get("alt", ""))
    return "\n\n".join(text)


def typed_digits(text: str) -> list[str]:
    without_lists = re.sub(r"^\d+\. ", "", text, flags=re.MULTILINE)
    return re.findall(r".{0,30}\d.{0,20}", NAMES_WITH_DIGITS.sub("", without_lists))


def test_there_is_one_entry_per_notebook() -> None:
    assert [path.stem for path in NOTEBOOKS] == [section.notebook for section in SECTIONS]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.notebook)
def test_the_title_is_the_notebooks_first_heading(section: Section) -> None:
    heading = "".join(cells(section.path, "markdown")[0]["source"]).splitlines()[0]
    assert heading == f"# {section.title}"


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.notebook)
def test_every_result_can_be_found_by_searching_for_its_key(section: Section) -> None:
    code = "\n".join("".join(cell["source"]) for cell in cells(section.path, "code"))
    assert [key for key in section.results if f'"{key}"' not in code] == []
    recorded = re.findall(r"page\.(?:record|record_number|state)\(\s*(f?\S+)", code)
    assert not [key for key in recorded if key.startswith("f")], "a key is put together"


def test_every_result_is_shown_or_decides() -> None:
    pages = [*NOTEBOOKS, *(ROOT / "book").rglob("*.md")]
    templates = [ROOT / "book" / name for name in ("sentences.yml", "conclusions.yml")]
    texts = [path.read_text(encoding="utf-8") for path in (*pages, *templates)]
    shown = {key for text in texts for key in re.findall(r"\br\.([a-z]\w*\.\w+)", text)}
    ledger = (ROOT / "data" / "paper_values.yml").read_text(encoding="utf-8")
    listed = {key for section in SECTIONS for key in section.results}
    assert not {k for k in listed - shown if not re.search(rf"{re.escape(k)}(?!\w)", ledger)}


@pytest.mark.parametrize("section", [s for s in SECTIONS if s.waits_for], ids=lambda s: s.notebook)
def test_what_a_section_waits_for_is_made_by_an_earlier_one(section: Section) -> None:
    made = [name for earlier in SECTIONS if earlier.number < section.number
            for name in earlier.outputs]  # fmt: skip
    assert set(section.waits_for) <= set(made) and not set(section.waits_for) & set(section.reads)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_committed_without_outputs(notebook: Path) -> None:
    for cell in cells(notebook, "code"):
        assert not cell["outputs"]
        assert cell["execution_count"] is None


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_defines_nothing(notebook: Path) -> None:
    for cell in cells(notebook, "code"):
        kinds = {type(node) for node in ast.walk(ast.parse("".join(cell["source"])))}
        assert not kinds & {ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef}


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_parameters_are_the_schemas(notebook: Path) -> None:
    declared = declared_parameters(notebook)
    assert declared.pop("run") == "book"
    for name, default in declared.items():
        assert default == Parameters.model_fields[name].default, name


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_uses_every_parameter_it_declares(notebook: Path) -> None:
    code = ["".join(cell["source"]) for cell in cells(notebook, "code")
            if "parameters" not in cell["metadata"].get("tags", ())]  # fmt: skip
    names = {node.id for part in code for node in ast.walk(ast.parse(part))
             if isinstance(node, ast.Name)}  # fmt: skip
    studies = next(section for section in SECTIONS if section.path == notebook).studies
    by_studies = {"study_components", "study_draws"} if studies else set()
    assert not set(declared_parameters(notebook)) - names - by_studies - {"run"}


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.notebook)
def test_sample_is_declared_where_it_is_read(section: Section) -> None:
    opens = any("open_galaxies(" in "".join(c["source"]) for c in cells(section.path, "code"))
    assert opens == section.sample
    assert ("sample" in declared_parameters(section.path)) == section.sample


@pytest.mark.parametrize("page", RESULT_PAGES, ids=lambda path: path.stem)
def test_no_number_is_typed_into_prose(page: Path) -> None:
    assert typed_digits(prose(page)) == []


def test_a_typed_number_would_be_found() -> None:
    assert typed_digits("The silhouette is 0.44 and {{ r.a.b }}.")
    assert typed_digits("We keep 4,950 of them.")
    assert not typed_digits("By $A > 0.35$, see {cite}`conselice2003` and table 1, {{ r.x.y2 }} %.")


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_figure_has_caption_and_alternative_text(notebook: Path) -> None:
    for cell in cells(notebook, "code"):
        if "show_figure(" in "".join(cell["source"]):
            shown = cell["metadata"]["mystnb"]
            assert shown["figure"]["caption"] and shown["figure"]["name"]
            assert shown["image"]["alt"]
            last = ast.parse("".join(cell["source"])).body[-1]
            assert ast.unparse(last).startswith("page.show_figure("), "only the last line is shown"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_begins_with_question_answer_and_claim(notebook: Path) -> None:
    title, question, answer, *claim = [
        part for part in "".join(cells(notebook, "markdown")[0]["source"]).split("\n\n") if part
    ]
    assert title.startswith("# ") and "\n" not in title
    assert re.fullmatch(r"\*[^*]+\?\*( \{\{ badge\(\"\w+\"\) \}\})?", question)
    assert answer.startswith("**Answer.** ")
    assert not claim or claim[0].startswith("**The paper says**")
    named = set(re.findall(r'(?:badge|card)\("(\w+)"\)', prose(notebook)))
    conclusions = read_conclusions()
    assert named <= set(conclusions)
    decided = {name for name, found in conclusions.items() if found.page == notebook.stem}
    assert decided <= named, "every claim that the page decides has its card there"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_has_idea_warning_and_exercise_with_solution(notebook: Path) -> None:
    text = prose(notebook)
    assert "## The idea" in text and "## Why this can fool you" in text
    exercise = re.search(
        r":::\{admonition\} Exercise · (\w+) · \d+ minutes\n:class: exercise\n", text
    )
    assert exercise and exercise[1] in {"beginner", "intermediate", "advanced"}
    assert re.search(r":::\{admonition\} Solution\n:class: dropdown solution\n\n\S", text)
    assert text.count("**Exercise.**") == 1 and "**Knobs:**" in text


HIDING = {"hide-cell", "hide-input", "remove-cell", "remove-input"}
FIELD = {"numpy", "pandas", "scipy", "sklearn", "torch", "astropy", "photutils", "statmorph",
         "umap", "hdbscan", "skops"}  # fmt: skip
ESTIMATORS = "galaxy_utils.clustering"  # subclasses of scikit-learn's


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_one_open_cell_has_the_computation_in_the_fields_own_api(notebook: Path) -> None:
    (opened,) = [
        c for c in cells(notebook, "code") if not HIDING & set(c["metadata"].get("tags", ()))
    ]
    source = "".join(opened["source"])
    body = [line for line in source.splitlines() if line.strip()]
    statements = [
        n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Import | ast.ImportFrom)
    ]
    modules = [n.module if isinstance(n, ast.ImportFrom) else n.names[0].name for n in statements]
    packages = {str(name).split(".")[0] for name in modules}
    assert packages & (FIELD - {"numpy", "pandas"}) or ESTIMATORS in modules, modules
    assert 8 <= len(body) - len(statements) <= 20
    assert max(map(len, body)) <= 100
    assert "page.record" not in source and "page.show" not in source


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_has_one_or_two_figures(notebook: Path) -> None:
    code = "\n".join("".join(cell["source"]) for cell in cells(notebook, "code"))
    numbered = len(re.findall(r'"figure_\d"', code))
    assert 1 <= code.count("page.show_figure(") <= max(2, numbered + 1)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_ends_with_what_it_recorded(notebook: Path) -> None:
    assert "".join(cells(notebook, "code")[-1]["source"]) == "page.duration()"
    last = "".join(cells(notebook, "code")[-2]["source"])
    assert "page.finish()" in last
    assert ("NBVAL_CHECK_OUTPUT" in last) == (notebook.stem != "12-scalability")
