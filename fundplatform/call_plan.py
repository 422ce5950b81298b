"""The calls of a backfill, counted before one is made; and what its runs are told of it.

In: the runs that fetch. Out: these runs, told of the backfill that they are parts of; and lines for
people, with one sum an account. What a vendor is asked is its source's word, what limits cost
`sources/web/plan.py`'s.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from fundplatform.accounts import account_of, rates_of
from fundplatform.assets.attempts import only, part, shares_answers
from fundplatform.assets.raw import SYMBOLS, raw_days, raw_key
from fundplatform.assets.spans import FRESH, PLAN, read, written
from fundplatform.chunks import Chunk
from fundplatform.sources.base import Kind, Source
from fundplatform.sources.web.journal import Request
from fundplatform.sources.web.plan import Bound, Estimate, Plan, Planner, estimate, united
from fundplatform.sources.web.profile import OnTheWeb, Rate, Span
from fundplatform.sources.web.timing import DAY
from fundplatform.storage.syncs import Syncs


def told(source: Source, chunks: Sequence[Chunk], name: str, *, refetch: bool) -> list[Chunk]:
    """The runs of one source, each told how far all of its kind reach.

    Args:
        source: The source; one that reads files needs no plan.
        chunks: Its runs.
        name: Of the backfill; no other has it.
        refetch: Nothing of an earlier attempt is taken.
    """
    if not isinstance(source, OnTheWeb):
        return list(chunks)
    # Runs for some symbols only are a plan of their own.
    spans = {
        (c.label, c.more): _span([o for o in chunks if (o.label, o.more) == (c.label, c.more)])
        for c in chunks
    }
    fresh = ((FRESH, "yes"),) if refetch else ()
    return [
        replace(c, more=(*c.more, *_plan(spans[c.label, c.more], name), *fresh)) for c in chunks
    ]


def _plan(span: Span | None, name: str) -> tuple[tuple[str, str], ...]:
    return () if span is None else ((PLAN, written(span, name)),)


def _span(chunks: Sequence[Chunk]) -> Span | None:
    """What several runs of one asset cover; a single one decides for itself."""
    firsts = [c.first for c in chunks if c.first]
    lasts = [c.last for c in chunks if c.last]
    if len(chunks) < 2 or not firsts:
        return None
    return Span(min(firsts), max(lasts), sum(c.partitions for c in chunks))


@dataclass(frozen=True)
class Calls:
    """What one source will be asked.

    Attributes:
        source: The source.
        plans: By kind; None where it does not say beforehand.
        used: Of each quota the calls of its account that are gone.
    """

    source: Source
    plans: dict[Kind, Plan] | None
    used: Mapping[Rate, int]

    @property
    def count(self) -> int:
        """How many."""
        return sum(len(plan.requests) for plan in (self.plans or {}).values())

    def lines(self) -> Iterator[str]:
        """For people: a line a kind."""
        name = self.source.spec.name
        if self.plans is None:
            yield f"{name}: its calls are not known beforehand"
            return
        for kind, plan in self.plans.items():
            ends = dict.fromkeys(_shown(r) for r in (plan.requests[0], plan.requests[-1]))
            more = f", {plan.because}" if plan.because else ""
            yield f"{name} {kind}: {_calls(len(plan.requests), plan.bound)}{more}: " + " .. ".join(
                ends
            )


def cost(asked: Sequence[Calls]) -> Estimate:
    """Calls, days of quota and time of sources on one account."""
    return estimate(sum(one.count for one in asked), rates_of(asked[0].source), asked[0].used)


def lines(asked: Iterable[Calls]) -> Iterator[str]:
    """For people: what each source is asked, and the sum of each account."""
    accounts: dict[str, list[Calls]] = {}
    for one in asked:
        accounts.setdefault(account_of(one.source), []).append(one)
    for together in accounts.values():
        for one in together:
            yield from one.lines()
        told = [one for one in together if one.plans is not None]
        if told:
            yield f"{', '.join(one.source.spec.name for one in told)}: {_sum(told)}"


def _sum(told: Sequence[Calls]) -> str:
    found = cost(told)
    limits = " and ".join(_rate(r.calls, r.seconds) for r in rates_of(told[0].source))
    plans = [plan for one in told for plan in (one.plans or {}).values()]
    number = _calls(found.calls, united(plans, shared=False).bound)
    text = f"{number} at {limits}: about {_time(found.seconds)}"
    if found.days is None:
        return text
    gone = " and ".join(_gone(rate, used) for rate, used in told[0].used.items() if used)
    return f"{text}, {_counted(found.days, 'day')} of quota{f' ({gone})' if gone else ''}"


def _gone(rate: Rate, used: int) -> str:
    when = "today" if rate.seconds == DAY else f"the last {rate.seconds / DAY:g} days"
    return f"{_counted(used, 'call')} of {when} {'is' if used == 1 else 'are'} gone"


def calls(
    sources: Iterable[Source], chunks: Sequence[Chunk], syncs: Syncs, clock: Callable[[], datetime]
) -> list[Calls]:
    """What the vendors among these sources will be asked in these runs.

    Args:
        sources: The sources.
        chunks: Their runs.
        syncs: Knows how many calls were made lately.
        clock: Gives the time at which the runs begin.
    """
    return [
        _of(source, chunks, syncs, clock()) for source in sources if isinstance(source, OnTheWeb)
    ]


def _of(source: Source, chunks: Sequence[Chunk], syncs: Syncs, now: datetime) -> Calls:
    used = syncs.called(source, now)
    found: dict[Kind, Plan] = {}
    for kind in source.spec.kinds:
        own = [c for c in chunks if raw_key(source.spec.name, kind) in c.keys]
        plan = planned(source, kind, own, now)
        if plan is None:
            return Calls(source, None, used)
        found[kind] = plan
    return Calls(source, {kind: plan for kind, plan in found.items() if plan.requests}, used)


def planned(source: Source, kind: Kind, runs: Iterable[Chunk], now: datetime) -> Plan | None:
    """The requests of these runs of one kind; None where the source does not say beforehand."""
    asked: list[Plan] = []
    for run in runs:
        fetching = _as_told(source, dict(run.more))
        if not isinstance(fetching, Planner):
            return None
        days = raw_days(source.spec.kinds[kind], run.first, run.last)
        asked.append(fetching.plan(kind, *days, now=now))
    return united(asked, shared=shares_answers(source))


def _as_told(source: Source, tags: Mapping[str, str]) -> Source:
    """The source as a run with these tags asks it."""
    symbols, plan = tags.get(SYMBOLS), tags.get(PLAN)
    some = only(source, tuple(symbols.split(",")) if symbols else None)
    return part(some, read(plan)[0] if plan else None)


def _calls(number: int, bound: Bound) -> str:
    return f"{bound} {_counted(number, 'call')}".lstrip()


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _shown(request: Request) -> str:
    query = "&".join(f"{n}={v}" for n, v in request.params.items())
    return f"{request.path}?{query}"[:120] if query else request.path


_UNITS = {1.0: "second", 60.0: "minute", 3600.0: "hour", DAY: "day"}


def _rate(count: int, seconds: float) -> str:
    if seconds in _UNITS:
        return f"{count:,} {'an' if seconds == 3600 else 'a'} {_UNITS[seconds]}"
    days = seconds / DAY
    return f"{count:,} in " + (f"{days:g} days" if days >= 1 else f"{seconds:g} s")


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else str(timedelta(minutes=minutes))[:-3] + " h"
