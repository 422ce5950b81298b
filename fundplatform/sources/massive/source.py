"""Massive as a source: what it has, and what one fetch asks for.

Parsing is in bars.py, actions.py and reference.py; limits, retries and keys are the client's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from fundplatform.errors import SourceError
from fundplatform.sources.base import LISTING_SCHEMA, Batch, Coverage, Kind, SourceSpec
from fundplatform.sources.massive import corporate, shares
from fundplatform.sources.massive.bars import Bars, parse_grouped, parse_range
from fundplatform.sources.massive.names import is_due, known_names
from fundplatform.sources.massive.pages import Next, pages
from fundplatform.sources.massive.plan import Call, bar_calls
from fundplatform.sources.massive.profile import NAME
from fundplatform.sources.massive.wanted import Wish, keep, listings, whole_market, wishes
from fundplatform.sources.web.collect import Collector
from fundplatform.sources.web.failures import Failure
from fundplatform.sources.web.journal import Request
from fundplatform.sources.web.plan import Bound, Plan
from fundplatform.sources.web.profile import Access, Reply, Span
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
        # First: they tell former tickers, whose bars are asked for as well.
        Kind.CORPORATE_ACTIONS: Coverage(_CALENDAR, _START, partitioned=False),
        Kind.OHLCV: Coverage(_CALENDAR, _START, lag=_LAG),
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
        return SPEC if whole_market(self.access.tracked) else self.access.expecting(SPEC)

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

    def plan(self, kind: Kind, first: date, last: date, *, now: datetime) -> Plan:
        """The requests that `fetch` makes, one page each.

        A company's former tickers that its events will tell are not known before they came.
        """
        match kind:
            case Kind.OHLCV:
                return self._planned(self._asked(first, last, now), now)
            case Kind.CORPORATE_ACTIONS:
                asked = corporate.plan(self.access, SPEC.kinds[kind].start, now)
                return Plan(asked, Bound.AT_LEAST, "and one for each further page")
            case _:
                return Plan(shares.plan(self.access, SPEC.kinds[kind].start, now))

    def _planned(self, asked: "_Asked", now: datetime) -> Plan:
        requests = [Request(call.path, call.params) for call in asked.calls]
        wished = {c.wish.tracked.vendor_symbol for c in asked.calls if c.wish is not None}
        if any(is_due(self.access.memory, ticker, now) for ticker in wished):
            return Plan(requests, Bound.AT_LEAST, "and one for each former ticker")
        return Plan(requests)

    def _asked(self, first: date, last: date, now: datetime) -> "_Asked":
        done, coming = published(_CALENDAR, first, last, _LAG, now)
        span = self.access.span or Span(first, last, len(done))
        whole, _ = published(_CALENDAR, span.first, span.last, _LAG, now)
        wanted = None
        tracked = self.access.tracked
        if not whole_market(tracked):
            names = known_names(self.access.memory, tracked, now)
            wanted = wishes(tracked, names, min(first, span.first), max(last, span.last))
        return _Asked(bar_calls(done, wanted, whole, span.sessions), wanted, done, coming)

    def _bars(self, first: date, last: date, now: datetime) -> Batch:
        collector = Collector(Kind.OHLCV, first, last)
        asked = self._asked(first, last, now)
        collector.not_published(asked.coming)
        within = pl.col("session").is_between(first, last)
        seen = [_SEEN.to_frame()]
        for call in asked.calls:
            vendor_rows = 0
            for reply, bars in self._answers(call):
                vendor_rows += bars.rows.height + bars.rejected.height
                rows, rejected = bars.rows, bars.rejected
                if call.wish is not None:
                    # The answer may serve other parts of a backfill as well.
                    rows, rejected = rows.filter(within), rejected.filter(within.fill_null(True))
                elif asked.wanted is not None:
                    rows, rejected = keep(rows, asked.wanted), keep(rejected, asked.wanted)
                collector.add(reply, rows, rejected)
                seen.append(rows.select(_SEEN.names()))
            if not vendor_rows:
                _tell_empty(collector, call)
        found = pl.concat(seen)
        if asked.calls and asked.calls[0].wish is not None:
            late = still_coming(asked.done, found["session"].max(), now)
            collector.not_published(late)
        collector.list(listings(found, asked.wanted or []))
        return collector.batch()

    def _answers(self, call: Call) -> Iterator[tuple[Reply, Bars]]:
        def parsed(reply: Reply) -> tuple[Bars, Next]:
            if call.wish is None:
                bars = parse_grouped(reply.body, call.first)
            else:
                bars = parse_range(reply.body, call.wish.ticker, call.first, call.last)
            return bars, bars.more

        return pages(self.access.web, call.path, call.params, parsed)


@dataclass(frozen=True)
class _Asked:
    """What a fetch of bars asks for: calls; whose (None: everyone's); sessions out, and to come."""

    calls: list[Call]
    wanted: list[Wish] | None
    done: list[date]
    coming: list[date]


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
