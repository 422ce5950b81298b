"""Return series as the assets need them: daily bars only, each instrument with its calendar.

Which bars may be compared is decided here: one return basis at a time, dollar volumes in USD. In:
prices.validated. Out: `finance.returns.SCHEMA`. The arithmetic is in `finance/returns.py`.
"""

from dataclasses import dataclass

import polars as pl

from fundplatform.finance.returns import session_returns

PRICE_COLUMNS = [
    "source_id",
    "instrument_id",
    "interval",
    "quote",
    "session",
    "close",
    "volume",
    "adjustment",
    "selected",
]
"""What is read of prices.validated."""

RETURN_COLUMNS = [n for n in PRICE_COLUMNS if n not in ("interval", "quote", "volume")]
"""Enough of daily bars for returns: text and volumes are most of what a read costs."""

DAILY = {"where": {"interval": "1d"}}
"""Metadata of inputs that read daily bars only."""

PRICE, TOTAL = "price", "gross_total"
_BASES = pl.Enum([PRICE, TOTAL])


@dataclass(frozen=True)
class Bases:
    """The return bases of all bars, where not all of them are read.

    Attributes:
        carrying: Sources whose prices carry their dividends.
        mixed: True where there are bars of both bases.
    """

    carrying: frozenset[int] = frozenset()
    mixed: bool = False

    @classmethod
    def of(cls, prices: pl.DataFrame, known: "Bases | None" = None) -> "Bases":
        """Of these daily bars, and of others that are `known`."""
        carrying = frozenset(_carrying(prices).to_list()) | (known or cls()).carrying
        plain = (~prices["source_id"].is_in(list(carrying))).any()
        return cls(carrying, (known or cls()).mixed or bool(carrying and plain))


def daily_bars(prices: pl.DataFrame, known: Bases | None = None) -> pl.DataFrame:
    """The daily bars (indices, metrics and tiers read interval 1d only) with `return_basis`.

    gross_total where the source's prices carry its dividends, else price. The volume is NULL where
    close x volume is no amount of USD that was traded: another quote currency (USDT is not USD),
    or prices lowered by later dividends.

    Args:
        prices: PRICE_COLUMNS, or RETURN_COLUMNS of daily bars, whose volume is NULL.
        known: Of all bars; None: these are all.
    """
    if "interval" in prices.columns:
        prices = prices.filter(pl.col("interval") == "1d")
    carries = known.carrying if known else _carrying(prices)
    total = pl.col("source_id").is_in(list(carries))
    basis = pl.when(total).then(pl.lit(TOTAL, _BASES)).otherwise(pl.lit(PRICE, _BASES))
    if "volume" not in prices.columns:
        return prices.with_columns(return_basis=basis, volume=pl.lit(None, pl.Float64))
    in_usd = (pl.col("quote") == "USD") & ~total
    volume = pl.when(in_usd).then("volume")
    return prices.with_columns(return_basis=basis, volume=volume).drop("interval", "quote")


def _carrying(prices: pl.DataFrame) -> pl.Series:
    return prices.filter(pl.col("adjustment") == "split_div")["source_id"].unique()


def price_returns(
    prices: pl.DataFrame,
    factors: pl.DataFrame,
    sources: pl.DataFrame,
    *,
    anew: bool = False,
) -> pl.DataFrame:
    """`session_returns` on the price basis: bars that carry dividends do not take part.

    Args:
        prices: PRICE_COLUMNS of prices.validated.
        factors: catalog.adjustment_factors.
        sources: catalog.sources.
        anew: True where `prices` are not all bars: the selected one may be missing.
    """
    return session_returns(price_bars(prices, sources, anew=anew), factors)


def price_bars(
    prices: pl.DataFrame,
    sources: pl.DataFrame,
    *,
    anew: bool = False,
    known: Bases | None = None,
) -> pl.DataFrame:
    """The daily bars of `price_returns`: on the price basis, one selected a session."""
    bars = daily_bars(prices, known)
    kept = bars.filter(pl.col("return_basis") == PRICE)
    others = kept.height < bars.height or (known is not None and bool(known.carrying))
    return _selected(kept, sources) if anew or others else kept


def returns_by_basis(
    prices: pl.DataFrame,
    factors: pl.DataFrame,
    sources: pl.DataFrame,
    known: Bases | None = None,
) -> pl.DataFrame:
    """`session_returns` of each return basis by itself, labelled `return_basis`.

    An instrument with sources of both bases has a series on each: within a basis the source of
    lowest (priority, source_id) counts, since the bar `selected` among all sources may be of the
    other one.

    Args:
        prices: As for `daily_bars`.
        factors: catalog.adjustment_factors.
        sources: catalog.sources.
        known: Of all bars; None: these are all.
    """
    bars = daily_bars(prices, known)
    if known.mixed if known else bars["return_basis"].n_unique() > 1:
        bars = _selected(bars, sources)
    return pl.concat(
        [session_returns(bars.clear(), factors).with_columns(return_basis=pl.lit(PRICE))]
        + [
            session_returns(own, factors).with_columns(return_basis=pl.lit(basis))
            for (basis,), own in bars.partition_by("return_basis", as_dict=True).items()
        ]
    )


def best_returns(
    prices: pl.DataFrame, factors: pl.DataFrame, sources: pl.DataFrame
) -> pl.DataFrame:
    """One series per instrument: on the price basis where it has one, else gross_total."""
    returns = returns_by_basis(prices, factors, sources)
    priced = returns.filter(pl.col("return_basis") == PRICE)
    other = returns.join(priced, on="instrument_id", how="anti")
    return pl.concat([priced, other]).drop("return_basis").sort("instrument_id", "session")


def _selected(bars: pl.DataFrame, sources: pl.DataFrame) -> pl.DataFrame:
    """`selected` anew, among these bars of each instrument, session and basis."""
    ids = sources.select("source_id", "priority")
    order = pl.col("priority").cast(pl.Int64) * 2**16 + pl.col("source_id")
    best = order.min().over("instrument_id", "session", "return_basis")
    return bars.join(ids, on="source_id", how="left").with_columns(selected=order == best)


def with_calendar(returns: pl.DataFrame, sources: pl.DataFrame) -> pl.DataFrame:
    """Add `calendar`: that of the source of each instrument's last bar."""
    # The last row of each stretch of an instrument's rows is enough, in whatever order they are.
    newest = pl.col("instrument_id") != pl.col("instrument_id").shift(-1)
    own = (
        returns.filter(newest.fill_null(True) | (pl.col("session") >= pl.col("session").shift(-1)))
        .group_by("instrument_id")
        .agg(pl.col("source_id").sort_by("session", "source_id").last())
        .join(sources.select("source_id", "calendar"), on="source_id")
        .select("instrument_id", "calendar")
    )
    return returns.join(own, on="instrument_id", maintain_order="left")
