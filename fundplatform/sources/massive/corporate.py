"""One fetch of Massive's corporate actions: splits, dividends, delistings; renames as listings.

Which calls are made and which rows are wanted stand here; parsing is in actions.py.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from fundplatform.sources.base import Batch, Kind
from fundplatform.sources.massive.actions import (
    Page,
    parse_delisted,
    parse_dividends,
    parse_splits,
    united,
)
from fundplatform.sources.massive.bars import ZONE
from fundplatform.sources.massive.names import ask_name, is_due, known_names, name_request
from fundplatform.sources.massive.pages import Next, pages
from fundplatform.sources.massive.wanted import (
    Wish,
    keep,
    last_tickers,
    listings,
    whole_market,
    wishes,
)
from fundplatform.sources.web.collect import Collector
from fundplatform.sources.web.journal import Request
from fundplatform.sources.web.profile import Access, Reply, Web

_SPLITS, _DIVIDENDS = "/stocks/v1/splits", "/stocks/v1/dividends"
_TICKERS = "/v3/reference/tickers"
# Tickers in one `any_of`: an address of some 400 characters.
_TOGETHER = 50
# The whole list of delisted tickers takes about so many pages.
_DELISTED_PAGES = 25

Parse = Callable[[bytes], Page]


@dataclass(frozen=True)
class _Inquiry:
    """One question, page by page."""

    path: str
    params: Mapping[str, str]
    parse: Parse


def fetch(access: Access, start: date, now: datetime) -> Batch:
    """All actions since `start`: of the whole market, or of the tracked tickers' companies.

    Of tracked tickers the former ones are asked first, once a month; their listings carry the
    tracked ticker's meaning, so that FB and META are one instrument.

    Raises:
        VendorError: An answer is a failure.
    """
    collector = Collector(Kind.CORPORATE_ACTIONS, start, date.max)
    today = now.astimezone(ZONE).date()
    wanted = None
    if not whole_market(access.tracked):
        wanted = _companies(collector, access, start, now)
    seen = []
    for inquiries, unite in _inquiries(wanted, start):
        answers = [a for i in inquiries for a in _answers(access.web, i)]
        rows = _wanted_rows([page.rows for _, page in answers], wanted)
        rows = united(rows) if unite else rows
        for n, (reply, page) in enumerate(answers):
            rejected = page.rejected if wanted is None else _of(page.rejected, wanted)
            collector.add(reply, rows.filter(pl.col("page") == n), rejected)
        seen.append(_seen(rows, today))
    collector.list(listings(pl.concat(seen, how="diagonal"), wanted or []))
    return collector.batch()


def plan(access: Access, start: date, now: datetime) -> list[Request]:
    """The first page of each question that `fetch` asks, former tickers as far as known."""
    wanted, asked = None, []
    if not whole_market(access.tracked):
        wanted = _tickers(access, start, now)
        asked = [
            name_request(t.vendor_symbol)
            for t in access.tracked
            if t.until is None and is_due(access.memory, t.vendor_symbol, now)
        ]
    groups = [i for inquiries, _ in _inquiries(wanted, start) for i in inquiries]
    return [*asked, *(Request(i.path, i.params) for i in groups)]


def _inquiries(
    wanted: Sequence[Wish] | None, start: date
) -> tuple[tuple[list[_Inquiry], bool], ...]:
    """The questions; True where rows of one key are united."""
    return (
        (_splits(wanted, start), False),
        (_dividends(wanted, start), True),
        (_delisted(wanted), False),
    )


def _tickers(access: Access, start: date, now: datetime) -> list[Wish]:
    names = known_names(access.memory, access.tracked, now)
    return wishes(access.tracked, names, start, date.max)


def _companies(collector: Collector, access: Access, start: date, now: datetime) -> list[Wish]:
    """The tracked tickers and their companies' former ones, whose listings are collected."""
    today = now.astimezone(ZONE).date()
    for tracked in access.tracked:
        if tracked.until is not None:
            continue
        reply = ask_name(access.web, access.memory, tracked.vendor_symbol, now)
        if reply is not None:
            collector.add(reply, _NOTHING.to_frame())
    names = known_names(access.memory, access.tracked, now)
    found = _tickers(access, start, now)
    renamed = [w for w in found if len(names.get(w.tracked.vendor_symbol, ())) > 1]
    for wish in renamed:
        ends = [wish.first, max(wish.first, min(wish.last, today))]
        # Both ends in one stretch each: the days between them are the ticker's as well.
        span = pl.DataFrame({"vendor_symbol": [wish.ticker], "session": [ends[0]]})
        collector.list(listings(span, [wish]).with_columns(valid_to=pl.lit(ends[1])))
    return found


