"""A notebook runs again when something that it depends on has changed, and otherwise not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from galaxy_utils import cli, run_folder
from galaxy_utils.config import Parameters, make_parameters
from galaxy_utils.experiments import find_experiment
from galaxy_utils.provenance import modules_of
from galaxy_utils.run_folder import ROOT, RunFolder
from galaxy_utils.workflow import execution as workflow
from galaxy_utils.workflow import preparation, sections
from galaxy_utils.workflow.execution import dependencies, execute
from galaxy_utils.workflow.sections import SEARCHED, SECTIONS, Section, section_of

CARRIED = ("galaxy_utils", "notebooks", "book", "tests/baseline", "Snakefile", "_config.yml",
           "requirements.lock", "pyproject.toml")  # fmt: skip


def names(paths: list[Path]) -> set[str]:
    return {path.stem for path in paths}


def test_modules_are_followed_through_modules() -> None:
    found = names(modules_of(ROOT / "notebooks" / "07-gaussian-mixture.ipynb"))
    assert {"run", "taxonomy", "plots", "measurement", "morphology"} <= found
    assert not found & {"cli", "book", "workflow", "claims", "comparison"}


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch, smoke: RunFolder) -> tuple[RunFolder, list[str]]:
    """The smoke run, with papermill replaced by a note of what it would execute."""
    executed: list[str] = []
    monkeypatch.setattr(workflow, "_papermill", lambda section, *_: executed.append(section.name))
    return smoke, executed


def test_nothing_changed_nothing_runs(counted: tuple[RunFolder, list[str]]) -> None:
    folder, executed = counted
    assert not execute(section_of("06"), folder)
    assert executed == []


def test_touched_files_do_not_count(counted: tuple[RunFolder, list[str]]) -> None:
    folder, executed = counted
    for path in [*(ROOT / "galaxy_utils").rglob("*.py"), *(folder.path / "artefacts").iterdir()]:
        os.utime(path)
    assert not execute(section_of("06"), folder)
    assert executed == []


@pytest.mark.parametrize("number", ["03", "05", "06", "12"])
def test_only_of_a_large_sample_a_section_keeps_the_cores_for_itself(number: str) -> None:
    section = section_of(number)
    assert section.cores(8, run_folder.SMALL - 1) == 1
    assert section.cores(8, run_folder.SMALL) == 8


def test_other_sections_share_the_cores() -> None:
    assert section_of("07").cores(8, run_folder.SMALL) == 1


def test_only_in_a_large_sample_known_truth_waits_for_what_measures_time() -> None:
    assert section_of("21").awaited(run_folder.SMALL) == (run_folder.TIMES,)
    assert section_of("21").awaited(run_folder.SMALL - 1) == ()


@pytest.mark.parametrize("section", SECTIONS, ids=lambda s: s.number)
def test_what_takes_recipes_from_the_carried_search_depends_on_it(section: Section) -> None:
    studies = [find_experiment(name) for name in section.studies]
    source = section.notebook.read_text(encoding="utf-8")
    takes = any(set(s.upstream) - set(section.studies) for s in studies) or any(
        f"{name}(" in source for name in ("votes.voted_mixture", "inputs.chosen_variant")
    )
    assert (set(SEARCHED) <= set(section.data)) == takes


def test_what_judges_results_is_not_judged_itself() -> None:
    judged = [section.number for section in sections.judged_by(section_of("26"))]
    assert judged == [f"{number:02}" for number in range(1, 25)]
    assert sections.judged_by(section_of("24")) == ()


def change_input(folder: RunFolder) -> None:
    path = folder.path / "artefacts" / "purged.parquet"
    path.write_bytes(path.read_bytes() + b" ")


def change_used_parameter(folder: RunFolder) -> None:
    path = folder.path / "parameters.yml"
    before = path.read_text()
    path.write_text(before.replace("latent_dim: 16", "latent_dim: 32"))
    assert path.read_text() != before


def lose_output(folder: RunFolder) -> None:
    (folder.path / "artefacts" / "latent.npz").unlink()


@pytest.mark.parametrize("change", [change_input, change_used_parameter, lose_output])
def test_what_is_in_the_run_folder_counts(
    change: Callable[[RunFolder], None],
    counted: tuple[RunFolder, list[str]],
    tmp_path: Path,
) -> None:
    folder, executed = counted
    copy = RunFolder(shutil.copytree(folder.path, tmp_path / folder.path.name))
    change(copy)
    assert execute(section_of("06"), copy)
    assert executed == ["06-autoencoder"]


def test_what_a_page_shows_of_the_run_counts(
    counted: tuple[RunFolder, list[str]], tmp_path: Path
) -> None:
    folder, executed = counted
    copy = RunFolder(shutil.copytree(folder.path, tmp_path / folder.path.name))
    path = copy.path / "parameters.yml"
    path.write_text(path.read_text().replace("n_components: 4", "n_components: 5"))
    assert execute(section_of("01"), copy)  # figure 1 names the number of components
    assert not execute(section_of("06"), copy)
    path.write_text(path.read_text().replace("profile: smoke", "profile: book"))
    assert execute(section_of("06"), copy)  # every header names the profile
    assert executed == ["01-dataset", "06-autoencoder"]


def test_an_unused_parameter_does_not_count(
    counted: tuple[RunFolder, list[str]], tmp_path: Path
) -> None:
    folder, executed = counted
    copy = RunFolder(shutil.copytree(folder.path, tmp_path / folder.path.name))
    path = copy.path / "parameters.yml"
    path.write_text(path.read_text().replace("n_components: 4", "n_components: 5"))
    assert not execute(section_of("06"), copy)
    assert executed == []


@pytest.mark.parametrize("what", ["notebook", "module", "lock", "data"])
def test_what_is_in_the_checkout_counts(
    what: str, smoke: RunFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    section = section_of("12")
    before = dependencies(section, smoke)["files"]
    paths = {
        "notebook": "notebooks/12-scalability.ipynb",
        "module": "galaxy_utils/workflow/timing.py",
        "lock": "requirements.lock",
        "data": "data/paper_values.yml",
    }
    changed = ROOT / paths[what]
    real = workflow.sha256_of_file
    monkeypatch.setattr(
        workflow, "sha256_of_file", lambda path: "changed" if path == changed else real(path)
    )
    after = dependencies(section, smoke)["files"]
    assert {name for name in after if after[name] != before[name]} == {paths[what]}


def test_a_run_older_than_a_parameter_has_its_default(smoke: RunFolder, tmp_path: Path) -> None:
    text = smoke.existing("parameters.yml").read_text(encoding="utf-8")
    older = "\n".join(line for line in text.splitlines() if not line.startswith("n_mocks"))
    (tmp_path / "older").mkdir()
    (tmp_path / "older" / "parameters.yml").write_text(older, encoding="utf-8")
    found = workflow.parameters_of(section_of("21"), RunFolder(tmp_path / "older"))
    assert found["used"]["n_mocks"] == Parameters().n_mocks != make_parameters("smoke").n_mocks


def test_a_failing_cell_is_named_and_the_notebook_kept(smoke: RunFolder, tmp_path: Path) -> None:
    copy = RunFolder(shutil.copytree(smoke.path, tmp_path / "copy"))
    (copy.path / "artefacts" / "deep.npz").write_bytes(b"damaged")
    with pytest.raises(workflow.UserError, match=r"06-autoencoder failed in cell \d+: ") as told:
        execute(section_of("06"), copy)
    assert Path(str(told.value).rsplit(" ", 1)[-1]).exists()


def test_a_run_with_an_impossible_parameter_is_refused(smoke: RunFolder, tmp_path: Path) -> None:
    text = smoke.existing("parameters.yml").read_text(encoding="utf-8")
    (tmp_path / "parameters.yml").write_text(text.replace("seed: 0", "seed: -1"), encoding="utf-8")
    with pytest.raises(workflow.UserError, match=r"parameters.yml: parameter seed=-1: .* 0 "):
        workflow.parameters_of(section_of("06"), RunFolder(tmp_path))


def snakemake(checkout: Path, *more: str) -> str:
    """Build in a copy of the checkout, running only what Snakemake finds out of date."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    done = subprocess.run(
        [sys.executable, "-m", "galaxy_utils.cli", "build", "--profile", "smoke", "--run",
         "test-smoke", *more],
        cwd=checkout, capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]
    return done.stdout


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


