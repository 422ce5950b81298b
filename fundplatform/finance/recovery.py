"""The session on which a drawdown was made good. In: prices and falls. Out: rows."""

from dataclasses import dataclass

import numpy as np

from fundplatform.finance.folds import NOISE
from fundplatform.finance.order_index import Longs
from fundplatform.finance.panel import Carried, Floats, Ints


@dataclass(frozen=True)
class Highest:
    """The highest prices of stretches of rows: what finds the next one at some price.

    Attributes:
        levels: Of 1, 2, 4, ... rows, each [stretches, C], an even number of stretches but for the
            last: one of all rows.
    """

    levels: tuple[Floats, ...]

    @classmethod
    def of(cls, prices: Floats) -> "Highest":
        """Of [S, C] prices on any scale."""
        levels = [prices]
        while len(levels[-1]) > 1:
            if len(levels[-1]) % 2:
                none = np.full((1, prices.shape[1]), -np.inf)
                levels[-1] = np.concatenate([levels[-1], none])
            levels.append(np.maximum(levels[-1][::2], levels[-1][1::2]))
        return cls(tuple(levels))

    def first(self, column: Longs, begin: Longs, price: Floats) -> Floats:
        """[queries] The first row from `begin` on at the price or above it; infinite: none."""
        at, height = begin.copy(), np.full(len(begin), -1)
        for level, highest in enumerate(self.levels):
            # The first of two rows is looked at with the second, one level higher.
            alone = (height < 0) & (at % 2 == 1 if level + 1 < len(self.levels) else at == 0)
            rows = np.flatnonzero(alone)
            height[rows[highest[at[rows], column[rows]] >= price[rows]]] = level
            above = height < 0
            at[above] = (at[above] + 1) // 2
        for level in range(len(self.levels) - 2, -1, -1):
            rows = np.flatnonzero(height > level)
            at[rows] *= 2
            at[rows] += self.levels[level][at[rows], column[rows]] < price[rows]
        return np.where(height >= 0, at, np.inf)


def recovered(prices: Highest, peak: Floats, trough: Floats, rows: Ints) -> Floats:
    """The first row after each trough, up to the row evaluated, at the peak's price again.

    The same fall is the deepest of many sessions, so each is looked up once.

    Args:
        prices: [S, C] on any scale.
        peak: [T, C] row of the peak; NaN where there is no fall.
        trough: [T, C] row of the trough.
        rows: [T] rows evaluated: nothing after them is read.

    Returns:
        [T, C]; NaN where it is not made good yet, or where there is no fall.
    """
    found = np.full(peak.shape, np.nan)
    at, column = np.nonzero(np.isfinite(peak))
    if not len(at):
        return found
    top, bottom = peak[at, column].astype(np.int64), trough[at, column].astype(np.int64)
    growth = prices.levels[0]
    length = len(growth)
    keys = (column * length + top) * length + bottom
    falls, inverse = np.unique(keys, return_inverse=True)
    rest, lows = np.divmod(falls, length)
    columns, tops = np.divmod(rest, length)
    again = prices.first(columns, lows + 1, growth[tops, columns] * (1 - NOISE))[inverse]
    found[at, column] = np.where(again <= rows[at], again, np.nan)
    return found


def recovered_since(prices: Highest, carried: Carried, trough: Floats, rows: Ints) -> Floats:
    """`recovered` of falls whose peak lies before the panel.

    Args:
        prices: [S, C] those of the panel, which begins behind the cut.
        carried: What lies before it.
        trough: [T, C] row of the trough, before the panel or in it; NaN where there is no fall.
        rows: [T] rows evaluated.

    Returns:
        [T, C]
    """
    (highest,) = carried.parts["located"][0]
    found = np.full(trough.shape, np.nan)
    at, column = np.nonzero(np.isfinite(trough))
    low = trough[at, column].astype(np.int64)
    level = np.where(low <= 0, carried.top[column], highest[column]) * (1 - NOISE)
    again = prices.first(column, np.maximum(low, 0) + 1, level)
    again = np.where(again <= rows[at], again, np.nan)
    known = carried.recovery[column]
    found[at, column] = np.where((low <= 0) & np.isfinite(known), known, again)
    return found
