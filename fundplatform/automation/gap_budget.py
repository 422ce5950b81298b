"""How far a vendor's remaining calls reach for its gaps: what fits is asked for, the rest waits.

In: what is due of one source and kind, its own plan of calls, the calls made lately. Out: the
requests that fit. Which gaps are due is decided in gaps.py, what a limit is in sources/web/.
Sources on one account share its calls.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cached_property

from fundplatform import call_plan
from fundplatform.accounts import Called, account_of, rates_of, sharing
from fundplatform.assets.raw import SYMBOLS, raw_key
from fundplatform.automation.gap_ledger import Ledger, runs
from fundplatform.gaps import Request
from fundplatform.sources.base import Kind, Source, newest_session
from fundplatform.sources.web.profile import Rate
from fundplatform.sources.web.timing import lasting
from fundplatform.storage.base import Store

Cost = Callable[[Request], int]


@dataclass
class Budget:
    """Calls that are left for gaps under a limit of a day or longer.

    Attributes:
        left: Calls.
        most: Calls that the limit allows.
        more_at: When calls become free again (aware UTC).
    """

    left: int
    most: int
    more_at: datetime

    def fitting(
        self, wanted: Iterable[Request], cost: Cost, symbols: Sequence[str]
    ) -> list[Request]:
        """What of these requests fits, in their order; their calls are taken off.

        A request that is too large is cut by symbols, else by sessions. With no call used yet the
        first part is asked for whatever it costs: it would wait for ever.

        Args:
            wanted: Requests.
            cost: The calls of a request.
            symbols: Every symbol, for requests that name none.
        """
        found: list[Request] = []
        for whole in wanted:
            fits = whole if cost(whole) <= self.left else _part(whole, cost, self.left, symbols)
            if fits is None and not found and self.left >= self.most:
                fits = Request(whole.sessions[:1], (whole.symbols or tuple(symbols))[:1])
            if fits is not None:
                found.append(fits)
                self.left -= min(cost(fits), self.left)
        return found


def _part(whole: Request, cost: Cost, left: int, symbols: Sequence[str]) -> Request | None:
    """The largest part that costs no more, by symbols, else by sessions; None: not even one."""
    named = whole.symbols or tuple(symbols)
    some = [Request(whole.sessions, named[:n]) for n in range(1, len(named) + 1)]
    early = [Request(whole.sessions[:n], whole.symbols) for n in range(1, len(whole.sessions) + 1)]
    for parts in (some, early):
        # A larger part never costs less.
        fit = bisect_right(parts, left, key=cost)
        if fit:
            return parts[fit - 1]
    return None


@dataclass
class Budgets:
    """The budgets of one look at the gaps: what one kind asks for is gone for the next.

    Attributes:
        store: The warehouse, as published.
        sources: Everyone who takes part; those of one account share its calls.
        now: The clock (aware UTC).
    """

    store: Store
    sources: Sequence[Source]
    now: datetime
    _known: dict[str, Budget | None] = field(default_factory=dict)

    def fitting(self, ledger: Ledger, wanted: Sequence[Request]) -> tuple[list[Request], str]:
        """What is asked for now, and how people are told: all, a part, or nothing until when.

        Args:
            ledger: Of one source and kind.
            wanted: What is due of it.
        """
        source, kind, sessions = ledger.source, ledger.kind, ledger.evidence.sessions
        left = self.left(source)
        if left is None:
            return list(wanted), "asked for"
        symbols = sorted(ledger.symbols)
        fits = left.fitting(
            wanted, lambda one: calls(source, kind, sessions, one, self.now), symbols
        )
        if fits == list(wanted):
            return fits, "asked for"
        more = f"the rest waits for calls, the next are free at {left.more_at:%Y-%m-%d %H:%M} UTC"
        if not fits:
            return [], f"left: {more.removeprefix('the rest ')}"
        named = {symbol for one in fits for symbol in one.symbols or symbols}
        due = {symbol for one in wanted for symbol in one.symbols or symbols}
        return fits, f"asked for of {len(named)} of {len(due)} symbols; {more}"

    def left(self, source: Source) -> Budget | None:
        """What the tightest limit of a day or longer leaves for gaps; None: there is no such limit.

        The calls of one load of all that is tracked are kept free for the schedules, taken or not
        yet; where a load takes more than there is, it cannot be kept up with and nothing is kept
        free. Sources of one account get one budget.
        """
        account = account_of(source)
        if account not in self._known:
            self._known[account] = self._worked_out(sharing(source, self.sources))
        return self._known[account]

    def _worked_out(self, together: Sequence[Source]) -> Budget | None:
        rates = {rate for s in together for rate in lasting(rates_of(s))}
        if not rates:
            return None
        made, load = self._called.of(together), sum(_load(s, self.now) for s in together)
        return min((_under(rate, made, load, self.now) for rate in rates), key=lambda b: b.left)

    @cached_property
    def _called(self) -> Called:
        longest = max(rate.seconds for s in self.sources for rate in lasting(rates_of(s)))
        return Called.read(self.store, self.now - timedelta(seconds=longest))


def _under(rate: Rate, made: Sequence[tuple[datetime, int]], load: int, now: datetime) -> Budget:
    window = timedelta(seconds=rate.seconds)
    inside = [(at, number) for at, number in made if at > now - window]
    used = sum(number for _, number in inside)
    kept = load if load < rate.calls else 0
    first = min((at for at, _ in inside), default=now)
    return Budget(max(rate.calls - max(used, kept), 0), rate.calls, first + window)


def _load(source: Source, now: datetime) -> int:
    """Calls of the newest session of everything tracked, of every kind that comes by sessions."""
    found = 0
    for kind, coverage in source.spec.kinds.items():
        newest = newest_session(source, kind, now) if coverage.partitioned else None
        if newest is not None:
            found += calls(source, kind, [newest], Request((newest,), None), now)
    return found


def calls(
    source: Source, kind: Kind, sessions: Sequence[date], asked: Request, now: datetime
) -> int:
    """The calls of a request's runs, by the source's own plan; 0 where it does not say.

    Args:
        source: The source.
        kind: A partitioned one of its kinds.
        sessions: The calendar's sessions.
        asked: The request.
        now: When it is asked (aware UTC).
    """
    key = raw_key(source.spec.name, kind)
    more = ((SYMBOLS, ",".join(asked.symbols)),) if asked.symbols else ()
    asking = [replace(run, more=more) for run in runs(key, sessions, asked.sessions)]
    told = call_plan.told(source, asking, "gaps", refetch=False)
    plan = call_plan.planned(source, kind, told, now)
    return 0 if plan is None else len(plan.requests)
