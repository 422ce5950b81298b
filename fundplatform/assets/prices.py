"""prices/validated, prices/rejected and ops/gates: one computation over all raw bars of a range."""

from collections.abc import Iterable
from datetime import date, timedelta

import dagster as dg
import polars as pl

from fundplatform import calendars, tables
from fundplatform.assets.catalog import INSTRUMENTS, LISTINGS, SOURCES, every, others
from fundplatform.assets.describe import output, version_of
from fundplatform.assets.partitions import BACKFILL, FROM_RAW
from fundplatform.clock import Clock
from fundplatform.desk import Desk
from fundplatform.finance import actions, consensus, rules, splits
from fundplatform.finance.payments import late_children
from fundplatform.finance.rules.row import INTERVALS
from fundplatform.sources.base import Kind, Source
from fundplatform.storage.base import Slice, Stamp
from fundplatform.storage.io_manager import run_window
from fundplatform.storage.outputs import Derived, Stored
from fundplatform.storage.source_scores import corrected, settle

RULES = f"rules {rules.RULES_VERSION}, consensus {consensus.VERSION}"
"""Code version: bars are judged again when a rule or the comparison of sources changes."""

BAR_COLUMNS = tuple(
    n for n in tables.OHLCV.column_names if n == "fetched_at" or n not in tables.OHLCV.stamps
)
"""What the rules read of raw.ohlcv; hashes and run ids are half of its bytes."""
LISTED = ["source_id", "instrument_id", "valid_from", "valid_to"]


def validated(
    sources: Iterable[Source], partitions: dg.DailyPartitionsDefinition, desk: Desk, clock: Clock
) -> dg.AssetsDefinition:
    """Judge every raw bar; what fails a blocking rule is rejected, what passes is validated."""
    sources = list(sources)
    limits = desk.limits()
    version = RULES if limits == rules.DEFAULTS else version_of(RULES, limits)
    bars_in = every(
        sources,
        Kind.OHLCV,
        columns=list(BAR_COLUMNS),
        any_order=True,
        lookback_days=rules.LOOKBACK_DAYS + rules.AHEAD_DAYS,
        lookahead_days=rules.AHEAD_DAYS,
    )
    ((name, bars_of),) = bars_in.items()

    @dg.multi_asset(
        name="prices",
        outs={
            "validated": output(tables.VALIDATED, version),
            "rejected": output(tables.REJECTED, version),
            "gates": output(tables.GATES, version),
        },
        ins={
            name: dg.AssetIn(bars_of.key, metadata=bars_of.metadata, partition_mapping=FROM_RAW),
            "instruments": dg.AssetIn(INSTRUMENTS),
            "known_sources": dg.AssetIn(SOURCES),
            "listings": dg.AssetIn(LISTINGS, metadata={"columns": LISTED}),
            **every(sources, Kind.CORPORATE_ACTIONS),
        },
        deps=[
            *(dg.AssetDep(k, partition_mapping=FROM_RAW) for k in others(sources, Kind.OHLCV)),
            *others(sources, Kind.CORPORATE_ACTIONS),
        ],
        partitions_def=partitions,
        backfill_policy=BACKFILL,
        pool="warehouse",
    )
    def judge(
        context: dg.AssetExecutionContext,
        ohlcv: pl.DataFrame,
        instruments: pl.DataFrame,
        known_sources: pl.DataFrame,
        listings: pl.DataFrame,
        **stated: pl.DataFrame,
    ) -> tuple[Derived, Stored, Stored]:
        now = clock()
        desk.sync(Stamp(context.run_id, now))
        bars = with_context(ohlcv, instruments, known_sources, listings)
        window = _judged_anew(run_window(dict(context.run.tags)))
        own = limits.resolved(instruments)
        judged = rules.judge(
            bars,
            window=window,
            actions=counted(stated.get(str(Kind.CORPORATE_ACTIONS)), known_sources),
            limits=own,
            overrides=desk.in_force(now.date(), instruments, known_sources),
        )
        weighed = consensus.weigh(
            bars,
            judged.validated,
            judged.rejected,
            tolerance=own.expr("V23", "tolerance"),
            scored=own.expr("V23", "by_score") > 0,
            corrected=_corrected(desk, bars) if own.says("V23", "by_score") else None,
            window=window,
        )
        held = judged.gates.filter("held")
        if held.height:
            named = held.join(known_sources.select("source_id", "name"), on="source_id")
            told = ", ".join(f"{r['name']} {r['session']}" for r in named.iter_rows(named=True))
            context.log.warning(f"held by the gate: {told}")
        frames = {
            tables.VALIDATED: weighed.validated,
            tables.REJECTED: judged.rejected,
            tables.GATES: judged.gates,
            tables.FINDINGS: judged.findings,
            tables.CONSENSUS: weighed.consensus,
        }
        derived = Derived(
            frames,
            unrecorded=fully_held(judged.gates),
            decides=_decided(
                stated.get(str(Kind.CORPORATE_ACTIONS)),
                known_sources,
                instruments,
                bars,
                run_window(dict(context.run.tags)),
            ),
            settle=settle(weighed.days),
            reach_days=rules.AHEAD_DAYS,
        )
        return derived, Stored(), Stored()

    return judge


