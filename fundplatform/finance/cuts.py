"""Where the frame ALL is put together: what lies before the cut, and what lies behind it.

The cut of a session follows from its year alone, so every way of computing joins the same two
parts, and gives the same last bit. All other frames lie behind it. No prices, no storage here.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from fundplatform.finance.blocks import (
    Layout,
    Part,
    Statistic,
    Windows,
    fortnight_begin,
    fortnight_of,
    month_of,
)
from fundplatform.finance.panel import Days, Ints, row_before
from fundplatform.finance.windows import fold

YEARS = 11
"""The years before a session's own that end with the cut."""


def cut_of(day: date) -> date:
    """The first day behind the cut: of the fortnight that holds 24 December, `YEARS` years before.

    Frames of up to ten years begin on 1 January of the year after or later, a base price is at most
    a week older, and the months that count begin with the last session of that December.
    """
    return fortnight_begin(date(day.year - YEARS, 12, 24))


@dataclass(frozen=True)
class Cuts:
    """The cuts of T sessions.

    Attributes:
        days: [K] ascending: the first day behind each.
        at: [T] which one is each session's.
    """

    days: Days
    at: NDArray[np.intp]

    @classmethod
    def of(cls, sessions: Days) -> "Cuts":
        """Of sessions to evaluate."""
        found = [cut_of(day) for day in sessions.tolist()]
        days, at = np.unique(np.array(found, dtype="datetime64[D]"), return_inverse=True)
        return cls(days, at)

    def first(self, monthly: bool) -> Days:
        """[K] The first day behind each cut; of months, 1 January after it."""
        if not monthly:
            return self.days
        return (self.days.astype("datetime64[M]") + 1).astype("datetime64[D]")


@dataclass(frozen=True)
class Cut:
    """How ALL is put together for some of the sessions evaluated.

    Attributes:
        cuts: Of all of them.
        at: [windows] which of them.
        last: [windows] the last row of each.
        monthly: The rows are months.
        known: The fields of what lies before the cut, [1, C], where the rows do not hold it.
        keep: Is handed what lies before the last cut, where the rows hold it.
    """

    cuts: Cuts
    at: NDArray[np.intp]
    last: Ints
    monthly: bool = False
    known: Part | None = None
    keep: Callable[[Part], None] | None = None


def folded(
    statistic: Statistic,
    values: Sequence[NDArray[np.generic]],
    layout: Layout,
    days: Days,
    wanted: Sequence[Windows],
    cut: Cut,
) -> Iterator[Part]:
    """The statistic of every window of the shorter frames, then that of ALL.

    Args:
        statistic: What is made of the values.
        values: As for `windows.fold`.
        layout: Where the rows stand.
        days: [rows] their days.
        wanted: The windows of each of the shorter frames.
        cut: Where ALL is put together, and for which rows.

    Returns:
        For each of `wanted` the fields, [windows, columns]; at last those of ALL.
    """
    firsts = cut.cuts.first(cut.monthly)
    rows = np.full(len(firsts), -1, np.int32)
    if cut.known is None:
        rows = row_before(days, firsts)
    number = month_of(firsts) if cut.monthly else fortnight_of(firsts)
    which = cut.cuts.at[cut.at]
    behind = Windows(None, cut.last, number[which])
    before = [Windows(None, rows[k : k + 1]) for k in np.flatnonzero(rows >= 0)]
    parts = fold(statistic, values, layout, [*wanted, *before, behind])
    for _ in wanted:
        yield next(parts)
    found = [next(parts) if row >= 0 else cut.known for row in rows.tolist()]
    last = next(parts)
    if found[-1] is not None and cut.keep is not None:
        cut.keep(found[-1])
    yield _joined(statistic, found, last, which)


def _joined(
    statistic: Statistic, before: Sequence[Part | None], behind: Part, which: NDArray[np.intp]
) -> Part:
    """What lies before the cut of each window and what lies behind it, as one."""
    if all(part is None for part in before):
        return behind
    nothing = tuple(
        np.full((1, f.shape[1]), value) for f, value in zip(behind, statistic.neutral, strict=True)
    )
    each = [nothing if part is None else part for part in before]
    fields = (np.concatenate(field)[which] for field in zip(*each, strict=True))
    return statistic.combine(tuple(fields), behind)
