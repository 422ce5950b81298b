"""Which days are to be computed downstream of what was fetched, and in which runs.

In: sources and Dagster's record of partitions. Out: chunks. What makes a day stale stands in
`staleness.py`, how many days make a run in `chunk_sizes.py`.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

import dagster as dg

from fundplatform import calendars, chunk_sizes
from fundplatform.assets.raw import raw_key
from fundplatform.chunks import Chunk
from fundplatform.sources.base import Coverage, Source
from fundplatform.staleness import FEEDS, LAST_OF_CHAIN, STAGES, Standing, stages

CHAIN = tuple(key for keys in STAGES.values() for key in keys)
"""Everything downstream of raw that is computed by day, in one run."""


def chain_chunks(now: Standing, sources: Iterable[Source], first: date, last: date) -> list[Chunk]:
    """The runs of everything downstream that is new or older than what it rests on, by day."""
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    most = chunk_sizes.of_chain(sources, now.instance)
    due = stages(now, days)
    found: list[Chunk] = []
    for some in dict.fromkeys(names for names in due if names):
        keys = tuple(key for name in some for key in STAGES[name])
        wanted = [names == some for names in due]
        found += chunk_sizes.cut(" → ".join(some), keys, days, wanted, most)
    return sorted(found, key=lambda chunk: chunk.first or date.min)


def chain_days(
    sources: Iterable[Source],
    instance: dg.DagsterInstance,
    first: date,
    last: date,
    coming: Iterable[Chunk] = (),
) -> tuple[date, date] | None:
    """The days asked for up to the newest one fetched, and later ones that are already computed.

    The later ones may turn stale: look-backs reach over them. `coming` are fetches that will have
    run before.
    """
    feeds = [
        (raw_key(s.spec.name, kind), c)
        for s in sources
        for kind, c in s.spec.kinds.items()
        if kind in FEEDS
    ]
    planned = list(coming)
    reached = [
        _reach(c, [*instance.get_materialized_partitions(key), *_lasts(planned, key)])
        for key, c in feeds
    ]
    if not any(reached):
        return None
    start = max(first, min(c.start for _, c in feeds))
    if start > last:
        return None
    # Days after the newest session fetched are not empty, they are not known yet.
    end = min(last, max(day for day in reached if day))
    known = instance.get_materialized_partitions(LAST_OF_CHAIN)
    latest = max((date.fromisoformat(k) for k in known), default=end)
    return (start, max(end, latest)) if start <= max(end, latest) else None


def _lasts(chunks: Iterable[Chunk], key: dg.AssetKey) -> list[str]:
    return [c.last.isoformat() for c in chunks if c.last and key in c.keys]


def _reach(coverage: Coverage, fetched: Sequence[str]) -> date | None:
    """The last day known: the newest session fetched, or the end of a data set fetched whole."""
    if not fetched:
        return None
    newest = date.fromisoformat(max(fetched))
    if coverage.end and calendars.get(coverage.calendar).next_session(newest) > coverage.end:
        return max(newest, coverage.end)
    return newest
