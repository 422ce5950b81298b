"""ops/reconciliation: metrics of a sample of instruments, computed by other libraries too.

Not part of the daily chain; there only where the libraries of the dependency group `reconcile` are
installed. What differs is explained in `fundplatform/reconciliation.py`, or the run fails.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from importlib.util import find_spec
from typing import Any

import dagster as dg
import polars as pl

from fundplatform import calendars, tables
from fundplatform.assets import metric_terms
from fundplatform.assets.catalog import FACTORS, INSTRUMENTS, SOURCES, VALIDATED
from fundplatform.assets.describe import output
from fundplatform.assets.series import DAILY, PRICE_COLUMNS, returns_by_basis, with_calendar
from fundplatform.finance.measured import Terms
from fundplatform.finance.metric_rules import MetricRules
from fundplatform.finance.metrics import measure
from fundplatform.finance.risk_free import RiskFree
from fundplatform.reconciliation import LIBRARIES, Case, reconciled
from fundplatform.storage.outputs import Derived

FRAMES = ("1Y", "3Y", "ALL")
SAMPLE = 20
_PERIODS = 252  # What the libraries take a year of days to be.
_SHOWN = 5


def available() -> bool:
    """Whether the libraries are installed."""
    return all(find_spec(name) is not None for name in LIBRARIES)


def reconciliation(risk_free_rate: float, rules: MetricRules) -> dg.AssetsDefinition:
    """The latest session of up to `SAMPLE` series a calendar and return basis.

    Fails on a difference that no convention explains.
    """

    @dg.multi_asset(
        name="ops_reconciliation",
        outs={"reconciliation": output(tables.RECONCILIATION)},
        ins={
            "prices": dg.AssetIn(
                VALIDATED, metadata={**DAILY, "columns": PRICE_COLUMNS, "whole": True}
            ),
            "factors": dg.AssetIn(FACTORS),
            "instruments": dg.AssetIn(INSTRUMENTS),
            "known_sources": dg.AssetIn(SOURCES),
        },
        pool="warehouse",
    )
    def reconcile(
        context: dg.AssetExecutionContext,
        prices: pl.DataFrame,
        factors: pl.DataFrame,
        instruments: pl.DataFrame,
        known_sources: pl.DataFrame,
    ) -> Derived:
        returns = returns_by_basis(prices, factors, known_sources)
        returns = with_calendar(returns, known_sources)
        found = compared(returns, instruments, risk_free_rate, rules)
        bad = found.filter(~pl.col("explained"))
        context.add_output_metadata({"compared": found.height, "unexplained": bad.height})
        if bad.height:
            shown = bad.select("instrument_id", "frame", "metric", "library", "ours", "theirs")
            raise dg.Failure(
                f"{bad.height} differences are not explained: {shown.head(_SHOWN).rows()}"
            )
        return Derived({tables.RECONCILIATION: found})

    return reconcile


def compared(
    returns: pl.DataFrame, instruments: pl.DataFrame, risk_free_rate: float, rules: MetricRules
) -> pl.DataFrame:
    """Rows of ops.reconciliation without stamps, for the instruments of 252 sessions a year.

    Args:
        returns: Return rows with `calendar` and `return_basis`.
        instruments: catalog.instruments.
        risk_free_rate: Annual, decimal.
        rules: Declared benchmarks.
    """
    empty = tables.RECONCILIATION.empty().drop(tables.RECONCILIATION.stamps)
    against = metric_terms.benchmarks_by_basis(rules, [returns], instruments, date.max)
    parts = []
    labels = ["calendar", "return_basis"]
    for (name, basis), own in returns.partition_by(labels, as_dict=True).items():
        calendar = calendars.get(str(name))
        terms = Terms(_PERIODS, RiskFree(risk_free_rate), str(basis), against[str(basis)])
        if calendar.periods_per_year != _PERIODS:
            continue
        ids = own["instrument_id"].unique().sort().head(SAMPLE).to_list()
        for number in ids:
            series = own.filter(pl.col("instrument_id") == number).sort("session")
            sessions = calendar.sessions(
                series["session"][0], series["session"][-1] + timedelta(days=31)
            )
            parts += [_rows(row, series, terms) for row in _measured(series, sessions, terms)]
    found = pl.concat(parts) if parts else empty
    return found.select(pl.col(n).cast(t) for n, t in empty.schema.items())


def _measured(series: pl.DataFrame, sessions: list[date], terms: Terms) -> Iterator[dict[str, Any]]:
    """The columns of funds.metrics and funds.risk at the last session, by frame."""
    last = [s for s in series["session"].tail(1) if s in set(sessions)]
    for metrics, risk in measure(series, sessions, last, terms):
        both = metrics.join(
            risk.drop("reason"), on=["instrument_id", "session", "frame", "return_basis"]
        ).filter(pl.col("frame").is_in(FRAMES), pl.col("volatility").is_not_null())
        yield from both.iter_rows(named=True)


def _rows(row: dict[str, Any], series: pl.DataFrame, terms: Terms) -> pl.DataFrame:
    held = series.filter(pl.col("session").is_between(row["base_session"], row["session"]))
    days = held["session"].to_list()
    ours = {k: v for k, v in row.items() if isinstance(v, float)}
    bench = None
    if terms.benchmarks is not None and row["n_common"] == row["n_returns"]:
        theirs = terms.benchmarks.returns.filter(instrument_id=row["benchmark_id"])
        bench = held.join(theirs, on="session", how="left", suffix="_b")["ret_b"].to_numpy()[1:]
    case = Case(days, held["ret"].to_numpy()[1:], bench, terms.risk_free.constant, ours)
    keys = ("instrument_id", "session", "frame", "return_basis")
    return reconciled(case).with_columns(pl.lit(row[k]).alias(k) for k in keys)
