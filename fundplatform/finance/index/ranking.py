"""Ranks on one session: who may be chosen, one line per issuer, ties (methodology A1.5, A1.6).

Keeping a seat (buffers) and weights do not belong here. In: a `Market` row. Out: columns in order.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from fundplatform.finance.index.lines import Lines
from fundplatform.finance.index.market import Bools, Floats, Market, carry
from fundplatform.finance.index.market_cap import Snapshots
from fundplatform.finance.index.panel import Ints, median_of_last_bars
from fundplatform.finance.index.tops import TIE_MARGIN, Tops, tops
from fundplatform.finance.index_definition import LIQUIDITY_WINDOW

_TIE_FIGURES = 12
_AT_ONCE = 512
"""Rows of all names that are compared with one of them, in one array."""


@dataclass
class Shared:
    """What rankings have in common that differ only in how many names are wanted."""

    there: Bools | None = None
    always: Bools | None = None
    eligible: Bools | None = None
    tops: Tops | None = None
    lacking: list[Snapshots] | None = None


@dataclass
class Ranking:
    """Ranks of a market's rows under one definition.

    Attributes:
        market: The names.
        stale_sessions: For how many a name that is held needs no bar.
        allowed: [T, M] False where a filter keeps a name out; None: no filter.
        lines: Which columns are lines of an issuer with several.
        alive: [T, M] False from the session on which a name died.
        shared: Made once for the indices of one universe.
    """

    market: Market
    stale_sessions: int
    allowed: Bools | None
    lines: Lines
    alive: Bools | None
    shared: Shared = field(default_factory=Shared)
    _liquidity: Floats | None = None
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
            losing = self._losing(slice(row, row + 1), found[None, :])[0]
            found[self.lines.columns[losing]] = False
        return found

    def there(self) -> Bools:
        """[T, M] Who has a bar and a positive measure, and passes the filters."""
        if self.shared.there is None:
            # NaN > 0 is False, which is what an unknown measure means here.
            found = self.market.measure > 0
            for passed in (self.market.bar, self.allowed, self.alive):
                if passed is not None:
                    found &= passed
            self.shared.there = found
        return self.shared.there

    def always(self) -> Bools:
        """[M] Who is there on every row."""
        if self.shared.always is None:
            always: Bools = np.logical_and.reduce(self.there(), axis=0)
            self.shared.always = always
        return self.shared.always

    def absent(self, rows: Ints, columns: Ints) -> Ints:
        """Which of these (row, column) are not there: their numbers."""
        # Few names are asked about that ever lack, so only theirs are looked up.
        doubtful = np.flatnonzero(~self.always()[columns])
        lacks = ~self.there()[rows[doubtful], columns[doubtful]]
        found: Ints = doubtful[lacks]
        return found

    def lacking(self, known: Sequence[Snapshots]) -> list[Snapshots]:
        """The snapshots of those that are not there on every session."""
        if self.shared.lacking is None:
            always = self.market.ids[self.always()].tolist()
            self.shared.lacking = [one.without(always) for one in known]
        return self.shared.lacking

    def by_itself(self) -> Bools:
        """[T, M] Who may be ranked whatever is held: there, and the line of its issuer."""
        if not self.lines.columns.size:
            return self.there()
        if self.shared.eligible is None:
            found = self.there().copy()
            rows, lines = np.nonzero(self._losing(slice(None), found))
            found[rows, self.lines.columns[lines]] = False
            self.shared.eligible = found
        return self.shared.eligible

    def tops(self, wanted: int) -> Tops:
        """The first `wanted` of every row, or more, of those who may be ranked by themselves."""
        if self.shared.tops is None or self.shared.tops.asked < min(wanted, len(self.market.ids)):
            # Some more: another index of this universe may want a few names more.
            self.shared.tops = tops(
                self.market.measure,
                self.by_itself(),
                wanted * 5 // 4 + 8,
                lambda row, count: self._order(row, self.by_itself()[row], count),
            )
        return self.shared.tops

    def order(self, row: int, held: Ints, wanted: int) -> Ints:
        """At least the first `wanted` columns (all where there are fewer), best first."""
        if not self.there()[row, held].all():
            # Who is held without a bar may stay: that is this index's own.
            return self._order(row, self.eligible(row, held), wanted)
        return self.tops(wanted).of(row)

    def _order(self, row: int, eligible: Bools, wanted: int) -> Ints:
        columns = np.flatnonzero(eligible)
        size = self.market.measure[row, columns]
        if columns.size > wanted:
            least = np.partition(size, columns.size - wanted)[columns.size - wanted]
            near = size >= least * (1 - TIE_MARGIN)
            columns, size = columns[near], size[near]
        rounded = _round(size)
        by_size = np.argsort(-rounded, kind="stable")
        columns, rounded = columns[by_size], rounded[by_size]
        tied = rounded[1:] == rounded[:-1]
        if tied.any():
            columns = self._untied(row, columns, rounded)
        return columns

    def rank_of(self, row: int, held: Ints, columns: Ints) -> Ints:
        """The rank of each column at the close of `row`; 0 where it is not eligible."""
        found = self.eligible(row, held)
        ranks, own = np.zeros(columns.size, dtype=np.int64), found[columns]
        sizes = np.where(found, self.market.measure[row], 0.0)
        rows = np.full(int(own.sum()), row)
        every = np.broadcast_to(sizes, (rows.size, sizes.size))
        ranks[own] = self._placed(rows, columns[own], every)
        return ranks

    def ranks(self, rows: Ints, columns: Ints) -> Ints:
        """The rank of each (row, column) whatever is held; 0 where it is not eligible."""
        found = np.zeros(rows.size, dtype=np.int64)
        if self.shared.tops is not None:
            found += self.shared.tops.rank[rows, columns]
        eligible = self.by_itself()
        unknown = np.flatnonzero((found == 0) & eligible[rows, columns])
        for begin in range(0, unknown.size, _AT_ONCE):
            some = unknown[begin : begin + _AT_ONCE]
            own = rows[some]
            sizes = np.where(eligible[own], self.market.measure[own], 0.0)
            found[some] = self._placed(own, columns[some], sizes)
        return found

    def _placed(self, rows: Ints, columns: Ints, sizes: Floats) -> Ints:
        """1 + how many are larger, or tie with it and come first, of eligible (row, column).

        `sizes`: [rows, M] measures of that row, 0 for who is not eligible.
        """
        own = sizes[np.arange(rows.size), columns][:, None]
        larger = (sizes > own * (1 + TIE_MARGIN)).sum(axis=1)
        near = (sizes >= own * (1 - TIE_MARGIN)).sum(axis=1) - larger
        for i in np.flatnonzero(near > 1).tolist():
            larger[i] += self._place(int(rows[i]), int(columns[i]), sizes[i])
        ranks: Ints = larger + 1
        return ranks

    def _place(self, row: int, column: int, sizes: Floats) -> int:
        """The place of a column, from 0, among those that may tie with it."""
        own = sizes[column]
        near = np.flatnonzero(np.abs(sizes - own) <= own * TIE_MARGIN)
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
        own = m.bars[m.layout.rows_of(columns)].select("instrument_id", "pos", "dollar_volume")
        own = own.filter(pl.col("pos") >= m.first - LIQUIDITY_WINDOW)
        rows = own.select("pos", "instrument_id", liquidity=median_of_last_bars(own)).filter(
            pl.col("pos") >= m.first
        )
        place = np.zeros(len(m.symbols), dtype=np.int64)
        place[columns] = np.arange(columns.size)
        found = np.full((m.bar.shape[0], columns.size), np.nan)
        found[rows["pos"].to_numpy() - m.first, place[m.columns(rows["instrument_id"])]] = (
            rows["liquidity"].fill_null(np.nan).to_numpy()
        )
        carried = carry(found, m.last[:, columns], m.bar[:, columns], np.nan)
        dense[:, columns] = np.nan_to_num(carried, nan=-1.0)

    def _untied(self, row: int, columns: Ints, rounded: Floats) -> Ints:
        # Columns stand in the order of today's symbols; a name may have been called otherwise then.
        places = self.market.names.places(row + self.market.first)
        natural = columns if places is None else places[columns]
        order: Ints = columns[
            np.lexsort((natural, -self.liquidity(columns)[row, columns], -rounded))
        ]
        return order

    def _losing(self, rows: slice, found: Bools) -> Bools:
        """[rows, lines] the eligible lines whose issuer has a more liquid eligible one."""
        own = self.lines
        here = found[:, own.columns] & own.at(self.market, rows)
        losing = np.zeros(here.shape, dtype=np.bool_)
        liquid = np.where(here, self.liquidity(own.columns)[rows][:, own.columns], -np.inf)
        for issuer in np.unique(own.issuers).tolist():
            lines = np.flatnonzero(own.issuers == issuer)
            best = lines[self._most_liquid(rows, own.columns[lines], liquid[:, lines])]
            losing[:, lines] = here[:, lines] & (lines != best[:, None])
        return losing

    def _most_liquid(self, rows: slice, columns: Ints, liquid: Floats) -> Ints:
        """[rows] which of the columns is; of equally liquid ones the first by symbol."""
        # Columns stand in the order of today's symbols: argmax takes the first.
        best: Ints = liquid.argmax(axis=1)
        if self.market.names.former.keys().isdisjoint(columns.tolist()):
            return best
        first = self.market.first + (rows.start or 0)
        for row in np.flatnonzero((liquid == liquid.max(axis=1)[:, None]).sum(axis=1) > 1).tolist():
            places = self.market.names.places(first + row)
            if places is not None:
                tied = np.flatnonzero(liquid[row] == liquid[row].max())
                best[row] = tied[places[columns[tied]].argmin()]
        return best


def _round(values: Floats) -> Floats:
    """To 12 significant figures; values that are not positive stay."""
    positive = values > 0
    digits = np.floor(np.log10(values, out=np.zeros_like(values), where=positive))
    scale = 10.0 ** (digits - (_TIE_FIGURES - 1))
    return np.where(positive, np.rint(values / scale) * scale, values)
