"""Where the bars of a universe stand in dense arrays [sessions x names].

What the values mean does not belong here. In: bars in (instrument_id, pos) order. Out: a `Layout`,
which places a column of them. Columns stand in the order of natural keys (symbol, first listing),
so that no result depends on ids.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from fundplatform.finance.index.panel import Ints

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Layout:
    """The place of every bar.

    Attributes:
        shape: Sessions, names.
        starts: [names + 1] row of the bars where each block (an instrument) begins.
        order: [names] block of the bars that each column shows; None: in the order of the blocks.
        flat: [bars] place in [blocks x sessions], ascending; None where every name has every
            session.
    """

    shape: tuple[int, int]
    starts: Ints
    order: Ints | None
    flat: Ints | None

    @property
    def complete(self) -> bool:
        """Whether every name has a bar on every session."""
        return self.flat is None

    def placed(
        self, values: pl.Series, dtype: npt.DTypeLike = np.float64, empty: float = np.nan
    ) -> Any:  # noqa: ANN401
        """[T, M] the column; `empty` (a float column: also where it is NULL) without a bar."""
        sessions, names = self.shape
        if dtype is np.float64:
            values = values.cast(pl.Float64).fill_null(np.nan)
        own = values.to_numpy().astype(dtype, copy=False)
        if self.flat is not None:
            blocks = np.full(sessions * names, empty, dtype=dtype)
            blocks[self.flat] = own
            own = blocks
        by_name = own.reshape(names, sessions)
        return np.ascontiguousarray((by_name if self.order is None else by_name[self.order]).T)

    def rows_of(self, columns: Ints) -> Ints:
        """The rows of the bars that stand in these columns, column by column."""
        blocks = columns if self.order is None else self.order[columns]
        ends = zip(self.starts[blocks], self.starts[blocks + 1], strict=True)
        parts = [np.arange(a, b) for a, b in ends]
        return np.concatenate([np.empty(0, np.int64), *parts])

    def bar_from(self, columns: Ints, pos: Ints) -> Ints:
        """Position of each column's first bar at or after a position; `sessions` without one."""
        if self.flat is None or not self.flat.size:
            return pos
        sessions = self.shape[0]
        base = (columns if self.order is None else self.order[columns]) * sessions
        at = np.searchsorted(self.flat, base + pos, "left")
        found = self.flat[np.minimum(at, self.flat.size - 1)] - base
        return np.where((at < self.flat.size) & (found < sessions), found, sessions)

    def bar_to(self, columns: Ints, pos: Ints) -> Ints:
        """Position of each column's last bar at or before a position; -1 without one."""
        if self.flat is None or not self.flat.size:
            return pos
        base = (columns if self.order is None else self.order[columns]) * self.shape[0]
        at = np.searchsorted(self.flat, base + pos, "right") - 1
        return np.maximum(np.where(at >= 0, self.flat[at] - base, -1), -1)

    def there(self) -> Bools:
        """[T, M] True where there is a bar."""
        if self.flat is None:
            return np.ones(self.shape, dtype=np.bool_)
        blocks = np.zeros(self.shape[0] * self.shape[1], dtype=np.bool_)
        blocks[self.flat] = True
        by_name = blocks.reshape(self.shape[1], self.shape[0])
        return np.ascontiguousarray((by_name if self.order is None else by_name[self.order]).T)


def layout(bars: pl.DataFrame, count: int) -> tuple[Layout, pl.DataFrame]:
    """The layout of the first `count` positions, and instrument_id, symbol of its columns."""
    ids = bars["instrument_id"].to_numpy()
    starts = np.append(np.flatnonzero(ids[1:] != ids[:-1]) + 1, ids.size)
    starts = np.insert(starts, 0, 0) if ids.size else starts
    # The symbol at the end: one that was renamed keeps its column.
    names = bars[starts[1:] - 1].select("instrument_id", "symbol", "listed_from")
    names = names.with_row_index("block").sort("symbol", "listed_from", nulls_last=True)
    order = names["block"].cast(pl.Int64).to_numpy()
    flat = None
    if ids.size != count * order.size:
        block = np.repeat(np.arange(order.size), np.diff(starts))
        flat = block * count + bars["pos"].to_numpy().astype(np.int64)
    same = bool((order == np.arange(order.size)).all())
    return Layout((count, order.size), starts, None if same else order, flat), names
