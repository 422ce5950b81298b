"""Which splits count: one per event, though several sources state it, some on another day.

In: rows of raw.corporate_actions and the sources' priorities. Out: the splits that count, and what
a person may want to look at. Factors are made of them in `adjustment.py`.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

SPLITS = ("split", "stock_dividend")
"""Actions that change the number of shares by a ratio of new to old."""

VERSION = 3
"""Raised when the same actions come to give other factors."""

NEAR = timedelta(days=8)
"""Five sessions with a holiday among them: sources differ on the ex-date by less, if at all."""

# 4:3 comes as 1.3333 too.
_SAME_RATIO = 1e-3

DOUBTS = pl.Schema(
    {
        "instrument_id": pl.Int32(),
        "source_id": pl.Int16(),
        "ex_date": pl.Date(),
        "ratio": pl.Float64(),
        "other_source_id": pl.Int16(),
        "other_ex_date": pl.Date(),
        "other_ratio": pl.Float64(),
        "decision": pl.String(),
    }
)
"""A split that is not what a source of higher priority (`other_`) states, and what was decided."""


@dataclass(frozen=True)
class Splits:
    """The splits that count (rows as they came in), and the DOUBTS."""

    counted: pl.DataFrame
    doubts: pl.DataFrame


@dataclass(frozen=True)
class _Split:
    row: int
    source_id: int
    ex_date: date
    ratio: float


def distinct(actions: pl.DataFrame, sources: pl.DataFrame) -> Splits:
    """One split per event: the statement of the source of lowest (priority, source_id).

    Another source's split of the same instrument is the same event where it has the same ex-date,
    or the same ratio (to 0.1 %) within `NEAR`. One within `NEAR` with another ratio counts by
    itself and is a doubt. Two splits of one source are two events.

    Args:
        actions: instrument_id, source_id, action, ex_date, ratio, and any more columns. Other
            actions than SPLITS, and ratios that are NULL, not finite or <= 0, do not count.
        sources: source_id and priority; a source that is not there comes last.
    """
    numbered = actions.with_row_index("row").join(
        sources.select("source_id", "priority"), on="source_id", how="left"
    )
    ratio = pl.col("ratio")
    usable = pl.col("action").is_in(SPLITS) & ratio.is_finite() & (ratio > 0)
    ordered = numbered.filter(usable).sort(
        "priority", "source_id", "ex_date", "row", nulls_last=True
    )
    kept: defaultdict[int, list[_Split]] = defaultdict(list)
    rows: list[int] = []
    doubts: list[tuple[object, ...]] = []
    for instrument, *stated in ordered.select(
        "instrument_id", "row", "source_id", "ex_date", "ratio"
    ).iter_rows():
        split = _Split(*stated)
        other = _nearest(split, kept[instrument])
        if other is None or not _is_same(split, other):
            kept[instrument].append(split)
            rows.append(split.row)
        if other is not None and (decision := _decision(split, other)):
            doubts.append(
                (
                    instrument, split.source_id, split.ex_date, split.ratio,
                    other.source_id, other.ex_date, other.ratio, decision,
                )
            )  # fmt: skip
    return Splits(actions[sorted(rows)], pl.DataFrame(doubts, schema=DOUBTS, orient="row"))


def _nearest(split: _Split, kept: list[_Split]) -> _Split | None:
    """The split of another source near it: one that is the same first, then the nearest."""
    near = [
        k for k in kept if k.source_id != split.source_id and abs(k.ex_date - split.ex_date) <= NEAR
    ]
    return min(
        near,
        key=lambda k: (not _is_same(split, k), abs(k.ex_date - split.ex_date)),
        default=None,
    )


def _is_same(one: _Split, other: _Split) -> bool:
    return one.ex_date == other.ex_date or _same_ratio(one, other)


def _same_ratio(one: _Split, other: _Split) -> bool:
    return abs(one.ratio / other.ratio - 1) <= _SAME_RATIO


def _decision(split: _Split, other: _Split) -> str | None:
    if not _is_same(split, other):
        return "two splits within days: both count"
    if split.ex_date != other.ex_date:
        return "the same split on two days: that of the source of higher priority counts"
    if not _same_ratio(split, other):
        return "two ratios on one day: that of the source of higher priority counts"
    return None
