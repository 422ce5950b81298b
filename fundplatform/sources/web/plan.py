"""What a backfill will ask a vendor for, before it asks: requests, days of quota, time.

A source that can say beforehand what a fetch asks implements `Planner`; the limits and the time
are worked out here, for all of them. Nothing is asked.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol, runtime_checkable

from fundplatform.sources.base import Kind
from fundplatform.sources.web.journal import Request
from fundplatform.sources.web.profile import Rate
from fundplatform.sources.web.timing import DAY, lasting, seconds_for

LATENCY = 0.5
"""Seconds that a call is taken to last; under a tight limit it hardly counts."""


_UNUSED: Mapping[Rate, int] = MappingProxyType({})


class Bound(StrEnum):
    """How a plan's number of requests compares with what will be asked."""

    EXACTLY = ""
    AT_LEAST = "at least"
    AT_MOST = "at most"
    ABOUT = "about"


@dataclass(frozen=True)
class Plan:
    """The requests of one fetch.

    Attributes:
        requests: In order; of an answer in pages the first one. An address that an answer has to
            tell first stands in pointed brackets.
        bound: How their number compares with what will be asked.
        because: What may come on top or be spared, as the end of a sentence.
    """

    requests: Sequence[Request]
    bound: Bound = Bound.EXACTLY
    because: str = ""


@runtime_checkable
class Planner(Protocol):
    """A source that knows its requests beforehand."""

    def plan(self, kind: Kind, first: date, last: date, *, now: datetime) -> Plan:
        """The requests that `fetch` of the same arguments makes; nothing is asked."""
        ...


def united(plans: Iterable[Plan], *, shared: bool) -> Plan:
    """The plan of several fetches.

    Args:
        plans: Theirs.
        shared: They share answers, so that the same request is made once.
    """
    every = list(plans)
    requests = [r for plan in every for r in plan.requests]
    bounds = {plan.bound for plan in every if plan.requests} - {Bound.EXACTLY}
    bound = bounds.pop() if len(bounds) == 1 else Bound.ABOUT if bounds else Bound.EXACTLY
    said = dict.fromkeys(plan.because for plan in every if plan.requests and plan.because)
    return Plan(once(requests) if shared else requests, bound, ", ".join(said))


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


def estimate(calls: int, rates: Sequence[Rate], used: Mapping[Rate, int] = _UNUSED) -> Estimate:
    """What so many calls cost under these limits.

    Args:
        calls: Number of calls.
        rates: The vendor's limits.
        used: Calls of each quota that are gone already.
    """
    return Estimate(
        calls, _days(calls, rates, used), seconds_for(calls, rates, LATENCY, in_turn=True)
    )


def _days(calls: int, rates: Sequence[Rate], used: Mapping[Rate, int]) -> int | None:
    """Days on which calls are made: a month's quota may be spent on one of them."""
    quotas = [(r.calls, used.get(r, 0), round(r.seconds / DAY)) for r in lasting(rates)]
    if not quotas or not calls:
        return 0 if quotas else None
    return max(
        1 + (math.ceil((min(gone, most) + calls) / most) - 1) * days for most, gone, days in quotas
    )
