"""One total return series of two: prices that carry dividends, and payments on other prices.

In: both as return rows. Out: one row per instrument and session. How each is made is `returns.py`'s
and `total_return.py`'s.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_KEY = ["instrument_id", "session"]


def joined(stated: pl.DataFrame, paid: pl.DataFrame) -> pl.DataFrame:
    """The rows of both; of a session that both have, the stated one.

    A return is from the row before, whichever series that is of. On a session on which the stated
    one begins, or comes back after a hole, it is the paid one's where that is from the row before;
    what else is from an older row is divided by what was earned since, as in
    `returns.session_returns`. The return of a session depends on no later one.

    Args:
        stated: instrument_id, session, ret, growth and any more, by instrument and session; `ret`
            is from the row before, NULL where the series begins.
        paid: The same of other prices, with what was paid on them.

    Returns:
        The columns of `stated`, an instrument's rows by session; `growth` as in `session_returns`.
    """
    parts = [stated, paid.select(stated.columns)]
    in_both = pl.col("instrument_id").is_in(
        list(set(stated["instrument_id"].unique()) & set(paid["instrument_id"].unique()))
    )
    apart = [part.filter(~in_both) for part in parts]
    rows = pl.concat(
        part.filter(in_both).with_columns(
            _since=pl.col("session").shift().over("instrument_id"), _order=pl.lit(order)
        )
        for order, part in enumerate(parts)
    )
    if rows.is_empty():
        return pl.concat(apart)
    days = rows.select(_KEY).unique().sort(_KEY)
    days = days.with_columns(_before=pl.col("session").shift().over("instrument_id"))
    rows = rows.join(days, on=_KEY)
    whole = pl.col("ret").is_not_null() & (pl.col("_since") == pl.col("_before"))
    ordered = rows.sort(*_KEY, ~whole.fill_null(False), pl.col("ret").is_null(), "_order")
    series = ordered.unique(_KEY, keep="first", maintain_order=True)
    series = series.with_columns(pl.Series("ret", _since_the_row_before(series), nan_to_null=True))
    stretch = pl.col("ret").is_null().cum_sum()
    growth = (1.0 + pl.col("ret").fill_null(0.0)).cum_prod().over(stretch)
    return pl.concat([*apart, series.with_columns(growth=growth).select(stated.columns)])


def _since_the_row_before(series: pl.DataFrame) -> Floats:
    """The returns of rows that are from the row of `_since`, from that of `_before`; NaN: NULL."""
    gross = 1.0 + series["ret"].fill_null(float("nan")).to_numpy()
    holes = (series["_since"] != series["_before"]).fill_null(False).to_numpy()
    ids, days = series["instrument_id"].to_numpy(), series["session"].to_physical().to_numpy()
    since = series["_since"].to_physical().to_numpy()
    # In row order, because a later hole may span an earlier one.
    for row in np.flatnonzero(holes).tolist():
        start = row - 1
        while start >= 0 and ids[start] == ids[row] and days[start] > since[row]:
            start -= 1
        earned = float(np.prod(gross[start + 1 : row]))
        gross[row] = gross[row] / earned if np.isfinite(earned) and earned != 0.0 else np.nan
    return np.asarray(gross - 1.0)
