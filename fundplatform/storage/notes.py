"""What a backfill notes between runs: versions and files seen, beside Dagster's own records.

Small JSON values in the instance's key-value store, so that they live and die with the record of
partitions that they explain. What they mean is decided by those who write them.
"""

import json
from typing import Any

import dagster as dg

_PREFIX = "fundplatform/"


class Notes:
    """The notes of one Dagster instance."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        """Of that instance; nothing is read yet."""
        # Dagster 1.13 names it for its daemons' cursors; it is the one key-value store it has.
        self._store = instance.run_storage
        self._events = instance.event_log_storage

    def get(self, name: str) -> dict[str, Any] | None:
        """The note, or None where there is none."""
        found = self._store.get_cursor_values({_PREFIX + name}).get(_PREFIX + name)
        return json.loads(found) if found else None

    def put(self, name: str, value: dict[str, Any]) -> None:
        """Write it, or write it anew."""
        self._store.set_cursor_values({_PREFIX + name: json.dumps(value)})

    def now(self) -> int:
        """The newest storage id: what was recorded until now."""
        return self._events.get_maximum_record_id() or 0
