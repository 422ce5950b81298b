"""Follow a run's events as they are stored, by whichever process: the live log of the UI.

In: committed rows of the embedded event log. Out: one callback per event. Dagster's own watch waits
for the database file to change, which in WAL mode it does only at a checkpoint; this one asks
SQLite a few times a second whether anybody has committed. Nothing is written here.
"""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing

from dagster._core.event_api import EventLogCursor
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from dagster._core.storage.event_log.sqlite.consolidated_sqlite_event_log import (
    ConsolidatedSqliteEventLogStorage,
)

POLL_INTERVAL = 0.25
CHUNK = 1000

EventCallback = Callable[[EventLogEntry, str], object]


class EventWatch(threading.Thread):
    """Follows one run for one callback; ends with the run, with `stopped`, or on an error."""

    def __init__(
        self,
        storage: ConsolidatedSqliteEventLogStorage,
        run_id: str,
        cursor: str | None,
        callback: EventCallback,
    ) -> None:
        """Prepare; `start` begins after `cursor`."""
        super().__init__(name=f"event-watch-{run_id}", daemon=True)
        self.stopped = threading.Event()
        self._storage, self._run_id = storage, run_id
        self._cursor, self._callback = cursor, callback
        self._path: str = storage.get_db_path()  # type: ignore[no-untyped-call]

    def run(self) -> None:
        """Deliver what is there, then after every commit of any process."""
        version: object = None
        with closing(sqlite3.connect(self._path)) as connection:
            while not self.stopped.is_set():
                current = connection.execute("PRAGMA data_version").fetchone()
                if current != version:
                    version = current
                    self._deliver()
                self.stopped.wait(POLL_INTERVAL)

    def _deliver(self) -> None:
        more = True
        while more:
            page = self._storage.get_records_for_run(self._run_id, self._cursor, limit=CHUNK)
            self._cursor, more = page.cursor, page.has_more
            for record in page.records:
                if self.stopped.is_set():
                    return
                cursor = str(EventLogCursor.from_storage_id(record.storage_id))
                if self._callback(record.event_log_entry, cursor) in FINISHED_STATUSES:
                    self.stopped.set()
