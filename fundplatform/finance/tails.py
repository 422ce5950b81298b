"""Historical value at risk and expected shortfall over windows of rows (methodology B2).

In: dense returns and windows. Out: both as positive losses. Order statistics are exact, and the
mean beyond them is summed in fixed point, so that no way of computing gives another last bit.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fundplatform.finance.order_index import OrderIndex
from fundplatform.finance.panel import Bools, Carried, Floats, Ints

QUANTILE = 0.05
MIN_RETURNS = 100
"""Fewer say nothing of a twentieth."""

MANY = 32
"""Sessions from which on the windows are not sorted one by one."""

_UNIT = 2.0**52
"""A return is P / P' - 1: a multiple of 2^-53 at the finest, so nothing is lost that was there."""


@dataclass(frozen=True)
class Observed:
    """Returns as their tails are looked up in: made once for all frames.

    Attributes:
        counts: [S + 1, C] returns before each row.
        index: For many sessions; None for few.
        columns: [C, S] absent ones at infinity, for few sessions; None for many.
    """

    counts: NDArray[np.int64]
    index: OrderIndex | None
    columns: Floats | None

    @classmethod
    def of(cls, returns: Floats, has_return: Bools, sessions: int) -> "Observed":
        """Of [S, C] returns, 0 where absent, for this many sessions to evaluate."""
        none = np.zeros((1, returns.shape[1]), np.int64)
        counts = np.concatenate([none, has_return.cumsum(axis=0)])
        if sessions < MANY:
            return cls(counts, None, np.where(has_return.T, returns.T, np.inf).copy(order="C"))
        units = np.where(has_return, np.rint(returns * _UNIT), 0.0).astype(np.int64)
        return cls(counts, OrderIndex(np.where(has_return, returns, np.inf), units), None)


def tails(
    observed: Observed,
    first: Ints,
    last: Ints,
    wanted: Bools,
    before: Carried | None = None,
) -> tuple[Floats, Floats]:
    """VaR and CVaR at 95 %: -q, q the 5 % quantile (linear), and -mean(r <= q).

    Args:
        observed: The returns.
        first: [T] first row of each window.
        last: [T] last row.
        wanted: [T, C] where values are wanted; at least `MIN_RETURNS` returns must be there.
        before: Returns before the first row that the windows hold too; for few sessions.

    Returns:
        Two [T, C]; NaN where not wanted.
    """
    index, counts = observed.index, observed.counts
    if index is None:
        return _one_by_one(observed, first, last, wanted, before)
    column, at = np.nonzero(wanted.T)
    begin, end = first[at].astype(np.int64), last[at].astype(np.int64) + 1
    n = counts[end, column] - counts[begin, column]
    place = (n - 1) * QUANTILE
    low = np.floor(place).astype(np.int64)
    found = index.kth(column, begin, end, low)
    above = index.value(column, begin, end, np.minimum(low + 1, n - 1))
    var, shortfall = np.full(wanted.shape, np.nan), np.full(wanted.shape, np.nan)
    var[at, column] = -(found.values + (place - low) * (above - found.values))
    shortfall[at, column] = -(found.units / _UNIT / found.counts)
    return var, shortfall


def _one_by_one(
    observed: Observed, first: Ints, last: Ints, wanted: Bools, before: Carried | None
) -> tuple[Floats, Floats]:
    """For a few sessions the windows are cheaper to sort than the whole is to index."""
    var, shortfall = np.full(wanted.shape, np.nan), np.full(wanted.shape, np.nan)
    counts, columns = observed.counts, observed.columns
    for t in range(len(last)):
        chosen = np.flatnonzero(wanted[t])
        if columns is not None and len(chosen):
            begin, end = int(first[t]), int(last[t]) + 1
            n = counts[end, chosen] - counts[begin, chosen]
            block = columns[chosen, begin:end]
            if before is not None:
                n = n + before.count[chosen]
                block = np.concatenate([before.lowest[chosen], block], axis=1)
            var[t, chosen], shortfall[t, chosen] = _tail(block, n)
    return var, shortfall


def _tail(block: Floats, n: Ints) -> tuple[Floats, Floats]:
    """[C] both losses of [C, L] returns, absent ones at infinity, n of them present."""
    place = (n - 1) * QUANTILE
    low = np.floor(place).astype(np.int64)
    deep = min(int(low.max()) + 1, block.shape[1] - 1)
    lowest = np.partition(block, deep, axis=1)[:, : deep + 1]
    lowest.sort(axis=1)
    own = np.arange(len(block))
    at, above = lowest[own, low], lowest[own, np.minimum(low + 1, n - 1)]
    quantile = at + (place - low) * (above - at)
    counted = np.arange(deep + 1)[None, :] <= low[:, None]
    units = np.rint(np.where(counted, lowest, 0.0) * _UNIT).astype(np.int64).sum(axis=1)
    same = (block <= at[:, None]).sum(axis=1)
    units += (same - low - 1) * np.rint(at * _UNIT).astype(np.int64)
    return -quantile, -(units / _UNIT / same)
