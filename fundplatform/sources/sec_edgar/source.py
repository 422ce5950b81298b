"""EDGAR as a source: which files are asked for each kind, by the tracked tickers.

Parsing is the other files'. A ticker that EDGAR does not know, or that files nothing of the kind,
is skipped. Only tickers that are tracked are fetched.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import polars as pl

from fundplatform.errors import SourceError
from fundplatform.sources.base import Batch, Kind, SourceSpec
from fundplatform.sources.sec_edgar import fees, nport, quarters, shares
from fundplatform.sources.sec_edgar.identifiers import parse_companies, parse_funds
from fundplatform.sources.sec_edgar.profile import (
    COMPANIES,
    FUNDS,
    NAME,
    SPEC,
    day_in_new_york,
    filed_at,
)
from fundplatform.sources.web.collect import Collector
from fundplatform.sources.web.columns import listing, split, unseen
from fundplatform.sources.web.failures import Consequence, Failure, VendorError
from fundplatform.sources.web.journal import Request
from fundplatform.sources.web.plan import Bound, Plan
from fundplatform.sources.web.profile import Access, Reply, Tracked
from fundplatform.sources.web.records import changed

_FUND_CLASSES = frozenset({"etf", "fund"})


@dataclass(frozen=True)
class Known:
    """A tracked ticker and what EDGAR calls it; `place` is its row in EDGAR's list."""

    item: Tracked
    place: int
    cik: int
    name: str | None = None
    exchange: str | None = None
    series: str | None = None
    share_class: str | None = None


