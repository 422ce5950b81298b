"""Rules about a source's session as a whole, and gaps: V13, V15 and V26.

In: bars in series order (`walk.py`). Out: FINDINGS of sessions, and the bars after a gap. Whether a
session is held follows in `gate.py`.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fundplatform.finance.rules.catalog import LOOKBACK_DAYS, LOOKBACK_SESSIONS
from fundplatform.finance.rules.found import Found
from fundplatform.finance.rules.limits import Limits
from fundplatform.finance.rules.walk import Bools, Ints, Walk, days

FINDINGS = pl.Schema(
    {
        "source_id": pl.Int16(),
        "session": pl.Date(),
        "rule": pl.String(),
        "severity": pl.String(),
        "observed": pl.Float64(),
        "expected": pl.Float64(),
        "finding": pl.String(),
    }
)
"""What a rule found about a session of a source: the number seen, the usual one, in words."""
_LAGS = 5


def gaps(bars: pl.DataFrame, order: Ints, begins: Bools, limits: Limits) -> Found:
    """V15: daily bars after a gap. Not judged without `session_number`, the place in the calendar.

    A bar that is refused for another reason closes a gap all the same: it did come.
    """
    none = Found("V15", np.zeros(0, np.int64))
    if "session_number" not in bars.columns or bars.is_empty():
        return none
    counted = (bars["session_number"].is_not_null() & (bars["interval"] == "1d")).to_numpy()
    kept = counted[order]
    row, series = order[kept], np.cumsum(begins)[kept]
    number = bars["session_number"].fill_null(0).to_numpy().astype(np.int64)[row]
    day = days(bars["session"])[row]
    allowed = np.broadcast_to(np.asarray(limits.of("V15", "sessions", bars)), bars.height)[row]
    fails = np.zeros(len(row), np.bool_)
    same = (series[1:] == series[:-1]) & (np.diff(day) <= LOOKBACK_DAYS)
    fails[1:] = same & (np.diff(number) - 1 > allowed[1:])
    return Found("V15", row[fails])


def row_counts(bars: pl.DataFrame, limits: Limits) -> pl.DataFrame:
    """V13 as FINDINGS."""
    back, least, warn, error = (
        limits.default("V13", n) for n in ("sessions", "rows", "warn", "error")
    )
    size = min(int(back), LOOKBACK_SESSIONS)
    by = ["source_id", "interval"]
    counts = (
        bars.group_by(*by, "session")
        .agg(rows=pl.len().cast(pl.Float64))
        .sort(*by, "session")
        .with_columns(
            usual=pl.col("rows").rolling_median(size).shift(1).over(by),
            since=pl.col("session").shift(size).over(by),
        )
    )
    near = (pl.col("session") - pl.col("since")).dt.total_days() <= LOOKBACK_DAYS
    share = pl.col("rows") / pl.col("usual") - 1
    severity = (
        pl.when(share < -error)
        .then(pl.lit("error"))
        .when(share.abs() > warn)
        .then(pl.lit("warning"))
    )
    return _findings(
        counts.filter(near, pl.col("usual") >= least)
        .with_columns(rule=pl.lit("V13"), severity=severity)
        .filter(pl.col("severity").is_not_null())
        .with_columns(
            observed="rows",
            expected="usual",
            finding=pl.format("{} rows where {} are usual", _whole("rows"), _whole("usual")),
        )
        # One finding a session, where bars of several lengths come: the worst.
        .sort("source_id", "session", "severity", share.abs())
        .unique(["source_id", "session"], keep="first", maintain_order=True)
    )


def copies(walk: Walk, bars: pl.DataFrame, limits: Limits) -> pl.DataFrame:
    """V26 as FINDINGS; daily bars."""
    share, least = (limits.default("V26", n) for n in ("share", "rows"))
    usable = walk.sound & (walk.volume > 0) & (walk.frame["interval"] == "1d").to_numpy()
    place = np.flatnonzero(usable)
    found: dict[tuple[int, int], tuple[int, int]] = {}
    sources = bars["source_id"].to_numpy()
    volume, series = walk.volume[place], walk.series[place]
    for lag in range(1, _LAGS + 1):
        same = (volume[lag:] == volume[:-lag]) & (series[lag:] == series[:-lag])
        now, then = place[lag:][same], place[:-lag][same]
        for key, count in _equal(walk, now, then, sources, int(least * share)).items():
            found[key] = max(found.get(key, (0, 0)), (count, lag))
    rows = []
    for (source, day), (count, lag) in found.items():
        there = (walk.day[place] == day) & (sources[walk.row[place]] == source)
        total = int(there.sum())
        if total >= least and count > share * total:
            text = f"{count} of {total} rows equal those of {lag} sessions before, volume included"
            rows.append((source, day, "V26", "error", float(count), share * total, text))
    schema = {**FINDINGS, "session": pl.Int32()}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return _findings(frame.with_columns(pl.col("session").cast(pl.Date)))


def _equal(
    walk: Walk, now: Ints, then: Ints, sources: NDArray[np.int16], least: int
) -> dict[tuple[int, int], int]:
    """(source, day) to how many of its bars have the prices of those before; few are left out."""
    same = walk.day[now] - walk.day[then] <= LOOKBACK_DAYS
    for values in (walk.open, walk.high, walk.low, walk.close):
        same &= values[now] == values[then]
    now = now[same]
    pairs = np.column_stack([sources[walk.row[now]].astype(np.int64), walk.day[now]])
    if not len(pairs):
        return {}
    keys, counts = np.unique(pairs, axis=0, return_counts=True)
    return {(int(s), int(d)): int(n) for (s, d), n in zip(keys, counts, strict=True) if n >= least}


def _whole(name: str) -> pl.Expr:
    return pl.col(name).round(0).cast(pl.Int64)


def _findings(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(pl.col(n).cast(t) for n, t in FINDINGS.items())
