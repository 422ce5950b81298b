"""Total returns of a price series, from as-traded prices and what was paid.

The truth for indices and metrics (methodology 0): r_t = (P_t x s_t + D_t) / P_(t-1) - 1, chained.
In: bars, split factors, PAYMENTS. Out: `returns.SCHEMA` plus what was paid, and the periods of
catalog.total_return_factors. Price returns are made in `returns.py`.
"""

import polars as pl

from fundplatform.finance.adjustment import FIRST_SESSION, LAST_SESSION, basis_of, factor_of
from fundplatform.finance.returns import SCHEMA as RETURNS
from fundplatform.finance.returns import session_returns
from fundplatform.tables import TOTAL_RETURN_FACTORS

VERSION = 1
"""Raised when the same prices and payments come to give other factors."""

SCHEMA = pl.Schema({**RETURNS, "price_ret": pl.Float64(), "paid_ret": pl.Float64()})
"""`ret` and `growth` are total returns; price_ret is `session_returns`';
paid_ret = D / P_prev."""


def total_returns(
    prices: pl.DataFrame,
    factors: pl.DataFrame,
    paid: pl.DataFrame,
    newest: pl.DataFrame | None = None,
    series: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """`session_returns` with payments: ret = price return + D / P(u), u the row before.

    A payment counts in the row of the first session at or after its ex-date. Ex-dates between two
    rows (a hole in the prices) add up, each restated for the splits before it. Of bars that a
    vendor split-adjusted, P(u) as traded is reconstructed with the splits that are known. Bars that
    carry their dividends (`split_div`) are paid nothing on top. What is paid on the first row of a
    series, or where it starts anew, has no return to go to.

    Args:
        prices: As for `session_returns`; no split_div beside other bases of one instrument.
        factors: Output of `adjustment.split_factors`.
        paid: instrument_id, ex_date, amount (per old share, in the quote's units).
        newest: See `adjustment.basis_of`; None: the newest bars are among `prices`.
        series: Their `session_returns`, where they are made already.

    Returns:
        SCHEMA, the rows and order of `session_returns`.
    """
    series = session_returns(prices, factors) if series is None else series
    if newest is None:
        newest = series.group_by("instrument_id").agg(pl.col("session").max())
    yields = _yields(series, prices, factors, paid, newest)
    ret = pl.col("price_ret") + pl.col("paid_ret")
    merged = (
        series.rename({"ret": "price_ret"})
        .join(yields, on=["instrument_id", "session"], how="left", maintain_order="left")
        .with_columns(pl.col("paid_ret").fill_null(0.0))
        .with_columns(ret=ret)
        .with_columns(_stretch=pl.col("ret").is_null().cum_sum())
    )
    growth = (1.0 + pl.col("ret").fill_null(0.0)).cum_prod().over("_stretch")
    return merged.with_columns(growth=growth).select(pl.col(n).cast(t) for n, t in SCHEMA.items())


def _yields(
    series: pl.DataFrame,
    prices: pl.DataFrame,
    factors: pl.DataFrame,
    paid: pl.DataFrame,
    newest: pl.DataFrame,
) -> pl.DataFrame:
    """instrument_id, session, paid_ret: what was paid into each row, over the close before."""
    own = paid.join(series.select("instrument_id").unique(), on="instrument_id", how="semi")
    rows = series.join(own.select("instrument_id").unique(), on="instrument_id", how="semi")
    before = _with_close_before(rows, prices, factors, newest)
    placed = own.sort("ex_date").join_asof(
        before.sort("session"),
        left_on="ex_date",
        right_on="session",
        by="instrument_id",
        strategy="forward",
        check_sortedness=False,
    )
    placed = placed.filter(pl.col("close_before").is_not_null() & (pl.col("close_before") > 0))
    # Factor of the day before the ex-date over that of u: the splits strictly between them.
    eve = placed.select(
        "instrument_id",
        session=pl.col("ex_date").dt.offset_by("-1d"),
        adjustment=pl.lit("none"),
    )
    restated = placed.with_columns(factor_of(eve, factors)).with_columns(
        paid_ret=pl.col("amount")
        * (pl.col("split_factor") / pl.col("factor_before"))
        / pl.col("close_before")
    )
    return restated.group_by("instrument_id", "session").agg(pl.col("paid_ret").sum())


def _with_close_before(
    rows: pl.DataFrame, prices: pl.DataFrame, factors: pl.DataFrame, newest: pl.DataFrame
) -> pl.DataFrame:
    """instrument_id, session, close_before (as traded), factor_before; NULL without a return."""
    basis = prices.filter("selected").select("instrument_id", "session", "adjustment")
    based = rows.select("instrument_id", "session", "source_id", "close", "ret").join(
        basis, on=["instrument_id", "session"], how="left", maintain_order="left"
    )
    as_traded = based.select("instrument_id", "session", adjustment=pl.lit("none"))
    based = based.with_columns(
        factor_of(as_traded, factors).alias("factor"),
        basis_of(based, factors, newest).alias("base"),
    )
    # A vendor's price = as traded x factor / factor of its newest bar.
    raw = (
        pl.when(pl.col("adjustment") == "none")
        .then("close")
        .when(pl.col("adjustment") == "split")
        .then(pl.col("close") * pl.col("base") / pl.col("factor"))
    )
    goes_on = pl.col("ret").is_not_null() & (
        pl.col("instrument_id") == pl.col("instrument_id").shift()
    )
    return based.with_columns(raw=raw).select(
        "instrument_id",
        "session",
        close_before=pl.when(goes_on).then(pl.col("raw").shift()),
        factor_before=pl.col("factor").shift(),
    )


def total_factors(returns: pl.DataFrame) -> pl.DataFrame:
    """The payment factors of every period of every instrument that paid.

    total_factor: product over later payments of (1 + price return) / (1 + total return), so that
    ratios of split-adjusted price x factor are total returns. vendor_factor: product of
    1 - D / P_prev. Both are 1.0 in the newest period.

    Args:
        returns: Output of `total_returns`.

    Returns:
        instrument_id, from_session, to_session, total_factor, vendor_factor, sorted by the first
        two; the periods cover 1900-01-01 to 9999-12-31. A payment of the whole price or more has
        no vendor factor that means anything: it counts as 1 there.
    """
    paid = returns.filter(pl.col("paid_ret") > 0, pl.col("ret").is_not_null())
    steps = paid.select(
        "instrument_id",
        "session",
        total=(1.0 + pl.col("price_ret")) / (1.0 + pl.col("ret")),
        vendor=pl.when(pl.col("paid_ret") < 1).then(1.0 - pl.col("paid_ret")).otherwise(1.0),
    ).sort("instrument_id", "session")
    later = [
        pl.col(n).cum_prod(reverse=True).shift(-1, fill_value=1.0).over("instrument_id").alias(n)
        for n in ("total", "vendor")
    ]
    oldest = steps.group_by("instrument_id", maintain_order=True).agg(
        pl.lit(FIRST_SESSION).alias("session"), pl.col("total", "vendor").product()
    )
    periods = pl.concat([oldest, steps.with_columns(later)]).sort("instrument_id", "session")
    ends = pl.col("session").shift(-1).over("instrument_id").dt.offset_by("-1d")
    frame = periods.select(
        "instrument_id",
        from_session="session",
        to_session=ends.fill_null(LAST_SESSION),
        total_factor="total",
        vendor_factor="vendor",
    )
    schema = TOTAL_RETURN_FACTORS.polars_schema
    return frame.select(
        pl.col(n).cast(schema[n]) for n in schema if n not in TOTAL_RETURN_FACTORS.stamps
    )
