"""The DuckDB store: the suite of every store, then locks, publishing and failing disks."""

import os
import subprocess
import sys
import threading
from datetime import date, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from fundplatform import tables
from fundplatform.errors import WarehouseError
from fundplatform.storage.base import Counts, Slice, Store
from fundplatform.storage.duckdb import DuckDBStore
from fundplatform.storage.duckdb_open import opened
from fundplatform_tests.storage.change_suite import ChangeSuite
from fundplatform_tests.storage.frames import FIRST, KEPT, MONDAY, THREE, WEEK, bars, closes, put
from fundplatform_tests.storage.processes import child, holding
from fundplatform_tests.storage.suite import StoreSuite


@pytest.fixture
def store(duckdb_store: DuckDBStore) -> DuckDBStore:
    return duckdb_store


class TestDuckDBStore(StoreSuite, ChangeSuite):
    """The suite on DuckDB."""

    def reopen(self, store: Store) -> str:
        assert isinstance(store, DuckDBStore)
        return (
            "from pathlib import Path\n"
            "from fundplatform.storage.duckdb import DuckDBStore\n"
            f"store = DuckDBStore(Path({str(store.path)!r}), Path({str(store.published)!r}))"
        )


def test_held_file_is_waited_for_with_one_message(store: DuckDBStore) -> None:
    put(store, tables.OHLCV, THREE)
    told: list[str] = []
    with child(holding(store.path)) as other:

        def release(message: str) -> None:
            told.append(message)
            assert other.stdin is not None
            other.stdin.write("\n")
            other.stdin.flush()

        patient = DuckDBStore(store.path, store.published, lock_timeout=60, notify=release)
        assert closes(patient) == KEPT
        assert len(told) == 1
        assert f"process {other.pid} (" in told[0]
        assert "duckdb.connect" in told[0], "the holder's command line is told"


@pytest.mark.parametrize("act", ["read", "write", "publish"])
def test_file_held_too_long_names_the_holder(store: DuckDBStore, act: str) -> None:
    hasty = DuckDBStore(store.path, store.published, lock_timeout=0.0, notify=lambda _: None)
    with child(holding(store.path)) as other:
        with pytest.raises(WarehouseError) as caught:
            if act == "read":
                hasty.read(tables.OHLCV)
            elif act == "write":
                put(hasty, tables.OHLCV, THREE)
            else:
                hasty.publish()
        assert f"held by process {other.pid}" in str(caught.value)
        assert "FUNDPLATFORM_LOCK_TIMEOUT" in str(caught.value)


def test_lock_is_free_after_an_error(store: DuckDBStore) -> None:
    with pytest.raises(RuntimeError, match="bug"), store.transaction(FIRST):
        raise RuntimeError("bug")
    with child(holding(store.path)) as other:
        assert other.poll() is None, "another process could open it"


def test_a_held_file_serves_everything_and_is_free_afterwards(store: DuckDBStore) -> None:
    hasty = DuckDBStore(store.path, store.published, lock_timeout=0.0, notify=lambda _: None)
    with store.held():
        put(store, tables.OHLCV, THREE)
        assert closes(store) == KEPT
        assert store.publish() == store.copy
        code = f"import duckdb; duckdb.connect({str(store.path)!r})"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
        assert b"lock" in done.stderr.lower(), "another process has to wait"
    with child(holding(store.path)), pytest.raises(WarehouseError, match="held by"):
        hasty.read(tables.OHLCV)
    assert closes(hasty) == KEPT


def test_a_held_file_is_free_after_an_error(store: DuckDBStore) -> None:
    with pytest.raises(RuntimeError, match="bug"), store.held():
        raise RuntimeError("bug")
    with child(holding(store.path)) as other:
        assert other.poll() is None, "another process could open it"


def test_nothing_to_open_says_init(tmp_path: Path) -> None:
    store = DuckDBStore(tmp_path / "no.duckdb", tmp_path / "published")
    for act in (lambda: store.read(tables.OHLCV), store.publish):
        with pytest.raises(WarehouseError, match="fundplatform init"):
            act()
    assert not store.path.exists()


def test_writers_of_two_threads_take_turns(store: DuckDBStore) -> None:
    days = [bars((n, MONDAY, float(n))) for n in range(4)]
    threads = [threading.Thread(target=put, args=(store, tables.OHLCV, day)) for day in days]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert closes(store) == [(n, MONDAY, float(n)) for n in range(4)]


def test_no_connection_is_left_open(store: DuckDBStore) -> None:
    put(store, tables.OHLCV, THREE)
    with pytest.raises(WarehouseError):
        _break(store)
    files = [fd.readlink() for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()]
    assert store.path not in files


def _break(store: DuckDBStore) -> None:
    with opened(store.path) as connection:
        connection.execute("SELECT * FROM raw.nothing")


