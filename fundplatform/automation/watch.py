"""What counts as a problem: failed runs, failing checks, sources down or late, disk, queue.

Reads Dagster's record and the published warehouse; `alerts.py` tells people. A holiday is none:
what is late is measured in sessions of the source's own calendar.
"""

import json
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta

import dagster as dg
from dagster import DagsterRunStatus

from fundplatform.alerts import Channels, Problem, lines, news, told_after
from fundplatform.automation.lateness import loaded
from fundplatform.clock import Clock
from fundplatform.errors import WarehouseError
from fundplatform.settings import Settings
from fundplatform.sources.base import Source
from fundplatform.storage.base import Store
from fundplatform.storage.io_manager import run_window

LOOKED_BACK = timedelta(days=2)
FULL_DISK = 0.9
LONG_QUEUE = 100
CHECKED = dg.DagsterEventType.ASSET_CHECK_EVALUATION
_ENDED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE]


def alerts(
    sources: Sequence[Source], settings: Settings, store: Store, clock: Clock
) -> dg.SensorDefinition:
    """The sensor: every minute what is new and what is well again, to every channel."""

    @dg.sensor(
        name="alerts",
        asset_selection=dg.AssetSelection.all(),
        minimum_interval_seconds=60,
        description="Tells about failed runs and checks, sources down or late, disk and queue.",
    )
    def look(context: dg.SensorEvaluationContext) -> dg.SkipReason | dg.SensorResult:
        channels = Channels.of(settings)
        if not channels:
            return dg.SkipReason("no channel is set: FUNDPLATFORM_ALERT_WEBHOOK, _SLACK or _EMAIL")
        now = clock()
        graph = context.repository_def.asset_graph if context.repository_def else None
        checks = graph.asset_check_keys if graph else set()
        found = list(problems(context.instance, checks, sources, settings, store, now))
        told = json.loads(context.cursor) if context.cursor else {}
        fresh = news(told, found)
        if not fresh:
            return dg.SkipReason(f"told before: {lines(found)}" if found else "all is well")
        failed = channels.send(fresh)
        if failed:
            # Not told: the cursor stays, and the next tick sends it again.
            raise dg.Failure(f"not everyone could be told: {'; '.join(failed)}")
        return dg.SensorResult(
            cursor=json.dumps(told_after(told, fresh)), skip_reason=dg.SkipReason(fresh.subject)
        )

    return look


def problems(
    instance: dg.DagsterInstance,
    checks: Collection[dg.AssetCheckKey],
    sources: Sequence[Source],
    settings: Settings,
    store: Store,
    now: datetime,
) -> Iterator[Problem]:
    """Everything that is wrong now."""
    base = settings.environment.get("FUNDPLATFORM_UI_URL", "http://127.0.0.1:3000").rstrip("/")
    yield from failed_runs(instance, now, base)
    yield from failing_checks(instance, checks, base)
    yield from _sources(store)
    for source in sources:
        yield from late(source, instance, now)
    yield from full_disk(settings)
    queued = instance.get_runs_count(dg.RunsFilter(statuses=[DagsterRunStatus.QUEUED]))
    if queued > LONG_QUEUE:
        yield Problem("queue", f"{queued} runs wait in the queue", f"{base}/runs")


def failed_runs(instance: dg.DagsterInstance, now: datetime, base: str) -> Iterator[Problem]:
    """Runs of the last two days that failed and that no later run of the same made good."""
    filters = dg.RunsFilter(statuses=_ENDED, updated_after=now - LOOKED_BACK)
    seen: set[tuple[object, ...]] = set()
    for record in instance.get_run_records(filters):  # the newest first
        run = record.dagster_run
        window = run_window(run.tags)
        what = tuple(sorted(k.to_user_string() for k in run.asset_selection or ()))
        same = (what or run.job_name, window)
        if same in seen:
            continue
        seen.add(same)
        if run.status is DagsterRunStatus.FAILURE:
            names = ", ".join(what[:3]) + (", ..." if len(what) > 3 else "")
            days = f" {window[0]}..{window[1]}" if window else ""
            yield Problem(
                f"run {same}",
                f"{names or run.job_name}{days} failed: {_reason(instance, run.run_id)}",
                f"{base}/runs/{run.run_id}",
            )


def _reason(instance: dg.DagsterInstance, run_id: str) -> str:
    """The first line of the first failure of the run."""
    failures = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    for entry in failures:
        data = entry.dagster_event.step_failure_data if entry.dagster_event else None
        error = data.error if data else None
        while error and error.cause:
            error = error.cause
        if error:
            return error.message.strip().splitlines()[0][:300]
    return "see its log"


def failing_checks(
    instance: dg.DagsterInstance, checks: Collection[dg.AssetCheckKey], base: str
) -> Iterator[Problem]:
    """Checks whose latest evaluation failed as an error."""
    log = instance.event_log_storage
    latest = log.get_latest_asset_check_execution_by_key(sorted(checks, key=str))
    for check, record in latest.items():
        happened = record.event.dagster_event if record.event else None
        if happened is None or happened.event_type is not CHECKED:
            continue
        evaluation = happened.asset_check_evaluation_data
        if not evaluation.passed and evaluation.severity is dg.AssetCheckSeverity.ERROR:
            asset = check.asset_key
            yield Problem(
                f"check {check.to_user_string()}",
                f"check {check.name} of {asset.to_user_string()} failed: "
                f"{evaluation.description or 'see its metadata'}",
                f"{base}/assets/{'/'.join(asset.path)}?view=checks",
            )


def _sources(store: Store) -> Iterator[Problem]:
    """Vendors that are down or out of calls."""
    try:
        rows = store.query("select source, state, last_failure from marts.source_state").iter_rows()
    except WarehouseError:
        return
    for source, state, failure in rows:
        if state == "ERROR":
            yield Problem(f"source {source}", f"source {source} is down: {failure}")
        elif state == "RATE_LIMITED":
            yield Problem(f"source {source}", f"source {source} has no calls left: {failure}")


def late(source: Source, instance: dg.DagsterInstance, now: datetime) -> Iterator[Problem]:
    """Kinds of a growing source of which more than one published session is not recorded."""
    for found in loaded(source, instance, now):
        if not found.fresh:
            name = found.key.to_user_string()
            yield Problem(
                f"late {name}", f"{name} ends on {found.last}: {found.behind} sessions behind"
            )


def full_disk(
    settings: Settings, usage: Callable[[str], tuple[int, int, int]] = shutil.disk_usage
) -> Iterator[Problem]:
    """The home's disk is nearly full."""
    total, used, _ = usage(str(settings.home))
    if used > FULL_DISK * total:
        yield Problem("disk", f"the disk of the home is {used / total:.0%} full")
