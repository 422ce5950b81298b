"""Where the gap ledger's evidence comes from: the warehouse, Dagster's record, and the sources.

Reads the published state. What a session came to is decided in gaps.py.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import dagster as dg
import polars as pl

from fundplatform import calendars, gap_cells, gaps, newly_tracked
from fundplatform.assets.raw import raw_key
from fundplatform.chunk_sizes import FEWEST, cut
from fundplatform.chunks import Chunk
from fundplatform.errors import SourceError
from fundplatform.sources.base import Coverage, Kind, Source, newest_session
from fundplatform.sources.web.profile import OnTheWeb
from fundplatform.storage.base import Store

LISTED_KINDS = (Kind.OHLCV, Kind.FX)
"""The kinds whose sessions are expected of every listing; of other kinds, of the whole source."""
EVERYTHING = "*"
"""Stands for the vendor symbol where a whole source is judged."""

_LISTINGS = """
select l.vendor_symbol, l.valid_from as first, l.valid_to as last
from catalog.listings l join catalog.tracked t using (source_id, vendor_symbol)
join catalog.sources s using (source_id) where s.name = ?
"""
_PRESENT = """
select l.vendor_symbol, r.session
from (
  select distinct source_id, instrument_id, session from {table}
  where source_id = (select source_id from catalog.sources where name = ?)
) r join catalog.listings l on l.source_id = r.source_id and l.instrument_id = r.instrument_id
"""
_SESSIONS = """
select distinct cast('*' as varchar) as vendor_symbol, r.{day} as session
from {table} r join catalog.sources s using (source_id) where s.name = ?
"""
_REJECTED = """
select distinct r.vendor_symbol, r.session from raw.rejected r join catalog.sources s
using (source_id) where s.name = ? and r.kind = ? and r.session is not null
and r.vendor_symbol is not null
"""
_REFUSED = """
select distinct l.vendor_symbol, r.session from prices.rejected r
join catalog.sources s using (source_id)
join catalog.listings l on l.source_id = r.source_id and l.instrument_id = r.instrument_id
where s.name = ?
"""
_ELSEWHERE = """
select l.vendor_symbol, v.session, max(v.volume) as volume
from prices.validated v join catalog.listings l on l.instrument_id = v.instrument_id
join catalog.sources s on s.source_id = l.source_id
where s.name = ? and v.source_id <> l.source_id and v.volume is not null
and v.session between ? and ? group by 1, 2
"""
_ATTEMPTS = """
select first_session as first, last_session as last, symbols, finished_at as at,
  coalesce(sessions_absent, 0) as absent
