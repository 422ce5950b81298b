"""Backfills from the shell: what is missing or stale, cut into chunks, run in this process.

The plan comes from Dagster's own record of partitions, so a backfill that was killed goes on where
it stopped: a chunk is committed to the warehouse and then recorded. The Dagster UI and `--detach`
do the same through native backfills.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import dagster as dg

from fundplatform import calendars, changes, newly_tracked
from fundplatform.assets.catalog import (
    ACTIONS,
    CAPS,
    DECISIONS,
    FACTORS,
    INSTRUMENTS,
    LISTINGS,
    PAYMENT_FACTORS,
    SECURITIES,
    SOURCES,
    TIERS,
)
from fundplatform.assets.fund_catalog import FACTS as FUND_FACTS
from fundplatform.assets.fund_catalog import FUND_CATALOG, fund_raw
from fundplatform.assets.partitions import CHUNK
from fundplatform.assets.raw import SYMBOLS, raw_key
from fundplatform.call_plan import told
from fundplatform.chunks import Chunk, Outcome, run_chunk
from fundplatform.clock import utc_now
from fundplatform.errors import SourceError
from fundplatform.sources.base import Coverage, Kind, Source, newest_session
from fundplatform.sources.web.profile import OnTheWeb
from fundplatform.staleness import (
    FEEDS,
    FRESH,
    JUDGED,
    LAST_OF_CHAIN,
    STAGES,
    changed,
    is_outdated,
    latest,
    stages,
)
from fundplatform.storage.base import Store
from fundplatform.storage.holding import Holding

IDENTITIES = (INSTRUMENTS, LISTINGS, SOURCES)
CATALOG = (*IDENTITIES, ACTIONS, FACTORS)
"""What is counted before the chain, in one run."""
AFTERWARDS = (SECURITIES, CAPS, TIERS, PAYMENT_FACTORS)
"""What rests on whole histories of prices, in one run after the chain."""
FUNDS = Chunk("fund catalog", FUND_CATALOG)
"""What funds are, cost and hold, where a source says so."""
CHAIN = tuple(key for keys in STAGES.values() for key in keys)
"""Everything downstream of raw that is computed by day, in one run."""


def raw_chunks(
    source: Source,
    instance: dg.DagsterInstance,
    first: date,
    last: date,
    *,
    refetch: bool,
    now: datetime,
) -> Iterator[Chunk]:
    """The runs that fetch what this source has between first and last and Dagster has not.

    And what Dagster has, where files changed since or listings are newly tracked. A vendor's kinds
    without partitions are fetched once a day (see `_REST`).
    """
    for kind, coverage in source.spec.kinds.items():
        key = raw_key(source.spec.name, kind)
        label = key.to_user_string()
        again = changes.due(source, kind, instance, now)
        if not coverage.partitioned:
            known = instance.get_latest_materialization_event(key)
            old = known is None or changes.is_older(instance, key, again.since)
            if refetch or old or _rested(source, kind, known, now):
                yield Chunk(label, (key,))
            continue
        end = min(last, coverage.end or _has(source, kind, now) or last)
        sessions = calendars.get(coverage.calendar).sessions(
            max(first, newly_tracked.begins(source, kind)), end
        )
        done = set() if refetch else instance.get_materialized_partitions(key)
        if again.since:
            done -= again.partitions(coverage, changes.recorded(instance, key))
        wanted = [s.isoformat() not in done for s in sessions]
        yield from _cut(label, (key,), sessions, wanted)
        if not refetch:
            lacking = newly_tracked.due(source, kind, instance)
            symbols = [
                () if w else lacking.get(s, ()) for s, w in zip(sessions, wanted, strict=True)
            ]
            for some in dict.fromkeys(s for s in symbols if s):
                for chunk in _cut(label, (key,), sessions, [s == some for s in symbols]):
                    yield replace(chunk, more=((SYMBOLS, ",".join(some)),))


_REST = {Kind.SHARES: timedelta(days=7), Kind.PROFILES: timedelta(days=7)}
"""How long what a vendor says as a whole is taken for new; else until its next day begins."""


def _rested(source: Source, kind: Kind, known: dg.EventLogEntry | None, now: datetime) -> bool:
    """Whether a vendor's whole is old enough to be asked for again; files say so by themselves."""
    if known is None or not isinstance(source, OnTheWeb):
        return False
    at = datetime.fromtimestamp(known.timestamp, UTC)
    if kind in _REST:
        return now - at >= _REST[kind]
    zone = ZoneInfo(source.access.profile.day_zone if source.access.profile else "UTC")
    return at.astimezone(zone).date() < now.astimezone(zone).date()


