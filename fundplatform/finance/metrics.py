"""Performance and risk by time frame (methodology B2) for one calendar's instruments.

In: return series (`finance/returns.py`), the calendar's sessions, the sessions to evaluate. Out:
rows of funds.metrics. Base dates, minimum counts and the choice of sessions are `frames.py`'s;
prices, splits and dividends are settled before. All statistics are plain decimals.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fundplatform.finance import frames
from fundplatform.finance.panel import Bools, Floats, Ints, Panel, panels
from fundplatform.tables import METRICS

_T = TypeVar("_T", bound=np.generic)

METHOD_VERSION = 1
"""Raised when the same returns come to give other metrics: all days are computed again."""

NOISE = 1e-12
"""A deviation of daily returns below this is rounding of the prices, and counts as zero."""

_REASONS = (
    None, "insufficient_history", "stale_base", "non_positive_price", "too_few_returns",
    "low_coverage", "zero_variance", "no_downside",
)  # fmt: skip
_CODE = {name: code for code, name in enumerate(_REASONS)}


@dataclass(frozen=True)
class Statistics:
    """One value per column of the returns. NaN where it is not defined.

    Attributes:
        mean: Arithmetic mean of the returns, per period.
        std: Standard deviation, ddof 1, per period; NaN below two returns; 0 below `NOISE`.
        volatility: std * sqrt(k).
        sharpe: (mean - rf) / std * sqrt(k); NaN where std is 0.
        downside: sqrt(sum(min(r, 0)^2) / n) * sqrt(k), n = all returns; 0 below `NOISE`.
        sortino: mean * k / downside, target 0; NaN where downside is 0.
    """

    mean: Floats
    std: Floats
    volatility: Floats
    sharpe: Floats
    downside: Floats
    sortino: Floats


def statistics(
    returns: Floats,
    *,
    periods_per_year: int,
    risk_free_rate: float,
    present: Bools | None = None,
) -> Statistics:
    """Statistics of daily returns along the first axis; two passes, so that no digits cancel.

    Args:
        returns: [sessions] or [sessions, instruments], decimals, finite.
        periods_per_year: k: XNYS 252, 24/7 365, 24/5 260.
        risk_free_rate: Annual, decimal; per period (1 + annual)^(1/k) - 1.
        present: Same shape; False where there is no return, and `returns` must be 0 there.
            None: all count.
    """
    k = periods_per_year
    risk_free = (1 + risk_free_rate) ** (1 / k) - 1
    n = np.asarray(len(returns) if present is None else present.sum(axis=0), dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = returns.sum(axis=0) / n
        deviations = returns - mean
        if present is not None:
            deviations *= present
        np.square(deviations, out=deviations)
        std = _no_noise(np.sqrt(deviations.sum(axis=0) / (n - 1)))
        below = np.minimum(returns, 0.0)
        np.square(below, out=below)
        downside = _no_noise(np.sqrt(below.sum(axis=0) / n))
        return Statistics(
            mean=mean,
            std=np.where(n > 1, std, np.nan),
            volatility=np.where(n > 1, std, np.nan) * np.sqrt(k),
            sharpe=np.where((n > 1) & (std > 0), (mean - risk_free) / std, np.nan) * np.sqrt(k),
            downside=downside * np.sqrt(k),
            sortino=np.where(downside > 0, mean * k / (downside * np.sqrt(k)), np.nan),
        )


def _no_noise(deviation: Floats) -> Floats:
    return np.where(deviation > NOISE, deviation, 0.0)


def max_drawdown(growth: Floats) -> Floats:
    """Deepest fall from a peak, min(P / cummax(P) - 1), along the first axis; <= 0.

    Args:
        growth: [1 + sessions] or [1 + sessions, instruments]: prices, all > 0, on any scale. The
            base price comes first and counts as a peak, so a loss on the first session counts.
    """
    ratio = growth / np.maximum.accumulate(growth, axis=0)
    return np.asarray(ratio.min(axis=0) - 1.0)


def fund_metrics(
    returns: pl.DataFrame,
    sessions: Sequence[date],
    evaluate: Sequence[date],
    *,
    periods_per_year: int,
    risk_free_rate: float,
    return_basis: str = "price",
) -> pl.DataFrame:
    """All frames of every instrument at every session to evaluate.

    An instrument has rows for `as_of` if it has a price on it. Nothing after `as_of` is read. A
    NULL (or infinite) `ret` after an instrument's first row breaks its series: history starts
    anew there. A bar on a day that is no session of this calendar is no observation of its own:
    its return is part of the return of the next session that has a bar.

    Reasons, the first that applies: insufficient_history (no price on or before the base date),
    stale_base (base price over 7 days older than the base date): no value. non_positive_price:
    total_return is NULL where a price at an end of the frame is <= 0 (prices are measured
    against the series' first, taken as > 0), risk values where any is. too_few_returns,
    low_coverage: total_return stays, volatility, sharpe, sortino and max_drawdown are NULL.
    zero_variance: sharpe is NULL. no_downside: sortino is NULL. annualized_return is NULL for
    frames shorter than a year, without a reason.

    Args:
        returns: instrument_id, session, ret (decimal, from the instrument's previous row); one
            row per instrument and session. Further columns are ignored.
        sessions: The calendar's sessions, ascending, from the first return on, reaching into the
            month after the last evaluation (else a last session may pass for mid-month).
        evaluate: The `as_of` sessions.
        periods_per_year: Sessions a year, for annualising volatility, Sharpe and Sortino.
        risk_free_rate: Annual, decimal.
        return_basis: Label of the series: price, gross_total or net_total.

    Returns:
        Columns of funds.metrics without stamps, by instrument, session and frame.

    Raises:
        ValueError: A session to evaluate is not one of `sessions`.
    """
    if unknown := sorted(set(evaluate) - set(sessions)):
        raise ValueError(f"not sessions of this calendar: {unknown[:5]}")
    anchored = set(frames.month_ends(sessions))
    parts: list[pl.DataFrame] = []
    for panel in panels(returns, sessions, max(evaluate, default=date.min)):
        for as_of in sorted(set(evaluate)):
            row = panel.row_on_or_before(as_of)
            if row >= 0 and panel.priced[row].any():
                parts.append(_at(panel, row, as_of in anchored, periods_per_year, risk_free_rate))
    schema = {n: t for n, t in METRICS.polars_schema.items() if n not in METRICS.stamps}
    if not parts:
        return pl.DataFrame(schema=schema)
    rows = pl.concat(parts).with_columns(
        reason=pl.col("reason").replace_strict(range(len(_REASONS)), _REASONS),
        return_basis=pl.lit(return_basis),
        risk_free_rate=pl.lit(risk_free_rate, dtype=pl.Float64),
    )
    floats = [n for n, t in schema.items() if t == pl.Float64]
    shaped = rows.select(pl.col(n).cast(t) for n, t in schema.items())
    return shaped.with_columns(pl.col(floats).fill_nan(None)).sort(
        "instrument_id", "session", maintain_order=True
    )


def _at(panel: Panel, row: int, anchored: bool, k: int, risk_free_rate: float) -> pl.DataFrame:
    """Every frame of the series that have a price at `row`, series by series."""
    priced = np.flatnonzero(panel.priced[row])
    by_frame = [_frame(panel, row, name, anchored, k, risk_free_rate) for name in frames.FRAMES]
    columns = {
        name: np.stack([values[name][priced] for values in by_frame], axis=1).ravel()
        for name in by_frame[0]
    }
    return pl.DataFrame(
        {
            "instrument_id": np.repeat(panel.instruments[priced], len(frames.FRAMES)),
            "frame": frames.FRAMES * len(priced),
            **columns,
        }
    ).with_columns(session=pl.lit(panel.sessions[row].item()))


def _frame(
    panel: Panel, row: int, frame: str, anchored: bool, k: int, risk_free_rate: float
) -> dict[str, NDArray[np.generic]]:
    """The values of one frame for every series of the panel that has a price at `row`."""
    window, base, reason = _base(panel, row, frame, anchored)
    known = panel.priced[row] & (reason == 0)
    own = np.maximum(base, 0)
    n = np.where(known, panel.count(own, row), 0)
    begin, end = panel.at(own), panel.growth[row]
    measured = known & (begin > 0) & (end > 0)
    total = np.full(len(base), np.nan)
    np.divide(end, begin, out=total, where=measured)
    total -= 1.0

    positive = panel.always_positive(own, row)
    covered = n >= frames.MIN_COVERAGE * (row - base) - NOISE
    enough = n >= frames.MIN_RETURNS[frame]
    for fails, name in (
        (~positive, "non_positive_price"),
        (~enough, "too_few_returns"),
        (~covered, "low_coverage"),
    ):
        reason[(reason == 0) & fails] = _CODE[name]
    risk = _risk(panel, window, row, known & (reason == 0), k, risk_free_rate)
    for column, name in (("sharpe", "zero_variance"), ("sortino", "no_downside")):
        reason[(reason == 0) & np.isnan(risk[column])] = _CODE[name]
    sessions = np.where(known, panel.sessions[own], np.datetime64("NaT"))
    return {
        "base_session": sessions,
        "n_returns": n,
        "total_return": total,
        "annualized_return": _annualized(total, frame, panel.sessions[row] - panel.sessions[own]),
        **risk,
        "reason": reason,
    }


def _base(panel: Panel, row: int, frame: str, anchored: bool) -> tuple[int | None, Ints, Ints]:
    """The row of the base date (None: each series' start), of each base price, and the reasons."""
    as_of: date = panel.sessions[row].item()
    day = frames.base_date(as_of, frame, anchored)
    if day is None:
        missing = panel.start >= row
        return None, panel.start, np.where(missing, _CODE["insufficient_history"], 0)
    window = panel.row_on_or_before(day)
    base = panel.last_priced(window)
    reason = np.where(base < 0, _CODE["insufficient_history"], 0)
    if window >= 0:
        # Anchored base dates are sessions: the last one of the month or year.
        snapped = panel.sessions[window] if anchored or frame == "YTD" else np.datetime64(day, "D")
        age = (snapped - panel.sessions[np.maximum(base, 0)]).astype(np.int64)
        reason[(reason == 0) & (age > frames.STALE_AFTER_DAYS)] = _CODE["stale_base"]
    return window, base, reason


def _risk(
    panel: Panel, window: int | None, row: int, wanted: Bools, k: int, risk_free_rate: float
) -> dict[str, Floats]:
    """Risk values of the wanted series over (window, row]; NaN for the others."""
    names = ("volatility", "sharpe", "sortino", "max_drawdown")
    values = {name: np.full(len(wanted), np.nan) for name in names}
    if not wanted.any():
        return values
    first = int(panel.start[wanted].min()) if window is None else window
    present = _columns(panel.has_return[first + 1 : row + 1], wanted)
    found = statistics(
        _columns(panel.returns[first + 1 : row + 1], wanted),
        periods_per_year=k,
        risk_free_rate=risk_free_rate,
        present=None if present.all() else present,
    )
    deepest = max_drawdown(_columns(panel.growth[first : row + 1], wanted))
    for name, value in zip(
        names, (found.volatility, found.sharpe, found.sortino, deepest), strict=True
    ):
        values[name][wanted] = value[: int(wanted.sum())]
    return values


def _columns(values: NDArray[_T], wanted: Bools) -> NDArray[_T]:
    """The wanted columns, in row-major order and at least two of them (one: twice).

    Numpy then adds every column up in the same order, whatever stands beside it; a single column
    would be summed pairwise, and the last digits of an instrument would hang on its neighbours.
    """
    if len(wanted) > 1 and wanted.all():
        return values
    chosen = np.flatnonzero(wanted)
    return np.take(values, chosen if len(chosen) > 1 else np.repeat(chosen, 2), axis=1)


def _annualized(total: Floats, frame: str, held: NDArray[np.timedelta64]) -> Floats:
    """(1 + total)^(1 / years) - 1 for frames of a year or more, else NaN."""
    days = held.astype("timedelta64[D]").astype(np.float64)
    years = np.full(len(total), float(frames.YEARS.get(frame, 0)))
    if frame == "ALL":
        years = np.where(days >= frames.DAYS_PER_YEAR, days / frames.DAYS_PER_YEAR, 0.0)
    annual = (1.0 + total) ** (1.0 / np.maximum(years, 1.0)) - 1.0
    return np.where(years >= 1, annual, np.nan)
