"""The universe of an index as dense arrays [sessions x names], read row by row by the basket.

Which name is chosen does not belong here. In: bars with their measure (long). Out: a `Market`, in
which a missing bar is absent, never 0. Columns stand in the order of natural keys (symbol, first
listing), so that no result depends on ids.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from fundplatform.finance.index.market_cap import Snapshots
from fundplatform.finance.index.panel import Ints

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Prepared:
    """What indices over the same universe, calendar and measure share.

    Attributes:
        bars: `panel.bars_on` with measure (Float64) and age (Int32), in (instrument_id, pos) order;
            whole (Boolean) where the measure is a market cap.
        known: The cap snapshots, where the measure is a market cap.
        refused: Those that do not count, of the universe and beside it.
        sessions: The sessions that `pos` numbers.
    """

    bars: pl.DataFrame
    known: Snapshots | None
    refused: Snapshots | None
    sessions: list[date]
    _dense: dict[tuple[int, int], "Market"]

    def market(self, first: int, last: int) -> "Market":
        """The dense arrays of the positions from first to last; made once."""
        if (first, last) not in self._dense:
            self._dense[first, last] = market(self.bars, first, last)
        return self._dense[first, last]


@dataclass(frozen=True)
class Market:
    """T positions from `first` on, M names.

    Attributes:
        first: Position of row 0.
        ids: [M] instrument ids, ascending in (symbol, listed_from).
        symbols: [M].
        bar: [T, M] True where the name has a bar.
        ret: [T, M] return since the bar before; NaN without a bar, or where the series starts anew.
        measure: [T, M] what ranks, carried over missing bars; NaN where unknown.
        age: [T, M] days since the cap snapshot, carried; -1 where there is none.
        whole: [T, M] True where the measure is the whole issuer's cap, carried; None: nowhere.
        last: [T, M] row of the last bar at or before; -1 before the first.
        rows: Position, column and row in `bars` of every bar (for `dense`).
    """

    first: int
    ids: npt.NDArray[np.int32]
    symbols: list[str]
    bar: Bools
    ret: Floats
    measure: Floats
    age: npt.NDArray[np.int32]
    whole: Bools | None
    last: Ints
    bars: pl.DataFrame
    rows: tuple[Ints, Ints]

    def dense(self, column: str) -> Floats:
        """[T, M] another column of the bars, carried over missing bars; NaN where unknown."""
        return self.carried(_scatter(self.bars[column], self.rows, self.bar.shape))

    def carried(self, values: npt.NDArray[np.float64]) -> Floats:
        """[T, M] each value of the last bar at or before."""
        return _carry(values, self.last, self.bar)

    def columns(self, ids: pl.Series) -> Ints:
        """The column of each instrument; -1 for one without a bar here."""
        order = np.argsort(self.ids)
        wanted = ids.to_numpy()
        if not order.size:
            return np.full(wanted.shape, -1, dtype=np.int64)
        at = np.minimum(np.searchsorted(self.ids, wanted, sorter=order), order.size - 1)
        found: Ints = np.where(self.ids[order[at]] == wanted, order[at], -1)
        return found


def market(bars: pl.DataFrame, first: int, last: int) -> Market:
    """Densify the bars of the positions from first to last.

    Args:
        bars: See `Prepared`.
        first: First position.
        last: Last position.
    """
    if first > 0 or (bars.height and int(bars["pos"].max()) > last):  # type: ignore[arg-type]
        bars = bars.filter(pl.col("pos").is_between(first, last))
    ids = bars["instrument_id"].to_numpy()
    starts = np.flatnonzero(np.diff(ids, prepend=-1))
    # The symbol at the end: one that was renamed keeps its column.
    ends = np.append(starts[1:], ids.size) - 1 if starts.size else starts
    names = bars[ends].select("instrument_id", "symbol", "listed_from").with_row_index("at")
    names = names.sort("symbol", "listed_from", nulls_last=True)
    column_of = np.empty(names.height, dtype=np.int64)
    column_of[names["at"].to_numpy()] = np.arange(names.height)
    lengths = np.diff(np.append(starts, ids.size))
    rows = (bars["pos"].to_numpy().astype(np.int64) - first, np.repeat(column_of, lengths))
    shape = (last - first + 1, names.height)
    bar = np.zeros(shape, dtype=np.bool_)
    bar[rows] = True
    at = np.arange(shape[0])[:, None]
    last_bar = np.maximum.accumulate(np.where(bar, at, -1), axis=0)
    return Market(
        first,
        names["instrument_id"].to_numpy(),
        names["symbol"].to_list(),
        bar,
        _scatter(bars["ret"], rows, shape),
        _carry(_scatter(bars["measure"], rows, shape), last_bar, bar),
        np.nan_to_num(_carry(_scatter(bars["age"], rows, shape), last_bar, bar), nan=-1.0).astype(
            np.int32
        ),
        _whole(bars, rows, shape, last_bar, bar),
        last_bar,
        bars,
        rows,
    )


def _whole(
    bars: pl.DataFrame, rows: tuple[Ints, Ints], shape: tuple[int, int], last: Ints, bar: Bools
) -> Bools | None:
    if "whole" not in bars.columns or not bars["whole"].any():
        return None
    return _carry(_scatter(bars["whole"], rows, shape), last, bar) > 0


def _scatter(values: pl.Series, rows: tuple[Ints, Ints], shape: tuple[int, int]) -> Floats:
    dense = np.full(shape, np.nan)
    if values.null_count() < len(values):
        dense[rows] = values.cast(pl.Float64).to_numpy()
    return dense


def _carry(values: Floats, last: Ints, bar: Bools) -> Floats:
    if bar.all() or np.isnan(values).all():
        return values
    carried = np.take_along_axis(values, np.maximum(last, 0), axis=0)
    return np.where(last >= 0, carried, np.nan)