from ops.data_sync where source = ? and kind = ? and status = 'ok' and first_session is not null
"""


@dataclass(frozen=True)
class Ledger:
    """The gaps of one source and kind."""

    source: Source
    kind: Kind
    evidence: gaps.Evidence
    cells: pl.DataFrame
    ranges: pl.DataFrame

    @property
    def symbols(self) -> frozenset[str]:
        """Every symbol expected."""
        return frozenset(self.evidence.listed["vendor_symbol"])


def runs(key: dg.AssetKey, sessions: Sequence[date], wanted: Iterable[date]) -> list[Chunk]:
    """The runs that fetch these sessions, each of neighbours: each costs Dagster 5 ms of CPU.

    Args:
        key: The raw asset.
        sessions: Of the calendar, ascending.
        wanted: Some of them.
    """
    days = set(wanted)
    return list(cut("", (key,), sessions, [day in days for day in sessions], FEWEST))


def ledgers(
    store: Store, instance: dg.DagsterInstance, sources: Iterable[Source], now: datetime
) -> Iterator[Ledger]:
    """The ledger of every partitioned kind of every source that can be read."""
    for source in sources:
        for kind, coverage in source.spec.kinds.items():
            if coverage.partitioned and newly_tracked.is_wanted(source, kind):
                known = evidence(store, instance, source, kind, now)
                if known is not None:
                    cells = gap_cells.cells(known)
                    yield Ledger(source, kind, known, cells, gaps.ranges(known, cells))


def evidence(
    store: Store, instance: dg.DagsterInstance, source: Source, kind: Kind, now: datetime
) -> gaps.Evidence | None:
    """What is known of one source and kind; None where nothing of it is expected yet."""
    name, coverage = source.spec.name, source.spec.kinds[kind]
    recorded = instance.get_materialized_partitions(raw_key(name, kind))
    asked = frozenset(date.fromisoformat(key) for key in recorded)
    newest = _newest(source, kind, asked, now)
    if newest is None:
        return None
    per_listing = kind in LISTED_KINDS
    listed = _listed(store, source, kind, newest) if per_listing else _whole(coverage, newest)
    if listed.is_empty():
        return None
    starts = [d for d in (*listed["first"], *listed["wanted_from"]) if isinstance(d, date)]
    first = max(coverage.start, min(starts))
    last = coverage.end or max(newest, now.date())
    sessions = calendars.get(coverage.calendar).sessions(first, last)
    attempts = store.query(_ATTEMPTS, [name, str(kind)])
    return gaps.Evidence(
        sessions=sessions,
        newest=newest,
        listed=listed,
        present=_present(store, name, kind),
        asked=asked,
        rejected=_rejected(store, name, kind) if per_listing else gaps.CELLS.to_frame(),
        **_elsewhere(store, name, kind, sessions),
        attempts=attempts.with_columns(pl.col("symbols").str.split(",")).cast(gaps.ATTEMPTS),
        sparse=source.spec.sparse,
    )


def _newest(source: Source, kind: Kind, asked: frozenset[date], now: datetime) -> date | None:
    """The last session that is there to be asked for."""
    coverage = source.spec.kinds[kind]
    if coverage.end is not None:
        return coverage.end
    try:
        return newest_session(source, kind, now)
    except SourceError:
        return max(asked, default=None)


def _whole(coverage: Coverage, newest: date) -> pl.DataFrame:
    row = {
        "vendor_symbol": [EVERYTHING],
        "first": [coverage.start],
        "last": [newest],
        "wanted_from": [coverage.start],
        "wanted_until": [None],
    }
    return pl.DataFrame(row, gaps.LISTED)


def _listed(store: Store, source: Source, kind: Kind, newest: date) -> pl.DataFrame:
    known = store.query(_LISTINGS, [source.spec.name])
    if sum(k in LISTED_KINDS for k in source.spec.kinds) > 1:
        own = source.listings(kind)["vendor_symbol"]
        known = known.filter(pl.col("vendor_symbol").is_in(own.implode()))
    if source.spec.tracked is not None:
        # Expected for as long as it is tracked; else a listing ends with its last session seen.
        latest = pl.col("last") == pl.col("last").max().over("vendor_symbol")
        still = pl.col("vendor_symbol").is_in(list(source.spec.tracked)) & latest
        known = known.with_columns(last=pl.when(still).then(pl.lit(newest)).otherwise("last"))
    if not isinstance(source, OnTheWeb):
        lasting = known.with_columns(wanted_from="first", wanted_until=None)
        return lasting.select(list(gaps.LISTED)).cast(gaps.LISTED)
    wanted = pl.DataFrame(
        [(t.vendor_symbol, t.since, t.until) for t in source.access.tracked if t.wants(kind)],
        {"vendor_symbol": pl.String(), "wanted_from": pl.Date(), "wanted_until": pl.Date()},
        orient="row",
    )
    unseen = wanted.join(known, on="vendor_symbol", how="anti").with_columns(
        first="wanted_from", last=pl.lit(newest)
    )
    seen = known.join(wanted, on="vendor_symbol", how="left").with_columns(
        pl.coalesce("wanted_from", "first")
    )
    columns = list(gaps.LISTED)
    both = pl.concat([seen.select(columns), unseen.select(columns)])
    # What is tracked until a day is expected until then, whatever else is still asked for.
    return both.with_columns(last=pl.min_horizontal("last", "wanted_until")).cast(gaps.LISTED)


def _present(store: Store, name: str, kind: Kind) -> pl.DataFrame:
    table = kind.table
    sql = _PRESENT if kind in LISTED_KINDS else _SESSIONS
    return store.query(sql.format(table=table.full_name, day=table.partition), [name])


def _rejected(store: Store, name: str, kind: Kind) -> pl.DataFrame:
    found = store.query(_REJECTED, [name, str(kind)])
    if kind is Kind.OHLCV:
        found = pl.concat([found, store.query(_REFUSED, [name])])
    return found


def _elsewhere(
    store: Store, name: str, kind: Kind, sessions: list[date]
) -> dict[str, pl.DataFrame]:
    if kind is not Kind.OHLCV or not sessions:
        return {}
    seen = store.query(_ELSEWHERE, [name, sessions[0], sessions[-1]])
    return {
        "traded_elsewhere": seen.filter(pl.col("volume") > 0),
        "untraded_elsewhere": seen.filter(pl.col("volume") == 0),
    }
