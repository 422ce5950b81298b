"""What is asked of Dagster: runs and native backfills over exact partitions, never twice at once.

In: chunks of what is missing or stale. Out: subsets and run requests that Dagster turns into a
run or a backfill. What is missing is decided in gaps.py, what is stale in staleness.py.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.definitions.partitions.subset import PartitionsSubset
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from fundplatform.assets.partitions import CHUNK
from fundplatform.chunks import Chunk

ORIGIN = "fundplatform/origin"
"""Tag of a backfill that the automation asked for: gaps, files or propagation."""


def request(
    wanted: AssetGraphSubset, origin: str, tags: Mapping[str, str] | None = None
) -> dg.RunRequest:
    """A native backfill of exactly these partitions, for a sensor to return."""
    return dg.RunRequest.for_asset_graph_subset(
        asset_graph_subset=wanted, tags={ORIGIN: origin, **(tags or {})}
    )


def one_run(chunks: Sequence[Chunk], origin: str) -> dg.RunRequest | None:
    """All of it as a single run, for a sensor to return; None where it takes several.

    A backfill makes a run of every layer, and each run costs the imports of its process.

    Args:
        chunks: What shares the daily partitions, or has none.
        origin: Who asks.
    """
    stretches = {(chunk.first, chunk.last) for chunk in chunks if chunk.first}
    if len(stretches) > 1 or max(chunk.partitions for chunk in chunks) > CHUNK:
        return None
    keys = dict.fromkeys(key for chunk in chunks for key in chunk.keys)
    tags = {name: value for chunk in chunks for name, value in chunk.tags.items()}
    return dg.RunRequest(asset_selection=list(keys), tags={ORIGIN: origin, **tags})


AGAIN_AFTER = timedelta(hours=1)
_KEPT = 200


@dataclass
class Asked:
    """A sensor's cursor: what it asked for and when, and what it saw at the tick before.

    What fails is not asked for every minute; what changes from look to look is waited for.
    """

    at: dict[str, str]
    seen: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, cursor: str | None) -> "Asked":
        """From the cursor of the tick before."""
        known = json.loads(cursor) if cursor else {}
        return cls(known.get("at", {}), known.get("seen", {}))

    def is_still(self, name: str, look: object) -> bool:
        """Whether the tick before saw the same of `name`; notes what is seen now."""
        digest = hashlib.sha256(repr(look).encode()).hexdigest()[:16]
        before, self.seen[name] = self.seen.get(name), digest
        return before == digest

    def is_news(self, what: str, now: datetime) -> bool:
        """Whether the same was not asked for within the hour; notes that it is asked for now."""
        digest = hashlib.sha256(what.encode()).hexdigest()[:16]
        before = self.at.get(digest)
        if before and now < datetime.fromisoformat(before) + AGAIN_AFTER:
            return False
        self.at[digest] = now.isoformat()
        return True

    @property
    def text(self) -> str:
        """For the cursor: the latest ones."""
        latest = sorted(self.at.items(), key=lambda item: item[1])[-_KEPT:]
        return json.dumps({"at": dict(latest), "seen": self.seen})


def subset(graph: AssetGraph, chunks: Iterable[Chunk]) -> AssetGraphSubset:
    """The chunks' assets and partitions.

    Dagster's `AssetGraphSubset` has no public constructor yet (1.13); this is the only place that
    uses it.
    """
    partitioned: dict[dg.AssetKey, PartitionsSubset[str]] = {}
    whole: set[dg.AssetKey] = set()
    for chunk in chunks:
        for key in chunk.keys:
            definition = graph.get(key).partitions_def
            if definition is None or chunk.first is None or chunk.last is None:
                whole.add(key)
                continue
            span = dg.PartitionKeyRange(chunk.first.isoformat(), chunk.last.isoformat())
            known = partitioned.get(key) or definition.empty_subset()
            partitioned[key] = known.with_partition_key_range(definition, span)
    return AssetGraphSubset(  # type: ignore[call-arg]  # whitelist_for_serdes hides it
        partitions_subsets_by_asset_key=partitioned, non_partitioned_asset_keys=whole
    )


def without(one: AssetGraphSubset, other: AssetGraphSubset) -> AssetGraphSubset:
    """What of `one` is not in `other`."""
    parts, done = one.partitions_subsets_by_asset_key, other.partitions_subsets_by_asset_key
    left = {key: part - done[key] if key in done else part for key, part in parts.items()}
    return AssetGraphSubset(  # type: ignore[call-arg]  # as in `subset`
        partitions_subsets_by_asset_key={k: p for k, p in left.items() if not p.is_empty},
        non_partitioned_asset_keys=one.non_partitioned_asset_keys
        - other.non_partitioned_asset_keys,
    )


def under_way(
    instance: dg.DagsterInstance, graph: AssetGraph, wanted: AssetGraphSubset
) -> list[str]:
    """The ids of unfinished backfills, of whatever origin, that target something of `wanted`."""
    requested = BulkActionsFilter(statuses=[BulkActionStatus.REQUESTED])
    return [
        backfill.backfill_id
        for backfill in instance.get_backfills(filters=requested)
        if backfill.is_asset_backfill
        and _overlap(backfill.get_asset_backfill_data(graph).target_subset, wanted)
    ]


def runs_under_way(instance: dg.DagsterInstance, origin: str) -> list[str]:
    """The ids of unfinished runs that `origin` asked for."""
    wanted = dg.RunsFilter(statuses=NOT_FINISHED_STATUSES, tags={ORIGIN: origin})
    return list(instance.get_run_ids(wanted))


def _overlap(one: AssetGraphSubset, other: AssetGraphSubset) -> bool:
    """Dagster's own `&` keeps the assets that only one side has (1.13)."""
    if one.non_partitioned_asset_keys & other.non_partitioned_asset_keys:
        return True
    parts, others = one.partitions_subsets_by_asset_key, other.partitions_subsets_by_asset_key
    return any(not (parts[key] & others[key]).is_empty for key in parts.keys() & others.keys())
