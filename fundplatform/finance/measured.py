"""A block of series, the frames to measure, and the way from their values to rows of a table.

In: a panel and its frames. Out: folds over the returns or prices of every frame, and data frames by
instrument, session and frame. Which statistics these are is `metrics.py`'s and `risk.py`'s.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fundplatform.finance import frames
from fundplatform.finance.benchmark import Benchmarks
from fundplatform.finance.blocks import Layout, Part, Statistic, Windows
from fundplatform.finance.cuts import Cut, Cuts, folded
from fundplatform.finance.frame_bases import Frame
from fundplatform.finance.panel import Bools, Floats, Ints, Panel
from fundplatform.finance.risk_free import RiskFree
from fundplatform.tables import Table

Columns = dict[str, list[NDArray[np.generic]]]
"""Values of a column by frame, each [T, C]."""


@dataclass(frozen=True)
class Terms:
    """By what a calendar's instruments are measured.

    Attributes:
        periods_per_year: k, sessions a year: XNYS 252, 24/7 365, 24/5 260.
        risk_free: Annual rates.
        return_basis: Label of the series: price, gross_total or net_total.
        benchmarks: Which instrument is measured against which; None: against none.
    """

    periods_per_year: int
    risk_free: RiskFree
    return_basis: str = "price"
    benchmarks: Benchmarks | None = None


@dataclass(frozen=True)
class Measured:
    """C series at T sessions.

    Attributes:
        panel: The series.
        rows: [T] rows evaluated.
        frames: All of `frames.FRAMES`.
        layout: Where the panel's rows stand in fortnights.
        cuts: Where ALL is put together.
        kept: Statistic -> its fields before the last cut, [1, C]; filled as statistics are made.
    """

    panel: Panel
    rows: Ints
    frames: Sequence[Frame]
    layout: Layout
    cuts: Cuts
    kept: dict[str, Part] = field(default_factory=dict)

    @classmethod
    def of(cls, panel: Panel, rows: Ints, found: Sequence[Frame]) -> "Measured":
        """With the panel's fortnights."""
        cuts = Cuts.of(panel.sessions[rows])
        return cls(panel, rows, found, Layout.fortnights(panel.sessions), cuts)

    @cached_property
    def returns(self) -> Floats:
        """[slots, C] The panel's returns in the layout."""
        return self.layout.spread(self.panel.returns)

    @cached_property
    def present(self) -> Bools:
        """[slots, C] Which of them there are."""
        return self.layout.spread(self.panel.has_return)

    def over_returns(
        self, name: str, statistic: Statistic, *values: NDArray[np.generic]
    ) -> Iterator[Part]:
        """For each frame the statistic of its returns, (base date, as_of]; fields [T, C].

        Args:
            name: Under which its fields before the cut are kept.
            statistic: What is made of the values.
            values: What its leaf takes, in the layout.
        """
        return self._over(name, statistic, values, after=1)

    def over_prices(
        self, name: str, statistic: Statistic, *values: NDArray[np.generic]
    ) -> Iterator[Part]:
        """For each frame the statistic of its prices, base price included; fields [T, C]."""
        return self._over(name, statistic, values, after=0)

    def _over(
        self, name: str, statistic: Statistic, values: Sequence[NDArray[np.generic]], after: int
    ) -> Iterator[Part]:
        at = [self.asked(frame) for frame in self.frames]
        wanted = [
            Windows(f.window[rows] + after, f.rows[rows])
            for f, rows in zip(self.frames, at, strict=True)
            if f.window is not None
        ]
        cut = self.cut(name, at[-1], self.frames[-1].rows[at[-1]])
        parts = folded(statistic, values, self.layout, self.panel.sessions, wanted, cut)
        for rows, part in zip(at, parts, strict=True):
            yield self.placed(part, rows)

    def cut(self, name: str, at: NDArray[np.intp], last: Ints, *, monthly: bool = False) -> Cut:
        """How ALL, the last of the frames, is put together for the sessions `at`."""
        carried = self.panel.carried
        known = None if carried is None else carried.parts[name]

        def keep(part: Part) -> None:
            self.kept[name] = part

        return Cut(self.cuts, at, last, monthly, known, keep)

    @staticmethod
    def asked(frame: Frame) -> NDArray[np.intp]:
        """Which of the T sessions have a sound series."""
        return np.flatnonzero(frame.sound.any(axis=1))

    def placed(self, part: Part, at: NDArray[np.intp]) -> Part:
        """[len(at), C] -> [T, C] with NaN where nothing was asked."""
        if len(at) == len(self.rows):
            return part
        found = tuple(np.full((len(self.rows), f.shape[1]), np.nan) for f in part)
        for target, values in zip(found, part, strict=True):
            target[at] = values
        return found

    def days_of(self, rows: Floats) -> NDArray[np.datetime64]:
        """[T, C] sessions of rows; NaT for NaN."""
        there = np.isfinite(rows)
        days = self.panel.days(np.where(there, rows, 0).astype(np.int64))
        return np.where(there, days, np.datetime64("NaT"))


def rows_of(
    block: Measured, columns: Columns, table: Table, reasons: Mapping[str, Sequence[str | None]]
) -> pl.DataFrame:
    """The rows of a metrics table, by instrument, session and frame, without stamps.

    Args:
        block: What was measured.
        columns: Values; those that are no columns of the table are left out.
        table: funds.metrics or funds.risk.
        reasons: Columns given as codes, and what the codes say.
    """
    priced = block.panel.priced[block.rows].T
    instruments, at = np.nonzero(priced)
    width = len(block.frames)
    schema = {n: t for n, t in table.polars_schema.items() if n not in table.stamps}
    data: dict[str, pl.Series] = {
        "instrument_id": pl.Series(np.repeat(block.panel.instruments[instruments], width)),
        "session": pl.Series(np.repeat(block.panel.sessions[block.rows[at]], width)),
        "frame": pl.Series(frames.FRAMES * len(at)),
    }
    for name, by_frame in columns.items():
        if name in schema:
            data[name] = _series(_flat(by_frame, priced), reasons.get(name))
    found = pl.DataFrame(data)
    return found.select(pl.col(n).cast(t) for n, t in schema.items() if n in found.columns)


def _flat(by_frame: Sequence[NDArray[np.generic]], priced: Bools) -> NDArray[np.generic]:
    """Values [T, C] of each frame by series, session and frame; np.stack takes thrice the time."""
    found = np.empty((*priced.shape, len(by_frame)), np.result_type(*by_frame))
    for number, values in enumerate(by_frame):
        found[:, :, number] = values.T
    return found.ravel() if priced.all() else found[priced].ravel()


def _series(values: NDArray[np.generic], codes: Sequence[str | None] | None) -> pl.Series:
    if codes is not None:
        return pl.Series(codes, dtype=pl.String).gather(values.astype(np.uint32))
    if values.dtype.kind == "f":
        return pl.Series(values, nan_to_null=True)
    return pl.Series(values)
