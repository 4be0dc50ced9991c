"""Experiments: every unit once, the same whatever else runs, kept with what it depends on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest

from galaxy_utils.cli import main
from galaxy_utils.config import PROFILES, Parameters, make_parameters, write_parameters
from galaxy_utils.errors import UserError
from galaxy_utils.experiments import (
    EXPERIMENTS,
    experiments_note,
    load_or_measure,
    measure_experiment,
    read_result,
)
from galaxy_utils.experiments.experiment import Experiment, measured_digest
from galaxy_utils.experiments.registry import find_experiment
from galaxy_utils.experiments.store import (
    Row,
    differences,
    read_settings,
    rows_digest,
    write_result,
)
from galaxy_utils.run_folder import RunFolder
from galaxy_utils.store import Store


def _units(draws: int, seed: int) -> list[Row]:
    return [{"draw": draw, "seed": seed + draw} for draw in range(draws)]


def _measure(folder: Path, unit: Row) -> list[Row]:
    (folder / f"measured-{unit['draw']}").touch()
    if (folder / "stop").exists() and unit["draw"] == 2:
        raise KeyboardInterrupt
    rng = np.random.default_rng(unit["seed"])
    return [{"score": name, "value": float(rng.normal())} for name in ("a", "b")]


def _inputs(folder: RunFolder, parameters: Parameters, **upstream: pd.DataFrame) -> Path | None:
    return None if (folder.path / "no-images").exists() else folder.path


TOY = Experiment("toy", _units, _measure, ("n_components",), files=None, inputs=_inputs)
UPPER = Experiment("upper", _units, _measure, files=None, inputs=_inputs)
LOWER = Experiment("lower", _units, _measure, (), None, ("upper",), inputs=_inputs)


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in place of `data/studies`."""
    folder = tmp_path / "results"
    monkeypatch.setattr("galaxy_utils.experiments.store.STUDIES", folder)
    return folder


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A page with a toy run."""
    monkeypatch.setattr("galaxy_utils.experiments.measuring.kept_objids", lambda _: ["1"])
    return SimpleNamespace(
        section=SimpleNamespace(number="14", studies=("toy", "upper", "lower")),
        folder=RunFolder(tmp_path), settings=make_parameters("smoke"), studied={},
    )  # fmt: skip


def test_an_experiment_has_the_rows_of_all_units_in_order(tmp_path: Path) -> None:
    table = TOY.run(tmp_path, 3, 5, Store(tmp_path / "one.jsonl"), 2)
    assert table["draw"].tolist() == [0, 0, 1, 1, 2, 2]
    assert table["seed"].tolist() == [5, 5, 6, 6, 7, 7]
    commands = [" ".join(child.cmdline()) for child in psutil.Process().children(recursive=True)]
    assert not [command for command in commands if "popen_loky" in command]  # no worker is left
    pd.testing.assert_frame_equal(TOY.run(tmp_path, 3, 5, Store(tmp_path / "two.jsonl"), 1), table)


def test_a_stopped_experiment_resumes_where_it_was(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.jsonl")
    (tmp_path / "stop").touch()
    with pytest.raises(KeyboardInterrupt):
        TOY.run(tmp_path, 4, 0, store, 1)
    for path in (tmp_path / "stop", *tmp_path.glob("measured-*")):
        path.unlink()
    assert len(store.read()) == 2
    assert len(TOY.run(tmp_path, 4, 0, store, 1)) == 8 and len(store.read()) == 4
    assert {path.name for path in tmp_path.glob("measured-*")} == {"measured-2", "measured-3"}


def _threads(inputs: None, unit: Row) -> list[Row]:
    from threadpoolctl import threadpool_info

    return [{"threads": pool["num_threads"]} for pool in threadpool_info()]


def test_a_unit_has_one_thread(tmp_path: Path) -> None:
    experiment = Experiment("threads", _units, _threads)
    rows = experiment.run(None, 1, 0, Store(tmp_path / "store.jsonl"), 1)
    assert set(rows["threads"]) == {1}


def test_experiments_are_found_without_torch() -> None:
    code = (
        "import sys; from galaxy_utils.experiments.measuring import find_experiment; "
        "find_experiment('circularity'); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_differs_is_named() -> None:
    stored = {"parameters": {"n_components": 4, "seed": 0}, "sample": "x"}
    assert differences(stored, {"parameters": {"n_components": 4}, "sample": "x"}) == []
    younger = {"parameters": {"min_cluster_size": 25}, "sample": "x"}
    assert differences(stored, younger) == []  # not stored: it had its default
    assert differences(stored, {"parameters": {"min_cluster_size": 26}, "sample": "x"})
    assert differences(stored, {"parameters": {"n_components": 5}, "sample": "y"}) == [
        "n_components", "the galaxies",
    ]  # fmt: skip
    below = {"parameters": {}, "sample": "x", "upstream": {"search": "new"}}
    assert differences(stored, below) == ["the experiment search"]
    assert differences(stored | {"upstream": {"search": "old"}}, below) == ["the experiment search"]
    assert differences(stored | {"upstream": {"search": "new"}}, below) == []
    profiled = {"parameters": {}, "sample": "x", "profile": {"scale": "rank"}}
    assert differences(stored, profiled) == ["the parameters of a profile"]
    assert differences(stored | {"profile": {"scale": "rank"}}, profiled) == []


def test_settings_are_what_the_result_depends_on(tmp_path: Path) -> None:
    rows, parameters = pd.DataFrame({"value": [1.0]}), make_parameters("book")
    experiment = Experiment("e", _units, _measure, ("seed",), None, ("search",), "best")
    found = experiment.settings(RunFolder(tmp_path), parameters, {"search": rows})
    assert found["parameters"] == {"seed": 0} and found["sample"] == "none"
    assert found["upstream"] == {"search": rows_digest(rows)}
    assert found["profile"] == {k: v for k, v in PROFILES["best"].items() if k != "study_draws"}
    (tmp_path / "sample.json").write_text('{"digest": "of the pixels"}')
    pixels = make_parameters("book", {"from_pixels": True})
    own = Experiment("e", _units, _measure).settings(RunFolder(tmp_path), pixels, {})
    assert own == {"parameters": {}, "sample": "of the pixels"}


def test_rows_have_one_digest_whether_precomputed_or_just_measured(results: Path) -> None:
    table = pd.DataFrame({"name": ["a", None], "value": [1 / 3, 2e-9], "whole": [1, 2]})
    write_result("toy", table, {"parameters": {}, "sample": "x"}, 0.0, 0, "abc")
    assert rows_digest(read_result("toy")) == rows_digest(table)
    assert rows_digest(table.assign(value=0.5)) != rows_digest(table)


def test_a_damaged_or_missing_result_is_refused(results: Path) -> None:
    table = pd.DataFrame({"text": ["012", "100"], "value": [0.1, 0.25]})
    path = write_result("toy", table, {"parameters": {}, "sample": "x"}, 0.0, 0, "abc")
    pd.testing.assert_frame_equal(read_result("toy"), table)
    path.write_text("text,value\n")
    with pytest.raises(UserError, match="checksum.*make studies STUDIES=toy"):
        read_result("toy")
    path.unlink()
    with pytest.raises(UserError, match="missing.*make studies STUDIES=toy"):
        read_result("toy")


def test_a_page_measures_what_is_not_precomputed_and_loads_what_is(
    page: Any, results: Path
) -> None:
    rows = load_or_measure(page, TOY, 3)
    assert page.studied["toy"].endswith("3 draws, since there is no precomputed result")
    again = load_or_measure(page, TOY, 3)  # from the units in the run folder
    pd.testing.assert_frame_equal(again, rows)
    settings = TOY.settings(page.folder, page.settings, {}) | {"draws": 3}
    write_result("toy", rows.assign(value=7.0), settings, 0.0, 2, "abc")
    assert (load_or_measure(page, TOY, 3)["value"] == 7).all()
    assert "precomputed, 3 draws, code `abc`" in page.studied["toy"]
    assert ", without 2 units that were measured before;" in page.studied["toy"]
    page.settings = make_parameters("smoke", {"n_components": 9})
    pd.testing.assert_frame_equal(load_or_measure(page, TOY, 3), rows)
    assert page.studied["toy"].endswith("since the precomputed result differs in `n_components`")
    assert "- Experiment *toy*: measured on this page" in experiments_note(page).data


def test_a_precomputed_result_holds_only_on_the_upstream_rows_it_was_measured_with(
    page: Any, results: Path
) -> None:
    upper = load_or_measure(page, UPPER, 2)
    write_result("upper", upper, {"parameters": {}, "sample": "none", "draws": 2}, 0.0, 0, "abc")
    settings = LOWER.settings(page.folder, page.settings, {"upper": upper}) | {"draws": 2}
    write_result("lower", upper.assign(value=7.0), settings, 0.0, 0, "abc")
    assert (load_or_measure(page, LOWER, 2)["value"] == 7).all()
    assert (load_or_measure(page, LOWER, 2, upper=upper)["value"] == 7).all()
    other = upper.assign(value=0.0)
    assert (load_or_measure(page, LOWER, 2, upper=other)["value"] != 7).all()
    assert page.studied["lower"].endswith("differs in the experiment upper")


def test_a_page_refuses_what_it_does_not_list_and_tells_what_it_lacks(
    page: Any, results: Path
) -> None:
    (page.folder.path / "no-images").touch()
    assert load_or_measure(page, TOY, 3).empty
    assert page.studied["toy"] == (
        "not measured: it needs images or types that the run does not have"
    )
    page.section.studies = ()
    with pytest.raises(UserError, match="page 14 does not list experiment 'toy'"):
        load_or_measure(page, TOY, 3)


def test_a_measured_result_is_that_of_its_run(
    page: Any, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("galaxy_utils.experiments.measuring.find_experiment", lambda _: TOY)
    write_parameters(page.folder.path / "parameters.yml", "smoke", page.settings)
    path = measure_experiment("toy", page.folder, 2, 1)
    assert path == results / "toy.csv" and len(read_result("toy")) == 4
    stored = read_settings("toy") or {}
    assert stored["draws"] == 2 and stored["resumed_units"] == 0
    assert differences(stored, TOY.settings(page.folder, page.settings, {})) == []
    assert measure_experiment("toy", page.folder, 3, 1) and len(read_result("toy")) == 6
    assert (read_settings("toy") or {})["resumed_units"] == 2
    (page.folder.path / "no-images").touch()
    with pytest.raises(UserError, match="toy needs images"):
        measure_experiment("toy", page.folder, 2, 1)


def test_an_experiment_is_refused_on_another_runs_search(tmp_path: Path) -> None:
    parameters = make_parameters("book", {"reg_covar": 0.5})
    write_parameters(tmp_path / "parameters.yml", "book", parameters)
    name = next(name for name in EXPERIMENTS if "search" in find_experiment(name).upstream)
    with pytest.raises(UserError, match="result of experiment search.*reg_covar"):
        measure_experiment(name, RunFolder(tmp_path), 2, 1)


def test_an_unknown_experiment_is_refused_with_the_known_names(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["studies", "chains"]) == 2
    assert "'chains' is not one of 'chain', 'circularity'" in capsys.readouterr().err


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_precomputed_results_are_complete(name: str) -> None:
    stored, experiment = read_settings(name) or {}, find_experiment(name)
    assert experiment.name == name and len(read_result(name)) > 0
    assert set(stored["parameters"]) <= set(experiment.parameters)
    assert not stored["code"].endswith("+changes")
    assert stored.get("upstream", {}) == {
        key: rows_digest(read_result(key)) for key in experiment.upstream
    }
    assert list(EXPERIMENTS).index(name) > max(
        (list(EXPERIMENTS).index(key) for key in experiment.upstream), default=-1
    )


def test_the_digest_of_a_table_is_of_what_experiments_take(tmp_path: Path) -> None:
    def digest(value: str, reason: str, checksum: str = "1") -> str:
        manifest = {"catalogue.csv": "0", "lite.npz": checksum, "morphology.csv": reason}
        (tmp_path / "manifest.json").write_text(json.dumps(manifest))
        (tmp_path / "morphology.csv").write_text(
            "objid,concentration,asymmetry,smoothness,gini,m20,reason\n"
            f"1,{value},0.1,0.0,0.5,-1.5,\n2,3.0,0.1,,0.5,-1.5,{reason}\n"
        )
        return measured_digest(tmp_path, ["lite.npz"])

    before = digest("2.5", "in some words")
    assert digest("2.5", "in others") == before
    assert digest("2.6", "in some words") != before
    assert digest("2.5", "in some words", checksum="2") != before
