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

from fundplatform.finance.index import cap_panel
from fundplatform.finance.index.layout import Bools, Floats, Layout, layout
from fundplatform.finance.index.market_cap import Snapshots
from fundplatform.finance.index.names import Names, placed_former
from fundplatform.finance.index.panel import Ints


@dataclass(frozen=True)
class Prepared:
    """What indices over the same universe, calendar and measure share.

    Attributes:
        bars: `panel.bars_on` in (instrument_id, pos) order; with measure (Float64) where that is
            no market cap.
        known: The cap snapshots, where the measure is a market cap.
        refused: Those that do not count, of the universe and beside it.
        sessions: The sessions that `pos` numbers.
        stale_sessions: How far before a snapshot its price may lie.
        former: `names.placed_former`: what was renamed.
    """

    bars: pl.DataFrame
    known: Snapshots | None
    refused: Snapshots | None
    sessions: list[date]
    stale_sessions: int
    former: pl.DataFrame
    _made: dict[Hashable, Any]

    def market(self, first: int, last: int) -> "Market":
        """The dense arrays of the positions from first to last; those up to last are made once."""
        whole: Market = self.once(
            ("market", last),
            lambda: market(self.bars, last, self.known, self.stale_sessions, self.former),
        )
        cut: Market = self.once((first, last), lambda: whole.since(first))
        return cut

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
        names: [M] what they are called, and were.
        bar: [T, M] True where the name has a bar.
        ret: [T, M] return since the bar before; NaN without a bar, or where the series starts anew.
        measure: [T, M] what ranks, carried over missing bars; NaN where unknown.
        whole: [T, M] True where the measure is the whole issuer's cap, carried; None: nowhere.
        last: [T, M] row of the last bar at or before; -1 where none is here.
        bars: The bars up to the last position.
        layout: Where each of them stands, from position 0 on.
        caps: Where the measure is a market cap: those from position 0 on.
    """

    first: int
    ids: npt.NDArray[np.int32]
    names: Names
    bar: Bools
    ret: Floats
    measure: Floats
    whole: Bools | None
    last: npt.NDArray[np.int32]
    bars: pl.DataFrame
    layout: Layout
    caps: cap_panel.Caps | None

    def since(self, first: int) -> "Market":
        """The rows from a position on; nothing is copied but `last`."""
        if first == self.first:
            return self
        own = slice(first - self.first, None)
        last = np.maximum(self.last[own] - np.int32(first - self.first), np.int32(-1))
        return Market(
            first, self.ids, self.names, self.bar[own], self.ret[own], self.measure[own],
            None if self.whole is None else self.whole[own], last, self.bars, self.layout,
            self.caps,
        )  # fmt: skip

    @property
    def symbols(self) -> list[str]:
        """[M] today's symbols."""
        return self.names.symbols

    def dense(self, column: str) -> Floats:
        """[T, M] another column of the bars, carried over missing bars; NaN where unknown."""
        placed = self.layout.placed(self.bars[column])[self.first :]
        dense: Floats = carry(placed, self.last, self.bar, np.nan)
        return dense

    def ages(self, rows: Ints, columns: Ints) -> npt.NDArray[np.int32]:
        """Days from each cap's snapshot to its last bar; negative where no cap is known."""
        if self.caps is None:
            return np.full(rows.shape, -1, dtype=np.int32)
        last = np.maximum(self.last[rows, columns], 0) + self.first
        return self.caps.ages(rows + self.first, columns, last)

    def columns(self, ids: pl.Series) -> Ints:
        """The column of each instrument; -1 for one without a bar here."""
        order = np.argsort(self.ids)
        wanted = ids.to_numpy()
        if not order.size:
            return np.full(wanted.shape, -1, dtype=np.int64)
        at = np.minimum(np.searchsorted(self.ids, wanted, sorter=order), order.size - 1)
        found: Ints = np.where(self.ids[order[at]] == wanted, order[at], -1)
        return found


def market(
    bars: pl.DataFrame,
    last: int,
    known: Snapshots | None,
    stale_sessions: int,
    former: pl.DataFrame | None = None,
) -> Market:
    """Densify the bars of the positions up to `last`.

    Args:
        bars: See `Prepared`.
        last: Last position.
        known: See `Prepared`.
        stale_sessions: See `Prepared`.
        former: See `Prepared`.
    """
    if bars.height and int(bars["pos"].max()) > last:  # type: ignore[arg-type]
        bars = bars.filter(pl.col("pos") <= last)
    own, names = layout(bars, last + 1)
    bar = own.there()
    at = np.arange(last + 1, dtype=np.int32)[:, None]
    last_bar = np.broadcast_to(at, bar.shape)
    if not own.complete:
        last_bar = np.maximum.accumulate(np.where(bar, at, np.int32(-1)), axis=0)
    ids, ret = names["instrument_id"].to_numpy(), own.placed(bars["ret"])
    caps = None if known is None else cap_panel.caps(known, ids, ret, own, stale_sessions)
    measure = caps.measure if caps else carry(own.placed(bars["measure"]), last_bar, bar, np.nan)
    return Market(
        0,
        ids,
        _names(names, placed_former(None, []) if former is None else former),
        bar,
        ret,
        measure,
        caps.whole if caps else None,
        last_bar,
        bars,
        own,
        caps,
    )


def _names(names: pl.DataFrame, former: pl.DataFrame) -> Names:
    renamed: dict[int, list[tuple[int, str]]] = {}
    columns = names.select("instrument_id").with_row_index("column")
    for column, symbol, last in (
        columns.join(former, on="instrument_id").select("column", "symbol", "last").rows()
    ):
        renamed.setdefault(column, []).append((last, symbol))
    return Names(names["symbol"].to_list(), names["listed_from"].to_list(), renamed)


def carry(values: Floats, last: npt.NDArray[np.int32], bar: Bools, nothing: float) -> Floats:
    """[T, M] each value of the last bar at or before, `nothing` before the first."""
    if bar.all():
        return values
    carried = np.take_along_axis(values, np.maximum(last, 0).astype(np.int64), axis=0)
    return np.where(last >= 0, carried, nothing)


__all__ = ["Bools", "Floats", "Market", "Prepared", "carry", "market"]
