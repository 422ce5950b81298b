"""The pause between two looks at the backfills: what dagster.yaml says is what the daemon keeps."""

import logging
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import pytest
import yaml
from dagster._daemon import controller
from dagster._daemon.backfill import execute_backfill_iteration_loop
from dagster._daemon.run_coordinator import QueuedRunCoordinatorDaemon

from fundplatform_tests.compose import ROOT


class Waited(threading.Event):
    """Notes how long the loop wants to rest, and does not rest."""

    def __init__(self) -> None:
        """Nobody has waited yet."""
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout or 0)
        return False


def pause(home: Path, monkeypatch: pytest.MonkeyPatch, **settings: int) -> float:
    """Seconds between two looks of the daemon's own loop, with these settings of the run queue."""
    monkeypatch.setattr(controller, "DEFAULT_DAEMON_INTERVAL_SECONDS", 30)
    config = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    config = {"run_coordinator": config["run_coordinator"], "telemetry": {"enabled": False}}
    del config["run_coordinator"]["config"]["backfill_interval_seconds"]
    config["run_coordinator"]["config"] |= settings
    (home / "dagster.yaml").write_text(yaml.safe_dump(config))
    with dg.DagsterInstance.from_config(str(home)) as instance:
        # As the daemon does: all of its parts are made before the first loop starts.
        kind = QueuedRunCoordinatorDaemon.daemon_type()
        assert isinstance(
            controller.create_daemon_of_type(kind, instance), QueuedRunCoordinatorDaemon
        )
        shutdown, context = Waited(), cast(Any, SimpleNamespace(instance=instance))
        loop = execute_backfill_iteration_loop(context, logging.getLogger(), shutdown)
        while not shutdown.seconds:
            next(loop)
    return shutdown.seconds[0]


def test_a_backfill_is_looked_after_as_often_as_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 11 < pause(tmp_path, monkeypatch, backfill_interval_seconds=12) <= 12
    assert 4 < pause(tmp_path, monkeypatch) <= 5


@pytest.mark.parametrize("file", ["dagster.yaml", "deploy/dagster.yaml"])
def test_both_instances_say_it(file: str) -> None:
    said = yaml.safe_load((ROOT / file).read_text())["run_coordinator"]
    assert (said["module"], said["class"]) == ("fundplatform.automation.run_queue", "RunQueue")
    assert said["config"]["backfill_interval_seconds"] == 5
