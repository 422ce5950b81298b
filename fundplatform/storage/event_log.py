"""Dagster's event log for the embedded default: one SQLite file, written in bulk.

In: Dagster's events, one by one or in batches. Out: the tables of Dagster's own consolidated
SQLite storage, row for row (docs/decisions/0002-embedded-event-log.md says why and how fast).
No market data, no warehouse, no runs or schedules here. Production's event log is Postgres.
"""

import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster._check as check
import sqlalchemy as db
from dagster._config import StringSource, UserConfigSchema
from dagster._core.definitions.events import AssetKey
from dagster._core.definitions.partitions.subset import PartitionsSubset
from dagster._core.events import (
    ASSET_CHECK_EVENTS,
    ASSET_EVENTS,
    AssetMaterializationPlannedData,
)
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetKeyTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.sqlite.consolidated_sqlite_event_log import (
    ConsolidatedSqliteEventLogStorage,
)
from dagster._serdes import ConfigurableClassData, serialize_value
from filelock import FileLock
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.pool import QueuePool

from fundplatform.storage.event_watch import EventCallback, EventWatch

BATCH_SIZE = 1000
BUSY_TIMEOUT = 60.0
# Stands for the partition in a planned event that is serialized once for all of them.
PLACEHOLDER = "partition-8d0b7a5f1c2e4f0e"


def use_batches(size: int = BATCH_SIZE) -> None:
    """Let Dagster hand its events over in batches, unless the user has set another size.

    Dagster reads the size from the environment at each event; child processes inherit it.

    Args:
        size: Most events in one batch.
    """
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", str(size))


class EmbeddedEventLogStorage(ConsolidatedSqliteEventLogStorage):
    """Consolidated SQLite storage with pooled connections and one transaction per batch.

    Constructing it calls `use_batches`, so every process that opens the instance writes in
    batches: command line, webserver, daemon, code server and run workers, however started.
    A killed process loses nothing committed; a power cut may lose the last transactions but never
    harms the file (WAL, synchronous=NORMAL).
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """Open, or create, `<base_dir>/event_log.db`."""
        use_batches()
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

    @property
    def supports_partition_subset_in_asset_materialization_planned_events(self) -> bool:
        """True: a run hands over one planned event per asset; `_rows` makes one per partition.

        Without those rows a failed run would leave its partitions unmarked.
        """
        return True

    def store_event(self, event: EventLogEntry) -> None:
        """Store one event with its tags, asset record and check record, all or nothing."""
        if _planned_subset(event) is not None:
            self.store_event_batch([event])
            return
        with self._transaction():
            super().store_event(event)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store the events as `store_event` would one by one, all or nothing."""
        with self._transaction() as connection:
            numbered = self._insert(connection, events)
            of_assets = [pair for pair in numbered if _asset_key(pair[0])]
            if of_assets:
                self._store_asset_event_tags(connection, *zip(*of_assets, strict=True))
                self._upsert_assets(connection, of_assets)
            for event, i in numbered:
                if event.is_dagster_event and event.dagster_event_type in ASSET_CHECK_EVENTS:
                    self.store_asset_check_event(event, i)

    def _insert(
        self, connection: Connection, events: Sequence[EventLogEntry]
    ) -> list[tuple[EventLogEntry, int]]:
        """Insert all rows at once; returns the events that have any, each with its last id."""
        # The write lock is held, so that nobody else takes these ids.
        last = connection.scalar(db.select(db.func.max(SqlEventLogStorageTable.c.id))) or 0
        rows: list[dict[str, Any]] = []
        numbered: list[tuple[EventLogEntry, int]] = []
        for event in events:
            own = self._rows(event)
            rows += own
            if own:
                numbered.append((event, last + len(rows)))
        for event_id, row in enumerate(rows, last + 1):
            row["id"] = event_id
        if rows:
            connection.execute(SqlEventLogStorageTable.insert(), rows)
        return numbered

    def _rows(self, event: EventLogEntry) -> list[dict[str, Any]]:
        """The event's rows: one, or one per partition of a planned materialization's subset."""
        subset = _planned_subset(event)
        if subset is None:
            return [self._event_to_row(event)]
        planned = event.get_dagster_event()
        key = check.not_none(planned.asset_key)
        pattern = planned._replace(
            event_specific_data=AssetMaterializationPlannedData(key, partition=PLACEHOLDER)
        )
        row = self._event_to_row(event._replace(dagster_event=pattern))
        before, after = row.pop("event").split(json.dumps(PLACEHOLDER))
        return [
            {**row, "partition": name, "event": f"{before}{json.dumps(name)}{after}"}
            for name in subset.get_partition_keys()
        ]

    def _store_asset_check_evaluation_planned(
        self, event: EventLogEntry, event_id: int | None
    ) -> None:
        """Dagster's rows, one per partition, but the event is serialized once for all of them."""
        planned = event.get_dagster_event().asset_check_planned_data
        at = datetime.fromtimestamp(event.timestamp, UTC).replace(tzinfo=None)
        row = {
            "asset_key": planned.asset_key.to_string(),
            "check_name": planned.check_name,
            "run_id": event.run_id,
            "execution_status": AssetCheckExecutionRecordStatus.PLANNED.value,
            "evaluation_event": serialize_value(event),
            "evaluation_event_timestamp": at,
            "evaluation_event_storage_id": event_id,
        }
        subset = planned.partitions_subset
        rows = [
            {**row, "partition": n} for n in (subset.get_partition_keys() if subset else [None])
        ]
        if rows:
            with self._connect() as connection:
                connection.execute(AssetCheckExecutionsTable.insert(), rows)

    def _store_asset_event(self, conn: Connection, event: EventLogEntry, event_id: int) -> None:
        if _asset_key(event):
            self._upsert_assets(conn, [(event, event_id)])

    def _upsert_assets(
        self, connection: Connection, events: Sequence[tuple[EventLogEntry, int]]
    ) -> None:
        """Bring each asset's record to where its events, in this order, would leave it."""
        # Which values an event sets depends on its type alone: the last one of each type counts.
        last: dict[tuple[str, str], tuple[EventLogEntry, int]] = {}
        for event, event_id in events:
            of_event = event.get_dagster_event()
            key = (check.not_none(of_event.asset_key).to_string(), of_event.event_type_value)
            last.pop(key, None)
            last[key] = (event, event_id)
        values: dict[str, dict[str, Any]] = {}
        for (asset_key, _), (event, event_id) in last.items():
            own = self._get_asset_entry_values(event, event_id, has_asset_key_index_cols=True)
            values.setdefault(asset_key, {}).update(own)
        for asset_key, own in values.items():
            if own:
                connection.execute(
                    sqlite.insert(AssetKeyTable)
                    .values(asset_key=asset_key, **own)
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


def _planned_subset(event: EventLogEntry) -> PartitionsSubset[str] | None:
    return event.dagster_event.partitions_subset if event.dagster_event else None


def _asset_key(event: EventLogEntry) -> AssetKey | None:
    if event.dagster_event and event.dagster_event_type in ASSET_EVENTS:
        return event.dagster_event.asset_key
    return None


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
