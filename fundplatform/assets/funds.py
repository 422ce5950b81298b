"""funds/metrics, funds/risk, funds/scores: all instruments by time frame, index levels included."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import dagster as dg
import polars as pl

from fundplatform import calendars, tables
from fundplatform.assets import metric_terms
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
from fundplatform.assets.indices import INDEX_SOURCE, LEVELS
from fundplatform.assets.partitions import BACKFILL, FROM_RAW
from fundplatform.assets.series import (
    DAILY,
    RETURN_COLUMNS,
    TOTAL,
    returns_by_basis,
    with_calendar,
)
from fundplatform.clock import Clock
from fundplatform.finance import frames, fund_history
from fundplatform.finance.fund_scores import fund_scores
from fundplatform.finance.measured import Terms
from fundplatform.finance.metric_rules import MetricRules
from fundplatform.finance.metrics import METHOD_VERSION, measure
from fundplatform.finance.refused_levels import COLUMNS, restarted
from fundplatform.finance.risk_free import RiskFree
from fundplatform.sources.base import Kind, Source
from fundplatform.storage.io_manager import run_window
from fundplatform.storage.outputs import Derived, Stored

METRICS = dg.AssetKey(["funds", "metrics"])
_TABLES = (tables.METRICS, tables.RISK, tables.SCORES)
_KINDS = (Kind.RATES, Kind.FUND_FACTS)
_PRICES = {"columns": RETURN_COLUMNS, "history": True, "any_order": True, **DAILY}


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

    @dg.multi_asset(
        name="funds_metrics",
        outs={t.name: output(t, code, risk_free_rate=risk_free_rate) for t in _TABLES},
        ins={
            "prices": dg.AssetIn(VALIDATED, metadata=_PRICES),
            "levels": dg.AssetIn(LEVELS, metadata={"history": True}),
            "factors": dg.AssetIn(FACTORS),
            "actions": dg.AssetIn(ACTIONS),
            "rejected": dg.AssetIn(REJECTED, metadata={"columns": COLUMNS, "history": True}),
            "instruments": dg.AssetIn(INSTRUMENTS),
            "known_sources": dg.AssetIn(SOURCES),
            **_given(sources),
        },
        deps=[
            dg.AssetDep(key, partition_mapping=FROM_RAW)
            for kind in _KINDS
            for key in others(sources, kind)
        ],
        partitions_def=partitions,
        backfill_policy=BACKFILL,
        pool="warehouse",
    )
    def measured(
        context: dg.AssetExecutionContext,
        prices: pl.DataFrame,
        levels: pl.DataFrame,
        factors: pl.DataFrame,
        actions: pl.DataFrame,
        rejected: pl.DataFrame,
        instruments: pl.DataFrame,
        known_sources: pl.DataFrame,
        **given: pl.DataFrame,
    ) -> tuple[Derived, Stored, Stored]:
        window = run_window(context.run.tags)
        if window is None:
            raise dg.Failure("metrics are computed for a partition or a range of partitions")
        today = clock().date()
        own = price_series(prices, factors, actions, instruments, known_sources, today, rejected)
        series = pl.concat([own, level_returns(levels, instruments)])
        rates = metric_terms.rates(rules, given.get(str(Kind.RATES)), instruments, risk_free_rate)
        days = rules.daily_days
        daily_from = date.min if days is None else today - timedelta(days=days)
        policy = Policy(*window, daily_from, ends_of(known_sources), rates)
        found = all_metrics(series, instruments, rules, policy)
        stated = given.get(str(Kind.FUND_FACTS), tables.FUND_FACTS.empty())
        facts = fund_history.trusted(stated, known_sources)
        found[tables.SCORES] = fund_scores(
            found[tables.METRICS], found[tables.RISK], facts, instruments, rules
        )
        return Derived(found), Stored(), Stored()

    return measured


def _given(sources: list[Source]) -> dict[str, dg.AssetIn]:
    """The rates and fund facts of all sources, where there are any."""
    return {
        name: dg.AssetIn(one.key, metadata=one.metadata, partition_mapping=FROM_RAW)
        for kind in _KINDS
        for name, one in every(sources, kind, history=True).items()
    }


@dataclass(frozen=True)
class Policy:
    """For which sessions metrics are stored, and with which risk-free rate.

    Attributes:
        first: First session of the run.
        last: Last session of the run.
        daily_from: From here on every session; before, month ends.
        also: Last days of finished data sets, sessions or not.
        risk_free: Annual rates.
    """

    first: date
    last: date
    daily_from: date
    also: frozenset[date]
    risk_free: RiskFree


def ends_of(sources: pl.DataFrame) -> frozenset[date]:
    """The last days of finished data sets, as declared: a year's end is often no session."""
    return frozenset(sources["coverage_end"].drop_nulls().to_list())


_SERIES = ("instrument_id", "session", "ret", "growth", "calendar", "return_basis")


def price_series(
    prices: pl.DataFrame,
    factors: pl.DataFrame,
    actions: pl.DataFrame,
    instruments: pl.DataFrame,
    sources: pl.DataFrame,
    today: date,
    rejected: pl.DataFrame | None = None,
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
    """
    returns = returns_by_basis(prices, factors, sources)
    paid = metric_terms.total_series(prices, returns, actions, factors, instruments, sources, today)
    # Where a source's prices carry its dividends, they are the total return.
    stated = returns.filter(pl.col("return_basis") == TOTAL)
    paid = paid.join(stated, on="instrument_id", how="anti").select(returns.columns)
    if rejected is not None:
        returns, paid = restarted(returns, rejected), restarted(paid, rejected)
    return pl.concat([with_calendar(r, sources).select(*_SERIES) for r in (returns, paid)])


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


def all_metrics(
    series: pl.DataFrame, instruments: pl.DataFrame, rules: MetricRules, policy: Policy
) -> dict[tables.Table, pl.DataFrame]:
    """The rows of funds.metrics and funds.risk of all calendars and return bases.

    Args:
        series: Return rows with `calendar` and `return_basis`.
        instruments: catalog.instruments.
        rules: Declared benchmarks.
        policy: Which sessions, and the risk-free rates.
    """
    found: dict[tables.Table, list[pl.DataFrame]] = {
        t: [t.empty().drop(t.stamps)] for t in (tables.METRICS, tables.RISK)
    }
    for (basis,), own in series.partition_by("return_basis", as_dict=True).items():
        against = metric_terms.benchmarks(rules, own, instruments)
        for (name,), group in own.partition_by("calendar", as_dict=True).items():
            calendar = calendars.get(str(name))
            terms = Terms(calendar.periods_per_year, policy.risk_free, str(basis), against)
            for metrics_part, risk_part in on_calendar(calendar, group, terms, policy):
                found[tables.METRICS].append(metrics_part)
                found[tables.RISK].append(risk_part)
    return {table: pl.concat(parts) for table, parts in found.items()}


def on_calendar(
    calendar: calendars.Calendar, series: pl.DataFrame, terms: Terms, policy: Policy
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """The metric and risk rows of one calendar's instruments on one return basis."""
    oldest = series["session"].min()
    if not isinstance(oldest, date):
        return
    sessions = calendar.sessions(oldest, policy.last + timedelta(days=31))
    evaluate = frames.evaluation_sessions(
        sessions, policy.first, policy.last, policy.daily_from, policy.also
    )
    if evaluate:
        yield from measure(series.drop("calendar", "return_basis"), sessions, evaluate, terms)
