"""What funds.risk has beside funds.metrics: drawdown dates, tails, shape, months, benchmark.

In: a measured block with its basic columns. Out: further columns by frame. All definitions are
methodology B2's; the statistics that compose stand in `folds.py`.
"""

from collections.abc import Iterator

import numpy as np

from fundplatform.finance import folds, frames, months, tails
from fundplatform.finance.benchmark import Beside, beside
from fundplatform.finance.blocks import Part
from fundplatform.finance.frame_bases import REASONS as BASE_REASONS
from fundplatform.finance.frame_bases import Frame, days_held
from fundplatform.finance.measured import Columns, Measured, Terms
from fundplatform.finance.panel import Bools, Floats, Ints, Panel
from fundplatform.finance.recovery import Highest, recovered, recovered_since
from fundplatform.finance.risk_free import per_period

REASONS = (*BASE_REASONS, "too_few_for_tails")
_FEW = len(BASE_REASONS)
BENCHMARK_REASONS = (None, "no_benchmark", "too_few_common", "no_active_risk")


def further(block: Measured, basic: Columns, month_ends: Ints, terms: Terms) -> Columns:
    """The columns of funds.risk.

    Args:
        block: The series and frames.
        basic: The columns of funds.metrics, with rows `peak` and `trough` of the drawdown.
        month_ends: Rows of the panel that are the last sessions of their months.
        terms: Periods a year, risk-free rates, benchmarks.
    """
    other = beside(terms.benchmarks, block.panel)
    groups = (
        _drawdown(block, basic),
        _shape(block),
        _tails(block, basic),
        months.monthly(block, other, month_ends),
        _against(block, other, terms),
    )
    columns: Columns = {}
    for group in groups:
        for name, by_frame in group.items():
            columns[name] = by_frame
    return _reasoned(block, _one_capture(block, columns))


