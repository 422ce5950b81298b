"""funds/metrics, risk, scores: all instruments by time frame, index levels included.

And funds/carried: what a later day of the year need not read again.
"""

from collections.abc import Iterable
from datetime import date, timedelta

import dagster as dg
import polars as pl

from fundplatform import staleness, tables
from fundplatform.assets import metric_terms
from fundplatform.assets.carried_series import kept_rows, read_series
from fundplatform.assets.catalog import (
    ACTIONS,
    FACTORS,
    INSTRUMENTS,
    REJECTED,
    SOURCES,
    VALIDATED,
    every,
    others,
)
from fundplatform.assets.describe import output, version_of
from fundplatform.assets.fund_measures import Policy, agree, all_metrics, ends_of, to_keep
from fundplatform.assets.indices import INDEX_SOURCE, LEVELS
from fundplatform.assets.partitions import BACKFILL, FROM_RAW
from fundplatform.assets.series import TOTAL, Bases, returns_by_basis, with_calendar
from fundplatform.clock import Clock
from fundplatform.finance import fund_history, refused_levels
from fundplatform.finance.fund_scores import fund_scores
from fundplatform.finance.joined_returns import joined
from fundplatform.finance.metric_rules import MetricRules
from fundplatform.finance.metrics import METHOD_VERSION
from fundplatform.sources.base import Kind, Source
from fundplatform.storage.io_manager import run_window
from fundplatform.storage.outputs import Derived, Stored

METRICS = dg.AssetKey(["funds", "metrics"])
_TABLES = (tables.METRICS, tables.RISK, tables.SCORES, tables.CARRIED)
_KINDS = (Kind.RATES, Kind.FUND_FACTS)


def metrics(
    partitions: dg.DailyPartitionsDefinition,
    risk_free_rate: float,
    clock: Clock,
    rules: MetricRules,
    sources: Iterable[Source] = (),
) -> dg.AssetsDefinition:
    """Stored for the sessions that metrics.yaml wants; one pass over all sessions of a run."""
    sources = list(sources)
    code = version_of(METHOD_VERSION, rules, risk_free_rate)
    inputs = {
        "levels": dg.AssetIn(LEVELS, metadata={"history": True}),
        "factors": dg.AssetIn(FACTORS),
        "actions": dg.AssetIn(ACTIONS),
        "rejected": dg.AssetIn(
            REJECTED, metadata={"columns": refused_levels.COLUMNS, "history": True}
        ),
        "instruments": dg.AssetIn(INSTRUMENTS),
        "known_sources": dg.AssetIn(SOURCES),
        **_given(sources),
    }
    # Which prices a run needs follows from what it finds, so it reads them itself.
    deps = [
        dg.AssetDep(VALIDATED),
        *(
            dg.AssetDep(key, partition_mapping=FROM_RAW)
            for kind in _KINDS
            for key in others(sources, kind)
        ),
    ]
    read = [one.key for one in inputs.values() if isinstance(one.key, dg.AssetKey)]
    rests_on = staleness.names_of([*read, *(dep.asset_key for dep in deps)])

    @dg.multi_asset(
        name="funds_metrics",
        outs={t.name: output(t, code, risk_free_rate=risk_free_rate) for t in _TABLES},
        ins=inputs,
        deps=deps,
        partitions_def=partitions,
        backfill_policy=BACKFILL,
        pool="warehouse",
    )
    def measured(
        context: dg.AssetExecutionContext,
        levels: pl.DataFrame,
        factors: pl.DataFrame,
        actions: pl.DataFrame,
        rejected: pl.DataFrame,
        instruments: pl.DataFrame,
        known_sources: pl.DataFrame,
        **given: pl.DataFrame,
    ) -> tuple[Derived, Stored, Stored, Stored]:
        window = run_window(context.run.tags)
        if window is None:
            raise dg.Failure("metrics are computed for a partition or a range of partitions")
        today = clock().date()
        rates = metric_terms.rates(rules, given.get(str(Kind.RATES)), instruments, risk_free_rate)
        days = rules.daily_days
        daily_from = date.min if days is None else today - timedelta(days=days)
        policy = Policy(*window, daily_from, ends_of(known_sources), rates)

        def series(prices: pl.DataFrame, bases: Bases) -> pl.DataFrame:
            catalog = factors, actions, instruments, known_sources
            return price_series(prices, *catalog, today, rejected, bases)

        store = context.resources.io_manager.warehouse.store
        # What decides on old returns without a change of any old session.
        order = known_sources.sort("priority", "source_id")["source_id"].to_list()
        made_by = version_of(code, order, rates.series)
        rows = kept_rows(store, window, made_by, "funds/metrics", rests_on)
        # Series that others are measured against or paid with; that a split or a level restates.
        apart = (
            metric_terms.declared(rules, instruments)
            | metric_terms.spun_off(actions, instruments)
            | metric_terms.split_since(actions, rows, window[1])
            | set(refused_levels.levels(rejected)["instrument_id"])
        )
        own = read_series(store, window, rows, series, apart)
        indices = level_returns(levels, instruments)
        parts = [own.whole, own.late, indices]
        spans = metric_terms.spans(rules, parts, instruments, window)
        if not agree(own, spans, policy):
            own = read_series(store, window, rows.clear(), series, apart)
            spans = metric_terms.spans(rules, [own.whole, indices], instruments, window)
        went_on, read = (s["instrument_id"].n_unique() for s in (own.late, own.whole))
        context.log.info("Prices of %d instruments from the cut on, of %d whole", went_on, read)
        whole = pl.concat([own.whole, indices])
        found = all_metrics(whole, spans, policy, own)
        found[tables.CARRIED] = to_keep(found[tables.CARRIED], own.lacking, window[1], made_by)
        stated = given.get(str(Kind.FUND_FACTS), tables.FUND_FACTS.empty())
        facts = fund_history.trusted(stated, known_sources)
        found[tables.SCORES] = fund_scores(
            found[tables.METRICS], found[tables.RISK], facts, instruments, rules
        )
        return Derived(found), Stored(), Stored(), Stored()

    return measured


