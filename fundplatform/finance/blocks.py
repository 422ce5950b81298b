"""Rows in calendar blocks, windows of rows, and what a statistic is that composes over them.

Rows stand in blocks (two calendar weeks, or single months), so that a window is the end of a block,
whole blocks and the beginning of a block. How windows are computed from blocks is `windows.py`'s.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fundplatform.finance.panel import Days, Floats, Ints

Part = tuple[NDArray[np.float64], ...]
"""The fields of a statistic, each [stretches, columns]."""

Combine = Callable[[Part, Part], Part]
"""The statistic of a stretch and the one right after it, from those of each."""


@dataclass(frozen=True)
class Statistic:
    """What composes.

    Attributes:
        leaf: The fields of single rows, from their values.
        combine: Must be exact where one side is neutral.
        neutral: Value of each field for a stretch without rows.
        block: The fields of whole blocks from values [blocks, slots, columns], where there is a
            shorter way than row by row.
    """

    leaf: Callable[..., Part]
    combine: Combine
    neutral: tuple[float, ...]
    block: Callable[..., Part] | None = None


_T = TypeVar("_T", bound=np.generic)
_EPOCH = 4096
_MONDAY = date(1969, 12, 29)
_FORTNIGHT = 14
"""Days of a block: no window that risk statistics are made for lies within one."""


def fortnight_of(days: Days) -> NDArray[np.int64]:
    """The number of each day's two weeks, Monday to the Sunday after the next."""
    return _from_monday(days) // _FORTNIGHT


def fortnight_begin(day: date) -> date:
    """The Monday that the fortnight of a day begins with."""
    return day - timedelta(days=(day - _MONDAY).days % _FORTNIGHT)


def month_of(days: Days) -> NDArray[np.int64]:
    """The number of each day's calendar month."""
    return days.astype("datetime64[M]").astype(np.int64)


def _from_monday(days: Days) -> NDArray[np.int64]:
    return (days.astype("datetime64[D]") - np.datetime64(_MONDAY)).astype(np.int64)


@dataclass(frozen=True)
class Layout:
    """Where the rows stand in blocks.

    Blocks are numbered by the calendar, not by the first row: how a window is composed, and so
    the last bit of its statistics, depends on nothing outside of it.

    Attributes:
        width: Slots per block; a slot without a row is empty.
        first: Number of the first block in its calendar: the fortnight, or the month.
        count: Number of blocks.
        origin: Block number (0: the first block here) that lies on a fixed grid before all rows.
        slots: [rows] slot of each row.
    """

    width: int
    first: int
    count: int
    origin: int
    slots: Ints

    @classmethod
    def fortnights(cls, days: Days) -> "Layout":
        """Blocks of two weeks: Monday to Friday, or whole where a session is on a weekend."""
        block, day = np.divmod(_from_monday(days), _FORTNIGHT)
        week, weekday = np.divmod(day, 7)
        width = 5 if weekday.max(initial=0) < 5 else 7
        return cls._at(2 * width, block, week * width + weekday)

    @classmethod
    def months(cls, days: Days) -> "Layout":
        """A block of one slot per month, for rows of one day in each month."""
        month = month_of(days)
        return cls._at(1, month, np.zeros_like(month))

    @classmethod
    def _at(cls, width: int, block: NDArray[np.int64], slot: NDArray[np.int64]) -> "Layout":
        first = int(block[0]) if len(block) else 0
        count = int(block[-1]) - first + 1 if len(block) else 0
        slots = ((block - first) * width + slot).astype(np.int32)
        return cls(width, first, count, first // _EPOCH * _EPOCH - first, slots)

    def spread(self, values: NDArray[_T]) -> NDArray[_T]:
        """[rows, columns] -> [slots, columns], 0 where a slot has no row."""
        if len(values) == self.count * self.width:
            return values
        out = np.zeros((self.count * self.width, *values.shape[1:]), values.dtype)
        out[self.slots] = values
        return out

    def carried(self, values: Floats) -> Floats:
        """[rows, columns] -> [slots, columns]: an empty slot has the value of the row before."""
        if len(values) == self.count * self.width:
            return values
        rows = np.searchsorted(self.slots, np.arange(self.count * self.width), side="right") - 1
        return values.take(np.maximum(rows, 0), axis=0)


@dataclass(frozen=True)
class Windows:
    """Windows by their rows: first and last, both included.

    Attributes:
        first: [windows] None: all begin with a block, or before the first row. A window that
            begins and ends in one block of several slots has no sound value.
        last: [windows]
        block: [windows] where `first` is None, the number in its calendar of the block that each
            begins with; None: before the first row.
    """

    first: Ints | None
    last: Ints
    block: NDArray[np.int64] | None = None