def _has(source: Source, kind: Kind, now: datetime) -> date | None:
    """`newest_session`, or None where the source cannot be read: its run will say why."""
    try:
        return newest_session(source, kind, now)
    except SourceError:
        return None


def chain_chunks(
    sources: Iterable[Source],
    instance: dg.DagsterInstance,
    first: date,
    last: date,
    versions: Mapping[dg.AssetKey, str | None],
) -> Iterator[Chunk]:
    """The runs of everything downstream that is new or older than what it rests on."""
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    due = stages(sources, instance, days, versions)
    names = list(STAGES)
    # Stages never rise, so the last one's days come first.
    for stage in reversed(range(FRESH)):
        keys = tuple(key for name in names[stage:] for key in STAGES[name])
        label = " → ".join(names[stage:])
        yield from _cut(label, keys, days, [d == stage for d in due])


def chain_days(
    sources: Iterable[Source],
    instance: dg.DagsterInstance,
    first: date,
    last: date,
    coming: Iterable[Chunk] = (),
) -> tuple[date, date] | None:
    """The days asked for up to the newest one fetched, and later ones that are already computed.

    The later ones may turn stale: look-backs reach over them. `coming` are fetches that will have
    run before.
    """
    feeds = [
        (raw_key(s.spec.name, kind), c)
        for s in sources
        for kind, c in s.spec.kinds.items()
        if kind in FEEDS
    ]
    planned = list(coming)
    reached = [
        _reach(c, [*instance.get_materialized_partitions(key), *_lasts(planned, key)])
        for key, c in feeds
    ]
    if not any(reached):
        return None
    start = max(first, min(c.start for _, c in feeds))
    # Days after the newest session fetched are not empty, they are not known yet.
    end = min(last, max(day for day in reached if day))
    known = instance.get_materialized_partitions(LAST_OF_CHAIN)
    latest = max((date.fromisoformat(k) for k in known), default=end)
    return (start, max(end, latest)) if start <= max(end, latest) else None


def _lasts(chunks: Iterable[Chunk], key: dg.AssetKey) -> list[str]:
    return [c.last.isoformat() for c in chunks if c.last and key in c.keys]


def _reach(coverage: Coverage, fetched: Sequence[str]) -> date | None:
    """The last day known: the newest session fetched, or the end of a data set fetched whole."""
    if not fetched:
        return None
    newest = date.fromisoformat(max(fetched))
    if coverage.end and calendars.get(coverage.calendar).next_session(newest) > coverage.end:
        return max(newest, coverage.end)
    return newest


def _cut(
    label: str, keys: tuple[dg.AssetKey, ...], days: Sequence[date], wanted: Sequence[bool]
) -> Iterator[Chunk]:
    """Runs of neighbouring wanted days, at most CHUNK partitions each."""
    edges = [0, *(n for n, (a, b) in enumerate(pairwise(wanted), 1) if a != b), len(days)]
    for begin, end in pairwise(edges):
        if begin < end and wanted[begin]:
            for at in range(begin, end, CHUNK):
                part = days[at : min(at + CHUNK, end)]
                yield Chunk(label, keys, part[0], part[-1], len(part))