def _given(sources: list[Source]) -> dict[str, dg.AssetIn]:
    """The rates and fund facts of all sources, where there are any."""
    return {
        name: dg.AssetIn(one.key, metadata=one.metadata, partition_mapping=FROM_RAW)
        for kind in _KINDS
        for name, one in every(sources, kind, history=True).items()
    }


_SERIES = ("instrument_id", "session", "ret", "growth", "calendar", "return_basis")


def price_series(
    prices: pl.DataFrame,
    factors: pl.DataFrame,
    actions: pl.DataFrame,
    instruments: pl.DataFrame,
    sources: pl.DataFrame,
    today: date,
    rejected: pl.DataFrame | None = None,
    known: Bases | None = None,
) -> pl.DataFrame:
    """The return series of all priced instruments, each basis by itself.

    Args:
        prices: RETURN_COLUMNS of prices.validated, daily, in any order.
        factors: catalog.adjustment_factors.
        actions: catalog.corporate_actions.
        instruments: catalog.instruments.
        sources: catalog.sources.
        today: By the clock; see `adjustment.newest_sessions`.
        rejected: `refused_levels.COLUMNS` of prices.rejected; None: nothing was refused.
        known: Of all bars; None: these are all.
    """
    returns = returns_by_basis(prices, factors, sources, known)
    paid = metric_terms.total_series(
        prices, returns, actions, factors, instruments, sources, today, known
    )
    # Where a source's prices carry its dividends, they are the total return.
    stated = pl.col("return_basis") == TOTAL
    bases = [returns.filter(~stated), joined(returns.filter(stated), paid)]
    if rejected is not None:
        bases = [refused_levels.restarted(r, rejected) for r in bases]
    return pl.concat([with_calendar(r, sources).select(*_SERIES) for r in bases])


def level_returns(levels: pl.DataFrame, instruments: pl.DataFrame) -> pl.DataFrame:
    """Index levels as return series of their instruments (class index), each basis by itself."""
    ids = instruments.filter(pl.col("asset_class") == "index").select("instrument_id", "symbol")
    one = ["instrument_id", "return_basis"]
    return (
        levels.join(ids, left_on="index_name", right_on="symbol")
        .sort(*one, "session")
        .with_columns(
            ret=(pl.col("level") / pl.col("level").shift(1) - 1).over(one),
            growth=(pl.col("level") / pl.col("level").first()).over(one),
            calendar=pl.lit(INDEX_SOURCE.kinds[Kind.OHLCV].calendar),
        )
        .select(*_SERIES)
    )
