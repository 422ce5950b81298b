"""Yahoo as a source: which charts are asked for, which bars are finished, what a symbol is.

Parsing is the other files'. One request a symbol: a chart from the first day wanted to the present,
because the splits since then are needed to undo Yahoo's adjustment.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from urllib.parse import quote

import polars as pl

from fundplatform import calendars
from fundplatform.errors import SourceError
from fundplatform.sources.base import LISTING_SCHEMA, Batch, Kind, SourceSpec, newest_session
from fundplatform.sources.web.collect import Collector
from fundplatform.sources.web.columns import unseen
from fundplatform.sources.web.failures import Consequence, Failure, VendorError
from fundplatform.sources.web.journal import Request
from fundplatform.sources.web.plan import Plan
from fundplatform.sources.web.profile import Access, Reply, Tracked
from fundplatform.sources.yahoo.chart import Chart, Meta, parse_chart
from fundplatform.sources.yahoo.facts import FUNDS, MODULES, parse_facts
from fundplatform.sources.yahoo.profile import CHART, SUMMARY
from fundplatform.sources.yahoo.segments import US, Segment

_DAY = timedelta(days=1)
# An empty session older than this was silent; a younger one may still come.
_SETTLED = 7 * _DAY
_KNOWN_TYPE = timedelta(days=30)


@dataclass(frozen=True)
class Yahoo:
    """One of Yahoo's markets as a source.

    Attributes:
        access: Requests and tracked symbols.
        segment: The market.
    """

    access: Access
    segment: Segment = field(default=US)

    @property
    def spec(self) -> SourceSpec:
        """The declaration."""
        return self.segment.spec

    def listings(self, kind: Kind) -> pl.DataFrame:
        """The tracked symbols, as far as they are known before a fetch."""
        return unseen(self.access.tracked, self.spec.market).clear()

    def fetch(self, kind: Kind, first: date, last: date, *, now: datetime) -> Batch:
        """Finished bars of the range; or every action; or the facts of the day.

        Raises:
            VendorError: Any failure that does not concern one symbol alone.
            SourceError: It has no such kind.
        """
        if kind not in self.spec.kinds:
            has = list(self.spec.kinds)
            raise SourceError(self.spec.name, f"it has no {kind}", f"Ask for one of {has}")
        collector = Collector(kind, first, last)
        match kind:
            case Kind.OHLCV:
                self._bars(collector, now)
            case Kind.CORPORATE_ACTIONS:
                self._each(
                    collector, self.access.tracked, lambda t: self._actions(collector, t, now)
                )
            case _:
                self._facts(collector, now)
        return collector.batch()

    def plan(self, kind: Kind, first: date, last: date, *, now: datetime) -> Plan:
        """The requests of `fetch`: one a symbol."""
        match kind:
            case Kind.OHLCV:
                end, due, _ = self._due(first, last, now)
                return Plan([self._chart_of(t, first, now) for t in self._wanted(due, end)])
            case Kind.CORPORATE_ACTIONS:
                return Plan([self._actions_of(item, now) for item in self.access.tracked])
            case _:
                today = _local(now)
                is_asked = today in self._snapshots(first, last, now)
                return Plan(
                    [_summary_of(t) for t in self.access.tracked if self._may_be_fund(t, today)]
                    if is_asked
                    else []
                )

    def _due(self, first: date, last: date, now: datetime) -> tuple[date, list[date], list[date]]:
        """The newest finished session wanted; the sessions up to it; those still to come."""
        newest = newest_session(self, Kind.OHLCV, now) or self.segment.coverage.start
        end = min(last, newest)
        expected = calendars.get(self.segment.coverage.calendar).sessions(first, last)
        return end, [d for d in expected if d <= end], [d for d in expected if d > end]

    def _wanted(self, due: Sequence[date], end: date) -> list[Tracked]:
        return [t for t in self.access.tracked if t.since <= end] if due else []

    def _snapshots(self, first: date, last: date, now: datetime) -> set[date]:
        days = calendars.get(self.spec.kinds[Kind.FUND_FACTS].calendar)
        return set(days.sessions(first, min(last, now.date())))

    def _may_be_fund(self, item: Tracked, today: date) -> bool:
        known = self.access.memory.get(f"type of {item.vendor_symbol}", today, _KNOWN_TYPE)
        return known is None or known in FUNDS

    def _each(
        self, collector: Collector, tracked: Sequence[Tracked], take: Callable[[Tracked], None]
    ) -> None:
        """One symbol after the other; what concerns one alone skips it."""
        for item in tracked:
            try:
                take(item)
            except VendorError as error:
                if error.failure.consequence is not Consequence.SKIP_SYMBOL:
                    raise
                collector.skip(item.vendor_symbol, error.failure, error.problem)

    def _bars(self, collector: Collector, now: datetime) -> None:
        end, due, coming = self._due(collector.first, collector.last, now)
        collector.not_published(coming)
        wanted = self._wanted(due, end)
        if not wanted:
            return
        seen: dict[str, date] = {}

        def take(item: Tracked) -> None:
            begin = max(collector.first, item.since)
            reply, chart = self._chart(item, self._chart_of(item, collector.first, now))
            own = chart.bars.filter(pl.col("session").is_between(begin, end))
            collector.add(
                reply, _typed(own, item, chart.meta), _of(chart.rejected, item, begin, end)
            )
            if own.height:
                self._list(collector, item, chart.meta, own["session"])
                seen[item.vendor_symbol] = own["session"].max()  # type: ignore[assignment]

        self._each(collector, wanted, take)
        reached = max(seen.values(), default=date.min)
        settled = (newest_session(self, Kind.OHLCV, now) or end) - _SETTLED
        pending = [day for day in due if day > max(reached, settled)]
        collector.not_published(pending)
        if len(pending) < len(due):
            for item in wanted:
                if item.vendor_symbol not in seen:
                    collector.skip(item.vendor_symbol, Failure.NO_DATA, "no bar in the range asked")

    def _actions(self, collector: Collector, item: Tracked, now: datetime) -> None:
        reply, chart = self._chart(item, self._actions_of(item, now))
        currency = pl.when(pl.col("action") != "split").then(pl.lit(chart.meta.currency))
        rows = chart.actions.with_columns(
            vendor_symbol=pl.lit(item.vendor_symbol),
            currency=currency,
            # Yahoo does not say when it was announced: known when the ex-date began.
            known_at=pl.col("ex_date")
            .cast(pl.Datetime("us"))
            .dt.replace_time_zone(chart.meta.zone)
            .dt.convert_time_zone("UTC"),
        )
        # Monthly bars are not wanted, so their faults are none of ours.
        events = chart.rejected.filter(pl.col("reason").str.contains("without a date"))
        collector.add(reply, rows, _of(events, item))
        days = rows["ex_date"] if rows.height else pl.Series([item.since])
        self._list(collector, item, chart.meta, days)

    def _facts(self, collector: Collector, now: datetime) -> None:
        """A snapshot of today; other days of the range cannot be had."""
        today = _local(now)
        asked = self._snapshots(collector.first, collector.last, now)
        collector.not_published(asked - {today})
        if today not in asked:
            return

        def take(item: Tracked) -> None:
            if not self._may_be_fund(item, today):
                return
            request = _summary_of(item)
            reply = self.access.web.get(request.path, request.params)
            facts = parse_facts(reply.body)
            self.access.memory.put(f"type of {item.vendor_symbol}", facts.kind, today)
            stamp = pl.lit(reply.fetched_at)
            own = {"vendor_symbol": pl.lit(item.vendor_symbol), "session": pl.lit(today)}
            rows = facts.rows.with_columns(effective_on=pl.lit(today), known_at=stamp, **own)
            collector.add(reply, rows, facts.rejected.with_columns(**own))
            if rows.height:
                fund = "etf" if facts.kind == "ETF" else "fund"
                _listed(
                    collector, item, (fund, self.spec.market), item.quote, rows["name"][0], today
                )

        self._each(collector, self.access.tracked, take)

    def _chart(self, item: Tracked, request: Request) -> tuple[Reply, Chart]:
        reply = self.access.web.get(request.path, request.params)
        chart = parse_chart(reply.body)
        self._refuse_other(item, chart.meta)
        return reply, chart

    def _chart_of(self, item: Tracked, first: date, now: datetime) -> Request:
        """A chart ends with the present, so one serves all parts of a backfill."""
        span = self.access.span
        begin = first if span is None else min(first, span.first)
        return _chart_request(item, max(begin, item.since), now, "1d")

    def _actions_of(self, item: Tracked, now: datetime) -> Request:
        return _chart_request(item, self.segment.coverage.start, now, "1mo")

    def _refuse_other(self, item: Tracked, meta: Meta) -> None:
        """A symbol of another market would be measured on the wrong calendar."""
        problem = None
        if meta.kind not in self.segment.types:
            problem = f"it is a {meta.kind}, which belongs to another of Yahoo's sources"
        elif self.segment.zones is not None and meta.zone not in self.segment.zones:
            problem = f"it trades at {meta.exchange} ({meta.zone}), which keeps other sessions"
        if problem is not None:
            text = f"{item.vendor_symbol}: {problem}"
            raise VendorError(self.spec.name, Failure.UNKNOWN_SYMBOL, text, "Track it elsewhere")

    def _list(self, collector: Collector, item: Tracked, meta: Meta, seen: pl.Series) -> None:
        newest = seen.max()
        assert isinstance(newest, date)  # noqa: S101  # dates, at least one
        identity = (self.segment.types[meta.kind], self.spec.market)
        _listed(collector, item, identity, meta.currency, meta.name, newest, meta.first)


def _chart_request(item: Tracked, begin: date, now: datetime, interval: str) -> Request:
    params = {
        "period1": str(_seconds(begin - _DAY)),
        "period2": str(_seconds(now.date() + 2 * _DAY)),
        "interval": interval,
        "includePrePost": "false",
        "events": "div,splits,capitalGains",
    }
    return Request(CHART + quote(item.vendor_symbol, safe=""), params)


def _summary_of(item: Tracked) -> Request:
    params = {"modules": MODULES, "formatted": "false", "corsDomain": "finance.yahoo.com"}
    return Request(SUMMARY + quote(item.vendor_symbol, safe=""), params)


def _listed(
    collector: Collector,
    item: Tracked,
    identity: tuple[str, str],
    currency: str,
    name: str | None,
    newest: date,
    first: date | None = None,
) -> None:
    asset_class, market = identity
    begin = min(first or item.since, newest)
    row = (item.vendor_symbol, item.symbol, asset_class, market, currency, name, begin, newest)
    collector.list(pl.DataFrame([row], LISTING_SCHEMA, orient="row"))


def _typed(bars: pl.DataFrame, item: Tracked, meta: Meta) -> pl.DataFrame:
    if meta.kind == "CURRENCY":
        # Nobody counts it; Yahoo writes 0.
        bars = bars.with_columns(volume=pl.lit(None, pl.Float64()))
    return bars.with_columns(
        vendor_symbol=pl.lit(item.vendor_symbol),
        interval=pl.lit("1d"),
        quote=pl.lit(meta.currency),
        bar_open_at=pl.col("session").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        adjustment=pl.lit("none"),
    )


def _of(
    rejected: pl.DataFrame, item: Tracked, first: date = date.min, last: date = date.max
) -> pl.DataFrame:
    """The rejects of the range, and those without a day, with their symbol."""
    inside = pl.col("session").is_between(first, last) | pl.col("session").is_null()
    return rejected.filter(inside).with_columns(vendor_symbol=pl.lit(item.vendor_symbol))


def _seconds(day: date) -> int:
    return (day - date(1970, 1, 1)).days * 86_400


def _local(now: datetime) -> date:
    """The date in New York."""
    local = pl.Series([now]).dt.convert_time_zone("America/New_York").dt.date()[0]
    assert isinstance(local, date)  # noqa: S101  # of an aware instant
    return local
