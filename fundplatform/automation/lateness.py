"""How far an asset is behind what there is: in sessions of its own calendar, so a holiday is none.

Reads Dagster's record and the calendars. When that is too far, and who is told, is decided in
`freshness.py` and `watch.py`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import dagster as dg

from fundplatform import calendars
from fundplatform.assets.raw import raw_key
from fundplatform.errors import SourceError
from fundplatform.sources.base import Coverage, Kind, Source, newest_session
from fundplatform.staleness import FEEDS, LAST_OF_CHAIN

LATE = 1
"""Sessions that may be missing at the end before a source counts as late."""
COMPUTED = (
    dg.AssetKey(["prices", "validated"]),
    dg.AssetKey(["indices", "performance"]),
    LAST_OF_CHAIN,
)
"""One asset of each stage downstream stands for it."""


@dataclass(frozen=True)
class Freshness:
    """One asset.

    Attributes:
        key: The asset.
        last: Its last session recorded; None: none yet.
        expected: The last session that it could have.
        behind: Sessions after `last` up to `expected`; 0 where nothing was ever loaded.
        allowed: So many are no lateness.
    """

    key: dg.AssetKey
    last: date | None
    expected: date | None
    behind: int
    allowed: int = 0

    @property
    def fresh(self) -> bool:
        """Whether it is as new as it can be expected to be."""
        return self.behind <= self.allowed

    def __str__(self) -> str:
        """For people."""
        if self.last is None:
            return "nothing loaded yet"
        return f"ends on {self.last}: {self.behind} sessions behind {self.expected}"


def watched(source: Source) -> Iterator[tuple[Kind, Coverage]]:
    """The kinds of a source that grow by sessions and say when they are published."""
    for kind, coverage in source.spec.kinds.items():
        if coverage.lag is not None and coverage.end is None and coverage.partitioned:
            yield kind, coverage


def loaded(source: Source, instance: dg.DagsterInstance, now: datetime) -> Iterator[Freshness]:
    """Of the watched kinds: against the newest session that the vendor has published by now."""
    for kind, coverage in watched(source):
        key = raw_key(source.spec.name, kind)
        try:
            newest = newest_session(source, kind, now)
        except SourceError:
            continue
        last = _last(instance, key)
        missing = 0
        if last is not None and newest is not None:
            start = last + timedelta(days=1)
            missing = len(calendars.get(coverage.calendar).sessions(start, newest))
        yield Freshness(key, last, newest, missing, LATE)


def computed(sources: Iterable[Source], instance: dg.DagsterInstance) -> Iterator[Freshness]:
    """Of what is computed by day: against the newest session that any source has brought."""
    brought: set[date] = set()
    for source in sources:
        for kind in source.spec.kinds:
            if kind in FEEDS:
                brought |= _recorded(instance, raw_key(source.spec.name, kind))
    for key in COMPUTED:
        last = _last(instance, key)
        behind = sum(day > last for day in brought) if last else len(brought)
        yield Freshness(key, last, max(brought, default=None), behind)


def _last(instance: dg.DagsterInstance, key: dg.AssetKey) -> date | None:
    """The last day recorded. Partitions are named so that the greatest text is the last day."""
    day = max(instance.get_materialized_partitions(key), default=None)
    return date.fromisoformat(day) if day else None


def _recorded(instance: dg.DagsterInstance, key: dg.AssetKey) -> set[date]:
    return {date.fromisoformat(day) for day in instance.get_materialized_partitions(key)}
