"""Time frames of the fund metrics (methodology B1): base dates, minimum counts, stored sessions.

Dates in, dates out. Prices, returns and the choice of the base price among what was traded belong
to `metrics.py`; what a session is, to `fundplatform.calendars`.
"""

from bisect import bisect_right
from calendar import monthrange
from collections.abc import Collection, Sequence
from datetime import date
from itertools import pairwise

FRAMES = ("1M", "3M", "6M", "YTD", "1Y", "3Y", "5Y", "10Y", "ALL")

MONTHS = {"1M": 1, "3M": 3, "6M": 6, "1Y": 12, "3Y": 36, "5Y": 60, "10Y": 120}
"""Length of the frames that have one."""

YEARS = {"1Y": 1, "3Y": 3, "5Y": 5, "10Y": 10}
"""The frames that are annualised by their name; ALL by its days / `DAYS_PER_YEAR`."""

DAYS_PER_YEAR = 365.25

MIN_RETURNS = {
    "1M": 15, "3M": 40, "6M": 100, "YTD": 15, "1Y": 200, "3Y": 200, "5Y": 200, "10Y": 200,
    "ALL": 200,
}  # fmt: skip
"""Returns that risk statistics need at least."""

MIN_COVERAGE = 0.9
"""Share of the expected sessions that must have a return, for risk statistics."""

STALE_AFTER_DAYS = 7
"""A base price may be at most so many calendar days older than the base date."""


def base_date(as_of: date, frame: str, is_last_session_of_month: bool) -> date | None:
    """The date whose last close on or before it is the base price.

    nM, nY: the last day of month m-n where `as_of` is the last session of its month (the last
    close on or before it is that of the month's last session), else the same day n months
    earlier, clipped to the month's length. YTD: 31 December of the year before.

    Args:
        as_of: Session of the evaluation.
        frame: One of `FRAMES`.
        is_last_session_of_month: True where the calendar has no later session in the month.

    Returns:
        The base date; None for ALL, which starts at the first price.

    Raises:
        KeyError: Not one of `FRAMES`.
    """
    if frame == "ALL":
        return None
    if frame == "YTD":
        return date(as_of.year - 1, 12, 31)
    month_number = as_of.year * 12 + as_of.month - 1 - MONTHS[frame]
    year, month = divmod(month_number, 12)
    length = monthrange(year, month + 1)[1]
    day = length if is_last_session_of_month else min(as_of.day, length)
    return date(year, month + 1, day)


def month_ends(sessions: Sequence[date]) -> list[date]:
    """The last session of each month in `sessions` (ascending).

    The month of the very last session is not judged: whether another session follows in it can
    only be said by a calendar that reaches into the next month. Pass one that does.
    """
    return [a for a, b in pairwise(sessions) if (a.year, a.month) != (b.year, b.month)]


def evaluation_sessions(
    sessions: Sequence[date], first: date, last: date, daily_from: date, also: Collection[date] = ()
) -> list[date]:
    """The sessions within [first, last] for which metrics are stored.

    Args:
        sessions: The calendar's sessions, ascending, reaching into the month after `last`.
        first: First session of the range.
        last: Last session of the range.
        daily_from: From here on every session counts; before, only month ends.
        also: Days (ends of finished data sets) of which the last session on or before is kept too.

    Returns:
        Ascending; empty where the range has none.
    """
    # What lies after the last session known here concerns none of them.
    rows = (bisect_right(sessions, day) for day in also if sessions and day <= sessions[-1])
    kept = {*month_ends(sessions), *(sessions[n - 1] for n in rows if n > 0)}
    return [s for s in sessions if first <= s <= last and (s >= daily_from or s in kept)]
