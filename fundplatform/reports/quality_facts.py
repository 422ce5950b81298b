"""What the quality report says of a session, read from the warehouse. No HTML here.

SQL that both databases read alike; sums are cast, for a server adds integers up to NUMERIC.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta

import polars as pl

from fundplatform.errors import WarehouseError
from fundplatform.finance.rules import DEFAULTS, Limits
from fundplatform.finance.rules.aggregates import Verdict
from fundplatform.rule_results import verdicts
from fundplatform.storage.base import Store

SESSIONS = 60
"""Sessions of the heat map and the trend."""
EXPIRED = timedelta(days=90)
"""Overrides that expired longer ago are not shown."""
_SHOWN = 25


@dataclass(frozen=True)
class Facts:
    """The frames of the report.

    Attributes:
        session: The session reported on.
        sessions: The last `SESSIONS` up to it, oldest first.
        sources: Per source with a gate in these: name, last session, health.
        gates: source, session, rows and held, of `sessions`.
        rejected: rule, source, rows of the session and of all `sessions`, an example.
        gaps: class and number.
        restated: Values that sources changed, newest first.
        disagreements: Bars of the session on which sources differ.
        findings: What whole-session rules found in the session.
        overrides: What people decided: in force, and lately expired.
        expectations: Expectations that failed lately.
        verdicts: What V14 and V27 to V30 say, of other tables than bars.
    """

    session: date
    sessions: list[date]
    sources: pl.DataFrame
    gates: pl.DataFrame
    rejected: pl.DataFrame
    gaps: pl.DataFrame
    restated: pl.DataFrame
    disagreements: pl.DataFrame
    findings: pl.DataFrame
    overrides: pl.DataFrame
    expectations: pl.DataFrame
    verdicts: list[Verdict] = field(default_factory=list)


def gather(store: Store, session: date | None, today: date, limits: Limits = DEFAULTS) -> Facts:
    """Read everything for `session` (None: the newest that was judged).

    Raises:
        WarehouseError: Nothing was judged up to it.
    """
    last = session or date.max
    found = store.query(
        "SELECT DISTINCT session FROM ops.gates WHERE session <= ? ORDER BY session DESC LIMIT ?",
        [last, SESSIONS],
    )
    days: list[date] = sorted(found["session"].to_list())
    if not days or (session and session not in days):
        raise WarehouseError(
            store.describe(),
            f"no bars of {session or 'any session'} were judged",
            "Run `fundplatform backfill`; `fundplatform status` shows what is there",
        )
    first, on = days[0], days[-1]
    return Facts(
        session=on,
        sessions=days,
        sources=_sources(store, first, on),
        gates=store.query(_GATES, [first, on]),
        rejected=_rejected(store, first, on),
        gaps=_gaps(store, on),
        restated=store.query(_RESTATED, [on - timedelta(days=7), on + timedelta(days=1)]),
        disagreements=store.query(_DISAGREE, [on]),
        findings=store.query(_FINDINGS, [on]),
        overrides=overrides(store, today),
        expectations=store.query(_EXPECTATIONS, [on]),
        verdicts=verdicts(store, on, limits),
    )


_GATES = """
SELECT s.name AS source, g.session, g.rows_raw, g.rows_rejected, g.rows_validated, g.held, g.reason
FROM ops.gates AS g JOIN catalog.sources AS s USING (source_id)
WHERE g.session BETWEEN ? AND ? ORDER BY 1, 2
"""
_SOURCES = """
SELECT s.name AS source, max(g.session) AS last_session, count(*) AS sessions
FROM ops.gates AS g JOIN catalog.sources AS s USING (source_id)
WHERE g.session BETWEEN ? AND ? GROUP BY s.name ORDER BY 1
"""
_SCORES = """
SELECT s.name AS source, r.score
FROM ops.source_reliability AS r JOIN catalog.sources AS s USING (source_id) WHERE r.session = ?
"""
_HEALTH = """
SELECT source, state, last_success_at, last_failure, paused_until FROM ops.source_health
"""
_RULES = """
SELECT s.name AS source, r.session, r.rules, r.reason, i.symbol
FROM prices.rejected AS r JOIN catalog.sources AS s USING (source_id)
JOIN catalog.instruments AS i USING (instrument_id)
WHERE r.session BETWEEN ? AND ?
"""
_RESTATED = f"""
SELECT s.name AS source, i.symbol, o.session, o.close AS old_close, n.close AS new_close,
       o.recorded_to AS changed_at
