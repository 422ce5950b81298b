"""`fundplatform copy-warehouse`: DuckDB into PostgreSQL and back, killed half-way, found out."""

import itertools
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import date, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest
from click.testing import CliRunner

from fundplatform import copy_warehouse, tables
from fundplatform.cli import cli
from fundplatform.copy_warehouse import Copy, open_address
from fundplatform.errors import ConfigError, WarehouseError
from fundplatform.storage.base import WHOLE, Slice, Stamp, Store
from fundplatform.storage.content import ContentHash, slices
from fundplatform.storage.ddl import all_tables
from fundplatform.storage.duckdb import DuckDBStore
from fundplatform.storage.timescale import TimescaleStore
from fundplatform_tests.storage.frames import FIRST, MONDAY, SECOND, bars, put
from fundplatform_tests.storage.marts import NOW
from fundplatform_tests.storage.postgres import Server
from fundplatform_tests.storage.test_marts import CONTENT

_NUMBERS = itertools.count(1)
DAYS = [MONDAY + timedelta(n) for n in range(40)]
ROWS = bars(*((n, day, float(n)) for n in range(10) for day in DAYS), source_id=7)


@pytest.fixture(scope="module")
def filled(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> DuckDBStore:
    """Rows in most tables, two versions of some of them; to copy, writing takes a second."""
    path = tmp_path_factory.mktemp("filled") / "warehouse.duckdb"
    shutil.copyfile(migrated, path)
    store = DuckDBStore(path, path.parent / "published", lock_timeout=30)
    with store.transaction(Stamp("r", NOW)) as writer:
        for table, frame in CONTENT:
            writer.write(table, frame, WHOLE)
    own = Slice({"source_id": 7}, DAYS[0], DAYS[-1])
    put(store, tables.OHLCV, ROWS, own, FIRST)
    changed = pl.col("instrument_id") == 3
    again = ROWS.with_columns(close=pl.when(changed).then(-0.0).otherwise("close"))
    assert put(store, tables.OHLCV, again, own, SECOND).updated == 40
    return store


@pytest.fixture
def source(filled: DuckDBStore, duckdb_store: DuckDBStore) -> DuckDBStore:
    shutil.copyfile(filled.path, duckdb_store.path)
    return duckdb_store


@pytest.fixture(scope="module")
def copy_of_it(filled: DuckDBStore, postgres: Server, template_database: str) -> Iterator[str]:
    """A database that `filled` was copied into, as a template: copying takes seconds."""
    with postgres.database("copied", template_database) as url:
        copied(filled, TimescaleStore(url, lock_timeout=20))
        yield "copied"


@pytest.fixture
def copied_target(postgres: Server, copy_of_it: str) -> Iterator[TimescaleStore]:
    with postgres.database(f"copied_{next(_NUMBERS)}", copy_of_it) as url:
        yield TimescaleStore(url, lock_timeout=20)


@pytest.fixture
def target(warehouse_url: str) -> TimescaleStore:
    return TimescaleStore(warehouse_url, lock_timeout=20)


@pytest.fixture
def small_slices(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Six slices in raw.ohlcv."""
    monkeypatch.setattr(copy_warehouse, "SLICE_ROWS", 80)
    yield


def copied(source: Store, target: Store, *, overwrite: bool = False) -> dict[str, tuple[int, int]]:
    """Table -> rows in the target, rows written; tables with rows only."""
    copy = Copy(("from", source), ("to", target), NOW, overwrite=overwrite)
    return {done.table: (done.rows, done.copied) for done in copy.run() if done.rows}


def content(store: Store) -> dict[str, pl.DataFrame]:
    with store.held() if isinstance(store, DuckDBStore) else nullcontext():
        found = {t.full_name: store.read(t, ordered=False) for t in all_tables()}
    exact = pl.selectors.float().cast(pl.String)
    return {n: frame.sort(frame.columns).with_columns(exact) for n, frame in found.items()}


def same(one: Store, other: Store) -> bool:
    """Every value of every row, floats by their bits."""
    mine, theirs = content(one), content(other)
    return all(mine[name].equals(theirs[name]) for name in mine)


@pytest.mark.slow
@pytest.mark.usefixtures("small_slices")
def test_there_and_back(source: DuckDBStore, target: TimescaleStore, tmp_path: Path) -> None:
    done = copied(source, target)
    assert done["raw.ohlcv"] == (403, 403)
    assert done["raw.ohlcv_revisions"] == (40, 40)
    assert same(source, target), "ids, stamps and ledgers too"
    assert set(target.read(tables.OHLCV)["run_id"].unique()) == {"r", "run-1", "run-2"}
    back = DuckDBStore(tmp_path / "back/warehouse.duckdb", tmp_path / "back/published")
    assert copied(target, back) == done
    assert same(source, back)
    assert back.query("SELECT count(*) FROM marts.adjusted_prices").item() == 4, "published"
    again = copied(source, target)
    assert {name: n for name, (n, _) in again.items()} == {n: r for n, (r, _) in done.items()}
    assert {n for _, n in again.values()} == {0}, "nothing is copied twice"


@pytest.mark.usefixtures("small_slices")
@pytest.mark.slow
def test_a_later_run_goes_on_in_the_copy(
    source: DuckDBStore, copied_target: TimescaleStore
) -> None:
    """The same write makes the same counts in both, and new ids go on where they were."""
    target = copied_target
    own = Slice({"source_id": 7}, DAYS[0], DAYS[-1])
    assert put(target, tables.OHLCV, ROWS, own) == put(source, tables.OHLCV, ROWS, own)


_KILLED = """
import sys, time
from pathlib import Path
from fundplatform import copy_warehouse
from fundplatform.storage import timescale_write
from fundplatform_tests.storage.test_copy_warehouse import copied
from fundplatform.storage.duckdb import DuckDBStore
from fundplatform.storage.timescale import TimescaleStore
copy_warehouse.SLICE_ROWS = 80
whole, seen = timescale_write.TimescaleWriter._copy, []
def slow(self, table, target, frame):
    whole(self, table, target, frame)
    if table.full_name == "raw.ohlcv":
        seen.append(frame.height)
        if len(seen) == 3:
            print("in the third slice", flush=True)
            time.sleep(600)
timescale_write.TimescaleWriter._copy = slow
path = Path(sys.argv[1])
copied(DuckDBStore(path, path.parent / "p"), TimescaleStore(sys.argv[2]))
"""


@pytest.mark.usefixtures("small_slices")
@pytest.mark.slow
def test_killed_half_way_it_resumes(
    source: DuckDBStore, target: TimescaleStore, warehouse_url: str
) -> None:
    command = [sys.executable, "-c", _KILLED, str(source.path), warehouse_url]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "in the third slice\n"
    child.kill()
    child.wait()
    child.stdout.close()
    before = target.count(tables.OHLCV)
    assert 0 < before < 403, "whole slices are there, the third is not"
    done = copied(source, target)
    assert done["raw.ohlcv"] == (403, 403 - before)
    assert same(source, target)


CORRUPTIONS = {
    "a changed value": "UPDATE raw.ohlcv SET close = close + 1e-9 WHERE source_id = 7 "
    "AND instrument_id = 5 AND session = '2024-01-20'",
    "a sign of zero": "UPDATE raw.ohlcv SET close = 0.0 WHERE source_id = 7 AND instrument_id = 3 "
    "AND session = '2024-01-20'",
    "a changed stamp": "UPDATE raw.ohlcv SET run_id = 'x' WHERE source_id = 7 "
    "AND instrument_id = 5 AND session = '2024-01-20'",
    "a lost row": "DELETE FROM raw.ohlcv WHERE instrument_id = 5 AND session = '2024-01-20'",
    "a row too many": "INSERT INTO raw.ohlcv SELECT source_id, instrument_id, interval, quote, "
    "bar_open_at, DATE '1990-01-01', open, high, low, close, volume, vwap, trade_count, adjustment,"
    " fetched_at, payload_hash, recorded_from, run_id FROM raw.ohlcv WHERE instrument_id = 5 "
    "AND session = '2024-01-20'",
    "a lost ledger": "DELETE FROM raw.ohlcv_revisions WHERE session = '2024-01-20'",
    "a changed name": "UPDATE catalog.instruments SET name = 'Apples' WHERE symbol = 'AAPL'",
}


@pytest.mark.slow
@pytest.mark.usefixtures("small_slices")
def test_a_corrupted_row_is_found(
    source: DuckDBStore, copied_target: TimescaleStore, postgres: Server
) -> None:
    target = copied_target
    for what, sql in CORRUPTIONS.items():
        postgres.sql(target.name.rsplit("/", 1)[1], sql)
        found_and_repaired(source, target, what)
    assert same(source, target)


@pytest.mark.usefixtures("small_slices")
@pytest.mark.parametrize("what", ["a changed value", "a lost ledger"])
def test_a_corrupted_row_is_found_in_a_file(source: DuckDBStore, tmp_path: Path, what: str) -> None:
    target = DuckDBStore(tmp_path / "copy.duckdb", tmp_path / "published", lock_timeout=20)
    shutil.copyfile(source.path, target.path)
    with duckdb.connect(str(target.path)) as connection:
        connection.execute(CORRUPTIONS[what])
    found_and_repaired(source, target, what)
    assert same(source, target)


def found_and_repaired(source: Store, target: Store, what: str) -> None:
    with pytest.raises(WarehouseError, match=r"differs from from .*--overwrite") as caught:
        copied(source, target)
    (name, *_) = re.findall(r"(?:raw|catalog)\.\w+", CORRUPTIONS[what])
    assert name in str(caught.value), what
    # It was still there: nothing is replaced unasked, and then only the slice that differs.
    done = copied(source, target, overwrite=True)
    assert 0 < sum(n for _, n in done.values()) <= 80, what


def test_a_value_lost_on_the_way_is_found(
    source: DuckDBStore, target: TimescaleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fundplatform.storage.timescale_write import TimescaleWriter

    whole = TimescaleWriter.restore

    def careless(
        self: TimescaleWriter, table: tables.Table, frame: pl.DataFrame, part: Slice
    ) -> None:
        whole(self, table, frame.head(-1) if table is tables.OHLCV else frame, part)

    monkeypatch.setattr(TimescaleWriter, "restore", careless)
    with pytest.raises(WarehouseError, match=r"raw\.ohlcv differs .*402 rows, FROM 403"):
        copied(source, target)


def test_a_source_that_is_written_meanwhile(source: DuckDBStore, target: TimescaleStore) -> None:
    steps = Copy(("from", source), ("to", target), NOW, overwrite=False).run()
    next(steps)
    put(source, *_load())
    with pytest.raises(WarehouseError, match="written while it was copied"):
        list(steps)


def _load() -> tuple[tables.Table, pl.DataFrame, Slice]:
    own = [c for c in tables.LOADS.columns if c.name not in ("recorded_from", "run_id")]
    zero = {"text": "x", "date": MONDAY, "int64": 0}
    frame = pl.DataFrame({c.name: [zero[c.type]] for c in own})
    return tables.LOADS, frame, WHOLE


@pytest.mark.slow
def test_as_a_user_does_it(source: DuckDBStore, warehouse_url: str, tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text(warehouse_url + "\n")
    command = ["copy-warehouse", str(source.path), f"@{secret}"]
    first = CliRunner().invoke(cli, command, catch_exceptions=False)
    assert "raw.ohlcv_revisions                         40 rows" in first.output
    total = sum(source.count(t) for t in all_tables())
    assert f"{total:,} rows are equal in both, {total:,} of them copied now" in first.output
    assert "s3cret" not in first.output
    again = CliRunner().invoke(cli, command, catch_exceptions=False)
    assert f"{total:,} rows are equal in both, 0 of them copied now" in again.output


def test_addresses(tmp_path: Path) -> None:
    def notify(message: str) -> None:
        raise AssertionError(message)

    name, store = open_address("postgresql://me:s3cret@h:1/d", 1, notify)
    assert (name, type(store)) == ("postgresql://me@h:1/d", TimescaleStore)
    name, store = open_address(str(tmp_path / "w.duckdb"), 1, notify)
    assert (name, type(store)) == (str(tmp_path / "w.duckdb"), DuckDBStore)
    with pytest.raises(ConfigError, match="cannot be read"):
        open_address(f"@{tmp_path / 'none'}", 1, notify)
    with pytest.raises(ConfigError, match="it is FROM"):
        Copy((name, store), (name, store), NOW, overwrite=False)


def test_hash_ignores_order_and_slices_but_no_value() -> None:
    table = tables.LEVELS
    rows = [(date(2024, 1, n), float(n)) for n in range(1, 10)]
    frame = pl.DataFrame(
        {"index_name": "a", "session": [d for d, _ in rows], "return_basis": "price",
         "level": [v for _, v in rows], "drawdown": 0.0, "recorded_from": NOW, "run_id": None}
    ).cast(table.polars_schema)  # fmt: skip

    def hashed(*parts: pl.DataFrame) -> str:
        made = ContentHash(table)
        for part in parts:
            made.add(part)
        return made.hexdigest()

    whole = hashed(frame)
    assert hashed(frame.reverse()) == whole
    assert hashed(frame.head(4), frame.tail(5)) == whole
    assert hashed(frame.head(8)) != whole
    assert hashed(frame.with_columns(run_id=pl.lit(""))) != whole
    assert hashed(frame.with_columns(run_id=pl.lit("\\N"))) != whole
    assert hashed(frame.with_columns(drawdown=pl.lit(-0.0))) != whole


def test_slices_cover_every_date() -> None:
    days = pl.Series([MONDAY, MONDAY, MONDAY, *DAYS[1:5]])
    assert list(slices(tables.LEVELS, days, 2)) == [
        Slice({}, None, DAYS[1]), Slice({}, DAYS[2], DAYS[3]), Slice({}, DAYS[4], None),
    ]  # fmt: skip
    assert list(slices(tables.LEVELS, days.clear(), 2)) == [WHOLE]
    assert list(slices(tables.SOURCES, pl.Series(dtype=pl.Date), 2)) == [WHOLE]
