"""Split factors: from corporate actions to periods, and from periods to adjusted prices.

As-traded prices stay the truth; adjusting happens on read, here. Dividends do not belong here: a
price series is adjusted for splits only. In: raw.corporate_actions rows and bars. Out: the rows of
catalog.adjustment_factors, and bars with `adj_` columns.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl

from fundplatform.finance.splits import SPLITS
from fundplatform.tables import ADJUSTMENT_FACTORS

FIRST_SESSION = date(1900, 1, 1)
LAST_SESSION = date(9999, 12, 31)

_PRICES = ("open", "high", "low", "close")
_KEY_BITS = 22  # days since 1970 reach 2,932,896 (9999-12-31) and start at -25,567 (1900-01-01)
_DAY_OFFSET = 25_567


def split_factors(actions: pl.DataFrame) -> pl.DataFrame:
    """The split factor of every period of every instrument that ever split.

    The factor of a session is the product of 1/ratio over all later ex-dates (methodology 0), so
    the newest period has 1.0. A stock dividend has its ratio (1.05 for 5 %), as `stock_dividend` or
    as a split; one of each on a day multiply.

    Args:
        actions: Rows of raw.corporate_actions: instrument_id, action, ex_date, ratio, source_id.
            Other actions than `splits.SPLITS` are ignored. A split that is announced but not yet
            effective makes a period too: only ratios of factors mean something, and
            `split_adjusted` and the views divide by the factor of the newest price.

    Returns:
        instrument_id, from_session, to_session, split_factor, sorted by the first two. The periods
        of an instrument cover 1900-01-01 to 9999-12-31 without a gap. Instruments without splits
        have no rows. The same split from several sources (same instrument and ex-date) counts
        once, with the ratio of the lowest source_id that states a usable one; a ratio that is
        NULL, not finite or <= 0 is unusable and makes no period.
    """
    usable = pl.col("ratio").is_finite() & (pl.col("ratio") > 0)
    splits = (
        actions.filter(pl.col("action").is_in(SPLITS) & usable)
        .sort("instrument_id", "ex_date", "source_id")
        .unique(["instrument_id", "ex_date", "action"], keep="first", maintain_order=True)
        .group_by("instrument_id", "ex_date", maintain_order=True)
        .agg(pl.col("ratio").product())
    )
    # One divisor per period, with one division at the end: 1/(1.5*2) is nearer than (1/1.5)*(1/2).
    oldest = splits.group_by("instrument_id", maintain_order=True).agg(
        pl.lit(FIRST_SESSION).alias("from_session"), pl.col("ratio").product().alias("divisor")
    )
    later = splits.select(
        "instrument_id",
        pl.col("ex_date").alias("from_session"),
        pl.col("ratio")
        .cum_prod(reverse=True)
        .shift(-1, fill_value=1.0)
        .over("instrument_id")
        .alias("divisor"),
    )
    periods = pl.concat([oldest, later]).sort("instrument_id", "from_session")
    day_before_next = pl.col("from_session").shift(-1).over("instrument_id").dt.offset_by("-1d")
    schema = ADJUSTMENT_FACTORS.polars_schema
    return periods.select(
        pl.col("instrument_id").cast(schema["instrument_id"]),
        pl.col("from_session").cast(pl.Date),
        day_before_next.fill_null(LAST_SESSION).cast(pl.Date).alias("to_session"),
        (1.0 / pl.col("divisor")).alias("split_factor"),
    )


def factor_of(prices: pl.DataFrame, factors: pl.DataFrame) -> pl.Series:
    """The split factor of each bar, in the order of `prices`.

    Args:
        prices: instrument_id, session, adjustment.
        factors: Output of `split_factors`.

    Returns:
        Float64: the factor of the bar's period where `adjustment` is `none` and the instrument has
        splits, else 1.0 (bars the vendor has adjusted are not adjusted again).
    """
    result = np.ones(prices.height)
    if factors.is_empty() or prices.is_empty():
        return pl.Series("split_factor", result)
    periods = factors.sort("instrument_id", "from_session")
    starts = _keys(periods["instrument_id"], periods["from_session"])
    owner = periods["instrument_id"].to_numpy()
    value = periods["split_factor"].to_numpy()
    as_traded = (prices["adjustment"] == "none").fill_null(False)
    rows = (as_traded & prices["instrument_id"].is_in(owner.tolist())).arg_true()
    ids = prices["instrument_id"].gather(rows)
    period = np.searchsorted(starts, _keys(ids, prices["session"].gather(rows)), "right") - 1
    # A session before 1900 finds the previous instrument's period: it keeps factor 1.
    found = (period >= 0) & (owner[period] == ids.to_numpy())
    result[rows.to_numpy()[found]] = value[period[found]]
    return pl.Series("split_factor", result)


def basis_of(prices: pl.DataFrame, factors: pl.DataFrame, newest: pl.DataFrame) -> pl.Series:
    """The split factor of the shares that each price is of, in the order of `prices`.

    As-traded prices are of the shares of their own session. A vendor that adjusts does so as of its
    newest bar, which a frame that ends earlier does not hold.

    Args:
        prices: instrument_id, session, adjustment.
        factors: Output of `split_factors`.
        newest: instrument_id, session: the newest bar of each instrument there is anywhere.
    """
    last = newest.select("instrument_id", "session", adjustment=pl.lit("none"))
    last = last.with_columns(_base=factor_of(last, factors)).select("instrument_id", "_base")
    own = factor_of(prices, factors)
    base = prices.join(last, on="instrument_id", how="left", maintain_order="left")["_base"]
    bars = pl.DataFrame({"f": own, "b": base.fill_null(1.0), "a": prices["adjustment"]})
    return bars.select(pl.when(pl.col("a") == "none").then("f").otherwise("b")).to_series()


def newest_sessions(instruments: pl.DataFrame, today: date) -> pl.DataFrame:
    """instrument_id, session of the newest bar of each row of catalog.instruments.

    An action that is announced may reach further than the bars do: no further than `today`.
    """
    return instruments.select("instrument_id", session=pl.min_horizontal("valid_to", today))


def split_adjusted(
    prices: pl.DataFrame, factors: pl.DataFrame, columns: Sequence[str] = ("close",)
) -> pl.DataFrame:
    """Bars with columns that are split-adjusted as of each instrument's newest bar given.

    Args:
        prices: Bars with instrument_id, session, adjustment and the columns asked for. A split
            after the newest of them (announced, or cut off) does not count.
        factors: Output of `split_factors`.
        columns: Of open, high, low, close, volume.

    Returns:
        `prices`, same rows and order, plus `adj_<column>`: price x factor, volume / factor. NULL
        stays NULL. Bars whose `adjustment` is not `none` keep their stored values.

    Raises:
        ValueError: A column cannot be adjusted.
    """
    wrong = [c for c in columns if c not in (*_PRICES, "volume")]
    if wrong:
        raise ValueError(f"columns {wrong}: use any of {[*_PRICES, 'volume']}")
    newest = prices.group_by("instrument_id").agg(pl.col("session").max())
    newest = newest.with_columns(adjustment=pl.lit("none"))
    base = newest.select("instrument_id", base=factor_of(newest, factors))
    bases = prices.join(base, on="instrument_id", how="left", maintain_order="left")["base"]
    as_traded = (prices["adjustment"] == "none").fill_null(False)
    own = pl.DataFrame({"f": factor_of(prices, factors), "b": bases, "n": as_traded})
    factor = pl.lit(
        own.select(pl.when("n").then(pl.col("f") / pl.col("b")).otherwise(1.0)).to_series()
    )
    return prices.with_columns(
        (pl.col(c) / factor if c == "volume" else pl.col(c) * factor).alias(f"adj_{c}")
        for c in columns
    )


def _keys(ids: pl.Series, days: pl.Series) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """One sortable integer per (instrument, day)."""
    day = days.to_physical().cast(pl.Int64).to_numpy() + _DAY_OFFSET
    key: np.ndarray[tuple[int], np.dtype[np.int64]] = (
        ids.cast(pl.Int64).to_numpy() << _KEY_BITS
    ) + day
    return key
