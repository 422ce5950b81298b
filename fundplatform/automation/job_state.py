"""How a named job stands, from Dagster's record, and which jobs are due because of it.

A run of a job only hands its work over as a native backfill; the job is done when that is. When a
job runs by the clock is its schedule's; what it does is `jobs.py`'s.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import dagster as dg
from dagster import DagsterRunStatus
from dagster._core.execution.backfill import BulkActionStatus

from fundplatform.automation.job_file import Job

ATTEMPT = "fundplatform/attempt"
"""Run tag: the number of tries before this one."""
BACKFILL = "fundplatform/backfill"
"""Run tag: the native backfill that the run handed its work to; `none` where nothing was to do."""
NONE = "none"

Phase = Literal["never ran", "running", "ok", "failed"]
_GOOD = (BulkActionStatus.COMPLETED, BulkActionStatus.COMPLETED_SUCCESS)
_BAD = (BulkActionStatus.FAILED, BulkActionStatus.COMPLETED_FAILED, BulkActionStatus.CANCELED)
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class State:
    """One job now.

    Attributes:
        phase: Of its latest run and what that asked for.
        run_id: Its latest run.
        backfill: What that asked for; None: nothing.
        started_at: When that run was made (UTC).
        ended_at: When its work ended (UTC).
        attempt: Tries before it.
    """

    phase: Phase = "never ran"
    run_id: str = ""
    backfill: str | None = None
    started_at: datetime = _NEVER
    ended_at: datetime = _NEVER
    attempt: int = 0


@dataclass(frozen=True)
class Due:
    """A run to ask for; `key` is the same for the same cause."""

    job: Job
    key: str
    attempt: int = 0
    again: State | None = None


def job_name(job: Job) -> str:
    """Of the Dagster job."""
    return f"job_{job.name}"


def state(job: Job, instance: dg.DagsterInstance) -> State:
    """How it stands."""
    records = instance.get_run_records(dg.RunsFilter(job_name=job_name(job)), limit=1)
    if not records:
        return State()
    run = records[0].dagster_run
    asked = run.tags.get(BACKFILL, NONE)
    phase, ended = _phase(run.status), _aware(records[0].end_time)
    backfill = instance.get_backfill(asked) if asked != NONE else None
    if phase == "ok" and backfill:
        status = backfill.status
        phase = "ok" if status in _GOOD else "failed" if status in _BAD else "running"
        ended = _aware(backfill.backfill_end_timestamp)
    return State(
        phase,
        run.run_id,
        None if asked == NONE else asked,
        records[0].create_timestamp.astimezone(UTC),
        ended,
        int(run.tags.get(ATTEMPT, "0")),
    )


def due(jobs: Iterable[Job], states: Mapping[str, State], now: datetime) -> Iterator[Due]:
    """Jobs whose rest after a failure is over, and those whose predecessors have all succeeded."""
    for job in jobs:
        own = states[job.name]
        before = [states[name] for name in job.after]
        ready = bool(before) and all(
            b.phase == "ok" and b.ended_at >= own.started_at for b in before
        )
        if own.phase == "running":
            continue
        if ready:
            yield Due(job, f"{job.name} after {' '.join(b.run_id for b in before)}")
        elif own.phase == "failed" and own.attempt < job.retries and _rested(job, own, now):
            yield Due(job, f"{job.name} again {own.run_id}", own.attempt + 1, own)


def _rested(job: Job, own: State, now: datetime) -> bool:
    rest: timedelta = job.retry_after * 2**own.attempt
    return now >= own.ended_at + rest


def _phase(status: DagsterRunStatus) -> Phase:
    if status is DagsterRunStatus.SUCCESS:
        return "ok"
    return (
        "failed" if status in (DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED) else "running"
    )


def _aware(timestamp: float | None) -> datetime:
    return _NEVER if timestamp is None else datetime.fromtimestamp(timestamp, UTC)
