"""Performance and risk by time frame (methodology B2) for one calendar's instruments.

In: return series (`finance/returns.py`), the calendar's sessions, the sessions to evaluate. Out:
rows of funds.metrics and, where wanted, of funds.risk (`risk.py`). Base prices and reasons are
`frame_bases.py`'s; prices, splits and dividends are settled before. All are plain decimals.

One session or ten years of them are the same computation, to the last bit; so is a session that
goes on from what ALL keeps of what lies before its cut (`carried.py`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce

import numpy as np
import polars as pl

from fundplatform.finance import folds, frames, risk
from fundplatform.finance.blocks import Combine, Part
from fundplatform.finance.carried import kept, panels_behind
from fundplatform.finance.frame_bases import CODE, REASONS, Evaluated, annualized, based
from fundplatform.finance.measured import Columns, Measured, Terms, rows_of
from fundplatform.finance.panel import Bools, Floats, Panel
from fundplatform.finance.panel_blocks import panels, series_per_panel
from fundplatform.finance.risk_free import RiskFree, per_period
from fundplatform.tables import METRICS, RISK

METHOD_VERSION = 10
"""Raised when the same returns come to give other metrics: all days are computed again."""


@dataclass(frozen=True)
class Statistics:
    """One value per window and column. NaN where it is not defined.

    Attributes:
        mean: Arithmetic mean of the returns, per period.
        std: Standard deviation, ddof 1, per period; NaN below two returns; 0 below `NOISE`.
        volatility: std * sqrt(k).
        sharpe: mean(e) / std(e) * sqrt(k), e = r - rf; NaN where std is 0.
        downside: sqrt(sum(min(r, 0)^2) / n) * sqrt(k), n = all returns; 0 below `NOISE`.
        sortino: mean * k / downside, target 0; NaN where downside is 0.
    """

    mean: Floats
    std: Floats
    volatility: Floats
    sharpe: Floats
    downside: Floats
    sortino: Floats

    @classmethod
    def of(cls, own: Part, excess: Part, below: Floats, k: int) -> "Statistics":
        """From the moments of returns and of excess returns, and the sum of squared losses."""
        n, mean, squares = own
        std = folds.deviation(n, squares)
        spread = folds.deviation(n, excess[2])
        with np.errstate(divide="ignore", invalid="ignore"):
            downside = np.sqrt(below / n)
            downside = np.where(downside > folds.NOISE, downside, 0.0)
            return cls(
                mean=mean,
                std=std,
                volatility=std * np.sqrt(k),
                sharpe=np.where(spread > 0, excess[1] / spread, np.nan) * np.sqrt(k),
                downside=downside * np.sqrt(k),
                sortino=np.where(downside > 0, mean * k / (downside * np.sqrt(k)), np.nan),
            )


def statistics(
    returns: Floats,
    *,
    periods_per_year: int,
    risk_free_rate: float,
    present: Bools | None = None,
) -> Statistics:
    """Statistics of daily returns along the first axis.

    Args:
        returns: [sessions] or [sessions, instruments], decimals, finite.
        periods_per_year: k: XNYS 252, 24/7 365, 24/5 260.
        risk_free_rate: Annual, decimal; per period (1 + annual)^(1/k) - 1.
        present: Same shape; False where there is no return, and `returns` must be 0 there.
            None: all count.
    """
    there = np.ones(returns.shape, dtype=np.bool_) if present is None else present
    *own, below = _whole(folds.losses(returns, there), folds.join_losses)
    rate = float(per_period(np.array(risk_free_rate), periods_per_year))
    excess = (own[0], own[1] - rate, own[2])
    return Statistics.of(tuple(own), excess, below, periods_per_year)


def max_drawdown(growth: Floats) -> Floats:
    """Deepest fall from a peak, min(P / cummax(P) - 1), along the first axis; <= 0.

    Args:
        growth: [1 + sessions] or [1 + sessions, instruments]: prices, all > 0, on any scale. The
            base price comes first and counts as a peak, so a loss on the first session counts.
    """
    return _whole(folds.drawdown(growth), folds.join_drawdown)[2]


def _whole(leaf: Part, combine: Combine) -> Part:
    """The statistic of all rows; the leaf's fields are [rows] or [rows, columns]."""
    rows = (tuple(np.atleast_1d(f[n]) for f in leaf) for n in range(len(leaf[0])))
    return tuple(f.reshape(leaf[0].shape[1:]) for f in reduce(combine, rows))


