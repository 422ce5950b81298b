"""Dagster events made by hand, and a program that stores them from a process of its own.

`python -m fundplatform_tests.storage.event_log_writer HOME RUN BATCHES SIZE`: stores batches of
materializations, each followed by one single event; prints a line after each commit.
"""

import sys

import dagster as dg
from dagster._core.events import (
    AssetMaterializationPlannedData,
    DagsterEvent,
    DagsterEventType,
    StepMaterializationData,
)
from dagster._core.events.log import EventLogEntry

PRICES = dg.AssetKey(["raw", "prices"])
AT = 1_700_000_000.0


def entry(event: DagsterEvent, run_id: str, at: float = AT) -> EventLogEntry:
    """The event as the log stores it."""
    return EventLogEntry(
        error_info=None,
        level=10,
        user_message="",
        run_id=run_id,
        timestamp=at,
        step_key=event.step_key,
        job_name=event.job_name,
        dagster_event=event,
    )


def plain(event_type: DagsterEventType, run_id: str, at: float = AT) -> EventLogEntry:
    """An event of the run itself."""
    return entry(DagsterEvent(event_type.value, "job"), run_id, at)


def materialized(
    partition: str | None,
    run_id: str,
    *,
    key: dg.AssetKey = PRICES,
    version: str = "v1",
    at: float = AT,
) -> EventLogEntry:
    """A materialization with a data version tag and metadata."""
    data = StepMaterializationData(
        dg.AssetMaterialization(
            key,
            partition=partition,
            metadata={"rows": 7},
            tags={"dagster/data_version": version},
        )
    )
    name = DagsterEventType.ASSET_MATERIALIZATION.value
    return entry(DagsterEvent(name, "job", event_specific_data=data, step_key="s"), run_id, at)


def planned(
    run_id: str, at: float = AT, key: dg.AssetKey = PRICES, **what: object
) -> EventLogEntry:
    """A planned materialization of one `partition`, of a `partitions_subset`, or of neither."""
    data = AssetMaterializationPlannedData(key, **what)
    event = DagsterEvent.build_asset_materialization_planned_event("job", "s", data)
    return entry(event, run_id, at)


def main() -> None:
    """Store and report."""
    from fundplatform.storage.event_log import EmbeddedEventLogStorage

    home, run_id, batches, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    storage = EmbeddedEventLogStorage(home)
    for number in range(batches):
        storage.store_event_batch(
            [materialized(f"{run_id}-{number}-{i}", run_id) for i in range(size)]
        )
        storage.store_event(plain(DagsterEventType.RUN_START, run_id))
        print(number, flush=True)


if __name__ == "__main__":
    main()
