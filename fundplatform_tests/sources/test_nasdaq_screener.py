"""Nasdaq's screener: caps of the session that closed last, stale snapshots, text as numbers."""

import gzip
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import polars as pl
import pytest

from fundplatform.errors import SourceError
from fundplatform.sources.base import Kind, Source
from fundplatform.sources.nasdaq_screener import PROFILE, NasdaqScreener, parse, priced_session
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.profile import Access
from fundplatform_tests.sources.vendor_contract import Case, VendorContract
from fundplatform_tests.sources.vendor_server import Script
from fundplatform_tests.sources.vendor_server import json as answer
from fundplatform_tests.sources.web.wire import Wire, wired

FRIDAY, MONDAY = date(2024, 3, 8), date(2024, 3, 11)
# 20:00 in New York on that Friday, 13:00 UTC on Saturday, and Monday an hour after the opening.
EVENING = datetime(2024, 3, 9, 1, 0, tzinfo=UTC)
SATURDAY = datetime(2024, 3, 9, 13, 0, tzinfo=UTC)
TRADING = datetime(2024, 3, 11, 14, 30, tzinfo=UTC)
PATH = "/api/screener/stocks"
NASDAQ, NYSE, AMEX = (
    f"{PATH}?tableonly=true&exchange={name}&download=true" for name in ("nasdaq", "nyse", "amex")
)


def stock(symbol: str, cap: object = "1000000.00", **more: object) -> dict[str, object]:
    return {
        "symbol": symbol,
        "name": f"{symbol} Inc. Common Stock ",
        "lastsale": "$1,234.50",
        "marketCap": cap,
        "country": "United States",
        "ipoyear": "1980",
        "industry": "Computer Manufacturing",
        "sector": "Technology",
        **more,
    }


def table(*rows: object, **head: object) -> dict[str, object]:
    status = {"rCode": 200, "bCodeMessage": None}
    return {"data": {"asOf": None, "rows": list(rows), **head}, "message": None, "status": status}


def without(name: str) -> dict[str, object]:
    return {k: v for k, v in stock("AAPL").items() if k != name}


def three(nasdaq: object) -> dict[str, object]:
    return {NASDAQ: nasdaq, NYSE: table(stock("BRK/B", "9e11")), AMEX: table(stock("ABR^D", ""))}


