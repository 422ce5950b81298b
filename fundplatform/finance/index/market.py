"""The universe of an index as dense arrays [sessions x names], read row by row by the basket.

Which name is chosen does not belong here. In: bars with their measure (long). Out: a `Market`, in
which a missing bar is absent, never 0. Columns stand in the order of natural keys (symbol, first
listing), so that no result depends on ids.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from fundplatform.finance.index.layout import Bools, Floats, Layout, layout
from fundplatform.finance.index.market_cap import Snapshots
from fundplatform.finance.index.panel import Ints


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
    _made: dict[Hashable, Any]

    def market(self, first: int, last: int) -> "Market":
        """The dense arrays of the positions from first to last; made once."""
        dense: Market = self.once((first, last), lambda: market(self.bars, first, last))
        return dense

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:  # noqa: ANN401
        """What `make` gives, made once for all indices that share this."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]


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
        bars: The bars.
        layout: Where each of them stands.
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
    layout: Layout

    def dense(self, column: str) -> Floats:
        """[T, M] another column of the bars, carried over missing bars; NaN where unknown."""
        return self.carried(self.layout.placed(self.bars[column]))

    def carried(self, values: npt.NDArray[np.float64]) -> Floats:
        """[T, M] each value of the last bar at or before."""
        dense: Floats = _carry(values, self.last, self.bar, np.nan)
        return dense

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
    own, names = layout(bars, first, last)
    bar = own.there()
    at = np.arange(bar.shape[0], dtype=np.int64)[:, None]
    last_bar = np.broadcast_to(at, bar.shape)
    if not own.complete:
        last_bar = np.maximum.accumulate(np.where(bar, at, -1), axis=0)
    age = own.placed(bars["age"].fill_null(-1), np.int32, -1)
    whole = None
    if "whole" in bars.columns and bars["whole"].any():
        whole = _carry(own.placed(bars["whole"], np.bool_, False), last_bar, bar, False)
    return Market(
        first,
        names["instrument_id"].to_numpy(),
        names["symbol"].to_list(),
        bar,
        own.placed(bars["ret"]),
        _carry(own.placed(bars["measure"]), last_bar, bar, np.nan),
        _carry(age, last_bar, bar, -1),
        whole,
        last_bar,
        bars,
        own,
    )


def _carry(values: Any, last: Ints, bar: Bools, nothing: float) -> Any:  # noqa: ANN401
    """[T, M] each value of the last bar at or before, `nothing` before the first."""
    if bar.all():
        return values
    carried = np.take_along_axis(values, np.maximum(last, 0), axis=0)
    return np.where(last >= 0, carried, values.dtype.type(nothing))


__all__ = ["Bools", "Floats", "Market", "Prepared", "market"]
