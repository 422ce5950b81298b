"""Coinbase: windows of 300, row order, filtered rows, refusals by their body."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import ClassVar

import polars as pl
import pytest

from fundplatform.sources.base import Kind, Source
from fundplatform.sources.coinbase import PROFILE, Coinbase, classify, parse_candles, vendor_symbol
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.profile import Access
from fundplatform_tests.sources.vendor_contract import Case, VendorContract
from fundplatform_tests.sources.vendor_server import json
from fundplatform_tests.sources.web.wire import NOW, Wire, pair, reply, wired

BTC = pair("BTC-USD", "BTC", "USD")
ETH = pair("ETH-EUR", "ETH", "EUR")
CANDLES = "/products/BTC-USD/candles"
# 2024-03-06 .. 2024-03-08 as documented: [time, low, high, open, close, volume], newest first.
MAR_8 = [1709856000, 66000.0, 70083.05, 66885.22, 68317.5, 25000.5]
MAR_7 = [1709769600, 65600.0, 68050.0, 66085.31, 66885.22, 16301.25]
MAR_6 = [1709683200, 62802.1, 67648.0, 63746.31, 66085.31, 27053.0]


@pytest.fixture
def wire() -> Iterator[Wire]:
    with wired(PROFILE) as running:
        yield running


class TestCoinbase(VendorContract):
    profile = PROFILE
    first, last, now = date(2024, 3, 7), date(2024, 3, 8), NOW
    tracked = (BTC,)
    cases: ClassVar = {
        "normal": Case(
            {CANDLES: [MAR_8, MAR_7]},
            rows=2,
            row={"session": date(2024, 3, 8), "open": 66885.22, "close": 68317.5},
        ),
        # 2023-05-13 + 299 days = 2024-03-07: two windows.
        "paged": Case({CANDLES: (json([MAR_7]), json([MAR_8]))}, rows=2, first=date(2023, 5, 13)),
        "numeric_strings": Case(
            {CANDLES: [[str(cell) for cell in MAR_8]]}, rows=1, row={"volume": 25000.5}
        ),
        "unfinished_bar": Case(
            {CANDLES: [[1709942400, *MAR_8[1:]], MAR_8]},
            rows=1,
            first=date(2024, 3, 8),
            last=date(2024, 3, 9),
            now=datetime(2024, 3, 9, 12, tzinfo=UTC),
            absent=frozenset({date(2024, 3, 9)}),
        ),
        "doubled": Case(
            {CANDLES: [MAR_8, MAR_8, MAR_7, [*MAR_7[:5], 1.0]]},
            rows=1,
            rejected={"duplicate": 1, "conflicting_duplicate": 2},
        ),
        "out_of_range": Case({CANDLES: [[1709942400, *MAR_8[1:]], MAR_8, MAR_7, MAR_6]}, rows=2),
        "bad_value": Case(
            {CANDLES: [MAR_8, [*MAR_7[:5], "n/a"]]}, rows=1, rejected={"unparseable": 1}
        ),
        "empty_pending": Case(
            {CANDLES: []},
            rows=0,
            first=date(2024, 3, 9),
            last=date(2024, 3, 9),
            absent=frozenset({date(2024, 3, 9)}),
        ),
        "empty_symbol": Case(
            {CANDLES: []},
            rows=0,
            first=date(2024, 1, 1),
            last=date(2024, 1, 2),
            skipped={"BTC-USD": Failure.NO_DATA},
        ),
        "unknown_symbol": Case(
            {CANDLES: json({"message": "NotFound"}, 404)},
            rows=0,
            absent=frozenset({date(2024, 3, 7), date(2024, 3, 8)}),
            skipped={"BTC-USD": Failure.UNKNOWN_SYMBOL},
        ),
        "error_in_200": Case(
            {CANDLES: {"message": "Public rate limit exceeded"}}, failure=Failure.RATE_LIMITED
        ),
        "not_entitled": Case(
            {CANDLES: json({"message": "Forbidden"}, 403)}, failure=Failure.NOT_ENTITLED
        ),
        "missing_field": Case(
            {CANDLES: [MAR_8[:5], MAR_7[:5]]}, failure=Failure.SCHEMA_CHANGED, says="field volume"
        ),
        "changed_type": Case(
            {CANDLES: [[*MAR_8[:4], {"usd": 1}, 2.0]]},
            failure=Failure.SCHEMA_CHANGED,
            says="field close",
        ),
    }
    not_applicable: ClassVar = {
        "split_day": "coins do not split",
        "empty_closed": "the market never closes",
        "auth": "no key is sent",
    }

    def make(self, access: Access) -> Source:
        return Coinbase(access)


def test_bars_of_two_pairs(wire: Wire) -> None:
    wire.vendor.on(CANDLES, json([MAR_8, MAR_7]))
    wire.vendor.on("/products/ETH-EUR/candles", json([[1709769600, 3400, 3600, 3500, 3550.5, 9]]))
    source = Coinbase(wire.access(BTC, ETH))
    batch = source.fetch(Kind.OHLCV, date(2024, 3, 7), date(2024, 3, 8), now=NOW)
    columns = ("vendor_symbol", "session", "open", "high", "low", "close", "volume", "quote")
    assert batch.rows.select(columns).rows() == [
        ("BTC-USD", date(2024, 3, 7), 66085.31, 68050.0, 65600.0, 66885.22, 16301.25, "USD"),
        ("ETH-EUR", date(2024, 3, 7), 3500.0, 3600.0, 3400.0, 3550.5, 9.0, "EUR"),
        ("BTC-USD", date(2024, 3, 8), 66885.22, 70083.05, 66000.0, 68317.5, 25000.5, "USD"),
    ]
    one = batch.rows.row(0, named=True)
    assert one["bar_open_at"] == datetime(2024, 3, 7, tzinfo=UTC)
    assert (one["interval"], one["adjustment"], one["fetched_at"]) == ("1d", "none", NOW)
    assert batch.absent == frozenset()
    assert wire.vendor.asked[0].params == {
        "granularity": "86400",
        "start": "2024-03-07T00:00:00Z",
        "end": "2024-03-08T00:00:00Z",
    }
    assert wire.vendor.asked[0].headers["user-agent"] == "fundplatform"


def test_listings_begin_when_tracked(wire: Wire) -> None:
    wire.vendor.on(CANDLES, json([MAR_8, MAR_7]))
    batch = Coinbase(wire.access(BTC)).fetch(
        Kind.OHLCV, date(2024, 3, 7), date(2024, 3, 8), now=NOW
    )
    assert batch.listings is not None
    assert batch.listings.rows() == [
        ("BTC-USD", "BTC", "crypto", "CRYPTO", "USD", None, date(2013, 1, 1), date(2024, 3, 8))
    ]


def test_a_long_range_is_asked_in_windows_of_300(wire: Wire) -> None:
    wire.vendor.on(CANDLES, json([MAR_8]))
    source = Coinbase(wire.access(BTC))
    source.fetch(Kind.OHLCV, date(2023, 1, 1), date(2024, 3, 8), now=NOW)
    # 2023-01-01 + 299 days = 2023-10-27.
    assert [(a.params["start"][:10], a.params["end"][:10]) for a in wire.vendor.asked] == [
        ("2023-01-01", "2023-10-27"),
        ("2023-10-28", "2024-03-08"),
    ]


def test_a_pair_is_not_asked_before_it_is_tracked(wire: Wire) -> None:
    wire.vendor.on(CANDLES, json([MAR_8]))
    source = Coinbase(wire.access(pair("BTC-USD", "BTC", "USD", since=date(2024, 3, 8))))
    source.fetch(Kind.OHLCV, date(2024, 3, 1), date(2024, 3, 8), now=NOW)
    assert wire.vendor.asked[0].params["start"] == "2024-03-08T00:00:00Z"
    wire.vendor.asked.clear()
    source.fetch(Kind.OHLCV, date(2024, 2, 1), date(2024, 2, 8), now=NOW)
    assert wire.vendor.asked == []


def test_unfinished_and_future_days_are_not_published(wire: Wire) -> None:
    running = [1710028800, 1, 2, 1, 2, 3]  # 2024-03-10, it is noon
    wire.vendor.on(CANDLES, json([running, [1709942400, 68000, 68500, 68317, 68400.5, 12]]))
    source = Coinbase(wire.access(BTC))
    batch = source.fetch(Kind.OHLCV, date(2024, 3, 9), date(2024, 3, 11), now=NOW)
    assert batch.rows["session"].to_list() == [date(2024, 3, 9)]
    assert batch.absent == {date(2024, 3, 10), date(2024, 3, 11)}
    assert wire.vendor.asked[0].params["end"] == "2024-03-09T00:00:00Z"


def test_nine_minutes_after_midnight_yesterday_is_not_published(wire: Wire) -> None:
    early = datetime(2024, 3, 10, 0, 9, tzinfo=UTC)
    day = date(2024, 3, 9)
    batch = Coinbase(wire.access(BTC)).fetch(Kind.OHLCV, day, day, now=early)
    assert (batch.absent, wire.vendor.asked) == ({day}, [])


def test_rows_outside_the_range_are_left_out(wire: Wire) -> None:
    wire.vendor.on(CANDLES, json([MAR_8, MAR_7, MAR_6]))
    batch = Coinbase(wire.access(BTC)).fetch(
        Kind.OHLCV, date(2024, 3, 7), date(2024, 3, 7), now=NOW
    )
    assert batch.rows["session"].to_list() == [date(2024, 3, 7)]
    assert batch.payloads["rows"].to_list() == [1]


def test_empty_answers_are_told_apart(wire: Wire) -> None:
    wire.vendor.on(CANDLES, json([]))
    source = Coinbase(wire.access(BTC))
    old = source.fetch(Kind.OHLCV, date(2014, 1, 1), date(2014, 1, 2), now=NOW)
    assert (old.rows.height, old.absent) == (0, frozenset())
    assert old.skipped["failure"].to_list() == ["no_data"]
    recent = source.fetch(Kind.OHLCV, date(2024, 3, 6), date(2024, 3, 9), now=NOW)
    assert recent.absent == {date(2024, 3, 7), date(2024, 3, 8), date(2024, 3, 9)}


def test_a_late_day_of_all_pairs_is_not_published(wire: Wire) -> None:
    wire.vendor.on(CANDLES, json([MAR_8]))
    batch = Coinbase(wire.access(BTC)).fetch(
        Kind.OHLCV, date(2024, 3, 8), date(2024, 3, 9), now=NOW
    )
    assert batch.absent == {date(2024, 3, 9)}


def test_an_unknown_product_is_skipped_and_the_others_come(wire: Wire) -> None:
    gone = pair("XXX-USD", "XXX", "USD")
    wire.vendor.on("/products/XXX-USD/candles", json({"message": "NotFound"}, 404))
    wire.vendor.on(CANDLES, json([MAR_8]))
    batch = Coinbase(wire.access(gone, BTC)).fetch(
        Kind.OHLCV, date(2024, 3, 8), date(2024, 3, 8), now=NOW
    )
    assert batch.rows["vendor_symbol"].to_list() == ["BTC-USD"]
    assert batch.skipped.select("vendor_symbol", "failure").rows() == [
        ("XXX-USD", "unknown_symbol")
    ]


def test_rows_that_cannot_be_read_are_rejects(wire: Wire) -> None:
    wire.vendor.on(
        CANDLES,
        json([[1709856000, "66000", "x", "66885.22", "68317.5", None], MAR_7, [1709683200, 1]]),
    )
    batch = Coinbase(wire.access(BTC)).fetch(
        Kind.OHLCV, date(2024, 3, 1), date(2024, 3, 8), now=NOW
    )
    assert batch.rows["close"].to_list() == [66885.22]
    assert batch.rejected.select("row_number", "vendor_symbol", "rule", "reason").rows() == [
        (1, "BTC-USD", "unparseable", "high is no number; volume is no number"),
        (3, "BTC-USD", "unparseable", "field high is missing"),
    ]
    assert batch.rejected["row"][0] == '[1709856000, "66000", "x", "66885.22", "68317.5", null]'
    assert batch.payloads["rows"].to_list() == [3]


def test_a_time_that_is_no_midnight_is_a_reject() -> None:
    answer = parse_candles(reply([[1709856060, *MAR_8[1:]], MAR_7, [-86400, *MAR_6[1:]]]), BTC)
    assert answer.rows["session"].to_list() == [date(2024, 3, 7)]
    assert answer.rejected["reason"].to_list() == ["time is no 00:00 UTC"] * 2


def test_doubled_rows(wire: Wire) -> None:
    other = [*MAR_7[:4], 1.5, MAR_7[5]]
    wire.vendor.on(CANDLES, json([MAR_8, MAR_8, MAR_7, other]))
    batch = Coinbase(wire.access(BTC)).fetch(
        Kind.OHLCV, date(2024, 3, 7), date(2024, 3, 8), now=NOW
    )
    assert batch.rows["session"].to_list() == [date(2024, 3, 8)]
    rules = ["duplicate", "conflicting_duplicate", "conflicting_duplicate"]
    assert batch.rejected["rule"].to_list() == rules


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ([row[:5] for row in (MAR_8, MAR_7)], "field volume is missing"),
        ([[*MAR_8[:5], {"base": 1}], MAR_7], "field volume is of another type now: dict"),
        ([[*MAR_8[:4], "a", 1], [*MAR_7[:4], "b", 2]], "field close is a number in no row"),
        ({"candles": []}, "a list was expected, not dict"),
        ([{"time": 1}], "a row is of type dict"),
        (b"[[1709856000, 660", "the answer is no JSON"),
        ([[True, *MAR_8[1:]]], "field time is of another type now: bool"),
    ],
)
def test_another_form_fails_loudly(body: object, named: str) -> None:
    with pytest.raises(VendorError, match=named) as caught:
        parse_candles(reply(body), BTC)
    assert caught.value.failure is Failure.SCHEMA_CHANGED
    assert caught.value.payload_hash == "0" * 64


@pytest.mark.parametrize(
    ("status", "message", "failure"),
    [
        (429, "Public rate limit exceeded", Failure.RATE_LIMITED),
        (200, "Public rate limit exceeded", Failure.RATE_LIMITED),
        (404, "NotFound", Failure.UNKNOWN_SYMBOL),
        (400, "granularity too small for the requested time range", Failure.SCHEMA_CHANGED),
        (503, "Service Unavailable", Failure.TRANSIENT),
        (403, "Forbidden", Failure.NOT_ENTITLED),
    ],
)
def test_refusals(status: int, message: str, failure: Failure) -> None:
    refusal = classify(reply({"message": message}, status))
    assert refusal is not None
    assert refusal.failure is failure
    assert message.lower() in refusal.problem


def test_a_rate_limit_waits_as_told_and_goes_on(wire: Wire) -> None:
    refused = json({"message": "Public rate limit exceeded"}, 429, retry_after="7")
    wire.vendor.on(CANDLES, refused, json([MAR_8]))
    batch = Coinbase(wire.access(BTC)).fetch(
        Kind.OHLCV, date(2024, 3, 8), date(2024, 3, 8), now=NOW
    )
    assert (batch.rows.height, wire.slept) == (1, [7.0])


def test_symbols() -> None:
    assert vendor_symbol("BTC", "USD") == "BTC-USD"


def test_the_recorded_answer(shared_data: Path) -> None:
    body = (shared_data / "payloads/coinbase/candles_BTC-USD_86400_2026-08.json").read_bytes()
    answer = parse_candles(reply(body), BTC)
    assert answer.rows.height == 10
    assert answer.rejected.is_empty()
    # Read by eye: the first row of the file, [1786320000, 63733.03, 65341.83, 64848.68, 63911.88,
    # 6197.02944527]; 1786320000 s = 2026-08-10 00:00 UTC.
    row = answer.rows.filter(pl.col("session") == date(2026, 8, 10)).row(0, named=True)
    assert (row["open"], row["high"], row["low"], row["close"], row["volume"]) == (
        64848.68,
        65341.83,
        63733.03,
        63911.88,
        6197.02944527,
    )
