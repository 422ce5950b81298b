"""When a schedule ticks and what it asks for: zones, closures, half days, lags, DST."""

from datetime import UTC, date, datetime, timedelta

import pytest

from fundplatform.automation.schedules import cron_of, published
from fundplatform.sources.base import Coverage

H = timedelta(hours=1)


def us(lag: timedelta) -> Coverage:
    return Coverage("XNYS", date(2000, 1, 3), lag=lag)


@pytest.mark.parametrize(
    ("calendar", "lag", "cron"),
    [
        ("XNYS", 0 * H, "5 16 * * *"),
        ("XNYS", 4 * H, "5 20 * * *"),
        ("XNYS", 12 * H, "5 4 * * *"),
        ("24/7", H / 2, "35 0 * * *"),
        ("TARGET", H / 4, "20 16 * * *"),
    ],
)
def test_it_ticks_after_close_and_lag_in_the_markets_own_zone(
    calendar: str, lag: timedelta, cron: str
) -> None:
    assert cron_of(Coverage(calendar, date(2000, 1, 3), lag=lag)) == cron


@pytest.mark.parametrize(
    ("at", "session"),
    [
        # 20:05 in New York is 01:05 UTC in winter and 00:05 in summer, on the next day.
        (datetime(2024, 3, 9, 1, 5, tzinfo=UTC), date(2024, 3, 8)),
        (datetime(2024, 3, 12, 0, 5, tzinfo=UTC), date(2024, 3, 11)),
        (datetime(2024, 11, 5, 1, 5, tzinfo=UTC), date(2024, 11, 4)),
        # Saturday, and the fourth of July.
        (datetime(2024, 3, 10, 1, 5, tzinfo=UTC), None),
        (datetime(2024, 7, 5, 0, 5, tzinfo=UTC), None),
        # The half day before it; hurricane Sandy; the day of mourning of 2018 and of 2025.
        (datetime(2024, 7, 4, 0, 5, tzinfo=UTC), date(2024, 7, 3)),
        (datetime(2012, 10, 30, 0, 5, tzinfo=UTC), None),
        (datetime(2018, 12, 6, 1, 5, tzinfo=UTC), None),
        (datetime(2025, 1, 10, 1, 5, tzinfo=UTC), None),
    ],
)
def test_no_session_no_load(at: datetime, session: date | None) -> None:
    assert published(us(4 * H), at) == session


def test_every_session_of_a_year_is_loaded_once() -> None:
    """Ticks of 2024 at 20:05 New York time: 252 sessions, none twice, none forgotten."""
    from zoneinfo import ZoneInfo

    zone = ZoneInfo("America/New_York")
    ticks = [datetime(2024, 1, 1, 20, 5, tzinfo=zone) + timedelta(days=n) for n in range(366)]
    found = [s for s in (published(us(4 * H), t.astimezone(UTC)) for t in ticks) if s]
    assert len(found) == len(set(found)) == 252


def test_a_lag_of_more_than_a_day() -> None:
    """Friday's session, 40 hours after 16:00: Sunday, 08:05 local time."""
    assert published(us(40 * H), datetime(2024, 5, 5, 12, 5, tzinfo=UTC)) == date(2024, 5, 3)
    assert published(us(40 * H), datetime(2024, 5, 6, 12, 5, tzinfo=UTC)) is None
