"""FRED and ALFRED: interest rates and economic series with every vintage, by key.

One row per observation date and the day a value was first published; "." is NULL. Values stay in
the series' own unit (rates in percent a year). Which series are fetched is the tracked list's.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import polars as pl

from fundplatform.errors import SourceError
from fundplatform.sources.base import Batch, Coverage, Kind, SourceSpec
from fundplatform.sources.web.collect import Collector
from fundplatform.sources.web.columns import day, listing, not_finite, number, split, texts, unseen
from fundplatform.sources.web.failures import Consequence, Failure, VendorError
from fundplatform.sources.web.profile import Access, Profile, Rate, Refusal, Reply, Tracked
from fundplatform.sources.web.records import changed, document, rows_of

LIMIT = 100_000
"""Observations in an answer at most."""
FIRST_VINTAGE, LAST_VINTAGE = date(1776, 7, 4), date(9999, 12, 31)
"""FRED's own words for "since ever" and "still"."""
# Vintages before ALFRED's oldest newspapers: none.
_OLDEST = date(1927, 1, 1)
_FIELDS = ("realtime_start", "realtime_end", "date", "value")
_MISSING = "."
# Daily market series: the rest of the series, monthly rates too, are economic ones.
_RATES = re.compile(
    r"DGS\d+(MO)?|DTB\d+(WK|MO|YR)?|DFII\d+|DFF|EFFR|OBFR|SOFR\w*|IORB|DPRIME|DCPF\w+|T\d+Y\w*|"
    r"BAML\w+|ECB\w+|IUDSOIA|AMERIBOR"
)

# Start of an error message -> what it means; the first that is found counts.
_MEANS = (
    ("does not exist in ALFRED", Failure.NO_DATA, "Ask for the values alone"),
    ("series does not exist", Failure.UNKNOWN_SYMBOL, "Look the id up on fred.stlouisfed.org"),
    ("vintage dates", Failure.HISTORY_UNAVAILABLE, "Ask for fewer vintages at a time"),
    ("api_key", Failure.AUTH, "Set FRED_API_KEY to the 32 characters of your FRED account"),
    ("Too Many Requests", Failure.RATE_LIMITED, "Ask less often"),
)


def classify(reply: Reply) -> Refusal | None:
    """FRED's own errors: a JSON object with `error_message`."""
    if b'"error_message"' not in reply.body[:4096]:
        return None
    said = str(document("fred", reply.body).get("error_message", ""))
    for text, failure, remedy in _MEANS:
        if text.lower() in said.lower():
            return Refusal(failure, said, remedy)
    # A 429 or 5xx is judged by its status.
    return (
        Refusal(Failure.SCHEMA_CHANGED, said, "See FRED's notes") if reply.status == 400 else None
    )


PROFILE = Profile(
    name="fred",
    base_url="https://api.stlouisfed.org",
    classify=classify,
    rates=(Rate(100, 60),),
    key_env="FRED_API_KEY",
    key_param="api_key",
    check=("/fred/series", {"series_id": "DGS10", "file_type": "json"}),
)

_DESCRIPTION = """
Federal Reserve Economic Data with ALFRED's vintages: `vintage` is the first day on which the value
was the published one. Missing values (`.`, holidays) are NULL, never 0. Values keep the series'
unit: yields and rates are **percent a year**, and may be negative. `DTB3` and its sisters are bank
discount rates: BEY = 365 d / (360 - 91 d) with d = value / 100. Dates are observation dates;
monthly and quarterly series carry the first day of the period. A series that ALFRED does not keep
has one vintage, its own date. Needs FRED_API_KEY (free).
"""

SPEC = SourceSpec(
    name="fred",
    title="FRED: interest rates and economic series with vintages",
    asset_class="economic",
    market="US",
    quote="USD",
    # Whole series each time: a revision may change any date, and a month is published long after
    # its first day.
    kinds={
        Kind.RATES: Coverage("24/5", FIRST_VINTAGE, partitioned=False),
        Kind.ECONOMIC: Coverage("24/7", FIRST_VINTAGE, partitioned=False),
    },
    description=_DESCRIPTION.strip(),
    url="https://fred.stlouisfed.org",
)


@dataclass(frozen=True)
class Page:
    """One answer: versions (`session`, `vintage`, `until`, `value`), rejects, and how many more."""

    rows: pl.DataFrame
    rejected: pl.DataFrame
    count: int
    offset: int


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
            reply = self.access.web.get(
                "/fred/series/observations",
                {
                    "series_id": item.vendor_symbol,
                    "file_type": "json",
                    **_realtime(start, end),
                    "limit": str(LIMIT),
                    "offset": str(offset),
                },
            )
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


def _realtime(start: date | None, end: date | None) -> dict[str, str]:
    return {"realtime_start": str(start), "realtime_end": str(end)} if start and end else {}


_CLASS_OF = {Kind.RATES: "rate", Kind.ECONOMIC: "economic"}


def _classed(item: Tracked) -> Tracked:
    """The series with its class: daily market rates are known by their ids, or said to be rates."""
    is_rate = item.asset_class == "rate" or _RATES.fullmatch(item.vendor_symbol)
    return replace(item, asset_class="rate" if is_rate else "economic")


def vendor_symbol(symbol: str, quote: str) -> str:
    """FRED's id of a canonical symbol: the same, in capitals."""
    return symbol.strip().upper()


def parse_observations(body: bytes) -> Page:
    """The versions of an answer, in its order.

    Returns:
        `row_number`, `session` (observation date), `vintage`, `until` (last day it was the
        published value), `value` (NULL for "."); rejects; the count and offset FRED states.

    Raises:
        VendorError: TRUNCATED or SCHEMA_CHANGED, naming the field.
    """
    found = document("fred", body)
    given = texts("fred", rows_of("fred", found, "observations"), _FIELDS)
    given = given.with_columns(session=day("date"), value=pl.col("value").replace(_MISSING, None))
    good, rejected = split(
        given,
        {
            "date is no date": pl.col("session").is_null(),
            "realtime_start is no date": day("realtime_start").is_null(),
            "realtime_end is no date": day("realtime_end").is_null(),
            "value is no number": not_finite("value"),
        },
    )
    if given.height > 1 and good["value"].null_count() == good.height and rejected.height:
        raise changed("fred", "field value", "is a number in no row")
    rows = good.select(
        "row_number",
        "session",
        vintage=day("realtime_start"),
        until=day("realtime_end"),
        value=number("value"),
    )
    return Page(rows, rejected, _whole(found, "count"), _whole(found, "offset"))


def merged(answers: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The versions of several answers, each once.

    A window of vintages clips the version that was in force at its first day: that row continues
    the last one of the window before and is dropped.

    Args:
        answers: `Page.rows` in order of vintage.

    Returns:
        The rows with `answer`, the place of the answer they came in.
    """
    frames = [rows.with_columns(answer=pl.lit(n)) for n, rows in enumerate(answers)]
    rows = pl.concat(frames).sort("session", "vintage", "answer")
    same = pl.col("value").eq_missing(pl.col("value").shift(1).over("session"))
    before = pl.col("until").shift(1).over("session")
    adjoins = (before + timedelta(days=1) == pl.col("vintage")).fill_null(False)
    later = pl.col("answer") > pl.col("answer").shift(1).over("session")
    return rows.filter(~(same & adjoins & later.fill_null(False))).sort("answer", "row_number")


def _whole(found: dict[str, object], name: str) -> int:
    value = found.get(name)
    if type(value) is not int:
        raise changed("fred", f"field {name}", "is no whole number" if value else "is missing")
    return value
