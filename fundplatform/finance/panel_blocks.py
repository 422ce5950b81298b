"""Return rows as dense `Panel`s, in blocks of bounded size.

In: return rows in long form. Out: panels. A series whose sessions follow each other without a gap,
as nearly all do, is copied as it stands; only the others are placed row by row.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fundplatform.finance.panel import Floats, Ints, Panel

BLOCK = 320
"""Series per panel at most; fewer where many sessions are measured."""

_CELLS = 40_000
"""Sessions measured times series: a value of each fills arrays by the dozen, half a gigabyte."""

_LEAST = 8


def series_per_panel(measured: int) -> int:
    """How many series a panel has where so many sessions are measured: bounded in memory."""
    return max(_LEAST, min(BLOCK, _CELLS // max(measured, 1)))


def panels(
    returns: pl.DataFrame, sessions: Sequence[date], last: date, block: int = BLOCK
) -> Iterator[Panel]:
    """The series up to `last`, `block` at a time, by instrument.

    Args:
        returns: instrument_id, session, ret; see `finance.metrics.fund_metrics`.
        sessions: The calendar's sessions, ascending.
        last: Rows after it are not read.
        block: Series per panel.
    """
    rows = returns.select("instrument_id", "session", "ret")
    newest = rows["session"].max()
    if isinstance(newest, date) and newest > last:
        rows = rows.filter(pl.col("session") <= last)
    if rows.is_empty() or not len(sessions):
        return
    if not rows["instrument_id"].is_sorted():
        rows = rows.sort("instrument_id", "session")
    oldest = rows["session"].min()
    grid = np.array(sessions, dtype="datetime64[D]").astype(np.int32)
    wanted = np.array([oldest, last], dtype="datetime64[D]").astype(np.int32)
    grid = grid[(grid >= wanted[0]) & (grid <= wanted[1])]
    for own in _by_instruments(rows, block):
        found = _Series.of(own)
        for first in range(0, len(found.starts) - 1, block):
            panel = _panel(found, grid, range(first, min(first + block, len(found.starts) - 1)))
            if panel is not None:
                yield panel


def _by_instruments(rows: pl.DataFrame, block: int) -> Iterator[pl.DataFrame]:
    """The rows of so many instruments at a time, which stay in the cache while they are read."""
    ends = rows["instrument_id"].rle().struct.field("len").cum_sum().to_list()
    begin = 0
    for end in [*ends[block - 1 : -1 : block], ends[-1]]:
        yield rows.slice(begin, end - begin)
        begin = end


@dataclass(frozen=True)
class _Series:
    """N rows by instrument and session. An instrument whose history broke has several series.

    Attributes:
        instruments: [N]
        days: [N] since 1970-01-01.
        returns: [N] no finite one where a series begins.
        starts: [series + 1] first row of each series; at last N.
    """

    instruments: Ints
    days: Ints
    returns: Floats
    starts: NDArray[np.intp]

    @classmethod
    def of(cls, rows: pl.DataFrame) -> "_Series":
        """Sorted only where they are out of order: to look costs a tenth of sorting again."""
        found = cls._as_given(rows)
        return found if found._in_order() else cls._as_given(rows.sort("instrument_id", "session"))

    @classmethod
    def _as_given(cls, rows: pl.DataFrame) -> "_Series":
        ids = rows["instrument_id"].cast(pl.Int32).to_numpy()
        # To make NaN of NULL first is four times as fast as to let to_numpy do it.
        returns = rows["ret"].cast(pl.Float64).fill_null(np.nan).to_numpy()
        begins = ~np.isfinite(returns)
        begins[0] = True
        begins[1:] |= ids[1:] != ids[:-1]
        starts = np.append(np.flatnonzero(begins), len(ids))
        return cls(ids, rows["session"].to_physical().to_numpy(), returns, starts)

    def _in_order(self) -> bool:
        """By session within each instrument."""
        later = self.days[1:] > self.days[:-1]
        later |= self.instruments[1:] > self.instruments[:-1]
        return bool(later.all())


def _panel(rows: _Series, grid: Ints, numbers: range) -> Panel | None:
    """The panel of some series; None where none of them has a bar on a session."""
    # Rows come by series: filled in that order and turned over once, memory is met in order.
    returns = np.zeros((len(numbers), len(grid)))
    priced = np.zeros(returns.shape, dtype=np.bool_)
    instruments: list[int] = []
    start: list[int] = []
    ends: list[int] = []
    gaps = False
    for number in numbers:
        begin, end = int(rows.starts[number]), int(rows.starts[number + 1])
        column = len(start)
        days, own = rows.days[begin:end], rows.returns[begin:end]
        row = int(np.searchsorted(grid, days[0]))
        at: slice | Ints = slice(row, row + len(days))
        if not np.array_equal(grid[at], days):
            at, own = _placed(days, own, grid)
            if not len(own):
                continue
            row, gaps = int(at[0]), True
        returns[column, at], priced[column, at] = own, True
        instruments.append(int(rows.instruments[begin]))
        start.append(row)
        ends.append(row + len(own) - 1)
    if not start:
        return None
    columns = np.arange(len(start))
    returns[columns, start] = 0.0
    priced_at = np.ascontiguousarray(priced[: len(start)].T)
    has_return = priced_at.copy()
    has_return[start, columns] = False
    return Panel(
        sessions=grid.astype("datetime64[D]"),
        instruments=np.array(instruments, dtype=np.int32),
        start=np.array(start, dtype=np.int32),
        priced=priced_at,
        returns=np.ascontiguousarray(returns[: len(start)].T),
        has_return=has_return,
        end=None if gaps else np.array(ends, dtype=np.int32),
    )


def _placed(days: Ints, returns: Floats, grid: Ints) -> tuple[Ints, Floats]:
    """The rows of a series' bars on sessions, and their returns from the bar before.

    The return of a bar on no session is part of that of the next one on a session. A return from
    one session to the next stays as it is, to the last bit.
    """
    at = np.searchsorted(grid, days).astype(np.int32)
    on = grid[np.minimum(at, len(grid) - 1)] == days
    if on.all():
        return at, returns
    growth = np.cumprod(np.concatenate([[1.0], 1.0 + returns[1:]]))[on]
    after_session = np.concatenate([[False], on[:-1]])[on]
    across = np.concatenate([[0.0], growth[1:] / growth[:-1] - 1])[: len(growth)]
    return at[on], np.where(after_session, returns[on], across)
