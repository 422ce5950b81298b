"""What holders received besides the price, and how names end (methodology A2, A3).

In: corporate actions, the bars of the universe. Out: per bar the dividend yield and the change of
its price return, and per dead name its last session. Which actions count is settled before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from fundplatform.finance.adjustment import factor_of

YIELDS = pl.Schema(
    {
        "instrument_id": pl.Int32(),
        "session": pl.Date(),
        "dividend": pl.Float64(),
        "special": pl.Float64(),
        "spin_off": pl.Float64(),
    }
)
"""Per bar, as parts of the price before it (restated for splits): cash, special cash, spun off."""

ENDS = pl.Schema(
    {
        "instrument_id": pl.Int32(),
        "ex_date": pl.Date(),
        "known_at": pl.Datetime("us", "UTC"),
        "final_return": pl.Float64(),
        "action": pl.String(),
    }
)
"""How a name ends: `final_return` = last value / last close - 1; NULL where nobody states it."""

_PART_OF = {"dividend": "dividend", "special_dividend": "special", "spin_off": "spin_off"}
_ENDINGS = ("merger", "delisting")
_BASES = ("none", "split")


@dataclass(frozen=True)
class Payouts:
    """YIELDS, ENDS, and the actions that could not be used (with `reason`)."""

    yields: pl.DataFrame
    ends: pl.DataFrame
    unused: pl.DataFrame


def payouts(actions: pl.DataFrame, bars: pl.DataFrame, factors: pl.DataFrame) -> Payouts:
    """The yields and ends of the names with bars.

    An amount belongs to the first bar on or after its ex-date. With P the close before that bar on
    the basis of the bar's shares, and D the amount on that basis too, the part is D / P.

    Args:
        actions: Actions that count: instrument_id, action, ex_date, amount (per old share),
            currency, known_at. A spin-off's amount is the worth received per old share.
        bars: instrument_id, session, close, ret, adjustment (none or split), quote; the selected
            bar of each session.
        factors: catalog.adjustment_factors.
    """
    cash = actions.filter(
        pl.col("action").is_in(list(_PART_OF)),
        pl.col("amount").is_finite() & (pl.col("amount") > 0),
    )
    rows = _first_bars(cash, bars, factors)
    why = (
        pl.when(pl.col("currency") != pl.col("quote"))
        .then(pl.format("{} paid in {}, price in {}", "action", "currency", "quote"))
        .when(~pl.col("part").is_finite() | (pl.col("part") >= 1.0))
        .then(pl.format("{} of {} against a close of {}", "action", "amount", "close"))
    )
    rows = rows.with_columns(why.alias("reason"))
    return Payouts(_yields(rows.filter(pl.col("reason").is_null())), _ends(actions, bars, factors),
                   rows.drop_nulls("reason"))  # fmt: skip


def _first_bars(cash: pl.DataFrame, bars: pl.DataFrame, factors: pl.DataFrame) -> pl.DataFrame:
    """Each amount with the first bar on or after its ex-date, and the part it makes."""
    own = bars.filter(
        pl.col("instrument_id").is_in(cash["instrument_id"].unique().to_list()),
        pl.col("ret").is_not_null(),
        pl.col("adjustment").is_in(list(_BASES)),
    ).sort("session")
    if own.is_empty() or cash.is_empty():
        return cash.clear().with_columns(
            session=pl.lit(None, pl.Date), part=pl.lit(None, pl.Float64),
            close=pl.lit(None, pl.Float64), quote=pl.lit(None, pl.String),
        )  # fmt: skip
    found = cash.sort("ex_date").join_asof(
        own.select("instrument_id", "session", "close", "ret", "adjustment", "quote"),
        left_on="ex_date",
        right_on="session",
        by="instrument_id",
        strategy="forward",
        check_sortedness=False,
    )
    found = found.drop_nulls("session")
    day_before = found.select(
        "instrument_id", session=pl.col("ex_date").dt.offset_by("-1d"), adjustment=pl.lit("none")
    )
    scale = factor_of(day_before, factors) / factor_of(found, factors)
    return found.with_columns(part=pl.col("amount") * scale * (1 + pl.col("ret")) / pl.col("close"))


def _yields(rows: pl.DataFrame) -> pl.DataFrame:
    kind = pl.col("action").replace_strict(_PART_OF, return_dtype=pl.String)
    parts = rows.with_columns(kind=kind).group_by("instrument_id", "session").agg(
        pl.col("part").filter(pl.col("kind") == k).sum().alias(k) for k in _PART_OF.values()
    )  # fmt: skip
    return parts.select(pl.col(n).cast(t) for n, t in YIELDS.items()).sort(
        "instrument_id", "session"
    )


def _ends(actions: pl.DataFrame, bars: pl.DataFrame, factors: pl.DataFrame) -> pl.DataFrame:
    """The first end of each name, with its final return from the last close before it."""
    ends = (
        actions.filter(pl.col("action").is_in(list(_ENDINGS)))
        .sort("ex_date", "action")
        .unique("instrument_id", keep="first", maintain_order=True)
    )
    own = bars.filter(pl.col("instrument_id").is_in(ends["instrument_id"].to_list()))
    last = ends.select("instrument_id", "ex_date", "amount").join(
        own.select("instrument_id", "session", "close", "adjustment"), on="instrument_id"
    )
    last = (
        last.filter(pl.col("session") < pl.col("ex_date"))
        .sort("instrument_id", "session")
        .unique("instrument_id", keep="last", maintain_order=True)
    )
    day_before = last.select(
        "instrument_id", session=pl.col("ex_date").dt.offset_by("-1d"), adjustment=pl.lit("none")
    )
    scale = factor_of(day_before, factors) / factor_of(last, factors)
    known = pl.col("amount").is_finite() & (pl.col("amount") >= 0) & (pl.col("close") > 0)
    last = last.with_columns(scale=scale).with_columns(
        final_return=pl.when(known).then(pl.col("amount") * pl.col("scale") / pl.col("close") - 1)
    )
    joined = ends.join(last.select("instrument_id", "final_return"), on="instrument_id")
    return joined.select(pl.col(n).cast(t) for n, t in ENDS.items()).sort("instrument_id")


def next_sessions(days: pl.Series, sessions: Sequence[date]) -> pl.Series:
    """Position of the first session at or after each day; len(sessions) where there is none."""
    calendar = pl.Series(sessions, dtype=pl.Date)
    return calendar.search_sorted(days, side="left").cast(pl.Int64)
