"""prices/validated, prices/rejected and ops/gates: one computation over all raw bars of a range."""

from collections.abc import Iterable
from datetime import date

import dagster as dg
import polars as pl

from fundplatform import calendars, tables
from fundplatform.assets.catalog import INSTRUMENTS, SOURCES, every, others
from fundplatform.assets.describe import output
from fundplatform.assets.partitions import BACKFILL, FROM_RAW
from fundplatform.finance import rules
from fundplatform.sources.base import Kind, Source
from fundplatform.storage.outputs import Derived, Stored

_INTERVALS = {
    "1m": 1, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "4h": 240, "12h": 720, "1d": 1440,
}  # fmt: skip


RULES = f"rules {rules.RULES_VERSION}"
"""Code version: bars are judged again when a rule changes."""

BAR_COLUMNS = tuple(
    n for n in tables.OHLCV.column_names if n == "fetched_at" or n not in tables.OHLCV.stamps
)
"""What the rules read of raw.ohlcv; hashes and run ids are half of its bytes."""


def validated(
    sources: Iterable[Source], partitions: dg.DailyPartitionsDefinition
) -> dg.AssetsDefinition:
    """Judge every raw bar; what fails a blocking rule is rejected, what passes is validated."""
    sources = list(sources)
    bars_in = every(sources, Kind.OHLCV, columns=list(BAR_COLUMNS), any_order=True)
    ((name, bars_of),) = bars_in.items()

    @dg.multi_asset(
        name="prices",
        outs={
            "validated": output(tables.VALIDATED, RULES),
            "rejected": output(tables.REJECTED, RULES),
            "gates": output(tables.GATES, RULES),
        },
        ins={
            name: dg.AssetIn(bars_of.key, metadata=bars_of.metadata, partition_mapping=FROM_RAW),
            "instruments": dg.AssetIn(INSTRUMENTS),
            "known_sources": dg.AssetIn(SOURCES),
        },
        deps=[dg.AssetDep(k, partition_mapping=FROM_RAW) for k in others(sources, Kind.OHLCV)],
        partitions_def=partitions,
        backfill_policy=BACKFILL,
        pool="warehouse",
    )
    def judge(
        context: dg.AssetExecutionContext,
        ohlcv: pl.DataFrame,
        instruments: pl.DataFrame,
        known_sources: pl.DataFrame,
    ) -> tuple[Derived, Stored, Stored]:
        judged = rules.judge(with_context(ohlcv, instruments, known_sources))
        held = judged.gates.filter("held")
        if held.height:
            context.log.warning(f"held by the gate: {held.select('source_id', 'session').rows()}")
        frames = {
            tables.VALIDATED: judged.validated,
            tables.REJECTED: judged.rejected,
            tables.GATES: judged.gates,
        }
        return Derived(frames, unrecorded=fully_held(judged.gates)), Stored(), Stored()

    return judge


def fully_held(gates: pl.DataFrame) -> frozenset[date]:
    """Sessions of which no source passed: they are not recorded as materialised."""
    by_session = gates.group_by("session").agg(pl.col("held").all())
    return frozenset(by_session.filter("held")["session"].to_list())


def with_context(
    bars: pl.DataFrame, instruments: pl.DataFrame, sources: pl.DataFrame
) -> pl.DataFrame:
    """Add to each bar what the rules need to know of its instrument, source and calendar."""
    own = sources.join(bars.select("source_id").unique(), on="source_id", how="semi")
    known = bars.join(
        instruments.select("instrument_id", "asset_class"), on="instrument_id", how="left"
    ).join(own.select("source_id", "coverage_start", "priority"), on="source_id", how="left")
    if bars.is_empty():
        return known.with_columns(is_session=pl.lit(True), bar_close_at=pl.col("bar_open_at"))
    span = bars.select(pl.col("session").min().alias("a"), pl.col("session").max().alias("b"))
    first, last = span.row(0)
    table = pl.concat(
        calendars.get(c).closes(first, last).with_columns(calendar=pl.lit(c))
        for c in own["calendar"].unique().sort()
    )
    closes = own.select("source_id", "calendar").join(table, on="calendar").drop("calendar")
    minutes = pl.col("interval").replace_strict(_INTERVALS, return_dtype=pl.Int64)
    intraday_close = pl.col("bar_open_at") + pl.duration(minutes=minutes)
    return (
        known.join(closes, on=["source_id", "session"], how="left")
        .with_columns(
            is_session=pl.col("close_at").is_not_null(),
            bar_close_at=pl.when(pl.col("interval") == "1d")
            .then(pl.coalesce("close_at", intraday_close))
            .otherwise(intraday_close),
        )
        .drop("close_at")
    )
