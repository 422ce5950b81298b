"""ops.source_reliability in the store: counts of a range, corrections from the ledgers, scores."""

from datetime import date

import polars as pl

from fundplatform import tables
from fundplatform.storage.base import WHOLE, Slice, Stamp
from fundplatform.storage.duckdb import DuckDBStore
from fundplatform.storage.source_scores import settle
from fundplatform_tests.storage.frames import FIRST, MONDAY, SECOND, TUESDAY, WEEK, bars, put


def counted(*days: date) -> pl.DataFrame:
    names = [n for n in tables.SOURCE_RELIABILITY.column_names if n.startswith("rows")]
    rows = {n: [2 if n in ("rows", "rows_expected", "rows_present") else 0] for n in names}
    one = pl.DataFrame({"source_id": [1], **rows}).drop("rows_corrected")
    return pl.concat(one.with_columns(session=pl.lit(d)) for d in days).select(
        pl.col(n).cast(tables.SOURCE_RELIABILITY.polars_schema[n])
        for n in tables.SOURCE_RELIABILITY.column_names
        if n in (*one.columns, "session")
    )


def judged(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.drop("fetched_at", "payload_hash").with_columns(
        known_at="bar_open_at", selected=True, warnings=pl.lit(None, pl.String)
    )


def settled(store: DuckDBStore, days: pl.DataFrame, part: Slice, stamp: Stamp) -> None:
    with store.transaction(stamp) as writer:
        settle(days)(writer, part)


def test_a_correction_lowers_the_score_from_its_session_on(duckdb_store: DuckDBStore) -> None:
    days = Slice({}, MONDAY, TUESDAY)
    given = bars((1, MONDAY, 2.0), (2, MONDAY, 3.0), (1, TUESDAY, 2.1), (2, TUESDAY, 3.1))
    put(duckdb_store, tables.OHLCV, given)
    put(duckdb_store, tables.VALIDATED, judged(given), WHOLE)
    settled(duckdb_store, counted(MONDAY, TUESDAY), days, FIRST)
    columns = ["session", "rows_corrected", "score"]
    read = duckdb_store.read(tables.SOURCE_RELIABILITY, columns=columns)
    assert read.rows() == [(MONDAY, 0, 100.0), (TUESDAY, 0, 100.0)]

    changed = bars((1, MONDAY, 2.0), (2, MONDAY, 3.3))
    put(duckdb_store, tables.OHLCV, changed, WEEK, SECOND)
    monday = Slice({}, MONDAY, MONDAY)
    put(duckdb_store, tables.VALIDATED, judged(changed), monday, SECOND)
    settled(duckdb_store, counted(MONDAY), monday, SECOND)
    read = duckdb_store.read(tables.SOURCE_RELIABILITY, columns=columns)
    # Monday: (0.2 x 1 + 0.2 x 1/2) / 0.4; Tuesday looks at both: (0.2 x 1 + 0.2 x 3/4) / 0.4.
    assert read.rows() == [(MONDAY, 1, 75.0), (TUESDAY, 0, 87.5)]


def test_a_bar_that_was_never_validated_is_no_correction(duckdb_store: DuckDBStore) -> None:
    put(duckdb_store, tables.OHLCV, bars((1, MONDAY, 2.0)))
    put(duckdb_store, tables.OHLCV, bars((1, MONDAY, 2.5)), stamp=SECOND)
    monday = Slice({}, MONDAY, MONDAY)
    settled(duckdb_store, counted(MONDAY), monday, SECOND)
    assert duckdb_store.read(tables.SOURCE_RELIABILITY)["rows_corrected"].to_list() == [0]
