"""Backfills from the shell: what is missing or stale, cut into chunks, run in this process.

The plan comes from Dagster's own record of partitions, so a backfill that was killed goes on where
it stopped: a chunk is committed to the warehouse and then recorded. The Dagster UI and `--detach`
do the same through native backfills. Which runs are needed stands in `fetch_plan.py` and
`chain_plan.py`.
"""

import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import date, datetime

import dagster as dg
import polars as pl

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
from fundplatform.assets.fund_catalog import FUND_CATALOG, fund_raw
from fundplatform.assets.raw import raw_key
from fundplatform.call_plan import told
from fundplatform.chain_plan import chain_chunks, chain_days
from fundplatform.change_log import ChangeLog
from fundplatform.chunks import Chunk, Outcome, run_chunk
from fundplatform.clock import utc_now
from fundplatform.errors import WarehouseError
from fundplatform.fetch_plan import raw_chunks
from fundplatform.lost_loads import lost_loads
from fundplatform.sources.base import Kind, Source
from fundplatform.staleness import JUDGED, LAST_OF_CHAIN, STAGES, Standing, latest
from fundplatform.storage.base import Store
from fundplatform.storage.catalog import reprioritised
from fundplatform.storage.holding import Holding

IDENTITIES = (INSTRUMENTS, LISTINGS, SOURCES)
CATALOG = (*IDENTITIES, ACTIONS, FACTORS)
"""What is counted before the chain, in one run."""
AFTERWARDS = (TIERS, PAYMENT_FACTORS)
"""What rests on whole histories of prices, in one run after the chain."""
FUNDS = Chunk("fund catalog", FUND_CATALOG)
"""What funds are, cost and hold, where a source says so."""
_ROUNDS = 2 * len(STAGES)
_PRIORITIES = "select name, priority from catalog.sources"


@dataclass(frozen=True)
class Backfill:
    """A backfill over some sources and everything downstream of them.

    Attributes:
        sources: Those to fetch from.
        all_sources: All of the location.
        instance: Dagster's record.
        job: The implicit job over all assets.
        first: First session asked for.
        last: Last session asked for.
        refetch: Fetch again what is already there.
        clock: Now.
        name: Names the backfill to its runs.
        store: The warehouse; without one every day counts as not computed.
        published: Plan by the published state: for daemons, which must not hold up runs.
    """

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
    published: bool = False

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
        outcomes += self.execute(self.catalog(), on_start, on_done)
        outcomes += self.execute([*self.funds(), *self.caps()], on_start, on_done)
        # What a verdict or a tier changes is known only when it is there.
        for _ in range(_ROUNDS):
            done = self.execute(self.chain(), on_start, on_done)
            if self.days():
                done += self.execute(self.tiers(), on_start, on_done)
            outcomes += done
            if not done or any(o.errors for o in done):
                break
        return all(not o.errors for o in outcomes)

    def lost(self) -> list[Outcome]:
        """What earlier fetches lost: see `lost_loads`."""
        return list(lost_loads(self.sources, self.instance))

    def downstream(self) -> list[Chunk]:
        """What is new or stale downstream as things are, without fetching anything."""
        found = [*self.catalog(), *self.funds(), *self.caps()]
        if not self.days():
            return found
        chain = self.chain()
        # They follow what is judged for the first time; else they are due where that changed rows.
        whole = any({JUDGED, LAST_OF_CHAIN} <= set(chunk.keys) for chunk in chain)
        after = [Chunk(TIERS.to_user_string(), AFTERWARDS)] if whole else self.tiers()
        return [*found, *chain, *after]

    def days(self) -> tuple[date, date] | None:
        """The days of the chain: see `chain_days`."""
        return chain_days(self.sources, self.instance, self.first, self.last)

    def chain(self) -> list[Chunk]:
        """The runs of what is computed by day, as things are."""
        days = self.days()
        return chain_chunks(self.standing(), self.all_sources, *days) if days else []

    def standing(self) -> Standing:
        """What is known now."""
        log = ChangeLog.read(self.store, published=self.published)
        return Standing(self.instance, self.job.asset_layer.asset_graph, log)

    def catalog(self) -> list[Chunk]:
        """The run of identities and factors: something came, or code or a priority changed."""
        raw = [raw_key(s.spec.name, kind) for s in self.all_sources for kind in s.spec.kinds]
        if not latest(self.instance, raw):
            return []
        now, made = self.standing(), latest(self.instance, [FACTORS])
        due = made <= latest(self.instance, [DECISIONS])
        rests_on = [key.to_user_string() for key in (*raw, SOURCES)]
        due = due or now.log.is_older(ACTIONS.to_user_string(), rests_on)
        due = due or now.is_outdated(ACTIONS) or now.is_outdated(FACTORS) or self.is_reordered()
        return [Chunk("catalog", CATALOG)] if due else []

    def is_reordered(self) -> bool:
        """Whether a source declares another priority than the one that counted so far."""
        known = pl.DataFrame()
        # Before anything is published nothing has another one.
        with suppress(WarehouseError):
            known = self.store.query(_PRIORITIES) if self.store else known
        specs = [source.spec for source in self.all_sources]
        return known.height > 0 and reprioritised(known, specs).height > 0

    def funds(self) -> list[Chunk]:
        """The run of fund facts and holdings, where some came since or their code changed."""
        if not latest(self.instance, fund_raw(self.all_sources)):
            return []
        return [FUNDS] if self._due(FUND_CATALOG) else []

    def caps(self) -> list[Chunk]:
        """The run of caps, where counts or profiles came since: it tells which days they touch.

        Else they are made with the indices, out of the prices of the same run.
        """
        now = self.standing()
        raw = [name for name in now.rests_on(CAPS) if name.startswith("raw/")]
        wholes = [name for name in raw if not name.endswith(f"/{Kind.MARKET_CAPS}")]
        due = bool(wholes) and now.log.is_older(CAPS.to_user_string(), wholes)
        due = due or now.is_outdated(CAPS) or now.is_outdated(SECURITIES)
        return [Chunk("caps", (SECURITIES, CAPS))] if latest(self.instance, [CAPS]) and due else []

    def tiers(self) -> list[Chunk]:
        """The run of tiers and payment factors, where what they rest on changed."""
        if not latest(self.instance, [JUDGED]):
            return []
        return [Chunk(TIERS.to_user_string(), AFTERWARDS)] if self._due(AFTERWARDS) else []

    def _due(self, keys: Iterable[dg.AssetKey]) -> bool:
        now = self.standing()
        return any(now.is_older(key) or now.is_outdated(key) for key in keys)

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
