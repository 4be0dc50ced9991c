"""The store: what is finished is never measured again, whatever a kill or another process does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from galaxy_utils.store import Key, Store

KEYS = [(f"g{number}", f"checksum {number}") for number in range(4)]
RESULTS = [{"value": number / 3, "reason": "ä\n"} for number in range(4)]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "folder" / "units.jsonl")


def measure(keys: list[Key]) -> Iterator[dict[Key, Any]]:
    yield from ({key: RESULTS[KEYS.index(key)]} for key in reversed(keys))


def nothing(keys: list[Key]) -> Iterator[dict[Key, Any]]:
    raise AssertionError(f"measured again: {keys}")


def test_results_are_in_the_order_of_the_keys_and_kept(store: Store) -> None:
    assert store.compute(KEYS, measure) == RESULTS
    assert store.compute(KEYS[::-1], nothing) == RESULTS[::-1]
    assert store.compute(KEYS[1:2], nothing) == RESULTS[1:2]


def test_another_checksum_is_another_unit(store: Store) -> None:
    store.compute(KEYS, measure)
    changed = [("g0", "changed"), KEYS[1]]
    found = store.compute(changed, lambda keys: [{key: "new" for key in keys}])
    assert found == ["new", RESULTS[1]]


def test_what_was_finished_before_an_error_is_kept(store: Store) -> None:
    def stop(keys: list[Key]) -> Iterator[dict[Key, Any]]:
        yield {KEYS[2]: RESULTS[2]}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.compute(KEYS, stop)
    assert store.read() == {KEYS[2]: RESULTS[2]}


def test_processes_may_share_a_store(store: Store) -> None:
    def meanwhile(keys: list[Key]) -> Iterator[dict[Key, Any]]:
        for key in keys:
            Store(store.path).compute([key], measure)
            yield {key: RESULTS[KEYS.index(key)]}

    assert store.compute(KEYS, meanwhile) == RESULTS
    assert Store(store.path).compute(KEYS, nothing) == RESULTS


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1))
def test_a_store_may_be_cut_anywhere(store: Store, share: float) -> None:
    store.path.unlink(missing_ok=True)
    store.compute(KEYS, measure)
    for _ in range(2):  # the second time with a cut line in it
        complete = store.path.read_bytes()
        store.path.write_bytes(complete[: round(share * len(complete))])
        assert store.compute(KEYS, measure) == RESULTS
        assert store.compute(KEYS, nothing) == RESULTS
