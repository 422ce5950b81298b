"""What the rules and overrides of now would change of the verdicts that are stored.

In: a store and its desk. Out: one `Change` per bar or session whose verdict would differ. Reads
only; applying is a run of the prices assets.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from fundplatform import tables
from fundplatform.assets.prices import BAR_COLUMNS, counted, with_context
from fundplatform.desk import Desk
from fundplatform.finance import rules
from fundplatform.finance.rules import Judged
from fundplatform.storage.base import Slice, Store
from fundplatform.tables import BAR_KEY

_CHUNK = timedelta(days=365)
_HELD = "held"


@dataclass(frozen=True)
class Change:
    """One verdict that would differ: `rejected V..`, `held`, or the warnings of a passing bar."""

    session: date
    source: str
    symbol: str
    before: str
    after: str


def changes(
    store: Store, desk: Desk, today: date, span: tuple[date | None, date | None] = (None, None)
) -> Iterator[Change]:
    """The changes, by session.

    Args:
        store: Its raw bars are judged again, a year at a time.
        desk: Limits and overrides.
        today: Decides which overrides are in force.
        span: First and last session; None: as far as bars go.
    """
    first, last = span
    if first is None or last is None:
        known = store.query("select min(session) as a, max(session) as b from raw.ohlcv").row(0)
        if known[0] is None:
            return
        first, last = first or known[0], last or known[1]
    while first <= last:
        end = min(first + _CHUNK, last)
        yield from _chunk(store, desk, today, (first, end))
        first = end + timedelta(days=1)


def judged_now(store: Store, desk: Desk, today: date, window: tuple[date, date]) -> Judged:
    """The verdict of now on the stored raw bars of a window."""
    instruments, sources = store.read(tables.INSTRUMENTS), store.read(tables.SOURCES)
    around = Slice(
        {},
        window[0] - timedelta(days=rules.LOOKBACK_DAYS),
        window[1] + timedelta(days=rules.AHEAD_DAYS),
    )
    bars = store.read(tables.OHLCV, around, BAR_COLUMNS, ordered=False)
    return rules.judge(
        with_context(bars, instruments, sources, store.read(tables.LISTINGS)),
        window=window,
        actions=counted(store.read(tables.CORPORATE_ACTIONS), sources),
        limits=desk.limits().resolved(instruments),
        overrides=desk.in_force(today, instruments, sources),
    )


def _chunk(store: Store, desk: Desk, today: date, window: tuple[date, date]) -> Iterator[Change]:
    now = judged_now(store, desk, today, window)
    part = Slice({}, *window)
    before = _verdicts(store.read(tables.REJECTED, part), store.read(tables.VALIDATED, part))
    after = _verdicts(now.rejected, now.validated)
    both = before.join(after, on=[*BAR_KEY, "session"], how="full", coalesce=True)
    differ = both.filter(pl.col("verdict").ne_missing(pl.col("verdict_right")))
    names = store.read(tables.SOURCES).select("source_id", "name")
    symbols = store.read(tables.INSTRUMENTS).select("instrument_id", "symbol")
    told = (
        differ.join(names, on="source_id")
        .join(symbols, on="instrument_id")
        .sort("session", "name", "symbol", "bar_open_at")
        .select("session", "name", "symbol", "verdict", "verdict_right")
    )
    for session, source, symbol, old, new in told.iter_rows():
        yield Change(session, source, symbol, old or _HELD, new or _HELD)


def _verdicts(rejected: pl.DataFrame, validated: pl.DataFrame) -> pl.DataFrame:
    """Key, session, verdict; a bar of a held session that passes is in neither."""
    key = [*BAR_KEY, "session"]
    passes = pl.concat_str(pl.lit("passes"), "warnings", separator=" ", ignore_nulls=True)
    return pl.concat(
        [
            rejected.select(*key, verdict=pl.format("rejected {}", "rules")),
            validated.select(*key, verdict=passes),
        ]
    )
