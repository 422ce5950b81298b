"""V14 and V27 to V30 asked of the warehouse: what these rules say of a session.

In: a store, published or open. Out: a `Verdict` per rule. SQL that both databases read alike; the
rules themselves are `finance/rules/aggregates.py`'s, who is told `checks.py`'s and the report's.
"""

from dataclasses import replace
from datetime import date, timedelta

import polars as pl

from fundplatform import calendars
from fundplatform.finance.rules import Limits
from fundplatform.finance.rules.aggregates import (
    Verdict,
    holdings_sum,
    index_whole,
    observations_present,
    restated,
    tracked_present,
    usual,
)
from fundplatform.storage.base import Store

ALIVE = timedelta(days=10)
"""A listing is expected for so long after its last bar; then it is the gap ledger's alone."""
RECENT = timedelta(days=7)
"""Restatements of so many days before the session are counted with it."""
_USUAL = timedelta(days=30)
_YEARS = timedelta(days=5 * 366)

_TRACKED = """
SELECT s.source_id, s.calendar, s.coverage_end, l.instrument_id, l.vendor_symbol AS symbol,
       min(l.valid_from) AS first, max(l.valid_to) AS last
FROM catalog.listings AS l JOIN catalog.tracked AS t USING (source_id, vendor_symbol)
JOIN catalog.sources AS s USING (source_id)
JOIN ops.gates AS g ON g.source_id = s.source_id AND g.session = ?
GROUP BY 1, 2, 3, 4, 5
"""
_SEEN = """
SELECT source_id, instrument_id, session FROM raw.ohlcv
WHERE session BETWEEN ? AND ? AND "interval" = '1d'
"""
_TIERS = """
SELECT t.instrument_id, t.tier FROM catalog.tiers AS t
JOIN (SELECT instrument_id, max(session) AS session FROM catalog.tiers WHERE session < ?
      GROUP BY instrument_id) AS newest USING (instrument_id, session)
"""
_CHANGED = """
SELECT s.name AS source, i.symbol, o.session, o.close AS old, n.close AS new
FROM raw.ohlcv_revisions AS o
JOIN raw.ohlcv AS n USING (source_id, instrument_id, "interval", quote, bar_open_at)
JOIN catalog.sources AS s USING (source_id) JOIN catalog.instruments AS i USING (instrument_id)
WHERE CAST(o.recorded_to AS DATE) BETWEEN ? AND ?
ORDER BY o.recorded_to
"""
_REFETCHED = """
SELECT CAST(coalesce(sum(rows_updated + rows_unchanged), 0) AS BIGINT) AS n FROM ops.loads
WHERE table_name = 'raw.ohlcv' AND CAST(recorded_from AS DATE) BETWEEN ? AND ?
"""
_HOLDINGS = """
SELECT h.instrument_id, h.as_of, h.known_at, h.weight FROM catalog.holdings AS h
JOIN (SELECT instrument_id, max(as_of) AS as_of FROM catalog.holdings
      WHERE CAST(known_at AS DATE) <= ? GROUP BY instrument_id) AS newest
USING (instrument_id, as_of) WHERE CAST(h.known_at AS DATE) <= ?
"""
_VALUES = """
SELECT instrument_id, session, value FROM raw.observations WHERE session BETWEEN ? AND ?
"""


def verdicts(store: Store, session: date, limits: Limits) -> list[Verdict]:
    """All five, of a session that was judged.

    Raises:
        WarehouseError: The warehouse cannot be read.
    """
    return [
        *of_bars(store, session, limits),
        indices(store, session, limits),
        holdings(store, session, limits),
    ]


def of_bars(store: Store, session: date, limits: Limits) -> list[Verdict]:
    """Those that rest on raw data alone: V14, V27, V30."""
    return [
        tracked(store, session),
        changed(store, session, limits),
        values(store, session, limits),
    ]


def tracked(store: Store, session: date) -> Verdict:
    """V14, of the sources that brought bars of the session."""
    seen = store.query(_SEEN, [session - ALIVE, session])
    known = store.query(_TRACKED, [session])
    here = seen.filter(pl.col("session") == session)
    alive = seen.select("source_id", "instrument_id").unique()
    opens = [
        name
        for name in known["calendar"].unique()
        if calendars.get(name).sessions(session, session)
    ]
    # A finished data set says itself how long a listing lived.
    ended = pl.col("coverage_end").is_not_null() & (pl.col("last") < session)
    expected = (
        known.join(alive, on=["source_id", "instrument_id"])
        .filter(
            pl.col("calendar").is_in(opens),
            pl.col("first") <= session,
            ~ended,
        )
        .join(store.query(_TIERS, [session]), on="instrument_id", how="left")
    )
    missing = [
        tracked_present(
            expected.filter(pl.col("source_id") == number).select(
                "instrument_id", "symbol", "tier", session=pl.lit(session)
            ),
            here.filter(pl.col("source_id") == number).select("instrument_id", "session"),
        )
        for number in expected["source_id"].unique().sort()
    ]
    return _worst("V14", missing, f"all {expected.height} expected bars are there")


def changed(store: Store, session: date, limits: Limits) -> Verdict:
    """V27, of what was fetched in the week up to the session and the day after it."""
    span = [session - RECENT, session + timedelta(days=1)]
    rows = store.query(_CHANGED, span).with_columns(
        key=pl.format("{} {} {}", "source", "symbol", "session")
    )
    rows = rows.unique("key", keep="last", maintain_order=True)
    (again,) = store.query(_REFETCHED, span)["n"]
    old, new = rows.select("key", value="old"), rows.select("key", value="new")
    return restated(old, new, limits, again)


def indices(store: Store, session: date, limits: Limits) -> Verdict:
    """V28, of the session's compositions, returns and levels.

    Expected are N constituents, or as many as the index had at most in the month before: where the
    universe is smaller than N, all of it.
    """
    rows = store.query(
        "SELECT index_name, session, return_basis, session_return, n_constituents, n_target "
        "FROM indices.performance WHERE session BETWEEN ? AND ? AND return_basis = 'price'",
        [session - _USUAL, session],
    )
    weights = store.query(
        "SELECT index_name, session, instrument_id, target_weight AS weight "
        "FROM indices.compositions WHERE session = ?",
        [session],
    )
    levels = store.query(
        "SELECT index_name, session, level FROM indices.levels "
        "WHERE session = ? AND return_basis = 'price'",
        [session],
    )
    returns = rows.select("index_name", "session", "session_return")
    return index_whole(
        weights,
        usual(rows).filter(pl.col("session") == session),
        levels.join(returns, on=["index_name", "session"], how="left"),
        limits,
    )


def holdings(store: Store, session: date, limits: Limits) -> Verdict:
    """V29, of each fund's newest report known by the session."""
    return holdings_sum(store.query(_HOLDINGS, [session, session]), limits)


def values(store: Store, session: date, limits: Limits) -> Verdict:
    """V30, of the five years of observations up to the session."""
    return observations_present(store.query(_VALUES, [session - _YEARS, session]), limits)


def _worst(rule: str, found: list[Verdict], well: str) -> Verdict:
    """One verdict of several."""
    bad = [v for v in found if v.outcome != "passed"]
    if not bad:
        return Verdict(rule, "passed", well)
    order = ("error", "warning", "info")
    worst = min(bad, key=lambda v: order.index(v.outcome))
    offenders = tuple(name for v in bad for name in v.offenders)[:5]
    return replace(worst, finding="; ".join(v.finding for v in bad), offenders=offenders)
