"""Real runs on an instance with the embedded event log: how a failed run is accounted for."""

import json
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.partition_status_cache import AssetPartitionStatus

from bench.bookkeeping import measure
from fundplatform.storage.event_log import EmbeddedEventLogStorage

ROOT = Path(__file__).resolve().parents[2]
DAILY = dg.DailyPartitionsDefinition(start_date="2024-01-01", end_date="2024-01-11")
DAYS = DAILY.get_partition_keys()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    return tmp_path


def statuses(instance: dg.DagsterInstance, name: str) -> list[AssetPartitionStatus | None]:
    found = instance.get_status_by_partition(dg.AssetKey(name), DAYS, DAILY)
    return [(found or {}).get(day) for day in DAYS]


def run_days(instance: dg.DagsterInstance, *, broken: bool, during: list[object]) -> bool:
    """Days 2..6 through two assets; where `broken`, the second fails before it has made any."""

    @dg.asset(partitions_def=DAILY)
    def first(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        return dg.MaterializeResult()

    @dg.asset(partitions_def=DAILY, deps=[first])
    def second(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        during.append(statuses(context.instance, "second"))
        if broken:
            raise RuntimeError("vendor is down")
        return dg.MaterializeResult()

    return dg.materialize(
        [first, second],
        instance=instance,
        raise_on_error=False,
        tags={
            "dagster/asset_partition_range_start": DAYS[2],
            "dagster/asset_partition_range_end": DAYS[6],
        },
    ).success


def in_days(status: AssetPartitionStatus) -> list[AssetPartitionStatus | None]:
    return [status if 2 <= n <= 6 else None for n in range(len(DAYS))]


def test_a_failed_run_marks_its_partitions_failed(home: Path) -> None:
    (home / "dagster.yaml").write_bytes((ROOT / "dagster.yaml").read_bytes())
    during: list[object] = []
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert isinstance(instance.event_log_storage, EmbeddedEventLogStorage)
        assert not run_days(instance, broken=True, during=during)
        assert statuses(instance, "first") == in_days(AssetPartitionStatus.MATERIALIZED)
        assert statuses(instance, "second") == in_days(AssetPartitionStatus.FAILED)
        assert run_days(instance, broken=False, during=during)
        assert statuses(instance, "second") == in_days(AssetPartitionStatus.MATERIALIZED)
    assert during == [in_days(AssetPartitionStatus.IN_PROGRESS)] * 2


@pytest.mark.slow
def test_dagsters_own_storage_with_the_subset_flag_would_not(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_EMIT_PARTITION_SUBSET_IN_PLANNED_EVENTS", "1")
    (home / "dagster.yaml").write_text(json.dumps({"telemetry": {"enabled": False}}))
    during: list[object] = []
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert not run_days(instance, broken=True, during=during)
        assert statuses(instance, "second") == [None] * len(DAYS)


def test_the_shipped_instance_configuration(home: Path) -> None:
    (home / "dagster.yaml").write_bytes((ROOT / "dagster.yaml").read_bytes())
    with dg.DagsterInstance.from_config(str(home)) as instance:
        pools = instance.get_concurrency_config().pool_config
        assert (pools.default_pool_limit, str(pools.pool_granularity)) == (1, "PoolGranularity.RUN")
        assert not instance.telemetry_enabled
        assert not instance.nux_enabled
        assert instance.run_monitoring_settings["free_slots_after_run_end_seconds"] == 60
        assert type(instance.run_coordinator).__name__ == "RunQueue"
    assert (home / "event_log.db").exists()


def test_bookkeeping_costs_less_than_3_ms_per_partition_and_asset() -> None:
    # Processor time: the wall clock of a shared machine proves nothing. Dagster's default: 21 ms.
    assert measure(sessions=250)["cpu_ms_per_partition_asset"] < 3
