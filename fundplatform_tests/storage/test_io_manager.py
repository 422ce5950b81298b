"""The IO manager inside real Dagster runs: slices, per-partition counts, held sessions."""

import threading
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from fundplatform import tables
from fundplatform.settings import Settings
from fundplatform.storage.base import Slice, Stamp
from fundplatform.storage.duckdb import DuckDBStore
from fundplatform.storage.io_manager import Warehouse, WarehouseIOManager, input_slice
from fundplatform.storage.outputs import Derived
from fundplatform_tests.storage.processes import child, holding

DAYS = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-02-01")
GATES = dg.AssetKey(["ops", "gates"])
NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)


def gates(*days: date) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "source_id": [1] * len(days),
            "session": list(days),
            "rows_raw": [10] * len(days),
            "rows_rejected": [0] * len(days),
            "rows_validated": [10] * len(days),
            "held": [False] * len(days),
            "reason": [None] * len(days),
        },
        schema_overrides={"session": pl.Date, "reason": pl.String},
    )


@pytest.fixture
def store(settings: Settings) -> DuckDBStore:
    store = DuckDBStore(settings.warehouse, settings.published, lock_timeout=5)
    store.migrate()
    return store


def run(
    store: DuckDBStore,
    assets: list[dg.AssetsDefinition],
    first: str,
    last: str,
    *,
    raise_on_error: bool = True,
) -> tuple[dg.ExecuteInProcessResult, dg.DagsterInstance]:
    io_manager = WarehouseIOManager(warehouse=Warehouse(store, lambda: NOW))
    instance = dg.DagsterInstance.ephemeral()
    result = dg.materialize(
        assets,
        resources={"io_manager": io_manager},
        instance=instance,
        tags={
            "dagster/asset_partition_range_start": first,
            "dagster/asset_partition_range_end": last,
        },
        raise_on_error=raise_on_error,
    )
    return result, instance


def producer(returned: object) -> dg.AssetsDefinition:
    @dg.multi_asset(
        outs={"gates": dg.AssetOut(key=GATES, dagster_type=dg.Any)},
        partitions_def=DAYS,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def made() -> object:
        return returned

    return made


def test_each_partition_says_its_own_row_count(store: DuckDBStore) -> None:
    frame = gates(date(2024, 1, 2), date(2024, 1, 4))
    result, _ = run(store, [producer(Derived({tables.GATES: frame}))], "2024-01-02", "2024-01-04")
    counts = {
        e.partition: e.materialization.metadata["dagster/partition_row_count"].value
        for e in result.asset_materializations_for_node("made")
        for e in [_Event(e)]
    }
    assert counts == {"2024-01-02": 1, "2024-01-03": 0, "2024-01-04": 1}


def test_the_row_count_is_that_of_the_whole_asset(store: DuckDBStore) -> None:
    first = Derived({tables.GATES: gates(date(2024, 1, 2), date(2024, 1, 4))})
    run(store, [producer(first)], "2024-01-02", "2024-01-04")
    result, _ = run(
        store, [producer(Derived({tables.GATES: gates(date(2024, 1, 5))}))], *["2024-01-05"] * 2
    )
    (event,) = result.asset_materializations_for_node("made")
    assert event.metadata["dagster/row_count"].value == 3
    assert event.metadata["chunk_rows"].value == 1


class _Event:
    def __init__(self, materialization: dg.AssetMaterialization) -> None:
        self.materialization, self.partition = materialization, materialization.partition


def test_unrecorded_sessions_are_not_materialised_and_the_rest_is(store: DuckDBStore) -> None:
    derived = Derived(
        {tables.GATES: gates(date(2024, 1, 2))}, unrecorded=frozenset({date(2024, 1, 3)})
    )
    _, instance = run(store, [producer(derived)], "2024-01-02", "2024-01-04")
    assert instance.get_materialized_partitions(GATES) == {"2024-01-02", "2024-01-04"}


def test_nothing_recorded_where_every_session_is_held(store: DuckDBStore) -> None:
    derived = Derived({tables.GATES: gates()}, unrecorded=frozenset({date(2024, 1, 3)}))
    result, instance = run(store, [producer(derived)], "2024-01-03", "2024-01-03")
    assert result.success
    assert instance.get_materialized_partitions(GATES) == set()
    # One without a partition would fail the backfill that it belongs to.
    assert instance.fetch_materializations(GATES, limit=1).records == []
    (stored,) = [e for e in result.all_node_events if e.is_handled_output]
    assert "chunk_rows" in stored.event_specific_data.metadata


def test_a_plain_frame_is_refused_with_the_line_to_write(store: DuckDBStore) -> None:
    result, _ = run(store, [producer(gates())], "2024-01-02", "2024-01-02", raise_on_error=False)
    assert not result.success
    failure = result.failure_data_for_node("made")
    assert failure is not None
    assert failure.error is not None
    assert failure.error.cause is not None
    assert "Return a Load, Derived or Stored" in failure.error.cause.message


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ({}, [10, 11]),
        ({"lookback_days": 3}, [7, 8, 9, 10, 11]),
        ({"history": True}, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
        ({"whole": True}, list(range(1, 16))),
    ],
)
def test_inputs_are_slices_of_the_run_range(
    store: DuckDBStore, wish: dict[str, object], expected: list[int]
) -> None:
    with store.transaction(Stamp("earlier", NOW)) as writer:
        writer.write(tables.GATES, gates(*(date(2024, 1, n) for n in range(1, 16))), Slice())
    seen: list[int] = []

    @dg.asset(
        key=["funds", "metrics"],
        ins={"rows": dg.AssetIn(GATES, metadata={"columns": ["session"], **wish})},
        partitions_def=DAYS,
        backfill_policy=dg.BackfillPolicy.single_run(),
        io_manager_key="unused",
    )
    def reader(rows: pl.DataFrame) -> None:
        assert rows.columns == ["session"]
        seen.extend(d.day for d in rows["session"])

    dg.materialize(
        [reader, dg.AssetSpec(GATES, partitions_def=DAYS)],
        resources={
            "io_manager": WarehouseIOManager(warehouse=Warehouse(store, lambda: NOW)),
            "unused": dg.InMemoryIOManager(),
        },
        tags={
            "dagster/asset_partition_range_start": "2024-01-10",
            "dagster/asset_partition_range_end": "2024-01-11",
        },
    )
    assert seen == expected


