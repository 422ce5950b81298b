"""PostgreSQL writes beyond the suite of every store: encoding, writers at once, kills; queries."""

import subprocess
import sys
from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl
import psycopg
import pytest
from pgpq import ArrowToPostgresBinaryEncoder

from fundplatform import tables
from fundplatform.errors import SchemaError, WarehouseError
from fundplatform.storage.base import Counts, Slice
from fundplatform.storage.timescale import TimescaleStore
from fundplatform.storage.timescale_write import encoded
from fundplatform_tests.storage.frames import (
    KEPT,
    MONDAY,
    SECOND,
    THREE,
    TUESDAY,
    WEDNESDAY,
    WEEK,
    bars,
    closes,
    put,
)


@pytest.fixture
def store(warehouse_url: str) -> TimescaleStore:
    return TimescaleStore(warehouse_url, lock_timeout=60)


def copied(url: str, frame: pl.DataFrame) -> object:
    """What a float8 column holds after pgpq's COPY of the frame's one value."""
    batch = frame.to_arrow().to_batches()[0]
    encoder = ArrowToPostgresBinaryEncoder(batch.schema)
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE t (v float8)")
        with cursor.copy("COPY t FROM STDIN (FORMAT BINARY)") as copy:
            for piece in (encoder.write_header(), encoder.write_batch(batch), encoder.finish()):
                copy.write(piece)
        row = cursor.execute("SELECT v FROM t").fetchone()
    return row and row[0]


def test_why_frames_are_cast_first(warehouse_url: str) -> None:
    """The encoder writes raw bits: 15 as int64 is 7.4e-323 as float8, and nothing complains."""
    assert copied(warehouse_url, pl.DataFrame({"v": [15]})) == 7.4e-323
    assert copied(warehouse_url, pl.DataFrame({"v": [15.0]})) == 15.0


def test_the_writer_refuses_what_is_not_exact(store: TimescaleStore) -> None:
    with pytest.raises(SchemaError, match="volume"):
        list(encoded(tables.OHLCV, pl.DataFrame({"volume": [15]})))
    put(store, tables.OHLCV, THREE.with_columns(volume=pl.lit(15), trade_count=pl.lit(3.0)))
    assert store.read(tables.OHLCV)["volume"].to_list() == [15.0] * 3
    assert store.read(tables.OHLCV)["trade_count"].to_list() == [3] * 3


ODD = ["", " ", "\\N", "\\.", "NULL", "NaN", "a\tb\nc\"d'e", "é€😀", "\ufeff", "\u0001"]


def test_odd_texts_and_numbers_come_back(store: TimescaleStore) -> None:
    listed = pl.DataFrame({"vendor_symbol": ODD}).with_columns(
        source_id=pl.lit(1), tracked_from=pl.lit(date(1, 1, 1))
    )
    assert put(store, tables.TRACKED, listed, Slice({"source_id": 1})).inserted == len(ODD)
    assert put(store, tables.TRACKED, listed, Slice({"source_id": 1})).unchanged == len(ODD)
    assert store.read(tables.TRACKED)["vendor_symbol"].to_list() == sorted(ODD)
    with store.transaction(SECOND) as writer:
        assert writer.read(tables.TRACKED).equals(store.read(tables.TRACKED))
    values = [5e-324, 1.7976931348623157e308, -0.0, float("inf"), 0.1 + 0.2, float("nan")]
    put(store, tables.OHLCV, bars(*((n, MONDAY, v) for n, v in enumerate(values))))
    back = store.read(tables.OHLCV)["close"]
    assert [v.hex() for v in back.to_list()] == [v.hex() for v in values]


def test_text_that_postgres_cannot_hold_is_named(store: TimescaleStore) -> None:
    with pytest.raises(WarehouseError, match="reject that row"):
        put(store, tables.OHLCV, THREE.with_columns(quote=pl.lit("U\x00D")))


def test_more_rows_than_one_batch(store: TimescaleStore) -> None:
    many = 150_000
    rows = bars(*((n, WEDNESDAY, float(n)) for n in range(many)))
    day = Slice({"source_id": 1}, WEDNESDAY, WEDNESDAY)
    assert put(store, tables.OHLCV, rows, day) == Counts(inserted=many)
    changed = rows.with_columns(
        close=pl.when(pl.col("instrument_id") % 100 == 0).then(-1.0).otherwise("close")
    )
    assert put(store, tables.OHLCV, changed, day, SECOND) == Counts(
        updated=many // 100, unchanged=many - many // 100
    )
    assert store.count(tables.revisions_of(tables.OHLCV)) == many // 100
    assert store.read(tables.OHLCV, columns=["close"])["close"].sum() == sum(
        -1 if n % 100 == 0 else n for n in range(many)
    )


def test_a_bar_that_moves_to_another_session_is_changed_not_doubled(store: TimescaleStore) -> None:
    """The key lacks the session, so the PRIMARY KEY alone would let both versions stand."""
    put(store, tables.OHLCV, THREE)
    moved = THREE.with_columns(
        session=pl.when(pl.col("instrument_id") == 2).then(pl.lit(MONDAY)).otherwise("session")
    )
    assert put(store, tables.OHLCV, moved, stamp=SECOND) == Counts(updated=1, unchanged=2)
    assert closes(store) == [(1, MONDAY, 2.0), (1, TUESDAY, 2.1), (2, MONDAY, 9.0)]


