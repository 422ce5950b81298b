"""catalog/*: identities, corporate actions, factors and tiers, recomputed whole (they are small).

Identities are registered in the raw assets' own transactions; `catalog/instruments` and its
siblings only state that in the graph, so that what reads them runs after the loads.
"""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import dagster as dg
import polars as pl

from fundplatform import calendars, tables
from fundplatform.assets.describe import doubt_report, output, version_of
from fundplatform.assets.raw import raw_key
from fundplatform.assets.series import DAILY, PRICE_COLUMNS, best_returns, price_bars, with_calendar
from fundplatform.finance import (
    actions,
    adjustment,
    caps,
    payments,
    securities,
    splits,
    tier_history,
    total_return,
)
from fundplatform.finance.profile_history import as_known
from fundplatform.finance.tier_rules import TierRules, load_rules
from fundplatform.sources.base import Kind, Source
from fundplatform.storage.base import versions_of
from fundplatform.storage.catalog import note_order, reprioritised
from fundplatform.storage.outputs import Derived, Stored

INSTRUMENTS = dg.AssetKey(["catalog", "instruments"])
LISTINGS = dg.AssetKey(["catalog", "listings"])
SOURCES = dg.AssetKey(["catalog", "sources"])
ACTIONS = dg.AssetKey(["catalog", "corporate_actions"])
FACTORS = dg.AssetKey(["catalog", "adjustment_factors"])
SECURITIES = dg.AssetKey(["catalog", "securities"])
CAPS = dg.AssetKey(["catalog", "market_caps"])
DECISIONS = dg.AssetKey(["catalog", "identity_decisions"])
"""No asset: `fundplatform identity review` reports each decision under this key."""
PAYMENT_FACTORS = dg.AssetKey(["catalog", "total_return_factors"])
TIERS = dg.AssetKey(["catalog", "tiers"])
VALIDATED = dg.AssetKey(["prices", "validated"])
REJECTED = dg.AssetKey(["prices", "rejected"])

TIERS_VERSION = 3
"""Raised when the same rules and data come to give other tiers."""


def every(sources: Iterable[Source], kind: Kind, **wish: object) -> dict[str, dg.AssetIn]:
    """The inputs for one kind of raw data of all sources: one carries the read, the rest are deps.

    The table holds all sources, also those whose folder was removed, so it is read once.
    """
    names = [s.spec.name for s in sources if kind in s.spec.kinds]
    if not names:
        return {}
    return {str(kind): dg.AssetIn(raw_key(names[0], kind), metadata={"every_source": True, **wish})}


def others(sources: Iterable[Source], kind: Kind) -> list[dg.AssetKey]:
    """The raw assets of `kind` that `every` does not name."""
    return [raw_key(s.spec.name, kind) for s in sources if kind in s.spec.kinds][1:]


def identities(sources: Iterable[Source]) -> dg.AssetsDefinition:
    """catalog/instruments, catalog/listings, catalog/sources; of sources priorities as of now."""
    sources = list(sources)
    loaded = [raw_key(s.spec.name, kind) for s in sources for kind in s.spec.kinds]

    @dg.multi_asset(
        name="catalog_identities",
        outs={
            "instruments": output(tables.INSTRUMENTS),
            "listings": output(tables.LISTINGS),
            "sources": output(tables.SOURCES),
        },
        deps=loaded,
        required_resource_keys={"io_manager"},
        pool="warehouse",
    )
    def register(context: dg.AssetExecutionContext) -> tuple[Stored, Stored, Stored | Derived]:
        known = context.resources.io_manager.warehouse.store.read(tables.SOURCES)
        moved = reprioritised(known, [s.spec for s in sources]).drop(tables.SOURCES.stamps)
        order = Derived({tables.SOURCES: moved}, settle=lambda writer, _: note_order(writer))
        return Stored(), Stored(), order if moved.height else Stored()

    return register


