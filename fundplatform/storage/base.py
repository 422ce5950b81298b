"""What a warehouse does: the `Store` protocol, slices and counts. No SQL here.

One `Store` per database (`duckdb.py`, later `timescale.py`); the storage suite runs over all.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Protocol, runtime_checkable

import polars as pl

from fundplatform.sources.base import SourceSpec
from fundplatform.tables import Table, revisions_of


@dataclass(frozen=True)
class Slice:
    """A part of a table: equality on columns, and an inclusive range of its partition column.

    `among`: columns that have one of some numbers; to read only.
    """

    where: Mapping[str, int | str] = field(default_factory=dict)
    first: date | None = None
    last: date | None = None
    among: Mapping[str, Sequence[int]] = field(default_factory=dict)


WHOLE = Slice()


@dataclass(frozen=True)
class Counts:
    """What one write did, in rows. `incoming = inserted + updated + unchanged`.

    `touched`: the days (`Table.day`) of the rows that are new, other, or gone.
    """

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    touched: frozenset[date] = field(default=frozenset(), compare=False)

    @property
    def changed(self) -> bool:
        """True where the table differs from before."""
        return bool(self.inserted or self.updated or self.removed)

    def __add__(self, other: "Counts") -> "Counts":
        """Add up two writes."""
        return Counts(
            self.inserted + other.inserted,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.removed + other.removed,
            self.touched | other.touched,
        )


@dataclass(frozen=True)
class Stamp:
    """Who writes and when: goes into `run_id` and `recorded_from`."""

    run_id: str
    recorded_at: datetime


class Writer(Protocol):
    """An open transaction. Everything in it commits together or not at all."""

    def source_id(self, spec: SourceSpec) -> int:
        """The source's id; registers or updates its row in catalog.sources."""
        ...

    def register(
        self, source_id: int, listings: pl.DataFrame, *, stated: bool = False
    ) -> pl.DataFrame:
        """Give every listing (LISTING_SCHEMA) its instrument, new or known.

        `stated`: they are of statements (`Kind.states`), not of trading.

        Returns:
            vendor_symbol, valid_from, valid_to, instrument_id; one row per listing.
        """
        ...

    def write(self, table: Table, frame: pl.DataFrame, part: Slice) -> Counts:
        """Make the slice equal to the frame (which lacks recorded_from and run_id).

        By name, staged, diffed on the key: equal rows are left alone; changed rows are replaced
        and, where the table keeps revisions, their old version moves to the ledger; rows absent
        from the frame are removed unless `table.keeps_absent`.

        Raises:
            SchemaError: Wrong columns or types, a doubled key, a NULL in a required column, or a
                row outside the slice. Nothing is written then.
        """
        ...

    def restore(self, table: Table, frame: pl.DataFrame, part: Slice) -> None:
        """Make the slice hold exactly these rows, their own stamps included: no diff, no ledger.

        For copies of a whole warehouse only. The frame has all columns in their exact types.
        """
        ...

    def read(
        self, table: Table, part: Slice = WHOLE, columns: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """Read inside the transaction."""
        ...

    def next_change(self) -> int:
        """A number for this transaction's changes: numbers rise in the order of commits.

        Other transactions wait for theirs until this one has ended, so take it last.
        """
        ...


class Reader(Protocol):
    """Something that can be asked."""

    def query(self, sql: str, parameters: Sequence[object] = ()) -> pl.DataFrame:
        """A read-only query on the newest published state (DuckDB: the read-only copy)."""
        ...


class Store(Reader, Protocol):
    """One warehouse."""

    def migrate(self) -> list[str]:
        """Apply the pending migrations of sql/; returns the names of those applied."""
        ...

    def transaction(self, stamp: Stamp) -> AbstractContextManager[Writer]:
        """Open a write transaction; commits on success, rolls back on any exception."""
        ...

    def read(
        self,
        table: Table,
        part: Slice = WHOLE,
        columns: Sequence[str] | None = None,
        *,
        ordered: bool = True,
        as_of: datetime | None = None,
    ) -> pl.DataFrame:
        """The slice in key order (unless not `ordered`), only these columns (default: all).

        `as_of`: as it stood in this warehouse at that instant (tables with a ledger only).
        """
        ...

    def count(self, table: Table, part: Slice = WHOLE) -> int:
        """Number of committed rows in the slice."""
        ...

    def snapshot(self) -> AbstractContextManager[Reader]:
        """One published state for several queries, whatever is published meanwhile."""
        ...

    def publish(self) -> Path | None:
        """Bring out a read-only copy for BI, atomically; None where readers need none."""
        ...

    def describe(self) -> str:
        """In a line: which database this is, where (without a password), what features are on."""
        ...


@runtime_checkable
class Holdable(Protocol):
    """A store that is slow to open and can stay open for a while."""

    def held(self, patience: float | None = None) -> AbstractContextManager[None]:
        """Keep the warehouse open for this process; others wait meanwhile.

        Args:
            patience: Seconds to wait for another process, where that is longer than the store's
                own; 0 does not wait at all.
        """
        ...


def versions_of(store: Store, table: Table) -> pl.DataFrame:
    """All versions of the whole table: those that stand and those of its ledger, in no order."""
    ledger = store.read(revisions_of(table), columns=table.column_names)
    return pl.concat([store.read(table), ledger])
