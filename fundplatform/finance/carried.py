"""What the frame ALL keeps of what lies before its cut, so that a new day need not read it again.

In: a measured block. Out: a row per series (tables.CARRIED), and from such rows panels that begin
with the cut. Joined to what lies behind it they give the same metrics to the last bit. Whether a
row still stands is decided by who reads it (`assets/carried_series.py`).
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from math import ceil
from typing import Any, cast

import numpy as np
import polars as pl

from fundplatform.finance import folds, tails
from fundplatform.finance.blocks import Statistic
from fundplatform.finance.cuts import cut_of
from fundplatform.finance.measured import Measured, Terms
from fundplatform.finance.panel import Carried, Days, Floats, Panel, row_before
from fundplatform.finance.panel_blocks import panels
from fundplatform.finance.recovery import Highest, recovered
from fundplatform.tables import CARRIED

STATISTICS: dict[str, Statistic] = {
    "losses": folds.LOSSES,
    "excess": folds.MOMENTS,
    "located": folds.LOCATED,
    "shape": folds.SHAPE,
    "extremes": folds.EXTREMES,
    "pair": folds.PAIR,
    "captured": folds.CAPTURED,
    "months": folds.EXTREMES,
    "month_count": folds.COUNTED,
    "month_captured": folds.CAPTURED,
}
"""What is kept, by the names that the parts of `Measured` have."""

_COLUMNS = (
    "instrument_id", "cut", "start_session", "last_session", "sessions", "n_returns", "growth",
    "benchmark_id", "rates_vary", "statistics",
)  # fmt: skip
SCHEMA = pl.Schema({name: CARRIED.polars_schema[name] for name in _COLUMNS})
"""The columns of `kept`; tables.CARRIED says what they are."""

_F8, _I4 = "<f8", "<i4"

_MOST_BEHIND = 13 * 366
"""Returns behind a cut at most: they move the 5 % quantile up among those before it."""

_ROWS = slice(3, 7)
"""The fields of `folds.LOCATED` that are rows; kept as days since 1970-01-01."""


def kept(block: Measured, terms: Terms) -> pl.DataFrame:
    """A row for each series of the block that has a price before its last cut.

    Args:
        block: After metrics and risk were made of it.
        terms: By which they were made.
    """
    panel = block.panel
    at = int(row_before(panel.sessions, block.cuts.days[-1:])[0])
    columns = np.flatnonzero(panel.start <= at)
    if not len(columns):
        return SCHEMA.to_frame()
    fields = {name: np.stack([f[0] for f in part]) for name, part in block.kept.items()}
    located = fields["located"]
    rows = located[_ROWS].astype(np.int64)
    # A price is carried over sessions without one: its own session is meant.
    priced = np.take_along_axis(panel.last_prices, rows, axis=0)
    high, low, peak, trough = panel.sessions[[priced[0], rows[1], priced[2], rows[3]]].astype(int)
    located[_ROWS] = high, low, peak, trough
    end = np.array([at], np.int32)
    prices = Highest.of(panel.growth)
    again = recovered(prices, rows[2:3].astype(float), rows[3:].astype(float), end)[0]
    found = []
    for c in columns.tolist():
        there = panel.has_return[: at + 1, c]
        told = {name: values[:, c].tolist() for name, values in fields.items()}
        told["top"] = float(panel.growth[rows[2, c], c])
        told["recovery"] = None if np.isnan(again[c]) else str(panel.sessions[int(again[c])])
        told["positive"] = bool(panel.always_positive(panel.start[None], end)[0, c])
        told["lowest"] = _lowest(panel.returns[: at + 1, c][there])
        instrument = int(panel.instruments[c])
        found.append(
            (
                instrument,
                block.cuts.days[-1].item(),
                panel.sessions[panel.start[c]].item(),
                panel.sessions[panel.last_prices[at, c]].item(),
                at - int(panel.start[c]),
                int(there.sum()),
                float(panel.growth[at, c]),
                terms.benchmarks.of.get(instrument) if terms.benchmarks else None,
                terms.risk_free.varies,
                json.dumps(told),
            )
        )
    return pl.DataFrame(found, SCHEMA, orient="row")


def _lowest(returns: Floats) -> list[str]:
    """The lowest returns and how often each is there: as many as a later quantile may need.

    Returns:
        float64 and int32, little-endian, in base64: they are most of what is kept. The second is
        empty where each is there once.
    """
    enough = ceil(tails.QUANTILE * (len(returns) + _MOST_BEHIND)) + 1
    if len(returns) > enough:
        returns = returns[returns <= np.partition(returns, enough)[enough]]
    values, times = np.unique(returns, return_counts=True)
    if (times == 1).all():
        times = times[:0]
    return [b64encode(a.astype(t).tobytes()).decode() for a, t in ((values, _F8), (times, _I4))]


def panels_behind(
    returns: pl.DataFrame, rows: pl.DataFrame, sessions: Sequence[date], last: date
) -> Iterator[Panel]:
    """The series that go on from `rows`, as panels that begin with the session before the cut.

    Args:
        returns: instrument_id, session, ret, in this order, of instruments that have a row; of each
            at least one bar before the cut, so that the first return behind it has its price.
        rows: SCHEMA, one row per instrument, all of the cut of `last`.
        sessions: The calendar's, from the oldest start on, into the month after `last`.
        last: Rows after it are not read.
    """
    cut = cut_of(last)
    calendar = np.array(sessions, dtype="datetime64[D]")
    first = int(row_before(calendar, np.array([cut], dtype="datetime64[D]"))[0])
    session = pl.col("session")
    behind = session >= cut
    own = pl.col("instrument_id") == pl.col("instrument_id").shift(-1)
    last_before = ~behind & (behind.shift(-1) | ~own).fill_null(True)
    # A row without a return begins a series: with the price that it has at the cut.
    cut_off = returns.filter(behind | last_before).select(
        "instrument_id",
        session=pl.when(behind).then(session).otherwise(pl.lit(sessions[first])),
        ret=pl.when(behind).then("ret"),
    )
    known = {row["instrument_id"]: row for row in rows.iter_rows(named=True)}
    for panel in panels(cut_off, sessions[first:], last):
        yield replace(panel, carried=_carried(panel, known, calendar, first))


def _carried(panel: Panel, known: dict[int, dict[str, Any]], calendar: Days, first: int) -> Carried:
    """What lies before the panel's series; nothing before those that begin behind the cut."""
    columns = len(panel.start)
    parts = {
        name: tuple(np.full((1, columns), value) for value in statistic.neutral)
        for name, statistic in STATISTICS.items()
    }
    start, last = panel.start.copy(), np.zeros_like(panel.start)
    count, growth = np.zeros_like(panel.start), np.ones(columns)
    positive, top = np.ones(columns, dtype=np.bool_), np.ones(columns)
    recovery = np.full(columns, np.nan)
    lowest: list[Floats] = [np.empty(0)] * columns

    def row(day: object) -> int:
        return int(np.searchsorted(calendar, np.datetime64(cast(date, day), "D"))) - first

    for c in np.flatnonzero(panel.start == 0).tolist():
        own = known[int(panel.instruments[c])]
        told = json.loads(own["statistics"])
        for name in parts.keys() & told.keys():
            for field, value in zip(parts[name], told[name], strict=True):
                field[0, c] = value
        for field in parts["located"][_ROWS]:
            field[0, c] = row(np.datetime64(int(field[0, c]), "D"))
        start[c], last[c] = row(own["start_session"]), row(own["last_session"])
        count[c], growth[c] = own["n_returns"], own["growth"]
        positive[c], top[c] = told["positive"], told["top"]
        if told["recovery"] is not None:
            recovery[c] = row(told["recovery"])
        values, times = (b64decode(text) for text in told["lowest"])
        lowest[c] = np.repeat(np.frombuffer(values, _F8), np.frombuffer(times, _I4) if times else 1)
    most = max(map(len, lowest))
    padded = np.stack([np.pad(v, (0, most - len(v)), constant_values=np.inf) for v in lowest])
    return Carried(
        calendar, start, last, count, growth, positive, parts, top, recovery, lowest=padded
    )
