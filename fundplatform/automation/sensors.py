"""The sensors: gaps are filled, files are taken in, and what is new flows downstream.

Each is off until someone switches it on. They read the published state and Dagster's record, ask
for runs and native backfills, and for nothing that is under way or rests. Gaps: gap_sensor.py.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset

from fundplatform.automation.gap_sensor import Tick, fill
from fundplatform.automation.requests import (
    Asked,
    one_run,
    request,
    runs_under_way,
    subset,
    under_way,
)
from fundplatform.backfill import Backfill
from fundplatform.chunks import Chunk
from fundplatform.clock import Clock
from fundplatform.errors import SourceError
from fundplatform.fetch_plan import raw_chunks
from fundplatform.sources.abilities import Changing, Watched
from fundplatform.sources.base import Kind, Source
from fundplatform.staleness import FEEDS, LAST_OF_CHAIN
from fundplatform.storage.base import Store

_MINUTE = 60
_PROPAGATION = "propagation"


def sensors(sources: Sequence[Source], store: Store, clock: Clock) -> Iterator[dg.SensorDefinition]:
    """All of them."""
    if any(c.partitioned for s in sources for c in s.spec.kinds.values()):
        yield _sensor(
            "fill_gaps",
            "Asks for exactly the missing sessions, backs off, and rests where a vendor has none.",
            _MINUTE,
            lambda context: fill(context, sources, store, clock()),
        )
    if any(isinstance(s, Watched) for s in sources):
        yield _sensor(
            "drop_folders",
            "Takes in new and changed files of drop folders once they have stopped growing.",
            _MINUTE,
            lambda context: take_in(context, sources, clock()),
        )
    if any(Kind.OHLCV in s.spec.kinds for s in sources):
        yield _sensor(
            "propagate",
            "Computes what is new or stale downstream: prices, indices, metrics, tiers.",
            _MINUTE,
            lambda context: propagate(context, sources, store, clock()),
        )


def _sensor(
    name: str, text: str, seconds: int, tick: Callable[[dg.SensorEvaluationContext], Tick]
) -> dg.SensorDefinition:
    @dg.sensor(
        name=name,
        asset_selection=dg.AssetSelection.all(),
        minimum_interval_seconds=seconds,
        description=text,
    )
    def look(context: dg.SensorEvaluationContext) -> Tick:
        return tick(context)

    return look


def take_in(context: dg.SensorEvaluationContext, sources: Sequence[Source], now: datetime) -> Tick:
    """Backfills of what the files have and Dagster has not, or had otherwise.

    A folder is waited for until two ticks see the same files of the same size and time.
    """
    graph, asked, waiting = _graph(context), [], []
    cursor = Asked.read(context.cursor)
    for source in sources:
        if not isinstance(source, Watched):
            continue
        name = source.spec.name
        try:
            stamps = sorted(source.stamps().items())
            if not cursor.is_still(name, stamps):
                waiting.append(name)
                continue
            moved = source.set_aside()
            target = _untaken(context, source, cursor, now)
        except SourceError as error:
            context.log.warning(str(error))
            continue
        if moved:
            context.log.warning(f"{name}: set aside {', '.join(moved)}; a note lies beside each")
        if target is not None and not under_way(context.instance, graph, target):
            asked.append(request(target, "files"))
    why = f"waiting until {', '.join(waiting)} stays as it is" if waiting else "no new file"
    reason = None if asked else dg.SkipReason(why)
    return dg.SensorResult(run_requests=asked, cursor=cursor.text, skip_reason=reason)


def _untaken(
    context: dg.SensorEvaluationContext, source: Source, cursor: Asked, now: datetime
) -> AssetGraphSubset | None:
    """What the files have and Dagster has not; None where the same was asked for just now."""
    instance = context.instance
    chunks = list(raw_chunks(source, instance, date.min, now.date(), refetch=False, now=now))
    if not chunks or not isinstance(source, Changing):
        return None
    marks = [sorted(source.marks(kind).items()) for kind in source.spec.kinds]
    return subset(_graph(context), chunks) if cursor.is_news(f"{marks} {chunks}", now) else None


def propagate(
    context: dg.SensorEvaluationContext, sources: Sequence[Source], store: Store, now: datetime
) -> Tick:
    """One run of everything that is new or older than what it rests on, else one backfill."""
    whole = context.repository_def
    job = whole.get_implicit_global_asset_job_def() if whole else None
    chunks = stale(sources, context.instance, job, store, now) if job else []
    if not chunks:
        return dg.SkipReason("everything downstream is up to date")
    graph = _graph(context)
    chain = [Chunk("", (LAST_OF_CHAIN,), c.first, c.last) for c in chunks if c.first]
    busy = under_way(context.instance, graph, subset(graph, chain or chunks))
    if busy:
        return dg.SkipReason(f"backfill {', '.join(busy)} is at it")
    runs = runs_under_way(context.instance, _PROPAGATION)
    if runs:
        return dg.SkipReason(f"run {', '.join(runs)} is at it")
    before = Asked.read(context.cursor)
    if not before.is_news(str(chunks), now):
        return dg.SkipReason("asked for within the hour, and it is not done: see Runs")
    asked = one_run(chunks, _PROPAGATION) or request(subset(graph, chunks), _PROPAGATION)
    return dg.SensorResult(run_requests=[asked], cursor=before.text)


def stale(
    sources: Sequence[Source],
    instance: dg.DagsterInstance,
    job: dg.JobDefinition,
    store: Store,
    now: datetime,
) -> list[Chunk]:
    """What `fundplatform backfill` would compute now without fetching anything.

    Args:
        sources: All of the location.
        instance: Dagster's record.
        job: Of all assets.
        store: The warehouse, read as published.
        now: The clock.
    """
    starts = [c.start for s in sources for k, c in s.spec.kinds.items() if k in FEEDS]
    if not starts:
        return []
    return Backfill(
        sources, sources, instance, job, min(starts), now.date(),
        clock=lambda: now, store=store, published=True,
    ).downstream()  # fmt: skip


def _graph(context: dg.SensorEvaluationContext) -> AssetGraph:
    assert context.repository_def is not None  # noqa: S101  # the daemon gives it
    return context.repository_def.asset_graph
