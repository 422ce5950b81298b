"""What a name was called then: symbols of sessions before a rename, for ties and notes.

Who was renamed, and when, is the caller's. In: FORMER. Out: symbols at a position, and the order
of natural keys (symbol, first listing) by them, so that a later rename alters nothing earlier.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import polars as pl

from fundplatform.finance.index.panel import Ints

FORMER = pl.Schema({"instrument_id": pl.Int32(), "symbol": pl.String(), "until": pl.Date()})
"""A symbol of before, and the last day of it."""


@dataclass(frozen=True)
class Names:
    """M names in the order of today's (symbol, first listing).

    Attributes:
        symbols: [M] today's.
        listed: [M] first listing, None where it is not known.
        former: column -> (last position, symbol) of each earlier one, ascending.
    """

    symbols: list[str]
    listed: Sequence[date | None]
    former: dict[int, list[tuple[int, str]]]
    _order: dict[int, Ints] = field(default_factory=dict, repr=False, compare=False)

    def at(self, pos: int, column: int) -> str:
        """The symbol of a column at a position."""
        known = self.former.get(column, [])
        return next((symbol for last, symbol in known if pos <= last), self.symbols[column])

    def places(self, pos: int) -> Ints | None:
        """[M] the place of each column in the order at a position; None: that of the columns."""
        ends = sorted({last for known in self.former.values() for last, _ in known})
        span = bisect_left(ends, pos)
        if span == len(ends):
            return None
        if span not in self._order:
            keys = [
                (self.at(pos, c), day is None, day or date.min) for c, day in enumerate(self.listed)
            ]
            order = np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)
            self._order[span] = np.argsort(order)
        return self._order[span]

    def then(self, rows: Ints, columns: Ints) -> pl.Series:
        """The symbol of each (position, column)."""
        words = pl.Series(self.symbols, dtype=pl.String)
        named = words.gather(pl.Series(columns, dtype=pl.UInt32))
        if not self.former:
            return named
        changed = np.flatnonzero(np.isin(columns, list(self.former)))
        if not changed.size:
            return named
        at = zip(rows[changed].tolist(), columns[changed].tolist(), strict=True)
        return named.scatter(changed, [self.at(pos, column) for pos, column in at])


def placed_former(former: pl.DataFrame | None, sessions: Sequence[date]) -> pl.DataFrame:
    """instrument_id, symbol, last: FORMER by the last position of each, ascending."""
    rows = FORMER.to_frame() if former is None else former.select(FORMER.names())
    last = [bisect_left(sessions, day) for day in rows["until"].to_list()]
    on = [n if n < len(sessions) and sessions[n] == day else n - 1
          for n, day in zip(last, rows["until"].to_list(), strict=True)]  # fmt: skip
    placed = rows.with_columns(pl.Series("last", on, dtype=pl.Int32)).filter(pl.col("last") >= 0)
    return placed.select("instrument_id", "symbol", "last").sort("instrument_id", "last", "symbol")


def as_then(rows: pl.DataFrame, former: pl.DataFrame) -> pl.DataFrame:
    """Rows (pos, instrument_id, symbol, ...) with the symbol of their position.

    Args:
        rows: With today's symbols.
        former: `placed_former`.
    """
    if former.is_empty() or rows.is_empty():
        return rows
    numbered = rows.select("pos", "instrument_id").with_row_index("_row")
    names = numbered.join(former, on="instrument_id").filter(pl.col("pos") <= pl.col("last"))
    names = names.sort("last").unique("_row", keep="first", maintain_order=True)
    told = rows.with_row_index("_row").join(
        names.select("_row", _then="symbol"), on="_row", how="left", maintain_order="left"
    )
    return told.with_columns(symbol=pl.coalesce("_then", "symbol")).drop("_row", "_then")
