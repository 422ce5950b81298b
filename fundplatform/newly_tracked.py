"""Listings that are tracked since their sessions were fetched: whose history is still to ask for.

In: what a source tracks, Dagster's record. Out: by session, the symbols to fetch it again for. A
note of when each listing was first seen here stays with the instance; a session counts as asked for
once it was recorded after that. Which runs that makes is `fetch_plan.py`'s.
"""

from collections.abc import Mapping
from datetime import date

import dagster as dg

from fundplatform import changes
from fundplatform.assets.raw import raw_key
from fundplatform.sources.base import Kind, Source
from fundplatform.sources.web.profile import OnTheWeb, Tracked
from fundplatform.storage.notes import Notes


def due(source: Source, kind: Kind, instance: dg.DagsterInstance) -> Mapping[date, tuple[str, ...]]:
    """Recorded sessions that lack newly tracked listings -> their vendor symbols, in order.

    Args:
        source: The source; one that reads files tracks nothing.
        kind: A partitioned one of its kinds.
        instance: Gives the record, keeps the note.
    """
    if not isinstance(source, OnTheWeb):
        return {}
    tracked = _wanting(source, kind)
    seen = _seen(f"tracked/{source.spec.name}/{kind}", tracked, Notes(instance))
    if not any(seen.values()):
        return {}
    recorded = changes.recorded(instance, raw_key(source.spec.name, kind))
    found: dict[date, tuple[str, ...]] = {}
    for partition, storage_id in sorted(recorded.items()):
        day = date.fromisoformat(partition)
        lacking = {
            t.vendor_symbol
            for t in tracked
            if storage_id <= seen[_name(t)] and t.since <= day <= (t.until or day)
        }
        if lacking:
            found[day] = tuple(sorted(lacking))
    return found


def is_wanted(source: Source, kind: Kind) -> bool:
    """False where nothing that is tracked wants this kind; what tracks nothing has all there is.

    Trades are wanted by name only.
    """
    if not isinstance(source, OnTheWeb):
        return True
    if not source.access.tracked:
        return kind is not Kind.TRADES
    return bool(_wanting(source, kind))


def _wanting(source: OnTheWeb, kind: Kind) -> list[Tracked]:
    unasked = kind is not Kind.TRADES
    return [t for t in source.access.tracked if t.wants(kind, unasked=unasked)]


def begins(source: Source, kind: Kind) -> date:
    """The first day that anything is wanted of: of what is tracked, where that decides."""
    start = source.spec.kinds[kind].start
    if not isinstance(source, OnTheWeb) or not source.spec.tracked:
        return start
    return max(start, min(t.since for t in source.access.tracked))


def _seen(name: str, tracked: list[Tracked], notes: Notes) -> dict[str, int]:
    """Listing -> the storage id after which it counts as asked for; the note is kept up to date.

    Those of the first note were there before anything was fetched.
    """
    before = notes.get(name)
    known: dict[str, int] = before or {}
    at = 0 if before is None else notes.now()
    found = {_name(t): known.get(_name(t), at) for t in tracked}
    if found != before:
        notes.put(name, found)
    return found


def _name(tracked: Tracked) -> str:
    """One that is tracked since an earlier day is new."""
    return f"{tracked.vendor_symbol} {tracked.since} {tracked.until or ''}".strip()
