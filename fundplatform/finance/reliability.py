"""How each source has done: what it is counted by, and the score of that.

In: bars of all sources and how they agreed (`consensus.py`). Out: ops.source_reliability. For
people: docs/reliability.md.
"""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

import polars as pl

from fundplatform import packing
from fundplatform.tables import SOURCE_RELIABILITY

SESSIONS = 60
"""Sessions that the score and the order of the fallback look back."""
WEIGHTS: Mapping[str, float] = MappingProxyType(
    {"agreement": 0.4, "timeliness": 0.2, "completeness": 0.2, "stability": 0.2}
)
"""Parts of the score; a part that nothing was counted for is left out and the others scaled up."""
TIMED, TIMELY = timedelta(days=7), timedelta(days=1)
"""A bar fetched later after its close is history, not judged; one within a day came in time."""

_OWN = ("source_id", "session")


def counts(bars: pl.DataFrame, agreed: pl.DataFrame) -> pl.DataFrame:
    """The counts of each source and session, but for what was corrected later.

    Args:
        bars: raw.ohlcv columns and bar_close_at.
        agreed: source_id, session, rows_compared, rows_agreeing.
    """
    age = pl.col("fetched_at") - pl.col("bar_close_at")
    timed = age.is_between(timedelta(0), TIMED)
    counted = bars.group_by(_OWN).agg(
        rows=pl.len().cast(pl.Int64),
        rows_timed=timed.sum().cast(pl.Int64),
        rows_timely=(timed & (age <= TIMELY)).sum().cast(pl.Int64),
    )
    columns = [n for n in SOURCE_RELIABILITY.column_names if n in _COUNTED]
    return (
        counted.join(_presence(bars), on=_OWN, how="left")
        .join(agreed, on=_OWN, how="left")
        .with_columns(pl.col(_COUNTED[2:]).fill_null(0))
        .select(columns)
        .cast({n: SOURCE_RELIABILITY.polars_schema[n] for n in columns})
        .sort(_OWN)
    )


_COUNTED = [
    *_OWN, "rows", "rows_compared", "rows_agreeing", "rows_expected", "rows_present",
    "rows_timed", "rows_timely",
]  # fmt: skip


def _presence(bars: pl.DataFrame) -> pl.DataFrame:
    """Per source and session: instruments with a daily bar, and those plus the ones it lost.

    Expected are the instruments of its session before and those that are there.
    """
    daily = bars.filter(pl.col("interval") == "1d").select(*_OWN, "instrument_id")
    numbers = (
        daily.select(_OWN).unique().sort(_OWN)
        .with_columns(_nth=pl.int_range(pl.len()).over("source_id"))
    )  # fmt: skip
    series = ("source_id", "instrument_id")
    ordered = packing.in_order(daily.join(numbers, on=_OWN), [*series, "_nth"])
    # Neighbours in order are compared: a tenth of the time that windows over the series take.
    follows = pl.all_horizontal(pl.col(n).shift(-1) == pl.col(n) for n in series).fill_null(False)
    step = pl.when(follows).then(pl.col("_nth").shift(-1) - pl.col("_nth"))
    # Two quotes of an instrument are two bars of a session, and one presence.
    placed = ordered.with_columns(_step=step).filter(pl.col("_step").ne_missing(0))
    gone = placed.filter(pl.col("_step").is_null() | (pl.col("_step") > 1))
    lost = gone.group_by("source_id", pl.col("_nth") + 1).agg(_lost=pl.len())
    present = placed.group_by(*_OWN, "_nth").agg(rows_present=pl.len())
    return (
        present.join(lost, on=["source_id", "_nth"], how="left")
        .with_columns(rows_expected=pl.col("rows_present") + pl.col("_lost").fill_null(0))
        .drop("_nth", "_lost")
    )


def scores(days: pl.DataFrame) -> pl.DataFrame:
    """The score of each source at each session: 100 x the weighted mean of its parts.

    Over the last `SESSIONS` sessions of the source: agreement = agreeing / compared, timeliness =
    timely / timed, completeness = present / expected, stability = 1 - corrected / rows; `WEIGHTS`.

    Args:
        days: Counts of ops.source_reliability, `rows_corrected` included.

    Returns:
        `days` by source and session with `score`, rounded to 0.1; NULL where nothing is counted.
    """
    names = [n for n in SOURCE_RELIABILITY.column_names if n.startswith("rows")]
    sums = {
        n: pl.col(n).cast(pl.Float64).rolling_sum(SESSIONS, min_samples=1).over("source_id")
        for n in names
    }
    parts = {
        "agreement": _share(sums["rows_agreeing"], sums["rows_compared"]),
        "timeliness": _share(sums["rows_timely"], sums["rows_timed"]),
        "completeness": _share(sums["rows_present"], sums["rows_expected"]),
        "stability": 1 - _share(sums["rows_corrected"], sums["rows"]),
    }
    known = pl.sum_horizontal(
        pl.when(part.is_not_null()).then(WEIGHTS[n]).otherwise(0.0) for n, part in parts.items()
    )
    total = pl.sum_horizontal((part * WEIGHTS[n]).fill_null(0.0) for n, part in parts.items())
    mean = pl.when(known > 0).then(100 * total / known)
    return days.sort(_OWN).with_columns(score=mean.round(1))


def _share(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    return pl.when(whole > 0).then((part / whole).clip(0, 1))
