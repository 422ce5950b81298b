"""Files that changed behind what was fetched: which recorded sessions are to be asked for again.

In: a source's marks now, those noted when its sessions were asked for, Dagster's record. Out: the
sessions. The note moves on only when every touched session was recorded again, so a killed backfill
goes on with those that are left.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import dagster as dg
from dagster import DagsterEventType

from fundplatform import calendars
from fundplatform.assets.raw import raw_key
from fundplatform.errors import SourceError
from fundplatform.sources.abilities import Changing
from fundplatform.sources.base import Coverage, Kind, Source
from fundplatform.storage.notes import Notes

_LONGEST_CLOSURE = timedelta(days=14)


@dataclass(frozen=True)
class Due:
    """What a change touched and nobody has asked for since.

    Attributes:
        since: What was recorded up to this storage id was read before the change; 0: no change.
        sessions: The touched days; None: any of them.
    """

    since: int = 0
    sessions: frozenset[date] | None = frozenset()

    def partitions(self, coverage: Coverage, recorded: Mapping[str, int]) -> set[str]:
        """The recorded partitions to ask for again.

        A row on a closed day belongs to the session before it, or to the first one.
        """
        old = {key for key, storage_id in recorded.items() if storage_id <= self.since}
        if self.sessions is None or not old:
            return old
        return old & {day.isoformat() for day in _sessions_of(self.sessions, coverage)}


def _sessions_of(days: Collection[date], coverage: Coverage) -> Iterator[date]:
    if not days:
        return
    first = max(min(days) - _LONGEST_CLOSURE, coverage.start)
    sessions = calendars.get(coverage.calendar).sessions(
        min(first, max(days)), max(days) + _LONGEST_CLOSURE
    )
    for day in days:
        yield sessions[max(bisect_right(sessions, day) - 1, 0)]


NOTHING = Due()


def due(source: Source, kind: Kind, instance: dg.DagsterInstance, now: datetime) -> Due:
    """What to ask this source for again.

    Args:
        source: Any; only one that can change (`Changing`) has ever anything due.
        kind: One of its kinds.
        instance: Gives the record, keeps the note.
        now: The clock.
    """
    if not isinstance(source, Changing):
        return NOTHING
    notes, name = Notes(instance), f"files/{source.spec.name}/{kind}"
    try:
        marks = dict(source.marks(kind))
        before = notes.get(name)
        note = _settled(before or {"marks": marks}, source, kind, instance)
        if note.get("pending", note)["marks"] != marks:
            # What was fetched since the last note has seen either of its sets of marks.
            seen = [n["marks"] for n in (note, note.get("pending")) if n]
            touched = None
            if source.spec.kinds[kind].partitioned:
                touched = _touched(source, kind, seen, now)
            pending = {"marks": marks, "since": notes.now(), "sessions": touched}
            note = _settled({"marks": note["marks"], "pending": pending}, source, kind, instance)
    except SourceError:
        return NOTHING  # Its run will say why.
    if note != before:
        notes.put(name, note)
    return _due(note["pending"]) if "pending" in note else NOTHING


def _settled(
    note: dict[str, Any], source: Source, kind: Kind, instance: dg.DagsterInstance
) -> dict[str, Any]:
    """The note, moved on to its pending marks where all they touched was recorded again."""
    pending = note.get("pending")
    if pending is None or not _is_done(_due(pending), source, kind, instance):
        return note
    return {"marks": pending["marks"]}


def _due(pending: Mapping[str, Any]) -> Due:
    days = pending["sessions"]
    touched = None if days is None else frozenset(date.fromisoformat(day) for day in days)
    return Due(pending["since"], touched)


def _touched(
    source: Changing, kind: Kind, seen: Iterable[Mapping[str, str]], now: datetime
) -> list[str] | None:
    """ISO days that differ from any of the sets of marks; None: nobody can say which."""
    found: set[date] = set()
    for marks in seen:
        days = source.touched(kind, set(marks.values()), now)
        if days is None:
            return None
        found |= days
    return sorted(day.isoformat() for day in found)


def _is_done(found: Due, source: Source, kind: Kind, instance: dg.DagsterInstance) -> bool:
    key, coverage = raw_key(source.spec.name, kind), source.spec.kinds[kind]
    if coverage.partitioned:
        return not found.partitions(coverage, recorded(instance, key))
    return not is_older(instance, key, found.since)


def is_older(instance: dg.DagsterInstance, key: dg.AssetKey, since: int) -> bool:
    """True where an unpartitioned asset was recorded last at or before this storage id."""
    records = instance.fetch_materializations(key, limit=1).records
    return bool(records) and records[0].storage_id <= since


def recorded(instance: dg.DagsterInstance, key: dg.AssetKey) -> Mapping[str, int]:
    """Partition -> storage id of its newest materialisation."""
    return instance.event_log_storage.get_latest_storage_id_by_partition(
        key, DagsterEventType.ASSET_MATERIALIZATION
    )
