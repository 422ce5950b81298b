"""`fundplatform backfill` killed with SIGKILL at exact places: what runs again, and what comes out.

Chunks of 20 sessions instead of 250, on the real sample; every process is a real one. The end must
equal a home whose backfill was never killed.
"""

import signal
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from fundplatform import calendars, chunk_sizes, tables
from fundplatform.settings import Settings
from fundplatform_tests import commands
from fundplatform_tests.pipeline import Pipeline, make

FIRST, LAST = date(2003, 1, 2), date(2003, 3, 31)
SPAN = ("backfill", "--from", FIRST.isoformat(), "--to", LAST.isoformat())
SMALL_CHUNKS = "from fundplatform import chunk_sizes\nchunk_sizes.MOST = 20\n"
KILL = """
import os, signal
from fundplatform.storage import io_manager, transactions

def kill(where, name, number, wanted, *, after=False):
    real, seen = getattr(where, name), []
    def counted(*given):
        seen.extend([1] if wanted(*given) else [])
        answer = real(*given) if after else None
        if len(seen) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer if after else real(*given)
    setattr(where, name, counted)
"""
# The last statement of a load's transaction.
IN_THIRD_LOAD = """
kill(transactions, "_write_record", 3, lambda w, target, *_: target.asset == "raw/sample/ohlcv")
"""
# After the commit, before Dagster records the partitions.
AFTER_COMMIT = """
kill(io_manager.WarehouseIOManager, "handle_output", 1,
     lambda self, context, *_: context.asset_key.to_user_string() == "raw/sample/ohlcv", after=True)
"""
IN_SECOND_INDEX = """
kill(transactions, "_write_record", 2,
     lambda w, target, record, *_: record.table.full_name == "indices.performance")
"""


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory, calendar_cache: Path) -> Iterator[list[Path]]:
    """Two empty homes: one to be killed, one to be left alone."""
    made = [tmp_path_factory.mktemp(name) for name in ("killed", "whole")]
    for home in made:
        (home / "calendars").symlink_to(calendar_cache)
    yield made
    calendars.use_cache(calendar_cache)


def killed(home: Path, where: str) -> None:
    done = commands.run(home, *SPAN, before=SMALL_CHUNKS + KILL + where)
    assert done.returncode == -signal.SIGKILL, done.stderr


def raw_loads(pipeline: Pipeline) -> pl.DataFrame:
    """The committed loads of raw/sample/ohlcv, oldest first."""
    loads = pipeline.store.read(tables.LOADS).filter(asset="raw/sample/ohlcv")
    return loads.sort("recorded_from")


