"""`impact` wants a session: any other day is refused, with the nearest ones."""

from datetime import date

import pytest

from fundplatform.cli_impact import check_session
from fundplatform.errors import ConfigError
from fundplatform.sources.base import Coverage

START, TODAY = date(2024, 1, 2), date(2024, 1, 20)
GROWS = Coverage("XNYS", START)
ENDED = Coverage("XNYS", START, date(2024, 1, 11))


# In January 2024 the 13th, 14th and 20th are at a weekend, the 15th is Martin Luther King Day.
@pytest.mark.parametrize(
    ("coverage", "day", "near"),
    [
        (GROWS, 13, "2024-01-12 or 2024-01-16"),
        (GROWS, 15, "2024-01-12 or 2024-01-16"),
        (GROWS, 20, "2024-01-19"),
        (GROWS, 22, "2024-01-19"),
        (GROWS, 1, "2024-01-02"),
        (ENDED, 12, "2024-01-11"),
    ],
)
def test_the_nearest_sessions_are_named(coverage: Coverage, day: int, near: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_session(coverage, date(2024, 1, day), TODAY)
    assert str(caught.value).startswith(f"command line: 2024-01-{day:02}: no session of calendar")
    assert str(caught.value).endswith(f"Name the nearest: {near}")


@pytest.mark.parametrize(
    ("coverage", "day"),
    [
        (GROWS, date(2024, 1, 12)),
        (ENDED, date(2024, 1, 11)),
        (Coverage("24/7", START), date(2024, 1, 13)),
        (Coverage("XNYS", START, partitioned=False), date(2024, 1, 13)),
    ],
)
def test_a_session_and_any_day_of_a_whole_are_taken(coverage: Coverage, day: date) -> None:
    check_session(coverage, day, TODAY)


def test_what_has_not_begun_names_its_first_day() -> None:
    with pytest.raises(ConfigError, match="It begins 2024-02-01"):
        check_session(Coverage("XNYS", date(2024, 2, 1)), TODAY, TODAY)
