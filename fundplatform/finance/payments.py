"""What corporate actions pay per old share, in the currency that the share is quoted in.

Which actions count is settled in `actions.py`; returns are made of payments in `total_return.py`.
In: catalog.corporate_actions, instruments, and for spin-offs the children's closes. Out: PAYMENTS,
and the payments that could not be used.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from fundplatform.finance.actions import CASH

MINOR_UNITS: Mapping[str, tuple[str, float]] = {
    "GBp": ("GBP", 100.0),
    "GBX": ("GBP", 100.0),
    "ZAc": ("ZAR", 100.0),
    "ILA": ("ILS", 100.0),
}
"""Quote currencies that are a fraction of another one: (the other one, how many make one)."""

FIRST_CLOSE = timedelta(days=7)
"""A child of a spin-off trades within so many days of the ex-date, or has no first close."""

PAYMENTS = pl.Schema(
    {
        "instrument_id": pl.Int32(),
        "ex_date": pl.Date(),
        "amount": pl.Float64(),
        "special": pl.Float64(),
    }
)
"""One row per instrument and ex-date: all that one old share gets, in units of the quote currency;
`special`: the part of it that a price index counts too (special dividends, spin-offs)."""

UNUSED = pl.Schema(
    {
        "instrument_id": pl.Int32(),
        "action": pl.String(),
        "ex_date": pl.Date(),
        "amount": pl.Float64(),
        "currency": pl.String(),
        "reason": pl.String(),
    }
)
"""A payment that is not in PAYMENTS, and why."""


@dataclass(frozen=True)
class Payments:
    """PAYMENTS, and UNUSED."""

    paid: pl.DataFrame
    unused: pl.DataFrame


def payments(
    actions: pl.DataFrame,
    instruments: pl.DataFrame,
    closes: pl.DataFrame | None = None,
    *,
    withholding: float = 0.0,
) -> Payments:
    """Sum the payments of each instrument and ex-date.

    Cash counts where its currency is the quote's (pounds on a quote in pence are turned), or is
    not stated (then it is the quote's). A spin-off pays `amount` where the source values it, else
    ratio x the child's first close (methodology A2: the parent's return uses P + k x child).

    Args:
        actions: catalog.corporate_actions.
        instruments: catalog.instruments: instrument_id, asset_class, market, symbol, quote.
        closes: instrument_id, session, close as traded, for children of spin-offs; one a session.
        withholding: Tax on cash, decimal (0.3 = 30 %); 0 for gross returns.
    """
    known = instruments.select("instrument_id", "asset_class", "market", "symbol", "quote")
    rows = actions.filter(pl.col("action").is_in([*CASH, "spin_off"])).join(
        known, on="instrument_id", how="left"
    )
    valued = _valued(rows, known, closes).with_columns(_in_quote())
    is_cash = pl.col("action").is_in(CASH)
    good = valued.filter(pl.col("paid").is_not_null()).with_columns(
        pl.when(is_cash).then(pl.col("paid") * (1.0 - withholding)).otherwise("paid").alias("paid")
    )
    summed = good.group_by("instrument_id", "ex_date").agg(
        amount=pl.col("paid").sum(),
        special=pl.col("paid").filter(pl.col("action") != "dividend").sum(),
    )
    bad = valued.filter(pl.col("paid").is_null()).with_columns(reason=_why_not())
    return Payments(
        summed.select(pl.col(n).cast(t) for n, t in PAYMENTS.items()).sort(
            "instrument_id", "ex_date"
        ),
        bad.select(pl.col(n).cast(t) for n, t in UNUSED.items()).sort(
            "instrument_id", "ex_date", "action"
        ),
    )


def _valued(rows: pl.DataFrame, known: pl.DataFrame, closes: pl.DataFrame | None) -> pl.DataFrame:
    """Add `value`: the amount stated, or that of the child's first close."""
    if closes is None:
        return rows.with_columns(value="amount")
    children = known.select(
        "asset_class", "market", "quote", child_id="instrument_id", other_symbol="symbol"
    )
    spun = rows.filter(pl.col("action") == "spin_off", pl.col("amount").is_null())
    firsts = (
        spun.join(children, on=["asset_class", "market", "quote", "other_symbol"])
        .join(closes.select("instrument_id", "session", "close"), left_on="child_id",
              right_on="instrument_id")
        .filter(
            pl.col("session") >= pl.col("ex_date"),
            pl.col("session") <= pl.col("ex_date") + FIRST_CLOSE,
        )
        .sort("session")
        .unique(["instrument_id", "ex_date"], keep="first", maintain_order=True)
        .select("instrument_id", "action", "ex_date", first_close="close")
    )  # fmt: skip
    keyed = rows.join(firsts, on=["instrument_id", "action", "ex_date"], how="left")
    return keyed.with_columns(
        value=pl.coalesce("amount", pl.col("ratio") * pl.col("first_close"))
    ).drop("first_close")


