"""Which session an instant belongs to, by a drop folder's calendar.

Instants and labels in, dates out. Which column holds them is for `rows.py`.
"""

from datetime import time, timedelta

import polars as pl

from fundplatform import calendars
from fundplatform.sources.drop.config import DropConfig


def session_of(instant: pl.Expr, config: DropConfig) -> pl.Expr:
    """The session of a UTC instant: its local date; the FX day begins at 17:00 New York."""
    calendar = calendars.get(config.calendar)
    if calendar.name == "24/7":
        return instant.dt.date()
    local = instant.dt.convert_time_zone(calendar.time_zone)
    if calendar.name == "24/5":
        # By the wall clock: seven hours on, 17:00 is midnight.
        wall = local.dt.replace_time_zone(None) + timedelta(hours=7)
        day = wall.dt.date()
        return day.dt.offset_by(
            pl.when(day.dt.weekday() == 6)
            .then(pl.lit("2d"))
            .when(day.dt.weekday() == 7)
            .then(pl.lit("1d"))
            .otherwise(pl.lit("0d"))
        )
    return local.dt.date()


def labelled(instant: pl.Expr, config: DropConfig) -> pl.Expr:
    """The session of a bar of a day at an exchange: a midnight is the label of the day it begins.

    It may be the exchange's own, that of UTC or of `time_zone`: files often give the day alone.
    """
    calendar = calendars.get(config.calendar)
    session = session_of(instant, config)
    if calendar.name in ("24/7", "24/5"):
        return session
    local = [
        instant.dt.convert_time_zone(zone)
        for zone in dict.fromkeys((calendar.time_zone, "UTC", config.time_zone))
    ]
    return pl.coalesce(
        *(pl.when(at.dt.time() == time()).then(at.dt.date()) for at in local), session
    )
