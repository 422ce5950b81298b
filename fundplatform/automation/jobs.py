"""The jobs of jobs.yaml as Dagster jobs, schedules, and the sensor for what follows and fails.

A run plans what its job wants and hands it over as one native backfill: sources with calendars of
their own cannot share a run, and the backfill waits for pools as any other does. Reading the file
is `job_file.py`'s, how a job stands `job_state.py`'s.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.execution.backfill import PartitionBackfill
from dagster._core.utils import make_new_backfill_id

from fundplatform.assets.raw import SYMBOLS, raw_key
from fundplatform.assets.spans import FRESH
from fundplatform.automation.job_file import Job
from fundplatform.automation.job_state import ATTEMPT, BACKFILL, NONE, State, due, job_name, state
from fundplatform.automation.requests import ORIGIN, subset, under_way, without
from fundplatform.automation.sensors import stale
from fundplatform.chunks import Chunk
from fundplatform.clock import Clock
from fundplatform.errors import ConfigError
from fundplatform.fetch_plan import raw_chunks
from fundplatform.sources.base import Source
from fundplatform.storage.base import Store

AGAIN = "fundplatform/again"
"""Run tag: the backfill whose unfinished part is asked for, after a failure."""
Location = Callable[[], dg.Definitions]


def dagster_jobs(
    jobs: Sequence[Job], sources: Sequence[Source], store: Store, clock: Clock, location: Location
) -> list[dg.JobDefinition]:
    """A Dagster job for each; `location` is what they are part of, asked when they run."""
    return [_job(job, sources, store, clock, location) for job in jobs]


def job_schedules(jobs: Sequence[Job]) -> Iterator[dg.ScheduleDefinition]:
    """A schedule for each job with a cron line, off until someone switches it on."""
    for job in jobs:
        if job.cron:
            yield dg.ScheduleDefinition(
                name=f"{job_name(job)}_schedule",
                job_name=job_name(job),
                cron_schedule=job.cron,
                execution_timezone=job.time_zone,
                description=described(job),
            )


def job_sensor(
    jobs: Sequence[Job], made: Sequence[dg.JobDefinition], clock: Clock
) -> Iterator[dg.SensorDefinition]:
    """The sensor `jobs`: what runs after others, and again after a failure; none without need."""
    if not any(job.after or job.retries for job in jobs):
        return

    @dg.sensor(
        name="jobs",
        jobs=list(made),
        minimum_interval_seconds=60,
        description="Starts jobs whose predecessors have succeeded, and failed ones again.",
    )
    def look(context: dg.SensorEvaluationContext) -> dg.SkipReason | list[dg.RunRequest]:
        states = {job.name: state(job, context.instance) for job in jobs}
        asked = [
            dg.RunRequest(
                run_key=one.key,
                job_name=job_name(one.job),
                tags={ATTEMPT: str(one.attempt), **_unfinished(one.again)},
            )
            for one in due(jobs, states, clock())
        ]
        shown = ", ".join(f"{name} {one.phase}" for name, one in states.items())
        return asked or dg.SkipReason(shown)

    yield look


def _unfinished(before: State | None) -> dict[str, str]:
    return {AGAIN: before.backfill} if before and before.backfill else {}


def described(job: Job) -> str:
    """What it does, in words."""
    if job.compute:
        what = "Computes what is new or stale downstream"
    else:
        kinds = ", ".join(job.kinds) or "all kinds"
        how = "again" if job.mode == "batch" else "where they are missing"
        of = ", ".join((*job.sources, *(f"every {c} source" for c in job.asset_classes)))
        what = f"Fetches {kinds} of the last {job.days} days {how}: {of}"
    when = f"; after {', '.join(job.after)}" if job.after else ""
    return f"{what}{when}."


def _job(
    job: Job, sources: Sequence[Source], store: Store, clock: Clock, location: Location
) -> dg.JobDefinition:
    @dg.op(name=f"{job_name(job)}_asks")
    def ask(context: dg.OpExecutionContext) -> None:
        definitions = location()
        graph = definitions.resolve_asset_graph()
        before = context.run.tags.get(AGAIN)
        failed = context.instance.get_backfill(before) if before else None
        if failed:
            data = failed.get_asset_backfill_data(graph)
            wanted = without(data.target_subset, data.materialized_subset)
        else:
            chunks = planned(job, sources, context.instance, definitions, store, clock)
            wanted = subset(graph, chunks)
        asked = _handed_over(job, wanted, context.instance, definitions, clock)
        context.instance.add_run_tags(context.run_id, {BACKFILL: asked or NONE})
        context.log.info(f"backfill {asked} is at it" if asked else "nothing to do")

    @dg.job(name=job_name(job), description=described(job), executor_def=dg.in_process_executor)
    def made() -> None:
        ask()

    return made


def planned(
    job: Job,
    sources: Sequence[Source],
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    store: Store,
    clock: Clock,
) -> list[Chunk]:
    """The runs that the job wants now.

    Raises:
        ConfigError: It names a source that takes no part.
    """
    now = clock()
    if job.compute:
        whole = definitions.resolve_implicit_global_asset_job_def()
        return stale(sources, instance, whole, store, now)
    first, again = now.date() - timedelta(days=job.days), job.mode == "batch"
    chunks = [
        chunk
        for source in taking_part(job, sources)
        for chunk in raw_chunks(source, instance, first, now.date(), refetch=again, now=now)
        if _wants(job, source, chunk)
    ]
    if not job.symbols:
        return chunks
    return [part for chunk in chunks for part in _recorded(chunk, instance)]


def taking_part(job: Job, sources: Sequence[Source]) -> list[Source]:
    """The sources that the job is about.

    Raises:
        ConfigError: One that it names takes no part.
    """
    named = {s.spec.name: s for s in sources}
    for name in job.sources:
        if name not in named:
            raise ConfigError(
                "jobs.yaml",
                f"jobs.{job.name}.sources",
                f"{name} takes no part",
                f"Add it to FUNDPLATFORM_SOURCES, or use of: {', '.join(sorted(named))}",
            )
    return [
        s for s in sources if s.spec.name in job.sources or s.spec.asset_class in job.asset_classes
    ]


def _wants(job: Job, source: Source, chunk: Chunk) -> bool:
    kinds = job.kinds or tuple(source.spec.kinds)
    return chunk.keys[0] in [raw_key(source.spec.name, kind) for kind in kinds]


def _recorded(chunk: Chunk, instance: dg.DagsterInstance) -> Iterator[Chunk]:
    """Its sessions that are recorded: fetched for some symbols only, others would seem fetched."""
    if chunk.first is None or chunk.last is None:
        yield chunk
        return
    for key in sorted(instance.get_materialized_partitions(chunk.keys[0])):
        day = date.fromisoformat(key)
        if chunk.first <= day <= chunk.last:
            yield Chunk(chunk.label, chunk.keys, day, day)


def _handed_over(
    job: Job,
    wanted: AssetGraphSubset,
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    clock: Clock,
) -> str | None:
    """The backfill that does it: a new one, or the one that is at it already; None: no need."""
    if wanted.is_empty:
        return None
    busy = under_way(instance, definitions.resolve_asset_graph(), wanted)
    if busy:
        return busy[0]
    backfill = PartitionBackfill.from_asset_graph_subset(
        backfill_id=make_new_backfill_id(),
        backfill_timestamp=clock().timestamp(),
        tags={ORIGIN: f"job {job.name}", **told(job)},
        dynamic_partitions_store=instance,
        asset_graph_subset=wanted,
        title=f"job {job.name}",
        description=described(job),
        run_config=None,
    )
    instance.add_backfill(backfill)
    return str(backfill.backfill_id)


def told(job: Job) -> dict[str, str]:
    """The tags of the runs that fetch: only some symbols, nothing of an earlier attempt."""
    symbols = {SYMBOLS: ",".join(job.symbols)} if job.symbols else {}
    return {**symbols, **({FRESH: "yes"} if job.mode == "batch" and not job.compute else {})}
