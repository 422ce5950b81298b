"""Finnhub as a source: what it has, and share counts and profiles; bars are in bars.py."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from fundplatform.errors import SourceError
from fundplatform.sources.base import LISTING_SCHEMA, Batch, Coverage, Kind, SourceSpec
from fundplatform.sources.finnhub import bars
from fundplatform.sources.finnhub.answers import NEW_YORK, Company, parse_company
from fundplatform.sources.finnhub.bars import CALENDAR, LAG, MARKET
from fundplatform.sources.finnhub.profile import NAME
from fundplatform.sources.web.collect import Collector
from fundplatform.sources.web.columns import listing
from fundplatform.sources.web.failures import Failure
from fundplatform.sources.web.journal import Request
from fundplatform.sources.web.plan import Plan
from fundplatform.sources.web.profile import Access, Reply, Tracked

_START = date(2000, 1, 3)

SPEC = SourceSpec(
    name=NAME,
    title="Finnhub: US stocks",
    asset_class="equity",
    market=MARKET,
    quote="USD",
    adjustment="split",
    priority=70,
    kinds={
        Kind.OHLCV: Coverage(CALENDAR, _START, lag=LAG),
        Kind.SHARES: Coverage(CALENDAR, _START, partitioned=False),
        Kind.PROFILES: Coverage(CALENDAR, _START, partitioned=False),
    },
    description=(
        "Daily bars, share counts and profiles of tracked stocks; 60 calls a minute. With a paid "
        "key candles, adjusted for splits by the vendor; with a free one the newest session's "
        "quote, as traded and without volume: older sessions cannot be had."
    ),
    url="https://finnhub.io/docs/api",
)


@dataclass(frozen=True)
class Finnhub:
    """The source.

    Attributes:
        access: Its requests, tracked listings, and what it remembers: whether the key has candles.
    """

    access: Access

    @property
    def spec(self) -> SourceSpec:
        """The declaration."""
        return self.access.expecting(SPEC)

    def listings(self, kind: Kind) -> pl.DataFrame:
        """Nothing: each fetch says what it learnt (`Batch.listings`)."""
        return LISTING_SCHEMA.to_frame()

    def fetch(self, kind: Kind, first: date, last: date, *, now: datetime) -> Batch:
        """The rows of first..last of what is tracked; shares and profiles as of today.

        Raises:
            SourceError: Not a kind of this source.
            VendorError: An answer is a failure; NOT_ENTITLED where the key has no candles and the
                range does not hold the newest session.
        """
        collector = Collector(kind, first, last)
        match kind:
            case Kind.OHLCV:
                bars.collect(self.access, collector, now)
            case Kind.SHARES:
                self._companies(collector, now, _count)
            case Kind.PROFILES:
                self._companies(collector, now, _profile)
            case _:
                raise SourceError(NAME, f"it has no {kind}", f"Ask for {', '.join(SPEC.kinds)}")
        return collector.batch()

    def plan(self, kind: Kind, first: date, last: date, *, now: datetime) -> Plan:
        """The requests of `fetch`: one a stock."""
        if kind is Kind.OHLCV:
            return bars.plan(self.access, first, last, now)
        today = now.astimezone(ZoneInfo(NEW_YORK)).date()
        return Plan([_company_of(tracked) for tracked in self._listed(today)])

    def _listed(self, today: date) -> list[Tracked]:
        return [t for t in self.access.tracked if t.until is None or t.until >= today]

    def _companies(
        self,
        collector: Collector,
        now: datetime,
        rows: Callable[[Tracked, Company, date], pl.DataFrame],
    ) -> None:
        today = now.astimezone(ZoneInfo(NEW_YORK)).date()
        for tracked in self._listed(today):
            symbol, request = tracked.vendor_symbol, _company_of(tracked)
            reply: Reply = self.access.web.get(request.path, request.params)
            found = parse_company(reply.body, symbol)
            if found is None:
                collector.add(reply, _NONE)
                collector.skip(symbol, Failure.UNKNOWN_SYMBOL, "the profile is empty")
                continue
            own = rows(tracked, found, today)
            collector.add(reply, own)
            if own.is_empty():
                collector.skip(symbol, Failure.NO_DATA, "the profile has no share count")
                continue
            name = found.row["name"]
            seen = pl.Series([today], dtype=pl.Date())
            collector.list(listing(tracked, seen, MARKET, name if isinstance(name, str) else None))


def _company_of(tracked: Tracked) -> Request:
    return Request("/stock/profile2", {"symbol": tracked.vendor_symbol})


_NONE = pl.DataFrame(schema={"vendor_symbol": pl.String()})


def _count(tracked: Tracked, found: Company, today: date) -> pl.DataFrame:
    """Today's share count, known when today has ended in New York: nothing earlier is stated."""
    if found.shares is None:
        return _NONE
    end = datetime.combine(today + timedelta(days=1), time(), ZoneInfo(NEW_YORK))
    return pl.DataFrame(
        {
            "vendor_symbol": [tracked.vendor_symbol],
            "measured_on": [today],
            "known_at": [end.astimezone(UTC)],
            "shares": [found.shares],
        }
    )


def _profile(tracked: Tracked, found: Company, today: date) -> pl.DataFrame:
    return pl.DataFrame([{"vendor_symbol": tracked.vendor_symbol, **found.row}])
