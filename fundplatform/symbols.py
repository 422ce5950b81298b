"""Canonical symbols: every vendor's spelling of an instrument becomes one.

Text in, text out; what a symbol means at a given time is the catalog's. A manual map (a source's
`symbols`) goes before these rules.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import NamedTuple

from fundplatform.errors import ConfigError

_COINS = "ETC ETH ICN LTC MLN REP XLM XMR XRP ZEC"
_MONEY = "AUD CAD EUR GBP JPY KRW USD"
# Kraken's own codes. The X (coin) and Z (money) prefixes stand only on its oldest assets, so they
# are a list: XTZ and ZETA are coins of their own.
_CODES = {
    "XBT": "BTC",
    "XDG": "DOGE",
    "XXBT": "BTC",
    "XXDG": "DOGE",
    **{f"X{coin}": coin for coin in _COINS.split()},
    **{f"Z{money}": money for money in _MONEY.split()},
}
# No BUSD, TUSD, GUSD, PYUSD: BNBUSD, USDTUSD and their like end the same way.
_QUOTES = sorted(
    {
        *("USD", "EUR", "GBP", "JPY", "CAD", "AUD", "CHF", "NZD", "SGD", "HKD", "KRW", "TRY"),
        *("BRL", "MXN", "INR", "PLN", "SEK", "NOK", "DKK", "ZAR", "AED"),
        *("USDT", "USDC", "FDUSD", "DAI", "BTC", "XBT", "ETH", "BNB"),
    },
    key=lambda quote: (-len(quote), quote),
)
_STOCKS = ("equity", "etf", "fund")


class Symbol(NamedTuple):
    """What identifies an instrument besides asset class and market: symbol and quote currency."""

    symbol: str
    quote: str


def canonical(vendor_symbol: str, asset_class: str, currency: str) -> Symbol:
    """The canonical symbol and quote currency of a vendor's symbol.

    Args:
        vendor_symbol: As the vendor writes it.
        asset_class: Pairs are read in crypto and fx, share classes in equity, etf and fund; other
            classes only lose surrounding blanks and become upper case.
        currency: Quote currency of symbols that name none.

    Raises:
        ConfigError: The symbol is empty, or an fx symbol is no pair.
    """
    if asset_class in _STOCKS:
        return Symbol(equity(vendor_symbol), currency)
    if asset_class == "fx":
        return fx(vendor_symbol)
    if asset_class == "crypto":
        pair = _crypto(vendor_symbol)
        return pair or Symbol(_asset(_clean(vendor_symbol)), currency)
    return Symbol(_clean(vendor_symbol), currency)


def equity(vendor_symbol: str) -> str:
    """A stock's, ETF's or fund's canonical symbol: upper case, classes after a dot.

    BRK-B, BRK/B, brk-b.us -> BRK.B; aapl.us -> AAPL; preferred lines abr_a.us, ABR^A -> ABR.PR.A.
    NAN, NA, TRUE, INF and NULL are ordinary tickers.

    Raises:
        ConfigError: The symbol is empty.
    """
    text = _clean(vendor_symbol).removesuffix(".US")
    for mark in "_^":
        text = text.replace(mark, ".PR.")
    for mark in "-/ ":
        text = text.replace(mark, ".")
    return text


def crypto(vendor_symbol: str) -> Symbol:
    """Base and quote of a crypto pair: XBTUSD, XXBTZUSD, BTC/USD, BTC-USD -> (BTC, USD).

    Without a separator the longest known quote currency at the end is taken.

    Raises:
        ConfigError: No known quote currency ends the symbol.
    """
    pair = _crypto(vendor_symbol)
    if pair is None:
        raise _unreadable(vendor_symbol, "no known quote currency ends it")
    return pair


def fx(vendor_symbol: str) -> Symbol:
    """Base and quote of a currency pair: EURUSD, EUR/USD, EURUSD=X -> (EUR, USD).

    Raises:
        ConfigError: It is not two codes of three letters.
    """
    text = _clean(vendor_symbol).removesuffix("=X")
    letters = "".join(c for c in text if c not in "/-_. ")
    if len(letters) != 6 or not letters.isalpha():
        raise _unreadable(vendor_symbol, "a currency pair is two codes of three letters")
    return Symbol(letters[:3], letters[3:])


def suggestion(symbol: str, known: Sequence[str]) -> str:
    """What to write in place of a symbol that nobody has: the nearest of those known."""
    if not symbol:
        return "Name one, like AAPL"
    near = get_close_matches(symbol.upper(), known, 3, 0.6)
    return f"Did you mean {' or '.join(near)}?" if near else "See catalog.instruments"


def _crypto(vendor_symbol: str) -> Symbol | None:
    text = _clean(vendor_symbol)
    for mark in "/-_":
        base, found, quote = text.partition(mark)
        if found and base and quote:
            return Symbol(_asset(base), _asset(quote))
    if text[-4:] in _CODES and (text[:-4] in _CODES or text[:-4] == "USDT"):
        return Symbol(_asset(text[:-4]), _asset(text[-4:]))
    for quote in _QUOTES:
        if text.endswith(quote) and text != quote:
            return Symbol(_asset(text.removesuffix(quote)), _asset(quote))
    return None


def _asset(code: str) -> str:
    return _CODES.get(code, code)


def _clean(vendor_symbol: str) -> str:
    text = vendor_symbol.strip().upper()
    if not text:
        raise _unreadable(vendor_symbol, "it is empty")
    return text


def _unreadable(vendor_symbol: str, problem: str) -> ConfigError:
    return ConfigError(
        f"symbol {vendor_symbol!r}",
        None,
        problem,
        f"Map it in the source.yaml, like: symbols: {{{vendor_symbol}: BTC/USD}}",
    )
