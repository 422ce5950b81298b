"""funds/metrics: performance and risk of every instrument, index levels included."""

from dataclasses import dataclass
from datetime import date, timedelta

import dagster as dg
import polars as pl

from fundplatform import calendars, tables
from fundplatform.assets.catalog import FACTORS, INSTRUMENTS, SOURCES, VALIDATED
from fundplatform.assets.describe import output
from fundplatform.assets.indices import INDEX_SOURCE, LEVELS
from fundplatform.assets.partitions import BACKFILL
from fundplatform.assets.series import PRICE_COLUMNS, returns_by_basis, with_calendar
from fundplatform.clock import Clock
from fundplatform.finance import frames
from fundplatform.finance.metrics import METHOD_VERSION, fund_metrics
from fundplatform.sources.base import Kind
from fundplatform.storage.io_manager import run_window
from fundplatform.storage.outputs import Derived

METRICS = dg.AssetKey(["funds", "metrics"])
_DAILY_HISTORY = timedelta(days=731)


def metrics(
    partitions: dg.DailyPartitionsDefinition, risk_free_rate: float, clock: Clock
) -> dg.AssetsDefinition:
    """Stored for every session of the last two years, month ends and ends of data sets before."""

    @dg.multi_asset(
        name="funds_metrics",
        outs={
            "metrics": output(
                tables.METRICS,
                f"metrics {METHOD_VERSION}, risk-free rate {risk_free_rate}",
                risk_free_rate=risk_free_rate,
            )
        },
        ins={
            "prices": dg.AssetIn(VALIDATED, metadata={"columns": PRICE_COLUMNS, "history": True}),
            "levels": dg.AssetIn(LEVELS, metadata={"history": True}),
            "factors": dg.AssetIn(FACTORS),
            "instruments": dg.AssetIn(INSTRUMENTS),
            "known_sources": dg.AssetIn(SOURCES),
        },
        partitions_def=partitions,
        backfill_policy=BACKFILL,
        pool="warehouse",
    )
    def measure(
        context: dg.AssetExecutionContext,
        prices: pl.DataFrame,
        levels: pl.DataFrame,
        factors: pl.DataFrame,
        instruments: pl.DataFrame,
        known_sources: pl.DataFrame,
    ) -> Derived:
        window = run_window(context.run.tags)
        if window is None:
            raise dg.Failure("metrics are computed for a partition or a range of partitions")
        returns = returns_by_basis(prices, factors, known_sources)
        own = with_calendar(returns, known_sources).select(*_SERIES)
        series = pl.concat([own, level_returns(levels, instruments)])
        first, last = window
        policy = Policy(
            first, last, clock().date() - _DAILY_HISTORY, ends_of(known_sources), risk_free_rate
        )
        parts = [
            on_calendar(str(name), str(basis), group, policy)
            for (name, basis), group in series.partition_by(
                "calendar", "return_basis", as_dict=True
            ).items()
        ]
        return Derived({tables.METRICS: pl.concat([_NONE, *parts])})

    return measure


_NONE = tables.METRICS.empty().drop(tables.METRICS.stamps)


@dataclass(frozen=True)
class Policy:
    """For which sessions metrics are stored, and with which risk-free rate.

    Attributes:
        first: First session of the run.
        last: Last session of the run.
        daily_from: From here on every session; before, month ends.
        also: Last days of finished data sets, sessions or not.
        risk_free_rate: Annual, decimal.
    """

    first: date
    last: date
    daily_from: date
    also: frozenset[date]
    risk_free_rate: float


def ends_of(sources: pl.DataFrame) -> frozenset[date]:
    """The last days of finished data sets, as declared: a year's end is often no session."""
    return frozenset(sources["coverage_end"].drop_nulls().to_list())


_SERIES = ("instrument_id", "session", "ret", "growth", "calendar", "return_basis")


def level_returns(levels: pl.DataFrame, instruments: pl.DataFrame) -> pl.DataFrame:
    """Index levels as return series of their instruments (class index), on the price basis."""
    ids = instruments.filter(pl.col("asset_class") == "index").select("instrument_id", "symbol")
    return (
        levels.filter(pl.col("return_basis") == "price")
        .join(ids, left_on="index_name", right_on="symbol")
        .sort("instrument_id", "session")
        .with_columns(
            ret=(pl.col("level") / pl.col("level").shift(1) - 1).over("instrument_id"),
            growth=(pl.col("level") / pl.col("level").first()).over("instrument_id"),
            calendar=pl.lit(INDEX_SOURCE.kinds[Kind.OHLCV].calendar),
        )
        .select(*_SERIES)
    )


def on_calendar(name: str, return_basis: str, series: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """The metric rows of one calendar's instruments on one return basis."""
    calendar = calendars.get(name)
    oldest = series["session"].min()
    if not isinstance(oldest, date):
        return _NONE
    sessions = calendar.sessions(oldest, policy.last + timedelta(days=31))
    evaluate = frames.evaluation_sessions(
        sessions, policy.first, policy.last, policy.daily_from, policy.also
    )
    if not evaluate:
        return _NONE
    return fund_metrics(
        series.drop("calendar", "return_basis"),
        sessions,
        evaluate,
        periods_per_year=calendar.periods_per_year,
        risk_free_rate=policy.risk_free_rate,
        return_basis=return_basis,
    )
