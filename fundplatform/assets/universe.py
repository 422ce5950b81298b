"""An index's universe cut out of the catalog and the prices: who may be ranked, and who cannot be.

Ranks compare amounts of one currency and returns compare price with price, so names that no
exchange rate turns into the index's currency, and names of which only dividend-adjusted prices are
here, are left out with a reason, never guessed. Ranking does not belong here.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from fundplatform.finance.index import IndexResult, fx
from fundplatform.finance.index_definition import IndexDefinition

LEFT_OUT = pl.Schema(
    {
        "session": pl.Date(),
        "instrument_id": pl.Int32(),
        "symbol": pl.String(),
        "reason": pl.String(),
    }
)


def members(
    definition: IndexDefinition, instruments: pl.DataFrame, found: pl.DataFrame
) -> pl.DataFrame:
    """instrument_id, symbol, quote, listed_from of the names that are in the universe at any time.

    Args:
        definition: The index.
        instruments: catalog.instruments.
        found: `membership.membership`.
    """
    inside = found.filter("inside")
    return _named(definition, instruments).join(inside, on="instrument_id", how="semi")


def ruled_out(
    definition: IndexDefinition, instruments: pl.DataFrame, found: pl.DataFrame
) -> pl.DataFrame:
    """instrument_id, symbol, quote, listed_from, reason of those that securities rules out always.

    Of those that it keeps out for some time see `membership.kept_out`.
    """
    never = found.filter(~pl.col("inside").any().over("instrument_id")).drop_nulls("reason")
    last = never.unique("instrument_id", keep="last", maintain_order=True)
    names = _named(definition, instruments)
    return names.join(last.select("instrument_id", "reason"), on="instrument_id")


def _named(definition: IndexDefinition, instruments: pl.DataFrame) -> pl.DataFrame:
    return definition.universe.select(instruments).select(
        "instrument_id", "symbol", "quote", listed_from="valid_from"
    )


def in_base(
    definition: IndexDefinition, returns: pl.DataFrame, names: pl.DataFrame, rates: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The returns of `names` in the index's currency, and LEFT_OUT where no rate was new enough.

    Args:
        definition: Gives currency and max_fx_age_days.
        returns: `series.price_returns`.
        names: `members`.
        rates: `fx.RATES` into the index's currency.
    """
    home = names.filter(pl.col("quote") == definition.currency)
    own = returns.join(home.drop("quote"), on="instrument_id")
    away = names.join(rates.select(quote="currency").unique(), on="quote", how="semi")
    away = away.filter(pl.col("quote") != definition.currency)
    if away.is_empty():
        return own, LEFT_OUT.to_frame()
    rows = returns.join(away.rename({"quote": "currency"}), on="instrument_id")
    moved = fx.converted(rows, rates, definition.max_fx_age_days)
    lost = rows.join(moved, on=["instrument_id", "session"], how="anti")
    reason = pl.format("no {} rate within {} days", "currency", pl.lit(definition.max_fx_age_days))
    unrated = lost.select("session", "instrument_id", "symbol", reason.alias("reason"))
    return pl.concat([own, moved.select(own.columns)]), unrated.select(
        pl.col(n).cast(t) for n, t in LEFT_OUT.items()
    )


def in_tiers(
    wanted: Sequence[str], tiers: pl.DataFrame | None, names: pl.DataFrame, sessions: Sequence[date]
) -> pl.DataFrame:
    """session, instrument_id of the names whose tier in force on the session is wanted.

    A tier is in force from the session after its own.
    """
    empty = pl.DataFrame(schema={"session": pl.Date(), "instrument_id": pl.Int32()})
    if tiers is None or tiers.is_empty() or not sessions:
        return empty
    own = tiers.join(names, on="instrument_id", how="semi")
    grid = pl.DataFrame({"session": sessions}, schema={"session": pl.Date}).join(
        own.select("instrument_id").unique(), how="cross"
    )
    placed = grid.sort("session").join_asof(
        own.select("instrument_id", "session", "tier").sort("session"),
        on="session",
        by="instrument_id",
        strategy="backward",
        allow_exact_matches=False,
        check_sortedness=False,
    )
    return placed.filter(pl.col("tier").is_in(list(wanted))).select(empty.columns)


def left_out(
    definition: IndexDefinition,
    instruments: pl.DataFrame,
    prices: pl.DataFrame,
    returns: pl.DataFrame,
    first: date,
    last: date,
    rates: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The names of the universe with a daily bar from first to last that must not be used, and why.

    Args:
        definition: The index; where its universe names sources, the caller passes their bars only.
        instruments: catalog.instruments.
        prices: Bars of prices.validated.
        returns: `series.price_returns` of them.
        first: First session.
        last: Last session.
        rates: `fx.RATES`: a currency that has any is no reason to be left out.

    Returns:
        LEFT_OUT, one row per name and session.
    """
    names = definition.universe.select(instruments).select("instrument_id", "symbol", "quote")
    within = pl.col("session").is_between(first, last)
    bars = prices.filter(within, pl.col("interval") == "1d").select("instrument_id", "session")
    usable = returns.filter(within).select("instrument_id", "session", usable=True)
    base = definition.currency
    rated = [base] if rates is None else [base, *rates["currency"].unique().to_list()]
    foreign = pl.format("quoted in {}, not {}", "quote", pl.lit(base))
    reason = (
        pl.when(~pl.col("quote").is_in(rated))
        .then(foreign)
        .otherwise(pl.lit("only dividend-adjusted prices, no price return"))
    )
    return (
        bars.unique()
        .join(names, on="instrument_id")
        .join(usable, on=["instrument_id", "session"], how="left")
        .filter(~pl.col("quote").is_in(rated) | pl.col("usable").is_null())
        .with_columns(reason=reason)
        .select(pl.col(n).cast(t) for n, t in LEFT_OUT.items())
    )


def allowed(
    definition: IndexDefinition,
    tiers: pl.DataFrame | None,
    state: pl.DataFrame | None,
    names: pl.DataFrame,
    sessions: Sequence[date],
    parents: Mapping[str, IndexResult],
) -> pl.DataFrame | None:
    """session, instrument_id that pass the filters by date; None without such filters.

    Args:
        definition: The index; its tiers and its parent filter.
        tiers: catalog.tiers.
        state: Constituents on the last session before, of every index.
        names: `members`.
        sessions: The index's sessions, look-back included.
        parents: Results of the same range, by name.
    """
    own = definition.universe
    parts = []
    if own.index is not None:
        columns = ["session", "instrument_id"]
        rows = [parents[own.index].compositions.select(columns)]
        if state is not None:
            before = state.filter(pl.col("index_name") == own.index)
            rows.append(before.select(columns))
        parts.append(pl.concat(rows).unique())
    if own.tiers:
        parts.append(in_tiers(own.tiers, tiers, names, sessions))
    if not parts:
        return None
    found = parts[0]
    for part in parts[1:]:
        found = found.join(part, on=["session", "instrument_id"], how="semi")
    return found
