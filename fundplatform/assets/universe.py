"""An index's universe cut out of the catalog and the prices: who may be ranked, and who cannot be.

Ranks compare USD and returns compare price with price, so names quoted in something else, and
names of which only dividend-adjusted prices are here, are left out with a reason, never guessed.
Ranking does not belong here.
"""

from datetime import date

import polars as pl

from fundplatform.finance.index_definition import IndexDefinition

LEFT_OUT = pl.Schema({"session": pl.Date(), "symbol": pl.String(), "reason": pl.String()})

CURRENCY = "USD"


def members(definition: IndexDefinition, instruments: pl.DataFrame) -> pl.DataFrame:
    """instrument_id, symbol, listed_from of the universe's names that are quoted in USD."""
    return (
        definition.universe.select(instruments)
        .filter(pl.col("quote") == CURRENCY)
        .select("instrument_id", "symbol", listed_from="valid_from")
    )


def usable_caps(caps: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    """The USD snapshots of these names (`members`), priced here or not, with their symbols.

    Ranks compare caps as they are, so one in another currency is not known rather than wrong.
    """
    return (
        caps.filter(pl.col("currency") == CURRENCY)
        .join(names, on="instrument_id")
        .select("instrument_id", "symbol", "known_at", "session", "market_cap")
    )


def left_out(
    definition: IndexDefinition,
    instruments: pl.DataFrame,
    prices: pl.DataFrame,
    returns: pl.DataFrame,
    first: date,
    last: date,
) -> pl.DataFrame:
    """The names of the universe with a daily bar from first to last that must not be used, and why.

    Args:
        definition: The index; where its universe names sources, the caller passes their bars only.
        instruments: catalog.instruments.
        prices: Bars of prices.validated.
        returns: `series.price_returns` of them.
        first: First session.
        last: Last session.

    Returns:
        LEFT_OUT, one row per name and session.
    """
    names = definition.universe.select(instruments).select("instrument_id", "symbol", "quote")
    within = pl.col("session").is_between(first, last)
    bars = prices.filter(within, pl.col("interval") == "1d").select("instrument_id", "session")
    usable = returns.filter(within).select("instrument_id", "session", usable=True)
    foreign = pl.format("quoted in {}, not USD", "quote")
    reason = (
        pl.when(pl.col("quote") != CURRENCY)
        .then(foreign)
        .otherwise(pl.lit("only dividend-adjusted prices, no price return"))
    )
    return (
        bars.unique()
        .join(names, on="instrument_id")
        .join(usable, on=["instrument_id", "session"], how="left")
        .filter((pl.col("quote") != CURRENCY) | pl.col("usable").is_null())
        .with_columns(reason=reason)
        .select(pl.col(n).cast(t) for n, t in LEFT_OUT.items())
    )