class TestNasdaqScreener(VendorContract):
    profile = PROFILE
    kind = Kind.MARKET_CAPS
    first, last, now = FRIDAY, FRIDAY, EVENING
    cases: ClassVar = {
        "normal": Case(
            three(table(stock("AAPL", "2,600,000,000.5"))),
            rows=3,
            row={
                "vendor_symbol": "AAPL",
                "session": FRIDAY,
                "known_at": EVENING,
                "market_cap": 2600000000.5,
                "currency": "USD",
            },
        ),
        "numeric_strings": Case(three(table(stock("AAPL", 2.5e12))), row={"market_cap": 2.5e12}),
        "unfinished_bar": Case(
            {}, rows=0, first=MONDAY, last=MONDAY, now=TRADING, absent=frozenset({MONDAY})
        ),
        "doubled": Case(
            three(table(stock("A"), stock("A"), stock("B", "1"), stock("B", "2"))),
            rows=3,
            rejected={"duplicate": 1, "conflicting_duplicate": 2},
        ),
        # The snapshot belongs to Friday; Thursday cannot be had.
        "out_of_range": Case(
            {},
            rows=0,
            first=date(2024, 3, 7),
            last=date(2024, 3, 7),
            absent=frozenset({date(2024, 3, 7)}),
        ),
        "bad_value": Case(
            three(table(stock("A", "n/a"), stock("B", "-5"), stock(""), stock("C"))),
            rows=3,
            rejected={"unparseable": 3},
        ),
        "empty_closed": Case(
            {}, rows=0, first=date(2024, 3, 9), last=date(2024, 3, 10), now=SATURDAY
        ),
        "empty_pending": Case(
            three(table(stock("A"), asOf="Last price as of Mar 7, 2024")),
            rows=0,
            absent=frozenset({FRIDAY}),
        ),
        "error_in_200": Case(
            three({"data": None, "status": {"rCode": 429, "bCodeMessage": [{"code": 1}]}}),
            failure=Failure.RATE_LIMITED,
        ),
        "missing_field": Case(
            three(table(without("marketCap"))), failure=Failure.SCHEMA_CHANGED, says="marketCap"
        ),
        "changed_type": Case(
            three(table(stock("A", {"raw": 1}))), failure=Failure.SCHEMA_CHANGED, says="marketCap"
        ),
        # More than the contract asks for.
        "profiles": Case(
            three(table(stock("AAPL"))),
            rows=3,
            row={
                "vendor_symbol": "AAPL",
                "name": "AAPL Inc. Common Stock",
                "exchange": "nasdaq",
                "sector": "Technology",
                "industry": "Computer Manufacturing",
                "country": "United States",
                "listed_year": 1980,
                "cik": None,
            },
            kind=Kind.PROFILES,
        ),
        "weekend": Case(
            three(table(stock("A"))),
            rows=3,
            row={"vendor_symbol": "A", "session": FRIDAY},
            now=SATURDAY,
        ),
        "no cap": Case(
            three(table(stock("A", "0.00"))), row={"vendor_symbol": "ABR^D", "market_cap": None}
        ),
    }
    not_applicable: ClassVar = {
        "paged": "download=true brings an exchange whole",
        "split_day": "it has no prices",
        "empty_symbol": "every stock is taken; none is asked for",
        "unknown_symbol": "every stock is taken; none is asked for",
        "auth": "there is no key",
        "not_entitled": "there is no plan",
    }

    def make(self, access: Access) -> Source:
        return NasdaqScreener(access)


@pytest.fixture
def wire() -> Iterator[Wire]:
    with wired(PROFILE, now=EVENING) as running:
        yield running


def play(wire: Wire, nasdaq: object) -> None:
    for path, body in three(nasdaq).items():
        wire.vendor.on(path, answer(body))


def test_a_snapshot_that_came_before_is_stale(wire: Wire) -> None:
    """The same bytes on Monday evening are Friday's snapshot; other bytes are a new one."""
    play(wire, table(stock("AAPL")))
    source = NasdaqScreener(wire.access())
    monday = datetime(2024, 3, 12, 1, 0, tzinfo=UTC)
    first = source.fetch(Kind.MARKET_CAPS, FRIDAY, MONDAY, now=EVENING)
    assert set(first.rows["session"]) == {FRIDAY}
    again = source.fetch(Kind.MARKET_CAPS, FRIDAY, FRIDAY, now=EVENING)
    assert again.rows.height == 3, "the same session may be fetched again"
    stale = source.fetch(Kind.MARKET_CAPS, MONDAY, MONDAY, now=monday)
    assert (stale.rows.height, stale.absent) == (0, {MONDAY})
    play(wire, table(stock("AAPL", "1000001.00")))
    wire.vendor.on(NYSE, answer(table(stock("BRK/B", "8e11"))))
    wire.vendor.on(AMEX, answer(table(stock("ABR^D", "1"))))
    fresh = source.fetch(Kind.MARKET_CAPS, MONDAY, MONDAY, now=monday)
    assert set(fresh.rows["session"]) == {MONDAY}


@pytest.mark.parametrize(
    ("at", "session"),
    [
        (datetime(2024, 3, 8, 20, 59, tzinfo=UTC), None),  # a minute before the close
        (datetime(2024, 3, 8, 21, 30, tzinfo=UTC), None),  # closed, prices not settled
        (EVENING, FRIDAY),
        (datetime(2024, 3, 11, 12, 0, tzinfo=UTC), FRIDAY),  # Monday 08:00, before the opening
        (TRADING, None),
    ],
)
def test_prices_belong_to_the_session_that_closed_last(at: datetime, session: date | None) -> None:
    assert priced_session(at) == session


