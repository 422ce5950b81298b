"""Canonical symbols, by hand from the vendors' own spellings."""

import pytest

from fundplatform import symbols
from fundplatform.errors import ConfigError


@pytest.mark.parametrize(
    ("vendor", "expected"),
    [
        ("BRK-B", "BRK.B"),
        ("BRK/B", "BRK.B"),
        ("brk-b", "BRK.B"),
        ("BRK.B", "BRK.B"),
        ("BRK B", "BRK.B"),
        ("brk-b.us", "BRK.B"),
        ("aapl.us", "AAPL"),
        (" aapl ", "AAPL"),
        ("abr_a.us", "ABR.PR.A"),
        ("ABR^A", "ABR.PR.A"),
        ("US", "US"),
        *((ticker, ticker) for ticker in ("NAN", "NA", "TRUE", "INF", "NULL", "ON", "NO")),
    ],
)
def test_equity(vendor: str, expected: str) -> None:
    assert symbols.equity(vendor) == expected


@pytest.mark.parametrize(
    ("vendor", "base", "quote"),
    [
        ("XBTUSD", "BTC", "USD"),
        ("XDGUSD", "DOGE", "USD"),
        ("XXBTZUSD", "BTC", "USD"),
        ("XETHZEUR", "ETH", "EUR"),
        ("XETHXXBT", "ETH", "BTC"),
        ("XXDGXXBT", "DOGE", "BTC"),
        ("USDTZUSD", "USDT", "USD"),
        ("ETHUSD", "ETH", "USD"),
        ("ADAUSD", "ADA", "USD"),
        ("BCHEUR", "BCH", "EUR"),
        ("STORJUSD", "STORJ", "USD"),
        ("USDTUSD", "USDT", "USD"),
        ("USDCUSDT", "USDC", "USDT"),
        ("BTCUSDT", "BTC", "USDT"),
        ("ETHXBT", "ETH", "BTC"),
        ("XTZUSD", "XTZ", "USD"),
        ("CHZUSD", "CHZ", "USD"),
        ("BNBUSD", "BNB", "USD"),
        ("BTC/USD", "BTC", "USD"),
        ("BTC-USD", "BTC", "USD"),
        ("xbt/zusd", "BTC", "USD"),
    ],
)
def test_crypto(vendor: str, base: str, quote: str) -> None:
    assert symbols.crypto(vendor) == (base, quote)


@pytest.mark.parametrize("vendor", ["BTC", "USDT", "FOOBAR", ""])
def test_crypto_without_a_known_quote(vendor: str) -> None:
    with pytest.raises(ConfigError, match="symbol"):
        symbols.crypto(vendor)


@pytest.mark.parametrize("vendor", ["EURUSD", "EUR/USD", "eur-usd", "EURUSD=X"])
def test_fx(vendor: str) -> None:
    assert symbols.fx(vendor) == ("EUR", "USD")


@pytest.mark.parametrize("vendor", ["EUR", "EURUSDX", "EUR123"])
def test_fx_that_is_no_pair(vendor: str) -> None:
    with pytest.raises(ConfigError, match="two codes"):
        symbols.fx(vendor)


@pytest.mark.parametrize(
    ("vendor", "asset_class", "expected"),
    [
        ("brk-b", "equity", ("BRK.B", "GBP")),
        ("SPY", "etf", ("SPY", "GBP")),
        ("COMP", "crypto", ("COMP", "GBP")),
        ("XBT", "crypto", ("BTC", "GBP")),
        ("COMPUSD", "crypto", ("COMP", "USD")),
        ("EURUSD", "fx", ("EUR", "USD")),
        ("cpi-core", "economic", ("CPI-CORE", "GBP")),
    ],
)
def test_canonical(vendor: str, asset_class: str, expected: tuple[str, str]) -> None:
    assert symbols.canonical(vendor, asset_class, "GBP") == expected


def test_an_empty_symbol_is_an_error() -> None:
    with pytest.raises(ConfigError, match="empty"):
        symbols.equity("  ")


@pytest.mark.parametrize(
    ("symbol", "said"),
    [
        ("", "Name one, like AAPL"),
        ("aapl", "Did you mean AAPL?"),
        ("QQQQQ", "See catalog.instruments"),
    ],
)
def test_what_is_said_of_an_unknown_symbol(symbol: str, said: str) -> None:
    assert symbols.suggestion(symbol, ["AAPL", "MSFT"]) == said
