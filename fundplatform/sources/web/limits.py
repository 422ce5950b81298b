"""Not more calls than a vendor allows: over all processes, restarts and windows at once.

`Limits.slot()` surrounds one request. The shared bucket is `shared_limits.py`'s.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Limits(Protocol):
    """The calls that a vendor allows."""

    def slot(self) -> AbstractContextManager[None]:
        """Wait for a free place in every window, and hold it until the answer is there.

        Raises:
            VendorError: QUOTA_EXHAUSTED where the next place is too far away to wait for.
        """
        ...


class Unlimited:
    """No limits (tests, vendors without any)."""

    @contextmanager
    def slot(self) -> Iterator[None]:
        """At once."""
        yield
