"""Row rules V01-V11 on raw bars, the gate per source and session, and which source is used.

In: raw.ohlcv rows with the columns of `CONTEXT`, joined by the caller. Out: the frames of
prices.validated, prices.rejected and ops.gates; no row is lost. Rules that look across sessions
(returns, gaps, restatements) do not belong here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from fundplatform import packing
from fundplatform.errors import SchemaError
from fundplatform.tables import BAR_KEY, GATES, OHLCV, REJECTED, VALIDATED, Table

RULES_VERSION = 1
"""Raised with every change of a rule: rejected rows are then judged again."""

CONTEXT = pl.Schema(
    {
        "asset_class": pl.String(),
        "is_session": pl.Boolean(),
        "bar_close_at": pl.Datetime("us", "UTC"),
        "coverage_start": pl.Date(),
        "priority": pl.Int32(),
    }
)
"""What the caller joins to each bar: the instrument's class, whether `session` is one of the
calendar, when the bar closes (NULL where it is not), the source's first session (NULL: 1900) and
the source's priority (lower wins)."""

ANY_SIGN = ("commodity", "rate", "economic", "index")
"""Asset classes whose prices may be zero or negative (WTI: -36.98 on 2020-04-20)."""
PRICE_TOLERANCE = 1e-9
VWAP_TOLERANCE = 1e-6
GATE_ROWS = 3
GATE_PERCENT = 1

