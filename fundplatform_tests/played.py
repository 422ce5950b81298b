"""Years played by hand: real schedules and sensors at their times, their runs in this process.

Cheaper than `forced_daemon.py` by half: no daemon, no workspace, one run of a backfill where
Dagster makes one of each stage. The instance, its cursors and its backfills are real; asset checks
are left out. What is played is a test's to say.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.definitions.run_request import RunRequest
from dagster._core.execution.backfill import (
    BulkActionsFilter,
    BulkActionStatus,
    PartitionBackfill,
)
from dagster._core.test_utils import freeze_time
from dagster._core.utils import make_new_backfill_id
from dagster._utils.schedules import schedule_execution_time_iterator

from fundplatform.automation.requests import ORIGIN
from fundplatform.backfill import AFTERWARDS, CATALOG
from fundplatform.change_log import ChangeLog
from fundplatform.chunk_sizes import FEWEST, cut
from fundplatform.chunks import Chunk
from fundplatform.definitions import build_definitions
from fundplatform.staleness import STAGES
from fundplatform.storage.io_manager import RANGE_END, RANGE_START
from fundplatform_tests.pipeline import Pipeline

_TURNS = 12
Days = dict[str, list[str]]


def ticks(made: dg.Definitions, begin: datetime, end: datetime) -> list[tuple[datetime, str]]:
    """When which schedule ticks, in order."""
    found = []
    for one in made.get_repository_def().schedule_defs:
        for at in schedule_execution_time_iterator(
            begin.timestamp(), str(one.cron_schedule), one.execution_timezone
        ):
            if at >= end:
                break
            found.append((at.astimezone(UTC), one.name))
    return sorted(found)


@dataclass(frozen=True)
class Ran:
    """One run: who asked for it, when, for what, and whether it succeeded.

    `upstream` is the number of the newest change in the warehouse when it began.
    """

    origin: str
    at: datetime
    keys: tuple[str, ...]
    first: date | None
    last: date | None
    good: bool
    upstream: int


@dataclass
class Player:
    """Schedules, sensors, backfills of one home.

    Attributes:
        made: The home, its store and its instance.
        now: The clock, which the location asks.
        ran: Every run, in order.
        said: What each sensor skipped with last.
    """

    made: Pipeline
    now: datetime
    ran: list[Ran] = field(default_factory=list)
    said: dict[str, str] = field(default_factory=dict)
    _cursors: dict[str, str | None] = field(default_factory=dict)
    _keys: set[tuple[str, str]] = field(default_factory=set)
    _published: int = 0
    _jobs: dict[tuple[str, ...], dg.JobDefinition] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Build the location, once."""
        self.made.clock = lambda: self.now
        self.here = build_definitions(
            self.made.settings,
            sources=self.made.sources,
            store=self.made.store,
            clock=self.made.clock,
            publish_after_run=False,
        )
        self.repository = self.here.get_repository_def()
        self.whole = self.here.resolve_implicit_global_asset_job_def()

    def schedule(self, name: str) -> None:
        """A tick of a schedule, and its runs; a run key counts once, as for the scheduler."""
        if not all(ran.good for ran in self.ran[self._published :]):
            # A schedule reads who rests, and nothing else of the warehouse.
            self._publish()
        with freeze_time(self.now):
            definition = self.repository.get_schedule_def(name)
            context = dg.build_schedule_context(
                self.made.instance,
                scheduled_execution_time=self.now,
                repository_def=self.repository,
            )
            # It would open the instance anew for each tick.
            context._instance = self.made.instance
            for one in definition.evaluate_tick(context).run_requests or []:
                if one.run_key and (name, one.run_key) in self._keys:
                    continue
                self._keys.add((name, one.run_key or str(self.now)))
                self._launch(definition.job_name, name, dict(one.tags))
        self.work()

    def sensor(self, name: str) -> bool:
        """A tick of a sensor, and what it asks for; whether it asked for anything."""
        if len(self.ran) > self._published:
            self._publish()
        with freeze_time(self.now):
            context = dg.build_sensor_context(
                instance=self.made.instance,
                repository_def=self.repository,
                cursor=self._cursors.get(name),
            )
            told = self.repository.get_sensor_def(name).evaluate_tick(context)
            self._cursors[name] = told.cursor
            self.said[name] = told.skip_message or ""
            asked = list(told.run_requests or [])
            for one in asked:
                if one.asset_selection:
                    job = self._of(one.asset_selection)
                    self._executed(job, one.tags.get(ORIGIN, name), dict(one.tags))
                else:
                    self._add(one)
        self.work()
        return bool(asked)

    def settle(self, names: Iterable[str]) -> None:
        """Turns of these sensors, until none asks for anything."""
        every = list(names)
        for _ in range(_TURNS):
            if not any([self.sensor(name) for name in every]):
                return
        raise AssertionError(f"it never comes to rest: {self.ran[-8:]}")

    def _publish(self) -> None:
        self.made.store.publish()
        self._published = len(self.ran)

    def work(self) -> None:
        """Unfinished backfills, each run after run."""
        wanted = BulkActionsFilter(statuses=[BulkActionStatus.REQUESTED])
        for backfill in reversed(self.made.instance.get_backfills(filters=wanted)):
            data = backfill.get_asset_backfill_data(self.repository.asset_graph)
            origin = backfill.tags.get(ORIGIN, "")
            chunks = runs_of(self.repository.asset_graph, data.target_subset)
            good = [self._run(chunk, origin, backfill.tags) for chunk in chunks]
            status = "COMPLETED_SUCCESS" if all(good) else "COMPLETED_FAILED"
            self.made.instance.update_backfill(backfill.with_status(BulkActionStatus[status]))

    def _add(self, one: RunRequest) -> None:
        assert one.asset_graph_subset is not None
        self.made.instance.add_backfill(
            PartitionBackfill.from_asset_graph_subset(
                backfill_id=make_new_backfill_id(),
                backfill_timestamp=self.now.timestamp(),
                tags=dict(one.tags),
                dynamic_partitions_store=self.made.instance,
                asset_graph_subset=one.asset_graph_subset,
                title=None,
                description=None,
                run_config=None,
            )
        )

    def _run(self, chunk: Chunk, origin: str, tags: dict[str, str]) -> bool:
        with freeze_time(self.now):
            return self._executed(self._of(chunk.keys), origin, {**tags, **chunk.tags})

    def _launch(self, job_name: str, origin: str, tags: dict[str, str]) -> None:
        job = self.repository.get_job(job_name)
        keys = tuple(job.asset_layer.executable_asset_keys)
        self._executed(self._of(keys) if keys else job, origin, tags)

    def _of(self, keys: Collection[dg.AssetKey]) -> dg.JobDefinition:
        """The job of these assets, without their checks."""
        names = tuple(sorted(key.to_user_string() for key in keys))
        if names not in self._jobs:
            self._jobs[names] = self.whole.get_subset(
                asset_selection=set(keys), asset_check_selection=set()
            )
        return self._jobs[names]

    def _executed(self, job: dg.JobDefinition, origin: str, tags: dict[str, str]) -> bool:
        log = ChangeLog.read(self.made.store)
        upstream = log.newest(log.changed)
        result = job.execute_in_process(
            instance=self.made.instance, tags=tags, raise_on_error=False
        )
        span = [
            date.fromisoformat(tags[n]) if n in tags else None for n in (RANGE_START, RANGE_END)
        ]
        told = sorted(key.to_user_string() for key in job.asset_layer.executable_asset_keys)
        self.ran.append(Ran(origin, self.now, tuple(told), *span, result.success, upstream))
        return bool(result.success)


