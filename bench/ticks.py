"""One tick of `fill_gaps` and of `propagate` over a history that is complete: CPU, and its growth.

The warehouse and Dagster's record are filled by SQL, as if eight sources had been loaded and all
was computed; the ticks are the sensors' own. CPU seconds, user and system, of this process.
"""

import os
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg
import duckdb
import polars as pl
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable

from bench.result import Line, at_most
from fundplatform import calendars
from fundplatform.definitions import build_definitions, open_store
from fundplatform.instance import init, open_instance
from fundplatform.settings import Settings
from fundplatform.sources.base import LISTING_SCHEMA, Batch, Coverage, Kind, SourceSpec
from fundplatform.staleness import STAGES, WRITERS
from fundplatform.storage.base import Stamp
from fundplatform.storage.change_record import record

NAME = "ticks"
SOURCES = 8
LAST = date(2023, 12, 29)
NOW = datetime(2023, 12, 30, 12, tzinfo=UTC)
_BARS = """
insert into raw.ohlcv by name select {source}::smallint as source_id,
  ({source} * 100000 + n)::integer as instrument_id, '1d' as "interval", 'USD' as quote,
  day::timestamp at time zone 'UTC' as bar_open_at, day as session, 10.0 as open, 11.0 as high,
  9.0 as low, 10.0 as close, 1000.0 as volume, 'none' as adjustment, now() as fetched_at,
  'x' as payload_hash, now() as recorded_from, 'bench' as run_id
from days, range({listings}) t(n) order by day, n
"""
_LISTINGS = """
insert into catalog.listings by name select {source}::smallint as source_id, 'S' || n as
  vendor_symbol, min(day) as valid_from, max(day) as valid_to, ({source} * 100000 + n)::integer as
  instrument_id, now() as recorded_from, 'bench' as run_id
from days, range({listings}) t(n) group by n
"""
_TRACKED = """
insert into catalog.tracked by name select source_id, vendor_symbol, valid_from as tracked_from,
  recorded_from, run_id from catalog.listings
"""


class Feed:
    """A source that is only declared: ticks fetch nothing."""

    def __init__(self, number: int, start: date) -> None:
        """Number 1 to 8."""
        kinds = {Kind.OHLCV: Coverage("XNYS", start, lag=timedelta(hours=1))}
        name = f"feed_{number}"
        self.spec = SourceSpec(name, name, "equity", "US", "USD", kinds, priority=number)

    def listings(self, kind: Kind) -> pl.DataFrame:
        """None of its own."""
        return LISTING_SCHEMA.to_frame()

    def fetch(self, kind: Kind, first: date, last: date, *, now: datetime) -> Batch:
        """Never asked."""
        raise NotImplementedError


def run(*, quick: bool) -> list[Line]:
    """A quarter of the history, then all of it."""
    listings, years = (20, 2.0) if quick else (1_000, 10.0)
    short, long = (_ticks(listings, part * years) for part in (0.25, 1.0))
    lines = []
    for name, bound in (("fill_gaps", 20.0), ("propagate", 2.0)):
        note = (
            f"{years:g} years x {SOURCES} sources x {listings} listings; "
            f"{short[name]:.2f} at a quarter of the history"
        )
        what = f"a tick of {name}, nothing to do, CPU s"
        lines.append(at_most(NAME, what, long[name], bound, note))
    return lines


def _ticks(listings: int, years: float) -> dict[str, float]:
    with TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder), sources=())
        store = open_store(settings)
        init(settings, store)
        start = LAST - timedelta(days=round(365.25 * years))
        sessions = calendars.get("XNYS").sessions(start, LAST)
        feeds = [Feed(n, sessions[0]) for n in range(1, SOURCES + 1)]
        days = [sessions[0] + timedelta(days=n) for n in range((LAST - sessions[0]).days + 1)]
        _rows(settings.warehouse, sessions, listings)
        with store.transaction(Stamp("bench", NOW)) as writer:
            for feed in feeds:
                writer.source_id(feed.spec)
                record(writer, f"raw/{feed.spec.name}/ohlcv", sessions)
            for name in WRITERS:
                record(writer, name, days, days, SOURCES + WRITERS.index(name))
            for whole in _WHOLES:
                record(writer, whole, (), [date(1900, 1, 1)], 100)
        store.publish()
        found = build_definitions(settings, sources=feeds, store=store, clock=lambda: NOW)
        here = found.get_repository_def()
        with open_instance(settings) as instance:
            _recorded(instance, feeds, sessions, days)
            return {name: _tick(here, instance, name) for name in ("fill_gaps", "propagate")}


_WHOLES = (
    "catalog/corporate_actions",
    "catalog/adjustment_factors",
    "catalog/securities",
    "catalog/market_caps",
    "catalog/tiers",
    "catalog/total_return_factors",
)


def _rows(path: Path, sessions: Sequence[date], listings: int) -> None:
    with duckdb.connect(str(path)) as connection:
        days = pl.DataFrame({"day": sessions})  # noqa: F841  # read by its name below
        connection.execute("create temp table days as select * from days")
        for source in range(1, SOURCES + 1):
            for sql in (_BARS, _LISTINGS):
                connection.execute(sql.format(source=source, listings=listings))
        connection.execute(_TRACKED)


def _recorded(
    instance: dg.DagsterInstance, feeds: Sequence[Feed], sessions: Sequence[date], days: list[date]
) -> None:
    """Every partition as materialised: one event each by Dagster, the others by its example."""
    raw = [(dg.AssetKey(["raw", f.spec.name, "ohlcv"]), sessions) for f in feeds]
    made = [(key, days) for keys in STAGES.values() for key in keys if key.path[-1] != "levels"]
    for key, own in [*raw, *made]:
        event = dg.AssetMaterialization(key, partition=own[0].isoformat())
        instance.report_runless_asset_event(event)
        _repeat(instance, key, own[1:])
    for name in (*_WHOLES, "indices/levels", "catalog/instruments"):
        instance.report_runless_asset_event(dg.AssetMaterialization(name.split("/")))


def _repeat(instance: dg.DagsterInstance, key: dg.AssetKey, days: Sequence[date]) -> None:
    table = SqlEventLogStorageTable
    with instance.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]
        where = table.c.asset_key == key.to_string()
        example = connection.execute(table.select().where(where)).mappings().first()
        row = {name: value for name, value in dict(example).items() if name != "id"}
        rows = [{**row, "partition": day.isoformat()} for day in days]
        connection.execute(table.insert(), rows)


def _tick(here: dg.RepositoryDefinition, instance: dg.DagsterInstance, name: str) -> float:
    """CPU seconds of a tick that finds nothing; the first one fills Dagster's caches."""
    for _ in range(2):
        context = dg.build_sensor_context(instance=instance, repository_def=here)
        begun = sum(os.times()[:2])
        result = here.get_sensor_def(name)(context)
        took = sum(os.times()[:2]) - begun
    if not isinstance(result, dg.SkipReason):
        raise RuntimeError(f"{name} found something to do: {result}")
    return took
