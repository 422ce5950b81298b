"""Binance through ccxt: our requests only, windows, nothing lost, ccxt's refusals as our kinds."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytest

from fundplatform.errors import SourceError
from fundplatform.sources.base import Kind, Source
from fundplatform.sources.exchanges import BY_NAME
from fundplatform.sources.web.ccxt_source import CcxtSource
from fundplatform.sources.web.exchange import Exchange
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.profile import Access
from fundplatform_tests.sources.vendor_contract import Case, VendorContract
from fundplatform_tests.sources.vendor_server import Script, json
from fundplatform_tests.sources.web.wire import NOW, Wire, pair, reply, wired

EXCHANGE = BY_NAME["binance"]
PROFILE = EXCHANGE.profile
make = partial(CcxtSource, exchange=EXCHANGE)
BTC = pair("BTC/USDT", "BTC", "USDT")
KLINES = "/api/v3/klines"
MAR_8, MAR_9 = date(2024, 3, 8), date(2024, 3, 9)


def kline(day: date, *values: object) -> list[object]:
    """A row as documented: ms, O, H, L, C, V as texts, then seven more fields."""
    opens = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000
    prices = values or ("66823.17", "69990.00", "66000.10", "68300.01", "31234.56789000")
    return [opens, *prices, opens + 86399999, "1", 99, "1", "1", "0"]


@pytest.fixture
def wire() -> Iterator[Wire]:
    with wired(PROFILE) as running:
        yield running


def refused(code: int, message: str, status: int = 200) -> Script:
    return json({"code": code, "msg": message}, status)


class TestBinance(VendorContract):
    profile = PROFILE
    first, last, now = MAR_8, MAR_9, NOW
    tracked = (BTC,)
    cases: ClassVar = {
        "normal": Case(
            {KLINES: [kline(MAR_8), kline(MAR_9, "1.5", "2", "1", "1.75", "3")]},
            rows=2,
            row={"session": MAR_9, "close": 1.75, "volume": 3.0, "quote": "USDT"},
        ),
        # 2021-06-14 + 999 days = 2024-03-09, so a day more is a second window.
        "paged": Case(
            {KLINES: (json([kline(MAR_8)]), json([kline(MAR_9)]))},
            rows=2,
            first=date(2021, 6, 13),
        ),
        "numeric_strings": Case(
            {KLINES: [[str(cell) for cell in kline(MAR_9)]]}, rows=1, row={"close": 68300.01}
        ),
        "unfinished_bar": Case(
            {KLINES: [kline(MAR_9), kline(date(2024, 3, 10))]},
            rows=1,
            first=MAR_9,
            last=date(2024, 3, 10),
            absent=frozenset({date(2024, 3, 10)}),
        ),
        "doubled": Case(
            {
                KLINES: [
                    kline(MAR_8),
                    kline(MAR_8),
                    kline(MAR_9),
                    kline(MAR_9, "1", "2", "1", "1", "3"),
                ]
            },
            rows=1,
            rejected={"duplicate": 1, "conflicting_duplicate": 2},
        ),
        "out_of_range": Case(
            {KLINES: [kline(date(2024, 3, 7)), kline(MAR_9), kline(date(2024, 3, 10))]}, rows=1
        ),
        "bad_value": Case(
            {KLINES: [kline(MAR_8, "1", "-", "1", "1", "3"), kline(MAR_9)]},
            rows=1,
            rejected={"unparseable": 1},
        ),
        "empty_pending": Case({KLINES: []}, rows=0, first=MAR_9, absent=frozenset({MAR_9})),
        "empty_symbol": Case(
            {KLINES: []},
            rows=0,
            first=date(2024, 1, 1),
            last=date(2024, 1, 2),
            skipped={"BTC/USDT": Failure.NO_DATA},
        ),
        "unknown_symbol": Case(
            {KLINES: refused(-1121, "Invalid symbol.", 400)},
            rows=0,
            absent=frozenset({MAR_8, MAR_9}),
            skipped={"BTC/USDT": Failure.UNKNOWN_SYMBOL},
        ),
        "error_in_200": Case(
            {KLINES: refused(-1003, "Too many requests")}, failure=Failure.RATE_LIMITED
        ),
        "auth": Case(
            {KLINES: refused(-2014, "API-key format invalid.", 401)}, failure=Failure.AUTH
        ),
        "not_entitled": Case(
            {KLINES: refused(0, "restricted location", 451)}, failure=Failure.NOT_ENTITLED
        ),
        "missing_field": Case(
            {KLINES: [kline(MAR_8)[:5], kline(MAR_9)[:5]]},
            failure=Failure.SCHEMA_CHANGED,
            says="field volume",
        ),
        "changed_type": Case(
            {KLINES: [kline(MAR_9, "1", {"usd": 1}, "1", "1", "3")]},
            failure=Failure.SCHEMA_CHANGED,
            says="field high",
        ),
    }
    not_applicable: ClassVar = {
        "split_day": "coins do not split",
        "empty_closed": "the market never closes",
    }

    def make(self, access: Access) -> Source:
        return make(access)


def test_a_bar(wire: Wire) -> None:
    wire.vendor.on(KLINES, json([kline(date(2024, 3, 8))]))
    day = date(2024, 3, 8)
    batch = make(wire.access(BTC)).fetch(Kind.OHLCV, day, day, now=NOW)
    values = ("vendor_symbol", "session", "open", "high", "low", "close", "volume", "quote")
    assert batch.rows.select(values).rows() == [
        ("BTC/USDT", day, 66823.17, 69990.0, 66000.1, 68300.01, 31234.56789, "USDT")
    ]
    assert batch.rows["bar_open_at"].to_list() == [datetime(2024, 3, 8, tzinfo=UTC)]
    assert batch.rows["adjustment"].to_list() == ["none"]
    # 2024-03-08 00:00 UTC = 1709856000 s. One request: no list of markets is loaded.
    assert [a.params for a in wire.vendor.asked] == [
        {
            "interval": "1d",
            "limit": "1",
            "symbol": "BTCUSDT",
            "startTime": "1709856000000",
            "endTime": "1709942399999",
        }
    ]
    assert batch.listings is not None
    assert batch.listings.select("symbol", "market", "quote").rows() == [("BTC", "CRYPTO", "USDT")]


def test_windows_of_a_thousand(wire: Wire) -> None:
    first = [kline(date.fromordinal(date(2020, 1, 1).toordinal() + n)) for n in range(1000)]
    # 2020-01-01 + 999 days = 2022-09-26.
    wire.vendor.on(KLINES, json(first), json([kline(date(2022, 9, 27)), kline(date(2022, 9, 28))]))
    batch = make(wire.access(BTC)).fetch(Kind.OHLCV, date(2020, 1, 1), date(2022, 9, 28), now=NOW)
    assert batch.rows.height == 1002
    assert [a.params["limit"] for a in wire.vendor.asked] == ["1000", "2"]


def test_an_answer_shorter_than_asked_is_asked_on(wire: Wire) -> None:
    days = [date(2024, 3, n) for n in (1, 2, 3, 4)]
    wire.vendor.on(KLINES, json([kline(d) for d in days[:2]]), json([kline(d) for d in days[2:]]))
    batch = make(wire.access(BTC)).fetch(Kind.OHLCV, days[0], days[-1], now=NOW)
    assert batch.rows["session"].to_list() == days
    assert len(wire.vendor.asked) == 2


def test_newest_bars_instead_of_those_asked_are_no_success() -> None:
    small = Exchange("okx", "https://www.okx.com", "OKX", market_id="{base}-{quote}", limit=2)
    rows = [[str(1709683200000 + 86400000 * n), *["1"] * 7, "1"] for n in (1, 0)]
    with wired(small.profile) as wire:
        wire.vendor.on("/api/v5/market/history-candles", json({"code": "0", "data": rows}))
        wire.vendor.on("/api/v5/market/candles", json({"code": "0", "data": rows}))
        with pytest.raises(VendorError, match="a full answer begins at 2024-03-06") as caught:
            CcxtSource(wire.access(BTC), small).fetch(
                Kind.OHLCV, date(2024, 1, 1), date(2024, 1, 9), now=NOW
            )
    assert caught.value.failure is Failure.HISTORY_UNAVAILABLE


def test_the_running_bar_is_left_out(wire: Wire) -> None:
    wire.vendor.on(KLINES, json([kline(date(2024, 3, 9)), kline(date(2024, 3, 10))]))
    batch = make(wire.access(BTC)).fetch(Kind.OHLCV, date(2024, 3, 9), date(2024, 3, 10), now=NOW)
    assert batch.rows["session"].to_list() == [date(2024, 3, 9)]
    assert batch.absent == {date(2024, 3, 10)}


def test_rows_that_cannot_be_read_are_rejects(wire: Wire) -> None:
    day = date(2024, 3, 8)
    rows = [
        kline(date(2024, 3, 7), "1", "x", "1", "1", "1"),
        kline(day),
        [None, *kline(day)[1:]],
        [1709856000001, *kline(day)[1:]],
        kline(day),
    ]
    wire.vendor.on(KLINES, json(rows))
    batch = make(wire.access(BTC)).fetch(Kind.OHLCV, date(2024, 3, 7), day, now=NOW)
    assert batch.rows["session"].to_list() == [day]
    assert batch.rejected.select("row_number", "rule", "reason").rows() == [
        (1, "unparseable", "high is no number"),
        (3, "unparseable", "time is no number"),
        (4, "unparseable", "time is no 00:00 UTC"),
        (5, "duplicate", "equal to an earlier row of this fetch"),
    ]


def test_numbers_instead_of_texts(wire: Wire) -> None:
    day = date(2024, 3, 8)
    wire.vendor.on(KLINES, json([kline(day, 1.5, 2, 1, 1.75, 3)]))
    batch = make(wire.access(BTC)).fetch(Kind.OHLCV, day, day, now=NOW)
    assert batch.rows.select("open", "high", "low", "close", "volume").row(0) == (
        1.5,
        2,
        1,
        1.75,
        3,
    )


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ([kline(date(2024, 3, 8))[:5]], "field volume cannot be read in any row"),
        ([kline(date(2024, 3, 8), "1", {"p": 1}, "1", "1", "1")], "field high cannot be read"),
        (["a", "b"], "field time cannot be read"),
        ([{"openTime": 1709856000000, "open": "1"}], "cannot be read in any row"),
    ],
)
def test_another_form_fails_loudly(wire: Wire, rows: object, named: str) -> None:
    wire.vendor.on(KLINES, json(rows))
    day = date(2024, 3, 8)
    with pytest.raises(VendorError, match=named) as caught:
        make(wire.access(BTC)).fetch(Kind.OHLCV, day, day, now=NOW)
    assert caught.value.failure is Failure.SCHEMA_CHANGED


def test_no_json_fails_loudly(wire: Wire) -> None:
    wire.vendor.on(KLINES, Script(b"[[17098,", headers={"content-type": "text/html"}))
    with pytest.raises(VendorError, match="the answer is no JSON"):
        make(wire.access(BTC)).fetch(Kind.OHLCV, date(2024, 3, 8), date(2024, 3, 8), now=NOW)


@pytest.mark.parametrize(
    ("status", "code", "message", "failure"),
    [
        (400, -1121, "Invalid symbol.", Failure.UNKNOWN_SYMBOL),
        (200, -1121, "Invalid symbol.", Failure.UNKNOWN_SYMBOL),
        (429, -1003, "Too much request weight used", Failure.RATE_LIMITED),
        (418, -1003, "Way too much request weight used; IP banned", Failure.RATE_LIMITED),
        (200, -1003, "Too many requests", Failure.RATE_LIMITED),
        (451, 0, "Service unavailable from a restricted location", Failure.NOT_ENTITLED),
        (401, -2014, "API-key format invalid.", Failure.AUTH),
        (500, -1000, "An unknown error occured", Failure.TRANSIENT),
        (400, -1100, "Illegal characters found in parameter", Failure.SCHEMA_CHANGED),
    ],
)
def test_refusals(status: int, code: int, message: str, failure: Failure) -> None:
    refusal = EXCHANGE.classify(reply({"code": code, "msg": message}, status))
    assert refusal is not None
    assert refusal.failure is failure


def test_a_restricted_place_is_told_the_other_host() -> None:
    refusal = EXCHANGE.classify(reply({"code": 0, "msg": "restricted location"}, 451))
    assert refusal is not None
    assert "FUNDPLATFORM_BINANCE_URL=https://data-api.binance.vision" in refusal.remedy


@pytest.mark.parametrize(
    ("body", "status"), [([], 200), ({}, 200), (b"<html>", 502), (b"", 404), ({}, 403)]
)
def test_no_refusals_of_its_own(body: object, status: int) -> None:
    refusal = EXCHANGE.classify(reply(body, status))
    assert refusal is None or status >= 400


def test_an_unknown_pair_is_skipped_and_the_others_come(wire: Wire) -> None:
    day = date(2024, 3, 8)
    gone = pair("XXX/USDT", "XXX", "USDT")
    wire.vendor.on(
        KLINES,
        json({"code": -1121, "msg": "Invalid symbol."}, 400),
        json([kline(day)]),
    )
    batch = make(wire.access(gone, BTC)).fetch(Kind.OHLCV, day, day, now=NOW)
    assert batch.skipped.select("vendor_symbol", "failure").rows() == [
        ("XXX/USDT", "unknown_symbol")
    ]
    assert batch.rows["vendor_symbol"].to_list() == ["BTC/USDT"]


def test_a_rate_limit_waits_as_told(wire: Wire) -> None:
    day = date(2024, 3, 8)
    refused = json({"code": -1003, "msg": "Too many requests"}, 429, retry_after="11")
    wire.vendor.on(KLINES, refused, json([kline(day)]))
    assert make(wire.access(BTC)).fetch(Kind.OHLCV, day, day, now=NOW).rows.height == 1
    assert wire.slept == [11.0]


def test_another_host_is_never_asked() -> None:
    loading = Exchange("binance", "https://api.binance.com", "Binance", limit=1000)
    with wired(loading.profile) as wire:
        wire.vendor.on("/api/v3/exchangeInfo", json({"symbols": []}))
        with pytest.raises(SourceError, match=r"ccxt wants to GET fapi\.binance\.com"):
            CcxtSource(wire.access(BTC), loading).fetch(
                Kind.OHLCV, date(2024, 3, 8), date(2024, 3, 8), now=NOW
            )


def test_an_exchange_without_market_id_loads_its_markets() -> None:
    spot = {"fetchMarkets": {"types": ["spot"]}}
    loading = Exchange("binance", "https://api.binance.com", "Binance", limit=1000, options=spot)
    market = {
        "symbol": "BTCUSDT",
        "status": "TRADING",
        "baseAsset": "BTC",
        "quoteAsset": "USDT",
        "filters": [],
        "permissionSets": [["SPOT"]],
    }
    day = date(2024, 3, 8)
    unknown = pair("NOPE/USDT", "NOPE", "USDT")
    with wired(loading.profile) as wire:
        wire.vendor.on("/api/v3/exchangeInfo", json({"symbols": [market]}))
        wire.vendor.on(KLINES, json([kline(day)]))
        batch = CcxtSource(wire.access(BTC, unknown), loading).fetch(Kind.OHLCV, day, day, now=NOW)
    assert batch.rows["close"].to_list() == [68300.01]
    assert batch.skipped.select("vendor_symbol", "failure").rows() == [
        ("NOPE/USDT", "unknown_symbol")
    ]


def test_ccxt_is_imported_late() -> None:
    code = "import fundplatform.sources.register, sys; print('ccxt' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n"


def test_symbols() -> None:
    assert EXCHANGE.vendor_symbol("BTC", "USDT") == "BTC/USDT"


def test_the_recorded_answers(wire: Wire, shared_data: Path) -> None:
    body = (shared_data / "payloads/binance/klines_BTCUSDT_1m_one_row.json").read_bytes()
    wire.vendor.on(KLINES, Script(body, headers={"content-type": "application/json"}))
    day = date(2026, 9, 26)
    late = datetime(2026, 9, 28, tzinfo=UTC)
    batch = make(wire.access(BTC)).fetch(Kind.OHLCV, day, day, now=late)
    # The recording is a 1m bar of 09:59 UTC: it is read, and refused as a daily one.
    assert batch.rejected.select("reason", "row").rows() == [
        ("time is no 00:00 UTC", "[1790414340000, 83988.0, 83990.01, 83988.0, 83990.01, 0.22622]")
    ]
    refused = (shared_data / "payloads/errors/binance_418_ip_ban.json").read_bytes()
    refusal = EXCHANGE.classify(reply(refused, 418))
    assert refusal is not None
    assert refusal.failure is Failure.RATE_LIMITED