def _decided(
    stated: pl.DataFrame | None,
    sources: pl.DataFrame,
    instruments: pl.DataFrame,
    bars: pl.DataFrame,
    window: tuple[date, date] | None,
) -> frozenset[date]:
    """The days before the range on which something was spun off that trades since."""
    if window is None or stated is None:
        return frozenset()
    spun = stated.filter(pl.col("action") == "spin_off")
    if spun.is_empty():
        return frozenset()
    return late_children(actions.counted(spun, sources).actions, instruments, bars, *window)


def _judged_anew(window: tuple[date, date] | None) -> tuple[date, date] | None:
    """The days before the range as well: V20 judges a bar by those that come after it."""
    return window and (window[0] - timedelta(days=rules.AHEAD_DAYS), window[1])


def _corrected(desk: Desk, bars: pl.DataFrame) -> pl.DataFrame | None:
    """What sources corrected of these sessions, as the ledgers know it now."""
    if bars.is_empty():
        return None
    (span,) = bars.select(a=pl.col("session").min(), b=pl.col("session").max()).iter_rows()
    return corrected(desk.store, Slice({}, *span))


def counted(stated: pl.DataFrame | None, sources: pl.DataFrame) -> pl.DataFrame:
    """ACTIONS of the rules: splits as they count, of other actions each event once."""
    if stated is None or stated.is_empty():
        return rules.ACTIONS.to_frame()
    known = actions.settled(stated).actions
    others = (
        known.filter(~pl.col("action").is_in(splits.SPLITS))
        .sort("amount", descending=True, nulls_last=True)
        .unique(["instrument_id", "action", "ex_date"], keep="first", maintain_order=True)
    )
    both = pl.concat([splits.distinct(known, sources).counted.select(others.columns), others])
    return both.select(pl.col(n).cast(t) for n, t in rules.ACTIONS.items())


def fully_held(gates: pl.DataFrame) -> frozenset[date]:
    """Sessions of which no source passed: they are not recorded as materialised."""
    by_session = gates.group_by("session").agg(pl.col("held").all())
    return frozenset(by_session.filter("held")["session"].to_list())


def with_context(
    bars: pl.DataFrame,
    instruments: pl.DataFrame,
    sources: pl.DataFrame,
    listings: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Add to each bar what the rules need to know of its instrument, source and calendar.

    `is_listed` only where `listings` are given.
    """
    own = sources.join(bars.select("source_id").unique(), on="source_id", how="semi")
    known = bars.join(
        instruments.select("instrument_id", "asset_class"), on="instrument_id", how="left"
    ).join(own.select("source_id", "coverage_start", "priority"), on="source_id", how="left")
    if bars.is_empty():
        return known.with_columns(
            is_session=pl.lit(True),
            bar_close_at=pl.col("bar_open_at"),
            session_number=pl.lit(None, pl.Int64),
        )
    span = bars.select(pl.col("session").min().alias("a"), pl.col("session").max().alias("b"))
    first, last = span.row(0)
    table = pl.concat(
        calendars.get(c)
        .closes(first, last)
        .with_columns(calendar=pl.lit(c), session_number=pl.int_range(pl.len(), dtype=pl.Int64))
        for c in own["calendar"].unique().sort()
    )
    closes = own.select("source_id", "calendar").join(table, on="calendar").drop("calendar")
    minutes = pl.col("interval").replace_strict(INTERVALS, return_dtype=pl.Int64)
    intraday_close = pl.col("bar_open_at") + pl.duration(minutes=minutes)
    known = known if listings is None else _listed(known, listings)
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


def _listed(bars: pl.DataFrame, listings: pl.DataFrame) -> pl.DataFrame:
    """Add whether the session lies within one of the source's listings of the instrument."""
    spans = listings.select(LISTED)
    single = spans.filter(pl.len().over("source_id", "instrument_id") == 1)
    within = pl.col("session").is_between("valid_from", "valid_to")
    bars = bars.join(single, on=["source_id", "instrument_id"], how="left", maintain_order="left")
    bars = bars.with_columns(is_listed=within).drop("valid_from", "valid_to")
    several = spans.join(single, on=["source_id", "instrument_id"], how="anti")
    if several.is_empty():
        return bars
    days = bars.filter(pl.col("is_listed").is_null()).select(
        "source_id", "instrument_id", "session"
    )
    found = (
        days.unique()
        .join(several, on=["source_id", "instrument_id"])
        .group_by("source_id", "instrument_id", "session")
        .agg(_any=within.any())
    )
    return (
        bars.join(
            found, on=["source_id", "instrument_id", "session"], how="left", maintain_order="left"
        )
        .with_columns(is_listed=pl.coalesce("is_listed", "_any"))
        .drop("_any")
    )
