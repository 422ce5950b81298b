"""One clean price series per instrument out of the validated bars of several sources.

Returns are split-adjusted price returns; dividends do not belong here. In: prices.validated bars
of interval 1d and split factors. Out: one row per instrument and session with its return. Indices
and metrics read only this.
"""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import polars as pl

from fundplatform.errors import SchemaError
from fundplatform.finance.adjustment import factor_of

Floats = npt.NDArray[np.float64]

# A ratio read back from two rounded factors: 12 decimals restore what the source stated.
_RATIO_DECIMALS = 12

SCHEMA = pl.Schema(
    {
        "instrument_id": pl.Int32(),
        "session": pl.Date(),
        "source_id": pl.Int16(),
        "close": pl.Float64(),
        "dollar_volume": pl.Float64(),
        "ret": pl.Float64(),
        "growth": pl.Float64(),
    }
)
"""The columns of `session_returns`."""


def session_returns(prices: pl.DataFrame, factors: pl.DataFrame) -> pl.DataFrame:
    """The return of every selected bar since the row before it of the same instrument.

    Formula: r = P(t) * s / P(u) - 1, where u is the previous session of the instrument's series
    and s the product of the split ratios with ex-date in (u, t] (1 for vendor-adjusted prices).

    Two prices are compared only within one source and one `adjustment` basis:

    1. The selected source has a bar at u: its own close-to-close return.
    2. It has none at u but an earlier one at p: its own return since p, divided by what the series
       has already earned from p to u. So the total from p to t is that source's own.
    3. It has no earlier bar (or the series broke since): the close of the bar selected at u, if
       that has the same basis.
    4. Else NULL: the series starts anew. As-traded and split-adjusted prices never mix.

    Args:
        prices: source_id, instrument_id, session, close, volume, adjustment, selected; interval
            1d only; bars of all sources, exactly one selected per instrument and session.
        factors: Output of `adjustment.split_factors`.

    Returns:
        SCHEMA, sorted by (instrument_id, session). close is as stored; dollar_volume = close x
        volume as stored (NULL where volume is). `ret` is NULL on an instrument's first row and
        where its series starts anew. `growth` is the product of (1 + ret) since the last such row,
        1.0 there: its ratios are price growth between two sessions of one unbroken stretch.
        A previous close of 0 makes `ret` NULL. With a close below 0 (commodities) `ret` is the
        bare price ratio - 1, so that growth stays proportional to price; it is no return.

    Raises:
        SchemaError: An instrument has no or several selected bars on a session.
    """
    if prices.is_empty():
        return SCHEMA.to_frame()
    bars = _with_own_previous(prices, factors)
    series = _selected(bars)
    ret = _returns(series)
    columns = series.with_columns(
        pl.Series("ret", ret, nan_to_null=True),
        pl.Series("growth", _growth(ret)),
        (pl.col("close") * pl.col("volume")).alias("dollar_volume"),
    )
    return columns.select(pl.col(n).cast(t) for n, t in SCHEMA.items())


def _with_own_previous(prices: pl.DataFrame, factors: pl.DataFrame) -> pl.DataFrame:
    """Each bar with the previous bar of its own source on the same basis: session and gross q."""
    columns = ("source_id", "instrument_id", "session", "close", "volume", "adjustment", "selected")
    bars = prices.select(columns).with_columns(
        pl.col("adjustment").cast(pl.Categorical), factor_of(prices, factors)
    )
    # By one integer it takes a sixth of the time; with one source this is the final order already.
    bars = bars.sort(_day_key())
    if bars["source_id"].n_unique() > 1:
        bars = bars.sort("source_id", maintain_order=True)
    own = _same("source_id", "instrument_id", "adjustment")
    return bars.with_columns(
        pl.when(own).then(pl.col("session").shift()).alias("own_session"),
        pl.when(own).then(_gross()).alias("own_gross"),
    )


