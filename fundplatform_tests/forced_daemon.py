"""Dagster's daemon under a clock of the test's own: its loops, one turn at a time, in this process.

The scheduler, the sensors, the backfills and the run queue are the daemon's own functions on a real
instance, and time stands still between two turns. Runs are executed where they are dequeued. What
is played is a test's to say.
"""

import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

import dagster as dg
import yaml
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus
from dagster._core.launcher import LaunchRunContext, RunLauncher
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.test_utils import freeze_time
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.backfill import execute_backfill_iteration
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import (
    QueuedRunCoordinatorDaemon,
)
from dagster._daemon.sensor import execute_sensor_iteration
from dagster._scheduler.scheduler import ScheduleIterationTimes, launch_scheduled_runs
from dagster._serdes import ConfigurableClass
from dagster._serdes.config_class import ConfigurableClassData
from dagster_shared.error import SerializableErrorInfo

HERE: dg.Definitions = dg.Definitions()
"""The location that is played; what the daemon loads."""
_LOG = logging.getLogger("forced_daemon")
_TURNS = 40


class HereLauncher(RunLauncher[Any], ConfigurableClass):
    """Executes a run at once, in this process, on the definitions that are loaded already."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        """Takes no configuration."""
        self._inst_data = inst_data
        super().__init__()  # type: ignore[no-untyped-call]

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> Mapping[str, Any]:
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        return cls(inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        run = context.dagster_run
        job = InMemoryJob(HERE.get_repository_def().get_job(run.job_name))
        if run.asset_selection is not None:
            job = job.get_subset(
                asset_selection=run.asset_selection,
                asset_check_selection=run.asset_check_selection,
            )
        execute_run(job, run, self._instance)

    def terminate(self, run_id: str) -> bool:
        return False


def run_here(dagster_home: Path) -> None:
    """The home's instance starts its runs here, and hands them out one by one."""
    file = dagster_home / "dagster.yaml"
    config = yaml.safe_load(file.read_text())
    config["run_launcher"] = {"module": __name__, "class": HereLauncher.__name__}
    config["run_monitoring"] = {"enabled": False}
    file.write_text(yaml.safe_dump(config))


@dataclass
class ForcedDaemon:
    """The daemon's loops over one instance.

    Attributes:
        instance: Its launcher is HereLauncher (`run_here`).
        now: The clock, which `definitions` ask through a function of the caller's.
    """

    instance: dg.DagsterInstance
    now: datetime
    _iterations: dict[str, ScheduleIterationTimes] = field(default_factory=dict)

    @contextmanager
    def on(self, definitions: dg.Definitions, sensors: Iterable[str]) -> Iterator[Self]:
        """Load the location; all of its schedules and these sensors are switched on."""
        global HERE
        HERE = definitions
        target = LoadableTargetOrigin(
            executable_path=sys.executable, module_name=__name__, attribute="HERE"
        )
        origin = InProcessCodeLocationOrigin(target, location_name="played")
        with (
            QueuedRunCoordinatorDaemon(interval_seconds=1) as self._queue,
            WorkspaceProcessContext(
                self.instance, InProcessWorkspaceLoadTarget([origin])
            ) as self._context,
        ):
            with freeze_time(self.now):
                self._switch_on(list(sensors))
            yield self

    def _switch_on(self, sensors: list[str]) -> None:
        (location,) = self._context.create_request_context().code_locations
        (found,) = location.get_repositories().values()
        for schedule in found.get_schedules():
            self.instance.start_schedule(schedule)
        for name in sensors:
            self.instance.start_sensor(found.get_sensor(name))

    def schedules(self) -> None:
        """The scheduler's turn: every tick that came due since the last one."""
        self._turn(lambda: launch_scheduled_runs(self._context, _LOG, self.now, self._iterations))
        self.work()

    def sensors(self) -> None:
        """The sensors' turn: those whose interval has passed."""
        self._turn(lambda: execute_sensor_iteration(self._context, _LOG, None, None))
        self.work()

    def work(self) -> None:
        """Runs and backfills, until none is left."""
        for _ in range(_TURNS):
            self._turn(lambda: self._queue.run_iteration(self._context))
            if not self._backfills():
                return
            self._turn(lambda: execute_backfill_iteration(self._context, _LOG))
        raise AssertionError("a backfill does not end")

    def settle(self) -> int:
        """Minutes of sensors, until nothing was asked for; how many there were."""
        for minutes in range(_TURNS):
            before = self.instance.get_runs_count(), len(self.instance.get_backfills())
            self.now += timedelta(minutes=1)
            self.sensors()
            if before == (self.instance.get_runs_count(), len(self.instance.get_backfills())):
                return minutes
        raise AssertionError("it never comes to rest")

    def _backfills(self) -> int:
        under_way = BulkActionsFilter(statuses=[BulkActionStatus.REQUESTED])
        return len(self.instance.get_backfills(filters=under_way))

    def _turn(self, loop: Callable[[], Iterable[object]]) -> None:
        with freeze_time(self.now):
            for told in loop():
                if isinstance(told, SerializableErrorInfo):
                    raise AssertionError(told.to_string())