def corporate_actions(sources: Iterable[Source]) -> dg.AssetsDefinition:
    """catalog/corporate_actions and catalog/adjustment_factors from every source's actions."""
    sources = list(sources)
    ins = every(sources, Kind.CORPORATE_ACTIONS)

    @dg.multi_asset(
        name="catalog_corporate_actions",
        outs={
            "corporate_actions": output(tables.ACTIONS, f"actions {actions.VERSION}"),
            "adjustment_factors": output(tables.ADJUSTMENT_FACTORS, f"splits {splits.VERSION}"),
        },
        ins={"known_sources": dg.AssetIn(SOURCES), **ins},
        deps=others(sources, Kind.CORPORATE_ACTIONS),
        pool="warehouse",
    )
    def count(
        context: dg.AssetExecutionContext, known_sources: pl.DataFrame, **inputs: pl.DataFrame
    ) -> tuple[Derived, Derived]:
        stated = inputs.get(str(Kind.CORPORATE_ACTIONS), tables.CORPORATE_ACTIONS.empty())
        found = actions.counted(stated, known_sources)
        context.add_asset_metadata(doubt_report(found.doubts, "actions"), ACTIONS)
        context.add_asset_metadata(doubt_report(found.split_doubts), FACTORS)
        factors = adjustment.split_factors(found.actions)
        return (
            Derived({tables.ACTIONS: found.actions}),
            Derived({tables.ADJUSTMENT_FACTORS: factors}),
        )

    return count


def payment_factors() -> dg.AssetsDefinition:
    """catalog/total_return_factors: what was paid, over the prices it was paid on."""

    @dg.multi_asset(
        name="catalog_total_return_factors",
        outs={
            "total_return_factors": output(
                tables.TOTAL_RETURN_FACTORS, f"total_return {total_return.VERSION}"
            )
        },
        ins={
            "prices": dg.AssetIn(
                VALIDATED, metadata={**DAILY, "columns": PRICE_COLUMNS, "whole": True}
            ),
            "counted": dg.AssetIn(ACTIONS),
            "factors": dg.AssetIn(FACTORS),
            "instruments": dg.AssetIn(INSTRUMENTS),
            "known_sources": dg.AssetIn(SOURCES),
        },
        pool="warehouse",
    )
    def pay(
        context: dg.AssetExecutionContext,
        prices: pl.DataFrame,
        counted: pl.DataFrame,
        factors: pl.DataFrame,
        instruments: pl.DataFrame,
        known_sources: pl.DataFrame,
    ) -> Derived:
        bars = price_bars(prices, known_sources)
        found = payments.payments(counted, instruments, bars.filter("selected"))
        own = bars.join(found.paid.select("instrument_id").unique(), on="instrument_id", how="semi")
        returns = total_return.total_returns(own, factors, found.paid)
        context.add_asset_metadata({"payments not used": found.unused.height}, PAYMENT_FACTORS)
        if found.unused.height:
            context.log.warning(f"payments not used: {found.unused.head(5).rows()}")
        return Derived({tables.TOTAL_RETURN_FACTORS: total_return.total_factors(returns)})

    return pay


def market_caps(sources: Iterable[Source]) -> dg.AssetsDefinition:
    """catalog/securities and catalog/market_caps: what may be ranked by what, and what may not."""
    sources = list(sources)
    kinds = (Kind.SHARES, Kind.MARKET_CAPS, Kind.PROFILES)
    raw_in = {n: i for kind in kinds for n, i in every(sources, kind, whole=True).items()}
    # All prices are a lot to read for nothing.
    wish = {**DAILY, "columns": PRICE_COLUMNS, "whole": True, "any_order": True}
    priced = (
        {"prices": dg.AssetIn(VALIDATED, metadata=wish)}
        if {str(Kind.SHARES), str(Kind.MARKET_CAPS)} & raw_in.keys()
        else {}
    )

    @dg.multi_asset(
        name="catalog_market_caps",
        outs={
            "securities": output(tables.SECURITIES, f"securities {securities.VERSION}"),
            "market_caps": output(tables.CAPS, f"caps {caps.VERSION}"),
        },
        ins={
            "factors": dg.AssetIn(FACTORS),
            "instruments": dg.AssetIn(INSTRUMENTS),
            "known_sources": dg.AssetIn(SOURCES),
            **raw_in,
            **priced,
        },
        deps=[
            *(key for kind in kinds for key in others(sources, kind)),
            *([] if priced else [VALIDATED]),
        ],
        required_resource_keys={"io_manager"},
        pool="warehouse",
    )
    def judge(
        context: dg.AssetExecutionContext,
        factors: pl.DataFrame,
        instruments: pl.DataFrame,
        known_sources: pl.DataFrame,
        **raw: pl.DataFrame,
    ) -> tuple[Derived, Derived]:
        shares, snapshots, profiles = (raw.get(str(k), k.table.empty()) for k in kinds)
        known = securities.classify(instruments, profiles)
        prices = raw.get("prices", tables.VALIDATED.empty().select(PRICE_COLUMNS))
        bars = closes_of(prices, instruments, known_sources)
        said = versions_of(context.resources.io_manager.warehouse.store, tables.PROFILES)
        dated = securities.history(instruments, as_known(said))
        found = caps.market_caps(shares, snapshots, bars, factors, dated)
        refused = found.filter(~pl.col("trusted"))
        context.add_asset_metadata({"caps not trusted": refused.height}, CAPS)
        return (
            # A name that is new has bars of its own, which are new too.
            Derived({tables.SECURITIES: known}, additions_touch=False),
            Derived({tables.CAPS: found}, dated=caps.SERVES),
        )

    return judge


