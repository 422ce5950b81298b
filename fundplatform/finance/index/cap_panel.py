"""The market cap of every name on every session: each snapshot carried on by the price.

Placing snapshots behind the firewall does not belong here (`market_cap.py`). In: snapshots on
sessions, returns as dense arrays. Out: caps [sessions x names], and how old each one's snapshot is.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fundplatform.finance.index.layout import Bools, Floats, Layout
from fundplatform.finance.index.market_cap import Snapshots
from fundplatform.finance.index.panel import Ints

_NEVER = np.int32(2**30)
"""The day of no snapshot: an age that is older than none."""


@dataclass(frozen=True)
class Caps:
    """Caps [T, M].

    Attributes:
        measure: The cap; carried over missing bars; NaN where it is not known.
        day: Days since 1970 of the snapshot that it rests on, `_NEVER` where it is not known; None
            without snapshots.
        whole: True where it is the whole issuer's; None: nowhere.
        days: [T] days since 1970 of every session.
        oldest: Days, the highest age of any.
    """

    measure: Floats
    day: npt.NDArray[np.int32] | None
    whole: Bools | None
    days: npt.NDArray[np.int32]
    oldest: int

    def ages(self, rows: Ints, columns: Ints, last: Ints) -> npt.NDArray[np.int32]:
        """Days from each cap's snapshot to the session `last`; negative where it is not known."""
        if self.day is None:
            return np.full(rows.shape, -1, dtype=np.int32)
        return self.days[last] - self.day[rows, columns]


@dataclass(frozen=True)
class _Events:
    """Snapshots that come to count, in the order of the position of the bar where they do.

    Attributes:
        pos: Position.
        column: Name.
        snapshot: Row of the snapshots' frame.
        cap: The cap there; NaN where the price at the snapshot is not known.
    """

    pos: Ints
    column: Ints
    snapshot: Ints
    cap: Floats


def caps(
    known: Snapshots, ids: npt.NDArray[np.int32], ret: Floats, own: Layout, stale_sessions: int
) -> Caps:
    """Carry every snapshot from the price that it was made with to the next one.

    cap(t) = snapshot cap x product of (1 + r) after the snapshot's price session up to t; that
    price is the last bar at most `stale_sessions` sessions before it. It is not known where no
    snapshot is, the latest is older than `max_age`, or a return since then is unknown (no bar near
    the price session, or the price series started anew in between). A missing bar keeps the cap of
    the bar before, and a snapshot counts from the first bar on. The product begins at the snapshot,
    so a cap does not depend on where the arrays begin.

    Args:
        known: Output of `market_cap.snapshots`.
        ids: [M] instrument of each column.
        ret: [T, M] return since the bar before; NaN without a bar, or where the series starts anew.
        own: Where the bars stand.
        stale_sessions: See above.
    """
    bar = None if own.complete else own.there()
    events = _events(known, ids, ret, bar, own, stale_sessions)
    if not events.pos.size:
        return Caps(np.full(ret.shape, np.nan), None, None, known.days, -1)
    measure, dated = np.empty(ret.shape), np.empty(ret.shape, dtype=np.int32)
    value, day = np.full(ids.size, np.nan), np.zeros(ids.size, dtype=np.int32)
    whose, of_all = known.frame["whole"].to_numpy(), np.zeros(ids.size, dtype=np.bool_)
    whole = np.zeros(ret.shape, dtype=np.bool_) if whose.any() else None
    days = known.frame["day"].to_numpy()
    bounds = np.searchsorted(events.pos, np.arange(ret.shape[0] + 1)).tolist()
    gross = np.empty(ids.size)
    for t in range(ret.shape[0]):
        value *= _gross(ret[t], None if bar is None else bar[t], gross)
        if bounds[t] < bounds[t + 1]:
            new = slice(bounds[t], bounds[t + 1])
            columns, of = events.column[new], events.snapshot[new]
            value[columns], day[columns], of_all[columns] = events.cap[new], days[of], whose[of]
        np.copyto(measure[t], value)
        measure[t, day < known.days[t] - known.max_age] = np.nan
        if bar is not None and t:
            np.copyto(measure[t], measure[t - 1], where=~bar[t])
        unknown = np.isnan(measure[t])
        dated[t] = np.where(unknown, _NEVER, day)
        if whole is not None:
            np.logical_and(of_all, ~unknown, out=whole[t])
    oldest = int((known.days[: ret.shape[0]] - dated.min(axis=1, initial=_NEVER)).max(initial=-1))
    return Caps(measure, dated, whole, known.days, oldest)


def _gross(ret: Floats, bar: Bools | None, into: Floats) -> Floats:
    """1 + r; 1 without a bar; NaN where the series starts anew, or nothing is left."""
    np.add(ret, 1.0, out=into)
    into[into <= 0.0] = np.nan
    if bar is not None:
        into[~bar] = 1.0
    return into


def _events(
    known: Snapshots,
    ids: npt.NDArray[np.int32],
    ret: Floats,
    bar: Bools | None,
    own: Layout,
    stale_sessions: int,
) -> _Events:
    frame = known.frame
    order = np.argsort(ids)
    at = np.searchsorted(ids, frame["instrument_id"].to_numpy(), sorter=order)
    column = order[np.minimum(at, max(ids.size - 1, 0))] if ids.size else at
    use = frame["use_pos"].to_numpy().astype(np.int64)
    here = np.zeros(use.size, dtype=np.bool_)
    if ids.size:
        here = (ids[column] == frame["instrument_id"].to_numpy()) & (use < ret.shape[0])
    kept = np.flatnonzero(here)
    column, priced = column[kept], frame["price_pos"].to_numpy()[kept].astype(np.int64)
    use = own.bar_from(column, use[kept])
    begin = own.bar_to(column, priced)
    # Of several that come to count at one bar the last one stays.
    last = np.append((np.diff(column) != 0) | (np.diff(use) != 0), True)[: use.size]
    last &= use < ret.shape[0]
    kept, column, use, begin, priced = (x[last] for x in (kept, column, use, begin, priced))
    near = (priced >= 0) & (begin >= 0) & (begin >= priced - stale_sessions)
    cap = np.where(near, frame["market_cap"].to_numpy()[kept], np.nan)
    cap *= _growth(ret, bar, column, np.where(near, begin, use), use)
    by_pos = np.argsort(use, kind="stable")
    return _Events(use[by_pos], column[by_pos], kept[by_pos], cap[by_pos])


def _growth(ret: Floats, bar: Bools | None, column: Ints, begin: Ints, use: Ints) -> Floats:
    """Product of (1 + r) after `begin` up to `use`, of each column."""
    growth = np.ones(use.size)
    for step in range(1, int((use - begin).max(initial=0)) + 1):
        on = np.flatnonzero(begin + step <= use)
        rows, columns = begin[on] + step, column[on]
        there = None if bar is None else bar[rows, columns]
        growth[on] *= _gross(ret[rows, columns], there, np.empty(on.size))
    return growth
