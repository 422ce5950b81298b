"""The record of attempts, ops.data_sync, and the health that follows, in any store's transaction.

Written with the rows of a fetch, or by itself where the fetch failed. What an attempt is worth is
`health.py`'s.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta

import polars as pl

from fundplatform import tables
from fundplatform.accounts import rates_of, terms_of
from fundplatform.health import Health, Terms, day_start, judge
from fundplatform.sources.base import Source
from fundplatform.sources.web.profile import Rate
from fundplatform.sources.web.timing import DAY, lasting
from fundplatform.storage.base import Slice, Stamp, Store, Writer
from fundplatform.tables import Table

_LONGEST_PROBLEM = 1000


@dataclass(frozen=True)
class Attempt:
    """One row of ops.data_sync, without the writer's stamps; see there."""

    attempt_id: str
    source: str
    kind: str
    status: str
    started_at: datetime
    finished_at: datetime
    first_session: date | None = None
    last_session: date | None = None
    symbols: str | None = None
    calls: int = 0
    rows_inserted: int = 0
    rows_updated: int = 0
    rows_unchanged: int = 0
    rows_rejected: int = 0
    sessions_absent: int = 0
    symbols_skipped: int = 0
    failure: str | None = None
    problem: str | None = None

    def row(self) -> pl.DataFrame:
        """As a frame for the table."""
        schema = tables.DATA_SYNC.polars_schema
        own = {f.name: getattr(self, f.name) for f in fields(self)}
        if self.problem:
            own["problem"] = " ".join(self.problem.split())[:_LONGEST_PROBLEM]
        columns = {name: t for name, t in schema.items() if name in own}
        return pl.DataFrame([own], columns)


def write_attempt(writer: Writer, attempt: Attempt, terms: Terms) -> Health:
    """Store the attempt and the source's health after it."""
    own = Slice({"attempt_id": attempt.attempt_id})
    writer.write(tables.DATA_SYNC, attempt.row(), own)
    known = _counted(writer.read, attempt.source, terms)
    health = judge(attempt.source, known, terms, attempt.finished_at)
    writer.write(tables.SOURCE_HEALTH, health.row(), Slice({"source": attempt.source}))
    return health


def record(store: Store, attempt: Attempt, terms: Terms, run_id: str) -> Health:
    """Store an attempt that brought no rows, in a transaction of its own."""
    with store.transaction(Stamp(run_id, attempt.finished_at)) as writer:
        return write_attempt(writer, attempt, terms)


def _counted(
    read: Callable[[Table, Slice], pl.DataFrame], source: str, terms: Terms
) -> pl.DataFrame:
    """The attempts of the source and of those that share its account."""
    return pl.concat(read(tables.DATA_SYNC, Slice({"source": s})) for s in (source, *terms.others))


@dataclass(frozen=True)
class Syncs:
    """The attempts that a store knows, for whoever is about to make another.

    Attributes:
        store: The warehouse.
        sources: Everyone who takes part; those of one account share its calls.
    """

    store: Store
    sources: Sequence[Source]

    def terms(self, source: Source) -> Terms:
        """What is agreed with the source's vendor."""
        return terms_of(source, self.sources)

    def health(self, source: str, terms: Terms, now: datetime) -> Health:
        """The source's health at `now`."""
        return judge(source, _counted(self.store.read, source, terms), terms, now)

    def called(self, source: Source, now: datetime) -> dict[Rate, int]:
        """Of each quota the calls of its account that are gone: of the vendor's day, else rolling.

        Args:
            source: The source.
            now: Aware UTC.
        """
        terms = self.terms(source)
        made = _counted(self.store.read, source.spec.name, terms)
        since = {
            rate: day_start(now, terms.day_zone)
            if rate.seconds == DAY
            else now - timedelta(seconds=rate.seconds)
            for rate in lasting(rates_of(source))
        }
        return {
            rate: int(made.filter(pl.col("finished_at") >= begin)["calls"].sum())
            for rate, begin in since.items()
        }

    def record(self, attempt: Attempt, terms: Terms, run_id: str) -> Health:
        """Store an attempt that brought no rows: see `record`."""
        return record(self.store, attempt, terms, run_id)
