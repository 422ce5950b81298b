"""The benchmark of each instrument, on the sessions of a panel.

In: which instrument is measured against which, and the benchmarks' return series. Out: dense
columns beside a panel's. Which benchmark is declared for whom stands in metrics.yaml.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fundplatform.finance.panel import Bools, Days, Floats, Ints, Panel
from fundplatform.finance.panel_blocks import panels


@dataclass(frozen=True)
class Benchmarks:
    """Declared benchmarks.

    Attributes:
        of: Instrument -> its benchmark. An instrument that is not in it has none.
        returns: instrument_id, session, ret of the benchmarks, from each one's previous row.
    """

    of: Mapping[int, int]
    returns: pl.DataFrame
    _found: "dict[tuple[int, bytes], _Dense]" = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def dense(self, instrument: int, days: Days) -> "_Dense":
        """A benchmark's columns on these days; all panels of a calendar share them."""
        key = (instrument, days.tobytes())
        if key not in self._found:
            self._found[key] = _dense(self.returns, instrument, days)
        return self._found[key]


@dataclass(frozen=True)
class Beside:
    """The benchmark of each of a panel's C series, on its S sessions.

    Attributes:
        ids: [C] instrument of the benchmark; 0 where there is none.
        returns: [S, C] 0 where there is none.
        has_return: [S, C]
        before: [S, C] row of the price that the return starts from.
        growth: [S, C] price on any scale within one `stretch`.
        stretch: [S, C] number of the unbroken stretch of prices; 0 before the first.
    """

    ids: Ints
    returns: Floats
    has_return: Bools
    before: Ints
    growth: Floats
    stretch: Ints


def beside(benchmarks: Benchmarks | None, panel: Panel) -> Beside | None:
    """The benchmarks of a panel's instruments; None where none of them has one."""
    if benchmarks is None:
        return None
    days, carried = panel.sessions, panel.carried
    ids = np.array([benchmarks.of.get(i, 0) for i in panel.instruments.tolist()], dtype=np.int32)
    wanted = sorted(set(ids.tolist()) - {0})
    if not wanted:
        return None
    # A benchmark's series is whole; of what lies before the panel its rows need to know.
    first = 0
    if carried is not None:
        end = int(np.searchsorted(carried.calendar, days[-1])) + 1
        first, days = end - len(days), carried.calendar[:end]
    series = {0: _none(len(days))} | {n: benchmarks.dense(n, days) for n in wanted}
    numbers = np.searchsorted([0, *wanted], ids)
    stacked = [np.stack(field, axis=1) for field in zip(*series.values(), strict=True)]
    returns, has, before, growth, stretch = (field[first:, numbers] for field in stacked)
    return Beside(ids, returns, has, before - first, growth, stretch)


_Dense = tuple[Floats, NDArray[np.bool_], NDArray[np.int32], NDArray[np.float64], NDArray[np.int32]]


def _none(rows: int) -> _Dense:
    zero = np.zeros(rows)
    return zero, zero > 0, np.full(rows, -1, np.int32), zero + 1, np.zeros(rows, np.int32)


def _dense(returns: pl.DataFrame, instrument: int, days: Days) -> _Dense:
    own = returns.filter(pl.col("instrument_id") == instrument)
    ret, has, before, *_ = _none(len(days))
    sessions: list[date] = days.tolist()
    for panel in panels(own, sessions, sessions[-1]):
        offset = int(np.searchsorted(days, panel.sessions[0])) if len(panel.sessions) else 0
        rows = slice(offset, offset + len(panel.sessions))
        ret[rows] += panel.returns.sum(axis=1)
        has[rows] |= panel.has_return.any(axis=1)
        priced = np.where(panel.priced.any(axis=1))[0] + offset
        before[priced] = priced
    priced_rows = np.maximum.accumulate(before)
    previous = np.concatenate([[np.int32(-1)], priced_rows[:-1]]).astype(np.int32)
    return ret, has, previous, *_prices(own, days)


def _prices(own: pl.DataFrame, days: Days) -> tuple[Floats, Ints]:
    """The price at each day and the number of its stretch, both from the benchmark's first bar on.

    So neither depends on where a panel starts.
    """
    if own.is_empty():
        return np.ones(len(days)), np.zeros(len(days), np.int32)
    bars = own.sort("session")
    sound = pl.col("ret").is_finite().fill_null(False)
    begins = ~sound | (pl.int_range(pl.len()) == 0)
    found = bars.select(
        level=(1 + pl.when(sound).then("ret").otherwise(0.0)).cum_prod(), stretch=begins.cum_sum()
    )
    at = np.searchsorted(bars["session"].to_numpy(), days, side="right") - 1
    level, stretch = found["level"].to_numpy(), found["stretch"].to_numpy().astype(np.int32)
    there, rows = at >= 0, np.maximum(at, 0)
    return np.where(there, level[rows], 1.0), np.where(there, stretch[rows], np.int32(0))
