"""Return series as the assets need them: daily bars only, each instrument with its calendar."""

import polars as pl

from fundplatform.finance.returns import session_returns

PRICE_COLUMNS = [
    "source_id",
    "instrument_id",
    "interval",
    "session",
    "close",
    "volume",
    "adjustment",
    "selected",
]
"""What `daily_returns` reads of prices.validated."""


def daily_returns(prices: pl.DataFrame, factors: pl.DataFrame) -> pl.DataFrame:
    """`session_returns` of the daily bars; indices, metrics and tiers read interval 1d only."""
    daily = prices.filter(pl.col("interval") == "1d").drop("interval")
    return session_returns(daily, factors)


def with_basis(returns: pl.DataFrame, prices: pl.DataFrame) -> pl.DataFrame:
    """Add `return_basis`: gross_total where the source's prices carry its dividends, else price."""
    total = (pl.col("adjustment") == "split_div").any()
    bases = prices.group_by("source_id").agg(
        return_basis=pl.when(total).then(pl.lit("gross_total")).otherwise(pl.lit("price"))
    )
    return returns.join(bases, on="source_id")


def with_calendar(returns: pl.DataFrame, sources: pl.DataFrame) -> pl.DataFrame:
    """Add `calendar`: that of the source of each instrument's last bar."""
    own = (
        returns.group_by("instrument_id")
        .agg(pl.col("source_id").sort_by("session").last())
        .join(sources.select("source_id", "calendar"), on="source_id")
        .select("instrument_id", "calendar")
    )
    return returns.join(own, on="instrument_id")
