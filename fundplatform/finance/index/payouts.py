"""What holders received besides the price, and how names end (methodology A2, A3).

In: corporate actions, the bars of the universe. Out: per bar the dividend yield and the change of
its price return, and per dead name its last session. Which actions count is settled before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from fundplatform.finance.adjustment import basis_of, factor_of

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

CHILDREN = pl.Schema(
    {
        "instrument_id": pl.Int32(),
        "session": pl.Date(),
        "child_id": pl.Int32(),
        "part": pl.Float64(),
    }
)
"""What was spun off, per bar: the child, and its worth as part of the parent's price before."""

_ENDINGS = ("merger", "delisting")
_BASES = ("none", "split")


@dataclass(frozen=True)
class Payouts:
    """What holders received, and how names end.

    Attributes:
        yields: YIELDS.
        ends: ENDS.
        income: False where no dividend of the universe is known: no total return is made then.
        children: CHILDREN; None: none is known.
        awaited: instrument_id, session (the ex-date) of spin-offs whose worth is not known yet.
    """

    yields: pl.DataFrame
    ends: pl.DataFrame
    income: bool = True
    children: pl.DataFrame | None = None
    awaited: pl.DataFrame | None = None


def payouts(
    cash: pl.DataFrame,
    spun: pl.DataFrame,
    actions: pl.DataFrame,
    bars: pl.DataFrame,
    factors: pl.DataFrame,
    newest: pl.DataFrame | None = None,
    children: pl.DataFrame | None = None,
) -> Payouts:
    """The yields and ends of the names with bars.

    An amount belongs to the first bar on or after its ex-date. With P the close before that bar on
    the basis of the bar's shares, and D the amount on that basis too, the part is D / P. Special
    parts of the whole price or more do not count.

    Args:
        cash: `finance.payments.PAYMENTS` of dividends and special dividends.
        spun: PAYMENTS of spin-offs: the worth received per old share.
        actions: catalog.corporate_actions, for mergers and delistings.
        bars: instrument_id, session, close, ret, adjustment (none or split); the selected bar of
            each session.
        factors: catalog.adjustment_factors.
        newest: See `adjustment.basis_of`; None: the newest bars are among `bars`.
        children: `payments.children`.
    """
    if newest is None:
        newest = bars.group_by("instrument_id").agg(pl.col("session").max())
    parts = [
        _part(cash, pl.col("amount") - pl.col("special"), "dividend"),
        _part(cash, pl.col("special"), "special"),
        _part(spun, pl.col("amount"), "spin_off"),
    ]
    rows = _first_bars(pl.concat(parts), bars, factors, newest)
    held = None if children is None else _children(rows, children)
    return Payouts(_yields(rows), _ends(actions, bars, factors, newest), children=held)


def _part(paid: pl.DataFrame, amount: pl.Expr, kind: str) -> pl.DataFrame:
    part = paid.select("instrument_id", "ex_date", paid=amount, kind=pl.lit(kind))
    return part.filter(pl.col("paid") > 0)


def _first_bars(
    paid: pl.DataFrame, bars: pl.DataFrame, factors: pl.DataFrame, newest: pl.DataFrame
) -> pl.DataFrame:
    """Each amount with the first bar on or after its ex-date, and the part it makes."""
    own = bars.filter(
        pl.col("instrument_id").is_in(paid["instrument_id"].unique().to_list()),
        pl.col("adjustment").is_in(list(_BASES)),
    )
    found = (
        paid.sort("ex_date")
        .join_asof(
            own.select("instrument_id", "session", "close", "ret", "adjustment").sort("session"),
            left_on="ex_date",
            right_on="session",
            by="instrument_id",
            strategy="forward",
            check_sortedness=False,
        )
        # The first bar of a series has no price before it to be a part of.
        .drop_nulls(["session", "ret"])
    )
    scale = _before(found, factors) / basis_of(found, factors, newest)
    part = pl.col("paid") * scale * (1 + pl.col("ret")) / pl.col("close")
    found = found.with_columns(part=part)
    cash = pl.col("kind") == "dividend"
    return found.filter(pl.col("part").is_finite(), cash | (pl.col("part") < 1.0))


def _before(rows: pl.DataFrame, factors: pl.DataFrame) -> pl.Series:
    """The split factor of the day before each ex-date: that of the old share."""
    day = pl.col("ex_date").dt.offset_by("-1d")
    return factor_of(rows.select("instrument_id", session=day, adjustment=pl.lit("none")), factors)


def _yields(rows: pl.DataFrame) -> pl.DataFrame:
    parts = rows.group_by("instrument_id", "session").agg(
        pl.col("part").filter(pl.col("kind") == kind).sum().alias(kind)
        for kind in ("dividend", "special", "spin_off")
    )
    return parts.select(pl.col(n).cast(t) for n, t in YIELDS.items()).sort(
        "instrument_id", "session"
    )


def _children(rows: pl.DataFrame, children: pl.DataFrame) -> pl.DataFrame:
    spun = rows.filter(pl.col("kind") == "spin_off").join(children, on=["instrument_id", "ex_date"])
    return spun.select(pl.col(n).cast(t) for n, t in CHILDREN.items())


def _ends(
    actions: pl.DataFrame, bars: pl.DataFrame, factors: pl.DataFrame, newest: pl.DataFrame
) -> pl.DataFrame:
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
    scale = _before(last, factors) / basis_of(last, factors, newest)
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