def runs_of(graph: AssetGraph, wanted: AssetGraphSubset) -> Iterator[Chunk]:
    """A backfill's runs: the catalog, raw assets by stretches, stages by days, and what follows."""
    whole = wanted.non_partitioned_asset_keys
    chain = {key for keys in STAGES.values() for key in keys}
    parts = {
        key: sorted(part.get_partition_keys())
        for key, part in wanted.partitions_subsets_by_asset_key.items()
    }
    before = tuple(key for key in CATALOG if key in whole)
    if before:
        yield Chunk("", before)
    for key, days in parts.items():
        if key not in chain:
            yield from _stretches(graph, (key,), days)
    if not chain & set(parts) and chain & whole:
        yield Chunk("", tuple(chain & whole))
    yield from _staged(graph, parts)
    rest = whole - chain - set(CATALOG)
    for some in (rest - set(AFTERWARDS), rest & set(AFTERWARDS)):
        if some:
            yield Chunk("", tuple(some))


def _staged(graph: AssetGraph, parts: dict[dg.AssetKey, list[str]]) -> Iterator[Chunk]:
    """Days that lack the same stages together."""
    stages = {name: [key for key in keys if key in parts] for name, keys in STAGES.items()}
    by_day: dict[str, tuple[str, ...]] = {}
    for name, keys in stages.items():
        for day in parts[keys[0]] if keys else ():
            by_day[day] = (*by_day.get(day, ()), name)
    for some in sorted(set(by_day.values()), key=len):
        keys = tuple(key for name in some for key in STAGES[name])
        partitioned = next(key for key in keys if key in parts)
        days = [day for day, names in by_day.items() if names == some]
        yield from _stretches(graph, keys, sorted(days), partitioned)


def _stretches(
    graph: AssetGraph, keys: tuple[dg.AssetKey, ...], days: list[str], by: dg.AssetKey | None = None
) -> Iterator[Chunk]:
    every = graph.get(by or keys[0]).partitions_def.get_partition_keys()
    span = [day for day in every if days[0] <= day <= days[-1]]
    sessions = [date.fromisoformat(day) for day in span]
    yield from cut("", keys, sessions, [day in set(days) for day in span], FEWEST)
