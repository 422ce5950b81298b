"""Which of several sources is used for a bar and why, and how each source has done.

In: judged bars of all sources. Out: `selected` anew, rows of prices.consensus and the counts of
ops.source_reliability (`reliability.py`). That an outlier is refused is rule V23's
(`finance/rules/cross.py`); in which order others stand in is told by `fallback.py`.
"""

from dataclasses import dataclass
from datetime import date

import polars as pl

from fundplatform.finance.fallback import BEST, by_agreement, by_score
from fundplatform.finance.reliability import counts
from fundplatform.tables import BAR_KEY, CONSENSUS, VALIDATED, Table

VERSION = 2
"""Raised when the same bars come to be compared otherwise: all days are judged again."""

_BAR = BAR_KEY[1:]
_BASIS = (*_BAR, "adjustment")
_OWN = ("source_id", "session")


@dataclass(frozen=True)
class Weighed:
    """The outcome: frames in the columns of their tables, without the stamps.

    Attributes:
        validated: As given, `selected` settled.
        consensus: prices.consensus.
        days: ops.source_reliability without `rows_corrected` and `score`.
    """

    validated: pl.DataFrame
    consensus: pl.DataFrame
    days: pl.DataFrame


def weigh(
    bars: pl.DataFrame,
    validated: pl.DataFrame,
    rejected: pl.DataFrame,
    *,
    tolerance: pl.Expr,
    scored: pl.Expr | None = None,
    corrected: pl.DataFrame | None = None,
    window: tuple[date, date] | None = None,
) -> Weighed:
    """Settle which source is used, and count.

    The source of lowest (priority, source_id) is used where its bar passed. Where it did not, the
    others follow by their agreement over the 60 sessions before, or by their whole score (in steps
    of 5 points), then by priority. Two sources that differ are both kept: nobody can tell which is
    right.

    Args:
        bars: raw.ohlcv columns, asset_class, priority and bar_close_at; 60 sessions before the
            window make the order of the fallback independent of chunks.
        validated: prices.validated of the window, with `selected`.
        rejected: prices.rejected of the window.
        tolerance: Of V23, per row of a frame with asset_class and instrument_id.
        scored: True where the order goes by the score; None: nowhere.
        corrected: source_id, session, rows_corrected, for the score; None: nothing was.
        window: First and last session judged; None: all of `bars`.
    """
    inside = pl.lit(True) if window is None else pl.col("session").is_between(*window)
    shared = _shared(bars, tolerance, pl.lit(value=False) if scored is None else scored)
    agreed = _agreement(shared)
    every = counts(bars, agreed)
    now = shared.filter(inside)
    if now.is_empty():
        choices = CONSENSUS.empty().drop(CONSENSUS.stamps)
    else:
        judged = _with_verdict(now, validated, rejected)
        judged = judged.join(by_agreement(agreed), on=_OWN, how="left")
        choices = _choices(judged.join(by_score(every, corrected), on=_OWN, how="left"))
        validated = _selected(validated, choices)
    return Weighed(validated, choices, every.filter(inside))


def _shared(bars: pl.DataFrame, tolerance: pl.Expr, scored: pl.Expr) -> pl.DataFrame:
    """Bars that several sources have, with the comparison on each basis.

    `_n`, `_median`, `_deviation` are of the basis, NULL where only one source has it; `_off` says
    whether the row is beyond the tolerance. Of two, the one against the other.
    """
    usable = pl.col("close").is_finite() & (pl.col("close") != 0)
    found = bars.select(*BAR_KEY, "session", "adjustment", "close", "asset_class", "priority")
    if found["source_id"].n_unique() < 2:
        found = found.clear()
    found = found.filter(pl.len().over(_BAR) > 1).with_columns(
        close=pl.when(usable).then("close"), _tolerance=tolerance, _scored=scored
    )
    several = pl.col("close").count().over(_BASIS) > 1
    apart = (pl.col("close").max() / pl.col("close").min() - 1).abs().over(_BASIS)
    return (
        found.with_columns(
            _n=pl.col("close").count().over(_BASIS).cast(pl.Int32),
            _median=pl.when(several).then(pl.col("close").median().over(_BASIS)),
        )
        .with_columns(
            _apart=pl.when((pl.col("_n") == 2) & pl.col("close").is_not_null())
            .then(apart)
            .otherwise((pl.col("close") / pl.col("_median") - 1).abs())
        )
        .with_columns(
            _off=pl.col("_apart") > pl.col("_tolerance"),
            _deviation=pl.col("_apart").max().over(_BASIS),
        )
    )


def _agreement(shared: pl.DataFrame) -> pl.DataFrame:
    """Per source and session: bars compared and agreeing."""
    compared = shared.filter(pl.col("_off").is_not_null())
    return compared.group_by(_OWN).agg(
        rows_compared=pl.len().cast(pl.Int64),
        rows_agreeing=(~pl.col("_off")).sum().cast(pl.Int64),
    )


