"""Bars as series: sorted, each bar with the sound bar before it and the jump that actions explain.

In: bars, which of them can be judged and which are sound (no blocking row rule), corporate
actions. Out: plain arrays for `series.py`. What is a fault is not decided here.

A bar's window is its last 60 sound bars of the same series within 100 days before it: it hangs on
the bars alone, never on where a run's range begins.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fundplatform import packing
from fundplatform.finance.actions import CASH
from fundplatform.finance.rules.catalog import LOOKBACK_DAYS, LOOKBACK_SESSIONS
from fundplatform.finance.splits import SPLITS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

SERIES = ("source_id", "instrument_id", "interval", "quote", "adjustment")
ACTIONS = pl.Schema(
    {
        "instrument_id": pl.Int32(),
        "ex_date": pl.Date(),
        "action": pl.String(),
        "ratio": pl.Float64(),
        "amount": pl.Float64(),
    }
)
"""Of raw.corporate_actions, each event once."""
_BLOCK = 20_000
_DAYS = 1 << 22


@dataclass(frozen=True)
class Walk:
    """Bars in series order.

    Attributes:
        row: Position in the frame.
        series: Number of the series, ascending.
        day: Session, days since 1970.
        open, high, low, close, volume: NaN where NULL.
        sound: May serve as reference.
        before: The sound bar before in the series and window; -1 without one.
        jump: ln of the price change since `before` that splits and dividends on record explain.
        split: Product of the ratios of splits on record since `before`; 1 without one.
        other: True where another action is on record since `before`.
        log_return: ln(close / close of `before`) - jump; NaN where either is not > 0.
        frame: The columns of the same bars that limits look at.
    """

    row: Ints
    series: Ints
    day: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    sound: Bools
    before: Ints
    jump: Floats
    split: Floats
    other: Bools
    log_return: Floats
    frame: pl.DataFrame

    def at(self, values: Floats) -> Floats:
        """The values of each bar's `before`; NaN without one."""
        return np.where(self.before >= 0, values[self.before], np.nan)

    def windows(self, bars: Ints) -> Iterator[tuple[slice, Ints, Bools]]:
        """Blocks of these bars: which, their windows (positions, oldest first), what is in them."""
        sound = np.flatnonzero(self.sound)
        earlier: Ints = np.cumsum(self.sound, dtype=np.int64) - self.sound
        back = np.arange(-LOOKBACK_SESSIONS, 0)
        for start in range(0, len(bars), _BLOCK):
            part = slice(start, start + _BLOCK)
            own = bars[part, None]
            place = earlier[own] + back
            inside = place >= 0
            rows = sound[np.maximum(place, 0)] if len(sound) else np.zeros_like(place)
            inside &= self.series[rows] == self.series[own]
            inside &= self.day[own] - self.day[rows] <= LOOKBACK_DAYS
            yield part, rows, inside


def in_series(bars: pl.DataFrame) -> tuple[Ints, Bools]:
    """The order of the bars by series and time, and where in that order a series begins."""
    keys = packing.telling(bars, SERIES)
    by = [*keys, "bar_open_at"]
    place = packing.packed(bars, by)
    if place is not None:
        order = np.arange(bars.height) if place.is_sorted() else place.arg_sort().to_numpy()
    else:
        order = bars.select(by).with_row_index("_row").sort(by)["_row"].to_numpy()
    order = order.astype(np.int64)
    begins = np.zeros(bars.height, np.bool_)
    begins[:1] = True
    if keys:
        sorted_keys = bars.select(keys)[order]
        changed = pl.any_horizontal(pl.col(n).ne_missing(pl.col(n).shift(1)) for n in keys)
        begins |= sorted_keys.select(changed).to_series().to_numpy()
    return order, begins


def days(values: pl.Series) -> Ints:
    """Dates as days since 1970."""
    return values.to_physical().to_numpy().astype(np.int64)


