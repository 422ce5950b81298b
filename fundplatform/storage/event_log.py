"""Dagster's event log for the embedded default: one SQLite file, written in bulk.

In: Dagster's events, one by one or in batches. Out: the tables of Dagster's own consolidated
SQLite storage, row for row (docs/decisions/0002-embedded-event-log.md says why and how fast).
No market data, no warehouse, no runs or schedules here. Production's is `event_log_postgres.py`;
what a batch becomes, in both, stands in `event_rows.py`.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as db
from dagster._config import StringSource, UserConfigSchema
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.schema import AssetKeyTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.consolidated_sqlite_event_log import (
    ConsolidatedSqliteEventLogStorage,
)
from dagster._serdes import ConfigurableClassData
from filelock import FileLock
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.pool import QueuePool

from fundplatform.storage.event_rows import (
    BulkRows,
    asset_key,
    stands_for_several,
    use_batches,
    wait_for_definitions,
)
from fundplatform.storage.event_watch import EventCallback, EventWatch
from fundplatform.storage.pools import PoolLimits

BUSY_TIMEOUT = 60.0


class EmbeddedEventLogStorage(PoolLimits, BulkRows, ConsolidatedSqliteEventLogStorage):
    """Consolidated SQLite storage with pooled connections and one transaction per batch.

    Constructing it calls `use_batches`, so every process that opens the instance writes in
    batches: command line, webserver, daemon, code server and run workers, however started.
    A killed process loses nothing committed; a power cut may lose the last transactions but never
    harms the file (WAL, synchronous=NORMAL).
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """Open, or create, `<base_dir>/event_log.db`."""
        use_batches()
        wait_for_definitions()
        self._held = threading.local()
        self._known_tables: set[str] = set()
        self._watches: dict[tuple[str, EventCallback], EventWatch] = {}
        _create(Path(base_dir))
        super().__init__(base_dir, inst_data)
        self._pool, self._pool_pid = _engine(self._conn_string), os.getpid()

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """The dagster.yaml config: `base_dir`, a folder on a local disk."""
        return {"base_dir": StringSource}

    @property
    def _engine(self) -> db.Engine:
        if self._pool_pid != os.getpid():
            # An SQLite connection must not cross a fork.
            self._pool, self._pool_pid = _engine(self._conn_string), os.getpid()
        return self._pool

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        held: Connection | None = getattr(self._held, "connection", None)
        if held is not None:
            yield held
            return
        with self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """One write transaction; every `_connect` of this thread inside it joins it."""
        with self._connect() as connection:
            if getattr(self._held, "connection", None) is not None:
                yield connection
                return
            # Take the write lock now: a read that later turns into a write cannot wait for it.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            self._held.connection = connection
            try:
                yield connection
            finally:
                del self._held.connection

    def has_table(self, table_name: str) -> bool:
        """Whether the table exists; asked once, since tables are only ever added."""
        if table_name not in self._known_tables:
            with self._connect() as connection:
                if not db.inspect(connection).has_table(table_name):
                    return False
            self._known_tables.add(table_name)
        return True

    def store_event(self, event: EventLogEntry) -> None:
        """Store one event with its tags, asset record and check record, all or nothing."""
        if stands_for_several(event):
            self.store_event_batch([event])
            return
        with self._transaction():
            super().store_event(event)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store the events as `store_event` would one by one, all or nothing."""
        with self._transaction() as connection:
            self._follow_up(connection, self._insert(connection, events))

    def _insert(
        self, connection: Connection, events: Sequence[EventLogEntry]
    ) -> list[tuple[EventLogEntry, range]]:
        """Insert all rows at once; returns the events that have any, each with its ids."""
        rows, places = self._batch(events)
        # The write lock is held, so that nobody else takes these ids.
        newest = connection.scalar(db.select(db.func.max(SqlEventLogStorageTable.c.id))) or 0
        for event_id, row in enumerate(rows, newest + 1):
            row["id"] = event_id
        if rows:
            connection.execute(SqlEventLogStorageTable.insert(), rows)
        first = newest + 1
        return [(event, range(first + at.start, first + at.stop)) for event, at in places]

    def _store_asset_event(self, conn: Connection, event: EventLogEntry, event_id: int) -> None:
        if asset_key(event):
            self._upsert_assets(conn, [(event, event_id)])

    def _upsert_assets(
        self, connection: Connection, events: Sequence[tuple[EventLogEntry, int]]
    ) -> None:
        """Bring each asset's record to where its events, in this order, would leave it."""
        for asset, own in self._asset_values(events).items():
            connection.execute(
                sqlite.insert(AssetKeyTable)
                .values(asset_key=asset, **own)
                .on_conflict_do_update(index_elements=[AssetKeyTable.c.asset_key], set_=own)
            )

    def watch(self, run_id: str, cursor: str | None, callback: EventCallback) -> None:
        """Call back on each event of the run after the cursor, whichever process stores it."""
        self.end_watch(run_id, callback)
        watch = EventWatch(self, run_id, cursor, callback)
        self._watches[run_id, callback] = watch
        watch.start()

    def end_watch(self, run_id: str, handler: EventCallback) -> None:
        """Stop calling back; no-op where nothing is watched."""
        watch = self._watches.pop((run_id, handler), None)
        if watch:
            watch.stopped.set()

    def dispose(self) -> None:
        """Stop the watches and close the connections."""
        watches = list(self._watches.values())
        self._watches.clear()
        for watch in watches:
            watch.stopped.set()
            if watch is not threading.current_thread():
                watch.join()
        self._engine.dispose()


def _create(base_dir: Path) -> None:
    """Make the file complete in one step: `dagster dev` starts three processes at once."""
    base_dir.mkdir(parents=True, exist_ok=True)
    final = base_dir / "event_log.db"
    if final.exists():
        return
    with FileLock(base_dir / "event_log.lock"):
        if final.exists():
            return
        with TemporaryDirectory(dir=base_dir) as scratch:
            ConsolidatedSqliteEventLogStorage(scratch)
            (Path(scratch) / final.name).replace(final)


def _engine(url: str) -> db.Engine:
    engine = db.create_engine(
        url, poolclass=QueuePool, max_overflow=-1, connect_args={"timeout": BUSY_TIMEOUT}
    )

    @db.event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA journal_size_limit=67108864")

    return engine
