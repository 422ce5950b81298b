"""Raw assets of which nothing is stored, because every row of their newest loads was refused.

In: Dagster's record, with what the IO manager noted of each load. Out: these loads: a backfill that
has nothing left to fetch says them again. What is printed stands in `command_line.py`.
"""

from collections.abc import Iterable, Iterator

import dagster as dg

from fundplatform.assets.raw import raw_key
from fundplatform.changes import recorded
from fundplatform.chunks import Chunk, Outcome, Stored
from fundplatform.sources.base import Source

_AT_ONCE = 1000


def lost_loads(sources: Iterable[Source], instance: dg.DagsterInstance) -> Iterator[Outcome]:
    """Of each raw asset of which nothing is stored, the first load that refused rows.

    Args:
        sources: Those whose assets are looked at.
        instance: Gives the record.
    """
    for source in sources:
        for kind, coverage in source.spec.kinds.items():
            key = raw_key(source.spec.name, kind)
            newest = _loads(instance.fetch_materializations(key, limit=1))
            if not newest or newest[0].rows:
                continue
            loads = _of_each_partition(key, instance) if coverage.partitioned else newest
            lost = next((load for load in loads if load.refused), None)
            if lost is not None:
                yield Outcome(Chunk(key.to_user_string(), (key,)), "", stored=lost)


def _of_each_partition(key: dg.AssetKey, instance: dg.DagsterInstance) -> Iterator[Stored]:
    """The newest of each partition, in the order in which they were made."""
    ids = sorted(recorded(instance, key).values())
    for start in range(0, len(ids), _AT_ONCE):
        some = dg.AssetRecordsFilter(asset_key=key, storage_ids=ids[start : start + _AT_ONCE])
        yield from _loads(instance.fetch_materializations(some, limit=_AT_ONCE, ascending=True))


def _loads(found: dg.EventRecordsResult) -> list[Stored]:
    made = [record.asset_materialization for record in found.records]
    noted = [{name: value.value for name, value in one.metadata.items()} for one in made if one]
    return [load for load in map(Stored.of, noted) if load]
