"""On which sessions an index is reviewed: names are chosen anew and weights go back to target.

In: the calendar's sessions and a rule. Out: a flag per session. No data, no clock.
"""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np

from fundplatform.finance.index.market import Bools
from fundplatform.finance.index_definition import IndexDefinition

_FRIDAY = 4


def reviews(definition: IndexDefinition, sessions: Sequence[date]) -> Bools:
    """[sessions] True where the index is rebalanced at the close.

    daily: every session. monthly: the last session of the month. quarterly: the third Friday of
    March, June, September and December, or the last session before it where it is closed. Dates:
    the last session at or before each.

    The last session of `sessions` is judged by its own date alone, so pass some more than wanted.
    """
    if definition.rebalance == "daily":
        return np.ones(len(sessions), dtype=np.bool_)
    if definition.rebalance == "monthly":
        days = [_month_end(s) for s in sessions]
    elif definition.rebalance == "quarterly":
        days = [third_friday(y, m) for y in _years(sessions) for m in (3, 6, 9, 12)]
    else:
        days = list(definition.rebalance_dates)
    flags = np.zeros(len(sessions), dtype=np.bool_)
    for day in set(days):
        at = bisect_left(sessions, day)
        if at < len(sessions) and sessions[at] == day:
            flags[at] = True
        elif 0 < at < len(sessions):
            flags[at - 1] = True
    return flags


def third_friday(year: int, month: int) -> date:
    """The third Friday of a month: the day on which quarterly reviews take effect at the close."""
    first = date(year, month, 1)
    return first + timedelta(days=(_FRIDAY - first.weekday()) % 7 + 14)


def _month_end(day: date) -> date:
    following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return following - timedelta(days=1)


def _years(sessions: Sequence[date]) -> range:
    return range(sessions[0].year, sessions[-1].year + 1)
