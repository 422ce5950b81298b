"""Rows of days that have not come: a mistyped year, not data.

Rows in, rejects out. Trades, prices and holdings of a day cannot be known before it; what a source
states ahead of its day (actions, facts that become public, forecasts) waits for it.
"""

from datetime import datetime, timedelta

import polars as pl

from fundplatform.sources.base import REJECT_SCHEMA, Kind
from fundplatform.sources.drop.parse import as_json

_LEEWAY = {
    # Sessions can be dated a few days ahead of UTC: the FX week begins on Friday evening.
    **dict.fromkeys((Kind.OHLCV, Kind.TRADES, Kind.FX), timedelta(days=7)),
    # The session of a report is the day it is known: of Form N-PORT 60 days after its own.
    Kind.HOLDINGS: timedelta(days=100),
}


def ahead(kind: Kind, now: datetime) -> pl.Expr:
    """Whether a row's session is further ahead of now than can be; false for kinds that may be."""
    if kind not in _LEEWAY:
        return pl.lit(False)
    return pl.col("session") > now.date() + _LEEWAY[kind]


def refused(rows: pl.DataFrame) -> pl.DataFrame:
    """Those rows as rejects (REJECT_SCHEMA)."""
    day = pl.col("session").cast(pl.String())
    rejects = rows.with_columns(
        as_json(rows),
        rule=pl.lit("unparseable"),
        reason="session " + day + pl.lit(" is in the future"),
    )
    return rejects.select(pl.col(n).cast(t) for n, t in REJECT_SCHEMA.items())
