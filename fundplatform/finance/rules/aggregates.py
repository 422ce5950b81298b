"""V14 and V27 to V30: rules about other things than bars. Frames in, Verdicts out.

Pure functions; which tables they are asked of, and when, is decided elsewhere.
"""

from dataclasses import dataclass
from typing import Literal

import polars as pl

from fundplatform.finance.rules.limits import DEFAULTS, Limits

Outcome = Literal["passed", "info", "warning", "error"]


@dataclass(frozen=True)
class Verdict:
    """What a rule says of a whole: how bad, what was seen, and up to five offenders."""

    rule: str
    outcome: Outcome
    finding: str
    offenders: tuple[str, ...] = ()


def _verdict(rule: str, outcome: Outcome, finding: str, offenders: list[str]) -> Verdict:
    shown = tuple(offenders[:5])
    return Verdict(rule, outcome if offenders else "passed", finding, shown)


def tracked_present(expected: pl.DataFrame, present: pl.DataFrame) -> Verdict:
    """V14: every tracked listing has a bar; error where one of tier T1 has none.

    Args:
        expected: instrument_id, session, symbol, tier (NULL where there is none yet).
        present: instrument_id, session of raw bars.
    """
    gone = expected.join(present, on=["instrument_id", "session"], how="anti").sort(
        "session", "symbol"
    )
    names = [f"{symbol} {day}" for symbol, day in gone.select("symbol", "session").iter_rows()]
    top = bool((gone["tier"] == "T1").any())
    text = f"{gone.height} of {expected.height} expected bars are missing"
    return _verdict("V14", "error" if top else "warning", text, names)


def restated(
    old: pl.DataFrame, new: pl.DataFrame, limits: Limits = DEFAULTS, compared: int | None = None
) -> Verdict:
    """V27: fetched values against the stored ones.

    Args:
        old: key, value: what was stored.
        new: key, value: what came. NULL and a number differ; so do two numbers further apart than
            the relative tolerance.
        limits: Tolerance and share.
        compared: Values that were compared, where only those that differ are given.
    """
    tolerance, share = (limits.default("V27", n) for n in ("tolerance", "share"))
    both = new.join(old, on="key", suffix="_old").sort("key")
    apart = (pl.col("value") - pl.col("value_old")).abs() > tolerance * pl.col("value_old").abs()
    one_null = pl.col("value").is_null() != pl.col("value_old").is_null()
    changed = both.filter(apart.fill_null(False) | one_null)
    total = both.height if compared is None else max(compared, both.height)
    text = f"{changed.height:,} of {total:,} values differ from the stored ones"
    names = [f"{k}: {was} -> {now}" for k, now, was in changed.iter_rows()]
    much = changed.height > share * total
    return _verdict("V27", "warning" if much else "info", text, names)


def index_whole(
    weights: pl.DataFrame, wanted: pl.DataFrame, levels: pl.DataFrame, limits: Limits = DEFAULTS
) -> Verdict:
    """V28: weights sum to 1, enough constituents, none twice, level > 0; returns within bounds.

    Args:
        weights: index_name, session, instrument_id, weight.
        wanted: index_name, session, n (N, or all eligible where the universe is smaller).
        levels: index_name, session, level, session_return (decimal; NULL on the first session).
        limits: Tolerance of the sum, share of N, bound of |return|.
    """
    tolerance, share, move = (limits.default("V28", n) for n in ("tolerance", "share", "move"))
    by = ["index_name", "session"]
    sums = weights.group_by(by).agg(
        total=pl.col("weight").sum(),
        n_there=pl.len(),
        twice=pl.len() - pl.col("instrument_id").n_unique(),
    )
    # A composition without a single constituent fails as well.
    whole = wanted.join(sums, on=by, how="left").with_columns(
        pl.col("total", "n_there", "twice").fill_null(0)
    )
    wrong = (
        ((pl.col("total") - 1).abs() > tolerance)
        | (pl.col("n_there") < share * pl.col("n"))
        | (pl.col("twice") > 0)
    )
    errors = [
        f"{name} {day}: weights {total:.6g}, {there} of {n}, {twice} twice"
        for name, day, n, total, there, twice in whole.filter(wrong).sort(by).iter_rows()
    ]
    flat = levels.filter(~(pl.col("level") > 0).fill_null(False)).sort(by)
    errors += [f"{name} {day}: level {x}" for name, day, x in flat.select(*by, "level").iter_rows()]
    if errors:
        return _verdict("V28", "error", f"{len(errors)} sessions of indices are not whole", errors)
    far = levels.filter(pl.col("session_return").abs() > move).sort(by)
    names = [f"{n} {d}: {r:.1%}" for n, d, r in far.select(*by, "session_return").iter_rows()]
    return _verdict("V28", "warning", f"{len(names)} returns beyond {move:.0%}", names)


def usual(performance: pl.DataFrame) -> pl.DataFrame:
    """index_name, session and n: N, or the most constituents of the index so far in the frame.

    An index that never had one (no caps yet) is not expected to be whole.
    """
    most = pl.col("n_constituents").cum_max().over("index_name")
    return (
        performance.sort("index_name", "session")
        .select("index_name", "session", n=pl.min_horizontal("n_target", most))
        .filter(pl.col("n") > 0)
    )


def holdings_sum(holdings: pl.DataFrame, limits: Limits = DEFAULTS) -> Verdict:
    """V29: weights of each report sum to 95..105 %; one without any weight is not judged.

    Args:
        holdings: instrument_id, as_of, known_at, weight (share of net assets, shorts negative).
        limits: Both bounds.
    """
    low, high = (limits.default("V29", n) for n in ("low", "high"))
    by = ["instrument_id", "as_of", "known_at"]
    sums = holdings.drop_nulls("weight").group_by(by).agg(total=pl.col("weight").sum()).sort(by)
    off = sums.filter(~pl.col("total").is_between(low, high))
    names = [f"{i} {day}: {total:.4g}" for i, day, _, total in off.iter_rows()]
    return _verdict("V29", "warning", f"{off.height} of {sums.height} reports", names)


def observations_present(observations: pl.DataFrame, limits: Limits = DEFAULTS) -> Verdict:
    """V30: the share of NULL values of each series' last year against the years before.

    Args:
        observations: instrument_id, session, value. A series of one year is not judged.
        limits: How many times as high, and how much higher, it may be.
    """
    times, share = (limits.default("V30", n) for n in ("times", "share"))
    years = observations.group_by("instrument_id", year=pl.col("session").dt.year()).agg(
        missing=pl.col("value").is_null().sum(), rows=pl.len()
    )
    last = years.with_columns(_last=pl.col("year").max().over("instrument_id"))
    newest = last.filter(pl.col("year") == pl.col("_last"))
    before = (
        last.filter(pl.col("year") < pl.col("_last"))
        .group_by("instrument_id")
        .agg(usual=pl.col("missing").sum() / pl.col("rows").sum())
    )
    judged = newest.join(before, on="instrument_id").with_columns(
        now=pl.col("missing") / pl.col("rows")
    )
    most = pl.max_horizontal(times * pl.col("usual"), pl.col("usual") + share)
    off = judged.filter(pl.col("now") > most).sort("instrument_id")
    names = [
        f"{i} {year}: {now:.1%} NULL, usually {usual:.1%}"
        for i, year, now, usual in off.select("instrument_id", "year", "now", "usual").iter_rows()
    ]
    return _verdict("V30", "info", f"{off.height} of {judged.height} series", names)
