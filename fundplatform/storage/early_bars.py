"""Bars that were perhaps read before their close: a later reading is news, also of the same values.

In: the writer and what a fetch brought. Out: keys. Whether a bar is final is V11's to say.
"""

from dataclasses import replace
from datetime import date, timedelta

import polars as pl

from fundplatform.storage.base import Slice, Writer
from fundplatform.tables import BAR_KEY, OHLCV, REJECTED, VALIDATED

_NOT_FINAL = "V11"
_LATEST_CLOSE = timedelta(days=2)
"""After its `bar_open_at` every bar of a day is final, in whatever time zone."""
_LATELY = timedelta(days=10)
"""Older bars are not looked up: should one be rejected, the fetch after that heals it."""


def early_bars(writer: Writer, rows: pl.DataFrame, within: Slice) -> pl.DataFrame:
    """The keys of stored bars whose `fetched_at` may be before their close.

    Those that V11 refused, and those that nobody has judged yet.

    Args:
        writer: Of the transaction.
        rows: raw.ohlcv as fetched now.
        within: Their slice: the source and the sessions.
    """
    key = list(BAR_KEY)
    refused = (
        writer.read(REJECTED, within, [*key, "rules"])
        .filter(pl.col("rules").str.split(",").list.contains(_NOT_FINAL))
        .select(key)
    )
    lately = rows.filter(pl.col("bar_open_at") > pl.col("fetched_at") - _LATELY)["session"]
    first, last = lately.min(), lately.max()
    if not isinstance(first, date) or not isinstance(last, date):
        return refused
    unjudged = _unjudged(writer, replace(within, first=first, last=last))
    return pl.concat([refused, unjudged]).unique() if unjudged.height else refused


def _unjudged(writer: Writer, part: Slice) -> pl.DataFrame:
    key = list(BAR_KEY)
    found = writer.read(OHLCV, part, [*key, "fetched_at"])
    found = found.filter(pl.col("fetched_at") < pl.col("bar_open_at") + _LATEST_CLOSE).select(key)
    for judged in (VALIDATED, REJECTED):
        if found.height:
            found = found.join(writer.read(judged, part, key), on=key, how="anti")
    return found