def children(actions: pl.DataFrame, instruments: pl.DataFrame) -> pl.DataFrame:
    """instrument_id, ex_date, child_id of the spin-offs that have one child, known here."""
    known = instruments.select("instrument_id", "asset_class", "market", "symbol", "quote")
    spun = actions.filter(pl.col("action") == "spin_off").join(known, on="instrument_id")
    named = known.rename({"instrument_id": "child_id", "symbol": "other_symbol"})
    found = spun.join(named, on=["asset_class", "market", "quote", "other_symbol"], how="left")
    found = found.select("instrument_id", "ex_date", "child_id").unique()
    # What two children are worth together is not divided between them.
    return found.filter(pl.len().over("instrument_id", "ex_date") == 1).drop_nulls()


def awaited(unused: pl.DataFrame) -> pl.DataFrame:
    """instrument_id, ex_date of the spin-offs whose worth nobody states and no close tells yet.

    Args:
        unused: `Payments.unused` of the spin-offs.
    """
    unvalued = unused.filter(pl.col("amount").is_null())
    return unvalued.select("instrument_id", "ex_date").unique().sort("instrument_id", "ex_date")


def late_children(
    actions: pl.DataFrame, instruments: pl.DataFrame, closes: pl.DataFrame, first: date, last: date
) -> frozenset[date]:
    """The ex-dates before `first` of spin-offs whose child's first close lies within first..last.

    Args:
        actions: action, instrument_id, ex_date, amount, other_symbol; several sources may state
            one of them.
        instruments: catalog.instruments.
        closes: instrument_id, session of the children, `FIRST_CLOSE` before `first` included.
        first: First session wanted.
        last: Last session wanted.
    """
    spun = actions.filter(pl.col("amount").is_null(), pl.col("ex_date") < first)
    own = spun.select("instrument_id", "action", "ex_date", "other_symbol")
    told = children(own, instruments).join(
        closes.select("session", child_id="instrument_id"), on="child_id"
    )
    told = told.filter(pl.col("session").is_between("ex_date", pl.col("ex_date") + FIRST_CLOSE))
    firsts = told.group_by("child_id", "ex_date").agg(pl.col("session").min())
    within = firsts.filter(pl.col("session").is_between(first, last))
    return frozenset(within["ex_date"].to_list())


def _in_quote() -> pl.Expr:
    """`paid`: the value in units of the quote; NULL where that is not known."""
    quote, currency = pl.col("quote"), pl.col("currency").fill_null(pl.col("quote"))
    major = quote.replace_strict({q: c for q, (c, _) in MINOR_UNITS.items()}, default=None)
    times = quote.replace_strict({q: n for q, (_, n) in MINOR_UNITS.items()}, default=1.0)
    value = pl.col("value")
    usable = value.is_finite() & (value > 0)
    return (
        pl.when(usable & (currency == quote))
        .then(value)
        .when(usable & (currency == major))
        .then(value * times)
        .alias("paid")
    )


def _why_not() -> pl.Expr:
    return (
        pl.when(pl.col("quote").is_null())
        .then(pl.lit("an instrument that is not known"))
        .when(pl.col("value").is_null())
        .then(pl.lit("no amount, and no first close of the child"))
        .when(~(pl.col("value").is_finite() & (pl.col("value") > 0)))
        .then(pl.lit("no amount above zero"))
        .otherwise(pl.format("paid in {}, quoted in {}", "currency", "quote"))
    )
