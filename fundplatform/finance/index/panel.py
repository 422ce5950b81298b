"""The bars of a universe on the sessions of an index: positions, returns, dollar volume.

Ranking and caps do not belong here. In: `returns.session_returns` rows with symbol and
listed_from. Out: one row per instrument and index session with a bar, in (instrument_id, pos)
order, where `pos` numbers the index sessions from 0.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from fundplatform.finance.index_definition import LIQUIDITY_WINDOW

Ints = npt.NDArray[np.int64]

COLUMNS = ("instrument_id", "symbol", "listed_from", "session", "ret", "dollar_volume")


def bars_on(returns: pl.DataFrame, sessions: Sequence[date]) -> pl.DataFrame:
    """The bars on index sessions, with their return since the bar before.

    A bar on a day that is no index session (crypto on a Sunday) gives its return to the next bar
    that is on one, compounded; a NULL return among them makes the sum NULL.

    Args:
        returns: At least COLUMNS.
        sessions: The index's sessions, ascending.

    Returns:
        COLUMNS without session, plus pos (Int32).
    """
    days = pl.Series(sessions, dtype=pl.Date).to_physical().to_numpy()
    # The close serves price weights only, and is not always there.
    columns = [*COLUMNS, *(n for n in ("close",) if n in returns.columns)]
    rows = _in_order(returns.select(columns), int(days[0]), int(days[-1]))
    day = rows["session"].to_physical().to_numpy() - days[0]
    # By day, not by search: of millions of rows only thousands of days are different.
    place = np.searchsorted(days, np.arange(days[0], days[-1] + 1)).astype(np.int32)
    pos = place[day]
    rows = rows.drop("session").with_columns(pl.Series("pos", pos, dtype=pl.Int32))
    if (np.diff(days) > 1).any() and not (on := days[pos] - days[0] == day).all():
        rows = _compounded(rows, on)
    return rows


def _in_order(rows: pl.DataFrame, first: int, last: int) -> pl.DataFrame:
    """The rows of the days from first to last, by instrument and session; as it is where it is."""
    day = rows["session"].to_physical().to_numpy()
    if day.size and (day.min() < first or day.max() > last):
        kept = pl.Series((day >= first) & (day <= last))
        rows = rows.filter(kept)
        day = rows["session"].to_physical().to_numpy()
    ids = rows["instrument_id"].to_numpy()
    same = ids[1:] == ids[:-1]
    if ((ids[1:] > ids[:-1]) | (same & (day[1:] > day[:-1]))).all():
        return rows
    return rows.sort("instrument_id", "session")


def _compounded(rows: pl.DataFrame, on: npt.NDArray[np.bool_]) -> pl.DataFrame:
    """Each run of off-session bars joined to the on-session bar after it; trailing ones go."""
    block: Ints = np.cumsum(on) - on
    gross = (pl.col("ret") + 1.0).product()
    whole = pl.when(pl.col("ret").null_count() == 0).then(gross - 1.0)
    joined = (
        rows.with_columns(pl.Series("block", block), pl.Series("on", on))
        .group_by("instrument_id", "block", maintain_order=True)
        .agg(
            pl.col("symbol", "listed_from", "dollar_volume", "pos", "on").last(),
            *(pl.col(n).last() for n in ("close",) if n in rows.columns),
            pl.when(pl.len() == 1).then(pl.col("ret").last()).otherwise(whole).alias("ret"),
        )
    )
    return joined.filter("on").select(rows.columns)


def median_of_last_bars(bars: pl.DataFrame) -> pl.Series:
    """Liquidity: median dollar volume of the bars within the last 20 index sessions.

    However many there are: a halt must not turn the choice of an issuer's line. NULL without any
    volume. Rows in (instrument_id, pos) order.
    """
    median = pl.col("dollar_volume").rolling_median_by("pos", f"{LIQUIDITY_WINDOW}i", min_samples=1)
    return bars.select(median.over("instrument_id")).to_series()


def median_dollar_volume(bars: pl.DataFrame, window: int) -> pl.Series:
    """Median dollar volume of the last `window` index sessions, each of which needs a bar.

    Args:
        bars: Output of `bars_on`.
        window: Number of sessions, the row's own included.

    Returns:
        Float64; NULL where a session of the window has no bar or no volume.
    """
    ids, pos = pl.col("instrument_id"), pl.col("pos")
    unbroken = (ids == ids.shift(window - 1)) & (pos - pos.shift(window - 1) == window - 1)
    median = pl.col("dollar_volume").rolling_median(window, min_samples=window)
    return bars.select(pl.when(unbroken).then(median).alias("measure")).to_series()
