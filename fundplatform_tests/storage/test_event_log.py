"""The embedded event log against Dagster's own storages: same rows, all or nothing, many processes.

The expected values are what Dagster's own storage gives for the same events, or counts by hand.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as db
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluation,
    AssetCheckEvaluationPlanned,
)
from dagster._core.definitions.asset_checks.asset_check_spec import AssetCheckKey
from dagster._core.definitions.partitions.subset import PartitionsSubset
from dagster._core.events import DagsterEvent, DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import ConsolidatedSqliteEventLogStorage
from dagster._core.storage.event_log.base import EventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable

from fundplatform.storage.event_log import EmbeddedEventLogStorage
from fundplatform.storage.event_rows import use_batches
from fundplatform_tests.storage.event_log_writer import (
    AT,
    PRICES,
    entry,
    materialized,
    plain,
    planned,
)

ROOT = Path(__file__).resolve().parents[2]
DAILY = dg.DailyPartitionsDefinition(start_date="2024-01-01", end_date="2024-01-11")
DAYS = DAILY.get_partition_keys()
QUOTED = dg.StaticPartitionsDefinition(['a"b', "ü", "back\\slash"])
PLANNED = DagsterEventType.ASSET_MATERIALIZATION_PLANNED
CHECK = AssetCheckKey(PRICES, "positive")


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[EmbeddedEventLogStorage]:
    storage = EmbeddedEventLogStorage(str(tmp_path / "ours"))
    yield storage
    storage.dispose()


@pytest.fixture
def stock(tmp_path: Path) -> ConsolidatedSqliteEventLogStorage:
    return ConsolidatedSqliteEventLogStorage(str(tmp_path / "stock"))


def check_events(partitions: PartitionsSubset | None = None) -> list[EventLogEntry]:
    """A check, planned (for some partitions) and then passed."""
    kinds = DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED, DagsterEventType.ASSET_CHECK_EVALUATION
    data = (
        AssetCheckEvaluationPlanned(
            asset_key=PRICES, check_name="positive", partitions_subset=partitions
        ),
        AssetCheckEvaluation(asset_key=PRICES, check_name="positive", passed=True, metadata={}),
    )
    return [
        entry(DagsterEvent(kind.value, "job", event_specific_data=d, step_key="s"), "run")
        for kind, d in zip(kinds, data, strict=True)
    ]


def a_run() -> list[EventLogEntry]:
    """Planned partitions, days 0-5 materialized with day 2 twice, another asset, a check."""
    other = dg.AssetKey("other")
    return [
        plain(DagsterEventType.RUN_START, "run"),
        *(planned("run", partition=day) for day in DAYS),
        planned("run", key=other),
        *check_events(),
        *(materialized(day, "run", version=f"v-{day}") for day in DAYS[:6]),
        materialized(DAYS[2], "run", version="again", at=AT + 5),
        materialized(None, "run", key=other, at=AT + 6),
        plain(DagsterEventType.RUN_SUCCESS, "run", AT + 9),
    ]


def everything(storage: EventLogStorage) -> dict[str, object]:
    """What the readers of the log get."""
    data_version = DagsterEventType.ASSET_MATERIALIZATION, ["dagster/data_version"]
    checks = storage.get_asset_check_execution_history(CHECK, limit=9)
    return {
        "records": [
            (r.storage_id, r.event_log_entry) for r in storage.get_records_for_run("run").records
        ],
        "materializations": storage.fetch_materializations(PRICES, limit=99).records,
        "partitions": storage.get_materialized_partitions(PRICES),
        "planned": storage.get_latest_storage_id_by_partition(PRICES, PLANNED),
        "ids": storage.get_latest_storage_id_by_partition(PRICES, data_version[0]),
        "tags": storage.get_latest_tags_by_partition(PRICES, *data_version),
        "event tags": storage.get_event_tags_for_asset(PRICES),
        "unfinished": (
            storage.get_latest_asset_partition_materialization_attempts_without_materializations(
                PRICES
            )
        ),
        "assets": {r.asset_entry.asset_key: r.asset_entry for r in storage.get_asset_records()},
        "checks": [(c.key, c.status, c.run_id, c.event) for c in checks],
        "run stats": storage.get_stats_for_run("run"),
        "step stats": storage.get_step_stats_for_run("run"),
        "last planned": storage.get_latest_planned_materialization_info(PRICES, DAYS[3]),
    }


@pytest.mark.parametrize("batched", [True, False])
def test_reads_back_as_the_stock_storage(
    ours: EmbeddedEventLogStorage, stock: ConsolidatedSqliteEventLogStorage, batched: bool
) -> None:
    for event in a_run():
        stock.store_event(event)
    if batched:
        ours.store_event_batch(a_run())
    else:
        for event in a_run():
            ours.store_event(event)
    expected, found = everything(stock), everything(ours)
    assert len(expected["records"]) == 1 + 10 + 1 + 2 + 6 + 1 + 1 + 1  # type: ignore[arg-type]
    assert expected["partitions"] == set(DAYS[:6])
    for what, value in expected.items():
        assert found[what] == value, what


def test_a_check_planned_for_partitions_has_the_rows_of_the_stock_storage(
    ours: EmbeddedEventLogStorage, stock: ConsolidatedSqliteEventLogStorage
) -> None:
    found = []
    subset = DAILY.subset_with_partition_keys(DAYS[:3]).to_serializable_subset()
    for storage in (stock, ours):
        storage.store_event(check_events(subset)[0])
        with storage.index_connection() as connection:
            columns = [c for c in AssetCheckExecutionsTable.c if c.name != "create_timestamp"]
            found.append(connection.execute(db.select(*columns)).fetchall())
    assert len(found[0]) == 3
    assert {row.partition for row in found[0]} == set(DAYS[:3])
    assert found[1] == found[0]


def test_the_comparison_notices_a_lost_tag(
    ours: EmbeddedEventLogStorage, stock: ConsolidatedSqliteEventLogStorage
) -> None:
    for storage, version in ((stock, "v1"), (ours, "v2")):
        storage.store_event_batch([materialized(DAYS[0], "run", version=version)])
    assert everything(stock)["tags"] != everything(ours)["tags"]


@pytest.mark.parametrize("definition", [DAILY, QUOTED], ids=["daily", "quoted"])
@pytest.mark.parametrize("single", [True, False])
def test_planned_subset_is_stored_as_one_event_per_partition(
    ours: EmbeddedEventLogStorage,
    stock: ConsolidatedSqliteEventLogStorage,
    definition: dg.PartitionsDefinition[str],
    single: bool,
) -> None:
    keys = definition.get_partition_keys()
    subset = definition.subset_with_partition_keys(keys).to_serializable_subset()
    for key in subset.get_partition_keys():
        stock.store_event(planned("run", partition=key))
    event = planned("run", partitions_subset=subset)
    if single:
        ours.store_event(event)
    else:
        ours.store_event_batch([event])
    assert len(ours.get_records_for_run("run").records) == len(keys)
    for what, value in everything(stock).items():
        assert everything(ours)[what] == value, what


def test_empty_batch_and_empty_subset_store_nothing(ours: EmbeddedEventLogStorage) -> None:
    ours.store_event_batch([])
    ours.store_event_batch([planned("run", partitions_subset=DAILY.empty_subset())])
    assert ours.get_records_for_run("run").records == []
    assert ours.get_asset_records() == []


@pytest.mark.parametrize("table", ["asset_event_tags", "asset_keys"])
@pytest.mark.parametrize("batched", [True, False])
def test_failure_in_the_middle_leaves_nothing(
    ours: EmbeddedEventLogStorage, table: str, batched: bool
) -> None:
    ours.store_event(materialized(DAYS[0], "before"))
    path = ours.get_db_path()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            f"CREATE TRIGGER no BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    store = ours.store_event_batch if batched else lambda events: ours.store_event(events[0])
    with pytest.raises(Exception, match="no"):
        store([materialized(DAYS[1], "run"), materialized(DAYS[2], "run")])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TRIGGER no")
    assert ours.get_records_for_run("run").records == []
    assert ours.get_materialized_partitions(PRICES) == {DAYS[0]}
    store([materialized(DAYS[1], "run")])
    assert ours.get_materialized_partitions(PRICES) == {DAYS[0], DAYS[1]}


def test_backfills_wait_for_definitions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster's own switch, read by its daemon, which opens the event log."""
    monkeypatch.delenv("DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR", raising=False)
    EmbeddedEventLogStorage(str(tmp_path)).dispose()
    assert os.environ["DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR"] == "1"


def test_batches_keep_the_size_a_user_has_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_EVENT_BATCH_SIZE", raising=False)
    use_batches()
    assert os.environ["DAGSTER_EVENT_BATCH_SIZE"] == "1000"
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "7")
    use_batches()
    assert os.environ["DAGSTER_EVENT_BATCH_SIZE"] == "7"
