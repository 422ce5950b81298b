"""`fundplatform backfill --detach`: the same plan as a native Dagster backfill, run by a daemon."""

from collections.abc import Sequence
from datetime import date

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.definitions.partitions.subset import PartitionsSubset
from dagster._core.execution.backfill import PartitionBackfill
from dagster._core.utils import make_new_backfill_id

from fundplatform.assets.catalog import FACTORS, TIERS
from fundplatform.backfill import CHAIN, IDENTITIES, Chunk, chain_days, raw_chunks
from fundplatform.cli import prepare
from fundplatform.definitions import build_definitions, utc_now
from fundplatform.instance import open_instance
from fundplatform.settings import Settings


def submit(settings: Settings, names: Sequence[str], first: date, last: date) -> str:
    """Submit the backfill and say how to watch it.

    Dagster's `AssetGraphSubset` has no public constructor yet (1.13); this is the only place that
    uses it.
    """
    job = prepare(settings, names, (first, last))
    graph = build_definitions(settings, sources=job.all_sources).resolve_asset_graph()
    instance = open_instance(settings)
    spans = [
        (key, chunk)
        for source in job.sources
        for chunk in raw_chunks(source, instance, first, last, refetch=False)
        for key in chunk.keys
    ]
    if not spans:
        return "Nothing to do: every session asked for is already there."
    days = chain_days(job.sources, instance, first, last)
    if days:
        spans += [(key, Chunk("chain", CHAIN, *days)) for key in (*CHAIN, TIERS)]
    spans += [(key, Chunk("catalog", (key,))) for key in (*IDENTITIES, FACTORS)]
    subsets: dict[dg.AssetKey, PartitionsSubset] = {}
    whole: set[dg.AssetKey] = set()
    for key, chunk in spans:
        partitions = graph.get(key).partitions_def
        if partitions is None or chunk.first is None or chunk.last is None:
            whole.add(key)
            continue
        span = dg.PartitionKeyRange(chunk.first.isoformat(), chunk.last.isoformat())
        subset = subsets.get(key) or partitions.empty_subset()
        subsets[key] = subset.with_partition_key_range(partitions, span)
    backfill = PartitionBackfill.from_asset_graph_subset(
        backfill_id=make_new_backfill_id(),
        backfill_timestamp=utc_now().timestamp(),
        tags={},
        dynamic_partitions_store=instance,
        asset_graph_subset=AssetGraphSubset(  # type: ignore[call-arg]  # whitelist_for_serdes hides it
            partitions_subsets_by_asset_key=subsets, non_partitioned_asset_keys=whole
        ),
        title=f"fundplatform backfill {' '.join(names)} {first}..{last}",
        description="Submitted by the fundplatform command line",
        run_config=None,
    )
    instance.add_backfill(backfill)
    return (
        f"Submitted backfill {backfill.backfill_id}: {len(subsets)} partitioned and {len(whole)} "
        "unpartitioned assets. `make ui` runs a daemon; watch it under Runs > Backfills."
    )
