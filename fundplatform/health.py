"""The state of a source, from the record of its attempts: no clock, no SQL.

In: rows of ops.data_sync of one source. Out: its row of ops.source_health, and whether it may be
asked now. docs/vendors.md states the formula for people.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from fundplatform import tables
from fundplatform.sources.web.failures import Failure

LOOKED_AT = 20
"""Attempts that the score rests on."""
DECAY = 0.9
"""Weight of an attempt against the one after it."""
FAILURES_ALLOWED = 3
"""So many failures in a row open the breaker."""
QUOTA_PROBE = timedelta(hours=1)
"""Rest of a source whose quota our own limiter says is used up: asking again costs no call."""
FIRST_PAUSE = timedelta(minutes=5)
LONGEST_PAUSE = timedelta(hours=6)

# The vendor did what its terms say: half a success.
_AGREED = frozenset({str(Failure.QUOTA_EXHAUSTED), str(Failure.RATE_LIMITED)})


@dataclass(frozen=True)
class Terms:
    """What is agreed with a vendor.

    Attributes:
        quota: Calls a day; None: no such limit.
        day_zone: Time zone in which its day begins.
        others: Other sources on the same account: their calls count too.
    """

    quota: int | None = None
    day_zone: str = "UTC"
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Health:
    """One row of ops.source_health; instants are aware UTC."""

    source: str
    state: str
    score: float | None
    requests_today: int
    requests_quota: int | None
    consecutive_failures: int
    last_attempt_at: datetime | None
    last_success_at: datetime | None
    last_failure: str | None
    paused_until: datetime | None

    def row(self) -> pl.DataFrame:
        """As a frame for the table, without the writer's stamps."""
        schema = tables.SOURCE_HEALTH.polars_schema
        names = [n for n in schema if n not in tables.SOURCE_HEALTH.stamps]
        values = [{name: getattr(self, name) for name in names}]
        return pl.DataFrame(values, {name: schema[name] for name in names})


def judge(source: str, attempts: pl.DataFrame, terms: Terms, now: datetime) -> Health:
    """The source's health at `now`.

    Args:
        source: Its name.
        attempts: Its rows of ops.data_sync, in any order, and those of `terms.others`, of which
            the calls alone count; those that were `paused` do not count.
        terms: Its quota, and who shares it.
        now: Aware UTC.
    """
    own = attempts.filter(pl.col("source") == source, pl.col("status") != "paused")
    made = own.sort("finished_at", "attempt_id")
    rows = made.select("status", "failure", "finished_at", "calls").rows(named=True)[::-1]
    failed = _failed_in_a_row(rows)
    paused = _paused_until(rows, failed, terms)
    resting = paused is not None and paused > now
    last = rows[0] if rows else None
    limited = last is not None and last["status"] != "ok" and last["failure"] in _AGREED
    counted = attempts.filter(
        pl.col("source").is_in([source, *terms.others]),
        pl.col("finished_at") >= day_start(now, terms.day_zone),
    )
    return Health(
        source=source,
        state=_state(last, limited=limited),
        score=_score(rows),
        requests_today=int(counted["calls"].sum()),
        requests_quota=terms.quota,
        consecutive_failures=failed,
        last_attempt_at=last["finished_at"] if last else None,
        last_success_at=next((r["finished_at"] for r in rows if r["status"] == "ok"), None),
        last_failure=next((r["failure"] for r in rows if r["status"] != "ok"), None),
        paused_until=paused if resting else None,
    )


Attempt = Mapping[str, object]


def _state(last: Attempt | None, *, limited: bool) -> str:
    if last is None:
        return "INACTIVE"
    if last["status"] == "ok":
        return "ACTIVE"
    return "RATE_LIMITED" if limited else "ERROR"


def _failed_in_a_row(rows: Sequence[Attempt]) -> int:
    count = 0
    for row in rows:
        if row["status"] == "ok":
            break
        count += 1
    return count


def _score(rows: Sequence[Attempt]) -> float | None:
    """100 x the share of successes, newest weighted most; None without attempts."""
    latest = rows[:LOOKED_AT]
    if not latest:
        return None
    weights = [DECAY**n for n in range(len(latest))]
    worth = [1.0 if r["status"] == "ok" else 0.5 * (r["failure"] in _AGREED) for r in latest]
    return round(100 * sum(w * v for w, v in zip(weights, worth, strict=True)) / sum(weights), 1)


def _paused_until(rows: Sequence[Attempt], failed: int, terms: Terms) -> datetime | None:
    """A used-up quota rests until the vendor's next day; a failing source ever longer."""
    if not failed:
        return None
    ended = rows[0]["finished_at"]
    assert isinstance(ended, datetime)  # noqa: S101  # the column's type
    if rows[0]["failure"] == str(Failure.QUOTA_EXHAUSTED):
        # The limiter's day is the last 24 hours, which may end long after the vendor's midnight.
        midnight = day_start(ended, terms.day_zone, days=1)
        return midnight if rows[0]["calls"] else min(midnight, ended + QUOTA_PROBE)
    if failed < FAILURES_ALLOWED:
        return None
    doubled: timedelta = FIRST_PAUSE * int(2 ** min(failed - FAILURES_ALLOWED, 10))
    return ended + min(doubled, LONGEST_PAUSE)


def day_start(now: datetime, zone: str, days: int = 0) -> datetime:
    """When the vendor's day began, or begins so many days later (aware UTC)."""
    local = now.astimezone(ZoneInfo(zone))
    start = datetime.combine(local.date() + timedelta(days=days), time(), local.tzinfo)
    return start.astimezone(UTC)
