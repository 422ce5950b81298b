"""Dagster's storage for production: Dagster's own on PostgreSQL, its events written in bulk.

In: Dagster's runs, events and ticks. Out: the tables of dagster-postgres, row for row
(docs/decisions/0011-production-instance.md says why and how fast). deploy/dagster.yaml names the
class. No market data and no warehouse here; the embedded default is `event_log.py`.
"""

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as db
from dagster._config import Field, StringSource, UserConfigSchema
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import EventLogStorage
from dagster._core.storage.event_log.schema import AssetKeyTable, SqlEventLogStorageTable
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection
from sqlalchemy.pool import QueuePool

from fundplatform.errors import ConfigError
from fundplatform.storage.event_rows import (
    BulkRows,
    stands_for_several,
    use_batches,
    wait_for_definitions,
)
from fundplatform.storage.pools import PoolLimits

# SQLAlchemy 2.1 reads a bare postgresql:// as psycopg 3, which dagster-postgres cannot use.
_DRIVER = "postgresql+psycopg2"
_RECYCLE_SECONDS = 300


class ProductionStorage(DagsterPostgresStorage):
    """`storage: custom` of deploy/dagster.yaml: runs, events and ticks in one database."""

    def __init__(
        self,
        postgres_url: str,
        should_autocreate_tables: bool = True,
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        """Open the three storages.

        Args:
            postgres_url: `postgresql+psycopg2://`, with the password.
            should_autocreate_tables: Whether a database without tables gets them.
            inst_data: How Dagster made this object.
        """
        super().__init__(postgres_url, should_autocreate_tables, inst_data)
        self._event_log_storage = BulkPostgresEventLogStorage(
            postgres_url, should_autocreate_tables
        )

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """The dagster.yaml config: an address, and a file with its password (optional)."""
        return {
            "postgres_url": StringSource,
            "password_file": Field(StringSource, is_required=False, default_value=""),
            "should_autocreate_tables": Field(bool, is_required=False, default_value=True),
        }

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "ProductionStorage":
        """From dagster.yaml.

        Raises:
            ConfigError: Not an address, or the password file cannot be read.
        """
        return cls(
            address(config_value["postgres_url"], config_value["password_file"]),
            config_value["should_autocreate_tables"],
            inst_data,
        )

    @property
    def event_log_storage(self) -> EventLogStorage:
        """The event log that writes in bulk."""
        return self._event_log_storage


def address(url: str, password_file: str = "") -> str:
    """The URL as dagster-postgres needs it: its driver named, the password of the file in it.

    Raises:
        ConfigError: Not an address, or the password file cannot be read.
    """
    try:
        parsed = db.make_url(url)
    except db.exc.ArgumentError:
        raise ConfigError(
            "dagster.yaml",
            "storage.custom.config.postgres_url",
            "it is not a PostgreSQL URL",
            "Write it like postgresql://user@host:5432/database",
        ) from None
    parsed = parsed.set(drivername=_DRIVER)
    if password_file:
        parsed = parsed.set(password=_content(Path(password_file)))
    return parsed.render_as_string(hide_password=False)


def _content(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError as error:
        raise ConfigError(
            "dagster.yaml",
            "storage.custom.config.password_file",
            f"{file} cannot be read ({error.strerror})",
            "Name a file that this user may read, with the password in one line",
        ) from None


class BulkPostgresEventLogStorage(PoolLimits, BulkRows, PostgresEventLogStorage):
    """Dagster's event log on PostgreSQL with one transaction per batch.

    Constructing it calls `use_batches`, so every process that opens the instance writes in batches.
    """

    def __init__(self, postgres_url: str, should_autocreate_tables: bool = True) -> None:
        """Open the event log; makes its tables where there are none."""
        use_batches()
        wait_for_definitions()
        self._held = threading.local()
        self._known_tables: set[str] = set()
        self._pid = os.getpid()
        super().__init__(postgres_url, should_autocreate_tables)
        # Dagster connects anew for every event: 5 ms each, most of it the password's proof.
        self._engine = db.create_engine(
            postgres_url,
            isolation_level="AUTOCOMMIT",
            poolclass=QueuePool,
            pool_size=1,
            max_overflow=-1,
            pool_pre_ping=True,
            pool_recycle=_RECYCLE_SECONDS,
        )

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        held: Connection | None = getattr(self._held, "connection", None)
        if held is not None:
            yield held
            return
        if self._pid != os.getpid():
            # A connection must not cross a fork; the parent goes on using its own.
            self._engine.dispose(close=False)
            self._pid = os.getpid()
        with super()._connect() as connection:
            yield connection

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """One transaction; every `_connect` of this thread inside it joins it."""
        with self.index_transaction() as connection:
            if getattr(self._held, "connection", None) is not None:
                yield connection
                return
            self._held.connection = connection
            try:
                yield connection
            finally:
                del self._held.connection

    def has_table(self, table_name: str) -> bool:
        """Whether the table exists; asked once, since tables are only ever added."""
        if table_name not in self._known_tables:
            if not super().has_table(table_name):
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
        rows, places = self._batch(events)
        if not rows:
            return
        insert = SqlEventLogStorageTable.insert().returning(
            SqlEventLogStorageTable.c.id, sort_by_parameter_order=True
        )
        with self._transaction() as connection:
            ids = connection.execute(insert, rows).scalars().all()
            stored = [(event, ids[at.start : at.stop]) for event, at in places]
            self._follow_up(connection, stored)

    def _upsert_assets(
        self, connection: Connection, events: Sequence[tuple[EventLogEntry, int]]
    ) -> None:
        """Bring each asset's record to where its events, in this order, would leave it."""
        # In key order: two runs that lock the same records never wait for each other in a ring.
        for asset, own in self._asset_values(events).items():
            connection.execute(
                postgresql.insert(AssetKeyTable)
                .values(asset_key=asset, **own)
                .on_conflict_do_update(index_elements=[AssetKeyTable.c.asset_key], set_=own)
            )

    def dispose(self) -> None:
        """Stop the watches and close the connections."""
        super().dispose()
        self._engine.dispose()
