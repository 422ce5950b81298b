"""Dense [sessions x series] arrays of return series, in blocks of bounded size.

In: return rows. Out: `Panel`s, in which a missing price is a zero return marked as absent, so that
statistics run over whole windows at once. No formulas of metrics here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]
Bools = NDArray[np.bool_]
Days = NDArray[np.datetime64]

BLOCK = 320
"""Series per panel where a few sessions are measured: little is said of each array."""

MANY_BLOCK = 32
"""Series per panel where many sessions are measured: a value of each fills arrays by the dozen."""


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
        growth = np.cumprod(1.0 + self.returns, axis=0)
        last = np.maximum.accumulate(np.where(self.priced, rows, np.int32(-1)), axis=0)
        low = growth <= 0
        below = np.cumsum(low, axis=0, dtype=np.int32) if low.any() else None
        object.__setattr__(self, "growth", growth)
        object.__setattr__(self, "_last", last)
        object.__setattr__(self, "_counts", np.cumsum(self.has_return, axis=0, dtype=np.int32))
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
    rows = returns.select("instrument_id", "session", "ret").filter(pl.col("session") <= last)
    days = np.array(sessions, dtype="datetime64[D]")
    if rows.is_empty() or not len(days):
        return
    oldest = rows.select(pl.col("session").min().cast(pl.Int32)).item()
    days = days[(days.astype(np.int64) >= oldest) & (days <= np.datetime64(last, "D"))]
    rows = _series(rows, days)
    series = rows["series"].to_numpy()
    total = int(series[-1]) + 1 if len(series) else 0
    for first in range(0, total, block):
        begin, end = np.searchsorted(series, [first, first + block])
        yield _panel(rows[int(begin) : int(end)], days, first)


def _series(rows: pl.DataFrame, days: Days) -> pl.DataFrame:
    """Rows with `series` (0, 1, ...) and `row` in `days`; the first of a series is `begins`."""
    if not _in_order(rows):
        rows = rows.sort("instrument_id", "session")
    ids = rows["instrument_id"].to_numpy()
    begins = ~np.isfinite(rows["ret"].to_numpy())
    begins[:1] = True
    begins[1:] |= ids[1:] != ids[:-1]
    row = _rows_of(rows["session"], days)
    rows = rows.with_columns(
        begins=pl.Series(begins), row=pl.Series(row), series=pl.Series(np.cumsum(begins) - 1)
    )
    if (row >= 0).all():
        return rows
    growth = (1 + pl.when("begins").then(0.0).otherwise("ret")).cum_prod().over("series")
    # A return from one session to the next stays as it is, to the last bit.
    own = (pl.col("row").shift(1) >= 0).over("series")
    kept = rows.with_columns(growth=growth, own=own).filter(pl.col("row") >= 0)
    before = pl.col("growth").shift(1).over("series")
    return kept.with_columns(
        ret=pl.when("own").then("ret").otherwise(pl.col("growth") / before - 1),
        begins=before.is_null(),
        series=pl.col("series").rle_id().cast(pl.Int64),
    )


def _in_order(rows: pl.DataFrame) -> bool:
    """Mostly they are, and to look costs a tenth of sorting again."""
    ids = rows["instrument_id"].to_numpy()
    days = rows["session"].cast(pl.Int32).to_numpy()
    same = ids[1:] == ids[:-1]
    return bool(np.all(np.where(same, days[1:] > days[:-1], ids[1:] > ids[:-1])))


def _rows_of(session: pl.Series, days: Days) -> NDArray[np.int64]:
    """The row in `days` of each session; -1 where it is none of them."""
    number = session.cast(pl.Int32).to_numpy()
    first = int(number.min())
    table = np.full(int(number.max()) - first + 1, -1, dtype=np.int64)
    offsets = days.astype(np.int64) - first
    inside = offsets < len(table)
    table[offsets[inside]] = np.flatnonzero(inside)
    return np.asarray(table[number - first])


def _panel(rows: pl.DataFrame, days: Days, first: int) -> Panel:
    row, column = rows["row"].to_numpy(), rows["series"].to_numpy() - first
    begins = rows["begins"].to_numpy()
    shape = (int(column[-1]) + 1, len(days))
    # Rows come by series: filled in that order and turned over once, memory is met in order.
    place = column * len(days) + row
    starts = place[begins]
    priced = np.zeros(shape, dtype=np.bool_)
    returns = np.zeros(shape)
    priced.ravel()[place] = True
    returns.ravel()[place] = rows["ret"].fill_null(0.0).to_numpy()
    returns.ravel()[starts] = 0.0
    has_return = priced.copy()
    has_return.ravel()[starts] = False
    return Panel(
        sessions=days,
        instruments=rows["instrument_id"].cast(pl.Int32).to_numpy()[begins],
        start=row[begins].astype(np.int32),
        priced=np.ascontiguousarray(priced.T),
        returns=np.ascontiguousarray(returns.T),
        has_return=np.ascontiguousarray(has_return.T),
    )
