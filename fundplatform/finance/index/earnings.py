"""What a basket earned, as frames: contributions, session returns by basis, changes.

The basket itself does not belong here. In: its sessions. Out: rows by position and instrument.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from fundplatform.finance.index.basket import ADDED, REMOVED, Basket
from fundplatform.finance.index.drift import PRICED
from fundplatform.finance.index.held import Holdings
from fundplatform.finance.index.market import Floats, Market
from fundplatform.finance.index.panel import Ints
from fundplatform.finance.index.ragged import sums
from fundplatform.finance.index.ranking import Ranking

_REASONS = ("rank", "not_eligible", "no_price", "spin_off")

PRICE, GROSS, NET = "price", "gross_total", "net_total"


def compositions(rows: Ints, held: Holdings, market: Market) -> pl.DataFrame:
    """pos, instrument_id, symbol, rank, measure, target_weight after the close of each row."""
    at = held.owners
    by_rank = _by_rank(at, held)
    row, columns = rows[at][by_rank], held.columns[by_rank]
    return _names(row, columns, market).with_columns(
        pl.Series("rank", held.ranks[by_rank], dtype=pl.Int32),
        pl.Series("measure", held.measures[by_rank], dtype=pl.Float64),
        pl.Series("target_weight", held.weights[by_rank], dtype=pl.Float64),
    )


def older(rows: Ints, held: Holdings, market: Market, days: int) -> pl.DataFrame:
    """pos, rank, symbol of the names held whose caps are older than so many days, by rank."""
    columns = held.columns
    if market.caps is None or market.caps.oldest <= days:
        columns = columns[:0]
    at = held.owners[: columns.size]
    old = np.flatnonzero(market.ages(rows[at], columns) > days)
    named = _names(rows[at[old]], columns[old], market)
    return named.with_columns(pl.Series("rank", held.ranks[old])).sort(
        "pos", "rank", maintain_order=True
    )


def _by_rank(at: Ints, held: Holdings) -> Ints:
    """The names of each part in the order of ranks; equal ones in that of columns."""
    place = held.starts[at] + held.ranks - 1
    order = np.full(at.size, -1, dtype=np.int64)
    if (place < held.starts[1:][at]).all():
        order[place] = np.arange(at.size)
        if (order >= 0).all():
            return order
    # Between reviews ranks have holes, and two names may have been chosen with the same one.
    return np.argsort((at << 32) + held.ranks, kind="stable")


def contributions(
    basket: Basket, market: Market, yields: dict[str, Floats]
) -> tuple[pl.DataFrame, dict[str, Floats]]:
    """The rows of every basis, and the index's return on each basis by session.

    price: contribution = start weight x price return. gross and net: plus start weight x dividend
    yield (after tax). The weights drift by price on every basis: dividends are reinvested in the
    whole index (methodology A3).

    Args:
        basket: The basket's sessions.
        market: Its market.
        yields: Basis -> [T, M] yields; price is always there.
    """
    gain, before = basket.earned, basket.before
    row = basket.rows[before.owners]
    base = _names(row, before.columns, market).with_columns(
        pl.Series("start_weight", gain.start, dtype=pl.Float64),
        pl.Series("drifted_weight", gain.drifted, dtype=pl.Float64),
        pl.Series("stale", gain.how != PRICED, dtype=pl.Boolean),
    )
    frames, totals = [_basis(base, PRICE, gain.start, gain.returns)], {PRICE: gain.total}
    for basis, part in yields.items():
        paid = part[row, before.columns]
        frames.append(_basis(base, basis, gain.start, gain.returns + paid))
        totals[basis] = gain.total + sums(gain.start * paid, before.starts)
    rows = frames[0] if len(frames) == 1 else pl.concat(frames).sort("pos", maintain_order=True)
    return rows, totals


def _basis(base: pl.DataFrame, basis: str, start: Floats, returns: Floats) -> pl.DataFrame:
    return base.with_columns(
        pl.lit(basis).alias("return_basis"),
        pl.Series("instrument_return", returns, dtype=pl.Float64),
        pl.Series("contribution", start * returns, dtype=pl.Float64),
    )


def changes(basket: Basket, ranking: Ranking) -> pl.DataFrame:
    """The names that entered or left at each close, with ranks and the reason.

    reason: `rank` for a name that entered or that others overtook; `no_price` for one without a
    bar for too long; `not_eligible` for one that died, has a bar but no measure, is kept out by a
    filter, or whose issuer changed its line; `spin_off` for one that a name held spun off.
    """
    market, before, after = ranking.market, basket.before, basket.after
    out, new = np.flatnonzero(~basket.stays), np.flatnonzero(~basket.stayed)
    left, came = before.owners[out], after.owners[new]
    column = np.concatenate([before.columns[out], after.columns[new]])
    row = np.concatenate([basket.rows[left], basket.rows[came]])
    now = _ranks(basket, ranking, left, before.columns[out], 0)
    was = _ranks(basket, ranking, came, after.columns[new], 1)
    nothing = np.zeros(out.size), np.zeros(new.size)
    lost = basket.died[out] | market.bar[basket.rows[left], before.columns[out]]
    why = np.where(now > 0, 0, np.where(lost, 1, 2))
    frame = _names(row, column, market).with_columns(
        pl.Series("column", column),
        _told("change", (REMOVED, ADDED), np.repeat([0, 1], [out.size, new.size])),
        _rank("rank_before", before.ranks[out], was),
        _rank("rank_after", now, after.ranks[new]),
        pl.Series("weight_before", np.concatenate([basket.earned.drifted[out], nothing[1]])),
        pl.Series("weight_after", np.concatenate([nothing[0], after.weights[new]])),
        _told("reason", _REASONS, np.concatenate([why, np.where(basket.spun[new], 3, 0)])),
    )
    return frame.sort("pos", "symbol", "column")


def _ranks(basket: Basket, ranking: Ranking, parts: Ints, columns: Ints, ago: int) -> Ints:
    """The rank of each (session, column) at its close, or `ago` sessions before; 0 where none."""
    before, rows = basket.before, basket.rows - ago
    found = np.zeros(parts.size, dtype=np.int64)
    # Who is held without a bar may still be ranked: then ranks depend on what is held.
    at = before.owners
    lacking = at[ranking.absent(np.maximum(rows, 0)[at], before.columns)]
    own = np.zeros(rows.size, dtype=np.bool_)
    own[lacking] = rows[lacking] >= 0
    needed = np.zeros(rows.size, dtype=np.bool_)
    needed[parts] = True
    free = ~own[parts] & (rows[parts] >= 0)
    found[free] = ranking.ranks(rows[parts[free]], columns[free])
    for part in np.flatnonzero(own & needed).tolist():
        here = parts == part
        held = before.part(part).columns
        found[here] = ranking.rank_of(int(rows[part]), held, columns[here])
    return found


def _told(name: str, words: Sequence[str], which: Ints) -> pl.Series:
    return pl.Series(name, words, dtype=pl.String).gather(pl.Series(which, dtype=pl.UInt32))


def _rank(name: str, removed: Ints, added: Ints) -> pl.Series:
    ranks = pl.Series(name, np.concatenate([removed, added]), dtype=pl.Int32)
    return ranks.set(ranks == 0, None)


def _names(row: Ints, column: Ints, market: Market) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "pos": pl.Series(row + market.first, dtype=pl.Int32),
            "instrument_id": pl.Series(market.ids[column], dtype=pl.Int32),
            "symbol": market.names.then(row + market.first, column),
        }
    )
