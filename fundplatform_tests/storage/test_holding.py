"""A backfill keeps the warehouse from run to run, and lets others in after a while."""

from pathlib import Path

import pytest

from fundplatform.errors import WarehouseError
from fundplatform.storage import holding
from fundplatform.storage.duckdb import DuckDBStore
from fundplatform.storage.holding import Holding
from fundplatform_tests.storage.processes import child
from fundplatform_tests.storage.processes import holding as program


@pytest.fixture
def store(tmp_path: Path) -> DuckDBStore:
    made = DuckDBStore(tmp_path / "w.duckdb", tmp_path / "published", lock_timeout=0.0)
    made.migrate()
    return made


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_held_for_runs_that_want_it_and_never_for_long(store: DuckDBStore) -> None:
    clock = Clock()
    warehouse = Holding(store, clock)
    seen = []
    for seconds, wanted in [(0, False), (1, True), (2, True), (9, True), (12, True), (13, True)]:
        clock.now = seconds
        warehouse.before_run(wanted=wanted)
        seen.append(warehouse.is_open)
    # Opened at 1 s; at 12 s that is too long ago, so that one run is without.
    assert seen == [False, True, True, True, False, True]
    assert holding.LONGEST == 10
    warehouse.before_run(wanted=False)
    assert not warehouse.is_open


def test_others_wait_meanwhile_and_get_in_afterwards(store: DuckDBStore) -> None:
    warehouse = Holding(store)
    warehouse.before_run(wanted=True)
    with child(program(store.path)) as other:
        assert other.wait(timeout=60) == 1, "DuckDB's lock"
    warehouse.close()
    assert not warehouse.is_open
    with child(program(store.path)) as other:
        assert other.poll() is None
        warehouse.before_run(wanted=True)
        assert not warehouse.is_open, "the run itself waits and says who has it"
        with pytest.raises(WarehouseError, match="held by"):
            store.publish()


def test_without_a_file_to_hold() -> None:
    warehouse = Holding(None)
    warehouse.before_run(wanted=True)
    assert not warehouse.is_open
    warehouse.close()
