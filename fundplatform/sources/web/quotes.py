"""Latest quotes of what a vendor tracks, asked for during the day: a source of its own beside bars.

A quote is no session's bar: it is no kind of the vendor's source, so nothing that loads, computes
or looks for gaps in daily history ever meets it. In: a source. Out: its quotes as a `Source`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import polars as pl

from fundplatform.sources.base import LISTING_SCHEMA, Batch, Coverage, Kind, Source, SourceSpec
from fundplatform.sources.web.collect import Collector
from fundplatform.sources.web.failures import Consequence, Failure, VendorError
from fundplatform.sources.web.profile import Access, OnTheWeb, Reply, Tracked
from fundplatform.sources.web.records import Field, changed, document, typed

START = date(2020, 1, 1)
Rows = tuple[pl.DataFrame, pl.DataFrame]
"""price, bid, ask and quoted_at (NULL: when the answer came), and rejects."""


@dataclass(frozen=True)
class Way:
    """How one vendor is asked for one symbol's quote.

    Attributes:
        path: With the symbol in place of `{symbol}`.
        params: The same.
        parse: The answer's body; no row where the vendor does not know the symbol.
    """

    path: str
    params: Mapping[str, str]
    parse: Callable[[bytes], Rows]

    def get(self, access: Access, symbol: str) -> Reply:
        """Ask."""
        params = {name: value.format(symbol=symbol) for name, value in self.params.items()}
        return access.web.get(self.path.format(symbol=symbol), params)


def kraken(body: bytes) -> Rows:
    """`result` of one pair: `c` last trade, `b` bid, `a` ask, each a list that begins with it.

    Raises:
        VendorError: The answer has another form (schema_changed).
    """
    result = document("kraken", body).get("result")
    if not isinstance(result, dict) or len(result) != 1:
        raise changed("kraken", "field result", "does not hold one pair")
    (found,) = result.values()
    if not isinstance(found, dict):
        raise changed("kraken", "the pair", "is no object")
    firsts = {n: v[0] if isinstance(v, list) and v else v for n, v in found.items()}
    rows, rejected = typed("kraken", [firsts], _KRAKEN)
    return rows.with_columns(quoted_at=pl.lit(None, pl.Datetime("us", "UTC"))), rejected


def coinbase(body: bytes) -> Rows:
    """The latest trade of a product, at its own time, and the best bid and ask.

    Raises:
        VendorError: The answer has another form (schema_changed).
    """
    rows, rejected = typed("coinbase", [document("coinbase", body)], _COINBASE)
    at = pl.col("time").str.to_datetime(time_unit="us", time_zone="UTC", strict=False)
    return rows.with_columns(quoted_at=at), rejected


def finnhub(body: bytes) -> Rows:
    """The latest price of a stock, `c`, at `t` seconds; all zero where it is not known.

    Raises:
        VendorError: The answer has another form (schema_changed).
    """
    found = document("finnhub", body)
    unknown = found.get("t") == 0 and found.get("c") == 0
    rows, rejected = typed("finnhub", [] if unknown else [found], () if unknown else _FINNHUB)
    if unknown:
        return rows, rejected
    return rows.with_columns(
        quoted_at=pl.from_epoch("t", "s").dt.replace_time_zone("UTC").cast(_INSTANT)
    ), rejected


_INSTANT = pl.Datetime("us", "UTC")
_KRAKEN = (
    Field("c", "price", "number", key=True),
    Field("b", "bid", "number"),
    Field("a", "ask", "number"),
)
_COINBASE = (
    Field("price", "price", "number", key=True),
    Field("bid", "bid", "number"),
    Field("ask", "ask", "number"),
    Field("time", "time", "text", key=True),
)
_FINNHUB = (Field("c", "price", "number", key=True), Field("t", "t", "whole", key=True))

# massive's snapshots are not among the documented calls that were checked (docs/vendors.md).
WAYS: Mapping[str, Way] = {
    "kraken": Way("/0/public/Ticker", {"pair": "{symbol}"}, kraken),
    "coinbase": Way("/products/{symbol}/ticker", {}, coinbase),
    "finnhub": Way("/quote", {"symbol": "{symbol}"}, finnhub),
}


@dataclass(frozen=True)
class Quotes:
    """The quotes of one vendor (implements `sources.base.Source`).

    Attributes:
        declared: The vendor's own declaration.
        access: Its requests and tracked listings.
    """

    declared: SourceSpec
    access: Access

    @property
    def spec(self) -> SourceSpec:
        """The vendor's, with quotes: what the catalog says of the source stays as it is."""
        bars = self.declared.kinds[Kind.OHLCV]
        own = Coverage(bars.calendar, START, partitioned=False)
        return replace(self.declared, kinds={**self.declared.kinds, Kind.QUOTES: own})

    def listings(self, kind: Kind) -> pl.DataFrame:
        """What is tracked; a quote never widens a listing's life (LISTING_SCHEMA)."""
        spec = self.declared
        rows = [
            (t.vendor_symbol, t.symbol, t.asset_class, spec.market, t.quote, None, t.since, t.since)
            for t in self.access.tracked
        ]
        return pl.DataFrame(rows, LISTING_SCHEMA, orient="row")

    def fetch(self, kind: Kind, first: date, last: date, *, now: datetime) -> Batch:
        """The quotes of now, one call a listing that is still tracked.

        Raises:
            VendorError: Any failure that does not concern one symbol alone.
        """
        collector = Collector(Kind.QUOTES, first, last)
        collector.list(self.listings(kind))
        for tracked in self.access.tracked:
            if tracked.until is None or tracked.until >= now.astimezone(UTC).date():
                self._ask(collector, tracked)
        return collector.batch()

    def _ask(self, collector: Collector, tracked: Tracked) -> None:
        way, symbol = WAYS[self.declared.name], tracked.vendor_symbol
        try:
            reply = way.get(self.access, symbol)
        except VendorError as error:
            if error.failure.consequence is not Consequence.SKIP_SYMBOL:
                raise
            collector.skip(symbol, error.failure, error.problem)
            return
        rows, rejected = way.parse(reply.body)
        if rows.is_empty():
            rejected = rejected.with_columns(vendor_symbol=pl.lit(symbol))
            collector.add(reply, _NOTHING, rejected)
            if rejected.is_empty():
                collector.skip(symbol, Failure.UNKNOWN_SYMBOL, "it has no quote")
            return
        known = [n for n in ("row_number", "price", "bid", "ask") if n in rows.columns]
        at = pl.col("quoted_at").fill_null(pl.lit(reply.fetched_at)).cast(_INSTANT)
        collector.add(
            reply,
            rows.select(
                *known,
                vendor_symbol=pl.lit(symbol),
                quote=pl.lit(tracked.quote),
                quoted_at=at,
                session=at.dt.date(),
            ),
        )


_NOTHING = pl.DataFrame(schema={"vendor_symbol": pl.String()})


def quoting(source: Source) -> Quotes | None:
    """The quotes of a source; None where its vendor has none that is known of."""
    if source.spec.name not in WAYS or not isinstance(source, OnTheWeb):
        return None
    return Quotes(source.spec, source.access)