@dataclass(frozen=True)
class Backfill:
    """A backfill over some sources and everything downstream of them."""

    sources: Sequence[Source]
    all_sources: Sequence[Source]
    instance: dg.DagsterInstance
    job: dg.JobDefinition
    first: date
    last: date
    refetch: bool = False
    clock: Callable[[], datetime] = utc_now
    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    store: Store | None = None

    def fetches(self) -> list[Chunk]:
        """The raw runs still to do, each told of the whole backfill."""
        now, refetch = self.clock(), self.refetch
        return [
            chunk
            for source in self.sources
            for chunk in told(
                source,
                list(
                    raw_chunks(
                        source, self.instance, self.first, self.last, refetch=refetch, now=now
                    )
                ),
                self.name,
                refetch=refetch,
            )
        ]

    def run(self, on_start: Callable[[Chunk], None], on_done: Callable[[Outcome], None]) -> bool:
        """Fetch, register, compute; True when every run succeeded.

        A source that fails stops after its failing chunk; the others go on, and what was loaded
        flows downstream.
        """
        outcomes = self.execute(self.fetches(), on_start, on_done)
        outcomes += self.execute([*self.catalog(), *self.funds()], on_start, on_done)
        days = chain_days(self.sources, self.instance, self.first, self.last)
        if days:
            versions = self.versions(CHAIN)
            chain = list(chain_chunks(self.all_sources, self.instance, *days, versions))
            outcomes += self.execute(chain, on_start, on_done)
            outcomes += self.execute(self.tiers(), on_start, on_done)
        return all(not o.errors for o in outcomes)

    def downstream(self) -> list[Chunk]:
        """What is new or stale downstream as things are, without fetching anything."""
        days = chain_days(self.sources, self.instance, self.first, self.last)
        if not days:
            return [*self.catalog(), *self.funds()]
        versions = self.versions(CHAIN)
        chain = chain_chunks(self.all_sources, self.instance, *days, versions)
        found = [*self.catalog(), *self.funds(), *chain]
        # They follow what is judged; alone they are due where that was done before.
        judged = any(JUDGED in chunk.keys for chunk in found)
        after = [Chunk(TIERS.to_user_string(), AFTERWARDS)] if judged else self.tiers()
        return [*found, *after]

    def versions(self, keys: Iterable[dg.AssetKey]) -> dict[dg.AssetKey, str | None]:
        """The code versions of these assets, as they are now."""
        graph = self.job.asset_layer.asset_graph
        return {key: graph.get(key).code_version for key in keys if graph.has(key)}

    def catalog(self) -> list[Chunk]:
        """The run of identities and factors, where something came since or their code changed."""
        raw = [raw_key(s.spec.name, kind) for s in self.all_sources for kind in s.spec.kinds]
        due = latest(self.instance, [FACTORS]) < latest(self.instance, raw)
        due = due or latest(self.instance, [FACTORS]) < latest(self.instance, [DECISIONS])
        due = due or self._outdated(ACTIONS) or self._outdated(FACTORS)
        return [Chunk("catalog", CATALOG)] if due else []

    def funds(self) -> list[Chunk]:
        """The run of fund facts and holdings, where some came since or their code changed."""
        raw = fund_raw(self.all_sources)
        if not raw:
            return []
        due = latest(self.instance, [FUND_FACTS]) < latest(self.instance, raw)
        due = due or any(self._outdated(key) for key in FUND_CATALOG)
        return [FUNDS] if due else []

    def tiers(self) -> list[Chunk]:
        """The run of caps, tiers and payment factors, where what they rest on changed."""
        oldest = min(latest(self.instance, [key]) for key in AFTERWARDS)
        due = oldest < latest(self.instance, [JUDGED])
        kinds = (Kind.SHARES, Kind.PROFILES)
        filed = [
            raw_key(s.spec.name, k) for s in self.all_sources for k in s.spec.kinds if k in kinds
        ]
        due = due or latest(self.instance, [CAPS]) < latest(self.instance, filed)
        due = due or latest(self.instance, [PAYMENT_FACTORS]) < changed(self.instance, ACTIONS)
        due = due or any(self._outdated(key) for key in AFTERWARDS)
        return [Chunk(TIERS.to_user_string(), AFTERWARDS)] if due else []

    def _outdated(self, key: dg.AssetKey) -> bool:
        return is_outdated(self.instance, key, self.versions([key]).get(key))

    def execute(
        self,
        chunks: Sequence[Chunk],
        on_start: Callable[[Chunk], None],
        on_done: Callable[[Outcome], None],
    ) -> list[Outcome]:
        """Run these, one after the other; of a label, none after one that failed."""
        outcomes: list[Outcome] = []
        broken: set[str] = set()
        with closing(Holding(self.store)) as warehouse:
            for chunk in chunks:
                if chunk.label in broken:
                    continue
                on_start(chunk)
                # Nobody shall wait for a vendor, or for a large file that is parsed.
                warehouse.before_run(wanted=chunk.keys[0].path[0] != "raw")
                outcome = run_chunk(chunk, self.job, self.instance)
                on_done(outcome)
                outcomes.append(outcome)
                if outcome.errors:
                    broken.add(chunk.label)
                    # After a full disk DuckDB wants the file closed before it goes on.
                    warehouse.close()
        return outcomes
