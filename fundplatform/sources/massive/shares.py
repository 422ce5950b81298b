"""Shares outstanding from the ticker overview, dated so that nobody knows them too early.

The trap: the overview's `date` is compared with the report's period, not with its filing: asked
for 2019-06-29 it returns a count that was filed on 2019-07-31.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

import polars as pl

from fundplatform.sources.base import Batch, Kind
from fundplatform.sources.massive.actions import day_end
from fundplatform.sources.massive.bars import ZONE
from fundplatform.sources.massive.reference import parse_overview
from fundplatform.sources.massive.wanted import EVERYTHING, Wish, listings
from fundplatform.sources.web.collect import Collector
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.journal import Request
from fundplatform.sources.web.profile import Access, Tracked

# The longest time the SEC gives for an annual report (20-F: four months).
FILED_WITHIN = timedelta(days=120)
# Each quarter is a call, and the free plan has no more; older counts are the SEC's.
_HISTORY = timedelta(days=731)


def fetch(access: Access, start: date, now: datetime) -> Batch:
    """The count of today, and of the last two years' quarter ends since a ticker is tracked.

    Today's count is known today. A quarter's count is known when the period's report must have
    been filed: 120 days after the quarter's end; quarters younger than that are not asked.
    Splits between the report's period, which no answer states, and the day asked for are not
    accounted for. Funds have no count: they are skipped.

    Raises:
        VendorError: An answer is a failure other than an unknown ticker.
    """
    collector = Collector(Kind.SHARES, start, date.max)
    today = now.astimezone(ZONE).date()
    for tracked in _counted(access):
        _one(collector, access, tracked, _days(tracked, start, today))
    return collector.batch()


def plan(access: Access, start: date, now: datetime) -> list[Request]:
    """The requests of `fetch`."""
    today = now.astimezone(ZONE).date()
    return [
        _request(tracked.vendor_symbol, day)
        for tracked in _counted(access)
        for day in _days(tracked, start, today)
    ]


def _counted(access: Access) -> list[Tracked]:
    return [t for t in access.tracked if t.vendor_symbol != EVERYTHING and t.until is None]


def _days(tracked: Tracked, start: date, today: date) -> list[date]:
    """Today, then quarter ends."""
    since = max(start, tracked.since, today - _HISTORY)
    return [today, *_quarter_ends(since, today - FILED_WITHIN)]


def _request(ticker: str, day: date) -> Request:
    return Request(f"/v3/reference/tickers/{ticker}", {"date": f"{day}"})


def _one(collector: Collector, access: Access, tracked: Tracked, days: Sequence[date]) -> None:
    ticker, today = tracked.vendor_symbol, days[0]
    for day in days:
        request = _request(ticker, day)
        try:
            reply = access.web.get(request.path, request.params)
        except VendorError as error:
            if error.failure is not Failure.UNKNOWN_SYMBOL:
                raise
            if day == today:
                collector.skip(ticker, Failure.UNKNOWN_SYMBOL, error.problem)
            continue
        found = parse_overview(reply.body, ticker)
        if found.shares is None:
            collector.add(reply, _rows(ticker, day, today, []))
            if day == today:
                collector.skip(ticker, Failure.NO_DATA, "the overview has no share count")
            continue
        collector.add(reply, _rows(ticker, day, today, [found.shares]))
        seen = pl.DataFrame({"vendor_symbol": [ticker], "session": [day], "name": [found.name]})
        collector.list(listings(seen, [Wish(ticker, day, day, tracked)]))


def _rows(ticker: str, day: date, today: date, counts: list[float]) -> pl.DataFrame:
    known = day if day == today else day + FILED_WITHIN
    return pl.DataFrame({"shares": counts}, {"shares": pl.Float64()}).select(
        vendor_symbol=pl.lit(ticker),
        measured_on=pl.lit(day),
        known_at=day_end(pl.lit(known)),
        shares="shares",
    )


def _quarter_ends(first: date, last: date) -> Iterator[date]:
    for year in range(first.year, last.year + 1):
        for month, day in ((3, 31), (6, 30), (9, 30), (12, 31)):
            end = date(year, month, day)
            if first <= end <= last:
                yield end
