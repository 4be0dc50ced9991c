"""A page is executed again when something that it depends on has changed, and otherwise not."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from galaxy_utils import cli, run_folder
from galaxy_utils.config import Parameters, make_parameters
from galaxy_utils.errors import UserError
from galaxy_utils.experiments.registry import find_experiment
from galaxy_utils.provenance import modules_of
from galaxy_utils.run_folder import ROOT, RunFolder
from galaxy_utils.simulate.families import POPULATION
from galaxy_utils.workflow import building, preparation
from galaxy_utils.workflow.execution import (
    execute,
    external_inputs,
    kernel_environment,
    parameters_of,
    run_inputs,
)
from galaxy_utils.workflow.progress import BOOK, PLAN, LiveLine, Progress
from galaxy_utils.workflow.sections import SECTIONS, Section, section_of

CARRIED = ("galaxy_utils", "notebooks", "book", "tests/baseline", "Snakefile", "_config.yml",
           "requirements.lock", "pyproject.toml")  # fmt: skip
SEARCH = {"studies/search.csv", "studies/search.json"}
"""The search that the project carries: some pages take pipelines from it, whatever the run."""


def names(paths: Iterable[Path]) -> set[str]:
    return {path.stem for path in paths}


def test_modules_are_followed_through_modules() -> None:
    found = names(modules_of(ROOT / "notebooks" / "07-gaussian-mixture.ipynb"))
    assert {"page", "mixture", "selection", "style", "measurement"} <= found
    assert not found & {"cli", "rendering", "execution", "scorecard", "taxonomy"}


def test_every_page_depends_on_few_modules() -> None:
    shared = set.intersection(*(set(modules_of(section.path)) for section in SECTIONS))
    assert len(shared) <= 12, sorted(shared)
    assert names(modules_of(ROOT / "galaxy_utils/workflow/page.py")) | {"page"} <= names(shared)


def test_no_page_depends_on_an_http_client() -> None:
    imports = re.compile(r"^\s*(import|from) (requests|urllib3)\b", re.MULTILINE)
    modules = (ROOT / "galaxy_utils").rglob("*.py")
    clients = {path for path in modules if imports.search(path.read_text(encoding="utf-8"))}
    assert clients
    assert [s.number for s in SECTIONS if clients & set(modules_of(s.path))] == []


def test_a_page_depends_on_the_population_that_its_simulated_galaxies_are_drawn_from() -> None:
    drawing = [section.number for section in SECTIONS if POPULATION in external_inputs(section)]
    assert {"03", "17"} <= set(drawing) and not {"04", "12"} & set(drawing)


def test_a_kernel_uses_the_threads_it_is_granted_and_waits_asleep() -> None:
    environment = kernel_environment(3)
    counts = {name: value for name, value in environment.items() if name.endswith("_NUM_THREADS")}
    assert set(counts.values()) == {"3"} and {"OMP_NUM_THREADS", "NUMBA_NUM_THREADS"} <= set(counts)
    assert environment["OMP_WAIT_POLICY"] == "PASSIVE"


@pytest.mark.parametrize("number", ["03", "05", "06", "12"])
def test_only_of_a_large_sample_a_section_keeps_the_cores_for_itself(number: str) -> None:
    section = section_of(number)
    assert section.cores(8, run_folder.SMALL - 1) == 1
    assert section.cores(8, run_folder.SMALL) == 8


def test_other_sections_share_the_cores() -> None:
    assert section_of("07").cores(8, run_folder.SMALL) == 1


def test_only_in_a_large_sample_recovery_waits_for_what_measures_time() -> None:
    assert section_of("17").awaited(run_folder.SMALL) == ("artefacts/pixel_times.parquet",)
    assert section_of("17").awaited(run_folder.SMALL - 1) == ()


@pytest.mark.parametrize("section", SECTIONS, ids=lambda s: s.number)
def test_what_takes_pipelines_from_the_carried_search_depends_on_it(section: Section) -> None:
    studies = [find_experiment(name) for name in section.studies]
    source = section.path.read_text(encoding="utf-8")
    takes = any(
        "search" in study.upstream for study in studies if study.files is None or study.profile
    ) or any(f"{name}(" in source for name in ("run_consensus", "selected_spec"))
    assert (SEARCH <= set(section.data)) == takes


def with_parameters(smoke: RunFolder, folder: Path, **changed: str) -> RunFolder:
    """A run that has nothing but the smoke run's parameters, some of them changed."""
    text = smoke.existing("parameters.yml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.split(":")[0] not in changed]
    folder.mkdir()
    lines += [f"{name}: {value}" for name, value in changed.items()]
    (folder / "parameters.yml").write_text("\n".join(lines), encoding="utf-8")
    return RunFolder(folder)


@pytest.mark.parametrize(
    ("changed", "pages"),
    [
        ({"latent_dim": "32"}, {"01", "06", "12"}),
        ({"n_components": "5"}, {"01", "07", "08", "10", "11", "12", "13", "16"}),
        ({"profile": "book"}, {section.number for section in SECTIONS}),  # in every header
    ],
    ids=lambda value: "-".join(sorted(value)),
)
def test_parameters_count_where_they_are_used_or_shown(
    smoke: RunFolder, tmp_path: Path, changed: dict[str, str], pages: set[str]
) -> None:
    before = with_parameters(smoke, tmp_path / "run")
    after = with_parameters(smoke, tmp_path / "new", **changed)
    stale = {
        section.number
        for section in SECTIONS
        if parameters_of(section, before)["shown"] != parameters_of(section, after)["shown"]
        or parameters_of(section, before)["used"] | {"run": ""}
        != parameters_of(section, after)["used"] | {"run": ""}
    }
    studied = {section.number for section in SECTIONS if section.studies}
    assert stale - studied == pages - studied
    assert (stale >= studied) == ("n_components" not in changed)


def test_files_of_the_checkout_and_of_the_run_count() -> None:
    section = section_of("05")
    assert {
        ROOT / "notebooks/05-deep-features.ipynb",
        ROOT / "galaxy_utils/experiments/encoders.py",
        ROOT / "requirements.lock",
        ROOT / "data/studies/encoders.csv",
    } <= set(external_inputs(section))
    assert {"sample.json", "artefacts/purged.parquet"} <= set(run_inputs(section))


def test_a_run_older_than_a_parameter_has_its_default(smoke: RunFolder, tmp_path: Path) -> None:
    text = smoke.existing("parameters.yml").read_text(encoding="utf-8")
    older = "\n".join(line for line in text.splitlines() if not line.startswith("n_mocks"))
    (tmp_path / "older").mkdir()
    (tmp_path / "older" / "parameters.yml").write_text(older, encoding="utf-8")
    found = parameters_of(section_of("17"), RunFolder(tmp_path / "older"))
    assert found["used"]["n_mocks"] == Parameters().n_mocks != make_parameters("smoke").n_mocks


def test_a_failing_cell_is_named_and_the_notebook_kept(smoke: RunFolder, tmp_path: Path) -> None:
    copy = RunFolder(shutil.copytree(smoke.path, tmp_path / "copy"))
    (copy.path / "artefacts" / "deep.npz").write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"06-autoencoder failed in cell \d+: ") as told:
        execute(section_of("06"), copy, 1)
    assert Path(str(told.value).rsplit(" ", 1)[-1]).exists()


