"""What Dagster's events become as rows, for both event logs of ours (decision 0002).

In: events, one by one or in batches. Out: rows and asset records as Dagster's own storage would
leave them, but serialized once where it does so per partition. No connection is opened here.
"""

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import dagster._check as check
from dagster._core.definitions.events import AssetKey
from dagster._core.definitions.partitions.subset import PartitionsSubset
from dagster._core.events import ASSET_EVENTS, AssetMaterializationPlannedData
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._serdes import serialize_value

from fundplatform.storage.event_folds import is_folded

BATCH_SIZE = 1000
# Stands for the partition in a planned event that is serialized once for all of them.
PLACEHOLDER = "partition-8d0b7a5f1c2e4f0e"


def use_batches(size: int = BATCH_SIZE) -> None:
    """Let Dagster hand its events over in batches, unless the user has set another size.

    Dagster reads the size from the environment at each event; child processes inherit it.

    Args:
        size: Most events in one batch.
    """
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", str(size))


class BulkRows(SqlEventLogStorage):
    """The part of an SQL event log that turns a batch of events into rows."""

    @property
    def supports_partition_subset_in_asset_materialization_planned_events(self) -> bool:
        """True: a run hands over one planned event per asset; `_rows` makes one per partition.

        Without those rows a failed run would leave its partitions unmarked.
        """
        return True

    def _rows(self, event: EventLogEntry, text: str | None = None) -> list[dict[str, Any]]:
        """The event's rows: one, or one per partition of a planned materialization's subset.

        Args:
            event: The event.
            text: A materialization's, where it is already serialized.
        """
        if text is not None:
            return [self._materialization_row(event, text)]
        subset = planned_subset(event)
        if subset is None:
            return [self._event_to_row(event)]
        planned = event.get_dagster_event()
        key = check.not_none(planned.asset_key)
        pattern = planned._replace(
            event_specific_data=AssetMaterializationPlannedData(key, partition=PLACEHOLDER)
        )
        row = self._event_to_row(event._replace(dagster_event=pattern))
        before, after = row.pop("event").split(json.dumps(PLACEHOLDER))
        return [
            {**row, "partition": name, "event": f"{before}{json.dumps(name)}{after}"}
            for name in subset.get_partition_keys()
        ]

    def _materialization_row(self, event: EventLogEntry, text: str) -> dict[str, Any]:
        """As `_event_to_row`, without serializing."""
        of_event = event.get_dagster_event()
        return {
            "run_id": event.run_id,
            "event": text,
            "dagster_event_type": of_event.event_type_value,
            "timestamp": self._event_insert_timestamp(event),  # type: ignore[no-untyped-call]
            "step_key": of_event.step_key,
            "asset_key": check.not_none(of_event.asset_key).to_string(),
            "partition": of_event.partition,
        }

    def _store_asset_check_evaluation_planned(
        self, event: EventLogEntry, event_id: int | None
    ) -> None:
        """Dagster's rows, one per partition, but the event is serialized once for all of them."""
        planned = event.get_dagster_event().asset_check_planned_data
        at = datetime.fromtimestamp(event.timestamp, UTC).replace(tzinfo=None)
        row = {
            "asset_key": planned.asset_key.to_string(),
            "check_name": planned.check_name,
            "run_id": event.run_id,
            "execution_status": AssetCheckExecutionRecordStatus.PLANNED.value,
            "evaluation_event": serialize_value(event),
            "evaluation_event_timestamp": at,
            "evaluation_event_storage_id": event_id,
        }
        subset = planned.partitions_subset
        rows = [
            {**row, "partition": n} for n in (subset.get_partition_keys() if subset else [None])
        ]
        if rows:
            with self.index_connection() as connection:
                connection.execute(AssetCheckExecutionsTable.insert(), rows)

    def _asset_values(
        self, events: Sequence[tuple[EventLogEntry, int]]
    ) -> dict[str, dict[str, Any]]:
        """What the events, in this order, set in the record of each asset; assets in key order."""
        # Which values an event sets depends on its type alone: the last one of each type counts.
        last: dict[tuple[str, str], tuple[EventLogEntry, int]] = {}
        for event, event_id in events:
            of_event = event.get_dagster_event()
            key = (check.not_none(of_event.asset_key).to_string(), of_event.event_type_value)
            last.pop(key, None)
            last[key] = (event, event_id)
        values: dict[str, dict[str, Any]] = {}
        for (asset, _), (event, event_id) in last.items():
            own = self._get_asset_entry_values(event, event_id, has_asset_key_index_cols=True)
            values.setdefault(asset, {}).update(own)
        return {asset: own for asset, own in sorted(values.items()) if own}


def planned_subset(event: EventLogEntry) -> PartitionsSubset[str] | None:
    """The partitions of a planned event that stands for several; else None."""
    return event.dagster_event.partitions_subset if event.dagster_event else None


def stands_for_several(event: EventLogEntry) -> bool:
    """Whether the event becomes more than one row."""
    return planned_subset(event) is not None or is_folded(event)


def asset_key(event: EventLogEntry) -> AssetKey | None:
    """The asset whose record the event changes, if any."""
    if event.dagster_event and event.dagster_event_type in ASSET_EVENTS:
        return event.dagster_event.asset_key
    return None