def _selected(bars: pl.DataFrame) -> pl.DataFrame:
    """The selected bars in order, with the gross return q to the row before on the same basis."""
    only = bars["source_id"].n_unique() == 1  # Then they are in order already.
    series = bars.filter("selected")
    series = series if only else series.sort(_day_key())
    doubled = series.select(_same("instrument_id", "session")).to_series().fill_null(False)
    if doubled.any():
        raise SchemaError(
            "prices.validated",
            f"two selected bars, for example {series.row(doubled.arg_true()[0])}",
            "Select one source per instrument, quote and session; pass interval 1d only",
        )
    keys = ["instrument_id", "session"]
    fresh = ~_same("instrument_id", "session").fill_null(False)
    days = fresh.sum() if only else _day_key().n_unique()
    if bars.select(days).item() != series.height:
        orphans = bars.join(series, on=keys, how="anti")
        raise SchemaError(
            "prices.validated",
            f"no selected bar, for example at {orphans.select(keys).row(0)}",
            "Select one source per instrument and session",
        )
    first = ~_same("instrument_id").fill_null(False)
    return series.with_columns(
        pl.when(~first).then(pl.col("session").shift()).alias("previous"),
        pl.when(_same("instrument_id", "adjustment")).then(_gross()).alias("cross_gross"),
    )


def _day_key() -> pl.Expr:
    """One sortable integer per (instrument, session)."""
    return pl.col("instrument_id").cast(pl.Int64) * 2**32 + pl.col("session").to_physical()


def _same(*columns: str) -> pl.Expr:
    """True where the row before agrees on all columns; NULL on the first row."""
    return pl.all_horizontal(pl.col(c) == pl.col(c).shift() for c in columns)


def _gross() -> pl.Expr:
    """P(t) * s / P(before) of neighbouring rows; NULL after a close of 0."""
    before, factor = pl.col("close").shift(), pl.col("split_factor")
    step = (factor / factor.shift()).round(_RATIO_DECIMALS)
    gross = pl.col("close") * step / before
    return pl.when(before != 0).then(gross)


def _returns(series: pl.DataFrame) -> Floats:
    """The four cases of `session_returns`; NaN for NULL."""
    at_previous = (series["own_session"] == series["previous"]).fill_null(False).to_numpy()
    own = series["own_gross"].to_numpy()
    cross = series["cross_gross"].to_numpy()
    gross = np.where(at_previous, own, cross)
    holes = ~at_previous & series["own_session"].is_not_null().to_numpy()
    if holes.any():
        _fill_holes(series, gross, own, np.flatnonzero(holes))
    return gross - 1.0


def _growth(ret: Floats) -> Floats:
    """The product of (1 + ret) since the last NaN, 1.0 there."""
    growth = 1.0 + ret
    starts = np.flatnonzero(np.isnan(ret))
    growth[starts] = 1.0
    # Runs are as many as instruments; a loop over them beats a grouped window fourfold.
    for start, end in pairwise([*starts.tolist(), ret.size]):
        np.cumprod(growth[start:end], out=growth[start:end])
    return growth


def _fill_holes(
    series: pl.DataFrame, gross: Floats, own: Floats, holes: npt.NDArray[np.intp]
) -> None:
    """Case 2, in row order because a later hole may span an earlier one; writes into `gross`.

    A loop over the few bars whose source was missing the session before; products run over the
    hole alone, so a value does not depend on where the frame starts.
    """
    keys = series.select(_day_key()).to_series().to_numpy()
    wanted = series[holes].select("instrument_id", session="own_session").select(_day_key())
    starts = np.searchsorted(keys, wanted.to_series().to_numpy())
    for row, start in zip(holes.tolist(), starts.tolist(), strict=True):
        earned = float(np.prod(gross[start + 1 : row]))
        if np.isfinite(earned) and earned != 0.0:
            gross[row] = own[row] / earned