def _with_verdict(
    shared: pl.DataFrame, validated: pl.DataFrame, rejected: pl.DataFrame
) -> pl.DataFrame:
    passed = validated.select(*BAR_KEY, _passed=True)
    failed = rejected.select(*BAR_KEY, _rules="rules")
    return (
        shared.join(passed, on=BAR_KEY, how="left")
        .join(failed, on=BAR_KEY, how="left")
        .with_columns(
            pl.col("_passed").fill_null(False),
            _first=pl.int_range(pl.len()).over(_BAR, order_by=["priority", "source_id"]) == 0,
        )
    )


def _choices(judged: pl.DataFrame) -> pl.DataFrame:
    """prices.consensus of the bars with a comparison, or whose first source did not pass."""
    order = ["_first", "_step", "priority", "source_id"]
    place = pl.when("_scored").then("_standing").otherwise("_agreement")
    ranked = judged.with_columns(_step=place.fill_null(BEST)).sort(
        *_BAR, *order, descending=[*[False] * len(_BAR), True, True, False, False]
    )
    named = pl.col("source_id").cast(pl.String)
    used = pl.col("_passed").arg_max()
    refused = pl.when("_first").then("_rules").max()
    bars = ranked.group_by(_BAR, maintain_order=True).agg(
        pl.col("session").first(),
        _any=pl.col("_passed").any(),
        source_id=pl.when(pl.col("_passed").any()).then(pl.col("source_id").get(used)),
        _leader=named.first(),
        _leads=pl.col("_passed").first(),
        _refused=refused,
        _by=_order_of("_scored", "_score").get(used),
        **{n: pl.col(c).get(used) for n, c in _OF_THE_USED.items()},
        outliers=named.filter(pl.col("_off").fill_null(False) & (pl.col("_n") > 2))
        .sort()
        .str.join(","),
    )
    told = bars.filter((pl.col("n_sources") > 1) | ~pl.col("_leads")).with_columns(
        pl.col("median_close", "deviation").fill_null(0.0),
        outliers=pl.when(pl.col("outliers") != "").then("outliers"),
        reason=_reason(),
    )
    return _shape(CONSENSUS, told)


def _order_of(scored: str, score: str) -> pl.Expr:
    """By what the others follow, in words."""
    known = pl.format("score {}", score).fill_null(pl.lit("score, of which it has none yet,"))
    return pl.when(scored).then(known).otherwise(pl.lit("agreement"))


_OF_THE_USED = {
    "adjustment": "adjustment",
    "n_sources": "_n",
    "median_close": "_median",
    "deviation": "_deviation",
    "tolerance": "_tolerance",
}


def _reason() -> pl.Expr:
    """Why the source is used, in words."""
    percent = (pl.col("deviation") * 100).round(3)
    apart = pl.col("deviation") > pl.col("tolerance")
    compared = (
        pl.when(pl.col("n_sources") < 2)
        .then(pl.lit("no other source on its basis"))
        .when(~apart)
        .then(pl.format("{} sources agree within {} %", "n_sources", percent))
        .when(pl.col("outliers") != "")
        .then(pl.format("outlier {} of {} sources, {} % off", "outliers", "n_sources", percent))
        .otherwise(
            pl.format("{} sources differ by {} %: none can be told wrong", "n_sources", percent)
        )
    )
    why_not = (
        pl.when(pl.col("_refused").is_null())
        .then(pl.format("source {}, first by priority, is held", "_leader"))
        .otherwise(
            pl.format("source {}, first by priority, was refused ({})", "_leader", "_refused")
        )
    )
    return (
        pl.when(~pl.col("_any"))
        .then(pl.format("no source passed; {}", compared))
        .when("_leads")
        .then(pl.format("first by priority; {}", compared))
        .otherwise(pl.format("{}; next by {} and priority; {}", why_not, "_by", compared))
    )


def _selected(validated: pl.DataFrame, choices: pl.DataFrame) -> pl.DataFrame:
    """`selected` of the bars in `choices`; other bars keep theirs."""
    chosen = choices.select(*_BAR, _chosen="source_id").filter(pl.col("_chosen").is_not_null())
    settled = pl.when(pl.col("_chosen").is_null()).then("selected")
    return (
        validated.join(chosen, on=_BAR, how="left", maintain_order="left")
        .with_columns(selected=settled.otherwise(pl.col("source_id") == pl.col("_chosen")))
        .drop("_chosen")
        .select(n for n in VALIDATED.column_names if n in validated.columns)
    )


def _shape(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    own = {n: t for n, t in table.polars_schema.items() if n not in table.stamps}
    return frame.select(pl.col(n).cast(t) for n, t in own.items()).sort(table.key)
