"""Alpha Vantage as a source: which answers one fetch needs, and how far back a key reaches.

A call brings one stock's last 100 sessions (compact) or its history (full, paid on newer keys).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple

import polars as pl

from fundplatform.errors import SourceError
from fundplatform.sources.alpha_vantage.answers import COMPACT, parse_daily
from fundplatform.sources.alpha_vantage.profile import NAME
from fundplatform.sources.base import LISTING_SCHEMA, Batch, Coverage, Kind, SourceSpec
from fundplatform.sources.web.collect import Collector
from fundplatform.sources.web.columns import listing
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.journal import Request
from fundplatform.sources.web.plan import Bound, Plan
from fundplatform.sources.web.profile import Access, Reply, Tracked
from fundplatform.sources.web.sessions import newest, published, still_coming

_CALENDAR, _MARKET = "XNYS", "US"
_LAG = timedelta(hours=5)
_FULL, _COMPACT_SIZE, _ASK_AGAIN = "full", "compact", timedelta(days=30)
_OLDER = f"the key has the last {COMPACT} sessions only"

SPEC = SourceSpec(
    name=NAME,
    title="Alpha Vantage: US stocks, daily",
    asset_class="equity",
    market=_MARKET,
    quote="USD",
    adjustment="none",
    priority=80,
    kinds={Kind.OHLCV: Coverage(_CALENDAR, date(1999, 11, 1), lag=_LAG)},
    description=(
        "Daily bars of tracked stocks, as traded (`TIME_SERIES_DAILY`). 25 calls a day, 5 a "
        "minute; a call brings one stock's last 100 sessions, or all of them where the key may. "
        "Where it may not, older sessions are not taken as fetched."
    ),
    url="https://www.alphavantage.co/documentation/",
)


def vendor_symbol(symbol: str, quote: str = "USD") -> str:
    """Alpha Vantage writes share classes with a hyphen: BRK.B -> BRK-B."""
    return symbol.replace(".", "-")


class Found(NamedTuple):
    """Sessions that one stock has rows of, and sessions that its answers do not reach."""

    sessions: Sequence[date]
    beyond: Sequence[date]


@dataclass(frozen=True)
class AlphaVantage:
    """The source.

    Attributes:
        access: Its requests, tracked listings, and what it remembers: whether the key may have
            full histories.
    """

    access: Access
    # The chunks of one backfill ask for the same answer: 25 calls a day are few.
    _answers: dict[str, tuple[date, Reply]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def spec(self) -> SourceSpec:
        """The declaration."""
        return self.access.expecting(SPEC)

    def listings(self, kind: Kind) -> pl.DataFrame:
        """Nothing: each fetch says what it learnt (`Batch.listings`)."""
        return LISTING_SCHEMA.to_frame()

    def fetch(self, kind: Kind, first: date, last: date, *, now: datetime) -> Batch:
        """The bars of first..last of what is tracked.

        Raises:
            SourceError: Not a kind of this source.
            VendorError: An answer is a failure; HISTORY_UNAVAILABLE where the key reaches no
                session of the range.
        """
        if kind is not Kind.OHLCV:
            raise SourceError(NAME, f"it has no {kind}", "Ask for ohlcv")
        collector = Collector(kind, first, last)
        done, coming = published(_CALENDAR, first, last, _LAG, now)
        collector.not_published(coming)
        found = [
            self._stock(collector, tracked, own, now)
            for tracked in self.access.tracked
            if (own := [s for s in done if tracked.since <= s <= (tracked.until or s)])
        ]
        latest = max((s for one in found for s in one.sessions), default=None)
        if latest is None and any(one.beyond for one in found):
            raise VendorError(
                NAME,
                Failure.HISTORY_UNAVAILABLE,
                f"{_OLDER}, {first}..{last} is older",
                "Take a paid plan, or another source for older sessions",
            )
        collector.not_published(s for one in found for s in one.beyond)
        if found:
            collector.not_published(still_coming(done, latest, now))
        return collector.batch()

    def plan(self, kind: Kind, first: date, last: date, *, now: datetime) -> Plan:
        """The requests of `fetch`: one a stock; one more where a full history is refused."""
        done, _ = published(_CALENDAR, first, last, _LAG, now)
        found = []
        for tracked in self.access.tracked:
            own = [s for s in done if tracked.since <= s <= (tracked.until or s)]
            size = self._size(tracked, own, now) if own else None
            if size is not None:
                found.append(Request("/query", _params(tracked.vendor_symbol, size)))
        full = any(request.params["outputsize"] == _FULL for request in found)
        if full and self.access.memory.get(_FULL, now.date(), _ASK_AGAIN) is None:
            return Plan(found, Bound.AT_LEAST, "and one more where a full history is refused")
        return Plan(found)

    def _stock(
        self, collector: Collector, tracked: Tracked, own: Sequence[date], now: datetime
    ) -> Found:
        """Take one stock's bars."""
        symbol = tracked.vendor_symbol
        try:
            reply = self._answer(tracked, own, now)
        except VendorError as error:
            if error.failure is not Failure.UNKNOWN_SYMBOL:
                raise
            collector.skip(symbol, error.failure, error.problem)
            return Found([], [])
        if reply is None:
            collector.skip(symbol, Failure.HISTORY_UNAVAILABLE, _OLDER)
            return Found([], own)
        daily = parse_daily(reply.body, symbol)
        inside = pl.col("session").is_between(own[0], own[-1])
        rows, rejected = daily.rows.filter(inside), daily.rejected.filter(inside.fill_null(True))
        collector.add(reply, rows, rejected)
        oldest = daily.rows["session"].min()
        begins = oldest if daily.compact and isinstance(oldest, date) else own[0]
        beyond = [s for s in own if s < begins]
        if rows.height:
            collector.list(listing(tracked, rows["session"], _MARKET))
        if beyond:
            collector.skip(symbol, Failure.HISTORY_UNAVAILABLE, f"{_OLDER}, from {begins}")
        elif rows.is_empty() and rejected.is_empty():
            collector.skip(symbol, Failure.NO_DATA, f"no bar in {own[0]}..{own[-1]}")
        return Found(rows["session"].to_list(), beyond)

    def _answer(self, tracked: Tracked, own: Sequence[date], now: datetime) -> Reply | None:
        """The smallest answer that reaches back to `own`; None where none reaches its end.

        Whether the key may have full histories is found out by the first one it is refused.
        """
        end = newest(_CALENDAR, _LAG, now) or own[-1]
        size = self._size(tracked, own, now)
        if size == _FULL:
            try:
                return self._asked(tracked.vendor_symbol, _FULL, end)
            except VendorError as error:
                if error.failure is not Failure.NOT_ENTITLED:
                    raise
                self.access.memory.put(_FULL, False, now.date())
                size = self._size(tracked, own, now)
        return None if size is None else self._asked(tracked.vendor_symbol, size, end)

    def _size(self, tracked: Tracked, own: Sequence[date], now: datetime) -> str | None:
        """The size of answer to ask for; None where none reaches these sessions.

        The parts of one backfill ask for the same one: the oldest decides.
        """
        end = newest(_CALENDAR, _LAG, now) or own[-1]
        span = self.access.span
        begin = own[0] if span is None else min(own[0], max(span.first, tracked.since))
        back, _ = published(_CALENDAR, begin, end, _LAG, now)
        known = self.access.memory.get(_FULL, now.date(), _ASK_AGAIN)
        if len(back) > COMPACT and known is not False:
            return _FULL
        return None if own[-1] < back[-COMPACT:][0] else _COMPACT_SIZE

    def _asked(self, symbol: str, size: str, end: date) -> Reply:
        """An answer of this size or larger that ends with this session, asked once."""
        for known in (_FULL, size):
            session, reply = self._answers.get(f"{symbol}/{known}", (None, None))
            if reply is not None and session == end:
                return reply
        reply = self.access.web.get("/query", _params(symbol, size))
        self._answers[f"{symbol}/{size}"] = (end, reply)
        return reply


def _params(symbol: str, size: str) -> dict[str, str]:
    return {"function": "TIME_SERIES_DAILY", "symbol": symbol, "outputsize": size}
