"""Base dates against the examples of methodology B1, and which sessions are stored."""

from datetime import date, timedelta

import pytest

from fundplatform.finance.frames import (
    FRAMES,
    MIN_RETURNS,
    base_date,
    evaluation_sessions,
    month_ends,
)


def weekdays(first: date, last: date, closed: tuple[date, ...] = ()) -> list[date]:
    days = (first + timedelta(days=i) for i in range((last - first).days + 1))
    return [d for d in days if d.weekday() < 5 and d not in closed]


@pytest.mark.parametrize(
    ("as_of", "frame", "month_end", "expected"),
    [
        # The three examples of B1.
        (date(2024, 6, 28), "1M", True, date(2024, 5, 31)),
        (date(2024, 2, 29), "1Y", True, date(2023, 2, 28)),
        (date(2024, 3, 28), "1M", True, date(2024, 2, 29)),
        # The same days as if they were mid-month: same day, clipped.
        (date(2024, 6, 28), "1M", False, date(2024, 5, 28)),
        (date(2024, 2, 29), "1Y", False, date(2023, 2, 28)),
        (date(2024, 3, 30), "1M", False, date(2024, 2, 29)),
        (date(2023, 3, 29), "1M", False, date(2023, 2, 28)),
        (date(2023, 2, 28), "3M", True, date(2022, 11, 30)),
        (date(2024, 1, 15), "3M", False, date(2023, 10, 15)),
        (date(2024, 12, 31), "6M", True, date(2024, 6, 30)),
        (date(2024, 1, 2), "YTD", False, date(2023, 12, 31)),
        (date(2024, 12, 31), "YTD", True, date(2023, 12, 31)),
        (date(2024, 7, 10), "3Y", False, date(2021, 7, 10)),
        (date(2024, 7, 10), "5Y", False, date(2019, 7, 10)),
        (date(2024, 2, 29), "10Y", True, date(2014, 2, 28)),
        (date(2024, 7, 10), "ALL", False, None),
    ],
)
def test_base_date(as_of: date, frame: str, month_end: bool, expected: date | None) -> None:
    assert base_date(as_of, frame, month_end) == expected


def test_an_unknown_frame_is_refused() -> None:
    with pytest.raises(KeyError):
        base_date(date(2024, 7, 10), "2Y", False)


def test_every_frame_has_a_minimum() -> None:
    assert tuple(MIN_RETURNS) == FRAMES


def test_month_ends_come_from_the_calendar_not_from_the_data() -> None:
    # Good Friday 2024-03-29: the month's last session is Thursday the 28th.
    sessions = weekdays(date(2024, 2, 26), date(2024, 4, 3), (date(2024, 3, 29),))
    assert month_ends(sessions) == [date(2024, 2, 29), date(2024, 3, 28)]
    # A list that stops on the 28th cannot know that the 29th is closed.
    assert month_ends([s for s in sessions if s <= date(2024, 3, 28)]) == [date(2024, 2, 29)]
    assert month_ends([]) == []


def test_evaluation_sessions() -> None:
    sessions = weekdays(date(2024, 1, 1), date(2024, 8, 5))
    kept = evaluation_sessions(
        sessions,
        date(2024, 1, 10),
        date(2024, 6, 5),
        daily_from=date(2024, 6, 3),
        # A Wednesday; a Saturday, which stands for the Friday before; one after the range; one
        # before the first session.
        also=frozenset({date(2024, 3, 13), date(2024, 3, 16), date(2024, 7, 1), date(2023, 1, 1)}),
    )
    assert kept == [
        date(2024, 1, 31),
        date(2024, 2, 29),
        date(2024, 3, 13),
        date(2024, 3, 15),
        date(2024, 3, 29),
        date(2024, 4, 30),
        date(2024, 5, 31),
        date(2024, 6, 3),
        date(2024, 6, 4),
        date(2024, 6, 5),
    ]


def test_two_ranges_store_what_one_stores() -> None:
    sessions = weekdays(date(2024, 1, 1), date(2024, 8, 5))
    daily = date(2024, 6, 3)
    whole = evaluation_sessions(sessions, date(2024, 1, 1), date(2024, 7, 1), daily)
    first = evaluation_sessions(sessions, date(2024, 1, 1), date(2024, 4, 30), daily)
    second = evaluation_sessions(sessions, date(2024, 5, 1), date(2024, 7, 1), daily)
    assert first + second == whole
    assert evaluation_sessions(sessions, date(2024, 1, 6), date(2024, 1, 7), daily) == []