def test_query_takes_parameters_and_numeric(store: TimescaleStore) -> None:
    put(store, tables.OHLCV, THREE)
    sql = "SELECT session, '?' AS q, sum(instrument_id) AS n FROM raw.ohlcv WHERE session = ? "
    found = store.query(sql + "AND quote = ? AND close > ? GROUP BY 1 -- ?", [TUESDAY, "USD", 1.5])
    assert found.rows() == [(TUESDAY, "?", 3)]
    assert store.query("SELECT sum(trade_count) AS n, avg(1.5) AS a FROM raw.ohlcv").rows() == [
        (None, 1.5)
    ]
    assert store.query("SELECT 1 AS one;").rows() == [(1,)]
    with pytest.raises(ValueError, match="1 parameters for 2"):
        store.query("SELECT ? + ?", [1])
    with pytest.raises(ValueError, match="2 parameters for 1"):
        store.query("SELECT ?", [1, 2])


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM raw.ohlcv RETURNING *",
        "SELECT 1; DELETE FROM raw.ohlcv",
        "WITH gone AS (DELETE FROM raw.ohlcv RETURNING 1) SELECT * FROM gone",
        "CREATE TABLE raw.mine AS SELECT 1",
    ],
)
def test_query_cannot_write(store: TimescaleStore, sql: str) -> None:
    put(store, tables.OHLCV, THREE)
    with pytest.raises(WarehouseError):
        store.query(sql)
    assert closes(store) == KEPT


_IDS = """
import sys
from dataclasses import replace
from fundplatform.storage.timescale import TimescaleStore
from fundplatform_tests.storage.frames import FIRST, MONDAY, SPEC, TUESDAY, listings
store, name = TimescaleStore(sys.argv[1]), sys.argv[2]
input()
for n in range(8):
    with store.transaction(FIRST) as writer:
        own = writer.source_id(replace(SPEC, name=f"{name}{n}"))
        shared = writer.source_id(replace(SPEC, name=f"shared{n}"))
        symbols = [f"{name}{n}A", f"BOTH{n}", f"{name}{n}B"]
        found = writer.register(own, listings(*((s, MONDAY, TUESDAY) for s in symbols)))
        assert found.height == 3, found
print("done")
"""


def together(*commands: Sequence[str]) -> list[str]:
    """Start all, let them go at once, and give what each printed last."""
    children = [
        subprocess.Popen(
            [sys.executable, "-c", *command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for command in commands
    ]  # fmt: skip
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    answers = [child.communicate(timeout=120) for child in children]
    return [(out or err).strip().splitlines()[-1] for out, err in answers]


def test_two_processes_never_give_one_id_twice(store: TimescaleStore, warehouse_url: str) -> None:
    said = together((_IDS, warehouse_url, "A"), (_IDS, warehouse_url, "B"))
    assert said == ["done", "done"]
    sources = store.read(tables.SOURCES)
    assert sorted(sources["source_id"].to_list()) == list(range(1, 25))
    assert sources["name"].n_unique() == 24
    instruments = store.read(tables.INSTRUMENTS)
    # Per round: two symbols of each process, and one that both have and that is one instrument.
    assert sorted(instruments["instrument_id"].to_list()) == list(range(1, 41))
    assert instruments["symbol"].n_unique() == 40


_SLICE = """
import sys
from datetime import date, timedelta
from fundplatform import tables
from fundplatform.storage.base import Slice
from fundplatform.storage.timescale import TimescaleStore
from fundplatform_tests.storage.frames import FIRST, bars, put
store, first = TimescaleStore(sys.argv[1]), date.fromisoformat(sys.argv[2])
rows = bars(*((n, first + timedelta(d), float(n)) for d in range(20) for n in range(300)))
input()
print(put(store, tables.OHLCV, rows, Slice({"source_id": 1}, first, first + timedelta(19))))
"""


@pytest.mark.parametrize("shift", [20, 10, 0], ids=["neighbouring", "overlapping", "same"])
def test_two_runs_at_once(store: TimescaleStore, warehouse_url: str, shift: int) -> None:
    second = MONDAY + timedelta(shift)
    said = together((_SLICE, warehouse_url, str(MONDAY)), (_SLICE, warehouse_url, str(second)))
    days = 20 + shift
    inserted = [int(s.split("inserted=")[1].split(",")[0]) for s in said]
    assert sum(inserted) == store.count(tables.OHLCV) == days * 300
    assert store.count(tables.revisions_of(tables.OHLCV)) == 0


def test_killed_between_statements_keeps_the_old_rows(
    store: TimescaleStore, warehouse_url: str
) -> None:
    """Old rows are out and in the ledger, new ones not yet in: then the process is killed."""
    put(store, tables.OHLCV, THREE)
    code = (
        "import time\n"
        "from fundplatform import tables\n"
        "from fundplatform.storage.timescale import TimescaleStore\n"
        "from fundplatform.storage.timescale_write import TimescaleWriter\n"
        "from fundplatform_tests.storage.frames import SECOND, THREE, put\n"
        "def stuck(self, table):\n"
        "    print(self.read(tables.OHLCV).height, flush=True)\n"
        "    time.sleep(600)\n"
        "TimescaleWriter._put_in = stuck\n"
        f"put(TimescaleStore({warehouse_url!r}), tables.OHLCV, THREE.with_columns(close=9.9),"
        " stamp=SECOND)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "0\n"
    child.kill()
    child.wait()
    child.stdout.close()
    assert closes(store) == KEPT
    assert store.count(tables.revisions_of(tables.OHLCV)) == 0
    assert put(store, tables.OHLCV, THREE.with_columns(close=9.9), WEEK, SECOND).updated == 3
