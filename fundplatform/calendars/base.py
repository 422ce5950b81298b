"""What every calendar answers: sessions, closes, neighbours, month ends, holidays.

Sessions are naive dates, closes aware UTC instants, ranges inclusive. How a market's days come
about is not decided here.
"""

from abc import ABC, abstractmethod
from datetime import date, timedelta
from itertools import pairwise

import polars as pl

from fundplatform.errors import ConfigError

CLOSES_SCHEMA = pl.Schema({"session": pl.Date(), "close_at": pl.Datetime("us", "UTC")})
LAST_YEAR = 2100

_DAY = timedelta(days=1)


class Calendar(ABC):
    """One market's sessions. Sessions are naive dates; ranges are inclusive at both ends.

    Attributes:
        name: Its name, see `names`.
        periods_per_year: Sessions in a year, for annualising: exchanges 252, 24/7 365, 24/5 260,
            TARGET 256.
    """

    name: str
    periods_per_year: int

    @property
    @abstractmethod
    def time_zone(self) -> str:
        """IANA time zone in which a session is one day."""

    @property
    @abstractmethod
    def weekmask(self) -> str:
        """Monday to Sunday, 1 where sessions ever fall on that day: `1111100`."""

    @property
    @abstractmethod
    def first(self) -> date:
        """The first day this calendar knows of; no session is known before it."""

    @abstractmethod
    def sessions(self, first: date, last: date) -> list[date]:
        """The sessions with `first <= session <= last`, ascending; none before `self.first`.

        Raises:
            ConfigError: `last` lies beyond what the calendar can know.
        """

    @abstractmethod
    def closes(self, first: date, last: date) -> pl.DataFrame:
        """Session and closing instant (CLOSES_SCHEMA) of the same sessions, ascending.

        Raises:
            ConfigError: `last` lies beyond what the calendar can know.
        """

    def is_session(self, day: date) -> bool:
        """Whether `day` is a session; False for days the calendar cannot know (never raises)."""
        return self.first <= day <= date(LAST_YEAR, 12, 31) and self._has(day)

    def _has(self, day: date) -> bool:
        return bool(self.sessions(day, day))

    def next_session(self, day: date) -> date:
        """The first session after `day`.

        Raises:
            ConfigError: The calendar cannot know it.
        """
        start = max(day + _DAY, self.first)
        # No market known here has ever been closed for 200 days (XNYS 1914: 135).
        for reach in (10, 200):
            found = self.sessions(start, start + timedelta(days=reach))
            if found:
                return found[0]
        raise self.unknown(f"no session after {day} is known")

    def previous_session(self, day: date) -> date:
        """The last session before `day`.

        Raises:
            ConfigError: The calendar knows none.
        """
        for reach in (10, 200):
            found = self.sessions(day - timedelta(days=reach), day - _DAY)
            if found:
                return found[-1]
        raise self.unknown(f"no session before {day} is known")

    def is_last_of_month(self, day: date) -> bool:
        """Whether `day` is a session and the next one is in another month (by calendar)."""
        return self.is_session(day) and self.next_session(day).month != day.month

    def last_of_month(self, first: date, last: date) -> list[date]:
        """The month-end sessions within the range, by the calendar and not by where it ends."""
        found = self.sessions(first, last)
        ends = [a for a, b in pairwise(found) if a.month != b.month]
        return [*ends, *(d for d in found[-1:] if self.is_last_of_month(d))]

    def holidays(self, first: date, last: date) -> list[date]:
        """The days of the range that the weekmask allows and that are no sessions.

        With a weekmask schedule these are the days to exclude. Days before `self.first` count.
        """
        known = set(self.sessions(first, last))
        days = (first + timedelta(days=n) for n in range((last - first).days + 1))
        return [d for d in days if self.weekmask[d.weekday()] == "1" and d not in known]

    def unknown(self, problem: str) -> ConfigError:
        """The error for a day that this calendar cannot know."""
        return ConfigError(
            f"calendar {self.name}",
            None,
            problem,
            f"It knows {self.first} and later; a newer exchange-calendars release may know more",
        )
