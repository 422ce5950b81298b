"""Bars that are missing in this warehouse only: the market had them.

What an index makes of a name without a bar does not belong here. In: refused bars, held sessions,
what each source has. Out: the sessions and instruments.
"""

from collections.abc import Sequence
from datetime import date

import polars as pl

from fundplatform import calendars

_HERE = {"session": pl.Date(), "instrument_id": pl.Int32()}


def ours(
    gates: pl.DataFrame | None,
    rejected: pl.DataFrame | None,
    sources: pl.DataFrame,
    returns: pl.DataFrame,
    wanted: Sequence[date],
) -> pl.DataFrame:
    """session, instrument_id of bars refused, of a held session, or of a source that has none.

    A source that has no bar at all on a session of its own calendar was not fetched, or failed.

    Args:
        gates: ops.gates: source_id, session, held.
        rejected: prices.rejected: interval, session, instrument_id.
        sources: catalog.sources.
        returns: `series.price_returns`.
        wanted: The index's sessions that matter, ascending.
    """
    parts = [pl.DataFrame(schema=_HERE)]
    if rejected is not None:
        daily = rejected.filter(pl.col("interval") == "1d")
        parts.append(daily.select(pl.col(n).cast(t) for n, t in _HERE.items()).unique())
    names = returns.select("source_id", "instrument_id").unique()
    if gates is not None:
        held = gates.filter("held").select("source_id", "session")
        parts.append(
            held.join(names, on="source_id").select(pl.col(n).cast(t) for n, t in _HERE.items())
        )
    calendar = dict(sources.select("source_id", "calendar").iter_rows())
    for (source,), own in returns.group_by("source_id"):
        there = set(own["session"].unique())
        own_calendar = calendars.get(calendar[source])
        open_on = set(own_calendar.sessions(wanted[0], wanted[-1])) if wanted else set()
        gone = [s for s in wanted if s in open_on and s not in there and s > min(there)]
        days = pl.DataFrame({"session": gone}, schema={"session": pl.Date})
        parts.append(
            days.join(own.select("instrument_id").unique(), how="cross").select(
                pl.col(n).cast(t) for n, t in _HERE.items()
            )
        )
    return pl.concat(parts).unique()
