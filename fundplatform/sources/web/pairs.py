"""Crypto pairs, asked one after the other: UTC days, listings, and what an empty day means.

Shared by the exchanges; addresses, parameters and caps are each vendor's own. In: the tracked
pairs and a way to ask for one. Out: a batch.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from fundplatform.sources.base import LISTING_SCHEMA, Batch, Kind
from fundplatform.sources.web.collect import Collector
from fundplatform.sources.web.failures import Consequence, Failure, VendorError
from fundplatform.sources.web.lists import Layout, originals
from fundplatform.sources.web.profile import Reply, Tracked

DAY = timedelta(days=1)
LAG = timedelta(minutes=10)
"""From midnight UTC until the finished day is asked for."""
_END = 2_932_897
"""Days since 1970 at the end of the year 9999: a larger time is no day."""
# An empty day older than this was silent; a younger one may still come.
_SETTLED = timedelta(days=3)


@dataclass(frozen=True)
class Answer:
    """One good answer, and its rows and rejects as `Collector.add` takes them."""

    reply: Reply
    rows: pl.DataFrame
    rejected: pl.DataFrame


Ask = Callable[[Tracked, date, date], Iterable[Answer]]
"""Asks a vendor for the days first..last of one pair; all of them are over."""


def fetch_days(
    kind: Kind,
    tracked: Sequence[Tracked],
    span: tuple[date, date],
    finished: date,
    ask: Ask,
) -> Batch:
    """The days of a range, pair by pair; a pair is not asked before it is tracked.

    A pair that the vendor does not know, or without one row, is skipped. Days after `finished` are
    not published; nor are recent ones at the end that no pair has. Older empty days were silent.

    Args:
        kind: A kind by session.
        tracked: The pairs.
        span: First and last session wanted.
        finished: The newest day that is over and published.
        ask: Asks for one pair.

    Raises:
        VendorError: Any failure that does not concern one symbol alone.
    """
    first, last = span
    end = min(last, finished)
    collector = Collector(kind, first, last)
    reached: list[date] = []
    empty: list[tuple[Tracked, date]] = []
    for pair, begin, until in wanted(tracked, span, finished):
        try:
            seen = _take(collector, pair, ask(pair, begin, until), (begin, until))
        except VendorError as error:
            if error.failure.consequence is not Consequence.SKIP_SYMBOL:
                raise
            collector.skip(pair.vendor_symbol, error.failure, error.problem)
            continue
        reached += seen
        if not seen:
            empty.append((pair, begin))
    silent = max([finished - _SETTLED, *reached]) + DAY if tracked else end + DAY
    collector.not_published(days(max(first, silent), last))
    for pair, begin in empty:
        if begin < silent:
            said = f"no row from {begin} on, up to {min(end, pair.until or end)}"
            collector.skip(pair.vendor_symbol, Failure.NO_DATA, said)
    return collector.batch()


def wanted(
    tracked: Sequence[Tracked], span: tuple[date, date], finished: date
) -> Iterator[tuple[Tracked, date, date]]:
    """The pairs that `fetch_days` asks for, each with its first and last day."""
    for pair in tracked:
        last = min(span[1], finished, pair.until or finished)
        if (first := max(span[0], pair.since)) <= last:
            yield pair, first, last


def last_finished(now: datetime, lag: timedelta) -> date:
    """The newest UTC day whose end + `lag` is not after `now`."""
    return (now - lag).date() - DAY


def days(first: date, last: date) -> list[date]:
    """Every day of a range; none where it ends before it begins."""
    return [first + DAY * n for n in range((last - first).days + 1)]


def milliseconds(day: date) -> int:
    """00:00 UTC of a day, in ms since 1970."""
    return (day - date(1970, 1, 1)).days * 86_400_000


def listings(tracked: Iterable[Tracked]) -> pl.DataFrame:
    """LISTING_SCHEMA of pairs of which nothing was fetched yet."""
    every = [listing(pair, pair.since, pair.since) for pair in tracked]
    return pl.concat([LISTING_SCHEMA.to_frame(), *every])


def bars(layout: Layout, reply: Reply, rows: object, pair: Tracked, unit: float = 1) -> Answer:
    """Daily bars of one pair.

    Args:
        layout: Fields named as raw.ohlcv's columns, and `time`.
        reply: The answer.
        rows: The bars in it.
        pair: The pair.
        unit: Units of `time` in a second.

    Raises:
        VendorError: See `Layout.read`.
    """
    numbers, unread = layout.read(reply, rows)
    since_1970 = pl.col("time") / (DAY.total_seconds() * unit)
    is_label = (since_1970 > 0) & (since_1970 < _END) & (since_1970 == since_1970.floor())
    odd = numbers.filter(~is_label).with_columns(reason=pl.lit("time is no 00:00 UTC"))
    session = since_1970.cast(pl.Int32()).cast(pl.Date())
    frame = numbers.filter(is_label).select(
        pl.exclude("time"),
        vendor_symbol=pl.lit(pair.vendor_symbol),
        session=session,
        bar_open_at=session.cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        interval=pl.lit("1d"),
        quote=pl.lit(pair.quote),
        adjustment=pl.lit("none"),
    )
    return Answer(reply, frame, rejects(pair, pl.concat([unread, originals(rows, odd)])))


def rejects(pair: Tracked, unread: pl.DataFrame) -> pl.DataFrame:
    """UNREAD rows of a pair as `Collector.add` takes them."""
    return unread.sort("row_number").with_columns(
        vendor_symbol=pl.lit(pair.vendor_symbol), rule=pl.lit("unparseable")
    )


def _take(
    collector: Collector, pair: Tracked, answers: Iterable[Answer], span: tuple[date, date]
) -> list[date]:
    """Hand a pair's answers on; the first and last sessions of its rows."""
    seen: list[date] = []
    for answer in answers:
        inside = answer.rows.filter(pl.col("session").is_between(*span))
        collector.add(answer.reply, inside, answer.rejected)
        ends = (inside["session"].min(), inside["session"].max())
        seen += [day for day in ends if isinstance(day, date)]
    if seen:
        collector.list(listing(pair, min(seen), max(seen)))
    return seen


def listing(pair: Tracked, first: date, last: date) -> pl.DataFrame:
    """It begins when the pair is tracked from: a year fetched later is no other coin."""
    begin = min(pair.since, first)
    row = (pair.vendor_symbol, pair.symbol, "crypto", "CRYPTO", pair.quote, None, begin, last)
    return pl.DataFrame([row], LISTING_SCHEMA, orient="row")
