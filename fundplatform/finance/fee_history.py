"""What a fund's own fees took from its growth, by the fees that were in force (methodology B5).

In: a series of prices net of the fee, and fees by their first day. Out: the growth as it was and an
estimate of it before the fee. What a fee costs in general is `fees.py`'s.
"""

import polars as pl

from fundplatform.finance.frames import DAYS_PER_YEAR


def before_fees(series: pl.DataFrame, fees: pl.DataFrame, amount: float) -> pl.DataFrame:
    """Growth of an amount as published, and as it might have been without the fee.

    gross(t) = net(t) / product of (1 - fee)^(days / 365.25) over the days between sessions. The fee
    of a span is the one in force at its end; before the first known, that first one.

    Args:
        series: session, value (> 0), ascending.
        fees: valid_from, expense_ratio (decimal a year, below 1), not empty.
        amount: Money at the first session.

    Returns:
        session, net, gross, expense_ratio.
    """
    known = fees.sort("valid_from").select(session="valid_from", expense_ratio="expense_ratio")
    years = pl.col("session").diff().dt.total_days().fill_null(0) / DAYS_PER_YEAR
    kept = ((1 - pl.col("expense_ratio")).log() * years).cum_sum().exp()
    net = pl.col("value") / pl.col("value").first() * amount
    return (
        series.sort("session")
        .join_asof(known, on="session", strategy="backward")
        .with_columns(pl.col("expense_ratio").fill_null(known["expense_ratio"][0]))
        .select("session", net=net, gross=net / kept, expense_ratio="expense_ratio")
    )