@dataclass(frozen=True)
class SecEdgar:
    """EDGAR as a source.

    Attributes:
        access: Requests and tracked tickers.
    """

    access: Access

    @property
    def spec(self) -> SourceSpec:
        """The declaration."""
        return SPEC

    def listings(self, kind: Kind) -> pl.DataFrame:
        """The tracked tickers; whether one is a fund is known after a fetch."""
        return unseen(self.access.tracked, SPEC.market).clear()

    def fetch(self, kind: Kind, first: date, last: date, *, now: datetime) -> Batch:
        """What was filed in the range; for profiles and shares, all of it.

        Raises:
            VendorError: Any failure that does not concern one ticker alone.
            SourceError: It has no such kind.
        """
        if kind not in SPEC.kinds:
            raise SourceError(NAME, f"it has no {kind}", f"Ask for one of {list(SPEC.kinds)}")
        collector = Collector(kind, first, last)
        if self.access.tracked:
            match kind:
                case Kind.PROFILES:
                    self._profiles(collector, day_in_new_york(now))
                case Kind.SHARES:
                    self._each(collector, self._companies(collector), self._shares)
                case Kind.HOLDINGS:
                    self._each(collector, self._funds(collector)[1], self._holdings)
                case _:
                    self._fees(collector, day_in_new_york(now))
        return collector.batch()

    def plan(self, kind: Kind, first: date, last: date, *, now: datetime) -> Plan:
        """The requests of `fetch` as far as they do not depend on EDGAR's lists of tickers."""
        tracked = self.access.tracked
        if not tracked:
            return Plan([])
        funds, companies = Request(FUNDS, {}), Request(COMPANIES, {})
        match kind:
            case Kind.PROFILES:
                return Plan([funds, companies])
            case Kind.SHARES:
                own = [t for t in tracked if t.asset_class not in _FUND_CLASSES]
                asked = [Request(f"<{shares.CONCEPTS[0]} of {t.symbol}>", {}) for t in own]
                because = "one more for counts that stand in the balance sheet, one less for a fund"
                return Plan([funds, companies, *asked], Bound.ABOUT, because)
            case Kind.HOLDINGS:
                asked = [Request(f"{nport.LIST}?<filings of {t.symbol}>", {}) for t in tracked]
                because = "one more for each filing of these days, one less for what is no fund"
                return Plan([funds, *asked], Bound.ABOUT, because)
            case _:
                today = day_in_new_york(now)
                names = [
                    n for n in quarters.sets(first, min(last, today)) if quarters.is_over(n, today)
                ]
                sets = [Request(fees.quarter_path(name), {}) for name in names]
                return Plan([funds, *sets], Bound.AT_MOST, "one where no fund is tracked")

    def _each(
        self,
        collector: Collector,
        known: Sequence[Known],
        take: Callable[[Collector, Known], None],
    ) -> None:
        """One ticker after the other; what concerns one alone skips it."""
        for one in known:
            try:
                take(collector, one)
            except VendorError as error:
                if error.failure.consequence is not Consequence.SKIP_SYMBOL:
                    raise
                collector.skip(one.item.vendor_symbol, error.failure, error.problem)

    def _profiles(self, collector: Collector, today: date) -> None:
        reply, funds = self._funds(None)
        companies_reply, companies = self._known(COMPANIES)
        in_funds = {one.item.vendor_symbol for one in funds}
        others = [one for one in companies if one.item.vendor_symbol not in in_funds]
        for answer, known in ((reply, funds), (companies_reply, others)):
            rows = [
                (k.place, k.item.vendor_symbol, k.name, k.exchange, k.cik, k.series, k.share_class)
                for k in known
            ]
            columns = ("row_number", "vendor_symbol", "name", "exchange", "cik", "series")
            schema = dict.fromkeys((*columns, "share_class"), pl.String()) | {
                "row_number": pl.Int64(),
                "cik": pl.Int64(),
            }
            collector.add(answer, pl.DataFrame(rows, schema, orient="row"))
            for one in known:
                _list(collector, one, pl.Series([today]))
        seen = in_funds | {one.item.vendor_symbol for one in others}
        self._unknown(collector, [t for t in self.access.tracked if t.vendor_symbol not in seen])

    def _shares(self, collector: Collector, one: Known) -> None:
        for concept in shares.CONCEPTS:
            try:
                reply = self.access.web.get(shares.concept_path(one.cik, concept))
            except VendorError as error:
                if error.failure is not Failure.NO_DATA:
                    raise
                continue
            rows, rejected = shares.parse_concept(reply.body)
            symbol = pl.lit(one.item.vendor_symbol)
            collector.add(
                reply,
                rows.with_columns(vendor_symbol=symbol),
                rejected.with_columns(vendor_symbol=symbol),
            )
            if rows.height:
                _list(collector, one, rows["measured_on"])
                return
        raise _nothing(f"{one.item.vendor_symbol} states no shares outstanding without classes")

    def _holdings(self, collector: Collector, one: Known) -> None:
        # Amendments before what they amend, the newest first: of one day and one report one stands.
        filings = self._filings(one, collector.first, collector.last)
        standing: dict[tuple[date, date], str] = {}
        for filing in sorted(filings, key=lambda f: f.form, reverse=True):
            reply = self.access.web.get(filing.path(one.cik))
            report = nport.parse_report(reply.body)
            if report.series is not None and report.series != one.series:
                problem = f"is {report.series} and not {one.series} in {filing.accession}"
                raise changed(NAME, "element seriesId", problem)
            own = {
                "vendor_symbol": pl.lit(one.item.vendor_symbol),
                "session": pl.lit(filing.filed_on),
            }
            stands = standing.setdefault((report.as_of, filing.filed_on), filing.accession)
            amended = f"{stands} of the same day amends it"
            found, overtaken = split(report.rows, {amended: pl.lit(stands != filing.accession)})
            rows = found.with_columns(**own).with_columns(
                as_of=pl.lit(report.as_of),
                known_at=filed_at("session"),
                value_currency=pl.lit("USD"),
                net_assets=pl.lit(report.net_assets),
                reference=pl.lit(filing.accession),
            )
            rejected = pl.concat([report.rejected, overtaken]).with_columns(**own)
            collector.add(reply, rows, rejected)
            named = replace(one, name=report.series_name)
            _list(collector, named, pl.Series([report.as_of, filing.filed_on]))

    def _filings(self, one: Known, first: date, last: date) -> list[nport.Filing]:
        """The fund's filings of these days; most days have none."""
        found: list[nport.Filing] = []
        start = 0
        while True:
            params = nport.list_params(str(one.series or f"{one.cik:010d}"), start)
            page = nport.parse_list(self.access.web.get(nport.LIST, params).body)
            own = [f for f in page if f.form in nport.FORMS]
            if not own and not start and len(page) < nport.PAGE:
                raise _nothing(f"{one.item.vendor_symbol} files no N-PORT")
            found += [f for f in own if first <= f.filed_on <= last]
            # Newest first.
            if len(page) < nport.PAGE or page[-1].filed_on < first:
                return found
            start += nport.PAGE

    def _fees(self, collector: Collector, today: date) -> None:
        _, known = self._funds(collector)
        end = min(collector.last, today)
        for name in quarters.sets(collector.first, end) if known else []:
            published = quarters.is_over(name, today) and self._quarter(collector, name, known)
            if not published:
                collector.not_published(quarters.sessions_of(name, collector.first, end))

    def _quarter(self, collector: Collector, name: str, known: Sequence[Known]) -> bool:
        """Take a quarter's rows within the range; False where it is not published."""
        try:
            reply = self.access.web.get(fees.quarter_path(name))
        except VendorError as error:
            if error.failure is Failure.NO_DATA:
                return False
            raise
        symbols = {one.share_class: one.item.vendor_symbol for one in known}
        rows, rejected = fees.parse_fees(reply.body, pl.Series(list(symbols), dtype=pl.String()))
        inside = pl.col("session").is_between(collector.first, collector.last)
        vendor_symbol = pl.col("share_class").replace_strict(symbols, return_dtype=pl.String())
        own = rows.filter(inside).with_columns(vendor_symbol=vendor_symbol)
        collector.add(reply, own, rejected)
        for one in known:
            filed = own.filter(pl.col("share_class") == one.share_class)["session"]
            if len(filed):
                _list(collector, one, filed)
        return True

    def _companies(self, collector: Collector) -> list[Known]:
        """Tracked companies; tickers that are funds have no shares of this kind."""
        funds = {one.item.vendor_symbol for one in self._funds(None)[1]}
        known = [k for k in self._known(COMPANIES)[1] if k.item.vendor_symbol not in funds]
        seen = funds | {one.item.vendor_symbol for one in known}
        self._unknown(collector, [t for t in self.access.tracked if t.vendor_symbol not in seen])
        return known

    def _funds(self, collector: Collector | None) -> tuple[Reply, list[Known]]:
        """Tracked funds; a ticker that is said to be one and is not known is skipped."""
        reply, known = self._known(FUNDS)
        if collector is not None:
            seen = {one.item.vendor_symbol for one in known}
            lost = [t for t in self.access.tracked if t.vendor_symbol not in seen]
            self._unknown(collector, [t for t in lost if t.asset_class in _FUND_CLASSES])
        return reply, known

    def _known(self, path: str) -> tuple[Reply, list[Known]]:
        reply = self.access.web.get(path)
        frame = (parse_funds if path == FUNDS else parse_companies)(reply.body)
        ids = {row["symbol"]: row for row in frame.iter_rows(named=True)}
        return reply, [
            Known(
                _classed(item) if path == FUNDS else item,
                row["row_number"],
                row["cik"],
                row["name"],
                row["exchange"],
                row["series"],
                row["share_class"],
            )
            for item in self.access.tracked
            if (row := ids.get(item.symbol)) is not None
        ]

    def _unknown(self, collector: Collector, items: Sequence[Tracked]) -> None:
        for item in items:
            collector.skip(
                item.vendor_symbol, Failure.UNKNOWN_SYMBOL, "EDGAR's ticker files do not have it"
            )


def _classed(item: Tracked) -> Tracked:
    """A fund tracked without its class: mutual funds have five letters with an X at the end."""
    if item.asset_class in _FUND_CLASSES:
        return item
    mutual = len(item.symbol) == 5 and item.symbol.endswith("X")
    return replace(item, asset_class="fund" if mutual else "etf")


def _list(collector: Collector, one: Known, seen: pl.Series) -> None:
    collector.list(listing(one.item, seen, SPEC.market, one.name))


def _nothing(problem: str) -> VendorError:
    return VendorError(NAME, Failure.NO_DATA, problem, "Nothing: others may have it")
