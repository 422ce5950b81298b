"""The base price of every frame, for many sessions and series at once (methodology B1).

In: a panel and the rows to evaluate. Out: base rows, counts, growth, the first reason why there is
no value. Dates of frames are `frames.py`'s; statistics within them `metrics.py`'s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from fundplatform.finance import frames
from fundplatform.finance.folds import NOISE
from fundplatform.finance.panel import Bools, Days, Floats, Ints, Panel, row_on_or_before

REASONS = (
    None, "insufficient_history", "stale_base", "non_positive_price", "too_few_returns",
    "low_coverage", "zero_variance", "no_downside",
)  # fmt: skip
CODE = {name: code for code, name in enumerate(REASONS)}


@dataclass(frozen=True)
class Evaluated:
    """Sessions to evaluate, and what follows from the calendar alone: made once for all series.

    Attributes:
        days: [N] ascending.
        anchored: [N] True where it is its month's last session.
        bases: Frame -> [N] its base dates; none for ALL.
        month_ends: The last sessions of all months.
    """

    days: Days
    anchored: Bools
    bases: Mapping[str, Days]
    month_ends: Days

    @classmethod
    def of(cls, sessions: Sequence[date], evaluate: Sequence[date]) -> "Evaluated":
        """Of a calendar's sessions, reaching into the month after the last to evaluate."""
        days = sorted(set(evaluate))
        ends = frames.month_ends(sessions)
        last = set(ends)
        bases = {
            name: _days([frames.base_date(day, name, day in last) for day in days])
            for name in frames.FRAMES
            if name != "ALL"
        }
        return cls(_days(days), np.array([d in last for d in days], np.bool_), bases, _days(ends))


def _days(days: Sequence[date | None]) -> Days:
    return np.array(days, dtype="datetime64[D]")


@dataclass(frozen=True)
class Frame:
    """One frame at T sessions of C series.

    Attributes:
        name: One of `frames.FRAMES`.
        rows: [T] rows evaluated.
        window: [T] row of the base date, the same for all series; None for ALL.
        base: [T, C] row of the base price; < 0 where there is none, or for ALL of a panel that
            holds the end of its series only.
        reason: [T, C] codes of REASONS; 0: risk statistics are sound.
        n: [T, C] returns in the frame.
        total: [T, C] total return; NaN where there is none.
        known: [T, C] there is a base price and a price at the end.
    """

    name: str
    rows: Ints
    window: Ints | None
    base: Ints
    reason: Ints
    n: Ints
    total: Floats
    known: Bools

    @property
    def sound(self) -> Bools:
        """[T, C] Where risk statistics are made."""
        return np.asarray(self.known & (self.reason == 0))


def based(panel: Panel, rows: Ints, name: str, wanted: Evaluated) -> Frame:
    """One frame with its base prices and reasons.

    Args:
        panel: The series.
        rows: [T] rows to evaluate.
        name: One of `frames.FRAMES`.
        wanted: Holds the sessions of these rows.
    """
    window, base, reason = _base(panel, rows, name, wanted)
    known = panel.priced[rows] & (reason == 0)
    own = np.maximum(base, 0)
    n, positive = panel.count(own, rows), panel.always_positive(own, rows)
    begin, end = panel.at(own), panel.growth[rows]
    if window is None and panel.carried is not None:
        n, positive = n + panel.carried.count, positive & panel.carried.positive
        begin = np.ones_like(begin)
    n = np.where(known, n, 0)
    total = np.full(base.shape, np.nan)
    np.divide(end, begin, out=total, where=known & (begin > 0) & (end > 0))
    total -= 1.0
    expected = rows[:, None] - base
    for fails, why in (
        (~positive, "non_positive_price"),
        (n < frames.MIN_RETURNS[name], "too_few_returns"),
        (n < frames.MIN_COVERAGE * expected - NOISE, "low_coverage"),
    ):
        reason[(reason == 0) & fails] = CODE[why]
    return Frame(name, rows, window, base, reason, n.astype(np.int32), total, known)


def _base(panel: Panel, rows: Ints, name: str, wanted: Evaluated) -> tuple[Ints | None, Ints, Ints]:
    """The rows of the base dates (None: each series' start), of base prices, and the reasons."""
    if name == "ALL":
        base = np.broadcast_to(panel.first, (len(rows), len(panel.first))).astype(np.int32)
        missing = base >= rows[:, None]
        return None, base, np.where(missing, CODE["insufficient_history"], 0).astype(np.int32)
    at = np.searchsorted(wanted.days, panel.sessions[rows])
    days, anchored = wanted.bases[name][at], wanted.anchored[at]
    window = row_on_or_before(panel.sessions, days)
    base = panel.last_priced(window)
    reason = np.where(base < 0, CODE["insufficient_history"], 0).astype(np.int32)
    # Anchored base dates are sessions: the last one of the month or year.
    snaps = (anchored | (name == "YTD")) & (window >= 0)
    snapped = np.where(snaps, panel.sessions[np.maximum(window, 0)], days)
    age = (snapped[:, None] - panel.sessions[np.maximum(base, 0)]).astype(np.int64)
    reason[(reason == 0) & (age > frames.STALE_AFTER_DAYS)] = CODE["stale_base"]
    return window, base, reason


def days_held(frame: Frame, panel: Panel) -> Floats:
    """[T, C] Calendar days from the base price to each session; of ALL only."""
    held = panel.sessions[frame.rows][:, None] - panel.days(frame.base)
    return np.asarray(held.astype("timedelta64[D]").astype(np.float64))


def annualized(frame: Frame, panel: Panel) -> Floats:
    """[T, C] (1 + total)^(1 / years) - 1 for frames of a year or more, else NaN."""
    if frame.name == "ALL":
        days = days_held(frame, panel)
        years = np.where(days >= frames.DAYS_PER_YEAR, days / frames.DAYS_PER_YEAR, 0.0)
    else:
        years = np.full(frame.total.shape, float(frames.YEARS.get(frame.name, 0)))
    annual = (1.0 + frame.total) ** (1.0 / np.maximum(years, 1.0)) - 1.0
    return np.where(years >= 1, annual, np.nan)
