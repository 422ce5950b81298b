"""In which order other sources stand in for one whose bar did not pass: by what they did before.

In: counts of sources by session. Out: each source's place at each session, of the `SESSIONS` before
it, in steps of `STEP`: within a step the declared order counts. Which bar is used is decided in
`consensus.py`.
"""

import polars as pl

from fundplatform.finance.reliability import SESSIONS, scores

STEP = 0.05
"""Sources that differ by less keep the declared order."""
BEST = 1 / STEP
"""The place of a source of which nothing is known: it has done nothing wrong."""

_OWN = ("source_id", "session")


def by_agreement(agreed: pl.DataFrame) -> pl.DataFrame:
    """How often each source agreed with the others.

    Args:
        agreed: source_id, session, rows_compared, rows_agreeing.

    Returns:
        source_id, session, `_agreement`: 0 to `BEST`, NULL without any bar compared before.
    """
    before = [
        pl.col(n).rolling_sum(SESSIONS, min_samples=1).shift(1).over("source_id").alias(f"_{n}")
        for n in ("rows_compared", "rows_agreeing")
    ]
    share = pl.col("_rows_agreeing") / pl.col("_rows_compared")
    told = agreed.sort(_OWN).select(*_OWN, *before)
    return told.select(*_OWN, _agreement=(share / STEP).floor())


def by_score(days: pl.DataFrame, corrected: pl.DataFrame | None) -> pl.DataFrame:
    """The whole score: agreement, timeliness, completeness, and what was corrected later.

    Args:
        days: Counts of `reliability.counts`, the sessions before included.
        corrected: source_id, session, rows_corrected; None: nothing was.

    Returns:
        source_id, session, `_score` (0 to 100, of the session before) and `_standing`, its place.
    """
    none = pl.lit(0, pl.Int64).alias("rows_corrected")
    if corrected is None:
        counted = days.with_columns(none)
    else:
        counted = days.join(corrected, on=_OWN, how="left").with_columns(
            pl.col("rows_corrected").fill_null(0)
        )
    before = pl.col("score").shift(1).over("source_id")
    known = scores(counted).select(*_OWN, _score=before)
    return known.with_columns(_standing=(pl.col("_score") / 100 / STEP).floor())
