"""Coinbase Exchange: daily bars of crypto pairs by REST, without a key.

One pair a request, at most 300 bars each, so that a longer range is asked in windows. Day = UTC.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from fundplatform.errors import SourceError
from fundplatform.sources.base import Batch, Coverage, Kind, SourceSpec
from fundplatform.sources.web.failures import Failure
from fundplatform.sources.web.journal import Request
from fundplatform.sources.web.lists import Layout, decoded
from fundplatform.sources.web.pairs import (
    DAY,
    LAG,
    Answer,
    bars,
    fetch_days,
    last_finished,
    listings,
    wanted,
)
from fundplatform.sources.web.plan import Plan
from fundplatform.sources.web.profile import Access, Profile, Rate, Refusal, Reply, Tracked

WINDOW = 300
"""Bars a request may ask for; more is refused."""

_FIELDS = Layout("coinbase", ("time", "low", "high", "open", "close", "volume"))
_LAST_ROW = timedelta(days=WINDOW - 1)


def classify(reply: Reply) -> Refusal | None:
    """Failures are objects with a `message`, whatever the status; candles are a list."""
    text = reply.body[:4096].decode("utf-8", "replace").lower()
    if '"message"' not in text or text.lstrip().startswith("["):
        return None
    said = text.strip()
    if "rate limit" in text or reply.status == 429:
        return Refusal(Failure.RATE_LIMITED, said, "Ask less often")
    if reply.status == 404 or "notfound" in text:
        return Refusal(Failure.UNKNOWN_SYMBOL, said, "Name a product like BTC-USD")
    if reply.status >= 500:
        return Refusal(Failure.TRANSIENT, said, "Try again")
    if reply.status in (401, 403):
        return Refusal(Failure.NOT_ENTITLED, said, "Candles need no key: see whether it is blocked")
    return Refusal(Failure.SCHEMA_CHANGED, said, "The request is no longer understood")


PROFILE = Profile(
    name="coinbase",
    base_url="https://api.exchange.coinbase.com",
    classify=classify,
    rates=(Rate(5, 1.0),),
    headers={"User-Agent": "fundplatform", "Accept": "application/json"},
    check=("/products/BTC-USD/stats", {}),
)
SPEC = SourceSpec(
    name="coinbase",
    title="Coinbase Exchange",
    asset_class="crypto",
    market="CRYPTO",
    quote="USD",
    kinds={Kind.OHLCV: Coverage("24/7", date(2015, 7, 20), lag=LAG)},
    priority=60,
    sparse=True,
    description=(
        "Daily bars by REST, as traded, UTC days. No key. Days without a trade are absent. "
        "Personal and internal use: see Coinbase's market data terms."
    ),
    url="https://docs.cdp.coinbase.com/exchange/reference/exchangerestapi_getproductcandles",
)


def vendor_symbol(symbol: str, quote: str) -> str:
    """(BTC, USD) -> BTC-USD."""
    return f"{symbol}-{quote}"


def parse_candles(reply: Reply, pair: Tracked) -> Answer:
    """Bars of one answer, `[time, low, high, open, close, volume]`.

    Raises:
        VendorError: It is no such list (schema_changed).
    """
    return bars(_FIELDS, reply, decoded("coinbase", reply), pair)


@dataclass(frozen=True)
class Coinbase:
    """Coinbase Exchange as a source (implements `sources.base.Source`)."""

    access: Access

    @property
    def spec(self) -> SourceSpec:
        """The declaration; the tracked listings are what it is expected to deliver."""
        return self.access.expecting(SPEC)

    def listings(self, kind: Kind) -> pl.DataFrame:
        """The tracked pairs (LISTING_SCHEMA)."""
        return listings(self.access.tracked)

    def fetch(self, kind: Kind, first: date, last: date, *, now: datetime) -> Batch:
        """Daily bars of the tracked pairs; see `sources.base.Source.fetch`.

        Raises:
            VendorError: The vendor refuses, or its answer cannot be read.
        """
        if kind is not Kind.OHLCV:
            raise SourceError("coinbase", f"it has no {kind}", "Ask for ohlcv")
        finished = last_finished(now, LAG)
        return fetch_days(kind, self.access.tracked, (first, last), finished, self._ask)

    def plan(self, kind: Kind, first: date, last: date, *, now: datetime) -> Plan:
        """The requests of `fetch`."""
        asked = wanted(self.access.tracked, (first, last), last_finished(now, LAG))
        return Plan([request for one in asked for request in _windows(*one)])

    def _ask(self, pair: Tracked, first: date, last: date) -> Iterator[Answer]:
        for request in _windows(pair, first, last):
            yield parse_candles(self.access.web.get(request.path, request.params), pair)


def _windows(pair: Tracked, first: date, last: date) -> Iterator[Request]:
    path = f"/products/{pair.vendor_symbol}/candles"
    while first <= last:
        end = min(last, first + _LAST_ROW)
        # Both are needed: with one of them missing both are ignored.
        window = {"start": f"{first}T00:00:00Z", "end": f"{end}T00:00:00Z"}
        yield Request(path, {"granularity": "86400", **window})
        first = end + DAY