def _drawdown(block: Measured, basic: Columns) -> Columns:
    """Calmar and the dates of the deepest drawdown; NULL where there is none."""
    found: Columns = {n: [] for n in ("calmar", "peak", "trough", "recovery")}
    panel = block.panel
    prices = Highest.of(panel.growth)
    for number, frame in enumerate(block.frames):
        deepest = np.asarray(basic["max_drawdown"][number], dtype=np.float64)
        fell = frame.sound & (deepest < -folds.NOISE)
        annual = np.asarray(basic["annualized_return"][number], dtype=np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            found["calmar"].append(np.where(fell, annual / -deepest, np.nan))
        peak, trough = (
            np.where(fell, np.asarray(basic[n][number], dtype=np.float64), np.nan)
            for n in ("peak", "trough")
        )
        # A price is carried over sessions without one: its own session is the peak's.
        found["peak"].append(block.days_of(_priced(block, peak)))
        found["trough"].append(block.days_of(trough))
        found["recovery"].append(block.days_of(_recovered(prices, panel, peak, trough, frame.rows)))
    return {
        "calmar": found["calmar"],
        "peak_session": found["peak"],
        "trough_session": found["trough"],
        "recovery_session": found["recovery"],
    }


def _priced(block: Measured, rows: Floats) -> Floats:
    """The session of the price that is carried at each row."""
    there = np.isfinite(rows)
    last = block.panel.last_prices
    own = np.take_along_axis(last, np.where(there & (rows > 0), rows, 0).astype(np.int64), axis=0)
    return np.where(there, np.where(rows < 0, rows, own), np.nan)


def _recovered(prices: Highest, panel: Panel, peak: Floats, trough: Floats, rows: Ints) -> Floats:
    """The rows on which falls were made good, also of those from a peak before the panel."""
    if panel.carried is None:
        return recovered(prices, peak, trough, rows)
    before = peak <= 0
    found = recovered(prices, np.where(before, np.nan, peak), trough, rows)
    since = recovered_since(prices, panel.carried, np.where(before, trough, np.nan), rows)
    return np.where(before, since, found)


def _shape(block: Measured) -> Columns:
    found: Columns = {n: [] for n in ("skewness", "kurtosis", "best_day", "worst_day")}
    parts = block.over_returns("shape", folds.SHAPE, block.returns, block.present)
    ends = block.over_returns("extremes", folds.EXTREMES, block.returns, block.present)
    for frame, part, (best, worst, _) in zip(block.frames, parts, ends, strict=True):
        values = (folds.skewness(part), folds.kurtosis(part), best, worst)
        for name, value in zip(found, values, strict=True):
            found[name].append(np.where(frame.sound, value, np.nan))
    return found


def _tails(block: Measured, basic: Columns) -> Columns:
    found: Columns = {"var_95": [], "cvar_95": []}
    observed = tails.Observed.of(block.panel.returns, block.panel.has_return, len(block.rows))
    for frame in block.frames:
        enough = frame.sound & (frame.n >= tails.MIN_RETURNS)
        first = np.zeros_like(frame.rows) if frame.window is None else frame.window + 1
        before = block.panel.carried if frame.window is None else None
        both = tails.tails(observed, first, frame.rows, enough, before)
        for name, value in zip(found, both, strict=True):
            found[name].append(value)
    return found


def _against(block: Measured, other: Beside | None, terms: Terms) -> Columns:
    """Beta, alpha, tracking error, information ratio, daily captures, and why there are none."""
    names = (
        "n_common beta alpha tracking_error information_ratio up_day down_day benchmark_reason"
        " benchmark_id"
    )
    found: Columns = {n: [] for n in names.split()}
    k = terms.periods_per_year
    parts: Iterator[tuple[Part, Part, Part] | None] = iter([None] * len(block.frames))
    if other is not None:
        parts = _common(block, other, terms)
    for frame, own in zip(block.frames, parts, strict=True):
        nothing = np.full(frame.total.shape, np.nan)
        n = np.zeros(frame.total.shape) if own is None else np.nan_to_num(own[0][0])
        ids = np.zeros_like(n, dtype=np.int32) if other is None else other.ids + 0 * frame.n
        expected = np.maximum(frame.n, 1)
        enough = (n >= frames.MIN_RETURNS[frame.name]) & (n >= frames.MIN_COVERAGE * expected)
        sound = frame.sound & enough & (ids > 0)
        values = [nothing] * 6 if own is None else _benchmarked(*own, k)
        for name, value in zip(list(found)[1:7], values, strict=True):
            found[name].append(np.where(sound, value, np.nan))
        idle = np.isnan(found["information_ratio"][-1])
        reason = np.where(
            ids == 0, 1, np.where(frame.sound & ~enough, 2, np.where(sound & idle, 3, 0))
        )
        found["n_common"].append(np.where(frame.sound, n, 0).astype(np.int32))
        found["benchmark_reason"].append(reason)
        found["benchmark_id"].append(np.where(ids > 0, ids, np.nan))
    return found


def _common(block: Measured, other: Beside, terms: Terms) -> Iterator[tuple[Part, Part, Part]]:
    """Per frame the pair's moments, and the captures of up and of down days."""
    panel, spread = block.panel, block.layout.spread
    common = panel.has_return & other.has_return & (panel.before == other.before)
    annual = terms.risk_free.annual(panel.sessions)
    rates = np.full(len(panel.sessions), terms.risk_free.constant) if annual is None else annual
    rate = per_period(rates, terms.periods_per_year)[:, None]
    own, bench = (np.where(common, r - rate, 0.0) for r in (panel.returns, other.returns))
    pairs = block.over_returns("pair", folds.PAIR, spread(own), spread(bench), spread(common))
    sides = block.over_returns(
        "captured", folds.CAPTURED, block.returns, spread(other.returns), spread(common)
    )
    for moments, side in zip(pairs, sides, strict=True):
        yield moments, side[:3], side[3:]


def _benchmarked(pair: Part, up: Part, down: Part, k: int) -> list[Floats]:
    n, own, bench, squares, product, active = pair
    error = folds.deviation(n, active)
    moves = folds.deviation(n, squares) > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        beta = np.where(moves, product / squares, np.nan)
        ratio = np.where(error > 0, (own - bench) * k / (error * np.sqrt(k)), np.nan)
    return [
        beta,
        k * (own - beta * bench),
        error * np.sqrt(k),
        ratio,
        folds.capture(up),
        folds.capture(down),
    ]


def _one_capture(block: Measured, columns: Columns) -> Columns:
    """Months for frames of a year or more, else days."""
    for side in ("up", "down"):
        days, by_month = columns.pop(f"{side}_day"), columns.pop(f"{side}_month")
        columns[f"{side}_capture"] = [
            np.where(_is_long(block, frame), np.where(fails % 3 == 0, month, np.nan), day)
            for frame, month, day, fails in zip(
                block.frames, by_month, days, columns["benchmark_reason"], strict=True
            )
        ]
    return columns


def _is_long(block: Measured, frame: Frame) -> Bools:
    if frame.name != "ALL":
        return np.full(frame.total.shape, frame.name in frames.YEARS)
    return np.asarray(days_held(frame, block.panel) >= frames.DAYS_PER_YEAR)


def _reasoned(block: Measured, columns: Columns) -> Columns:
    reasons = []
    for frame in block.frames:
        few = frame.sound & (frame.n < tails.MIN_RETURNS)
        reasons.append(np.where(few, _FEW, frame.reason))
    columns["reason"] = list(reasons)
    return columns
