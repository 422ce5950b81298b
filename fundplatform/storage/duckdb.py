"""The DuckDB warehouse: one file that runs write, one published copy that everybody reads.

Opened per use and closed at once, so that the lock is held only while something is done. How a
frame is written stands in `duckdb_write.py`, how the file is opened in `duckdb_open.py`.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import polars as pl

from fundplatform.errors import WarehouseError
from fundplatform.storage import duckdb_write, migrations
from fundplatform.storage.base import WHOLE, Slice, Stamp
from fundplatform.storage.duckdb_open import Notify, log_notice, opened
from fundplatform.storage.duckdb_publish import publish
from fundplatform.storage.duckdb_write import DuckDBWriter
from fundplatform.tables import Table

_LEDGER = """
CREATE SCHEMA IF NOT EXISTS ops;
CREATE TABLE IF NOT EXISTS ops.migrations (
  "name" VARCHAR NOT NULL, "sha256" VARCHAR NOT NULL, "applied_at" TIMESTAMPTZ NOT NULL
);
"""


@dataclass(frozen=True)
class Snapshot:
    """A published copy that is open (implements `base.Reader`)."""

    connection: duckdb.DuckDBPyConnection

    def query(self, sql: str, parameters: Sequence[object] = ()) -> pl.DataFrame:
        """A read-only query on it."""
        frame: pl.DataFrame = self.connection.sql(sql, params=list(parameters)).pl()
        return frame


class DuckDBStore:
    """A `Store` on one DuckDB file."""

    def __init__(
        self, path: Path, published: Path, lock_timeout: float = 120.0, notify: Notify = log_notice
    ) -> None:
        """Name the file and the folder of its copy; nothing is opened yet.

        Args:
            path: The warehouse file; made by `migrate`.
            published: Folder of the read-only copy.
            lock_timeout: Seconds to wait while another process holds the file.
            notify: Told once, at once, who holds the file.
        """
        self.path, self.published = path, published
        self._lock_timeout, self._notify = lock_timeout, notify
        self._writing = threading.Lock()

    @property
    def copy(self) -> Path:
        """The published file."""
        return self.published / self.path.name

    def migrate(self) -> list[str]:
        """Apply the pending migrations of sql/duckdb; returns the names of those applied.

        Raises:
            WarehouseError: An applied migration was changed, or the folder is not writable.
        """
        every = migrations.migrations(migrations.sql_folder("duckdb"))
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unwritable(error) from error
        with self._writable() as connection, _transaction(connection):
            connection.execute(_LEDGER)
            applied = dict(connection.sql("SELECT name, sha256 FROM ops.migrations").fetchall())
            todo = migrations.pending(every, applied, str(self.path))
            for migration in todo:
                connection.execute(migration.sql)
                connection.execute(
                    "INSERT INTO ops.migrations VALUES (?, ?, now())",
                    [migration.name, migration.sha256],
                )
        return [m.name for m in todo]

    @contextmanager
    def transaction(self, stamp: Stamp) -> Iterator[DuckDBWriter]:
        """Open a write transaction; commits on success, rolls back on any exception.

        Raises:
            WarehouseError: The file is missing, held by another process or not writable.
        """
        self._require_file()
        with self._writable() as connection, _transaction(connection):
            yield DuckDBWriter(connection, stamp)

    def read(
        self,
        table: Table,
        part: Slice = WHOLE,
        columns: Sequence[str] | None = None,
        *,
        ordered: bool = True,
        as_of: datetime | None = None,
    ) -> pl.DataFrame:
        """The committed slice, in key order unless not `ordered`; `as_of`: as it stood then.

        Only for runs, since it needs the writer's lock.

        Raises:
            WarehouseError: The file is missing or held by another process.
            SchemaError: The slice or `columns` name what the table does not have, or `as_of` a
                table without a ledger.
        """
        self._require_file()
        # Opened like a writer: DuckDB refuses a read-only connection beside this process's own
        # transaction, and other processes are locked out either way.
        with self._opened() as connection:
            return duckdb_write.read(connection, table, part, columns, ordered=ordered, as_of=as_of)

    def count(self, table: Table, part: Slice = WHOLE) -> int:
        """Number of committed rows in the slice; only for runs, like `read`.

        Raises:
            WarehouseError: The file is missing or held by another process.
            SchemaError: The slice names what the table does not have.
        """
        self._require_file()
        with self._opened() as connection:
            return duckdb_write.count(connection, table, part)

    @contextmanager
    def held(self, patience: float | None = None) -> Iterator[None]:
        """Keep the file open: what is done inside opens it in no time instead of in 20 ms.

        Other processes wait meanwhile, so this is for computations, never around a fetch.

        Args:
            patience: Seconds to wait for another process, where that is longer than the store's
                own; 0 does not wait at all.

        Raises:
            WarehouseError: The file is missing or held by another process.
        """
        self._require_file()
        with self._opened(patience):
            yield

    def query(self, sql: str, parameters: Sequence[object] = ()) -> pl.DataFrame:
        """A read-only query on the published copy.

        Raises:
            WarehouseError: Nothing is published yet, or the query is wrong.
        """
        with self.snapshot() as seen:
            return seen.query(sql, parameters)

    @contextmanager
    def snapshot(self) -> Iterator["Snapshot"]:
        """The published copy as it is now: an open file stays as it was when it is replaced.

        Raises:
            WarehouseError: Nothing is published yet.
        """
        if not self.copy.exists():
            raise WarehouseError(
                str(self.copy),
                "nothing is published yet",
                "Run the pipeline (`make demo`, `fundplatform backfill`): every run publishes",
            )
        with opened(self.copy, read_only=True) as connection:
            yield Snapshot(connection)

    def publish(self) -> Path | None:
        """Bring out a copy of the committed state, atomically; see `duckdb_publish.publish`.

        Raises:
            WarehouseError: The file is missing or held, or the copy cannot be written.
        """
        self._require_file()
        with self._writable() as connection:
            return publish(connection, self.path, self.copy)

    def describe(self) -> str:
        """The file and DuckDB's version."""
        return f"DuckDB {duckdb.__version__}: {self.path}"

    def _opened(
        self, patience: float | None = None
    ) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        wait = 0.0 if patience == 0 else max(patience or 0.0, self._lock_timeout)
        return opened(self.path, lock_timeout=wait, notify=self._notify)

    @contextmanager
    def _writable(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """One writer or publisher of this process at a time."""
        if not self._writing.acquire(timeout=self._lock_timeout):
            raise WarehouseError(
                str(self.path),
                "this process has a transaction open",
                "Leave the `with store.transaction(...)` block first",
            )
        try:
            with self._opened() as connection:
                yield connection
        finally:
            self._writing.release()

    def _require_file(self) -> None:
        if not self.path.exists():
            raise WarehouseError(str(self.path), "it does not exist", "Run `fundplatform init`")

    def _unwritable(self, error: OSError) -> WarehouseError:
        return WarehouseError(
            str(self.path), str(error), "Set FUNDPLATFORM_HOME to a folder you may write to"
        )


@contextmanager
def _transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    connection.execute("BEGIN TRANSACTION")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # After a full disk the connection is invalid and closing it rolls back.
        with suppress(duckdb.Error):
            connection.execute("ROLLBACK")
        raise
