"""Bad rows in a file, from the drop folder to prices.validated: where each ends and what stays.

First a good file (7 sessions x 10 names), then one with the bad rows alone in its place. At most
three bad rows a session, so that the gate stays open; the gate has a file of its own.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from fundplatform import calendars, tables
from fundplatform.settings import Settings
from fundplatform_tests.dropped import HEADER, bar, folder, table
from fundplatform_tests.pipeline import Pipeline, make

FIRST, LAST = date(2024, 1, 2), date(2024, 1, 31)
NAMES = [f"A{n}" for n in range(10)]
GOOD = [bar(f"2024-01-{d:02}", name) for d in (2, 3, 4, 5, 8, 9, 10) for name in NAMES]
ODD_TICKERS = ("NAN", "NA", "TRUE", "INF", "NULL")

# row, and the rule and reason under which prices.rejected must hold it
JUDGED = [
    ("2024-01-02,A0,,11,9,10.5,100", "V02", "open NULL"),
    ("2024-01-02,A1,10,11,9,nan,100", "V03", "close NaN is not finite"),
    ("2024-01-02,A2,10,inf,9,10.5,100", "V03", "high inf is not finite"),
    ("2024-01-03,A0,-10,11,-11,10.5,100", "V03", "open -10.0 is not > 0, low -11.0 is not > 0"),
    ("2024-01-03,A1,0,11,9,10.5,100", "V03,V05", "open 0.0 is not > 0"),
    ("2024-01-03,A2,10,11,9,12,100", "V04", "high 11.0 < max(open, low, close) 12.0"),
    ("2024-01-05,A0,10,11,9,10.5,-5", "V06", "volume -5.0 is not a finite number >= 0"),
    ("2024-01-05,A1,10,11,9,10.5,inf", "V06", "volume inf is not a finite number >= 0"),
    ("2024-01-06,A0,10,11,9,10.5,100", "V09", "2024-01-06 is no session of the calendar"),
]
# row, and the rule and the start of the reason under which raw.rejected must hold it
REFUSED = [
    ("2024-01-04,A5,abc,11,9,10.5,100", "unparseable", "open 'abc' is no number"),
    ("2024-01-04,A6,10,11,9,10.5,1e5x", "unparseable", "volume '1e5x' is no number"),
    ("2023-12-29,A8,10,11,9,10.5,100", "outside_coverage", "session 2023-12-29 lies outside"),
    ("2024-02-01,A8,10,11,9,10.5,100", "outside_coverage", "session 2024-02-01 lies outside"),
    ("1970-01-01,A8,10,11,9,10.5,100", "outside_coverage", "session 1970-01-01 lies outside"),
    ("0,A8,10,11,9,10.5,100", "unparseable", "session '0' is no date"),
    ("03/01/2024,A8,10,11,9,10.5,100", "unparseable", "session '03/01/2024' is no date"),
    ("2024-1-3,A8,10,11,9,10.5,100", "unparseable", "session '2024-1-3' is no date"),
    ("2024-01-04,,10,11,9,10.5,100", "missing_key", "no symbol"),
    ("2024-01-04,A9,10,11", "unparseable", "4 cells instead of 7"),
    (HEADER, "unparseable", "the header line again"),
]
DOUBLED = [bar("2024-01-08", "A6"), bar("2024-01-08", "A6")]
CONFLICT = [bar("2024-01-08", "A7"), bar("2024-01-08", "A7", 10.6)]
WELCOME = [bar("2024-01-09", t) for t in ODD_TICKERS] + [bar("2024-01-09", "NEWCO")]
BAD = [*(r for r, *_ in JUDGED), *(r for r, *_ in REFUSED), *DOUBLED, *CONFLICT, *WELCOME]


@pytest.fixture(scope="module")
def before_and_after(
    tmp_path_factory: pytest.TempPathFactory, calendar_cache: Path
) -> Iterator[tuple[Pipeline, pl.DataFrame]]:
    """The pipeline after the bad file, and raw.ohlcv as the good file had left it."""
    home = tmp_path_factory.mktemp("home")
    (home / "calendars").symlink_to(calendar_cache)
    settings = Settings(home=home, sources=(), lock_timeout=20)
    file = folder(settings, "mine") / "bars.csv"
    file.write_text(table(GOOD))
    pipeline = make(settings)
    pipeline.backfill(FIRST, LAST)
    before = pipeline.store.read(tables.OHLCV)
    assert before.height == pipeline.store.read(tables.VALIDATED).height == 70
    file.write_text(table(BAD))
    pipeline.backfill(FIRST, LAST, refetch=True)
    yield pipeline, before
    calendars.use_cache(calendar_cache)


@pytest.fixture
def pipeline(before_and_after: tuple[Pipeline, pl.DataFrame]) -> Pipeline:
    return before_and_after[0]


def symbols_of(pipeline: Pipeline, frame: pl.DataFrame) -> pl.DataFrame:
    names = pipeline.store.read(tables.INSTRUMENTS, columns=["instrument_id", "symbol"])
    return frame.join(names, on="instrument_id")


def test_bad_rows_are_no_failed_run(pipeline: Pipeline) -> None:
    assert [o.errors for o in pipeline.outcomes if o.errors] == []


@pytest.mark.parametrize(("row", "rules", "reason"), JUDGED)
def test_a_value_that_breaks_a_rule_is_rejected_with_it(
    pipeline: Pipeline, row: str, rules: str, reason: str
) -> None:
    session, symbol = row.split(",")[:2]
    mine = (pl.col("session") == date.fromisoformat(session)) & (pl.col("symbol") == symbol)
    rejected = symbols_of(pipeline, pipeline.store.read(tables.REJECTED)).filter(mine)
    assert rejected["rules"].to_list() == [rules]
    assert rejected["reason"].item().startswith(reason)
    assert symbols_of(pipeline, pipeline.store.read(tables.VALIDATED)).filter(mine).is_empty()
    assert symbols_of(pipeline, pipeline.store.read(tables.OHLCV)).filter(mine).height == 1


@pytest.mark.parametrize(("row", "rule", "reason"), REFUSED)
def test_a_row_that_is_none_is_rejected_at_load_as_it_was_read(
    pipeline: Pipeline, row: str, rule: str, reason: str
) -> None:
    number = BAD.index(row) + 1
    refused = pipeline.store.read(tables.REJECTED_AT_LOAD).filter(row_number=number)
    assert refused["rule"].to_list() == [rule]
    assert refused["reason"].item().startswith(reason)
    assert all(cell in refused["row"].item() for cell in row.split(","))


def test_of_equal_rows_one_stays_and_of_differing_rows_none(pipeline: Pipeline) -> None:
    refused = pipeline.store.read(tables.REJECTED_AT_LOAD).filter(session=date(2024, 1, 8))
    found = refused.sort("row_number").select("vendor_symbol", "rule").rows()
    assert found == [
        ("A6", "duplicate"),
        ("A7", "conflicting_duplicate"),
        ("A7", "conflicting_duplicate"),
    ]


@pytest.mark.parametrize("ticker", [*ODD_TICKERS, "NEWCO"])
def test_odd_and_unknown_tickers_are_instruments(pipeline: Pipeline, ticker: str) -> None:
    validated = symbols_of(pipeline, pipeline.store.read(tables.VALIDATED))
    assert validated.filter(symbol=ticker)["session"].to_list() == [date(2024, 1, 9)]
    tiers = symbols_of(pipeline, pipeline.store.read(tables.TIERS)).filter(symbol=ticker)
    assert set(tiers["tier"]) == {"UNCLASSIFIED"}


def test_every_vendor_row_is_counted_once(pipeline: Pipeline) -> None:
    payload = pipeline.store.read(tables.PAYLOADS).filter(rows=len(BAD))
    load = pipeline.store.read(tables.LOADS).filter(
        pl.col("table_name") == "raw.ohlcv", pl.col("rows_in") == len(BAD)
    )
    stored = load.select(pl.sum_horizontal("rows_inserted", "rows_updated", "rows_unchanged"))
    refused = pipeline.store.read(tables.REJECTED_AT_LOAD)
    assert payload.height == load.height == 1
    # 11 that are no rows, 1 equal and 2 conflicting duplicates.
    assert refused.height == load["rows_rejected"].item() == 14
    assert stored.item() == len(BAD) - 14


def test_raw_is_validated_plus_rejected_plus_held_in_every_session(pipeline: Pipeline) -> None:
    gates = pipeline.store.read(tables.GATES)
    for name, counted in (
        ("rows_raw", tables.OHLCV),
        ("rows_validated", tables.VALIDATED),
        ("rows_rejected", tables.REJECTED),
    ):
        rows = dict(pipeline.store.read(counted).group_by("session").len().iter_rows())
        claimed = gates.filter(pl.col(name) > 0).select("session", name)
        assert dict(claimed.iter_rows()) == rows, name
    # The Saturday is a slice of one bad row; nothing else is held, so nothing else is lost.
    assert gates.filter("held")["session"].to_list() == [date(2024, 1, 6)]
    open_ = gates.filter(~pl.col("held"))
    assert (open_["rows_raw"] == open_["rows_validated"] + open_["rows_rejected"]).all()


def test_no_partition_is_smaller_than_before(
    before_and_after: tuple[Pipeline, pl.DataFrame],
) -> None:
    pipeline, before = before_and_after
    after = pipeline.store.read(tables.OHLCV)
    assert before.join(after, on=tables.OHLCV.key, how="anti").is_empty()
    # 70 rows, the Saturday and six new tickers.
    assert after.height == 70 + 1 + 6
    validated = symbols_of(pipeline, pipeline.store.read(tables.VALIDATED))
    # A5 and A7 came unreadable or contradicted: their good rows stand.
    kept = validated.filter(pl.col("symbol").is_in(["A5", "A7"]))
    assert kept.group_by("symbol").len().sort("symbol").rows() == [("A5", 7), ("A7", 7)]


def test_what_a_bad_value_replaced_is_still_there(pipeline: Pipeline) -> None:
    old = symbols_of(pipeline, pipeline.store.query("select * from raw.ohlcv_revisions"))
    mine = old.filter(symbol="A1", session=date(2024, 1, 2))
    assert mine["close"].to_list() == [10.5]
    assert mine["recorded_to"].null_count() == 0
