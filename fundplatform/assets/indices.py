"""indices/*: compositions, returns, changes and contributions by session; levels as a whole."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import dagster as dg
import polars as pl

from fundplatform import calendars, tables
from fundplatform.assets.catalog import (
    FACTORS,
    INSTRUMENTS,
    SOURCES,
    VALIDATED,
    every,
    others,
)
from fundplatform.assets.describe import level_report, output, session_returns, version_of
from fundplatform.assets.partitions import BACKFILL, FROM_RAW
from fundplatform.assets.series import PRICE_COLUMNS, price_returns
from fundplatform.assets.universe import left_out, members, usable_caps
from fundplatform.finance import index
from fundplatform.finance.index_definition import IndexDefinition
from fundplatform.sources.base import LISTING_SCHEMA, Coverage, Kind, Source, SourceSpec
from fundplatform.storage.io_manager import run_window
from fundplatform.storage.outputs import Derived, Stored

CUTOFF = timedelta(hours=4)
"""After the close: what is known by then may decide the composition of that session."""

# Days: more than the longest run of holidays and closures of an exchange.
_LONGEST_CLOSURE = 14

PERFORMANCE = dg.AssetKey(["indices", "performance"])
LEVELS = dg.AssetKey(["indices", "levels"])

_TABLES = index.TABLES


def look_back_days(definition: IndexDefinition) -> int:
    """Calendar days before a session whose prices the definition needs."""
    return index.look_back(definition) * 7 // 5 + _LONGEST_CLOSURE


def version(definitions: Iterable[IndexDefinition]) -> str:
    """Code version: indices are built again when one's definition or the method changes."""
    return version_of(index.METHOD_VERSION, sorted(map(repr, definitions)))


def built(
    sources: Iterable[Source],
    definitions: Sequence[IndexDefinition],
    partitions: dg.DailyPartitionsDefinition,
) -> dg.AssetsDefinition:
    """All indices of the YAML definitions, for the sessions of a run's range."""
    sources = list(sources)
    back = max((look_back_days(d) for d in definitions), default=0)
    caps_in = {
        name: dg.AssetIn(given.key, metadata=given.metadata, partition_mapping=FROM_RAW)
        for name, given in every(sources, Kind.MARKET_CAPS, lookback_days=back).items()
    }

    @dg.multi_asset(
        name="indices",
        outs={t.name: output(t, version(definitions)) for t in _TABLES},
        ins={
            "prices": dg.AssetIn(
                VALIDATED, metadata={"columns": PRICE_COLUMNS, "lookback_days": back}
            ),
            "factors": dg.AssetIn(FACTORS),
            "instruments": dg.AssetIn(INSTRUMENTS),
            "known_sources": dg.AssetIn(SOURCES),
            **caps_in,
        },
        deps=[
            dg.AssetDep(k, partition_mapping=FROM_RAW) for k in others(sources, Kind.MARKET_CAPS)
        ],
        partitions_def=partitions,
        backfill_policy=BACKFILL,
        pool="warehouse",
    )
    def build(
        context: dg.AssetExecutionContext,
        prices: pl.DataFrame,
        factors: pl.DataFrame,
        instruments: pl.DataFrame,
        known_sources: pl.DataFrame,
        **caps: pl.DataFrame,
    ) -> tuple[Derived, Stored, Stored, Stored, Stored, Stored]:
        window = run_window(context.run.tags)
        if window is None:
            raise dg.Failure("indices are built for a partition or a range of partitions")
        known = Known(prices, factors, instruments, known_sources, caps.get(str(Kind.MARKET_CAPS)))
        results = [one_index(definition, known, *window) for definition in definitions]
        frames = {
            t: pl.concat([getattr(r, t.name) for r in results], how="vertical")
            if results
            else t.empty().drop(t.stamps)
            for t in _TABLES
        }
        returned = Stored(session_returns(frames[tables.PERFORMANCE]))
        return Derived(frames), returned, Stored(), Stored(), Stored(), Stored()

    return build


@dataclass(frozen=True)
class Known:
    """What the indices of a run are built from.

    Attributes:
        prices: PRICE_COLUMNS of prices.validated, look-back included.
        factors: catalog.adjustment_factors.
        instruments: catalog.instruments.
        sources: catalog.sources.
        caps: raw.market_caps, look-back included; None where no source has any.
    """

    prices: pl.DataFrame
    factors: pl.DataFrame
    instruments: pl.DataFrame
    sources: pl.DataFrame
    caps: pl.DataFrame | None
    _returns: dict[tuple[str, ...], tuple[pl.DataFrame, pl.DataFrame]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def returns(self, only: tuple[str, ...]) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The bars of these sources (all where empty) and their price returns, computed once."""
        if only not in self._returns:
            prices = self.prices
            if only:
                ids = self.sources.filter(pl.col("name").is_in(only)).select("source_id")
                prices = prices.join(ids, on="source_id", how="semi")
            returns = price_returns(prices, self.factors, self.sources, anew=bool(only))
            self._returns[only] = (prices, returns)
        return self._returns[only]


def one_index(
    definition: IndexDefinition, known: Known, first: date, last: date
) -> index.IndexResult:
    """Cut the universe out and build one index for [first, last]."""
    start = first - timedelta(days=look_back_days(definition))
    closes = calendars.get(definition.calendar).closes(start, last)
    names = members(definition, known.instruments)
    prices, returns = known.returns(definition.universe.sources)
    return index.build(
        definition,
        returns.join(names, on="instrument_id"),
        closes["session"].to_list(),
        first=first,
        last=last,
        caps=None if known.caps is None else usable_caps(known.caps, names),
        cutoffs=closes.with_columns(cutoff=pl.col("close_at") + CUTOFF),
        facts=index.Facts(
            left_out=left_out(definition, known.instruments, prices, returns, first, last)
        ),
    )


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
    return (
        frame.group_by("index_name")
        .agg(valid_from=pl.col("session").min(), valid_to=pl.col("session").max())
        .select(
            vendor_symbol="index_name",
            symbol="index_name",
            asset_class=pl.lit("index"),
            market=pl.lit("INDEX"),
            quote=pl.lit("USD"),
            name=pl.col("index_name").replace(titles),
            valid_from="valid_from",
            valid_to="valid_to",
        )
        .cast(LISTING_SCHEMA)
    )