def test_past_sessions_cost_no_call(wire: Wire) -> None:
    source = NasdaqScreener(wire.access())
    batch = source.fetch(Kind.MARKET_CAPS, date(2023, 1, 2), date(2023, 12, 29), now=EVENING)
    assert len(batch.absent) == 250
    assert wire.vendor.asked == []


def test_spellings_become_canonical(wire: Wire) -> None:
    play(wire, table(stock("AAPL")))
    listings = (
        NasdaqScreener(wire.access()).fetch(Kind.MARKET_CAPS, FRIDAY, FRIDAY, now=EVENING).listings
    )
    assert listings is not None
    assert dict(listings.select("vendor_symbol", "symbol").iter_rows()) == {
        "AAPL": "AAPL",
        "BRK/B": "BRK.B",
        "ABR^D": "ABR.PR.D",
    }


def test_an_empty_exchange_is_refused(wire: Wire) -> None:
    play(wire, table())
    with pytest.raises(VendorError, match="never empty"):
        NasdaqScreener(wire.access()).fetch(Kind.MARKET_CAPS, FRIDAY, FRIDAY, now=EVENING)


def test_it_has_no_bars(wire: Wire) -> None:
    with pytest.raises(SourceError, match="it has no ohlcv"):
        NasdaqScreener(wire.access()).fetch(Kind.OHLCV, FRIDAY, FRIDAY, now=EVENING)


def test_it_asks_like_a_browser(wire: Wire) -> None:
    play(wire, table(stock("AAPL")))
    NasdaqScreener(wire.access()).fetch(Kind.PROFILES, FRIDAY, FRIDAY, now=EVENING)
    assert all("Mozilla" in asked.headers["user-agent"] for asked in wire.vendor.asked)
    assert len(wire.vendor.asked) == 3


def test_real_snapshots(shared_data: Path) -> None:
    """Rows counted with Python's json; Agilent's cap of 2024-01-31 read by hand."""
    folder = shared_data / "market_caps/nasdaq_screener/raw"
    body = gzip.decompress((folder / "20240201T001713Z/nyse_full_tickers.json.gz").read_bytes())
    rows, rejected = parse(body)
    assert (rows.height, rejected.height) == (2836, 0)
    agilent = rows.row(0, named=True)
    assert (agilent["vendor_symbol"], agilent["market_cap"]) == ("A", 38119833670.0)
    assert (agilent["country"], agilent["listed_year"]) == ("United States", 1999)
    assert rows.filter(pl.col("vendor_symbol") == "BRK/A").height == 1


def test_a_real_malformed_file_is_refused(shared_data: Path) -> None:
    folder = shared_data / "market_caps/nasdaq_screener/raw"
    body = gzip.decompress((folder / "malformed_2021/amex_full_tickers.json.gz").read_bytes())
    with pytest.raises(VendorError, match="Extra data") as caught:
        parse(body)
    assert caught.value.failure is Failure.SCHEMA_CHANGED


def test_the_vendor_is_never_asked_while_trading(wire: Wire) -> None:
    hour = timedelta(hours=1)
    source = NasdaqScreener(wire.access())
    for n in range(6):
        now = TRADING + n * hour
        assert source.fetch(Kind.MARKET_CAPS, MONDAY, MONDAY, now=now).absent == {MONDAY}
    assert wire.vendor.asked == []


def test_a_page_instead_of_json_is_told(wire: Wire) -> None:
    wire.vendor.on(PATH, Script(b"<html>Access Denied</html>"))
    with pytest.raises(VendorError, match="no JSON"):
        NasdaqScreener(wire.access()).fetch(Kind.MARKET_CAPS, FRIDAY, FRIDAY, now=EVENING)
