"""Dagster's run queue, which also says how often the daemon looks after backfills.

A native backfill goes from layer to layer, and each waits for the daemon's next look. Dagster's
pause is a constant of 30 seconds; here it is a setting of dagster.yaml, which names this class.
"""

from collections.abc import Mapping
from typing import Any, Self, cast

from dagster import Field, IntSource
from dagster._config import UserConfigSchema
from dagster._core.run_coordinator import QueuedRunCoordinator
from dagster._serdes import ConfigurableClassData

_INTERVAL = "backfill_interval_seconds"
_SECONDS = 5


class RunQueue(QueuedRunCoordinator[Any]):
    """Dagster's own, and the pause between two looks at the backfills."""

    backfill_interval_seconds = _SECONDS

    @property
    def dequeue_interval_seconds(self) -> int:
        """The pause between two looks at the queue.

        Only the daemon asks for it, before it starts its loops; that of the backfills reads its
        constant when it starts (dagster 1.13, `_daemon/backfill.py`).
        """
        from dagster._daemon import controller

        controller.DEFAULT_DAEMON_INTERVAL_SECONDS = self.backfill_interval_seconds
        return super().dequeue_interval_seconds

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """Dagster's settings and `backfill_interval_seconds`, default 5."""
        known = cast(Mapping[str, Any], super().config_type())
        field = Field(IntSource, is_required=False, default_value=_SECONDS)
        return {**known, _INTERVAL: field}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]
    ) -> Self:
        """See `dagster._serdes.ConfigurableClass`."""
        made = super().from_config_value(inst_data, config_value)
        made.backfill_interval_seconds = config_value[_INTERVAL]
        return made
