"""Kraken: the running bar, the cap of 720, trades paged by id, 200-with-error."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import ClassVar

import dagster as dg
import pytest

from fundplatform.errors import SourceError
from fundplatform.fetch_plan import raw_chunks
from fundplatform.sources.base import Kind, Source
from fundplatform.sources.kraken import PROFILE, Kraken, vendor_symbol
from fundplatform.sources.kraken.answers import parse_ohlc, parse_trades
from fundplatform.sources.kraken.profile import classify
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.profile import Access
from fundplatform_tests.sources.vendor_contract import Case, VendorContract
from fundplatform_tests.sources.vendor_server import Script, json
from fundplatform_tests.sources.web.wire import NOW, Wire, pair, reply, wired

BTC = replace(pair("XBTUSD", "BTC", "USD"), kinds=frozenset({"ohlcv", "trades"}))
OHLC, TRADES = "/0/public/OHLC", "/0/public/Trades"
# 2024-03-08 and the running 2024-03-10 (00:00 UTC = 1709856000, 1710028800).
MAR_8 = [1709856000, "66885.2", "70083.0", "66000.0", "68317.5", "67900.1", "2500.12345678", 45678]
MAR_9 = [1709942400, "68317.5", "68700.0", "68000.0", "68400.0", "68350.0", "800.5", 12345]
MAR_10 = [1710028800, "68400.0", "68500.0", "68300.0", "68450.0", "68420.0", "10.0", 345]


def ohlc(*rows: object, name: str = "XXBTZUSD") -> Script:
    return json({"error": [], "result": {name: list(rows), "last": 1709942400}})


def trades(last: str, *rows: object) -> Script:
    return json({"error": [], "result": {"XXBTZUSD": list(rows), "last": last}})


def trade(time: float, number: int, price: str = "68000.10", volume: str = "0.5") -> list[object]:
    return [price, volume, time, "b", "l", "", number]


@pytest.fixture
def wire() -> Iterator[Wire]:
    with wired(PROFILE) as running:
        yield running


def refused(error: str) -> Script:
    return json({"error": [error]})


class TestKraken(VendorContract):
    profile = PROFILE
    first, last, now = date(2024, 3, 8), date(2024, 3, 9), NOW
    tracked = (BTC,)
    cases: ClassVar = {
        "normal": Case(
            {OHLC: ohlc(MAR_8, MAR_9, MAR_10)},
            rows=2,
            row={"session": date(2024, 3, 8), "close": 68317.5, "trade_count": 45678},
        ),
        "paged": Case(
            {
                TRADES: (
                    trades("1709900000000000000", trade(1709856000.5, 1)),
                    trades("1709942400000000000", trade(1709942399.0, 2)),
                )
            },
            rows=2,
            row={"trade_id": 2, "price": 68000.1, "session": date(2024, 3, 8)},
            last=date(2024, 3, 8),
            kind=Kind.TRADES,
        ),
        "numeric_strings": Case(
            {OHLC: ohlc([str(cell) for cell in MAR_9])}, rows=1, row={"trade_count": 12345}
        ),
        "unfinished_bar": Case(
            {OHLC: ohlc(MAR_9, MAR_10)},
            rows=1,
            last=date(2024, 3, 10),
            absent=frozenset({date(2024, 3, 10)}),
        ),
        "doubled": Case(
            {OHLC: ohlc(MAR_8, [*MAR_8[:7], 1], MAR_9, MAR_9)},
            rows=1,
            rejected={"duplicate": 1, "conflicting_duplicate": 2},
        ),
        "out_of_range": Case({OHLC: ohlc([1709769600, *MAR_8[1:]], MAR_9, MAR_10)}, rows=1),
        "bad_value": Case(
            {OHLC: ohlc(MAR_9, [*MAR_8[:4], "-", *MAR_8[5:]])}, rows=1, rejected={"unparseable": 1}
        ),
        "empty_pending": Case(
            {OHLC: ohlc()},
            rows=0,
            first=date(2024, 3, 9),
            absent=frozenset({date(2024, 3, 9)}),
        ),
        "empty_symbol": Case(
            {OHLC: ohlc()},
            rows=0,
            first=date(2024, 1, 1),
            last=date(2024, 1, 2),
            skipped={"XBTUSD": Failure.NO_DATA},
        ),
        "unknown_symbol": Case(
            {OHLC: refused("EQuery:Unknown asset pair")},
            rows=0,
            absent=frozenset({date(2024, 3, 8), date(2024, 3, 9)}),
            skipped={"XBTUSD": Failure.UNKNOWN_SYMBOL},
        ),
        "error_in_200": Case({OHLC: refused("EService:Unavailable")}, failure=Failure.TRANSIENT),
        "auth": Case({OHLC: refused("EAPI:Invalid key")}, failure=Failure.AUTH),
        "not_entitled": Case(
            {OHLC: refused("EGeneral:Permission denied")}, failure=Failure.NOT_ENTITLED
        ),
        "missing_field": Case(
            {OHLC: ohlc(MAR_8[:7], MAR_9[:7])},
            failure=Failure.SCHEMA_CHANGED,
            says="field trade_count",
        ),
        "changed_type": Case(
            {OHLC: ohlc([*MAR_8[:5], {"usd": 1}, *MAR_8[6:]])},
            failure=Failure.SCHEMA_CHANGED,
            says="field vwap",
        ),
    }
    not_applicable: ClassVar = {
        "split_day": "coins do not split",
        "empty_closed": "the market never closes",
    }

    def make(self, access: Access) -> Source:
        return Kraken(access)


def test_bars_without_the_running_one(wire: Wire) -> None:
    wire.vendor.on(OHLC, ohlc(MAR_8, MAR_9, MAR_10))
    batch = Kraken(wire.access(BTC)).fetch(Kind.OHLCV, date(2024, 3, 8), date(2024, 3, 10), now=NOW)
    values = ("session", "open", "high", "low", "close", "vwap", "volume", "trade_count")
    assert batch.rows.select(values).rows() == [
        (date(2024, 3, 8), 66885.2, 70083.0, 66000.0, 68317.5, 67900.1, 2500.12345678, 45678),
        (date(2024, 3, 9), 68317.5, 68700.0, 68000.0, 68400.0, 68350.0, 800.5, 12345),
    ]
    assert batch.rows.select("quote", "interval", "adjustment").unique().rows() == [
        ("USD", "1d", "none")
    ]
    assert batch.absent == {date(2024, 3, 10)}
    assert batch.rejected.is_empty()
    assert wire.vendor.asked[0].params == {
        "pair": "XBTUSD",
        "interval": "1440",
        "since": "1709855999",
    }


def capped(first: int, count: int = 720) -> Script:
    """So many days from the epoch second `first`."""
    return ohlc(*[[first + 86400 * n, *MAR_8[1:]] for n in range(count)])


def test_the_cap_of_720_is_no_success(wire: Wire) -> None:
    # 720 bars up to 2024-03-10 begin on 2022-03-22.
    wire.vendor.on(OHLC, capped(1710028800 - 719 * 86400))
    with pytest.raises(VendorError, match="oldest of its newest 720 days is 2022-03-22") as caught:
        Kraken(wire.access(BTC)).fetch(Kind.OHLCV, date(2021, 1, 1), date(2024, 3, 9), now=NOW)
    assert caught.value.failure is Failure.HISTORY_UNAVAILABLE
    assert "track the pair since 2022-03-22" in caught.value.remedy


def test_a_full_answer_that_begins_where_asked_is_whole(wire: Wire) -> None:
    wire.vendor.on(OHLC, capped(1710028800 - 719 * 86400))
    batch = Kraken(wire.access(BTC)).fetch(Kind.OHLCV, date(2022, 3, 22), date(2024, 3, 9), now=NOW)
    assert batch.rows.height == 719


def test_a_younger_pair_has_fewer_bars_and_is_whole(wire: Wire) -> None:
    wire.vendor.on(OHLC, ohlc(MAR_8, MAR_9))
    batch = Kraken(wire.access(BTC)).fetch(Kind.OHLCV, date(2020, 1, 1), date(2024, 3, 9), now=NOW)
    assert batch.rows.height == 2


def test_a_short_gap_before_the_cap_is_made_of_trades(wire: Wire) -> None:
    wire.vendor.on(OHLC, capped(1710028800 - 719 * 86400))
    # 2022-03-21 00:00 UTC = 1647820800; the first page ends within it.
    wire.vendor.on(
        TRADES,
        trades(
            "1647830000000000000",
            trade(1647820800.5, 1, "100", "1"),
            trade(1647829999.0, 2, "130", "2"),
        ),
        trades(
            "1647907300000000000",
            trade(1647829999.0, 2, "130", "2"),
            trade(1647907199.9, 3, "90", "1"),
            trade(1647907200.0, 4, "999", "9"),
        ),
    )
    batch = Kraken(wire.access(BTC)).fetch(
        Kind.OHLCV, date(2022, 3, 21), date(2022, 3, 22), now=NOW
    )
    values = ("session", "open", "high", "low", "close", "volume", "vwap", "trade_count")
    # vwap = (100 x 1 + 130 x 2 + 90 x 1) / 4 = 112.5
    assert batch.rows.select(values).row(0) == (
        date(2022, 3, 21),
        100.0,
        130.0,
        90.0,
        90.0,
        4.0,
        112.5,
        3,
    )
    assert batch.rows["session"].to_list() == [date(2022, 3, 21), date(2022, 3, 22)]
    assert batch.payloads.height == 3


def test_trades_are_paged_by_id(wire: Wire) -> None:
    wire.vendor.on(
        TRADES,
        trades("1709856002000000001", trade(1709856000.123456, 11), trade(1709856002.0, 12)),
        trades("1709942399999999999", trade(1709856002.0, 12), trade(1709942399.9999998, 13)),
        trades("1709942500000000000", trade(1709942400.0, 14)),
    )
    day = date(2024, 3, 8)
    batch = Kraken(wire.access(BTC)).fetch(Kind.TRADES, day, day, now=NOW)
    assert [a.params["since"] for a in wire.vendor.asked] == [
        "1709855999999999999",
        "1709856002000000001",
        "1709942399999999999",
    ]
    columns = ("vendor_symbol", "trade_id", "session", "price", "volume", "quote")
    assert batch.rows.select(columns).rows() == [
        ("XBTUSD", 11, day, 68000.1, 0.5, "USD"),
        ("XBTUSD", 12, day, 68000.1, 0.5, "USD"),
        ("XBTUSD", 13, day, 68000.1, 0.5, "USD"),
    ]
    # The last trade of the day stays in it, although its microseconds round up to midnight.
    assert batch.rows["traded_at"].to_list() == [
        datetime(2024, 3, 8, 0, 0, 0, 123456, tzinfo=UTC),
        datetime(2024, 3, 8, 0, 0, 2, tzinfo=UTC),
        datetime(2024, 3, 8, 23, 59, 59, 999999, tzinfo=UTC),
    ]
    assert batch.rejected["rule"].to_list() == ["duplicate"]


def test_trades_come_only_where_they_are_asked_for(wire: Wire) -> None:
    wire.vendor.on(OHLC, ohlc(MAR_8))
    source = Kraken(wire.access(pair("XBTUSD", "BTC", "USD")))
    day = date(2024, 3, 8)
    assert source.fetch(Kind.OHLCV, day, day, now=NOW).rows.height == 1
    assert source.fetch(Kind.TRADES, day, day, now=NOW).rows.height == 0
    only = Kraken(wire.access(replace(BTC, kinds=frozenset({"trades"}))))
    assert only.fetch(Kind.OHLCV, day, day, now=NOW).rows.height == 0
    assert [a.path for a in wire.vendor.asked] == [OHLC]


def test_a_backfill_plans_trades_only_where_they_are_asked_for(wire: Wire) -> None:
    bars = pair("XBTUSD", "BTC", "USD")
    both = replace(bars, vendor_symbol="ETHUSD", kinds=frozenset({"ohlcv", "trades"}))
    only = replace(bars, kinds=frozenset({"trades"}))
    day = date(2024, 3, 8)
    with dg.DagsterInstance.ephemeral() as instance:
        for tracked, kinds in (
            ((), ["ohlcv"]),
            ((bars,), ["ohlcv"]),
            ((bars, both), ["ohlcv", "trades"]),
            ((only,), ["trades"]),
        ):
            source = Kraken(wire.access(*tracked))
            chunks = raw_chunks(source, instance, day, day, refetch=True, now=NOW)
            assert [c.label for c in chunks] == [f"raw/kraken/{kind}" for kind in kinds]


def test_trades_end_when_the_id_stays(wire: Wire) -> None:
    wire.vendor.on(TRADES, trades("1709856002000000000", trade(1709856001.0, 1)))
    day = date(2024, 3, 8)
    batch = Kraken(wire.access(BTC)).fetch(Kind.TRADES, day, day, now=NOW)
    assert (batch.rows.height, len(wire.vendor.asked)) == (1, 2)


def test_a_full_page_that_names_no_next_one_is_truncated(wire: Wire) -> None:
    page = [trade(1709856000 + n / 1000, n) for n in range(1000)]
    wire.vendor.on(TRADES, trades("1709855999999999999", *page))
    with pytest.raises(VendorError, match="names no next one") as caught:
        Kraken(wire.access(BTC)).fetch(Kind.TRADES, date(2024, 3, 8), date(2024, 3, 8), now=NOW)
    assert caught.value.failure is Failure.TRUNCATED


def test_rows_that_cannot_be_read_are_rejects() -> None:
    bad = [*MAR_9[:2], "NaN", *MAR_9[3:]]
    answer = parse_ohlc(
        reply({"error": [], "result": {"XXBTZUSD": [MAR_8, bad, [0, *MAR_8[1:]]], "last": 1}}), BTC
    )
    assert answer.rows["session"].to_list() == [date(2024, 3, 8)]
    assert answer.rejected.select("row_number", "reason").rows() == [
        (2, "high is no number"),
        (3, "time is no 00:00 UTC"),
    ]


def test_a_trade_that_cannot_be_read_is_a_reject() -> None:
    answer, last = parse_trades(
        reply(
            {
                "error": [],
                "result": {
                    "XXBTZUSD": [trade(1709856000.0, 1), trade(1709856000.0, 2, price="")],
                    "last": "7",
                },
            }
        ),
        BTC,
    )
    assert (answer.rows["trade_id"].to_list(), last) == ([1], "7")
    assert answer.rejected["reason"].to_list() == ["price is no number"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"error": []}, "field result is missing"),
        ({"error": [], "result": {"XXBTZUSD": []}}, "field last is missing"),
        ({"error": [], "result": {"last": 1}}, "one pair was expected in result, not 0"),
        ({"error": [], "result": {"A": [], "B": [], "last": 1}}, "not 2"),
        ({"error": [], "result": {"A": [], "last": "x"}}, "field last is no id"),
        ({"error": [], "result": {"A": [MAR_8[:7], MAR_9[:7]], "last": 1}}, "field trade_count is"),
        ({"error": [], "result": {"A": [[*MAR_8[:7], [1]]], "last": 1}}, "of another type now: li"),
        (b'{"error":[],"result":{"XXB', "the answer is no JSON"),
    ],
)
def test_another_form_fails_loudly(body: object, named: str) -> None:
    with pytest.raises(VendorError, match=named) as caught:
        parse_ohlc(reply(body), BTC)
    assert caught.value.failure is Failure.SCHEMA_CHANGED


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        ("EGeneral:Too many requests", Failure.RATE_LIMITED),
        ("EAPI:Rate limit exceeded", Failure.RATE_LIMITED),
        ("EGeneral:Temporary lockout", Failure.RATE_LIMITED),
        ("EService:Unavailable", Failure.TRANSIENT),
        ("EService:Busy", Failure.TRANSIENT),
        ("EGeneral:Internal error", Failure.TRANSIENT),
        ("EQuery:Unknown asset pair", Failure.UNKNOWN_SYMBOL),
        ("EAPI:Invalid key", Failure.AUTH),
        ("EGeneral:Permission denied", Failure.NOT_ENTITLED),
        ("EGeneral:Invalid arguments", Failure.SCHEMA_CHANGED),
    ],
)
def test_refusals_with_status_200(error: str, failure: Failure) -> None:
    refusal = classify(reply({"error": [error]}))
    assert refusal is not None
    assert (refusal.failure, refusal.problem) == (failure, error)


@pytest.mark.parametrize(
    "body",
    [{"error": [], "result": {}}, {"error": ["WGeneral:Danger"], "result": {}}, b"<html>", [1]],
)
def test_no_refusals(body: object) -> None:
    assert classify(reply(body)) is None


def test_an_unknown_pair_is_skipped(wire: Wire) -> None:
    wire.vendor.on(OHLC, json({"error": ["EQuery:Unknown asset pair"]}))
    batch = Kraken(wire.access(BTC)).fetch(Kind.OHLCV, date(2024, 1, 1), date(2024, 1, 2), now=NOW)
    assert batch.skipped.select("vendor_symbol", "failure").rows() == [("XBTUSD", "unknown_symbol")]


def test_a_rate_limit_is_waited_for(wire: Wire) -> None:
    refused = json({"error": ["EGeneral:Too many requests"]})
    wire.vendor.on(OHLC, refused, ohlc(MAR_8))
    day = date(2024, 3, 8)
    assert Kraken(wire.access(BTC)).fetch(Kind.OHLCV, day, day, now=NOW).rows.height == 1
    assert len(wire.slept) == 1


def test_nothing_tracked_asks_nothing(wire: Wire) -> None:
    batch = Kraken(wire.access()).fetch(Kind.OHLCV, date(2024, 3, 8), date(2024, 3, 10), now=NOW)
    assert (batch.rows.height, wire.vendor.asked) == (0, [])
    assert batch.absent == {date(2024, 3, 10)}


def test_another_kind_is_refused(wire: Wire) -> None:
    with pytest.raises(SourceError, match="it has no shares"):
        Kraken(wire.access(BTC)).fetch(Kind.SHARES, date(2024, 1, 1), date(2024, 1, 2), now=NOW)


@pytest.mark.parametrize(
    ("symbol", "quote", "known"),
    [("BTC", "USD", "XBTUSD"), ("DOGE", "EUR", "XDGEUR"), ("ETH", "BTC", "ETHXBT")],
)
def test_symbols(symbol: str, quote: str, known: str) -> None:
    assert vendor_symbol(symbol, quote) == known


def test_the_recorded_answer(shared_data: Path) -> None:
    body = (shared_data / "payloads/kraken/ohlc_XBTUSD_1440_2026-08.json").read_bytes()
    answer = parse_ohlc(reply(body), BTC)
    # Read by eye: [1786147200, "64886.2", "65141.9", "64800.0", "64901.1", "64985.3",
    # "408.98379809", 21555]; 1786147200 s = 2026-08-08.
    assert answer.rows.height == 10
    values = ("session", "open", "high", "low", "close", "vwap", "volume", "trade_count")
    assert answer.rows.select(values).row(0) == (
        date(2026, 8, 8),
        64886.2,
        65141.9,
        64800.0,
        64901.1,
        64985.3,
        408.98379809,
        21555,
    )


def test_the_recorded_refusal(shared_data: Path) -> None:
    body = (shared_data / "payloads/errors/kraken_200_rate_limit.json").read_bytes()
    refusal = classify(reply(body))
    assert refusal is not None
    assert refusal.failure is Failure.RATE_LIMITED
