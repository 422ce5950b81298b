"""Bars on sessions and what ranks them, made once for the indices of one universe.

Choosing names does not belong here. In: returns, sessions, cap snapshots, how far back a definition
reads. Out: `Prepared`.
"""

import math
from collections.abc import Sequence
from datetime import date

import polars as pl

from fundplatform.errors import SchemaError
from fundplatform.finance.index.market import Prepared
from fundplatform.finance.index.market_cap import snapshots
from fundplatform.finance.index.names import placed_former
from fundplatform.finance.index.panel import bars_on, median_dollar_volume
from fundplatform.finance.index_definition import LIQUIDITY_WINDOW, IndexDefinition

_REPLAYED = {"daily": 0, "monthly": 24, "quarterly": 70, "dates": 0}
"""Sessions of a calendar of five days a week from one review to the next."""


def replayed(definition: IndexDefinition) -> int:
    """Sessions before `first - 1` from which the basket is carried on where no state is known."""
    longer = 7 / 5 if definition.calendar == "24/7" else 1
    return definition.stale_sessions + math.ceil(_REPLAYED[definition.rebalance] * longer)


def look_back(definition: IndexDefinition) -> int:
    """Index sessions before `first` that `build` needs, so that chunks equal the whole.

    One for the composition that earns the first return, the replay, the windows, and with market
    caps the sessions of `max_cap_age_days` for growth.
    """
    window = max(definition.window, LIQUIDITY_WINDOW)
    if definition.rank_by == "market_cap":
        days_a_week = 7 if definition.calendar == "24/7" else 5
        oldest = math.ceil(definition.max_cap_age_days * days_a_week / 7) + 1
        window = max(LIQUIDITY_WINDOW, oldest + definition.stale_sessions)
    return 2 + replayed(definition) + window


def prepare(
    definition: IndexDefinition,
    returns: pl.DataFrame,
    sessions: Sequence[date],
    caps: pl.DataFrame | None = None,
    cutoffs: pl.DataFrame | None = None,
    refused: pl.DataFrame | None = None,
    former: pl.DataFrame | None = None,
) -> Prepared:
    """Place bars on sessions and measure them; indices over one universe may share it.

    Args: See `build.build`.
    """
    bars = bars_on(returns, sessions)
    called = placed_former(former, sessions)
    if definition.rank_by == "market_cap":
        if cutoffs is None:
            raise SchemaError(
                "cutoffs", "missing", "Pass session, close_at, cutoff of every session"
            )
        known = snapshots(caps, cutoffs, sessions, definition.max_cap_age_days)
        others = None
        if refused is not None and not refused.is_empty():
            others = snapshots(refused, cutoffs, sessions, definition.max_cap_age_days)
        return Prepared(bars, known, others, list(sessions), definition.stale_sessions, called, {})
    if definition.rank_by == "dollar_volume":
        measure: pl.Series | pl.Expr = median_dollar_volume(bars, definition.window)
    elif definition.rank_by == "price":
        measure = pl.col("close").alias("measure")
    else:
        weight = pl.col("symbol").replace_strict(
            dict(definition.weights), default=None, return_dtype=pl.Float64
        )
        measure = weight.alias("measure")
    bars = bars.with_columns(measure)
    return Prepared(bars, None, None, list(sessions), definition.stale_sessions, called, {})