def fund_metrics(
    returns: pl.DataFrame,
    sessions: Sequence[date],
    evaluate: Sequence[date],
    *,
    periods_per_year: int,
    risk_free_rate: float,
    return_basis: str = "price",
) -> pl.DataFrame:
    """The rows of funds.metrics; see `measure`."""
    terms = Terms(periods_per_year, RiskFree(risk_free_rate), return_basis)
    parts = [m for m, _ in measure(returns, sessions, evaluate, terms, further=False)]
    return pl.concat([METRICS.empty().drop(METRICS.stamps), *parts])


def measure(
    returns: pl.DataFrame,
    sessions: Sequence[date],
    evaluate: Sequence[date],
    terms: Terms,
    *,
    further: bool = True,
    keep: Callable[[pl.DataFrame], None] | None = None,
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """All frames of every instrument at every session to evaluate.

    An instrument has rows for `as_of` if it has a price on it. Nothing after `as_of` is read. A
    NULL (or infinite) `ret` after an instrument's first row breaks its series: history starts
    anew there. A bar on a day that is no session of this calendar is no observation of its own:
    its return is part of the return of the next session that has a bar.

    Reasons, the first that applies: insufficient_history (no price on or before the base date),
    stale_base (base price over 7 days older than the base date): no value. non_positive_price:
    total_return is NULL where a price at an end of the frame is <= 0 (prices are measured
    against the series' first, taken as > 0), risk values where any is. too_few_returns,
    low_coverage: total_return stays, all risk values are NULL. zero_variance: sharpe is NULL.
    no_downside: sortino is NULL. annualized_return is NULL for frames shorter than a year,
    without a reason.

    Args:
        returns: instrument_id, session, ret (decimal, from the instrument's previous row); one
            row per instrument and session. Further columns are ignored.
        sessions: The calendar's sessions, ascending, from the first return on, reaching into the
            month after the last evaluation (else a last session may pass for mid-month).
        evaluate: The `as_of` sessions.
        terms: Periods a year, risk-free rates, basis, benchmarks.
        further: False: the frames of funds.risk stay empty.
        keep: Is handed what a later session may go on from, `carried.SCHEMA`, a block at a time.

    Returns:
        Columns of funds.metrics and of funds.risk without stamps, by instrument, session and
        frame; a block of instruments at a time, so that memory is bounded by the reader.

    Raises:
        ValueError: A session to evaluate is not one of `sessions`.
    """
    if unknown := sorted(set(evaluate) - set(sessions)):
        raise ValueError(f"not sessions of this calendar: {unknown[:5]}")
    last, width = max(evaluate, default=date.min), series_per_panel(len(set(evaluate)))
    wanted = Evaluated.of(sessions, evaluate)
    for panel in panels(returns, sessions, last, width):
        yield from _panel_rows(panel, wanted, terms, further, keep)


def measure_behind(
    returns: pl.DataFrame,
    rows: pl.DataFrame,
    sessions: Sequence[date],
    evaluate: Sequence[date],
    terms: Terms,
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """`measure`, to the last bit, of series of which only what lies behind the cut is read.

    Args:
        returns: As for `carried.panels_behind`.
        rows: `carried.SCHEMA`, as `measure` handed them out for the same cut and terms.
        sessions: The calendar's sessions from the oldest start on, into the month after.
        evaluate: Fewer than `tails.MANY` sessions of one year.
        terms: The benchmarks' series from their beginning on.
    """
    wanted = Evaluated.of(sessions, evaluate)
    for panel in panels_behind(returns, rows, sessions, max(evaluate)):
        yield from _panel_rows(panel, wanted, terms)


def _panel_rows(
    panel: Panel,
    wanted: Evaluated,
    terms: Terms,
    further: bool = True,
    keep: Callable[[pl.DataFrame], None] | None = None,
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """What `measure` yields of a panel; by itself, so that the next one finds its memory free."""
    rows = np.flatnonzero(np.isin(panel.sessions, wanted.days)).astype(np.int32)
    rows = rows[panel.priced[rows].any(axis=1)]
    if not len(rows):
        return
    every = [based(panel, rows, name, wanted) for name in frames.FRAMES]
    block = Measured.of(panel, rows, every)
    columns = _metrics(block, terms, further)
    basis = pl.lit(terms.return_basis).alias("return_basis")
    found = rows_of(block, columns, METRICS, {"reason": REASONS}).with_columns(basis)
    if not further:
        yield found.select(_METRICS), _NO_RISK
        return
    ends = np.flatnonzero(np.isin(panel.sessions, wanted.month_ends)).astype(np.int32)
    more = rows_of(
        block,
        risk.further(block, columns, ends, terms),
        RISK,
        {"reason": risk.REASONS, "benchmark_reason": risk.BENCHMARK_REASONS},
    )
    if keep is not None:
        keep(kept(block, terms))
    yield found.select(_METRICS), more.with_columns(basis).select(_RISK)


_METRICS = [n for n in METRICS.column_names if n not in METRICS.stamps]
_RISK = [n for n in RISK.column_names if n not in RISK.stamps]
_BASIC = [n for n in _METRICS if n not in ("instrument_id", "session", "frame", "return_basis")]
_NO_RISK = RISK.empty().drop(RISK.stamps)


def _metrics(block: Measured, terms: Terms, located: bool) -> Columns:
    """The columns of funds.metrics; with the rows of the drawdown where `located`."""
    panel, k = block.panel, terms.periods_per_year
    own = block.over_returns("losses", folds.LOSSES, block.returns, block.present)
    rates = terms.risk_free.annual(panel.sessions)
    constant = float(per_period(np.array(terms.risk_free.constant), k))
    excess = None
    if rates is not None:
        daily = block.layout.spread(panel.returns - per_period(rates, k)[:, None])
        daily = np.where(block.present, daily, 0.0)
        excess = block.over_returns("excess", folds.MOMENTS, daily, block.present)
    columns: Columns = {name: [] for name in (*_BASIC, "peak", "trough")}
    for frame, (*moments, loss), deepest in zip(
        block.frames, own, _drawdowns(block, located), strict=True
    ):
        of = tuple(moments)
        over = (of[0], of[1] - constant, of[2]) if excess is None else next(excess)
        found = Statistics.of(of, over, loss, k)
        used = np.full(frame.total.shape, terms.risk_free.constant)
        if excess is not None:
            used = np.where(frame.sound, (1 + of[1] - over[1]) ** k - 1, used)
        values: dict[str, Floats] = {
            "volatility": found.volatility, "sharpe": found.sharpe, "sortino": found.sortino,
            "max_drawdown": deepest[0],
        }  # fmt: skip
        sound = frame.sound
        for name, value in values.items():
            columns[name].append(np.where(sound, value, np.nan))
        reason = frame.reason.copy()
        for name, why in (("sharpe", "zero_variance"), ("sortino", "no_downside")):
            reason[(reason == 0) & np.isnan(columns[name][-1])] = CODE[why]
        columns["reason"].append(reason)
        base = np.where(frame.known, frame.base, np.nan).astype(np.float64)
        columns["base_session"].append(block.days_of(base))
        columns["n_returns"].append(frame.n)
        columns["total_return"].append(frame.total)
        columns["annualized_return"].append(annualized(frame, panel))
        columns["risk_free_rate"].append(used)
        for name, value in zip(("peak", "trough"), deepest[1:], strict=False):
            columns[name].append(value)
    return columns


def _drawdowns(block: Measured, located: bool) -> Iterator[Part]:
    """The deepest fall of each frame; with the rows of its peak and trough where wanted."""
    growth = block.layout.carried(block.panel.growth)
    if not located:
        for part in block.over_prices("drawdown", folds.DRAWDOWN, growth):
            yield part[2:3]
        return
    row = block.layout.carried(np.arange(len(block.panel.sessions), dtype=np.float64)[:, None])
    for part in block.over_prices("located", folds.LOCATED, growth, row):
        yield (part[2], part[5], part[6])