def test_a_fresh_clone_with_touched_files_executes_nothing(fresh_clone: Path) -> None:
    state = fresh_clone / "runs" / "test-smoke" / "state"
    before = {path.name: path.read_bytes() for path in state.iterdir()}
    snakemake(fresh_clone)
    assert {path.name: path.read_bytes() for path in state.iterdir()} == before


def test_only_what_depends_on_a_change_is_executed(fresh_clone: Path) -> None:
    notebook = fresh_clone / "notebooks" / "10-proxy-validation.ipynb"
    content = json.loads(notebook.read_text())
    content["cells"][0]["source"][-1] += "\n\nOne more sentence."
    notebook.write_text(json.dumps(content))
    said = snakemake(fresh_clone)
    executed = [line for line in said.splitlines() if line.endswith(" s") and line[:2].isdecimal()]
    assert [line.split(":")[0] for line in executed] == ["10-proxy-validation"]
    assert (
        "One more sentence"
        in (fresh_clone / "runs/test-smoke/html/notebooks/10-proxy-validation.html").read_text()
    )


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
    assert "whole number from 1" in done.stderr


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
    monkeypatch.setattr(cli, "_snakemake", lambda folder, cores, rest: handed.append(rest))
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "parameters.yml").write_text("as it was")
    assert cli.main(["build", "--profile", "smoke", "--run", "mine", *words]) == 0
    assert "--dry-run" in handed[0]
    assert "lies here" not in capsys.readouterr().out
    kept = [path.name for path in (tmp_path / "runs" / "mine").iterdir() if path.name != ".lock"]
    assert kept == ["parameters.yml"]
    assert (tmp_path / "runs" / "mine" / "parameters.yml").read_text() == "as it was"


@pytest.mark.parametrize("word", ["--jobs", "-j4", "--executor", "-p", "--nolock", "slurm"])
def test_other_words_for_snakemake_make_no_dry_run(word: str) -> None:
    assert not cli.DRY_RUN.fullmatch(word)


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
