"""What an index is built from beside prices and caps, and what comes out: frames per table.

Nothing is computed here.
"""

from dataclasses import dataclass

import polars as pl

from fundplatform.finance.index.payouts import Payouts
from fundplatform.tables import (
    BASKETS,
    COMPOSITION_CHANGES,
    COMPOSITIONS,
    CONTRIBUTIONS,
    EXCLUSIONS,
    PERFORMANCE,
    UNPRICED,
    Table,
)

TABLES: tuple[Table, ...] = (
    COMPOSITIONS,
    PERFORMANCE,
    COMPOSITION_CHANGES,
    CONTRIBUTIONS,
    UNPRICED,
    BASKETS,
    EXCLUSIONS,
)


@dataclass(frozen=True)
class IndexResult:
    """The rows of a range of sessions: each frame has its table's columns without the stamps."""

    compositions: pl.DataFrame
    performance: pl.DataFrame
    composition_changes: pl.DataFrame
    contributions: pl.DataFrame
    unpriced: pl.DataFrame
    baskets: pl.DataFrame
    exclusions: pl.DataFrame


BARRED = pl.Schema(
    {"instrument_id": pl.Int32(), "first": pl.Int32(), "end": pl.Int32(), "reason": pl.String()}
)
"""Who is kept out of the universe from one position up to before another; the reason is NULL where
it is no rule of the universe but a filter (sector, country)."""


def barred_at(rows: pl.DataFrame, barred: pl.DataFrame, position: str = "pos") -> pl.DataFrame:
    """`rows` (instrument_id, a position) of names kept out then, with the columns of BARRED."""
    then = pl.col(position).is_between("first", "end", closed="left")
    return rows.join(barred, on="instrument_id").filter(then)


@dataclass(frozen=True)
class Facts:
    """What else is known of a universe; None: nothing.

    Attributes:
        paid: Dividends and ends; with income the total return bases are built too.
        ours: session, instrument_id of bars that are missing here only (rejected, not fetched).
        allowed: session, instrument_id of who passes the filters; None: no filter.
        barred: BARRED of those who are in the universe at other times.
        left_out: session, symbol, reason of names that the caller kept out; only noted.
        state: instrument_id, rank, measure, target_weight held after the session before `first`
            (empty: nothing was held); None: unknown, it is replayed from the look-back.
        issuers: `lines.KNOWN`, beside those of the definition.
        refused: Caps that do not count (as `caps`, with excluded_by and reason): who would rank.
        former: `names.FORMER`: who was renamed.
    """

    paid: Payouts | None = None
    ours: pl.DataFrame | None = None
    allowed: pl.DataFrame | None = None
    barred: pl.DataFrame | None = None
    left_out: pl.DataFrame | None = None
    state: pl.DataFrame | None = None
    issuers: pl.DataFrame | None = None
    refused: pl.DataFrame | None = None
    former: pl.DataFrame | None = None


NO_FACTS = Facts()
