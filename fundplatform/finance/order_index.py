"""Order statistics of any window of rows, many at once: a wavelet matrix per column.

In: dense values. Out: the k-th smallest of a window, how many do not exceed it, and their sum, in
as many steps as the number of rows has binary digits, whatever the window's length. All are exact:
values are taken, not computed, and sums run over whole numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fundplatform.finance.panel import Floats

Longs = NDArray[np.int64]


@dataclass(frozen=True)
class Found:
    """Of each query: the k-th smallest value, the count up to it, and the sum of their units."""

    values: Floats
    counts: Longs
    units: Longs


class OrderIndex:
    """The order of S values in each of C columns, for windows of rows."""

    def __init__(self, values: Floats, units: Longs) -> None:
        """Index the columns.

        Args:
            values: [S, C]; infinity where absent, so that it is last of all.
            units: [S, C] what is summed; 0 where absent.
        """
        rows, self._columns = values.shape
        self._sorted = np.full((rows, self._columns), np.inf)
        self._unit_of = np.zeros((rows, self._columns), dtype=np.int64)
        codes = np.empty((rows, self._columns), dtype=np.int32)
        for column in range(self._columns):
            distinct, first, code = np.unique(
                values[:, column], return_index=True, return_inverse=True
            )
            codes[:, column] = code
            self._sorted[: len(distinct), column] = distinct
            self._unit_of[: len(distinct), column] = units[first, column]
        self._bits = max(int(codes.max(initial=0)).bit_length(), 1)
        self._rows = rows + 1
        self._zeros: list[Longs] = []
        self._sums: list[Longs] = []
        for bit in range(self._bits - 1, -1, -1):
            ones = (codes >> bit & 1).astype(np.int8)
            self._zeros.append(_before(1 - ones))
            order = np.argsort(ones, axis=0, kind="stable")
            codes = np.take_along_axis(codes, order, axis=0)
            units = np.take_along_axis(units, order, axis=0)
            self._sums.append(_before(units))

    def kth(self, column: Longs, begin: Longs, end: Longs, k: Longs) -> Found:
        """The k-th smallest (from 0) of rows [begin, end) of each column; all [queries].

        Queries in the order of their columns are answered faster: they meet memory in order.
        """
        less, units = np.zeros(len(k), dtype=np.int64), np.zeros(len(k), dtype=np.int64)
        place, same = self._descended((column, begin, end, k), less, units)
        units += same * self._unit_of.ravel()[place]
        return Found(self._sorted.ravel()[place], less + same, units)

    def value(self, column: Longs, begin: Longs, end: Longs, k: Longs) -> Floats:
        """The values of `kth` alone."""
        place, _ = self._descended((column, begin, end, k))
        return np.asarray(self._sorted.ravel()[place])

    def _descended(
        self, asked: Sequence[Longs], less: Longs | None = None, units: Longs | None = None
    ) -> tuple[Longs, Longs]:
        """Where the values stand, and how often each window has its own.

        To `less` is added how many values of the window are smaller, to `units` their sum.
        """
        column, begin, end, k = asked
        own = column * self._rows
        begin, end, k = begin + own, end + own, k.copy()
        code = np.zeros(len(k), dtype=np.int64)
        for bit, zeros, sums in zip(
            range(self._bits - 1, -1, -1), self._zeros, self._sums, strict=True
        ):
            low, high = zeros.take(begin), zeros.take(end)
            count = high - low
            up = k >= count
            passed = np.where(up, count, 0)
            if less is not None and units is not None:
                less += passed
                units += np.where(up, sums.take(high + own) - sums.take(low + own), 0)
            k -= passed
            code |= up.astype(np.int64) << bit
            all_zeros = zeros.take(own + self._rows - 1)
            begin = np.where(up, all_zeros + begin - low, low + own)
            end = np.where(up, all_zeros + end - high, high + own)
        return code * self._columns + column, end - begin


def _before(values: NDArray[np.generic]) -> Longs:
    """[C x (S + 1)] sums of the rows before each, column by column."""
    found = np.zeros((values.shape[1], len(values) + 1), dtype=np.int64)
    np.cumsum(values.T, axis=1, out=found[:, 1:], dtype=np.int64)
    return found.ravel()
