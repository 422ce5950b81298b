"""A whole location on a temporary home, driven as the command line drives it."""

import atexit
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from pathlib import Path

import dagster as dg

from fundplatform.backfill import Backfill
from fundplatform.chunks import Chunk, Outcome
from fundplatform.definitions import build_definitions, open_store, utc_now
from fundplatform.instance import init, open_instance
from fundplatform.settings import Settings
from fundplatform.sources import register
from fundplatform.sources.base import Source
from fundplatform.storage.base import Store


@dataclass
class Pipeline:
    """Backfills on one home, with what ran."""

    settings: Settings
    store: Store
    instance: dg.DagsterInstance
    sources: Sequence[Source]
    outcomes: list[Outcome] = field(default_factory=list)
    clock: Callable[[], datetime] = utc_now

    def backfill(self, first: date, last: date, *, refetch: bool = False) -> list[Chunk]:
        """Run everything for first..last; returns the chunks that ran."""
        job = self.job(first, last, refetch=refetch)
        done: list[Outcome] = []
        job.run(lambda chunk: None, done.append)
        self.outcomes += done
        self.store.publish()
        return [o.chunk for o in done]

    def fetch(self, first: date, last: date) -> None:
        """Run the raw assets alone, which takes a second."""
        job = self.job(first, last)
        self.outcomes += job.execute(job.fetches(), lambda chunk: None, lambda outcome: None)

    def job(self, first: date, last: date, *, refetch: bool = False) -> Backfill:
        """The backfill, not yet run."""
        definitions = build_definitions(
            self.settings,
            sources=self.sources,
            store=self.store,
            clock=self.clock,
            publish_after_run=False,
        )
        return Backfill(
            self.sources,
            self.sources,
            self.instance,
            definitions.resolve_implicit_global_asset_job_def(),
            first,
            last,
            refetch=refetch,
            clock=self.clock,
            store=self.store,
        )

    def recorded(self, key: str) -> set[str]:
        """The partitions Dagster holds as materialised."""
        return self.instance.get_materialized_partitions(dg.AssetKey(key.split("/")))

    def times(self, source: str) -> Counter[str]:
        """Session -> how often bars of this source were recorded."""
        key = dg.AssetKey(["raw", source, "ohlcv"])
        records = self.instance.fetch_materializations(key, limit=10_000).records
        return Counter(r.partition_key for r in records if r.partition_key)


def make(settings: Settings, sources: Sequence[Source] | None = None) -> Pipeline:
    """A pipeline on an empty or existing home."""
    if not settings.dagster_home.exists():
        _seed(settings)
    store = open_store(settings, notify=lambda message: None)
    init(settings, store)
    chosen = register.load(settings).sources if sources is None else sources
    return Pipeline(settings, store, open_instance(settings), chosen)


def _seed(settings: Settings) -> None:
    """Databases without rows, copied: making them costs a second each time."""
    empty = _empty()
    shutil.copytree(empty.dagster_home, settings.dagster_home)
    if settings.warehouse_url is None:
        shutil.copyfile(empty.warehouse, settings.warehouse)


@cache
def _empty() -> Settings:
    folder = Path(tempfile.mkdtemp(prefix="fundplatform-empty-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    settings = Settings(home=folder / "home")
    init(settings, open_store(settings, notify=lambda message: None))
    open_instance(settings).dispose()
    return settings
