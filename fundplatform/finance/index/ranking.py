"""Ranks on one session: who may be chosen, one line per issuer, ties (methodology A1.5, A1.6).

Keeping a seat (buffers) and weights do not belong here. In: a `Market` row. Out: columns in order.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from fundplatform.finance.index.lines import Lines
from fundplatform.finance.index.market import Bools, Floats, Market
from fundplatform.finance.index.panel import Ints, median_of_last_bars
from fundplatform.finance.index_definition import LIQUIDITY_WINDOW, IndexDefinition

_TIE_FIGURES = 12
# Values this near the last wanted one may tie with it after rounding.
_TIE_MARGIN = 1e-10


@dataclass
class Ranking:
    """Ranks of a market's rows under one definition.

    Attributes:
        market: The names.
        allowed: [T, M] False where a filter keeps a name out; None: no filter.
        lines: Which columns are lines of an issuer with several.
        alive: [T, M] False from the session on which a name died.
    """

    market: Market
    stale_sessions: int
    allowed: Bools | None
    lines: Lines
    alive: Bools | None
    volumes: pl.DataFrame
    _liquidity: Floats | None = None

    def eligible(self, row: int, held: Bools) -> Bools:
        """[M] Who may be ranked at the close of `row`: a positive measure and a bar.

        A name without a bar stays eligible while it is held and its last bar is at most
        `stale_sessions` old; it cannot enter.
        """
        m = self.market
        near = row - m.last[row] <= self.stale_sessions
        there = m.bar[row] | (held & near & (m.last[row] >= 0))
        # NaN > 0 is False, which is what an unknown measure means here.
        found: Bools = there & (m.measure[row] > 0)
        if self.allowed is not None:
            found &= self.allowed[row]
        if self.alive is not None:
            found &= self.alive[row]
        if self.lines.columns.size:
            found[self._losing(row, found)] = False
        return found

    def order(self, row: int, held: Bools, wanted: int) -> Ints:
        """At least the first `wanted` columns (all where there are fewer), best first."""
        columns = np.flatnonzero(self.eligible(row, held))
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

    def rank_of(self, row: int, held: Bools, columns: Ints) -> list[int | None]:
        """The rank of each column at the close of `row`; None where it is not eligible."""
        if row < 0 or not columns.size:
            return [None] * columns.size
        found = self.eligible(row, held)
        sizes = np.where(found, self.market.measure[row], 0.0)
        return [self._rank(row, c, sizes) if found[c] else None for c in columns.tolist()]

    def _rank(self, row: int, column: int, sizes: Floats) -> int:
        """1 + how many are larger, or tie with it and come first; 0 in `sizes` counts for none."""
        own = sizes[column]
        larger = int((sizes > own * (1 + _TIE_MARGIN)).sum())
        near = np.flatnonzero(np.abs(sizes - own) <= own * _TIE_MARGIN)
        if near.size == 1:
            return larger + 1
        order = self._untied(row, near, _round(sizes[near]))
        return larger + int(np.flatnonzero(order == column)[0]) + 1

    def liquidity(self) -> Floats:
        """[T, M] median dollar volume of the bars within the last 20 sessions, carried."""
        if self._liquidity is None:
            m = self.market
            median = median_of_last_bars(self.volumes)
            own = self.volumes.select("pos").with_columns(median.alias("liquidity"))
            kept = own.filter(pl.col("pos") >= m.first)["liquidity"]
            dense = np.full(m.bar.shape, np.nan)
            dense[m.rows] = kept.to_numpy()
            self._liquidity = np.nan_to_num(m.carried(dense), nan=-1.0)
        return self._liquidity

    def _untied(self, row: int, columns: Ints, rounded: Floats) -> Ints:
        order: Ints = columns[np.lexsort((columns, -self.liquidity()[row, columns], -rounded))]
        return order

    def _losing(self, row: int, found: Bools) -> Ints:
        """The eligible lines whose issuer has a more liquid eligible one."""
        here = found[self.lines.columns] & self.lines.at(self.market, row)
        columns, issuers = self.lines.columns[here], self.lines.issuers[here]
        if np.unique(issuers).size == issuers.size:
            return np.empty(0, dtype=np.int64)
        order = np.lexsort((columns, -self.liquidity()[row, columns], issuers))
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
