"""What a run's range says of each partition, handed to Dagster in one go.

Dagster's own `add_asset_metadata` is quadratic in the partitions, and it makes, checks and logs one
event after the other. An event log of ours is given one event for all of them (`event_folds.py`);
any other gets Dagster's own. What is said of a partition is not decided here.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

# Private in the pinned release; `test_io_manager.py` proves what comes out of it.
from dagster._core.execution.context.metadata_logging import (
    AssetMetadataHandle,
    OutputMetadataAccumulator,
    OutputMetadataHandle,
)

from fundplatform.storage.event_folds import Numbers, fold
from fundplatform.storage.event_rows import BulkRows


def record_partitions(context: dg.OutputContext, facts: Mapping[str, Numbers]) -> None:
    """Materialise exactly these partitions of the output's range, with this metadata.

    Args:
        context: The output being handled; its asset is partitioned.
        facts: Partition key -> numbers, in the order of the range. What is not named is not
            recorded as materialised.
    """
    log = context.step_context.instance.event_log_storage
    if not facts:
        _silence(context)
    elif len(facts) > 1 and isinstance(log, BulkRows):
        last = list(facts)[-1]
        _narrow(context, [last])
        _add_metadata(context, {last: fold(facts)})
    else:
        _narrow(context, list(facts))
        _add_metadata(context, facts)


def _silence(context: dg.OutputContext) -> None:
    """Dagster records nothing of this output; what was said of it stays with HANDLED_OUTPUT.

    Of no partition at all it would make a materialization without one, which fails a backfill
    (1.13). It looks once more, after `handle_output`, whether the output is an asset's.
    """
    context._asset_key = None


def _narrow(context: dg.OutputContext, keys: list[str]) -> None:
    """Dagster records only these partitions.

    Dagster 1.13 has no public way to materialise part of a run's range and still go on to the
    next step; it reads the partitions from the output context after `handle_output`, so the
    subset is narrowed there.
    """
    if len(keys) < len(context.asset_partition_keys):
        definition = context.asset_partitions_def
        context._asset_partitions_subset = definition.subset_with_partition_keys(keys)


def _add_metadata(context: dg.OutputContext, facts: Mapping[str, Mapping[str, object]]) -> None:
    step = context.step_context
    known = step._metadata_accumulator.per_output_metadata
    handles = {
        key: AssetMetadataHandle(asset_key=context.asset_key, partition_key=key) for key in facts
    }
    merged: dict[OutputMetadataHandle | AssetMetadataHandle, Mapping[str, Any]] = dict(known)
    merged |= {handle: {**known.get(handle, {}), **facts[key]} for key, handle in handles.items()}
    step._metadata_accumulator = OutputMetadataAccumulator(per_output_metadata=merged)