@pytest.mark.parametrize(
    ("key", "held"), [(["funds", "metrics"], 1), (["raw", "sample", "ohlcv"], 0)]
)
def test_only_a_run_that_fetches_nothing_keeps_the_warehouse_open(
    store: DuckDBStore, key: list[str], held: int
) -> None:
    found: list[int] = []

    @dg.asset(key=key, ins={"a": dg.AssetIn(GATES), "b": dg.AssetIn(["prices", "rejected"])})
    def reader(a: pl.DataFrame, b: pl.DataFrame) -> None:
        found.append(_open_files(store))

    dg.materialize(
        [reader, dg.AssetSpec(GATES), dg.AssetSpec(["prices", "rejected"])],
        resources={
            "io_manager": WarehouseIOManager(
                warehouse=Warehouse(store, lambda: NOW), publish_after_run=False
            )
        },
        selection=[reader],
        raise_on_error=False,
    )
    assert found == [held]
    assert _open_files(store) == 0


def _open_files(store: DuckDBStore) -> int:
    links = [fd.readlink() for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()]
    return sum(link == store.path for link in links)


def test_the_copy_for_readers_is_published_at_the_end_of_the_run(
    store: DuckDBStore, settings: Settings
) -> None:
    derived = Derived({tables.GATES: gates(date(2024, 1, 2))})
    run(store, [producer(derived)], "2024-01-02", "2024-01-02")
    published: Path = settings.published / settings.warehouse.name
    assert published.exists()
    assert store.query("select count(*) from ops.gates").item() == 1


def test_publishing_waits_for_a_run_that_took_the_warehouse_meanwhile(settings: Settings) -> None:
    """Nobody else would publish: what follows is planned by the published copy."""
    store = DuckDBStore(settings.warehouse, settings.published, lock_timeout=0.2)
    store.migrate()
    with ExitStack() as stack:

        @dg.asset(
            deps=[GATES],
            io_manager_key="unused",
            partitions_def=DAYS,
            backfill_policy=dg.BackfillPolicy.single_run(),
        )
        def taken() -> None:
            other = stack.enter_context(child(holding(store.path)))
            free = threading.Timer(1.0, other.communicate, ("\n",))
            stack.callback(free.join)
            free.start()

        written = producer(Derived({tables.GATES: gates(date(2024, 1, 2))}))
        dg.materialize(
            [written, taken],
            resources={
                "io_manager": WarehouseIOManager(warehouse=Warehouse(store, lambda: NOW)),
                "unused": dg.InMemoryIOManager(),
            },
            partition_key="2024-01-02",
        )
    assert store.query("select count(*) from ops.gates").item() == 1


def test_a_repeated_run_changes_no_row(store: DuckDBStore) -> None:
    derived = Derived({tables.GATES: gates(date(2024, 1, 2))})
    run(store, [producer(derived)], "2024-01-02", "2024-01-02")
    before = store.read(tables.GATES)
    result, _ = run(store, [producer(derived)], "2024-01-02", "2024-01-02")
    metadata = result.asset_materializations_for_node("made")[0].metadata
    assert metadata["rows_unchanged"].value == 1
    assert metadata["rows_inserted"].value == 0
    assert store.read(tables.GATES).equals(before)


def test_an_input_is_cut_to_the_rows_it_asks_for() -> None:
    days = {
        "dagster/asset_partition_range_start": "2024-01-03",
        "dagster/asset_partition_range_end": "2024-01-04",
    }
    daily = {"where": {"interval": "1d"}}
    for wish, first in (({"history": True}, None), ({"lookback_days": 2}, date(2024, 1, 1))):
        found = input_slice(tables.VALIDATED, {**daily, **wish}, days, {"source_id": 3})
        assert found == Slice({"source_id": 3, "interval": "1d"}, first, date(2024, 1, 4))
    assert input_slice(tables.VALIDATED, {**daily, "whole": True}, days, {}) == Slice(
        daily["where"]
    )
