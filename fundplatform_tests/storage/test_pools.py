"""Both event logs of ours: the first runs of a new pool wait for each other as later ones do."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import dagster as dg
import pytest
from dagster._core.instance.config import PoolGranularity
from dagster._core.op_concurrency_limits_counter import GlobalOpConcurrencyLimitsCounter
from dagster._core.storage.dagster_run import RunOpConcurrency
from dagster._core.storage.event_log import ConsolidatedSqliteEventLogStorage
from dagster._core.storage.event_log.base import EventLogStorage
from dagster._core.utils import make_new_run_id

from fundplatform.storage.event_log import EmbeddedEventLogStorage
from fundplatform.storage.event_log_postgres import BulkPostgresEventLogStorage, address


class Instance:
    """What the counter needs of one: its event log, and the default limit of dagster.yaml."""

    global_op_concurrency_default_limit = 1

    def __init__(self, log: EventLogStorage) -> None:
        """An event log has one instance."""
        self.event_log_storage = log
        log.register_instance(cast(Any, self))


@pytest.fixture(params=["sqlite", "postgres"])
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Instance]:
    if request.param == "sqlite":
        yield Instance(EmbeddedEventLogStorage(str(tmp_path)))
        return
    with request.getfixturevalue("postgres").database("pools") as url:
        storage = BulkPostgresEventLogStorage(address(url))
        yield Instance(storage)
        storage.dispose()


def launched(instance: Instance, number: int, *pools: str) -> int:
    """How many of so many queued runs of each pool one pass of the queue lets go."""
    runs = [
        dg.DagsterRun(
            "j",
            run_id=make_new_run_id(),
            run_op_concurrency=RunOpConcurrency(
                all_pools={pool}, root_key_counts={}, has_unconstrained_root_nodes=False
            ),
        )
        for pool in pools
        for _ in range(number)
    ]
    # As in a pass of dagster._daemon.run_coordinator.queued_run_coordinator_daemon.
    log = instance.event_log_storage
    keys, limits = log.get_concurrency_keys(), log.get_pool_limits()
    counter = GlobalOpConcurrencyLimitsCounter(
        cast(Any, instance), runs, [], keys, limits, pool_granularity=PoolGranularity.RUN
    )
    gone = 0
    for run in runs:
        if not counter.is_blocked(run):
            counter.update_counters_with_launched_item(run)
            gone += 1
    return gone


def test_one_run_of_each_pool_from_the_first_pass_on(instance: Instance) -> None:
    assert launched(instance, 3, "acme", "other") == 2
    assert launched(instance, 3, "acme", "newer") == 2


def test_dagsters_own_log_lets_them_all_go(tmp_path: Path) -> None:
    """When this fails Dagster has mended it, and storage/pools.py can go."""
    stock = Instance(ConsolidatedSqliteEventLogStorage(str(tmp_path)))
    assert launched(stock, 3, "acme") == 3
    assert launched(stock, 3, "acme") == 1