_FULL = """
import sys, resource, signal
from pathlib import Path
import polars as pl
from fundplatform import tables
from fundplatform.errors import WarehouseError
from fundplatform.storage.duckdb import DuckDBStore
from fundplatform_tests.storage.frames import MONDAY, SECOND, WEEK, bars
path = Path(sys.argv[1])
store = DuckDBStore(path, path.parent / "published")
n = 200_000
many = bars((0, MONDAY, 0.0)).select(pl.exclude("instrument_id", "close")).join(
    pl.DataFrame({"instrument_id": range(n)}).with_columns(
        close=pl.int_range(n).hash(1).cast(pl.Float64)), how="cross")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 65536,) * 2)
try:
    with store.transaction(SECOND) as writer:
        print(writer.write(tables.OHLCV, many, WEEK))
except WarehouseError as error:
    print("refused:", error)
"""


def test_full_disk_keeps_the_old_rows(store: DuckDBStore) -> None:
    put(store, tables.OHLCV, THREE)
    done = subprocess.run(
        [sys.executable, "-c", _FULL, str(store.path)], capture_output=True, text=True, check=False
    )
    assert "refused:" in done.stdout, done.stdout + done.stderr
    assert "disk has space" in done.stdout
    assert closes(store) == KEPT
    assert put(store, tables.OHLCV, THREE) == Counts(unchanged=3), "and it can be written again"


def test_read_only_folder(store: DuckDBStore, tmp_path: Path) -> None:
    put(store, tables.OHLCV, THREE)
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o555)
    if os.access(locked, os.W_OK):
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", str(locked)],
            capture_output=True,
            check=False,
        )
        if mounted.returncode:
            pytest.skip("permissions do not bind this user and nothing can be mounted")
    try:
        with pytest.raises(WarehouseError, match="write to"):
            DuckDBStore(locked / "home" / "w.duckdb", locked / "published").migrate()
        with pytest.raises(WarehouseError, match="folder is writable"):
            DuckDBStore(store.path, locked / "published").publish()
    finally:
        subprocess.run(["umount", str(locked)], capture_output=True, check=False)
        locked.chmod(0o755)


def test_garbage_is_no_warehouse(tmp_path: Path) -> None:
    (tmp_path / "w.duckdb").write_bytes(b"not a database" * 1000)
    store = DuckDBStore(tmp_path / "w.duckdb", tmp_path / "published")
    with pytest.raises(WarehouseError, match="not a valid DuckDB"):
        store.migrate()


def test_quotes_in_text_are_text(store: DuckDBStore) -> None:
    row = pl.DataFrame({"vendor_symbol": ["O'NEIL\"; --"], "tracked_from": [MONDAY]})
    rows = row.with_columns(source_id=pl.lit(1))
    part = type(WEEK)({"vendor_symbol": "O'NEIL\"; --"})
    assert put(store, tables.TRACKED, rows, part) == Counts(inserted=1)
    assert store.read(tables.TRACKED, part)["vendor_symbol"].to_list() == ["O'NEIL\"; --"]


def test_nothing_else_opened_the_file_through_duckdb_directly(store: DuckDBStore) -> None:
    """A second configuration in this process would be refused: the store uses exactly one."""
    with opened(store.path), pytest.raises(duckdb.ConnectionException):
        duckdb.connect(str(store.path), read_only=True)


def test_texts_that_are_the_same_in_many_rows(store: DuckDBStore) -> None:
    """Written as literals; a quote in one must come back as it is."""
    days = [date(1980, 1, 1) + timedelta(days=n) for n in range(12_000)]
    frame = bars(*((n % 7, day, float(n)) for n, day in enumerate(days))).with_columns(
        payload_hash=pl.lit("it's 'one' hash")
    )
    assert put(store, tables.OHLCV, frame, Slice()) == Counts(inserted=12_000)
    found = store.read(tables.OHLCV)
    assert found["payload_hash"].unique().to_list() == ["it's 'one' hash"]
    assert found["run_id"].unique().to_list() == [FIRST.run_id]
    given = frame.select("instrument_id", "session", "close").sort("instrument_id", "session")
    assert found.select(given.columns).rows() == given.rows()
    assert put(store, tables.OHLCV, frame, Slice()) == Counts(unchanged=12_000)


def test_rows_in_any_order_are_the_same_rows(store: DuckDBStore) -> None:
    put(store, tables.OHLCV, THREE)
    loose = store.read(tables.OHLCV, ordered=False)
    assert loose.sort(tables.OHLCV.key).equals(store.read(tables.OHLCV))


_ALARMED = """
import os, signal
from pathlib import Path
from fundplatform.storage.duckdb_open import opened

class Alarm(Exception):
    pass

running = False

def alarm(*_):
    if running:
        raise Alarm

signal.signal(signal.SIGALRM, alarm)
try:
    with opened(Path({path!r})) as connection:
        print("open", flush=True)
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
        while True:
            try:
                running = True
                connection.execute("SELECT sum(range) FROM range(20000000)")
            except Alarm:
                pass  # Raised beside the query, not in it.
            finally:
                running = False
except BaseException as error:
    print(type(error).__name__, flush=True)
os._exit(0)
"""


def test_a_signal_while_duckdb_runs_is_an_interrupt(store: DuckDBStore) -> None:
    """DuckDB drops what a handler raised: Dagster would take its error for the step's."""
    with child(_ALARMED.format(path=str(store.path))) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "KeyboardInterrupt\n"
    with opened(store.path) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
