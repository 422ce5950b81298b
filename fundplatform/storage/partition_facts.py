"""Metadata per partition of a run's range, added to the step in one go.

Dagster's own `add_asset_metadata` lists the range's partitions, copies and checks all that was
added before, for every single partition: quadratic, and half the time of a 250-day run. What is
said of a partition is not decided here.
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


def add_partition_metadata(
    context: dg.OutputContext, facts: Mapping[str, Mapping[str, object]]
) -> None:
    """Add metadata to the materialisations of the output's asset.

    Args:
        context: The output being handled; its asset is partitioned.
        facts: Partition key -> metadata. Keys outside the run's range are ignored.
    """
    step = context.step_context
    known = step._metadata_accumulator.per_output_metadata
    handles = {
        key: AssetMetadataHandle(asset_key=context.asset_key, partition_key=key) for key in facts
    }
    merged: dict[OutputMetadataHandle | AssetMetadataHandle, Mapping[str, Any]] = dict(known)
    merged |= {handle: {**known.get(handle, {}), **facts[key]} for key, handle in handles.items()}
    step._metadata_accumulator = OutputMetadataAccumulator(per_output_metadata=merged)