def _splits(wanted: Sequence[Wish] | None, start: date) -> list[_Inquiry]:
    params = {"execution_date.gte": f"{start}", "limit": "5000"}
    return [_Inquiry(_SPLITS, {**params, **who}, parse_splits) for who in _groups(wanted)]


def _dividends(wanted: Sequence[Wish] | None, start: date) -> list[_Inquiry]:
    params = {"ex_dividend_date.gte": f"{start}", "limit": "5000"}
    return [_Inquiry(_DIVIDENDS, {**params, **who}, parse_dividends) for who in _groups(wanted)]


def _delisted(wanted: Sequence[Wish] | None) -> list[_Inquiry]:
    """One question per ticker while these are fewer than the whole list's pages."""
    params = {"market": "stocks", "active": "false", "limit": "1000"}
    tickers = sorted({w.ticker for w in wanted or []})
    if wanted is None or len(tickers) > _DELISTED_PAGES:
        return [_Inquiry(_TICKERS, params, parse_delisted)]
    return [_Inquiry(_TICKERS, {**params, "ticker": t}, parse_delisted) for t in tickers]


def _groups(wanted: Sequence[Wish] | None) -> Iterator[dict[str, str]]:
    if wanted is None:
        yield {}
        return
    tickers = sorted({w.ticker for w in wanted})
    for n in range(0, len(tickers), _TOGETHER):
        yield {"ticker.any_of": ",".join(tickers[n : n + _TOGETHER])}


def _answers(web: Web, inquiry: _Inquiry) -> Iterator[tuple[Reply, Page]]:
    def parsed(reply: Reply) -> tuple[Page, Next]:
        page = inquiry.parse(reply.body)
        return page, page.more

    return pages(web, inquiry.path, inquiry.params, parsed)


def _wanted_rows(found: Sequence[pl.DataFrame], wanted: Sequence[Wish] | None) -> pl.DataFrame:
    """The rows of all pages, with their page; of tracked companies only where any is tracked."""
    if not found:
        return _NOTHING.to_frame().with_columns(page=pl.lit(0), row_number=pl.lit(0))
    rows = pl.concat(f.with_columns(page=pl.lit(n)) for n, f in enumerate(found))
    if wanted is None:
        return rows
    if "listed_to" in rows.columns:
        return keep(rows, last_tickers(wanted), "listed_to")
    return keep(rows, wanted, "ex_date")


def _of(rejected: pl.DataFrame, wanted: Sequence[Wish]) -> pl.DataFrame:
    own = pl.col("vendor_symbol").is_in([w.ticker for w in wanted])
    return rejected.filter(own | pl.col("vendor_symbol").is_null())


def _seen(rows: pl.DataFrame, today: date) -> pl.DataFrame:
    """vendor_symbol, session, name: an action that is still to come is of a ticker of today."""
    day = pl.min_horizontal("ex_date", pl.lit(today))
    if "listed_to" in rows.columns:
        day = pl.col("listed_to")
    name = pl.col("name") if "name" in rows.columns else pl.lit(None, pl.String()).alias("name")
    return rows.select("vendor_symbol", day.alias("session"), name)


_NOTHING = pl.Schema({"vendor_symbol": pl.String(), "ex_date": pl.Date(), "action": pl.String()})
