"""A source's health, worked by hand from its attempts."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from fundplatform import tables
from fundplatform.health import Terms, judge
from fundplatform.storage.syncs import Attempt

NOW = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)


def attempts(*told: tuple[float, str]) -> pl.DataFrame:
    """(minutes ago, ok | paused | kind of failure), oldest first; each cost 3 calls."""
    rows = [
        Attempt(
            attempt_id=str(n),
            source="acme",
            kind="ohlcv",
            status=what if what in {"ok", "paused"} else "failed",
            started_at=NOW - timedelta(minutes=ago),
            finished_at=NOW - timedelta(minutes=ago),
            calls=0 if what == "paused" else 3,
            failure=None if what in {"ok", "paused"} else what,
        ).row()
        for n, (ago, what) in enumerate(told)
    ]
    return pl.concat([tables.DATA_SYNC.empty().drop("recorded_from", "run_id"), *rows])


@pytest.mark.parametrize(
    ("told", "state", "score", "failed"),
    [
        ([], "INACTIVE", None, 0),
        ([(10, "ok")], "ACTIVE", 100.0, 0),
        # Newest weighs 1, the one before 0.9: 1 / 1.9 and 0.9 / 1.9.
        ([(20, "transient"), (10, "ok")], "ACTIVE", 52.6, 0),
        ([(20, "ok"), (10, "transient")], "ERROR", 47.4, 1),
        # A limit kept is half a success: (0.5 + 0.9) / 1.9.
        ([(20, "ok"), (10, "rate_limited")], "RATE_LIMITED", 73.7, 1),
        ([(20, "ok"), (10, "quota_exhausted")], "RATE_LIMITED", 73.7, 1),
        ([(30, "auth"), (20, "auth")], "ERROR", 0.0, 2),
        ([(30, "auth"), (20, "auth"), (10, "paused")], "ERROR", 0.0, 2),
    ],
)
def test_state_and_score(
    told: list[tuple[float, str]], state: str, score: float | None, failed: int
) -> None:
    health = judge("acme", attempts(*told), Terms(), NOW)
    assert (health.state, health.score, health.consecutive_failures) == (state, score, failed)


def test_only_the_latest_twenty_count() -> None:
    told = [(100.0 - n, "transient") for n in range(10)] + [(50.0 - n, "ok") for n in range(20)]
    assert judge("acme", attempts(*told), Terms(), NOW).score == 100.0


@pytest.mark.parametrize(
    ("failures", "minutes"), [(1, None), (2, None), (3, 5), (4, 10), (5, 20), (9, 320), (30, 360)]
)
def test_the_breaker_rests_ever_longer(failures: int, minutes: float | None) -> None:
    told = [(failures - n - 0.0, "transient") for n in range(failures)]
    # The last one failed a minute ago.
    paused = judge("acme", attempts(*told), Terms(), NOW).paused_until
    expected = None if minutes is None else NOW + timedelta(minutes=minutes - 1)
    assert paused == expected


def test_after_the_pause_it_is_probed_and_a_success_closes_the_breaker() -> None:
    failed = [(60.0, "transient"), (50.0, "transient"), (6.0, "transient")]
    assert judge("acme", attempts(*failed), Terms(), NOW).paused_until is None
    assert judge("acme", attempts(*failed, (1.0, "ok")), Terms(), NOW).consecutive_failures == 0


def test_a_used_up_quota_rests_until_the_vendors_next_day() -> None:
    """15:00 UTC is 11:00 in New York, in summer time since the 8th: midnight is 04:00 UTC."""
    terms = Terms(25, "America/New_York")
    health = judge("acme", attempts((5.0, "quota_exhausted")), terms, NOW)
    assert health.paused_until == datetime(2026, 3, 11, 4, 0, tzinfo=UTC)
    next_day = datetime(2026, 3, 11, 4, 0, 1, tzinfo=UTC)
    assert judge("acme", attempts((5.0, "quota_exhausted")), terms, next_day).paused_until is None


def test_a_quota_that_our_own_limiter_keeps_is_probed_every_hour() -> None:
    """At midnight the last 24 hours may still hold all calls; asking the limiter costs none."""
    refused = attempts((5.0, "quota_exhausted")).with_columns(calls=pl.lit(0, pl.Int64()))
    health = judge("acme", refused, Terms(25, "America/New_York"), NOW)
    assert health.paused_until == NOW + timedelta(minutes=55)
    # But no longer than to midnight.
    late = datetime(2026, 3, 11, 3, 30, tzinfo=UTC)
    soon = refused.with_columns(finished_at=pl.lit(late))
    health = judge("acme", soon, Terms(25, "America/New_York"), late)
    assert health.paused_until == datetime(2026, 3, 11, 4, 0, tzinfo=UTC)


def test_requests_of_the_vendors_day() -> None:
    """Midnight in New York was 04:00 UTC: 11 hours ago."""
    told = [(12 * 60.0, "ok"), (10 * 60.0, "ok"), (5.0, "transient")]
    health = judge("acme", attempts(*told), Terms(25, "America/New_York"), NOW)
    assert (health.requests_today, health.requests_quota) == (6, 25)
    assert judge("acme", attempts(*told), Terms(25), NOW).requests_today == 9


def test_what_others_call_on_the_same_account_counts_and_nothing_else_of_theirs() -> None:
    others = attempts((5.0, "transient"), (4.0, "auth")).with_columns(
        source=pl.Series(["sister", "stranger"])
    )
    every = pl.concat([attempts((10.0, "ok")), others])
    health = judge("acme", every, Terms(25, others=("sister",)), NOW)
    assert (health.requests_today, health.requests_quota) == (6, 25)
    assert (health.state, health.consecutive_failures, health.score) == ("ACTIVE", 0, 100.0)


def test_the_row_fits_its_table() -> None:
    row = judge("acme", attempts((5.0, "auth")), Terms(), NOW).row()
    stamps = tables.SOURCE_HEALTH.stamps
    wanted = {n: t for n, t in tables.SOURCE_HEALTH.polars_schema.items() if n not in stamps}
    assert dict(row.schema) == wanted
