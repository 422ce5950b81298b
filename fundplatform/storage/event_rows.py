"""What Dagster's events become as rows, for both event logs of ours (decision 0002).

In: events, one by one or in batches. Out: rows, tags and asset records as Dagster's own storage
would leave them, but made once where it does so per partition. No connection is opened here.
"""

import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster._check as check
from dagster._core.definitions.events import AssetKey
from dagster._core.definitions.partitions.subset import PartitionsSubset
from dagster._core.events import (
    ASSET_CHECK_EVENTS,
    ASSET_EVENTS,
    AssetMaterializationPlannedData,
)
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, AssetEventTagsTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._serdes import serialize_value
from sqlalchemy.engine import Connection

from fundplatform.storage.event_folds import is_folded, unfolded

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


def wait_for_definitions() -> None:
    """Let the daemon wait with a backfill while its definitions cannot be had.

    Without it Dagster takes the assets of a code server that is down for assets that are gone,
    fails every backfill under way and cancels its runs.
    """
    os.environ.setdefault("DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR", "1")


class BulkRows(SqlEventLogStorage):
    """The part of an SQL event log that turns a batch of events into rows."""

    @property
    def supports_partition_subset_in_asset_materialization_planned_events(self) -> bool:
        """True: a run hands over one planned event per asset; `_rows` makes one per partition.

        Without those rows a failed run would leave its partitions unmarked.
        """
        return True

    def _batch(
        self, events: Sequence[EventLogEntry]
    ) -> tuple[list[dict[str, Any]], list[tuple[EventLogEntry, range]]]:
        """All rows of the events; and each event that has any, with the places of its own."""
        rows: list[dict[str, Any]] = []
        places: list[tuple[EventLogEntry, range]] = []
        for event, texts in unfolded(events):
            before = len(rows)
            rows += self._rows(event, texts)
            if len(rows) > before:
                places.append((event, range(before, len(rows))))
        return rows, places

    def _follow_up(
        self, connection: Connection, stored: Sequence[tuple[EventLogEntry, Sequence[int]]]
    ) -> None:
        """Tags, asset records and check records of the events, each with the ids of its rows."""
        self._insert_tags(connection, stored)
        self._upsert_assets(connection, [(e, ids[-1]) for e, ids in stored if asset_key(e)])
        for event, ids in stored:
            if event.is_dagster_event and event.dagster_event_type in ASSET_CHECK_EVENTS:
                self.store_asset_check_event(event, ids[-1])

    def _insert_tags(
        self, connection: Connection, stored: Sequence[tuple[EventLogEntry, Sequence[int]]]
    ) -> None:
        """As `_store_asset_event_tags`; the tags of one event are those of all its rows."""
        values = [
            {**tag, "event_id": event_id}
            for event, ids in stored
            if (tags := self._tag_values(event))
            for event_id in ids
            for tag in tags
        ]
        if values and self.has_table(AssetEventTagsTable.name):
            connection.execute(AssetEventTagsTable.insert(), values)

    def _tag_values(self, event: EventLogEntry) -> list[dict[str, Any]]:
        key = asset_key(event)
        if key is None:
            return []
        at = self._event_insert_timestamp(event)  # type: ignore[no-untyped-call]
        own = {"asset_key": key.to_string(), "event_timestamp": at}
        tags = self._tags_for_asset_event(event)
        return [{**own, "key": name, "value": value} for name, value in tags.items()]

    def _upsert_assets(
        self, connection: Connection, events: Sequence[tuple[EventLogEntry, int]]
    ) -> None:
        """Bring each asset's record to where its events, in this order, would leave it."""
        raise NotImplementedError

    def _rows(self, event: EventLogEntry, texts: Mapping[str, str]) -> list[dict[str, Any]]:
        """The event's rows: one, or one per partition of those that it stands for.

        Args:
            event: The event; of a folded one, the last partition's.
            texts: Partition -> serialized event, of a folded one.
        """
        if texts:
            own = self._materialization_row(event)
            return [{**own, "event": text, "partition": name} for name, text in texts.items()]
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

    def _materialization_row(self, event: EventLogEntry) -> dict[str, Any]:
        """As `_event_to_row`, without what differs by partition: its name and text."""
        of_event = event.get_dagster_event()
        return {
            "run_id": event.run_id,
            "dagster_event_type": of_event.event_type_value,
            "timestamp": self._event_insert_timestamp(event),  # type: ignore[no-untyped-call]
            "step_key": of_event.step_key,
            "asset_key": check.not_none(of_event.asset_key).to_string(),
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
