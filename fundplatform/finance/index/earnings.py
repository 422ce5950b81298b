"""What a basket earned, as frames: contributions, session returns by basis, changes.

The basket itself does not belong here. In: its sessions. Out: rows by position and instrument.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from fundplatform.finance.index.basket import ADDED, ASSUMED, PRICED, REMOVED, STALE, Held, Session
from fundplatform.finance.index.market import Bools, Floats, Market
from fundplatform.finance.index.panel import Ints
from fundplatform.finance.index.ranking import Ranking

PRICE, GROSS, NET = "price", "gross_total", "net_total"


@dataclass(frozen=True)
class Flat:
    """Every (session, name held), in session order.

    Attributes:
        at: Number of the session in the list.
        row: Row of the market.
        column: Column of the market.
    """

    at: Ints
    row: Ints
    column: Ints


def flat(rows: Sequence[int], held: Sequence[Held]) -> Flat:
    """The names held on each row."""
    sizes = [h.columns.size for h in held]
    at = np.repeat(np.arange(len(held)), sizes)
    return Flat(
        at, np.array(rows, dtype=np.int64)[at], _joined([h.columns for h in held], np.int64)
    )


def _joined(parts: Sequence[npt.NDArray[Any]], dtype: type) -> npt.NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(0, dtype=dtype)


def compositions(rows: Sequence[int], held: Sequence[Held], market: Market) -> pl.DataFrame:
    """pos, instrument_id, symbol, rank, measure, target_weight, age after the close of each row."""
    own = flat(rows, held)
    frame = _names(own, market).with_columns(
        pl.Series("rank", _joined([h.ranks for h in held], np.int64), dtype=pl.Int32),
        pl.Series("measure", _joined([h.measures for h in held], np.float64), dtype=pl.Float64),
        pl.Series(
            "target_weight", _joined([h.weights for h in held], np.float64), dtype=pl.Float64
        ),
        pl.Series("age", market.age[own.row, own.column], dtype=pl.Int32),
    )
    return frame.sort("pos", "rank", maintain_order=True)


def contributions(
    sessions: Sequence[Session], market: Market, yields: dict[str, Floats]
) -> tuple[pl.DataFrame, dict[str, Floats]]:
    """The rows of every basis, and the index's return on each basis by session.

    price: contribution = start weight x price return. gross and net: plus start weight x dividend
    yield (after tax). The weights drift by price on every basis: dividends are reinvested in the
    whole index (methodology A3).

    Args:
        sessions: The basket's sessions.
        market: Its market.
        yields: Basis -> [T, M] yields; price is always there.
    """
    own = flat([s.row for s in sessions], [s.before for s in sessions])
    start = _joined([s.start for s in sessions], np.float64)
    returns = _joined([s.returns for s in sessions], np.float64)
    how = _joined([s.how for s in sessions], np.int64)
    base = _names(own, market).with_columns(
        pl.Series("start_weight", start, dtype=pl.Float64),
        pl.Series(
            "drifted_weight",
            _joined([s.drifted for s in sessions], np.float64),
            dtype=pl.Float64,
        ),
        pl.Series("stale", how != PRICED, dtype=pl.Boolean),
        pl.Series("how", how, dtype=pl.Int64),
    )
    total = np.array([s.total for s in sessions])
    frames, totals = [_basis(base, PRICE, start, returns)], {PRICE: total}
    for basis, part in yields.items():
        paid = part[own.row, own.column]
        frames.append(_basis(base, basis, start, returns + paid))
        income = np.bincount(own.at, start * paid, minlength=len(sessions))
        totals[basis] = total + income
    rows = frames[0] if len(frames) == 1 else pl.concat(frames).sort("pos", maintain_order=True)
    return rows, totals


def _basis(base: pl.DataFrame, basis: str, start: Floats, returns: Floats) -> pl.DataFrame:
    return base.with_columns(
        pl.lit(basis).alias("return_basis"),
        pl.Series("instrument_return", returns, dtype=pl.Float64),
        pl.Series("contribution", start * returns, dtype=pl.Float64),
    )


def changes(sessions: Sequence[Session], ranking: Ranking) -> pl.DataFrame:
    """The names that entered or left at each close, with ranks and the reason.

    reason: `rank` for a name that entered or that others overtook; `no_price` for one without a
    bar for too long; `not_eligible` for one that died, has a bar but no measure, is kept out by a
    filter, or whose issuer changed its line.
    """
    market, rows = ranking.market, []
    for s in sessions:
        before, after = s.before.columns, s.after.columns
        if before.size == after.size and (before == after).all():
            continue
        removed = before[~_among(before, after)]
        added = after[~_among(after, before)]
        left, came = np.searchsorted(before, removed), np.searchsorted(after, added)
        pos = s.row + market.first
        now = ranking.rank_of(s.row, before, removed)
        ranks, drifted = s.before.ranks[left].tolist(), s.drifted[left].tolist()
        rows += [
            (pos, c, REMOVED, r, n, w, 0.0, _reason(n, market, s, c))
            for c, r, n, w in zip(removed.tolist(), ranks, now, drifted, strict=True)
        ]
        was = ranking.rank_of(s.row - 1, before, added)
        ranks, target = s.after.ranks[came].tolist(), s.after.weights[came].tolist()
        rows += [
            (pos, c, ADDED, r, n, 0.0, w, "rank")
            for c, r, n, w in zip(added.tolist(), was, ranks, target, strict=True)
        ]
    frame = pl.DataFrame(rows, schema=_CHANGES, orient="row")
    columns = frame["column"].to_numpy()
    named = frame.with_columns(
        pl.Series("instrument_id", market.ids[columns], dtype=pl.Int32),
        pl.Series("symbol", [market.symbols[c] for c in columns.tolist()], dtype=pl.String),
    )
    return named.sort("pos", "symbol", "column")


_CHANGES = pl.Schema(
    {
        "pos": pl.Int32(),
        "column": pl.Int64(),
        "change": pl.String(),
        "rank_before": pl.Int32(),
        "rank_after": pl.Int32(),
        "weight_before": pl.Float64(),
        "weight_after": pl.Float64(),
        "reason": pl.String(),
    }
)


def _among(own: Ints, others: Ints) -> Bools:
    """Which of these ascending columns are among the others, ascending too."""
    if not others.size:
        return np.zeros(own.size, dtype=np.bool_)
    at = np.minimum(np.searchsorted(others, own), others.size - 1)
    found: Bools = others[at] == own
    return found


def _reason(rank: int | None, market: Market, s: Session, column: int) -> str:
    if rank is not None:
        return "rank"
    if column in s.died.tolist() or market.bar[s.row, column]:
        return "not_eligible"
    return "no_price"


def _names(own: Flat, market: Market) -> pl.DataFrame:
    symbols = pl.Series(market.symbols, dtype=pl.String)
    return pl.DataFrame(
        {
            "pos": pl.Series(own.row + market.first, dtype=pl.Int32),
            "instrument_id": pl.Series(market.ids[own.column], dtype=pl.Int32),
            "symbol": symbols.gather(pl.Series(own.column, dtype=pl.UInt32)),
        }
    )


__all__ = ["ASSUMED", "GROSS", "NET", "PRICE", "STALE", "changes", "compositions", "contributions"]
