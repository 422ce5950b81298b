"""One warehouse into another, slice by slice, row for row: ids, stamps and ledgers as they are.

What is there already is compared, not copied again, so a killed copy goes on where it stopped. No
row counts as copied until the target's own rows give the same content hash. No database is told
apart here: reading and writing belong to the stores.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from fundplatform import tables
from fundplatform.errors import ConfigError, WarehouseError
from fundplatform.storage.base import Holdable, Slice, Stamp, Store
from fundplatform.storage.content import ContentHash, slices
from fundplatform.storage.ddl import all_tables
from fundplatform.storage.duckdb import DuckDBStore
from fundplatform.storage.timescale import TimescaleStore
from fundplatform.tables import Table

SLICE_ROWS = 250_000
"""Rows read, held and committed at a time."""


@dataclass(frozen=True)
class Copied:
    """What was done with one table.

    Attributes:
        table: Its full name.
        rows: Rows in the target afterwards.
        copied: Of these, written by this call.
        sha256: The content hash of both.
    """

    table: str
    rows: int
    copied: int
    sha256: str


def open_address(
    text: str, lock_timeout: float, notify: Callable[[str], None]
) -> tuple[str, Store]:
    """The warehouse named on the command line, and its name without a password.

    Args:
        text: A DuckDB file, a `postgresql://` URL, or `@FILE` with the URL in it.
        lock_timeout: Seconds to wait for another session or process.
        notify: Told who is waited for.

    Raises:
        ConfigError: The file with the URL cannot be read.
    """
    if text.startswith("@"):
        try:
            text = Path(text[1:]).expanduser().read_text().strip()
        except OSError as error:
            raise ConfigError(
                "command line", text, f"it cannot be read ({error.strerror})", "Name a file"
            ) from None
    if text.startswith(("postgresql://", "postgres://")):
        server = TimescaleStore(text, lock_timeout, notify)
        return server.name, server
    path = Path(text).expanduser().resolve()
    return str(path), DuckDBStore(path, path.parent / "published", lock_timeout, notify)


class Copy:
    """Copies every table of one store into another."""

    def __init__(
        self, source: tuple[str, Store], target: tuple[str, Store], at: datetime, *, overwrite: bool
    ) -> None:
        """Name both; nothing is opened yet.

        Args:
            source: Name and store to read.
            target: Name and store to write; migrated first.
            at: The present moment, for the transaction's stamp (rows keep their own).
            overwrite: Replace what differs in the target, instead of refusing.

        Raises:
            ConfigError: Both are the same.
        """
        if source[0] == target[0]:
            raise ConfigError("command line", "TO", f"it is FROM: {source[0]}", "Name another")
        self._source_name, self._source = source
        self._target_name, self._target = target
        self._stamp = Stamp("copy-warehouse", at)
        self._overwrite = overwrite

    def run(self) -> Iterator[Copied]:
        """Copy and verify, table by table.

        Raises:
            WarehouseError: A store cannot be reached; a table of the target holds other rows; or
                the source was written meanwhile.
        """
        self._target.migrate()
        with ExitStack() as stack:
            for store in (self._source, self._target):
                if isinstance(store, Holdable):
                    stack.enter_context(store.held())
            before = self._written()
            for table in all_tables():
                yield self._table(table)
            if self._written() != before:
                raise WarehouseError(
                    self._source_name,
                    "it was written while it was copied",
                    "Run the same command again with no run going; it copies what came",
                )
        self._target.publish()

    def _written(self) -> int:
        return self._source.count(tables.LOADS)

    def _table(self, table: Table) -> Copied:
        wanted, copied = ContentHash(table), 0
        known = self._target.count(table) > 0
        if not known and not self._source.count(table):
            return Copied(table.full_name, 0, 0, wanted.hexdigest())
        for part in slices(table, _sessions(self._source, table), SLICE_ROWS):
            frame = self._source.read(table, part, ordered=False)
            wanted.add(frame)
            if not (known and self._has(table, part, frame)):
                self._put(table, part, frame)
                copied += frame.height
        found = ContentHash(table)
        for part in slices(table, _sessions(self._target, table), SLICE_ROWS):
            found.add(self._target.read(table, part, ordered=False))
        if found.hexdigest() != wanted.hexdigest():
            raise self._differs(table, f"it has {found.rows} rows, FROM {wanted.rows}")
        return Copied(table.full_name, found.rows, copied, found.hexdigest())

    def _has(self, table: Table, part: Slice, frame: pl.DataFrame) -> bool:
        """Whether the target's slice holds exactly these rows; refuses one with others."""
        theirs = self._target.read(table, part, ordered=False)
        mine, other = ContentHash(table), ContentHash(table)
        mine.add(frame)
        other.add(theirs)
        if mine.hexdigest() == other.hexdigest():
            return True
        if theirs.height and not self._overwrite:
            days = f"{part.first or 'the first'} to {part.last or 'the last session'}"
            raise self._differs(table, f"{days}: {theirs.height} rows, FROM {frame.height}")
        return False

    def _put(self, table: Table, part: Slice, frame: pl.DataFrame) -> None:
        with self._target.transaction(self._stamp) as writer:
            writer.restore(table, frame, part)

    def _differs(self, table: Table, where: str) -> WarehouseError:
        return WarehouseError(
            self._target_name,
            f"{table.full_name} differs from {self._source_name} ({where})",
            "Copy into an empty warehouse, or replace what differs with --overwrite",
        )


def _sessions(store: Store, table: Table) -> pl.Series:
    """The partition column of every row; empty for a table without one."""
    if table.partition is None:
        return pl.Series(dtype=pl.Date)
    return store.read(table, columns=[table.partition], ordered=False).to_series()