def walked(
    bars: pl.DataFrame,
    order: Ints,
    begins: Bools,
    usable: Bools,
    sound: Bools,
    actions: pl.DataFrame,
) -> Walk:
    """The walk over the bars that can be judged.

    Args:
        bars: The frame.
        order: See `in_series`.
        begins: See `in_series`.
        usable: By row of the frame: has a price of a session, and its key once.
        sound: By row of the frame: no blocking row rule fails.
        actions: ACTIONS.
    """
    kept = usable[order]
    row: Ints = order[kept]
    series: Ints = np.cumsum(begins, dtype=np.int64)[kept]
    frame = bars if np.array_equal(row, np.arange(bars.height)) else bars[row]
    numbers = {n: frame[n].to_numpy() for n in ("open", "high", "low", "close", "volume")}
    day, ok = days(frame["session"]), sound[row]
    before = _before(series, day, ok)
    jump, split, other = _explained(frame, series, day, before, actions, numbers["close"])
    logs = np.full(len(row), np.nan)
    np.log(numbers["close"], out=logs, where=numbers["close"] > 0)
    log_return = np.where(before >= 0, logs - logs[before], np.nan)
    if jump.any():
        log_return = log_return - jump
    limits = frame.select("asset_class", "instrument_id", "interval")
    return Walk(
        row, series, day, **numbers, sound=ok, before=before, jump=jump, split=split, other=other,
        log_return=log_return, frame=limits,
    )  # fmt: skip


def _before(series: Ints, day: Ints, sound: Bools) -> Ints:
    place = np.arange(len(series))
    last = np.maximum.accumulate(np.where(sound, place, -1))
    before = np.concatenate(([-1], last[:-1]))[: len(place)]
    near = (series[before] == series) & (day - day[before] <= LOOKBACK_DAYS) & (before >= 0)
    return np.where(near, before, -1)


def _explained(
    frame: pl.DataFrame, series: Ints, day: Ints, before: Ints, actions: pl.DataFrame, close: Floats
) -> tuple[Floats, Floats, Bools]:
    """Per bar: what the actions since the bar before explain (see `Walk`)."""
    size = len(series)
    jump, split, other = np.zeros(size), np.ones(size), np.zeros(size, np.bool_)
    if actions.is_empty() or not size:
        return jump, split, other
    first = np.flatnonzero(np.diff(series, prepend=-1))
    own = frame.select("instrument_id", "adjustment")[first].with_columns(
        series=pl.Series(series[first]), first=pl.Series(first)
    )
    events = actions.join(own, on="instrument_id", maintain_order="left").drop_nulls("ex_date")
    places = series * _DAYS + day
    wanted = events["series"].to_numpy() * _DAYS + days(events["ex_date"])
    found = np.searchsorted(places, wanted)
    events = events.with_columns(place=pl.Series(found)).filter(
        (pl.col("place") < size) & (pl.col("place") > pl.col("first"))
    )
    at = events["place"].to_numpy()
    events = events.filter(pl.Series(series[at] == events["series"].to_numpy(), dtype=pl.Boolean))
    splits = events.filter(
        pl.col("action").is_in(SPLITS), pl.col("ratio") > 0, pl.col("adjustment") == "none"
    )
    for place, ratio in splits.select("place", "ratio").iter_rows():
        split[place] *= ratio
    paid = events.filter(
        pl.col("action").is_in(CASH), pl.col("amount") > 0, pl.col("adjustment") != "split_div"
    )
    dividend = np.zeros(size)
    np.add.at(dividend, paid["place"].to_numpy(), paid["amount"].to_numpy())
    known = pl.col("action").is_in([*SPLITS, *CASH])
    other[events.filter(~known)["place"].to_numpy()] = True
    return _through(before, close, split, dividend, other)


def _through(
    before: Ints, close: Floats, split: Floats, dividend: Floats, other: Bools
) -> tuple[Floats, Floats, Bools]:
    """What happened on a bar that is no reference counts for the next one as well."""
    touched = np.flatnonzero((split != 1) | (dividend > 0) | other)
    ratio, paid, special = split.copy(), dividend.copy(), other.copy()
    for place in touched:
        later = place + 1
        # Bars whose reference lies before the action.
        while later < len(before) and 0 <= before[later] < place:
            ratio[later] *= split[place]
            paid[later] += dividend[place]
            special[later] |= other[place]
            later += 1
    jump = -np.log(ratio)
    base = np.where(before >= 0, close[before], np.nan)
    cut = (paid > 0) & (paid < base)
    jump[cut] += np.log1p(-paid[cut] / base[cut])
    return jump, ratio, special
