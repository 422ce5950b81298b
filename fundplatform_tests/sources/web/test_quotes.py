"""Quotes: the documented answers of each vendor, refusals, and what becomes of a batch."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from fundplatform.sources import finnhub
from fundplatform.sources.base import Kind
from fundplatform.sources.coinbase import PROFILE as COINBASE
from fundplatform.sources.coinbase import Coinbase
from fundplatform.sources.finnhub import Finnhub
from fundplatform.sources.kraken import PROFILE as KRAKEN
from fundplatform.sources.kraken import Kraken
from fundplatform.sources.sample import Sample
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.profile import Tracked
from fundplatform.sources.web.quotes import quoting
from fundplatform_tests.sources.vendor_server import json
from fundplatform_tests.sources.web.wire import NOW, pair, wired

FOREVER = (date(2020, 1, 1), date.max)
COLUMNS = ("vendor_symbol", "quote", "price", "bid", "ask", "quoted_at", "session")
# As documented: a ask, b bid, c last trade (price, lot volume); more fields stand beside them.
TICKER = {
    "error": [],
    "result": {
        "XXBTZUSD": {
            "a": ["30300.10000", "1", "1.000"],
            "b": ["30300.00000", "1", "1.000"],
            "c": ["30303.20000", "0.00067643"],
            "v": ["4083.67001100", "4412.73601799"],
            "o": "30502.80000",
        }
    },
}


def test_kraken_has_no_time_so_it_is_when_the_answer_came() -> None:
    with wired(KRAKEN) as wire:
        wire.vendor.on("/0/public/Ticker", json(TICKER))
        quotes = quoting(Kraken(wire.access(pair("XBTUSD", "BTC", "USD"))))
        assert quotes
        batch = quotes.fetch(Kind.QUOTES, *FOREVER, now=NOW)
        assert wire.vendor.asked[0].params == {"pair": "XBTUSD"}
    assert batch.rows.select(COLUMNS).rows() == [
        ("XBTUSD", "USD", 30303.2, 30300.0, 30300.1, NOW, date(2024, 3, 10))
    ]
    assert batch.payloads["rows"].to_list() == [1]
    # The listing's life is not widened by a quote.
    assert batch.listings is not None
    assert batch.listings.select("symbol", "valid_from", "valid_to").rows() == [
        ("BTC", date(2013, 1, 1), date(2013, 1, 1))
    ]


def test_coinbase_says_when_the_latest_trade_was() -> None:
    answer = {"price": "6268.48", "bid": "6265.15", "ask": "6267.71",
              "time": "2024-03-09T23:59:58.250000Z", "volume": "53602.03940154"}  # fmt: skip
    with wired(COINBASE) as wire:
        wire.vendor.on("/products/BTC-USD/ticker", json(answer))
        wire.vendor.on("/products/GONE-USD/ticker", json({"message": "NotFound"}, 404))
        old = Tracked("OLD-USD", "OLD", date(2013, 1, 1), "crypto", "USD", date(2024, 3, 9))
        pairs = (pair("BTC-USD", "BTC", "USD"), pair("GONE-USD", "GONE", "USD"), old)
        quotes = quoting(Coinbase(wire.access(*pairs)))
        assert quotes
        batch = quotes.fetch(Kind.QUOTES, *FOREVER, now=NOW)
        assert len(wire.vendor.asked) == 2
    at = datetime(2024, 3, 9, 23, 59, 58, 250_000, tzinfo=UTC)
    assert batch.rows.select(COLUMNS).rows() == [
        ("BTC-USD", "USD", 6268.48, 6265.15, 6267.71, at, date(2024, 3, 9))
    ]
    skipped = batch.skipped.select("vendor_symbol", "failure").rows()
    assert skipped == [("GONE-USD", Failure.UNKNOWN_SYMBOL)]


def test_finnhub_has_zeros_for_what_it_does_not_know() -> None:
    with wired(finnhub.PROFILE, key="k") as wire:
        known = {"c": 261.74, "h": 263.31, "l": 260.68, "o": 261.07, "pc": 259.45, "t": 1582641000}
        wire.vendor.on("/quote?symbol=AAPL", json(known))
        wire.vendor.on("/quote", json(dict.fromkeys(known, 0)))
        stocks = [Tracked(s, s, date(2020, 1, 2), "equity", "USD") for s in ("AAPL", "NONE")]
        quotes = quoting(Finnhub(wire.access(*stocks)))
        assert quotes
        batch = quotes.fetch(Kind.QUOTES, *FOREVER, now=NOW)
    at = datetime(2020, 2, 25, 14, 30, tzinfo=UTC)
    assert batch.rows.select(COLUMNS).rows() == [
        ("AAPL", "USD", 261.74, None, None, at, date(2020, 2, 25))
    ]
    assert batch.skipped["vendor_symbol"].to_list() == ["NONE"]


@pytest.mark.parametrize(
    ("ticker", "failure"),
    [
        ({"error": [], "result": {}}, Failure.SCHEMA_CHANGED),
        ({"error": [], "result": {"X": {"a": ["1"], "b": ["1"]}}}, Failure.SCHEMA_CHANGED),
        ({"error": ["EGeneral:Too many requests"]}, Failure.RATE_LIMITED),
    ],
)
def test_an_answer_of_another_form_is_no_quote(ticker: object, failure: Failure) -> None:
    with wired(KRAKEN) as wire:
        wire.vendor.on("/0/public/Ticker", json(ticker))
        quotes = quoting(Kraken(wire.access(pair("XBTUSD", "BTC", "USD"))))
        assert quotes
        with pytest.raises(VendorError) as error:
            quotes.fetch(Kind.QUOTES, *FOREVER, now=NOW)
    assert error.value.failure is failure


def test_a_price_that_cannot_be_read_is_a_reject() -> None:
    body = {"error": [], "result": {"X": {"a": ["1"], "b": ["1"], "c": ["n/a"]}}}
    with wired(KRAKEN) as wire:
        wire.vendor.on("/0/public/Ticker", json(body))
        quotes = quoting(Kraken(wire.access(pair("XBTUSD", "BTC", "USD"))))
        assert quotes
        batch = quotes.fetch(Kind.QUOTES, *FOREVER, now=NOW)
    assert batch.rows.is_empty()
    assert batch.rejected.select("vendor_symbol", "rule").rows() == [("XBTUSD", "unparseable")]
    assert batch.payloads.select(pl.col("rows").sum()).item() == 1


def test_quotes_are_no_kind_of_their_source() -> None:
    assert quoting(Sample()) is None
    with wired(KRAKEN) as wire:
        source = Kraken(wire.access())
        quotes = quoting(source)
    assert quotes
    assert Kind.QUOTES not in source.spec.kinds
    assert quotes.spec.kinds[Kind.OHLCV] == source.spec.kinds[Kind.OHLCV]
    assert not quotes.spec.kinds[Kind.QUOTES].partitioned
