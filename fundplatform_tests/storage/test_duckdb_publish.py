"""The published copy: atomic, current, and readers keep what they have open."""

import subprocess
import sys

import pytest

from fundplatform import tables
from fundplatform.errors import WarehouseError
from fundplatform.storage.duckdb import DuckDBStore
from fundplatform.storage.duckdb_open import opened
from fundplatform.storage.duckdb_publish import publish
from fundplatform_tests.storage.frames import FIRST, MONDAY, SECOND, THREE, bars, put
from fundplatform_tests.storage.processes import child


@pytest.fixture
def store(duckdb_store: DuckDBStore) -> DuckDBStore:
    return duckdb_store


def test_query_before_publishing_says_how(store: DuckDBStore) -> None:
    with pytest.raises(WarehouseError, match="nothing is published yet"):
        store.query("SELECT 1")


def test_published_copy_is_queried_and_wrong_sql_is_named(store: DuckDBStore) -> None:
    put(store, tables.OHLCV, THREE)
    copy = store.publish()
    assert copy == store.copy
    found = store.query("SELECT count(*) AS n FROM raw.ohlcv WHERE close > ?", [2.05])
    assert found.rows() == [(2,)]
    with pytest.raises(WarehouseError, match="does not exist"):
        store.query("SELECT * FROM raw.nothing")
    with pytest.raises(WarehouseError, match="read-only"):
        store.query("DELETE FROM raw.ohlcv RETURNING *")


def test_publishing_again_copies_only_what_changed(store: DuckDBStore) -> None:
    put(store, tables.OHLCV, THREE)
    store.publish()
    first = store.copy.stat()
    store.publish()
    assert store.copy.stat().st_ino == first.st_ino, "nothing was written: same file"
    put(store, tables.OHLCV, bars((1, MONDAY, 4.0)), stamp=SECOND)
    store.publish()
    assert store.copy.stat().st_ino != first.st_ino
    assert store.query("SELECT max(close) AS c FROM raw.ohlcv WHERE instrument_id = 1").item() == 4


def test_reader_keeps_the_old_copy_while_a_new_one_comes_out(store: DuckDBStore) -> None:
    put(store, tables.OHLCV, THREE)
    store.publish()
    code = (
        "import duckdb\n"
        f"c = duckdb.connect({str(store.copy)!r}, read_only=True)\n"
        "print(c.sql('select count(*) from raw.ohlcv').fetchall(), flush=True)\n"
        "input()\n"
        "print(c.sql('select max(close) from raw.ohlcv').fetchall(), flush=True)\n"
    )
    with child(code) as reader:
        put(store, tables.OHLCV, bars((1, MONDAY, 444.0)), stamp=SECOND)
        store.publish()
        assert store.query("SELECT max(close) AS c FROM raw.ohlcv").item() == 444.0
        out, _ = reader.communicate("\n", timeout=60)
        assert out.strip() == "[(9.0,)]", "the open reader still sees the old state"


def test_stale_temporary_copies_are_removed(store: DuckDBStore) -> None:
    store.published.mkdir()
    stale = store.published / "warehouse.duckdb.tmp-99999999"
    stale.write_bytes(b"half a copy")
    store.publish()
    assert [p.name for p in store.published.iterdir()] == ["warehouse.duckdb"]


def test_failed_publish_keeps_the_old_copy(
    store: DuckDBStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, tables.OHLCV, THREE)
    store.publish()
    put(store, tables.OHLCV, bars((1, MONDAY, 4.0)), stamp=SECOND)
    monkeypatch.setattr(
        "fundplatform.storage.duckdb_publish._COPY", "raise OSError('disk is full')"
    )
    with pytest.raises(WarehouseError, match=r"disk is full.*old copy stays"):
        store.publish()
    assert [p.name for p in store.published.iterdir()] == ["warehouse.duckdb"]
    assert (
        store.query("SELECT max(close) AS c FROM raw.ohlcv WHERE instrument_id = 1").item() == 2.1
    )


def test_publishing_does_not_give_the_lock_away(store: DuckDBStore) -> None:
    """POSIX locks are lost when any descriptor of the file is closed in the process."""
    with opened(store.path) as connection:
        publish(connection, store.path, store.copy)
        attempt = f"import duckdb\nduckdb.connect({str(store.path)!r})"
        done = subprocess.run(
            [sys.executable, "-c", attempt], capture_output=True, text=True, check=False
        )
        assert "Conflicting lock" in done.stderr


def test_publish_inside_a_transaction_is_refused(store: DuckDBStore) -> None:
    hasty = DuckDBStore(store.path, store.published, lock_timeout=0.01)
    with hasty.transaction(FIRST), pytest.raises(WarehouseError, match="transaction open"):
        hasty.publish()
