"""The claims of the paper as they are read; malformed entries are refused with their place."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from galaxy_utils.errors import UserError
from galaxy_utils.ledger.claims import read_claims
from galaxy_utils.run_folder import ROOT

NUMBER: dict[str, Any] = {
    "id": "table1.n",
    "place": "Table 1",
    "statement": "Galaxies kept",
    "value": 200,
    "text": "200",
    "check": "number",
    "ours": "n_kept",
    "tolerance": {"absolute": 3},
}


def written(folder: Path, *claims: object) -> Path:
    path = folder / "ledger.yml"
    path.write_text(yaml.safe_dump({"claims": list(claims)}))
    return path


def test_the_committed_claims_are_complete() -> None:
    claims = read_claims(ROOT / "data" / "paper_values.yml")
    assert len(claims) >= 60
    assert set(Counter(claim.check for claim in claims)) == {
        "number", "upper_limit", "setting", "statement", "inconsistent", "not_reproducible"
    }  # fmt: skip
    assert all(claim.place and claim.statement and claim.text for claim in claims)


def test_claims_are_read_in_their_order(tmp_path: Path) -> None:
    path = written(tmp_path, NUMBER, NUMBER | {"id": "a", "unit": "%", "chance": ["null"]})
    first, second = read_claims(path)
    assert (first.id, first.unit, first.chance) == ("table1.n", "", ())
    assert (second.id, second.unit, second.chance) == ("a", "%", ("null",))
    assert read_claims(written(tmp_path)) == []


@pytest.mark.parametrize(
    "change",
    [
        {"ours": ""},
        {"tolerance": {}},
        {"value": "two hundred"},
        {"value": True},
        {"tolerance": {"about": 3}},
        {"check": "guess"},
        {"check": "inconsistent"},
        {"check": "not_reproducible"},
        {"check": "statement", "ours": ""},
        {"check": "setting", "chance": ["null"]},
        {"check": "upper_limit", "chance": ["null"]},
        {"colour": "red"},
        {"text": None},
    ],
    ids=str,
)
def test_a_malformed_entry_is_refused_and_named(tmp_path: Path, change: dict[str, object]) -> None:
    path = written(tmp_path, NUMBER | change)
    with pytest.raises(UserError, match=f"^{re.escape(str(path))}(?s:.*)({'|'.join(change)})"):
        read_claims(path)


@pytest.mark.parametrize("missing", ["id", "place", "statement", "value", "text", "check"])
def test_a_missing_field_is_named(tmp_path: Path, missing: str) -> None:
    entry = {name: value for name, value in NUMBER.items() if name != missing}
    with pytest.raises(UserError, match=missing):
        read_claims(written(tmp_path, entry))


@pytest.mark.parametrize("content", ["", "claims: [", "numbers: []", "claims: [just text]"])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "ledger.yml"
    path.write_text(content)
    with pytest.raises(UserError, match="ledger.yml: expected a list `claims`"):
        read_claims(path)


def test_an_id_stands_once(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'table1.n' stands more than once"):
        read_claims(written(tmp_path, NUMBER, NUMBER | {"text": "201"}))


def test_a_claim_can_only_repeat_an_independent_one(tmp_path: Path) -> None:
    again = NUMBER | {"id": "b", "repeats": "table1.n"}
    assert read_claims(written(tmp_path, again, NUMBER))[0].repeats == "table1.n"
    for wrong in (again | {"repeats": "gone"}, again | {"repeats": "b"}):
        with pytest.raises(UserError, match="claim b repeats"):
            read_claims(written(tmp_path, NUMBER, wrong))
