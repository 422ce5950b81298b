"""The embedded run launcher: Dagster's own, and it can tell whether a run's process still lives.

dagster.yaml names it. Dagster's asks nobody: a run whose process was killed together with its code
server would stay "started" for ever and keep its pool's slot. With it the run monitor of the daemon
closes such a run, and `run_retries` starts it again.
"""

from datetime import datetime, timedelta

import dagster as dg
from dagster._core.launcher import DefaultRunLauncher
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus

from fundplatform import processes
from fundplatform.clock import utc_now

SILENT = timedelta(minutes=5)
"""A started run marks itself within a second (storage/io_manager.py); after so long it is dead."""
_GONE = "The process that executed this run was killed."
_NEVER = "No process has taken this run up."


class WatchedRunLauncher(DefaultRunLauncher):
    """Runs as processes of this machine, each with a mark of its process."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Yes."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """FAILED where the process of the run is gone; RUNNING also where nobody can tell."""
        marked = run.tags.get(processes.TAG, "")
        if processes.is_of(marked, run.run_id):
            gone = processes.is_gone(marked)
            return CheckRunHealthResult(
                WorkerStatus.FAILED if gone else WorkerStatus.RUNNING, _GONE if gone else None
            )
        record = self._instance.get_run_record_by_id(run.run_id)
        started = record.start_time if record else None
        if started is not None and silent_since(started, utc_now()):
            return CheckRunHealthResult(WorkerStatus.FAILED, _NEVER)
        return CheckRunHealthResult(WorkerStatus.RUNNING)


def silent_since(started: float, now: datetime) -> bool:
    """Whether a run that started then (Unix seconds) should have marked itself by now."""
    return now.timestamp() - started > SILENT.total_seconds()
