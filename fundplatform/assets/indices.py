"""indices/*: compositions, returns, changes and contributions by session; levels as a whole."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg
import polars as pl

from fundplatform import calendars, tables
from fundplatform.assets.catalog import (
    ACTIONS,
    CAPS,
    FACTORS,
    INSTRUMENTS,
    REJECTED,
    SECURITIES,
    SOURCES,
    TIERS,
    VALIDATED,
    every,
    others,
)
from fundplatform.assets.describe import (
    level_report,
    output,
    session_returns,
    version_of,
)
from fundplatform.assets.index_inputs import STATE_COLUMNS, Known, build_all, look_back_days
from fundplatform.assets.partitions import BACKFILL, FROM_RAW
from fundplatform.assets.profiled import unprofiled
from fundplatform.assets.raw import raw_key
from fundplatform.assets.renames import former_symbols
from fundplatform.assets.series import DAILY, PRICE_COLUMNS
from fundplatform.clock import Clock
from fundplatform.finance import index
from fundplatform.finance.index_definition import IndexDefinition
from fundplatform.finance.profile_history import as_known
from fundplatform.finance.refused_levels import COLUMNS as REFUSED_COLUMNS
from fundplatform.finance.securities import history
from fundplatform.sources.base import LISTING_SCHEMA, Coverage, Kind, Source, SourceSpec
from fundplatform.storage.base import Slice, versions_of
from fundplatform.storage.io_manager import run_window
from fundplatform.storage.outputs import Derived, Stored

GATES = dg.AssetKey(["ops", "gates"])
PERFORMANCE = dg.AssetKey(["indices", "performance"])
LEVELS = dg.AssetKey(["indices", "levels"])

_TABLES = index.TABLES
# Days: more than the longest run of holidays and closures of an exchange.
_RECENT = {"lookback_days": 14}


def version(definitions: Iterable[IndexDefinition]) -> str:
    """Code version: indices are built again when one's definition or the method changes."""
    return version_of(index.METHOD_VERSION, sorted(map(repr, definitions)))


def built(
    sources: Iterable[Source],
    definitions: Sequence[IndexDefinition],
    partitions: dg.DailyPartitionsDefinition,
    clock: Clock,
) -> dg.AssetsDefinition:
    """All indices of the YAML definitions, for the sessions of a run's range."""
    sources = list(sources)
    back = max((look_back_days(d) for d in definitions), default=0)
    raw_in = {
        name: dg.AssetIn(given.key, metadata=given.metadata, partition_mapping=FROM_RAW)
        for name, given in every(sources, Kind.FX, lookback_days=back).items()
        if _has_rates(definitions)
    }
    # Read with their ledger, past the graph, by which nothing but tables can be had.
    stated = [raw_key(s.spec.name, Kind.PROFILES) for s in sources if Kind.PROFILES in s.spec.kinds]
    if any(d.universe.tiers for d in definitions):
        raw_in["tiers"] = dg.AssetIn(TIERS, metadata={"whole": True})

    @dg.multi_asset(
        name="indices",
        outs={t.name: output(t, version(definitions)) for t in _TABLES},
        ins={
            "prices": dg.AssetIn(
                VALIDATED, metadata={**DAILY, "columns": PRICE_COLUMNS, "lookback_days": back}
            ),
            "rejected": dg.AssetIn(
                REJECTED, metadata={"columns": REFUSED_COLUMNS, "lookback_days": back}
            ),
            "gates": dg.AssetIn(GATES, metadata=_RECENT),
            "factors": dg.AssetIn(FACTORS),
            "counted": dg.AssetIn(ACTIONS),
            "instruments": dg.AssetIn(INSTRUMENTS),
            "securities": dg.AssetIn(SECURITIES),
            "caps": dg.AssetIn(CAPS, metadata={"lookback_days": back, "any_order": True}),
            "known_sources": dg.AssetIn(SOURCES),
            **raw_in,
        },
        deps=[
            *(
                dg.AssetDep(k, partition_mapping=FROM_RAW)
                for k in others(sources, Kind.FX)
                if raw_in.keys() & {str(Kind.FX)}
            ),
            *(stated if _asks_profiles(definitions) else ()),
        ],
        required_resource_keys={"io_manager"},
        partitions_def=partitions,
        backfill_policy=BACKFILL,
        pool="warehouse",
    )
    def build(
        context: dg.AssetExecutionContext,
        prices: pl.DataFrame,
        rejected: pl.DataFrame,
        gates: pl.DataFrame,
        factors: pl.DataFrame,
        counted: pl.DataFrame,
        instruments: pl.DataFrame,
        securities: pl.DataFrame,
        caps: pl.DataFrame,
        known_sources: pl.DataFrame,
        **more: pl.DataFrame,
    ) -> tuple[Derived, Stored, Stored, Stored, Stored, Stored, Stored]:
        window = run_window(context.run.tags)
        if window is None:
            raise dg.Failure("indices are built for a partition or a range of partitions")
        state, begun = _before(context.resources.io_manager, window[0])
        store = context.resources.io_manager.warehouse.store
        said = versions_of(store, tables.PROFILES)
        profiles = as_known(said)
        known = Known(
            prices,
            factors,
            instruments,
            known_sources,
            caps,
            securities=securities if said.is_empty() else history(instruments, profiles),
            actions=counted,
            rejected=rejected,
            gates=gates,
            profiles=profiles,
            tiers=more.get("tiers"),
            rates=more.get(str(Kind.FX)),
            state=state,
            begun=begun,
            former=former_symbols(store),
            today=clock().date(),
        )
        results = build_all(definitions, known, *window)
        frames = {
            t: pl.concat([getattr(r, t.name) for r in results], how="vertical")
            if results
            else t.empty().drop(t.stamps)
            for t in _TABLES
        }
        if told := unprofiled(frames[tables.PERFORMANCE]):
            context.add_asset_metadata(told, PERFORMANCE)
        returned = Stored(session_returns(frames[tables.PERFORMANCE]))
        return Derived(frames), returned, Stored(), Stored(), Stored(), Stored(), Stored()

    return build


