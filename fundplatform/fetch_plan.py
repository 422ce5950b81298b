"""Which sessions of a source are to be fetched, and in which runs.

In: a source, Dagster's record of partitions, the notes on files and tracked listings. Out: chunks.
Nothing is fetched here; how many partitions make a run stands in `chunk_sizes.py`.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from fundplatform import calendars, changes, chunk_sizes, newly_tracked
from fundplatform.assets.raw import SYMBOLS, raw_key
from fundplatform.chunks import Chunk
from fundplatform.errors import SourceError
from fundplatform.sources.base import Kind, Source, newest_session
from fundplatform.sources.web.profile import OnTheWeb


def raw_chunks(
    source: Source,
    instance: dg.DagsterInstance,
    first: date,
    last: date,
    *,
    refetch: bool,
    now: datetime,
) -> Iterator[Chunk]:
    """The runs that fetch what this source has between first and last and Dagster has not.

    And what Dagster has, where files changed since or listings are newly tracked. A vendor's kinds
    without partitions are fetched once a day (see `_REST`), and none that nothing tracked wants.
    """
    for kind, coverage in source.spec.kinds.items():
        if not newly_tracked.is_wanted(source, kind):
            continue
        key = raw_key(source.spec.name, kind)
        label = key.to_user_string()
        again = changes.due(source, kind, instance, now)
        if not coverage.partitioned:
            known = instance.get_latest_materialization_event(key)
            old = known is None or changes.is_older(instance, key, again.since)
            if refetch or old or _rested(source, kind, known, now):
                yield Chunk(label, (key,))
            continue
        end = min(last, coverage.end or _has(source, kind, now) or last)
        sessions = calendars.get(coverage.calendar).sessions(
            max(first, newly_tracked.begins(source, kind)), end
        )
        done = set() if refetch else instance.get_materialized_partitions(key)
        if again.since:
            done -= again.partitions(coverage, changes.recorded(instance, key))
        wanted = [s.isoformat() not in done for s in sessions]
        most = chunk_sizes.of_source(source, kind, now.date())
        yield from chunk_sizes.cut(label, (key,), sessions, wanted, most)
        if not refetch:
            lacking = newly_tracked.due(source, kind, instance)
            symbols = [
                () if w else lacking.get(s, ()) for s, w in zip(sessions, wanted, strict=True)
            ]
            for some in dict.fromkeys(s for s in symbols if s):
                for chunk in chunk_sizes.cut(
                    label, (key,), sessions, [s == some for s in symbols], most
                ):
                    yield replace(chunk, more=((SYMBOLS, ",".join(some)),))


_REST = {Kind.SHARES: timedelta(days=7), Kind.PROFILES: timedelta(days=7)}
"""How long what a vendor says as a whole is taken for new; else until its next day begins."""


def _rested(source: Source, kind: Kind, known: dg.EventLogEntry | None, now: datetime) -> bool:
    """Whether a vendor's whole is old enough to be asked for again; files say so by themselves."""
    if known is None or not isinstance(source, OnTheWeb):
        return False
    at = datetime.fromtimestamp(known.timestamp, UTC)
    if kind in _REST:
        return now - at >= _REST[kind]
    zone = ZoneInfo(source.access.profile.day_zone if source.access.profile else "UTC")
    return at.astimezone(zone).date() < now.astimezone(zone).date()


def _has(source: Source, kind: Kind, now: datetime) -> date | None:
    """`newest_session`, or None where the source cannot be read: its run will say why."""
    try:
        return newest_session(source, kind, now)
    except SourceError:
        return None
