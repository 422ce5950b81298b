"""Order statistics of any window of rows, many at once: a wavelet matrix per column.

In: dense values. Out: the k-th smallest of a window, how many do not exceed it, and their sum, in
as many steps as the number of rows has binary digits, whatever the window's length. All are exact:
values are taken, not computed, and sums run over whole numbers.
"""

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
        self._zeros: list[NDArray[np.int32]] = []
        self._sums: list[Longs] = []
        for bit in range(self._bits - 1, -1, -1):
            ones = (codes >> bit & 1).astype(np.int8)
            self._zeros.append(_running(1 - ones, np.int32))
            order = np.argsort(ones, axis=0, kind="stable")
            codes = np.take_along_axis(codes, order, axis=0)
            units = np.take_along_axis(units, order, axis=0)
            self._sums.append(_running(units, np.int64))

    def kth(self, column: Longs, begin: Longs, end: Longs, k: Longs) -> Found:
        """The k-th smallest (from 0) of rows [begin, end) of each column; all [queries]."""
        begin, end, k = begin.copy(), end.copy(), k.copy()
        code = np.zeros(len(k), dtype=np.int64)
        less, units = np.zeros(len(k), dtype=np.int64), np.zeros(len(k), dtype=np.int64)
        for bit, zeros, sums in zip(
            range(self._bits - 1, -1, -1), self._zeros, self._sums, strict=True
        ):
            flat = zeros.ravel()
            low = flat[begin * self._columns + column].astype(np.int64)
            high = flat[end * self._columns + column].astype(np.int64)
            count = high - low
            up = k >= count
            total = sums.ravel()
            here = total[high * self._columns + column] - total[low * self._columns + column]
            units += np.where(up, here, 0)
            less += np.where(up, count, 0)
            k -= np.where(up, count, 0)
            code |= up.astype(np.int64) << bit
            all_zeros = zeros[-1, column].astype(np.int64)
            begin = np.where(up, all_zeros + begin - low, low)
            end = np.where(up, all_zeros + end - high, high)
        same = end - begin
        place = code * self._columns + column
        units += same * self._unit_of.ravel()[place]
        return Found(self._sorted.ravel()[place], less + same, units)


def _running(values: NDArray[np.generic], kind: type[np.int32] | type[np.int64]) -> NDArray:  # type: ignore[type-arg]
    """[S + 1, C] sums of the rows before each."""
    found = np.zeros((len(values) + 1, values.shape[1]), dtype=kind)
    np.cumsum(values, axis=0, out=found[1:], dtype=kind)
    return found
