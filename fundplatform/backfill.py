"""Backfills from the shell: what is missing or stale, cut into chunks, run in this process.

The plan comes from Dagster's own record of partitions, so a backfill that was killed goes on where
it stopped: a chunk is committed to the warehouse and then recorded. The Dagster UI and `--detach`
do the same through native backfills. Which runs are needed stands in `fetch_plan.py` and
`chain_plan.py`.
"""

import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime

import dagster as dg

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
from fundplatform.chain_plan import CHAIN, chain_chunks, chain_days
from fundplatform.chunks import Chunk, Outcome, run_chunk
from fundplatform.clock import utc_now
from fundplatform.fetch_plan import raw_chunks
from fundplatform.sources.base import Kind, Source
from fundplatform.staleness import JUDGED, changed, is_outdated, latest
from fundplatform.storage.base import Store
from fundplatform.storage.holding import Holding

IDENTITIES = (INSTRUMENTS, LISTINGS, SOURCES)
CATALOG = (*IDENTITIES, ACTIONS, FACTORS)
"""What is counted before the chain, in one run."""
AFTERWARDS = (TIERS, PAYMENT_FACTORS)
"""What rests on whole histories of prices, in one run after the chain."""
FUNDS = Chunk("fund catalog", FUND_CATALOG)
"""What funds are, cost and hold, where a source says so."""


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
        before = [*self.catalog(), *self.funds(), *self.caps()]
        outcomes += self.execute(before, on_start, on_done)
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
        before = [*self.catalog(), *self.funds(), *self.caps()]
        if not days:
            return before
        versions = self.versions(CHAIN)
        chain = chain_chunks(self.all_sources, self.instance, *days, versions)
        found = [*before, *chain]
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
        oldest = min(latest(self.instance, [key]) for key in FUND_CATALOG)
        due = oldest < latest(self.instance, [*raw, DECISIONS])
        due = due or any(self._outdated(key) for key in FUND_CATALOG)
        return [FUNDS] if due else []

    def caps(self) -> list[Chunk]:
        """The run of caps, where counts or profiles came since: it tells which days they touch.

        Else they are made with the indices, out of the prices of the same run.
        """
        known = latest(self.instance, [CAPS])
        kinds = (Kind.SHARES, Kind.PROFILES)
        filed = [
            raw_key(s.spec.name, k) for s in self.all_sources for k in s.spec.kinds if k in kinds
        ]
        due = known < latest(self.instance, filed) or self._outdated(CAPS)
        due = due or self._outdated(SECURITIES)
        return [Chunk("caps", (SECURITIES, CAPS))] if known and due else []

    def tiers(self) -> list[Chunk]:
        """The run of tiers and payment factors, where what they rest on changed."""
        oldest = min(latest(self.instance, [key]) for key in AFTERWARDS)
        due = oldest < latest(self.instance, [JUDGED])
        due = due or latest(self.instance, [TIERS]) < changed(self.instance, CAPS)
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
