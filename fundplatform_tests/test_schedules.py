"""When a schedule ticks and what it asks for: zones, closures, half days, lags, DST."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._core.test_utils import freeze_time

from fundplatform.assets.partitions import daily_partitions, raw_partitions
from fundplatform.automation.schedules import cron_of, load_schedule, published
from fundplatform.settings import Settings
from fundplatform.sources.base import Coverage, Kind
from fundplatform.storage.io_manager import RANGE_END, RANGE_START
from fundplatform_tests.pipeline import make
from fundplatform_tests.worlds import World

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
    zone = ZoneInfo("America/New_York")
    ticks = [datetime(2024, 1, 1, 20, 5, tzinfo=zone) + timedelta(days=n) for n in range(366)]
    found = [s for s in (published(us(4 * H), t.astimezone(UTC)) for t in ticks) if s]
    assert len(found) == len(set(found)) == 252


def test_a_lag_of_more_than_a_day() -> None:
    """Friday's session, 40 hours after 16:00: Sunday, 08:05 local time."""
    assert published(us(40 * H), datetime(2024, 5, 5, 12, 5, tzinfo=UTC)) == date(2024, 5, 3)
    assert published(us(40 * H), datetime(2024, 5, 6, 12, 5, tzinfo=UTC)) is None


def test_a_tick_in_the_markets_own_zone_asks_for_its_session(settings: Settings) -> None:
    """As the daemon gives it: 18:05 in New York, six hours behind UTC's midnight in July."""
    mine = World("mine", ["AAA"], date(2024, 7, 1))
    at = datetime(2024, 7, 2, 18, 5, tzinfo=ZoneInfo("America/New_York"))
    made = make(settings, [mine])
    context = dg.build_schedule_context(instance=made.instance, scheduled_execution_time=at)
    schedule = load_schedule(mine, Kind.OHLCV, made.store, lambda: at)
    (asked,) = schedule(context)  # type: ignore[misc, union-attr]
    assert {n: asked.tags[n] for n in (RANGE_START, RANGE_END)} == {
        RANGE_START: "2024-07-01",
        RANGE_END: "2024-07-02",
    }


@pytest.mark.parametrize(
    ("calendar", "at", "newest"),
    [
        # 16:50 in Frankfurt; 18:05 in New York; a Saturday has Monday's already.
        ("TARGET", datetime(2024, 7, 2, 14, 50, tzinfo=UTC), "2024-07-02"),
        ("XNYS", datetime(2024, 7, 2, 22, 5, tzinfo=UTC), "2024-07-02"),
        ("XNYS", datetime(2024, 7, 6, 12, tzinfo=UTC), "2024-07-08"),
    ],
)
def test_a_session_is_a_partition_when_it_is_published(
    calendar: str, at: datetime, newest: str
) -> None:
    """UTC's day goes on when Europe and America publish theirs."""
    made = raw_partitions(Coverage(calendar, date(2024, 6, 3), lag=H), at.date())
    days = daily_partitions([World("mine", ["AAA"], date(2024, 6, 3))])
    with freeze_time(at):
        assert made.get_last_partition_key() == newest
        assert days.get_last_partition_key() == str(at.date())
        assert str(at.date() + timedelta(days=1)) not in days.get_partition_keys()
