"""Massive as a source: what it has, and what one fetch asks for.

Parsing is in bars.py, actions.py and reference.py; limits, retries and keys are the client's.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import polars as pl

from fundplatform.errors import SourceError
from fundplatform.sources.base import LISTING_SCHEMA, Batch, Coverage, Kind, SourceSpec
from fundplatform.sources.massive import corporate, shares
from fundplatform.sources.massive.bars import Bars, parse_grouped, parse_range
from fundplatform.sources.massive.names import known_names
from fundplatform.sources.massive.pages import Next, pages
from fundplatform.sources.massive.plan import Call, bar_calls
from fundplatform.sources.massive.profile import NAME
from fundplatform.sources.massive.wanted import Wish, keep, listings, whole_market, wishes
from fundplatform.sources.web.collect import Collector
from fundplatform.sources.web.failures import Failure
from fundplatform.sources.web.profile import Access, Reply
from fundplatform.sources.web.sessions import published, still_coming

_CALENDAR = "XNYS"
_START = date(2003, 9, 10)
# The free plan publishes a day during the night: 01:00 in New York is nine hours after the close.
_LAG = timedelta(hours=9)

SPEC = SourceSpec(
    name=NAME,
    title="Massive (formerly Polygon.io): US stocks and ETFs",
    asset_class="equity",
    market="US",
    quote="USD",
    adjustment="none",
    priority=40,
    kinds={
        Kind.OHLCV: Coverage(_CALENDAR, _START, lag=_LAG),
        Kind.CORPORATE_ACTIONS: Coverage(_CALENDAR, _START, partitioned=False),
        Kind.SHARES: Coverage(_CALENDAR, _START, partitioned=False),
    },
    description=(
        "Daily bars as traded (`adjusted=false`), of the whole market where nothing (or `*`) is "
        "tracked, else of the tracked tickers and their former ones. Splits, dividends, "
        "delistings; shares outstanding of tracked tickers. Free plan: 5 calls a minute, two years "
        "of history, published in the night after the session. Bars without a tracked meaning are "
        "of class equity, ETFs included: Massive's bars do not say what a ticker is."
    ),
    url="https://massive.com/docs",
)


@dataclass(frozen=True)
class Massive:
    """The source.

    Attributes:
        access: Its requests, tracked listings, and what it remembers: former tickers.
    """

    access: Access

    @property
    def spec(self) -> SourceSpec:
        """The declaration; what is tracked is what it is expected to deliver."""
        tracked = self.access.tracked
        if whole_market(tracked):
            return SPEC
        return replace(SPEC, tracked=tuple(t.vendor_symbol for t in tracked))

    def listings(self, kind: Kind) -> pl.DataFrame:
        """Nothing: each fetch says what it learnt (`Batch.listings`)."""
        return LISTING_SCHEMA.to_frame()

    def fetch(self, kind: Kind, first: date, last: date, *, now: datetime) -> Batch:
        """The rows of first..last; corporate actions and shares whole.

        Raises:
            SourceError: Not a kind of this source.
            VendorError: An answer is a failure (see `web/failures.py`).
        """
        match kind:
            case Kind.OHLCV:
                return self._bars(first, last, now)
            case Kind.CORPORATE_ACTIONS:
                return corporate.fetch(self.access, SPEC.kinds[kind].start, now)
            case Kind.SHARES:
                return shares.fetch(self.access, SPEC.kinds[kind].start, now)
            case _:
                raise SourceError(NAME, f"it has no {kind}", f"Ask for {', '.join(SPEC.kinds)}")

    def plan(self, first: date, last: date, *, now: datetime) -> list[Call]:
        """The calls that `fetch` makes for the bars of first..last, one page each."""
        done, _ = published(_CALENDAR, first, last, _LAG, now)
        return bar_calls(done, self._wanted(first, last, now))

    def _wanted(self, first: date, last: date, now: datetime) -> list[Wish] | None:
        tracked = self.access.tracked
        if whole_market(tracked):
            return None
        return wishes(tracked, known_names(self.access.memory, tracked, now), first, last)

    def _bars(self, first: date, last: date, now: datetime) -> Batch:
        collector = Collector(Kind.OHLCV, first, last)
        done, coming = published(_CALENDAR, first, last, _LAG, now)
        collector.not_published(coming)
        wanted = self._wanted(first, last, now)
        calls = bar_calls(done, wanted)
        seen = [_SEEN.to_frame()]
        for call in calls:
            vendor_rows = 0
            for reply, bars in self._answers(call):
                vendor_rows += bars.rows.height + bars.rejected.height
                if call.wish is None and wanted is not None:
                    bars = Bars(keep(bars.rows, wanted), keep(bars.rejected, wanted))
                collector.add(reply, bars.rows, bars.rejected)
                seen.append(bars.rows.select(_SEEN.names()))
            if not vendor_rows:
                _tell_empty(collector, call)
        found = pl.concat(seen)
        if calls and calls[0].wish is not None:
            collector.not_published(still_coming(done, found["session"].max(), now))
        collector.list(listings(found, wanted or []))
        return collector.batch()

    def _answers(self, call: Call) -> Iterator[tuple[Reply, Bars]]:
        def parsed(reply: Reply) -> tuple[Bars, Next]:
            if call.wish is None:
                bars = parse_grouped(reply.body, call.first)
            else:
                bars = parse_range(reply.body, call.wish.ticker, call.first, call.last)
            return bars, bars.more

        return pages(self.access.web, call.path, call.params, parsed)


_SEEN = pl.Schema({"vendor_symbol": pl.String(), "session": pl.Date()})


def _tell_empty(collector: Collector, call: Call) -> None:
    """An empty open day is one that is not published; an empty range is a ticker without bars."""
    if call.wish is None:
        collector.not_published([call.first])
    else:
        collector.skip(
            call.wish.ticker,
            Failure.NO_DATA,
            f"no bar in {call.first}..{call.last}; Massive answers an unknown ticker the same way",
        )
