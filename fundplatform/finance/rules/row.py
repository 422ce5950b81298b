"""Rules that a bar passes or fails by itself: V01 to V12, and V25. Expressions only.

In: bars with the columns of `verdict.CONTEXT` and `_copies`, how often the key occurs. Out: per
rule an expression that is True where the row fails, and one that says why.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from fundplatform.finance.rules.limits import Limits

INTERVALS = {
    "1m": 1, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "4h": 240, "12h": 720, "1d": 1440,
}  # fmt: skip
"""Bar length to minutes."""
ADJUSTMENTS = ("none", "split", "split_div")
PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True)
class RowRule:
    """How one rule judges a row.

    Attributes:
        fails: True where a row breaks the rule; False or NULL otherwise.
        reason: What is wrong, with the values; read only where `fails` is True.
    """

    fails: pl.Expr
    reason: pl.Expr


def row_rules(limits: Limits, columns: Iterable[str]) -> dict[str, RowRule]:
    """Rule id to its expressions; V12 only where `is_listed` is one of the columns."""
    rules = {
        "V01": RowRule(pl.col("_copies") > 1, pl.format("key occurs {} times", pl.col("_copies"))),
        "V02": _present(),
        "V03": _prices(limits),
        "V04": _high(limits),
        "V05": _low(limits),
        "V06": _volume(),
        "V07": _one_price(),
        "V08": _vwap(limits),
        "V09": RowRule(
            ~pl.col("is_session"),
            pl.format("{} is no session of the calendar", pl.col("session")),
        ),
        "V10": _dates(),
        "V11": _final(),
        "V25": _known(limits),
    }
    if "is_listed" in columns:
        rules["V12"] = RowRule(
            ~pl.col("is_listed"), pl.format("not listed on {}", pl.col("session"))
        )
    return rules


def finite(name: str) -> pl.Expr:
    """The value, or NULL where NULL, NaN or infinite: V02, V03 or V06 already say so."""
    return pl.when(pl.col(name).is_finite()).then(pl.col(name))


def _text(value: pl.Expr) -> pl.Expr:
    return value.cast(pl.String).fill_null("NULL")


def _list(parts: Iterable[pl.Expr]) -> pl.Expr:
    return pl.concat_str(list(parts), separator=", ", ignore_nulls=True)


def _beyond(value: pl.Expr, bound: pl.Expr, tolerance: pl.Expr) -> pl.Expr:
    """True where `value` exceeds `bound` by more than the relative tolerance."""
    return value > bound + tolerance * bound.abs()


def _present() -> RowRule:
    missing = _list(pl.when(pl.col(n).is_null()).then(pl.lit(n)) for n in PRICES)
    return RowRule(
        pl.any_horizontal(pl.col(n).is_null() for n in PRICES), pl.format("{} NULL", missing)
    )


def _prices(limits: Limits) -> RowRule:
    positive = limits.expr("V03", "any_sign") == 0

    def problem(name: str) -> pl.Expr:
        value = pl.col(name)
        return (
            pl.when(~value.is_finite())
            .then(pl.format("{} {} is not finite", pl.lit(name), value))
            .when(positive & (value <= 0))
            .then(pl.format("{} {} is not > 0", pl.lit(name), value))
        )

    endless = pl.any_horizontal((~pl.col(n).is_finite()).fill_null(False) for n in PRICES)
    low = pl.any_horizontal((pl.col(n) <= 0).fill_null(False) for n in PRICES)
    # `positive` once, not once a price: it is most of what this rule takes.
    return RowRule(endless | (positive & low), _list(problem(n) for n in PRICES))


def _high(limits: Limits) -> RowRule:
    highest = pl.max_horizontal(finite("open"), finite("low"), finite("close"))
    return RowRule(
        _beyond(highest, finite("high"), limits.expr("V04", "tolerance")),
        pl.format("high {} < max(open, low, close) {}", pl.col("high"), highest),
    )


def _low(limits: Limits) -> RowRule:
    lowest = pl.min_horizontal(finite("open"), finite("high"), finite("close"))
    return RowRule(
        _beyond(finite("low"), lowest, limits.expr("V05", "tolerance")),
        pl.format("low {} > min(open, high, close) {}", pl.col("low"), lowest),
    )


def _volume() -> RowRule:
    return RowRule(
        ~pl.col("volume").is_finite() | (pl.col("volume") < 0),
        pl.format("volume {} is not a finite number >= 0", pl.col("volume")),
    )


def _one_price() -> RowRule:
    return RowRule(
        (pl.col("volume") == 0) & (finite("high") != finite("low")),
        pl.format("volume 0 with high {} and low {}", pl.col("high"), pl.col("low")),
    )


def _vwap(limits: Limits) -> RowRule:
    tolerance = limits.expr("V08", "tolerance")
    return RowRule(
        ~pl.col("vwap").is_finite()
        | _beyond(finite("vwap"), finite("high"), tolerance)
        | _beyond(finite("low"), finite("vwap"), tolerance),
        pl.format("vwap {} outside [{}, {}]", pl.col("vwap"), _text(pl.col("low")), pl.col("high")),
    )


def _dates() -> RowRule:
    start = pl.col("coverage_start").fill_null(pl.date(1900, 1, 1))
    fetched_on = pl.col("fetched_at").dt.date()
    return RowRule(
        ~pl.col("session").is_between(start, fetched_on),
        pl.format("session {} not within [{}, {}]", "session", start, fetched_on),
    )


def _final() -> RowRule:
    return RowRule(
        (pl.col("bar_close_at") > pl.col("fetched_at"))
        | (pl.col("bar_close_at").is_null() & pl.col("is_session")),
        pl.format("closes at {}, fetched at {}", _text(pl.col("bar_close_at")), "fetched_at"),
    )


def _known(limits: Limits) -> RowRule:
    tick = limits.expr("V25", "tick")

    def off(name: str) -> pl.Expr:
        steps = finite(name) / tick
        nearest = (steps - steps.round()).abs() * tick
        return (tick > 0) & (nearest > pl.max_horizontal(tick * 1e-6, finite(name).abs() * 1e-9))

    unknown = pl.any_horizontal(
        ~pl.col("interval").is_in(list(INTERVALS)),
        ~pl.col("adjustment").is_in(ADJUSTMENTS),
        pl.col("quote").str.len_bytes() == 0,
    )
    ticked = limits.default("V25", "tick") > 0 or any(k == ("V25", "tick") for k in _set(limits))
    fails = pl.any_horizontal(unknown, *(off(n) for n in PRICES)) if ticked else unknown
    return RowRule(
        fails,
        pl.format(
            "interval {}, adjustment {}, quote '{}', tick {}",
            *("interval", "adjustment", "quote"),
            tick,
        ),
    )


def _set(limits: Limits) -> Iterable[tuple[str, str]]:
    return (*limits.by_class, *limits.by_instrument)
