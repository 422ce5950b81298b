"""What a backfill will ask a vendor for, before it asks: requests, days of quota, time.

A source that can say beforehand what a fetch asks implements `Planner`; the limits and the time
are worked out here, for all of them. Nothing is asked.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol, runtime_checkable

from fundplatform.sources.base import Kind
from fundplatform.sources.web.journal import Request
from fundplatform.sources.web.profile import Rate
from fundplatform.sources.web.timing import most_per_day, seconds_for

LATENCY = 0.5
"""Seconds that a call is taken to last; under a vendor's limits it hardly counts."""


@runtime_checkable
class Planner(Protocol):
    """A source that knows its requests beforehand."""

    def plan(self, kind: Kind, first: date, last: date, *, now: datetime) -> Sequence[Request]:
        """The requests that `fetch` of the same arguments makes, in order.

        Of an answer in pages only the first one; a request that a fetch may spare is in it.
        """
        ...


@dataclass(frozen=True)
class Estimate:
    """What requests cost.

    Attributes:
        calls: Requests.
        days: Days of the vendor's quota that they take; None where it has no daily one.
        seconds: From the first request to the last answer, if nothing was asked before.
    """

    calls: int
    days: int | None
    seconds: float


def once(requests: Iterable[Request]) -> list[Request]:
    """Each request once: the parts of a backfill share their answers."""
    found = {(r.path, tuple(sorted(r.params.items()))): r for r in requests}
    return list(found.values())


def estimate(calls: int, rates: Sequence[Rate], used: int = 0) -> Estimate:
    """What so many calls cost under these limits.

    Args:
        calls: Number of calls.
        rates: The vendor's limits.
        used: Calls of today's quota that are gone already.
    """
    daily = most_per_day(rates)
    days = None if daily is None else math.ceil((min(used, daily) + calls) / daily) if calls else 0
    return Estimate(calls, days, seconds_for(calls, rates, LATENCY))
