"""The PostgreSQL warehouse, with TimescaleDB where it is installed: everybody reads and writes it.

Connections are opened per use (5 ms). How a frame is written stands in `timescale_write.py`, how
the server is reached in `timescale_connect.py`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from fundplatform.errors import WarehouseError
from fundplatform.storage import migrations, sql_text, timescale_locks
from fundplatform.storage.base import WHOLE, Slice, Stamp
from fundplatform.storage.timescale_connect import Address, Connection, connected, fetch, reading
from fundplatform.storage.timescale_locks import Notify
from fundplatform.storage.timescale_write import TimescaleWriter
from fundplatform.tables import Table

_LEDGER = """
CREATE SCHEMA IF NOT EXISTS ops;
CREATE TABLE IF NOT EXISTS ops.migrations (
  "name" TEXT PRIMARY KEY, "sha256" TEXT NOT NULL, "applied_at" TIMESTAMPTZ NOT NULL
);
"""
_OWNED = (
    "SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = 'ops' "
    "AND to_regclass('ops.migrations') IS NOT NULL"
)
# In this order: aggregates stand on hypertables and are handed to a role.
_EVERY_TIME = (
    "SELECT ops.use_timescale()",
    "SELECT ops.grant_roles()",
    "SELECT ops.grant_limits()",
    "SELECT ops.use_aggregates()",
    "SELECT ops.spare_compilation()",
)
_AGGREGATES = (
    "SELECT format('%I.%I', view_schema, view_name) "
    "FROM timescaledb_information.continuous_aggregates WHERE pg_has_role(view_owner, 'USAGE')"
)
# A correction of a compressed chunk may have to unpack more rows than the server's default
# allows; without the extension this is a setting that nobody reads. Rows just copied in or unpacked
# have no statistics: a nested loop over them ran for minutes where a hash join takes a second.
_FOR_WRITES = (
    "SET LOCAL timescaledb.max_tuples_decompressed_per_dml_transaction = 0; "
    "SET LOCAL enable_nestloop = off"
)


@dataclass(frozen=True)
class Snapshot:
    """A read-only transaction that is open (implements `base.Reader`)."""

    fetched: Callable[[str], pl.DataFrame]

    def query(self, sql: str, parameters: Sequence[object] = ()) -> pl.DataFrame:
        """One SELECT in it; each `?` outside quotes takes a parameter."""
        return self.fetched(sql_text.bind(sql, parameters) if parameters else sql)


class TimescaleStore:
    """A `Store` on one PostgreSQL database."""

    def __init__(
        self, url: str, lock_timeout: float = 120.0, notify: Notify = lambda message: None
    ) -> None:
        """Read the URL; nothing is opened yet.

        Args:
            url: `postgresql://user[:password]@host:port/database`, with libpq's parameters.
            lock_timeout: Seconds to wait for another session's lock.
            notify: Told once, at once, who is waited for.

        Raises:
            ConfigError: Not a PostgreSQL URL.
        """
        self._address = Address.parse(url, lock_timeout)
        self._notify = notify
        self._current = False

    def __repr__(self) -> str:
        """Without the password."""
        return f"TimescaleStore({self._address.name})"

    @property
    def name(self) -> str:
        """`postgresql://user@host:port/database`: the address without its password."""
        return self._address.name

    def migrate(self) -> list[str]:
        """Apply the pending migrations of sql/postgres; returns the names of those applied.

        All in one transaction; of two at once, one waits for the other. Whoever owns the schema
        also brings TimescaleDB's features and the grants up to date.

        Raises:
            WarehouseError: Unreachable, locked for too long, no right to create, or an applied
                migration was changed.
        """
        every = migrations.migrations(migrations.sql_folder("postgres"))
        with connected(self._address, "fundplatform init") as connection:
            timescale_locks.take(connection, "migrations", self._notify)
            if connection.execute(_OWNED).fetchone() is None:
                connection.execute(_LEDGER)
            todo = migrations.pending(every, _applied(connection), self.name)
            for migration in todo:
                connection.execute(migration.sql.encode())
                connection.execute(
                    "INSERT INTO ops.migrations VALUES (%s, %s, now())",
                    [migration.name, migration.sha256],
                )
            owned = connection.execute(_OWNED).fetchone()
            if owned and owned[0]:
                for step in _EVERY_TIME:
                    connection.execute(step)
        return [m.name for m in todo]

    @contextmanager
    def transaction(self, stamp: Stamp) -> Iterator[TimescaleWriter]:
        """Open a write transaction; commits on success, rolls back on any exception.

        Raises:
            WarehouseError: The server cannot be reached, its schema is older, or it refused or
                broke off; the message says what to do.
        """
        with connected(self._address, f"fundplatform run {stamp.run_id}") as connection:
            self._require_current(connection)
            connection.execute(_FOR_WRITES)
            yield TimescaleWriter(connection, stamp, self._notify)

    def read(
        self,
        table: Table,
        part: Slice = WHOLE,
        columns: Sequence[str] | None = None,
        *,
        ordered: bool = True,
        as_of: datetime | None = None,
    ) -> pl.DataFrame:
        """The committed slice in key order (unless not `ordered`), in the table's exact types.

        `as_of`: as it stood at that instant.

        Raises:
            WarehouseError: The server cannot be reached or its schema is older.
            SchemaError: The slice or `columns` name what the table does not have.
        """
        sql, wanted = sql_text.select(table, part, columns, ordered=ordered, as_of=as_of)
        return fetch(self._address, sql).cast({n: table.polars_schema[n] for n in wanted})

    def count(self, table: Table, part: Slice = WHOLE) -> int:
        """Number of committed rows in the slice.

        Raises:
            WarehouseError: The server cannot be reached or its schema is older.
            SchemaError: The slice names what the table does not have.
        """
        return int(fetch(self._address, sql_text.select_count(table, part)).item())

    def query(self, sql: str, parameters: Sequence[object] = ()) -> pl.DataFrame:
        """One SELECT in a read-only transaction; each `?` outside quotes takes a parameter.

        Raises:
            WarehouseError: The server cannot be reached, or the query is wrong or writes.
            ValueError: Parameters and `?` do not match.
        """
        with self.snapshot() as seen:
            return seen.query(sql, parameters)

    @contextmanager
    def snapshot(self) -> Iterator["Snapshot"]:
        """What is committed now, in one transaction.

        Raises:
            WarehouseError: The server cannot be reached.
        """
        with reading(self._address) as fetched:
            yield Snapshot(fetched)

    def publish(self) -> Path | None:
        """None: readers see what is committed.

        Continuous aggregates, where there are any, take up what was written since the last time.

        Raises:
            WarehouseError: The server cannot be reached, or another refresh takes too long.
        """
        with connected(self._address, "fundplatform publish", autocommit=True) as connection:
            if _number(connection, "SELECT count(to_regclass('prices.weekly_bars_aggregate'))"):
                # Two refreshes of one aggregate at once: the server refuses one of them.
                connection.execute("SELECT pg_advisory_lock(hashtextextended('refresh', 0))")
                for (name,) in connection.execute(_AGGREGATES).fetchall():
                    call = f"CALL refresh_continuous_aggregate('{name}', NULL, NULL)"
                    connection.execute(call.encode())
        return None

    def describe(self) -> str:
        """The address without its password, and which features are on.

        Raises:
            WarehouseError: The server cannot be reached, or `migrate` has not run.
        """
        found = fetch(self._address, "SELECT ops.features(), current_setting('server_version')")
        features, version = found.row(0)
        return f"{self.name}: PostgreSQL {version}, {features}"

    def _require_current(self, connection: Connection) -> None:
        """Refuse a schema older or newer than this package, before anything is written."""
        if self._current:
            return
        every = migrations.migrations(migrations.sql_folder("postgres"))
        lacking = migrations.pending(every, _applied(connection), self.name)
        if lacking:
            raise WarehouseError(
                self.name,
                f"its schema is older than this version: {lacking[0].name} is not applied",
                "Run `fundplatform init`",
            )
        self._current = True


def _number(connection: Connection, sql: str) -> int:
    row = connection.execute(sql.encode()).fetchone()
    return int(str(row[0])) if row else 0


def _applied(connection: Connection) -> dict[str, str]:
    rows = connection.execute("SELECT name, sha256 FROM ops.migrations").fetchall()
    return {str(name): str(sha256) for name, sha256 in rows}
