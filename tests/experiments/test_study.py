"""Studies: every unit once, the same whatever runs beside it, kept with what made it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest

from galaxy_utils.config import make_parameters, write_parameters
from galaxy_utils.errors import UserError
from galaxy_utils.experiments.store import measured_digest, read_study
from galaxy_utils.experiments.studies import STUDIES_BY_NAME, check_study_names, measure_study
from galaxy_utils.experiments.study import (
    Row,
    Study,
    differences,
    finished_units,
    resumed_note,
    rows_digest,
    run_study,
    write_study,
)
from galaxy_utils.run_folder import STUDIES, RunFolder


def _units(draws: int, seed: int) -> list[Row]:
    return [{"draw": draw, "seed": seed + draw} for draw in range(draws)]


def _measure(folder: Path, unit: Row) -> list[Row]:
    (folder / f"measured-{unit['draw']}").touch()
    if (folder / "stop").exists() and unit["draw"] == 2:
        raise KeyboardInterrupt
    rng = np.random.default_rng(unit["seed"])
    return [{"score": name, "value": float(rng.normal())} for name in ("a", "b")]


TOY = Study("toy", _units, _measure, ("n_components",))


def test_a_study_has_the_rows_of_all_units_in_order(tmp_path: Path) -> None:
    table = run_study(TOY, tmp_path, 3, 5, tmp_path / "journal", 2)
    assert table["draw"].tolist() == [0, 0, 1, 1, 2, 2]
    assert table["seed"].tolist() == [5, 5, 6, 6, 7, 7]
    again = run_study(TOY, tmp_path, 3, 5, tmp_path / "other", 1)
    pd.testing.assert_frame_equal(table, again)


def test_no_worker_outlives_a_study(tmp_path: Path) -> None:
    run_study(TOY, tmp_path, 3, 5, tmp_path / "journal", 2)
    commands = [" ".join(child.cmdline()) for child in psutil.Process().children(recursive=True)]
    assert not [command for command in commands if "popen_loky" in command]


def test_a_study_that_trains_nothing_starts_without_torch() -> None:
    code = "import sys, galaxy_utils.experiments.inputs as _; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_stopped_study_goes_on_where_it_was(tmp_path: Path) -> None:
    (tmp_path / "stop").touch()
    with pytest.raises(KeyboardInterrupt):
        run_study(TOY, tmp_path, 4, 0, tmp_path / "journal", 1)
    (tmp_path / "stop").unlink()
    for path in tmp_path.glob("measured-*"):
        path.unlink()
    assert finished_units(TOY, 4, 0, tmp_path / "journal") == 2
    table = run_study(TOY, tmp_path, 4, 0, tmp_path / "journal", 1)
    assert len(table) == 8 and finished_units(TOY, 4, 0, tmp_path / "journal") == 4
    assert resumed_note({"resumed_units": 2}) == ", without 2 units that were measured before"
    assert resumed_note({}) == ""
    assert {path.name for path in tmp_path.glob("measured-*")} == {"measured-2", "measured-3"}


def test_what_differs_is_named() -> None:
    stored = {"parameters": {"n_components": 4, "seed": 0}, "sample": "x"}
    assert differences(stored, {"parameters": {"n_components": 4}, "sample": "x"}) == []
    assert differences(stored, {"parameters": {"n_components": 5}, "sample": "y"}) == [
        "n_components", "the galaxies",
    ]  # fmt: skip
    rested = {"parameters": {}, "sample": "x", "after": {"search": "new"}}
    assert differences(stored, rested) == ["the study search"]
    assert differences(stored | {"after": {"search": "old"}}, rested) == ["the study search"]
    assert differences(stored | {"after": {"search": "new"}}, rested) == []
    read = {"parameters": {}, "sample": "x", "carried": {"search": "new"}}
    assert differences(stored | {"after": {"search": "new"}}, read) == ["the study search"]
    assert differences(stored | {"carried": {"search": "new"}}, read) == []
    profiled = {"parameters": {}, "sample": "x", "profile": {"scale": "rank"}}
    assert differences(stored, profiled) == ["a profile's recipe"]
    assert differences(stored | {"profile": {"scale": "rank"}}, profiled) == []


def test_rows_have_one_digest_whether_carried_or_just_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("galaxy_utils.experiments.store.STUDIES", tmp_path)
    table = pd.DataFrame({"name": ["a", None], "value": [1 / 3, 2e-9], "whole": [1, 2]})
    write_study(tmp_path, "toy", table, {"parameters": {}, "sample": "x"}, 0.0)
    assert rows_digest(read_study("toy")) == rows_digest(table)
    assert rows_digest(table.assign(value=0.5)) != rows_digest(table)


def test_a_study_is_refused_on_another_runs_search(tmp_path: Path) -> None:
    write_parameters(
        tmp_path / "parameters.yml", "book", make_parameters("book", {"reg_covar": 0.5})
    )
    with pytest.raises(UserError, match="rests on study search.*reg_covar"):
        measure_study("consensus", RunFolder(tmp_path), 2, 1)


def test_a_damaged_result_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("galaxy_utils.experiments.store.STUDIES", tmp_path)
    table = pd.DataFrame({"text": ["012", "100"], "value": [0.1, 0.25]})
    write_study(tmp_path, "toy", table, {"parameters": {}, "sample": "x"}, 0.0)
    pd.testing.assert_frame_equal(read_study("toy"), table)
    (tmp_path / "toy.csv").write_text("text,value\n")
    with pytest.raises(UserError, match="make studies STUDIES=toy"):
        read_study("toy")


def test_an_unknown_study_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UserError, match="did you mean 'chain'"):
        check_study_names(["chains"])


@pytest.mark.parametrize("name", STUDIES_BY_NAME)
def test_the_carried_results_are_whole(name: str) -> None:
    stored = json.loads((STUDIES / f"{name}.json").read_text())
    assert len(read_study(name)) > 0
    assert set(stored["parameters"]) <= set(STUDIES_BY_NAME[name][0].parameters)
    assert not stored["code"].endswith("+changes")
    read = {other: rows_digest(read_study(other)) for other in STUDIES_BY_NAME[name][0].carried}
    assert stored.get("carried", {}) == read


def test_the_digest_of_a_table_is_of_what_studies_take(tmp_path: Path) -> None:
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
