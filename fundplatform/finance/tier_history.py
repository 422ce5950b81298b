"""The tiers of one calendar's instruments over their whole history.

Hysteresis makes each month depend on the one before, so the history is computed from its start;
`tiers.evaluate` does one stretch. In: instruments, return series, cap snapshots and the calendar's
closes. Out: rows of catalog.tiers without stamps.
"""

from datetime import date, timedelta

import numpy as np
import polars as pl

from fundplatform.finance.frames import month_ends
from fundplatform.finance.index.market import market
from fundplatform.finance.index.market_cap import snapshots
from fundplatform.finance.index.panel import bars_on
from fundplatform.finance.tier_rules import TierRules
from fundplatform.finance.tiers import evaluate

MAX_CAP_AGE_DAYS = 400
STALE_SESSIONS = 5
CUTOFF = timedelta(hours=4)


def history(
    instruments: pl.DataFrame,
    returns: pl.DataFrame,
    caps: pl.DataFrame | None,
    closes: pl.DataFrame,
    rules: TierRules,
) -> pl.DataFrame:
    """A row per instrument at its first session and at every month end while it is listed.

    Args:
        instruments: instrument_id, asset_class, symbol, valid_from; of one calendar.
        returns: `returns.session_returns` of these instruments.
        caps: raw.market_caps rows, of any instrument; None: no caps at all.
        closes: session, close_at of the calendar, ascending, from the first return into the
            month after the last.
        rules: From `tier_rules.load_rules`.
    """
    names = instruments.select("instrument_id", "symbol", listed_from="valid_from")
    bars = returns.join(names, on="instrument_id")
    sessions = closes["session"].to_list()
    newest = bars["session"].max()
    if not isinstance(newest, date):
        newest = sessions[0]
    points = [p for p in month_ends(sessions) if p <= newest]
    return evaluate(
        instruments.rename({"valid_from": "first_session"}),
        points,
        bars,
        sessions=sessions,
        caps=None
        if caps is None
        else _caps_at(points, bars, caps.join(names, on="instrument_id"), closes),
        previous=None,
        rules=rules,
        first=date.min,
        last=newest,
    )


def _caps_at(
    points: list[date], bars: pl.DataFrame, caps: pl.DataFrame, closes: pl.DataFrame
) -> pl.DataFrame:
    """instrument_id, session, market_cap: the cap known at each point, moved with the price."""
    sessions = closes["session"].to_list()
    cutoffs = closes.with_columns(cutoff=pl.col("close_at") + CUTOFF)
    known = snapshots(caps, cutoffs, sessions, MAX_CAP_AGE_DAYS)
    own = market(bars_on(bars, sessions), len(sessions) - 1, known, STALE_SESSIONS)
    at = np.array([sessions.index(p) for p in points], dtype=np.int64)
    row, column = np.nonzero(own.bar[at] & ~np.isnan(own.measure[at]))
    return pl.DataFrame(
        {
            "instrument_id": pl.Series(own.ids[column], dtype=pl.Int32),
            "session": pl.Series(points, dtype=pl.Date).gather(pl.Series(row, dtype=pl.UInt32)),
            "market_cap": own.measure[at[row], column],
        }
    )
