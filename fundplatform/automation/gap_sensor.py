"""The sensor `fill_gaps`: native backfills of exactly the sessions that are due, and no others.

A look at the whole ledger costs seconds, so it is made once an hour, and sooner where backfills
have ended since. What is missing is decided in gaps.py; a tick says what it found and what is under
way.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.events import RunFailureReason
from dagster._core.execution.backfill import (
    BULK_ACTION_TERMINAL_STATUSES,
    BulkActionsFilter,
    BulkActionStatus,
    PartitionBackfill,
)
from dagster._core.storage.tags import BACKFILL_ID_TAG, RUN_FAILURE_REASON_TAG

from fundplatform import gaps
from fundplatform.assets.raw import SYMBOLS, raw_key
from fundplatform.automation.gap_budget import Budgets
from fundplatform.automation.gap_ledger import Ledger, ledgers, runs
from fundplatform.automation.ledger_asset import GAPS
from fundplatform.automation.requests import ORIGIN, request, subset, under_way
from fundplatform.automation.resting import left, resting_sources
from fundplatform.chunks import Chunk
from fundplatform.errors import WarehouseError
from fundplatform.sources.base import Source
from fundplatform.sources.web.profile import OnTheWeb
from fundplatform.storage.base import Store

EVERY = timedelta(hours=1)
"""A look at the ledger is made so often, whatever happens."""
SOONER = 3
"""So many looks an hour because of dead runs: what dies each time is not started for ever."""
ASKED_BY_US = {ORIGIN: "gaps"}
_REMEMBERED = 200
_GOOD = (BulkActionStatus.COMPLETED, BulkActionStatus.COMPLETED_SUCCESS)
Tick = dg.SkipReason | dg.SensorResult


@dataclass
class Look:
    """The sensor's cursor: when it looked last, what it said, and which backfills it knows.

    Attributes:
        at: ISO, UTC; empty: never.
        said: What the look found.
        ended: Backfills that had ended by then.
        waiting: Backfills that were at a gap.
        asked: Assets that were asked for since the last look by the clock or after a dead run.
        sooner: Looks because of dead runs since the last one by the clock.
    """

    at: str = ""
    said: str = ""
    ended: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    sooner: int = 0

    @property
    def next_at(self) -> datetime:
        """When the next look is due by the clock."""
        return datetime.fromisoformat(self.at) + EVERY

    @property
    def text(self) -> str:
        """For the cursor."""
        return json.dumps({**asdict(self), "ended": self.ended[:_REMEMBERED]})


def fill(
    context: dg.SensorEvaluationContext, sources: Sequence[Source], store: Store, now: datetime
) -> Tick:
    """Native backfills of the gaps that are due; a few reads where no look is due."""
    instance = context.instance
    look = Look(**json.loads(context.cursor)) if context.cursor else Look()
    if look.at and now < look.next_at:
        known = _known(instance, look)
        over = [b for b in known if _over(b) and b.backfill_id not in look.ended]
        look.ended = [b.backfill_id for b in over] + look.ended
        if not _worth_a_look(instance, look, over):
            context.update_cursor(look.text)
            return dg.SkipReason(_since(look, [b.backfill_id for b in known if not _over(b)]))
    else:
        look.sooner, look.asked = 0, []
    try:
        found = list(ledgers(store, instance, sources, now))
    except WarehouseError as error:
        return dg.SkipReason(f"nothing to compare yet: {error}")
    look.at, look.ended = now.isoformat(), [b.backfill_id for b in _of_ours(instance) if _over(b)]
    budgets = Budgets(store, sources, now)
    return _asked(context, look, found, budgets, resting_sources(store, now))


def _asked(
    context: dg.SensorEvaluationContext,
    look: Look,
    found: Iterable[Ledger],
    budgets: Budgets,
    resting: Mapping[str, datetime],
) -> Tick:
    """What is due, as backfills; what is not asked for is said, with the reason."""
    graph = context.repository_def.asset_graph if context.repository_def else None
    assert graph is not None  # noqa: S101  # the daemon gives it
    asked: list[dg.RunRequest] = []
    said: list[str] = []
    waiting: set[str] = set()
    before, now = set(look.asked), budgets.now
    for ledger in found:
        name, rests = _key(ledger).to_user_string(), resting.get(ledger.source.spec.name)
        taken, busy, free = 0, set[str](), list[gaps.Request]()
        for one in _wanted(ledger, now):
            at_it = under_way(context.instance, graph, _target(graph, ledger, one))
            busy |= set(at_it)
            taken += len(one.sessions) if at_it else 0
            free += [] if at_it else [one]
        waiting |= busy
        if taken:
            said.append(
                f"{_sessions(taken, name)} being fetched by backfill {', '.join(sorted(busy))}"
            )
        count = sum(len(one.sessions) for one in free)
        if count and (rests or name in before):
            said.append(f"{_sessions(count, name)} {_how(rests)}")
        elif count:
            fits, told = budgets.fitting(ledger, free)
            for one in fits:
                tags = {SYMBOLS: ",".join(one.symbols)} if one.symbols else {}
                target = _target(graph, ledger, one)
                asked.append(request(target, ASKED_BY_US[ORIGIN], tags))
            look.asked += [name] if fits else []
            said.append(f"{_sessions(count, name)} {told}")
        said += _resting(ledger, now)
    look.said, look.waiting = "; ".join(said) or "no gaps", sorted(waiting)
    look.asked = sorted(set(look.asked))
    if not asked:
        context.update_cursor(look.text)
        return dg.SkipReason(look.said)
    context.log.info(look.said)
    table = request(subset(graph, [Chunk("", (GAPS,))]), ASKED_BY_US[ORIGIN])
    return dg.SensorResult(run_requests=[*asked, table], cursor=look.text)


def _how(rests: datetime | None) -> str:
    if rests:
        return left(rests)
    return "asked for within the hour and not there"


def _key(ledger: Ledger) -> dg.AssetKey:
    return raw_key(ledger.source.spec.name, ledger.kind)


def _wanted(ledger: Ledger, now: datetime) -> list[gaps.Request]:
    """What is due now."""
    due, sessions = gaps.due(ledger.ranges, now), ledger.evidence.sessions
    if not isinstance(ledger.source, OnTheWeb):
        # It brings all of its listings whatever is asked: each session once.
        return gaps.requests(due, sessions, frozenset(), most=0)
    return gaps.requests(due, sessions, ledger.symbols)


def _target(graph: AssetGraph, ledger: Ledger, asked: gaps.Request) -> AssetGraphSubset:
    """Its partitions."""
    return subset(graph, runs(_key(ledger), ledger.evidence.sessions, asked.sessions))


def _resting(ledger: Ledger, now: datetime) -> Iterator[str]:
    """What did not come and is asked for again later."""
    rest = gaps.resting(ledger.ranges, now)
    if rest.height:
        count, next_try = int(rest["sessions"].sum()), rest["next_try_at"].min()
        what = _sessions(count, _key(ledger).to_user_string())
        yield f"{what} did not come: next try {str(next_try)[:16]} UTC"


def _sessions(count: int, name: str) -> str:
    return f"{count} session{'' if count == 1 else 's'} of {name}"


def _of_ours(instance: dg.DagsterInstance) -> Sequence[PartitionBackfill]:
    return instance.get_backfills(filters=BulkActionsFilter(tags=ASKED_BY_US), limit=_REMEMBERED)


def _over(backfill: PartitionBackfill) -> bool:
    return backfill.status in BULK_ACTION_TERMINAL_STATUSES


def _known(instance: dg.DagsterInstance, look: Look) -> list[PartitionBackfill]:
    """The backfills of gaps, and those of others that were at one when it looked."""
    others = [b for b in map(instance.get_backfill, look.waiting) if b]
    return list({b.backfill_id: b for b in (*_of_ours(instance), *others)}.values())


def _since(look: Look, busy: Sequence[str]) -> str:
    """What the look found and what is under way now."""
    at_it = f"; under way: backfill {', '.join(sorted(busy))}" if busy else ""
    when = f"looked at {look.at[11:16]}, next look at {look.next_at:%H:%M} UTC"
    return f"{look.said}{at_it} ({when})"


def _worth_a_look(
    instance: dg.DagsterInstance, look: Look, over: Iterable[PartitionBackfill]
) -> bool:
    """Whether one of them ended well, or died: what died is asked for again.

    What a vendor refused, or a person cancelled, waits for the hour.
    """
    ended = list(over)
    if look.sooner < SOONER and any(_died(instance, b) for b in ended):
        look.sooner, look.asked = look.sooner + 1, []
        return True
    return any(b.status in _GOOD for b in ended)


def _died(instance: dg.DagsterInstance, backfill: PartitionBackfill) -> bool:
    """Whether a process was lost: of a run, or of the daemon that was at the backfill."""
    if backfill.status is not BulkActionStatus.COMPLETED_FAILED:
        return backfill.status is BulkActionStatus.FAILED
    failed = dg.RunsFilter(
        tags={BACKFILL_ID_TAG: backfill.backfill_id}, statuses=[dg.DagsterRunStatus.FAILURE]
    )
    step = RunFailureReason.STEP_FAILURE.value
    return any(run.tags.get(RUN_FAILURE_REASON_TAG) != step for run in instance.get_runs(failed))
