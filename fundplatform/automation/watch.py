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
from dagster._core.storage.tags import AUTO_RETRY_RUN_ID_TAG

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
    yield from broken_sources(store, base)
    for source in sources:
        yield from late(source, instance, now, base)
    yield from full_disk(settings)
    yield from long_queue(instance, base)


def failed_runs(instance: dg.DagsterInstance, now: datetime, base: str) -> Iterator[Problem]:
    """Runs of the last two days that failed and that no later run of the same made good.

    One that Dagster has already retried is judged by its retry.
    """
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
        if run.status is DagsterRunStatus.FAILURE and AUTO_RETRY_RUN_ID_TAG not in run.tags:
            names = ", ".join(what[:3]) + (", ..." if len(what) > 3 else "")
            days = _window(run)
            yield Problem(
                f"run {same}",
                f"{names or run.job_name}{f' {days}' if days else ''} failed: "
                f"{_reason(instance, run.run_id)}",
                f"{base}/runs/{run.run_id}",
            )


def _reason(instance: dg.DagsterInstance, run_id: str) -> str:
    """The first line of the first failure of the run; else why it ended without one."""
    failures = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    for entry in failures:
        data = entry.dagster_event.step_failure_data if entry.dagster_event else None
        error = data.error if data else None
        while error and error.cause:
            error = error.cause
        if error:
            return error.message.strip().splitlines()[0][:300]
    ends = instance.all_logs(run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    said = [e.dagster_event.message for e in ends if e.dagster_event and e.dagster_event.message]
    return said[-1].strip().splitlines()[0][:300] if said else "see its log"


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
            what = f"check {check.name} of {asset.to_user_string()}"
            days = evaluation.partition or _window(instance.get_run_by_id(record.run_id))
            yield Problem(
                f"check {check.to_user_string()}",
                f"{what}{f' {days}' if days else ''} failed: "
                f"{evaluation.description or 'see its metadata'}",
                f"{_page(base, asset)}?view=checks",
            )


def _window(run: dg.DagsterRun | None) -> str:
    """`first..last` of what the run was about; empty where it has no partitions."""
    window = run_window(run.tags) if run else None
    return f"{window[0]}..{window[1]}" if window else ""


def _page(base: str, asset: dg.AssetKey) -> str:
    return f"{base}/assets/{'/'.join(asset.path)}"


def broken_sources(store: Store, base: str) -> Iterator[Problem]:
    """Vendors that are down or out of calls."""
    try:
        rows = store.query("select source, state, last_failure from marts.source_state").iter_rows()
    except WarehouseError:
        return
    words = {"ERROR": "is down", "RATE_LIMITED": "has no calls left"}
    for source, state, failure in rows:
        if state in words:
            text = f"source {source} {words[state]}: {failure}"
            yield Problem(f"source {source}", text, _page(base, dg.AssetKey(["raw", source])))


def late(
    source: Source, instance: dg.DagsterInstance, now: datetime, base: str
) -> Iterator[Problem]:
    """Kinds of a growing source of which more than one published session is not recorded."""
    for found in loaded(source, instance, now):
        if not found.fresh:
            name = found.key.to_user_string()
            text = f"{name} ends on {found.last}: {found.behind} sessions behind"
            yield Problem(f"late {name}", text, _page(base, found.key))


def full_disk(
    settings: Settings, usage: Callable[[str], tuple[int, int, int]] = shutil.disk_usage
) -> Iterator[Problem]:
    """The home's disk is nearly full."""
    total, used, _ = usage(str(settings.home))
    if used > FULL_DISK * total:
        yield Problem("disk", f"the disk of the home is {used / total:.0%} full")


def long_queue(instance: dg.DagsterInstance, base: str) -> Iterator[Problem]:
    """More runs wait than will be done soon."""
    queued = instance.get_runs_count(dg.RunsFilter(statuses=[DagsterRunStatus.QUEUED]))
    if queued > LONG_QUEUE:
        yield Problem("queue", f"{queued} runs wait in the queue", f"{base}/runs")
