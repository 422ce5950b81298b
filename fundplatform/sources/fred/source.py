"""FRED as a source: the windows of vintages and the pages that bring a whole series."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import polars as pl

from fundplatform.errors import SourceError
from fundplatform.sources.base import Batch, Kind, SourceSpec
from fundplatform.sources.fred.answers import Page, merged, parse_observations
from fundplatform.sources.fred.profile import FIRST_VINTAGE, LAST_VINTAGE, SPEC
from fundplatform.sources.web.collect import Collector
from fundplatform.sources.web.columns import listing, unseen
from fundplatform.sources.web.failures import Consequence, Failure, VendorError
from fundplatform.sources.web.journal import Request
from fundplatform.sources.web.plan import Bound, Plan
from fundplatform.sources.web.profile import Access, Reply, Tracked
from fundplatform.sources.web.records import changed

LIMIT = 100_000
"""Observations in an answer at most."""
# Vintages before ALFRED's oldest newspapers: none.
_OLDEST = date(1927, 1, 1)
# Daily market series: the rest of the series, monthly rates too, are economic ones.
_RATES = re.compile(
    r"DGS\d+(MO)?|DTB\d+(WK|MO|YR)?|DFII\d+|DFF|EFFR|OBFR|SOFR\w*|IORB|DPRIME|DCPF\w+|T\d+Y\w*|"
    r"BAML\w+|ECB\w+|IUDSOIA|AMERIBOR"
)


@dataclass(frozen=True)
class Fred:
    """FRED as a source.

    Attributes:
        access: Requests and tracked series.
    """

    access: Access

    @property
    def spec(self) -> SourceSpec:
        """The declaration."""
        return SPEC

    def listings(self, kind: Kind) -> pl.DataFrame:
        """The tracked series of the kind."""
        return unseen(self._tracked(kind), SPEC.market)

    def fetch(self, kind: Kind, first: date, last: date, *, now: datetime) -> Batch:
        """Every observation of the tracked series, whole, with its vintages.

        Raises:
            VendorError: Any failure that does not concern one series alone.
            SourceError: It has no such kind.
        """
        if kind not in SPEC.kinds:
            raise SourceError("fred", f"it has no {kind}", f"Ask for one of {list(SPEC.kinds)}")
        collector = Collector(kind, first, last)
        for item in self._tracked(kind):
            try:
                self._series(collector, item, now.date())
            except VendorError as error:
                if error.failure.consequence is not Consequence.SKIP_SYMBOL:
                    raise
                collector.skip(item.vendor_symbol, error.failure, error.problem)
        return collector.batch()

    def plan(self, kind: Kind, first: date, last: date, *, now: datetime) -> Plan:
        """The first request of each series; those with thousands of vintages take several."""
        requests = [_request(item, FIRST_VINTAGE, LAST_VINTAGE, 0) for item in self._tracked(kind)]
        return Plan(requests, Bound.AT_LEAST, "and more for series with over 2,000 vintages")

    def _tracked(self, kind: Kind) -> Sequence[Tracked]:
        return [t for t in map(_classed, self.access.tracked) if t.asset_class == _CLASS_OF[kind]]

    def _series(self, collector: Collector, item: Tracked, today: date) -> None:
        answers = list(self._windows(item, FIRST_VINTAGE, None, today)) or self._plain(item)
        kept = merged([page.rows for _, page in answers])
        for n, (reply, page) in enumerate(answers):
            rows = kept.filter(pl.col("answer") == n).with_columns(
                vendor_symbol=pl.lit(item.vendor_symbol)
            )
            rejected = page.rejected.with_columns(vendor_symbol=pl.lit(item.vendor_symbol))
            collector.add(reply, rows, rejected)
        if kept.is_empty():
            collector.skip(item.vendor_symbol, Failure.NO_DATA, "the series has no observation")
            return
        # The whole series came, so its first observation is where it begins.
        days = kept["session"].sort()
        collector.list(listing(replace(item, since=days[0]), days, SPEC.market))

    def _windows(
        self, item: Tracked, start: date, end: date | None, today: date
    ) -> Iterator[tuple[Reply, Page]]:
        """The answers for the vintages of a window, nothing where ALFRED has none.

        FRED refuses more than 2,000 vintages in a window; it is halved then. It also refuses an
        end after its own today, but for LAST_VINTAGE, which is taken where `end` is None.
        """
        until = end or max(today, start)
        try:
            # Taken whole before it is handed on: a refusal must not come after half of it.
            pages = list(self._pages(item, start, end or LAST_VINTAGE))
        except VendorError as error:
            if error.failure is Failure.NO_DATA:
                return
            if error.failure is not Failure.HISTORY_UNAVAILABLE or start >= until:
                raise
            oldest = max(start, _OLDEST)
            middle = oldest + (until - oldest) // 2
            yield from self._windows(item, start, middle, today)
            yield from self._windows(item, middle + timedelta(days=1), end, today)
            return
        yield from pages

    def _plain(self, item: Tracked) -> list[tuple[Reply, Page]]:
        """A series that ALFRED does not keep: its values today, as if published on their date."""
        found = []
        for reply, page in self._pages(item, None, None):
            rows = page.rows.with_columns(vintage=pl.col("session"))
            found.append((reply, replace(page, rows=rows)))
        return found

    def _pages(
        self, item: Tracked, start: date | None, end: date | None
    ) -> Iterator[tuple[Reply, Page]]:
        offset = 0
        while True:
            request = _request(item, start, end, offset)
            reply = self.access.web.get(request.path, request.params)
            page = parse_observations(reply.body)
            if page.offset != offset:
                raise changed("fred", "field offset", f"is {page.offset} instead of {offset}")
            yield reply, page
            got = page.rows.height + page.rejected.height
            offset += got
            if offset >= page.count:
                return
            if not got:
                problem = f"{item.vendor_symbol}: {offset} of {page.count} observations came"
                raise VendorError("fred", Failure.TRUNCATED, problem, "Fetch it again")


def _request(item: Tracked, start: date | None, end: date | None, offset: int) -> Request:
    params = {
        "series_id": item.vendor_symbol,
        "file_type": "json",
        **_realtime(start, end),
        "limit": str(LIMIT),
        "offset": str(offset),
    }
    return Request("/fred/series/observations", params)


def _realtime(start: date | None, end: date | None) -> dict[str, str]:
    return {"realtime_start": str(start), "realtime_end": str(end)} if start and end else {}


_CLASS_OF = {Kind.RATES: "rate", Kind.ECONOMIC: "economic"}


def _classed(item: Tracked) -> Tracked:
    """The series with its class: daily market rates are known by their ids, or said to be rates."""
    is_rate = item.asset_class == "rate" or _RATES.fullmatch(item.vendor_symbol)
    return replace(item, asset_class="rate" if is_rate else "economic")
