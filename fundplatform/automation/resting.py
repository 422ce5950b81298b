"""Vendors that are left alone for a while: whom neither a schedule nor the gap sensor asks.

In: the published state of the sources. Out: until when, and the words for it. When a vendor rests,
and for how long, is `health.py`'s.
"""

from datetime import datetime

from fundplatform.errors import WarehouseError
from fundplatform.storage.base import Store


def resting_sources(store: Store, now: datetime) -> dict[str, datetime]:
    """Vendors whose calls are used up, or that failed in a row -> until when they are not asked."""
    try:
        rows = store.query("select source, paused_until from marts.source_state").rows()
    except WarehouseError:
        return {}
    return {source: until for source, until in rows if until is not None and until > now}


def left(until: datetime) -> str:
    """For people."""
    return f"left until {until:%Y-%m-%d %H:%M} UTC, when the vendor's rest ends"
