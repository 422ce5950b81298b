"""Ranks on one session: who may be chosen, one line per issuer, ties (methodology A1.5, A1.6).

Keeping a seat (buffers) and weights do not belong here. In: a `Market` row. Out: columns in order.
"""

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from fundplatform.finance.index.lines import Lines
from fundplatform.finance.index.market import Bools, Floats, Market
from fundplatform.finance.index.panel import Ints, median_of_last_bars
from fundplatform.finance.index_definition import LIQUIDITY_WINDOW, IndexDefinition

_TIE_FIGURES = 12
# Values this near the last wanted one may tie with it after rounding.
_TIE_MARGIN = 1e-10
_FEW = 8


@dataclass
class Ranking:
    """Ranks of a market's rows under one definition.

    Attributes:
        market: The names.
        allowed: [T, M] False where a filter keeps a name out; None: no filter.
        lines: Which columns are lines of an issuer with several.
        alive: [T, M] False from the session on which a name died.
        volumes: Bars, for the liquidity.
        orders: Row -> how many were asked for, and the order; shared by indices of one universe.
    """

    market: Market
    stale_sessions: int
    allowed: Bools | None
    lines: Lines
    alive: Bools | None
    volumes: pl.DataFrame
    orders: dict[int, tuple[int, Ints]] = field(default_factory=dict)
    _liquidity: Floats | None = None
    _ready: Bools | None = None
    _liquid: Bools = field(init=False)

    def __post_init__(self) -> None:
        """Nobody's liquidity is known yet."""
        self._liquid = np.zeros(len(self.market.symbols), dtype=np.bool_)

    def eligible(self, row: int, held: Ints) -> Bools:
        """[M] Who may be ranked at the close of `row`: a positive measure and a bar.

        A name without a bar stays eligible while it is held (columns) and its last bar is at most
        `stale_sessions` old; it cannot enter.
        """
        found: Bools = self.there()[row].copy()
        absent = held[~found[held]]
        if absent.size:
            m = self.market
            last = m.last[row, absent]
            stays = (last >= 0) & (row - last <= self.stale_sessions) & (m.measure[row, absent] > 0)
            for passed in (self.allowed, self.alive):
                if passed is not None:
                    stays &= passed[row, absent]
            found[absent] = stays
        if self.lines.columns.size:
            found[self._losing(row, found)] = False
        return found

    def there(self) -> Bools:
        """[T, M] Who has a bar and a positive measure, and passes the filters."""
        if self._ready is None:
            # NaN > 0 is False, which is what an unknown measure means here.
            found = self.market.bar & (self.market.measure > 0)
            for passed in (self.allowed, self.alive):
                if passed is not None:
                    found &= passed
            self._ready = found
        return self._ready

    def order(self, row: int, held: Ints, wanted: int) -> Ints:
        """At least the first `wanted` columns (all where there are fewer), best first."""
        if not self.there()[row, held].all():
            # Who is held without a bar may stay: that is this index's own.
            return self._order(row, self.eligible(row, held), wanted)
        asked, order = self.orders.get(row, (-1, held))
        if asked < wanted:
            # Some more: another index of this universe may want a few names more.
            asked = wanted * 5 // 4 + 8
            order = self._order(row, self.eligible(row, held), asked)
            self.orders[row] = (asked, order)
        return order

    def _order(self, row: int, eligible: Bools, wanted: int) -> Ints:
        columns = np.flatnonzero(eligible)
        size = self.market.measure[row, columns]
        if columns.size > wanted:
            least = np.partition(size, columns.size - wanted)[columns.size - wanted]
            near = size >= least * (1 - _TIE_MARGIN)
            columns, size = columns[near], size[near]
        rounded = _round(size)
        # Columns stand in the order of symbols, and the sort is stable: ties are by symbol.
        by_size = np.argsort(-rounded, kind="stable")
        columns, rounded = columns[by_size], rounded[by_size]
        tied = rounded[1:] == rounded[:-1]
        if tied.any():
            columns = self._untied(row, columns, rounded)
        return columns

    def rank_of(self, row: int, held: Ints, columns: Ints) -> list[int | None]:
        """The rank of each column at the close of `row`; None where it is not eligible."""
        if row < 0 or not columns.size:
            return [None] * columns.size
        if row in self.orders and self.there()[row, held].all():
            at = self.orders[row][1][None, :] == columns[:, None]
            if at.any(axis=1).all():
                return [place + 1 for place in at.argmax(axis=1).tolist()]
        return self._counted(row, self.eligible(row, held), columns)

    def _counted(self, row: int, found: Bools, columns: Ints) -> list[int | None]:
        """1 + how many are larger, or tie with it and come first."""
        sizes = np.where(found, self.market.measure[row], 0.0)
        own = sizes[columns][:, None]
        larger = (sizes > own * (1 + _TIE_MARGIN)).sum(axis=1)
        near = (sizes >= own * (1 - _TIE_MARGIN)).sum(axis=1) - larger
        return [
            (above + 1 + (self._place(row, column, sizes) if ties > 1 else 0))
            if found[column]
            else None
            for column, above, ties in zip(
                columns.tolist(), larger.tolist(), near.tolist(), strict=True
            )
        ]

    def _place(self, row: int, column: int, sizes: Floats) -> int:
        """The place of a column, from 0, among those that may tie with it."""
        own = sizes[column]
        near = np.flatnonzero(np.abs(sizes - own) <= own * _TIE_MARGIN)
        order = self._untied(row, near, _round(sizes[near]))
        return int(np.flatnonzero(order == column)[0])

    def liquidity(self, columns: Ints | None = None) -> Floats:
        """[T, M] median dollar volume of the bars within the last 20 sessions, carried.

        Of the columns asked for, at least; -1 where it is not known.
        """
        m = self.market
        if columns is None:
            columns = np.arange(len(m.symbols))
        if self._liquidity is None:
            self._liquidity = np.full(m.bar.shape, -1.0)
        columns = columns[~self._liquid[columns]]
        if columns.size:
            self._liquid[columns] = True
            self._measure_liquidity(columns, self._liquidity)
        return self._liquidity

    def _measure_liquidity(self, columns: Ints, dense: Floats) -> None:
        m = self.market
        # A median over all bars is long: mostly a few lines of issuers are asked about.
        own = self.volumes.filter(pl.col("instrument_id").is_in(m.ids[columns].tolist()))
        own = own.filter(pl.col("pos") <= m.first + m.bar.shape[0] - 1)
        rows = own.select("pos", "instrument_id", liquidity=median_of_last_bars(own)).filter(
            pl.col("pos") >= m.first
        )
        at = m.columns(rows["instrument_id"])
        row = rows["pos"].to_numpy() - m.first
        found = np.full(m.bar.shape, np.nan) if columns.size > _FEW else None
        if found is not None:
            found[row, at] = rows["liquidity"].fill_null(np.nan).to_numpy()
            dense[:, columns] = np.nan_to_num(m.carried(found)[:, columns], nan=-1.0)
            return
        for column in columns.tolist():
            of = at == column
            one = np.full(m.bar.shape[0], np.nan)
            one[row[of]] = rows["liquidity"].filter(pl.Series(of)).fill_null(np.nan).to_numpy()
            last = m.last[:, column]
            carried = np.where(last >= 0, one[np.maximum(last, 0)], np.nan)
            dense[:, column] = np.nan_to_num(carried, nan=-1.0)

    def _untied(self, row: int, columns: Ints, rounded: Floats) -> Ints:
        order: Ints = columns[
            np.lexsort((columns, -self.liquidity(columns)[row, columns], -rounded))
        ]
        return order

    def _losing(self, row: int, found: Bools) -> Ints:
        """The eligible lines whose issuer has a more liquid eligible one."""
        here = found[self.lines.columns] & self.lines.at(self.market, row)
        columns, issuers = self.lines.columns[here], self.lines.issuers[here]
        if np.unique(issuers).size == issuers.size:
            return np.empty(0, dtype=np.int64)
        order = np.lexsort((columns, -self.liquidity(self.lines.columns)[row, columns], issuers))
        again = np.diff(issuers[order], prepend=-1) == 0
        losing: Ints = columns[order][again]
        return losing


def ranking(
    market: Market,
    definition: IndexDefinition,
    bars: pl.DataFrame,
    lines: Lines,
    allowed: Bools | None = None,
    alive: Bools | None = None,
) -> Ranking:
    """The ranking of a market under a definition.

    Args:
        market: The names.
        definition: Gives stale_sessions.
        bars: All bars up to the market's last position, look-back included, for the liquidity.
        lines: See `Ranking`.
        allowed: See `Ranking`.
        alive: See `Ranking`.
    """
    last = market.first + market.bar.shape[0] - 1
    volumes = bars.select("instrument_id", "pos", "dollar_volume")
    volumes = volumes.filter(pl.col("pos").is_between(market.first - LIQUIDITY_WINDOW, last))
    return Ranking(market, definition.stale_sessions, allowed, lines, alive, volumes)


def _round(values: Floats) -> Floats:
    """To 12 significant figures; values that are not positive stay."""
    positive = values > 0
    digits = np.floor(np.log10(values, out=np.zeros_like(values), where=positive))
    scale = 10.0 ** (digits - (_TIE_FIGURES - 1))
    return np.where(positive, np.rint(values / scale) * scale, values)
