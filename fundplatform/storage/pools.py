"""Pools are limited from the first run on, for both event logs of ours.

Dagster makes a pool's default limit in the very pass that first sees it, after it has asked which
pools are limited: several runs of a new vendor would start at once.
"""

from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage


class PoolLimits(SqlEventLogStorage):
    """The part of an SQL event log that knows which pools are limited."""

    def get_concurrency_keys(self) -> set[str]:
        """The limited pools; the caller's set learns of those that get their limit later."""
        self._limited = super().get_concurrency_keys()
        return self._limited

    def initialize_concurrency_limit_to_default(self, concurrency_key: str) -> bool:
        """Give a pool the default limit of dagster.yaml."""
        made = super().initialize_concurrency_limit_to_default(concurrency_key)
        if made and hasattr(self, "_limited"):
            self._limited.add(concurrency_key)
        return made
