"""One schedule per kind of a growing vendor: after its market's close and its publication lag.

In: the register's coverages. Out: Dagster jobs and schedules, off until someone switches them on.
Sessions older than a few days, and those that came out while the vendor rested, are the gap
sensor's.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import polars as pl

from fundplatform import calendars
from fundplatform.assets.raw import raw_key
from fundplatform.automation.resting import left, resting_sources
from fundplatform.clock import Clock
from fundplatform.fetch_plan import raw_chunks
from fundplatform.sources.base import Coverage, Kind, Source
from fundplatform.storage.base import Store

REACH = timedelta(days=10)
"""How far back a tick looks for sessions that are not there yet; a vendor may be late."""
_DAY = timedelta(days=1)
_MARGIN = timedelta(minutes=5)


def schedules(
    sources: Iterable[Source], store: Store, clock: Clock
) -> Iterator[dg.ScheduleDefinition]:
    """A schedule for each kind of each source that states when it has published."""
    for source in sources:
        for kind, coverage in source.spec.kinds.items():
            if coverage.end is None and coverage.lag is not None:
                yield load_schedule(source, kind, store, clock)


def load_schedule(source: Source, kind: Kind, store: Store, clock: Clock) -> dg.ScheduleDefinition:
    """The schedule of one kind: `load_<source>_<kind>`.

    Args:
        source: A growing vendor.
        kind: One of its kinds.
        store: Says who rests, as published.
        clock: Says when.
    """
    key, coverage = raw_key(source.spec.name, kind), source.spec.kinds[kind]
    name = f"load_{source.spec.name}_{kind}"
    zone = calendars.get(coverage.calendar).time_zone
    cron = cron_of(coverage)

    @dg.schedule(
        name=name,
        job=dg.define_asset_job(name, selection=dg.AssetSelection.assets(key)),
        cron_schedule=cron,
        execution_timezone=zone,
        description=f"{source.spec.title}: {kind} after the close of {coverage.calendar} and "
        f"{coverage.lag} for the vendor; nothing on a closed day.",
    )
    def tick(context: dg.ScheduleEvaluationContext) -> dg.SkipReason | list[dg.RunRequest]:
        # Dagster gives it in the schedule's own zone; frames compare instants of one zone only.
        at = context.scheduled_execution_time.astimezone(UTC)
        session = published(coverage, at)
        if session is None:
            return dg.SkipReason(f"{coverage.calendar} had no session to publish before {at}")
        rests = resting_sources(store, clock()).get(source.spec.name)
        if rests:
            return dg.SkipReason(f"{key.to_user_string()} {left(rests)}")
        return wanted(source, kind, session, context.instance, at)

    return tick


def wanted(
    source: Source, kind: Kind, session: date, instance: dg.DagsterInstance, at: datetime
) -> dg.SkipReason | list[dg.RunRequest]:
    """One run for each stretch of sessions up to this one that is not recorded."""
    key = raw_key(source.spec.name, kind)
    refetch = not source.spec.kinds[kind].partitioned
    chunks = raw_chunks(source, instance, session - REACH, session, refetch=refetch, now=at)
    found = [chunk for chunk in chunks if chunk.keys == (key,)]
    if not found:
        return dg.SkipReason(f"{key.to_user_string()} has {session} already, or nobody wants it")
    return [
        dg.RunRequest(run_key=f"{key.to_user_string()} {session} {chunk}", tags=chunk.tags)
        for chunk in found
    ]


def cron_of(coverage: Coverage) -> str:
    """Every day at the regular close plus the lag, in the calendar's own zone.

    Which ticks matter is decided at the tick: closures and early closes are no rule of cron, and a
    lag may reach into the next day.
    """
    at = _regular(coverage)
    return f"{at.minute} {at.hour} * * *"


def published(coverage: Coverage, at: datetime) -> date | None:
    """The session that came out since the tick before: close + lag within the day before `at`.

    Args:
        coverage: With a lag.
        at: The tick (aware).
    """
    lag = coverage.lag or timedelta()
    local = at.astimezone(ZoneInfo(calendars.get(coverage.calendar).time_zone)).date()
    span = lag + 3 * _DAY
    closes = _closes(coverage, local - span, local + _DAY)
    # A day of wall time has 23 or 25 hours when the clocks change.
    yesterday = _wall(at, coverage) - _DAY
    due = [
        session
        for session, close in closes.iter_rows()
        if yesterday < _wall(close + lag + _MARGIN, coverage) <= _wall(at, coverage)
    ]
    return max(due, default=None)


def _wall(instant: datetime, coverage: Coverage) -> datetime:
    """The naive local time."""
    zone = ZoneInfo(calendars.get(coverage.calendar).time_zone)
    return instant.astimezone(zone).replace(tzinfo=None)


def _regular(coverage: Coverage) -> datetime:
    """The regular close of a session plus lag and margin, in wall time; the latest of a fortnight.

    A half day closes earlier, so the latest close is the regular one.
    """
    lag = coverage.lag or timedelta()
    start = max(coverage.start, date(2023, 3, 1))
    closes = _closes(coverage, start, start + 14 * _DAY)
    walls = [_wall(close, coverage) for _, close in closes.iter_rows()]
    return max(walls, key=lambda wall: wall.time()) + lag + _MARGIN


def _closes(coverage: Coverage, first: date, last: date) -> pl.DataFrame:
    return calendars.get(coverage.calendar).closes(max(first, coverage.start), last)
