"""The session on which a drawdown was made good. In: prices and falls. Out: rows."""

import numpy as np

from fundplatform.finance.folds import NOISE
from fundplatform.finance.panel import Carried, Floats, Ints, Panel


def recovered(growth: Floats, peak: Floats, trough: Floats, rows: Ints) -> Floats:
    """The first row after each trough, up to the row evaluated, at the peak's price again.

    The same fall is the deepest of many sessions, so each is looked up once.

    Args:
        growth: [S, C] prices on any scale.
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
    length = len(growth)
    keys = (column * length + top) * length + bottom
    falls, inverse = np.unique(keys, return_inverse=True)
    rest, lows = np.divmod(falls, length)
    columns, tops = np.divmod(rest, length)
    again = np.array(
        [
            _first_at(growth[low + 1 :, c], growth[t, c] * (1 - NOISE), int(low) + 1)
            for low, t, c in zip(lows, tops, columns, strict=True)
        ]
    )[inverse]
    found[at, column] = np.where(again <= rows[at], again, np.nan)
    return found


def recovered_since(panel: Panel, carried: Carried, trough: Floats, rows: Ints) -> Floats:
    """`recovered` of falls whose peak lies before the panel.

    Args:
        panel: It begins behind the cut.
        carried: What lies before it.
        trough: [T, C] row of the trough, before the panel or in it; NaN where there is no fall.
        rows: [T] rows evaluated.

    Returns:
        [T, C]
    """
    (highest,) = carried.parts["located"][0]
    found = np.full(trough.shape, np.nan)
    for at, c in zip(*np.nonzero(np.isfinite(trough)), strict=True):
        low = int(trough[at, c])
        if low <= 0 and np.isfinite(carried.recovery[c]):
            found[at, c] = carried.recovery[c]
            continue
        level = (carried.top[c] if low <= 0 else highest[c]) * (1 - NOISE)
        begin = max(low, 0) + 1
        again = _first_at(panel.growth[begin : rows[at] + 1, c], level, begin)
        found[at, c] = again if np.isfinite(again) else np.nan
    return found


def _first_at(prices: Floats, level: float, offset: int) -> float:
    reached = prices >= level
    first = int(reached.argmax()) if len(reached) else 0
    return offset + first if len(reached) and reached[first] else np.inf
