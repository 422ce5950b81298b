"""Dense [sessions x series] arrays of return series, and the running values of each series.

A missing price is a zero return marked as absent, so that statistics run over whole windows at
once. How rows become panels is `panel_blocks.py`'s. No formulas of metrics here.
"""

from dataclasses import dataclass, field
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
        growth: [S, C] price / first price, carried over missing prices; 1 before the start.
    """

    sessions: Days
    instruments: Ints
    start: Ints
    priced: Bools
    returns: Floats
    has_return: Bools
    growth: Floats = field(init=False)
    _last: Ints = field(init=False, repr=False)
    _counts: Ints = field(init=False, repr=False)
    _below: Ints | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Derive the running values."""
        rows = np.arange(len(self.sessions), dtype=np.int32)[:, None]
        growth = _running(np.multiply, 1.0 + self.returns)
        last = _running(np.maximum, np.where(self.priced, rows, np.int32(-1)))
        falls_below = growth.min(initial=1.0) <= 0
        below = _running(np.add, (growth <= 0).astype(np.int32)) if falls_below else None
        object.__setattr__(self, "growth", growth)
        object.__setattr__(self, "_last", last)
        object.__setattr__(self, "_counts", _running(np.add, self.has_return.astype(np.int32)))
        object.__setattr__(self, "_below", below)

    @property
    def last_prices(self) -> Ints:
        """[S, C] The row of the last price on or before each row; -1 before the start."""
        return self._last

    @property
    def before(self) -> Ints:
        """[S, C] The row of the last price before each row: where its return starts from."""
        none = np.full((1, self._last.shape[1]), -1, dtype=np.int32)
        return np.concatenate([none, self._last[:-1]])

    def last_priced(self, rows: Ints) -> Ints:
        """[T, C] The row of the last price on or before each row; -1 before the start."""
        found = self._last[np.maximum(rows, 0)]
        found[rows < 0] = -1
        return np.asarray(found)

    def count(self, base: Ints, rows: Ints) -> Ints:
        """[T, C] How many returns lie in (base, row]; `base` [T, C] holds rows >= 0."""
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


def _running(step: np.ufunc, values: NDArray[_T]) -> NDArray[_T]:
    """`step.accumulate` down the rows, in place: a row at a time keeps to the order of memory."""
    for before, row in pairwise(values):
        step(before, row, out=row)
    return values
