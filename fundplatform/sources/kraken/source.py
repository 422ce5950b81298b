"""Kraken as a source: which answers a fetch needs, and what its cap of 720 bars means.

Older bars come from Kraken's bundles, which are drop folders (layouts kraken_ohlcvt and
kraken_trades); a short gap between the two is filled from trades.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from fundplatform.errors import SourceError
from fundplatform.sources.base import Batch, Kind, SourceSpec
from fundplatform.sources.kraken.answers import daily, parse_ohlc, parse_trades
from fundplatform.sources.kraken.profile import SPEC
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.journal import Request
from fundplatform.sources.web.pairs import (
    DAY,
    LAG,
    Answer,
    days,
    fetch_days,
    last_finished,
    listings,
    milliseconds,
    wanted,
)
from fundplatform.sources.web.plan import Bound, Plan
from fundplatform.sources.web.profile import Access, Reply, Tracked

CAP = 720
"""Bars in an answer at most: the newest ones, whatever was asked."""
PAGE = 1000
"""Trades in an answer at most."""
FILLED_FROM_TRADES = 31
"""Days before the newest 720 bars that are made from trades; a busy day is a minute of calls."""
_NANO = 1_000_000


@dataclass(frozen=True)
class Kraken:
    """Kraken's REST as a source (implements `sources.base.Source`)."""

    access: Access

    @property
    def spec(self) -> SourceSpec:
        """The declaration; the tracked listings are what it is expected to deliver."""
        return self.access.expecting(SPEC)

    def listings(self, kind: Kind) -> pl.DataFrame:
        """The tracked pairs (LISTING_SCHEMA)."""
        return listings(self.access.tracked)

    def fetch(self, kind: Kind, first: date, last: date, *, now: datetime) -> Batch:
        """Bars or trades of the tracked pairs; see `sources.base.Source.fetch`.

        Raises:
            VendorError: The vendor refuses, its answer cannot be read, or the days asked for lie
                before what it still has (history_unavailable).
        """
        asks = {Kind.OHLCV: self._bars, Kind.TRADES: self._trades}
        if kind not in asks:
            raise SourceError("kraken", f"it has no {kind}", "Ask for ohlcv or trades")
        finished = last_finished(now, LAG)
        return fetch_days(kind, self._pairs(kind), (first, last), finished, asks[kind])

    def plan(self, kind: Kind, first: date, last: date, *, now: datetime) -> Plan:
        """The requests of `fetch`: one a pair, and of trades one a page."""
        asked = list(wanted(self._pairs(kind), (first, last), last_finished(now, LAG)))
        if kind is Kind.TRADES:
            pages = [_trades_since(pair, _nano(begin) - 1) for pair, begin, _ in asked]
            return Plan(pages, Bound.AT_LEAST, f"and one for each further page of {PAGE:,} trades")
        requests = [self._ohlc(pair, begin) for pair, begin, _ in asked]
        if all((now.date() - begin).days < CAP for _, begin, _ in asked):
            return Plan(requests)
        return Plan(requests, Bound.AT_LEAST, f"and the trades of days before the newest {CAP}")

    def _pairs(self, kind: Kind) -> list[Tracked]:
        # A year of a busy pair's trades is a night of calls: only for pairs that ask for them.
        unasked = kind is not Kind.TRADES
        return [p for p in self.access.tracked if p.wants(kind, unasked=unasked)]

    def _ohlc(self, pair: Tracked, first: date) -> Request:
        """One answer serves all parts of a backfill: it ends with today whatever is asked."""
        span = self.access.span
        begin = first if span is None else max(pair.since, min(first, span.first))
        since = str(milliseconds(begin) // 1000 - 1)
        params = {"pair": pair.vendor_symbol, "interval": "1440", "since": since}
        return Request("/0/public/OHLC", params)

    def _bars(self, pair: Tracked, first: date, last: date) -> Iterator[Answer]:
        request = self._ohlc(pair, first)
        answer = parse_ohlc(self.access.web.get(request.path, request.params), pair)
        oldest = answer.rows["session"].min()
        capped = answer.rows.height + answer.rejected.height >= CAP
        if capped and isinstance(oldest, date) and oldest > first:
            if len(days(first, oldest)) - 1 > FILLED_FROM_TRADES:
                raise _too_old(pair, first, oldest)
            yield from self._from_trades(pair, first, min(last, oldest - DAY))
        yield answer

    def _from_trades(self, pair: Tracked, first: date, last: date) -> Iterator[Answer]:
        """Bars made of trades; each day's are named after the page that ends the range."""
        trades: list[pl.DataFrame] = []
        page: Answer | None = None
        for answer in self._trades(pair, first, last):
            if page is not None:
                yield Answer(page.reply, daily(page.rows.clear()), page.rejected)
            trades.append(answer.rows)
            page = answer
        if page is not None:
            whole = pl.concat(trades).unique("trade_id")
            inside = whole.filter(pl.col("session").is_between(first, last))
            yield Answer(page.reply, daily(inside), page.rejected)

    def _trades(self, pair: Tracked, first: date, last: date) -> Iterator[Answer]:
        since, end = _nano(first) - 1, _nano(last + DAY)
        while since < end:
            request = _trades_since(pair, since)
            reply = self.access.web.get(request.path, request.params)
            answer, reached = parse_trades(reply, pair)
            yield answer
            if int(reached) <= since:
                if answer.rows.height >= PAGE:
                    raise _stands_still(pair, reply)
                return
            since = int(reached)


def _trades_since(pair: Tracked, since: int) -> Request:
    params = {"pair": pair.vendor_symbol, "since": str(since), "count": str(PAGE)}
    return Request("/0/public/Trades", params)


def _nano(day: date) -> int:
    return milliseconds(day) * _NANO


def _too_old(pair: Tracked, first: date, oldest: date) -> VendorError:
    return VendorError(
        "kraken",
        Failure.HISTORY_UNAVAILABLE,
        f"{pair.vendor_symbol} was asked from {first}; the oldest of its newest {CAP} days is "
        f"{oldest}",
        "Drop Kraken's OHLCVT bundle (layout kraken_ohlcvt, docs/drop-folders.md) for the days "
        f"before, and track the pair since {oldest}",
    )


def _stands_still(pair: Tracked, reply: Reply) -> VendorError:
    return VendorError(
        "kraken",
        Failure.TRUNCATED,
        f"a full page of {pair.vendor_symbol} trades names no next one",
        "Fetch again; the days are not recorded",
        payload_hash=reply.digest,
    )
