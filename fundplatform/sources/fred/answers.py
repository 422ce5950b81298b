"""Versions of observations out of FRED's answers. Nothing is asked here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from fundplatform.sources.web.columns import day, not_finite, number, split, texts
from fundplatform.sources.web.records import changed, document, rows_of

_FIELDS = ("realtime_start", "realtime_end", "date", "value")
_MISSING = "."


@dataclass(frozen=True)
class Page:
    """One answer: versions (`session`, `vintage`, `until`, `value`), rejects, and how many more."""

    rows: pl.DataFrame
    rejected: pl.DataFrame
    count: int
    offset: int


def parse_observations(body: bytes) -> Page:
    """The versions of an answer, in its order.

    Returns:
        `row_number`, `session` (observation date), `vintage`, `until` (last day it was the
        published value), `value` (NULL for "."); rejects; the count and offset FRED states.

    Raises:
        VendorError: TRUNCATED or SCHEMA_CHANGED, naming the field.
    """
    found = document("fred", body)
    given = texts("fred", rows_of("fred", found, "observations"), _FIELDS)
    given = given.with_columns(session=day("date"), value=pl.col("value").replace(_MISSING, None))
    good, rejected = split(
        given,
        {
            "date is no date": pl.col("session").is_null(),
            "realtime_start is no date": day("realtime_start").is_null(),
            "realtime_end is no date": day("realtime_end").is_null(),
            "value is no number": not_finite("value"),
        },
    )
    if given.height > 1 and good["value"].null_count() == good.height and rejected.height:
        raise changed("fred", "field value", "is a number in no row")
    rows = good.select(
        "row_number",
        "session",
        vintage=day("realtime_start"),
        until=day("realtime_end"),
        value=number("value"),
    )
    return Page(rows, rejected, _whole(found, "count"), _whole(found, "offset"))


def merged(answers: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The versions of several answers, each once.

    A window of vintages clips the version that was in force at its first day: that row continues
    the last one of the window before and is dropped.

    Args:
        answers: `Page.rows` in order of vintage.

    Returns:
        The rows with `answer`, the place of the answer they came in.
    """
    frames = [rows.with_columns(answer=pl.lit(n)) for n, rows in enumerate(answers)]
    rows = pl.concat(frames).sort("session", "vintage", "answer")
    same = pl.col("value").eq_missing(pl.col("value").shift(1).over("session"))
    before = pl.col("until").shift(1).over("session")
    adjoins = (before + timedelta(days=1) == pl.col("vintage")).fill_null(False)
    later = pl.col("answer") > pl.col("answer").shift(1).over("session")
    return rows.filter(~(same & adjoins & later.fill_null(False))).sort("answer", "row_number")


def _whole(found: dict[str, object], name: str) -> int:
    value = found.get(name)
    if type(value) is not int:
        raise changed("fred", f"field {name}", "is no whole number" if value else "is missing")
    return value
