"""Dense [sessions x series] arrays of return series, and the running values of each series.

A missing price is a zero return marked as absent, so that statistics run over whole windows at
once. How rows become panels is `panel_blocks.py`'s. No formulas of metrics here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]
Bools = NDArray[np.bool_]
Days = NDArray[np.datetime64]

_T = TypeVar("_T", bound=np.generic)


@dataclass(frozen=True)
class Carried:
    """What was kept of C series of which a panel holds the end only (`carried.py`).

    The panel's first row stands for all that was before; rows count from it, so these are <= 0.

    Attributes:
        calendar: All sessions from the oldest row on.
        start: [C] row of the first price.
        last: [C] row of the last price before the panel's second row.
        count: [C] returns up to there.
        growth: [C] price there / first price.
        positive: [C] True where every price up to there is > 0.
        parts: Statistic -> its fields up to there, each [1, C].
        top: [C] growth at the peak of the deepest fall up to there.
        recovery: [C] row on which that fall was made good; NaN: not yet.
        lowest: [C, K] the lowest returns up to there, ascending; infinite where there are fewer.
    """

    calendar: Days
    start: Ints
    last: Ints
    count: Ints
    growth: Floats
    positive: Bools
    parts: Mapping[str, tuple[Floats, ...]]
    top: Floats
    recovery: Floats
    lowest: Floats


@dataclass(frozen=True)
class Panel:
    """A block of series on the sessions of one calendar. S sessions, C series.

    An instrument whose history broke has one series per unbroken stretch.

    Attributes:
        sessions: [S] ascending.
        instruments: [C] instrument ids.
        start: [C] row of the first price.
        priced: [S, C] True where there is a price.
        returns: [S, C] return from the series' previous price; 0 where there is none.
        has_return: [S, C] priced, but not the first price.
        end: [C] row of the last price, where every series has one on each session from its start to
            there; None: some have not.
        carried: What lies before the panel; None: nothing does.
        growth: [S, C] price / first price, carried over missing prices; 1 before the start.
    """

    sessions: Days
    instruments: Ints
    start: Ints
    priced: Bools
    returns: Floats
    has_return: Bools
    end: Ints | None = None
    carried: Carried | None = None
    growth: Floats = field(init=False)
    _below: Ints | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Derive the running values."""
        growth = 1.0 + self.returns
        if self.carried is not None:
            growth[0] = self.carried.growth
        growth = _running(np.multiply, growth)
        falls_below = growth.min(initial=1.0) <= 0
        below = _running(np.add, (growth <= 0).astype(np.int32)) if falls_below else None
        object.__setattr__(self, "growth", growth)
        object.__setattr__(self, "_below", below)

    @property
    def first(self) -> Ints:
        """[C] The row of the series' first price; < 0 where it lies before the panel."""
        return self.start if self.carried is None else self.carried.start

    @cached_property
    def _last(self) -> Ints:
        """[S, C] The row of the last price on or before each row; -1 before the start."""
        rows = np.arange(len(self.sessions), dtype=np.int32)
        if self.end is not None:
            return self.last_priced(rows)
        return _running(np.maximum, np.where(self.priced, rows[:, None], np.int32(-1)))

    @cached_property
    def _counts(self) -> Ints:
        """[S, C] How many returns there are up to each row."""
        return _running(np.add, self.has_return.astype(np.int32))

    @property
    def last_prices(self) -> Ints:
        """[S, C] The row of the last price on or before each row; -1 before the start."""
        if self.carried is None:
            return self._last
        return np.where(self._last == 0, self.carried.last, self._last)

    @property
    def before(self) -> Ints:
        """[S, C] The row of the last price before each row: where its return starts from."""
        none = np.full((1, self._last.shape[1]), -1, dtype=np.int32)
        return np.concatenate([none, self.last_prices[:-1]])

    def days(self, rows: NDArray[np.integer]) -> Days:
        """The sessions of rows, also of those before the panel."""
        if self.carried is None:
            return np.asarray(self.sessions[rows])
        calendar = self.carried.calendar
        return np.asarray(calendar[rows + np.searchsorted(calendar, self.sessions[0])])

    def last_priced(self, rows: Ints) -> Ints:
        """[T, C] The row of the last price on or before each row; -1 before the start."""
        if self.end is not None:
            own = rows[:, None]
            return np.where(own < self.start, np.int32(-1), np.minimum(own, self.end))
        found = self._last[np.maximum(rows, 0)]
        found[rows < 0] = -1
        return np.asarray(found)

    def count(self, base: Ints, rows: Ints) -> Ints:
        """[T, C] How many returns lie in (base, row]; `base` [T, C] holds rows >= 0."""
        if self.end is not None:
            first, last = (np.clip(r, self.start, self.end) for r in (base, rows[:, None]))
            return np.asarray(last - first)
        return np.asarray(self._counts[rows] - np.take_along_axis(self._counts, base, axis=0))

    def at(self, base: Ints) -> Floats:
        """[T, C] The growth at each series' own rows >= 0."""
        return np.asarray(np.take_along_axis(self.growth, base, axis=0))

    def always_positive(self, base: Ints, rows: Ints) -> Bools:
        """[T, C] True where every price in [base, row] is > 0; `base` holds rows >= 0."""
        if self._below is None:
            return np.ones(base.shape, dtype=np.bool_)
        inner = self._below[rows] == np.take_along_axis(self._below, base, axis=0)
        return np.asarray(inner & (self.at(base) > 0))


def row_on_or_before(sessions: Days, days: Days) -> Ints:
    """The row of the last session on or before each day; -1 where there is none."""
    return (np.searchsorted(sessions, days, side="right") - 1).astype(np.int32)


def row_before(sessions: Days, days: Days) -> Ints:
    """The row of the last session before each day; -1 where there is none."""
    return (np.searchsorted(sessions, days, side="left") - 1).astype(np.int32)


def _running(step: np.ufunc, values: NDArray[_T]) -> NDArray[_T]:
    """`step.accumulate` down the rows, in place: a row at a time keeps to the order of memory."""
    for before, row in pairwise(values):
        step(before, row, out=row)
    return values