def closes_of(
    prices: pl.DataFrame, instruments: pl.DataFrame, sources: pl.DataFrame
) -> pl.DataFrame:
    """instrument_id, session, close, dollar_volume (USD), quote, adjustment; one row a session."""
    bars = price_bars(prices, sources).filter("selected")
    quotes = instruments.select("instrument_id", "quote")
    return bars.join(quotes, on="instrument_id").select(
        "instrument_id",
        "session",
        "close",
        "quote",
        "adjustment",
        dollar_volume=pl.col("close") * pl.col("volume"),
    )


def classified(own: Path | None = None) -> dg.AssetsDefinition:
    """catalog/tiers, recomputed whole: hysteresis makes each month depend on the one before.

    Args:
        own: The user's tiers.yaml, where there is one.
    """
    rules = load_rules(own=own)

    @dg.multi_asset(
        name="catalog_tiers",
        outs={"tiers": output(tables.TIERS, version_of(TIERS_VERSION, rules))},
        ins={
            # Whole even in a run over a range of days: the table is replaced whole.
            "prices": dg.AssetIn(
                VALIDATED, metadata={**DAILY, "columns": PRICE_COLUMNS, "whole": True}
            ),
            "factors": dg.AssetIn(FACTORS),
            "instruments": dg.AssetIn(INSTRUMENTS),
            "known_sources": dg.AssetIn(SOURCES),
            "known_caps": dg.AssetIn(CAPS, metadata={"whole": True}),
        },
        pool="warehouse",
    )
    def classify(
        prices: pl.DataFrame,
        factors: pl.DataFrame,
        instruments: pl.DataFrame,
        known_sources: pl.DataFrame,
        known_caps: pl.DataFrame,
    ) -> Derived:
        series = with_calendar(best_returns(prices, factors, known_sources), known_sources)
        given = known_caps.filter("trusted")
        parts = [
            tiers_of(str(calendar), group, instruments, given, rules)
            for (calendar,), group in series.partition_by("calendar", as_dict=True).items()
        ]
        none = tables.TIERS.empty().drop(tables.TIERS.stamps)
        return Derived({tables.TIERS: pl.concat([none, *parts])})

    return classify


def tiers_of(
    calendar: str,
    series: pl.DataFrame,
    instruments: pl.DataFrame,
    caps: pl.DataFrame | None,
    rules: TierRules,
) -> pl.DataFrame:
    """The tier rows of one calendar's instruments; thresholds are in USD, so is what they judge."""
    if caps is not None:
        foreign = instruments.filter(pl.col("quote") != "USD").select("instrument_id")
        # A cap in USD moved with a price in euro would be neither.
        caps = caps.filter(pl.col("currency") == "USD").join(
            foreign, on="instrument_id", how="anti"
        )
    span = series.select(a=pl.col("session").min(), b=pl.col("session").max()).row(0)
    closes = calendars.get(calendar).closes(span[0], span[1] + timedelta(days=31))
    own = instruments.join(series.select("instrument_id").unique(), on="instrument_id", how="semi")
    return tier_history.history(own, series, caps, closes, rules)