def active(
    definitions: Iterable[IndexDefinition], sources: Iterable[Source]
) -> list[IndexDefinition]:
    """All but the optional ones for which no source brings bars, caps or profiles."""
    sources = list(sources)
    brought = {kind for s in sources for kind in s.spec.kinds}
    traded = {s.spec.asset_class for s in sources if Kind.OHLCV in s.spec.kinds}

    def is_fed(d: IndexDefinition) -> bool:
        needs = {Kind.PROFILES} if d.universe.sectors or d.universe.countries else set()
        capped = d.rank_by != "market_cap" or bool({Kind.MARKET_CAPS, Kind.SHARES} & brought)
        classes = set(d.universe.asset_classes)
        return needs <= brought and capped and (not classes or bool(classes & traded))

    return [d for d in definitions if not d.optional or is_fed(d)]


def _asks_profiles(definitions: Iterable[IndexDefinition]) -> bool:
    """Whether any of them asks what profiles say; the rule of securities hears it of its asset."""
    return any(d.universe.sectors or d.universe.countries for d in definitions)


def _has_rates(definitions: Iterable[IndexDefinition]) -> bool:
    """Whether any of them needs exchange rates."""
    # Markets whose names are quoted in USD need no rates.
    home = {"US", "CRYPTO"}
    return any(d.currency != "USD" or not {*d.universe.markets} & home for d in definitions)


def _before(io_manager: Any, first: date) -> tuple[pl.DataFrame, pl.DataFrame]:  # noqa: ANN401
    """Compositions and performance rows of the days before `first`, as stored.

    Read past Dagster's graph: an index rests on its own yesterday, and a dependency of an asset
    on itself would run every backfill day by day.
    """
    store = io_manager.warehouse.store
    part = Slice({}, first - timedelta(days=_RECENT["lookback_days"]), first - timedelta(days=1))
    state = store.read(tables.COMPOSITIONS, part, STATE_COLUMNS)
    return state, store.read(tables.PERFORMANCE, part, ["index_name", "session"])


INDEX_SOURCE = SourceSpec(
    name="fundplatform",
    title="Indices computed by this platform",
    asset_class="index",
    market="INDEX",
    quote="USD",
    kinds={Kind.OHLCV: Coverage("XNYS", date(1900, 1, 1))},
)


def levels(definitions: Sequence[IndexDefinition]) -> dg.AssetsDefinition:
    """indices/levels: one sequential product per index from its base, recomputed whole."""

    @dg.multi_asset(
        name="indices_levels",
        outs={"levels": output(tables.LEVELS, version(definitions))},
        ins={"performance": dg.AssetIn(PERFORMANCE, metadata={"whole": True})},
        pool="warehouse",
    )
    def level(context: dg.AssetExecutionContext, performance: pl.DataFrame) -> Derived:
        frame = pl.concat(
            [index.levels(unbroken(performance, d), d) for d in definitions]
            or [tables.LEVELS.empty().drop(tables.LEVELS.stamps)]
        )
        context.add_asset_metadata(level_report(frame), LEVELS)
        return Derived(
            {tables.LEVELS: frame}, register=(INDEX_SOURCE, listings(frame, definitions))
        )

    return level


def unbroken(performance: pl.DataFrame, definition: IndexDefinition) -> pl.DataFrame:
    """The index's rows up to the first session of its calendar that has not been computed yet.

    A product across a hole would be a wrong level; it goes on when the hole is filled.
    """
    own = performance.filter(pl.col("index_name") == definition.name).sort("session")
    if own.is_empty():
        return own
    known = set(own["session"])
    due = calendars.get(definition.calendar).sessions(own["session"][0], own["session"][-1])
    hole = next((s for s in due if s not in known), None)
    return own if hole is None else own.filter(pl.col("session") < hole)


def listings(frame: pl.DataFrame, definitions: Sequence[IndexDefinition]) -> pl.DataFrame:
    """An index with levels is an instrument of class index, so that metrics apply to it."""
    titles = {d.name: d.title for d in definitions}
    currencies = {d.name: d.currency for d in definitions}
    return (
        frame.group_by("index_name")
        .agg(valid_from=pl.col("session").min(), valid_to=pl.col("session").max())
        .select(
            vendor_symbol="index_name",
            symbol="index_name",
            asset_class=pl.lit("index"),
            market=pl.lit("INDEX"),
            quote=pl.col("index_name").replace_strict(currencies, default="USD"),
            name=pl.col("index_name").replace(titles),
            valid_from="valid_from",
            valid_to="valid_to",
        )
        .cast(LISTING_SCHEMA)
    )
