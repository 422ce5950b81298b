"""Calendars by rule: the UTC day, the FX week and the ECB's business days.

Exchanges stand in `exchanges.py`; the rules need no package and no cache.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, time, timedelta
from functools import lru_cache

import polars as pl

from fundplatform.calendars.base import Calendar

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class RuleCalendar(Calendar):
    """A calendar by rule: a weekmask, holidays of a year, and one closing time."""

    name: str
    periods_per_year: int
    zone: str
    mask: str
    close: time
    close_after_days: int = 0
    begins: date = date(1800, 1, 1)
    closed: Callable[[int], frozenset[date]] = lambda _: frozenset()

    @property
    def time_zone(self) -> str:
        """IANA time zone of the rule."""
        return self.zone

    @property
    def weekmask(self) -> str:
        """Weekmask of the rule."""
        return self.mask

    @property
    def first(self) -> date:
        """First day the rule holds."""
        return self.begins

    def sessions(self, first: date, last: date) -> list[date]:
        """See `Calendar.sessions`; the rule holds for ever."""
        first = max(first, self.begins)
        closed = {d for year in range(first.year, last.year + 1) for d in self.closed(year)}
        days = (first + timedelta(days=n) for n in range((last - first).days + 1))
        return [d for d in days if self.mask[d.weekday()] == "1" and d not in closed]

    def closes(self, first: date, last: date) -> pl.DataFrame:
        """See `Calendar.closes`."""
        sessions = pl.Series("session", self.sessions(first, last), dtype=pl.Date())
        local = (pl.col("session") + timedelta(days=self.close_after_days)).dt.combine(self.close)
        close_at = local.dt.cast_time_unit("us").dt.replace_time_zone(self.zone)
        return sessions.to_frame().with_columns(
            close_at.dt.convert_time_zone("UTC").alias("close_at")
        )


def easter_sunday(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (the algorithm of Meeus, Jones and Butcher)."""
    golden, century, rest = year % 19, year // 100, year % 100
    skipped = century - century // 4 - (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + skipped + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - epact - rest % 4) % 7
    shift = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * shift + 114, 31)
    return date(year, month, day + 1)


@lru_cache(maxsize=512)
def _target_closed(year: int) -> frozenset[date]:
    closed = {date(year, 1, 1), date(year, 12, 25)}
    # The six holidays hold since 2000; 31 December was closed for the changeovers of the euro.
    if year >= 2000:
        easter = easter_sunday(year)
        closed |= {easter - 2 * _DAY, easter + _DAY, date(year, 5, 1), date(year, 12, 26)}
    if year in (1999, 2001):
        closed.add(date(year, 12, 31))
    return frozenset(closed)


_UTC_DAY = RuleCalendar("24/7", 365, "UTC", "1111111", time(0), close_after_days=1)
RULES: dict[str, RuleCalendar] = {
    "24/7": _UTC_DAY,
    "daily": _UTC_DAY,
    "24/5": RuleCalendar("24/5", 260, "America/New_York", "1111100", time(17)),
    "TARGET": RuleCalendar(
        "TARGET",
        256,
        "Europe/Berlin",
        "1111100",
        time(16),
        begins=date(1999, 1, 1),
        closed=_target_closed,
    ),
}
