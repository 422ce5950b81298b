"""Which quarterly data sets hold the filings of a range of days. Nothing is asked here."""

from datetime import date, timedelta

from fundplatform import calendars
from fundplatform.sources.sec_edgar import fees

DAY = timedelta(days=1)


def sets(first: date, last: date) -> list[str]:
    """The data sets that hold the filings of a range."""
    # A filing made late on a quarter's last day stands in the next quarter's data set.
    return _quarters(first, last + 3 * DAY)


def _quarters(first: date, last: date) -> list[str]:
    """The quarters of a range, in order."""
    days = (first + n * DAY for n in range((last - first).days + 1))
    return list(dict.fromkeys(fees.quarter(day) for day in days))


def is_over(name: str, today: date) -> bool:
    """Whether a quarter has ended, so that its data set may be published."""
    return fees.quarter(today) > name


def sessions_of(name: str, first: date, last: date) -> list[date]:
    """The sessions whose filings stand in a quarter's data set.

    Those filed late on a quarter's last business day stand in the next one.
    """
    calendar = calendars.get("24/5")
    return [
        day
        for day in calendar.sessions(first, last)
        if name in {fees.quarter(day), fees.quarter(calendar.next_session(day))}
    ]
