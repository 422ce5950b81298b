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


def returns_by_basis(
    prices: pl.DataFrame, factors: pl.DataFrame, sources: pl.DataFrame
) -> pl.DataFrame:
    """`daily_returns` of each return basis by itself, labelled `return_basis`.

    gross_total where the source's prices carry its dividends, else price. An instrument with
    sources of both bases has a series on each: within a basis the source of lowest (priority,
    source_id) counts, since the bar `selected` among all sources may be of the other one.
    """
    total = (pl.col("adjustment") == "split_div").any().over("source_id")
    daily = prices.filter(pl.col("interval") == "1d").with_columns(
        return_basis=pl.when(total).then(pl.lit("gross_total")).otherwise(pl.lit("price"))
    )
    if daily["return_basis"].n_unique() > 1:
        ids = sources.select("source_id", "priority")
        order = pl.col("priority").cast(pl.Int64) * 2**16 + pl.col("source_id")
        best = order.min().over("instrument_id", "session", "return_basis")
        daily = daily.join(ids, on="source_id", how="left").with_columns(selected=order == best)
    return pl.concat(
        [daily_returns(daily.clear(), factors).with_columns(return_basis=pl.lit("price"))]
        + [
            daily_returns(own, factors).with_columns(return_basis=pl.lit(basis))
            for (basis,), own in daily.partition_by("return_basis", as_dict=True).items()
        ]
    )


def with_calendar(returns: pl.DataFrame, sources: pl.DataFrame) -> pl.DataFrame:
    """Add `calendar`: that of the source of each instrument's last bar."""
    own = (
        returns.group_by("instrument_id")
        .agg(pl.col("source_id").sort_by("session", "source_id").last())
        .join(sources.select("source_id", "calendar"), on="source_id")
        .select("instrument_id", "calendar")
    )
    return returns.join(own, on="instrument_id")
