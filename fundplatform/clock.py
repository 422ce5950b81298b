"""The platform's clock: the one place that reads the time of day; everything else is given it."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """This moment (aware UTC)."""
    return datetime.now(UTC)
