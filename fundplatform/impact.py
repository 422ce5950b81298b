"""What a correction of one instrument and session would have computed again, before it is made.

The planner itself is asked, over the changes that the correction would note: what is shown is what
runs. In: the standing of a location. Out: runs, and what of the instrument lies within them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import polars as pl

from fundplatform.assets.catalog import TIERS
from fundplatform.assets.indices import LEVELS
from fundplatform.backfill import AFTERWARDS
from fundplatform.chain_plan import chain_chunks
from fundplatform.change_log import ChangeLog
from fundplatform.chunks import Chunk
from fundplatform.finance.index_definition import IndexDefinition
from fundplatform.sources.base import Source
from fundplatform.staleness import STAGES, WRITERS, Standing
from fundplatform.storage.base import Store

_ROUNDS = 2 * len(STAGES)
_LISTED = """
select i.instrument_id, i.symbol, i.asset_class, i.market, i.quote
from catalog.listings l join catalog.sources s using (source_id)
join catalog.instruments i using (instrument_id)
where s.name = ? and (l.vendor_symbol = ? or i.symbol = ?)
order by (case when ? between l.valid_from and l.valid_to then 0 else 1 end), l.valid_from desc
"""
_SYMBOLS = """
select l.vendor_symbol from catalog.listings l join catalog.sources s using (source_id)
where s.name = ? union
select i.symbol from catalog.listings l join catalog.sources s using (source_id)
join catalog.instruments i using (instrument_id) where s.name = ?
"""
_ROWS = "select count(*) as n from {table} where instrument_id = ? and session >= ?"
_SEATS = """
select index_name, count(*) as sessions, min(session) as first_session, max(session) as last_session
from indices.compositions where instrument_id = ? and session >= ? group by 1 order by 1
"""


@dataclass(frozen=True)
class Impact:
    """What follows from a correction.

    Attributes:
        runs: In the order in which a backfill makes them, catalog tables last.
        spans: Stage -> first and last day to compute, and how many days.
        can_enter: Names of the indices whose universe has the instrument.
        seats: index_name, sessions, first_session, last_session: where it is a constituent now.
        rows: Table -> rows of the instrument from the session on.
    """

    runs: tuple[Chunk, ...]
    spans: Mapping[str, tuple[date, date, int]]
    can_enter: tuple[str, ...]
    seats: pl.DataFrame
    rows: Mapping[str, int]


def instrument(store: Store, source: str, symbol: str, session: date) -> pl.DataFrame:
    """instrument_id, symbol, asset_class, market, quote: what the source means by it then."""
    return store.query(_LISTED, [source, symbol, symbol, session]).head(1)


def symbols_of(store: Store, source: str) -> list[str]:
    """What `instrument` takes: the source's symbols, its own and canonical ones."""
    return sorted(store.query(_SYMBOLS, [source, source])["vendor_symbol"].to_list())


def impact_of(
    now: Standing,
    sources: Sequence[Source],
    store: Store,
    corrected: str,
    own: pl.DataFrame,
    session: date,
    span: tuple[date, date],
    definitions: Iterable[IndexDefinition],
) -> Impact:
    """What a corrected row would have computed again, at most.

    Args:
        now: What is known.
        sources: All of the location.
        store: The warehouse, read as published.
        corrected: Name of the raw asset.
        own: `instrument`, one row.
        session: The session that is corrected.
        span: First and last day of the chain.
        definitions: All indices.
    """
    runs = tuple(chain_of(now, sources, corrected, session, span))
    source = corrected.split("/")[1]
    enters = (
        d.name
        for d in definitions
        if d.universe.select(own).height and source in (d.universe.sources or (source,))
    )
    number = int(own["instrument_id"][0])
    return Impact(
        (*runs, Chunk(TIERS.to_user_string(), AFTERWARDS)),
        {stage: found for stage in STAGES if (found := _span(stage, runs))},
        tuple(sorted(enters)),
        store.query(_SEATS, [number, session]),
        {
            table: int(store.query(_ROWS.format(table=table), [number, session])["n"][0])
            for table in ("prices.validated", "indices.contributions", "funds.metrics")
        },
    )


def chain_of(
    now: Standing,
    sources: Sequence[Source],
    corrected: str,
    session: date,
    span: tuple[date, date],
) -> list[Chunk]:
    """The runs by day that follow where the corrected row changes its verdict or its price."""
    log = _noted(now.log, corrected, [session])
    found: list[Chunk] = []
    for _ in range(_ROUNDS):
        due = chain_chunks(replace(now, log=log), sources, *span)
        # What is due by other code stays due here: no run records its days.
        chunks = [chunk for chunk in due if chunk not in found]
        if not chunks:
            break
        for chunk in chunks:
            log = _after(log, chunk, session)
        found += chunks
    return found


def _after(log: ChangeLog, chunk: Chunk, session: date) -> ChangeLog:
    """The log when the chunk has run: its days have seen everything, and differ from then on."""
    if chunk.first is None or chunk.last is None:
        return log
    days = [chunk.first + timedelta(days=n) for n in range((chunk.last - chunk.first).days + 1)]
    for writer, keys in zip(WRITERS, STAGES.values(), strict=True):
        if keys[0] not in chunk.keys:
            continue
        # A verdict on other sessions may change too; then more is computed, all of it within.
        other = [d for d in days if (d == session if writer == WRITERS[0] else d >= session)]
        log = _noted(log, writer, other)
        if LEVELS in keys and other:
            log = _noted(log, LEVELS.to_user_string(), other[:1])
        seen = {**log.seen.get(writer, {}), **dict.fromkeys(days, _newest(log))}
        log = ChangeLog(log.changed, {**log.seen, writer: seen})
    return log


def _noted(log: ChangeLog, asset: str, days: list[date]) -> ChangeLog:
    changed = {**log.changed.get(asset, {}), **dict.fromkeys(days, _newest(log) + 1)}
    return ChangeLog({**log.changed, asset: changed}, log.seen)


def _newest(log: ChangeLog) -> int:
    return log.newest(log.changed)


def _span(stage: str, runs: Iterable[Chunk]) -> tuple[date, date, int] | None:
    """First and last day of a stage, and how many days."""
    days = {
        c.first + timedelta(days=n)
        for c in runs
        if c.first and c.last and STAGES[stage][0] in c.keys
        for n in range((c.last - c.first).days + 1)
    }
    return (min(days), max(days), len(days)) if days else None
