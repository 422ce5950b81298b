"""Complete calendar months within each frame: best, worst, positive share, captures of months.

A month counts where the frame holds it whole: from the last session of the month before, on which
the series has begun, to its own last session, with at least one price in it. In: a measured block.
Out: columns of funds.risk by frame.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fundplatform.finance import folds
from fundplatform.finance.benchmark import Beside
from fundplatform.finance.blocks import Layout, Part, Statistic, Windows
from fundplatform.finance.cuts import folded
from fundplatform.finance.frame_bases import Frame
from fundplatform.finance.measured import Columns, Measured
from fundplatform.finance.panel import Bools, Floats, Ints

_NAMES = ("n_months", "best_month", "worst_month", "positive_months", "up_month", "down_month")


@dataclass(frozen=True)
class _Months:
    """M month ends of a block.

    Attributes:
        ends: [M] rows.
        layout: Where the months stand.
        returns: [M, C] 0 where there is none; the first month has none.
        valid: [M, C]
    """

    ends: Ints
    layout: Layout
    returns: Floats
    valid: Bools


def monthly(block: Measured, other: Beside | None, month_ends: Ints) -> Columns:
    """The columns that come from months; NaN, and 0 months, where a frame holds none."""
    found: Columns = {name: [] for name in _NAMES}
    if not len(month_ends):
        for frame in block.frames:
            found["n_months"].append(np.zeros_like(frame.n))
            for name in _NAMES[1:]:
                found[name].append(np.full(frame.total.shape, np.nan))
        return found
    months = _months(block, month_ends)
    spread = months.layout.spread
    returns, valid = spread(months.returns), spread(months.valid)
    ends = _over("months", block, months, folds.EXTREMES, returns, valid)
    counts = _over("month_count", block, months, folds.COUNTED, valid)
    captures = _captures(block, months, other)
    for frame, (best, worst, positive), (n,), sides in zip(
        block.frames, ends, counts, captures, strict=True
    ):
        some = frame.sound & (n > 0)
        share = positive / np.maximum(n, 1.0)
        found["n_months"].append(np.where(some, n, 0).astype(np.int32))
        for name, value in zip(_NAMES[1:], (best, worst, share, *sides), strict=True):
            found[name].append(np.where(some, value, np.nan))
    return found


def _months(block: Measured, ends: Ints) -> _Months:
    panel = block.panel
    prices = panel.growth[ends]
    returns = np.zeros_like(prices)
    with np.errstate(divide="ignore", invalid="ignore"):
        returns[1:] = prices[1:] / prices[:-1] - 1
    valid = np.zeros(prices.shape, dtype=np.bool_)
    before = ends[:-1, None]
    valid[1:] = (before >= panel.start) & (panel.last_prices[ends[1:]] > before)
    valid &= np.isfinite(returns)
    layout = Layout.months(panel.sessions[ends])
    return _Months(ends, layout, np.where(valid, returns, 0.0), valid)


def _captures(
    block: Measured, months: _Months, other: Beside | None
) -> Iterator[tuple[Floats, Floats]]:
    if other is None:
        for frame in block.frames:
            nothing = np.full(frame.total.shape, np.nan)
            yield nothing, nothing
        return
    bench, stretch = other.growth[months.ends], other.stretch[months.ends]
    returns = np.zeros_like(bench)
    with np.errstate(divide="ignore", invalid="ignore"):
        returns[1:] = bench[1:] / bench[:-1] - 1
    both = months.valid.copy()
    both[1:] &= (stretch[1:] == stretch[:-1]) & (stretch[1:] > 0)
    spread = months.layout.spread
    values = spread(months.returns), spread(returns), spread(both)
    sides = _over("month_captured", block, months, folds.CAPTURED, *values)
    for side in sides:
        yield folds.capture(side[:3]), folds.capture(side[3:])


def _over(
    name: str, block: Measured, months: _Months, statistic: Statistic, *values: NDArray[np.generic]
) -> Iterator[Part]:
    """For each frame the statistic of the months that it holds whole; fields [T, C]."""
    at, wanted = [], []
    for frame in block.frames:
        first, last = _held(months.ends, frame)
        begin = np.zeros_like(last) if first is None else first
        own = np.flatnonzero(frame.sound.any(axis=1) & (last >= begin))
        at.append(own)
        if first is not None:
            wanted.append(Windows(first[own], last[own]))
    # The last is ALL's.
    cut = block.cut(name, own, last[own], monthly=True)
    days = block.panel.sessions[months.ends]
    parts = folded(statistic, values, months.layout, days, wanted, cut)
    for own, part in zip(at, parts, strict=True):
        yield block.placed(part, own)


def _held(ends: Ints, frame: Frame) -> tuple[Ints | None, Ints]:
    """[T] the first (None: any) and the last month that lie whole in the frame, as rows."""
    last = (np.searchsorted(ends, frame.rows, side="right") - 1).astype(np.int32)
    if frame.window is None:
        return None, last
    return (np.searchsorted(ends, frame.window) + 1).astype(np.int32), last
