"""Which sessions of a range a vendor has published by its lag, and which may still be late.

In: a calendar's name, a range, the clock. Out: session dates. Nothing is asked here.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from fundplatform import calendars

# A symbol's empty newest sessions may still come; older ones had no trade.
PATIENCE = timedelta(days=3)
_DAY = timedelta(days=1)


def published(
    calendar: str, first: date, last: date, lag: timedelta, now: datetime
) -> tuple[list[date], list[date]]:
    """The sessions of first..last that are published at `now`, and those that are not yet.

    Published: close + lag <= now. Of the future only the next two weeks are named.
    """
    end = min(last, now.date() + 14 * _DAY)
    if end < first:
        return [], []
    closes = calendars.get(calendar).closes(first, end)
    done = closes["close_at"] + lag <= now
    return closes["session"].filter(done).to_list(), closes["session"].filter(~done).to_list()


def newest(calendar: str, lag: timedelta, now: datetime) -> date | None:
    """The newest published session of the last three weeks."""
    done, _ = published(calendar, now.date() - lag - 21 * _DAY, now.date(), lag, now)
    return done[-1] if done else None


def still_coming(done: Sequence[date], latest: object, now: datetime) -> list[date]:
    """Of the published sessions, the newest that nobody has a row of and that are days old only.

    Args:
        done: Published sessions, ascending.
        latest: The latest session of any row; None without rows.
        now: The clock.
    """
    recent = (now - PATIENCE).date()
    return [s for s in done if s >= recent and (not isinstance(latest, date) or s > latest)]
