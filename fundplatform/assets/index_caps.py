"""The caps an index ranks by, and those it does not: catalog.market_caps cut out for a universe.

Which caps are trusted is settled in `finance/caps.py`. In: catalog.market_caps, the names of the
universe, exchange rates. Out: caps in the index's currency, trusted and refused ones apart.
"""

import polars as pl

from fundplatform.assets.membership import placed
from fundplatform.finance.caps import PRICED_ON
from fundplatform.finance.index.lines import KNOWN
from fundplatform.finance.index.market_cap import TOLD
from fundplatform.finance.index_definition import IndexDefinition

_BY_CIK = "CIK "


def trusted(
    caps: pl.DataFrame, names: pl.DataFrame, definition: IndexDefinition, rates: pl.DataFrame
) -> pl.DataFrame:
    """The caps that may rank these names (`universe.members`)."""
    own = caps.filter("trusted").with_columns(whole=pl.col("scope") == "issuer")
    return usable_caps(own, names, definition, rates)


def refused(
    caps: pl.DataFrame,
    names: pl.DataFrame,
    ruled: pl.DataFrame,
    definition: IndexDefinition,
    rates: pl.DataFrame,
) -> pl.DataFrame:
    """The caps that rank nobody, with excluded_by and reason.

    Args:
        caps: catalog.market_caps.
        names: `universe.members`: of theirs, the caps that are not trusted.
        ruled: `universe.ruled_out`: of theirs, the trusted ones.
        definition: The index.
        rates: `fx.RATES` into its currency.
    """
    doubted = caps.filter(~pl.col("trusted")).with_columns(
        excluded_by=pl.lit("cap"), reason="problem"
    )
    kept_out = caps.filter("trusted").join(
        ruled.select("instrument_id", "reason"), on="instrument_id"
    )
    kept_out = kept_out.with_columns(excluded_by=pl.lit("rule"))
    parts = [(doubted, names), (kept_out, ruled.drop("reason"))]
    return pl.concat(
        [
            usable_caps(c.with_columns(whole=pl.col("scope") == "issuer"), n, definition, rates)
            for c, n in parts
        ]
    )


def known_lines(
    names: pl.DataFrame, securities: pl.DataFrame | None, closes: pl.DataFrame
) -> pl.DataFrame | None:
    """KNOWN: the names that share an issuer with another; certain where the SEC's CIK says so.

    Args:
        names: `universe.members`.
        securities: `securities.history`; without known_at: as it was all along.
        closes: cutoff of every session, ascending: what is known by then decides the session.
    """
    if securities is None:
        return None
    own = securities.join(names.select("instrument_id", "symbol"), on="instrument_id")
    own = placed(own, closes).drop_nulls("issuer")
    own = own.filter(pl.col("instrument_id").n_unique().over("issuer") > 1)
    certain = pl.col("issuer").str.starts_with(_BY_CIK)
    return own.with_columns(certain=certain).select(pl.col(n).cast(t) for n, t in KNOWN.items())


def usable_caps(
    caps: pl.DataFrame,
    names: pl.DataFrame,
    definition: IndexDefinition,
    rates: pl.DataFrame,
) -> pl.DataFrame:
    """The caps of these names, priced here or not, in the index's currency.

    Ranks compare caps as they are, so one in a currency without a rate is not known rather than
    wrong.
    """
    rated = [definition.currency, *rates["currency"].unique().to_list()]
    # A cap is carried by the price, so one whose price has no rate is of no use.
    priced = names.filter(pl.col("quote").is_in(rated)).drop("quote")
    own = caps.join(priced, on="instrument_id")
    home = own.filter(pl.col("currency") == definition.currency)
    columns = ["instrument_id", "symbol", "known_at", "session", "market_cap"]
    columns += [n for n in TOLD if n in own.columns]
    away = own.filter(pl.col("currency") != definition.currency)
    if away.is_empty() or rates.is_empty():
        return home.select(columns)
    # A count is priced when it becomes known, months after the day that it was measured on.
    dated = away.with_columns(priced_on=PRICED_ON).sort("priced_on").join_asof(
        rates.select("currency", "rate", rated="session").sort("rated"),
        left_on="priced_on",
        right_on="rated",
        by="currency",
        strategy="backward",
        coalesce=False,
        check_sortedness=False,
    )  # fmt: skip
    age = (pl.col("priced_on") - pl.col("rated")).dt.total_days()
    moved = dated.filter(age <= definition.max_fx_age_days).with_columns(
        market_cap=pl.col("market_cap") * pl.col("rate")
    )
    return pl.concat([home.select(columns), moved.select(columns)])
