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
        order: [names] block of the bars that each column shows; None: in the order of the blocks.
        flat: [bars] place in [blocks x sessions]; None where every name has every session.
    """

    shape: tuple[int, int]
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

    def there(self) -> Bools:
        """[T, M] True where there is a bar."""
        if self.flat is None:
            return np.ones(self.shape, dtype=np.bool_)
        blocks = np.zeros(self.shape[0] * self.shape[1], dtype=np.bool_)
        blocks[self.flat] = True
        by_name = blocks.reshape(self.shape[1], self.shape[0])
        return np.ascontiguousarray((by_name if self.order is None else by_name[self.order]).T)


def layout(bars: pl.DataFrame, first: int, last: int) -> tuple[Layout, pl.DataFrame]:
    """The layout of the positions from first to last, and instrument_id, symbol of its columns."""
    ids = bars["instrument_id"].to_numpy()
    starts = np.append(np.flatnonzero(ids[1:] != ids[:-1]) + 1, ids.size)
    starts = np.insert(starts, 0, 0) if ids.size else starts[:0]
    # The symbol at the end: one that was renamed keeps its column.
    names = bars[starts[1:] - 1].select("instrument_id", "symbol", "listed_from")
    names = names.with_row_index("block").sort("symbol", "listed_from", nulls_last=True)
    order = names["block"].cast(pl.Int64).to_numpy()
    count = last - first + 1
    flat = None
    if ids.size != count * order.size:
        block = np.repeat(np.arange(order.size), np.diff(starts)) if ids.size else order
        flat = block * count + (bars["pos"].to_numpy().astype(np.int64) - first)
    same = bool((order == np.arange(order.size)).all())
    return Layout((count, order.size), None if same else order, flat), names