_PRICES = ("open", "high", "low", "close")
_REQUIRED = (*BAR_KEY, "session", "fetched_at", "is_session", "priority")


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        id: V01...; the order of `RULES` is the order of ids in `rules` and `warnings`.
        title: What must hold.
        description: How it is judged, with its tolerance.
        expectation: The Great Expectations 1.x expectation that states the same.
        fails: True where a row breaks the rule; False or NULL otherwise.
        reason: What is wrong, with the values; read only where `fails` is True.
        severity: error: the row is rejected; warning: it passes and carries the id.
        version: Raised when the meaning changes.
    """

    id: str
    title: str
    description: str
    expectation: str
    fails: pl.Expr = field(repr=False, compare=False)
    reason: pl.Expr = field(repr=False, compare=False)
    severity: Literal["error", "warning"] = "error"
    version: int = 1


@dataclass(frozen=True)
class Judged:
    """The outcome: frames in the columns of their tables, without the stamps."""

    validated: pl.DataFrame
    rejected: pl.DataFrame
    gates: pl.DataFrame


def _finite(name: str) -> pl.Expr:
    """The value, or NULL where NULL, NaN or infinite: V02, V03 or V06 already say so."""
    return pl.when(pl.col(name).is_finite()).then(pl.col(name))


def _text(value: pl.Expr) -> pl.Expr:
    return value.cast(pl.String).fill_null("NULL")


def _list(parts: Iterable[pl.Expr]) -> pl.Expr:
    return pl.concat_str(list(parts), separator=", ", ignore_nulls=True)


_HIGHEST = pl.max_horizontal(_finite("open"), _finite("low"), _finite("close"))
_LOWEST = pl.min_horizontal(_finite("open"), _finite("high"), _finite("close"))
_POSITIVE = ~pl.col("asset_class").is_in(ANY_SIGN).fill_null(False)
_START = pl.col("coverage_start").fill_null(pl.date(1900, 1, 1))
_FETCHED_ON = pl.col("fetched_at").dt.date()


def _price_problem(name: str) -> pl.Expr:
    value = pl.col(name)
    return (
        pl.when(~value.is_finite())
        .then(pl.format("{} {} is not finite", pl.lit(name), value))
        .when(_POSITIVE & (value <= 0))
        .then(pl.format("{} {} is not > 0", pl.lit(name), value))
    )


def _beyond(value: pl.Expr, bound: pl.Expr, tolerance: float) -> pl.Expr:
    """True where `value` exceeds `bound` by more than the relative tolerance."""
    return value > bound + tolerance * bound.abs()


RULES: tuple[Rule, ...] = (
    Rule(
        "V01",
        "The key (source, instrument, interval, quote, bar_open_at) is unique",
        "Every row of a doubled key fails: none of them is more right than the other.",
        "expect_compound_columns_to_be_unique",
        pl.col("_copies") > 1,
        pl.format("key occurs {} times", pl.col("_copies")),
    ),
    Rule(
        "V02",
        "Open, high, low and close are not NULL",
        "V03, V04, V05, V07 and V08 do not judge a NULL on top.",
        "expect_column_values_to_not_be_null",
        pl.any_horizontal(pl.col(n).is_null() for n in _PRICES),
        pl.format("{} NULL", _list(pl.when(pl.col(n).is_null()).then(pl.lit(n)) for n in _PRICES)),
    ),
    Rule(
        "V03",
        "Prices are finite, and > 0 where the asset class demands it",
        f"Any finite value for {', '.join(ANY_SIGN)}; > 0 for every other asset class. "
        "V04, V05, V07 and V08 do not judge a NaN or an infinity on top.",
        "expect_column_values_to_be_between",
        pl.any_horizontal(_price_problem(n).is_not_null() for n in _PRICES),
        _list(_price_problem(n) for n in _PRICES),
    ),
    Rule(
        "V04",
        "High is at least open, close and low",
        f"Relative tolerance {PRICE_TOLERANCE:g}; judged on the finite values.",
        "expect_column_pair_values_a_to_be_greater_than_b",
        _beyond(_HIGHEST, _finite("high"), PRICE_TOLERANCE),
        pl.format("high {} < max(open, low, close) {}", pl.col("high"), _HIGHEST),
    ),
    Rule(
        "V05",
        "Low is at most open, close and high",
        f"Relative tolerance {PRICE_TOLERANCE:g}; judged on the finite values.",
        "expect_column_pair_values_a_to_be_greater_than_b",
        _beyond(_finite("low"), _LOWEST, PRICE_TOLERANCE),
        pl.format("low {} > min(open, high, close) {}", pl.col("low"), _LOWEST),
    ),
    Rule(
        "V06",
        "Volume is finite and >= 0, or NULL where the source has none",
        "NULL passes (FX has no volume); NaN and infinities fail.",
        "expect_column_values_to_be_between",
        ~pl.col("volume").is_finite() | (pl.col("volume") < 0),
        pl.format("volume {} is not a finite number >= 0", pl.col("volume")),
    ),
    Rule(
        "V07",
        "A bar without volume has one price",
        "Volume 0 with high different from low.",
        "unexpected_rows_expectation",
        (pl.col("volume") == 0) & (_finite("high") != _finite("low")),
        pl.format("volume 0 with high {} and low {}", pl.col("high"), pl.col("low")),
        severity="warning",
    ),
    Rule(
        "V08",
        "The volume-weighted average price lies between low and high",
        f"Relative tolerance {VWAP_TOLERANCE:g}; NULL passes, NaN and infinities fail.",
        "expect_column_pair_values_a_to_be_greater_than_b",
        ~pl.col("vwap").is_finite()
        | _beyond(_finite("vwap"), _finite("high"), VWAP_TOLERANCE)
        | _beyond(_finite("low"), _finite("vwap"), VWAP_TOLERANCE),
        pl.format("vwap {} outside [{}, {}]", pl.col("vwap"), _text(pl.col("low")), pl.col("high")),
        severity="warning",
    ),
    Rule(
        "V09",
        "The session is one of the calendar",
        "As the pinned calendar package says.",
        "expect_column_values_to_be_in_set",
        ~pl.col("is_session"),
        pl.format("{} is no session of the calendar", pl.col("session")),
    ),
    Rule(
        "V10",
        "The session is neither in the future nor before the source's start",
        "Not after the UTC date of fetched_at; not before coverage_start (1900-01-01 if NULL).",
        "expect_column_values_to_be_between",
        ~pl.col("session").is_between(_START, _FETCHED_ON),
        pl.format("session {} not within [{}, {}]", "session", _START, _FETCHED_ON),
    ),
    Rule(
        "V11",
        "The bar was final when it was fetched",
        "bar_close_at <= fetched_at; a session without a known close fails. The next fetch after "
        "the close heals it. Not judged where V09 fails: no session, no close.",
        "unexpected_rows_expectation",
        (pl.col("bar_close_at") > pl.col("fetched_at"))
        | (pl.col("bar_close_at").is_null() & pl.col("is_session")),
        pl.format("closes at {}, fetched at {}", _text(pl.col("bar_close_at")), "fetched_at"),
    ),
)
ERRORS = tuple(r for r in RULES if r.severity == "error")
WARNINGS = tuple(r for r in RULES if r.severity == "warning")


def judge(bars: pl.DataFrame) -> Judged:
    """Apply every rule and the gate.

    A session of a source is held when more than max(3 rows, 1 %) of its rows are rejected, a
    slice of at most 3 rows only when all are. rows_raw = rows_rejected + rows_validated, or, when
    held, + the passing rows held back. `selected` marks, per (instrument, interval, quote,
    bar_open_at), the validated row of lowest (priority, source_id).

    Args:
        bars: raw.ohlcv columns (recorded_from and run_id not needed) and `CONTEXT`; all sources
            of the range together, whole sessions only.

    Returns:
        The three frames, rows in the order of `bars`, gates by key. No rows in, no rows out.

    Raises:
        SchemaError: A column is missing, or a NULL stands in a key or context column that may
            not have one.
    """
    _require(bars)
    bars = bars.with_columns(_copies=packing.copies(bars, BAR_KEY))
    flags = bars.with_columns(r.fails.fill_null(False).alias(r.id) for r in RULES)
    judged = flags.with_columns(_bad=pl.any_horizontal(r.id for r in ERRORS))
    gates = _gates(judged)
    held = gates.filter("held").select("source_id", "session")
    passing = judged.filter(~pl.col("_bad"))
    if not held.is_empty():
        passing = passing.join(held, on=held.columns, how="anti", maintain_order="left")
    return Judged(
        validated=_shape(VALIDATED, _validated(passing)),
        rejected=_shape(REJECTED, _rejected(judged.filter("_bad"))),
        gates=_shape(GATES, gates.sort(GATES.key)),
    )


def _require(bars: pl.DataFrame) -> None:
    wanted = (set(OHLCV.column_names) - set(OHLCV.stamps)) | {"fetched_at", *CONTEXT}
    if missing := sorted(wanted - set(bars.columns)):
        raise SchemaError(OHLCV.full_name, f"missing columns {missing}", "Join them before judge()")
    if nulls := [n for n in _REQUIRED if bars[n].null_count()]:
        raise SchemaError(OHLCV.full_name, f"NULL in {nulls}", "Fill them before judge()")


def _gates(judged: pl.DataFrame) -> pl.DataFrame:
    raw, bad = pl.col("rows_raw"), pl.col("rows_rejected")
    # Whole numbers on both sides: 1 % of 300 rows must not hang on a rounding.
    too_many = (bad > GATE_ROWS) & (bad * 100 > raw * GATE_PERCENT)
    all_bad = (raw <= GATE_ROWS) & (bad == raw)
    return (
        judged.group_by("source_id", "session")
        .agg(rows_raw=pl.len().cast(pl.Int64), rows_rejected=pl.col("_bad").sum().cast(pl.Int64))
        .with_columns(held=too_many | all_bad)
        .with_columns(
            rows_validated=pl.when("held").then(0).otherwise(raw - bad),
            reason=pl.when(all_bad)
            .then(pl.format("all {} rows rejected", raw))
            .when(too_many)
            .then(pl.format("{} of {} rows rejected", bad, raw)),
        )
    )


def _ids(rules: Iterable[Rule]) -> pl.Expr:
    named = [pl.when(r.id).then(pl.lit(r.id)) for r in rules]
    return pl.concat_str(named, separator=",", ignore_nulls=True)


def _validated(passing: pl.DataFrame) -> pl.DataFrame:
    order = pl.col("priority").cast(pl.Int64) * 2**16 + pl.col("source_id")
    # V01 has left one row per bar and source.
    alone = passing["source_id"].n_unique() < 2
    selected = pl.lit(True) if alone else order == order.min().over(BAR_KEY[1:])
    warnings = pl.when(pl.any_horizontal(r.id for r in WARNINGS)).then(_ids(WARNINGS))
    return passing.with_columns(known_at="bar_close_at", selected=selected, warnings=warnings)


def _rejected(failing: pl.DataFrame) -> pl.DataFrame:
    reasons = [pl.when(r.id).then(r.reason) for r in ERRORS]
    reason = pl.concat_str(reasons, separator="; ", ignore_nulls=True)
    version = pl.lit(RULES_VERSION)
    return failing.with_columns(rules=_ids(ERRORS), reason=reason, rules_version=version)


def _shape(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    own = {n: t for n, t in table.polars_schema.items() if n not in table.stamps}
    return frame.select(pl.col(n).cast(t) for n, t in own.items())
