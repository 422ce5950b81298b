"""What the sources' profiles said of an instrument at each moment that one of them changed.

What follows from them (kind of security, sectors of a universe) does not belong here. In: every
version of raw.profiles. Out: the versions in force at each change, so that a reader of a past day
takes the last change that was known by then.
"""

import polars as pl

NEVER = pl.lit(None, pl.Datetime("us", "UTC"))
"""The `known_at` of what holds before anything was known."""

_OWN = ["instrument_id", "source_id"]


def as_known(versions: pl.DataFrame) -> pl.DataFrame:
    """The profiles of every source in force at each moment at which one of them became known.

    Args:
        versions: Rows of raw.profiles and of its ledger. One is known from the moment on at which
            its bytes were fetched (`fetched_at`): no vendor says since when it holds.

    Returns:
        The columns of `versions`, and known_at: for each instrument and moment one row per source
        that had said something by then.
    """
    known = versions.rename({"fetched_at": "known_at"}).unique([*_OWN, "known_at"], keep="last")
    moments = known.select("instrument_id", "known_at").unique()
    sources = known.select(*_OWN).unique()
    grid = moments.join(sources, on="instrument_id").sort("known_at")
    said = known.with_columns(stated_at="known_at").sort("known_at")
    return (
        grid.join_asof(said, on="known_at", by=_OWN, check_sortedness=False)
        .drop_nulls("stated_at")
        .drop("stated_at")
        .sort("instrument_id", "known_at", "source_id")
    )


def dated(rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` with known_at: NULL, as it was all along, where they have none."""
    return rows if "known_at" in rows.columns else rows.with_columns(known_at=NEVER)


def newest(known: pl.DataFrame) -> pl.DataFrame:
    """The rows of the last moment of each instrument, as if they had been known all along."""
    known = dated(known)
    last = pl.col("known_at").eq_missing(pl.col("known_at").max().over("instrument_id"))
    return known.filter(last).with_columns(known_at=NEVER)
