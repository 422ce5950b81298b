"""Small frames and stamps that the storage tests write; values chosen by hand."""

from datetime import UTC, date, datetime

import polars as pl

from fundplatform import tables
from fundplatform.sources.base import LISTING_SCHEMA, Coverage, Kind, SourceSpec
from fundplatform.storage.base import Counts, Slice, Stamp, Store
from fundplatform.tables import Table

MONDAY, TUESDAY, WEDNESDAY = date(2024, 1, 8), date(2024, 1, 9), date(2024, 1, 10)
WEEK = Slice({"source_id": 1}, MONDAY, WEDNESDAY)
FIRST = Stamp("run-1", datetime(2024, 2, 1, 12, tzinfo=UTC))
SECOND = Stamp("run-2", datetime(2024, 2, 2, 12, 30, 0, 123456, tzinfo=UTC))
SPEC = SourceSpec(
    "paper", "A test", "equity", "US", "USD", {Kind.OHLCV: Coverage("XNYS", MONDAY, WEDNESDAY)}
)


def bars(*rows: tuple[int, date, float | None], source_id: int = 1) -> pl.DataFrame:
    """raw.ohlcv rows without the writer's stamps: (instrument, session, close)."""
    frame = pl.DataFrame(
        rows,
        schema={"instrument_id": pl.Int32, "session": pl.Date, "close": pl.Float64},
        orient="row",
    )
    midnight = pl.col("session").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return frame.select(
        source_id=pl.lit(source_id, pl.Int16),
        instrument_id="instrument_id",
        interval=pl.lit("1d"),
        quote=pl.lit("USD"),
        bar_open_at=midnight,
        session="session",
        open=pl.lit(1.5),
        high=pl.lit(2.5),
        low=pl.lit(0.5),
        close="close",
        volume=pl.lit(None, pl.Float64),
        vwap=pl.lit(None, pl.Float64),
        trade_count=pl.lit(None, pl.Int64),
        adjustment=pl.lit("none"),
        fetched_at=pl.lit(FIRST.recorded_at).cast(pl.Datetime("us", "UTC")),
        payload_hash=pl.lit("ab" * 32),
    )


def levels(*rows: tuple[date, float]) -> pl.DataFrame:
    """indices.levels rows of one index: a derived table."""
    frame = pl.DataFrame(rows, schema={"session": pl.Date, "level": pl.Float64}, orient="row")
    return frame.with_columns(
        index_name=pl.lit("top"), return_basis=pl.lit("price"), drawdown=pl.lit(0.0)
    )


THREE = bars((1, MONDAY, 2.0), (1, TUESDAY, 2.1), (2, TUESDAY, 9.0))


def put(
    store: Store, table: Table, frame: pl.DataFrame, part: Slice = WEEK, stamp: Stamp = FIRST
) -> Counts:
    """One write in a transaction of its own."""
    with store.transaction(stamp) as writer:
        return writer.write(table, frame, part)


def closes(store: Store) -> list[tuple[int, date, float]]:
    """What raw.ohlcv holds."""
    frame = store.read(tables.OHLCV, columns=["instrument_id", "session", "close"])
    return list(frame.iter_rows())


def listings(*rows: tuple[str, date, date]) -> pl.DataFrame:
    """US equities in USD: (vendor symbol, first, last)."""
    full = [(s, s, "equity", "US", "USD", None, first, last) for s, first, last in rows]
    return pl.DataFrame(full, schema=LISTING_SCHEMA, orient="row")


KEPT = [(1, MONDAY, 2.0), (1, TUESDAY, 2.1), (2, TUESDAY, 9.0)]
