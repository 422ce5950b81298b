"""How long calls take under limits: the arithmetic behind every plan. No clock, no requests."""

from collections.abc import Iterable, Sequence

from fundplatform.sources.web.profile import Rate


def seconds_for(
    calls: int, rates: Sequence[Rate], latency: float = 0.0, *, in_turn: bool = False
) -> float:
    """Seconds from the first call's start to the last one's answer.

    A call starts as soon as every window has a place again: call n no sooner than `seconds` after
    the answer of call n - `calls` of each rate. Nothing was called before.

    Args:
        calls: Number of calls.
        rates: The limits; all hold.
        latency: Seconds of one call.
        in_turn: A call also waits for the answer before it, as one fetch does.

    Returns:
        0 without calls.
    """
    done: list[float] = []
    for n in range(calls):
        starts = [done[n - r.calls] + r.seconds for r in rates if n >= r.calls]
        starts += done[-1:] if in_turn else []
        done.append(max(starts, default=0.0) + latency)
    return done[-1] if done else 0.0


DAY = 86_400.0
"""Seconds."""


def lasting(rates: Iterable[Rate]) -> list[Rate]:
    """The quotas: limits of a day or longer."""
    return [rate for rate in rates if rate.seconds >= DAY]


def most_per_day(rates: Sequence[Rate]) -> int | None:
    """The tightest quota of a day or longer, in calls per day; None where there is none."""
    daily = [int(r.calls * DAY / r.seconds) for r in lasting(rates)]
    return min(daily, default=None)
