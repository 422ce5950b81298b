"""Yahoo's markets by calendar, each a source: what it takes, and how its symbols are spelled.

A source keeps one calendar (its gaps, its days a year), so stocks, coins, currencies and futures
are sources of their own with shared requests and limits.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from fundplatform.sources.base import Coverage, Kind, SourceSpec

_START = date(1962, 1, 2)
_COMMON = """
Unofficial, personal use only (Yahoo's terms), delisted names are mostly gone: a second opinion, not
a survivorship-free history. Yahoo's prices and dividends are split-adjusted to today; they are
turned back into **prices as traded** with the splits of the same answer (price x ratios of later
splits), so that rows fetched before and after a split fit together. A split that Yahoo forgets or
doubles makes prices wrong by its ratio.
"""


@dataclass(frozen=True)
class Segment:
    """One of Yahoo's markets.

    Attributes:
        spec: Its declaration as a source.
        types: Yahoo's instrumentType -> asset class.
        zones: Time zones its exchanges may have; None: any.
    """

    spec: SourceSpec
    types: dict[str, str]
    zones: frozenset[str] | None = None

    @property
    def coverage(self) -> Coverage:
        """Of its bars."""
        return self.spec.kinds[Kind.OHLCV]


def _spec(
    name: str, title: str, identity: tuple[str, str], bars: Coverage, more: str = ""
) -> SourceSpec:
    asset_class, market = identity
    us = {
        Kind.CORPORATE_ACTIONS: Coverage(bars.calendar, bars.start, partitioned=False),
        Kind.FUND_FACTS: Coverage("24/7", bars.start, lag=-timedelta(days=1)),
    }
    return SourceSpec(
        name=name,
        title=title,
        asset_class=asset_class,
        market=market,
        quote="USD",
        kinds={Kind.OHLCV: bars, **(us if market == "US" else {})},
        priority=200,
        description=(more + _COMMON).strip(),
        url="https://finance.yahoo.com",
    )


US = Segment(
    _spec(
        "yahoo",
        "Yahoo Finance: US stocks, ETFs and funds",
        ("equity", "US"),
        Coverage("XNYS", _START, lag=timedelta(hours=3)),
        "**fund_facts** are a snapshot of the day they are fetched (expense ratio, net assets, "
        "category); an expense ratio that equals the category's average is left out: Yahoo shows "
        "the average in its place for many funds.\n",
    ),
    {"EQUITY": "equity", "ETF": "etf", "MUTUALFUND": "fund"},
    frozenset({"America/New_York"}),
)
CRYPTO = Segment(
    _spec(
        "yahoo_crypto",
        "Yahoo Finance: crypto",
        ("crypto", "CRYPTO"),
        Coverage("24/7", date(2014, 9, 17), lag=timedelta(hours=1)),
    ),
    {"CRYPTOCURRENCY": "crypto"},
    frozenset({"UTC"}),
)
FX = Segment(
    _spec(
        "yahoo_fx",
        "Yahoo Finance: currencies",
        ("fx", "FX"),
        # Yahoo's day ends at midnight in London, two hours after this calendar's close.
        Coverage("24/5", date(2003, 12, 1), lag=timedelta(hours=3)),
        "Days are London's (00:00 to 24:00).\n",
    ),
    {"CURRENCY": "fx"},
    frozenset({"Europe/London"}),
)
COMMODITIES = Segment(
    _spec(
        "yahoo_commodities",
        "Yahoo Finance: commodity futures",
        ("commodity", "US_FUTURES"),
        Coverage("24/5", date(2000, 8, 23), lag=timedelta(hours=3)),
        "The nearest contract of each commodity; the series jumps where it rolls. Prices in cents "
        "are given in dollars.\n",
    ),
    {"FUTURE": "commodity"},
    frozenset({"America/New_York", "America/Chicago"}),
)


def vendor_symbol(symbol: str, quote: str) -> str:
    """Yahoo's spelling of a US symbol: BRK.B -> BRK-B, ABR.PR.A -> ABR-PA."""
    return symbol.replace(".PR.", "-P").replace(".", "-")


def crypto_symbol(symbol: str, quote: str) -> str:
    """BTC, USD -> BTC-USD."""
    return f"{symbol}-{quote}"


def fx_symbol(symbol: str, quote: str) -> str:
    """EUR, USD -> EURUSD=X."""
    return f"{symbol}{quote}=X"


def future_symbol(symbol: str, quote: str) -> str:
    """GC -> GC=F."""
    return f"{symbol}=F"