def test_a_run_with_an_impossible_parameter_is_refused(smoke: RunFolder, tmp_path: Path) -> None:
    text = smoke.existing("parameters.yml").read_text(encoding="utf-8")
    (tmp_path / "parameters.yml").write_text(text.replace("seed: 0", "seed: -1"), encoding="utf-8")
    with pytest.raises(UserError, match=r"parameters.yml: parameter seed=-1: .* 0 "):
        parameters_of(section_of("06"), RunFolder(tmp_path))


def build(checkout: Path, *words: str, status: int = 0) -> str:
    """Build in a copy of the checkout; what it prints."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    done = subprocess.run(
        [sys.executable, "-m", "galaxy_utils.cli", "build", "--profile", "smoke", "--run",
         "test-smoke", *words],
        cwd=checkout, capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    assert done.returncode == status, done.stdout[-1500:] + done.stderr[-1500:]
    return done.stdout + done.stderr


def executed(printed: str) -> list[str]:
    """Numbers of the pages that a build says it has executed."""
    lines = [line for line in printed.splitlines() if line.endswith(" s")]
    return sorted(line[:2] for line in lines if line[:2].isdecimal() and line[2] == "-")


@pytest.fixture
def fresh_clone(smoke: RunFolder, tmp_path: Path) -> Path:
    """The checkout and its run in another place, every file time new."""
    for name in CARRIED:
        source, target = ROOT / name, tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, target)
    shutil.copytree(ROOT / "data", tmp_path / "data",
                    ignore=shutil.ignore_patterns("images", ".journal"))  # fmt: skip
    shutil.copytree(smoke.path, tmp_path / "runs" / smoke.path.name)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            os.utime(path)
    return tmp_path


def edit(notebook: Path, cell: int, text: str) -> None:
    content = json.loads(notebook.read_text())
    content["cells"][cell]["source"][-1] += text
    notebook.write_text(json.dumps(content))


def test_only_what_depends_on_a_change_is_executed(fresh_clone: Path) -> None:
    run = fresh_clone / "runs" / "test-smoke"
    state = {path.name: path.read_bytes() for path in (run / "state").glob("[0-9]*.json")}
    assert len(state) == len(SECTIONS)
    assert executed(build(fresh_clone)) == []  # every file is touched, none is changed
    assert {name: (run / "state" / name).read_bytes() for name in state} == state

    edit(fresh_clone / "notebooks" / "10-proxy-validation.ipynb", 0, "\n\nOne more sentence.")
    pages = fresh_clone / "notebooks" / "pages.yml"
    pages.write_text(pages.read_text().replace("title: Ablation", "title: Ablations"))
    (run / "artefacts" / "mixture.npz").unlink()
    # 07 writes the same again, so nothing that reads it is executed
    assert executed(build(fresh_clone)) == ["07", "08", "10"]
    assert "One more sentence" in (run / "html/notebooks/10-proxy-validation.html").read_text()
    assert executed(build(fresh_clone)) == []


def test_what_was_changed_by_hand_counts(fresh_clone: Path) -> None:
    path = fresh_clone / "runs/test-smoke/artefacts/purged.parquet"
    path.write_bytes(path.read_bytes() + b" ")
    printed = build(fresh_clone, "--dry-run")
    jobs = {line.split()[0] for line in printed.splitlines() if line.endswith(" 1")}
    assert {"deep_features", "autoencoder", "gaussian_mixture", "book"} <= jobs
    assert not jobs & {"dataset", "data_purging"}


def test_a_failing_page_is_told_and_tried_again(fresh_clone: Path) -> None:
    notebook = fresh_clone / "notebooks" / "13-comparison-of-algorithms.ipynb"
    before = notebook.read_text()
    edit(notebook, 3, "\nraise ValueError('broken on purpose')")
    printed = build(fresh_clone, status=2)
    assert "page 13-comparison-of-algorithms failed in cell" in printed
    assert "ValueError: broken on purpose" in printed
    assert "build.log" in printed and "Error in" not in printed
    notebook.write_text(before)
    assert executed(build(fresh_clone)) == ["13"]


def test_the_line_says_what_runs_and_how_far_it_is(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    line = LiveLine(folder)
    assert line.text() == "looking at what has changed"
    folder.write_json(PLAN, ["03-morphology", "15-number", BOOK])
    folder.write_json(
        "state/15-number.json", {"started": 0.0, "seconds": 600.0}
    )  # of an earlier build
    with Progress("03-morphology", folder) as page:
        page.cell_done(2, 20)
        assert line.text() == "0 of 3 done; 03-morphology (2 of 20 cells)"
    assert line.text() == "1 of 3 done; waiting"
    other = Progress("15-number", folder).__enter__()
    other.write("experiment cluster_number:  25%|##5  | 5/20 [00:10<00:30]\r")
    assert line.text() == "1 of 3 done; 15-number (experiment cluster_number, 5 of 20 units)"
    assert line.errors() == ["15-number was killed: perhaps the memory is too small"]
    other.__exit__(ValueError, ValueError("no such thing"), None)
    assert line.errors() == ["no such thing"]


def test_a_dry_run_tells_and_writes_nothing(
    smoke: RunFolder, galaxy_book: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    def written() -> dict[Path, float]:
        files = (path for path in smoke.path.rglob("*") if path.is_file())
        return {path: path.stat().st_mtime for path in files if ".snakemake" not in path.parts}

    text = (smoke.path / "parameters.yml").read_text()
    before = written().keys()
    options = ["--profile", "smoke", "--run", smoke.path.name, "--set", "n_components=3"]
    done = galaxy_book("build", *options, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "gaussian_mixture" in done.stdout + done.stderr
    assert "index.html" not in done.stdout.splitlines()[-1]
    assert written().keys() == before
    assert (smoke.path / "parameters.yml").read_text() == text


@pytest.mark.parametrize("cores", ["0", "-1", "two"])
def test_no_cores_are_refused(
    galaxy_book: Callable[..., subprocess.CompletedProcess[str]], cores: str
) -> None:
    done = galaxy_book("build", "--cores", cores)
    assert done.returncode == 2
    assert "Invalid value for '--cores'" in done.stderr


@pytest.mark.parametrize("words", [["--dry-run"], ["--", "-n"], ["--", "--dryrun"], ["--", "-np"]])
def test_a_dry_run_is_one_wherever_it_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
) -> None:
    handed: list[list[str]] = []
    monkeypatch.setattr(run_folder, "ROOT", tmp_path)
    monkeypatch.setattr(preparation, "write_sample_fingerprint",
                        lambda folder, _, keep: folder.write_json("sample.json", {}))  # fmt: skip
    monkeypatch.setattr(building, "_run", handed.append)
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "parameters.yml").write_text("as it was")
    assert cli.main(["build", "--profile", "smoke", "--run", "mine", *words]) == 0
    assert words[-1] in handed[0]
    assert "lies here" not in capsys.readouterr().out
    kept = [path.name for path in (tmp_path / "runs" / "mine").iterdir() if path.name != ".lock"]
    assert kept == ["parameters.yml"]
    assert (tmp_path / "runs" / "mine" / "parameters.yml").read_text() == "as it was"


@pytest.mark.parametrize("word", ["--jobs", "-j4", "--executor", "-p", "--nolock", "slurm"])
def test_other_words_for_snakemake_make_no_dry_run(word: str) -> None:
    assert not building.is_dry_run([word])


def _written(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / "galaxy_utils" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


ROOM = {
    "__init__.py": "",
    "room/__init__.py": "import lazy_loader as lazy\n",
    "room/__init__.pyi": "from .mixture import Mixture as Mixture\nfrom .other import spare\n",
    "room/mixture.py": "from .base import em\nfrom .. import errors\n",
    "room/other.py": "",
    "room/base.py": "",
    "room/deep/__init__.py": "from galaxy_utils.room.deep.kernel import run\n",
    "room/deep/kernel.py": "",
    "errors.py": "",
}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("from galaxy_utils.room import Mixture", {"mixture", "base", "errors"}),
        ("from galaxy_utils.room import mixture", {"mixture", "base", "errors"}),
        ("from galaxy_utils.room.mixture import Mixture", {"mixture", "base", "errors"}),
        ("import galaxy_utils.room.mixture", {"mixture", "base", "errors"}),
        ("from galaxy_utils.room import spare", {"other"}),
        ("from galaxy_utils import room", {"mixture", "base", "errors", "other"}),
        ("from galaxy_utils.room import *", {"mixture", "base", "errors", "other"}),
        ("from galaxy_utils.room.deep import run", {"__init__", "kernel"}),
        ("from galaxy_utils.room import deep", {"__init__", "kernel"}),
        ("def later():\n    from galaxy_utils.room import spare", {"other"}),
        (
            "if TYPE_CHECKING:\n    from galaxy_utils.room import spare\n"
            "else:\n    from galaxy_utils.room import base",
            {"base"},
        ),
    ],
)
def test_modules_are_followed_into_subpackages(
    code: str, expected: set[str], tmp_path: Path
) -> None:
    _written(tmp_path, ROOM)
    (tmp_path / "page.py").write_text(code, encoding="utf-8")
    found = modules_of(tmp_path / "page.py", tmp_path)
    assert names([path for path in found if path.parent != tmp_path / "galaxy_utils"
                  or path.stem != "__init__"]) == expected  # fmt: skip
