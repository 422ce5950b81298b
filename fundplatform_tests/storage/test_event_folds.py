"""One event for all partitions of a range reads back as Dagster's own, one by one.

The expected values are what Dagster's own storage gives for the events stored one by one.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.events import DagsterEvent, DagsterEventType, StepMaterializationData
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import ConsolidatedSqliteEventLogStorage

from fundplatform import tables
from fundplatform.storage.duckdb import DuckDBStore
from fundplatform.storage.event_folds import FOLDED, Numbers, fold, is_folded, unfolded
from fundplatform.storage.event_log import EmbeddedEventLogStorage
from fundplatform.storage.io_manager import Warehouse, WarehouseIOManager
from fundplatform.storage.outputs import Derived
from fundplatform_tests.storage.event_log_writer import PRICES, entry
from fundplatform_tests.storage.test_event_log import everything
from fundplatform_tests.storage.test_io_manager import GATES, NOW, gates, producer
from fundplatform_tests.storage.test_io_manager import store as store

FACTS: dict[str, Numbers] = {
    "2024-01-01": {"rows": 3},
    "2024-01-02": {"rows": 0, "index return": -0.0125},
    'odd "name", ü': {"rows": 10**15, "index return": 1e-300},
    "2024-01-04": {"rows": 7, "index return": float("nan"), "rows again": 7},
    "2024-01-05": {},
}


def materialized(partition: str, metadata: Mapping[str, Any]) -> EventLogEntry:
    common: dict[str, Any] = {"chunk_rows": 12, "page": dg.MetadataValue.md("| 1 |")}
    data = StepMaterializationData(
        dg.AssetMaterialization(
            PRICES,
            partition=partition,
            metadata={**common, **metadata},
            tags={"dagster/data_version": "v", "dagster/code_version": "c"},
        )
    )
    name = DagsterEventType.ASSET_MATERIALIZATION.value
    event = DagsterEvent(name, "job", event_specific_data=data, step_key="s", message="made")
    return entry(event, "run")


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[EmbeddedEventLogStorage]:
    storage = EmbeddedEventLogStorage(str(tmp_path / "ours"))
    yield storage
    storage.dispose()


@pytest.mark.parametrize("batched", [True, False])
def test_a_folded_event_reads_back_as_one_by_one(
    ours: EmbeddedEventLogStorage, tmp_path: Path, batched: bool
) -> None:
    stock = ConsolidatedSqliteEventLogStorage(str(tmp_path / "stock"))
    for partition, numbers in FACTS.items():
        stock.store_event(materialized(partition, numbers))
    event = materialized("2024-01-05", fold(FACTS))
    if batched:
        ours.store_event_batch([event])
    else:
        ours.store_event(event)
    expected, found = everything(stock), everything(ours)
    assert len(expected["records"]) == 5  # type: ignore[arg-type]
    for what, value in expected.items():
        # As text, since NaN is not equal to itself.
        assert repr(found[what]) == repr(value), what


def test_the_filled_text_is_the_serialized_event(ours: EmbeddedEventLogStorage) -> None:
    ((last, texts),) = unfolded([materialized("2024-01-05", fold(FACTS))])
    one_by_one = {p: materialized(p, numbers) for p, numbers in FACTS.items()}
    assert texts == {p: ours._event_to_row(e)["event"] for p, e in one_by_one.items()}
    assert last == one_by_one["2024-01-05"]


def test_what_is_not_folded_passes_unchanged() -> None:
    plain = materialized("2024-01-01", {"rows": 1})
    start = entry(DagsterEvent(DagsterEventType.RUN_START.value, "job"), "run")
    assert list(unfolded([plain, start])) == [(plain, {}), (start, {})]
    assert not is_folded(plain)


def test_a_run_records_each_partition_with_its_numbers(store: DuckDBStore, tmp_path: Path) -> None:
    config = {
        "event_log_storage": {
            "module": "fundplatform.storage.event_log",
            "class": "EmbeddedEventLogStorage",
            "config": {"base_dir": str(tmp_path / "log")},
        }
    }
    held = frozenset({date(2024, 1, 3)})
    frame = gates(date(2024, 1, 2), date(2024, 1, 4))
    derived = Derived({tables.GATES: frame}, unrecorded=held)
    with dg.instance_for_test(temp_dir=str(tmp_path), overrides=config) as instance:
        result = dg.materialize(
            [producer(derived)],
            resources={"io_manager": WarehouseIOManager(warehouse=Warehouse(store, lambda: NOW))},
            instance=instance,
            tags={
                "dagster/asset_partition_range_start": "2024-01-01",
                "dagster/asset_partition_range_end": "2024-01-05",
            },
        )
        found = [r.asset_materialization for r in instance.fetch_materializations(GATES, 9).records]
    assert result.success
    shown = {m.partition: m.metadata for m in found if m is not None}
    rows = {p: m["dagster/partition_row_count"].value for p, m in shown.items()}
    assert rows == {"2024-01-01": 0, "2024-01-02": 1, "2024-01-04": 1, "2024-01-05": 0}
    assert {m["chunk_rows"].value for m in shown.values()} == {2}
    assert not any(FOLDED in m for m in shown.values())
