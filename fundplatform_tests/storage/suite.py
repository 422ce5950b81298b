"""What every `Store` must do: subclass `StoreSuite`, give it a `store` fixture, run pytest.

Each way in which a stock IO manager was measured to lose rows is a test here. Expected values are
written by hand; nothing of one database stands here (see test_duckdb.py).
"""

import signal
import subprocess
import sys
from dataclasses import replace
from datetime import date, datetime, timedelta

import polars as pl
import pytest

from fundplatform import tables
from fundplatform.errors import SchemaError
from fundplatform.storage.base import WHOLE, Counts, Slice, Stamp, Store
from fundplatform_tests.storage.frames import (
    FIRST,
    KEPT,
    MONDAY,
    SECOND,
    SPEC,
    THREE,
    TUESDAY,
    WEDNESDAY,
    WEEK,
    bars,
    closes,
    levels,
    listings,
    put,
)


class StoreSuite:
    """The tests; a subclass gives `store` (migrated, empty) and `reopen` (code that opens it)."""

    def reopen(self, store: Store) -> str:
        """Python code that binds `store` to the same warehouse in another process."""
        raise NotImplementedError

    @pytest.fixture
    def loaded(self, store: Store) -> Store:
        """The store with THREE in raw.ohlcv."""
        assert put(store, tables.OHLCV, THREE) == Counts(inserted=3)
        return store

    def test_migrate_again_does_nothing(self, store: Store) -> None:
        assert store.migrate() == []

    def test_rows_come_back_exact_and_stamped(self, loaded: Store) -> None:
        back = loaded.read(tables.OHLCV)
        assert back.schema == tables.OHLCV.polars_schema
        assert back.drop("recorded_from", "run_id").equals(THREE.sort("instrument_id", "session"))
        assert back["recorded_from"].to_list() == [FIRST.recorded_at] * 3
        assert back["run_id"].to_list() == ["run-1"] * 3

    def test_rerun_leaves_everything_alone(self, loaded: Store) -> None:
        later = THREE.with_columns(payload_hash=pl.lit("cd" * 32))
        assert put(loaded, tables.OHLCV, later, stamp=SECOND) == Counts(unchanged=3)
        assert loaded.read(tables.OHLCV)["run_id"].to_list() == ["run-1"] * 3
        assert loaded.read(tables.revisions_of(tables.OHLCV)).height == 0

    def test_changed_value_moves_old_version_to_the_ledger(self, loaded: Store) -> None:
        new = bars((1, MONDAY, 2.0), (1, TUESDAY, 7.7), (2, TUESDAY, 9.0))
        assert put(loaded, tables.OHLCV, new, stamp=SECOND) == Counts(updated=1, unchanged=2)
        assert closes(loaded) == [(1, MONDAY, 2.0), (1, TUESDAY, 7.7), (2, TUESDAY, 9.0)]
        old = loaded.read(tables.revisions_of(tables.OHLCV)).row(0, named=True)
        assert (old["instrument_id"], old["session"], old["close"]) == (1, TUESDAY, 2.1)
        assert (old["recorded_from"], old["recorded_to"]) == (
            FIRST.recorded_at,
            SECOND.recorded_at,
        )
        now = loaded.read(tables.OHLCV).filter(pl.col("close") == 7.7).row(0, named=True)
        assert (now["recorded_from"], now["run_id"]) == (SECOND.recorded_at, "run-2")

    def test_as_of_reads_what_stood_then(self, store: Store) -> None:
        third = Stamp("run-3", SECOND.recorded_at + timedelta(days=1))
        put(store, tables.OHLCV, bars((1, MONDAY, 2.0), (1, TUESDAY, 2.1)))
        put(store, tables.OHLCV, bars((1, TUESDAY, 7.7), (2, TUESDAY, 9.0)), stamp=SECOND)
        put(store, tables.OHLCV, bars((1, TUESDAY, 8.8)), stamp=third)
        tick = timedelta(microseconds=1)
        wanted: dict[datetime, list[tuple[int, date, float]]] = {
            FIRST.recorded_at - tick: [],
            FIRST.recorded_at: [(1, MONDAY, 2.0), (1, TUESDAY, 2.1)],
            SECOND.recorded_at - tick: [(1, MONDAY, 2.0), (1, TUESDAY, 2.1)],
            SECOND.recorded_at: [(1, MONDAY, 2.0), (1, TUESDAY, 7.7), (2, TUESDAY, 9.0)],
            third.recorded_at: [(1, MONDAY, 2.0), (1, TUESDAY, 8.8), (2, TUESDAY, 9.0)],
        }
        columns = ["instrument_id", "session", "close"]
        for at, rows in wanted.items():
            found = store.read(tables.OHLCV, WEEK, columns, as_of=at)
            assert list(found.iter_rows()) == rows, at
        tuesday = Slice({"source_id": 1}, TUESDAY, TUESDAY)
        found = store.read(tables.OHLCV, tuesday, as_of=FIRST.recorded_at)
        assert found.schema == tables.OHLCV.polars_schema
        assert found["run_id"].to_list() == ["run-1"]

    def test_a_clock_that_is_behind_leaves_one_version_at_every_instant(self, store: Store) -> None:
        """Hosts' clocks differ, and who waited for the other's lock took its time before."""
        behind = Stamp("run-3", SECOND.recorded_at - timedelta(hours=1))
        put(store, tables.OHLCV, bars((1, MONDAY, 2.0), (2, MONDAY, 3.0)))
        put(store, tables.OHLCV, bars((1, MONDAY, 2.1), (2, MONDAY, 3.0)), stamp=SECOND)
        put(store, tables.OHLCV, bars((1, MONDAY, 2.2), (2, MONDAY, 3.1)), stamp=behind)
        stood = {
            FIRST.recorded_at: [2.0, 3.0],
            behind.recorded_at: [2.0, 3.1],
            SECOND.recorded_at - timedelta(microseconds=1): [2.0, 3.1],
            # The two versions of one instant: the last to be written stands.
            SECOND.recorded_at: [2.2, 3.1],
        }
        for at, expected in stood.items():
            assert store.read(tables.OHLCV, as_of=at)["close"].to_list() == expected
        past = store.read(tables.revisions_of(tables.OHLCV)).sort("instrument_id", "close")
        spans = past.select("close", "recorded_from", "recorded_to").rows()
        assert spans == [
            (2.0, FIRST.recorded_at, SECOND.recorded_at),
            (2.1, SECOND.recorded_at, SECOND.recorded_at),
            (3.0, FIRST.recorded_at, behind.recorded_at),
        ]

    @pytest.mark.parametrize("beside", [False, True], ids=["an empty slice", "beside another"])
    def test_what_comes_back_by_an_earlier_clock_begins_where_it_was_withdrawn(
        self, store: Store, beside: bool
    ) -> None:
        behind = Stamp("run-3", SECOND.recorded_at - timedelta(hours=1))
        own, rest = bars((1, MONDAY, 2.0)), bars((2, MONDAY, 9.0))
        gone = replace(tables.OHLCV, keeps_absent=False)
        put(store, tables.OHLCV, pl.concat([own, rest]))
        put(store, gone, rest if beside else rest.clear(), stamp=SECOND)
        back = pl.concat([own, bars((3, MONDAY, 5.0))])
        put(store, tables.OHLCV, back, stamp=behind)
        for at in (FIRST.recorded_at, behind.recorded_at, SECOND.recorded_at):
            found = store.read(tables.OHLCV, as_of=at)["instrument_id"].to_list()
            assert found.count(1) == 1, "one version at every instant"
        rows = store.read(tables.OHLCV).filter(pl.col("instrument_id") != 2)
        assert rows.select("instrument_id", "recorded_from").rows() == [
            (1, SECOND.recorded_at),
            (3, behind.recorded_at),
        ]

    def test_as_of_needs_a_ledger_and_a_time_zone(self, store: Store) -> None:
        with pytest.raises(SchemaError, match="keeps no superseded versions"):
            store.read(tables.LEVELS, as_of=FIRST.recorded_at)
        with pytest.raises(SchemaError, match="has no time zone"):
            store.read(tables.OHLCV, as_of=FIRST.recorded_at.replace(tzinfo=None))

    def test_nan_equals_nan_and_null_equals_null(self, store: Store) -> None:
        odd = bars((1, MONDAY, float("nan")), (2, MONDAY, None))
        assert put(store, tables.OHLCV, odd) == Counts(inserted=2)
        assert put(store, tables.OHLCV, odd) == Counts(unchanged=2)
        real = bars((1, MONDAY, None), (2, MONDAY, float("nan")))
        assert put(store, tables.OHLCV, real, stamp=SECOND) == Counts(updated=2)

    def test_other_column_order_swaps_nothing(self, loaded: Store) -> None:
        mixed = THREE.select(reversed(THREE.columns))
        assert put(loaded, tables.OHLCV, mixed) == Counts(unchanged=3)

    def test_new_session_beside_old_ones(self, loaded: Store) -> None:
        day = Slice({"source_id": 1}, WEDNESDAY, WEDNESDAY)
        assert put(loaded, tables.OHLCV, bars((1, WEDNESDAY, 3.0)), day) == Counts(inserted=1)
        assert closes(loaded) == sorted([*KEPT, (1, WEDNESDAY, 3.0)])

    def test_another_source_is_not_touched(self, loaded: Store) -> None:
        other = Slice({"source_id": 2}, MONDAY, WEDNESDAY)
        rows = bars((1, MONDAY, 5.0), source_id=2)
        assert put(loaded, tables.OHLCV, rows, other) == Counts(inserted=1)
        assert loaded.read(tables.OHLCV, WEEK).height == 3

    @pytest.mark.parametrize("rows", [THREE.head(0), THREE.head(1)], ids=["empty", "truncated"])
    def test_short_answer_never_shrinks_raw(self, loaded: Store, rows: pl.DataFrame) -> None:
        assert put(loaded, tables.OHLCV, rows) == Counts(unchanged=rows.height)
        assert closes(loaded) == KEPT

    def test_derived_slice_drops_what_is_gone(self, store: Store) -> None:
        part = Slice({"index_name": "top"}, MONDAY, TUESDAY)
        put(store, tables.LEVELS, levels((MONDAY, 100.0), (TUESDAY, 101.0)), part)
        outside = Slice({"index_name": "top"}, WEDNESDAY, WEDNESDAY)
        put(store, tables.LEVELS, levels((WEDNESDAY, 102.0)), outside)
        assert put(store, tables.LEVELS, levels((TUESDAY, 101.5)), part) == Counts(
            updated=1, removed=1
        )
        assert put(store, tables.LEVELS, levels(), part) == Counts(removed=1)
        assert store.read(tables.LEVELS)["level"].to_list() == [102.0]

    def test_removed_rows_of_a_ledgered_table_are_remembered(self, store: Store) -> None:
        table = replace(tables.OHLCV, keeps_absent=False)
        put(store, table, THREE)
        assert put(store, table, THREE.head(2), stamp=SECOND) == Counts(unchanged=2, removed=1)
        assert store.read(tables.revisions_of(tables.OHLCV))["close"].to_list() == [9.0]

    @pytest.mark.parametrize(
        ("frame", "part", "says"),
        [
            (THREE.drop("close"), WEEK, "missing columns ['close']"),
            (THREE.with_columns(extra=1), WEEK, "unknown columns ['extra']"),
            (THREE.with_columns(close=pl.lit("2.0")), WEEK, "close is String"),
            (THREE.with_columns(bar_open_at=pl.col("bar_open_at").dt.replace_time_zone(None)),
             WEEK, "bar_open_at is Datetime"),
            (THREE.with_columns(trade_count=pl.lit(1.5)), WEEK, "do not fit Int64 exactly"),
            (THREE.with_columns(volume=pl.lit(2**53 + 1)), WEEK, "do not fit Float64 exactly"),
            (THREE.with_columns(instrument_id=pl.lit(2**40)), WEEK, "does not fit"),
            (THREE.with_columns(adjustment=pl.lit(None)), WEEK, "NULL in required"),
            (pl.concat([THREE, THREE.head(1)]), WEEK, "1 doubled keys"),
            (pl.concat([THREE, THREE.head(1).with_columns(session=TUESDAY)]), WEEK, "1 doubled"),
            (THREE, Slice({"source_id": 1}, TUESDAY, WEDNESDAY), "1 rows outside"),
            (THREE, Slice({"source_id": 1}, MONDAY, MONDAY), "2 rows outside"),
            (THREE, Slice({"source_id": 2}, MONDAY, WEDNESDAY), "3 rows outside"),
            (THREE, Slice({"colour": "red"}), "slice names ['colour']"),
            (THREE, Slice(among={"colour": [1]}), "slice names ['colour']"),
            (THREE, Slice(among={"source_id": [1]}), "is to be read"),
        ],
    )  # fmt: skip
    def test_misfit_writes_nothing(
        self, loaded: Store, frame: pl.DataFrame, part: Slice, says: str
    ) -> None:
        with pytest.raises(SchemaError) as caught:
            put(loaded, tables.OHLCV, frame, part, SECOND)
        assert says in str(caught.value)
        assert closes(loaded) == KEPT

    def test_dates_for_a_table_without_partition_are_refused(self, store: Store) -> None:
        with pytest.raises(SchemaError, match="no partition column"):
            put(store, tables.TRACKED, tables.TRACKED.empty().drop("recorded_from", "run_id"))

    def test_exact_casts(self, store: Store) -> None:
        wide = THREE.with_columns(
            pl.lit(15).alias("volume"), pl.lit(7.0).alias("trade_count"),
            pl.col("quote").cast(pl.Categorical), pl.col("source_id").cast(pl.Int64),
        )  # fmt: skip
        put(store, tables.OHLCV, wide)
        back = store.read(tables.OHLCV)
        assert back["volume"].to_list() == [15.0] * 3
        assert back["trade_count"].to_list() == [7] * 3

    def test_read_slices_columns_and_order(self, loaded: Store) -> None:
        put(loaded, tables.OHLCV, bars((0, WEDNESDAY, 1.0)))
        found = loaded.read(tables.OHLCV, Slice({}, TUESDAY), ["close", "session"])
        assert found.rows() == [(1.0, WEDNESDAY), (2.1, TUESDAY), (9.0, TUESDAY)]
        either = Slice(first=TUESDAY, among={"instrument_id": [0, 2, 9]})
        assert loaded.read(tables.OHLCV, either, ["close"])["close"].to_list() == [1.0, 9.0]
        assert loaded.read(tables.OHLCV, Slice(among={"instrument_id": []})).is_empty()
        none = loaded.read(tables.OHLCV, Slice({"source_id": 9}))
        assert none.schema == tables.OHLCV.polars_schema
        assert none.is_empty()
        with pytest.raises(SchemaError, match="colour"):
            loaded.read(tables.OHLCV, columns=["colour"])

    def test_one_failure_rolls_back_the_whole_transaction(self, loaded: Store) -> None:
        with pytest.raises(SchemaError), loaded.transaction(SECOND) as writer:
            writer.write(tables.OHLCV, bars((1, MONDAY, 99.0)), WEEK)
            assert writer.read(tables.OHLCV, WEEK)["close"].to_list() == [99.0, 2.1, 9.0]
            writer.write(tables.OHLCV, THREE.drop("close"), WEEK)
        assert closes(loaded) == KEPT
        assert loaded.read(tables.revisions_of(tables.OHLCV)).is_empty()

    def test_reading_beside_an_open_transaction_sees_the_committed_state(
        self, loaded: Store
    ) -> None:
        with loaded.transaction(SECOND) as writer:
            writer.write(tables.OHLCV, bars((1, MONDAY, 99.0)), WEEK)
            assert closes(loaded) == KEPT
        assert closes(loaded)[0] == (1, MONDAY, 99.0)

    def test_killed_inside_a_transaction_keeps_the_old_rows(self, loaded: Store) -> None:
        code = (
            "import time, polars as pl\n"
            "from fundplatform import tables\n"
            "from fundplatform_tests.storage.frames import MONDAY, SECOND, WEEK, bars\n"
            "from dataclasses import replace\n"
            f"{self.reopen(loaded)}\n"
            "with store.transaction(SECOND) as writer:\n"
            "    table = replace(tables.OHLCV, keeps_absent=False)\n"
            "    print(writer.write(table, bars((1, MONDAY, 99.0)), WEEK), flush=True)\n"
            "    time.sleep(600)\n"
        )
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        assert "updated=1, unchanged=0, removed=2" in child.stdout.readline()
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        assert closes(loaded) == KEPT

    def test_source_ids_are_by_name_and_stay(self, store: Store) -> None:
        other = replace(SPEC, name="other", title="Other")
        with store.transaction(FIRST) as writer:
            assert [writer.source_id(s) for s in (SPEC, other, SPEC)] == [1, 2, 1]
        with store.transaction(SECOND) as writer:
            assert writer.source_id(replace(other, title="Renamed")) == 2
            with pytest.raises(SchemaError, match="no kinds"):
                writer.source_id(replace(SPEC, kinds={}))
        rows = store.read(tables.SOURCES)
        assert rows["title"].to_list() == ["A test", "Renamed"]
        assert rows["coverage_end"].to_list() == [WEDNESDAY, WEDNESDAY]

    def test_register_widens_listings_and_keeps_ids(self, store: Store) -> None:
        with store.transaction(FIRST) as writer:
            first = writer.register(1, listings(("NAN", TUESDAY, TUESDAY), ("A", MONDAY, MONDAY)))
        assert first.rows() == [("A", MONDAY, MONDAY, 1), ("NAN", TUESDAY, TUESDAY, 2)]
        with store.transaction(SECOND) as writer:
            wider = writer.register(1, listings(("NAN", MONDAY, WEDNESDAY)))
            again = writer.register(1, listings(("NAN", MONDAY, WEDNESDAY)))
        assert wider.rows() == again.rows() == [("NAN", MONDAY, WEDNESDAY, 2)]
        known = store.read(tables.INSTRUMENTS, columns=["symbol", "valid_from", "valid_to"])
        assert known.rows() == [("A", MONDAY, MONDAY), ("NAN", MONDAY, WEDNESDAY)]
        assert store.read(tables.LISTINGS, columns=["vendor_symbol", "run_id"]).rows() == [
            ("A", "run-1"),
            ("NAN", "run-2"),
        ]

    def test_what_is_stated_joins_what_trades_whichever_comes_first(self, store: Store) -> None:
        long_ago = date(2016, 5, 1)
        with store.transaction(FIRST) as writer:
            writer.register(1, listings(("OLD", long_ago, long_ago)), stated=True)
            writer.register(2, listings(("A", MONDAY, TUESDAY)))
        with store.transaction(SECOND) as writer:
            assert writer.register(2, listings(("OLD", MONDAY, MONDAY)))["instrument_id"][0] == 1
            writer.register(1, listings(("A", long_ago, long_ago)), stated=True)
        known = store.read(tables.INSTRUMENTS, columns=["symbol", "valid_from", "valid_to"])
        assert known.rows() == [("OLD", MONDAY, MONDAY), ("A", MONDAY, TUESDAY)]
        rows = [
            store.read(t, columns=["source_id", "vendor_symbol", "instrument_id"]).rows()
            for t in (tables.STATEMENTS, tables.LISTINGS)
        ]
        assert rows == [[(1, "A", 2), (1, "OLD", 1)], [(2, "A", 2), (2, "OLD", 1)]]

    def test_reused_ticker_leaves_a_proposal(self, store: Store) -> None:
        with store.transaction(FIRST) as writer:
            writer.register(
                1, listings(("FB", date(1999, 9, 29), date(2008, 7, 1)), ("FB", MONDAY, TUESDAY))
            )
        found = store.read(tables.PROPOSALS, columns=["problem", "instrument_id", "other_id"])
        assert found.rows() == [("gap", 2, 1)]

    def test_every_table_takes_an_empty_and_gives_its_schema(self, store: Store) -> None:
        with store.transaction(FIRST) as writer:
            for table in tables.TABLES:
                nothing = table.empty().drop("recorded_from", "run_id")
                assert writer.write(table, nothing, WHOLE) == Counts()
                assert writer.read(table).schema == table.polars_schema
