"""Exchange rates for an index in one base currency (methodology F15: pence are not pounds).

Choosing names does not belong here. In: reference rates and instruments. Out: the worth of one unit
of each currency in the base currency by session, and prices turned into it.
"""

from collections.abc import Collection

import polars as pl

from fundplatform.finance.payments import MINOR_UNITS

RATES = pl.Schema({"currency": pl.String(), "session": pl.Date(), "rate": pl.Float64()})
"""Units of the base currency for one unit of `currency`, on the days it was published."""


def rates(
    observations: pl.DataFrame, instruments: pl.DataFrame, base: str, wanted: Collection[str]
) -> pl.DataFrame:
    """RATES of the wanted currencies: direct, inverse, or crossed over one common currency.

    Of several vintages of a day the first counts, from the day on which it was published; of
    several sources the first one by source_id. A cross needs both rates of the same day, and serves
    the days without a direct rate: a pair that begins later takes nothing from the days before.

    Args:
        observations: raw.observations: source_id, instrument_id, session, vintage, value (units of
            quote for one symbol).
        instruments: catalog.instruments, of which asset_class fx counts.
        base: Currency of the index.
        wanted: Currencies; minor units (GBp) are those of `payments.MINOR_UNITS`.
    """
    pairs = instruments.filter(pl.col("asset_class") == "fx").select(
        "instrument_id", one="symbol", other="quote"
    )
    given = (
        observations.join(pairs, on="instrument_id")
        .filter(pl.col("value") > 0)
        .sort("source_id", "vintage")
        .unique(["one", "other", "session"], keep="first", maintain_order=True)
        # What is published days later was not known before; of several then the newest counts.
        .sort("session")
        .with_columns(session=pl.max_horizontal("session", "vintage"))
        .unique(["one", "other", "session"], keep="last", maintain_order=True)
        .select("one", "other", "session", "value")
    )
    both = pl.concat(
        [
            given,
            given.select(one="other", other="one", session="session", value=1 / pl.col("value")),
        ]
    )
    into = both.filter(pl.col("other") == base)
    parts = [RATES.to_frame()]
    for currency in sorted(set(wanted)):
        major, units = MINOR_UNITS.get(currency, (currency, 1.0))
        own = _one(both, into, major, base)
        parts.append(
            own.select(pl.lit(currency).alias("currency"), "session", pl.col("rate") / units)
        )
    return pl.concat(parts).sort("currency", "session")


def _one(both: pl.DataFrame, into: pl.DataFrame, currency: str, base: str) -> pl.DataFrame:
    """session, rate of a currency: direct on the days that have one, else crossed."""
    if currency == base:
        days = both.select("session").unique()
        return days.with_columns(rate=pl.lit(1.0))
    direct = into.filter(pl.col("one") == currency).select("session", rate="value")
    crossed = both.filter(pl.col("one") == currency).join(
        into.select("session", other="one", last="value"), on=["session", "other"]
    )
    best = crossed.sort("other").unique("session", keep="first", maintain_order=True)
    best = best.select("session", rate=pl.col("value") * pl.col("last"))
    return pl.concat([direct, best.join(direct, on="session", how="anti")]).sort("session")


def converted(rows: pl.DataFrame, known: pl.DataFrame, max_age_days: int) -> pl.DataFrame:
    """Returns, closes and volumes in the base currency.

    r = (1 + r_local) * fx(t) / fx(u) - 1, u the row before of the same instrument. fx is the last
    rate at or before the session, at most `max_age_days` old; without one the row goes away.

    Args:
        rows: instrument_id, session, ret, close, dollar_volume (close x volume in the quote
            currency), currency; ascending within an instrument.
        known: RATES.
        max_age_days: See above.

    Returns:
        The rows that have a rate, with the same columns and `fx_age` (days).
    """
    dated = rows.sort("session").join_asof(
        known.select("currency", "session", "rate", rated="session").sort("session"),
        on="session",
        by="currency",
        strategy="backward",
        check_sortedness=False,
    )
    age = (pl.col("session") - pl.col("rated")).dt.total_days()
    moved = pl.col("rate") / pl.col("rate").shift().over("instrument_id")
    return (
        dated.with_columns(fx_age=age)
        .sort("instrument_id", "session")
        .with_columns(
            # A rate that is too old makes its row unknown, and so the return that starts from it.
            rate=pl.when(pl.col("fx_age") <= max_age_days).then("rate")
        )
        .with_columns(
            ret=(1 + pl.col("ret")) * moved - 1,
            close=pl.col("close") * pl.col("rate"),
            dollar_volume=pl.col("dollar_volume") * pl.col("rate"),
        )
        .drop_nulls("rate")
        .select(*rows.columns, "fx_age")
    )
