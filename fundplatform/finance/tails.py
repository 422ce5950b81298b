"""Historical value at risk and expected shortfall over windows of rows (methodology B2).

In: dense returns and windows. Out: both as positive losses. Order statistics are exact, and the
mean beyond them is summed in fixed point, so that no way of computing gives another last bit.
"""

import numpy as np

from fundplatform.finance.panel import Bools, Floats, Ints

QUANTILE = 0.05
MIN_RETURNS = 100
"""Fewer say nothing of a twentieth."""

_UNIT = 2.0**52
"""A return is P / P' - 1: a multiple of 2^-53 at the finest, so nothing is lost that was there."""


def tails(
    returns: Floats, has_return: Bools, first: Ints, last: Ints, wanted: Bools
) -> tuple[Floats, Floats]:
    """VaR and CVaR at 95 %: -q, q the 5 % quantile (linear), and -mean(r <= q).

    Args:
        returns: [S, C], 0 where absent.
        has_return: [S, C]
        first: [T] first row of each window, or [T, C].
        last: [T] last row.
        wanted: [T, C] where values are wanted; at least `MIN_RETURNS` returns must be there.

    Returns:
        Two [T, C]; NaN where not wanted.
    """
    var, shortfall = np.full(wanted.shape, np.nan), np.full(wanted.shape, np.nan)
    columns = np.where(has_return, returns, np.inf).T.copy()
    counts = np.cumsum(has_return, axis=0, dtype=np.int64)
    for t in range(len(last)):
        chosen = np.flatnonzero(wanted[t])
        if not len(chosen):
            continue
        begin, end = int(first[t]), int(last[t]) + 1
        block = columns[chosen, begin:end] if len(chosen) < len(columns) else columns[:, begin:end]
        before = counts[begin - 1, chosen] if begin else 0
        n = counts[end - 1, chosen] - before
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