@pytest.fixture(scope="module")
def steps(homes: list[Path]) -> dict[str, tuple[pl.DataFrame, set[str]]]:
    """Loads and recorded raw partitions after each kill, and after the raw data was resumed."""
    found = {}
    for name, where in (("in_load", IN_THIRD_LOAD), ("after_commit", AFTER_COMMIT)):
        killed(homes[0], where)
        pipeline = make(Settings(home=homes[0], lock_timeout=20))
        found[name] = (raw_loads(pipeline), pipeline.recorded("raw/sample/ohlcv"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunk_sizes, "MOST", 20)
        pipeline.fetch(FIRST, LAST)
    found["resumed"] = (raw_loads(pipeline), pipeline.recorded("raw/sample/ohlcv"))
    return found


Steps = dict[str, tuple[pl.DataFrame, set[str]]]
SESSIONS = 61  # of the New York exchange in the first quarter of 2003
STOCKS = 3  # GOOG and FB were not listed yet


def test_killed_in_a_transaction_leaves_nothing_of_it(steps: Steps) -> None:
    loads, recorded = steps["in_load"]
    assert loads["rows_inserted"].to_list() == [20 * STOCKS] * 2
    assert len(recorded) == 40


def test_recorded_chunks_are_not_run_again(steps: Steps) -> None:
    loads, recorded = steps["after_commit"]
    first = steps["in_load"][0]
    assert loads["load_id"].to_list()[:2] == first["load_id"].to_list()
    # The third is committed, but the kill came before Dagster recorded it.
    assert loads["rows_inserted"].to_list() == [20 * STOCKS] * 3
    assert len(recorded) == 40


def test_a_committed_but_unrecorded_chunk_runs_again_and_changes_nothing(steps: Steps) -> None:
    loads, recorded = steps["resumed"]
    assert loads["rows_inserted"].to_list() == [60, 60, 60, 0, (SESSIONS - 60) * STOCKS]
    assert loads["rows_unchanged"].to_list() == [0, 0, 0, 60, 0]
    assert len(recorded) == SESSIONS


@pytest.mark.slow
def test_the_end_equals_a_backfill_that_was_never_killed(
    homes: list[Path], steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed(homes[0], IN_SECOND_INDEX)
    monkeypatch.setattr(chunk_sizes, "MOST", 20)
    resumed, whole = (make(Settings(home=home, lock_timeout=20)) for home in homes)
    chunks = resumed.backfill(FIRST, LAST)
    assert [o.errors for o in resumed.outcomes if o.errors] == []
    # The first chain chunk was recorded before the kill; the rest runs, and no raw chunk does.
    assert not [c for c in chunks if c.label.startswith("raw/")]
    chain = [(c.label, c.first) for c in chunks if c.label.endswith("metrics")]
    # The killed one had its prices, and their contract, behind it.
    assert chain[:2] == [
        ("indices → metrics", date(2003, 1, 22)),
        ("prices → indices → metrics", date(2003, 2, 11)),
    ]
    whole.backfill(FIRST, LAST)
    compare(resumed, whole)
    assert resumed.backfill(FIRST, LAST) == []


def compare(one: Pipeline, other: Pipeline) -> None:
    """Every table but the logs has the same rows, stamps aside."""
    logs = (tables.LOADS, tables.DATA_SYNC, tables.SOURCE_HEALTH, tables.QUALITY_RESULTS)
    for table in tables.BY_NAME.values():
        if table in logs:
            continue
        own = [n for n in table.column_names if n not in {*table.stamps, "fetched_at"}]
        left, right = (p.store.read(table, columns=own) for p in (one, other))
        assert left.equals(right), table.full_name


LARGE = "from fundplatform import chunk_sizes\nchunk_sizes.ROWS = 1\n"
THREE_YEARS = ("backfill", "--from", "2000-03-01", "--to", "2003-03-31")


@pytest.mark.slow
def test_chunks_of_the_usual_size_are_not_redone_after_a_kill(
    tmp_path: Path, calendar_cache: Path
) -> None:
    """Chunks of 250 sessions, as large sources have: killed in the third, the first two stay."""
    (tmp_path / "calendars").symlink_to(calendar_cache)
    done = commands.run(tmp_path, *THREE_YEARS, before=LARGE + KILL + IN_THIRD_LOAD)
    assert done.returncode == -signal.SIGKILL, done.stderr
    pipeline = make(Settings(home=tmp_path, lock_timeout=20))
    before = raw_loads(pipeline)
    assert before.height == 2
    assert len(pipeline.recorded("raw/sample/ohlcv")) == 500
    resumed = commands.run(tmp_path, *THREE_YEARS, before=LARGE)
    assert resumed.returncode == 0, resumed.stderr
    loads = raw_loads(make(Settings(home=tmp_path, lock_timeout=20)))
    # New York had 212 sessions in the rest of 2000, then 248, 252 and 61: 773 in four chunks.
    assert loads["load_id"].to_list()[:2] == before["load_id"].to_list()
    assert loads["rows_inserted"].to_list() == [250 * STOCKS] * 3 + [23 * STOCKS]
    assert loads["rows_unchanged"].to_list() == [0] * 4
    assert len(pipeline.recorded("raw/sample/ohlcv")) == 773
    again = commands.run(tmp_path, *THREE_YEARS)
    assert "Nothing to do" in again.stdout
    calendars.use_cache(calendar_cache)
