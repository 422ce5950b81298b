"""Keeping a one-file warehouse open from run to run of a backfill, and letting others in.

Opening and closing the file costs more than many a run does inside it. Which runs may hold it is
the caller's to say; how a file is held, the store's.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack, suppress

from fundplatform.errors import WarehouseError
from fundplatform.storage.base import Holdable, Store

LONGEST = 10.0
"""Seconds after which the next run opens the file for itself, so that waiting processes get in."""


class Holding:
    """A warehouse that is open or not, between runs; close it at the end."""

    def __init__(self, store: Store | None, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is opened yet; None holds nothing."""
        self._store = store if isinstance(store, Holdable) else None
        self._clock = clock
        self._held = ExitStack()
        self._since: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether the file is held now."""
        return self._since is not None

    def before_run(self, *, wanted: bool) -> None:
        """Hold the file for the coming run, unless it is not `wanted` or was held for long.

        Where another process has the file, nothing is held: the run itself waits, or says who.
        """
        if self._since is not None:
            if not wanted or self._clock() - self._since > LONGEST:
                self.close()
        elif wanted and self._store is not None:
            with suppress(WarehouseError):
                self._held.enter_context(self._store.held(0.0))
                self._since = self._clock()

    def close(self) -> None:
        """Let go of the file."""
        self._since = None
        self._held.close()