FROM raw.ohlcv_revisions AS o
JOIN raw.ohlcv AS n USING (source_id, instrument_id, "interval", quote, bar_open_at)
JOIN catalog.sources AS s USING (source_id) JOIN catalog.instruments AS i USING (instrument_id)
WHERE CAST(o.recorded_to AS DATE) BETWEEN ? AND ?
ORDER BY o.recorded_to DESC, i.symbol, o.session LIMIT {_SHOWN}
"""  # noqa: S608
_DISAGREE = f"""
SELECT i.symbol, c."interval", c.n_sources, c.median_close, c.deviation, c.tolerance, c.outliers,
       c.reason
FROM prices.consensus AS c JOIN catalog.instruments AS i USING (instrument_id)
WHERE c.session = ? AND c.deviation > c.tolerance
ORDER BY c.deviation DESC, i.symbol LIMIT {_SHOWN}
"""  # noqa: S608
_FINDINGS = """
SELECT s.name AS source, f.rule, f.severity, f.finding
FROM ops.findings AS f JOIN catalog.sources AS s USING (source_id) WHERE f.session = ?
ORDER BY 1, 2
"""
_OVERRIDES = """
SELECT action, source, symbol, first_session, last_session, rules, field, value, author, reason,
       expires_on
FROM ops.overrides
WHERE withdrawn_at IS NULL AND (expires_on IS NULL OR expires_on >= ?)
ORDER BY expires_on, symbol, first_session
"""
_EXPECTATIONS = f"""
SELECT table_name, suite, expectation, expected, actual, offenders
FROM ops.quality_results
WHERE NOT passed AND (from_session IS NULL OR ? BETWEEN from_session AND to_session)
ORDER BY recorded_from DESC, table_name, suite, number LIMIT {_SHOWN}
"""  # noqa: S608


def overrides(store: Store, today: date) -> pl.DataFrame:
    """What people decided, with its `state`: in force, or expired within `EXPIRED` days."""
    known = store.query(_OVERRIDES, [today - EXPIRED])
    return known.with_columns(
        state=pl.when(pl.col("expires_on") < today)
        .then(pl.lit("expired"))
        .otherwise(pl.lit("in force"))
    )


def _sources(store: Store, first: date, on: date) -> pl.DataFrame:
    own = store.query(_SOURCES, [first, on])
    scores, health = store.query(_SCORES, [on]), store.query(_HEALTH)
    return own.join(scores, on="source", how="left").join(health, on="source", how="left")


def _rejected(store: Store, first: date, on: date) -> pl.DataFrame:
    """One row per rule and source: rows of the session and of the span, the newest example."""
    rows = store.query(_RULES, [first, on]).with_columns(
        pl.col("rules").str.split(",").alias("rule")
    )
    return (
        rows.explode("rule")
        .sort("session", "symbol")
        .group_by("rule", "source")
        .agg(
            today=(pl.col("session") == on).sum().cast(pl.Int64),
            span=pl.len().cast(pl.Int64),
            example=pl.format("{} {}: {}", "symbol", "session", "reason").last(),
        )
        .sort("today", "span", "rule", descending=[True, True, False])
    )


def _gaps(store: Store, on: date) -> pl.DataFrame:
    """Gaps by class: of the gap ledger, and bars that the session lost against the one before."""
    lost = store.query(
        "SELECT 'gone since the session before' AS class, s.name AS source, "
        "CAST(r.rows_expected - r.rows_present AS BIGINT) AS missing "
        "FROM ops.source_reliability AS r JOIN catalog.sources AS s USING (source_id) "
        "WHERE r.session = ? AND r.rows_expected > r.rows_present ORDER BY 2",
        [on],
    )
    known = store.query(
        "SELECT state AS class, source, CAST(count(*) AS BIGINT) AS missing FROM ops.gaps "
        "WHERE ? BETWEEN first_session AND last_session AND state <> 'not_listed' "
        "GROUP BY state, source ORDER BY 1, 2",
        [on],
    )
    return pl.concat([known.cast(lost.schema), lost.cast(lost.schema)])


def is_stale(last_session: object, session: date) -> bool:
    """Whether a source has nothing of the session although it had some in the span."""
    return not isinstance(last_session, date) or last_session < session
